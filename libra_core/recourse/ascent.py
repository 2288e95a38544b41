"""The inner problem for one arm, compiled: maximise theta'delta + beta sqrt(q(delta)) - c effort(delta) over F,
with q(delta) = q0 + 2 b'delta + delta'A delta convex (A, b, q0 already reduced to the mutable features).

Biconvex ascent: linearise the square root, take the exact linear step, repeat. Each climb ends at a stationary
point. To miss the global one rarely: many starts, the best few climbed, then a neighbourhood search that flips,
drops or forces in each coordinate of the best. Measured against 256 random starts by `make bench`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from libra_core.arrays import Floats
from libra_core.kernels import inlined, kernel
from libra_core.recourse.linear_step import linear_step

TOLERANCE = 1e-9  # a climb stops when the value moves less, relative to max(1, |value|)
MAX_STEPS = 200
CLIMBED = 3  # starts that climb to the top, after one step from every start
NEIGHBOUR_PASSES = 3
BASIN = 0.02  # standardised distance within which a climb is taken to lead to a point already found


class Shape(NamedTuple):
    """F and the effort cost, as the kernels read them: ||W delta||_p <= gamma (p = 0: inf), box, at most s changes."""

    w: Floats
    lo: Floats
    hi: Floats
    gamma: float
    p: int
    s: int
    cost: float


class Objective(NamedTuple):
    """theta'delta + beta sqrt(q0 + 2 b'delta + delta'A delta)."""

    theta: Floats
    A: Floats
    b: Floats
    q0: float
    beta: float


@inlined
def gradient(f: Objective, delta: Floats, g: Floats) -> float:
    """Write the gradient at delta into g; return the value (effort cost not included)."""
    d = delta.size
    q, value = f.q0, 0.0
    for i in range(d):
        row = f.b[i]
        for j in range(d):
            row += f.A[i, j] * delta[j]
        g[i] = row
        q += (f.b[i] + row) * delta[i]
        value += f.theta[i] * delta[i]
    root = math.sqrt(max(q, 1e-300))
    for i in range(d):
        g[i] = f.theta[i] + f.beta * g[i] / root
    return value + f.beta * root


@kernel
def _step(F: Shape, g: Floats, delta: Floats, work: Floats) -> None:
    """delta = argmax over F of g'delta - cost * sum w|delta|: the effort cost is a soft threshold on g."""
    if F.cost > 0.0:
        for j in range(g.size):
            g[j] = math.copysign(max(abs(g[j]) - F.cost * F.w[j], 0.0), g[j])
    linear_step(g, F.w, F.lo, F.hi, F.gamma, F.p, F.s, delta, work)


@kernel
def value_at(f: Objective, F: Shape, delta: Floats, g: Floats) -> float:
    """The objective with the effort cost; leaves the gradient in g."""
    value = gradient(f, delta, g)
    if F.cost > 0.0:
        for j in range(delta.size):
            value -= F.cost * F.w[j] * abs(delta[j])
    return value


@kernel
def _near(a: Floats, b: Floats, distance: float) -> bool:
    for j in range(a.size):
        if abs(a[j] - b[j]) > distance:
            return False
    return True


@kernel
def climb(f: Objective, F: Shape, delta: Floats, steps: int, work: Floats, known: Floats, near: float) -> float:
    """At most `steps` linear steps up from `delta`, in place. Returns the value reached. work: (9, d) scratch.

    Gives up (and returns -inf) within `near` of `known`, where an earlier climb has ended.
    """
    g, new = work[4], work[5]
    value = value_at(f, F, delta, g)
    for _ in range(steps):
        _step(F, g, new, work)
        reached = value_at(f, F, new, g)
        if reached > value:
            delta[:] = new
        if near > 0.0 and _near(delta, known, near):
            return -math.inf
        if reached - value <= TOLERANCE * max(1.0, abs(value)):
            return max(reached, value)
        value = reached
    return value


@kernel
def _gather_starts(f: Objective, F: Shape, starts: Floats, values: Floats, work: Floats) -> int:
    """One step each from 0 and along both signs of every column of A, the most uncertain directions."""
    d = f.theta.size
    g = work[4]
    starts[0] = 0.0
    values[0] = climb(f, F, starts[0], 1, work, starts[0], 0.0)
    n = 1
    for j in range(d):
        if F.hi[j] > F.lo[j]:
            for sign in (1.0, -1.0):
                for i in range(d):
                    g[i] = sign * f.A[i, j]
                linear_step(g, F.w, F.lo, F.hi, F.gamma, F.p, F.s, starts[n], work)
                values[n] = climb(f, F, starts[n], 1, work, starts[n], 0.0)
                n += 1
    return n


