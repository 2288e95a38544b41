"""Optimistic recourse under further convex limits (linked features, constraints): the same ascent, with the linear step
taken by a cone solver, a fraction of a millisecond each: fine for one patient on a page, slow in a study.

Which s features to change: a plan is at most worth what its features could reach without the further limits. They are
tried in the order of that bound, while it can still win.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import numpy as np
from scipy import sparse

from libra_core.arrays import Bools, Floats
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import Link
from libra_core.problem import Actions, Contexts
from libra_core.recourse.cones import BALL, LINE, Cones, minimise
from libra_core.recourse.plans import Plans, evaluate

STEPS = 30
TOLERANCE = 1e-7
STILL = 1e-6  # a smaller change is the solver's rounding and counts as none
SUPPORTS = 1000  # more choices of s features than this are not searched (d_M = 12, s = 4: 495)


@dataclass(frozen=True)
class LinearStep:
    """argmax over F, constraints included, of g'delta - cost effort(delta), for one feasible set."""

    feasible: FeasibleSet
    cost: float

    def solve(self, g: Floats, lo: Floats, hi: Floats) -> Floats:
        """The exact step where at most s features can move; otherwise a feasible one: the s largest, solved again."""
        delta = self._solve(g, lo, hi)
        if (delta != 0).sum() > self.feasible.s:
            keep = np.argsort(-np.abs(delta * g), kind="stable")[: self.feasible.s]
            mask = np.isin(np.arange(delta.size), keep)
            delta = self._solve(g, np.where(mask, lo, 0.0), np.where(mask, hi, 0.0))
        return self.feasible.project(delta[None], lo, hi)[0]

    def _solve(self, g: Floats, lo: Floats, hi: Floats) -> Floats:
        delta, free = np.zeros_like(lo), np.flatnonzero(hi > lo)
        if not free.size:
            return delta
        A, limits, cones = _rules(self.feasible, tuple(free))
        c = np.concatenate((-g[free], self.cost * self.feasible.W[free]))
        x, _ = minimise(c, A, np.concatenate((hi[free], -lo[free], limits)), cones, {})
        delta[free] = np.where(np.abs(x[: free.size]) >= STILL, x[: free.size], 0.0)  # 0 too where the solver fails
        return delta


@lru_cache(maxsize=4096)
def _rules(F: FeasibleSet, free: tuple[int, ...]) -> tuple[sparse.csc_matrix, Floats, Cones]:
    """Rows over (delta, size) of the features that are free, size >= |delta|, and their limits but for the box's."""
    at, n = list(free), len(free)
    w, one, none = F.W[at], np.eye(n), np.zeros((n, n))
    lines = [np.block([[one, none], [-one, none], [one, -one], [-one, -one]])]
    limits = [np.zeros(2 * n)]
    sums = [(np.asarray(c.weights)[at], c.limit, c.absolute) for c in F.constraints]
    if F.p == 1:
        sums.append((w, F.gamma, True))
    for weights, limit, absolute in sums:
        lines.append(np.concatenate((0 * weights, weights) if absolute else (weights, 0 * weights))[None])
        limits.append(np.array([limit]))
    if math.isinf(F.p):
        lines.append(np.hstack([none, np.diag(w)]))
        limits.append(np.full(n, F.gamma))
    rows, cones = np.vstack(lines), [(LINE, sum(map(len, lines)))]
    if F.p == 2:
        rows = np.vstack([rows, np.zeros(2 * n), np.hstack([-np.diag(w), none])])
        limits.append(np.append(F.gamma, np.zeros(n)))
        cones.append((BALL, n + 1))
    return sparse.csc_matrix(rows), np.concatenate(limits), cones


@dataclass(frozen=True, eq=False)
class Point:
    """A change with its objective value, z = theta'x' and s = sqrt(x'A x')."""

    value: float
    delta: Floats
    z: float
    s: float


