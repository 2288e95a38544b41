"""Random instances of the inner problem, one- and two-sided boxes, shared by tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Floats
from libra_core.feasible import FeasibleSet
from libra_core.problem import Contexts
from libra_core.recourse.ascent import MAX_STEPS, Objective, Shape, climb
from libra_core.recourse.linear_step import linear_step
from libra_core.recourse.optimistic import plan


@dataclass(frozen=True, eq=False)
class Instance:
    """One arm, one patient."""

    theta: Floats
    A: Floats
    x: Floats
    lo: Floats
    hi: Floats
    feasible: FeasibleSet

    @property
    def contexts(self) -> Contexts:
        one = np.ones((1, 1), bool)
        return Contexts(self.x[None], self.lo[None], self.hi[None], one, np.zeros(1, np.int64))

    def solve(self, beta: float) -> tuple[float, Floats]:
        """(value, delta) of the solver."""
        plans = plan(self.feasible, self.theta[None, None], self.A[None, None], self.contexts, beta)
        return float(plans.value[0, 0]), plans.delta[0, 0]

    def value(self, beta: float, delta: Floats) -> float:
        x = self.x.copy()
        x[-delta.size :] += delta
        return float(self.theta @ x + beta * np.sqrt(x @ self.A @ x))

    def best_of_random(self, beta: float, starts: int, rng: np.random.Generator) -> float:
        """The best climb from random directions."""
        d_i = self.x.size - self.lo.size
        Ax = self.A @ self.x
        c = np.ascontiguousarray
        f = Objective(c(self.theta[d_i:]), c(self.A[d_i:, d_i:]), c(Ax[d_i:]), float(self.x @ Ax), float(beta))
        set_ = self.feasible
        F = Shape(set_.W, self.lo, self.hi, float(set_.gamma), set_.p_code, set_.s, 0.0)
        delta, work, best = np.zeros(self.lo.size), np.empty((9, self.lo.size)), -np.inf
        for _ in range(starts):
            linear_step(rng.standard_normal(delta.size), F.w, F.lo, F.hi, F.gamma, F.p, F.s, delta, work)
            best = max(best, climb(f, F, delta, MAX_STEPS, work, delta, 0.0))
        return float(self.theta @ self.x) + best


def draw(rng: np.random.Generator, d_m: int, d_i: int = 7, max_changes: int | None = None, p: float = 2.0) -> Instance:
    """A after 0 to 80 random contexts, half of them unevenly scaled; half of the boxes one-sided."""
    d = d_i + d_m
    seen = rng.normal(size=(int(rng.integers(0, 80)), d))
    if rng.random() < 0.5:
        seen *= rng.uniform(0.1, 2.0, size=d)
    A = np.linalg.inv(np.eye(d) + seen.T @ seen)
    hi, lo = rng.uniform(0.1, 1.5, size=d_m), -rng.uniform(0.1, 1.5, size=d_m)
    if rng.random() < 0.5:
        up = rng.random(d_m) < 0.5
        hi[up], lo[~up] = 0.0, 0.0
    weights = rng.uniform(0.5, 2.0, size=d_m) if rng.random() < 0.5 else np.ones(d_m)
    theta = rng.normal(size=d) * 1.5 / np.sqrt(d)
    feasible = FeasibleSet(tuple(weights), 1.0, p, max_changes)
    return Instance(theta, (A + A.T) / 2, rng.normal(size=d), lo, hi, feasible)
