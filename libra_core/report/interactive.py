"""A chart as a Plotly figure, for HTML: the same data, colours and dashes as on paper."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go
import plotly.io as pio

from libra_core.report.document import Chart
from libra_core.report.svg import COLOURS, DASHES, INK, PALE, thin

PLOTLY_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
assert len(PLOTLY_DASHES) == len(DASHES) == len(COLOURS)


def figure(chart: Chart) -> go.Figure:
    """The figure; its description is in layout.meta["alt"]."""
    out = go.Figure()
    _bars(out, chart) if chart.bars else _lines(out, chart)
    axis = {"gridcolor": PALE, "zerolinecolor": PALE, "automargin": True}
    out.update_xaxes(title_text=chart.x, **axis)
    out.update_yaxes(title_text=chart.y, **axis)
    out.update_layout(
        meta={"alt": chart.alt},
        height=100 + 44 * len(chart.bars) if chart.bars else 380,
        margin={"l": 8, "r": 24, "t": 12, "b": 8},
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"size": 14, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
    )
    return out


def _lines(out: go.Figure, chart: Chart) -> None:
    for k, line in enumerate(map(thin, chart.lines)):
        colour = COLOURS[k % len(COLOURS)]
        if line.low is not None and line.high is not None:
            out.add_scatter(
                x=[*line.x, *line.x[::-1]],
                y=[*line.high, *line.low[::-1]],
                fill="toself",
                fillcolor=f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:], 16)},0.15)",
                mode="lines",  # without it a short band is drawn with a dot at every corner
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        out.add_scatter(
            x=list(line.x),
            y=list(line.y),
            name=line.name,
            mode="lines",
            line={"color": colour, "width": 2.4, "dash": PLOTLY_DASHES[k % len(PLOTLY_DASHES)]},
            hovertemplate=f"{line.name}, patient %{{x:,.0f}}: %{{y:,.1f}}<extra></extra>",
        )
    out.update_xaxes(rangemode="tozero")
    out.update_yaxes(rangemode="tozero", tickformat=",~g")  # 1.5 under 2, not 1.50
    out.update_layout(showlegend=True)


def _bars(out: go.Figure, chart: Chart) -> None:
    bars = chart.bars
    out.add_bar(
        y=[bar.label for bar in bars],
        x=[bar.value for bar in bars],
        orientation="h",
        marker_color=[COLOURS[0] if bar.value >= 0 else COLOURS[1] for bar in bars],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [(bar.value if bar.high is None else bar.high) - bar.value for bar in bars],
            "arrayminus": [bar.value - (bar.value if bar.low is None else bar.low) for bar in bars],
            "color": INK,
        },
        hovertemplate="%{y}: %{x:,.1f}<extra></extra>",
    )
    out.update_yaxes(autorange="reversed")


def interactive(chart: Chart, first: bool) -> str:
    """The figure as HTML. The first one of a page brings the drawing code along, so that the file needs no network."""
    drawn = pio.to_html(
        figure(chart), full_html=False, include_plotlyjs=first, config={"displayModeBar": False, "responsive": True}
    )
    return f'<div role="img" aria-label="{escape(chart.alt)}">{drawn}</div>'
