"""Figures, downloads and short messages, done the same way on every page."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from libra_core.report.write import MIME as REPORT_MIME

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
    """A download; a function is called when the file is requested."""
    kind = MIME[name.rpartition(".")[2]]
    icon = ":material/download:"
    st.download_button(label, data, name, kind, icon=icon, on_click="ignore", key=key, disabled=disabled)


def failed(text: str) -> None:
    """An error message of unknown origin, displayed without markup."""
    st.error("".join(f"\\{c}" if c in "\\`*_[]$:~#" else c for c in text), icon=":material/block:")


def next_step(page: str, label: str) -> None:
    """The next step from an empty page or an error."""
    st.page_link(page, label=label, icon=":material/arrow_forward:")


def nobody(reason: str) -> None:
    """No patient of the cohort can be displayed: the reason, and a link to choose another cohort."""
    st.info(
        f"No patient in this cohort enters the simulation, which includes patients with {reason}.",
        icon=":material/person_search:",
    )
    next_step("cohort.py", "Choose another cohort or a patient")


def heartbeat(name: str, value: object) -> None:
    """An invisible marker that tests wait for: the page has been drawn."""
    st.html(f'<span data-testid="{name}" data-value="{value}"></span>')
