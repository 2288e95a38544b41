"""Regret: what each method loses while it learns, over many simulated patients, and how often it asks."""

from __future__ import annotations

import streamlit as st

from pages.ui import regret_form
from pages.ui import regret_view as view
from pages.ui.show import heartbeat
from pages.ui.state import app_state
from pages.ui.study import StudyJob


def results() -> None:
    """The running study, its result, or an invitation. While a study runs this part looks again twice a second."""
    job: StudyJob | None = app_state().study
    if job is None:
        view.invitation()
    elif job.running:
        view.running(job)
    elif job.problem:
        st.error(job.problem, icon=":material/block:")
        st.markdown("Change the settings on the left and press **Run the study** again.")
    elif job.result is None:
        st.info(
            "The study was cancelled; nothing was kept. Press **Run the study** to start again.", icon=":material/info:"
        )
    else:
        view.result(job.result.study, job.result.theory)
    heartbeat("study", "running" if job and job.running else "idle")
    if job and job.noticed_end():
        st.rerun()  # once, at the end: the whole page, which stops looking


left, right = st.columns([4, 9], gap="large")
with left:
    regret_form.form()
with right:
    job = app_state().study
    st.fragment(results, run_every=0.5 if job and job.running else None)()
