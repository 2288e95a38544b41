"""Many replicates of a study, in chunks on all cores, with progress and cancel.

A chunk of replicates is one batch through compiled code that releases the interpreter, so threads are enough. Each
replicate has its own streams: neither the chunking nor the number of replicates changes any one of them.
"""

from __future__ import annotations

import math
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed

from libra_core.arrays import Floats
from libra_core.cohort import Cohort
from libra_core.environments import make_environment
from libra_core.policies.distil import LibraDistil
from libra_core.policies.model import ModelPolicy
from libra_core.study.runner import make_policy, run
from libra_core.study.spec import StudySpec
from libra_core.study.theory import call_bound

CHUNK = 25  # replicates in one batch: enough to make interpreter overhead negligible, few enough to fill two cores
WARM_ROUNDS = 3  # rounds left out of the CPU figure: the first calls may compile


class Cancelled(Exception):  # noqa: N818 -- not an error
    """The run was cancelled; nothing was kept."""


@dataclass(frozen=True, eq=False)
class PolicyResult:
    """One policy: regret (R, G) cumulative expected, calls (R, G) cumulative, on the grid of G rounds.

    call_bound: the theoretical bound on calls at the last round; None without a bound or without an advisor.
    groups: subgroup -> (mean regret a round (R,), patients (R,)).
    """

    name: str
    regret: Floats
    calls: Floats
    call_bound: float | None
    cpu_us_per_round: float
    dismissed: float | None  # share of replicates in which the advisor was dismissed
    groups: dict[str, tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class StudyResult:
    """The results of a study. `unit` is the reward's unit; t (G,) is the grid."""

    spec: StudySpec
    t: tuple[int, ...]
    unit: str
    policies: tuple[PolicyResult, ...]


def run_study(
    spec: StudySpec,
    progress: Callable[[float], None] = lambda share: None,
    cancel: threading.Event | None = None,
    workers: int | None = None,
    cohort: Cohort | None = None,
) -> StudyResult:
    """Run every policy of a study over the same simulated patients.

    Parameters
    ----------
    spec : settings; their hash identifies the results.
    progress : called with the share done, 0 to 1.
    cancel : set it to stop.
    workers : threads; all cores by default. Their number changes no result.
    cohort : replaces the one that the spec names, for instance an uploaded one.

    Returns
    -------
    StudyResult : regret and calls of each policy, by replicate and round of the grid.

    Raises
    ------
    ValueError : the spec cannot be run.
    Cancelled : `cancel` was set; nothing is kept.

    Not guaranteed: equal numbers on another processor or other versions of the packages, beyond rounding.

    Examples
    --------
    >>> result = run_study(StudySpec(policies=("glrb", "random"), rounds=200, replicates=2), workers=1)
    >>> glrb, random = (policy.regret[:, -1].mean() for policy in result.policies)
    >>> bool(glrb < random)
    True
    """
    spec.validate()
    cancel = cancel or threading.Event()
    workers = workers or os.cpu_count() or 1
    size = min(CHUNK, -(-spec.replicates // workers))
    chunks = [range(first, min(first + size, spec.replicates)) for first in range(0, spec.replicates, size)]
    meter = _Meter(progress, spec.rounds * spec.replicates)
    one = delayed(_run_chunk)
    parts = Parallel(n_jobs=workers, prefer="threads")(one(spec, chunk, meter, cancel, cohort) for chunk in chunks)
    return _join(spec, parts)


class _Meter:
    """Counts replicate-rounds of all threads and reports the share."""

    def __init__(self, report: Callable[[float], None], total: int) -> None:
        self.report, self.total, self.done, self.lock = report, total, 0, threading.Lock()

    def add(self, n: int) -> None:
        with self.lock:
            self.done += n
            self.report(min(1.0, self.done / self.total))


@dataclass(eq=False)
class _Tally:
    """Running sums of one policy in one chunk."""

    regret: Floats
    calls: Floats
    total: Floats
    group_regret: dict[str, Floats]
    seconds: float = 0.0
    bound: float | None = None
    dismissed: Floats | None = None


def _run_chunk(
    spec: StudySpec, chunk: range, meter: _Meter, cancel: threading.Event, cohort: Cohort | None
) -> tuple[list, dict, str]:
    n = len(chunk)
    environment = make_environment(spec.environment, spec.seed, n, chunk.start, cohort)
    policies = [make_policy(name, environment, spec.config, spec.seed, spec.advisor) for name in spec.policies]
    grid = spec.grid()
    shape = (n, len(grid))
    tallies = [
        _Tally(np.zeros(shape), np.zeros(shape), np.zeros(n), defaultdict(lambda: np.zeros(n))) for _ in policies
    ]
    seen: dict[str, Floats] = defaultdict(lambda: np.zeros(n))
    at, reported = 0, 0
    for now in run(environment, policies, spec.rounds):
        groups = environment.groups(now.contexts)
        for name, member in groups.items():
            seen[name] += member
        for step, tally in zip(now.steps, tallies, strict=True):
            tally.total += step.regret
            tally.seconds += step.seconds if now.t > WARM_ROUNDS else 0.0
            for name, member in groups.items():
                tally.group_regret[name] += member * step.regret
            if now.t == grid[at]:
                tally.regret[:, at], tally.calls[:, at] = tally.total, step.policy.calls
        at += now.t == grid[at] and at + 1 < len(grid)
        if now.t - reported >= max(1, spec.rounds // 200) or now.t == spec.rounds:
            if cancel.is_set():
                raise Cancelled
            meter.add((now.t - reported) * n)
            reported = now.t
    for policy, tally in zip(policies, tallies, strict=True):
        if isinstance(policy, ModelPolicy) and policy.needs_advisor:
            bound = (
                policy.call_bound(spec.rounds)
                if isinstance(policy, LibraDistil)
                else call_bound(spec.rounds, policy.problem, policy.config, policy.beta, policy.linear)
            )
            tally.bound = bound if math.isfinite(bound) else None
        trial = getattr(policy, "trial", None)
        tally.dismissed = None if trial is None else trial.dismissed.astype(float)
    return tallies, seen, environment.problem.reward_unit


def _join(spec: StudySpec, parts: list[tuple[list, dict, str]]) -> StudyResult:
    results = []
    seen = {group: [counted[group] for _, counted, _ in parts] for group in parts[0][1]}
    for i, name in enumerate(spec.policies):
        mine = [tallies[i] for tallies, _, _ in parts]
        groups = {
            group: (
                np.concatenate(
                    [t.group_regret[group] / np.maximum(n, 1) for t, n in zip(mine, seen[group], strict=True)]
                ),
                np.concatenate(seen[group]),
            )
            for group in seen
        }
        timed = max(1, spec.rounds - WARM_ROUNDS) * spec.replicates
        results.append(
            PolicyResult(
                name=name,
                regret=np.concatenate([t.regret for t in mine]),
                calls=np.concatenate([t.calls for t in mine]),
                call_bound=mine[0].bound,
                cpu_us_per_round=sum(t.seconds for t in mine) / timed * 1e6,
                dismissed=None
                if mine[0].dismissed is None
                else float(np.concatenate([t.dismissed for t in mine]).mean()),
                groups=groups,
            )
        )
    return StudyResult(spec, spec.grid(), parts[0][2], tuple(results))
