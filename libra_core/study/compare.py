"""Sources of advice on the same patients: what each would do, how far they agree, what each loses (simulated)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libra_core.advisors.agreement import NO_ADVICE, discord
from libra_core.advisors.base import Advisor
from libra_core.arrays import Bools, Floats, Ints
from libra_core.environments import Environment, make_environment
from libra_core.policies.baselines import AdvisorOnly
from libra_core.problem import Actions, Contexts
from libra_core.study.live import LiveRun
from libra_core.study.runner import make_policy

BLOCK = 256  # patients whose losses are worked out at a time
MOST = 5000  # patients of a large cohort who are compared: the first ones


@dataclass(frozen=True)
class Opinion:
    """One source's plan for one patient, judged by the rules, by a model and by the simulated truth.

    asked: the change as the source gave it; used: as it would be carried out, projected onto the feasible set
    (standardised, d_M). size, limit: the length of `asked` and the radius, in effort-weighted standard deviations.
    mean, low, high: expected reward of (arm, used) under the model, with its confidence bounds. lost: what the best
    plan would add, simulated, in the reward's unit; nan for a contraindicated treatment.
    """

    arm: int
    asked: tuple[float, ...]
    used: tuple[float, ...]
    size: float
    limit: float
    contraindicated: bool
    mean: float
    low: float
    high: float
    lost: float

    @property
    def projected(self) -> bool:
        return not np.allclose(self.asked, self.used, atol=1e-9)

    @property
    def share(self) -> float:
        """The share of the requested change that remains, by length; 1 when none was requested."""
        asked = float(np.linalg.norm(self.asked))
        return float(np.linalg.norm(self.used)) / asked if asked else 1.0


def opinion(run: LiveRun, row: int, arm: int, delta: Sequence[float]) -> Opinion:
    """Judge a plan by the run's rules, its model as it is now and its simulated truth. Nothing is learned."""
    contexts, problem = run.contexts(row), run.environment.problem
    asked, chosen = np.asarray(delta, dtype=float)[None], np.array([arm])
    used = problem.feasible.project(asked, contexts.lo, contexts.hi)
    if problem.eligible_after is not None and not problem.eligible_after(contexts, Actions(chosen, used))[0]:
        used = np.zeros_like(used)  # as every policy does
    eligible = bool(contexts.eligible[0, arm])
    mean, low, high = run.policy.credible(contexts, Actions(chosen, used))
    lost = _lost(run.environment, contexts, Actions(chosen, used))
    return Opinion(
        arm=arm,
        asked=tuple(map(float, asked[0])),
        used=tuple(map(float, used[0])),
        size=float(problem.feasible.norm(asked)[0]),
        limit=problem.feasible.gamma,
        contraindicated=not eligible,
        mean=float(mean[0]),
        low=float(low[0]),
        high=float(high[0]),
        lost=float(lost[0]) if eligible else float("nan"),
    )


@dataclass(frozen=True, eq=False)
class Plans:
    """A source's plans for n patients, as they would be carried out.

    arm: (n,), NO_ADVICE where it is silent. delta: (n, d_M), standardised. lost: (n,), expected and simulated, in the
    reward's unit; nan where silent or contraindicated. asked, adopted: where a method asks its advisor and follows it.
    width: of its interval as worth, which is compared with Delta; nan for a source without a model.
    """

    arm: Ints
    delta: Floats
    lost: Floats
    asked: Bools
    adopted: Bools
    width: Floats

    @property
    def given(self) -> Bools:
        return self.arm != NO_ADVICE


@dataclass(frozen=True, eq=False)
class Survey:
    """What every source would do about the patients `rows` (n,), by source. groups: subgroup -> members (n,)."""

    rows: Ints
    plans: Mapping[str, Plans]
    groups: Mapping[str, Bools]
    unit: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def arms(self) -> dict[str, Ints]:
        return {name: plans.arm for name, plans in self.plans.items()}

    @property
    def lost(self) -> dict[str, Floats]:
        """The losses of every source that answered, where it answered."""
        known = {name: plans.lost[np.isfinite(plans.lost)] for name, plans in self.plans.items()}
        return {name: lost for name, lost in known.items() if len(lost)}

    def most_apart(self) -> Ints:
        """The patients' rows, those first about whom the sources differ most."""
        return self.rows[np.argsort(-discord(self.arms), kind="stable")]


