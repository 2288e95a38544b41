"""What each advisor has earned, for a method that keeps an account of it."""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.report.words.trust import sentences, who
from libra_core.study.live import LiveRun
from pages.ui.draw.cards import escaped

HELP = (
    "LIBRA keeps two accounts of an advisor. What its answers taught is compared with outcomes, as odds. Whether an "
    "answer is followed depends on how answers did beside the method's own plans."
)


def trust(cohort: Cohort, run: LiveRun) -> None:
    """Nothing for a method that keeps no account. One advisor has a short list, several have a line each."""
    found = run.trusts
    if not found:
        return
    st.markdown("**Trust in the advisor**" if len(found) == 1 else "**Trust in the advisors**", help=HELP)
    if len(found) == 1:
        lines = [escaped(text) for text in sentences(cohort, found[0])]
    else:
        lines = [f"**{escaped(who(each))}.** {escaped(' '.join(sentences(cohort, each)))}" for each in found]
    st.caption("\n".join(f"- {line}" for line in lines))