@dataclass(frozen=True, eq=False)
class Inner:
    """The inner problem of one arm for one patient. theta (K, d), A (K, d, d). plan: `optimistic.plan`, which plans
    without the constraints for each choice of features."""

    step: LinearStep
    theta: Floats
    A: Floats
    row: Contexts
    arm: int
    beta: float
    realised: Floats
    cost: float
    plan: Callable[..., Plans]

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

    def climb(self, start: Floats, lo: Floats, hi: Floats) -> Point:
        """Linearise, step, repeat; the best point visited. With beta = 0 one step is exact."""
        here = best = self.at(start)
        for _ in range(STEPS if self.beta > 0 else 1):
            reached = self.at(self.step.solve(self.gradient(here), lo, hi))
            best = max(best, reached, key=lambda point: point.value)
            if reached.value - here.value <= TOLERANCE:
                break
            here = reached
        return best

    def best(self, free: Point, floor: float, min_gain: float) -> Point:
        """The best point found, from the free plan. Less than `floor` need not be the best.

        First over all features, then over each choice of s of them, from the plan that it has without the constraints.
        """
        if self.step.feasible.within_constraints(free.delta[None])[0]:
            return self.without_idle(free, min_gain)
        lo, hi = self.row.lo[0], self.row.hi[0]
        best = self._ends(free.delta, lo, hi, min_gain)
        for ceiling, start, moves in self._supports():
            if ceiling <= max(best.value, floor):
                break
            found = self._ends(start, np.where(moves, lo, 0.0), np.where(moves, hi, 0.0), min_gain)
            best = max(best, found, key=lambda point: point.value)
        return best

    def _ends(self, wish: Floats, lo: Floats, hi: Floats, min_gain: float) -> Point:
        """The better of two climbs, from the wish pulled into the constraints and from no change."""
        pulled = self.step.feasible.project(wish[None], lo, hi)[0]
        starts = (pulled, np.zeros_like(pulled)) if self.beta > 0 else (pulled,)
        ends = (self.climb(start, lo, hi) for start in starts)
        return self.without_idle(max(ends, key=lambda end: end.value), min_gain)

    def _supports(self) -> list[tuple[float, Floats, Bools]]:
        """(bound, plan, who moves) for each choice of s features, without the constraints, the largest bound first."""
        feasible, row = self.step.feasible, self.row
        can_move = np.flatnonzero(row.hi[0] > row.lo[0])
        if can_move.size <= feasible.s or math.comb(can_move.size, feasible.s) > SUPPORTS:
            return []
        moves = np.array([np.isin(np.arange(len(feasible.weights)), c) for c in combinations(can_move, feasible.s)])
        n, K = len(moves), len(self.theta)
        many = row.take(np.zeros(n, np.int64))
        only = np.broadcast_to(np.arange(K) == self.arm, (n, K))
        many = replace(many, lo=np.where(moves, many.lo, 0.0), hi=np.where(moves, many.hi, 0.0), eligible=only)
        theta, A = (np.broadcast_to(part, (n, *part.shape)) for part in (self.theta, self.A))
        free, cost = replace(feasible, constraints=()), self.cost * float(row.weight[0])
        plans = self.plan(free, theta, A, many, self.beta, self.realised, cost, table=True)
        order = np.argsort(-plans.value[:, self.arm], kind="stable")
        return [(float(plans.value[i, self.arm]), plans.delta[i, self.arm], moves[i]) for i in order]

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
    plan: Callable[..., Plans],
) -> Plans:
    """Plans that keep the constraints, from plans made without them (`free`: every eligible arm, no change dropped).

    An arm's free plan that keeps the constraints is its best plan. The others climb again; without `table` only while
    the worth of their free value can still win: no plan within the constraints exceeds it, if it is the free maximum.
    plan: see `Inner`.
    """
    found = Plans(free.arm.copy(), free.delta.copy(), free.z.copy(), free.s.copy(), np.full_like(free.value, -math.inf))
    for r in range(len(free.arm)):
        row, best = contexts.take(np.array([r])), -math.inf
        effort = float(cost / row.weight[0])
        step = LinearStep(feasible, effort)
        ceiling = _worths(link, row, free.value[r])
        for k in np.argsort(-ceiling, kind="stable"):
            if ceiling[k] == -math.inf or (not table and ceiling[k] < best):
                continue
            inner = Inner(step, theta[r], A[r], row, int(k), beta, realised, effort, plan)
            floor = -math.inf if table else _index(link, row, int(k), best)
            point = inner.best(inner.at(free.delta[r, k]), floor, min_gain / float(row.weight[0]))
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


def _index(link: Link, row: Contexts, arm: int, worth: float) -> float:
    """The index at which an arm competes by `worth`."""
    if np.ptp(row.offset[0]) == 0.0 or worth == -math.inf:
        return worth
    return float(link.index((worth - row.offset[0, arm]) / row.weight[0]))
