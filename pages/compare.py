"""Compare: guideline, language model, bandit and LIBRA side by side, for one patient and for a cohort."""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort
from pages.ui.compare import cohort as whole
from pages.ui.compare import patient as single
from pages.ui.draw import cards
from pages.ui.draw.show import failed, heartbeat, nobody
from pages.ui.session import advice, current, jobs, live, llm
from pages.ui.session.state import Key, app_state, si_units


def ask(cohort: Cohort, row: int) -> None:
    """A person's press of a button: the language model is asked about this patient; its answer and what LIBRA makes
    of it are kept and logged."""
    advisor = llm.advisor(cohort)
    consultation = advisor.consult(cohort.case(row))
    llm.session().heard[row] = consultation
    if consultation.advice.given:
        advisor.note_decision(consultation.audit_row, *single.outcome(cohort, row, consultation))


def patient_tab(cohort: Cohort, row: int) -> None:
    run = single.model_run(cohort)
    cards.patient_header(cohort, row, si_units())
    cards.alerts(cohort.alerts(row), notes=False)
    model_on = not llm.resolved().settings.off_reason()
    heard = None
    if model_on:
        advisor = llm.advisor(cohort)
        heard = llm.session().heard.get(row) or advisor.recall(cohort.case(row))
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.markdown(f":small[{cards.escaped(llm.speaker())}]")
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        if model_on:
            st.button("Ask the language model", key=Key.COMPARE_ASK, on_click=ask, args=(cohort, row))
        st.button(
            f"Let both learn from {single.LEARN} simulated patients",
            key=Key.COMPARE_LEARN,
            on_click=single.learn,
            args=(run,),
            help="Bandit and LIBRA treat more simulated patients first, so that their expectations mean something.",
        )
    single.draw(cohort, row, single.cards(cohort, row, run, heard), run, si_units())
    st.caption(single.caution(run))
    if heard is not None and heard.advice.status != "off":
        with st.expander("The language model's samples", key=Key.COMPARE_BALLOTS):
            single.ballots(heard, cohort, row)
    heartbeat("compare-patient", len(run.rows))


def cohort_tab(cohort: Cohort) -> None:
    size, asks, go = st.columns([1, 2, 2], vertical_alignment="bottom")
    size.selectbox("Patients", whole.SIZES, 1, key=Key.COMPARE_N, persist_state="session")
    names = advice.choices()
    asks.selectbox(
        "LIBRA asks",
        names,
        names.index("guideline"),
        format_func=advice.label,
        key=Key.COMPARE_ASKS,
        persist_state="session",
    )
    job = whole.current_job(whole.COMPARISON.get(), cohort)
    running = job is not None and job.running
    go.button("Compare", type="primary", key=Key.COMPARE_GO, on_click=whole.start, args=(cohort,), disabled=running)
    if job is None:
        st.info("Every source treats the same simulated patients; then see where they agree and who was right.")
    elif running:
        st.fragment(jobs.progress, run_every=0.5)(job, "Comparing", "compare_cancel")
    elif job.problem:
        failed(job.problem)
    else:
        results(cohort, job.result)


def results(cohort: Cohort, found: whole.Comparison) -> None:
    agree, right, parted, used = st.tabs(
        ["Agreement", "Who came closest", "Where they differ", "What LIBRA did"], key=Key.COMPARE_RESULT
    )
    with agree:
        whole.matrix(found)
    with right:
        whole.regret(found)
    with parted:
        whole.differences(found, cohort)
    with used:
        whole.advice_use(found)
    heartbeat("compared", len(found))


def main() -> None:
    cohort = current.cohort()
    state = app_state()
    row = state.row if state.row is not None else (live.first(cohort) if len(cohort.arrivals) else None)
    whole.found_again()
    names = ["This patient", "Whole cohort"]
    if not llm.resolved().settings.off_reason():
        names.append("Stored answers")
    one, many, *stored = st.tabs(names, on_change="rerun", key=Key.COMPARE_TAB)
    if row is None:
        nobody(cohort.protocol.arrivals_rule.reason)
        return
    if one.open:
        with one:
            patient_tab(cohort, row)
    if many.open:
        with many:
            cohort_tab(cohort)
    if stored and stored[0].open:
        with stored[0]:
            job = whole.current_job(whole.COMPARISON.get(), cohort)
            whole.ahead(cohort, job.result if job and not job.running else None)


main()
