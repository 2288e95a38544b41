"""An advisor's answer as an observation of theta: a softmax choice among the arms, each at its best change.

    P(l | x) = exp(u_l / tau) / sum_a exp(u_a / tau),    u_a = theta_a'x_a + h_a + nu_a,

x_a the features at the best change of arm a under the estimate, h_a the declared offset of the arm on the index scale,
nu_a the advisor's liking for the arm, which is not about the patient. A reward is never invented: an answer moves
theta along the score of log P and adds the information of the choice, weighted by eta < 1.
"""

from __future__ import annotations

import math

import numpy as np

from libra_core.glm.link import IDENTITY, mean_at
from libra_core.kernels import kernel

LEAST = 0.02  # the least information of a choice about an arm, as SLOPE_FLOOR is for a reward
FAR = 1e-3  # an arm less probable than this was not in question


@kernel
def read_choices(u, liking, x, eligible, rows, arm, delta, best, realised, tau, rate, p, seen, pull):
    """The score of n choices in theta, and the liking for arms, which is learned here (R, K), in place.

    u (n, K): theta_a'x_a + h_a; x (n, d); arm (n,), delta (n, d_M): the answers; best (n, K, d_M): each arm's best
    change. Writes p (n, K), the features seen (n, K, d), which of the arm named are those of the answer, and pull
    (n, K, d) = x_l - p_l x_l* for the arm named and - p_a x_a for the others, where x_l* is its best change.
    """
    n, K, d_m = best.shape
    d = x.shape[1]
    for i in range(n):
        r, named = rows[i], arm[i]
        top = -math.inf
        for k in range(K):
            if eligible[i, k]:
                p[i, k] = (u[i, k] + liking[r, k]) / tau
                top = max(top, p[i, k])
        total = 0.0
        for k in range(K):
            p[i, k] = math.exp(p[i, k] - top) if eligible[i, k] else 0.0
            total += p[i, k]
        for k in range(K):
            p[i, k] /= total
            hit = 1.0 if k == named else 0.0
            if eligible[i, k]:
                liking[r, k] += rate * tau * (hit - p[i, k])
            for j in range(d):
                seen[i, k, j] = x[i, j]
                pull[i, k, j] = (hit - p[i, k]) * x[i, j]
            for j in range(d_m):
                m = d - d_m + j
                seen[i, k, m] += realised[j] * (delta[i, j] if k == named else best[i, k, j])
                pull[i, k, m] += realised[j] * (hit * delta[i, j] - p[i, k] * best[i, k, j])


@kernel
def _grow(P, x, weight, u):
    """V += weight x x' in P = V^-1. Returns the growth of log det V."""
    d = x.size
    q = 0.0
    for a in range(d):
        row = 0.0
        for b in range(d):
            row += P[a, b] * x[b]
        u[a] = row
        q += row * x[a]
    shrink = weight / (1.0 + weight * q)
    for a in range(d):
        for b in range(d):
            P[a, b] -= shrink * (u[a] * u[b])
    return math.log1p(weight * q)


@kernel
def _climb(theta, P, pull, step):
    """theta += step P pull."""
    d = theta.size
    for a in range(d):
        row = 0.0
        for b in range(d):
            row += P[a, b] * pull[b]
        theta[a] += step * row


@kernel
def choose_apart(theta, P, log_det, rows, p, seen, pull, information, step):
    """Learn n choices into separate estimates theta (R, K, d), P (R, K, d, d): the blocks of the information on the
    diagonal, p (1 - p) x x' for each arm; what an answer says about two arms together is left out."""
    n, K, d = seen.shape
    u = np.empty(d)
    for i in range(n):
        r = rows[i]
        for k in range(K):
            if p[i, k] > FAR:
                weight = information * max(p[i, k] * (1.0 - p[i, k]), LEAST)
                log_det[r, k] += _grow(P[r, k], seen[i, k], weight, u)
                _climb(theta[r, k], P[r, k], pull[i, k], step)


@kernel
def choose_jointly(theta, P, rows, p, seen, pull, information, step):
    """Learn n choices into joint estimates theta (R, d (K + 1)), P: the whole information, sum_a p_a (y_a - y)(..)',
    with y_a = (x_a, 0 .. x_a .. 0) and y their mean, so that what all arms share cancels."""
    n, K, d = seen.shape
    D = d * (K + 1)
    mean, y, u = np.empty(D), np.empty(D), np.empty(D)
    for i in range(n):
        r = rows[i]
        mean[:] = 0.0
        for k in range(K):
            for j in range(d):
                mean[j] += p[i, k] * seen[i, k, j]
                mean[(1 + k) * d + j] = p[i, k] * seen[i, k, j]
        for k in range(K):
            if p[i, k] > FAR:
                for j in range(D):
                    y[j] = -mean[j]
                for j in range(d):
                    y[j] += seen[i, k, j]
                    y[(1 + k) * d + j] += seen[i, k, j]
                _grow(P[r], y, information * max(p[i, k], LEAST), u)
        y[:] = 0.0
        for k in range(K):
            for j in range(d):
                y[j] += pull[i, k, j]
                y[(1 + k) * d + j] = pull[i, k, j]
        _climb(theta[r], P[r], y, step)


@kernel
def _surprise(link, binary, noise, theta, A, x, reward):
    """-log of the predictive density of a reward, the doubt of the estimate included; up to a constant."""
    d = x.size
    z, q = 0.0, 0.0
    for i in range(d):
        row = 0.0
        for j in range(d):
            row += A[i, j] * x[j]
        q += row * x[i]
        z += theta[i] * x[i]
    q = max(q, 0.0)
    if binary:
        mean = mean_at(link, z / math.sqrt(1.0 + 0.125 * math.pi * q))
        return -math.log(max(mean if reward > 0.5 else 1.0 - mean, 1e-12))
    error = (mean_at(link, z) - reward) / noise
    spread = 1.0 + q if link == IDENTITY else 1.0
    return 0.5 * math.log(spread) + 0.5 * error * error / spread


@kernel
def foresight(link, binary, noise, theta, A, other_theta, other_A, arm, x, reward, out):
    """out (R,): by how many nats the other estimate foretold each reward better than this one."""
    for r in range(x.shape[0]):
        k = arm[r]
        mine = _surprise(link, binary, noise, theta[r, k], A[r, k], x[r], reward[r])
        out[r] = mine - _surprise(link, binary, noise, other_theta[r, k], other_A[r, k], x[r], reward[r])
