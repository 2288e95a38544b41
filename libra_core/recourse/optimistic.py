"""Optimistic recourse for all replicates and arms: the arm and change with the largest optimistic worth.

For each eligible arm, the index: max over delta in F of theta_a'x' + beta sqrt(x'A_a x') - (c/v) effort(delta). Arms
compete by its worth, v mu(index) + offset_a; v > 0 and the offsets do not touch the inner problem. One call into
compiled code. Without `table`, arms that a valid upper bound rules out are not solved; the choice is the same
(tested). The global maximum is not guaranteed here: `certificate.py` bounds the gap, on demand.
"""

from __future__ import annotations

import math

import numpy as np

from libra_core.arrays import Floats
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import LINKS, Link, mean_at
from libra_core.kernels import kernel
from libra_core.problem import Contexts
from libra_core.recourse.ascent import Objective, Shape, bound, drop_idle, gradient, greedy, solve
from libra_core.recourse.plans import Plans


@kernel
def _reduce(theta, A, x, realised, theta_m, A_mm, b):
    """Reduce one arm to its mutable block, scaled by the realised share. Returns (theta'x, x'A x)."""
    d, d_m = x.size, b.size
    d_i = d - d_m
    z, q = 0.0, 0.0
    for i in range(d):
        row = 0.0
        for j in range(d):
            row += A[i, j] * x[j]
        q += row * x[i]
        z += theta[i] * x[i]
        if i >= d_i:
            b[i - d_i] = row * realised[i - d_i]
    for i in range(d_m):
        theta_m[i] = theta[d_i + i] * realised[i]
        for j in range(d_m):
            A_mm[i, j] = A[d_i + i, d_i + j] * realised[i] * realised[j]
    return z, q


@kernel
def _worth(code, weight, offset, level, index):
    """What an arm competes by; offsets that are level leave the order to the index itself, to the last digit."""
    return index if level or index == -math.inf else weight * mean_at(code, index) + offset


@kernel
def _plan(theta, A, x, lo, hi, eligible, v, offset, code, w, realised, gamma, p, s, beta, cost, min_gain, table, out):
    """Fill out = (arm, delta, z, width, value); see Plans. Arms are tried in the order of their upper bound."""
    arm, delta, z, width, value = out
    R, K, d_m = delta.shape
    theta_m, A_mm, b = np.empty((K, d_m)), np.empty((K, d_m, d_m)), np.empty((K, d_m))
    z0, q0, ceiling = np.empty(K), np.empty(K), np.empty(K)
    starts, values, work, trial = np.empty((2 * d_m + 1, d_m)), np.empty(2 * d_m + 1), np.empty((9, d_m)), np.empty(d_m)
    for r in range(R):
        F = Shape(w, lo[r], hi[r], gamma, p, s, cost / v[r])
        level = True
        for k in range(1, K):
            level = level and offset[r, k] == offset[r, 0]
        for k in range(K):
            value[r, k] = -math.inf
            ceiling[k] = -math.inf
            if eligible[r, k]:
                z0[k], q0[k] = _reduce(theta[r, k], A[r, k], x[r], realised, theta_m[k], A_mm[k], b[k])
                ceiling[k] = math.inf
                if not table:
                    f = Objective(theta_m[k], A_mm[k], b[k], q0[k], beta)
                    near = greedy(f, F, trial, work)
                    upper = z0[k] + bound(f, F, max(near, 1e-12), work)
                    ceiling[k] = _worth(code, v[r], offset[r, k], level, upper)
        best = -math.inf
        for _ in range(K):
            k = -1
            for j in range(K):
                if ceiling[j] > -math.inf and (k < 0 or ceiling[j] > ceiling[k]):
                    k = j
            if k < 0 or ceiling[k] < best:
                break
            ceiling[k] = -math.inf
            f = Objective(theta_m[k], A_mm[k], b[k], q0[k], beta)
            reached = solve(f, F, trial, starts, values, work)
            if min_gain > 0.0:
                reached = drop_idle(f, F, trial, reached, min_gain / v[r], work)
            delta[r, k] = trial
            value[r, k] = z0[k] + reached
            gain = 0.0
            for j in range(d_m):
                gain += theta_m[k, j] * trial[j]
            z[r, k] = z0[k] + gain
            plain = gradient(Objective(theta_m[k], A_mm[k], b[k], q0[k], 1.0), trial, work[4])
            width[r, k] = plain - gain
            best = max(best, _worth(code, v[r], offset[r, k], level, value[r, k]))
        arm[r] = 0
        best = -math.inf
        for k in range(K):
            worth = _worth(code, v[r], offset[r, k], level, value[r, k])
            if worth > best:
                arm[r], best = k, worth


