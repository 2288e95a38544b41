"""Behind the decision: every treatment for this patient, and what every method of the session proposed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from libra_core.policies import REGISTRY, Decision
from libra_core.records import SessionLog
from libra_core.records.ledger import CaseFile
from pages.ui.draw import words
from pages.ui.feedback.plan import whole
from pages.ui.session.state import si_units


def therapies(sitting: SessionLog, case: CaseFile, hidden: bool) -> None:
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
        if not hidden and option is not None and not sitting.has_seen(k):
            row |= {f"Alone, {unit}": "not known yet" if eligible[k] else "–"}
        elif not hidden and option is not None:
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
        else f"Expected net benefit in {unit}, higher is better, with its range; simulated. It is the fall less what "
        "side effects, monitoring and pills are worth."
    )


def _range(mean: float, low: float, high: float) -> str:
    return f"{whole(mean)} ({whole(low)} to {whole(high)})"


def _of(sitting: SessionLog, decision: Decision) -> str:
    if np.isnan(decision.mean):
        return "–"
    known = sitting.has_seen(decision.arm)
    return _range(decision.mean, decision.low, decision.high) if known else "not known yet"


def methods(sitting: SessionLog, case: CaseFile, hidden: bool) -> None:
    """What every method of the session proposed for this patient. Not shown while the proposal is hidden."""
    assert not hidden
    rows = [
        {
            "Method": REGISTRY[name].label,
            "Treatment": words.treatment(sitting.cohort, decision.arm),
            "Change of habits": words.plan_text(sitting.cohort, decision.delta, si_units()),
            f"Net benefit, {sitting.engine.problem.reward_unit}": _of(sitting, decision),
        }
        for name, decision in case.shown.items()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
