"""One patient of a session: the proposal, the decision, what each treatment would do, and the way to the next."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from libra_core.policies import REGISTRY, Decision
from libra_core.records import REASONS, Kind, Plan, Sitting
from libra_core.records.ledger import CaseFile
from libra_core.records.spec import DEFER_REASONS
from pages.ui import cards, words
from pages.ui import feedback_plan as own
from pages.ui.feedback_state import Key, act, feedback_state, stamp
from pages.ui.state import si_units

SURE = {1: "not at all", 2: "a little", 3: "fairly", 4: "very", 5: "certain"}


def case(sitting: Sitting, case: CaseFile) -> None:
    """The patient to decide about now."""
    hidden = sitting.info.spec.blinded and case.first is None
    unsure = sitting.info.spec.mode == "unsure"
    feedback_state().showing(case.position, "first" if hidden else "final")
    cards.patient_header(sitting.cohort, case.row, si_units())
    cards.alerts(sitting.cohort.alerts(case.row), notes=False)
    left, right = st.columns([5, 7], gap="medium")
    with left:
        if hidden:
            _hidden(sitting)
        else:
            card(sitting, case, "What the method would do by itself" if unsure else "Proposed plan")
    with right, st.container(border=True, key="decision", gap="xsmall"):
        if hidden:
            _first(sitting, case)
        elif unsure:
            _answer(sitting, case)
        else:
            _decide(sitting, case)
    _details(sitting, case, hidden)


def _hidden(sitting: Sitting) -> None:
    label = REGISTRY[sitting.info.spec.policy].label
    with st.container(border=True, key="hidden-card"):
        st.markdown(f":gray-badge[:material/visibility_off: The proposal of {label} is hidden]")
        st.markdown("#### What would you do for this patient?")
        st.markdown(
            "Choose a treatment, and move the sliders below if habits should change. The proposal appears after your "
            "choice; you may then keep your plan or change it. Both are recorded."
        )


def card(sitting: Sitting, case: CaseFile, title: str) -> None:
    """The method's plan as it was shown, in plain words."""
    main, cohort, si = case.shown[sitting.info.spec.policy], sitting.cohort, si_units()
    with st.container(border=True, key="proposal", gap="xsmall"):
        found = words.options(cohort, main, si)
        open_order = words.uncertain(found) or np.isnan(main.mean)
        sure = ":orange-badge[:material/help: uncertain: another option may be better]"
        st.markdown(
            f":blue-badge[:material/clinical_notes: {title}] "
            + (sure if open_order else ":green-badge[:material/check: clearly ahead of the alternatives]")
        )
        st.markdown(f"### {words.headline(cohort, main.arm)}")
        habits = words.changes(cohort, main.delta, si)
        st.markdown("**and** " + " · ".join(f"**{text}**" for text in habits) if habits else "Habits stay as they are.")
        _expected(sitting, case, main)
        if sitting.info.spec.mode != "unsure":  # there the answer is still to come, or stands beside the card
            st.markdown(words.WHY[main.reason] + _advice(sitting, main))
        for caution in cohort.protocol.cautions(cohort.values[case.row], main.arm, main.delta):
            st.markdown(f":material/warning: {caution[:1].upper()}{caution[1:]}.")
        if unknown := words.to_check(cohort, cohort.unmeasured_safety(case.row, main.arm)):
            st.markdown(f":material/fact_check: **Check before starting** {unknown}")
        if case.deferred:
            st.caption("This patient was put off before; the proposal is the one that was shown then.")


def _expected(sitting: Sitting, case: CaseFile, main: Decision) -> None:
    if np.isnan(main.mean):
        st.markdown("This method gives no estimate of the effect.")
        return
    if not sitting.has_seen(main.arm):
        st.markdown("**Expected effect: not known yet.** Nobody in this session has had this treatment before.")
        return
    protocol = sitting.cohort.protocol
    price, outcome = protocol.price(sitting.cohort.values[case.row], main.arm), protocol.outcome
    fall, low, high = (value + price for value in (main.mean, main.low, main.high))
    now = float(sitting.cohort.frame.at[case.row, outcome.name])
    label, span = outcome.label[:1].upper() + outcome.label[1:], words.between(low, high, outcome.unit)
    st.markdown(
        f"**{label} {now:.0f} → {now - fall:.0f} {outcome.unit}** expected after {outcome.horizon} "
        f"(fall: {span[:1].lower()}{span[1:]}); "
        f"net benefit {main.mean:.1f} {outcome.unit}. Simulated.".replace("-", "−")
    )


def _advice(sitting: Sitting, main: Decision) -> str:
    given = main.advice
    if given is None or not given.given:
        return ""
    plan = words.plan_text(sitting.cohort, given.delta, si_units())
    return f" *Advice:* {words.treatment(sitting.cohort, given.arm)}, {plan}."


