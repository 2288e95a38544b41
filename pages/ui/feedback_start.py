"""Begin a session, or go on with one."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from libra_core.policies import REGISTRY
from libra_core.records import RecordsError, SessionInfo, SessionSpec, digest_of
from libra_core.records.spec import CLINICIAN
from libra_core.study.live import live_config
from libra_core.study.spec import cohort_key
from pages.ui import access, advice, current, loaders
from pages.ui.feedback_state import Key, feedback_state, open_session, value

MODES = {"every": "I decide every patient", "unsure": "Ask me only when unsure"}
OUTCOMES = {"simulated": "Simulated at once", "later": "Entered later by a person"}
EXPERIENCE = {0: "None: it starts new", 300: "300 simulated patients", 1000: "1,000 simulated patients"}
LISTED = 12


def form() -> None:
    """The settings of a new session, with defaults that need no thought."""
    cohort = current.cohort()
    policies = {n: p for n, p in loaders.policies().items() if n not in ("oracle", "random")}
    with st.container(border=True, key="new-session"):
        st.markdown("#### New session")
        st.caption(f"Patients come from the cohort in use: {cohort.label}. Another one is chosen on the page *Cohort*.")
        a, b, c = st.columns(3)
        mode = a.radio("How you take part", list(MODES), format_func=MODES.get, key=Key.MODE)
        unsure = mode == "unsure"
        able = [n for n in policies if not unsure or hasattr(REGISTRY[n], "width_threshold")]
        policy = b.selectbox(
            "Method", able, able.index("libra"), format_func=lambda n: policies[n].label, key=Key.POLICY
        )
        advisor = c.selectbox(
            "Its advisor",
            [CLINICIAN] if unsure else advice.choices(),
            format_func=lambda n: "You" if n == CLINICIAN else advice.label(n),
            index=0 if unsure else advice.choices().index("guideline"),
            key=f"{Key.ADVISOR}_{mode}",
            disabled=unsure or not policies[policy].needs_advisor,
        )
        blinded = a.toggle(
            "I choose first",
            value=not unsure,
            key=f"{Key.BLINDED}_{mode}",
            disabled=unsure,
            help="You choose before the proposal is shown. Both choices are kept: the difference shows how much the "
            "proposal moved you.",
        )
        outcomes = b.selectbox("Outcomes", list(OUTCOMES), format_func=OUTCOMES.get, key=Key.OUTCOMES)
        warm = c.selectbox(
            "What the method has learned before",
            list(EXPERIENCE),
            index=2 if unsure else 0,
            format_func=EXPERIENCE.get,
            key=f"{Key.WARM_UP}_{mode}",
        )
        planned = a.number_input("Patients", 1, 500, 30, key=Key.PLANNED)
        seed = b.number_input("Seed", 0, 10**6, 0, key=Key.SEED, help="The same seed: the same patients, same order.")
        name = c.text_input("Name of the session", key=Key.NAME, max_chars=80, placeholder="optional")
        config = live_config(cohort.protocol)
        if unsure:
            width = a.number_input(
                f"Ask when the range is wider than ({cohort.protocol.outcome.unit})", 0.5, 60.0, 4.0, 0.5, key=Key.WIDTH
            )
            config = replace(config, width_threshold=float(width))
        spec = SessionSpec(
            cohort_key(cohort),
            digest_of(cohort),
            cohort.protocol.name,
            policy=policy,
            companions=tuple(n for n in ("glrb", "guideline") if n != policy),
            advisor=advisor,
            mode=mode,
            blinded=blinded and not unsure,
            outcomes=outcomes,
            seed=int(seed),
            planned=int(planned),
            warm_up=int(warm),
            config=config,
        )
        label = "Start the session"
        st.button(
            label, type="primary", key=Key.START, on_click=_start, args=(spec, name), icon=":material/play_arrow:"
        )


def _start(spec: SessionSpec, name: str) -> None:
    state = feedback_state()
    try:
        session = access.repository().begin(spec, name or value(Key.NAME) or "")
    except (RecordsError, ValueError) as error:
        state.problem = str(error)
        return
    open_session(session.id)


def sessions() -> None:
    """One's own sessions (a lead: all of the study), the newest first, each with a way back in."""
    who = access.actor()
    found = access.repository().sessions()
    if not found:
        st.info("No session yet. Start one: every step is kept, and you can go on tomorrow.", icon=":material/history:")
        return
    st.markdown("#### Go on with a session")
    for session in found[:LISTED]:
        with st.container(border=True):
            text, button = st.columns([7, 3], vertical_alignment="center")
            text.markdown(_line(session, who.id))
            button.button(
                "Resume" if session.owner == who.id else "Look",
                key=f"fb_open_{session.id}",
                on_click=open_session,
                args=(session.id,),
                icon=":material/resume:" if session.owner == who.id else ":material/visibility:",
            )
    if len(found) > LISTED:
        st.caption(f"The newest {LISTED} of {len(found)} sessions. The others are in the export on *Results*.")


def _line(session: SessionInfo, me: str) -> str:
    from pages.ui.cards import plain

    spec = session.spec
    owner = "" if session.owner == me else f" · {plain(session.owner)}"
    how = "asked when unsure" if spec.mode == "unsure" else "blinded first choice" if spec.blinded else "open card"
    return (
        f"**{plain(session.name)}**{owner}  \n:small[{REGISTRY[spec.policy].label} · {how} · {spec.planned} patients · "
        f"seed {spec.seed} · begun {session.created_at[:16].replace('T', ' ')} UTC]"
    )
