"""Compare: language model, guideline, bandit, LIBRA and clinician side by side, for one patient and for a cohort."""

from __future__ import annotations

import streamlit as st

from libra_core.advisors.clinician import RecordedAdvisor
from libra_core.advisors.llm import Consultation
from libra_core.cohort import Cohort
from libra_core.report import wording
from libra_core.study.compare import opinion
from pages.ui.compare import patient as single
from pages.ui.compare.ahead import ahead
from pages.ui.compare.methods import CLINICIAN, LEARNING, Methods, form, methods
from pages.ui.compare.picker import picker
from pages.ui.draw import cards
from pages.ui.draw.show import heartbeat, next_step, nobody
from pages.ui.session import current, jobs, live, llm
from pages.ui.session.state import Key, app_state, si_units


def ask(cohort: Cohort, row: int) -> None:
    """A person's press of a button: the language model is asked about this patient; its answer and what LIBRA makes
    of it are kept and logged."""
    advisor = llm.advisor(cohort)
    consultation = advisor.consult(cohort.case(row))
    llm.session().heard[row] = consultation
    if consultation.advice.given:
        advisor.note_decision(consultation.audit_row, *outcome(cohort, row, consultation))


def outcome(cohort: Cohort, row: int, heard: Consultation) -> tuple[str, tuple[str, ...]]:
    """What LIBRA would do having heard this advice, and what of the advice the rules overrode: for the audit log."""
    run = methods(cohort).libra
    asked, run.policy.advisor = run.policy.advisor, RecordedAdvisor(heard.advice.source, repeat=heard.advice)
    try:
        decision = run.decision_for(row)
    finally:
        run.policy.advisor = asked
    plan = opinion(run, row, heard.advice.arm, heard.advice.delta)
    overrides = [f"shortened to {plan.share:.0%}"] if plan.projected else []
    overrides += ["contraindicated"] if plan.contraindicated else []
    code = cohort.protocol.treatments[decision.arm].code
    final = "; ".join([code, *wording.changes(cohort, decision.delta, si=False)])
    return f"{final} ({decision.reason.value})", tuple(overrides)


def patient_tab(cohort: Cohort, row: int, known: Methods) -> None:
    cards.patient_header(cohort, row, si_units())
    cards.alerts(cohort.alerts(row), notes=False)
    heard = None
    if not llm.resolved().settings.off_reason():
        heard = llm.session().heard.get(row) or llm.advisor(cohort).recall(cohort.case(row))
    found = single.columns(cohort, row, known, heard)
    reference = picker(cohort, row, known, [column.name for column in found])
    if live.own_values(cohort) is not None:
        st.caption("Compare uses the declared values, not your own from *Recommend*.")
    if not known.learned:
        unlearned(cohort, known)
    single.draw(cohort, found, si_units(), reference)
    if heard is not None:
        st.button(
            "Ask the language model", key=Key.COMPARE_ASK, on_click=ask, args=(cohort, row), icon=":material/forum:"
        )
    st.caption(f"{cards.escaped(llm.speaker())} {single.caution(known)}")
    with st.expander("Before starting, and what to watch", icon=":material/fact_check:"):
        single.watch(cohort, found, si_units())
    if heard is not None and heard.advice.status != "off":
        with st.expander("The language model's samples", key=Key.COMPARE_BALLOTS):
            single.ballots(heard, cohort, row)
    if all(column.name != CLINICIAN or column.shown is None for column in found):
        next_step("feedback.py", "Add a clinician: decide about patients in a session on Feedback")
    heartbeat("compare-patient", known.learned)


def unlearned(cohort: Cohort, known: Methods) -> None:
    """No stored state: say so, and offer to learn now."""
    why = cards.escaped(known.problem) or "No learned state of the bandit and of LIBRA is stored for this cohort."
    st.info(f"{why} Let them learn from simulated patients first, then see where they agree.", icon=":material/school:")
    form(cohort, known)


def cohort_tab(cohort: Cohort, known: Methods) -> None:
    from pages.ui.compare import cohort as whole  # here: its statistics take half a second to import

    found = whole.everybody(cohort, known)
    if found is None:
        unlearned(cohort, known)
        return
    st.markdown(whole.headline(found, known))
    views = {
        "Agreement": lambda: whole.matrix(found, cohort, si_units()),
        "What each loses": lambda: whole.losses(found),
        "Where and why they differ": lambda: whole.differences(found, cohort),
        "The model against itself": lambda: whole.itself(cohort, known),
        "How LIBRA learned": lambda: whole.learning(cohort, known),
    }
    tabs = st.tabs(list(views), on_change="rerun", key=Key.COMPARE_RESULT)
    for tab, view in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                view()
    heartbeat("compared", len(found))


def main() -> None:
    cohort = current.cohort()
    state = app_state()
    row = state.row if state.row is not None else (live.first(cohort) if len(cohort.arrivals) else None)
    if jobs.find_again(LEARNING, Cohort):  # after a reload: where the methods learn, as the address says
        st.session_state.setdefault(Key.COMPARE_TAB, "Whole cohort")
        st.session_state.setdefault(Key.COMPARE_RESULT, "How LIBRA learned")
    names = ["This patient", "Whole cohort"]
    if not llm.resolved().settings.off_reason():
        names.append("Stored answers")
    one, many, *stored = st.tabs(names, on_change="rerun", key=Key.COMPARE_TAB)
    if row is None:
        nobody(cohort.protocol.arrivals_rule.reason)
        return
    known = methods(cohort)
    if one.open:
        with one:
            patient_tab(cohort, row, known)
    if many.open:
        with many:
            cohort_tab(cohort, known)
    if stored and stored[0].open:
        with stored[0]:
            ahead(cohort, known)


main()
