"""Details of a plan: contributions, ranked alternatives, every treatment, and the log of the run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from libra_core.cohort import Cohort
from libra_core.report import wording
from libra_core.report.words import reasons
from libra_core.report.worth import own_values
from libra_core.spreadsheet import csv_bytes
from libra_core.study.live import LiveRow, LiveRun
from libra_core.summary import ArmSummary
from pages.ui.draw import charts, words
from pages.ui.draw.show import download
from pages.ui.draw.show import figure as show
from pages.ui.recommend import optimality as check
from pages.ui.session import live
from pages.ui.session.state import Key

ENOUGH = 200  # patients; with fewer, contributions are mostly chance
LOGGED = 200  # lines of the log on the page; the download has them all


def why(cohort: Cohort, shown: live.ShownPlan, run: LiveRun, si: bool) -> None:
    """The contribution of each fact about the patient to the expected benefit."""
    labels, values = words.contributions(cohort, shown.decision, si)
    if not labels:
        st.info(
            "Nothing has been learned about this treatment yet. **+10** above treats ten patients; then the "
            "contribution of each fact is shown. A method without a model shows none.",
            icon=":material/info:",
        )
        return
    n = shown.summary.learned
    show(charts.contributions(labels, values, run.unit, sure=n >= ENOUGH), "contributions")
    early = (
        "" if n >= ENOUGH else f"**After {n:,} patients much of this is chance and therefore grey: not a finding.** "
    )
    st.caption(
        f"{early}The method's current estimates. Each bar is relative to an average patient; together they give the "
        "expected fall. A star marks a value that was assumed, not measured. Learned from simulated outcomes."
    )
    if any("self-reported" in label for label in labels):
        st.caption(
            "Self-reported race stands for averages in trials, whose ranges overlap by more than nine tenths. It is "
            "never a rule here; *About* has the source."
        )


def ranked(cohort: Cohort, shown: live.ShownPlan, run: LiveRun, si: bool) -> None:
    """The proposed plan and the alternatives, with their intervals."""
    plan = shown.summary
    if not plan.has_model:
        st.info("This method has no model, so it cannot rank the alternatives.", icon=":material/info:")
        return
    if not plan.learned:
        st.info("No patient has been treated yet, so nothing is known about any option.", icon=":material/info:")
        return
    lines, unit = plan.ranking, run.unit
    labels = [f"{'Proposed: ' if o.proposed else ''}{wording.option(cohort, plan, o)}" for o in lines]
    nets, known = [o.net for o in lines], [o.known for o in lines]
    show(
        charts.options(labels, [n.mean for n in nets], [n.low for n in nets], [n.high for n in nets], unit, known),
        "options",
    )
    plans = {
        "Option": labels,
        f"Net benefit, {unit}": [wording.about(o.net if o.known else None) for o in lines],
        "Habits": [wording.habits(cohort, o.delta, si) for o in lines],
    }
    st.table(pd.DataFrame(plans), border="horizontal", hide_index=True)
    if nets[0].mean < max(net.mean for net in nets):
        st.markdown(f"The proposed plan does not have the highest expected benefit. {reasons.why(plan)}")
    st.caption(
        "Dot: expected; bar: 95 % range of the average, made to hold however often one looks and for treatments that "
        "were seldom chosen too. Bars that overlap leave the order open. They shrink as more patients are treated. "
        "A hollow dot: no patient has had this treatment yet, so its position means nothing."
    )
    check.button(run, shown.row)


def therapies(cohort: Cohort, shown: live.ShownPlan, run: LiveRun, si: bool) -> None:
    """Every treatment for this patient: by itself, and with its best change of habits."""
    if not shown.summary.has_model:
        st.info("This method has no model of the treatments' effects.", icon=":material/info:")
        return
    known = shown.summary.learned
    table = pd.DataFrame([_therapy(cohort, line, run.unit, si) for line in shown.summary.arms])
    st.table(table if known else table.iloc[:, [0, -2, -1]], border="horizontal", hide_index=True)
    if not known:
        st.caption("Effects are shown once a patient has been treated: nothing is known about any treatment yet.")
        return
    st.caption(
        f"After {cohort.protocol.outcome.horizon}, with 95 % ranges; simulated. Net benefit is "
        f"{wording.NET_BENEFIT}: **higher is better**, below 0 is worse than no change."
    )


def _therapy(cohort: Cohort, line: ArmSummary, unit: str, si: bool) -> dict[str, str]:
    effects = {"Net benefit with habits": line.net, "Net benefit alone": line.alone}
    if unit == cohort.protocol.outcome.unit:
        effects = {"Expected fall with habits": line.fall, **effects}
    return {
        "Treatment": wording.treatment(cohort, line.arm),
        **{f"{name}, {unit}": wording.about(found) if line.eligible else "–" for name, found in effects.items()},
        "Change of habits": wording.habits(cohort, line.delta, si) if line.eligible else "–",
        "Patients so far": f"{line.given:,}",
        "Not possible because": "; ".join(line.blocked),
    }


def log(cohort: Cohort, session: live.DisplayedRun, si: bool) -> None:
    """Every patient treated in this run, the last one first, and the download."""
    rows = session.run.rows
    if not rows:
        st.info("The log fills as patients are treated.", icon=":material/list:")
        return
    unit = session.run.unit
    table = pd.DataFrame([_entry(cohort, row, unit, si) for row in reversed(rows[-LOGGED:])])
    st.dataframe(table, hide_index=True, height=320, alt="Log of the run")
    made = lambda: csv_bytes(pd.DataFrame([_entry(cohort, row, unit, si) | _provenance(session) for row in rows]))  # noqa: E731
    download("Download the run (CSV)", made, f"libra-run-{session.run.config_hash}.csv", Key.RUN_CSV)


def _entry(cohort: Cohort, row: LiveRow, unit: str, si: bool) -> dict[str, object]:
    decision, what = row.decision, "fall" if unit == cohort.protocol.outcome.unit else "outcome"
    return {
        "No.": row.t,
        "Patient": cohort.ids[row.row],
        "Treatment": wording.treatment(cohort, decision.arm),
        "Change of habits": wording.habits(cohort, decision.delta, si),
        f"Expected {what}, {unit}": round(decision.mean, 1) if np.isfinite(decision.mean) else None,
        f"Simulated {what}, {unit}": round(row.outcome, 1),
        f"Benefit lost, {unit}": round(row.regret, 1),
        f"Lost so far, {unit}": round(row.cumulative, 1),
        "Asked": "yes" if decision.asked else "no",
        "Advice followed": "yes" if decision.adopted else "no",
        "Reason": str(decision.reason.value),
        "Values": own_values(cohort, row.worth) or "as declared",
    }


def _provenance(session: live.DisplayedRun) -> dict[str, object]:
    spec = session.run.spec
    return {
        "Method": spec.policies[0],
        "Advisor": spec.advisor,
        "Seed": spec.seed,
        "Settings": spec.hash,
        "Advisor re-admitted after patient": ", ".join(map(str, session.run.readmitted)),
        "Outcomes": "simulated",
    }
