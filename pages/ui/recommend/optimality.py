"""On demand: a certificate that no plan within the limits has a larger optimistic value than the method's own."""

from __future__ import annotations

import streamlit as st

from libra_core.study.live import LiveRun
from pages.ui.draw import words
from pages.ui.session.state import Key


def button(run: LiveRun, row: int) -> None:
    """The button, and the result in one sentence."""
    if not st.button("Check: is there a better plan within the limits?", icon=":material/verified:", key=Key.CHECK):
        return
    with st.spinner("Searching for a better plan …"):
        found = run.certificate(row)
    if found is None:
        st.info("This method does not search among changes of habits: there is nothing to check.")
        return
    st.success(
        f"Checked: under the current model no better plan exists within the limits, up to {words.up_to(found.gap)} "
        f"{run.unit}. *Better* refers to the method's criterion, the optimistic value. The plan compared is its own; "
        "adopted advice may differ.",
        icon=":material/verified:",
    )
