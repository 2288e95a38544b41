"""Regret: what each method loses while it learns, over many simulated patients, and how often it asks."""

from __future__ import annotations

import streamlit as st

from pages.ui.draw.show import heartbeat
from pages.ui.regret import form as regret_form
from pages.ui.regret import view
from pages.ui.session.job import RUN, kept
from pages.ui.session.study import JOB, StudyJob


def found_again() -> None:
    """After a reload: the study that the address names."""
    job = kept(str(st.query_params.get(RUN, "")))
    if JOB.get() is None and isinstance(job, StudyJob):
        JOB.put(job)


def results() -> None:
    """The running study, its result, or an invitation. While a study runs this part looks again twice a second."""
    job = JOB.get()
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


found_again()
left, right = st.columns([4, 9], gap="large")
with left:
    regret_form.form()
with right:
    job = JOB.get()
    st.fragment(results, run_every=0.5 if job and job.running else None)()
