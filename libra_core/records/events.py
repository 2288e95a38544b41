"""An event of a session and what it holds: written here, read back here.

A payload is JSON with some of: `position` (the patient's number), `case`, `proposals` and `advice` (by policy),
`answered` (the proposal after the clinician's answer), `decision`, `outcome`, `scenario`. Proposals and advice are
kept as canonical text, because a replay compares them to the last digit and a page reads few of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Self

from pydantic import TypeAdapter

from libra_core import __version__
from libra_core.advisors.base import Advice
from libra_core.chain import canonical
from libra_core.policies import Decision
from libra_core.problem import Patient
from libra_core.records.spec import CLINICIAN, DecisionKind

Facts = dict[str, Any]  # what an event holds, before it is text
UNKNOWN = ("mean", "lcb", "ucb", "low", "high", "width")  # nan for a policy without a model, null in JSON


@dataclass(frozen=True)
class Event:
    """One step of a session. `payload`: canonical JSON; `facts`: the same, read."""

    session: str
    seq: int
    kind: str
    payload: str
    actor: str
    at: str

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        return json.loads(self.payload)


def guards(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with which the database lets each of these happen only once."""
    decision = facts.get("decision")
    return {
        "position": facts.get("position", 0),
        "closes": int(decision is not None and DecisionKind(decision["kind"]).closes),
        "outcome": int("outcome" in facts),
        "key": None if decision is None else decision["key"],
    }


class Recorded:
    """A value that an event holds."""

    @classmethod
    def of(cls, saved: Any) -> Self:
        """The value as read from JSON. Raises ValueError when it is damaged."""
        kind: Any = cls
        return _adapter(kind).validate_python(saved)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@dataclass(frozen=True)
class Action(Recorded):
    """A treatment and a standardised change of habits."""

    arm: int
    delta: tuple[float, ...]

    @classmethod
    def proposed(cls, decision: Decision) -> Action:
        return cls(decision.arm, decision.delta)


@dataclass(frozen=True)
class Stamp:
    """What the page adds to a decision. `key`: made once for each showing; shown_at: when; seconds: for how long."""

    key: str
    shown_at: str
    seconds: float | None = None
    reason: str = ""
    comment: str = ""
    confidence: int | None = None

    def __post_init__(self) -> None:
        if self.confidence is not None and not 1 <= self.confidence <= 5:
            raise ValueError(f"Confidence goes from 1 to 5, got {self.confidence}.")
        if self.seconds is not None and not math.isfinite(self.seconds):
            raise ValueError(f"seconds must be a number, got {self.seconds}")


@dataclass(frozen=True, kw_only=True)
class Decided(Stamp, Recorded):
    """What a person (or the policy on its own) decided. plan: what was chosen; executed: what was done, None while
    nothing was. seconds: from a clock that never goes back, so it may disagree with the two times."""

    kind: DecisionKind
    plan: Action
    executed: Action | None
    decided_at: str
    actor: str
    versions: str = field(repr=False)
    seed: int


@dataclass(frozen=True)
class OutcomeSeen(Recorded):
    """An outcome. source: simulated or entered; reward: in reward units; x: the features x' after the change;
    value: what a person typed (mmHg after treatment); share: of the change carried out."""

    source: str
    reward: float
    x: tuple[float, ...]
    value: float | None
    share: float | None
    recorded_at: str


@dataclass(frozen=True)
class Entered:
    """An outcome as typed: `value` is the outcome measure after treatment (systolic pressure, mmHg); `share` is how
    much of the change of habits was carried out, 0 to 1 (None: not asked)."""

    position: int
    value: float
    share: float | None = None


def decision_text(decision: Decision) -> str:
    """A proposal as canonical JSON."""
    return canonical(_adapter(Decision).dump_python(decision))


def decision_from(text: str) -> Decision:
    """The inverse of decision_text, exactly."""
    saved = json.loads(text)
    return _adapter(Decision).validate_python(saved | {name: math.nan for name in UNKNOWN if saved[name] is None})


def advice_text(advice: Advice) -> str:
    return canonical(vars(advice))


def advice_from(text: str) -> Advice:
    return _adapter(Advice).validate_json(text)


def opening(position: int, patient: Patient, proposed: Iterable[Decision], at: str) -> Facts:
    """A patient is shown to the policies: what each proposes, and what its advisor said. A clinician is asked later."""
    advice = {d.policy: d.advice for d in proposed if d.advice is not None and d.advice.source != CLINICIAN}
    return {
        "position": position,
        "case": {"row": patient.row, "patient": patient.id, "opened_at": at},
        "proposals": {d.policy: decision_text(d) for d in proposed},
        "advice": {policy: advice_text(said) for policy, said in advice.items()},
    }


def plain_text(text: str, longest: int) -> str:
    """A typed text, without what some databases cannot store."""
    return text.replace("\0", "").strip()[:longest]


def versions() -> str:
    """The versions of the programs that numbers depend on, as canonical JSON."""
    import numba
    import numpy

    return canonical({"libra": __version__, "numpy": numpy.__version__, "numba": numba.__version__})
