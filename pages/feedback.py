"""Feedback: a clinician sees patients one by one, decides, says why, and comes back tomorrow."""

from __future__ import annotations

import streamlit as st

from libra_core.records import RecordsError, Sitting, Unavailable
from pages.ui import access, cards, feedback_card, feedback_case, feedback_results, feedback_start, feedback_summary
from pages.ui.feedback_state import Key, act, feedback_state, leave, sitting
from pages.ui.show import heartbeat

AT_ONCE = 200  # patients that the method may treat by itself in one run of the page


def look(by: int, last: int) -> None:
    """Look at the patient before or after; after the last one it is the present one again."""
    state = feedback_state()
    there = (state.looking_at or last) + by
    state.looking_at = there if 1 <= there < last else (1 if there < 1 else None)
    state.done = state.problem = ""


def bar(session: Sitting, here: int, last: int) -> None:
    """Where one is, what the last click did, and the ways back, forth and out."""
    spec, ledger = session.info.spec, session.ledger
    put_off = sum(bool(case.deferred) for case in ledger.open_cases)
    text = f"{ledger.decided} of {spec.planned} decided" + (f" · {put_off} put off" if put_off else "")
    with st.container(key="session-bar", gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            name = cards.plain(session.info.name)
            st.progress(min(1.0, ledger.decided / spec.planned), text=f"**Patient {here}** · {text} · {name}")
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
            st.button("Leave", key=Key.LEAVE, on_click=leave, help="Everything is kept; go on whenever you like.")
        messages()


def messages() -> None:
    state = feedback_state()
    if state.problem:
        st.error(state.problem, icon=":material/error:")
    if state.done:
        st.markdown(f":green-badge[:material/check: recorded] {state.done}")
    if state.sitting:  # a test that kills the server believes only what it has seen here
        heartbeat("decided", state.sitting.ledger.decided)


def asked_line(session: Sitting) -> None:
    """How often the clinician was asked, held against the bound."""
    cases = session.ledger.files
    asked = sum(case.shown[session.info.spec.policy].asked for case in cases)
    bound = session.engine.call_bound(session.info.spec.planned)
    limit = (
        f"at most {bound:,.0f} by the theory"
        if bound < session.info.spec.planned
        else f"the theory's bound for so few patients, {bound:,.0f}, says nothing yet"
    )
    late = "" if session.info.spec.outcomes == "simulated" else " It counts only patients whose outcome is known."
    st.caption(f"You were asked about {asked} of {len(cases)} patients; {limit}.{late}")


def at_work(session: Sitting) -> None:
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
    bar(session, earlier.position if earlier else min(last, session.info.spec.planned), last)
    if session.info.spec.mode == "unsure" and session.ledger.cases:
        asked_line(session)
    if earlier is not None:
        feedback_card.earlier(session, earlier)
    elif present is None:
        feedback_summary.end(session)
    elif present.decided:
        st.button("Go on", on_click=lambda: act(lambda s: ""), help="The method was sure about all of these patients.")
    elif not session.mine:
        feedback_card.earlier(session, present)
    else:
        feedback_case.case(session, present)
    feedback_summary.outcomes(session)


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
        session = sitting()
        if session is None:
            lobby()
        else:
            at_work(session)
    except Unavailable as error:
        st.error(str(error), icon=":material/cloud_off:")


main()
