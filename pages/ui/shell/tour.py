"""The tour of a first visit, in three steps, each shown on the page that it describes. Nothing pops up.

It opens by itself when a session comes to the Cohort page for the first time, and from About at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pages.ui.session import access
from pages.ui.session.state import app_state


@dataclass(frozen=True)
class TourStep:
    """One page of the tour: its file's name, what to do there, and in which words."""

    page: str
    title: str
    text: str


STEPS = (
    TourStep(
        "cohort",
        "Choose patients",
        "Select a line of the table below to see a patient, or upload a CSV of your own first.",
    ),
    TourStep(
        "recommend",
        "See a recommendation",
        "One plan, how sure it is, why, and what else. **Next patient** treats one in simulation: the method learns.",
    ),
    TourStep(
        "feedback",
        "Judge it",
        "Start a session: choose for yourself first, then see the proposal; accept it or not. All of it is kept.",
    ),
)


def strip(page: str) -> None:
    """The step about this page, while the tour is open."""
    state, steps = app_state(), [step for step in STEPS if access.allowed(step.page)]
    here = next((k for k, step in enumerate(steps) if step.page == page), None)
    if here is None:
        return
    if state.tour is None:
        state.tour = here == 0
    if state.tour:
        _draw(steps, here)


def _draw(steps: list[TourStep], here: int) -> None:
    step, last = steps[here], here == len(steps) - 1
    with st.container(key="tour"):
        said, ways = st.columns([8, 4], vertical_alignment="center")
        said.markdown(f"**Tour, {here + 1} of {len(steps)}: {step.title}.** {step.text}")
        with ways, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            if not last and st.button(
                f"Next: {steps[here + 1].title.lower()}", key="tour_next", icon=":material/arrow_forward:"
            ):
                st.switch_page(f"{steps[here + 1].page}.py")
            st.button("End the tour" if last else "Close", key="tour_close", on_click=close, icon=":material/close:")


def close() -> None:
    app_state().tour = False


def again() -> None:
    """The button on About that starts it."""
    if st.button("Take the tour", key="tour_again", icon=":material/tour:"):
        app_state().tour = True
        st.switch_page(f"{STEPS[0].page}.py")
