"""Your values: what a fall, a burden and an indication are worth; the plan follows, nothing is learned."""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.report import wording
from libra_core.study.sensitivity import Sensitivity, sensitivity
from pages.ui.draw import charts
from pages.ui.draw.show import figure as show
from pages.ui.session import live, values
from pages.ui.session.state import Key


def panel(cohort: Cohort, shown: live.ShownPlan, session: live.DisplayedRun) -> None:
    """Sliders beside the plan, and how far each may go before the plan changes; made only while it is open."""
    panel = st.expander("Your values", icon=":material/balance:", key=f"{Key.WORTH}_open", on_change="rerun")
    if not panel.open:
        return
    with panel:
        st.caption(
            "How patients respond is learned; what a response is worth is declared. Move a slider: the plan follows, "
            "and nothing is learned anew. The declared values are assumptions; *About* lists them."
        )
        values.sliders(cohort.protocol, Key.WORTH, live.revalue)
        if found := sensitivity(session.run, shown.row):
            _ranges(cohort, found, shown.summary.due.now)
        else:
            st.caption("For this method no range is worked out in which the plan stays the same.")


def _ranges(cohort: Cohort, found: tuple[Sensitivity, ...], due: bool) -> None:
    st.markdown("**How far each may move before the plan changes**")
    labels = [f"{values.SLIDERS[line.name].short} {_said(line)}" for line in found]
    places = [[_place(line, x) for x in (*line.stays, line.now)] for line in found]
    show(charts.ranges(labels, [(low, high) for low, high, _ in places], [now for *_, now in places]), "value-ranges")
    own = wording.treatment(cohort, next(s.arm for s in found[0].stretches if s.same))
    turns = [text for line in found if (text := _beyond(cohort, line))]
    st.caption(
        f"For the method's own plan, no advisor asked: {own}. Blue: the same drug and habits. Diamond: as it stands. "
        + (" ".join(turns) if turns else "No other drug becomes best on any of these sliders.")
        + (" Treatment is due for this patient, so the first value does not matter here." if due else "")
    )


def _place(line: Sensitivity, value: float) -> float:
    low, high = line.stretches[0].low, line.stretches[-1].high
    return (value - low) / (high - low)


def _said(line: Sensitivity) -> str:
    low, high = (values.said(line.name, end) for end in line.stays)
    return f"({low} to {high})"


def _beyond(cohort: Cohort, line: Sensitivity) -> str:
    """The first other drug on either side."""
    low, high = line.stays
    own = next(s.arm for s in line.stretches if s.same)
    below = [s for s in line.stretches if s.high < low and s.arm != own]
    above = [s for s in line.stretches if s.low > high and s.arm != own]
    turns = [f"at {values.said(line.name, s.high)}: {wording.treatment(cohort, s.arm)}" for s in below[-1:]]
    turns += [f"at {values.said(line.name, s.low)}: {wording.treatment(cohort, s.arm)}" for s in above[:1]]
    return f"{values.SLIDERS[line.name].short} {'; '.join(turns)}." if turns else ""
