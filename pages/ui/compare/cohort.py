"""Compare for a cohort: the same simulated patients treated by each source; agreement, differences, regret, advice."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from libra_core.advisors.agreement import agreement, by_group, disagreements, pairwise, width_groups
from libra_core.advisors.base import Advisor
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.llm import Progress, StoredAnswers, export_batch, import_batch, payload_preview, precompute
from libra_core.advisors.llm.budget import price_of
from libra_core.advisors.recording import RecordedModel, recording_for
from libra_core.cohort import Cohort
from libra_core.digits import fixed
from libra_core.study.compare import Comparison, compare
from libra_core.study.live import LiveRun
from libra_core.study.metrics import band
from pages.ui.compare import charts as compare_charts
from pages.ui.draw import charts
from pages.ui.draw.cards import escaped
from pages.ui.draw.show import download, failed
from pages.ui.draw.show import figure as show
from pages.ui.session import advice, jobs, llm
from pages.ui.session.jobs import Job
from pages.ui.session.state import Key, Slot, widget

SIZES = (100, 300, 1000)
MODEL = "Language model (stored answers)"
RECORDED = "Language model (recorded)"


COMPARISON: Slot[Job] = Slot("comparison")
AHEAD: Slot[Job] = Slot("ahead")  # answers asked for in advance


def start(cohort: Cohort) -> None:
    """Begin the comparison with the widgets' settings."""
    rounds, asks = int(widget(Key.COMPARE_N, SIZES[1])), str(widget(Key.COMPARE_ASKS, "guideline"))
    sources: dict[str, Advisor] = {"Guideline": GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable))}
    if not llm.resolved().settings.off_reason():
        sources[MODEL] = StoredAnswers(llm.advisor(cohort))
    if recording := recording_for(cohort.protocol.name, cohort.name):
        sources[RECORDED] = RecordedModel(cohort, recording)
    run = LiveRun.start(cohort, "libra", "guideline", int(widget(Key.SEED, 0) or 0))
    asked = StoredAnswers(llm.advisor(cohort)) if asks == advice.MODEL else asks

    def work(progress: Callable[[float], None], cancel: threading.Event) -> Comparison:
        return compare(
            run.environment, sources, asked, rounds, run.spec.config, run.spec.seed, progress=progress, cancel=cancel
        )

    jobs.start(COMPARISON, work, cohort)


def found_again() -> None:
    """After a reload: the comparison that the address names, and the tab that shows it."""
    if jobs.find_again(COMPARISON, Cohort):
        st.session_state.setdefault(Key.COMPARE_TAB, "Whole cohort")


def current_job(job: Job | None, cohort: Cohort) -> Job | None:
    """The job if it is about this cohort; a result about another one is not shown."""
    return job if job is not None and job.subject is cohort else None


# What came of it -----------------------------------------------------------------------------------------------------


def matrix(found: Comparison) -> None:
    """Cohen's kappa and the share of equal treatments for every pair of sources."""
    pairs = pairwise(found.arms)
    if ("Guideline", "LIBRA") in pairs and pairs["Guideline", "LIBRA"].n:
        share = pairs["Guideline", "LIBRA"].share
        st.markdown(f"LIBRA and the guideline chose the same treatment for **{share:.0%}** of the patients.")
    show(
        compare_charts.matrix(list(found.arms), pairs),
        "agreement",
        f"Share of {len(found):,} patients with the same treatment. Cohen's kappa corrects for agreement by chance: "
        "0 is chance alone, 1 perfect agreement.",
    )


def regret(found: Comparison) -> None:
    """Who came closest to the best plan in the simulation."""
    st.markdown(_closest(found))
    show(
        compare_charts.losses(found.lost, found.unit),
        "who-was-right",
        "From the simulation's true means, learning included; lines show 95 % intervals of the mean. "
        "Close in this simulation is not right in the clinic.",
    )


def _closest(found: Comparison) -> str:
    """In words: who lost least, and whether that is more than chance."""
    lost = found.lost
    best = min(lost, key=lambda name: lost[name].mean())
    tied = [
        name
        for name, values in lost.items()
        if name != best and len(values) == len(lost[best]) and not _clearly_worse(values, lost[best])
    ]
    said = f"**{best}** lost least: {lost[best].mean():.1f} {found.unit} per patient."
    return said + (f" {' and '.join(tied)} lost only slightly more, which may be chance." if tied else "")


def _clearly_worse(other: np.ndarray, best: np.ndarray) -> bool:
    """Over the same patients, the 95 % interval of the mean difference is above 0."""
    return len(other) > 1 and bool(band(other - best)[1] > 0)


