"""The displayed cohort and patient, and the consequences of changing either."""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort, CohortError, read_table
from pages.ui.draw import show
from pages.ui.session import loaders
from pages.ui.session.state import AppState, Key, Refusal, Slot, Upload, app_state, widget

UPLOADED = "Your uploaded file"


def sources() -> dict[str, str]:
    """The cohorts on offer, name -> label: the built-in ones, then the uploaded one if it is usable."""
    names = {c.name: c.label for c in loaders.protocol().cohorts}
    upload = app_state().upload
    return names | {UPLOADED: f"{UPLOADED}: {upload.name}"} if upload else names


def cohort() -> Cohort:
    """The cohort in use; the first built-in one by default."""
    state, names = app_state(), sources()
    if state.source not in names:
        state.source = next(iter(names))
    try:
        return named(state.source)
    except (CohortError, OSError) as error:
        show.failed(f"The cohort {names[state.source]} cannot be read: {error}")
        show.next_step("cohort.py", "Upload a file on the page Cohort")
        st.stop()


def named(source: str) -> Cohort:
    """One of the cohorts on offer. Raises CohortError or OSError where a built-in one cannot be read."""
    upload = app_state().upload
    return upload.cohort if source == UPLOADED and upload else loaders.cohort(source)


def forget_patient(state: AppState) -> None:
    """For a new cohort, in which row numbers and runs of the old one mean nothing."""
    state.row = None
    Slot.drop_of_cohort()
    state.lost = ""


def on_cohort() -> None:
    state = app_state()
    state.source = widget(Key.COHORT)
    forget_patient(state)


def on_upload() -> None:
    """Read the uploaded file. One that cannot be used leaves the current cohort in place."""
    state, file = app_state(), widget(Key.UPLOAD)
    if file is None:
        return
    try:
        cohort = read_table(file.getvalue(), file.name)
    except CohortError as error:
        state.refusal = Refusal(file.name, str(error))
        return
    state.upload, state.refusal = Upload(file.name, cohort), None
    state.source = UPLOADED
    st.session_state[Key.COHORT] = UPLOADED
    forget_patient(state)


def select(row: int | None) -> None:
    state = app_state()
    state.row, state.lost = row, ""


def address(cohort: Cohort, row: int) -> dict[str, str]:
    """The parameters of a link to this patient. An uploaded file exists only in its own session."""
    source = app_state().source
    return ({} if source == UPLOADED else {"cohort": source}) | {"patient": cohort.ids[row]}


def follow_address() -> None:
    """Select the cohort and the patient in the address, once."""
    state = app_state()
    asked = str(st.query_params.get("cohort", "")), str(st.query_params.get("patient", ""))
    if asked == state.asked:
        return
    state.asked, state.lost = asked, ""
    name, patient = asked
    if name and name not in sources():
        state.lost = "The address names a cohort that is not here. Choose one on the page *Cohort*."
        return
    if name and name != state.source:
        state.source = st.session_state[Key.COHORT] = name
        forget_patient(state)
    if patient:
        row = find(cohort(), patient)
        if row is None:
            state.lost = (
                f"The address names a patient who is not in this cohort. IDs look like {cohort().ids[0]}; choose a "
                "patient on the page *Cohort*."
            )
        else:
            select(row)


def find(cohort: Cohort, patient: str) -> int | None:
    """The row of a patient's ID, in upper or lower case."""
    wanted = patient.strip().upper()
    return next((row for row, name in enumerate(cohort.ids) if name.upper() == wanted), None)


def on_find(cohort: Cohort) -> None:
    """Select the patient whose ID was entered."""
    wanted = widget(Key.FIND, "")
    found = find(cohort, wanted)
    if found is not None:
        select(found)
    elif wanted.strip():
        app_state().not_found = f"No patient of this cohort has that ID. IDs look like {cohort.ids[0]}."
