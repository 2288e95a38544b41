"""Fill gaps: use certain values, compute by formula, impute the rest by rule and mark it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.clinical import Feature, Protocol
from libra_core.clinical.formulas import FORMULAS
from libra_core.clinical.rules import all_hold
from libra_core.cohort.report import Computed, Imputed


@dataclass
class Sheet:
    """The features as columns (n,), nan where missing; `imputed` marks what is assumed, estimated or not exact.

    spans: (low, high), each (n,), of the features that the file leaves uncertain; nan where a value is certain.
    """

    protocol: Protocol
    n: int
    values: dict[str, Floats] = field(default_factory=dict)
    imputed: dict[str, Bools] = field(default_factory=dict)
    computed: list[Computed] = field(default_factory=list)
    spans: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.protocol.names:
            self.values.setdefault(name, np.full(self.n, np.nan))
            self.imputed.setdefault(name, np.zeros(self.n, bool))

    def gaps(self, name: str) -> Bools:
        return np.isnan(self.values[name])

    def doubt(self, name: str) -> Bools:
        """Where the file leaves the value uncertain."""
        return ~np.isnan(self.spans[name][0]) if name in self.spans else np.zeros(self.n, bool)

    def between(self, name: str, where: Bools, low: Floats | float, high: Floats | float) -> None:
        """Record that the value of these rows lies between low and high, which may widen an earlier range."""
        if where.any():
            low_, high_ = self.spans.setdefault(name, (np.full(self.n, np.nan), np.full(self.n, np.nan)))
            low_[where] = np.fmin(low_, low)[where]
            high_[where] = np.fmax(high_, high)[where]
            self.imputed[name] |= where & ~self.gaps(name)


def fill(sheet: Sheet) -> tuple[Imputed, ...]:
    """Fill every gap in place and return what was assumed. Raises ValueError when a required value is missing."""
    given = {f.name: sheet.imputed[f.name].copy() for f in sheet.protocol.features}
    for feature in sheet.protocol.features:
        if feature.required and sheet.gaps(feature.name).any():
            raise ValueError(f"{feature.label} is required and missing in some rows")
    for _ in range(2):  # known values may complete a formula, and vice versa
        for feature in sheet.protocol.features:
            _known(sheet, feature)
            _formula(sheet, feature)
    for feature in sheet.protocol.features:
        _formula(sheet, feature)  # now also from assumed inputs
        if feature.impute is not None and sheet.gaps(feature.name).any():
            _impute(sheet, feature)
    for feature in sheet.protocol.features:
        _formula(sheet, feature)
    for name in sheet.spans:
        sheet.imputed[name] |= sheet.doubt(name)
    return tuple(_account(sheet, f, given[f.name]) for f in sheet.protocol.features if sheet.imputed[f.name].any())


def _account(sheet: Sheet, feature: Feature, given: Bools) -> Imputed:
    n = int(sheet.imputed[feature.name].sum())
    rule = (feature.sources or {}).get("impute", "computed from assumed values")
    if given.any():
        here = int(given.sum())
        what = "estimated, or not exact, in the file"
        rule = what if here == n else f"{here:,} {what}; {rule}"
    return Imputed(feature.name, feature.label, n, rule)


def _known(sheet: Sheet, feature: Feature) -> None:
    """Values that are certain without measurement, provided that the facts they follow from are measured."""
    for known in feature.known:
        names = [c.feature for c in known.when]
        sure = all_hold(known.when, sheet.values) & ~np.any([sheet.imputed[name] for name in names], axis=0)
        sheet.values[feature.name][sure & sheet.gaps(feature.name)] = known.value


def _formula(sheet: Sheet, feature: Feature) -> None:
    """Compute gaps whose inputs are all present, within the plausible range."""
    if feature.formula is None:
        return
    formula, inputs = FORMULAS[feature.formula], feature.formula_inputs
    ready = sheet.gaps(feature.name) & ~np.any([sheet.gaps(name) for name in inputs], axis=0)
    if not ready.any():
        return
    with np.errstate(all="ignore"):
        result = np.clip(formula.compute({name: sheet.values[name][ready] for name in inputs}), *feature.range)
    sheet.values[feature.name][ready] = result
    from_assumed = np.any([sheet.imputed[name][ready] for name in inputs], axis=0)
    sheet.imputed[feature.name][ready] = from_assumed
    _inherit(sheet, feature, ready, inputs)
    measured = int((~from_assumed).sum())
    if measured:
        sheet.computed.append(Computed(feature.name, feature.label, formula.label, measured))


def _impute(sheet: Sheet, feature: Feature) -> None:
    gaps, rule = sheet.gaps(feature.name), feature.impute
    assert rule is not None
    if rule.value is not None:
        value = np.full(sheet.n, rule.value)
    elif rule.by is not None and rule.values is not None:
        value = np.where(sheet.values[rule.by] == 1, rule.values[1], rule.values[0])
    else:
        assert rule.on is not None
        assert rule.base is not None
        assert rule.slope is not None
        assert rule.centre is not None
        value = rule.base + rule.slope * (sheet.values[rule.on] - rule.centre)
    sheet.values[feature.name][gaps] = np.clip(value, *feature.range)[gaps]
    sheet.imputed[feature.name][gaps] = True
    _inherit(sheet, feature, gaps, (*feature.formula_inputs, *(name for name in (rule.by, rule.on) if name)))


def _inherit(sheet: Sheet, feature: Feature, where: Bools, inputs: tuple[str, ...]) -> None:
    """A value computed from an uncertain one is itself uncertain: it may lie anywhere in its range."""
    for name in inputs:
        sheet.between(feature.name, where & sheet.doubt(name), *feature.range)
