"""The inner problem: quality against 256 random starts, time against cvxpy, and the certificate."""

from __future__ import annotations

import time
import warnings

import cvxpy as cp
import numpy as np

from benchmarks.instances import Instance, draw
from benchmarks.measure import Row, cpu, micro, quartiles
from libra_core.recourse.certificate import Lifted, upper_bound
from libra_core.recourse.linear_step import best_change

BETAS = (0.5, 1.5, 5.0, 20.0)
PER_SIZE, STARTS, CERTIFIED = 1_000, 256, 500


def quality() -> list[Row]:
    """Share of instances, d_M = 4..10, with and without a limit of 3 changes, that reach the best of 256 starts."""
    rows = []
    for beta in BETAS:
        rng = np.random.default_rng([2026, int(10 * beta)])
        short = [
            instance.best_of_random(beta, STARTS, rng) - instance.solve(beta)[0]
            for d_m in range(4, 11)
            for i in range(PER_SIZE)
            for instance in [draw(rng, d_m, max_changes=(None, 3)[i % 2])]
        ]
        missed, better = sum(gap > 1e-6 for gap in short), sum(gap < -1e-6 for gap in short)
        share = 1 - missed / len(short)
        measured = f"{share:.2%} ({missed} of {len(short):,} missed, worst by {max(short):.1g}; {better} better)"
        what = f"solver within 1e-6 of the best of {STARTS} random starts, beta = {beta:g}"
        rows.append(Row(what, measured, "", ">= 99.9 %", share >= 0.999))
    return rows


def against_cvxpy() -> list[Row]:
    """Linear steps and whole solves, d_M = 6."""
    rng = np.random.default_rng(3)
    instances = [draw(rng, 6) for _ in range(40)]
    rows = []
    ours = cpu(lambda: [_closed_form(one) for one in instances]) / len(instances)
    reference = _Parametrised(6)
    theirs = cpu(lambda: [reference.solve(one) for one in instances], 3) / len(instances)
    what = "linear step, d_M = 6, 2-norm and box, closed form (called from Python)"
    rows.append(Row(what, micro(ours), f"cvxpy with DPP parameters: {micro(theirs)}, {theirs / ours:,.0f} x"))
    for beta in BETAS:
        whole = cpu(lambda beta=beta: [one.solve(beta) for one in instances]) / len(instances)
        rows.append(Row(f"whole inner problem of one arm, d_M = 6, beta = {beta:g} (called from Python)", micro(whole)))
    return rows


def _closed_form(one: Instance) -> np.ndarray:
    d = one.lo.size
    return best_change(one.theta[-d:], one.feasible.W, one.lo, one.hi, 1.0, 2, d)


class _Parametrised:
    """max g'delta over a ball and a box, compiled once by cvxpy: its fastest way to solve a problem again and again."""

    def __init__(self, d: int) -> None:
        self.g, self.lo, self.hi = cp.Parameter(d), cp.Parameter(d), cp.Parameter(d)
        self.w = cp.Parameter(d, nonneg=True)
        delta = cp.Variable(d)
        inside = [delta >= self.lo, delta <= self.hi, cp.norm(cp.multiply(self.w, delta), 2) <= 1]
        self.problem = cp.Problem(cp.Maximize(self.g @ delta), inside)

    def solve(self, one: Instance) -> float:
        self.g.value, self.w.value = one.theta[-one.lo.size :], one.feasible.W
        self.lo.value, self.hi.value = one.lo, one.hi
        return float(self.problem.solve(solver=cp.CLARABEL))


def certificate() -> list[Row]:
    """Upper bounds over 500 instances, d_M = 6, one- and two-sided boxes, every beta in turn."""
    rng = np.random.default_rng(4)
    gaps, wall, below = [], [], 0
    for i in range(CERTIFIED):
        instance, beta = draw(rng, d_m=6), BETAS[i % 4]
        value, _ = instance.solve(beta)
        started = time.perf_counter()
        f = Lifted.of(instance.theta, instance.A, instance.x, beta, instance.feasible)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            upper = upper_bound(f, instance.lo, instance.hi, value)
        wall.append(time.perf_counter() - started)
        scale = max(1.0, abs(value))
        below += upper < value - 1e-6 * scale
        gaps.append((upper - value) / scale)
    typical, _, worst = quartiles(gaps)
    usual, _, longest = quartiles(wall)
    share = sum(gap <= 1e-6 for gap in gaps) / CERTIFIED
    name = f"certificate, {CERTIFIED} instances, d_M = 6: "
    return [
        Row(name + "below the value by more than 1e-6", f"{below} times", "", "never", below == 0),
        Row(name + "relative gap, median", f"{typical:.1g} ({share:.0%} within 1e-6)", "", "<= 1e-6", typical <= 1e-6),
        Row(name + "relative gap, worst", f"{worst:.1g}", "", "<= 1e-2", worst <= 1e-2),
        Row(name + "wall, median", micro(usual)),
        Row(name + "wall, longest", micro(longest), "", "<= 500 ms", longest <= 0.5),
    ]
