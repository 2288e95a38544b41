"""The parts of the Regret page: the settings of a study, its progress, and what it found."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from libra_core.environments import ENVIRONMENTS, EnvironmentSpec
from libra_core.study.batch import StudyResult
from libra_core.study.metrics import band, group_frame, regret_frame, summary_frame
from libra_core.study.spec import StudySpec
from pages.ui import advice, charts, loaders
from pages.ui.csv import safe_csv
from pages.ui.show import figure as show
from pages.ui.state import Key, app_state, widget
from pages.ui.study import StudyJob

SYNTHETIC = "synthetic"
DEFAULT = ("linucb", "glrb", "libra")
OUTCOMES = {"identity": "How much: net benefit in mmHg", "logistic": "Yes or no: goal reached"}


def form() -> None:
    """What to compare, on whom, for how long. Nothing runs until the button is pressed."""
    policies, cohorts = loaders.policies(), {c.name: c.label for c in loaders.protocol().cohorts}
    worlds = {**cohorts, SYNTHETIC: ENVIRONMENTS[SYNTHETIC].label}
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
        st.selectbox(
            "Patients", list(worlds), format_func=lambda w: worlds[w], key=Key.STUDY_WORLD, persist_state="session"
        )
        st.selectbox(
            "Outcome",
            list(OUTCOMES),
            format_func=lambda link: OUTCOMES[link],
            key=Key.STUDY_LINK,
            persist_state="session",
        )
        one, two, three = st.columns(3)
        one.number_input("Patients a run", 100, 20_000, 2000, 100, key=Key.STUDY_ROUNDS, persist_state="session")
        two.number_input("Repetitions", 2, 200, 10, key=Key.STUDY_REPLICATES, persist_state="session")
        three.number_input("Seed", 0, 10**6, 0, key=Key.STUDY_SEED, persist_state="session")
        job = app_state().study
        st.form_submit_button(
            "Run the study",
            type="primary",
            icon=":material/play_arrow:",
            on_click=start,
            key=Key.STUDY_RUN,
            disabled=bool(job and job.running),
        )
    st.caption("Every outcome is simulated. All methods see the same patients and the same luck.")


def spec() -> StudySpec:
    """The study that the widgets describe."""
    world = widget(Key.STUDY_WORLD)
    protocol = loaders.protocol().name
    environment = (
        EnvironmentSpec(SYNTHETIC, link=widget(Key.STUDY_LINK))
        if world == SYNTHETIC
        else EnvironmentSpec(protocol, cohort=world, link=widget(Key.STUDY_LINK))
    )
    return StudySpec(
        environment,
        tuple(widget(Key.STUDY_POLICIES)),
        widget(Key.STUDY_ADVISOR),
        int(widget(Key.STUDY_ROUNDS)),
        int(widget(Key.STUDY_REPLICATES)),
        int(widget(Key.STUDY_SEED)),
    )


def start() -> None:
    app_state().study = StudyJob(spec())


def cancel() -> None:
    job = app_state().study
    if job:
        job.cancel()


def invitation() -> None:
    st.markdown("#### Which method loses least while it learns?")
    st.markdown(
        "Choose methods and press **Run the study**. Each is run over the same simulated patients, several times. "
        "For each patient the page adds up the benefit that was lost against the best plan possible: the *regret*. "
        "A method that learns has a curve that flattens; one that does not goes on losing at the same pace."
    )


def running(job: StudyJob) -> None:
    st.progress(job.share, f"Treating simulated patients: {job.share:.0%}")
    st.button("Cancel", icon=":material/stop:", key=Key.STUDY_CANCEL, on_click=cancel)


def lost(unit: str) -> str:
    """What regret is called, with its unit."""
    return "Good outcomes lost so far (patients)" if unit == "probability" else f"Benefit lost so far ({unit})"


def result(found: StudyResult) -> None:
    """Curves, final numbers, the advisor's part, subgroups, and the downloads."""
    policies = loaders.policies()
    names = {p.name: policies[p.name].label for p in found.policies}
    curves = {names[p.name]: (found.t, *band(p.regret)) for p in found.policies}
    table = summary_frame(found)
    best = names[str(table.sort_values("regret")["policy"].iloc[0])]
    show(charts.bands(curves, lost(found.unit), f"Benefit lost over {found.t[-1]} patients; least by {best}"), "regret")
    spec = found.spec
    st.caption(
        f"Simulated outcomes. Mean of {spec.replicates} repetitions with its 95 % confidence band · "
        f"seed {spec.seed} · settings {spec.hash}"
    )
    numbers, asked, groups = st.tabs(["Final numbers", "Questions to the advisor", "Subgroups"])
    with numbers:
        _final(table, names, found)
    with asked:
        _asked(table, names, found)
    with groups:
        _groups(found, names)
    _downloads(found)


