"""Charts are pure functions: what goes in is what is drawn, described, with units on the axes and few points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import pytest

from pages.ui.cohort import charts as cohort_charts
from pages.ui.draw import charts

FIGURES = {
    "distribution": cohort_charts.distribution("Age", "years", [50.0, 60.0, 61.0], [55.0], 60.0),
    "distribution of nobody": cohort_charts.distribution("Age", "years", [], [], None),
    "counts": charts.counts(["yes", "no"], [3, 5], "Gout"),
    "known": cohort_charts.known(["Age", "Sex"], [1.0, 0.4], [0.0, 0.6]),
    "contributions": charts.contributions(["An average patient", "Age: 60"], [5.0, -1.0], "mmHg"),
    "options": charts.options(["A", "B"], [5.0, 3.0], [2.0, 1.0], [8.0, 5.0], "mmHg"),
    "residuals": charts.residuals(["A", "B"], [(0.5, 1.0), (-4.0, 2.0)], "mmHg"),
    "regret so far": charts.regret_so_far([1.0, 1.5], [True, False], "mmHg"),
    "no regret yet": charts.regret_so_far([], [], "mmHg"),
    "bands": charts.bands({"LIBRA": ([1, 2], [1.0, 2.0], [0.5, 1.0], [1.5, 3.0])}, "Lost (mmHg)", "Lost"),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_chart_is_described_and_labelled(figure: go.Figure) -> None:
    assert figure.layout.meta["alt"]
    assert figure.layout.xaxis.title.text
    assert all(trace.type != "scattergl" for trace in figure.data)
    figure.to_json()


def test_the_run_has_one_point_for_each_patient() -> None:
    figure = charts.regret_so_far(np.arange(10.0), [False] * 10, "mmHg")
    assert list(figure.data[0].x) == list(range(1, 11))
    assert list(figure.data[0].y) == list(range(10))


def test_a_long_run_stays_light_and_keeps_its_end() -> None:
    figure = charts.regret_so_far(np.arange(2000.0), [True] * 2000, "mmHg")
    assert all(len(trace.x) <= charts.MAX_POINTS for trace in figure.data)
    assert figure.data[0].y[-1] == 1999


@pytest.mark.parametrize("axes", charts.AXES)
def test_theory_beyond_the_picture_does_not_squash_the_runs(axes: str) -> None:
    t = np.array([1, 10, 100, 1000])
    curves = {"a": (t, t * 1.0, t * 0.9, t * 1.1)}
    figure = charts.bands(curves, "lost", "alt", axes=axes, theory={"far": (t, t * 1e4), "near": (t, t * 0.5)})
    far, near = figure.data[-2:]
    assert near.visible is True
    assert near.name == "near"
    assert len(near.x) == 4
    if axes == charts.LOG_LOG:
        assert far.visible is True
        assert figure.layout.yaxis.type == "log"
    else:
        assert far.visible == "legendonly"
        assert "off the chart" in far.name
        assert figure.layout.yaxis.range[1] < 2000


def test_square_of_the_logarithm_is_straight_on_its_axis() -> None:
    t = np.array([2, 20, 200, 2000])
    value = 3 * np.log(t) ** 2
    line = charts.bands({"a": (t, value, value, value)}, "questions", "alt", axes=charts.LOG_SQUARED).data[1]
    np.testing.assert_allclose(np.asarray(line.y) / np.asarray(line.x), 3)


def test_nothing_lost_yet_is_no_point_on_a_logarithm() -> None:
    t, mean = np.array([1, 2, 3]), np.array([0.0, 1.0, 2.0])
    line = charts.bands({"a": (t, mean, mean - 5, mean + 5)}, "lost", "alt", axes=charts.LOG_LOG).data
    assert list(line[1].x) == [2, 3]
    assert min(line[0].y) > 0


@pytest.mark.parametrize(
    ("values", "width"),
    [(range(90, 221), 5), (range(6), 1), ([0.5, 0.6, 0.7, 1.1], 0.1), (np.linspace(0, 1e4, 999), 500), ([7.0] * 4, 1)],
    ids=["pressure", "few", "tenths", "many", "one"],
)
def test_bars_have_a_round_width_and_hold_everybody(values: Sequence[float], width: float) -> None:
    edges = cohort_charts.edges(np.asarray(values, float))
    assert np.diff(edges) == pytest.approx(width)
    assert len(edges) <= 42
    assert np.histogram(values, edges)[0].sum() == len(values)
    assert np.histogram(values, edges)[0][[0, -1]].all(), "no empty bar at an end"


def test_a_goal_that_people_know_is_an_edge() -> None:
    assert 130.0 in cohort_charts.edges(np.arange(90.0, 221.0))
    figure = cohort_charts.distribution("Pressure", "mmHg", np.arange(90.0, 221.0), [], 150.0, 130.0)
    assert [note.text for note in figure.layout.annotations] == ["this patient", "goal 130"]
