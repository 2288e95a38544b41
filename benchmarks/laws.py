"""Measured numbers held against what theory says: a ratio with its interval, and the law that a curve follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.measure import Row
from libra_core.arrays import Floats


@dataclass(frozen=True)
class Ratio:
    """Mean over replicates against mean over the same replicates, with a 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Floats, theirs: Floats) -> Ratio:
        draws = np.random.default_rng(0).integers(0, len(ours), (2_000, len(ours)))
        low, high = np.quantile(ours[draws].mean(axis=1) / theirs[draws].mean(axis=1), [0.025, 0.975])
        return cls(float(ours.mean() / theirs.mean()), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    def row(self, what: str, measured: str, aim: float | None = None) -> Row:
        """A line of the table, held to `ratio <= aim` if there is one."""
        if aim is None:
            return Row(what, measured, str(self))
        return Row(what, measured, str(self), f"<= {aim:g}", self.value <= aim)


@dataclass(frozen=True)
class Growth:
    """Which law cumulative questions follow: least-squares fits of c log^2 t and of c sqrt t.

    Each with its c and its root mean square error as a share of the mean number of questions.
    """

    log_c: float
    log_error: float
    root_c: float
    root_error: float

    @classmethod
    def of(cls, t: Floats, calls: Floats) -> Growth:
        """Fitted at 100 rounds evenly spread over log t, from the first t given."""
        at = np.geomspace(t[0], t[-1], 100)
        y = np.interp(at, t, calls)
        return cls(*_fit(np.log(at) ** 2, y), *_fit(np.sqrt(at), y))


def _fit(law: Floats, y: Floats) -> tuple[float, float]:
    c = float(law @ y / (law @ law))
    return c, float(np.sqrt(((y - c * law) ** 2).mean()) / y.mean())
