"""What the log says about each patient: plain values, folded from events in their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from libra_core.advisors.base import Advice
from libra_core.policies import Decision
from libra_core.records.errors import Unreadable
from libra_core.records.events import Action, Decided, Event, OutcomeSeen, advice_from, decision_from
from libra_core.records.migrations.legacy import UNREAD
from libra_core.records.spec import DecisionKind


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
    first: Decided | None = None
    deferred: list[Decided] = field(default_factory=list)
    final: Decided | None = None
    mistake: Decided | None = None  # says that `final` was recorded by mistake, and why
    outcome: OutcomeSeen | None = None
    scenarios: list[tuple[str, Action]] = field(default_factory=list)

    @cached_property
    def shown(self) -> dict[str, Decision]:
        """What each policy proposed, as it was shown."""
        return {name: decision_from(text) for name, text in self.shown_texts.items()}

    @property
    def answered(self) -> Decision | None:
        """The policy's decision after the clinician's answer."""
        return None if self.answered_text is None else decision_from(self.answered_text)

    @property
    def decided(self) -> bool:
        return self.final is not None

    @property
    def executed(self) -> Action | None:
        """What was done; None while nothing was."""
        return None if self.final is None else self.final.executed

    @property
    def seconds(self) -> float | None:
        """Time spent on this patient: on a blinded first choice, and then on the decision."""
        known = [c.seconds for c in (self.first, self.final) if c is not None and c.seconds is not None]
        return sum(known) if known else None

    def apply(self, facts: dict[str, Any]) -> None:
        """Apply what an event says about this patient."""
        self.shown_texts |= facts.get("proposals", {})
        self.answered_text = facts.get("answered", self.answered_text)
        self.advice |= {policy: advice_from(text) for policy, text in facts.get("advice", {}).items()}
        if "decision" in facts:
            self._decide(Decided.of(facts["decision"]))
        if "outcome" in facts:
            self.outcome = OutcomeSeen.of(facts["outcome"])
        if "scenario" in facts:
            self.scenarios.append((facts["scenario"]["name"], Action.of(facts["scenario"]["plan"])))

    def _decide(self, decided: Decided) -> None:
        if decided.kind is DecisionKind.FIRST:
            self.first = decided
        elif decided.kind is DecisionKind.MISTAKE:
            self.mistake = decided
        elif decided.kind.closes:
            self.final = decided
        else:
            self.deferred.append(decided)


@dataclass(eq=False)
class Ledger:
    """The case files of a session, by position, up to event `seq`."""

    cases: dict[int, CaseFile] = field(default_factory=dict)
    seq: int = 0
    closed: bool = False

    @classmethod
    def of(cls, events: Iterable[Event]) -> Ledger:
        ledger = cls()
        for event in events:
            ledger.apply(event)
        return ledger

    def apply(self, event: Event) -> CaseFile | None:
        """Apply the next event; returns the file of its patient. Raises Unreadable for an event that was damaged."""
        case = None
        try:
            facts = dict(event.facts)
            if UNREAD in facts:
                raise ValueError(UNREAD)
            if "case" in facts:
                self.cases[facts["position"]] = CaseFile(facts["position"], **facts["case"])
            if facts.get("position"):
                case = self.cases[facts["position"]]
                case.apply(facts)
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(
                f"Event {event.seq} of this session cannot be read: the record was changed after it was written. "
                "Restore it from a copy."
            ) from error
        self.closed = self.closed or event.kind == "closed"
        self.seq = event.seq
        return case

    @property
    def files(self) -> list[CaseFile]:
        """All case files in order, as they are now: another thread may add one meanwhile."""
        return list(self.cases.values())

    @property
    def decided(self) -> int:
        return sum(case.decided for case in self.files)

    @property
    def treated(self) -> list[CaseFile]:
        """Patients whose decision was carried out, mistakes included."""
        return [case for case in self.files if case.executed is not None]

    @property
    def awaiting(self) -> list[CaseFile]:
        """Treated patients without an outcome, except those whose decision was a mistake."""
        return [case for case in self.treated if case.outcome is None and case.mistake is None]

    @property
    def open_cases(self) -> list[CaseFile]:
        """Seen, but not decided: the current one, and those deferred."""
        return [case for case in self.files if not case.decided]
