"""Hard instances: regret of every policy that learns against a lower bound that is proven for the instance."""

from __future__ import annotations

import math
from dataclasses import replace

from benchmarks.chart import Curve, line_chart
from benchmarks.laws import regret
from benchmarks.measure import ROOT, Row
from libra_core.arrays import Floats
from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.policies import PolicyConfig
from libra_core.study import StudySpec, run_study

SEED, REPLICATES = 7, 50
HORIZONS, CONTRASTS = (1_000, 3_000, 10_000), (1.0, 2.0, 4.0, 8.0)
LEARNERS = ("glrb", "rlinucb", "linucb", "glm-ucb", "linucb-posthoc", "greedy", "thompson", "libra")
INSTANCES = {
    "`hard-arms`, K = 6": EnvironmentSpec("hard-arms"),
    "`hard-ball`, d = 6": EnvironmentSpec("hard-ball"),
}
USUAL, WIDE = PolicyConfig().alpha, 1.0
MOST = 5.0  # what `glrb` may lose, as a multiple of the bound


def final(world: EnvironmentSpec, names: tuple[str, ...], rounds: int, alpha: float = USUAL) -> dict[str, Floats]:
    """Final regret (R,) of each policy; the horizon decides the instance."""
    spec = StudySpec(world, names, "near-optimal", rounds, REPLICATES, SEED, PolicyConfig(alpha=alpha))
    return {policy.name: policy.regret[:, -1] for policy in run_study(spec).policies}


def lower(world: EnvironmentSpec, rounds: int) -> float:
    """The bound at the horizon that the instance is made for."""
    bound = make_environment(world, SEED, rounds=rounds).lower_bound(rounds)
    assert bound is not None
    return bound


def hard() -> list[Row]:
    """Every instance at every horizon, then the worst contrast for `glrb`; draws docs/guarantees_hard.svg."""
    rows, curves = [], []
    for label, world in INSTANCES.items():
        bounds = [lower(world, rounds) for rounds in HORIZONS]
        lost = [final(world, LEARNERS, rounds) for rounds in HORIZONS]
        for name in LEARNERS:
            ours = "<= 5" if name == "glrb" else ""
            found = [_against(mine[name], bound) for mine, bound in zip(lost, bounds, strict=True)]
            measured = ", ".join(f"{mine[name].mean():.0f}" for mine in lost)
            met = max(ratio for ratio, _ in found) <= MOST if ours else None
            ratios = ", ".join(f"{ratio:.2f} ± {error:.2f}" for ratio, error in found)
            rows.append(Row(f"{label}: `{name}`, T = 1,000, 3,000, 10,000", measured, f"{ratios} x bound", ours, met))
        rows.append(Row(f"{label}: the bound itself", ", ".join(f"{bound:.0f}" for bound in bounds)))
        for alpha in (USUAL, WIDE):
            rows += [_worst(label, world, T, bound, alpha) for T, bound in zip(HORIZONS, bounds, strict=True)]
        short = label.split("`")[1]
        curves.append(Curve(f"GLRB, {short}", HORIZONS, [mine["glrb"].mean() for mine in lost]))
        curves.append(Curve(f"bound, {short}", HORIZONS, bounds, dashed=True))
    title = f"Regret at the end of T rounds, hardest instance for T, mean of {REPLICATES} replicates"
    (ROOT / "docs" / "guarantees_hard.svg").write_text(line_chart(title, "T", "regret", curves))
    return rows


def _against(mine: Floats, bound: float) -> tuple[float, float]:
    """Mean regret as a multiple of the bound, and 1.96 standard errors of it."""
    return float(mine.mean()) / bound, 1.96 * float(mine.std(ddof=1)) / math.sqrt(len(mine)) / bound


def _worst(label: str, world: EnvironmentSpec, rounds: int, bound: float, alpha: float) -> Row:
    """The largest regret of `glrb` over contrasts; the best bound for them all is the one at contrast 1. A radius tuned
    on easier problems may leave the best arm for good where the gap is larger; a wide one does not."""
    lost = {}
    for contrast in CONTRASTS:
        lost[contrast] = final(replace(world, contrast=contrast), ("glrb",), rounds, alpha)["glrb"]
    worst = max(lost, key=lambda contrast: lost[contrast].mean())
    each = ", ".join(f"{mine.mean():.0f}" for mine in lost.values())
    ratio, error = _against(lost[worst], bound)
    return Row(
        f"{label}: `glrb`, alpha {alpha:g}, T = {rounds:,}, contrast 1, 2, 4, 8",
        f"{each}; worst at {worst:g}: {regret(lost[worst], 0)}",
        f"{ratio:.2f} ± {error:.2f} x bound at contrast 1",
        "<= 5",
        ratio <= MOST,
    )
