"""Figures, downloads and short messages, done the same way on every page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from libra_core.report.write import MIME as REPORT_MIME
from pages.ui.draw.cards import escaped

MIME = {
    **REPORT_MIME,
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}
Download = str | bytes | Callable[[], str] | Callable[[], bytes]
CONFIG = {"displayModeBar": False, "scrollZoom": False}


def figure(chart: go.Figure, key: str, caption: str = "") -> None:
    st.plotly_chart(chart, theme="streamlit", key=key, config=CONFIG, alt=chart.layout.meta["alt"])
    if caption:
        st.caption(caption)


def download(label: str, data: Download, name: str, key: str, **look: Any) -> None:
    """A download; a function is called when the file is requested."""
    usual = {"mime": MIME[name.rpartition(".")[2]], "icon": ":material/download:", "on_click": "ignore"}
    st.download_button(label, data, name, key=key, **usual | look)


def failed(text: str) -> None:
    """An error message of unknown origin, displayed without markup."""
    st.error(escaped(text), icon=":material/block:")


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
