"""The parts of the Recommend page: the plan, the run so far, and the details."""

from __future__ import annotations

import numpy as np
import streamlit as st

from libra_core.cohort import Cohort
from libra_core.digits import fixed, interval
from libra_core.report import wording
from libra_core.report.words import reasons
from libra_core.study.live import LiveRun
from libra_core.summary import MOVED, PlanSummary, what_came
from pages.ui.draw import cards, charts, words
from pages.ui.draw.show import download
from pages.ui.draw.show import figure as show
from pages.ui.recommend import detail, fit
from pages.ui.recommend import limits as limits_view
from pages.ui.recommend import trial as recommend_trial
from pages.ui.recommend import trust as recommend_trust
from pages.ui.session import live
from pages.ui.session.state import Key

FEW = 50  # patients; with fewer, nearly every patient is outside the data seen


def recommendation(cohort: Cohort, shown: live.ShownPlan, run: LiveRun, si: bool) -> None:
    """The card: treatment, habits, expected effect, certainty, checks."""
    plan = shown.summary
    with st.container(border=True, key="recommendation", gap="xsmall"):
        preview = ":gray-badge[preview: viewing changes nothing]" if shown.record is None else ""
        st.markdown(
            f":blue-badge[:material/clinical_notes: Proposed plan] {words.certainty(plan)} "
            f"{_seen(cohort, shown, run, si)} {preview} {words.own(cohort, plan)}"
        )
        st.markdown(f"### {wording.headline(cohort, plan.arm)}")
        habits = wording.changes(cohort, plan.delta, si)
        moves = f"**and over {cohort.protocol.outcome.horizon}:** " + " · ".join(f"**{text}**" for text in habits)
        st.markdown(moves if habits else "Habits stay as they are.")
        if habits:
            st.caption(_effort(cohort, plan, run, si))
        _expected(cohort, plan, run)
        for line in words.declared(plan):
            st.caption(line)
        st.markdown(_why(cohort, shown, si))
        if other := wording.guideline(cohort, plan, si):
            st.caption(other)
        if unknown := wording.unrecorded(cohort, plan):
            st.markdown(f":material/visibility_off: {unknown}")
        for line in words.warnings(cohort, plan):
            st.markdown(line)
        _outcome(cohort, shown, run)
        _hand_out(cohort, plan, run, si)


def _seen(cohort: Cohort, shown: live.ShownPlan, run: LiveRun, si: bool) -> str:
    """A badge when the run has seen too few patients, or none like this one."""
    learned = shown.summary.learned
    if not shown.summary.has_model:
        return ""
    if learned < FEW:
        return f":orange-badge[:material/group: few patients seen so far: {learned}]"
    outside = [words.fact(cohort, shown.row, entry, si) for entry in run.outside(shown.row, learned)]
    if not outside:
        return ""
    return f":orange-badge[:material/travel_explore: outside the data seen: {cards.escaped(', '.join(outside))}]"


def _effort(cohort: Cohort, plan: PlanSummary, run: LiveRun, si: bool) -> str:
    """The effort of the plan, the assumed habits it starts from, and the optional limits it respects."""
    share = float(run.environment.problem.feasible.share(np.array(plan.delta))[0])
    own = [limit.text for limit in cohort.protocol.linear_limits if limit.name in run.spec.environment.limits]
    kept = "".join(f" · {text}" for text in own)
    part = "the maximum" if share > 0.995 else f"{share:.0%} of the maximum"
    moved = zip(cohort.protocol.mutable_features, plan.delta, strict=True)
    guessed = [f for f, change in moved if abs(change) > MOVED and bool(cohort.imputed.at[plan.row, f.name])]
    starts = [f"{f.label_inside} {words.value(cohort, plan.row, f.name, si).rstrip('*')}" for f in guessed]
    assumed = f" · starting from assumed values: {', '.join(starts)}" if starts else ""
    return f"Effort: {part} for one plan{kept}{assumed}"


