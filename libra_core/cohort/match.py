"""Match the columns of a file to features and units. Names are compared without case, spaces and punctuation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.clinical import Feature, Protocol
from libra_core.clinical.feature import Coded, Parts

_ESTIMATED = re.compile(r"[\s_.-]*\(?(donor|imputed)\)?$", re.IGNORECASE)
_FOLD = str.maketrans({"µ": "u", "μ": "u", "²": "2", "₂": "2", "ä": "a", "ö": "o", "ü": "u", "é": "e"})
KINDS = ("name", "parts", "codes", "estimate")


@dataclass(frozen=True)
class Unit:
    """value in our unit = factor * value in the file + offset. `stated`: the column's name says so."""

    name: str
    factor: float = 1.0
    offset: float = 0.0
    stated: bool = False

    @property
    def converts(self) -> bool:
        return (self.factor, self.offset) != (1.0, 0.0)


@dataclass(frozen=True)
class Match:
    """One column read as (part of) one feature. estimated: the name says that its values are not measured.

    other: another feature of the same name that the column could mean.
    """

    position: int
    column: str
    feature: Feature
    unit: Unit
    rank: int
    estimated: bool = False
    coded: Coded | None = None
    parts: Parts | None = None
    other: Feature | None = None

    @property
    def kind(self) -> str:
        """How the column is read, one of KINDS."""
        if self.estimated:
            return "estimate"
        return "codes" if self.coded else "parts" if self.parts else "name"


@dataclass
class ColumnMap:
    """All matches of each feature, the preferred one first, and the columns that match none."""

    matches: dict[str, list[Match]] = field(default_factory=dict)
    ignored: list[tuple[int, str]] = field(default_factory=list)


def fold(name: str) -> str:
    """'Creatinine (µmol/L)' -> 'creatinineumoll'."""
    return re.sub(r"[^a-z0-9]", "", name.translate(_FOLD).lower())


def units_of(feature: Feature) -> Iterator[Unit]:
    """Every unit that a file may use for a feature."""
    if feature.unit:
        yield Unit(feature.unit)
    if feature.si_unit:
        yield Unit(feature.si_unit, 1 / feature.si_factor, -feature.si_offset / feature.si_factor)
    if feature.us_unit:
        yield Unit(feature.us_unit, 1 / feature.us_factor)
    for name, rule in (feature.units or {}).items():
        factor, offset = rule if isinstance(rule, tuple) else (rule, 0.0)
        yield Unit(name, factor, offset)


def plan(header: tuple[str, ...], protocol: Protocol, numbers: Callable[[int], Floats]) -> ColumnMap:
    """Match every column. Several columns may mean one feature: they are the most direct name comes first.

    numbers: the numbers in the column of a position; they decide when two features share a name ("sodium").
    """
    book = _book(protocol)
    out = ColumnMap()
    for position, column in enumerate(header):
        estimated = _ESTIMATED.search(column)
        entries = book.get(fold(_ESTIMATED.sub("", column)), [])
        if not entries:
            out.ignored.append((position, "no feature of this name" if column else "the column has no name"))
            continue
        feature, unit, rank, coded, parts = _meant(entries, numbers(position)) if len(entries) > 1 else entries[0]
        other = next((e[0] for e in entries if e[0] is not feature), None)
        match = Match(position, column, feature, unit, rank, estimated is not None, coded, parts, other)
        out.matches.setdefault(feature.name, []).append(match)
    for matches in out.matches.values():
        matches.sort(key=lambda m: (KINDS.index(m.kind), m.rank, m.position))
    return out


_Entry = tuple[Feature, Unit, int, Coded | None, Parts | None]


def _meant(entries: list[_Entry], numbers: Floats) -> _Entry:
    """The first feature, unless every number of the column is impossible for it and possible for another one."""

    def possible(entry: _Entry) -> Bools:
        ours = numbers * entry[1].factor + entry[1].offset
        return np.asarray((entry[0].range[0] <= ours) & (ours <= entry[0].range[1]), dtype=bool)

    if possible(entries[0]).any() or not len(numbers):
        return entries[0]
    return next((entry for entry in entries[1:] if possible(entry).all()), entries[0])


def _book(protocol: Protocol) -> dict[str, list[_Entry]]:
    """Every folded column name with its possible meanings, one entry for each feature."""
    book: dict[str, list[_Entry]] = {}

    def add(name: str, entry: _Entry) -> None:
        entries = book.setdefault(fold(name), [])
        if all(entry[0] is not known[0] for known in entries):
            entries.append(entry)

    for feature in protocol.features:
        own = Unit(feature.unit)
        for rank, alias in enumerate((feature.name, *feature.aliases)):
            add(alias, (feature, own, rank, None, None))
        for part in feature.parts.columns if feature.parts else ():
            add(part, (feature, own, 100, None, feature.parts))
        for coded in feature.coded:
            for name in coded.columns:
                add(name, (feature, own, 200, coded, None))
    for feature in protocol.features:
        for unit in units_of(feature):
            stated = Unit(unit.name, unit.factor, unit.offset, stated=True)
            for rank, alias in enumerate((feature.name, *feature.aliases)):
                if fold(unit.name):
                    add(alias + unit.name, (feature, stated, rank, None, None))
    return book
