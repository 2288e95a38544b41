"""The schema of a disease: features and habits, the context x, the box and the feasible set.

`values` is always an array (n, n_features) of complete, raw clinical values in the order of `features`; a "row" is
one of its rows, (n_features,). The maths of the bandit is standardised; this is the only place that converts.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from pydantic.dataclasses import dataclass

from libra_core.arrays import Floats
from libra_core.clinical.box import box_of, constraints_of
from libra_core.clinical.feature import Feature
from libra_core.clinical.rules import NOW, STRICT, Bounds, Derived
from libra_core.clinical.treatment import FeasibleSpec, LinearLimit
from libra_core.feasible import FeasibleSet

INTERCEPT = "intercept"
Between = tuple[Floats, Floats]  # the lowest and the highest value that are possible, each (n, n_features)


@dataclass(frozen=True, eq=False, kw_only=True, config=STRICT)
class Schema:
    """context: names of the immutable block of x, the intercept first; a flag enters as 0/1, a number as
    (value - mean) / sd, "name:now" is today's level of a habit. mutable: the habits of the change block, which is
    zero on arrival: x' = (x_I, delta). dropped: context entries that are switched off (their column is zero).
    """

    features: tuple[Feature, ...]
    derived: tuple[Derived, ...]
    context: tuple[str, ...]
    mutable: tuple[str, ...]
    feasible: FeasibleSpec
    linear_limits: tuple[LinearLimit, ...] = ()
    dropped: tuple[str, ...] = ()

    # ------------------------------------------------------------------------------------------------ names

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features)

    @cached_property
    def _flags(self) -> dict[str, Derived]:
        return {flag.name: flag for flag in self.derived}

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Position of a feature in `features`. Raises KeyError for an unknown name."""
        return self._positions[name]

    def feature(self, name: str) -> Feature:
        return self.features[self.index(name)]

    @cached_property
    def mutable_features(self) -> tuple[Feature, ...]:
        return tuple(self.feature(name) for name in self.mutable)

    @cached_property
    def scales(self) -> Floats:
        """Clinical units for one unit of change, (d_M,): the nominal 3-month step, or the SD where that is smaller.

        A change is scaled by the feasible step, not by the differences between people: otherwise a feasible weight loss
        (0.15 SD) is negligible under the estimator's prior, and optimism never tries it.
        """
        return np.array([f.change_unit for f in self.mutable_features])

    @property
    def effort_weights(self) -> tuple[float, ...]:
        """The diagonal of W, (d_M,): effort for one unit of change. |W delta| is in effort-weighted SDs."""
        return tuple(f.effort * f.change_unit / f.sd for f in self.mutable_features)

    # ------------------------------------------------------------------------------------------------ numbers

    def columns(self, values: ArrayLike) -> dict[str, Floats]:
        """Every feature and derived flag by name, each (n,). Raises ValueError when a value is missing."""
        table = np.atleast_2d(np.asarray(values, dtype=float))
        if table.shape[1] != len(self.features):
            raise ValueError(f"expected {len(self.features)} values for each patient, got {table.shape[1]}")
        gaps = np.isnan(table).any(axis=0)
        if gaps.any():
            raise ValueError(f"values are missing for: {', '.join(np.array(self.names)[gaps])}")
        out = {name: table[:, i] for i, name in enumerate(self.names)}
        for flag in self.derived:
            out[flag.name] = flag.value(out)
        return out

    def vector(self, values: ArrayLike) -> Floats:
        """The standardised context x, (n, d): the immutable block, then zeros for the change block."""
        columns = self.columns(values)
        n = len(columns[self.names[0]])
        out = np.zeros((n, len(self.context) + len(self.mutable)))
        for j, entry in enumerate(self.context):
            if entry not in self.dropped:
                out[:, j] = 1.0 if entry == INTERCEPT else self._standardised(entry.removesuffix(NOW), columns)
        return out

    def _standardised(self, name: str, columns: dict[str, Floats]) -> Floats:
        if name not in self._positions:
            return columns[name]  # a derived flag
        feature = self.feature(name)
        return (columns[name] - feature.mean) / feature.sd

    def box(self, values: ArrayLike, between: Between | None = None) -> tuple[Floats, Floats]:
        """(lo, hi), each (n, d_M), standardised, lo <= 0 <= hi: direction, steps, floors, ranges and locks."""
        lo, hi = box_of(self.mutable_features, self.columns(values), self.bounds(values, between))
        return lo / self.scales, hi / self.scales

    def feasible_set(self, gamma: float | None = None, limits: tuple[str, ...] = ()) -> FeasibleSet:
        """F without the patient's box, in standardised units; `limits` names the further limits that are switched on.

        Raises ValueError for a name that the protocol does not have.
        """
        spec, radius = self.feasible, self.feasible.gamma if gamma is None else gamma
        constraints = constraints_of(self.linear_limits, limits, self.mutable, self.scales)
        return FeasibleSet(self.effort_weights, radius, float(spec.p), spec.max_changes, constraints)

    def change(self, delta: ArrayLike) -> Floats:
        """A standardised change in clinical units, same shape."""
        return np.asarray(delta, dtype=float) * self.scales

    def bounds(self, values: ArrayLike, between: Between | None) -> Bounds:
        """The possible range of every column: from `between`, or exactly `values`."""
        if between is None:
            columns = self.columns(values)
            return Bounds(columns, columns)
        low, high = self.columns(between[0]), self.columns(between[1])
        for flag in self.derived:
            low[flag.name], high[flag.name] = flag.bounds(Bounds(low, high))
        return Bounds(low, high)

    def values_after(self, values: ArrayLike, delta: ArrayLike) -> Floats:
        """Raw clinical values after a standardised change (n, d_M), with features that change in proportion (BMI)."""
        out = np.array(np.atleast_2d(np.asarray(values, dtype=float)))
        change = np.broadcast_to(self.change(delta), (len(out), len(self.mutable)))
        for j, feature in enumerate(self.mutable_features):
            i = self.index(feature.name)
            if feature.floor_ratio is not None:
                out[:, self.index(feature.floor_ratio.feature)] *= (out[:, i] + change[:, j]) / out[:, i]
            out[:, i] += change[:, j]
        return out

    def features_behind(self, names: Iterable[str]) -> tuple[str, ...]:
        """The features that these features or derived flags are read from."""
        found = list(names)
        while any(name in self._flags for name in found):
            found = [c for name in found for c in (self._flags[name].reads if name in self._flags else (name,))]
        return tuple(dict.fromkeys(found))

    def measured_columns(self, measured: ArrayLike | None) -> dict[str, Floats] | None:
        """1 where a value is measured, by name, each (n,); a derived flag is where all that it reads is."""
        if measured is None:
            return None
        table = np.atleast_2d(np.asarray(measured, dtype=bool))
        out = {name: table[:, i] for i, name in enumerate(self.names)}
        for flag in self.derived:
            out[flag.name] = np.all([out[name] for name in flag.reads], axis=0)
        return out

    def called(self, name: str) -> str:
        """What a feature or derived flag is called inside a sentence."""
        return self.feature(name).label_inside if name in self._positions else self._flags[name].label.lower()
