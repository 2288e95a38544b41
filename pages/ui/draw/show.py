"""Put a figure on the page, always the same way: our colours, its description, no toolbar, a picture of SVG."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

CONFIG = {"displayModeBar": False, "scrollZoom": False}


def figure(chart: go.Figure, key: str, caption: str = "") -> None:
    st.plotly_chart(chart, theme="streamlit", key=key, config=CONFIG, alt=chart.layout.meta["alt"])
    if caption:
        st.caption(caption)


def failed(text: str) -> None:
    """What went wrong, as a sentence of somebody else's making: shown as it is."""
    st.error("".join(f"\\{c}" if c in "\\`*_[]$:~#" else c for c in text), icon=":material/block:")


def way_out(page: str, label: str) -> None:
    """The next step from an empty page or an error."""
    st.page_link(page, label=label, icon=":material/arrow_forward:")


def nobody(reason: str) -> None:
    """No patient of the cohort can be shown: why, and where to choose another cohort."""
    st.info(
        f"Nobody in this cohort enters the simulation, which takes patients with {reason}.",
        icon=":material/person_search:",
    )
    way_out("cohort.py", "Choose another cohort, or a patient by hand")


def heartbeat(name: str, value: object) -> None:
    """An invisible mark that says what the page has finished drawing; tests wait for it."""
    st.html(f'<span data-testid="{name}" data-value="{value}"></span>')
