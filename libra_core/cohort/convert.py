"""From text cells to numbers in the protocol's units. What cannot be believed is refused, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from libra_core.clinical import Feature
from libra_core.clinical.rules import Bools, Floats
from libra_core.cohort.match import Match, Unit, fold, units_of

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", ".", "-", "--", "?", "missing", "unknown", "not done"))
YES = {"yes": 1.0, "y": 1.0, "true": 1.0, "t": 1.0, "present": 1.0, "positive": 1.0}
NO = {"no": 0.0, "n": 0.0, "false": 0.0, "f": 0.0, "absent": 0.0, "negative": 0.0}
FLAG_WORDS = YES | NO


@dataclass
class Column:
    """One column as numbers (n,), nan where missing or refused; `refused` maps a reason to a mask (n,)."""

    values: Floats
    refused: dict[str, Bools] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def refuse(self, where: Bools, reason: str) -> None:
        if where.any():
            self.refused[reason] = self.refused.get(reason, np.zeros(len(where), bool)) | where
            self.values[where] = np.nan


def convert(cells: pd.Series, match: Match, delimiter: str) -> Column:
    """Read one column of text cells as its feature."""
    text = cells.fillna("").str.strip()
    low = text.str.lower()
    filled = ~low.isin(MISSING).to_numpy()
    if match.coded is not None:
        return _coded(low, filled, match)
    column = Column(pd.to_numeric(text.where(filled), errors="coerce").to_numpy(dtype=float, na_value=np.nan).copy())
    odd = filled & np.isnan(column.values)
    if odd.any() and match.feature.kind == "flag":
        column.values[odd] = low[odd].map(FLAG_WORDS).to_numpy(dtype=float)
    elif odd.any():
        _rescue(column, text, odd, delimiter)
    odd = filled & np.isnan(column.values)
    if odd.any():
        formula = odd & text.str.startswith("=").to_numpy()
        column.refuse(formula, "a formula, not a number: paste the values instead")
        what = "text, not a number" if match.feature.kind == "number" else "neither yes nor no (or 1 and 0)"
        column.refuse(odd & ~formula, what)
    _in_range(column, match.feature, match.unit)
    return column


def _coded(low: pd.Series, filled: Bools, match: Match) -> Column:
    """Words and codes: 'female', '2', 'NH Black'. A number like '2.0' is the code '2'."""
    assert match.coded is not None
    code = low.str.replace(r"\.0+$", "", regex=True)
    column = Column(np.array(code.map(match.coded.values), dtype=np.float64))
    odd = filled & np.isnan(column.values)
    if match.coded.otherwise is not None:
        column.values[odd] = match.coded.otherwise
        return column
    odd &= ~code.isin(match.coded.missing).to_numpy()
    known = ", ".join(list(match.coded.values)[:6])
    column.refuse(odd, f"not a known code (known: {known})")
    return column


def _rescue(column: Column, text: pd.Series, odd: Bools, delimiter: str) -> None:
    """Decimal commas ('7,4'), thousands ('3,200') and limits of detection ('<5', '>90')."""
    cell = text[odd].str.replace("\u2212", "-").str.replace(r"[\s\u00a0]", "", regex=True)
    limit = cell.str.match(r"^[<>≤≥]=?[\d.,]+$").to_numpy()
    cell = cell.str.replace(r"^[<>≤≥]=?", "", regex=True)
    thousands = cell.str.match(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$").to_numpy() & (delimiter == ",")
    comma = cell.str.match(r"^-?\d+,\d+$").to_numpy() & ~thousands
    plain = cell.str.replace(",", "", regex=False).where(thousands, cell)
    plain = plain.where(~comma, cell.str.replace(",", ".", regex=False))
    column.values[odd] = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if limit.any():
        column.notes.append(f"{int(limit.sum()):,} limits such as '<5' or '>90' were read as the number")
    if comma.any():
        column.notes.append(f"{int(comma.sum()):,} decimal commas were read")


def _in_range(column: Column, feature: Feature, unit: Unit) -> None:
    """Convert to our unit, refuse impossible values, and a whole column that is plainly in another unit."""
    with np.errstate(over="ignore", invalid="ignore"):
        ours = column.values * unit.factor + unit.offset
    out = ~np.isnan(ours) & ~_inside(ours, feature)
    low, high = feature.range
    if not unit.stated and feature.kind == "number" and out.sum() > 0.5 * max(1, (~np.isnan(ours)).sum()):
        for other in _likely(column.values, feature):
            column.refuse(
                ~np.isnan(ours),
                f"the column looks like {other.name}, not {feature.unit}: "
                f"rename it to '{feature.name} ({other.name})' or convert it",
            )
            return
    column.values[:] = ours
    if feature.kind == "flag":
        column.refuse(~np.isnan(ours) & ~np.isin(ours, (0.0, 1.0)), "neither yes nor no (or 1 and 0)")
    else:
        column.refuse(out, f"impossible: outside {low:g} to {high:g} {feature.unit}".rstrip())
    if feature.cap is not None and (high_ones := column.values > feature.cap).any():
        column.values[high_ones] = feature.cap
        n = int(high_ones.sum())
        column.notes.append(f"{n:,} values above {feature.cap:g} {feature.unit} count as {feature.cap:g}")


def _inside(values: Floats, feature: Feature) -> Bools:
    return (values >= feature.range[0]) & (values <= feature.range[1])


def _likely(raw: Floats, feature: Feature) -> Iterator[Unit]:
    """Other units in which at least 80 % of a column would be possible."""
    numbers = raw[np.isfinite(raw)]
    for unit in units_of(feature):
        if unit.converts and fold(unit.name) and len(numbers):
            share = _inside(numbers * unit.factor + unit.offset, feature).mean()
            if share >= 0.8:
                yield unit
