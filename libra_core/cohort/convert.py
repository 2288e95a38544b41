"""Convert text cells to numbers in the protocol's units. Implausible values are refused, cell by cell.

A refused cell is not an empty one: it has an entry, so any possible value may be true (see Column).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from libra_core.arrays import Bools, Floats
from libra_core.clinical import Feature
from libra_core.cohort.match import Match, Unit, fold, units_of

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", ".", "-", "--", "?", "missing", "unknown", "not done"))
YES = r"(?:yes|pos|\++(?:[\s(]|$)|(?:y|true|t|present|mild|moderate|severe)\b)"  # how a cell that means yes begins
NO = frozenset(("no", "n", "false", "f", "absent", "negative", "neg", "never"))
LIMIT = r"^([<>≤≥])=?"


@dataclass
class Column:
    """One column as numbers (n,), nan where missing or refused; `refused` maps a reason to a mask (n,).

    low, high: the possible range where a cell gives no exact value ('>4.8', or a refused cell), (n,), nan elsewhere.
    span: the range of all possible values. slack: the tolerated difference to another column.
    """

    values: Floats
    span: tuple[float, float]
    refused: dict[str, Bools] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    slack: Floats | float = 0.0

    def __post_init__(self) -> None:
        self.low, self.high = np.full(len(self.values), np.nan), np.full(len(self.values), np.nan)

    @property
    def doubt(self) -> Bools:
        return ~np.isnan(self.low)

    def between(self, where: Bools, low: Floats | float, high: Floats | float) -> None:
        """Record that the value lies between low and high."""
        np.copyto(self.low, low, where=where)
        np.copyto(self.high, high, where=where)

    def refuse(self, where: Bools, reason: str) -> None:
        if where.any():
            self.refused[reason] = self.refused.get(reason, np.zeros(len(where), bool)) | where
            self.values[where] = np.nan
            self.between(where, *self.span)


def numbers(cells: pd.Series) -> Floats:
    """The plain numbers in a column of text cells, for a first look at the column."""
    found = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(found[np.isfinite(found)], dtype=float)


def convert(cells: pd.Series, match: Match, delimiter: str) -> Column:
    """Read one column of text cells as its feature."""
    text = cells.fillna("").str.strip()
    low = text.str.lower()
    filled = ~low.isin(MISSING).to_numpy()
    if match.coded is not None:
        return _coded(low, filled, match)
    numbers = pd.to_numeric(text.where(filled), errors="coerce").to_numpy(dtype=float, na_value=np.nan).copy()
    column, sign = Column(numbers, match.feature.range, slack=match.feature.round), np.zeros(len(text))
    odd = filled & np.isnan(column.values)
    if odd.any() and match.feature.kind == "flag":
        column.values[odd & low.isin(NO).to_numpy()] = 0.0
        column.values[odd & low.str.match(YES).to_numpy()] = 1.0
    elif odd.any():
        sign = _rescue(column, text, odd, delimiter)
    odd = filled & np.isnan(column.values)
    if odd.any():
        formula = odd & text.str.startswith("=").to_numpy()
        column.refuse(formula, "a formula, not a number: paste the values instead")
        what = "text, not a number" if match.feature.kind == "number" else "neither yes nor no (or 1 and 0)"
        column.refuse(odd & ~formula, what)
    _in_range(column, match)
    _limits(column, match.feature, sign)
    return column


def _coded(low: pd.Series, filled: Bools, match: Match) -> Column:
    """Words and codes: 'female', '2', 'NH Black'. A number like '2.0' is the code '2'."""
    assert match.coded is not None
    code = low.str.replace(r"\.0+$", "", regex=True)
    column = Column(np.array(code.map(match.coded.values), dtype=np.float64), match.feature.range)
    odd = filled & np.isnan(column.values)
    if match.coded.otherwise is not None:
        column.values[odd] = match.coded.otherwise
        return column
    odd &= ~code.isin(match.coded.missing).to_numpy()
    known = ", ".join(list(match.coded.values)[:6])
    column.refuse(odd, f"not a known code (known: {known})")
    return column


def _rescue(column: Column, text: pd.Series, odd: Bools, delimiter: str) -> Floats:
    """Decimal commas ('7,4'), thousands ('3,200') and limits ('<5', '>90'), whose direction is returned: (n,), 0 for
    a plain number, 1 where the value is higher, -1 where it is lower."""
    cell = text[odd].str.replace("\u2212", "-").str.replace(r"[\s\u00a0]", "", regex=True)
    first = cell.str.extract(LIMIT, expand=False)
    cell = cell.str.replace(LIMIT, "", regex=True)
    thousands = cell.str.match(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$").to_numpy() & (delimiter == ",")
    comma = cell.str.match(r"^-?\d+,\d+$").to_numpy() & ~thousands
    plain = cell.str.replace(",", "", regex=False).where(thousands, cell)
    plain = plain.where(~comma, cell.str.replace(",", ".", regex=False))
    column.values[odd] = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if comma.any():
        column.notes.append(f"{int(comma.sum()):,} decimal commas were read")
    sign = np.zeros(len(text))
    sign[odd] = np.where(first.isin(("<", "≤")), -1.0, np.where(first.isin((">", "≥")), 1.0, 0.0))
    return sign


def _limits(column: Column, feature: Feature, sign: Floats) -> None:
    """A limit gives only the side on which the value lies: it is taken one rounding step beyond, as not exact."""
    limit = (sign != 0) & ~np.isnan(column.values)
    if not limit.any():
        return
    low, high = feature.range
    bound = column.values.copy()
    column.between(limit, np.where(sign > 0, bound, low), np.where(sign > 0, high, bound))
    column.values[limit] = np.clip(bound + sign * feature.round, low, high)[limit]
    n = int(limit.sum())
    many = "limits" if n != 1 else "limit"
    column.notes.append(f"{n:,} {many} such as '<5' or '>90': taken as just beyond the limit, and as not measured")


def _in_range(column: Column, match: Match) -> None:
    """Convert to our unit; refuse impossible values, and a whole column that is clearly in another unit."""
    feature, unit = match.feature, match.unit
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
        twin = match.other
        meant = f"; if it is {twin.label_inside}, rename the column to '{twin.name}'" if twin else ""
        column.refuse(out, f"impossible: outside {low:g} to {high:g} {feature.unit}".rstrip() + meant)
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
