"""Read a wide table (CSV) into a cohort: one row for each patient, columns matched to the protocol's features.

Nothing is dropped silently: the report counts every column, cell and row. Nothing but CohortError is raised.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pandas as pd

from libra_core.clinical import CohortSpec, Protocol, default_protocol
from libra_core.clinical.rules import Bools
from libra_core.cohort.cohort import Cohort
from libra_core.cohort.convert import Column, convert
from libra_core.cohort.decode import MAX_BYTES, TextTable, decode, too_large
from libra_core.cohort.fill import Sheet, fill
from libra_core.cohort.match import Match, Plan, fold, plan
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
    table = decode(data, title)
    return _Reading(title, protocol, table, plan(table.header, protocol)).cohort(spec)


def _bytes(source: Source, name: str) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, name or "the file"
    if isinstance(source, str | Path):
        path = Path(source)
        try:
            if path.is_dir():
                raise refuse(str(source), f"{path.name} is a folder: choose the CSV file inside.")
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
    """One reading of one file: collects the account while the columns become features."""

    title: str
    protocol: Protocol
    table: TextTable
    plan: Plan
    mapped: list[Mapped] = field(default_factory=list)
    converted: list[Converted] = field(default_factory=list)
    refused: list[RefusedCell] = field(default_factory=list)
    refused_counts: list[Count] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def cohort(self, spec: CohortSpec | None) -> Cohort:
        self._check_header()
        sheet = Sheet(self.protocol, len(self.table.cells))
        for matches in self.plan.matches.values():
            for match in matches:
                self._take(sheet, match)
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
        imputed = fill(sheet)
        report = replace(report, imputed=imputed, converted=tuple(self.converted), computed=tuple(sheet.computed))
        return assemble(sheet, report, spec, rows)

    def _check_header(self) -> None:
        """Raise CohortError for columns that are there twice with different content, and for missing key columns."""
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
                        f"The column {column!r} is there {n} times with different values: "
                        "keep one, or give the others their own names.",
                    )
                self.notes.append(f"The column {column!r} is there {n} times with the same values; it is read once.")
        missing = [f for f in self.protocol.features if f.required and f.name not in self.plan.matches]
        if missing:
            wanted = "; ".join(f"{f.label} (a column named for instance {', '.join(_examples(f))})" for f in missing)
            found = ", ".join(name[:30] for name in self.table.header[:8] if name)
            raise refuse(
                self.title,
                f"The file has no column for: {wanted}.",
                f"Its first columns are: {found}. Rename the columns, and check that the first row holds their names.",
            )

    def _take(self, sheet: Sheet, match: Match) -> None:
        """Read one column and let it fill the gaps of its feature."""
        name, feature = match.feature.name, match.feature
        column = convert(self.table.cells[match.position], match, self.table.delimiter)
        self._account(match, column)
        if match.kind == "parts":
            first = not any(m.feature == name and m.how == HOW["parts"] for m in self.mapped)
            if not first:  # taken with its first sibling
                self.mapped.append(Mapped(match.column, name, HOW["parts"]))
                return
            column = self._combine(match)
        values, imputed = sheet.values[name], sheet.imputed[name]
        where = np.isnan(values) & ~np.isnan(column.values)
        values[where] = column.values[where]
        imputed[where] = match.estimated
        how = "unit in the name" if match.kind == "name" and match.unit.stated else HOW[match.kind]
        self.mapped.append(Mapped(match.column, name, how))
        if match.unit.converts and where.any():
            self.converted.append(Converted(feature.label, match.unit.name, feature.unit, int(where.sum())))

    def _combine(self, match: Match) -> Column:
        """The mean of readings, or any of several flags; missing only where all parts are."""
        assert match.parts is not None
        parts = [m for m in self.plan.matches[match.feature.name] if m.kind == "parts"]
        stack = np.stack([convert(self.table.cells[m.position], m, self.table.delimiter).values for m in parts])
        there = ~np.isnan(stack)
        total, n = np.where(there, stack, 0.0).sum(axis=0), there.sum(axis=0)
        if match.parts.combine == "any":
            result = (total > 0).astype(float)
        else:
            result = total / np.maximum(n, 1) if match.parts.combine == "mean" else total
        return Column(np.where(n > 0, result, np.nan))

    def _account(self, match: Match, column: Column) -> None:
        cells = self.table.cells[match.position]
        for reason, where in column.refused.items():
            self.refused_counts.append(Count(match.column, reason, int(where.sum())))
            for i in np.flatnonzero(where)[: max(0, LISTED - len(self.refused))]:
                value = str(cells.iloc[i])[:40]
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
        elif n := int((np.abs(known - 1) > 0.1).sum()):
            self.notes.append(
                f"In {n:,} rows weight, height and BMI disagree by more than 10 %; they are kept as given."
            )

    def _drop(self, sheet: Sheet) -> tuple[Bools, list[DroppedRow], tuple[Count, ...]]:
        """Which rows stay, and why the others go: a required feature that is missing or refused."""
        keep, reason = np.ones(sheet.n, bool), np.full(sheet.n, "", dtype=object)
        for feature in (f for f in self.protocol.features if f.required):
            gone = sheet.gaps(feature.name)
            reason[gone & keep] = f"no usable value for {feature.label_inside}"
            keep &= ~gone
        dropped = [*self.table.dropped]
        dropped += [DroppedRow(int(self.table.rows.iloc[i]), str(reason[i])) for i in np.flatnonzero(~keep)]
        counts = Counter(d.reason for d in dropped)
        return keep, dropped, tuple(Count("", text, n) for text, n in counts.items())


def _examples(feature: object) -> tuple[str, ...]:
    names = [*getattr(feature, "aliases", ())[:2], *(c.columns[0] for c in getattr(feature, "coded", ()))]
    return tuple(dict.fromkeys(names))


def _subset(sheet: Sheet, keep: Bools) -> Sheet:
    return Sheet(
        sheet.protocol,
        int(keep.sum()),
        {k: v[keep] for k, v in sheet.values.items()},
        {k: v[keep] for k, v in sheet.imputed.items()},
    )


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
    )
