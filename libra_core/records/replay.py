"""Replay: the policies' state is a fold of the log. Folding from the first event proves what was shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from libra_core.policies import Decision
from libra_core.records.engine import Engine
from libra_core.records.events import ACTION, Event, decision_text
from libra_core.records.ledger import Ledger
from libra_core.records.repository import Repository

TOLERANCE = 1e-9  # another processor may round the last digit otherwise; a proposal that differs by more is not equal


@dataclass(frozen=True)
class Difference:
    """A stored value that is not what the replay gives."""

    seq: int
    what: str


@dataclass(eq=False)
class Fold:
    """All that a session knows after its events so far: the case files, and the policies."""

    engine: Engine
    ledger: Ledger = field(default_factory=Ledger)

    def take(self, event: Event, own: bool = False) -> list[Decision]:
        """Take in the next event. Returns what the policies now propose; nothing for an event of one's `own`, whose
        proposals were made before it was written."""
        case, made = self.ledger.apply(event), []
        if case is not None and not own:
            if "case" in event.facts:
                made += self.engine.propose(case.position, case.advice)
            if "answered" in event.facts:
                made.append(self.engine.answer(case.position, case.advice[self.engine.spec.policy]))
        if case is not None and "outcome" in event.facts:
            self.engine.learn(case)
        return made


@dataclass(frozen=True)
class Replay:
    """What a replay found. `exact`: every stored proposal equals the recomputed one to the last digit."""

    events: int
    proposals: int
    exact: int
    differences: tuple[Difference, ...]
    engine: Engine
    ledger: Ledger

    @property
    def ok(self) -> bool:
        return not self.differences

    @property
    def sentence(self) -> str:
        if self.ok:
            close = self.proposals - self.exact
            rest = f", {close} of them within rounding" if close else ", to the last digit"
            return (
                f"{self.events} events replayed: all {self.proposals} stored proposals equal the recomputed ones{rest}."
            )
        first = self.differences[0]
        count = f"{len(self.differences)} of {self.events} events do not replay"
        return f"{count}; the first is event {first.seq}: {first.what}."


def replay(repository: Repository, session_id: str, cohort: Cohort, advisor: Advisor | None = None) -> Replay:
    """Fold the whole log from the first event, without snapshots, and compare with what was stored."""
    spec = repository.session(session_id).spec
    fold = Fold(Engine(spec, cohort, advisor))
    fold.engine.warm_up()
    proposals, exact, differences = 0, 0, []
    events = repository.events(session_id)
    for event in events:
        stored = dict(event.facts.get("proposals", {}))
        if "answered" in event.facts:
            stored[spec.policy] = event.facts["answered"]
        if wrong := _simulated(fold, event):
            differences.append(Difference(event.seq, wrong))
        again = {decision.policy: decision for decision in fold.take(event)}
        if again.keys() != stored.keys():
            differences.append(Difference(event.seq, "the policies of the session are not those of the log"))
            break  # what follows was learned from those
        for policy, text in stored.items():
            proposals += 1
            recomputed = decision_text(again[policy])
            exact += recomputed == text
            if recomputed != text and not close(json.loads(recomputed), json.loads(text)):
                differences.append(Difference(event.seq, f"the proposal of {policy} is not the recomputed one"))
    return Replay(len({event.seq for event in events}), proposals, exact, tuple(differences), fold.engine, fold.ledger)


def _simulated(fold: Fold, event: Event) -> str:
    """What is wrong with a simulated outcome that is not the one that the seed gives; else nothing."""
    outcome, decision = event.facts.get("outcome"), event.facts.get("decision")
    if outcome is None or outcome["source"] != "simulated":
        return ""
    if decision is None or decision["executed"] is None:
        return "an outcome without a treatment"
    again = fold.engine.simulate(event.facts["position"], ACTION.validate_python(decision["executed"]))
    same = close(float(again.reward[0]), outcome["reward"])
    return "" if same else "the simulated outcome is not the one that the seed gives"


def close(a: Any, b: Any) -> bool:
    """Whether two values read from JSON are equal but for rounding: every number within TOLERANCE."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    return bool(a == b)


def cohort_of(spec_cohort: str, paths: Iterable[str] = ()) -> Cohort:
    """The cohort that a session names, or the file it was uploaded from. Raises CohortError or ValueError."""
    from libra_core.cohort import load_cohort

    for path in paths:
        return load_cohort(path)
    if ":" in spec_cohort:
        raise ValueError(f"This session was held with an uploaded file ({spec_cohort}). Name it with --cohort FILE.")
    return load_cohort(spec_cohort)
