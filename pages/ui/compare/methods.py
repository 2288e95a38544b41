"""The learned methods on Compare: from their stored state, or after patients that this session simulates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from libra_core.advisors.base import Advisor
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.llm import StoredAnswers
from libra_core.advisors.recording import RecordedModel, recording_for
from libra_core.cohort import Cohort
from libra_core.study.compare import Plans, Survey, chosen, survey
from libra_core.study.learned import METHODS, default_advisor, recall
from libra_core.study.live import LiveRun
from pages.ui.draw.show import failed
from pages.ui.draw.words import sentence
from pages.ui.session import advice, jobs, llm, loaders
from pages.ui.session.jobs import Job
from pages.ui.session.state import Key, Slot, widget

GUIDELINE, RECORDED, BANDIT, LIBRA = "Guideline", "Language model (recorded)", "Bandit (GLRB)", "LIBRA"
LIVE, CLINICIAN = "Language model (stored answers)", "Clinician"
SIZES = (300, 1000, 3000)


@dataclass(frozen=True, eq=False)
class Methods:
    """The two methods. stored: from a stored state. survey: of everybody, made while they learned here. problem: why
    there is no stored state where there should be one."""

    bandit: LiveRun
    libra: LiveRun
    stored: bool = False
    survey: Survey | None = None
    problem: str = ""

    @property
    def runs(self) -> dict[str, LiveRun]:
        return {BANDIT: self.bandit, LIBRA: self.libra}

    @property
    def learned(self) -> int:
        """Patients that LIBRA has learned from."""
        return self.libra.evidence().patients

    @property
    def asks(self) -> str:
        return advice.label(self.libra.spec.advisor)


LEARNING: Slot[Job] = Slot("learning")  # the methods learn in the background
KNOWN: Slot[Methods] = Slot("compare", of_cohort=True)
ANSWERED: Slot[tuple[object, Plans]] = Slot("compare.stored", of_cohort=True)


def methods(cohort: Cohort) -> Methods:
    """Those that this session has simulated, else the stored ones, else two that have seen nobody yet."""
    job = current_job(cohort)
    if job is not None and isinstance(job.result, Methods):
        return job.result
    known = KNOWN.get()
    if known is None or known.libra.environment.cohort is not cohort:
        known = opened(cohort)
        KNOWN.put(known)
    return known


def opened(cohort: Cohort) -> Methods:
    """The methods with their stored states, or new ones."""
    asks = default_advisor(cohort)
    new = [LiveRun.start(cohort, name, asks) for name in METHODS]
    try:
        stored = [recall(run) for run in new]
    except ValueError as error:
        return Methods(*new, problem=sentence(str(error)))
    bandit, libra = stored
    return Methods(bandit, libra, stored=True) if bandit is not None and libra is not None else Methods(*new)


def current_job(cohort: Cohort) -> Job | None:
    """The job if it is about this cohort; a result about another one is not shown."""
    job = LEARNING.get()
    return job if job is not None and job.subject is cohort else None


def sources(cohort: Cohort) -> dict[str, Advisor]:
    """Who gives the same advice to everybody who looks: the recorded language model and the guideline."""
    recording = recording_for(cohort.protocol.name, cohort.name)
    model: dict[str, Advisor] = {RECORDED: RecordedModel(cohort, recording)} if recording else {}
    return model | {GUIDELINE: GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable))}


@st.cache_resource(show_spinner="Asking every source about every patient …")
def stored_survey(name: str) -> Survey:
    """Of a built-in cohort under the stored states, which never change: shared by all sessions."""
    cohort = loaders.cohort(name)
    return survey(opened(cohort).runs, sources(cohort))


def surveyed(cohort: Cohort, known: Methods) -> Survey | None:
    """What every source would do about every patient; None until the methods have learned."""
    return stored_survey(cohort.name) if known.stored else known.survey


def live_answers(cohort: Cohort, known: Methods, rows: np.ndarray) -> Mapping[str, Plans]:
    """The plans of a live language model as far as its answers are stored; none while it is switched off."""
    settings = llm.resolved().settings
    if settings.off_reason():
        return {}
    model = llm.advisor(cohort)
    mark, kept = (settings, llm.spent().calls, len(rows)), ANSWERED.get()
    if kept is None or kept[0] != mark:
        advisor, bar, made = StoredAnswers(model), st.progress(0.0), {}
        for k, row in enumerate(map(int, rows)):
            said = advisor.advise(advisor.cases(row))
            if said.given:
                made[row] = said.arm, said.delta
            if k % 100 == 0:
                bar.progress(k / len(rows), f"Reading the stored answers: {k:,} of {len(rows):,} patients")
        bar.empty()
        kept = mark, chosen(known.libra, rows, made)
        ANSWERED.put(kept)
    return {LIVE: kept[1]} if kept[1].given.any() else {}


def learn(cohort: Cohort) -> None:
    """Begin: both methods treat simulated patients, then everybody is asked about every patient. A language model is
    not asked: it may repeat stored answers."""
    patients, asks = int(widget(Key.COMPARE_N, SIZES[1])), str(widget(Key.COMPARE_ASKS, default_advisor(cohort)))
    asked = StoredAnswers(llm.advisor(cohort)) if asks == advice.MODEL else asks
    seed = int(widget(Key.SEED, 0) or 0)

    def work(progress: Callable[[float], None], cancel: threading.Event) -> Methods | None:
        runs = [LiveRun.start(cohort, name, asked, seed) for name in METHODS]
        for done in range(patients):
            for run in runs:
                run.step()
            progress(0.8 * done / patients)
            if cancel.is_set():
                return None
        bandit, libra = runs
        found = survey({BANDIT: bandit, LIBRA: libra}, sources(cohort), lambda share: progress(0.8 + 0.2 * share))
        return Methods(bandit, libra, survey=found)

    jobs.start(LEARNING, work, cohort)


def forget() -> None:
    """Back to the stored methods."""
    LEARNING.put(None)
    st.query_params.pop(jobs.RUN, None)


def form(cohort: Cohort, known: Methods) -> None:
    """What the methods have learned from, and how to let them learn from others."""
    job = current_job(cohort)
    if job is not None and job.running:
        st.fragment(jobs.progress, run_every=0.5)(job, "Simulating", "compare_cancel")
        return
    if job is not None and job.problem:
        failed(job.problem)
    size, asks, go = st.columns([1, 2, 3], vertical_alignment="bottom")
    patients = size.selectbox(
        "Patients", SIZES, 1, format_func="{:,}".format, key=Key.COMPARE_N, persist_state="session"
    )
    names = [
        n for n in advice.choices() if RecordedModel.name not in n or default_advisor(cohort) == RecordedModel.name
    ]
    asks.selectbox(
        "LIBRA asks",
        names,
        names.index(default_advisor(cohort)),
        format_func=advice.label,
        key=Key.COMPARE_ASKS,
        persist_state="session",
    )
    with go, st.container(horizontal=True):
        st.button(
            f"Simulate {patients:,} patients",
            icon=":material/model_training:",
            key=Key.COMPARE_LEARN,
            on_click=learn,
            args=(cohort,),
        )
        if known.survey is not None:
            st.button("Back to how it was", key="compare_forget", on_click=forget)
    st.caption(
        "GLRB and LIBRA start anew and treat these patients. No language model is asked: recorded and stored "
        "answers are repeated."
    )