@kernel
def _search_neighbours(f: Objective, F: Shape, delta: Floats, value: float, trial: Floats, work: Floats) -> float:
    """Flip each coordinate of delta, drop it, or force it in; climb; keep the better point."""
    d = delta.size
    g = work[4]
    for _ in range(NEIGHBOUR_PASSES):
        before = value
        for j in range(d):
            if F.hi[j] <= F.lo[j]:
                continue
            for mode in range(2):
                value_at(f, F, delta, g)
                if delta[j] != 0.0:
                    g[j] = -g[j] if mode == 0 else 0.0
                else:
                    steepest = 0.0
                    for i in range(d):
                        steepest = max(steepest, abs(g[i]) / F.w[i])
                    g[j] = 2.0 * steepest * F.w[j] * (1.0 if mode == 0 else -1.0)
                linear_step(g, F.w, F.lo, F.hi, F.gamma, F.p, F.s, trial, work)
                reached = climb(f, F, trial, MAX_STEPS, work, delta, BASIN)
                if reached > value + 1e-10:
                    value = reached
                    delta[:] = trial
        if value <= before:
            break
    return value


@kernel
def solve(f: Objective, F: Shape, delta: Floats, starts: Floats, values: Floats, work: Floats) -> float:
    """Write the best change found into delta and return its value.

    starts (2 d_M + 1, d_M), values (2 d_M + 1,), work (9, d_M) are scratch.
    """
    if f.beta == 0.0:  # a linear objective: one exact step
        delta[:] = 0.0
        return climb(f, F, delta, 1, work, delta, 0.0)
    n = _gather_starts(f, F, starts, values, work)
    best = -math.inf
    for _ in range(CLIMBED):
        top = -1
        for k in range(n):
            if values[k] > -math.inf and (top < 0 or values[k] > values[top]):
                top = k
        if top < 0:
            break
        reached = climb(f, F, starts[top], MAX_STEPS, work, delta, BASIN if best > -math.inf else 0.0)
        if reached > best:
            best = reached
            delta[:] = starts[top]
        for k in range(n):  # a start where this climb ended would end there too
            if k == top or _near(starts[k], starts[top], BASIN):
                values[k] = -math.inf
    return _search_neighbours(f, F, delta, best, starts[0], work)


@kernel
def greedy(f: Objective, F: Shape, delta: Floats, work: Floats) -> float:
    """One linear step from no change, into delta; returns sqrt(q) there."""
    g = work[4]
    delta[:] = 0.0
    value_at(f, F, delta, g)
    _step(F, g, delta, work)
    plain = gradient(f, delta, g)
    for j in range(delta.size):
        plain -= f.theta[j] * delta[j]
    return plain / f.beta if f.beta > 0.0 else 1.0


@kernel
def _curvature(f: Objective, F: Shape, c: Floats, reach: Floats) -> None:
    """Write c with delta'A delta <= sum_j c_j |delta_j| over F: c_j = sum over the s largest |A_ij| reach_i."""
    d = c.size
    for j in range(d):
        reach[j] = min(max(F.hi[j], -F.lo[j]), F.gamma / F.w[j])
    for j in range(d):
        c[j] = 0.0
        if F.s >= d:
            for i in range(d):
                c[j] += abs(f.A[i, j]) * reach[i]
            continue
        last = math.inf
        taken = 0
        while taken < F.s:  # the s largest terms, in order; equal ones together, which only makes c larger
            top = 0.0
            for i in range(d):
                term = abs(f.A[i, j]) * reach[i]
                if top < term < last:
                    top = term
            if top == 0.0:
                break
            for i in range(d):
                if abs(f.A[i, j]) * reach[i] == top:
                    c[j] += top
                    taken += 1
            last = top


@kernel
def bound(f: Objective, F: Shape, near: float, work: Floats) -> float:
    """A valid upper bound of the objective over F, for any near > 0: sqrt(q) <= (q/nu + nu)/2 at nu = `near`, and
    delta'A delta <= sum_j c_j |delta_j|; the rest is one exact linear step. work: (9, d) scratch."""
    g, delta, lo, hi, c = work[4], work[5], work[6], work[7], work[8]
    _curvature(f, F, c, delta)
    for j in range(g.size):
        slope, bend = f.theta[j] + f.beta * f.b[j] / near, 0.5 * f.beta * c[j] / near
        hi[j] = max(F.hi[j], -F.lo[j]) if F.lo[j] < 0.0 < F.hi[j] else F.hi[j]
        lo[j] = -hi[j] if F.lo[j] < 0.0 < F.hi[j] else F.lo[j]
        if F.lo[j] >= 0.0:
            g[j] = max(slope + bend, 0.0)
        elif F.hi[j] <= 0.0:
            g[j] = min(slope - bend, 0.0)
        else:
            g[j] = abs(slope) + bend
    linear_step(g, F.w, lo, hi, F.gamma, F.p, F.s, delta, work)
    value = 0.0
    for j in range(g.size):
        value += g[j] * delta[j]
    return value + 0.5 * f.beta * (near + f.q0 / near)


@kernel
def drop_idle(f: Objective, F: Shape, delta: Floats, value: float, min_gain: float, work: Floats) -> float:
    """Undo changes that add no more than min_gain, the smallest contribution first. Returns the remaining value."""
    d = delta.size
    g = work[4]
    while True:
        idle, left = -1, -math.inf
        for j in range(d):
            if delta[j] != 0.0:
                kept = delta[j]
                delta[j] = 0.0
                without = value_at(f, F, delta, g)
                delta[j] = kept
                if without > left:
                    idle, left = j, without
        if idle < 0 or left < value - min_gain:
            return value
        delta[idle] = 0.0
        value = left
