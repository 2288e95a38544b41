"""Put a figure on the page, always the same way: our colours, its description, no toolbar, a picture of SVG."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from libra_core.report.write import MIME as REPORT_MIME
from pages.ui.draw.cards import escaped

MIME = {
    **REPORT_MIME,
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
}
Download = str | bytes | Callable[[], str] | Callable[[], bytes]
CONFIG = {"displayModeBar": False, "scrollZoom": False}


def figure(chart: go.Figure, key: str, caption: str = "") -> None:
    st.plotly_chart(chart, theme="streamlit", key=key, config=CONFIG, alt=chart.layout.meta["alt"])
    if caption:
        st.caption(caption)


def download(label: str, data: Download, name: str, key: str, disabled: bool = False) -> None:
    """A file to take away; a function is called when the file is asked for."""
    kind = MIME[name.rpartition(".")[2]]
    icon = ":material/download:"
    st.download_button(label, data, name, kind, icon=icon, on_click="ignore", key=key, disabled=disabled)


def failed(text: str) -> None:
    """What went wrong, in words that are not ours: displayed without markup."""
    st.error(escaped(text), icon=":material/block:")


def next_step(page: str, label: str) -> None:
    """The next step from an empty page or an error."""
    st.page_link(page, label=label, icon=":material/arrow_forward:")


def nobody(reason: str) -> None:
    """No patient of the cohort can be shown: why, and where to choose another cohort."""
    st.info(
        f"Nobody in this cohort enters the simulation, which takes patients with {reason}.",
        icon=":material/person_search:",
    )
    next_step("cohort.py", "Choose another cohort, or a patient by hand")


def heartbeat(name: str, value: object) -> None:
    """An invisible mark of what the page has finished drawing; tests wait for it."""
    st.html(f'<span data-testid="{name}" data-value="{value}"></span>')
