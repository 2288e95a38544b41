"""A cohort: complete clinical values for n people, the assumed ones marked, as policies and advisors see it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from libra_core.arrays import Bools, Floats, Ints
from libra_core.cases import Case, CaseField, MenuArm, MenuChange
from libra_core.clinical import Alert, Block, Due, Feature, Limit, Protocol, Risk, Worth
from libra_core.clinical.rules import NOW
from libra_core.clinical.schema import Between
from libra_core.cohort.report import Report
from libra_core.problem import Contexts, Patient

SEEN = (1.0, 99.0)  # percentiles between which a value counts as seen before
MENU_STEPS = 3  # levels of a habit on an advisor's menu, besides 0


@dataclass(frozen=True)
class Unmeasured:
    """A safety-relevant value that is assumed or uncertain: check it before treatment starts."""

    feature: str
    label: str
    text: str
    doubt: str = ""  # the file's statement instead of a value, as a clause


@dataclass(frozen=True, eq=False)
class Cohort:
    """n people in the order of the file.

    frame: (n, n_features) float64, clinical units, columns = protocol.names, index 0..n-1, no gaps. imputed: the same
    shape, True where a value is assumed or estimated, not measured. ids: pseudonyms, never the file's own ids.
    file_rows: row of each person in the file as a spreadsheet counts (empty for a generated cohort).
    spans: (low, high), each (n,), of the features that rules read and the file leaves uncertain; nan where it does not.
    Whatever a value between them could rule out is not offered.
    """

    name: str
    label: str
    kind: Literal["real", "synthetic", "uploaded"]
    protocol: Protocol
    frame: pd.DataFrame
    ids: tuple[str, ...]
    imputed: pd.DataFrame
    report: Report
    provenance: str
    data_date: str
    file_rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    spans: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def values(self) -> Floats:
        """Raw clinical values (n, n_features), in the order of protocol.features."""
        return self.frame.to_numpy(dtype=float)

    @property
    def content(self) -> bytes:
        """All values that a policy's decisions depend on, for digests."""
        return self._bytes(self.values)

    def _bytes(self, values: Floats) -> bytes:
        spans = [np.stack(span).tobytes() for _, span in sorted(self.spans.items())]
        return b"".join((values.tobytes(), *spans))

    @property
    def key(self) -> str:
        """What names the cohort in a config or a recording: a built-in's name; for an upload its values too."""
        return self.keys[0]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """`key`, and the one that an upload had before features joined the protocol: a session may name either."""
        if self.kind != "uploaded":
            return (self.name,)
        joined = [self.protocol.index(name) for name in self.protocol.joined]
        contents = (self.content, self._bytes(np.ascontiguousarray(np.delete(self.values, joined, axis=1))))
        return tuple(f"{self.name}:{hashlib.sha256(content).hexdigest()[:12]}" for content in contents)

    @cached_property
    def arrivals(self) -> Ints:
        """The rows that enter a simulation."""
        return np.flatnonzero(self.protocol.arrivals(self.values)).astype(np.int64)

    @property
    def arrivals_sentence(self) -> str:
        """How many patients enter a simulation, and the rule."""
        rule = self.protocol.arrivals_rule.reason
        return f"{len(self.arrivals):,} of {len(self):,} people enter the simulation: {rule}."

    @cached_property
    def _everyone(self) -> tuple[Floats, Floats, Floats, Bools]:
        lo, hi = self.protocol.box(self.values, self._between)
        return self.protocol.vector(self.values), lo, hi, self.protocol.eligible(self.values, self._between)

    @cached_property
    def _between(self) -> Between | None:
        """The lowest and highest possible values, each (n, n_features); None when nothing is in doubt."""
        if not self.spans:
            return None
        low, high = self.values.copy(), self.values.copy()
        for name, span in self.spans.items():
            i = self.protocol.index(name)
            for side, bound in zip((low, high), span, strict=True):
                side[:, i] = np.where(np.isnan(bound), side[:, i], bound)
        return low, high

    def _around(self, row: int) -> Between | None:
        return None if self._between is None else (self._between[0][[row]], self._between[1][[row]])

    def blocked(self, row: int) -> tuple[Block, ...]:
        """Every reason why a treatment is, or may be, contraindicated for a patient, as far as the file shows."""
        return self.protocol.blocked(self.values[row], self._around(row))

    def limits(self, row: int, si: bool = False) -> tuple[Limit, ...]:
        """How far each habit of a patient may change, and the limit that binds."""
        return self.protocol.limits(self.values[row], si, self._around(row))

    def alerts(self, row: int) -> tuple[Alert, ...]:
        """Alerts for the clinician about a patient."""
        return self.protocol.alerts_for(self.values[row], self._around(row))

    @cached_property
    def measured(self) -> Bools:
        """Which values are measured, not assumed, (n, n_features)."""
        return ~self.imputed.to_numpy(dtype=bool)

    def due(self, row: int) -> Due:
        """Whether treatment is due now for a patient, and why, or why not."""
        return self.protocol.due(self.values[row], self.measured[row])

    def risk(self, row: int, outcome: float | None = None) -> Risk:
        """A patient's risk by the protocol's score, today or at another outcome, as if nothing else changed."""
        return self.protocol.risk(self.values[row], self.measured[row], outcome)

    def cautions(
        self, row: int, arm: int, delta: ArrayLike, expected: float = float("nan"), for_patient: bool = False
    ) -> tuple[str, ...]:
        """What to watch when a patient gets a plan: see `Protocol.cautions`."""
        return self.protocol.cautions(self.values[row], arm, delta, expected, for_patient)

    def contexts(self, rows: Ints, worth: Worth | None = None, goal: bool = False) -> Contexts:
        """The patients of these rows (R,) as a policy sees them.

        worth: what things are worth, the protocol's own by default. goal: rewards are the chance of reaching the goal.
        """
        rows = np.asarray(rows, dtype=np.int64)
        x, lo, hi, eligible = self._everyone
        weight = self.protocol.weights(self.values[rows], self.measured[rows], worth)
        offset = self.protocol.offsets(self.values[rows], worth, goal)
        return Contexts(x[rows], lo[rows], hi[rows], eligible[rows], rows, weight, offset)

    def patient(self, row: int, worth: Worth | None = None, goal: bool = False) -> Patient:
        """One patient as a policy sees them. Raises IndexError for a row that does not exist."""
        if not 0 <= row < len(self):
            raise IndexError(f"there is no row {row}: the cohort has rows 0 to {len(self) - 1}")
        one = self.contexts(np.array([row]), worth, goal)
        x, lo, hi, eligible = one.x[0], one.lo[0], one.hi[0], one.eligible[0]
        return Patient(self.ids[row], row, x, lo, hi, eligible, float(one.weight[0]), one.offset[0])

    def outside(self, row: int, seen: Sequence[int]) -> tuple[str, ...]:
        """Context entries in which a patient lies outside what the rows `seen` show: a number beyond their 1st to 99th
        percentile, or a yes/no value that none of them has. A model fitted to those rows extrapolates here."""
        x, context = self._everyone[0], self.protocol.context
        mine, others = x[row, : len(context)], x[np.asarray(seen, dtype=np.int64), : len(context)]
        if not len(others):
            return context[1:]
        low, high = np.percentile(others, SEEN, axis=0)
        measured = {f.name for f in self.protocol.features if f.kind == "number"}
        numbers = np.array([entry.removesuffix(NOW) in measured for entry in context])
        beyond = np.where(numbers, (mine < low) | (mine > high), (others != mine).all(axis=0))
        return tuple(entry for entry, out in zip(context, beyond, strict=True) if out)

    def case(self, row: int) -> Case:
        """One patient as an advisor sees them: allow-listed facts and the feasible menu."""
        patient, values = self.patient(row), self.values[row]
        imputed = self.imputed.iloc[row].to_numpy()
        fields = tuple(
            CaseField(f.name, f.label, float(values[i]), f.unit, bool(imputed[i]), f.band)
            for i, f in enumerate(self.protocol.features)
            if f.share_with_model
        )
        arms = tuple(MenuArm(k, t.code, t.label) for k, t in enumerate(self.protocol.treatments) if patient.eligible[k])
        changes = tuple(
            MenuChange(j, f.name, f.label, f.unit, levels, f.change_unit)
            for j, f in enumerate(self.protocol.mutable_features)
            if len(levels := self._levels(f, patient.lo[j], patient.hi[j])) > 1
        )
        return Case(row, fields, arms, changes, self.protocol.feasible.max_changes, self.protocol.name)

    def _levels(self, feature: Feature, lo: float, hi: float) -> tuple[float, ...]:
        """Thirds of the largest step that the box and the radius allow, rounded towards 0, clinical units, 0 first."""
        reach = min(max(-lo, hi) * feature.change_unit, self.protocol.feasible.gamma / feature.effort * feature.sd)
        sign = -1.0 if feature.direction == -1 else 1.0
        grain = feature.menu_round
        steps = [np.floor(reach * (i + 1) / MENU_STEPS / grain + 1e-9) * grain for i in range(MENU_STEPS)]
        return (0.0, *dict.fromkeys(sign * round(float(step), 6) for step in steps if step > 0))

    def unmeasured_safety(self, row: int, arm: int, habits: tuple[str, ...] = ()) -> tuple[Unmeasured, ...]:
        """Facts to know before an arm starts, and facts that the locks of these habits read, if not measured."""
        names = dict.fromkeys((*self.protocol.checks_before(arm), *self.protocol.lock_features(habits)))
        imputed = self.imputed.iloc[row]
        return tuple(self._unmeasured(row, self.protocol.feature(name)) for name in names if imputed[name])

    def _unmeasured(self, row: int, f: Feature) -> Unmeasured:
        doubt = self.doubt(row, f.name)
        what = f"In doubt: {f.label_inside}; {doubt}" if doubt else f"Not recorded: {f.label_inside}"
        return Unmeasured(f.name, f.label, f"{what}. Check before starting.", doubt)

    def doubt(self, row: int, name: str) -> str:
        """The file's statement instead of a value, as a clause; empty where the value is certain."""
        low, high = (float(side[row]) for side in self.spans.get(name, ([np.nan] * (row + 1),) * 2))
        if np.isnan(low):
            return ""
        feature = self.protocol.feature(name)
        (least, most), text = feature.range, feature.display
        if (low, high) == (least, most):
            return "the file's entry could not be read"
        if high == most:
            return f"the file says only: more than {text(low)}"
        if low == least:
            return f"the file says only: less than {text(high)}"
        return f"the file contradicts itself: {text(low)} or {text(high)}"