# ------------------------------------------------------------------------------------------------ deciding


def _first(sitting: Sitting, case: CaseFile) -> None:
    own.treatments(sitting, case, "**Your choice**")
    _confidence(case)
    st.button(
        "This is my choice",
        type="primary",
        key=Key.of("first", case.position),
        on_click=partial(_record_first, case.position),
        disabled=own.chosen(sitting, case, True) is None,
        shortcut="F",
        icon=":material/check:",
    )


def _decide(sitting: Sitting, case: CaseFile) -> None:
    position = case.position
    if case.first is not None:
        st.markdown(f"Your first choice: **{own.sentence(sitting.cohort, case.first.plan, si_units())}**.")
    ready = bool(st.session_state.get(Key.of("reason", position)))
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Accept the proposal",
            type="primary",
            key=Key.of("accept", position),
            on_click=partial(_record, Kind.ACCEPT, position),
            shortcut="A",
            icon=":material/thumb_up:",
        )
        st.button(
            "Record my plan",
            key=Key.of("override", position),
            on_click=partial(_record, Kind.OVERRIDE, position),
            disabled=not ready or own.chosen(sitting, case, False) is None,
            help="First choose a treatment and a reason below.",
            shortcut="O",
            icon=":material/edit:",
        )
        st.button(
            "Put off",
            key=Key.of("defer", position),
            on_click=partial(_record, Kind.DEFER, position),
            disabled=not ready,
            help="First choose a reason below. The patient comes back at the end.",
            shortcut="D",
            icon=":material/schedule:",
        )
    own.treatments(sitting, case, "Your own plan (habits: sliders below)")
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


def _answer(sitting: Sitting, case: CaseFile) -> None:
    """The clinician as the advisor: what would you do? The method follows if it has no reason not to."""
    main = case.shown[sitting.info.spec.policy]
    threshold = sitting.engine.policies[0].width_threshold  # type: ignore[attr-defined]
    unit = sitting.engine.problem.reward_unit
    st.markdown(
        f"**You are asked**, because the method is unsure: its range is {main.width:.1f} {unit} wide, more than "
        f"{threshold:g}. It follows your advice if what it has learned does not rule it out."
    )
    own.treatments(sitting, case, "**What would you do?**")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Comment", key=Key.of("comment", case.position), max_chars=2000, placeholder="optional")
        _confidence(case)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Give this advice",
            type="primary",
            key=Key.of("answer", case.position),
            on_click=partial(_record_answer, case.position, True),
            disabled=own.chosen(sitting, case, False) is None,
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
    def step(sitting: Sitting) -> str:
        case = sitting.ledger.cases[position]
        plan = own.chosen(sitting, case, True)
        if plan is None:
            raise ValueError("Choose a treatment first.")
        sitting.first_choice(position, plan, stamp(position, "first"))
        st.session_state[own.arm_key(case)] = None
        return f"Patient {position}: your first choice is recorded. Here is the proposal."

    act(step)


def _record(kind: Kind, position: int) -> None:
    def step(sitting: Sitting) -> str:
        mark = stamp(position, "final")
        if kind is Kind.ACCEPT:
            done = sitting.accept(position, mark)
        elif kind is Kind.DEFER:
            sitting.defer(position, mark)
            feedback_state().showings.pop((position, "final"), None)
            return f"Patient {position}: put off. The patient comes back at the end."
        else:
            plan = own.chosen(sitting, sitting.ledger.cases[position], False)
            if plan is None:
                raise ValueError("Choose a treatment first.")
            done = sitting.override(position, plan, mark)
        return said(sitting, done)

    act(step)


def _record_answer(position: int, has_opinion: bool) -> None:
    def step(sitting: Sitting) -> str:
        plan = own.chosen(sitting, sitting.ledger.cases[position], False) if has_opinion else None
        if has_opinion and plan is None:
            raise ValueError("Choose a treatment first.")
        return said(sitting, sitting.answer(position, plan, stamp(position, "final")))

    act(step)


def said(sitting: Sitting, case: CaseFile) -> str:
    """What happened to a decided patient, in one sentence."""
    final = case.final
    if final is None or final.executed is None:
        return ""
    what = {
        Kind.ACCEPT: "proposal accepted",
        Kind.OVERRIDE: "your own plan recorded",
        Kind.AUTOMATIC: "the method was sure and acted by itself",
    }.get(final.kind, "")
    if final.kind is Kind.ANSWER and case.answered is not None:
        what = words.WHY[case.answered.reason].rstrip(".").replace("the advisor", "you")
        what = what[:1].lower() + what[1:]
    return f"Patient {case.position}: {what}. {outcome(sitting, case)}"


