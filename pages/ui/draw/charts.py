"""Figures: data in, go.Figure out. Nothing here reads state or computes a result.

Colours are Okabe and Ito's, distinguishable with any colour vision; a second cue (dash, marker, label) goes
with every colour. Each figure carries its description for screen readers in `layout.meta["alt"]`.

A colour here is a place in chartCategoricalColors or chartSequentialColors of .streamlit/config.toml: the browser
puts the colour of the theme in use there, so that a chart follows a change between light and dark by itself. Grid and
ground come from Streamlit's own chart theme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from libra_core.digits import signed
from libra_core.report import interactive
from libra_core.report.document import Chart, Line, kept
from libra_core.report.interactive import PLOTLY_DASHES as DASHES
from libra_core.report.interactive import across, curve, fill, height, whiskers

BLUE, VERMILION, GREEN, PURPLE, INK, ORANGE, SKY = (f"#{place:06d}" for place in range(1, 8))
GREY, GROUND, BRIGHT = "#000008", "#000009", "#000010"  # lines of less weight, the page's ground, orange for areas
FAINT, FULL = "#000011", "#000020"  # the ends of the scale for areas that carry text in INK
SERIES = (BLUE, VERMILION, GREEN, PURPLE, INK, ORANGE, SKY)
LINEAR, LOG_LOG, LOG_SQUARED = "linear", "log-log", "log²"
AXES = (LINEAR, LOG_LOG, LOG_SQUARED)
MARKS = (1, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
Curve = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]  # t, mean, low, high
MAX_POINTS = 600  # more points look the same
MAX_MARKERS = 400


def blank(alt: str, x: str, y: str, height: int = 300) -> go.Figure:
    """An empty figure with its description, axes and type."""
    return interactive.blank(alt, x, y, height, INK, 13).update_layout(bargap=0.06)


def of_report(chart: Chart) -> go.Figure:
    """A report's chart in the colours of the theme in use."""
    return fill(blank(chart.alt, chart.x, chart.y, height(chart)), chart, SERIES, INK)


def counts(labels: Sequence[str], numbers: Sequence[int], title: str) -> go.Figure:
    """Horizontal bars with the count and the share written at each bar."""
    total = sum(numbers) or 1
    alt = f"{title}: " + ", ".join(f"{a} {n}" for a, n in zip(labels, numbers, strict=True))
    figure = blank(alt, "People", "", 60 + 34 * len(labels))
    said = [f"{n:,} ({n / total:.0%})" for n in numbers]
    across(figure, labels, numbers, marker_color=BLUE, text=said, hoverinfo="skip")
    return figure.update_xaxes(range=[0, max([*numbers, 1]) * 1.25])


def contributions(labels: Sequence[str], values: Sequence[float], unit: str, sure: bool = True) -> go.Figure:
    """What each fact adds to the expected benefit (right) or takes from it (left); grey while it is mostly chance."""
    alt = "Contributions: " + ", ".join(f"{a} {v:+.1f} {unit}" for a, v in zip(labels, values, strict=True))
    figure = blank(alt, f"Contribution to the expected fall ({unit})", "", 80 + 28 * len(labels))
    across(
        figure,
        labels,
        values,
        marker_color=[(BLUE if v >= 0 else VERMILION) if sure else GREY for v in values],
        text=[signed(v) for v in values],
        hovertemplate="%{y}: %{x:+.1f} " + unit + "<extra></extra>",
    )
    reach = max([abs(v) for v in values], default=1.0) or 1.0
    return figure.update_xaxes(range=[min(0.0, *values) - 0.25 * reach, max(0.0, *values) + 0.25 * reach])


