"""Regret: what each method loses while it learns, over many simulated patients, and how often it asks."""

from __future__ import annotations

import streamlit as st

from libra_core.study.spec import StudySpec
from pages.ui.draw.show import failed, heartbeat
from pages.ui.regret import form, view
from pages.ui.session import jobs


def results() -> None:
    """The result of the last study, why there is none, or an invitation to run one."""
    job = form.STUDY.get()
    if job is None:
        view.invitation()
    elif job.problem:
        failed(job.problem)
        st.markdown("Change the settings on the left and press **Run the study** again.")
    elif job.result is None:
        st.info(
            "The study was cancelled; nothing was kept. Press **Run the study** to start again.", icon=":material/info:"
        )
    else:
        view.result(*job.result)
    heartbeat("study", "idle")


jobs.find_again(form.STUDY, StudySpec)
left, right = st.columns([4, 9], gap="large")
with left:
    form.form()
with right:
    job = form.STUDY.get()
    if job is not None and job.running:
        heartbeat("study", "running")
        st.fragment(jobs.progress, run_every=0.5)(job, "Treating simulated patients", "study_cancel")
    else:
        st.fragment(results)()
