"""The state of the advisor's trial: verdict, evidence, and the button to ask the advisor again."""

from __future__ import annotations

import streamlit as st

from libra_core.digits import signed
from libra_core.policies.trial import TrialReport
from libra_core.study.live import LiveRun
from pages.ui.session import live
from pages.ui.session.state import Key


def trial(run: LiveRun) -> None:
    """Nothing for a method without a trial."""
    found = run.trial
    if found is None:
        return
    if found.dismissed:
        st.warning(
            "**Verdict: the advisor failed its trial** and is no longer asked. " + _evidence(found),
            icon=":material/gavel:",
        )
        st.button(
            "Ask this advisor again",
            key=Key.READMIT,
            on_click=live.readmit,
            icon=":material/undo:",
            help="Your decision: the trial restarts. The run's log records after which patient.",
        )
    else:
        st.markdown(f"**Trial of the advisor: no verdict yet.** {_evidence(found)}")
    st.caption(_groups(found, run.unit))


def _evidence(found: TrialReport) -> str:
    return (
        f"Evidence that following it does harm: {found.evidence:.1f}. It starts at 1 and the advisor is dismissed at "
        f"{found.needed:.0f}, which happens to a harmless advisor with a probability of at most {1 / found.needed:.0%}."
    )


def _groups(found: TrialReport, unit: str) -> str:
    """The two randomised groups, on the scale of outcome minus prediction."""
    groups = (("followed", found.adopted, found.adopted_mean), ("withheld", found.withheld, found.withheld_mean))
    said = [f"{name} {n:,} times" + (f" ({signed(mean)} {unit})" if n else "") for name, n, mean in groups]
    return (
        f"Advice worth following was {' and '.join(said)}, at random. In brackets: the average outcome minus the "
        "prediction for the method's own plan."
    )
