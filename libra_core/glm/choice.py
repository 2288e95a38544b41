"""An advisor's answer as an observation of theta: a softmax choice among the arms, each at its best change.

    P(l | x) = exp(u_l / tau) / sum_a exp(u_a / tau),    u_a = theta_a'x_a + h_a + nu_a,

x_a the features at the best change of arm a, h_a its declared offset on the index scale, nu_a the advisor's liking for
the arm, which is not about the patient. No reward is invented and no doubt is removed: the score of log P is added up in
a tilt c (R, K, d), and the advised estimate is the own one, moved by it: theta_J = theta_O + A c. For the identity link
that is the ridge estimate with another prior mean; it fades as 1/n while rewards come in.
"""

from __future__ import annotations

import math

import numpy as np

from libra_core.arrays import Floats, Ints
from libra_core.glm.link import IDENTITY, mean_at
from libra_core.kernels import kernel


def softmax(u: Floats) -> Floats:
    """exp(u) / sum exp(u) by row; -inf: not on offer."""
    p = np.exp(u - u.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def score(p: Floats, best: Floats, arm: Ints, said: Floats) -> Floats:
    """tau times the gradient of log P in theta, (n, K, d): x_l - p_l x_l* of the arm named, - p_a x_a of the others.

    p (n, K); best (n, K, d): the features at each arm's best change; arm (n,), said (n, d): those of the answer.
    """
    pull = -p[:, :, None] * best
    pull[np.arange(len(arm)), arm] += said
    return np.asarray(pull)


@kernel
def _surprise(link, binary, noise, z, q, reward):
    """-log of the predictive density of a reward at index z, the estimate's own variance q included; up to a constant."""
    if binary:
        mean = mean_at(link, z / math.sqrt(1.0 + 0.125 * math.pi * q))
        return -math.log(max(mean if reward > 0.5 else 1.0 - mean, 1e-12))
    error = (mean_at(link, z) - reward) / noise
    return 0.5 * error * error / (1.0 + q if link == IDENTITY else 1.0)


@kernel
def foresight(link, binary, noise, theta, A, advised, arm, x, reward, out):
    """out (n,): by how many nats theta + advised foretold each reward better than theta. All (n, K, ..)."""
    d = x.shape[1]
    for r in range(x.shape[0]):
        k = arm[r]
        z, shift, q = 0.0, 0.0, 0.0
        for i in range(d):
            row = 0.0
            for j in range(d):
                row += A[r, k, i, j] * x[r, j]
            q += row * x[r, i]
            z += theta[r, k, i] * x[r, i]
            shift += advised[r, k, i] * x[r, i]
        q = max(q, 0.0)
        mine = _surprise(link, binary, noise, z, q, reward[r])
        out[r] = mine - _surprise(link, binary, noise, z + shift, q, reward[r])
