"""The state of the Feedback page in one browser session: the open session, and a stamp for each showing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.records import RecordsError, SessionLog, Stamp
from libra_core.records.repository import utc_now
from pages.ui.session import access, advice, current, loaders
from pages.ui.session.state import widget

_STATE: Final = "feedback"
PARAMETER: Final = "session"  # in the address, so that a reload resumes the session


class Key:
    """Keys of this page's widgets. Those about a patient carry the patient's number and the session: input for one
    session's first patient must not reach the next session's."""

    VIEW: Final = "fb_view"
    NAME: Final = "fb_name"
    POLICY: Final = "fb_policy"
    ADVISOR: Final = "fb_advisor"
    MODE: Final = "fb_mode"
    BLINDED: Final = "fb_blinded"
    OUTCOMES: Final = "fb_outcomes"
    SEED: Final = "fb_seed"
    WORTH: Final = "fb_worth"
    PLANNED: Final = "fb_planned"
    WARM_UP: Final = "fb_warm_up"
    WIDTH: Final = "fb_width"
    START: Final = "fb_start"
    LEAVE: Final = "fb_leave"
    PREVIOUS: Final = "fb_previous"
    NEXT: Final = "fb_next"
    CLOSE: Final = "fb_close"
    TAB: Final = "fb_tab"
    ENTER: Final = "fb_enter"
    TABLE: Final = "fb_table"

    @staticmethod
    def of(what: str, position: int) -> str:
        here = feedback_state().log
        return f"fb_{what}_{position}_{here.id[:8] if here else ''}"


@dataclass(frozen=True)
class Showing:
    """One view of a patient: the key makes a double click or a repeated request the same decision."""

    key: str
    shown_at: str
    clock: float


@dataclass
class FeedbackState:
    """One browser session's own data."""

    log: SessionLog | None = None
    looking_at: int | None = None  # an earlier patient, viewed again
    showings: dict[tuple[int, str], Showing] = field(default_factory=dict)
    done: str = ""  # the result of the last click, in a sentence
    problem: str = ""  # or why it failed

    def showing(self, position: int, stage: str) -> Showing:
        """The stamp of this showing; the same for two threads that ask at once."""
        return self.showings.setdefault((position, stage), Showing(uuid.uuid4().hex, utc_now(), time.monotonic()))


def feedback_state() -> FeedbackState:
    return st.session_state.setdefault(_STATE, FeedbackState())


def cohort_named(key: str) -> Cohort:
    """The cohort of a session. Raises ValueError with what to do when it is not loaded."""
    if any(spec.name == key for spec in loaders.protocol().cohorts):
        return loaders.cohort(key)
    present = current.cohort()
    if key in present.keys:
        return present
    name = key.rpartition(":")[0]
    if not name:
        raise ValueError(f"This session is about another disease (cohort {key}): start LIBRA with its protocol.")
    raise ValueError(f"This session uses the uploaded file {name!r}. Upload it on the page *Cohort* first.")


def open_session(session_id: str) -> None:
    """Resume the user's own session, or view one as a lead; an error is kept for display."""
    state = feedback_state()
    state.problem = ""
    try:
        repository = access.repository()
        spec = repository.session(session_id).spec
        cohort = cohort_named(spec.cohort)
        chosen = None
        if spec.advisor == advice.MODEL:
            found = advice.chosen(spec.advisor, cohort)
            chosen = None if isinstance(found, str) else found
        state.log = SessionLog(repository, session_id, cohort, chosen)
    except (RecordsError, ValueError) as error:
        state.problem = str(error)
        st.query_params.pop(PARAMETER, None)
        return
    state.showings, state.looking_at, state.done = {}, None, ""
    st.query_params[PARAMETER] = session_id


def leave() -> None:
    state = feedback_state()
    state.log, state.looking_at, state.done, state.problem = None, None, "", ""
    st.query_params.pop(PARAMETER, None)


def open_log() -> SessionLog | None:
    """The open session: never one that was opened under another name."""
    state = feedback_state()
    if state.log is not None and state.log.repository.actor != access.actor():
        leave()
    wanted = st.query_params.get(PARAMETER)
    if wanted and (state.log is None or state.log.id != wanted):
        open_session(wanted)
    return state.log


def stamp(position: int, stage: str) -> Stamp:
    """The stamp of a decision, with the reason, comment and confidence entered on the page."""
    shown = feedback_state().showing(position, stage)
    reason, comment, confidence = (widget(Key.of(field, position)) for field in ("reason", "comment", "confidence"))
    seconds = time.monotonic() - shown.clock
    return Stamp(shown.key, shown.shown_at, seconds, reason or "", comment or "", confidence)


def act(step: Callable[[SessionLog], str]) -> None:
    """Apply a step to the open session and keep its result or error as a sentence. For callbacks of buttons."""
    state = feedback_state()
    if state.log is None:
        return
    if state.log.repository.actor != access.actor():  # signed out, or another role: before anything is done
        leave()
        state.problem = "Your sign-in or your role has changed. Nothing was recorded."
        return
    state.done, state.problem = "", ""
    try:
        state.done = step(state.log)
    except (RecordsError, ValueError) as error:
        state.problem = str(error)
