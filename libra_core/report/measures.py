"""The numbers of the case study: read from stored studies, or computed from their true model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from libra_core.arrays import Floats, Ints
from libra_core.certainty import Estimate
from libra_core.cohort import Cohort
from libra_core.environments import Environment
from libra_core.recourse.optimistic import plan
from libra_core.study.batch import PolicyResult, StudyResult
from libra_core.study.metrics import band, tenfolds

BLOCK = 256  # patients planned for at a time


class Interval(Estimate):
    """A mean over replicates with its 95 % confidence interval."""

    @classmethod
    def of(cls, values: Floats) -> Interval:
        return cls(*(float(v) for v in band(np.asarray(values, float))))


class NotComparedError(ValueError):
    """A policy that was not part of a study."""


def policy(study: StudyResult, name: str) -> PolicyResult:
    """A policy's part of a study. Raises NotComparedError."""
    found = next((p for p in study.policies if p.name == name), None)
    if found is None:
        raise NotComparedError(f"the study {study.spec.hash} has no policy {name!r}")
    return found


def at(study: StudyResult, t: int) -> int:
    """Index of the last grid round that is not after t."""
    return max(0, int(np.searchsorted(study.t, t, side="right")) - 1)


def lost(study: StudyResult, name: str, t: int | None = None) -> Interval:
    """Regret per patient up to round t (default: the last), reward units."""
    i = at(study, t or study.t[-1])
    return Interval.of(policy(study, name).regret[:, i] / study.t[i])


def difference(study: StudyResult, a: str, b: str, t: int | None = None) -> Interval:
    """Regret per patient of a minus that of b up to round t, replicate by replicate: same patients, same draws."""
    i = at(study, t or study.t[-1])
    return Interval.of((policy(study, a).regret[:, i] - policy(study, b).regret[:, i]) / study.t[i])


def pace(study: StudyResult, name: str, since: float, until: float) -> Interval:
    """Regret per patient between two shares of the run, for instance 0.9 and 1."""
    return Interval.of(_between(study, policy(study, name).regret, since, until))


def asked(study: StudyResult, name: str, since: float, until: float) -> float:
    """Share of patients about whom the advisor was asked, between two shares of the run."""
    return float(_between(study, policy(study, name).calls, since, until).mean())


def _between(study: StudyResult, sums: Floats, since: float, until: float) -> Floats:
    """The increase per patient of cumulative sums (R, G) between two shares of the run, (R,)."""
    t, end = np.asarray(study.t), study.t[-1]
    j = at(study, round(until * end))
    if not since:
        return sums[:, j] / t[j]
    i = at(study, round(since * end))
    return (sums[:, j] - sums[:, i]) / (t[j] - t[i])


def tenfold(study: StudyResult, name: str) -> tuple[float, float]:
    """Questions added from T/100 to T/10, and from T/10 to T, means over replicates: see `tenfolds`."""
    early, late = tenfolds(np.asarray(study.t, float), policy(study, name).calls)
    return float(early.mean()), float(late.mean())


def growth(study: StudyResult, name: str) -> float:
    """Exponent b of calls ~ t^b over the second half of the run: 1 = every patient, 0 = no more questions."""
    half = at(study, study.t[-1] // 2)
    calls = policy(study, name).calls.mean(axis=0)[half:]
    if calls[0] <= 0:
        return 0.0
    return float(stats.linregress(np.log(np.asarray(study.t[half:], float)), np.log(calls)).slope)


# ------------------------------------------------------------------------------------------------ the simulated truth


@dataclass(frozen=True, eq=False)
class Truth:
    """The best that is possible for each patient of `rows` under the simulated truth, as worth.

    arm_alone, alone: the best treatment with habits as they are; arm, value, delta: with a feasible change.
    """

    rows: Ints
    arm_alone: Ints
    alone: Floats
    arm: Ints
    value: Floats
    delta: Floats

    @property
    def switched(self) -> np.ndarray:
        """Where the best treatment differs once habits may change, (n,)."""
        return self.arm != self.arm_alone

    @property
    def gain(self) -> Floats:
        """The gain from the change of habits, reward units (n,)."""
        return self.value - self.alone


def truth(environment: Environment, rows: Ints) -> Truth:
    """The best plan of each patient, with and without a change of habits."""
    assert environment.cohort is not None
    parts = [_truth(environment, rows[i : i + BLOCK]) for i in range(0, len(rows), BLOCK)]
    return Truth(rows, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _truth(environment: Environment, rows: Ints) -> tuple[Ints, Floats, Ints, Floats, Floats]:
    assert environment.cohort is not None
    problem = environment.problem
    contexts = environment.cohort.contexts(rows, goal=problem.link.binary)
    theta = np.broadcast_to(environment.theta[:1], (len(rows), *environment.theta.shape[1:])).copy()
    no_doubt = np.zeros((*theta.shape, problem.d))
    realised = np.asarray(problem.realised)
    alone = plan(problem.feasible, theta, no_doubt, contexts.unchanged, 0.0, realised, link=problem.link)
    free = plan(problem.feasible, theta, no_doubt, contexts, 0.0, realised, link=problem.link)
    worths = (contexts.worth(problem.link.mean(found.chosen()[0]), found.arm) for found in (alone, free))
    return alone.arm, next(worths), free.arm, next(worths), free.actions.delta


def plans_to_choose_from(cohort: Cohort, row: int) -> tuple[int, int, int]:
    """(eligible treatments, habits that may change, combinations of a treatment and a set of habits)."""
    patient, most = cohort.patient(row), cohort.protocol.feasible.max_changes
    treatments = int(patient.eligible.sum())
    free = int(((patient.hi - patient.lo) > 0).sum())
    return treatments, free, treatments * sum(math.comb(free, k) for k in range(min(most, free) + 1))
