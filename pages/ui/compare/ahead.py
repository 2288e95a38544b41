"""Stored answers: ask a live language model about many patients in advance, or through a Batch API file."""

from __future__ import annotations

import threading
from collections.abc import Callable

import streamlit as st

from libra_core.advisors.llm import Progress, export_batch, import_batch, payload_preview, precompute
from libra_core.advisors.llm.budget import price_of
from libra_core.cohort import Cohort
from libra_core.study.learned import course_of
from pages.ui.compare.methods import ANSWERED, Methods
from pages.ui.draw.cards import escaped
from pages.ui.draw.show import download, failed
from pages.ui.session import jobs, llm
from pages.ui.session.jobs import Job
from pages.ui.session.state import Slot

AHEAD: Slot[Job] = Slot("ahead")  # answers asked for in advance


def ahead(cohort: Cohort, known: Methods) -> None:
    """Ask the language model about many patients in advance, or through a Batch API file."""
    settings = llm.resolved().settings
    if settings.off_reason():
        why = escaped(settings.off_reason())
        st.info(f"{why} Switch it on in Settings to store answers.", icon=":material/toggle_off:")
        return
    rows, who = list(map(int, cohort.arrivals)), "who enter the simulation"
    course = course_of(known.libra)
    if course.asked.any() and st.toggle("Only those about whom LIBRA asked while it learned", key="ahead_asked"):
        rows, who = list(dict.fromkeys(map(int, course.row[course.asked == 1]))), "about whom LIBRA asked"
    st.markdown(f"{len(rows):,} patients {who}, {settings.samples} questions each, four at a time.")
    if rows:
        st.caption(_estimate(cohort, rows))
    job = AHEAD.get()
    job = job if job is not None and job.subject is cohort else None
    if job is not None and job.running:
        st.fragment(jobs.progress, run_every=1.0)(job, "Asking", "ahead_cancel")
        return
    with st.container(horizontal=True):
        st.button("Ask now", key="ahead_start", icon=":material/forum:", on_click=_start_ahead, args=(cohort, rows))
        batch = lambda: "\n".join(export_batch(llm.advisor(cohort), rows)) + "\n"  # noqa: E731
        download("Batch API file", batch, "libra-batch.jsonl", "ahead_export")
        download("Recording", lambda: llm.recording_zip(cohort), "libra-recording.zip", "ahead_recording")
    given = st.file_uploader("Results of a Batch API file", type=["jsonl"], key="ahead_import")
    if given is not None:
        taken = import_batch(llm.advisor(cohort), rows, given.getvalue().decode("utf-8", "replace").splitlines())
        ANSWERED.put(None)
        st.success(
            f"Imported: {taken.statuses.get('ok', 0):,} answers; unusable: {taken.statuses.get('invalid', 0):,}."
        )
    if job is not None:
        _ahead_outcome(job)


def _estimate(cohort: Cohort, rows: list[int]) -> str:
    """What asking about these patients would cost at most, and what the caps leave of it."""
    settings = llm.resolved().settings
    text = payload_preview(llm.prompt(cohort), cohort.case(rows[0]))
    questions = len(rows) * settings.samples
    tokens_in, tokens_out = questions * len(text) // 4, questions * settings.max_reply_tokens
    price = price_of(settings)
    cost = f"${price.cost(tokens_in, tokens_out):,.2f}" if price else "an unknown price"
    left = max(0, settings.max_calls - llm.spent().calls)
    return (
        f"At most about {questions:,} questions, {(tokens_in + tokens_out) / 1e6:,.1f} million tokens and {cost}; "
        f"stored answers cost nothing. The limits on Settings leave {left:,} questions today."
    )


def _start_ahead(cohort: Cohort, rows: list[int]) -> None:
    advisor = llm.advisor(cohort)

    def work(report: Callable[[float], None], cancel: threading.Event) -> Progress:
        return precompute(advisor, rows, progress=lambda p: report(p.done / max(1, p.total)), cancel=cancel)

    AHEAD.put(Job(work, cohort, heavy=False))


def _ahead_outcome(job: Job) -> None:
    if job.problem:
        failed(job.problem)
    elif job.result is not None:
        counts = ", ".join(f"{status.replace('_', ' ')} {n:,}" for status, n in job.result.statuses.items())
        text = f"{job.result.done:,} of {job.result.total:,} patients: {counts or 'none'}. "
        text += escaped(job.result.stopped)
        (st.warning if job.result.stopped else st.success)(text)
