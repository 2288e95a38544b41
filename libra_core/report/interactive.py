"""A chart as a Plotly figure: on white for HTML, in the theme's colours for a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from numpy.typing import ArrayLike

from libra_core.report.document import Chart, Line
from libra_core.report.svg import COLOURS, DASHES, INK, PALE

PLOTLY_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "8px 3px 2px 3px 2px 3px")
BAND = 0.15  # opacity of the interval around a line
assert len(PLOTLY_DASHES) == len(DASHES) == len(COLOURS)


def figure(chart: Chart) -> go.Figure:
    """The figure on white."""
    out = blank(chart.alt, chart.x, chart.y, height(chart), INK, 14)
    out.update_layout(margin_r=24, paper_bgcolor="white", plot_bgcolor="white")
    for update in (out.update_xaxes, out.update_yaxes):
        update(gridcolor=PALE, zerolinecolor=PALE)
    return fill(out, chart, COLOURS, INK)


def plain(text: str) -> str:
    """Text that plotly shows as it is: it reads some HTML, links too, in every title, name and label."""
    return escape(text, quote=False)


def blank(alt: str, x: str, y: str, height: int, ink: str, size: int) -> go.Figure:
    """An empty figure with axes and fonts; its description is in layout.meta["alt"]."""
    font = {"size": size, "color": ink}
    axis = {"title_font": font, "tickfont": font, "showgrid": True, "automargin": True}
    return go.Figure(
        layout={
            "meta": {"alt": alt},
            "height": height,
            "margin": {"l": 8, "r": 8, "t": 12, "b": 8},
            "font": font,
            "hovermode": "closest",
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": font},
            "xaxis": {"title": {"text": plain(x), "standoff": 8}, **axis},
            "yaxis": {"title": {"text": plain(y), "standoff": 14}, **axis},
        }
    )


def height(chart: Chart) -> int:
    """Height in pixels; it grows with the number of bars."""
    return 100 + 44 * len(chart.bars) if chart.bars else 380


def fill(out: go.Figure, chart: Chart, palette: Sequence[str], ink: str) -> go.Figure:
    """Put the chart's curves or bars on an empty figure, in these colours."""
    if chart.bars:
        _bars(out, chart, palette, ink)
        return out
    for k, line in enumerate(line.thin() for line in chart.lines):
        curve(
            out,
            line,
            palette[k % len(palette)],
            PLOTLY_DASHES[k % len(PLOTLY_DASHES)],
            f"{plain(line.name)}, patient %{{x:,.0f}}: %{{y:,.1f}}<extra></extra>",
        )
    out.update_xaxes(rangemode="tozero")
    out.update_yaxes(rangemode="tozero", tickformat=",~g")  # 1.5 under 2, not 1.50
    out.update_layout(showlegend=True)
    return out


def curve(out: go.Figure, line: Line, colour: str, dash: str, hover: str, custom: list[float] | None = None) -> None:
    """A line over its band; `custom`: a further value for the hover text."""
    if line.low is not None and line.high is not None:
        out.add_scatter(
            x=[*line.x, *line.x[::-1]],
            y=[*line.high, *line.low[::-1]],
            fill="toself",
            fillcolor=colour,
            opacity=BAND,
            mode="lines",  # without it a short band is drawn with a dot at every corner
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=plain(line.name),
        )
    out.add_scatter(
        x=list(line.x),
        y=list(line.y),
        name=plain(line.name),
        mode="lines",
        legendgroup=plain(line.name),
        line={"color": colour, "width": 2.4, "dash": dash},
        customdata=custom,
        hovertemplate=hover,
    )


def _bars(out: go.Figure, chart: Chart, palette: Sequence[str], ink: str) -> None:
    values = [bar.value for bar in chart.bars]
    low = [bar.value if bar.low is None else bar.low for bar in chart.bars]
    high = [bar.value if bar.high is None else bar.high for bar in chart.bars]
    across(
        out,
        [bar.label for bar in chart.bars],
        values,
        marker_color=[palette[0] if value >= 0 else palette[1] for value in values],
        error_x=whiskers(values, low, high, color=ink),
        hovertemplate="%{y}: %{x:,.1f}<extra></extra>",
    )


def across(out: go.Figure, labels: Sequence[str], values: Sequence[float], **look: object) -> None:
    """Horizontal bars, the first on top, with any text at the end of its bar."""
    at = {"textposition": "outside", "cliponaxis": False} if "text" in look else {}
    out.add_bar(y=[plain(label) for label in labels], x=list(values), orientation="h", **at, **look)
    out.update_yaxes(autorange="reversed")


def whiskers(middle: ArrayLike, low: ArrayLike, high: ArrayLike, **look: object) -> dict[str, object]:
    """An interval around each value, for `error_x`."""
    up, down = np.subtract(high, middle).tolist(), np.subtract(middle, low).tolist()
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, **look}


def interactive(chart: Chart, first: bool) -> str:
    """The figure as HTML. The first one of a file includes plotly.js, so that no network is needed."""
    drawn = pio.to_html(
        figure(chart), full_html=False, include_plotlyjs=first, config={"displayModeBar": False, "responsive": True}
    )
    return f'<div role="img" aria-label="{escape(chart.alt)}">{drawn}</div>'
