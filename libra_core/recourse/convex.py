"""Optimistic recourse under further convex limits (linked features, budgets): the same ascent, with the linear step
taken by cvxpy.

The problem is compiled once (DPP: gradient and box are parameters) and solved for each step, some milliseconds each:
made for one patient on a page, slow in a study. The limit on the number of changes is met by keeping the s largest
changes and solving once more on them: feasible, not always the best support.
"""

from __future__ import annotations

import math
import threading
from functools import lru_cache

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from libra_core.problem import Actions, Contexts
from libra_core.recourse.feasible import FeasibleSet
from libra_core.recourse.optimistic import Plans, evaluate

Floats = NDArray[np.float64]

STEPS = 30
TOLERANCE = 1e-7
STILL = 1e-6  # a change smaller than this is the solver's rounding: taken as none


class LinearStep:
    """argmax over F, budgets included, of g'delta - cost effort(delta), for one feasible set."""

    def __init__(self, feasible: FeasibleSet, cost: float) -> None:
        d = len(feasible.weights)
        self.feasible = feasible
        self.g, self.lo, self.hi = cp.Parameter(d), cp.Parameter(d, nonpos=True), cp.Parameter(d, nonneg=True)
        self.delta = cp.Variable(d)
        scaled = cp.multiply(feasible.W, self.delta)
        norm = cp.norm_inf(scaled) if math.isinf(feasible.p) else cp.norm(scaled, int(feasible.p))
        rules = [self.delta >= self.lo, self.delta <= self.hi, norm <= feasible.gamma]
        for budget in feasible.budgets:
            moved = cp.abs(self.delta) if budget.absolute else self.delta
            rules.append(np.asarray(budget.weights) @ moved <= budget.limit)
        self._lock = threading.Lock()  # sessions share what is compiled, and its parameters with it
        self.problem = cp.Problem(cp.Maximize(self.g @ self.delta - cost * cp.norm1(scaled)), rules)

    def solve(self, g: Floats, lo: Floats, hi: Floats) -> Floats:
        """The exact step without, a feasible step with the limit on the number of changes."""
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


def refine(
    feasible: FeasibleSet,
    theta: Floats,
    A: Floats,
    contexts: Contexts,
    beta: float,
    realised: Floats,
    cost: float,
    table: bool,
    free: Plans,
) -> Plans:
    """Turn plans made without the budgets (`free`, solved for every eligible arm) into plans that keep them.

    An arm's free plan that keeps the budgets is its best plan. The others climb again; without `table` only while
    their free value, a valid upper bound, can still win.
    """
    step = linear_step_for(feasible, float(cost))
    for r in range(len(free.arm)):
        row = contexts.take(np.array([r]))
        best = -math.inf
        for k in np.argsort(-free.value[r], kind="stable"):
            if free.value[r, k] == -math.inf:
                continue
            if not table and free.value[r, k] < best:
                free.value[r, k] = -math.inf
                continue
            if not feasible.within_budgets(free.delta[r, k][None])[0]:
                _climb(step, theta[r], A[r], row, int(k), beta, realised, cost, free, r)
            best = max(best, float(free.value[r, k]))
        free.arm[r] = int(np.argmax(free.value[r]))
    return free


def _climb(
    step: LinearStep,
    theta: Floats,
    A: Floats,
    row: Contexts,
    k: int,
    beta: float,
    realised: Floats,
    cost: float,
    plans: Plans,
    r: int,
) -> None:
    """Ascend from the free plan pulled inside and from no change; write the better end into `plans`."""
    d_m = row.lo.shape[1]
    best = (-math.inf, np.zeros(d_m), 0.0, 0.0)
    for start in (step.feasible.project(plans.delta[r, k][None], row.lo[0], row.hi[0])[0], np.zeros(d_m)):
        delta, reached = start, -math.inf
        for _ in range(STEPS):
            z, s = evaluate(theta[None], A[None], row, Actions(np.array([k]), delta[None]), realised)
            value = float(z[0] + beta * s[0]) - cost * float(step.feasible.effort(delta))
            if value > best[0]:
                best = (value, delta, float(z[0]), float(s[0]))
            if value - reached <= TOLERANCE:
                break
            reached = value
            x = row.x[0].copy()
            x[-d_m:] += realised * delta
            g = theta[k][-d_m:] + (beta / max(float(s[0]), 1e-12)) * (A[k] @ x)[-d_m:]
            delta = step.solve(g * realised, row.lo[0], row.hi[0])
    plans.value[r, k], plans.delta[r, k], plans.z[r, k], plans.s[r, k] = best