def survey(
    runs: Mapping[str, LiveRun],
    sources: Mapping[str, Advisor],
    progress: Callable[[float], None] = lambda _: None,
) -> Survey:
    """What runs and advisors would do about each patient who enters the simulation. Nothing is learned.

    The runs are over one cohort; an advisor is asked about everybody.
    """
    first = next(iter(runs.values()))
    assert first.environment.cohort is not None
    rows = np.asarray(first.environment.cohort.arrivals, np.int64)[:MOST]
    plans, parts = {}, len(sources) + len(runs)
    for name, advisor in sources.items():
        plans[name] = plans_of(first, advisor, rows)
        progress(len(plans) / parts)
    for name, run in runs.items():
        plans[name] = _plans_of_run(run, rows)
        progress(len(plans) / parts)
    contexts = _contexts(first, rows)
    return Survey(rows, plans, first.environment.groups(contexts), first.environment.problem.reward_unit)


def plans_of(run: LiveRun, advisor: Advisor, rows: Ints) -> Plans:
    """What an advisor says about each patient, checked and carried out as a policy would."""
    contexts, environment = _contexts(run, rows), run.environment
    policy = make_policy(AdvisorOnly.name, environment, run.spec.config, run.spec.seed, advisor)
    choice = policy.propose(contexts).choice
    return _plans(environment, contexts, choice.actions, choice.adopted)


def chosen(run: LiveRun, rows: Ints, made: Mapping[int, tuple[int, tuple[float, ...]]]) -> Plans:
    """Plans that somebody made for some of the patients: row -> (arm, change)."""
    contexts = _contexts(run, rows)
    given = np.isin(rows, list(made))
    arm, delta = np.zeros(len(rows), np.int64), np.zeros_like(contexts.lo)
    for i in np.flatnonzero(given):
        arm[i], delta[i] = made[int(rows[i])]
    delta = run.environment.problem.feasible.project(delta, contexts.lo, contexts.hi)
    return _plans(run.environment, contexts, Actions(arm, delta), given)


def _plans_of_run(run: LiveRun, rows: Ints) -> Plans:
    found = [run.proposal_for(int(row)) for row in rows]
    actions = Actions(*(np.concatenate([getattr(p.actions, name) for p in found]) for name in ("arm", "delta")))
    asked, adopted = (np.concatenate([getattr(p.choice, name) for p in found]) for name in ("asked", "adopted"))
    width = np.concatenate([p.contexts.weight * (p.ucb - p.lcb) for p in found])
    return _plans(run.environment, _contexts(run, rows), actions, np.ones(len(rows), bool), asked, adopted, width)


def _plans(
    environment: Environment,
    contexts: Contexts,
    actions: Actions,
    given: Bools,
    asked: Bools | None = None,
    adopted: Bools | None = None,
    width: Floats | None = None,
) -> Plans:
    n = len(given)
    none, unknown = np.zeros(n, bool), np.full(n, np.nan)
    allowed = given & contexts.eligible[np.arange(n), actions.arm]
    return Plans(
        np.where(given, actions.arm, NO_ADVICE),
        np.where(given[:, None], actions.delta, 0.0),
        np.where(allowed, losses(environment, contexts, actions), np.nan),
        none if asked is None else asked,
        none if adopted is None else adopted,
        unknown if width is None else width,
    )


def losses(environment: Environment, contexts: Contexts, actions: Actions) -> Floats:
    """What the best plan would add to these, (n,), by the environment's own means, BLOCK patients at a time."""
    world = make_environment(environment.spec, environment.seed, BLOCK, cohort=environment.cohort)
    n, lost = len(contexts), []
    for start in range(0, n, BLOCK):
        part = np.resize(np.arange(start, min(start + BLOCK, n)), BLOCK)  # the last block repeats its patients
        some, done = contexts.take(part), Actions(actions.arm[part], actions.delta[part])
        lost.append(_lost(world, some, done)[: n - start])
    return np.concatenate(lost)


def _lost(world: Environment, contexts: Contexts, actions: Actions) -> Floats:
    return world.best(contexts) - world.worth(contexts, actions)


def _contexts(run: LiveRun, rows: Ints) -> Contexts:
    assert run.environment.cohort is not None
    return run.environment.cohort.contexts(rows, run.worth, run.environment.problem.link.binary)
