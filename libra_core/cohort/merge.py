"""Merge several columns about one fact: flags by "any", numbers by the first, keeping every uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.clinical import Feature
from libra_core.clinical.feature import Parts
from libra_core.cohort.convert import Column
from libra_core.cohort.match import fold


def merge(feature: Feature, columns: Sequence[Column]) -> tuple[Column, Bools]:
    """(the merged column, where the columns disagree). Of numbers the first counts, and all of them bound the value."""
    if len(columns) == 1:
        return columns[0], np.zeros(len(columns[0].values), bool)
    values, low, high, doubt = _stacked(columns)
    if feature.kind == "flag":
        return _any(columns), np.fmax.reduce(values) > np.fmin.reduce(values)
    first = columns[0].values.copy()
    for column in columns[1:]:
        first = np.where(np.isnan(first), column.values, first)
    slack = np.max([np.broadcast_to(c.slack, first.shape) for c in columns], axis=0) * (1 + 1e-9)
    differ = np.fmax.reduce(values) - np.fmin.reduce(values) > slack
    out = Column(first, feature.range)
    out.between(np.any(doubt, axis=0) | differ, np.fmin.reduce(low), np.fmax.reduce(high))
    return out, differ


def combine(parts: Parts, columns: Sequence[Column], names: Sequence[str]) -> Column:
    """The mean of readings, any of several flags, or a sum. A flag is 0 and a sum is known only when all parts are."""
    values, low, high, doubt = _stacked(columns)
    gap = np.isnan(low)
    if parts.combine == "any":
        out = _any(columns)
        there = {fold(name) for name in names}
        whole = all(there & {fold(name) for name in group} for group in parts.whole)
        out.values[(out.values == 0) & (gap.any(axis=0) | (not whole))] = np.nan
        return out
    if parts.combine == "sum":
        out = Column(values.sum(axis=0), columns[0].span)
        out.between(np.any(doubt, axis=0) & ~np.any(gap, axis=0), low.sum(axis=0), high.sum(axis=0))
        return out
    read = ~np.isnan(values)  # a reading that cannot be read is left out while another one is there
    n = np.maximum(read.sum(axis=0), 1)
    mean, lowest, highest = (np.where(read, side, 0.0).sum(axis=0) / n for side in (values, low, high))
    none = ~np.any(read, axis=0)
    spread = np.fmax.reduce(values) - np.fmin.reduce(values)
    out = Column(np.where(none, np.nan, mean), columns[0].span, slack=columns[0].slack + np.nan_to_num(spread))
    out.between(np.any(doubt & read, axis=0), lowest, highest)
    out.between(np.any(doubt, axis=0) & none, *columns[0].span)
    return out


def _any(columns: Sequence[Column]) -> Column:
    """1 where one column says so; unknown, between 0 and 1, where none does and one cannot be read."""
    _, low, high, _ = _stacked(columns)
    lowest, highest = np.fmax.reduce(low), np.fmax.reduce(high)
    out = Column(np.where(lowest == highest, lowest, np.nan), columns[0].span)
    out.between(lowest < highest, lowest, highest)
    return out


def _stacked(columns: Sequence[Column]) -> tuple[Floats, Floats, Floats, Bools]:
    """(values, low, high, doubt), each (columns, n); low = high = value where a value is exact, nan where none is."""
    values, doubt = np.stack([c.values for c in columns]), np.stack([c.doubt for c in columns])
    low, high = np.stack([c.low for c in columns]), np.stack([c.high for c in columns])
    return values, np.where(doubt, low, values), np.where(doubt, high, values), doubt
