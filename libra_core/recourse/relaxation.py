"""The semidefinite relaxation of one arm's inner problem, and an upper bound read from its dual variables.

Lifted to M = (1, delta)(1, delta)', every product of two linear functions of delta is linear in M, and the objective
theta'delta + beta t with t <= sqrt(q) is concave. Without the rank of M that is a cone program: max c'y subject to
g + G y in K. Whatever a solver returns as its dual variables, projected onto K (its own dual cone) they prove

    c'y <= g'z + |c + G'z|' most,        where |y| <= most for every plan.

The bound holds for a solver that is stopped early or inaccurate, up to the rounding of these sums; it is only looser.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from libra_core.arrays import Bools, Floats
from libra_core.recourse.cones import BALL, LINE, PSD, Cones, minimise

SOLVER: dict[str, float] = {"equilibrate_max_iter": 30}


@dataclass(frozen=True, eq=False)
class Part:
    """max theta'delta + beta sqrt(q0 + 2 b'delta + delta'A delta) over lo <= delta <= hi, at most `changes` non-zero,
    sum w^2 delta^2 <= square and sum w |delta| <= total (inf: no limit). Those `moving` count as changed anyway."""

    theta: Floats
    A: Floats
    b: Floats
    q0: float
    beta: float
    lo: Floats
    hi: Floats
    w: Floats
    square: float
    total: float
    changes: int
    moving: Bools


@dataclass(frozen=True, eq=False)
class Bound:
    """upper: no plan of the part exceeds it; -inf: the part holds no plan. The relaxation's own maximum, to branch by:
    delta, the diagonal of M as squares, and use, how much of each change is counted; NaN where the solver failed."""

    upper: float
    delta: Floats
    squares: Floats
    use: Floats


def relax(part: Part) -> Bound:
    """Solve the relaxation of one part; see the module for what holds whether it is solved or not."""
    n = part.theta.size
    c, G, most, cones, unit = _program(part)
    x, z = minimise(-c, sparse.csc_matrix(-G[:, 1:]), G[:, 0], cones, SOLVER)
    y = np.r_[1.0, x]
    M, use, _ = _columns(n, y.size)
    squares = np.array([M[j, j] @ y for j in range(1, n + 1)])
    return Bound(unit * _dual_bound(c, G, most, cones, z), M[0, 1:] @ y, squares, use @ y)


def _dual_bound(c: Floats, G: Floats, most: Floats, cones: Cones, z: Floats) -> float:
    """An upper bound of c'y over g + G y in K, |y| <= most, from any z; g is the first column of G."""
    if not np.isfinite(z).all():
        return math.inf
    z = _project(z, cones)
    constant, slope = float(G[:, 0] @ z), G[:, 1:].T @ z
    if constant + float(np.abs(slope) @ most) < -1e-9 * float(np.abs(z).sum()):  # z shows that no y fulfils the rules
        return -math.inf
    return constant + float(np.abs(c + slope) @ most)


