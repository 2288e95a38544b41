"""The tour of a first visit, in three steps, each shown on the page that it describes.

It opens by itself when a session comes to the Cohort page for the first time, and from About at any time.
"""

from __future__ import annotations

import streamlit as st

from pages.ui.session import access
from pages.ui.session.state import app_state

STEPS = (  # the page's file, what to do there, and in which words
    (
        "cohort",
        "Choose patients",
        "Select a line of the table below to see a patient, or upload a CSV of your own first.",
    ),
    (
        "recommend",
        "See a recommendation",
        "One plan, how certain it is, and why. **Next patient** treats one in simulation: the method learns.",
    ),
    (
        "feedback",
        "Judge it",
        "Start a session: choose for yourself first, then see the proposal; accept it or not. Everything is recorded.",
    ),
)


def strip(page: str) -> None:
    """The step about this page, while the tour is open."""
    state, steps = app_state(), [step for step in STEPS if access.allowed(step[0])]
    here = next((k for k, (name, *_) in enumerate(steps) if name == page), None)
    if here is None:
        return
    if state.tour is None:
        state.tour = here == 0
    if not state.tour:
        return
    (_, title, text), last = steps[here], here == len(steps) - 1
    with st.container(key="tour"):
        said, ways = st.columns([8, 4], vertical_alignment="center")
        said.markdown(f"**Tour, {here + 1} of {len(steps)}: {title}.** {text}")
        with ways, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            if not last:
                page, title, _ = steps[here + 1]
                if st.button(f"Next: {title.lower()}", key="tour_next", icon=":material/arrow_forward:"):
                    st.switch_page(f"{page}.py")
            st.button("End the tour" if last else "Close", key="tour_close", on_click=close, icon=":material/close:")


def close() -> None:
    app_state().tour = False


def again() -> None:
    """The button on About that starts it."""
    if st.button("Take the tour", key="tour_again", icon=":material/tour:"):
        app_state().tour = True
        st.switch_page(f"{STEPS[0][0]}.py")
