"""How often the range that a clinician reads holds the true mean: chosen plans, and arms that were not chosen.

Each replicate learns alone; at the marks it is asked about fresh patients whom it does not learn from. Shares are over
patients and arms, their standard errors over replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.measure import Row
from libra_core.arrays import Bools, Floats
from libra_core.environments import Environment, EnvironmentSpec, make_environment
from libra_core.policies import PolicyConfig
from libra_core.policies.model import ModelPolicy
from libra_core.problem import Actions, Contexts
from libra_core.recourse.plans import evaluate
from libra_core.study import make_policy

MARKS = (100, 1_000, 5_000)
FRESH = 777_000  # added to the seed of a study: the stream of the patients who are only asked about
KINDS = ("chosen plan", "not chosen, best change", "every arm, unchanged")

Interval = Callable[[ModelPolicy, Contexts, Actions], tuple[Floats, Floats, Floats]]


@dataclass(frozen=True)
class Coverage:
    """Of one kind of plan at round t: share covered, its standard error clustered by replicate, mean width (reward)."""

    policy: str
    advisor: str
    t: int
    kind: str
    share: float
    error: float
    width: float

    @property
    def met(self) -> bool:
        """At least 95 %, within two standard errors."""
        return self.share + 2 * self.error >= 0.95


def shown(policy: ModelPolicy, contexts: Contexts, actions: Actions) -> tuple[Floats, Floats, Floats]:
    return policy.credible(contexts, actions)


def approximate(policy: ModelPolicy, contexts: Contexts, actions: Actions) -> tuple[Floats, Floats, Floats]:
    """What was shown before: mu(z -+ 1.96 noise s), the estimator's own Gaussian approximation at one round."""
    z, s = evaluate(policy.estimator.theta, policy.estimator.A, contexts, actions, policy.realised)
    half = 1.96 * policy.noise * s
    return policy.link.mean(z), policy.link.mean(z - half), policy.link.mean(z + half)


def coverage(
    spec: EnvironmentSpec,
    policies: Iterable[tuple[str, str]],
    config: PolicyConfig,
    seed: int,
    replicates: int = 50,
    marks: tuple[int, ...] = MARKS,
    patients: int = 10,
    interval: Interval = shown,
) -> list[Coverage]:
    """Coverage of policies (name, advisor) in one world, at each of `marks`, over fresh patients of each replicate.

    An arm counts where it is eligible and the replicate has tried it: pages show no number before that.
    """
    world = make_environment(spec, seed, replicates)
    fresh = make_environment(spec, seed + FRESH, replicates)
    pairs = list(policies)
    made = [make_policy(name, world, config, seed, advisor) for name, advisor in pairs]
    learners = [policy for policy in made if isinstance(policy, ModelPolicy)]
    tried = np.zeros((len(learners), replicates, world.problem.n_arms), bool)
    found = []
    for t in range(1, max(marks) + 1):
        contexts, draws = world.arrive(), world.draws()
        for policy, had in zip(learners, tried, strict=True):
            proposal = policy.propose(contexts)
            policy.learn(proposal, world.respond(contexts, proposal.actions, draws))
            had[np.arange(replicates), proposal.actions.arm] = True
        if t in marks:
            asked = [fresh.arrive() for _ in range(patients)]
            for (name, advisor), policy, had in zip(pairs, learners, tried, strict=True):
                parts = [_judge(policy, world, one, had, interval) for one in asked]
                for kind in KINDS:
                    share, error, width = _clustered([part[kind] for part in parts])
                    found.append(Coverage(name, advisor, t, kind, share, error, width))
    return found


Judged = tuple[Bools, Bools, Floats]  # counts, covered, width: each (R, number of plans)


def _judge(
    policy: ModelPolicy, world: Environment, contexts: Contexts, tried: Bools, interval: Interval
) -> dict[str, Judged]:
    plans = policy.plan(contexts, policy.beta, table=True)
    known = contexts.eligible & tried
    arms = range(world.problem.n_arms)
    other = known & (plans.arm[:, None] != np.arange(len(arms)))
    best = [Actions(np.full(len(known), k), np.ascontiguousarray(plans.delta[:, k])) for k in arms]
    still = [Actions(action.arm, np.zeros_like(contexts.lo)) for action in best]
    everybody = np.ones((len(known), 1), bool)
    chosen = [policy.propose(contexts).actions]
    return {
        kind: (counts, *_inside(policy, world, contexts, actions, interval))
        for kind, counts, actions in zip(KINDS, (everybody, other, known), (chosen, best, still), strict=True)
    }


def _inside(
    policy: ModelPolicy, world: Environment, contexts: Contexts, actions: list[Actions], interval: Interval
) -> tuple[Bools, Floats]:
    ranges = [interval(policy, contexts, action)[1:] for action in actions]
    truths = [world.means(contexts, action) for action in actions]
    covered = [(low <= truth) & (truth <= high) for (low, high), truth in zip(ranges, truths, strict=True)]
    return np.stack(covered, axis=1), np.stack([high - low for low, high in ranges], axis=1)


def _clustered(parts: list[Judged]) -> tuple[float, float, float]:
    """(share, standard error, mean width), replicates being the independent units of a ratio estimate."""
    n = np.sum([counts.sum(axis=1) for counts, _, _ in parts], axis=0)
    k = np.sum([(covered & counts).sum(axis=1) for counts, covered, _ in parts], axis=0)
    width = np.sum([(width * counts).sum(axis=1) for counts, _, width in parts], axis=0)
    share, total = k.sum() / n.sum(), n.sum()
    return float(share), float(np.sqrt(((k - share * n) ** 2).sum()) / total), float(width.sum() / total)


SYNTHETIC = {f"synthetic, {link}": EnvironmentSpec(link=link) for link in ("identity", "logistic")}
PATIENTS = {
    f"hypertension, {link}, {taken} compliance": EnvironmentSpec(
        "hypertension", cohort="nhanes", link=link, compliance=taken
    )
    for link in ("identity", "logistic")
    for taken in ("full", "partial")
}
POLICIES = (("glrb", "refuses"), ("libra", "near-optimal"), ("libra", "adversarial"))


def intervals(seed: int = 7, replicates: int = 50) -> list[Row]:
    """Every world with separate and shared estimators: the worst of three policies and three times, by kind of plan."""
    rows = []
    for label, spec in (SYNTHETIC | PATIENTS).items():
        for shared in (False, True):
            found = coverage(spec, POLICIES, PolicyConfig(shared=shared), seed, replicates)
            for kind in KINDS:
                cells = [cell for cell in found if cell.kind == kind]
                worst = min(cells, key=lambda cell: cell.share)
                where = f"{worst.policy}, {worst.advisor}, t = {worst.t:,}"
                last = np.mean([cell.width for cell in cells if cell.t == max(MARKS)])
                what = f"{label}, {'shared' if shared else 'separate'}: {kind}, worst of {len(cells)}"
                measured = f"{worst.share:.1%} ± {worst.error:.1%} ({where}); mean width at {max(MARKS):,}: {last:.3g}"
                rows.append(Row(what, measured, "", ">= 95 % - 2 s.e.", all(cell.met for cell in cells)))
    return rows
