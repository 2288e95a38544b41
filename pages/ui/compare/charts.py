"""Figures of the Compare page: data in, go.Figure out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from libra_core.advisors.agreement import Agreement, InCommon
from libra_core.arrays import Floats
from libra_core.digits import fixed, interval
from libra_core.report.interactive import plain, whiskers
from libra_core.study.metrics import band
from pages.ui.draw import charts


def matrix(
    names: Sequence[str], pairs: Mapping[tuple[str, str], Agreement], common: Mapping[tuple[str, str], InCommon]
) -> go.Figure:
    """Every pair of sources: equal treatments, Cohen's kappa and habits in common, darker where they agree more."""
    said = [
        f"{p} and {q}: {pairs[p, q].share:.0%}, kappa {pairs[p, q].kappa:.2f}"
        for p, q in itertools.combinations(names, 2)
        if pairs[p, q].n
    ]
    figure = charts.blank("Agreement on the treatment. " + "; ".join(said), "", "", 90 + 74 * len(names))
    short = [plain(name).replace(" (", "<br>(") for name in names]
    figure.add_heatmap(
        z=[[None if p == q else pairs[p, q].kappa for q in names] for p in names],
        x=short,
        y=short,
        text=[["" if p == q else _cell(pairs[p, q], common[p, q]) for q in names] for p in names],
        texttemplate="%{text}",
        textfont={"size": 13, "color": charts.INK},
        zmin=0,
        zmax=1,
        colorscale=[[0, charts.FAINT], [1, charts.FULL]],
        showscale=False,
        hoverinfo="skip",
        xgap=3,
        ygap=3,
    )
    figure.update_xaxes(side="top", showgrid=False, ticks="")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    return figure


def _cell(pair: Agreement, common: InCommon) -> str:
    if not pair.n:
        return "no answers"
    kappa = "" if math.isnan(pair.kappa) else f"kappa {fixed(pair.kappa, 2)} ({interval(pair.low, pair.high, 2)})<br>"
    return f"<b>{pair.share:.0%}</b> of {pair.n:,}<br>{kappa}habits {common.overlap:.0%}"


def losses(lost: Mapping[str, Floats], unit: str) -> go.Figure:
    """Mean loss per patient of each source with the 95 % interval of the mean."""
    mean, low, high = np.array([band(values) for values in lost.values()], float).reshape(-1, 3).T.tolist()
    labels = [f"{plain(name)}, {len(values):,} patients" for name, values in lost.items()]
    alt = "Benefit lost per patient: " + ", ".join(f"{name} {m:.1f} {unit}" for name, m in zip(lost, mean, strict=True))
    title = f"Benefit lost per patient against the best plan ({unit}, simulated)"
    figure = charts.blank(alt, title, "", 90 + 44 * len(labels))
    figure.add_scatter(
        x=mean,
        y=labels,
        mode="markers+text",
        marker={"color": charts.BLUE, "size": 11},
        text=[f"{m:.1f}" for m in mean],
        textposition="top center",
        error_x=whiskers(mean, low, high, color=charts.GREY, thickness=1.5),
        hovertemplate="%{y}: %{x:.2f} " + unit + "<extra></extra>",
    )
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(range=[len(labels) - 0.4, -0.7])  # first on top, with room for its number
    return figure
