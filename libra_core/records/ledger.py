"""What the log says about each patient: plain values, folded from events in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from libra_core.advisors.base import Advice
from libra_core.policies import Decision
from libra_core.records.codec import advice_from, decision_from
from libra_core.records.engine import Plan
from libra_core.records.spec import DecisionKind
from libra_core.records.tables import Event


@dataclass(frozen=True)
class Choice:
    """A decision as recorded. `executed` is None while nothing was done."""

    key: str
    kind: DecisionKind
    closes: bool
    plan: Plan
    executed: Plan | None
    reason: str
    comment: str
    confidence: int | None
    shown_at: str
    decided_at: str
    seconds: float | None
    actor: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Choice:
        done = None if row["executed_arm"] is None else _plan(row["executed_arm"], row["executed_delta"])
        return cls(
            row["key"],
            DecisionKind(row["kind"]),
            bool(row["closes"]),
            _plan(row["arm"], row["delta"]),
            done,
            row["reason"],
            row["comment"],
            row["confidence"],
            row["shown_at"],
            row["decided_at"],
            row["seconds"],
            row["actor"],
        )


@dataclass(frozen=True)
class Outcome:
    """What came back, in reward units. value: what a person typed (mmHg after treatment); share: of the plan done."""

    source: str
    reward: float
    x: tuple[float, ...]
    value: float | None
    share: float | None
    recorded_at: str


@dataclass(eq=False)
class CaseFile:
    """Everything that is recorded about one patient of a session."""

    position: int
    row: int
    patient: str
    opened_at: str
    shown_texts: dict[str, str] = field(default_factory=dict)
    answered_text: str | None = None
    advice: dict[str, Advice] = field(default_factory=dict)
    first: Choice | None = None
    deferred: list[Choice] = field(default_factory=list)
    final: Choice | None = None
    mistake: Choice | None = None  # says that `final` was recorded by mistake, and why
    outcome: Outcome | None = None
    scenarios: list[tuple[str, Plan]] = field(default_factory=list)

    @cached_property
    def shown(self) -> dict[str, Decision]:
        """What each policy proposed, as it was shown."""
        return {name: decision_from(text) for name, text in self.shown_texts.items()}

    @property
    def answered(self) -> Decision | None:
        """The policy's decision after the clinician's answer was weighed."""
        return None if self.answered_text is None else decision_from(self.answered_text)

    @property
    def decided(self) -> bool:
        return self.final is not None

    @property
    def seconds(self) -> float | None:
        """Time in front of this patient: for a blinded first choice, and then for the decision."""
        known = [c.seconds for c in (self.first, self.final) if c is not None and c.seconds is not None]
        return sum(known) if known else None


@dataclass(eq=False)
class Ledger:
    """The case files of a session, by position, up to event `seq`."""

    cases: dict[int, CaseFile] = field(default_factory=dict)
    seq: int = 0
    closed: bool = False

    def apply(self, event: Event) -> None:
        """Take in the next event."""
        rows = event.rows
        for row in rows.get("cases", ()):
            self.cases[row["position"]] = CaseFile(row["position"], row["row"], row["patient"], row["opened_at"])
        for row in rows.get("proposals", ()):
            case = self.cases[row["position"]]
            if row["stage"] == "answered":
                case.answered_text = row["decision"]
            else:
                case.shown_texts[row["policy"]] = row["decision"]
        for row in rows.get("advice", ()):
            self.cases[row["position"]].advice[row["policy"]] = advice_from(row["advice"])
        for row in rows.get("decisions", ()):
            self._decided(self.cases[row["position"]], Choice.of(row))
        for row in rows.get("outcomes", ()):
            self.cases[row["position"]].outcome = Outcome(
                row["source"],
                row["reward"],
                tuple(json.loads(row["x"])),
                row["value"],
                row["share"],
                row["recorded_at"],
            )
        for row in rows.get("scenarios", ()):
            saved = json.loads(row["plan"])
            self.cases[row["position"]].scenarios.append(
                (row["name"], Plan(int(saved["arm"]), tuple(map(float, saved["delta"]))))
            )
        self.closed = self.closed or event.event == "closed"
        self.seq = event.seq

    @staticmethod
    def _decided(case: CaseFile, choice: Choice) -> None:
        if choice.kind is DecisionKind.FIRST:
            case.first = choice
        elif choice.kind is DecisionKind.MISTAKE:
            case.mistake = choice
        elif choice.closes:
            case.final = choice
        else:
            case.deferred.append(choice)

    @property
    def files(self) -> list[CaseFile]:
        """All case files in order, as they are now: another thread may add one meanwhile."""
        return list(self.cases.values())

    @property
    def decided(self) -> int:
        return sum(case.decided for case in self.files)

    @property
    def awaiting(self) -> list[CaseFile]:
        """Treated, but without an outcome; not those whose decision was a mistake."""
        return [c for c in self.files if c.final and c.final.executed and c.outcome is None and c.mistake is None]

    @property
    def open_cases(self) -> list[CaseFile]:
        """Seen, but not decided: the present one, and those put off."""
        return [case for case in self.files if not case.decided]


def _plan(arm: int, delta: str) -> Plan:
    return Plan(int(arm), tuple(map(float, json.loads(delta))))
