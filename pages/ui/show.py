"""Put a figure on the page, always the same way: our colours, its description, no toolbar, a picture of SVG."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

CONFIG = {"displayModeBar": False, "scrollZoom": False}


def figure(chart: go.Figure, key: str, caption: str = "") -> None:
    st.plotly_chart(chart, theme="streamlit", key=key, config=CONFIG, alt=chart.layout.meta["alt"])
    if caption:
        st.caption(caption)


def heartbeat(name: str, value: object) -> None:
    """An invisible mark that says what the page has finished drawing; tests wait for it."""
    st.html(f'<span data-testid="{name}" data-value="{value}"></span>')