def _expected(cohort: Cohort, plan: PlanSummary, run: LiveRun) -> None:
    outcome = cohort.protocol.outcome
    if not plan.has_model:
        st.markdown("**Expected effect: none given.** This method has no model of effects.")
        return
    if not plan.known:
        st.markdown("**Expected effect: not known yet.** No patient in this run has had this treatment.")
        return
    if plan.fall is None or plan.net is None:
        st.metric("Chance of reaching the goal", wording.chance(plan), help="In the simulated model.")
        return
    columns = st.columns(3)
    columns[0].metric(
        f"Expected fall, {outcome.horizon}",
        f"{fixed(plan.fall.mean)} {outcome.unit}",
        help=f"Estimate of the average fall of {outcome.label} for patients like this one, learned from simulated "
        f"outcomes, with its 95 % range, made to hold at every look. One person's reading varies by "
        f"{run.environment.problem.noise:g} {outcome.unit} around the average.",
    )
    columns[0].caption(f"Between {interval(plan.fall.low, plan.fall.high)} {outcome.unit}".replace(" to ", " and "))
    columns[1].metric(
        cohort.protocol.feature(outcome.name).label,
        f"{wording.then(plan)} {outcome.unit}",
        help="Today, and as expected.",
    )
    columns[1].caption(f"Goal: below {outcome.goal:.0f} {outcome.unit}")
    columns[2].metric(
        "Net benefit",
        f"{fixed(plan.net.mean)} {outcome.unit}",
        help=f"{words.capital(wording.NET_BENEFIT)}. Declared, not learned; methods are compared on this number.",
    )
    columns[2].caption(words.capital(wording.price(cohort, plan.price)))
    patients = "patient" if plan.given == 1 else "patients"
    st.caption(f"Learned from {plan.given:,} {patients} with this treatment in this run")


def _why(cohort: Cohort, shown: live.ShownPlan, si: bool) -> str:
    """The reason for this plan, and advice that was not followed; before the first outcome, whose plan it is."""
    plan = shown.summary
    if shown.decision.adopted and not plan.learned and shown.record is None:
        return (
            "The method has no outcomes yet, so it asked: **this is the advisor's plan.** Press *+10* to let it learn."
        )
    refused = plan.advice is not None and not plan.advice.taken
    return reasons.why(plan) + (f" *Advice:* {wording.advice(cohort, plan, si)}" if refused else "")


def _hand_out(cohort: Cohort, plan: PlanSummary, run: LiveRun, si: bool) -> None:
    """The plan on one sheet in plain words, made on demand."""

    def sheet() -> bytes:
        from libra_core.report.handout import handout_for
        from libra_core.report.write import to_bytes

        return to_bytes(handout_for(cohort, plan, run.config_hash, run.spec.seed, si), "pdf")

    text = "The plan in plain words and large type, marked as a simulation."
    download("Sheet for the patient (PDF)", sheet, "plan.pdf", Key.HAND_OUT, icon=":material/print:", help=text)


def _outcome(cohort: Cohort, shown: live.ShownPlan, run: LiveRun) -> None:
    record = shown.record
    if record is None:
        label = "Treat this patient (simulated)"
        st.button(label, key=Key.TREAT, on_click=live.treat, args=(shown.row,), icon=":material/play_circle:")
        return
    found = what_came(cohort, shown.row, record.decision.arm, record.outcome, run.unit)
    best = (
        f"The best plan for this patient would have gained {record.regret:.1f} {run.unit} more on average."
        if record.regret >= 0.05
        else "No plan would have been better for this patient on average."
    )
    came = words.capital(wording.came(cohort, found))
    st.markdown(f":violet-badge[:material/casino: Simulated outcome] {came}. {best}")


def run_so_far(cohort: Cohort, session: live.DisplayedRun) -> None:
    """The benefit lost so far, one point for each patient; the advisor's questions and account; the model's fit."""
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
                help="Almost always at first, less often later: see the page Regret.",
                width="content",
            )
        if rows:
            asked = [row.decision.asked for row in rows]
            show(charts.regret_so_far([row.cumulative for row in rows], asked, unit), "regret-so-far")
        else:
            st.info(
                "No patient has been treated yet. Press **Next patient**, or **Play**, and watch the method learn.",
                icon=":material/touch_app:",
            )
        recommend_trial.trial(session.run)
        recommend_trust.trust(cohort, session.run)
        fit.fit(cohort, session.run)
        st.caption(
            f"Simulated outcomes · seed {session.run.spec.seed} · settings {session.run.config_hash}"
            + (f" · the run ends at {live.LONGEST:,} patients" if session.finished else "")
        )


def details(cohort: Cohort, shown: live.ShownPlan, session: live.DisplayedRun, si: bool) -> None:
    """Details of the plan, one tab for each question that a clinician asks."""
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
