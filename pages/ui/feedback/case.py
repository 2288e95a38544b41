"""One patient of a session: the proposal, the decision, and details of each treatment."""

from __future__ import annotations

from functools import partial

import streamlit as st

from libra_core.policies import REGISTRY
from libra_core.policies.distil import LibraDistil
from libra_core.records import REASONS, DecisionKind, SessionLog
from libra_core.records.ledger import CaseFile
from libra_core.records.spec import DEFER_REASONS
from pages.ui.draw import cards
from pages.ui.feedback import plan as own
from pages.ui.feedback.card import card, said
from pages.ui.feedback.state import Key, act, feedback_state, stamp
from pages.ui.feedback.tables import methods, therapies
from pages.ui.session.state import si_units

SURE = {1: "not at all", 2: "a little", 3: "fairly", 4: "very", 5: "certain"}


def case(log: SessionLog, case: CaseFile) -> None:
    """The patient to decide about now."""
    hidden = log.info.spec.blinded and case.first is None
    unsure = log.info.spec.mode == "unsure"
    feedback_state().showing(case.position, "first" if hidden else "final")
    cards.patient_header(log.cohort, case.row, si_units())
    cards.alerts(log.cohort.alerts(case.row), notes=False)
    left, right = st.columns([5, 7], gap="medium")
    with left:
        if hidden:
            _hidden(log)
        else:
            card(log, case, "The method's own plan" if unsure else "Proposed plan")
    with right, st.container(border=True, key="decision", gap="xsmall"):
        if hidden:
            _first(log, case)
        elif unsure:
            _answer(log, case)
        else:
            _decide(log, case)
    _details(log, case, hidden)


def _hidden(log: SessionLog) -> None:
    label = REGISTRY[log.info.spec.policy].label
    with st.container(border=True, key="hidden-card"):
        st.markdown(f":gray-badge[:material/visibility_off: The proposal of {label} is hidden]")
        st.markdown("#### What would you do for this patient?")
        st.markdown(
            "Choose a treatment, and move the sliders below if habits should change. The proposal appears after your "
            "choice; you may then keep your plan or change it. Both are recorded."
        )


# ------------------------------------------------------------------------------------------------ deciding


def _first(log: SessionLog, case: CaseFile) -> None:
    own.treatments(log, case, "**Your choice**")
    own.in_words(log, case, True)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button(
            "This is my choice",
            type="primary",
            key=Key.of("first", case.position),
            on_click=partial(_record_first, case.position),
            disabled=own.chosen(log, case, True) is None,
            shortcut="F",
            icon=":material/check:",
        )
        _confidence(case)


def _decide(log: SessionLog, case: CaseFile) -> None:
    position = case.position
    if case.first is not None:
        st.markdown(
            f"Your first choice: **{own.sentence(log.cohort, case.first.plan, si_units())}**. To keep it, give a "
            "reason and press *Record my plan*."
        )
    reason = st.session_state.get(Key.of("reason", position))
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Accept the proposal",
            type="primary",
            key=Key.of("accept", position),
            on_click=partial(_record, DecisionKind.ACCEPT, position),
            shortcut="A",
            icon=":material/thumb_up:",
        )
        st.button(
            "Record my plan",
            key=Key.of("override", position),
            on_click=partial(_record, DecisionKind.OVERRIDE, position),
            disabled=reason not in REASONS or own.chosen(log, case, False) is None,
            help="First choose a treatment and a reason below. A reason to defer is not enough.",
            shortcut="O",
            icon=":material/edit:",
        )
        st.button(
            "Defer",
            key=Key.of("defer", position),
            on_click=partial(_record, DecisionKind.DEFER, position),
            disabled=not reason,
            help="First choose a reason below. The patient comes back at the end.",
            shortcut="D",
            icon=":material/schedule:",
        )
    own.treatments(log, case, "Your own plan (habits: sliders below)")
    own.in_words(log, case, False)
    st.pills(
        "Reason, if you do not accept",
        [*REASONS, *DEFER_REASONS],
        format_func=(REASONS | DEFER_REASONS).get,
        key=Key.of("reason", position),
        help="Codes: HL7 CDS Hooks, non-adherence reasons.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Comment", key=Key.of("comment", position), max_chars=2000, placeholder="optional")
        _confidence(case)