def options(
    labels: Sequence[str],
    mean: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    unit: str,
    tried: Sequence[bool] | None = None,
) -> go.Figure:
    """Ranked options: the expected benefit as a dot, its interval as a bar. The dot is hollow where no patient has had
    the treatment yet."""
    alt = "Expected net benefit: " + ", ".join(f"{a} {m:.0f} {unit}" for a, m in zip(labels, mean, strict=True))
    figure = blank(alt, f"Net benefit ({unit}, simulated; higher is better)", "", 70 + 30 * len(labels))
    colours, forms = ([first, *[other] * (len(labels) - 1)] for first, other in ((BLUE, GREY), ("diamond", "circle")))
    known = tried or [True] * len(labels)
    symbols = [form if seen else f"{form}-open" for form, seen in zip(forms, known, strict=True)]
    figure.add_scatter(
        x=list(mean),
        y=[interactive.plain(label) for label in labels],
        mode="markers",
        marker={"color": colours, "size": 10, "symbol": symbols, "line_width": 2},
        error_x=whiskers(mean, low, high, color=GREY, thickness=1.5),
        hovertemplate="%{y}: %{x:.0f} " + unit + "<extra></extra>",
    )
    return figure.update_yaxes(autorange="reversed")


def residuals(labels: Sequence[str], fits: Sequence[tuple[float, float]], unit: str) -> go.Figure:
    """Outcome less expectation for each treatment: (mean, half-width of the range of chance) as a dot and a bar."""
    said = (f"{label} {mean:+.1f} {unit}" for label, (mean, _) in zip(labels, fits, strict=True))
    alt = f"Outcome less expectation: {', '.join(said)}"
    figure = blank(alt, f"Outcome less expectation ({unit}, simulated)", "", 70 + 30 * len(labels))
    mean, half = zip(*fits, strict=True)
    figure.add_scatter(
        x=list(mean),
        y=[interactive.plain(label) for label in labels],
        mode="markers",
        marker={"color": BLUE, "size": 9},
        error_x={"type": "data", "array": list(half), "color": GREY, "thickness": 1.5},
        hovertemplate="%{y}: %{x:+.2f} " + unit + "<extra></extra>",
    )
    return figure.add_vline(0.0, line_color=GREY, line_width=1).update_yaxes(autorange="reversed")


def ranges(labels: Sequence[str], spans: Sequence[tuple[float, float]], now: Sequence[float]) -> go.Figure:
    """Where on its slider each value leaves the plan as it is: spans and today's place as shares of the slider."""
    said = (f"{label}, from {low:.0%} to {high:.0%}" for label, (low, high) in zip(labels, spans, strict=True))
    figure = blank(f"Range in which the plan stays: {'; '.join(said)}", "", "", 60 + 34 * len(labels))
    for ends, colour, width in (([(0.0, 1.0)] * len(labels), GREY, 2), (spans, BLUE, 8)):
        figure.add_scatter(
            x=[x for low, high in ends for x in (low, high, None)],
            y=[y for label in labels for y in (label, label, None)],
            mode="lines",
            line={"color": colour, "width": width},
            hoverinfo="skip",
        )
    marker = {"symbol": "diamond", "size": 12, "color": VERMILION}
    figure.add_scatter(x=list(now), y=list(labels), mode="markers", marker=marker, hoverinfo="skip")
    figure.update_xaxes(range=[-0.03, 1.03], showticklabels=False, showgrid=False, zeroline=False)
    return figure.update_layout(showlegend=False).update_yaxes(autorange="reversed")


def regret_so_far(cumulative: Sequence[float], asked: Sequence[bool], unit: str) -> go.Figure:
    """The displayed run: one point per patient, a tick on the axis where the advisor was asked."""
    n = len(cumulative)
    total = f"{cumulative[-1]:.1f} {unit}" if n else "nothing yet"
    figure = blank(
        f"Cumulative regret over {n} patients: {total}", "Patients treated", f"Benefit lost so far ({unit})", 260
    )
    keep = np.arange(n) if n <= MAX_MARKERS else kept(n, MAX_POINTS)
    figure.add_scatter(
        x=(keep + 1).tolist(),
        y=[float(cumulative[i]) for i in keep],
        name="benefit lost so far",
        mode="lines+markers" if n <= MAX_MARKERS else "lines",
        line={"color": BLUE, "width": 2},
        marker={"size": 6 if n <= 100 else 3},
        hovertemplate="after patient %{x}: %{y:.1f} " + unit + "<extra></extra>",
    )
    where = [i for i in keep if asked[i]]
    if where:
        figure.add_scatter(
            x=[int(i) + 1 for i in where],
            y=[0.0] * len(where),
            name="advisor asked",
            mode="markers",
            marker={"size": 9, "symbol": "line-ns-open", "color": VERMILION, "line_width": 1.5},
            hoverinfo="skip",
        )
    figure.update_xaxes(range=[0, 1.04 * max(n, 10)])
    figure.update_yaxes(rangemode="tozero")
    return figure


