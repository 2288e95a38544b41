"""The address of the displayed run: whoever opens it again, after a reload or elsewhere, sees the same patient.

Outcomes follow from the seed, so method, advisor, seed and the number of patients are enough, as long as the cohort is
one of ours and the patients came in turn. A run for which that is not so has no address, and a reload starts anew. Nor
has one with values of one's own, or with a language model: opening an address must never send a question out.
"""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort
from pages.ui.session import advice, current, live, loaders
from pages.ui.session.state import Key, app_state

METHOD, ADVISOR, SEED, TREATED = NAMES = ("method", "advisor", "seed", "treated")
HIGHEST_SEED = 10**6


def write(cohort: Cohort, session: live.DisplayedRun) -> None:
    """Bring the address to where the run stands."""
    policy, advisor, seed = live.settings()
    treated = len(session.run.rows)
    plain = session.in_turn and not live.limits(cohort) and not live.own_values(cohort) and advisor != advice.MODEL
    if not treated or not plain or app_state().source == current.UPLOADED:
        for name in NAMES:
            st.query_params.pop(name, None)
        return
    told = {METHOD: policy, ADVISOR: advisor, SEED: str(seed), TREATED: str(treated), "cohort": app_state().source}
    picked = app_state().row
    if picked is not None:
        told |= current.address(cohort, picked)
    else:  # treating the next patient deselects this one
        st.query_params.pop("patient", None)
    if any(st.query_params.get(name) != value for name, value in told.items()):
        st.query_params.update(told)
    app_state().asked = told["cohort"], told.get("patient", "")  # nobody asked for what the page itself has written


def follow(cohort: Cohort) -> None:
    """Bring a new session to where the address says, once. An address that makes no sense is ignored."""
    state = app_state()
    followed, state.followed = state.followed, True
    if followed or live.RUN.get() is not None or TREATED not in st.query_params:
        return
    policy, advisor = st.query_params.get(METHOD, ""), st.query_params.get(ADVISOR, "")
    seed, treated = whole(SEED), whole(TREATED)
    known = policy in loaders.policies() and advisor in advice.choices() and advisor != advice.MODEL
    if not known or seed is None or treated is None or seed > HIGHEST_SEED or treated > live.LONGEST:
        return
    st.session_state.update({Key.POLICY: policy, Key.ADVISOR: advisor, Key.SEED: seed})
    with st.spinner(f"Treating the {treated:,} patients of this address …"):
        session = live.displayed(cohort)
        for _ in range(treated):
            session.run.step()


def whole(name: str) -> int | None:
    """A whole number from 0 in the address; None where there is none, or one of more than 7 digits."""
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None
