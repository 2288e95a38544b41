"""The frame of every page: disclaimer, population, version, units, and the state of the solver."""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st

import libra_core
from pages.ui.session import loaders
from pages.ui.session.state import Key

NEED_SOLVER = ("recommend", "compare", "feedback", "case_study")  # pages that make plans
STYLE = Path(__file__).with_name("style.css")


def banner(title: str) -> None:
    """The disclaimer and the units. `title`: for screen readers, and for windows too narrow for the list of pages."""
    st.html(STYLE)
    population = loaders.protocol().population
    short, _, exclusions = population.partition(". ")
    with st.container(key="banner", gap=None):
        st.html(f'<h1 class="page-title">{title}</h1>')
        left, right = st.columns([10, 1], vertical_alignment="center", gap="small")
        left.markdown(
            ":orange-badge[:material/science: Research demonstration] **Simulated outcomes — not for clinical use** "
            f":small[· LIBRA {libra_core.__version__} · {short}]",
            help=f"{exclusions} The method, its limits and every source are on the page *About*.",
        )
        right.segmented_control(
            "Units",
            ["US", "SI"],
            default="US",
            required=True,
            key=Key.UNITS,
            label_visibility="collapsed",
            persist_state="session",
        )


def solver(page: str) -> None:
    """A notice while the kernels compile; a page that makes plans waits for them and shows the time."""
    if not loaders.compiler().is_alive():
        return
    if page in NEED_SOLVER:
        _wait()
    else:
        st.fragment(_notice, run_every=1.0)()


def _notice() -> None:
    if not loaders.compiler().is_alive():
        st.rerun(scope="app")
    st.caption(
        ":material/hourglass_top: Preparing the solver (about 20 s, the first time only). Pages are ready; plans take "
        "a little longer until then."
    )


def _wait() -> None:
    """Drawing once in a while lets a click on another page through."""
    notice, started = st.empty(), time.monotonic()
    while loaders.compiler().is_alive():
        notice.info(
            "Preparing the solver: plans need it. About 20 s, the first time only; "
            f"{time.monotonic() - started:.0f} s so far.",
            icon=":material/hourglass_top:",
        )
        loaders.compiler().join(0.5)
    notice.empty()
