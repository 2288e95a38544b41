"""Replay: the policies' state is a fold of the log. Folding from the first event proves what was shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from libra_core.policies import REGISTRY, Decision
from libra_core.records.engine import Engine
from libra_core.records.errors import OTHER_VALUES
from libra_core.records.events import Action, Event, decision_text
from libra_core.records.ledger import Ledger
from libra_core.records.repository import Repository

TOLERANCE = 1e-9  # another processor may round the last digit differently; a proposal that differs by more is not equal


def apply(engine: Engine, ledger: Ledger, event: Event, own: bool = False) -> list[Decision]:
    """Apply the next event. Returns what the policies now propose; nothing for an event of one's `own`, whose
    proposals were made before it was written."""
    case, made = ledger.apply(event), []
    if case is not None and not own and engine.current:
        if "case" in event.facts:
            made += engine.propose(case.position, case.advice)
        if "answered" in event.facts:
            made.append(engine.answer(case.position, case.advice[engine.spec.policy]))
    if case is not None and "outcome" in event.facts and engine.current:
        engine.learn(case)
    return made


@dataclass(frozen=True)
class Replay:
    """What a replay found: how many stored proposals equal the recomputed ones to the last digit (`exact`), and which
    stored values are not what the replay gives."""

    events: int
    proposals: int
    exact: int
    differences: tuple[str, ...]
    engine: Engine
    ledger: Ledger

    @property
    def ok(self) -> bool:
        return not self.differences

    @property
    def sentence(self) -> str:
        if not self.engine.current:
            return f"{self.events} events read, no proposal recomputed. {OTHER_VALUES}"
        if self.ok:
            close = self.proposals - self.exact
            rest = f"{close} of them within rounding" if close else "to the last digit"
            stored = f"all {self.proposals} stored proposals equal the recomputed ones"
            return f"{self.events} events replayed: {stored}, {rest}."
        return f"{len(self.differences)} of {self.events} events do not replay; the first is {self.differences[0]}."


def replay(repository: Repository, session_id: str, cohort: Cohort, advisor: Advisor | None = None) -> Replay:
    """Fold the whole log from the first event, without snapshots, and compare with what was stored. A session made
    under other values is only read."""
    spec = repository.session(session_id).spec
    engine, ledger, events = Engine(spec, cohort, advisor), Ledger(), repository.events(session_id)
    engine.warm_up()
    proposals, exact, differences = 0, 0, []
    for event in events:
        if not engine.current:
            apply(engine, ledger, event)
            continue
        stored = dict(event.facts.get("proposals", {}))
        if "answered" in event.facts:
            stored[spec.policy] = event.facts["answered"]
        if wrong := _simulated(engine, event):
            differences.append(f"event {event.seq}: {wrong}")
        again = {decision.policy: decision for decision in apply(engine, ledger, event)}
        if again.keys() != stored.keys():
            differences.append(f"event {event.seq}: the policies of the session are not those of the log")
            break  # what follows was learned from those
        for policy, text in stored.items():
            proposals += 1
            recomputed = decision_text(again[policy])
            exact += recomputed == text
            if recomputed != text and not close(json.loads(recomputed), json.loads(text)):
                differences.append(
                    f"event {event.seq}: the proposal of {policy} is not the recomputed one{_since(policy)}"
                )
    return Replay(len({event.seq for event in events}), proposals, exact, tuple(differences), engine, ledger)


def _since(policy: str) -> str:
    """What else explains a proposal that does not recompute: the policy's rule is another one than it was."""
    day = REGISTRY[policy].revised
    return f" (its rule is another one since {day}: expected if an earlier version of LIBRA made it)" if day else ""


def _simulated(engine: Engine, event: Event) -> str:
    """What is wrong with a simulated outcome that is not the one that the seed gives; else nothing."""
    outcome, decision = event.facts.get("outcome"), event.facts.get("decision")
    if outcome is None or outcome["source"] != "simulated":
        return ""
    if decision is None or decision["executed"] is None:
        return "an outcome without a treatment"
    again = engine.simulate(event.facts["position"], Action.of(decision["executed"]))
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
