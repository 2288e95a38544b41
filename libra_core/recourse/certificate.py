"""Certificates: an upper bound that no plan within the limits can beat.

For displayed recommendations, tests and benchmarks; not for the batch loop. One arm's problem is bounded by the dual
of its semidefinite relaxation (`relaxation`). Branch and bound closes the gap: first on which features may move, then
on the box of one of them.
"""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from libra_core.arrays import Bools, Floats, Ints
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import LINKS, Link
from libra_core.problem import Contexts
from libra_core.recourse.ascent import Objective, Shape, bound
from libra_core.recourse.relaxation import Part, relax


@dataclass(frozen=True)
class Certificate:
    """value: of the plan; upper: no feasible plan exceeds it, up to the rounding of sums (about 1e-12)."""

    value: float
    upper: float

    @property
    def gap(self) -> float:
        """upper - value, never negative."""
        return max(0.0, self.upper - self.value)


@dataclass(frozen=True, eq=False)
class Lifted:
    """One arm: z0 + theta'delta + beta sqrt(q0 + 2 b'delta + delta'A delta) over delta in F."""

    z0: float
    q0: float
    theta: Floats
    b: Floats
    A: Floats
    beta: float
    feasible: FeasibleSet

    @classmethod
    def of(
        cls, theta: Floats, A: Floats, x: Floats, beta: float, feasible: FeasibleSet, realised: Floats | None = None
    ) -> Lifted:
        """theta, x (d,), A (d, d); realised (d_M,) scales the mutable block."""
        d_i = x.size - len(feasible.weights)
        share = np.ones(x.size - d_i) if realised is None else realised
        Ax = A @ x
        A_mm = A[d_i:, d_i:] * np.outer(share, share)
        return cls(float(theta @ x), float(x @ Ax), theta[d_i:] * share, Ax[d_i:] * share, A_mm, beta, feasible)

    def cheap_bound(self, lo: Floats, hi: Floats) -> float:
        """The bound that prunes arms in the batch loop: valid, loose, some microseconds."""
        c = np.ascontiguousarray
        set_ = self.feasible
        shape = Shape(set_.W, c(lo), c(hi), float(set_.gamma), set_.p_code, set_.s, 0.0)
        objective = Objective(c(self.theta), c(self.A), c(self.b), self.q0, float(self.beta))
        return self.z0 + float(bound(objective, shape, max(math.sqrt(self.q0), 1e-12), np.empty((9, lo.size))))


@dataclass(frozen=True, eq=False)
class _Node:
    """A part of F: a box [lo, hi], and features that count as changed whether they change or not."""

    lo: Floats
    hi: Floats
    moving: Bools

    @property
    def free(self) -> Ints:
        return np.flatnonzero(self.hi > self.lo)


@dataclass(frozen=True, eq=False)
class _Bounded:
    """No plan of a node exceeds `upper`; the halves cover it."""

    upper: float
    halves: tuple[_Node, ...]


def _bounded(f: Lifted, node: _Node, ceiling: float) -> _Bounded:
    """The relaxation's bound on a node. `ceiling` is a known bound."""
    free = node.free
    fixed = node.lo.copy()
    fixed[free] = 0.0
    q0 = float(f.q0 + 2 * f.b @ fixed + fixed @ f.A @ fixed)
    base = float(f.z0 + f.theta @ fixed)
    if not free.size:
        return _Bounded(min(ceiling, base + f.beta * math.sqrt(max(q0, 0.0))), ())
    found = relax(_part(f, node, free, fixed, q0))
    upper = min(ceiling, base + found.upper)
    if upper == -math.inf:
        return _Bounded(upper, ())
    if not np.isfinite(found.delta).all():
        return _Bounded(upper, _cut(node, int(np.argmax(node.hi - node.lo)), 0.0))
    return _Bounded(upper, _branch(node, free, f.feasible.s, found.delta, found.squares, found.use))


def _part(f: Lifted, node: _Node, free: Ints, fixed: Floats, q0: float) -> Part:
    """The features of a node that are free, with what the fixed ones leave of the limits."""
    set_, w = f.feasible, f.feasible.W[free]
    spent, moved = set_.W * fixed, int(((node.hi == node.lo) & (node.lo != 0)).sum())
    return Part(
        f.theta[free],
        f.A[np.ix_(free, free)],
        (f.b + f.A @ fixed)[free],
        q0,
        f.beta,
        np.maximum(node.lo[free], -set_.gamma / w),  # every ball lies in this box
        np.minimum(node.hi[free], set_.gamma / w),
        w,
        math.inf if math.isinf(set_.p) else set_.gamma**2 - float(spent @ spent),  # the 2-ball holds the 1-ball
        set_.gamma - float(np.abs(spent).sum()) if set_.p == 1 else math.inf,
        set_.s - moved,
        node.moving[free],
    )


