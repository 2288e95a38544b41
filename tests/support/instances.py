"""Random problems with several patients and arms."""

from __future__ import annotations

import numpy as np

from benchmarks.instances import draw
from libra_core.feasible import FeasibleSet
from libra_core.problem import Contexts


def batch(
    rng: np.random.Generator, R: int, K: int, s: int | None
) -> tuple[FeasibleSet, np.ndarray, np.ndarray, Contexts]:
    """R patients with K arms each, about 70 % of them eligible: F, theta (R, K, d), A (R, K, d, d), contexts."""
    d_i, d_m = 5, 6
    many = [[draw(rng, d_m, d_i, s) for _ in range(K)] for _ in range(R)]
    theta = np.array([[one.theta for one in row] for row in many])
    A = np.array([[one.A for one in row] for row in many])
    eligible = rng.random((R, K)) < 0.7
    eligible[:, 0] = True
    first = [row[0] for row in many]
    contexts = Contexts(
        np.array([i.x for i in first]),
        np.array([i.lo for i in first]),
        np.array([i.hi for i in first]),
        eligible,
        np.zeros(R, np.int64),
    )
    return FeasibleSet((1.0,) * d_m, 1.0, 2.0, s), theta, A, contexts
