"""What outcomes are worth: declared in the protocol, changed by a clinician, never learned.

The worth of a plan is v(x) * fall - burden + indication. v(x) = 1 where treatment is due now, `Worth.elsewhere`
where it is not. Nothing here decides who may have a treatment: that is the mask, which reads none of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from pydantic import model_validator
from pydantic.dataclasses import dataclass as checked

from libra_core.arrays import Bools, Floats
from libra_core.clinical import prevent
from libra_core.clinical.rules import STRICT, Columns, Conditions, Rule, all_hold
from libra_core.clinical.treatment import Burden, Treatment

MOST = 100.0  # a factor beyond it is a slip of the pen


@dataclass(frozen=True)
class Worth:
    """elsewhere: v(x) where no treatment is due now, above 0 and at most 1. The others multiply the protocol's own
    amounts: the three parts of a burden, and the indications. Raises ValueError with a sentence."""

    elsewhere: float = 1.0
    side_effects: float = 1.0
    monitoring: float = 1.0
    pills: float = 1.0
    indications: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"what things are worth: {field.name} must be a number, got {value!r}")
            object.__setattr__(self, field.name, float(value))
        if not 0 < self.elsewhere <= 1:
            raise ValueError(
                f"what a fall is worth where no treatment is due must be above 0 and at most 1, got {self.elsewhere:g}"
            )
        for name in ("side_effects", "monitoring", "pills", "indications"):
            value = getattr(self, name)
            if not 0 <= value <= MOST:
                raise ValueError(f"the factor on {name.replace('_', ' ')} must be 0 to {MOST:g}, got {value:g}")

    def as_dict(self) -> dict[str, float]:
        """JSON-able, the inverse of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Worth:
        """Raises ValueError for anything that `as_dict` does not write."""
        names = [field.name for field in fields(cls)]
        if not isinstance(saved, Mapping) or set(saved) != set(names):
            raise ValueError(f"what things are worth has exactly the entries {', '.join(names)}")
        return cls(**saved)


@checked(frozen=True, config=STRICT)
class RiskSpec:
    """Treatment is due where `when` holds and the model's risk reaches `due_at`; `needs` must be measured."""

    model: Literal["prevent"]
    label: str
    due_at: float
    needs: tuple[str, ...]
    source: str
    when: Conditions = ()

    @model_validator(mode="after")
    def _check(self) -> RiskSpec:
        if not 0 < self.due_at < 1:
            raise ValueError(f"due_at must be above 0 and below 1, got {self.due_at:g}")
        return self


@checked(frozen=True, config=STRICT)
class Values:
    """The section [values] of a protocol. due: treatment is due where any rule fires. not_due: why it is not, in words,
    the first that fires. elsewhere: see `Worth`. Without the section v(x) = 1 for everybody."""

    elsewhere: float = 1.0
    source: str = "not declared: one unit of the outcome is worth the same to everybody"
    due: tuple[Rule, ...] = ()
    not_due: tuple[Rule, ...] = ()
    risk: RiskSpec | None = None

    @model_validator(mode="after")
    def _check(self) -> Values:
        Worth(self.elsewhere)
        if bool(self.due) != bool(self.not_due):
            raise ValueError("`due` and `not_due` belong together: give both, or neither")
        if self.not_due and self.not_due[-1].when:
            raise ValueError("the last rule of `not_due` must have an empty `when`: it is what is left")
        return self


@dataclass(frozen=True)
class Risk:
    """A risk (0 to 1), or None with the reason why there is no number. assumed: inputs that are not measured."""

    value: float | None
    why_not: str = ""
    assumed: tuple[str, ...] = ()
    label: str = ""
    source: str = ""


@dataclass(frozen=True)
class Due:
    """Whether treatment is due now, and why (or why not): reasons to be joined by "; ", each with its source."""

    now: bool
    reasons: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        return "; ".join(reason for reason, _ in self.reasons)

    @property
    def source(self) -> str:
        return "; ".join(dict.fromkeys(source for _, source in self.reasons))


# ---------------------------------------------------------------------------------------------------- risk


