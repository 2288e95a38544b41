"""A figure made for paper, on a page: the same data in the colours of the theme in use."""

from __future__ import annotations

import plotly.graph_objects as go

from libra_core.report.svg import COLOURS
from pages.ui.draw import charts

PLACES = dict(zip(COLOURS, charts.SERIES, strict=True))  # from paper's palette to the page's


def repainted(figure: go.Figure) -> go.Figure:
    """The figure of `libra_core.report.interactive` with the page's axes, type and colours."""
    told = figure.layout
    out = charts.blank(told.meta["alt"], told.xaxis.title.text or "", told.yaxis.title.text or "", told.height)
    out.update_xaxes(rangemode=told.xaxis.rangemode)
    out.update_yaxes(rangemode=told.yaxis.rangemode, autorange=told.yaxis.autorange, tickformat=told.yaxis.tickformat)
    out.update_layout(showlegend=told.showlegend)
    for trace in figure.data:
        out.add_trace(_repaint(trace))
    return out


def _repaint(trace: go.Scatter | go.Bar) -> go.Scatter | go.Bar:
    if trace.type == "bar":
        trace.marker.color = [PLACES[colour] for colour in trace.marker.color]
        trace.error_x.color = charts.INK
    elif trace.fill:
        red, green, blue = (int(part) for part in trace.fillcolor.removeprefix("rgba(").split(",")[:3])
        trace.update(fillcolor=PLACES[f"#{red:02X}{green:02X}{blue:02X}"], opacity=charts.BAND, mode="lines")
    else:
        trace.line.color = PLACES[trace.line.color]
    return trace
