"""Who is next in a session: a patient who waits, a new one, one who was put off; and those treated without asking."""

from __future__ import annotations

from typing import Any

from libra_core.advisors.base import Advisor
from libra_core.certainty import Evidence
from libra_core.cohort import Cohort
from libra_core.records.engine import Effect, Plan, Shown
from libra_core.records.ledger import CaseFile
from libra_core.records.memory import Memory, in_turn
from libra_core.records.repository import Repository
from libra_core.records.rows import Rows, Stamp
from libra_core.records.spec import DecisionKind


class Queue(Memory):
    """The patients of one session in their order. Methods that open a patient may raise RecordsError."""

    def __init__(self, repository: Repository, session_id: str, cohort: Cohort, advisor: Advisor | None = None) -> None:
        super().__init__(repository, session_id, cohort, advisor)
        self.rows = Rows(repository, self.info.spec.seed)

    @in_turn
    def effect(self, position: int, plan: Plan) -> Effect:
        """What the first policy now expects of a plan for this patient."""
        return self.engine.effect(position, plan)

    # ------------------------------------------------------------------------------------------------ patients

    @property
    def evidence(self) -> Evidence:
        """What the methods have learned from, the simulated patients before the first one included."""
        problem = self.engine.problem
        return Evidence(tuple(self.engine.given), problem.reward_unit, problem.noise)

    @property
    def finished(self) -> bool:
        return self.ledger.closed or self.ledger.decided >= self.info.spec.planned

    @in_turn
    def current(self, opens: bool = True) -> CaseFile | None:
        """The patient to decide about now: an open one that is not put off, else a new one, else one put off.

        None when all are decided. In "ask me only when unsure" it is the next patient about whom the policy asks.
        """
        case = self._waiting()
        if case is None and opens and self.mine and self._more:
            case = self._write(lambda: self._waiting() or (self._open() if self._more else None))
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

    @property
    def only_put_off(self) -> bool:
        """Whether nobody is left but those who were put off."""
        return not (self.ledger.closed or self._more) and all(case.deferred for case in self.ledger.open_cases)

    def _waiting(self) -> CaseFile | None:
        return next((case for case in self.ledger.open_cases if not case.deferred), None)

    @property
    def _more(self) -> bool:
        return not self.ledger.closed and len(self.ledger.cases) < self.info.spec.planned

    def _open(self) -> CaseFile:
        """Show the next patient to the policies and record what they propose."""
        position = len(self.ledger.cases) + 1
        engine = self.engine
        self._unrecorded = True
        shown = engine.propose(position)
        rows = self.rows.opening(position, self.cohort.patient(engine.row(position)), shown)
        if self.info.spec.mode == "unsure" and not shown.main.asked:
            return self._automatic(position, shown, rows)
        event = self._append("opened", rows)
        self.ledger.apply(event)
        return self.ledger.cases[position]

    def _automatic(self, position: int, shown: Shown, rows: dict[str, list[dict[str, Any]]]) -> CaseFile:
        """The policy is sure: it acts, and nobody is asked."""
        plan, now = Plan(shown.main.arm, shown.main.delta), self.repository.clock()
        stamp = Stamp(f"automatic:{self.id}:{position}", now)
        rows["decisions"] = [self.rows.decision(position, DecisionKind.AUTOMATIC, plan, plan, stamp, actor="policy")]
        rows |= self._outcome(position, plan)
        self._finish("automatic", rows)
        return self.ledger.cases[position]

    def _outcome(self, position: int, plan: Plan) -> dict[str, list[dict[str, Any]]]:
        """The simulated outcome, where outcomes are simulated."""
        if self.info.spec.outcomes == "later":
            return {}
        found = self.engine.simulate(position, plan)
        return {"outcomes": [self.rows.outcome(position, found, "simulated")]}
