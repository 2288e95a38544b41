"""The best change of habits where each further step gives less: a separable concave problem over the feasible set.

For one arm, with u_j = |delta_j|, slope a_j >= 0, w_j the effort and b_j the room in the useful direction,

    max sum_j a_j f(rho_j u_j),   f(v) = v - v^2 / (2 m) for v <= m, m / 2 beyond,
    s.t. 0 <= u <= b,  ||W u||_p <= gamma,  at most s non-zero u.

At a price for effort every coordinate has a closed form, and the best s of them are those with the largest surplus; the
price is found by bisection. Where the s habits switch at that very price, every set of s is tried: the result is exact.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.feasible import FeasibleSet
from libra_core.problem import Contexts

HALVINGS = 60
CLOSE = 1e-9  # a gap to the dual bound below this, relative, counts as none


def felt(change: Floats, end: float) -> Floats:
    """sign(v) f(|v|): what a change counts for, `end` = m."""
    size = np.minimum(np.abs(change), end)
    return np.sign(change) * (size - size**2 / (2.0 * end))


def most(F: FeasibleSet, theta: Floats, contexts: Contexts, realised: Floats, end: float) -> Floats:
    """The largest gain (R, K) over the feasible changes, for effects theta (R, K, d_M).

    Not solved: further limits of F, which the caller refuses.
    """
    R, K, d = theta.shape
    room = np.where(theta > 0, contexts.hi[:, None], -contexts.lo[:, None])
    a, b = np.abs(theta).reshape(-1, d), room.reshape(-1, d)
    b = np.minimum(b, end / np.maximum(realised, 1e-300))  # beyond m nothing is gained
    if F.p_code == 0:
        gain = a * felt(np.minimum(b, F.gamma / F.W) * realised, end)
        return np.asarray(np.sort(gain, axis=1)[:, d - F.s :].sum(axis=1).reshape(R, K))
    value, dual = _priced(F, a, b, realised, end, F.s)
    for i in np.flatnonzero(dual - value > CLOSE * np.maximum(1.0, dual)):
        kept = np.array([[j in chosen for j in range(d)] for chosen in combinations(range(d), F.s)])
        every = _priced(F, np.where(kept, a[i], 0.0), np.tile(b[i], (len(kept), 1)), realised, end, d)[0]
        value[i] = max(value[i], every.max())
    return value.reshape(R, K)


def _priced(F: FeasibleSet, a: Floats, b: Floats, rho: Floats, end: float, s: int) -> tuple[Floats, Floats]:
    """(value, dual bound), each (n,), by bisection over the price of effort ||Wu||_p^p."""
    budget = F.gamma**F.p_code
    low, high = np.zeros(len(a)), np.ones(len(a))
    while (over := _at(F, a, b, rho, end, s, high)[1] > budget).any():  # at a high enough price little is bought
        high[over] *= 4.0
    for _ in range(HALVINGS):
        price = 0.5 * (low + high)
        over = _at(F, a, b, rho, end, s, price)[1] > budget
        low, high = np.where(over, price, low), np.where(over, high, price)
    free, spent = _at(F, a, b, rho, end, s, np.zeros(len(a)))
    value, used = _at(F, a, b, rho, end, s, high)
    fits = spent <= budget
    return np.where(fits, free, value), np.where(fits, free, value + high * (budget - used))


def _at(F: FeasibleSet, a: Floats, b: Floats, rho: Floats, end: float, s: int, price: Floats) -> tuple[Floats, Floats]:
    """(gain, effort), each (n,), of the best purchase of at most s coordinates at a price (n,)."""
    slope, bend, cost = a * rho, a * rho**2 / end, price[:, None] * F.W**F.p_code
    with np.errstate(divide="ignore", invalid="ignore"):
        u = slope / (bend + 2.0 * cost) if F.p_code == 2 else (slope - cost) / bend
    u = np.clip(np.nan_to_num(u, nan=0.0, posinf=np.inf), 0.0, b)
    effort = (F.W * u) ** F.p_code
    gain = a * felt(u * rho, end)
    kept = _largest(gain - price[:, None] * effort, s)
    return (gain * kept).sum(axis=1), (effort * kept).sum(axis=1)


def _largest(score: Floats, s: int) -> Bools:
    """Which entries of each row are among its s largest."""
    rank = np.argsort(np.argsort(-score, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(rank < s)