def outcome(sitting: Sitting, case: CaseFile) -> str:
    """The outcome of a treated patient in one sentence."""
    final, found, measure = case.final, case.outcome, sitting.cohort.protocol.outcome
    if final is None or final.executed is None:
        return ""
    if found is None:
        return "The outcome is awaited."
    fell = found.reward + sitting.cohort.protocol.price(sitting.cohort.values[case.row], final.executed.arm)
    how = "Simulated" if found.source == "simulated" else "Entered"
    return f"{how}: {measure.label} {'fell' if fell >= 0 else 'rose'} by {abs(fell):.0f} {measure.unit}."


# ------------------------------------------------------------------------------------------------ behind it


def _details(sitting: Sitting, case: CaseFile, hidden: bool) -> None:
    names = ["What if: change of habits", "Each treatment", "Other methods"]
    habits, table, others = st.tabs(names, on_change="rerun", key=Key.TAB)
    if habits.open:
        with habits:
            own.what_if(sitting, case, hidden)
    if table.open:
        with table:
            therapies(sitting, case, hidden)
    if others.open:
        with others:
            methods(sitting, case, hidden)


def therapies(sitting: Sitting, case: CaseFile, hidden: bool) -> None:
    """Every treatment for this patient: alone, with its best change of habits, and why it may not be."""
    cohort, si, main = sitting.cohort, si_units(), case.shown[sitting.info.spec.policy]
    reasons: dict[int, list[str]] = {}
    for block in cohort.blocked(case.row):
        reasons.setdefault(block.arm, []).append(block.reason)
    unit, rows = sitting.engine.problem.reward_unit, []
    by_arm = {o.arm: o for o in main.options}
    eligible = cohort.patient(case.row).eligible
    for k in range(sitting.engine.problem.n_arms):
        row = {"Treatment": words.treatment(cohort, k)}
        option = by_arm.get(k)
        if not hidden and option is not None:
            alone = (option.mean_unchanged, option.low_unchanged, option.high_unchanged)
            row[f"Alone, {unit}"] = _range(*alone) if eligible[k] else "–"
            both = (option.mean, option.low, option.high)
            row[f"With habits, {unit}"] = _range(*both) if eligible[k] else "–"
            row["Change of habits"] = words.plan_text(cohort, option.delta, si) if eligible[k] else "–"
        row["Not possible because"] = "; ".join(reasons.get(k, []))
        rows.append(row)
    st.table(pd.DataFrame(rows).fillna("–"), border="horizontal", hide_index=True)
    st.caption(
        "What the method expects is hidden until you have chosen."
        if hidden
        else f"Expected net benefit in {unit} with its range; simulated. At 0 with a wide range nothing is known yet."
    )


def _range(mean: float, low: float, high: float) -> str:
    return f"{mean:.0f} ({low:.0f} to {high:.0f})".replace("-0 ", "0 ").replace("-0)", "0)").replace("-", "−")


def methods(sitting: Sitting, case: CaseFile, hidden: bool) -> None:
    """What every method of the session proposed for this patient."""
    if hidden:
        st.caption("The proposals are hidden until you have chosen.")
        return
    rows = [
        {
            "Method": REGISTRY[name].label,
            "Treatment": words.treatment(sitting.cohort, decision.arm),
            "Change of habits": words.plan_text(sitting.cohort, decision.delta, si_units()),
            "Expected": "–" if np.isnan(decision.mean) else _range(decision.mean, decision.low, decision.high),
        }
        for name, decision in case.shown.items()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def earlier(sitting: Sitting, case: CaseFile) -> None:
    """A patient looked at again: what was shown, what was decided, what came of it. Nothing can be changed."""
    cohort, si = sitting.cohort, si_units()
    cards.patient_header(cohort, case.row, si)
    left, right = st.columns([5, 7], gap="medium")
    with left:
        card(sitting, case, "The plan that was proposed")
    with right, st.container(border=True, key="recorded", gap="xsmall"):
        st.markdown("#### What was recorded")
        for label, choice in (("First choice", case.first), ("Decision", case.final)):
            if choice is not None:
                st.markdown(f"**{label}:** {own.sentence(cohort, choice.plan, si)}.")
        for put_off in case.deferred:
            st.markdown(f"**Put off:** {DEFER_REASONS.get(put_off.reason, put_off.reason)}.")
        if case.final is not None:
            _recorded(case.final.reason, case.final.comment, case.final.executed, case, sitting)
        else:
            st.markdown("Not decided yet.")


def _recorded(reason: str, comment: str, done: Plan | None, case: CaseFile, sitting: Sitting) -> None:
    if reason:
        st.markdown(f"**Reason:** {REASONS.get(reason, reason)}.")
    if comment:
        st.markdown(f"**Comment:** {cards.plain(comment)}")
    if done is not None and case.final is not None and done != case.final.plan:
        st.markdown(f"**Done instead:** {own.sentence(sitting.cohort, done, si_units())}.")
    st.markdown(said(sitting, case))
