"""The live screen of the case study: the stored study's first run, patient by patient. The address holds the
number of patients, so that the run is restored after a restart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from libra_core.report.case import CaseStudy
from libra_core.report.document import Chart, Line, Section
from libra_core.report.measures import policy
from libra_core.report.wording import factor, habits, headline, per_patient
from libra_core.report.words.reasons import why
from libra_core.study.case import LIBRA
from libra_core.study.live import LiveRun
from libra_core.study.metrics import band
from libra_core.summary import summarise
from pages.ui.case_study import view as case_view
from pages.ui.draw.cards import escaped
from pages.ui.draw.show import heartbeat
from pages.ui.session.address import whole
from pages.ui.session.live import SPEEDS, DisplayedRun
from pages.ui.session.state import Slot, si_units, widget

SETTLED = 10  # patients: an average of fewer says nothing
LONGEST = 500  # displayed patients: enough to see the curve bend
AT = "at"

RUN: Slot[DisplayedRun] = Slot("case")


def patients() -> int:
    """The number of treated patients in the address."""
    return min(whole(AT) or 0, LONGEST)


def current(case: CaseStudy) -> DisplayedRun:
    """This session's run, at the number of patients in the address: the same seed gives the same outcomes."""
    mine = RUN.get()
    if mine is None or mine.study != case.main.hash or len(mine.run.rows) > patients():
        mine = DisplayedRun(case.start_run(), LONGEST, study=case.main.hash)
        RUN.put(mine)
    while len(mine.run.rows) < patients():
        mine.run.step()
    return mine


def advance(n: int) -> None:
    st.query_params[AT] = str(min(patients() + n, LONGEST))


def reset() -> None:
    """No patient treated, not playing, normal speed."""
    st.query_params.pop(AT, None)
    RUN.put(None)
    st.session_state["case_play"] = False
    st.session_state["case_speed"] = "Normal"


def screen(section: Section, case: CaseStudy) -> None:
    """Head and buttons stay; the part below updates with each tick."""
    case_view.head(section)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="case-player"):
        st.button("Next patient", key="case_step", icon=":material/skip_next:", on_click=advance, args=(1,))
        st.button("+10", key="case_step_ten", on_click=advance, args=(10,))
        playing = st.toggle("Play", key="case_play") and patients() < LONGEST
        speed = st.segmented_control(
            "Speed", list(SPEEDS), default="Normal", required=True, key="case_speed", label_visibility="collapsed"
        )
    st.fragment(_moving, run_every=SPEEDS[speed][1] if playing else None)(case, section)


def _moving(case: CaseStudy, section: Section) -> None:
    if widget("case_play", False):
        advance(current(case).due(widget("case_speed") or "Normal"))
    now = current(case)
    left, right = st.columns([5, 7], gap="large")
    with left:
        _plan(case, section, now.run)
    with right:
        case_view.draw(_chart(case, now.run), "live")
    heartbeat("case-patients", len(now.run.rows))


def _plan(case: CaseStudy, section: Section, run: LiveRun) -> None:
    """The last patient: plan, reason, and the benefit lost so far."""
    if not run.rows:
        case_view.points(replace(section, points=section.points[:2]))  # the plan and the best one; all must fit a wall
        st.markdown("Press **Next patient** or **Play** to watch the method learn from scratch.")
        return
    row, cohort = run.rows[-1], case.cohort
    decision = row.decision
    shown = summarise(cohort, decision, run.evidence(row))
    st.markdown(f"**Patient {row.t}** ({escaped(shown.patient)}): {escaped(headline(cohort, shown.arm))}")
    st.markdown(f"with {escaped(habits(cohort, shown.delta, si_units()))}.")
    st.markdown(escaped(why(shown)))
    asked, scale = sum(r.decision.asked for r in run.rows), factor(run.unit)
    one, two = st.columns(2)
    one.metric(
        f"Benefit lost, {per_patient(run.unit)}",
        f"{scale * row.cumulative / row.t:.1f}",
        help="Simulated: what the best plan for each patient would have added, on average so far.",
    )
    two.metric("Advisor asked", f"{asked} of {len(run.rows)}")
    st.caption(f"Simulated outcomes · seed {run.spec.seed} · study {case.main.hash}")


def _chart(case: CaseStudy, run: LiveRun) -> Chart:
    """This run over the mean of all runs of the stored study: averages so far, from where they have settled."""
    study, reach, scale = case.main.result, max(100, len(run.rows)), factor(run.unit)
    t = np.asarray(study.t, float)
    keep = (t <= 1.05 * reach) & (t >= SETTLED)
    mean, low, high = (v[keep] for v in band(scale * policy(study, LIBRA).regret / t))
    lines = [Line(f"Mean of {study.spec.replicates} stored runs", t[keep], mean, low, high)]
    if rows := [row for row in run.rows if row.t >= SETTLED]:
        x, lost = np.array([(row.t, scale * row.cumulative / row.t) for row in rows], float).T
        lines.insert(0, Line("LIBRA, this run", x, lost))
    said = f"{scale * run.rows[-1].cumulative / len(run.rows):.1f}" if run.rows else "nothing yet"
    alt = f"Benefit lost, {per_patient(run.unit)}, over {len(run.rows)} patients: {said}"
    return Chart(alt, "Patients treated", f"Benefit lost ({per_patient(run.unit)})", tuple(lines))
