"""Certificates, through cvxpy: an upper bound that no plan within the limits can beat.

For displayed recommendations, tests and benchmarks; not for the batch loop. One arm's problem is lifted to
(delta, D), where D stands for delta delta': x'A x' becomes linear and the objective concave. Branch and bound closes
the gap of this relaxation: first on which features may move, then on the box of one of them.
"""

from __future__ import annotations

import heapq
import math
import time
import warnings
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np

from libra_core.arrays import Bools, Floats, Ints
from libra_core.feasible import FeasibleSet
from libra_core.problem import Contexts
from libra_core.recourse.ascent import Objective, Shape, bound

ACCURACY = {"tol_gap_abs": 1e-7, "tol_gap_rel": 1e-7, "tol_feas": 1e-7, "equilibrate_max_iter": 30}


@dataclass(frozen=True)
class Certificate:
    """value: of the plan; upper: no feasible plan exceeds it, up to the solver's tolerance (about 1e-7)."""

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
class _Bound:
    """The lifted problem's value on a node, and where to branch."""

    upper: float
    halves: tuple[_Node, ...]


def _relax(f: Lifted, node: _Node, ceiling: float) -> _Bound:
    """Solve the lifted problem on a node. `ceiling` is a known bound, kept where the solver fails."""
    free = node.free
    fixed = node.lo.copy()
    fixed[free] = 0.0
    q0 = float(f.q0 + 2 * f.b @ fixed + fixed @ f.A @ fixed)
    if not free.size:
        return _Bound(min(ceiling, float(f.z0 + f.theta @ fixed) + f.beta * math.sqrt(max(q0, 0.0))), ())
    lo, hi, w, n = node.lo[free], node.hi[free], f.feasible.W[free], free.size
    lifted = cp.Variable((n + 1, n + 1), PSD=True)
    delta, D, use = lifted[0, 1:], lifted[1:, 1:], cp.Variable(n)
    rules = [lifted[0, 0] == 1, delta >= lo, delta <= hi, use >= node.moving[free], use <= 1]
    rules += _products(delta, D, lo, hi) + _radius(f, delta, D, w, fixed) + _changes(f, delta, D, use, lo, hi, node)
    b = (f.b + f.A @ fixed)[free]
    q = q0 + 2 * b @ delta + cp.sum(cp.multiply(f.A[np.ix_(free, free)], D))
    # unit-sized quantities are solved more accurately: q in units of its largest term, the objective in its root's
    unit = max(q0, float(np.abs(b).max()), float(np.abs(f.A).max()), 1e-12)
    scale = f.beta * math.sqrt(unit) if f.beta > 0 else 1.0
    problem = cp.Problem(
        cp.Maximize((f.theta[free] / scale) @ delta + (f.beta / scale * math.sqrt(unit)) * cp.sqrt(q / unit)), rules
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # inaccurate solutions are handled below
        try:
            problem.solve(solver=cp.CLARABEL, **ACCURACY)
        except cp.SolverError:
            return _Bound(ceiling, _cut(node, int(np.argmax(node.hi - node.lo)), 0.0))
    if problem.status == cp.INFEASIBLE:  # "inaccurate" statuses prove nothing: they keep the coarser bound
        return _Bound(-math.inf, ())
    if problem.status != cp.OPTIMAL:
        return _Bound(ceiling, _cut(node, int(np.argmax(node.hi - node.lo)), 0.0))
    upper = min(ceiling, float(f.z0 + f.theta @ fixed) + scale * float(problem.value))
    found = (np.asarray(v.value, dtype=float) for v in (delta, cp.diag(D), use))
    return _Bound(upper, _branch(node, free, f.feasible.s, *found))


def _products(delta: cp.Expression, D: cp.Expression, lo: Floats, hi: Floats) -> list[cp.Constraint]:
    """Products of box constraints, linear in (delta, D): (h-d)(h-d)' >= 0, (d-l)(d-l)' >= 0, (h-d)(d-l)' >= 0."""
    n = lo.size
    row, col = cp.reshape(delta, (1, n), order="C"), cp.reshape(delta, (n, 1), order="C")
    H, L = hi[:, None], lo[:, None]
    return [
        D - H @ row - col @ H.T + H @ H.T >= 0,
        D - L @ row - col @ L.T + L @ L.T >= 0,
        H @ row - H @ L.T - D + col @ L.T >= 0,
    ]


def _radius(f: Lifted, delta: cp.Expression, D: cp.Expression, w: Floats, fixed: Floats) -> list[cp.Constraint]:
    """||W delta||_p <= gamma, and its square in D (the 2-norm ball contains the 1-norm ball)."""
    scaled = cp.multiply(w, delta)
    spent = f.feasible.W * fixed
    if math.isinf(f.feasible.p):
        return [cp.norm_inf(scaled) <= f.feasible.gamma]
    left = f.feasible.gamma**2 - float(spent @ spent)
    squares = cp.sum(cp.multiply(w * w, cp.diag(D)))
    if f.feasible.p == 1:
        return [cp.norm1(scaled) <= f.feasible.gamma - float(np.abs(spent).sum()), squares <= left]
    return [squares <= left]


def _changes(
    f: Lifted, delta: cp.Expression, D: cp.Expression, use: cp.Variable, lo: Floats, hi: Floats, node: _Node
) -> list[cp.Constraint]:
    """At most s changes, relaxed: delta_j^2 <= D_jj use_j, |D_ij| <= reach_i reach_j use_i, sum use <= s."""
    fixed_moves = int(((node.hi == node.lo) & (node.lo != 0)).sum())
    n = lo.size
    if fixed_moves + n <= f.feasible.s:
        return []
    reach = np.maximum(np.abs(lo), np.abs(hi))
    outer = np.outer(reach, reach)
    by_row = cp.multiply(outer, cp.reshape(use, (n, 1), order="C") @ np.ones((1, n)))
    squares = cp.diag(D)
    cones = [cp.norm(cp.hstack([2 * delta[j], squares[j] - use[j]])) <= squares[j] + use[j] for j in range(n)]
    return [cp.sum(use) <= f.feasible.s - fixed_moves, by_row >= D, by_row >= -D, *cones]


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

    target: the value of a plan. The bound never falls below what is feasible, up to solver tolerance;
    the effort cost is left out, which only makes it larger. Where the solver fails, a coarser bound is kept.
    """
    stop = time.monotonic() + seconds
    root = _Node(lo.copy(), hi.copy(), np.zeros(lo.size, bool))
    first = _relax(f, root, f.cheap_bound(lo, hi))
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
            child = _relax(f, half, worst.upper)
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
) -> Certificate:
    """How far a plan for one patient may be from the best one, over all eligible arms, on the index scale.

    Parameters
    ----------
    feasible, beta, realised : as in `optimistic.plan`.
    theta, A : (K, d) and (K, d, d).
    contexts : a batch of one.
    value : the optimistic value theta'x' + beta sqrt(x'A x') of the plan.
    seconds : time for each arm; after it the bound reached so far is kept.

    Returns
    -------
    Certificate : no other plan is better by more than its `gap`.

    Not guaranteed: a gap of 0 for the best plan, when time runs out first; nor digits beyond the solver's tolerance of
    about 1e-7. Effort cost, min_gain and further limits are left out, which only makes the bound larger.

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
    upper = value
    for k in np.flatnonzero(contexts.eligible[0]):
        f = Lifted.of(theta[k], A[k], x, beta, feasible, realised)
        if f.cheap_bound(lo, hi) > upper:
            upper = max(upper, upper_bound(f, lo, hi, upper, seconds=seconds))
    return Certificate(value, upper)
