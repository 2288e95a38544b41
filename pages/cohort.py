"""Cohort: who the patients are, what was measured, what was assumed; choose one, or upload a file."""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort
from pages.ui.cohort import upload as import_view
from pages.ui.cohort import view
from pages.ui.session import current
from pages.ui.session.state import Key, app_state, si_units


def choose() -> Cohort:
    """The two ways to get a cohort, side by side, and the result of the upload."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        cohort, names = current.cohort(), current.sources()
        st.session_state.setdefault(Key.COHORT, app_state().source)
        st.selectbox(
            "Cohort",
            list(names),
            format_func=lambda name: names.get(name, name),
            key=Key.COHORT,
            on_change=current.on_cohort,
            persist_state="session",
        )
        view.provenance(cohort)
    with right:
        st.file_uploader(
            "Or upload your own: a CSV with one row per patient",
            type=["csv", "tsv", "txt"],
            key=Key.UPLOAD,
            on_change=current.on_upload,
            help="Matched by column names and units. Leave out names and record numbers: they are not needed.",
        )
        import_view.outcome(app_state().upload, app_state().refusal)
    return cohort


cohort = choose()
view.figures(cohort)
patients, spread, known, report = st.tabs(
    ["Patients", "Distributions", "Measured and assumed", "Import report"], on_change="rerun", key="cohort_tab"
)
if patients.open:
    with patients:
        view.patients(cohort, si_units())
if spread.open:
    with spread:
        view.distributions(cohort, si_units())
if known.open:
    with known:
        view.measured(cohort)
if report.open:
    with report:
        import_view.report(cohort.report, cohort.name)
