"""The settings of a study on the Regret page, in plain words, and the study that they describe."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.environments import ENVIRONMENTS, EnvironmentSpec
from libra_core.policies import PolicyConfig
from libra_core.study.live import live_config
from libra_core.study.spec import StudySpec, cohort_key
from pages.ui.session import advice, current, loaders
from pages.ui.session.job import RUN
from pages.ui.session.job import keep as keep_job
from pages.ui.session.state import Key, app_state, keep, widget
from pages.ui.session.study import JOB, StudyJob

SYNTHETIC = "synthetic"
RULES = "guideline"  # asks nobody but itself; synthetic patients have none
DEFAULT = ("guideline", "linucb", "glrb", "libra")
OUTCOMES = {"identity": "How much: net benefit", "logistic": "Yes or no: goal reached"}
LEARNS = {
    "shared": "Partly shared between treatments",
    "one-pass": "Each treatment by itself",
    "refit": "By itself, refitted now and then",
    "mle": "By itself, always refitted (slow)",
}
COMPLIANCE = {"partial": "A random share: 40 % on average", "full": "All of it"}
RADIUS = {"practical": "Practical: narrow, no guarantee", "theory": "The theorem's: wide, slow to learn"}
ADOPTION = {"informative": "If plausible and informative", "plausible": "Whenever it is plausible"}


def form() -> None:
    """What to compare, on whom, for how long. Nothing runs until the button is pressed."""
    policies, worlds = loaders.policies(), _worlds()
    keep(Key.STUDY_WORLD, app_state().source or next(iter(worlds)))
    with st.form("study", border=True):
        st.multiselect(
            "Methods to compare",
            list(policies),
            [name for name in DEFAULT if name in policies],
            format_func=lambda name: policies[name].label,
            key=Key.STUDY_POLICIES,
            persist_state="session",
        )
        names = [name for name in advice.choices() if name != advice.MODEL]
        st.selectbox("Advisor", names, format_func=advice.label, key=Key.STUDY_ADVISOR, persist_state="session")
        st.selectbox("Patients", list(worlds), **_words(worlds), key=Key.STUDY_WORLD, persist_state="session")
        st.selectbox("Outcome", list(OUTCOMES), **_words(OUTCOMES), key=Key.STUDY_LINK, persist_state="session")
        one, two, three = st.columns(3)
        one.number_input("Patients a run", 100, 20_000, 2000, 100, key=Key.STUDY_ROUNDS, persist_state="session")
        two.number_input("Repetitions", 2, 200, 10, key=Key.STUDY_REPLICATES, persist_state="session")
        three.number_input("Seed", 0, 10**6, 0, key=Key.STUDY_SEED, persist_state="session")
        with st.expander("More settings"):
            _more()
        job = JOB.get()
        st.form_submit_button(
            "Run the study",
            type="primary",
            icon=":material/play_arrow:",
            on_click=start,
            key=Key.STUDY_RUN,
            disabled=bool(job and job.running),
        )
    st.caption("Every outcome is simulated. All methods see the same patients and the same draws.")


def _worlds() -> dict[str, str]:
    """Whose patients: the cohorts on offer, an uploaded one among them, and synthetic ones."""
    return current.sources() | {SYNTHETIC: ENVIRONMENTS[SYNTHETIC].label}


def _words(labels: dict[str, str]) -> dict[str, object]:
    return {"format_func": lambda name: labels.get(name, name)}


CHOICES = (
    (Key.STUDY_LEARNS, "Learning", LEARNS, "What one treatment teaches can count for others that resemble it."),
    (Key.STUDY_COMPLIANCE, "Of an advised change, patients make", COMPLIANCE, "Synthetic patients make all of it."),
    (Key.STUDY_RADIUS, "Ranges around an estimate", RADIUS, "How far from its estimate a method thinks possible."),
    (
        Key.STUDY_ADOPTION,
        "Advice is followed",
        ADOPTION,
        "For methods that ask while they are unsure. *Informative* is what limits the number of questions.",
    ),
)


def _more() -> None:
    for key, label, choices, explanation in CHOICES:
        st.selectbox(label, list(choices), **_words(choices), key=key, help=explanation, persist_state="session")
    st.slider(
        "Benefit of the doubt for advice",
        0.0,
        1.0,
        PolicyConfig.plausibility,
        0.05,
        key=Key.STUDY_PLAUSIBILITY,
        help="1: advice counts as plausible unless what was learned rules it out (the paper's rule). 0: only if it "
        "could turn out at least as good as the method's own plan.",
        persist_state="session",
    )
    st.number_input(
        "At most so many questions",
        min_value=0,
        max_value=100_000,
        value=None,
        key=Key.STUDY_CAP,
        placeholder="no limit",
        persist_state="session",
    )

    limits = {limit.name: limit.text for limit in loaders.protocol().linear_limits}
    if limits:
        st.multiselect(
            "Further limits on every plan",
            list(limits),
            **_words(limits),
            key=Key.STUDY_LIMITS,
            placeholder="none",
            help="All methods keep them, and so does the best plan that regret is measured against. Synthetic patients "
            "have none.",
            persist_state="session",
        )


def _cohort(world: str) -> Cohort | None:
    """The cohort of a world; None for synthetic patients."""
    if world == SYNTHETIC:
        return None
    upload = app_state().upload
    return upload.cohort if world == current.UPLOADED and upload else loaders.cohort(world)


def spec(cohort: Cohort | None) -> StudySpec:
    """The study that the widgets describe, over the given cohort or over synthetic patients."""
    link, cap, learns = widget(Key.STUDY_LINK), widget(Key.STUDY_CAP), widget(Key.STUDY_LEARNS)
    if cohort is None:
        environment, base = EnvironmentSpec(SYNTHETIC, link=link), PolicyConfig()
    else:
        named, makes = cohort.protocol.name, widget(Key.STUDY_COMPLIANCE)
        limits = tuple(widget(Key.STUDY_LIMITS) or ())
        environment = EnvironmentSpec(named, cohort=cohort_key(cohort), link=link, compliance=makes, limits=limits)
        base = live_config(cohort.protocol, link)
    config = replace(
        base,
        radius=widget(Key.STUDY_RADIUS),
        adoption=widget(Key.STUDY_ADOPTION),
        plausibility=float(widget(Key.STUDY_PLAUSIBILITY)),
        max_calls=None if cap is None else int(cap),
        shared=learns == "shared",
        estimator="one-pass" if learns == "shared" else learns,
    )
    sizes = (int(widget(key)) for key in (Key.STUDY_ROUNDS, Key.STUDY_REPLICATES, Key.STUDY_SEED))
    chosen = tuple(widget(Key.STUDY_POLICIES))
    if cohort is None and len(chosen) > 1:
        chosen = tuple(name for name in chosen if name != RULES)
    return StudySpec(environment, chosen, widget(Key.STUDY_ADVISOR), *sizes, config)


def start() -> None:
    cohort = _cohort(widget(Key.STUDY_WORLD))
    job = StudyJob(spec(cohort), cohort)
    JOB.put(job)
    st.query_params[RUN] = keep_job(job)


def cancel() -> None:
    job = JOB.get()
    if job:
        job.cancel()
