"""Measured numbers held against an aim: a ratio with its interval, and the law that a curve follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.measure import Row
from libra_core.arrays import Floats
from libra_core.study import metrics


class Ratio(metrics.Ratio):
    """A paired ratio as a line of the table."""

    def row(self, what: str, measured: str, aim: float | None = None) -> Row:
        """Held to `ratio <= aim` if there is one."""
        if aim is None:
            return Row(what, measured, str(self))
        return Row(what, measured, str(self), f"<= {aim:g}", self.value <= aim)


def regret(values: Floats, digits: int = 1) -> str:
    """Final regret (R,) as it is written: the mean, then the median and the 5 and 95 % quantiles over replicates."""
    low, _, median, _, high = metrics.quantiles(values).values()
    return f"{values.mean():,.{digits}f}, median {median:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


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
