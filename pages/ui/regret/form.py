"""The settings of a study on the Regret page, in plain words, and the study that they describe."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.environments import ENVIRONMENTS, EnvironmentSpec
from libra_core.policies import RECOMMENDED, REGISTRY, PolicyConfig
from libra_core.study.batch import Cancelled, StudyResult, run_study
from libra_core.study.live import live_config
from libra_core.study.promises import Promises, promises
from libra_core.study.spec import StudySpec, cohort_key
from pages.ui.session import advice, current, jobs, loaders
from pages.ui.session.jobs import Job, Work
from pages.ui.session.state import Slot, app_state, widget

SYNTHETIC = "synthetic"
RULES = "guideline"  # synthetic patients have no guideline
DEFAULT = ("guideline", "linucb", "glrb", RECOMMENDED)
OUTCOMES = {"identity": "How much: net benefit", "logistic": "Yes or no: goal reached"}
LEARNS = {
    "shared": "Partly shared between treatments",
    "one-pass": "Each treatment separately",
    "refit": "Separately, refitted periodically",
    "mle": "Separately, always refitted (slow)",
}
COMPLIANCE = {"partial": "A random share: 40 % on average", "full": "All of it"}
RADIUS = {"practical": "Practical: narrow, no guarantee", "theory": "Theoretical: wide, slow to learn"}
MOST = 10_000_000  # decisions (methods x patients x repetitions) of a study on a page: minutes, not hours
STUDY: Slot[Job] = Slot("study")
ADOPTION = {"informative": "If plausible and informative", "plausible": "Whenever it is plausible"}


def form() -> None:
    """Methods, patients and size of the study. Nothing runs until the button is pressed."""
    worlds = current.sources() | {SYNTHETIC: ENVIRONMENTS[SYNTHETIC].label}
    st.session_state.setdefault("study_world", app_state().source or next(iter(worlds)))
    with st.form("study", border=True):
        st.multiselect(
            "Methods to compare",
            list(REGISTRY),
            [name for name in DEFAULT if name in REGISTRY],
            format_func=lambda name: REGISTRY[name].label,
            key="study_policies",
            persist_state="session",
        )
        advisors = {name: advice.label(name) for name in advice.choices() if name != advice.MODEL}
        _choose("study_advisor", "Advisor", advisors)
        _choose("study_world", "Patients", worlds)
        _choose("study_link", "Outcome", OUTCOMES)
        one, two, three = st.columns(3, vertical_alignment="bottom")
        one.number_input("Patients per run", 100, 20_000, 2000, 100, key="study_rounds", persist_state="session")
        two.number_input("Repetitions", 2, 200, 10, key="study_replicates", persist_state="session")
        three.number_input("Seed", 0, 10**6, 0, key="study_seed", persist_state="session")
        with st.expander("More settings"):
            _more()
        job = STUDY.get()
        st.form_submit_button(
            "Run the study",
            type="primary",
            icon=":material/play_arrow:",
            on_click=start,
            key="study_run",
            disabled=bool(job and job.running),
        )
    st.caption("Every outcome is simulated. The same seed gives the same patients, for all methods.")


def _choose(key: str, label: str, words: dict[str, str], explanation: str | None = None) -> None:
    """One of several, name -> words."""
    said = lambda name: words.get(name, name)  # noqa: E731 -- a name kept from before may be gone
    st.selectbox(label, list(words), format_func=said, key=key, help=explanation, persist_state="session")


CHOICES = (
    ("study_learns", "Learning", LEARNS, "Outcomes of one treatment can also inform similar ones."),
    ("study_compliance", "Share of an advised change made", COMPLIANCE, "Synthetic patients make all of it."),
    ("study_radius", "Ranges around an estimate", RADIUS, "How far from its estimate the truth may lie."),
    (
        "study_adoption",
        "Advice is followed",
        ADOPTION,
        "For methods that ask while they are unsure. *Informative* limits the number of questions.",
    ),
)


def _more() -> None:
    for choice in CHOICES:
        _choose(*choice)
    st.slider(
        "Benefit of the doubt for advice",
        0.0,
        1.0,
        PolicyConfig.plausibility,
        0.05,
        key="study_plausibility",
        help="1: advice counts as plausible unless what was learned rules it out (the paper's rule). 0: only if it "
        "could turn out at least as good as the method's own plan.",
        persist_state="session",
    )
    st.number_input(
        "Maximum number of questions",
        min_value=0,
        max_value=100_000,
        value=None,
        key="study_cap",
        placeholder="no limit",
        persist_state="session",
    )

    limits = {limit.name: limit.text for limit in loaders.protocol().linear_limits}
    if limits:
        st.multiselect(
            "Further limits on every plan",
            list(limits),
            format_func=lambda name: limits.get(name, name),
            key="study_limits",
            placeholder="none",
            help="They apply to all methods, and to the best plan that regret is measured against. Synthetic patients "
            "have none.",
            persist_state="session",
        )


def spec(cohort: Cohort | None) -> StudySpec:
    """The study that the widgets describe, over the given cohort or over synthetic patients."""
    link, cap, learns = widget("study_link"), widget("study_cap"), widget("study_learns")
    if cohort is None:
        environment, base = EnvironmentSpec(SYNTHETIC, link=link), PolicyConfig()
    else:
        named, makes = cohort.protocol.name, widget("study_compliance")
        limits = tuple(widget("study_limits") or ())
        environment = EnvironmentSpec(named, cohort=cohort_key(cohort), link=link, compliance=makes, limits=limits)
        base = live_config(cohort.protocol, link)
    config = replace(
        base,
        radius=widget("study_radius"),
        adoption=widget("study_adoption"),
        plausibility=float(widget("study_plausibility")),
        max_calls=None if cap is None else int(cap),
        shared=learns == "shared",
        estimator="one-pass" if learns == "shared" else learns,
    )
    sizes = (int(widget(key)) for key in ("study_rounds", "study_replicates", "study_seed"))
    chosen = tuple(widget("study_policies"))
    if cohort is None and len(chosen) > 1:
        chosen = tuple(name for name in chosen if name != RULES)
    return StudySpec(environment, chosen, widget("study_advisor"), *sizes, config)


def work_of(spec: StudySpec, cohort: Cohort | None = None) -> Work:
    """The job of a study: its result and theory's curves, or None when it was cancelled. Raises ValueError when it
    would take hours."""

    def work(progress: Callable[[float], None], cancel: threading.Event) -> tuple[StudyResult, Promises] | None:
        decisions = len(spec.policies) * spec.rounds * spec.replicates
        if decisions > MOST:
            raise ValueError(
                f"this study needs {decisions / 1e6:,.0f} million decisions; a page allows {MOST / 1e6:,.0f} "
                "million. Choose fewer methods, patients or repetitions, or run it on the command line with "
                "libra_core simulate"
            )
        try:
            study = run_study(spec, progress, cancel, cohort=cohort)
        except Cancelled:
            return None
        return study, promises(study, cohort)

    return work


def start() -> None:
    world = widget("study_world")
    cohort = None if world == SYNTHETIC else current.named(world)
    wanted = spec(cohort)
    jobs.start(STUDY, work_of(wanted, cohort), wanted)
