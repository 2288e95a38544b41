"""The displayed run: started from the widgets, stepped by a button or by the clock, dropped when a setting changes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from libra_core.clinical import Worth
from libra_core.cohort import Cohort
from libra_core.policies import RECOMMENDED, Decision
from libra_core.study.live import LiveRow, LiveRun
from libra_core.summary import PlanSummary, summarise
from pages.ui.session import advice, current, values
from pages.ui.session.state import Key, Slot, app_state, widget

LONGEST = 2000  # patients in one displayed run: enough to see a method learn, and a chart stays light
SPEEDS = {"Slow": (1, 1.0), "Normal": (1, 0.4), "Fast": (10, 0.5)}  # patients a tick, seconds between ticks


@dataclass(eq=False)
class DisplayedRun:
    """One session's run, with the time of its last tick. study: the stored one that it repeats.
    in_turn: no person chose who was treated or asked."""

    run: LiveRun
    longest: int = LONGEST
    study: str = ""
    in_turn: bool = True
    last_tick: float = 0.0

    @property
    def finished(self) -> bool:
        return len(self.run.rows) >= self.longest

    def due(self, speed: str) -> int:
        """The number of patients that Play treats now: none if a rerun for another reason follows a tick closely."""
        patients, seconds = SPEEDS[speed]
        now = time.monotonic()
        if self.finished or now - self.last_tick < 0.8 * seconds:
            return 0
        self.last_tick = now
        return patients


RUN: Slot[DisplayedRun] = Slot("live", of_cohort=True)


@dataclass(frozen=True)
class ShownPlan:
    """What the page shows: a decision, and its simulated outcome unless it is only a preview."""

    row: int
    decision: Decision
    record: LiveRow | None
    summary: PlanSummary


def settings() -> tuple[str, str, int]:
    """(method, advisor, seed) as the widgets have them."""
    return widget(Key.POLICY, RECOMMENDED), widget(Key.ADVISOR, "near-optimal"), int(widget(Key.SEED, 0) or 0)


def asked_of(session: DisplayedRun) -> str:
    """Where a run's recorded advice comes from: which model, when, with what text; '' for other advisors."""
    asked = session.run.policy.advisor
    return asked.provenance if asked else ""


def limit_key(name: str) -> str:
    """The widget of one of the protocol's further limits."""
    return f"{Key.LIMIT}-{name}"


def limits(cohort: Cohort) -> tuple[str, ...]:
    """The further limits that are switched on."""
    return tuple(limit.name for limit in cohort.protocol.linear_limits if widget(limit_key(limit.name), False))


def displayed(cohort: Cohort) -> DisplayedRun:
    """The session's run over this cohort, started if there is none. Raises ValueError with a sentence when it cannot.

    A run over another cohort is dropped, so that plans never appear under another cohort's patients.
    """
    mine = RUN.get()
    if mine is None or mine.run.environment.cohort is not cohort:
        policy, advisor, seed = settings()
        chosen = advice.chosen(advisor, cohort)
        mine = DisplayedRun(LiveRun.start(cohort, policy, chosen, seed, limits=limits(cohort)))
        mine.run.worth = own_values(cohort)
        RUN.put(mine)
    return mine


def own_values(cohort: Cohort) -> Worth | None:
    """What this clinician says things are worth; None while it is what the protocol declares."""
    own = values.chosen(cohort.protocol, Key.WORTH)
    return None if own == cohort.protocol.worth else own


def revalue() -> None:
    """The displayed run goes on under the values that the sliders show; nothing is learned anew."""
    cohort = current.cohort()
    session = displayed(cohort)
    session.run.worth = own_values(cohort)
    if session.run.rows and app_state().row is None:
        app_state().row = session.run.rows[-1].row  # the same patient, as a preview under the new values


def shown_plan(cohort: Cohort, session: DisplayedRun) -> ShownPlan:
    """A selected patient as a preview; else the last patient treated; else the first patient of a run."""
    picked, rows = app_state().row, session.run.rows
    record = rows[-1] if picked is None and rows else None
    row = record.row if record else first(cohort) if picked is None else picked
    decision = record.decision if record else session.run.decision_for(row)
    return ShownPlan(row, decision, record, summarise(cohort, decision, session.run.evidence(record)))


def first(cohort: Cohort) -> int:
    """The patient shown before one is selected: the first who enters the simulation and is not an emergency."""
    calm = (row for row in map(int, cohort.arrivals[:50]) if all(a.level != "urgent" for a in cohort.alerts(row)))
    return next(calm, int(cohort.arrivals[0]))


def step(patients: int = 1) -> None:
    """Treat the next patients. A selected patient is deselected."""
    session = displayed(current.cohort())
    app_state().row = None
    for _ in range(min(patients, LONGEST - len(session.run.rows))):
        session.run.step()


def treat(row: int) -> None:
    """Treat the displayed patient (simulated)."""
    session = displayed(current.cohort())
    app_state().row = None
    if not session.finished:
        session.in_turn = False
        session.run.step(row)


def readmit() -> None:
    """Ask again an advisor that failed its trial."""
    session = displayed(current.cohort())
    session.in_turn = False
    session.run.readmit()


def reset() -> None:
    """Drop the run and stop playing; the next rerun starts another with the widgets' settings."""
    RUN.put(None)
    st.session_state[Key.PLAY] = False