def bands(
    curves: Mapping[str, Curve],
    y: str,
    alt: str,
    height: int = 380,
    axes: str = LINEAR,
    theory: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> go.Figure:
    """One line for each method with the spread over repetitions: name -> (t, mean, low, high); theory's lines, name ->
    (t, value), over them. On linear and log² axes the runs set the scale, and a bound may lie beyond it."""
    figure = blank(alt + (f"; with {' and '.join(theory)}" if theory else ""), "Patients treated", y, height)
    for k, (name, values) in enumerate(curves.items()):
        _band(figure, name, values, k, axes)
    top = max((float(np.max(high)) for *_, high in curves.values()), default=1.0)
    for k, (name, (t, value)) in enumerate((theory or {}).items()):
        line = {"color": INK if k % 2 == 0 else GREY, "width": 1.4, "dash": ("longdashdot", "dot")[k % 2]}
        x, value = np.asarray(t, float), np.asarray(value, float)
        keep, beyond = kept(len(x), MAX_POINTS), axes != LOG_LOG and float(np.median(value)) > top
        figure.add_scatter(
            x=_along(x[keep], axes),
            y=value[keep].tolist(),
            name=f"{name} (off the chart)" if beyond else name,
            visible="legendonly" if beyond else True,
            mode="lines",
            line=line,
            hovertemplate=_HOVER,
        )
    _scale(figure, curves, axes, top)
    return figure


_HOVER = "%{fullData.name}: %{y:,.0f}<extra></extra>"


def _along(t: np.ndarray, axes: str) -> list[float]:
    """Where rounds stand on the axis: (log t)^2 on the log² axis, so that c log² t is a straight line."""
    return (np.log(t) ** 2 if axes == LOG_SQUARED else t).tolist()


def _band(figure: go.Figure, name: str, values: Curve, k: int, axes: str) -> None:
    t, mean, low, high = (np.asarray(v, float)[kept(len(np.asarray(values[0])), MAX_POINTS)] for v in values)
    if axes == LOG_LOG:  # no logarithm of zero: the line starts at the first loss
        t, mean, low, high = (v[mean > 0] for v in (t, mean, low, high))
        low = np.maximum(low, mean / 10)
    line = Line(name, np.array(_along(t, axes)), mean, low, high)
    hover = "%{fullData.name}, patient %{customdata}: %{y:,.1f}<extra></extra>"
    curve(figure, line, SERIES[k % len(SERIES)], DASHES[k % len(DASHES)], hover, t.tolist())


def _scale(figure: go.Figure, curves: Mapping[str, Curve], axes: str, top: float) -> None:
    """Set the kind of axes; the runs set the height."""
    last = max((float(np.asarray(t)[-1]) for t, *_ in curves.values()), default=1.0)
    if axes == LOG_LOG:
        figure.update_xaxes(type="log", dtick=1)
        figure.update_yaxes(type="log", dtick=1)
        return
    figure.update_yaxes(range=[0, 1.05 * top or 1.0])
    if axes == LOG_SQUARED:
        marks = [n for n in MARKS if n <= last]
        figure.update_xaxes(tickvals=_along(np.array(marks, float), axes), ticktext=[f"{n:,}" for n in marks])
        figure.update_xaxes(title_text="Patients treated, on a scale of log²")
    else:
        figure.update_xaxes(range=[0, last])
