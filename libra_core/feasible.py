"""The feasible set of changes, F = {delta : ||W delta||_p <= gamma, lo <= delta <= hi, at most s non-zero}."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Bools, Floats

TOLERANCE = 1e-9
ROUNDING = 1e-6  # how far a plan may exceed a further limit: the convex solver's accuracy


@dataclass(frozen=True)
class LinearConstraint:
    """A further convex limit: weights'delta <= limit, or weights'|delta| <= limit with `absolute`; limit >= 0."""

    name: str
    weights: tuple[float, ...]
    limit: float
    absolute: bool = False

    def __post_init__(self) -> None:
        if self.absolute and any(weight < 0 for weight in self.weights):
            raise ValueError(f"the limit {self.name!r} on absolute changes must not have negative weights: not convex")

    def use(self, delta: Floats) -> Floats:
        """The left-hand side along the last axis."""
        return np.asarray((np.abs(delta) if self.absolute else delta) @ np.asarray(self.weights))


@dataclass(frozen=True)
class FeasibleSet:
    """The part of F that all patients share; the box (lo, hi) comes with each patient and always contains 0.

    gamma: radius, in weighted standard deviations. p: 1, 2 or inf. weights: diagonal of W, effort per SD.
    max_changes: s, the most features that one plan may move (None = no limit). constraints: further convex
    limits, solved in `recourse.convex`.
    """

    weights: tuple[float, ...]
    gamma: float = 1.0
    p: float = 2.0
    max_changes: int | None = None
    constraints: tuple[LinearConstraint, ...] = ()

    def __post_init__(self) -> None:
        if not self.gamma >= 0:
            raise ValueError(f"gamma must be >= 0, got {self.gamma:g}")
        if self.p not in (1.0, 2.0, math.inf):
            raise ValueError(f"p must be 1, 2 or inf, got {self.p:g}")
        if any(not w > 0 for w in self.weights):
            raise ValueError(f"every effort weight must be > 0, got {min(self.weights):g}")
        if self.max_changes is not None and self.max_changes < 0:
            raise ValueError(f"max_changes must be >= 0, got {self.max_changes}")

    @property
    def W(self) -> Floats:  # noqa: N802 -- the matrix of the formula
        return np.asarray(self.weights, dtype=float)

    @property
    def p_code(self) -> int:
        """p for the compiled kernels, where 0 means infinity."""
        return 0 if math.isinf(self.p) else int(self.p)

    @property
    def s(self) -> int:
        d = len(self.weights)
        return d if self.max_changes is None else min(self.max_changes, d)

    def norm(self, delta: Floats) -> Floats:
        """||W delta||_p along the last axis."""
        return np.asarray(np.linalg.norm(np.atleast_2d(delta) * self.W, ord=self.p, axis=-1))

    def share(self, delta: Floats) -> Floats:
        """||W delta||_p / gamma along the last axis: how much of the radius is used up; 0 where gamma is 0."""
        return self.norm(delta) / self.gamma if self.gamma else np.zeros(len(np.atleast_2d(delta)))

    def effort(self, delta: Floats) -> Floats:
        """sum_j w_j |delta_j|: weighted standard deviations moved. What the effort cost multiplies."""
        return np.asarray((np.abs(delta) * self.W).sum(-1))

    def contains(self, delta: Floats, lo: Floats, hi: Floats, tolerance: float = TOLERANCE) -> Bools:
        """Whether each row of delta (n, d_M) lies in F."""
        delta = np.atleast_2d(delta)
        in_box = ((delta >= lo - tolerance) & (delta <= hi + tolerance)).all(-1)
        within = (self.norm(delta) <= self.gamma + tolerance) & ((delta != 0).sum(-1) <= self.s)
        return np.asarray(in_box & within & self.within_constraints(delta, tolerance), dtype=bool)

    def within_constraints(self, delta: Floats, tolerance: float = TOLERANCE) -> Bools:
        """Whether each row of delta (n, d_M) satisfies every constraint."""
        fine = np.ones(len(delta), bool)
        for constraint in self.constraints:
            fine &= constraint.use(delta) <= constraint.limit + max(tolerance, ROUNDING)
        return fine

    def project(self, delta: Floats, lo: Floats, hi: Floats) -> Floats:
        """A feasible change near each row of delta (n, d_M): clip to the box, keep the s largest, then shrink.

        The shrinking keeps the requested direction; it is exact for a feasible delta (which comes back
        unchanged) and a feasible point, not always the nearest one, otherwise.
        """
        out = np.clip(np.nan_to_num(np.atleast_2d(delta), nan=0.0), lo, hi)
        if self.s < out.shape[-1]:
            size = np.abs(out) * self.W
            drop = np.argsort(-size, axis=-1, kind="stable")[:, self.s :]
            np.put_along_axis(out, drop, 0.0, axis=-1)
        norm = self.norm(out)
        shrink = np.where(norm > self.gamma, self.gamma / np.maximum(norm, 1e-300), 1.0)
        out = np.asarray(out * shrink[:, None])
        for constraint in self.constraints:  # F is convex around 0 on a fixed support: shrinking towards 0 gets inside
            use = constraint.use(out)
            over = use > constraint.limit + ROUNDING  # a solver's rounding at a limit of 0 must not undo the whole plan
            out = out * np.where(over, constraint.limit / np.maximum(use, 1e-300), 1.0)[:, None]
        return out
