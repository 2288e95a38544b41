"""Baselines at their best: each with the alpha that suits it, and what recourse is worth by itself."""

from __future__ import annotations

import numpy as np

from benchmarks.laws import Ratio, regret
from benchmarks.measure import Row
from libra_core.arrays import Floats
from libra_core.environments import EnvironmentSpec
from libra_core.policies import PolicyConfig
from libra_core.study import StudySpec, run_study

ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
TUNED_ON, REPORTED_ON, REPLICATES = 1000, 7, 20
TUNED = ("glrb", "thompson", "linucb", "glm-ucb")
NHANES = {
    f"hypertension, {compliance} compliance": EnvironmentSpec("hypertension", cohort="nhanes", compliance=compliance)
    for compliance in ("full", "partial")
}
WORLDS = {"K = 6": (EnvironmentSpec(), 5_000), **{label: (world, 3_000) for label, world in NHANES.items()}}


def final(world: EnvironmentSpec, names: tuple[str, ...], rounds: int, seed: int, alpha: float) -> dict[str, Floats]:
    """Final regret (R,) of each policy with a radius of scale alpha."""
    spec = StudySpec(world, names, "refuses", rounds, REPLICATES, seed, PolicyConfig(alpha=alpha))
    return {policy.name: policy.regret[:, -1] for policy in run_study(spec).policies}


def baselines() -> list[Row]:
    """Every world: default alpha beside the tuned one, then what recourse and choosing both together are worth."""
    rows = []
    for label, (world, rounds) in WORLDS.items():
        names = TUNED if label == "K = 6" else TUNED[:-1]  # with the identity link GLM-UCB is LinUCB
        usual = PolicyConfig().alpha
        default = final(world, (*names, "greedy", "linucb-posthoc"), rounds, REPORTED_ON, usual)
        tried = {alpha: final(world, names, rounds, TUNED_ON, alpha) for alpha in ALPHAS}
        best = {name: min(ALPHAS, key=lambda alpha: tried[alpha][name].mean()) for name in names}
        held = {alpha: final(world, names, rounds, REPORTED_ON, alpha) for alpha in sorted({*best.values()})}
        for name, mine in default.items():
            rows.append(_row(f"{label}: `{name}`, alpha {usual:g}", mine, default["glrb"]))
            if name in best and best[name] != usual:
                what = f"{label}: `{name}`, alpha {best[name]:g} (tuned)"
                rows.append(_row(what, held[best[name]][name], default["glrb"]))
        rows += worth(label, default["linucb"], default["linucb-posthoc"], default["glrb"])
    return rows


def _row(what: str, mine: Floats, glrb: Floats) -> Row:
    return Row(what, regret(mine, 1 if np.median(mine) < 1_000 else 0), f"{Ratio.of(mine, glrb)} x glrb")


def worth(label: str, linucb: Floats, after: Floats, glrb: Floats) -> list[Row]:
    """The share of GLRB's gain over LinUCB that a change of habits afterwards brings too, and what is left."""
    share, joint = Ratio.of(linucb - after, linucb - glrb), Ratio.of(glrb, after)
    return [
        Row(
            f"{label}: share of `glrb`'s gain over `linucb` that `linucb-posthoc` has",
            "",
            str(share),
        ),
        Row(f"{label}: `glrb` against `linucb-posthoc`: treatment and change chosen together", "", str(joint)),
    ]
