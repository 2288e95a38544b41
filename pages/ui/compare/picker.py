"""Which patient Compare shows: by ID, the next or previous one, in the cohort's order or the most disputed first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from libra_core.arrays import Ints
from libra_core.cohort import Cohort
from pages.ui.compare.methods import GUIDELINE, Methods, surveyed
from pages.ui.session import current
from pages.ui.session.state import Key, app_state, widget

COHORT, APART = "The cohort's order", "Most disagreement first"


def turn_to(cohort: Cohort, row: int) -> None:
    """Show a patient, and say so in the address."""
    current.select(row)
    told = current.address(cohort, row)
    st.query_params.update(told)
    app_state().asked = str(st.query_params.get("cohort", "")), told["patient"]


def find(cohort: Cohort) -> None:
    before = app_state().row
    current.on_find(cohort)
    found = app_state().row
    if found is not None and found != before:
        turn_to(cohort, found)


def picker(cohort: Cohort, row: int, known: Methods, names: Sequence[str]) -> str:
    """The controls above the table; the column from which differences are marked."""
    possible = [COHORT, APART] if known.learned else [COHORT]
    by = widget("compare_order", COHORT)
    found = surveyed(cohort, known) if by == APART and APART in possible else None
    order: Ints = np.asarray(cohort.arrivals, np.int64) if found is None else found.most_apart()
    here = np.flatnonzero(order == row)
    place = int(here[0]) if len(here) else -1
    previous, following = int(order[max(place - 1, 0)]), int(order[min(place + 1, len(order) - 1)])
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="compare-picker"):
        st.text_input(
            "Find a patient by ID",
            key=Key.FIND,
            on_change=find,
            args=(cohort,),
            placeholder="Find a patient by ID",
            label_visibility="collapsed",
            width=210,
        )
        for name, to in (("Previous", previous), ("Next", following)):
            st.button(name, key=f"compare_{name.lower()}", on_click=turn_to, args=(cohort, to), disabled=to == row)
        counted = f"patient {place + 1:,} of {len(order):,}" if place >= 0 else "not in the simulation"
        st.markdown(f":small[{counted}]", width="content")
        st.selectbox(
            "Order", possible, key="compare_order", persist_state="session", label_visibility="collapsed", width=240
        )
        base = st.selectbox(
            "Mark what differs from",
            names,
            names.index(GUIDELINE),
            format_func=lambda name: f"≠ marks what differs from: {name}",
            key="compare_base",
            label_visibility="collapsed",
        )
    problem, app_state().not_found = app_state().not_found, ""
    if problem:
        st.warning(problem, icon=":material/person_search:")
    return str(base)
