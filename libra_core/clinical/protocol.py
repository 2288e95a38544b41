"""The protocol of a disease: its treatments, their contraindications and values, and the words about a patient."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from pydantic.dataclasses import dataclass

from libra_core.arrays import Bools, Floats
from libra_core.clinical.box import limits_of
from libra_core.clinical.mask import blocked_of, cautions_of, eligible_of, not_alone_of, reasons_of, rules_of
from libra_core.clinical.rules import CHANGE, EXPECTED, STRICT, Alert, Caution, Check, Rule
from libra_core.clinical.schema import Between, Schema
from libra_core.clinical.treatment import Block, Burden, CohortSpec, Limit, Outcome, Treatment
from libra_core.clinical.worth import Due, Risk, Values, Worth, burden_of, due_now, due_of, offsets_of, risk_of


@dataclass(frozen=True, eq=False, kw_only=True, config=STRICT)
class Protocol(Schema):
    """One disease, read from its TOML file by `load_protocol`, which also checks that its parts fit together.

    story: who qualifies for the case study; its reason follows "those who are". values: what outcomes are worth.
    joined: features that an earlier version did not have; sessions from before name an upload without their values.
    folder: of the file; the files of built-in cohorts are relative to it.
    """

    name: str
    title: str
    version: str
    population: str
    references: tuple[str, ...]
    outcome: Outcome
    arrivals_rule: Rule
    treatments: tuple[Treatment, ...]
    categories: tuple[Rule, ...]
    alerts: tuple[Alert, ...]
    cohorts: tuple[CohortSpec, ...]
    values: Values = Values()
    plan_cautions: tuple[Caution, ...] = ()
    checks: tuple[Check, ...] = ()
    story: Rule | None = None
    joined: tuple[str, ...] = ()
    folder: str = ""

    @cached_property
    def arm_codes(self) -> tuple[str, ...]:
        return tuple(t.code for t in self.treatments)

    # ------------------------------------------------------------------------------------------------ treatments

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
        fired = cautions_of(self.treatments, arm, self.plan_cautions, columns)
        return tuple(dict.fromkeys(text for rule in fired if (text := rule.plain if for_patient else rule.reason)))

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
        return self.features_behind(c.feature for rule in rules for c in rule.when)

    # ------------------------------------------------------------------------------------------------ worth

    @property
    def worth(self) -> Worth:
        """What things are worth as the protocol declares it."""
        return Worth(self.values.elsewhere)

    def weights(self, values: ArrayLike, measured: ArrayLike | None = None, worth: Worth | None = None) -> Floats:
        """v(x), (n,): what one unit of the outcome is worth, 1 where treatment is due now. measured (n, n_features):
        which values are measured, not assumed; None: all of them."""
        due = due_now(self.values, self.columns(values), self.measured_columns(measured))
        return np.where(due, 1.0, (worth or self.worth).elsewhere)

    def offsets(self, values: ArrayLike, worth: Worth | None = None, goal: bool = False) -> Floats:
        """- burden + indications of every patient and arm, (n, K), in the outcome's unit; `goal`: as probabilities,
        0 where the protocol declares none."""
        return offsets_of(self.treatments, self.columns(values), worth or self.worth, goal)

    def burden_parts(self, arm: int, worth: Worth | None = None) -> Burden:
        """What side effects, monitoring and pills of an arm subtract from its benefit, each in the outcome's unit."""
        return burden_of(self.treatments[arm], worth or self.worth)

    def burden(self, arm: int, worth: Worth | None = None) -> float:
        """The sum of `burden_parts`, >= 0."""
        return self.burden_parts(arm, worth).total

    def indications(
        self, row: ArrayLike, arm: int, worth: Worth | None = None
    ) -> tuple[tuple[float, tuple[str, ...]], ...]:
        """The compelling indications of one patient for an arm: what each adds to the benefit, and its grounds."""
        columns, factor = self.columns(row), (worth or self.worth).indications
        held = [bonus for bonus in self.treatments[arm].bonus if columns[bonus.flag][0] == 1]
        grounds = [self._flags[b.flag].grounds(columns) if b.flag in self._flags else (b.flag,) for b in held]
        return tuple((factor * b.value, names) for b, names in zip(held, grounds, strict=True))

    def due(self, row: ArrayLike, measured: ArrayLike | None = None) -> Due:
        """Whether treatment is due now for one patient, and why, or why not."""
        return due_of(self.values, self.columns(row), self.measured_columns(measured), self.called)

    def risk(self, row: ArrayLike, measured: ArrayLike | None = None, outcome: float | None = None) -> Risk:
        """The risk that the protocol asks for, today or at another outcome, as if nothing else changed."""
        if self.values.risk is None:
            return Risk(None, "this protocol names no risk score")
        columns = self.columns(row) | ({} if outcome is None else {self.outcome.name: np.array([float(outcome)])})
        return risk_of(self.values.risk, columns, self.measured_columns(measured), self.called)

    # ------------------------------------------------------------------------------------------------ words

    def arrivals(self, values: ArrayLike) -> Bools:
        """Who enters the simulation, (n,)."""
        return self.arrivals_rule.fires(self.columns(values))

    def limits(self, row: ArrayLike, si: bool = False, between: Between | None = None) -> tuple[Limit, ...]:
        """For each mutable feature, how far it may move and which limit binds, in words."""
        return limits_of(self.mutable_features, self.columns(row), self.bounds(row, between), si)

    def alerts_for(self, row: ArrayLike, between: Between | None = None) -> tuple[Alert, ...]:
        """What the clinician must know about this patient, most urgent first, as in the file."""
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
