"""What stands around every page: what this is and is not, for whom, which version, and the switch of units."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

import libra_core
from pages.ui.session import loaders
from pages.ui.session.state import Key

STYLE = Path(__file__).with_name("style.css")


def banner(title: str) -> None:
    """`title` is the page's; it is read aloud, and seen where the window is too narrow for the list of pages."""
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
