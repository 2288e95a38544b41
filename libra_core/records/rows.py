"""What a step of a session writes: one dict for each row, complete but for the session and the event's number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libra_core.advisors.base import Advice
from libra_core.policies import Decision
from libra_core.problem import Outcomes, Patient
from libra_core.records.codec import advice_text, canonical, decision_text
from libra_core.records.engine import Plan, Shown
from libra_core.records.repository import Repository, versions
from libra_core.records.spec import DecisionKind


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


class Rows:
    """Makes rows in one person's name, with the repository's clock."""

    def __init__(self, repository: Repository, seed: int) -> None:
        self.repository = repository
        self.seed = seed

    def opening(self, position: int, patient: Patient, shown: Shown) -> dict[str, list[dict[str, Any]]]:
        """A patient is shown to the policies: what each proposes, and what its advisor said."""
        now = self.repository.clock()
        return {
            "cases": [{"position": position, "row": patient.row, "patient": patient.id, "opened_at": now}],
            "proposals": [self.proposal(position, d, "shown") for d in shown.decisions],
            "advice": [self.advice(position, name, a) for name, a in shown.advice.items()],
        }

    @staticmethod
    def proposal(position: int, decision: Decision, stage: str) -> dict[str, Any]:
        return {"policy": decision.policy, "position": position, "stage": stage, "decision": decision_text(decision)}

    @staticmethod
    def advice(position: int, policy: str, said: Advice) -> dict[str, Any]:
        return {"policy": policy, "position": position, "source": said.source, "advice": advice_text(said)}

    def decision(
        self,
        position: int,
        kind: DecisionKind,
        plan: Plan,
        done: Plan | None,
        stamp: Stamp,
        closes: bool | None = None,
        actor: str = "",
    ) -> dict[str, Any]:
        return {
            "key": stamp.key,
            "position": position,
            "kind": kind.value,
            "closes": done is not None if closes is None else closes,
            "arm": plan.arm,
            "delta": canonical(plan.delta),
            "executed_arm": None if done is None else done.arm,
            "executed_delta": None if done is None else canonical(done.delta),
            "reason": stamp.reason,
            "comment": stamp.comment.strip()[:2000],
            "confidence": stamp.confidence,
            "shown_at": stamp.shown_at,
            "decided_at": self.repository.clock(),
            "seconds": None if stamp.seconds is None else max(0.0, round(stamp.seconds, 2)),
            "actor": actor or self.repository.actor.id,
            "versions": versions(),
            "seed": self.seed,
        }

    def outcome(
        self, position: int, found: Outcomes, source: str, value: float | None = None, share: float | None = None
    ) -> dict[str, Any]:
        return {
            "position": position,
            "source": source,
            "reward": float(found.reward[0]),
            "x": canonical(found.x[0].tolist()),
            "value": value,
            "share": share,
            "recorded_at": self.repository.clock(),
        }
