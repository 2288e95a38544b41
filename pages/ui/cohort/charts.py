"""Figures of the Cohort page: data in, go.Figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from libra_core.report.interactive import across
from pages.ui.draw import charts

HATCH = "#1B2733"  # over BRIGHT, which is the same in both themes
MEASURED = ("Measured", {"color": charts.BLUE})
ASSUMED = (
    "Assumed (imputed)",
    {"color": charts.BRIGHT, "pattern": {"shape": "/", "fgcolor": HATCH, "fillmode": "overlay", "size": 6}},
)


def edges(values: np.ndarray, most: int = 40) -> np.ndarray:
    """Edges of at most so many bars, of a round width (1, 2 or 5 times a power of ten) and at its multiples, so that
    common limits are edges; one bar for each value where there are fewer values."""
    different = np.unique(values)
    if len(different) < 2:
        return (different[0] if len(different) else 0.0) + np.array([-0.5, 0.5])
    finest = np.diff(different).min()
    least = max((different[-1] - different[0]) / (most - 1), finest)
    power = 10.0 ** np.floor(np.log10(least))
    width = next(w for k in (1, 2, 5, 10) if (w := k * power) >= least * (1 - 1e-9))
    shift = width / 2 if np.isclose(width, finest) else 0.0
    first = np.floor((different[0] + shift) / width + 1e-9)
    last = np.floor((different[-1] + shift) / width + 1e-9) + 1
    return np.arange(first, last + 1) * width - shift


def distribution(
    label: str,
    unit: str,
    measured: ArrayLike,
    assumed: ArrayLike,
    current: float | None,
    goal: float | None = None,
) -> go.Figure:
    """The distribution of one feature over the cohort; assumed values stacked on top, patient and goal as lines."""
    measured, assumed = np.asarray(measured, float), np.asarray(assumed, float)
    everyone = np.concatenate([measured, assumed])
    axis = f"{label} ({unit})" if unit else label
    figure = charts.blank(f"Distribution of {label} over {len(everyone)} people", axis, "People")
    bars = edges(everyone)
    middle, width = (bars[1:] + bars[:-1]) / 2, np.diff(bars)
    for values, name, look in ((measured, *MEASURED), (assumed, *ASSUMED)):
        if len(values):
            counts, legend = np.histogram(values, bars)[0], f"{name}, {len(values):,}"
            figure.add_bar(x=middle, y=counts, width=width, name=legend, marker={**look, "line_width": 0.5})
    figure.update_layout(barmode="stack", showlegend=True)
    if current is not None and np.isfinite(current):
        figure.add_vline(
            current, line={"color": charts.VERMILION, "width": 2, "dash": "dash"}, annotation_text="this patient"
        )
    if goal is not None:
        line = {"color": charts.INK, "width": 2, "dash": "dot"}
        figure.add_vline(goal, line=line, annotation_text=f"goal {goal:g}", annotation_position="top left")
    return figure


def known(labels: Sequence[str], measured: Sequence[float], assumed: Sequence[float]) -> go.Figure:
    """For each feature, the share of people in whom it was measured and in whom it was assumed."""
    alt = "Share of people with a measured value, by feature"
    figure = charts.blank(alt, "Share of people (%)", "", 70 + 22 * len(labels))
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    for shares, name, look in ((measured, *MEASURED), (assumed, *ASSUMED)):
        hover = "%{y}: %{x:.0f} % " + name.lower() + "<extra></extra>"
        across(figure, labels, [100 * s for s in shares], name=name, marker=look, hovertemplate=hover)
    return figure.update_xaxes(range=[0, 100])
