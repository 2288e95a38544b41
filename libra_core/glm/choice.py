"""An advisor's answer as an observation of theta: a softmax choice among the arms, each at its best change.

    P(l | x) = exp(u_l / tau) / sum_a exp(u_a / tau),    u_a = theta_a'x_a + h_a + nu_a,

x_a the features at the best change of arm a, h_a its declared offset on the index scale, nu_a the advisor's liking
for the arm, which is not about the patient. No reward is invented and no doubt is removed: the score of log P is added
up in a tilt c (R, K, d), and the advised estimate is the own one, moved by it: theta_J = theta_O + A c. For the
identity link that is the ridge estimate with another prior mean; it fades as 1/n while rewards come in.
"""

from __future__ import annotations

import math

from libra_core.glm.estimator import index_and_variance
from libra_core.glm.link import IDENTITY, predictive_mean
from libra_core.kernels import kernel


@kernel
def read_answers(
    z, offset, liking, x, eligible, v, rows, arm, delta, best, own_arm, own_delta, realised, tau, rate, features,
    declared, p, seen, pull,
):  # fmt: skip
    """What n answers say, for the replicates `rows`; liking, features and declared (R, ..) are updated in place.

    z, offset (n, K): index of each arm at its best change `best` (n, K, d_M), and its declared offset as index; arm
    (n,), delta (n, d_M): the answer; own_arm, own_delta: the plan without it. Writes p (n, K), the features at each
    arm's best change seen (n, K, d), and pull (n, K, d), tau times the score: x_l - p_l x_l* for the arm named,
    - p_a x_a for the others. features += v (x advised - x own), by arm; declared += v (offset advised - offset own).
    """
    n, K, d_m = best.shape
    d = x.shape[1]
    for i in range(n):
        r = rows[i]
        top = -math.inf
        for k in range(K):
            p[i, k] = (z[i, k] + offset[i, k] + liking[r, k]) / tau if eligible[i, k] else -math.inf
            top = max(top, p[i, k])
        total = 0.0
        for k in range(K):
            p[i, k] = math.exp(p[i, k] - top)
            total += p[i, k]
        for k in range(K):
            p[i, k] /= total
            named = 1.0 if k == arm[i] else 0.0
            mine = 1.0 if k == own_arm[i] else 0.0
            if eligible[i, k]:
                liking[r, k] += rate * tau * (named - p[i, k])
            for j in range(d):
                seen[i, k, j] = x[i, j]
                pull[i, k, j] = (named - p[i, k]) * x[i, j]
                features[r, k, j] += v[i] * (named - mine) * x[i, j]
            for m in range(d_m):
                j = d - d_m + m
                seen[i, k, j] += realised[m] * best[i, k, m]
                pull[i, k, j] += realised[m] * (named * delta[i, m] - p[i, k] * best[i, k, m])
                features[r, k, j] += v[i] * realised[m] * (named * delta[i, m] - mine * own_delta[i, m])
        declared[r] += v[i] * (offset[i, arm[i]] - offset[i, own_arm[i]])


@kernel
def step_along(rows, p, seen, pull, move, tau, weight, c):
    """c (R, K, d) += s pull for the replicates `rows`; move (n, K, d) = A pull.

    s is weight / tau, damped by a Newton step of log P along the pull: where A is large an answer must not overshoot.
    """
    n, K, d = pull.shape
    for i in range(n):
        slope, mean, square = 0.0, 0.0, 0.0
        for k in range(K):
            rise = 0.0
            for j in range(d):
                slope += pull[i, k, j] * move[i, k, j]
                rise += seen[i, k, j] * move[i, k, j]
            mean += p[i, k] * rise
            square += p[i, k] * rise * rise
        step = 1.0 / (tau / weight + max(square - mean * mean, 0.0) / (max(slope, 1e-12) * tau))
        for k in range(K):
            for j in range(d):
                c[rows[i], k, j] += step * pull[i, k, j]


@kernel
def _surprise(link, binary, noise, z, q, reward):
    """-log of the predictive density of a reward at index z, the estimate's variance q included; up to a constant."""
    mean = predictive_mean(link, z, q)
    if binary:
        return -math.log(max(mean if reward > 0.5 else 1.0 - mean, 1e-12))
    error = (mean - reward) / noise
    return 0.5 * error * error / (1.0 + q if link == IDENTITY else 1.0)


@kernel
def foresight(link, binary, noise, theta, A, rows, tilt, arm, x, reward, gain):
    """gain (R,) += by how many nats theta + tilt foretold the reward better than theta; tilt (n, K, d), of `rows`."""
    for i in range(rows.size):
        r = rows[i]
        k = arm[r]
        z, q = index_and_variance(theta[r, k], A[r, k], x[r])
        shift = 0.0
        for j in range(x.shape[1]):
            shift += tilt[i, k, j] * x[r, j]
        mine = _surprise(link, binary, noise, z, q, reward[r])
        gain[r] += mine - _surprise(link, binary, noise, z + shift, q, reward[r])
