"""What stands around every page: what this is and is not, for whom, which version, and the switch of units."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

import libra_core
from pages.ui import loaders
from pages.ui.state import Key

STYLE = Path(__file__).with_name("style.css")


def banner() -> None:
    st.html(STYLE)
    protocol = loaders.protocol()
    with st.container(key="banner", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            ":orange-badge[:material/science: Research demonstration] "
            "**Simulated outcomes — not for clinical use.** "
            f":small[LIBRA {libra_core.__version__} · for {protocol.population}]",
            width="content",
        )
        st.segmented_control(
            "Units",
            ["US", "SI"],
            default="US",
            required=True,
            key=Key.UNITS,
            label_visibility="collapsed",
            help="Units of laboratory values and weights. Blood pressure is always in mmHg.",
            persist_state="session",
        )
