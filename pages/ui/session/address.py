"""The address of the displayed run: opened again, after a reload or elsewhere, it shows the same patient.

Outcomes follow from the seed, so method, advisor, seed and the number of patients are enough, as long as the cohort is
one of ours and the patients came in turn. A run for which that is not so has no address, and a reload starts anew. Nor
has one with values of one's own, or with a language model: opening an address must never send a question out.
"""

from __future__ import annotations

import streamlit as st

from libra_core.cohort import Cohort
from libra_core.policies import REGISTRY
from pages.ui.session import advice, current, live
from pages.ui.session.state import Key, app_state

METHOD, ADVISOR, SEED, TREATED = NAMES = ("method", "advisor", "seed", "treated")
HIGHEST_SEED = 10**6


def write(cohort: Cohort, session: live.DisplayedRun) -> None:
    """Write the run's position to the address."""
    policy, advisor, seed = live.settings()
    treated = len(session.run.rows)
    plain = session.in_turn and not live.limits(cohort) and not live.own_values(cohort) and advisor != advice.MODEL
    if not treated or not plain or app_state().source == current.UPLOADED:
        for name in NAMES:
            st.query_params.pop(name, None)
        return
    wanted = {METHOD: policy, ADVISOR: advisor, SEED: str(seed), TREATED: str(treated), "cohort": app_state().source}
    picked = app_state().row
    if picked is not None:
        wanted |= current.address(cohort, picked)
    else:  # treating the next patient deselects this one
        st.query_params.pop("patient", None)
    if any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)
    app_state().asked = wanted["cohort"], wanted.get("patient", "")  # written by the page, not requested


def follow(cohort: Cohort) -> None:
    """Bring a new session to the position in the address, once. An invalid address is ignored."""
    state = app_state()
    followed, state.followed = state.followed, True
    if followed or live.RUN.get() is not None or TREATED not in st.query_params:
        return
    policy, advisor = st.query_params.get(METHOD, ""), st.query_params.get(ADVISOR, "")
    seed, treated = whole(SEED), whole(TREATED)
    known = policy in list(REGISTRY) and advisor in advice.choices() and advisor != advice.MODEL
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