def _digits(unit: str) -> int:
    return 0 if unit == "mmHg" else 1


def _short(unit: str) -> str:
    return "good outcomes" if unit == "probability" else unit


def _final(table: pd.DataFrame, names: dict[str, str], found: StudyResult) -> None:
    d, rounds, unit = _digits(found.unit), found.t[-1], _short(found.unit)
    rows = [
        {
            "Method": names[r.policy],
            f"Lost after {rounds:,} patients, {unit}": f"{r.regret:,.{d}f} ({r.low:,.{d}f} to {r.high:,.{d}f})",
            f"Per patient, {unit}": f"{r.regret / rounds:.2f}",
        }
        for r in table.sort_values("regret").itertuples()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _asked(table: pd.DataFrame, names: dict[str, str], found: StudyResult) -> None:
    asking, rounds = table[table["calls"] > 0], found.spec.rounds
    if asking.empty:
        st.markdown("None of these methods asks an advisor.")
        return
    curves = {names[p.name]: (found.t, *band(p.calls)) for p in found.policies if p.calls.any()}
    said = ", ".join(f"{names[row.policy]} {row.calls:,.0f}" for row in asking.itertuples())
    show(
        charts.bands(curves, "Questions to the advisor so far", f"Questions in {rounds} patients: {said}", 280), "calls"
    )
    for row in asking.itertuples():
        if pd.isna(row.call_bound):
            st.markdown(f"**{names[row.policy]}** asks about every patient: no limit applies.")
        elif row.call_bound >= rounds:
            st.markdown(
                f"**{names[row.policy]}**: theory allows at most {row.call_bound:,.0f} questions, more than there were "
                "patients: it limits the long run (the square of a logarithm) and says nothing at this length."
            )
        else:
            st.markdown(
                f"**{names[row.policy]}**: {row.calls:,.0f} questions; theory allows at most {row.call_bound:,.0f}."
            )


def _groups(found: StudyResult, names: dict[str, str]) -> None:
    table = group_frame(found)
    if table.empty:
        st.markdown("Synthetic patients have no subgroups.")
        return
    table["text"] = [f"{r.regret_per_patient:.2f} ({r.low:.2f} to {r.high:.2f})" for r in table.itertuples()]
    table["policy"] = table["policy"].map(names)
    wide = table.pivot(index="group", columns="policy", values="text").rename_axis(columns=None).reset_index()
    st.table(wide.rename(columns={"group": "Patients"}), border="horizontal", hide_index=True)
    st.caption("Benefit lost per patient, mean over repetitions with its 95 % confidence interval.")


def _downloads(found: StudyResult) -> None:
    with st.container(horizontal=True):
        for key, label, frame in (
            (Key.STUDY_CSV, "Curves (CSV)", regret_frame),
            (Key.STUDY_TABLE, "Final numbers (CSV)", summary_frame),
        ):
            st.download_button(
                label,
                safe_csv(frame(found)),
                f"libra-{'curves' if key == Key.STUDY_CSV else 'final'}-{found.spec.hash}.csv",
                "text/csv",
                icon=":material/download:",
                on_click="ignore",
                key=key,
            )
