"""The proposed plan of one patient, its decision and outcome, and the view of an earlier patient."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.policies import Decision, Reason
from libra_core.policies.libra import LibraTrial
from libra_core.records import REASONS, Action, DecisionKind, SessionLog
from libra_core.records.ledger import CaseFile
from libra_core.records.spec import DEFER_REASONS
from libra_core.report import wording
from libra_core.report.words import reasons
from libra_core.summary import PlanSummary, summarise, what_came
from pages.ui.draw import cards, words
from pages.ui.feedback import plan as own
from pages.ui.feedback.state import Key, act, stamp
from pages.ui.session.state import si_units, widget


def card(log: SessionLog, case: CaseFile, title: str) -> None:
    """The method's plan as it was shown."""
    main, cohort, si = case.shown[log.info.spec.policy], log.cohort, si_units()
    plan = summarise(cohort, main, log.evidence)
    with st.container(border=True, key="proposal", gap="xsmall"):
        st.markdown(f":blue-badge[:material/clinical_notes: {title}] {words.certainty(plan)} {words.own(cohort, plan)}")
        st.markdown(f"### {wording.headline(cohort, plan.arm)}")
        habits = wording.changes(cohort, plan.delta, si)
        st.markdown("**and** " + " · ".join(f"**{text}**" for text in habits) if habits else "Habits stay as they are.")
        st.markdown(_expected(cohort, plan))
        for line in words.declared(plan):
            st.caption(line)
        if log.info.spec.mode != "unsure":  # there the answer is still to come, or stands beside the card
            st.markdown(_why(log, main, plan))
        for line in words.warnings(cohort, plan):
            st.markdown(line)
        if case.deferred:
            st.caption("This patient was deferred before; the proposal is the one shown then.")


def _expected(cohort: Cohort, plan: PlanSummary) -> str:
    if not plan.has_model:
        return "This method gives no estimate of the effect."
    if not plan.known:
        return "**Expected effect: not known yet.** No patient in this session has had this treatment."
    parts = (wording.effect(cohort, plan), wording.net(cohort, plan), "Simulated")
    return " ".join(f"{text}." for text in parts if text)


def _why(log: SessionLog, main: Decision, plan: PlanSummary) -> str:
    """The reason for this plan. In a trial of the advisor the card must not reveal the allocation: a clinician who
    treated the two groups differently would bias the comparison."""
    if main.policy == LibraTrial.name and main.reason in (Reason.ADOPTED, Reason.CONTROL):
        return "The method was unsure and asked the advisor. In this trial it is random whether advice is followed."
    advice = wording.advice(log.cohort, plan, si_units())
    return reasons.why(plan) + (f" *Advice:* {advice}" if advice else "")


def said(log: SessionLog, case: CaseFile) -> str:
    """The decision about a patient and its outcome, in one sentence."""
    final = case.final
    if final is None or final.executed is None:
        return ""
    what = {
        DecisionKind.ACCEPT: "proposal accepted",
        DecisionKind.OVERRIDE: "your own plan recorded",
        DecisionKind.AUTOMATIC: "the method was sure and acted by itself",
    }.get(final.kind, "")
    if final.kind is DecisionKind.ANSWER and case.answered is not None:
        what = reasons.WHY[case.answered.reason].rstrip(".").replace("the advisor", "you")
        what = what[:1].lower() + what[1:]
    return f"Patient {case.position}: {what}. {outcome(log, case)}"


def outcome(log: SessionLog, case: CaseFile) -> str:
    """The outcome of a treated patient in one sentence."""
    final, found = case.final, case.outcome
    if final is None or final.executed is None:
        return ""
    if found is None:
        return "The outcome is pending."
    unit = log.engine.problem.reward_unit
    net = log.info.spec.worth is None
    came = what_came(log.cohort, case.row, final.executed.arm, found.reward, unit, net=net)
    return f"{'Simulated' if found.source == 'simulated' else 'Entered'}: {wording.came(log.cohort, came)}."


def earlier(log: SessionLog, case: CaseFile) -> None:
    """An earlier patient: proposal, decision and outcome. Nothing can be changed."""
    cohort, si = log.cohort, si_units()
    cards.patient_header(cohort, case.row, si)
    left, right = st.columns([5, 7], gap="medium")
    with left:
        card(log, case, "Proposed plan")
    with right, st.container(border=True, key="recorded", gap="xsmall"):
        st.markdown("#### Recorded decision")
        for label, choice in (("First choice", case.first), ("Decision", case.final)):
            if choice is not None:
                st.markdown(f"**{label}:** {own.sentence(cohort, choice.plan, si)}.")
        for deferral in case.deferred:
            st.markdown(f"**Deferred:** {cards.escaped(DEFER_REASONS.get(deferral.reason, deferral.reason))}.")
        if case.final is not None:
            _recorded(case.final.reason, case.final.comment, case.final.executed, case, log)
            _mistake(log, case)
        else:
            st.markdown("Not decided yet.")


def _recorded(reason: str, comment: str, done: Action | None, case: CaseFile, log: SessionLog) -> None:
    if reason:
        st.markdown(f"**Reason:** {cards.escaped(REASONS.get(reason, reason))}.")
    if comment:
        st.markdown(f"**Comment:** {cards.escaped(comment)}")
    if done is not None and case.final is not None and done != case.final.plan:
        st.markdown(f"**Carried out instead:** {own.sentence(log.cohort, done, si_units())}.")
    st.markdown(said(log, case))


def _mistake(log: SessionLog, case: CaseFile) -> None:
    """The record is never changed; a mistake can be marked, and the results then leave it out."""
    if case.mistake is not None:
        st.markdown(f":orange-badge[:material/undo: recorded by mistake] {cards.escaped(case.mistake.comment)}")
        st.caption("It stays in the record; the results leave it out.")
        return
    if not log.mine:
        return
    field = Key.of("mistake_why", case.position)
    with st.popover("Recorded by mistake?", icon=":material/undo:", key=Key.of("mistake_open", case.position)):
        st.text_input("What went wrong?", key=field, max_chars=500)
        st.caption("The decision stays in the record, and what was learned from it stays. The results leave it out.")
        marked = Key.of("mistake", case.position)
        st.button("Mark as a mistake", key=marked, on_click=_mark, args=(case.position, field))


def _mark(position: int, field: str) -> None:
    def step(log: SessionLog) -> str:
        mark = replace(stamp(position, "mistake"), reason="", comment=widget(field) or "", confidence=None)
        log.mistaken(position, mark)
        return f"Patient {position}: marked as recorded by mistake."

    act(step)