def _project(z: Floats, cones: Cones) -> Floats:
    """The nearest point of the cone, which is its own dual, block by block."""
    out, start = np.maximum(z, 0.0), 0
    for cone, rows in cones:
        block = z[start : start + rows]
        if cone is BALL:
            length = float(np.linalg.norm(block[1:]))
            if length > abs(block[0]):
                out[start : start + rows] = (block[0] + length) / 2 * np.r_[1.0, block[1:] / length]
            else:
                out[start : start + rows] = block if block[0] > 0 else 0.0
        elif cone is PSD:
            col, row = np.tril_indices((math.isqrt(8 * rows + 1) - 1) // 2)
            scale = np.where(row == col, 1.0, math.sqrt(2))
            Z = np.zeros((col[-1] + 1, col[-1] + 1))
            Z[col, row] = Z[row, col] = block / scale
            roots, axes = np.linalg.eigh(Z)
            out[start : start + rows] = ((axes * np.maximum(roots, 0.0)) @ axes.T)[col, row] * scale
        start += rows
    return out


def _columns(n: int, size: int) -> tuple[Floats, Floats, Floats]:
    """Rows that read M (n+1, n+1), use (n) and room (n) off (1, y); the last entry of y is t.

    M is stored as its upper triangle by columns, off-diagonal entries times sqrt 2, as the solver wants it.
    """
    col, row = np.tril_indices(n + 1)
    each, M = np.eye(size), np.zeros((n + 1, n + 1, size))
    M[col, row] = M[row, col] = each[: col.size] / np.where(row == col, 1.0, math.sqrt(2))[:, None]
    return M, each[col.size : col.size + n], each[col.size + n : col.size + 2 * n]


def _program(part: Part) -> tuple[Floats, Floats, Floats, Cones, float]:
    """(c, G with g as its first column, most, cones with their number of rows, unit of the objective)."""
    n, lo, hi = part.theta.size, part.lo, part.hi
    entries = (n + 1) * (n + 2) // 2
    M, use, room = _columns(n, entries + 2 * n + 1)
    one, delta, D, t = M[0, 0], M[0, 1:], M[1:, 1:], np.eye(M.shape[2])[-1]
    reach = np.maximum(np.abs(lo), np.abs(hi))
    outer = np.outer(reach, reach)
    # unit-sized quantities are solved more accurately: q in units of its largest term, the objective in its root's
    scale = max(part.q0, float(np.abs(part.b).max()), float(np.abs(part.A).max()), 1e-12)
    unit = part.beta * math.sqrt(scale) if part.beta > 0 else 1.0
    q = (part.q0 * one + 2 * part.b @ delta + np.einsum("ij,ijs->s", part.A, D)) / scale
    sizes = (part.q0 + 2 * np.abs(part.b) @ reach + (np.abs(part.A) * outer).sum()) / scale
    lines = [_products(M, lo, hi), use, one - use, room, (part.w * reach)[:, None] * one - room]
    balls = [np.stack([q + one, q - one, 2 * t])]
    if math.isfinite(part.square):
        lines.append((part.square * one - np.einsum("j,jjs->s", part.w**2, D))[None])
    if math.isfinite(part.total):
        moved = part.w[:, None] * delta
        lines += [room - moved, room + moved, (part.total * one - room.sum(0))[None]]
    if part.changes < n:  # delta_j^2 <= D_jj use_j, |D_ij| <= reach_i reach_j use_i, sum use <= changes
        capped = outer[:, :, None] * use[:, None]
        lines += [use - part.moving[:, None] * one, (part.changes * one - use.sum(0))[None]]
        lines += [(capped - D).reshape(n * n, -1), (capped + D).reshape(n * n, -1)]
        balls += [np.stack([D[j, j] + use[j], D[j, j] - use[j], 2 * delta[j]]) for j in range(n)]
    corner = np.eye(M.shape[2])[:entries]
    cones: Cones = [(LINE, sum(map(len, lines))), *((BALL, 3) for _ in balls), (PSD, entries)]
    c = part.theta @ delta / unit + (t if part.beta > 0 else 0 * t)
    whole = np.zeros((n + 1, n + 1))
    whole[0, 0], whole[0, 1:], whole[1:, 0], whole[1:, 1:] = 1.0, reach, reach, outer
    col, row = np.tril_indices(n + 1)
    triangle = whole[col, row] * np.where(row == col, 1.0, math.sqrt(2))
    most = np.r_[triangle, np.ones(n), part.w * reach, math.sqrt(sizes)]
    return c[1:], np.vstack([*lines, *balls, corner]), most[1:], cones, unit


def _products(M: Floats, lo: Floats, hi: Floats) -> Floats:
    """1, hi - delta and delta - lo, all >= 0, multiplied two by two: rows over (1, y)."""
    n = lo.size
    factors = np.zeros((2 * n + 1, n + 1))
    factors[0, 0] = 1.0
    factors[1 : n + 1, 0], factors[1 : n + 1, 1:] = hi, -np.eye(n)
    factors[n + 1 :, 0], factors[n + 1 :, 1:] = -lo, np.eye(n)
    products = np.einsum("ki,lj,ijs->kls", factors, factors, M, optimize=True)
    return products[np.triu_indices(2 * n + 1)][1:]
