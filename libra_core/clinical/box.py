"""How far each habit may change for each patient, and which limit binds. Clinical units throughout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.clinical.feature import Feature
from libra_core.clinical.mask import OPEN
from libra_core.clinical.rules import Bounds, Columns
from libra_core.clinical.treatment import Limit
from libra_core.digits import MINUS


def box_of(features: Sequence[Feature], columns: Columns, bounds: Bounds) -> tuple[Floats, Floats]:
    """(lo, hi), each (n, d_M), lo <= 0 <= hi: a habit moves in one direction only, and not at all where a lock
    holds or cannot be ruled out."""
    n = len(columns[features[0].name])
    lo, hi = np.zeros((n, len(features))), np.zeros((n, len(features)))
    for j, feature in enumerate(features):
        reach = np.where(_locked(feature, bounds), 0.0, np.minimum(_step(feature, columns), _room(feature, columns)))
        if feature.direction == -1:
            lo[:, j] = -reach
        else:
            hi[:, j] = reach
    return lo + 0.0, hi  # + 0.0 turns -0.0 into 0.0


def _locked(feature: Feature, bounds: Bounds) -> Bools:
    out = np.zeros(len(bounds.low[feature.name]), bool)
    for rule in feature.locks:
        out |= rule.may_fire(bounds)
    return out


def _step(feature: Feature, columns: Columns) -> Floats:
    """The largest step in one horizon, (n,), >= 0: the smaller of the absolute one and the share of today's value."""
    value = columns[feature.name]
    step = np.full(len(value), np.inf if feature.max_step is None else feature.max_step)
    if feature.max_step_share is not None:
        step = np.minimum(step, feature.max_step_share * np.abs(value))
    return step


def _bound(feature: Feature, columns: Columns) -> Floats:
    """The floor (or ceiling) of each patient, (n,): the tightest of the stated one and the plausible range."""
    value = columns[feature.name]
    if feature.direction == 1:
        high = feature.range[1] if feature.cap is None else min(feature.range[1], feature.cap)
        return np.full(len(value), high if feature.ceiling is None else min(high, feature.ceiling))
    bound = np.full(len(value), feature.range[0])
    if feature.floor is not None:
        bound = np.maximum(bound, feature.floor)
    if feature.floor_ratio is not None:
        bound = np.maximum(bound, value * feature.floor_ratio.value / columns[feature.floor_ratio.feature])
    return bound


def _room(feature: Feature, columns: Columns) -> Floats:
    """The distance left to the floor or ceiling, (n,), >= 0."""
    distance = _bound(feature, columns) - columns[feature.name]
    return np.maximum(0.0, distance if feature.direction == 1 else -distance)


def limits_of(features: Sequence[Feature], columns: Columns, bounds: Bounds, si: bool = False) -> tuple[Limit, ...]:
    """The limits of the first patient in `columns`, in words, one for each habit."""
    lo, hi = box_of(features, columns, bounds)
    return tuple(
        _lock(f, columns, bounds) or _limit(f, columns, float(lo[0, j]), float(hi[0, j]), si)
        for j, f in enumerate(features)
    )


def _lock(feature: Feature, columns: Columns, bounds: Bounds) -> Limit | None:
    for rule in feature.locks:
        if rule.may_fire(bounds)[0]:
            text = rule.reason if rule.fires(columns)[0] else f"{rule.reason}: {OPEN}"
            return Limit(feature.name, 0.0, 0.0, "lock", text)
    return None


def _limit(feature: Feature, columns: Columns, lo: float, hi: float, si: bool) -> Limit:
    step, room = float(_step(feature, columns)[0]), float(_room(feature, columns)[0])
    edge: Literal["floor", "ceiling"] = "floor" if feature.direction == -1 else "ceiling"
    bound = feature.display(float(_bound(feature, columns)[0]), si)
    if room <= 0:
        return Limit(feature.name, 0.0, 0.0, edge, f"already at the {edge} of {bound}, or past it")
    if room <= step:
        return Limit(feature.name, lo, hi, edge, f"stops at the {edge} of {bound}")
    sign = MINUS if feature.direction == -1 else "+"
    return Limit(feature.name, lo, hi, "step", f"at most {sign}{feature.display(step, si)} in one step")
