"""Read a wide table (CSV) into a cohort: one row for each patient, columns matched to the protocol's features.

Nothing is dropped silently: the report counts every column, cell and row. Raises only CohortError.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pandas as pd

from libra_core.arrays import Bools
from libra_core.clinical import CohortSpec, Feature, Protocol, default_protocol
from libra_core.cohort.agree import contradictions
from libra_core.cohort.cohort import Cohort
from libra_core.cohort.convert import Column, convert, numbers
from libra_core.cohort.decode import MAX_BYTES, TITLES, TextTable, decode, too_large
from libra_core.cohort.fill import Sheet, fill
from libra_core.cohort.match import ColumnMap, Match, fold, plan
from libra_core.cohort.merge import combine, merge
from libra_core.cohort.report import (
    LISTED,
    CohortError,
    Converted,
    Count,
    DroppedRow,
    Ignored,
    Mapped,
    RefusedCell,
    Report,
    plural,
    printable,
    refuse,
)

Source = str | Path | bytes | IO[bytes]
HOW = {"name": "name", "parts": "several columns", "codes": "codes", "estimate": "an estimate, not measured"}


def read_table(
    source: Source, name: str = "", protocol: Protocol | None = None, spec: CohortSpec | None = None
) -> Cohort:
    """Read a CSV from a path, bytes or an open binary file. Raises CohortError, whose report says what to do.

    `spec` describes a built-in cohort; without it the table is an upload, with running numbers for ids.
    """
    protocol = default_protocol() if protocol is None else protocol
    data, title = _bytes(source, name)
    title = printable(title)
    table = decode(data, title)
    columns = plan(table.header, protocol, lambda position: numbers(table.cells[position]))
    return _Reading(title, protocol, table, columns).cohort(spec)


def _bytes(source: Source, name: str) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, name or "the file"
    if isinstance(source, str | Path):
        path = Path(source)
        try:
            if path.is_dir():
                raise refuse(str(source), f"{path.name} is a folder: choose the CSV file inside.")
            if path.exists() and not path.is_file():  # a pipe or a device may never end
                raise refuse(str(source), f"{path.name!r} is not a regular file: save the table as a CSV file.")
            if path.stat().st_size > MAX_BYTES:
                raise too_large(str(source))
            return path.read_bytes(), name or path.name
        except CohortError:
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise refuse(str(source), f"The file {path.name!r} cannot be opened: {reason}.") from error
    if hasattr(source, "seek"):
        source.seek(0)
    content = source.read()
    data = content if isinstance(content, bytes) else str(content).encode()
    return data, name or str(getattr(source, "name", "the file"))


@dataclass
class _Reading:
    """Reads one file: turns columns into features and records what happened to each of them."""

    title: str
    protocol: Protocol
    table: TextTable
    plan: ColumnMap
    mapped: list[Mapped] = field(default_factory=list)
    converted: list[Converted] = field(default_factory=list)
    refused: list[RefusedCell] = field(default_factory=list)
    refused_counts: list[Count] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def cohort(self, spec: CohortSpec | None) -> Cohort:
        self._check_header()
        sheet = Sheet(self.protocol, len(self.table.cells))
        for name, matches in self.plan.matches.items():
            self._take(sheet, self.protocol.feature(name), matches)
        self._check_weight(sheet)
        keep, dropped, dropped_counts = self._drop(sheet)
        rows = self.table.rows.to_numpy()[keep]
        report = Report(
            source=self.title,
            rows_in_file=len(self.table.cells) + len(self.table.dropped),
            rows_used=len(rows),
            mapped=tuple(self.mapped),
            ignored=tuple(
                Ignored(self.table.header[i] or f"column {i + 1}", reason) for i, reason in self.plan.ignored
            ),
            refused=tuple(self.refused[:LISTED]),
            refused_counts=tuple(self.refused_counts),
            dropped=tuple(dropped[:LISTED]),
            dropped_counts=dropped_counts,
            notes=(*self.table.notes, *self.notes),
        )
        if not len(rows):
            reasons = "; ".join(f"{c.reason} ({plural(c.n, 'row')})" for c in dropped_counts)
            error = f"No row of the file can be used: {reasons}. Correct these columns and try again."
            required = {m.column for m in self.mapped if self.protocol.feature(m.feature).required}
            why = tuple(c.sentence for c in self.refused_counts if c.column in required)
            raise CohortError(replace(report, errors=(error, *why)))
        sheet = _subset(sheet, keep)
        notes = [*report.notes, *contradictions(sheet)]
        imputed = fill(sheet)
        notes += _doubts(sheet)
        report = replace(
            report,
            imputed=imputed,
            converted=tuple(self.converted),
            computed=tuple(sheet.computed),
            notes=tuple(notes),
        )
        return assemble(sheet, report, spec, rows)

    def _check_header(self) -> None:
        """Raise CohortError for duplicate columns with different content and for missing required columns."""
        names = [fold(name) for name in self.table.header]
        used = {m.position for matches in self.plan.matches.values() for m in matches}
        for name, n in Counter(names).items():
            twins = [i for i, other in enumerate(names) if other == name]
            if n > 1 and name and used & set(twins):
                first = self.table.cells[twins[0]].fillna("")
                column = self.table.header[twins[0]]
                if any(not first.equals(self.table.cells[i].fillna("")) for i in twins[1:]):
                    raise refuse(
                        self.title,
                        f"The column {column!r} appears {n} times with different values: "
                        "keep one, or rename the others.",
                    )
                self.notes.append(f"The column {column!r} appears {n} times with the same values; it is read once.")
        missing = [f for f in self.protocol.features if f.required and f.name not in self.plan.matches]
        if missing:
            wanted = "; ".join(f"{f.label} (a column named for instance {', '.join(_examples(f))})" for f in missing)
            found = ", ".join(name[:30] for name in self.table.header[:8] if name)
            raise refuse(
                self.title,
                f"The file has no column for: {wanted}.",
                f"Its first columns are: {found}. Rename the columns, and check that the first row holds their names.",
                *self._title_rows(),
            )

    def _title_rows(self) -> tuple[str, ...]:
        """A hint when a later row names more columns than the first one does."""
        for i in range(min(TITLES, len(self.table.cells))):
            row = tuple(str(cell) for cell in self.table.cells.iloc[i].fillna(""))
            if len(plan(row, self.protocol, lambda _: np.zeros(0)).matches) > len(self.plan.matches):
                n = int(self.table.rows.iloc[i])
                return (f"Row {n} seems to hold the column names: delete the rows above it.",)
        return ()

    def _take(self, sheet: Sheet, feature: Feature, matches: list[Match]) -> None:
        """Merge the columns of one feature; an estimate only fills the gaps that they leave."""
        facts: list[tuple[Match, Column]] = []
        estimates, parts = facts.copy(), facts.copy()
        for match in matches:
            column = convert(self.table.cells[match.position], match, self.table.delimiter)
            self._account(match, column)
            kind = estimates if match.estimated else parts if match.parts else facts
            kind.append((match, column))
        columns = [column for _, column in facts]
        if parts and (rule := feature.parts) is not None:
            columns.append(combine(rule, [column for _, column in parts], [match.column for match, _ in parts]))
        name, differ = feature.name, np.zeros(sheet.n, bool)
        if columns:
            fact, differ = merge(feature, columns)
            sheet.values[name][:] = fact.values
            sheet.between(name, fact.doubt, fact.low, fact.high)
        for _, column in estimates:
            where = sheet.gaps(name) & ~sheet.doubt(name) & ~np.isnan(column.values)
            sheet.values[name][where], sheet.imputed[name][where] = column.values[where], True
        if differ.any():
            names = ", ".join(repr(match.column) for match, _ in (*facts, *parts))
            how = "yes counts" if feature.kind == "flag" else "the first counts, and the others as possible"
            self.notes.append(f"{feature.label}: in {plural(int(differ.sum()), 'row')} {names} disagree; {how}.")

    def _account(self, match: Match, column: Column) -> None:
        """Record how a column was read and which of its cells were refused."""
        how = "unit in the name" if match.kind == "name" and match.unit.stated else HOW[match.kind]
        self.mapped.append(Mapped(match.column, match.feature.name, how))
        if match.unit.converts and (n := int((~np.isnan(column.values)).sum())):
            self.converted.append(Converted(match.feature.label, match.unit.name, match.feature.unit, n))
        cells = self.table.cells[match.position]
        for reason, where in column.refused.items():
            self.refused_counts.append(Count(match.column, reason, int(where.sum())))
            for i in np.flatnonzero(where)[: max(0, LISTED - len(self.refused))]:
                value = printable(str(cells.iloc[i]), 40)
                self.refused.append(RefusedCell(int(self.table.rows.iloc[i]), match.column, value, reason))
        self.notes += [f"Column {match.column!r}: {note}." for note in column.notes]

    def _check_weight(self, sheet: Sheet) -> None:
        """Weight, height and BMI must agree: weights in pounds under a metric name are the usual reason."""
        w, h, b = (sheet.values.get(k, np.full(sheet.n, np.nan)) for k in ("weight_kg", "height_cm", "bmi"))
        with np.errstate(all="ignore"):
            ratio = w / (b * (h / 100) ** 2)
        known = ratio[np.isfinite(ratio)]
        if not len(known):
            return
        if 2.0 < float(np.median(known)) < 2.4:
            column = next(m.column for m in self.plan.matches["weight_kg"])
            where = ~np.isnan(w)
            reason = "looks like pounds (against height and BMI): rename the column to 'weight (lb)' or convert it"
            self.refused_counts.append(Count(column, reason, int(where.sum())))
            w[where] = np.nan
            sheet.between("weight_kg", where, *self.protocol.feature("weight_kg").range)
        elif n := int((np.abs(known - 1) > 0.1).sum()):
            self.notes.append(
                f"In {n:,} rows weight, height and BMI disagree by more than 10 %; they are kept as given."
            )

    def _drop(self, sheet: Sheet) -> tuple[Bools, list[DroppedRow], tuple[Count, ...]]:
        """Which rows are kept, and why the others are dropped: a required feature is missing or refused."""
        keep, reason = np.ones(sheet.n, bool), np.full(sheet.n, "", dtype=object)
        for feature in (f for f in self.protocol.features if f.required):
            gone = sheet.gaps(feature.name)
            reason[gone & keep] = f"no usable value for {feature.label_inside}"
            keep &= ~gone
        dropped = [*self.table.dropped]
        dropped += [DroppedRow(int(self.table.rows.iloc[i]), str(reason[i])) for i in np.flatnonzero(~keep)]
        counts = Counter(d.reason for d in dropped)
        return keep, dropped, tuple(Count("", text, n) for text, n in counts.items())


def _examples(feature: Feature) -> dict[str, None]:
    return dict.fromkeys((*feature.aliases[:2], *(c.columns[0] for c in feature.coded)))


def _subset(sheet: Sheet, keep: Bools) -> Sheet:
    return Sheet(
        sheet.protocol,
        int(keep.sum()),
        {k: v[keep] for k, v in sheet.values.items()},
        {k: v[keep] for k, v in sheet.imputed.items()},
        spans={k: (low[keep], high[keep]) for k, (low, high) in sheet.spans.items()},
    )


def _doubts(sheet: Sheet) -> list[str]:
    """Notes on uncertain values that contraindications or locks depend on: the patients to review first."""
    rows = {name: int(sheet.doubt(name).sum()) for name in sheet.protocol.rule_features}
    return [
        f"{sheet.protocol.feature(name).label}: in {plural(n, 'row')} the file leaves the value uncertain; whatever it "
        "could rule out is not offered there."
        for name, n in rows.items()
        if n
    ]


def assemble(sheet: Sheet, report: Report, spec: CohortSpec | None, file_rows: np.ndarray) -> Cohort:
    """The cohort of a filled sheet; without a spec it is an upload."""
    names, n = list(sheet.protocol.names), sheet.n
    prefix = spec.id_prefix if spec else "U"
    kind: Literal["real", "synthetic", "uploaded"] = spec.kind if spec else "uploaded"
    return Cohort(
        name=spec.name if spec else report.source,
        label=spec.label if spec else f"Uploaded: {report.source}",
        kind=kind,
        protocol=sheet.protocol,
        frame=pd.DataFrame({k: sheet.values[k] for k in names}, columns=names),
        ids=tuple(f"{prefix}-{i:05d}" for i in range(1, n + 1)),
        imputed=pd.DataFrame({k: sheet.imputed[k] for k in names}, columns=names),
        report=report,
        provenance=spec.provenance if spec else "Uploaded by the user; not stored, not checked by us.",
        data_date=spec.data_date if spec else "not stated",
        file_rows=np.asarray(file_rows, dtype=np.int64),
        spans={k: sheet.spans[k] for k in sheet.protocol.rule_features if sheet.doubt(k).any()},
    )
