"""The protocol of a disease: turns raw clinical values into contexts, feasible boxes and eligible treatments.

`values` is always an array (n, n_features) of complete, raw clinical values in the order of `protocol.features`; a
"row" is one of its rows, (n_features,). The maths of the bandit is standardised; this is the only place that converts.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from pydantic.dataclasses import dataclass

from libra_core.arrays import Bools, Floats
from libra_core.clinical.box import box_of, limits_of
from libra_core.clinical.feature import Feature
from libra_core.clinical.mask import blocked_of, eligible_of, not_alone_of, parts_of, reasons_of, rules_of
from libra_core.clinical.rules import (
    CHANGE,
    EXPECTED,
    NOW,
    STRICT,
    Alert,
    Bounds,
    Caution,
    Check,
    Derived,
    Rule,
    severity,
)
from libra_core.clinical.treatment import Block, CohortSpec, FeasibleSpec, Limit, LinearLimit, Outcome, Treatment
from libra_core.feasible import FeasibleSet, LinearConstraint

INTERCEPT = "intercept"
Between = tuple[Floats, Floats]  # the lowest and the highest value that are possible, each (n, n_features)


@dataclass(frozen=True, eq=False, config=STRICT)
class Protocol:
    """One disease, read from its TOML file by `load_protocol`, which also checks that its parts fit together.

    context: names of the immutable block of x, the intercept first; a flag enters as 0/1, a number as
    (value - mean) / sd, "name:now" is today's level of a habit. mutable: the habits of the change block, which is
    zero on arrival: x' = (x_I, delta). story: who qualifies for the case study; its reason follows "those who are".
    dropped: context entries that are switched off (their column is zero). folder: of the file; the files of
    built-in cohorts are relative to it.
    """

    name: str
    title: str
    version: str
    population: str
    references: tuple[str, ...]
    context: tuple[str, ...]
    mutable: tuple[str, ...]
    outcome: Outcome
    feasible: FeasibleSpec
    arrivals_rule: Rule
    features: tuple[Feature, ...]
    derived: tuple[Derived, ...]
    treatments: tuple[Treatment, ...]
    categories: tuple[Rule, ...]
    alerts: tuple[Alert, ...]
    cohorts: tuple[CohortSpec, ...]
    plan_cautions: tuple[Caution, ...] = ()
    checks: tuple[Check, ...] = ()
    story: Rule | None = None
    linear_limits: tuple[LinearLimit, ...] = ()
    dropped: tuple[str, ...] = ()
    folder: str = ""

    # ------------------------------------------------------------------------------------------------ names

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def arm_codes(self) -> tuple[str, ...]:
        return tuple(t.code for t in self.treatments)

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
        spec, known = self.feasible, {limit.name: limit for limit in self.linear_limits}
        for name in limits:
            if name not in known:
                raise ValueError(f"unknown limit {name!r}: choose from {', '.join(known) or 'none'}")
        constraints = tuple(
            LinearConstraint(
                name,
                tuple(known[name].weights.get(m, 0.0) * s for m, s in zip(self.mutable, self.scales, strict=True)),
                known[name].limit,
                known[name].absolute,
            )
            for name in limits
        )
        radius = spec.gamma if gamma is None else gamma
        return FeasibleSet(self.effort_weights, radius, float(spec.p), spec.max_changes, constraints)

    def change(self, delta: ArrayLike) -> Floats:
        """A standardised change in clinical units, same shape."""
        return np.asarray(delta, dtype=float) * self.scales

    # ------------------------------------------------------------------------------------------------ treatments

    def bounds(self, values: ArrayLike, between: Between | None) -> Bounds:
        """The possible range of every column: from `between`, or exactly `values`."""
        if between is None:
            columns = self.columns(values)
            return Bounds(columns, columns)
        low, high = self.columns(between[0]), self.columns(between[1])
        for flag in self.derived:
            low[flag.name], high[flag.name] = flag.bounds(Bounds(low, high))
        return Bounds(low, high)

    def eligible(self, values: ArrayLike, between: Between | None = None) -> Bools:
        """Which arms each patient may have, (n, K). Never empty: the fallback arm 0 is removed only if another remains.

        `between`, (low, high) each (n, n_features): an arm is excluded where any value between them contraindicates it.
        """
        return eligible_of(self.treatments, self.columns(values), self.bounds(values, between))

    def left_alone(self, values: ArrayLike, between: Between | None = None) -> Bools:
        """Where arm 0 is the only arm left although it is not enough by itself, (n,): alert the clinician."""
        columns, bounds = self.columns(values), self.bounds(values, between)
        return not_alone_of(self.treatments, columns) & blocked_of(self.treatments, bounds)[:, 1:].all(axis=1)

    def eligible_after(self, values: ArrayLike, arm: ArrayLike, delta: ArrayLike) -> Bools:
        """Whether each patient may still have `arm` (n,) after the standardised change `delta` (n, d_M), (n,).

        BMI follows weight. Arm 0 always stays allowed: a plan that was allowed before the change is not withdrawn
        because habits improved.
        """
        arms = np.broadcast_to(np.asarray(arm, dtype=np.int64), (len(np.atleast_2d(values)),))
        blocked = blocked_of(self.treatments, self.bounds(self.values_after(values, delta), None))
        return ~blocked[np.arange(len(arms)), arms]

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

    def blocked(self, row: ArrayLike, between: Between | None = None) -> tuple[Block, ...]:
        """Every reason why an arm is excluded for one patient, arm by arm, including arm 0 when it is not enough."""
        return reasons_of(self.treatments, self.columns(row), self.bounds(row, between))

    def cautions(
        self, row: ArrayLike, arm: int, delta: ArrayLike, expected: float = float("nan"), for_patient: bool = False
    ) -> tuple[str, ...]:
        """What to watch when one patient gets `arm` with the standardised change `delta` (d_M,), most serious first;
        never a block.

        expected: the expected outcome under this plan, in its clinical unit; nan where it is not yet known.
        for_patient: worded for the patient, leaving out what does not concern them.
        """
        columns, change = self.columns(row), self.change(delta)
        columns |= {f"{name}{CHANGE}": change[j : j + 1] for j, name in enumerate(self.mutable)}
        columns[f"{self.outcome.name}{EXPECTED}"] = np.array([expected])  # nan is neither above nor below a limit
        rules: list[Rule] = [rule for rule in self.plan_cautions if self.arm_codes[arm] in rule.treatments]
        rules += [rule for part in parts_of(self.treatments, arm) for rule in part.cautions]
        fired = sorted((rule for rule in rules if rule.fires(columns)[0]), key=lambda rule: severity(rule.reason))
        return tuple(dict.fromkeys(text for rule in fired if (text := rule.plain if for_patient else rule.reason)))

    def burden(self, arm: int) -> float:
        """What side effects, pills and monitoring of an arm subtract from its benefit, in the outcome's unit, >= 0."""
        return self.treatments[arm].cost

    def indications(self, row: ArrayLike, arm: int) -> tuple[tuple[float, tuple[str, ...]], ...]:
        """The compelling indications of one patient for an arm: what each adds to the benefit, and its grounds."""
        columns, derived = self.columns(row), {flag.name: flag for flag in self.derived}
        held = [bonus for bonus in self.treatments[arm].bonus if columns[bonus.flag][0] == 1]
        return tuple((b.value, derived[b.flag].grounds(columns) if b.flag in derived else (b.flag,)) for b in held)

    def safety_features(self, arm: int) -> tuple[str, ...]:
        """The features that the contraindications of an arm read, through derived flags and components."""
        return self._features_read(rules_of(self.treatments, arm))

    def checks_before(self, arm: int) -> tuple[str, ...]:
        """What to know before an arm starts: `checks` in the order of the file, then what contraindications read."""
        asked = [check.feature for check in self.checks if self.arm_codes[arm] in check.treatments]
        return tuple(dict.fromkeys((*asked, *self.safety_features(arm))))

    def lock_features(self, habits: tuple[str, ...]) -> tuple[str, ...]:
        """The features that the locks of these habits read."""
        return self._features_read([rule for name in habits for rule in self.feature(name).locks])

    @cached_property
    def rule_features(self) -> tuple[str, ...]:
        """Every feature that some contraindication or lock reads."""
        arms = [name for arm in range(len(self.treatments)) for name in self.safety_features(arm)]
        return tuple(dict.fromkeys((*arms, *self.lock_features(self.mutable))))

    def _features_read(self, rules: list[Rule]) -> tuple[str, ...]:
        names = [c.feature for rule in rules for c in rule.when]
        flags = {flag.name: [c.feature for c in flag.conditions] for flag in self.derived}
        while any(name in flags for name in names):
            names = [inner for name in names for inner in flags.get(name, [name])]
        return tuple(dict.fromkeys(names))

    # ------------------------------------------------------------------------------------------------ words

    def arrivals(self, values: ArrayLike) -> Bools:
        """Who enters the simulation, (n,)."""
        return self.arrivals_rule.fires(self.columns(values))

    def limits(self, row: ArrayLike, si: bool = False, between: Between | None = None) -> tuple[Limit, ...]:
        """For each mutable feature, how far it may move and which limit binds, in words."""
        return limits_of(self.mutable_features, self.columns(row), self.bounds(row, between), si)

    def alerts_for(self, row: ArrayLike, between: Between | None = None) -> tuple[Alert, ...]:
        """Alerts for the clinician about this patient, most urgent first, in the order of the file."""
        columns = self.columns(row)
        found = [alert for alert in self.alerts if alert.fires(columns)[0]]
        if self.left_alone(row, between)[0]:
            text = "No new drug is suitable, and habits alone are not enough: refer, or review the current drugs."
            found.insert(0, Alert(when=(), reason=text, source="follows from the rules", level="urgent"))
        if not self.arrivals_rule.fires(columns)[0]:
            text = f"Outside the simulated population, which includes only people with {self.arrivals_rule.reason}."
            found.append(Alert(when=(), reason=text, source=self.arrivals_rule.source, level="caution"))
        return tuple(found)

    def category(self, row: ArrayLike) -> str:
        """The class of the patient today, the first that fits."""
        columns = self.columns(row)
        return next((rule.reason for rule in self.categories if rule.fires(columns)[0]), "not classified")
