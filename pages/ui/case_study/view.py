"""One screen of the case study: title, message, points, charts, table, and details for mathematicians."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from libra_core.report.document import Chart, Section, Table
from libra_core.report.svg import svg
from libra_core.report.write import FORMATS, to_bytes
from pages.ui.case_study.present import presenting
from pages.ui.draw import charts, show
from pages.ui.draw.cards import escaped
from pages.ui.session import loaders
from pages.ui.session.state import si_units


def head(section: Section) -> None:
    st.markdown(f"### :blue[{escaped(section.title)}]")
    st.markdown(f"## {escaped(section.message)}")


def screen(section: Section) -> None:
    """A static screen."""
    head(section)
    if len(section.charts) > 1:
        for column, chart in zip(st.columns(len(section.charts), gap="medium"), section.charts, strict=True):
            with column:
                draw(chart, section.key)
        points(section)
        if section.table:
            table(section.table)
        return
    left, right = st.columns([5, 7], gap="large")
    with left:
        points(section)
    with right:
        for chart in section.charts:
            draw(chart, section.key)
        if section.table:
            table(section.table)


def points(section: Section) -> None:
    if section.points:
        st.markdown("\n".join(f"- {escaped(point)}" for point in section.points))


def draw(chart: Chart, key: str) -> None:
    """While presenting, a picture that scales with the window; else an interactive figure."""
    if presenting():
        st.image(svg(chart), width="stretch", alt=chart.alt)
    else:
        show.figure(charts.of_report(chart), f"case-{key}-{abs(hash(chart.y + chart.x)) % 1000}")


def table(shown: Table) -> None:
    names = [name or " " for name in shown.head]
    rows = [[escaped(cell) for cell in row] for row in shown.rows]
    alt = shown.caption or ", ".join(name for name in shown.head if name)
    with st.container(key="case-table", gap=None):
        st.table(pd.DataFrame(rows, columns=names), border="horizontal", hide_index=True, alt=alt)
    if shown.caption:
        st.caption(escaped(shown.caption))


def maths(section: Section) -> None:
    """For mathematicians: in an expander; while presenting, where there is no room for one, in a popover."""
    if not section.maths:
        return
    text = "\n\n".join(escaped(line) for line in section.maths)
    if presenting():
        with st.popover("For mathematicians", type="tertiary", key="case_maths"):
            st.markdown(text)
    else:
        with st.expander("For mathematicians", icon=":material/function:"):
            st.markdown(text)


def downloads(wanted: str) -> None:
    """The case study as a file, made on demand."""
    si = si_units()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Download:", width="content")
        for kind, label in zip(FORMATS, ("HTML", "PDF", "Slides"), strict=True):
            made = lambda kind=kind: to_bytes(loaders.case_document(wanted, si), kind)  # noqa: E731
            show.download(label, made, f"libra-case-study.{kind}", f"case_download_{kind}")
