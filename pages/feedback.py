"""Feedback: a clinician sees patients one by one, decides, says why, and comes back tomorrow."""

from __future__ import annotations

import streamlit as st

from libra_core.records import DecisionKind, RecordsError, SessionLog, Unavailable
from libra_core.records.errors import OTHER_VALUES
from pages.ui.draw import cards, words
from pages.ui.draw.show import heartbeat
from pages.ui.feedback import card as feedback_card
from pages.ui.feedback import case as feedback_case
from pages.ui.feedback import results as feedback_results
from pages.ui.feedback import start as feedback_start
from pages.ui.feedback import summary as feedback_summary
from pages.ui.feedback.state import Key, act, feedback_state, leave, open_log
from pages.ui.session import access

AT_ONCE = 200  # patients that the method may treat by itself in one run of the page


def look(by: int, last: int) -> None:
    """View the previous or the next patient; after the last earlier one, the current one again."""
    state = feedback_state()
    there = (state.looking_at or last) + by
    state.looking_at = there if 1 <= there < last else (1 if there < 1 else None)
    state.done = state.problem = ""


def bar(session: SessionLog, here: int, last: int) -> None:
    """The position, the result of the last click, and the buttons to go back, forward and out."""
    spec, ledger = session.info.spec, session.ledger
    deferred = sum(bool(case.deferred) for case in ledger.open_cases)
    text = f"{ledger.decided} of {spec.planned} decided" + (f" · {deferred} deferred" if deferred else "")
    with st.container(key="session-bar", gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            name = cards.escaped(session.info.name)
            where = f"**Patient {here}** · {text}" if here <= spec.planned else f"**{text}**"
            st.progress(min(1.0, ledger.decided / spec.planned), text=f"{where} · {name}")
            st.button(
                "Previous",
                key=Key.PREVIOUS,
                on_click=look,
                args=(-1, last),
                disabled=here <= 1,
                icon=":material/chevron_left:",
            )
            st.button(
                "Next",
                key=Key.NEXT,
                on_click=look,
                args=(1, last),
                disabled=feedback_state().looking_at is None,
                icon=":material/chevron_right:",
                icon_position="right",
            )
            st.button("Leave", key=Key.LEAVE, on_click=leave, help="Everything is saved; continue at any time.")
        messages()


def messages() -> None:
    state = feedback_state()
    if state.problem:
        st.error(cards.escaped(state.problem), icon=":material/error:")
    if state.done:
        st.markdown(f":green-badge[:material/check: recorded] {cards.escaped(state.done)}")
    if state.log:  # a test that kills the server relies on what is shown here
        heartbeat("decided", state.log.ledger.decided)


def asked_line(session: SessionLog, here: int) -> None:
    """How often the clinician was asked, and whom the method has just treated without asking."""
    cases = session.ledger.files
    asked = sum(case.shown[session.info.spec.policy].asked for case in cases)
    planned, bound = session.info.spec.planned, session.engine.call_bound(session.info.spec.planned)
    late = "" if session.info.spec.outcomes == "simulated" else " It counts only patients whose outcome is known."
    limit = words.questions_limit(bound, None, planned)
    alone = 0  # patients just before this one about whom the method did not ask
    while (
        alone < here - 1
        and cases[here - 2 - alone].final
        and cases[here - 2 - alone].final.kind is DecisionKind.AUTOMATIC
    ):
        alone += 1
    text = f"You were asked about {asked} of {len(cases)} patients."
    if alone:
        who = f"patient {here - 1}" if alone == 1 else f"patients {here - alone} to {here - 1}"
        text += f" The method did not ask about {who} and treated them by itself (simulated): *Previous* shows them."
    st.caption(text, help=limit + late)


def at_work(session: SessionLog) -> None:
    state = feedback_state()
    present = None
    try:
        session.sync()
        present = session.advance(AT_ONCE)
    except RecordsError as error:
        state.problem = str(error)
        present = next(iter(session.ledger.open_cases), None)
    last = present.position if present else len(session.ledger.cases) + 1
    earlier = session.ledger.cases.get(state.looking_at or 0)
    here = earlier.position if earlier else last
    bar(session, here, last)
    if not session.engine.current:
        st.info(OTHER_VALUES, icon=":material/history:")
    if session.info.spec.mode == "unsure" and session.ledger.cases and earlier is None:
        asked_line(session, here)
    if earlier is not None:
        feedback_card.earlier(session, earlier)
    elif present is None:
        feedback_summary.end(session)
    elif present.decided:
        st.button("Go on", on_click=lambda: act(lambda s: ""), help="The method asked about none of these patients.")
    elif not session.mine:
        feedback_card.earlier(session, present)
    else:
        if session.only_deferred:
            _end(session)
        feedback_case.case(session, present)
    feedback_summary.outcomes(session)


def _end(session: SessionLog) -> None:
    """Only deferred patients are left; they need not be decided."""
    left = len(session.ledger.open_cases)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"All other patients are decided; {left} {'is' if left == 1 else 'are'} still deferred.")
        st.button("End without deciding them", key=Key.CLOSE, on_click=lambda: act(_close), type="tertiary")


def _close(session: SessionLog) -> str:
    session.close()
    return "The session is closed."


def lobby() -> None:
    messages()
    who = access.actor()
    views = [name for name, may in (("Sessions", who.decides), ("Results", who.reads_totals or who.decides)) if may]
    view = st.segmented_control("View", views, default=views[0], key=Key.VIEW, label_visibility="collapsed")
    if view == "Results":
        feedback_results.results()
        return
    left, right = st.columns([7, 5], gap="medium")
    with left:
        feedback_start.form()
    with right:
        feedback_start.sessions()


def main() -> None:
    try:
        session = open_log()
        if session is None:
            lobby()
        else:
            at_work(session)
    except Unavailable as error:
        st.error(cards.escaped(str(error)), icon=":material/cloud_off:")


main()
