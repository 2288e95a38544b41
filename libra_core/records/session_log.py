"""A clinician's session at work: see a patient, decide, learn, go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from libra_core.advisors.base import Advice
from libra_core.policies.libra import LibraTrial
from libra_core.records.codec import canonical
from libra_core.records.engine import Plan
from libra_core.records.errors import AlreadyDecided
from libra_core.records.ledger import CaseFile
from libra_core.records.memory import in_turn
from libra_core.records.outcomes import Entered, reward_of
from libra_core.records.queue import Queue
from libra_core.records.rows import Stamp
from libra_core.records.spec import CLINICIAN, DecisionKind


class SessionLog(Queue):
    """One open session. Not shared between users or windows: two windows meet in the database.

    Every method that writes may raise RecordsError; then nothing was recorded, and memory is built again from the log.
    """

    # ------------------------------------------------------------------------------------------------ decisions

    @in_turn
    def first_choice(self, position: int, plan: Plan, stamp: Stamp) -> CaseFile:
        """The blinded choice, before the proposal is seen."""

        def step() -> CaseFile:
            case = self._undecided(position, stamp)
            if case is None or case.first is not None:
                return self.ledger.cases[position]
            if not self.info.spec.blinded:
                raise ValueError("This session shows its proposals at once: there is no first choice before them.")
            self.engine.check(position, plan)
            row = self.rows.decision(position, DecisionKind.FIRST, plan, None, stamp)
            self.ledger.apply(self._append("first", {"decisions": [row]}))
            return self.ledger.cases[position]

        return self._write(step)

    @in_turn
    def accept(self, position: int, stamp: Stamp) -> CaseFile:
        """Do what the first policy proposes."""
        return self._decide(position, DecisionKind.ACCEPT, None, stamp)

    @in_turn
    def override(self, position: int, plan: Plan, stamp: Stamp) -> CaseFile:
        """Do something else. Raises ValueError when it is contraindicated or not feasible."""
        return self._decide(position, DecisionKind.OVERRIDE, plan, stamp)

    def _decide(self, position: int, kind: DecisionKind, chosen: Plan | None, stamp: Stamp) -> CaseFile:
        def step() -> CaseFile:
            case = self._undecided(position, stamp)
            if case is None:
                return self.ledger.cases[position]
            if self.info.spec.mode == "unsure":
                raise ValueError("In this session you are asked for advice; the method decides.")
            if self.info.spec.blinded and case.first is None:
                raise ValueError("Choose for yourself first: the proposal stays hidden until then.")
            main = case.shown[self.info.spec.policy]
            plan = self.engine.check(position, chosen or Plan(main.arm, main.delta))
            rows = {"decisions": [self.rows.decision(position, kind, plan, plan, stamp)]}
            rows |= self._outcome(position, plan)
            self._finish("decided", rows)
            return self.ledger.cases[position]

        return self._write(step)

    @in_turn
    def defer(self, position: int, stamp: Stamp) -> CaseFile:
        """Put the patient off: nothing is done or learned, and the patient comes back at the end."""

        def step() -> CaseFile:
            case = self._undecided(position, stamp)
            if case is None:
                return self.ledger.cases[position]
            main = case.shown[self.info.spec.policy]
            row = self.rows.decision(
                position, DecisionKind.DEFER, Plan(main.arm, main.delta), None, stamp, closes=False
            )
            self.ledger.apply(self._append("deferred", {"decisions": [row]}))
            return self.ledger.cases[position]

        return self._write(step)

    @in_turn
    def answer(self, position: int, plan: Plan | None, stamp: Stamp) -> CaseFile:
        """The clinician as the advisor: a plan, or None for no opinion. The policy decides by its own rule."""

        def step() -> CaseFile:
            case = self._undecided(position, stamp)
            if case is None:
                return self.ledger.cases[position]
            if self.info.spec.mode != "unsure":
                raise ValueError("In this session you decide; the method does not ask for advice.")
            if plan is not None:
                self.engine.check(position, plan)
            given = Advice(CLINICIAN, "refused") if plan is None else Advice(CLINICIAN, "ok", plan.arm, plan.delta)
            engine = self.engine
            self._unrecorded = True
            weighed = engine.answer(position, given)
            done = Plan(weighed.arm, weighed.delta)
            rows = {
                "advice": [self.rows.advice(position, self.info.spec.policy, given)],
                "proposals": [self.rows.proposal(position, weighed, "answered")],
                "decisions": [self.rows.decision(position, DecisionKind.ANSWER, plan or done, done, stamp)],
            }
            rows |= self._outcome(position, done)
            self._finish("answered", rows)
            return self.ledger.cases[position]

        return self._write(step)

    @in_turn
    def mistaken(self, position: int, stamp: Stamp) -> CaseFile:
        """Mark a decision as recorded by mistake; the stamp's comment says why, else ValueError. It stays in the record
        and, if its outcome is known, in what was learned; results leave it out, and no outcome is awaited any more."""
        if not stamp.comment.strip():
            raise ValueError("Say in a few words what went wrong.")

        def step() -> CaseFile:
            case = self.ledger.cases.get(position)
            if case is None or case.final is None:
                raise ValueError(f"Patient {position} is not decided yet.")
            if case.outcome is None and LibraTrial.name in self.info.spec.policies:
                raise ValueError(
                    "This session tests its advisor: a decision counts as the coin allocated it, whatever was then "
                    "done. Enter the outcome first, then mark the mistake."
                )
            if case.mistake is None:
                row = self.rows.decision(position, DecisionKind.MISTAKE, case.final.plan, None, stamp, closes=False)
                self.ledger.apply(self._append("mistake", {"decisions": [row]}))
            return self.ledger.cases[position]

        return self._write(step)

    def _undecided(self, position: int, stamp: Stamp) -> CaseFile | None:
        """The case if it waits for this decision; None if this very decision is recorded already.

        Raises AlreadyDecided when another window decided otherwise.
        """
        if position not in self.ledger.cases:
            self.sync()
        case = self.ledger.cases.get(position)
        if case is None:
            raise AlreadyDecided("There is no such patient in this session.")
        known = [c for c in (case.first, case.final, *case.deferred) if c is not None]
        if any(choice.key == stamp.key for choice in known):
            return None
        if case.final is not None:
            raise AlreadyDecided(
                f"Patient {position} was decided in another window ({case.final.kind.value}). "
                "That decision stands; yours was not recorded."
            )
        if self.ledger.closed:
            raise AlreadyDecided("This session was closed in another window.")
        return case

    # ------------------------------------------------------------------------------------------------ outcomes

    @in_turn
    def enter_outcomes(self, entered: Sequence[Entered]) -> int:
        """Record outcomes that were seen, in any order, all or none; returns how many were new.

        Raises ValueError with a sentence for a value that makes no sense or contradicts one recorded before.
        """

        def step() -> int:
            if len({e.position for e in entered}) < len(set(entered)):
                raise ValueError("A patient has two different outcomes in this batch. Keep one.")
            new = [e for e in dict.fromkeys(entered) if self._is_new(e)]
            rows = []
            for e in new:
                plan = self._executed(e.position)
                reward = reward_of(self.cohort, self.engine.row(e.position), plan, e)
                found = self.engine.observed(e.position, plan, reward, e.share)
                rows.append(self.rows.outcome(e.position, found, "entered", e.value, e.share))
            if rows:
                self._finish("outcomes", {"outcomes": rows})
            return len(rows)

        return self._write(step)

    def _executed(self, position: int) -> Plan:
        case = self.ledger.cases.get(position)
        if case is None or case.final is None or case.final.executed is None:
            raise ValueError(f"Patient {position} has not been treated yet: no outcome can be entered.")
        return case.final.executed

    def _is_new(self, e: Entered) -> bool:
        self._executed(e.position)
        if self.ledger.cases[e.position].mistake is not None:
            raise ValueError(f"Patient {e.position}'s decision was recorded by mistake: no outcome belongs to it.")
        before = self.ledger.cases[e.position].outcome
        if before is None:
            return True
        if (before.value, before.share) == (e.value, e.share):
            return False
        raise ValueError(f"Patient {e.position} has an outcome already. The record is never changed.")

    # ------------------------------------------------------------------------------------------------ the rest

    @in_turn
    def save_scenario(self, position: int, name: str, plan: Plan) -> None:
        """Keep a what-if under a name. Raises ValueError without a name."""
        if not name.strip():
            raise ValueError("Give the scenario a name first.")
        if position not in self.ledger.cases:
            raise ValueError(f"Patient {position} has not been shown yet.")

        def step() -> None:
            self.engine.check(position, plan)
            row = {
                "position": position,
                "name": name.strip()[:100],
                "plan": canonical(asdict(plan)),
                "actor": self.repository.actor.id,
                "saved_at": self.repository.clock(),
            }
            self.ledger.apply(self._append("scenario", {"scenarios": [row]}))

        self._write(step)

    @in_turn
    def close(self) -> None:
        """End the session before all planned patients are seen; what is put off stays undecided."""

        def step() -> None:
            if not self.ledger.closed:
                self.ledger.apply(self._append("closed", {}))

        self._write(step)
