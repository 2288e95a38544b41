"""About: the method in plain words, its pearls and pitfalls, the data, the limits, and every number's source."""

from __future__ import annotations

import streamlit as st

from pages.ui.about import view
from pages.ui.session import loaders
from pages.ui.session.state import si_units
from pages.ui.shell import tour

protocol = loaders.protocol()
how, pitfalls, data, numbers, references = st.tabs(
    ["How it works", "Pearls and pitfalls", "Data and limits", "Every number and its source", "References"],
    on_change="rerun",
    key="about_tab",
)
if how.open:
    with how:
        left, right = st.columns([3, 2], gap="large")
        with left:
            tour.again()
            st.markdown(view.text("how"))
        with right:
            view.methods()
if pitfalls.open:
    with pitfalls:
        left, right = st.columns(2, gap="large")
        left.markdown(view.text("pearls"))
        right.markdown(view.text("pitfalls"))
if data.open:
    with data:
        left, right = st.columns(2, gap="large")
        with left:
            view.cohorts(protocol)
        with right:
            st.markdown(view.text("limits"))
            view.worsened(protocol)
if numbers.open:
    with numbers:
        view.numbers(protocol, si_units())
if references.open:
    with references:
        view.references(protocol)
