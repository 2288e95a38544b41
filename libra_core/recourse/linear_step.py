"""The exact linear step: argmax of g' delta over the feasible set F, in closed form for p = 1, 2 and inf.

With v_j = w_j |delta_j|, a_j = |g_j| / w_j and b_j the room in the direction of g_j (in units of v), the problem is

    max a'v   s.t.  0 <= v <= b,  ||v||_p <= gamma,  at most s non-zero v.

p = inf is separable; p = 1 is a fractional knapsack; p = 2 is water filling, v_j = min(b_j, tau a_j). Which s
coordinates to keep: for p = 2 a Lagrangian gives a set and proves it optimal when the set is the best one at its
own multiplier; where it is not, and for p = 1, all supports are searched (up to EXACT_SUPPORTS coordinates; beyond
that the best set found is kept and optimality is not guaranteed).
"""

from __future__ import annotations

import math

import numpy as np

from libra_core.arrays import Floats
from libra_core.kernels import inlined, kernel

EXACT_SUPPORTS = 12


@kernel
def _fill(a: Floats, b: Floats, mask: int, gamma: float, p: int, v: Floats) -> float:
    """Best v on the support `mask` (bit j set = coordinate j may move). Returns a'v, writes v."""
    d = a.size
    value = 0.0
    if p == 0:
        for j in range(d):
            v[j] = min(b[j], gamma) if mask >> j & 1 else 0.0
            value += a[j] * v[j]
        return value
    if p == 1:
        left = gamma
        for j in range(d):
            v[j] = 0.0
        while left > 0.0:
            best = -1
            for j in range(d):
                if mask >> j & 1 and v[j] == 0.0 and a[j] * b[j] > 0.0 and (best < 0 or a[j] > a[best]):
                    best = j
            if best < 0:
                break
            v[best] = min(b[best], left)
            left -= v[best]
            value += a[best] * v[best]
        return value
    # p == 2: coordinates saturate one after another as the water level tau rises
    full = 0
    left = gamma * gamma
    free = 0.0
    for j in range(d):
        v[j] = 0.0
        if mask >> j & 1:
            free += a[j] * a[j]
    while free > 0.0:
        tau = np.sqrt(max(left, 0.0) / free)
        settled = True
        for j in range(d):
            if mask >> j & 1 and not full >> j & 1:
                if tau * a[j] > b[j]:
                    v[j] = b[j]
                    full |= 1 << j
                    left -= b[j] * b[j]
                    settled = False
                else:
                    v[j] = tau * a[j]
        if settled:
            break
        free = 0.0
        for j in range(d):
            if mask >> j & 1 and not full >> j & 1:
                free += a[j] * a[j]
    for j in range(d):
        value += a[j] * v[j]
    return value


@kernel
def _top(score: Floats, s: int) -> int:
    """The bit mask of the s largest positive scores."""
    mask = 0
    for _ in range(s):
        best = -1
        for j in range(score.size):
            if score[j] > 0.0 and not mask >> j & 1 and (best < 0 or score[j] > score[best]):
                best = j
        if best < 0:
            break
        mask |= 1 << best
    return mask


@kernel
def _support(a: Floats, b: Floats, active: int, s: int, gamma: float, p: int, v: Floats, score: Floats) -> int:
    """The best support of at most s of the `active` coordinates."""
    d = a.size
    if p == 0:
        for j in range(d):
            score[j] = a[j] * min(b[j], gamma)
        return _top(score, s)
    best_mask, best_value = 0, -1.0
    if p == 2:
        mask = active
        for _ in range(4):
            value = _fill(a, b, mask, gamma, p, v)
            if mask != active and value > best_value:
                best_mask, best_value = mask, value
            norm = 0.0
            tau = 0.0  # the water level is read off any coordinate that is not saturated
            for j in range(d):
                norm += v[j] * v[j]
                if mask >> j & 1 and v[j] < b[j] and a[j] > 0.0:
                    tau = v[j] / a[j]
            loose = tau == 0.0 or norm < gamma * gamma * (1.0 - 1e-12)
            for j in range(d):
                u = b[j] if loose else min(b[j], tau * a[j])
                score[j] = a[j] * u - (0.0 if loose else 0.5 * u * u / tau)
            new = _top(score, s)
            if new == mask:
                return mask  # primal value = Lagrangian bound: no support is better
            mask = new
    if d > EXACT_SUPPORTS:
        if p == 1:
            for j in range(d):
                score[j] = a[j] * min(b[j], gamma)
            return _top(score, s)
        return best_mask
    for mask in range(1, 1 << d):
        if mask & active == mask:
            count = 0
            for j in range(d):
                count += mask >> j & 1
            if count == s:
                value = _fill(a, b, mask, gamma, p, v)
                if value > best_value:
                    best_mask, best_value = mask, value
    return best_mask


@inlined
def linear_step(
    g: Floats, w: Floats, lo: Floats, hi: Floats, gamma: float, p: int, s: int, delta: Floats, work: Floats
) -> None:
    """Write argmax over F of g'delta into `delta`. `work` is scratch of shape (4, d_M); p = 0 stands for inf."""
    d = g.size
    a, b, v, score = work[0], work[1], work[2], work[3]
    count, square = 0, 0.0
    for j in range(d):
        b[j] = w[j] * (hi[j] if g[j] > 0.0 else -lo[j])
        a[j] = abs(g[j]) / w[j] if b[j] > 0.0 else 0.0
        square += a[j] * a[j]
        count += a[j] > 0.0
    if p == 2 and count <= s and square > 0.0:  # the common case: only the ball binds
        tau = gamma / math.sqrt(square)
        inside = True
        for j in range(d):
            inside &= tau * a[j] <= b[j]
        if inside:
            for j in range(d):
                step = tau * a[j] / w[j]
                delta[j] = step if g[j] > 0.0 else -step
            return
    active = 0
    for j in range(d):
        if a[j] > 0.0:
            active |= 1 << j
    mask = active if count <= s else _support(a, b, active, s, gamma, p, v, score)
    _fill(a, b, mask, gamma, p, v)
    for j in range(d):
        # rounding in v / w must not step over the box
        step = v[j] / w[j] if g[j] > 0.0 else -v[j] / w[j]
        delta[j] = min(max(step, lo[j]), hi[j]) if v[j] > 0.0 else 0.0


def best_change(g: Floats, weights: Floats, lo: Floats, hi: Floats, gamma: float, p: int, s: int) -> Floats:
    """argmax of g' delta over F for one gradient (d_M,): the kernel above, with its arrays allocated here."""
    delta = np.zeros(g.size)
    linear_step(
        np.ascontiguousarray(g, dtype=float),
        np.ascontiguousarray(weights, dtype=float),
        np.ascontiguousarray(lo, dtype=float),
        np.ascontiguousarray(hi, dtype=float),
        float(gamma),
        int(p),
        int(s),
        delta,
        np.empty((4, g.size)),
    )
    return delta
