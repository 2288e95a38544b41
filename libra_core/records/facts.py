"""What each step of a session records: the facts of its event, in one person's name, with the repository's clock."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from libra_core.advisors.base import Advice
from libra_core.policies import Decision
from libra_core.problem import Outcomes, Patient
from libra_core.records.engine import Shown
from libra_core.records.events import (
    Action,
    Decided,
    Entered,
    OutcomeSeen,
    Stamp,
    advice_text,
    decision_text,
    plain_text,
)
from libra_core.records.repository import Repository, versions
from libra_core.records.spec import DecisionKind

Facts = dict[str, Any]


@dataclass(frozen=True)
class Clerk:
    """Writes facts down. `seed`: of the session."""

    repository: Repository
    seed: int

    def opening(self, position: int, patient: Patient, shown: Shown) -> Facts:
        """A patient is shown to the policies: what each proposes, and what its advisor said."""
        return {
            "position": position,
            "case": {"row": patient.row, "patient": patient.id, "opened_at": self.repository.clock()},
            "proposals": {d.policy: decision_text(d) for d in shown.decisions},
            "advice": {policy: advice_text(said) for policy, said in shown.advice.items()},
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
            decided_at=self.repository.clock(),
            actor=actor or self.repository.actor.id,
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
        seen = OutcomeSeen(source, reward, x, value, share, self.repository.clock())
        return {"position": position, "outcome": asdict(seen)}

    def scenario(self, position: int, name: str, plan: Action) -> Facts:
        saved = {"name": plain_text(name, 100), "plan": asdict(plan), "actor": self.repository.actor.id}
        return {"position": position, "scenario": saved | {"saved_at": self.repository.clock()}}
