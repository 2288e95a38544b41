"""Measured numbers held against an aim: a ratio with its interval."""

from __future__ import annotations

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
