"""CPU per round: every policy, and how it grows with t, d and K."""

from __future__ import annotations

import statistics

from benchmarks.measure import Row, micro
from libra_core.environments import Environment, EnvironmentSpec, make_environment
from libra_core.policies import REGISTRY, Policy, PolicyConfig
from libra_core.study import StudySpec, make_policy, run_study
from libra_core.study.runner import play

PAPER = EnvironmentSpec(arms=6, d_immutable=6, d_mutable=6)
ON_COHORT = EnvironmentSpec("hypertension", cohort="nhanes")
ADVISOR, SEED, REPEATS = "near-optimal", 7, 3
EARLY, LATE, WINDOW = 1_000, 20_000, 500


def every_policy() -> list[Row]:
    """Amortised over 50 replicates and 1,000 rounds; compilation is measured elsewhere."""
    cost = {name: per_round(name, _world_of(name)) for name in REGISTRY}
    rows = []
    for name, seconds in sorted(cost.items(), key=lambda item: item[1]):
        where = "" if _world_of(name) is PAPER else ", on NHANES: it needs patients"
        aim, met = ("<= 30 µs", seconds <= 30e-6) if name == "glrb" else ("", None)
        rows.append(Row(f"`{name}`{where}", micro(seconds), f"{seconds / cost['glrb']:.2f} x glrb", aim, met))
    shared = per_round("glrb", PAPER, PolicyConfig(shared=True))
    rows.append(Row("`glrb`, shared estimator", micro(shared), f"{shared / cost['glrb']:.2f} x glrb"))
    single = per_round("glrb", PAPER, replicates=1)
    rows.append(Row("`glrb`, one replicate (a page)", micro(single), f"{single / cost['glrb']:.2f} x glrb"))
    return rows


def per_round(
    name: str, world: EnvironmentSpec, config: PolicyConfig | None = None, rounds: int = 1_000, replicates: int = 50
) -> float:
    """CPU seconds for one round of one replicate, choosing and learning; median of repeats."""
    spec = StudySpec(world, (name,), ADVISOR, rounds, replicates, SEED, config or PolicyConfig())
    return statistics.median(run_study(spec, workers=1).policies[0].cpu_us_per_round * 1e-6 for _ in range(REPEATS))


def _world_of(name: str) -> EnvironmentSpec:
    return ON_COHORT if REGISTRY[name].own_advisor else PAPER


def growth_in_t() -> list[Row]:
    """A policy after 20,000 rounds against itself after 1,000, over the same patients, turn by turn."""
    rows = []
    for name, config in [*((name, PolicyConfig()) for name in REGISTRY), ("glrb", PolicyConfig(shared=True))]:
        early, late = _aged(name, config)
        what = f"`{name}`{', shared estimator' if config.shared else ''}, t = 20,000 against t = 1,000"
        rows.append(Row(what, micro(late), f"{late / early:.2f}", "<= 1.15", late <= 1.15 * early))
    return rows


def _aged(name: str, config: PolicyConfig, replicates: int = 10) -> tuple[float, float]:
    """Median CPU seconds a round and replicate of the policy while young and while old."""
    world, twin = (make_environment(_world_of(name), SEED, replicates) for _ in range(2))
    old, young = (make_policy(name, w, config, SEED, ADVISOR) for w in (world, twin))
    _advance(twin, young, EARLY)
    _advance(world, old, LATE)
    seconds: tuple[list[float], list[float]] = ([], [])
    for t in range(WINDOW):
        # taking turns at going first: the second finds the patient's numbers in the processor's cache
        pair = (young, old) if t % 2 else (old, young)
        now = play(world, pair, world.arrive(), t)
        for step in now.steps:
            seconds[step.policy is old].append(step.seconds / replicates)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def _advance(world: Environment, policy: Policy, rounds: int) -> None:
    """As `study.run`, without the regret, which nobody reads here."""
    for _ in range(rounds):
        contexts = world.arrive()
        proposal = policy.propose(contexts)
        policy.learn(proposal, world.respond(contexts, proposal.actions, world.draws()))


def growth_in_size() -> list[Row]:
    """GLRB, 50 replicates; each line against the smallest of its kind."""
    kinds = (
        {
            f"d = {3 * n + 1}, d_M = {n}, K = 6": EnvironmentSpec(arms=6, d_immutable=2 * n, d_mutable=n)
            for n in (2, 4, 6, 8)
        },
        {f"K = {k}, d = 13, d_M = 6": EnvironmentSpec(arms=k) for k in (3, 6, 12, 24)},
    )
    rows = []
    for worlds in kinds:
        cost = {label: per_round("glrb", world, rounds=500) for label, world in worlds.items()}
        least = next(iter(cost.values()))
        rows += [Row(f"`glrb`, {label}", micro(s), f"{s / least:.2f} x the smallest") for label, s in cost.items()]
    return rows
