"""A report as data: sections of plain text, tables and charts. Every format is made only from this.

Text is plain: no markup of any kind, so that each format escapes it in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Floats, Ints

WARNING = "Research demonstration: simulated outcomes, not for clinical use"


@dataclass(frozen=True, eq=False)
class Line:
    """One curve with its band; low and high are None for a curve without one."""

    name: str
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None

    def thin(self, points: int = 200) -> Line:
        """The same curve with at most so many points, the last one among them."""
        keep = kept(len(self.x), points)
        parts = (self.x, self.y, self.low, self.high)
        return Line(self.name, *(None if v is None else np.asarray(v, float)[keep] for v in parts))  # type: ignore[arg-type]


def kept(n: int, points: int) -> Ints:
    """Indices of at most so many of n points, the last one among them."""
    return np.unique(np.linspace(0, n - 1, min(n, points)).astype(int))


@dataclass(frozen=True)
class Bar:
    """One bar with its interval, in the chart's unit."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class Chart:
    """Curves or horizontal bars, not both. alt: the description for screen readers."""

    alt: str
    x: str
    y: str
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """One screen, slide or part of a page. message: its conclusion, one sentence. maths: details for mathematicians."""

    key: str
    title: str
    message: str
    points: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    table: Table | None = None
    maths: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Document:
    """A whole report. facts: its provenance (seed, config hash, versions, data), shown in every format.

    plain: a hand-out for patients, in large type and without technical terms.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]
    sources: tuple[str, ...] = ()
    plain: bool = False
    stamp: str = ""

    @property
    def footer(self) -> str:
        """The footer of every page."""
        return f"{WARNING} · {self.stamp}" if self.stamp else WARNING
