"""The report on a file: every column, cell and row that was mapped, converted, refused, dropped or imputed."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from typing import Any

LISTED = 1000  # refused cells and dropped rows that are listed one by one; all of them are counted


@dataclass(frozen=True)
class Mapped:
    """A column of the file that became a feature. how: "name", "unit in the name", "codes", "parts", "estimate"."""

    column: str
    feature: str
    how: str


@dataclass(frozen=True)
class Converted:
    feature: str
    from_unit: str
    to_unit: str
    n: int


@dataclass(frozen=True)
class Computed:
    """Values that follow from other measured ones by a formula: they count as measured."""

    feature: str
    label: str
    rule: str
    n: int


@dataclass(frozen=True)
class Ignored:
    column: str
    reason: str


@dataclass(frozen=True)
class RefusedCell:
    """A cell that was refused as implausible. row: spreadsheet row, the header being row 1."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Count:
    """How many cells of a column (or rows, with an empty column) share one reason."""

    column: str
    reason: str
    n: int

    @property
    def sentence(self) -> str:
        if self.column:
            return f"Column {self.column!r}: {plural(self.n, 'cell')} refused, {self.reason}."
        return f"{plural(self.n, 'row')} left out: {self.reason}."


@dataclass(frozen=True)
class DroppedRow:
    row: int
    reason: str


@dataclass(frozen=True)
class Imputed:
    """How many values of a feature are assumed or estimated, not measured, and by which rule."""

    feature: str
    label: str
    n: int
    rule: str


@dataclass(frozen=True)
class Report:
    """The report on one file. `refused` and `dropped` list at most 1,000 entries; the counts are complete."""

    source: str
    rows_in_file: int = 0
    rows_used: int = 0
    mapped: tuple[Mapped, ...] = ()
    converted: tuple[Converted, ...] = ()
    computed: tuple[Computed, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    refused: tuple[RefusedCell, ...] = ()
    refused_counts: tuple[Count, ...] = ()
    dropped: tuple[DroppedRow, ...] = ()
    dropped_counts: tuple[Count, ...] = ()
    imputed: tuple[Imputed, ...] = ()
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.errors and self.rows_used > 0

    def sentences(self) -> tuple[str, ...]:
        """The report in sentences, most important first."""
        if self.errors:
            return (*self.errors, *self.notes)
        out = [f"{self.rows_used:,} of {self.rows_in_file:,} rows are used."]
        out += [count.sentence for count in (*self.dropped_counts, *self.refused_counts)]
        out += [
            f"{c.feature}: {plural(c.n, 'value')} converted from {c.from_unit} to {c.to_unit}." for c in self.converted
        ]
        out += [f"{c.label}: {plural(c.n, 'value')} computed {c.rule}." for c in self.computed]
        out += self._assumed()
        if self.ignored:
            names = ", ".join(i.column for i in self.ignored[:12])
            more = f" and {len(self.ignored) - 12} more" if len(self.ignored) > 12 else ""
            out.append(f"{plural(len(self.ignored), 'column')} not used: {names}{more}.")
        return (*out, *self.notes)

    def _assumed(self) -> list[str]:
        some = [i for i in self.imputed if i.n < self.rows_used]
        all_rows = [i.label for i in self.imputed if i.n == self.rows_used]
        out = [f"{i.label}: {i.n:,} of {self.rows_used:,} values are not measured ({i.rule})." for i in some]
        if all_rows:
            out.append(f"Not measured in anyone, assumed by the protocol's rules and marked: {'; '.join(all_rows)}.")
        return out

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with the sentences."""
        return {**asdict(self), "usable": self.usable, "sentences": list(self.sentences())}


class CohortError(ValueError):
    """A file or name from which no cohort can be made. `report.errors` says why and what to do."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(" ".join(report.errors))


def refuse(source: str, *errors: str, **parts: Any) -> CohortError:
    """The error to raise when a file cannot be used."""
    return CohortError(Report(source=printable(source), errors=errors, **parts))


def printable(text: str, most: int = 200) -> str:
    """Text from a file made safe to print: one line, no control or direction marks, at most `most` characters."""
    kept = "".join(" " if c in "\t\r\n" else c for c in text if c in "\t\r\n" or unicodedata.category(c)[0] != "C")
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def plural(n: int, noun: str) -> str:
    """'1 row', '2,300 rows'."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
