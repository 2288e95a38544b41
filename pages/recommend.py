"""Recommend: one patient, one plan, why, how sure, what else; and the simulated run."""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.policies import RECOMMENDED, REGISTRY
from pages.ui.draw import cards
from pages.ui.draw.show import heartbeat, nobody
from pages.ui.draw.words import sentence
from pages.ui.recommend import values as own_values
from pages.ui.recommend import view
from pages.ui.session import address as run_address
from pages.ui.session import advice, current, live
from pages.ui.session.state import Key, app_state, si_units, widget


def controls() -> None:
    """Method, advisor and the player's buttons. The Play switch stays outside the fragment that reruns."""
    method, advisor, seed, player = st.columns([4.7, 3.3, 1.2, 5.2], vertical_alignment="bottom", gap="small")
    chosen = method.selectbox(
        "Method",
        list(REGISTRY),
        index=list(REGISTRY).index(RECOMMENDED),
        format_func=lambda name: REGISTRY[name].label,
        key=Key.POLICY,
        on_change=live.reset,
        help="How plans are chosen. The page *About* describes each method.",
        persist_state="session",
    )
    advisor.selectbox(
        "Advisor",
        advice.choices(),
        format_func=advice.label,
        key=Key.ADVISOR,
        on_change=live.reset,
        disabled=not REGISTRY[chosen].needs_advisor,
        help="Whom the method asks when it is unsure. Simulated advisors know the true model with noise.",
        persist_state="session",
    )
    seed.number_input(
        "Seed",
        0,
        run_address.HIGHEST_SEED,
        key=Key.SEED,
        on_change=live.reset,
        help="The same seed gives the same patients and outcomes.",
        persist_state="session",
    )
    with player, st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button("Next patient", icon=":material/skip_next:", key=Key.STEP, on_click=live.step, type="primary")
        st.button("+10", key=Key.STEP_TEN, on_click=live.step, args=(10,), help="Treat ten more patients")
        st.toggle("Play", key=Key.PLAY)
        st.selectbox("Speed", list(live.SPEEDS), 1, key=Key.SPEED, label_visibility="collapsed", width=105)
        st.button("Reset", key=Key.RESET, on_click=live.reset, help="Discard this run and start a new one")


def who_is_asked() -> None:
    """A notice that viewing a patient may already send a question to a server."""
    if live.settings()[1] == advice.MODEL and REGISTRY[live.settings()[0]].needs_advisor:
        st.markdown(
            ":material/forum: :small[The language model is asked about every displayed patient for whom the method is "
            "unsure, even if you only view the patient. Each question counts towards the limits on *Settings*.]"
        )


def playground(cohort: Cohort) -> None:
    """The part that reruns while playing: patient, plan, chart."""
    session = live.displayed(cohort)
    if widget(Key.PLAY, False) and (due := session.due(widget(Key.SPEED, "Normal"))):
        live.step(due)
    run_address.write(cohort, session)
    shown = live.shown_plan(cohort, session)
    if said := live.asked_of(session):
        st.markdown(f":material/history: :small[Recorded advice, nobody is asked: {cards.escaped(said)}]")
    cards.patient_header(cohort, shown.row, si_units())
    cards.alerts(cohort.alerts(shown.row), notes=False)
    left, right = st.columns([7, 5], gap="medium")
    with left:
        view.recommendation(cohort, shown, session.run, si_units())
    with right:
        view.run_so_far(cohort, session)
        own_values.panel(cohort, shown, session)
    view.details(cohort, shown, session, si_units())
    heartbeat("patients-treated", len(session.run.rows))


def main() -> None:
    cohort = current.cohort()
    run_address.follow(cohort)
    controls()
    who_is_asked()
    if not len(cohort.arrivals) and app_state().row is None:
        nobody(cohort.protocol.arrivals_rule.reason)
        return
    try:
        with st.spinner("Preparing the first patient …"):
            session = live.displayed(cohort)
    except ValueError as error:
        st.error(f"The run cannot start: {cards.escaped(sentence(str(error)))}", icon=":material/block:")
        st.markdown("Choose another method or advisor above.")
        return
    seconds = live.SPEEDS[widget(Key.SPEED, "Normal")][1]
    playing = widget(Key.PLAY, False) and not session.finished
    st.fragment(playground, run_every=seconds if playing else None)(cohort)


main()
