"""An open session of a clinician: see a patient, decide, learn, go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from libra_core.advisors.base import Advice
from libra_core.certainty import Evidence
from libra_core.policies.libra import LibraTrial
from libra_core.problem import Outcomes
from libra_core.records.engine import Effect
from libra_core.records.errors import AlreadyDecided
from libra_core.records.events import (
    Action,
    Decided,
    Entered,
    Facts,
    OutcomeSeen,
    Stamp,
    advice_text,
    decision_text,
    opening,
    plain_text,
    versions,
)
from libra_core.records.ledger import CaseFile
from libra_core.records.spec import CLINICIAN, DecisionKind
from libra_core.records.window import Window, writes


class SessionLog(Window):
    """One open session. Not shared between users or windows: two windows meet in the database.

    Every method that writes may raise RecordsError; then nothing was recorded.
    """

    def effect(self, position: int, plan: Action) -> Effect:
        """What the first policy now expects of a plan for this patient."""
        with self.lock:
            return self.engine.effect(position, plan)

    @property
    def evidence(self) -> Evidence:
        """What the methods have learned from, the simulated patients before the first one included."""
        problem = self.engine.problem
        return Evidence(tuple(self.engine.given), problem.reward_unit, problem.noise, self.info.spec.worth)

    @property
    def finished(self) -> bool:
        return self.ledger.closed or self.ledger.decided >= self.info.spec.planned

    @property
    def only_deferred(self) -> bool:
        """Whether only deferred patients are left."""
        return not (self.ledger.closed or self._more) and all(case.deferred for case in self.ledger.open_cases)

    @property
    def _more(self) -> bool:
        return not self.ledger.closed and len(self.ledger.cases) < self.info.spec.planned

    def current(self) -> CaseFile | None:
        """The patient to decide about now: an open one that was not deferred, else a new one, else a deferred one.

        None when all are decided. In "ask me only when unsure" it is the next patient about whom the policy asks.
        """
        with self.lock:
            case = self._waiting() or (self._open() if self.mine and self._more else None)
            if case is None and not self.ledger.closed:
                case = min(self.ledger.open_cases, key=lambda case: len(case.deferred), default=None)
            return case

    def advance(self, limit: int = 200) -> CaseFile | None:
        """current(), past the patients about whom the policy is sure; after `limit` of them, the last of those."""
        with self.lock:
            case = self.current()
            for _ in range(limit):
                if case is None or not case.decided:
                    break
                case = self.current()
            return case

    def _waiting(self) -> CaseFile | None:
        return next((case for case in self.ledger.open_cases if not case.deferred), None)

    @writes
    def _open(self) -> CaseFile | None:
        """Show the next patient to the policies and record what they propose, unless another window just did. A policy
        that is sure acts at once."""
        if (case := self._waiting()) or not self._more:
            return case
        position, engine, now = len(self.ledger.cases) + 1, self.draw(), self.repository.clock()
        proposed = engine.propose(position)
        facts, main = opening(position, engine.patient(position), proposed, now), proposed[0]
        if self.info.spec.mode == "unsure" and not main.asked:
            plan, stamp = Action.proposed(main), Stamp(f"automatic:{self.id}:{position}", now)
            self.append("automatic", facts | self._done(position, DecisionKind.AUTOMATIC, plan, plan, stamp))
        else:
            self.append("opened", facts)
        return self.ledger.cases[position]

    @writes
    def first_choice(self, position: int, plan: Action, stamp: Stamp) -> CaseFile:
        """The blinded choice, before the proposal is seen."""
        case = self._undecided(position, stamp)
        if case is not None and case.first is None:
            if not self.info.spec.blinded:
                raise ValueError("This session shows its proposals at once: there is no first choice before them.")
            self.engine.check(position, plan)
            self.append("first", self._decided(position, DecisionKind.FIRST, plan, None, stamp))
        return self.ledger.cases[position]

    def accept(self, position: int, stamp: Stamp) -> CaseFile:
        """Do what the first policy proposes."""
        return self._decide(position, DecisionKind.ACCEPT, None, stamp)

    def override(self, position: int, plan: Action, stamp: Stamp) -> CaseFile:
        """Do something else. Raises ValueError when it is contraindicated or not feasible."""
        return self._decide(position, DecisionKind.OVERRIDE, plan, stamp)

    @writes
    def _decide(self, position: int, kind: DecisionKind, chosen: Action | None, stamp: Stamp) -> CaseFile:
        if (case := self._undecided(position, stamp)) is not None:
            if self.info.spec.mode == "unsure":
                raise ValueError("In this session you are asked for advice; the method decides.")
            if self.info.spec.blinded and case.first is None:
                raise ValueError("Choose for yourself first: the proposal stays hidden until then.")
            plan = self.engine.check(position, chosen or self._proposed(case))
            self.append("decided", self._done(position, kind, plan, plan, stamp))
        return self.ledger.cases[position]

    @writes
    def defer(self, position: int, stamp: Stamp) -> CaseFile:
        """Defer the patient: nothing is done or learned, and the patient comes back at the end."""
        if (case := self._undecided(position, stamp)) is not None:
            self.append("deferred", self._decided(position, DecisionKind.DEFER, self._proposed(case), None, stamp))
        return self.ledger.cases[position]

    @writes
    def answer(self, position: int, plan: Action | None, stamp: Stamp) -> CaseFile:
        """The clinician as the advisor: a plan, or None for no opinion. The policy then decides by its own rule."""
        if self._undecided(position, stamp) is not None:
            if self.info.spec.mode != "unsure":
                raise ValueError("In this session you decide; the method does not ask for advice.")
            if plan is not None:
                self.engine.check(position, plan)
            given = Advice(CLINICIAN, "refused") if plan is None else Advice(CLINICIAN, "ok", plan.arm, plan.delta)
            weighed = self.draw().answer(position, given)
            done = Action.proposed(weighed)
            facts = {"advice": {weighed.policy: advice_text(given)}, "answered": decision_text(weighed)}
            self.append("answered", facts | self._done(position, DecisionKind.ANSWER, plan or done, done, stamp))
        return self.ledger.cases[position]

    @writes
    def mistaken(self, position: int, stamp: Stamp) -> CaseFile:
        """Mark a decision as recorded by mistake; the stamp's comment says why, else ValueError. It stays in the record
        and, if its outcome is known, in what was learned; results leave it out, and no outcome is awaited any more."""
        if not stamp.comment.strip():
            raise ValueError("Say in a few words what went wrong.")
        case = self.ledger.cases.get(position)
        if case is None or case.final is None:
            raise ValueError(f"Patient {position} is not decided yet.")
        if case.outcome is None and LibraTrial.name in self.info.spec.policies:
            raise ValueError(
                "This session tests its advisor: a decision counts as it was randomised, whatever was then done. "
                "Enter the outcome first, then mark the mistake."
            )
        if case.mistake is None:
            self.append("mistake", self._decided(position, DecisionKind.MISTAKE, case.final.plan, None, stamp))
        return case

    def _undecided(self, position: int, stamp: Stamp) -> CaseFile | None:
        """The case if it waits for this decision; None if the same decision is recorded already. Raises AlreadyDecided
        when another window decided otherwise."""
        if position not in self.ledger.cases:
            self.sync()
        case = self.ledger.cases.get(position)
        if case is None:
            raise AlreadyDecided("There is no such patient in this session.")
        if any(made is not None and made.key == stamp.key for made in (case.first, case.final, *case.deferred)):
            return None
        if case.final is not None:
            raise AlreadyDecided(
                f"Patient {position} was decided in another window ({case.final.kind.value}). "
                "That decision stands; yours was not recorded."
            )
        if self.ledger.closed:
            raise AlreadyDecided("This session was closed in another window.")
        return case

    def _proposed(self, case: CaseFile) -> Action:
        return Action.proposed(case.shown[self.info.spec.policy])

    def _decided(self, position: int, kind: DecisionKind, plan: Action, done: Action | None, stamp: Stamp) -> Facts:
        cleaned = {
            "comment": plain_text(stamp.comment, 2000),
            "seconds": None if stamp.seconds is None else max(0.0, round(stamp.seconds, 2)),
        }
        decided = Decided(
            **vars(stamp) | cleaned,
            kind=kind,
            plan=plan,
            executed=done,
            decided_at=self.repository.clock(),
            actor="policy" if kind is DecisionKind.AUTOMATIC else self.repository.actor.id,
            versions=versions(),
            seed=self.info.spec.seed,
        )
        return {"position": position, "decision": asdict(decided)}

    def _done(self, position: int, kind: DecisionKind, plan: Action, done: Action, stamp: Stamp) -> Facts:
        """A closing decision, with its outcome where outcomes are simulated."""
        facts = self._decided(position, kind, plan, done, stamp)
        if self.info.spec.outcomes == "simulated":
            facts |= self._outcome(position, self.engine.simulate(position, done))
        return facts

    def _outcome(self, position: int, found: Outcomes, entered: Entered | None = None) -> Facts:
        source, value, share = ("entered", entered.value, entered.share) if entered else ("simulated", None, None)
        x = tuple(found.x[0].tolist())
        seen = OutcomeSeen(source, float(found.reward[0]), x, value, share, self.repository.clock())
        return {"position": position, "outcome": asdict(seen)}

    @writes
    def enter_outcomes(self, entered: Sequence[Entered]) -> int:
        """Record outcomes that were seen, in any order, all or none; returns how many were new.

        Raises ValueError with a sentence for a value that makes no sense or contradicts one recorded before.
        """
        if len({e.position for e in entered}) < len(set(entered)):
            raise ValueError("A patient has two different outcomes in this batch. Keep one.")
        new = [(e, done) for e in set(entered) if (done := self._not_yet(e)) is not None]
        if new:
            seen = [self._outcome(e.position, self.engine.observed(done, e), e) for e, done in new]
            self.append("outcome", *sorted(seen, key=lambda facts: facts["position"]))
        return len(new)

    def _not_yet(self, e: Entered) -> Action | None:
        """What was done to have this outcome; None when the outcome is recorded already."""
        case = self.ledger.cases.get(e.position)
        if case is None or case.executed is None:
            raise ValueError(f"Patient {e.position} has not been treated yet: no outcome can be entered.")
        if case.mistake is not None:
            raise ValueError(f"Patient {e.position}'s decision was recorded by mistake: no outcome belongs to it.")
        if case.outcome is not None and (case.outcome.value, case.outcome.share) != (e.value, e.share):
            raise ValueError(f"Patient {e.position} has an outcome already. The record is never changed.")
        return case.executed if case.outcome is None else None

    @writes
    def save_scenario(self, position: int, name: str, plan: Action) -> None:
        """Keep a what-if under a name. Raises ValueError without a name."""
        if not name.strip():
            raise ValueError("Give the scenario a name first.")
        if position not in self.ledger.cases:
            raise ValueError(f"Patient {position} has not been shown yet.")
        self.engine.check(position, plan)
        actor, now = self.repository.actor.id, self.repository.clock()
        scenario = {"name": plain_text(name, 100), "plan": asdict(plan), "actor": actor, "saved_at": now}
        self.append("scenario", {"position": position, "scenario": scenario})

    @writes
    def close(self) -> None:
        """End the session before all planned patients are seen; deferred patients stay undecided."""
        if not self.ledger.closed:
            self.append("closed", {})
