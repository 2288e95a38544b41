"""Start a session, or resume one."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from libra_core.policies import RECOMMENDED, REGISTRY
from libra_core.records import RecordsError, SessionInfo, SessionSpec
from libra_core.records.spec import CLINICIAN
from libra_core.study.live import live_config
from libra_core.study.spec import cohort_key, inputs_digest
from pages.ui.draw.cards import escaped
from pages.ui.feedback.state import Key, feedback_state, open_session
from pages.ui.session import access, advice, current, loaders, values
from pages.ui.session.state import widget

MODES = {"every": "I decide every patient", "unsure": "Ask me only when unsure"}
OUTCOMES = {"simulated": "Simulated at once", "later": "Entered later"}
OFTEN = {8.0: "rarely", 4.0: "sometimes", 2.0: "often"}  # asked if the bounds are further apart, outcome's units
EXPERIENCE = {0: "None", 300: "300 simulated patients", 1000: "1,000 simulated patients"}
LISTED = 12


def form() -> None:
    """The settings of a new session, with sensible defaults."""
    cohort = current.cohort()
    with st.container(border=True, key="new-session"):
        st.markdown("#### New session")
        here = escaped(cohort.label)
        st.caption(f"Patients come from the cohort in use: {here}. Choose another one on the page *Cohort*.")
        a, b = st.columns(2, gap="medium")
        mode = a.radio("How you take part", list(MODES), format_func=MODES.get, key=Key.MODE)
        unsure = mode == "unsure"
        planned = b.number_input("Patients", 1, 500, 30, key=Key.PLANNED)
        config = live_config(cohort.protocol)
        if unsure:
            unit = cohort.protocol.outcome.unit
            width = a.select_slider(
                "How often you are asked",
                list(OFTEN),
                4.0,
                format_func=OFTEN.get,
                key=Key.WIDTH,
                help=f"The method asks when its confidence bounds are more than 8, 4 or 2 {unit} apart.",
            )
            config = replace(config, width_threshold=float(width))
        blinded = not unsure and a.toggle(
            "I choose first",
            value=True,
            key=Key.BLINDED,
            help="You choose before the proposal is shown. Both choices are kept: the difference shows how much the "
            "proposal influenced you.",
        )
        name = b.text_input("Name of the session", key=Key.NAME, max_chars=80, placeholder="optional")
        with st.expander("Study settings: method, advisor, outcomes, patients"):
            policy, advisor, outcomes, warm, seed = _study(mode)
        with st.expander("Your values: what a fall, a burden and an indication are worth"):
            st.caption(
                "They stay for the whole session; its card, its record and its report say so where you change them."
            )
            values.sliders(cohort.protocol, Key.WORTH)
        spec = SessionSpec(
            cohort_key(cohort),
            inputs_digest(cohort),
            cohort.protocol.name,
            policy=policy,
            companions=tuple(n for n in ("glrb", "guideline") if n != policy),
            advisor=advisor,
            mode=mode,
            blinded=blinded,
            outcomes=outcomes,
            seed=seed,
            planned=int(planned),
            warm_up=warm,
            config=config,
            worth=values.chosen(cohort.protocol, Key.WORTH),
        )
        label = "Start the session"
        st.button(
            label, type="primary", key=Key.START, on_click=_start, args=(spec, name), icon=":material/play_arrow:"
        )


def _study(mode: str) -> tuple[str, str, str, int, int]:
    """The settings of a study: (method, advisor, outcomes, patients learned from before, seed)."""
    policies = {n: p for n, p in REGISTRY.items() if n not in ("oracle", "random")}
    unsure = mode == "unsure"
    able = [n for n in policies if not unsure or hasattr(REGISTRY[n], "width_threshold")]
    a, b = st.columns(2, gap="medium")
    policy = a.selectbox(
        "Method", able, able.index(RECOMMENDED), format_func=lambda n: policies[n].label, key=Key.POLICY
    )
    advisor = b.selectbox(
        "Its advisor",
        [CLINICIAN] if unsure else advice.choices(),
        format_func=lambda n: "You" if n == CLINICIAN else advice.label(n),
        index=0 if unsure else advice.choices().index("guideline"),
        key=f"{Key.ADVISOR}_{mode}",
        disabled=unsure or not policies[policy].needs_advisor,
    )
    outcomes = a.selectbox("Outcomes", list(OUTCOMES), format_func=OUTCOMES.get, key=Key.OUTCOMES)
    warm = b.selectbox(
        "Experience of the method",
        list(EXPERIENCE),
        index=2,
        format_func=EXPERIENCE.get,
        key=Key.WARM_UP,
        help="Without experience LIBRA follows its advisor at first, so the session would assess the advisor.",
    )
    seed = a.number_input(
        "Order of the patients (seed)", 0, 10**6, 0, key=Key.SEED, help="The same seed gives the same patients."
    )
    return policy, advisor, outcomes, int(warm), int(seed)


def _start(spec: SessionSpec, name: str) -> None:
    state = feedback_state()
    try:
        session = access.repository().begin(spec, name or widget(Key.NAME) or "")
    except (RecordsError, ValueError) as error:
        state.problem = str(error)
        return
    open_session(session.id)


def sessions() -> None:
    """The user's own sessions (for a lead all of the study), the newest first, each with a button to open it."""
    who = access.actor()
    repository = access.repository()
    every, decided = repository.sessions(), repository.decided()
    found = [session for session in every if session.spec.protocol == loaders.protocol().name]
    if len(found) < len(every):
        n = len(every) - len(found)
        others = "1 session about another disease is" if n == 1 else f"{n} sessions about other diseases are"
        st.caption(f"{others} not listed here.")
    if unknown := len(repository.unreadable()):
        st.caption(f"{unknown} of another version of LIBRA cannot be opened with this one and are not listed.")
    if not found:
        st.info(
            "No session yet. Start one: every step is saved, and you can continue later.", icon=":material/history:"
        )
        return
    st.markdown("#### Resume a session")
    for session in found[:LISTED]:
        with st.container(border=True):
            text, button = st.columns([7, 3], vertical_alignment="center")
            done = decided.get(session.id, 0)
            open_yet = session.owner == who.id and done < session.spec.planned
            text.markdown(_line(session, who.id, done))
            button.button(
                "Resume" if open_yet else "View",
                key=f"fb_open_{session.id}",
                on_click=open_session,
                args=(session.id,),
                icon=":material/resume:" if open_yet else ":material/visibility:",
            )
    if len(found) > LISTED:
        st.caption(f"The newest {LISTED} of {len(found)} sessions. The others are in the export on *Results*.")


def _line(session: SessionInfo, me: str, decided: int) -> str:
    spec = session.spec
    owner = "" if session.owner == me else f" · {escaped(session.owner)}"
    how = "asked when unsure" if spec.mode == "unsure" else "blinded first choice" if spec.blinded else "proposal shown"
    return (
        f"**{escaped(session.name)}**{owner} · {decided} of {spec.planned} decided  \n"
        f":small[{REGISTRY[spec.policy].label} · {how} · started {session.created_at[:16].replace('T', ' ')} UTC]"
    )