def risks_of(spec: RiskSpec, columns: Columns, measured: Columns | None) -> Floats:
    """The risk of each patient, (n,); nan where there is no number. measured: 1 where a feature is, by name."""
    out = prevent.prevent(columns)
    if measured is not None:
        out = np.where(np.all([measured[name] for name in spec.needs], axis=0), out, np.nan)
    return out


def risk_of(spec: RiskSpec, columns: Columns, measured: Columns | None, label: Callable[[str], str]) -> Risk:
    """The risk of the first patient, or why there is no number. label: what a column is called inside a sentence."""

    def known(name: str) -> bool:
        return measured is None or bool(measured[name][0])

    value, name = float(risks_of(spec, columns, measured)[0]), spec.label
    if not math.isnan(value):
        assumed = tuple(label(i) for i in prevent.INPUTS if not known(i))
        return Risk(value, "", assumed, name, spec.source)
    why = prevent.excluded(columns, label)
    if not why:
        why = f"needs {' and '.join(label(i) for i in spec.needs if not known(i))}, not measured here"
    return Risk(None, f"{name} {why}", (), name, spec.source)


# ---------------------------------------------------------------------------------------------------- due now


def due_now(values: Values, columns: Columns, measured: Columns | None) -> Bools:
    """Where treatment is due now, (n,); everywhere if the protocol does not say."""
    if not values.due:
        return np.ones(len(next(iter(columns.values()))), bool)
    out = np.any([rule.fires(columns) for rule in values.due], axis=0)
    if (risk := values.risk) is not None:
        out |= all_hold(risk.when, columns) & (risks_of(risk, columns, measured) >= risk.due_at)
    return np.asarray(out, dtype=bool)


def _below(value: float, limit: float) -> str:
    """A percentage with as many digits as tell it from a limit above it: '7.46%' below 7.5 %."""
    digits = 1
    while digits < 6 and round(100 * value, digits) >= 100 * limit:
        digits += 1
    return f"{value:.{digits}%}"


def due_of(values: Values, columns: Columns, measured: Columns | None, label: Callable[[str], str]) -> Due:
    """Whether treatment is due for the first patient, with every reason; where it is not, why not."""
    if not values.due:
        return Due(True, ((values.source, values.source),))
    reasons = [(rule.reason, rule.source) for rule in values.due if rule.fires(columns)[0]]
    risk = values.risk
    short: tuple[tuple[str, str], ...] = ()  # why the risk does not make it due
    if risk is not None and all_hold(risk.when, columns)[0]:
        found = risk_of(risk, columns, measured, label)
        if found.value is None:
            short = ((found.why_not, risk.source),)
        elif found.value >= risk.due_at:
            reasons.append((f"{risk.label} {found.value:.1%}, at or above {risk.due_at:.1%}", risk.source))
        else:
            short = ((f"{risk.label} {_below(found.value, risk.due_at)}, below {risk.due_at:.1%}", risk.source),)
    if reasons:
        return Due(True, tuple(reasons))
    first = next(rule for rule in values.not_due if rule.fires(columns)[0])
    return Due(False, ((first.reason, first.source), *short))


# ---------------------------------------------------------------------------------------------------- amounts


def burden_of(treatment: Treatment, worth: Worth, goal: bool = False) -> Burden:
    """What a treatment subtracts, part by part, in the outcome's unit; `goal`: in probability, 0 where not declared."""
    own = (treatment.goal_burden or Burden()) if goal else treatment.burden
    return Burden(*(getattr(own, f.name) * getattr(worth, f.name) for f in fields(Burden)))


def offsets_of(treatments: tuple[Treatment, ...], columns: Columns, worth: Worth, goal: bool = False) -> Floats:
    """- burden + indications of each patient and arm, (n, K)."""
    out = np.zeros((len(next(iter(columns.values()))), len(treatments)))
    for k, treatment in enumerate(treatments):
        out[:, k] -= burden_of(treatment, worth, goal).total
        for bonus in () if goal else treatment.bonus:
            out[:, k] += worth.indications * bonus.value * (columns[bonus.flag] == 1)
    return out
