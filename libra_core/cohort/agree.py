"""Contradictions within one row: between a count and its parts, or a measured value and its formula."""

from __future__ import annotations

import numpy as np

from libra_core.clinical import Feature
from libra_core.clinical.formulas import FORMULAS
from libra_core.cohort.fill import Sheet
from libra_core.cohort.report import plural


def contradictions(sheet: Sheet) -> list[str]:
    """Resolve every contradiction on the safe side, in place, before gaps are filled; return a note on each kind."""
    notes: list[str] = []
    for feature in sheet.protocol.features:
        if feature.formula == "sum":
            notes += _undercounted(sheet, feature)
        elif feature.formula is not None:
            notes += _recomputed(sheet, feature)
    return notes


def _undercounted(sheet: Sheet, feature: Feature) -> list[str]:
    """A count cannot be less than the parts given in the same row."""
    least = np.sum([np.nan_to_num(sheet.values[name]) for name in feature.inputs], axis=0)
    less = sheet.values[feature.name] < least
    if not less.any():
        return []
    sheet.values[feature.name][less] = least[less]
    sheet.imputed[feature.name] |= less
    return [f"{feature.label}: in {plural(int(less.sum()), 'row')} fewer than the parts in the same row; recounted."]


def _recomputed(sheet: Sheet, feature: Feature) -> list[str]:
    """A measured value far from what its formula gives: the truth may be either, or between them."""
    formula = FORMULAS[feature.formula or ""]
    if formula.agree is None:
        return []
    given = sheet.values[feature.name]
    with np.errstate(all="ignore"):
        again = np.clip(formula.compute({name: sheet.values[name] for name in formula.inputs}), *feature.range)
        far = np.abs(again / given - 1) > formula.agree
    if not far.any():
        return []
    sheet.between(feature.name, far, np.minimum(given, again), np.maximum(given, again))
    return [
        f"{feature.label}: in {plural(int(far.sum()), 'row')} more than {formula.agree:.0%} from the value "
        f"{formula.label}; both count as possible."
    ]
