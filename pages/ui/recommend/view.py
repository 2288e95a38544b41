"""The parts of the Recommend page: the plan in words, the run so far, and everything behind the plan."""

from __future__ import annotations

import numpy as np
import streamlit as st

from libra_core.cohort import Cohort
from libra_core.policies import Decision, Reason
from libra_core.study.live import LiveRun
from pages.ui.draw import cards, charts, words
from pages.ui.draw.show import figure as show
from pages.ui.recommend import detail
from pages.ui.recommend import limits as limits_view
from pages.ui.recommend import trial as recommend_trial
from pages.ui.session import live
from pages.ui.session.state import Key

FEW = 50  # patients; before that nearly everybody lies outside what was seen


def recommendation(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> None:
    """The card: what to start, what to change, what to expect, how sure, what to check."""
    decision = shown.decision
    with st.container(border=True, key="recommendation", gap="xsmall"):
        _badges(cohort, shown, run, si)
        st.markdown(f"### {words.headline(cohort, decision.arm)}")
        habits = words.changes(cohort, decision.delta, si)
        moves = f"**and over {cohort.protocol.outcome.horizon}:** " + " · ".join(f"**{text}**" for text in habits)
        st.markdown(moves if habits else "Habits stay as they are.")
        if habits:
            st.caption(_effort(cohort, shown, run, si))
        _expected(cohort, shown, run)
        st.markdown(_why(shown, run) + _advice(cohort, decision, run.unit, si))
        _checks(cohort, shown, run)
        _outcome(cohort, shown, run)
        _hand_out(cohort, shown, run, si)


def _badges(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> None:
    sure = ""
    if words.has_estimate(shown.decision):
        sure = (
            ":orange-badge[:material/help: uncertain: another option may be better]"
            if words.uncertain(words.options(cohort, shown.decision, si))
            else ":green-badge[:material/check: clearly ahead of the alternatives]"
        )
    preview = ":gray-badge[preview: nothing is learned by looking]" if shown.record is None else ""
    st.markdown(
        f":blue-badge[:material/clinical_notes: Proposed plan] {sure} {_seen(cohort, shown, run, si)} {preview}"
    )


def _seen(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> str:
    """A badge when the run has seen too few patients, or none like this one."""
    if not words.has_estimate(shown.decision):
        return ""
    learned = len(run.rows) if shown.record is None else shown.record.t - 1
    if learned < FEW:
        return f":orange-badge[:material/group: few patients seen so far: {learned}]"
    outside = [words.fact(cohort, shown.row, entry, si) for entry in run.outside(shown.row, learned)]
    if not outside:
        return ""
    return f":orange-badge[:material/travel_explore: outside the data seen: {cards.plain(', '.join(outside))}]"


def _effort(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> str:
    """How much of what one plan may ask, from which assumed habits, and which limits of one's own it keeps."""
    share = float(run.environment.problem.feasible.share(np.array(shown.decision.delta))[0])
    own = [limit.text for limit in cohort.protocol.linear_limits if limit.name in run.spec.environment.limits]
    kept = "".join(f" · {text}" for text in own)
    whole = "the most" if share > 0.995 else f"{share:.0%} of the most"
    return f"Effort: {whole} that one plan may ask{kept}{_assumed_start(cohort, shown, si)}"


def _assumed_start(cohort: Cohort, shown: live.View, si: bool) -> str:
    """Of the habits that move, those whose present value nobody measured."""
    protocol, row = cohort.protocol, shown.row
    moved = zip(protocol.mutable_features, protocol.change(shown.decision.delta), strict=True)
    names = [f.name for f, change in moved if abs(change) > 1e-9 and bool(cohort.imputed.at[row, f.name])]
    starts = [f"{protocol.feature(n).label_inside} {words.value(cohort, row, n, si).rstrip('*')}" for n in names]
    return f" · starting from assumed values: {', '.join(starts)}" if starts else ""


def _expected(cohort: Cohort, shown: live.View, run: LiveRun) -> None:
    decision = shown.decision
    if not words.has_estimate(decision):
        st.markdown("**Expected effect: none given.** This method keeps no model of what to expect.")
        return
    seen = run.given(decision.arm, shown.record)
    if not seen:
        st.markdown("**Expected effect: not known yet.** Nobody in this run has had this treatment before.")
        return
    if run.unit != cohort.protocol.outcome.unit:
        st.metric("Chance of reaching the goal", f"{decision.mean:.0%}", help="In the simulated model.")
        return
    price = cohort.protocol.price(cohort.values[shown.row], decision.arm)
    fall, low, high = (value + price for value in (decision.mean, decision.low, decision.high))
    outcome = cohort.protocol.outcome
    now = float(cohort.frame.at[shown.row, outcome.name])
    columns = st.columns(3)
    columns[0].metric(
        f"Expected fall, {outcome.horizon}",
        f"{fall:.0f} {outcome.unit}".replace("-", "−"),
        help=f"Estimate of the average fall of {outcome.label} for patients like this one, learned from simulated "
        f"outcomes, with its 95 % credible interval. One person's reading varies by {run.environment.problem.noise:g} "
        f"{outcome.unit} around the average.",
    )
    columns[0].caption(f"{words.between(low, high, outcome.unit)}")
    columns[1].metric(
        cohort.protocol.feature(outcome.name).label,
        f"{now:.0f} → {round(now) - round(fall)} {outcome.unit}",
        help="Today, and as expected.",
    )
    columns[1].caption(f"Goal: below {outcome.goal:.0f} {outcome.unit}")
    columns[2].metric(
        "Net benefit",
        f"{decision.mean:.0f} {outcome.unit}".replace("-", "−"),
        help="The fall, less what side effects, monitoring and pills are worth, plus what a compelling reason for the "
        "drug is worth. Methods are compared on this number.",
    )
    columns[2].caption(f"The fall {words.less(price)} for side effects, pills and monitoring")
    st.caption(f"Learned from {seen:,} {'patient' if seen == 1 else 'patients'} with this treatment in this run")


def _why(shown: live.View, run: LiveRun) -> str:
    """Why this plan; before anybody was treated it says whose plan it is."""
    decision = shown.decision
    if decision.adopted and shown.record is None and not run.rows:
        return "The method starts knowing nothing, so it asked: **this is the advisor's plan.** Press *+10*: it learns."
    return words.WHY[decision.reason]


def _advice(cohort: Cohort, decision: Decision, unit: str, si: bool) -> str:
    """Advice that was not followed, and the two numbers that were compared."""
    advice = decision.advice
    if advice is None or not advice.given or decision.adopted:
        return ""
    plan = words.plan_text(cohort, advice.delta, si)
    said = f" *Advice:* {words.treatment(cohort, advice.arm)}, {plan}."
    option = next((option for option in decision.options if option.arm == advice.arm), None)
    if decision.reason is not Reason.RULED_OUT or option is None:
        return said
    return (
        f"{said} Its net benefit is at most {option.ucb:.0f} {unit}, by the limits that the method decides by; that of "
        f"the plan above is at most {decision.ucb:.0f} {unit}."
    ).replace(" -", " −")


def _benefit(shown: live.View, run: LiveRun) -> float:
    return run.benefit(shown.decision.arm, shown.decision.mean, shown.record)


def _checks(cohort: Cohort, shown: live.View, run: LiveRun) -> None:
    decision = shown.decision
    if unknown := words.unrecorded(cohort, shown.row):
        st.markdown(f":material/visibility_off: {unknown}")
    for caution in cohort.cautions(shown.row, decision.arm, np.array(decision.delta), _benefit(shown, run)):
        st.markdown(words.caution(caution))
    if unknown := words.to_check(cohort, cohort.unmeasured_safety(shown.row, decision.arm)):
        st.markdown(f":material/fact_check: **Check before starting** {unknown}")


def _hand_out(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> None:
    """The plan on one sheet in plain words, made when it is asked for."""

    def sheet() -> bytes:
        from libra_core.report.handout import handout_for
        from libra_core.report.write import to_bytes

        document = handout_for(
            cohort, shown.row, shown.decision, run.config_hash, run.spec.seed, si, _benefit(shown, run)
        )
        return to_bytes(document, "pdf")

    st.download_button(
        "Sheet for the patient (PDF)",
        sheet,
        "plan.pdf",
        "application/pdf",
        icon=":material/print:",
        on_click="ignore",
        key=Key.HAND_OUT,
        help="The plan in plain words and large type, marked as a simulation.",
    )


def _outcome(cohort: Cohort, shown: live.View, run: LiveRun) -> None:
    record = shown.record
    if record is None:
        label = "Treat this patient (simulated)"
        st.button(label, key=Key.TREAT, on_click=live.treat, args=(shown.row,), icon=":material/play_circle:")
        return
    if run.unit == cohort.protocol.outcome.unit:
        fell = record.outcome + cohort.protocol.price(cohort.values[shown.row], record.decision.arm)
        text = f"{cohort.protocol.outcome.label} {'fell' if fell >= 0 else 'rose'} by {abs(fell):.0f} {run.unit}"
    else:
        text = "goal reached" if record.outcome >= 0.5 else "goal not reached"
    best = (
        f"The best plan for this patient would have brought {record.regret:.1f} {run.unit} more on average."
        if record.regret >= 0.05
        else "No plan would have been better for this patient on average."
    )
    st.markdown(f":violet-badge[:material/casino: Simulated outcome] {text}. {best}")


def run_so_far(session: live.Live) -> None:
    """What has been lost until now, one point for each patient, and how often the advisor was asked."""
    rows, unit = session.run.rows, session.run.unit
    with st.container(border=True, key="run", gap="xsmall"):
        n, lost, calls = len(rows), rows[-1].cumulative if rows else 0.0, rows[-1].calls if rows else 0
        with st.container(horizontal=True, gap="medium"):
            st.metric("Patients treated", f"{n:,}", width="content")
            st.metric(
                "Benefit lost per patient",
                f"{lost / n:.1f} {unit}" if n else "–",
                help="The net benefit of the best plan minus that of the chosen plan, on average. Its sum over "
                "patients is called regret; the curve of a method that learns flattens. Known only because outcomes "
                "are simulated.",
                width="content",
            )
            st.metric(
                "Advisor asked",
                f"{calls:,} of {n:,}" if n else "–",
                help="Nearly always at first, more rarely later. The page Regret shows how it goes on.",
                width="content",
            )
        if rows:
            asked = [row.decision.asked for row in rows]
            show(charts.regret_so_far([row.cumulative for row in rows], asked, unit), "regret-so-far")
        else:
            st.info(
                "Nobody has been treated yet. Press **Next patient**, or **Play**, and watch the method learn.",
                icon=":material/touch_app:",
            )
        recommend_trial.trial(session.run)
        st.caption(
            f"Simulated outcomes · seed {session.run.spec.seed} · settings {session.run.config_hash}"
            + (f" · the run ends at {live.LONGEST:,} patients" if session.finished else "")
        )


def details(cohort: Cohort, shown: live.View, session: live.Live, si: bool) -> None:
    """What is behind the plan, one tab for each question that a clinician asks."""
    *tabs, log = st.tabs(
        ["Why this plan", "Ranked alternatives", "Each treatment", "Limits and contraindications", "Run log"],
        on_change="rerun",
        key=Key.DETAIL_TAB,
    )
    for tab, draw in zip(tabs, (detail.why, detail.ranked, detail.therapies, limits_view.limits), strict=True):
        if tab.open:
            with tab:
                draw(cohort, shown, session.run, si)
    if log.open:
        with log:
            detail.log(cohort, session, si)
