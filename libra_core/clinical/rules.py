"""Rules as data: conditions on named columns, and the consequence when they hold.

A column is a feature, a derived flag, "name:change", the advised change of a habit, or "name:expected", the outcome
expected under the plan. All functions work on whole cohorts: a column is an array (n,), and so is an answer.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, ConfigDict, model_validator
from pydantic.dataclasses import dataclass as checked

from libra_core.arrays import Bools, Floats

Columns = Mapping[str, Floats]


@dataclass(frozen=True)
class Bounds:
    """The possible range of each column, each (n,); where a value is known exactly, low equals high."""

    low: Columns
    high: Columns


STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
CHANGE = ":change"
EXPECTED = ":expected"
NOW = ":now"

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_NOT = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_CONDITION = re.compile(r"\s*([A-Za-z_]\w*(?::change|:expected)?)\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")


@checked(frozen=True, config=STRICT)
class Condition:
    """`column op value`, for instance serum_k > 5.0."""

    column: str
    op: str
    value: float

    def holds(self, columns: Columns) -> Bools:
        return np.asarray(_OPERATORS[self.op](columns[self.column], self.value), dtype=bool)

    def may_hold(self, bounds: Bounds) -> Bools:
        """Where the condition holds for some value within the bounds, (n,)."""
        low, high = bounds.low[self.column], bounds.high[self.column]
        if self.op == "==":
            return np.asarray((low <= self.value) & (self.value <= high), dtype=bool)
        if self.op == "!=":
            return np.asarray((low != self.value) | (high != self.value), dtype=bool)
        return np.asarray(_OPERATORS[self.op](low if self.op in ("<", "<=") else high, self.value), dtype=bool)

    def must_hold(self, bounds: Bounds) -> Bools:
        """Where it holds for every value within the bounds, (n,)."""
        return ~Condition(self.column, _NOT[self.op], self.value).may_hold(bounds)

    @property
    def feature(self) -> str:
        """The feature or derived flag that is read."""
        return self.column.removesuffix(CHANGE).removesuffix(EXPECTED)


def _parse(text: Any) -> Any:
    """Read 'serum_k > 5.0'; anything else is left for the type check to refuse."""
    if not isinstance(text, str):
        return text
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read the condition {text!r}: write it like 'serum_k > 5.0'")
    column, op, value = match.groups()
    return Condition(column, op, float(value))


Conditions = tuple[Annotated[Condition, BeforeValidator(_parse)], ...]


@checked(frozen=True, config=STRICT)
class Rule:
    """Fires where all conditions hold (an empty list always holds); `reason` is what a clinician reads.

    plain: the wording for the patient; empty where it does not concern them. It affects no decision, so it is left out
    of a protocol's digest.
    """

    when: Conditions
    reason: str
    source: str
    plain: str = field(default="", kw_only=True, repr=False)

    def fires(self, columns: Columns) -> Bools:
        return all_hold(self.when, columns)

    def may_fire(self, bounds: Bounds) -> Bools:
        """Where the rule cannot be ruled out, (n,): each condition holds for some value within the bounds."""
        if not self.when:
            return all_hold(self.when, bounds.low)
        return np.asarray(np.logical_and.reduce([c.may_hold(bounds) for c in self.when]), dtype=bool)


@checked(frozen=True, config=STRICT)
class Caution(Rule):
    """A rule about a plan with one of these treatments: what to watch, never a block."""

    treatments: tuple[str, ...]


DANGER, WATCH, LATER = range(3)


def severity(caution: str) -> int:
    """How serious a caution is: DANGER begins in capitals, LATER is for after the start, anything else is WATCH.

    >>> severity("PREGNANCY: do NOT start"), severity("eGFR below 30"), severity("after starting: potassium")
    (0, 1, 2)
    """
    first = caution.split(",")[0].split(" ")[0].rstrip(":")
    if len(first) > 3 and first.isupper():
        return DANGER
    return LATER if caution.startswith("after starting") else WATCH


@checked(frozen=True, config=STRICT)
class Check:
    """A fact to know before one of these treatments starts, whether or not a contraindication reads it."""

    feature: str
    treatments: tuple[str, ...]
    source: str


@checked(frozen=True, config=STRICT)
class Alert(Rule):
    """A rule whose reason is a full sentence to the clinician."""

    level: Literal["urgent", "caution", "note"] = "caution"


@checked(frozen=True, config=STRICT)
class Derived:
    """A 0/1 flag that follows from features (or earlier flags): all of `all` hold, or any of `any`."""

    name: str
    label: str
    source: str
    all: Conditions = ()
    any: Conditions = ()

    @model_validator(mode="after")
    def _check(self) -> Derived:
        if bool(self.all) == bool(self.any):
            raise ValueError("give exactly one of `all` and `any`")
        return self

    def value(self, columns: Columns) -> Floats:
        if self.all:
            return all_hold(self.all, columns).astype(float)
        return np.any([c.holds(columns) for c in self.any], axis=0).astype(float)

    def bounds(self, bounds: Bounds) -> tuple[Floats, Floats]:
        """(low, high) of the flag, each (n,)."""
        join = np.logical_and if self.all else np.logical_or
        must, may = [c.must_hold(bounds) for c in self.conditions], [c.may_hold(bounds) for c in self.conditions]
        return join.reduce(must).astype(float), join.reduce(may).astype(float)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return self.all + self.any

    def grounds(self, columns: Columns) -> tuple[str, ...]:
        """The features (or flags) whose conditions make the flag true of the first row."""
        return tuple(dict.fromkeys(c.feature for c in self.conditions if c.holds(columns)[0]))


@checked(frozen=True, config=STRICT)
class Known:
    """A value that is certain where all conditions hold (no pregnancy in a man)."""

    when: Conditions
    value: float


def all_hold(conditions: tuple[Condition, ...], columns: Columns) -> Bools:
    """Where all conditions hold, (n,)."""
    if not conditions:
        return np.ones(np.shape(next(iter(columns.values()))), bool)
    return np.asarray(np.logical_and.reduce([c.holds(columns) for c in conditions]), dtype=bool)
