"""An event of a session, and the facts it holds: written once here, read back here, and spelled nowhere else.

A payload is JSON with some of: `position` (the patient's number), `case`, `proposals` and `advice` (by policy),
`answered` (the proposal after the clinician's answer), `decision`, `outcome`, `scenario`. Proposals and advice are
kept as canonical text, because a replay compares them to the last digit and a page reads few of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from libra_core import __version__
from libra_core.advisors.base import Advice
from libra_core.chain import canonical
from libra_core.policies import Decision, Reason
from libra_core.policies.decision import ArmOption
from libra_core.problem import Outcomes, Patient
from libra_core.records.spec import Actor, DecisionKind

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
    """The columns by which the database lets a thing happen once."""
    decision = facts.get("decision")
    return {
        "position": facts.get("position", 0),
        "closes": int(decision is not None and DecisionKind(decision["kind"]).closes),
        "outcome": int("outcome" in facts),
        "key": None if decision is None else decision["key"],
    }


@dataclass(frozen=True)
class Action:
    """A treatment and a standardised change of habits."""

    arm: int
    delta: tuple[float, ...]

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Action:
        return cls(int(saved["arm"]), tuple(map(float, saved["delta"])))


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
            raise ValueError(f"How sure you are goes from 1 to 5, got {self.confidence}.")
        if self.seconds is not None and not math.isfinite(self.seconds):
            raise ValueError(f"seconds must be a number, got {self.seconds}")


@dataclass(frozen=True)
class Decided:
    """What a person (or the policy by itself) decided. plan: what was chosen; executed: what was done, None while
    nothing was. seconds: from a clock that never goes back, so it may disagree with the two times."""

    key: str
    kind: DecisionKind
    plan: Action
    executed: Action | None
    reason: str
    comment: str
    confidence: int | None
    shown_at: str
    decided_at: str
    seconds: float | None
    actor: str
    versions: str = field(repr=False)
    seed: int

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Decided:
        done = saved["executed"]
        read = {
            "kind": DecisionKind(saved["kind"]),
            "plan": Action.of(saved["plan"]),
            "executed": None if done is None else Action.of(done),
        }
        return cls(**{**saved, **read})


@dataclass(frozen=True)
class OutcomeSeen:
    """What came back. source: simulated or entered; reward: in reward units; x: the features x' after the change;
    value: what a person typed (mmHg after treatment); share: of the change carried out."""

    source: str
    reward: float
    x: tuple[float, ...]
    value: float | None
    share: float | None
    recorded_at: str

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> OutcomeSeen:
        return cls(**{**saved, "x": tuple(saved["x"])})


@dataclass(frozen=True)
class Entered:
    """An outcome as typed: `value` is the outcome measure after treatment (systolic pressure, mmHg); `share` is how
    much of the change of habits was carried out, 0 to 1 (None: not asked)."""

    position: int
    value: float
    share: float | None = None


def plain_text(text: str, longest: int) -> str:
    """A typed text as every database can keep it."""
    return text.replace("\0", "").strip()[:longest]


def decision_text(decision: Decision) -> str:
    """A proposal as canonical JSON."""
    flat = {
        "options": [vars(option) for option in decision.options],
        "advice": None if decision.advice is None else vars(decision.advice),
    }
    return canonical(vars(decision) | flat)  # dataclasses.asdict would copy every number


def decision_from(text: str) -> Decision:
    """The inverse of decision_text, exactly."""
    d = json.loads(text)
    for name in UNKNOWN:
        d[name] = math.nan if d[name] is None else d[name]
    for name in ("delta", "own_delta", "contributions"):
        d[name] = tuple(d[name])
    d["options"] = tuple(ArmOption(**(o | {"delta": tuple(o["delta"])})) for o in d["options"])
    d["advice"] = None if d["advice"] is None else _advice(d["advice"])
    return Decision(**(d | {"reason": Reason(d["reason"])}))


def advice_text(advice: Advice) -> str:
    return canonical(vars(advice))


def advice_from(text: str) -> Advice:
    return _advice(json.loads(text))


def _advice(saved: dict[str, Any]) -> Advice:
    return Advice(**(saved | {"delta": tuple(saved["delta"])}))


def versions() -> str:
    """The programs that numbers depend on, as canonical JSON."""
    import numba
    import numpy

    return canonical({"libra": __version__, "numpy": numpy.__version__, "numba": numba.__version__})


@dataclass(frozen=True)
class Clerk:
    """Writes down what a step of a session records, in one person's name. `seed`: of the session."""

    actor: Actor
    clock: Callable[[], str]
    seed: int

    def opening(
        self, position: int, patient: Patient, decisions: Iterable[Decision], advice: Mapping[str, Advice]
    ) -> Facts:
        """A patient is shown to the policies: what each proposes, and what its advisor said."""
        return {
            "position": position,
            "case": {"row": patient.row, "patient": patient.id, "opened_at": self.clock()},
            "proposals": {d.policy: decision_text(d) for d in decisions},
            "advice": {policy: advice_text(said) for policy, said in advice.items()},
        }

    def answer(self, given: Advice, weighed: Decision) -> Facts:
        """What the clinician advised, and what the policy made of it."""
        return {"advice": {weighed.policy: advice_text(given)}, "answered": decision_text(weighed)}

    def decision(
        self, position: int, kind: DecisionKind, plan: Action, done: Action | None, stamp: Stamp, actor: str = ""
    ) -> Facts:
        seconds = None if stamp.seconds is None else max(0.0, round(stamp.seconds, 2))
        decided = Decided(
            kind=kind,
            plan=plan,
            executed=done,
            decided_at=self.clock(),
            actor=actor or self.actor.id,
            versions=versions(),
            seed=self.seed,
            **vars(stamp) | {"comment": plain_text(stamp.comment, 2000), "seconds": seconds},
        )
        return {"position": position, "decision": asdict(decided)}

    def outcome(self, position: int, found: Outcomes, entered: Entered | None = None) -> Facts:
        """What came back: simulated, or as a person entered it."""
        source, value, share = (
            ("simulated", None, None) if entered is None else ("entered", entered.value, entered.share)
        )
        reward, x = float(found.reward[0]), tuple(found.x[0].tolist())
        seen = OutcomeSeen(source, reward, x, value, share, self.clock())
        return {"position": position, "outcome": asdict(seen)}

    def scenario(self, position: int, name: str, plan: Action) -> Facts:
        saved = {"name": plain_text(name, 100), "plan": asdict(plan), "actor": self.actor.id}
        return {"position": position, "scenario": saved | {"saved_at": self.clock()}}
