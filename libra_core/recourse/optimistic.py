"""Optimistic recourse for all replicates and arms: the arm and change with the largest optimistic value.

For each eligible arm: max over delta in F of theta_a'x' + beta sqrt(x'A_a x') - c effort(delta). One call into
compiled code. Without `table`, arms that a valid upper bound rules out are not solved; the choice is the same
(tested). The global maximum is not guaranteed here: `certificate.py` bounds what is left, on demand.
"""

from __future__ import annotations

import math

import numpy as np

from libra_core.arrays import Floats
from libra_core.feasible import FeasibleSet
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
def _plan(theta, A, x, lo, hi, eligible, w, realised, gamma, p, s, beta, cost, min_gain, table, out):
    """Fill out = (arm, delta, z, width, value); see Plans. Arms are tried in the order of their upper bound."""
    arm, delta, z, width, value = out
    R, K, d_m = delta.shape
    theta_m, A_mm, b = np.empty((K, d_m)), np.empty((K, d_m, d_m)), np.empty((K, d_m))
    z0, q0, ceiling = np.empty(K), np.empty(K), np.empty(K)
    starts, values, work, trial = np.empty((2 * d_m + 1, d_m)), np.empty(2 * d_m + 1), np.empty((9, d_m)), np.empty(d_m)
    for r in range(R):
        F = Shape(w, lo[r], hi[r], gamma, p, s, cost)
        for k in range(K):
            value[r, k] = -math.inf
            ceiling[k] = -math.inf
            if eligible[r, k]:
                z0[k], q0[k] = _reduce(theta[r, k], A[r, k], x[r], realised, theta_m[k], A_mm[k], b[k])
                ceiling[k] = math.inf
                if not table:
                    f = Objective(theta_m[k], A_mm[k], b[k], q0[k], beta)
                    near = greedy(f, F, trial, work)
                    ceiling[k] = z0[k] + bound(f, F, max(near, 1e-12), work)
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
                reached = drop_idle(f, F, trial, reached, min_gain, work)
            delta[r, k] = trial
            value[r, k] = z0[k] + reached
            gain = 0.0
            for j in range(d_m):
                gain += theta_m[k, j] * trial[j]
            z[r, k] = z0[k] + gain
            plain = gradient(Objective(theta_m[k], A_mm[k], b[k], q0[k], 1.0), trial, work[4])
            width[r, k] = plain - gain
            best = max(best, value[r, k])
        arm[r] = 0
        for k in range(K):
            if value[r, k] > value[r, arm[r]]:
                arm[r] = k


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
) -> Plans:
    """Solve the inner problem for R contexts: theta (R, K, d), A (R, K, d, d), beta >= 0.

    realised (d_M,): share of an advised change that is counted on (default 1). cost, min_gain: see PolicyConfig.
    table: solve every eligible arm, not only those that can win. Raises ValueError if a context has no eligible arm.
    """
    R, K, _ = theta.shape
    d_m = contexts.lo.shape[1]
    if not contexts.eligible.any(axis=1).all():
        raise ValueError("a patient has no eligible arm: the protocol must always leave one")
    out = (np.empty(R, np.int64), np.zeros((R, K, d_m)), np.zeros((R, K)), np.zeros((R, K)), np.empty((R, K)))
    realised = np.ones(d_m) if realised is None else realised
    c = np.ascontiguousarray
    limited = bool(feasible.constraints)  # then this is the first half: every arm, nothing dropped yet
    drop = 0.0 if limited else float(min_gain)
    _plan(
        c(theta), c(A), c(contexts.x), c(contexts.lo), c(contexts.hi), c(contexts.eligible), feasible.W, c(realised),
        float(feasible.gamma), feasible.p_code, feasible.s, float(beta), float(cost), drop,
        table or limited, out,
    )  # fmt: skip
    plans = Plans(*out)
    if not limited:
        return plans
    from libra_core.recourse.convex import refine  # here: cvxpy takes a second to import, and few need it

    return refine(feasible, theta, A, contexts, beta, realised, cost, min_gain, table, plans)
