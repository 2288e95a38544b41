"""The limits of each habit for a patient, contraindications, and optional limits."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from libra_core.clinical import Limit
from libra_core.cohort import Cohort
from libra_core.report import wording
from libra_core.study.live import LiveRun
from pages.ui.draw import words
from pages.ui.session import live


def limits(cohort: Cohort, shown: live.ShownPlan, run: LiveRun, si: bool) -> None:
    """Habits on the left, excluded treatments on the right, optional limits below."""
    protocol = cohort.protocol
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**Habits: how far each may change**")
        moved = zip(cohort.limits(shown.row, si), protocol.change(shown.decision.delta), strict=True)
        rows = [_habit(cohort, shown.row, limit, float(change), si) for limit, change in moved]
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
        st.caption(f"At most {protocol.feasible.max_changes} habits in one plan. \\* assumed, not measured.")
    with right:
        st.markdown("**Treatments ruled out before anything was computed**")
        blocks = cohort.blocked(shown.row)
        if not blocks:
            st.markdown("None, as far as recorded.")
        for block in blocks:
            st.markdown(f"- {wording.treatment(cohort, block.arm)}: {block.reason}. :small[{block.source}]")
        if missing := [wording.fact(cohort, name) for name in shown.summary.unrecorded]:
            st.markdown(f":material/visibility_off: **Not recorded, so not excluded:** {', '.join(missing)}.")
    _own(cohort)


def _own(cohort: Cohort) -> None:
    """The protocol's further limits, off by default."""
    if not cohort.protocol.linear_limits:
        return
    st.markdown("**Optional limits**")
    for limit in cohort.protocol.linear_limits:
        st.toggle(
            limit.text,
            key=live.limit_key(limit.name),
            on_change=live.reset,
            help=f"{limit.source[:1].upper()}{limit.source[1:]}.",
            persist_state="session",
        )
    st.caption("Switching one starts a new run, in which every plan respects it, also the best possible one.")


def _habit(cohort: Cohort, row: int, limit: Limit, change: float, si: bool) -> dict[str, str]:
    feature = cohort.protocol.feature(limit.feature)
    largest = max(-limit.lo, limit.hi)
    reached = largest > 0 and abs(change) >= 0.995 * largest
    return {
        "Habit": feature.label,
        "Now": words.value(cohort, row, limit.feature, si).replace("*", "\\*"),
        "In the plan": feature.display_change(change, si).removeprefix(feature.label_inside).lstrip(": "),
        "Limit": f"**reached:** {limit.text}" if reached else limit.text,
    }
