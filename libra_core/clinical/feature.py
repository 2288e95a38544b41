"""One fact about a patient: its units, its range, how far it may change, and the names that files give it."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from libra_core.clinical.formulas import FORMULAS
from libra_core.clinical.rules import STRICT, Known, Rule
from libra_core.digits import MINUS


@dataclass(frozen=True, config=STRICT)
class Impute:
    """What replaces a missing value: one number, one number per flag value, or a line in another feature."""

    value: float | None = None
    by: str | None = None
    values: tuple[float, float] | None = None
    on: str | None = None
    base: float | None = None
    slope: float | None = None
    centre: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Impute:
        line = (self.on, self.base, self.slope, self.centre)
        forms = (
            self.value is not None,
            self.by is not None and self.values is not None,
            all(part is not None for part in line),
        )
        if sum(forms) != 1:
            raise ValueError("impute needs one of: value; by + values; on + base + slope + centre")
        return self


@dataclass(frozen=True, config=STRICT)
class Parts:
    """Several columns that make one feature: the mean of readings, or any of several flags.

    whole: groups of names; "none of them" is known only where a column of every group says so.
    """

    combine: Literal["mean", "any", "sum"]
    columns: tuple[str, ...]
    whole: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, config=STRICT)
class Coded:
    """Columns whose cells are words or codes. `otherwise`: what any other filled cell means (None: not understood)."""

    columns: tuple[str, ...]
    values: dict[str, float]
    otherwise: float | None = None
    missing: tuple[str, ...] = ()  # understood, but gives no number ("current smoker")


@dataclass(frozen=True, config=STRICT)
class Ratio:
    """A floor in proportion to another feature: weight stops where BMI would reach `value`."""

    feature: str
    value: float


@dataclass(frozen=True, config=STRICT)
class Feature:
    """A feature of the protocol. All numbers are in `unit`, the clinical (US) one, unless a name says otherwise.

    kind: a number or a 0/1 flag. range: values outside are refused as impossible; `cap` lowers what is above it.
    mean, sd: standardisation (flags stay 0/1). direction, max_step, max_step_share (share of today's value; the
    smaller of both counts), floor, floor_ratio, ceiling, locks: how far a mutable feature may move in one horizon.
    effort: weight of one standard deviation moved. band: width in which a value may leave the machine.
    formula, inputs: how gaps are computed (see formulas.py); inputs only where the formula names none.
    known: values that are certain without measurement. sources: where each group of numbers comes from.
    """

    name: str
    label: str
    kind: Literal["number", "flag"]
    unit: str = ""
    si_unit: str | None = None
    si_factor: float = 1.0
    si_offset: float = 0.0
    us_unit: str | None = None
    us_factor: float = 1.0
    round: float = 1.0
    si_round: float | None = None
    us_round: float | None = None
    range: tuple[float, float] = (0.0, 1.0)
    cap: float | None = None
    mean: float = 0.0
    sd: float = 1.0
    required: bool = False
    mutable: bool = False
    direction: Literal[-1, 1] | None = None
    max_step: float | None = None
    max_step_share: float | None = None
    floor: float | None = None
    floor_ratio: Ratio | None = None
    ceiling: float | None = None
    effort: float = 1.0
    menu_round: float = 1.0
    locks: tuple[Rule, ...] = ()
    known: tuple[Known, ...] = ()
    loinc: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    parts: Parts | None = None
    coded: tuple[Coded, ...] = ()
    units: dict[str, float | tuple[float, float]] | None = None
    formula: str | None = None
    inputs: tuple[str, ...] = ()
    impute: Impute | None = None
    share_with_model: bool = False
    band: float = 0.0
    sources: dict[str, str] | None = None

    @model_validator(mode="after")
    def _check(self) -> Feature:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range must be [low, high] with low < high, got {list(self.range)}")
        if not self.sd > 0:
            raise ValueError(f"sd must be > 0, got {self.sd:g}")
        if self.mutable and (self.direction is None or (self.max_step is None and self.max_step_share is None)):
            raise ValueError("a mutable feature needs a direction and a max_step or max_step_share")
        if not self.effort > 0 or not self.menu_round > 0:
            raise ValueError("effort and menu_round must be > 0")
        if not (self.required or self.impute or self.formula):
            raise ValueError("a feature that is not required needs an impute rule or a formula")
        missing = [group for group in self._groups() if group not in (self.sources or {})]
        if missing:
            raise ValueError(f"no source is given for {', '.join(missing)}: add it to `sources` (or say 'assumption')")
        return self

    def _groups(self) -> list[str]:
        """The groups of numbers that need a source."""
        number = self.kind == "number"
        needed = {
            "range": number,
            "scale": number,
            "step": self.mutable,
            "effort": self.mutable,
            "impute": self.impute is not None or self.formula is not None,
            "band": self.band > 0,
        }
        return [group for group, is_needed in needed.items() if is_needed]

    @property
    def formula_inputs(self) -> tuple[str, ...]:
        """The features from which the formula computes this one."""
        return (FORMULAS[self.formula].inputs or self.inputs) if self.formula else ()

    @property
    def source(self) -> str:
        """All sources in one line."""
        return "; ".join(f"{group}: {text}" for group, text in (self.sources or {}).items()) or "definition"

    @property
    def change_unit(self) -> float:
        """One unit of delta for a habit, in clinical units: see `Protocol.scales`."""
        step = self.max_step if self.max_step is not None else (self.max_step_share or 1.0) * self.mean
        return min(step, self.sd)

    @property
    def label_inside(self) -> str:
        """The label in the middle of a sentence: 'Weight' -> 'weight', but 'HbA1c' stays."""
        first = self.label.split(" ")[0]
        return self.label if first[1:] != first[1:].lower() else self.label[:1].lower() + self.label[1:]

    def _scale(self, si: bool) -> tuple[str, float, float, float]:
        """Unit, factor, offset and rounding step of the display."""
        if si and self.si_unit is not None:
            return self.si_unit, self.si_factor, self.si_offset, self.si_round or self.round
        if not si and self.us_unit is not None:
            return self.us_unit, self.us_factor, 0.0, self.us_round or self.round
        return self.unit, 1.0, 0.0, self.round

    def in_units(self, value: float, si: bool) -> float:
        """The value in the chosen system, unrounded."""
        _, factor, offset, _ = self._scale(si)
        return value * factor + offset

    def unit_in(self, si: bool) -> str:
        return self._scale(si)[0]

    def display(self, value: float, si: bool = False) -> str:
        """The value as a clinician reads it: '3,070 mg/day', 'yes'; no more digits than the measurement carries."""
        if math.isnan(value):
            return "not known"
        if self.kind == "flag":
            return "yes" if value >= 0.5 else "no"
        unit, factor, offset, step = self._scale(si)
        return _with_unit(_rounded(value * factor + offset, step), unit)

    def display_change(self, change: float, si: bool = False) -> str:
        """A change as a clinician reads it: 'sodium in the diet −800 mg/day'. `change` is in `unit`, signed."""
        unit, factor, _, step = self._scale(si)
        moved = _rounded(abs(change) * factor, step)
        name = self.label_inside
        if float(moved.replace(",", "")) == 0:
            return f"{name}: no change"
        return f"{name} {'+' if change > 0 else MINUS}{_with_unit(moved, unit)}"


def _rounded(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    nearest = round(value / step) * step
    text = f"{abs(nearest):,.{digits}f}"
    return (MINUS if nearest < 0 else "") + text


def _with_unit(number: str, unit: str) -> str:
    if not unit:
        return number
    return f"{number}{unit}" if unit[0] in "%/" else f"{number} {unit}"
