"""Behind a plan: contributions, ranked alternatives, every treatment, limits, and the log of the run."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from libra_core.cohort import Cohort
from libra_core.policies import ArmOption
from libra_core.spreadsheet import csv_bytes
from libra_core.study.live import LiveRun
from pages.ui.draw import charts, words
from pages.ui.draw.show import figure as show
from pages.ui.recommend import optimality as check
from pages.ui.session import live
from pages.ui.session.state import Key

NOT_KNOWN = "not known yet"
ENOUGH = 200  # patients; with fewer, the parts of an estimate are mostly chance
LOGGED = 200  # lines of the log on the page; the download has them all


def why(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> None:
    """What each fact about the patient adds to the expected benefit."""
    labels, values = words.contributions(cohort, shown.decision, si)
    if not labels:
        st.info(
            "Nothing has been learned about this treatment yet. **+10** above treats ten patients; then each fact "
            "about the patient gets its part. A method that keeps no model never has any.",
            icon=":material/info:",
        )
        return
    n = _learned(shown, run)
    show(charts.contributions(labels, values, run.unit, sure=n >= ENOUGH), "contributions")
    early = "" if n >= ENOUGH else f"**After {n:,} patients much of this is chance, hence grey: it is no finding.** "
    st.caption(
        f"{early}What the method believes now. Each bar is compared with an average patient; together they make the "
        "expected net benefit. A star marks a value that was assumed, not measured. Learned from simulated outcomes."
    )
    if any("self-reported" in label for label in labels):
        st.caption(
            "Self-reported race stands for averages in trials, whose ranges overlap by more than nine tenths. It is "
            "never a rule here; *About* has the source."
        )


def ranked(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> None:
    """The proposed plan and the alternatives, with the range that the data leave open."""
    if not words.has_estimate(shown.decision):
        st.info("This method keeps no model, so it cannot rank the alternatives.", icon=":material/info:")
        return
    if not _learned(shown, run):
        st.info("Nobody has been treated yet, so nothing is known about any option.", icon=":material/info:")
        return
    found = words.options(cohort, shown.decision, si)
    labels = [f"{'Proposed: ' if o.proposed else ''}{o.label}" for o in found]
    seen = Counter(row.decision.arm for row in run.rows)
    tried = [seen[o.arm] > 0 or o.arm == 0 for o in found]
    show(
        charts.options(
            labels, [o.mean for o in found], [o.low for o in found], [o.high for o in found], run.unit, tried
        ),
        "options",
    )
    plans = pd.DataFrame(
        {
            "Option": labels,
            f"Net benefit, {run.unit}": [
                _range(o.mean, o.low, o.high) if known else NOT_KNOWN for o, known in zip(found, tried, strict=True)
            ],
            "Habits": [o.plan for o in found],
        }
    )
    st.table(plans, border="horizontal", hide_index=True)
    if found[0].mean < max(o.mean for o in found):
        st.markdown(f"The proposed plan does not have the highest expectation. {words.WHY[shown.decision.reason]}")
    st.caption(
        "Dot: expected; bar: 95 % credible interval. Bars that overlap leave the order open. They shrink as more "
        "patients are treated. A hollow dot: nobody has had this treatment yet, so its place says nothing."
    )
    check.button(run, shown.row)


def therapies(cohort: Cohort, shown: live.View, run: LiveRun, si: bool) -> None:
    """Every treatment for this patient: by itself, and with its best change of habits."""
    if not words.has_estimate(shown.decision):
        st.info("This method keeps no model of what each treatment would do.", icon=":material/info:")
        return
    reasons: dict[int, list[str]] = {}
    for block in cohort.blocked(shown.row):
        reasons.setdefault(block.arm, []).append(block.reason)
    seen = Counter(row.decision.arm for row in run.rows)
    known = _learned(shown, run)
    rows = [
        _therapy(cohort, shown.row, o, reasons.get(o.arm, []), seen[o.arm], run, si) for o in shown.decision.options
    ]
    table = pd.DataFrame(rows)
    st.table(table if known else table.iloc[:, [0, -2, -1]], border="horizontal", hide_index=True)
    if not known:
        st.caption("Effects are shown once somebody has been treated: nothing is known about any treatment yet.")
        return
    st.caption(
        f"After {cohort.protocol.outcome.horizon}, with the range left open; simulated. Net benefit is the fall "
        "less what side effects, monitoring and pills are worth: **higher is better**, below 0 is worse than no change."
    )


def _learned(shown: live.View, run: LiveRun) -> int:
    """How many patients the decision on show has learned from."""
    return len(run.rows) if shown.record is None else shown.record.t - 1


def _therapy(
    cohort: Cohort, row: int, option: ArmOption, reasons: list[str], seen: int, run: LiveRun, si: bool
) -> dict[str, str]:
    out, unit, price = not option.eligible, run.unit, cohort.protocol.price(cohort.values[row], option.arm)
    known = not out and (seen > 0 or option.arm == 0)
    line = {"Treatment": words.treatment(cohort, option.arm)}
    if unit == cohort.protocol.outcome.unit:
        fall = _range(option.mean + price, option.low + price, option.high + price)
        line[f"Expected fall with habits, {unit}"] = fall if known else NOT_KNOWN if not out else "–"
    best = _range(option.mean, option.low, option.high)
    alone = _range(option.mean_unchanged, option.low_unchanged, option.high_unchanged)
    return line | {
        f"Net benefit with habits, {unit}": best if known else NOT_KNOWN if not out else "–",
        f"Net benefit alone, {unit}": alone if known else NOT_KNOWN if not out else "–",
        "Change of habits": "–" if out else words.plan_text(cohort, option.delta, si),
        "Patients so far": f"{seen:,}",
        "Not possible because": "; ".join(reasons),
    }


def _range(mean: float, low: float, high: float) -> str:
    return f"{mean:.0f} ({low:.0f} to {high:.0f})".replace("-0 ", "0 ").replace("-0)", "0)").replace("-", "−")


def log(cohort: Cohort, session: live.Live, si: bool) -> None:
    """Every patient treated in this run, the last one first, and the download."""
    rows = session.run.rows
    if not rows:
        st.info("The log fills as patients are treated.", icon=":material/list:")
        return
    unit = session.run.unit
    table = pd.DataFrame([_entry(cohort, row, unit, si) for row in reversed(rows[-LOGGED:])])
    st.dataframe(table, hide_index=True, height=320, alt="Log of the run")
    st.download_button(
        "Download the run (CSV)",
        lambda: csv_bytes(pd.DataFrame([_entry(cohort, row, unit, si) | _provenance(session) for row in rows])),
        f"libra-run-{session.run.config_hash}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=Key.RUN_CSV,
    )


def _entry(cohort: Cohort, row: live.LiveRow, unit: str, si: bool) -> dict[str, object]:
    decision = row.decision
    return {
        "No.": row.t,
        "Patient": cohort.ids[row.row],
        "Treatment": words.treatment(cohort, decision.arm),
        "Change of habits": words.plan_text(cohort, decision.delta, si),
        f"Expected benefit, {unit}": round(decision.mean, 1) if words.has_estimate(decision) else None,
        f"Simulated benefit, {unit}": round(row.outcome, 1),
        f"Benefit lost, {unit}": round(row.regret, 1),
        f"Lost so far, {unit}": round(row.cumulative, 1),
        "Asked": "yes" if decision.asked else "no",
        "Advice followed": "yes" if decision.adopted else "no",
        "Reason": str(decision.reason.value),
    }


def _provenance(session: live.Live) -> dict[str, object]:
    spec = session.run.spec
    return {
        "Method": spec.policies[0],
        "Advisor": spec.advisor,
        "Seed": spec.seed,
        "Settings": spec.hash,
        "Advisor re-admitted after patient": ", ".join(map(str, session.run.readmitted)),
        "Outcomes": "simulated",
    }
