"""An advisor's answer as an observation of theta: a softmax choice among the arms, each at its best change.

    P(l | x) = exp(u_l / tau) / sum_a exp(u_a / tau),    u_a = theta_a'x_a + h_a + nu_a,

x_a the features at the best change of arm a, h_a its declared offset on the index scale, nu_a the advisor's liking for
the arm, which is not about the patient. No reward is invented and no doubt is removed: the score of log P is added up in
a tilt c (R, K, d), and the advised estimate is the own one, moved by it: theta_J = theta_O + A c. For the identity link
that is the ridge estimate with another prior mean; it fades as 1/n while rewards come in.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from libra_core.arrays import Floats, Ints
from libra_core.glm.link import IDENTITY, mean_at
from libra_core.kernels import kernel


def lesson(
    u: Floats, best: Floats, arm: Ints, said: Floats, tau: float, weight: float, tilt: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """(p (n, K), what n answers add to the tilt (n, K, d)).

    u (n, K): index of each arm at its best change, -inf where it is not on offer; best (n, K, d): the features there;
    arm (n,), said (n, d): those of the answer; weight: sigma^2 eta; tilt(c) = A c.

    The score of log P is pull / tau, pull = x_l - p_l x_l* for the arm named and - p_a x_a for the others. Its step is
    weight / tau, damped by a Newton step along it: where A is large an answer must not overshoot what it says.
    """
    p = np.exp((u - u.max(axis=1, keepdims=True)) / tau)
    p /= p.sum(axis=1, keepdims=True)
    pull = -p[:, :, None] * best
    pull[np.arange(len(arm)), arm] += said
    move = tilt(pull)
    rise = np.einsum("nkd,nkd->nk", best, move)  # of each arm's index for a unit step
    slope = np.maximum(np.einsum("nkd,nkd->n", pull, move), 1e-12)
    curve = np.maximum((p * rise**2).sum(axis=1) - (p * rise).sum(axis=1) ** 2, 0.0)
    step = 1.0 / (tau / weight + curve / (slope * tau))
    return p, step[:, None, None] * pull


@kernel
def _surprise(link, binary, noise, z, q, reward):
    """-log of the predictive density of a reward at index z, the estimate's own variance q included; up to a constant."""
    if binary:
        mean = mean_at(link, z / math.sqrt(1.0 + 0.125 * math.pi * q))
        return -math.log(max(mean if reward > 0.5 else 1.0 - mean, 1e-12))
    error = (mean_at(link, z) - reward) / noise
    return 0.5 * error * error / (1.0 + q if link == IDENTITY else 1.0)


@kernel
def foresight(link, binary, noise, theta, A, rows, tilt, arm, x, reward, gain):
    """gain (R,) += by how many nats theta + tilt foretold the reward better than theta; tilt (n, K, d) of `rows` (n,)."""
    d = x.shape[1]
    for i in range(rows.size):
        r = rows[i]
        k = arm[r]
        z, shift, q = 0.0, 0.0, 0.0
        for j in range(d):
            row = 0.0
            for m in range(d):
                row += A[r, k, j, m] * x[r, m]
            q += row * x[r, j]
            z += theta[r, k, j] * x[r, j]
            shift += tilt[i, k, j] * x[r, j]
        q = max(q, 0.0)
        mine = _surprise(link, binary, noise, z, q, reward[r])
        gain[r] += mine - _surprise(link, binary, noise, z + shift, q, reward[r])
