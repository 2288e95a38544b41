"""An open session of a clinician: see a patient, decide, learn, go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from libra_core.advisors.base import Advice, Advisor
from libra_core.certainty import Evidence
from libra_core.cohort import Cohort
from libra_core.policies.libra import LibraTrial
from libra_core.records.engine import Effect, Engine
from libra_core.records.errors import AlreadyDecided
from libra_core.records.events import Action, Clerk, Entered, Facts, Stamp
from libra_core.records.ledger import CaseFile, Ledger
from libra_core.records.repository import Repository
from libra_core.records.spec import CLINICIAN, DecisionKind
from libra_core.records.window import Window

T = TypeVar("T")
P = ParamSpec("P")


Method = Callable[Concatenate["SessionLog", P], T]


def in_turn(method: Method[P, T]) -> Method[P, T]:
    """One thread at a time."""

    @wraps(method)
    def turn(self: SessionLog, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            return method(self, *args, **kwargs)

    return turn


def writes(method: Method[P, T]) -> Method[P, T]:
    """One thread at a time; the method appends once or not at all, and is done again when another window was faster."""

    @wraps(method)
    def step(self: SessionLog, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            return self.window.write(lambda: method(self, *args, **kwargs))

    return step


class SessionLog:
    """One open session. Not shared between users or windows: two windows meet in the database.

    A page that is clicked twice in a hurry runs twice, in two threads, with the same session: public methods take
    turns. Every method that writes may raise RecordsError; then nothing was recorded.
    """

    def __init__(self, repository: Repository, session_id: str, cohort: Cohort, advisor: Advisor | None = None) -> None:
        self.lock = threading.RLock()
        self.repository, self.id, self.cohort = repository, session_id, cohort
        self.window = Window(repository, session_id, cohort, advisor)
        self.info = self.window.info
        self.mine = self.window.mine  # whether this person may decide here; a lead may only look at others' sessions
        self.clerk = Clerk(repository.actor, repository.clock, self.info.spec.seed)

    @property
    def ledger(self) -> Ledger:
        return self.window.ledger

    @property
    def engine(self) -> Engine:
        with self.lock:
            return self.window.engine

    @in_turn
    def sync(self) -> None:
        """Take in what was written since the last look, by another window or before a failure."""
        self.window.sync()

    @in_turn
    def effect(self, position: int, plan: Action) -> Effect:
        """What the first policy now expects of a plan for this patient."""
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
    def only_put_off(self) -> bool:
        """Whether only deferred patients are left."""
        return not (self.ledger.closed or self._more) and all(case.deferred for case in self.ledger.open_cases)

    @property
    def _more(self) -> bool:
        return not self.ledger.closed and len(self.ledger.cases) < self.info.spec.planned

    @in_turn
    def current(self) -> CaseFile | None:
        """The patient to decide about now: an open one that was not deferred, else a new one, else a deferred one.

        None when all are decided. In "ask me only when unsure" it is the next patient about whom the policy asks.
        """
        case = self._waiting() or (self._open() if self.mine and self._more else None)
        if case is None and not self.ledger.closed:
            case = min(self.ledger.open_cases, key=lambda case: len(case.deferred), default=None)
        return case

    @in_turn
    def advance(self, limit: int = 200) -> CaseFile | None:
        """current(), past the patients about whom the policy is sure; after `limit` of them, the last of those."""
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
        """Show the next patient to the policies and record what they propose, unless another window just did. Where
        the policy is sure and need not ask, it acts at once."""
        if (case := self._waiting()) or not self._more:
            return case
        position, engine = len(self.ledger.cases) + 1, self.window.draw()
        shown, patient = engine.propose(position), self.cohort.patient(engine.row(position))
        facts = self.clerk.opening(position, patient, shown.decisions, shown.advice)
        if self.info.spec.mode == "unsure" and not shown.main.asked:
            plan = Action(shown.main.arm, shown.main.delta)
            stamp = Stamp(f"automatic:{self.id}:{position}", self.repository.clock())
            facts |= self._done(position, DecisionKind.AUTOMATIC, plan, plan, stamp, actor="policy")
            self.window.append("automatic", facts)
        else:
            self.window.append("opened", facts)
        return self.ledger.cases[position]

    @writes
    def first_choice(self, position: int, plan: Action, stamp: Stamp) -> CaseFile:
        """The blinded choice, before the proposal is seen."""
        case = self._undecided(position, stamp)
        if case is not None and case.first is None:
            if not self.info.spec.blinded:
                raise ValueError("This session shows its proposals at once: there is no first choice before them.")
            self.engine.check(position, plan)
            self.window.append("first", self.clerk.decision(position, DecisionKind.FIRST, plan, None, stamp))
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
            self.window.append("decided", self._done(position, kind, plan, plan, stamp))
        return self.ledger.cases[position]

    @writes
    def defer(self, position: int, stamp: Stamp) -> CaseFile:
        """Defer the patient: nothing is done or learned, and the patient comes back at the end."""
        if (case := self._undecided(position, stamp)) is not None:
            plan = self._proposed(case)
            self.window.append("deferred", self.clerk.decision(position, DecisionKind.DEFER, plan, None, stamp))
        return self.ledger.cases[position]

    @writes
    def answer(self, position: int, plan: Action | None, stamp: Stamp) -> CaseFile:
        """The clinician as the advisor: a plan, or None for no opinion. The policy decides by its own rule."""
        if self._undecided(position, stamp) is not None:
            if self.info.spec.mode != "unsure":
                raise ValueError("In this session you decide; the method does not ask for advice.")
            if plan is not None:
                self.engine.check(position, plan)
            given = Advice(CLINICIAN, "refused") if plan is None else Advice(CLINICIAN, "ok", plan.arm, plan.delta)
            weighed = self.window.draw().answer(position, given)
            done = Action(weighed.arm, weighed.delta)
            facts = self._done(position, DecisionKind.ANSWER, plan or done, done, stamp)
            self.window.append("answered", self.clerk.answer(given, weighed) | facts)
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
                "This session tests its advisor: a decision counts as the coin allocated it, whatever was then done. "
                "Enter the outcome first, then mark the mistake."
            )
        if case.mistake is None:
            plan = case.final.plan
            self.window.append("mistake", self.clerk.decision(position, DecisionKind.MISTAKE, plan, None, stamp))
        return case

    def _undecided(self, position: int, stamp: Stamp) -> CaseFile | None:
        """The case if it waits for this decision; None if this very decision is recorded already. Raises AlreadyDecided
        when another window decided otherwise."""
        if position not in self.ledger.cases:
            self.window.sync()
        case = self.ledger.cases.get(position)
        if case is None:
            raise AlreadyDecided("There is no such patient in this session.")
        known = [c for c in (case.first, case.final, *case.deferred) if c is not None]
        if any(decided.key == stamp.key for decided in known):
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
        main = case.shown[self.info.spec.policy]
        return Action(main.arm, main.delta)

    def _done(
        self, position: int, kind: DecisionKind, plan: Action, done: Action, stamp: Stamp, actor: str = ""
    ) -> Facts:
        """A closing decision, with its outcome where outcomes are simulated."""
        facts = self.clerk.decision(position, kind, plan, done, stamp, actor)
        if self.info.spec.outcomes == "simulated":
            facts |= self.clerk.outcome(position, self.engine.simulate(position, done))
        return facts

    @writes
    def enter_outcomes(self, entered: Sequence[Entered]) -> int:
        """Record outcomes that were seen, in any order, all or none; returns how many were new.

        Raises ValueError with a sentence for a value that makes no sense or contradicts one recorded before.
        """
        if len({e.position for e in entered}) < len(set(entered)):
            raise ValueError("A patient has two different outcomes in this batch. Keep one.")
        new = [e for e in dict.fromkeys(entered) if self._is_new(e)]
        if new:
            self.window.append("outcome", *map(self._observed, sorted(new, key=lambda e: e.position)))
        return len(new)

    def _executed(self, position: int) -> Action:
        case = self.ledger.cases.get(position)
        if case is None or case.final is None or case.final.executed is None:
            raise ValueError(f"Patient {position} has not been treated yet: no outcome can be entered.")
        return case.final.executed

    def _is_new(self, e: Entered) -> bool:
        self._executed(e.position)
        case = self.ledger.cases[e.position]
        if case.mistake is not None:
            raise ValueError(f"Patient {e.position}'s decision was recorded by mistake: no outcome belongs to it.")
        if case.outcome is None:
            return True
        if (case.outcome.value, case.outcome.share) == (e.value, e.share):
            return False
        raise ValueError(f"Patient {e.position} has an outcome already. The record is never changed.")

    def _observed(self, e: Entered) -> Facts:
        plan, engine = self._executed(e.position), self.engine
        return self.clerk.outcome(e.position, engine.observed(e.position, plan, engine.reward(plan, e), e.share), e)

    @writes
    def save_scenario(self, position: int, name: str, plan: Action) -> None:
        """Keep a what-if under a name. Raises ValueError without a name."""
        if not name.strip():
            raise ValueError("Give the scenario a name first.")
        if position not in self.ledger.cases:
            raise ValueError(f"Patient {position} has not been shown yet.")
        self.engine.check(position, plan)
        self.window.append("scenario", self.clerk.scenario(position, name, plan))

    @writes
    def close(self) -> None:
        """End the session before all planned patients are seen; what is put off stays undecided."""
        if not self.ledger.closed:
            self.window.append("closed", {})
