"""Plans for R patients, and the value of given actions under a model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Floats, Ints
from libra_core.kernels import kernel
from libra_core.problem import Actions, Contexts


@dataclass(frozen=True, eq=False)
class Plans:
    """The chosen arm (R,) and, for each arm solved, its best change delta (R, K, d_M), index z = theta'x' (R, K),
    standard width s = sqrt(x'A x') (R, K) and objective value (R, K); value = -inf: not eligible or ruled out."""

    arm: Ints
    delta: Floats
    z: Floats
    s: Floats
    value: Floats

    @property
    def actions(self) -> Actions:
        rows = np.arange(len(self.arm))
        return Actions(self.arm, self.delta[rows, self.arm])

    def chosen(self) -> tuple[Floats, Floats]:
        """(z, s) of the chosen arm, each (R,)."""
        rows = np.arange(len(self.arm))
        return self.z[rows, self.arm], self.s[rows, self.arm]


@kernel
def _evaluate(theta, A, rows, x, arm, delta, realised, z, s):
    n, d = x.shape
    d_m = delta.shape[1]
    moved = np.empty(d)
    for i in range(n):
        r, k = rows[i], arm[i]
        moved[:] = x[i]
        for j in range(d_m):
            moved[d - d_m + j] += realised[j] * delta[i, j]
        total, q = 0.0, 0.0
        for j in range(d):
            row = 0.0
            for m in range(d):
                row += A[r, k, j, m] * moved[m]
            q += row * moved[j]
            total += theta[r, k, j] * moved[j]
        z[i] = total
        s[i] = math.sqrt(max(q, 0.0))


def evaluate(
    theta: Floats,
    A: Floats,
    contexts: Contexts,
    actions: Actions,
    realised: Floats | None = None,
    rows: Ints | None = None,
) -> tuple[Floats, Floats]:
    """(z, s) = (theta'x', sqrt(x'A x')), each (n,), of given actions.

    rows (n,) says which of the R models each action is judged by, any of them as often as needed; None: one each.
    """
    n, d_m = actions.delta.shape
    z, s = np.empty(n), np.empty(n)
    realised = np.ones(d_m) if realised is None else realised
    rows = np.arange(n) if rows is None else rows
    c = np.ascontiguousarray
    _evaluate(c(theta), c(A), c(rows), c(contexts.x), c(actions.arm), c(actions.delta), c(realised), z, s)
    return z, s