def plan(
    feasible: FeasibleSet,
    theta: Floats,
    A: Floats,
    contexts: Contexts,
    beta: float,
    realised: Floats | None = None,
    cost: float = 0.0,
    min_gain: float = 0.0,
    table: bool = False,
    link: Link = LINKS["identity"],
) -> Plans:
    """The arm and the change with the largest optimistic worth, for each of R contexts.

    Maximises v mu(theta_a'x' + beta sqrt(x'A_a x') - (cost/v) effort(delta)) + offset_a over eligible arms and delta in
    F, with x' = (x_I, x_M + realised * delta), v and offset from `contexts`.

    Parameters
    ----------
    feasible : the set F without the box, which arrives with each context.
    theta : (R, K, d), one estimate for each replicate and arm.
    A : (R, K, d, d), inverse precision.
    contexts : R arrivals.
    beta : confidence radius, >= 0; 0 gives the best plan under `theta` itself, exactly.
    realised : (d_M,), share of an advised change that is counted on; 1 by default.
    cost, min_gain : see `PolicyConfig`; divided by v, since an index is worth v times as much.
    table : solve every eligible arm, not only those that can win.
    link : mu; the arms' order needs it where offsets differ.

    Returns
    -------
    Plans : the chosen arms, and for each arm solved its change, index, width and value.

    Raises
    ------
    ValueError : a context has no eligible arm.

    Not guaranteed: the global maximum for beta > 0. The objective is convex in delta, so a climb may end in a local
    maximum; `certificate.certify` bounds the gap.

    References
    ----------
    Cao, Gao, Keyvanshokooh, Ma 2026 (arXiv 2601.11905).

    Examples
    --------
    Two arms, one habit that may fall by at most 1: the second arm gains from it.

    >>> import numpy as np
    >>> theta = np.array([[[0.5, 0.1], [0.2, -0.6]]])
    >>> x, box, both = np.array([[1.0, 0.0]]), np.array([[1.0]]), np.array([[True, True]])
    >>> patient = Contexts(x, -box, 0 * box, both, np.array([0]))
    >>> plans = plan(FeasibleSet((1.0,)), theta, np.zeros((1, 2, 2, 2)), patient, beta=0.0)
    >>> int(plans.arm[0]), float(plans.delta[0, 1, 0]), round(float(plans.value[0, 1]), 6)
    (1, -1.0, 0.8)
    """
    R, K, _ = theta.shape
    d_m = contexts.lo.shape[1]
    if not contexts.eligible.any(axis=1).all():
        raise ValueError("a patient has no eligible arm: the protocol must always leave one")
    out = (np.empty(R, np.int64), np.zeros((R, K, d_m)), np.zeros((R, K)), np.zeros((R, K)), np.empty((R, K)))
    realised = np.ones(d_m) if realised is None else realised
    c = np.ascontiguousarray
    limited = bool(feasible.constraints)  # then `refine` follows: solve every arm, drop nothing yet
    drop = 0.0 if limited else float(min_gain)
    _plan(
        c(theta), c(A), c(contexts.x), c(contexts.lo), c(contexts.hi), c(contexts.eligible), c(contexts.weight),
        c(contexts.offset), link.code, feasible.W, c(realised), float(feasible.gamma), feasible.p_code, feasible.s,
        float(beta), float(cost), drop, table or limited, out,
    )  # fmt: skip
    plans = Plans(*out)
    if not limited:
        return plans
    from libra_core.recourse.convex import refine  # here: its solver takes a moment to import, and few need it

    return refine(feasible, theta, A, contexts, beta, realised, cost, min_gain, table, link, plans, plan)
