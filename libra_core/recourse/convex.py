"""Optimistic recourse under further convex limits (linked features, constraints): the same ascent, with the linear step
taken by cvxpy.

The problem is compiled once (DPP: gradient and box are parameters) and solved for each step, some milliseconds each:
fine for one patient on a page, slow in a study. The limit on the number of changes is met by keeping the s largest
changes and solving once more on them: feasible, not always the best support.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import lru_cache

import cvxpy as cp
import numpy as np

from libra_core.arrays import Floats
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import Link
from libra_core.problem import Actions, Contexts
from libra_core.recourse.plans import Plans, evaluate

STEPS = 30
TOLERANCE = 1e-7
STILL = 1e-6  # a smaller change is the solver's rounding and counts as none


class LinearStep:
    """argmax over F, constraints included, of g'delta - cost effort(delta), for one feasible set."""

    def __init__(self, feasible: FeasibleSet, cost: float) -> None:
        d = len(feasible.weights)
        self.feasible = feasible
        self.g, self.lo, self.hi = cp.Parameter(d), cp.Parameter(d, nonpos=True), cp.Parameter(d, nonneg=True)
        self.delta = cp.Variable(d)
        scaled = cp.multiply(feasible.W, self.delta)
        norm = cp.norm_inf(scaled) if math.isinf(feasible.p) else cp.norm(scaled, int(feasible.p))
        rules = [self.delta >= self.lo, self.delta <= self.hi, norm <= feasible.gamma]
        for budget in feasible.constraints:
            moved = cp.abs(self.delta) if budget.absolute else self.delta
            rules.append(np.asarray(budget.weights) @ moved <= budget.limit)
        self._lock = threading.Lock()  # sessions share what is compiled, and its parameters with it
        self.problem = cp.Problem(cp.Maximize(self.g @ self.delta - cost * cp.norm1(scaled)), rules)

    def solve(self, g: Floats, lo: Floats, hi: Floats) -> Floats:
        """The exact step without the limit on the number of changes, a feasible step with it."""
        delta = self._solve(g, lo, hi)
        if (delta != 0).sum() > self.feasible.s:
            keep = np.argsort(-np.abs(delta * g), kind="stable")[: self.feasible.s]
            mask = np.isin(np.arange(delta.size), keep)
            delta = self._solve(g, np.where(mask, lo, 0.0), np.where(mask, hi, 0.0))
        return self.feasible.project(delta[None], lo, hi)[0]

    def _solve(self, g: Floats, lo: Floats, hi: Floats) -> Floats:
        with self._lock:
            self.g.value, self.lo.value, self.hi.value = g, lo, hi
            self.problem.solve(solver=cp.CLARABEL)
            delta = self.delta.value
        if delta is None:  # 0 is always feasible: a solver that fails proposes no change
            return np.zeros_like(lo)
        return np.where(np.abs(delta) < STILL, 0.0, delta)


@lru_cache(maxsize=16)
def linear_step_for(feasible: FeasibleSet, cost: float) -> LinearStep:
    """Compiled once for each feasible set."""
    return LinearStep(feasible, cost)


@dataclass(frozen=True, eq=False)
class Point:
    """A change with its objective value, z = theta'x' and s = sqrt(x'A x')."""

    value: float
    delta: Floats
    z: float
    s: float


@dataclass(frozen=True, eq=False)
class Inner:
    """The inner problem of one arm for one patient. theta (K, d), A (K, d, d)."""

    step: LinearStep
    theta: Floats
    A: Floats
    row: Contexts
    arm: int
    beta: float
    realised: Floats
    cost: float

    def at(self, delta: Floats) -> Point:
        actions = Actions(np.array([self.arm]), delta[None])
        z, s = (float(v[0]) for v in evaluate(self.theta[None], self.A[None], self.row, actions, self.realised))
        return Point(z + self.beta * s - self.cost * float(self.step.feasible.effort(delta)), delta, z, s)

    def gradient(self, point: Point) -> Floats:
        """Of the objective without the effort cost, which the linear step includes exactly."""
        d_m = point.delta.size
        x = self.row.x[0].copy()
        x[-d_m:] += self.realised * point.delta
        bend = self.beta / max(point.s, 1e-12)
        return (self.theta[self.arm] + bend * (self.A[self.arm] @ x))[-d_m:] * self.realised

    def climb(self, start: Floats) -> Point:
        """Linearise, step, repeat; the best point visited."""
        here = best = self.at(start)
        for _ in range(STEPS):
            reached = self.at(self.step.solve(self.gradient(here), self.row.lo[0], self.row.hi[0]))
            best = max(best, reached, key=lambda point: point.value)
            if reached.value - here.value <= TOLERANCE:
                break
            here = reached
        return best

    def without_idle(self, point: Point, min_gain: float) -> Point:
        """Undo changes that add no more than min_gain, the least first, where the rest keeps the constraints."""
        if min_gain <= 0.0:
            return point
        while True:
            numbers = np.arange(point.delta.size)
            left = [self.at(np.where(numbers == j, 0.0, point.delta)) for j in np.flatnonzero(point.delta)]
            left = [other for other in left if self.step.feasible.within_constraints(other.delta[None])[0]]
            top = max(left, key=lambda other: other.value, default=None)
            if top is None or top.value < point.value - min_gain:
                return point
            point = top


def refine(
    feasible: FeasibleSet,
    theta: Floats,
    A: Floats,
    contexts: Contexts,
    beta: float,
    realised: Floats,
    cost: float,
    min_gain: float,
    table: bool,
    link: Link,
    free: Plans,
) -> Plans:
    """Plans that keep the constraints, from plans made without them (`free`: every eligible arm, no change dropped).

    An arm's free plan that keeps the constraints is its best plan. The others climb again; without `table` only while
    the worth of their free value can still win: no plan within the constraints exceeds it, if it is the free maximum.
    """
    found = Plans(free.arm.copy(), free.delta.copy(), free.z.copy(), free.s.copy(), np.full_like(free.value, -math.inf))
    for r in range(len(free.arm)):
        row, best = contexts.take(np.array([r])), -math.inf
        effort = float(cost / row.weight[0])
        step = linear_step_for(feasible, effort)
        ceiling = _worths(link, row, free.value[r])
        for k in np.argsort(-ceiling, kind="stable"):
            if ceiling[k] == -math.inf or (not table and ceiling[k] < best):
                continue
            inner = Inner(step, theta[r], A[r], row, int(k), beta, realised, effort)
            point = inner.at(free.delta[r, k])
            if not feasible.within_constraints(point.delta[None])[0]:
                pulled = feasible.project(point.delta[None], row.lo[0], row.hi[0])[0]
                point = max((inner.climb(s) for s in (pulled, np.zeros_like(pulled))), key=lambda end: end.value)
            point = inner.without_idle(point, min_gain / row.weight[0])
            found.value[r, k], found.delta[r, k] = point.value, point.delta
            found.z[r, k], found.s[r, k] = point.z, point.s
            best = max(best, float(_worths(link, row, found.value[r])[k]))
        found.arm[r] = int(np.argmax(_worths(link, row, found.value[r])))
    return found


def _worths(link: Link, row: Contexts, index: Floats) -> Floats:
    """What each arm competes by, (K,), from its index; -inf stays. Level offsets leave the order to the index."""
    if np.ptp(row.offset[0]) == 0.0:
        return index
    return np.where(index == -math.inf, -math.inf, row.weight[0] * link.mean(index) + row.offset[0])