def _branch(node: _Node, free: Ints, s: int, delta: Floats, squares: Floats, use: Floats) -> tuple[_Node, ...]:
    """Two parts that cover the node: one feature fixed or counted as moving, otherwise one box split in two."""
    open_ = ~node.moving[free]
    moves = int((node.moving | ((node.hi == node.lo) & (node.lo != 0))).sum())
    if moves >= s and open_.any():  # all s changes are used: the other features stay unchanged
        rest = free[open_]
        if ((node.lo[rest] <= 0) & (node.hi[rest] >= 0)).all():
            still = replace(node, lo=_with(node.lo, rest, 0.0), hi=_with(node.hi, rest, 0.0))
            return (still,)
        return ()
    if len(free) > s - (moves - int(node.moving[free].sum())) and open_.any():
        j = int(free[open_][np.argmax(np.abs(delta[open_]) * (1 + use[open_]))])
        moving = node.moving.copy()
        moving[j] = True
        parts = [replace(node, moving=moving)]
        if node.lo[j] <= 0 <= node.hi[j]:
            parts.append(replace(node, lo=_with(node.lo, j, 0.0), hi=_with(node.hi, j, 0.0)))
        return tuple(parts)
    j = int(np.argmax(squares - delta**2))
    return _cut(node, int(free[j]), float(delta[j]))


def _cut(node: _Node, j: int, near: float) -> tuple[_Node, ...]:
    """The box in two at feature j, at `near` but well inside, so that every cut makes progress."""
    lo, hi = node.lo[j], node.hi[j]
    if hi - lo < 1e-6:
        return ()
    at = float(np.clip(near, lo + 0.2 * (hi - lo), hi - 0.2 * (hi - lo)))
    return replace(node, hi=_with(node.hi, j, at)), replace(node, lo=_with(node.lo, j, at))


def _with(array: Floats, at: int | Ints, value: float) -> Floats:
    out = array.copy()
    out[at] = value
    return out


def upper_bound(
    f: Lifted, lo: Floats, hi: Floats, target: float, tolerance: float = 1e-6, seconds: float = 0.4
) -> float:
    """A valid upper bound of one arm over F, refined until it is within `tolerance` of `target` or time is up.

    target: the value of a plan. The bound never falls below what is feasible, however accurate the solver; the effort
    cost is left out, which only makes it larger.
    """
    stop = time.monotonic() + seconds
    root = _Node(lo.copy(), hi.copy(), np.zeros(lo.size, bool))
    first = _bounded(f, root, f.cheap_bound(lo, hi))
    queue = [(-first.upper, 0, first)]
    count = 0
    settled = -math.inf
    while queue and time.monotonic() < stop:
        if -queue[0][0] <= target + tolerance:
            break
        _, _, worst = heapq.heappop(queue)
        if not worst.halves:
            settled = max(settled, worst.upper)
        for half in worst.halves:
            count += 1
            child = _bounded(f, half, worst.upper)
            if child.upper > -math.inf:
                heapq.heappush(queue, (-child.upper, count, child))
    return max(settled, -queue[0][0] if queue else -math.inf)


def certify(
    feasible: FeasibleSet,
    theta: Floats,
    A: Floats,
    contexts: Contexts,
    beta: float,
    value: float,
    realised: Floats | None = None,
    seconds: float = 0.4,
    link: Link = LINKS["identity"],
) -> Certificate:
    """How far a plan for one patient may be from the best one, over all eligible arms, on the scale of worth.

    Parameters
    ----------
    feasible, beta, realised : as in `optimistic.plan`.
    theta, A : (K, d) and (K, d, d).
    contexts : a batch of one, with what a reward is worth to it.
    value : the optimistic worth v mu(theta_a'x' + beta sqrt(x'A_a x')) + offset_a that the plan reaches.
    seconds : time for each arm; after it the bound reached so far is kept.
    link : mu.

    Returns
    -------
    Certificate : no other plan is better by more than its `gap`.

    Not guaranteed: a gap of 0 for the best plan, when time runs out first or the solver is inaccurate. Effort cost,
    min_gain and further limits are left out, which only makes the bound larger.

    References
    ----------
    Anstreicher 2009, "Semidefinite programming versus the reformulation-linearization technique for nonconvex
    quadratically constrained quadratic programming", J Glob Optim 43:471-484: the relaxation of the products.

    Examples
    --------
    >>> from libra_core.recourse.optimistic import plan
    >>> theta, A = np.array([[0.5, -0.6]]), 0.1 * np.eye(2)[None]
    >>> x, box = np.array([[1.0, 0.0]]), np.array([[1.0]])
    >>> patient = Contexts(x, -box, box, np.array([[True]]), np.array([0]))
    >>> best = plan(FeasibleSet((1.0,)), theta[None], A[None], patient, beta=1.0)
    >>> found = certify(FeasibleSet((1.0,)), theta, A, patient, 1.0, float(best.value[0, 0]), seconds=5.0)
    >>> found.gap < 1e-5
    True
    """
    x, lo, hi = contexts.x[0], contexts.lo[0], contexts.hi[0]
    weight, upper = float(contexts.weight[0]), value
    for k in np.flatnonzero(contexts.eligible[0]):
        f, offset = Lifted.of(theta[k], A[k], x, beta, feasible, realised), float(contexts.offset[0, k])
        target = link.index((upper - offset) / weight)  # the index at which this arm would do better
        if f.cheap_bound(lo, hi) > target:
            index = upper_bound(f, lo, hi, target, seconds=seconds)
            upper = max(upper, weight * float(link.mean(index)) + offset)
    return Certificate(value, upper)
