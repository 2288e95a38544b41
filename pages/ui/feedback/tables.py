"""Details: every treatment for this patient, and the proposals of all methods of the session."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from libra_core.policies import REGISTRY
from libra_core.records import SessionLog
from libra_core.records.ledger import CaseFile
from libra_core.report import wording
from libra_core.summary import PlanSummary, summarise
from pages.ui.session.state import si_units


def therapies(log: SessionLog, case: CaseFile, hidden: bool) -> None:
    """Every treatment for this patient: alone, with its best change of habits, and any contraindication."""
    cohort, unit = log.cohort, log.engine.problem.reward_unit
    shown = summarise(cohort, case.shown[log.info.spec.policy], log.evidence)
    effects = {line.arm: line for line in shown.arms}
    blocked: dict[int, list[str]] = {}
    for block in cohort.blocked(case.row):
        blocked.setdefault(block.arm, []).append(block.reason)
    rows = []
    for k in range(log.engine.problem.n_arms):
        row, line = {"Treatment": wording.treatment(cohort, k)}, effects.get(k)
        if line is not None and not hidden:
            row[f"Alone, {unit}"] = wording.about(line.alone) if line.eligible else "–"
            row[f"With habits, {unit}"] = wording.about(line.net) if line.eligible else "–"
            row["Change of habits"] = wording.habits(cohort, line.delta, si_units()) if line.eligible else "–"
        rows.append(row | {"Not possible because": "; ".join(blocked.get(k, []))})
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    st.caption(
        "What the method expects is hidden until you have chosen."
        if hidden
        else f"Expected net benefit in {unit} with its range; simulated, higher is better: {wording.NET_BENEFIT}."
    )


def methods(log: SessionLog, case: CaseFile, hidden: bool) -> None:
    """The proposal of every method of the session. Not shown while the proposal is hidden."""
    assert not hidden
    plans = {name: summarise(log.cohort, decision, log.evidence) for name, decision in case.shown.items()}
    rows = [
        {
            "Method": REGISTRY[name].label,
            "Treatment": wording.treatment(log.cohort, plan.arm),
            "Change of habits": wording.habits(log.cohort, plan.delta, si_units()),
            f"Net benefit, {plan.unit}": _net(plan),
        }
        for name, plan in plans.items()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _net(plan: PlanSummary) -> str:
    return wording.about(plan.net) if plan.has_model else "–"
