"""Replay: the policies' state is a fold of the log. Folding from the first event proves what was shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from libra_core.policies import Decision
from libra_core.problem import Outcomes
from libra_core.records.codec import decision_from, decision_text
from libra_core.records.engine import Engine, Plan
from libra_core.records.ledger import Ledger
from libra_core.records.repository import Repository
from libra_core.records.spec import DecisionKind
from libra_core.records.tables import Event

TOLERANCE = 1e-9  # another processor may round the last digit otherwise; a proposal that differs by more is not equal


@dataclass(frozen=True)
class Difference:
    """A stored value that is not what the replay gives."""

    seq: int
    what: str


def fold(engine: Engine, ledger: Ledger, event: Event) -> list[Decision]:
    """Take the engine through one event, which `ledger` has taken in already. Returns what the policies now say."""
    said: list[Decision] = []
    for row in event.rows.get("cases", ()):
        said += engine.propose(row["position"], ledger.cases[row["position"]].advice).decisions
    for row in event.rows.get("decisions", ()):
        if row["kind"] == DecisionKind.ANSWER.value:
            said.append(engine.answer(row["position"], ledger.cases[row["position"]].advice[engine.spec.policy]))
    settle(engine, event)
    return said


def settle(engine: Engine, event: Event) -> None:
    """What was decided in an event is done, and what came back is learned from."""
    for row in event.rows.get("decisions", ()):
        if row["executed_arm"] is not None:
            plan = Plan(row["executed_arm"], tuple(map(float, json.loads(row["executed_delta"]))))
            engine.execute(row["position"], plan)
    for row in sorted(event.rows.get("outcomes", ()), key=lambda r: r["position"]):
        engine.learn(row["position"], Outcomes(np.array([row["reward"]]), np.array([json.loads(row["x"])])))


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
    engine, ledger = Engine(spec, cohort, advisor), Ledger()
    engine.warm_up()
    proposals, exact, differences = 0, 0, []
    events = repository.events(session_id)
    for event in events:
        ledger.apply(event)
        stored = {(r["policy"], r["stage"]): r["decision"] for r in event.rows.get("proposals", ())}
        simulated = {r["position"]: r for r in event.rows.get("outcomes", ()) if r["source"] == "simulated"}
        for position, row in simulated.items():
            differences += _outcome(engine, ledger, event.seq, position, row)
        said = fold(engine, ledger, event)
        stage = "shown" if event.rows.get("cases") else "answered"
        again = {(d.policy, stage): d for d in said}
        if set(again) != set(stored):
            differences.append(Difference(event.seq, "the policies of the session are not those of the log"))
            continue
        for key, text in stored.items():
            proposals += 1
            if decision_text(again[key]) == text:
                exact += 1
            elif not close(decision_from(text), again[key]):
                differences.append(Difference(event.seq, f"the proposal of {key[0]} is not the recomputed one"))
    return Replay(len(events), proposals, exact, tuple(differences), engine, ledger)


def _outcome(engine: Engine, ledger: Ledger, seq: int, position: int, row: Mapping[str, Any]) -> list[Difference]:
    """Whether a simulated outcome is the one that the seed gives."""
    final = ledger.cases[position].final
    if final is None or final.executed is None:
        return [Difference(seq, "an outcome without a treatment")]
    again = engine.simulate(position, final.executed)
    same = abs(float(again.reward[0]) - row["reward"]) <= TOLERANCE * (1 + abs(row["reward"]))
    return [] if same else [Difference(seq, "the simulated outcome is not the one that the seed gives")]


def close(a: Decision, b: Decision) -> bool:
    """Equal but for rounding: every number within TOLERANCE, everything else the same."""
    return _close(json.loads(decision_text(a)), json.loads(decision_text(b)))


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_close(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def cohort_of(spec_cohort: str, paths: Iterable[str] = ()) -> Cohort:
    """The cohort that a session names, or the file it was uploaded from. Raises CohortError or ValueError."""
    from libra_core.cohort import load_cohort

    for path in paths:
        return load_cohort(path)
    if ":" in spec_cohort:
        raise ValueError(f"This session was held with an uploaded file ({spec_cohort}). Name it with --cohort FILE.")
    return load_cohort(spec_cohort)
