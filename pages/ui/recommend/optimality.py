"""On demand: proof that no plan within the limits would look better to the method than the one it found."""

from __future__ import annotations

import streamlit as st

from libra_core.study.live import LiveRun
from pages.ui.draw import words
from pages.ui.session.state import Key


def button(run: LiveRun, row: int) -> None:
    """The question, and its answer in one sentence."""
    if not st.button("Check: is there a better plan within the limits?", icon=":material/verified:", key=Key.CHECK):
        return
    with st.spinner("Searching for a better plan …"):
        found = run.certificate(row)
    if found is None:
        st.info("This method does not search among changes of habits: there is nothing to check.")
        return
    st.success(
        f"Checked, with what is known now: no better plan exists within the limits, up to {words.up_to(found.gap)} "
        f"{run.unit}. *Better* is what the method looks for: what could turn out best. The plan compared is its own; "
        "followed advice may differ.",
        icon=":material/verified:",
    )