def _answer(log: SessionLog, case: CaseFile) -> None:
    """The clinician as the advisor. The method follows the advice if it is plausible and informative."""
    main, unit = case.shown[log.info.spec.policy], log.engine.problem.reward_unit
    threshold = log.engine.policies[0].width_threshold  # type: ignore[attr-defined]
    often = ", and as often as outcomes have borne out your advice so far" if main.policy == LibraDistil.name else ""
    st.markdown(
        "**You are asked**, because the method is not sure enough about this patient. It follows your advice if what "
        f"it has learned does not rule it out{often}.",
        help=f"Its confidence bounds are {main.width:.1f} {unit} apart, more than {threshold:g}. They are not the "
        "range on the card, which is where the average effect probably lies.",
    )
    own.treatments(log, case, "**What would you do?**")
    own.in_words(log, case, False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Comment", key=Key.of("comment", case.position), max_chars=2000, placeholder="optional")
        _confidence(case)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Give this advice",
            type="primary",
            key=Key.of("answer", case.position),
            on_click=partial(_record_answer, case.position, True),
            disabled=own.chosen(log, case, False) is None,
            shortcut="A",
            icon=":material/send:",
        )
        st.button(
            "No opinion",
            key=Key.of("pass", case.position),
            on_click=partial(_record_answer, case.position, False),
            shortcut="N",
        )


def _confidence(case: CaseFile) -> None:
    st.selectbox(
        "How sure are you?",
        list(SURE),
        index=None,
        format_func=SURE.get,
        key=Key.of("confidence", case.position),
        placeholder="optional",
        width=150,
        persist_state="session",
    )


def _record_first(position: int) -> None:
    def step(log: SessionLog) -> str:
        case = log.ledger.cases[position]
        plan = own.chosen(log, case, True)
        if plan is None:
            raise ValueError("Choose a treatment first.")
        log.first_choice(position, plan, stamp(position, "first"))
        st.session_state[own.arm_key(case)] = plan.arm  # it stays the clinician's plan until it is changed
        return f"Patient {position}: your first choice is recorded. Here is the proposal."

    act(step)


def _record(kind: DecisionKind, position: int) -> None:
    def step(log: SessionLog) -> str:
        mark = stamp(position, "final")
        if kind is DecisionKind.ACCEPT:
            done = log.accept(position, mark)
        elif kind is DecisionKind.DEFER:
            log.defer(position, mark)
            feedback_state().showings.pop((position, "final"), None)
            return f"Patient {position}: deferred. The patient comes back at the end."
        else:
            plan = own.chosen(log, log.ledger.cases[position], False)
            if plan is None or mark.reason not in REASONS:
                raise ValueError("Choose a treatment and a reason first. A reason to defer is not enough.")
            done = log.override(position, plan, mark)
        return said(log, done)

    act(step)


def _record_answer(position: int, has_opinion: bool) -> None:
    def step(log: SessionLog) -> str:
        plan = own.chosen(log, log.ledger.cases[position], False) if has_opinion else None
        if has_opinion and plan is None:
            raise ValueError("Choose a treatment first.")
        return said(log, log.answer(position, plan, stamp(position, "final")))

    act(step)


def _details(log: SessionLog, case: CaseFile, hidden: bool) -> None:
    names = ["What if: change of habits", "Each treatment"] + ([] if hidden else ["Other methods"])
    shown = (own.what_if, therapies, methods)
    for tab, show in zip(st.tabs(names, on_change="rerun", key=f"{Key.TAB}_{len(names)}"), shown, strict=False):
        if tab.open:
            with tab:
                show(log, case, hidden)