def differences(found: Comparison, cohort: Cohort) -> None:
    """Where two sources differ: by subgroup, by how unsure the model was, and in which treatments."""
    names = list(found.arms)
    left, right = st.columns(2)
    first = left.selectbox("Compare", names, 0, key="compare_first")
    second = right.selectbox("with", names, min(1, len(names) - 1), key="compare_second")
    a, b = found.arms[first], found.arms[second]
    if agreement(a, b).n == 0:
        st.info("These two have no patient in common.", icon=":material/info:")
        return
    groups = {**found.groups, **_by_doubt(found)}
    table = pd.DataFrame(
        [
            {
                "Patients": label,
                "Number": agreed.n,
                "Same treatment": f"{agreed.share:.0%}",
                "Kappa": "–" if np.isnan(agreed.kappa) else fixed(agreed.kappa, 2),
            }
            for label, agreed in by_group(a, b, groups).items()
            if agreed.n
        ]
    )
    left, right = st.columns([3, 4])
    left.dataframe(table, hide_index=True, height="content", alt=f"Agreement of {first} and {second} by subgroup")
    labels = [t.label for t in cohort.protocol.treatments]
    pairs = disagreements(a, b, labels, top=8)
    parted = pd.DataFrame(pairs, columns=[first, second if second != first else f"{second} ", "Patients"])
    right.dataframe(parted, hide_index=True, height="content", alt="The most frequent pairs of different treatments")


def _by_doubt(found: Comparison) -> dict[str, np.ndarray]:
    """Patients in three groups by how unsure the bandit was about them."""
    parts = list(width_groups(found.width, found.unit).values())
    names = ("method fairly sure", "method unsure", "method very unsure")
    return dict(zip(names, parts, strict=True)) if len(parts) == len(names) else {}


def advice_use(found: Comparison) -> None:
    """What LIBRA did with the advice, and its questions against the theory's bound."""
    n = len(found)
    left, right = st.columns([3, 2], gap="large")
    with left:
        show(charts.counts(list(found.did), list(found.did.values()), "What LIBRA did"), "libra-did")
    with right:
        st.metric("Questions asked by LIBRA", f"{found.calls:,} of {n:,} patients")
        half = n // 2
        if half:
            early, late = int(found.asked[:half].sum()), int(found.asked[half:].sum())
            st.caption(f"First half of the run: {early:,} questions; second half: {late:,}.")
        if not llm.resolved().settings.off_reason():
            used = llm.spent()
            st.caption(
                f"Language model in this session: {used.calls:,} questions, {used.tokens:,} tokens, ${used.cost:,.2f}. "
                "This comparison repeats stored answers and spends nothing."
            )
        with st.expander("For mathematicians", icon=":material/function:"):
            told = f"The theory's bound on questions, of order log² T, is {found.bound:,.0f}"
            st.markdown(
                f"{told}: more than there are patients, so it says nothing yet." if found.bound >= n else f"{told}."
            )


# Answers in advance ---------------------------------------------------------------------------------------------------


def ahead(cohort: Cohort, found: Comparison | None) -> None:
    """Ask the language model about many patients in advance, or through a Batch API file."""
    settings = llm.resolved().settings
    if settings.off_reason():
        st.info(
            f"{escaped(settings.off_reason())} Switch it on in Settings to store answers.", icon=":material/toggle_off:"
        )
        return
    rows = _rows(cohort, found)
    asked = found is not None and bool(found.asked.any())
    who = "about whom LIBRA asked in the comparison" if asked else "who enter the simulation"
    st.markdown(f"{len(rows):,} patients {who}, {settings.samples} questions each, four at a time.")
    if rows:
        st.caption(_estimate(cohort, rows))
    job = current_job(AHEAD.get(), cohort)
    if job is not None and job.running:
        st.fragment(jobs.progress, run_every=1.0)(job, "Asking", "ahead_cancel")
        return
    with st.container(horizontal=True):
        st.button("Ask now", key="ahead_start", icon=":material/forum:", on_click=_start_ahead, args=(cohort, rows))
        batch = lambda: "\n".join(export_batch(llm.advisor(cohort), rows)) + "\n"  # noqa: E731
        download("Batch API file", batch, "libra-batch.jsonl", "ahead_export")
    given = st.file_uploader("Results of a Batch API file", type=["jsonl"], key="ahead_import")
    if given is not None:
        taken = import_batch(llm.advisor(cohort), rows, given.getvalue().decode("utf-8", "replace").splitlines())
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
        f"stored answers cost nothing. The limits on Settings leave {left:,} questions in this session."
    )


def _rows(cohort: Cohort, found: Comparison | None) -> list[int]:
    if found is not None and found.asked.any():
        return list(dict.fromkeys(map(int, found.rows[found.asked])))
    return list(map(int, cohort.arrivals))


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
        text = (
            f"{job.result.done:,} of {job.result.total:,} patients: {counts or 'none'}. {escaped(job.result.stopped)}"
        )
        (st.warning if job.result.stopped else st.success)(text)
