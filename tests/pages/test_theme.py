"""Light and dark: text and graphics stand out on both grounds, and charts name places of the palette, not colours."""

from __future__ import annotations

import re
import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from libra_core.report.document import Bar, Chart, Line
from pages.ui.cohort import charts as cohort_charts
from pages.ui.draw import charts
from tests.pages.test_charts import FIGURES

ROOT = Path(__file__).resolve().parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
MODES = ("light", "dark")
COLOUR = re.compile(r"#[0-9A-Fa-f]{6}\b|rgba?\([^)]*\)")


def light(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    low, high = sorted((light(a), light(b)))
    return (high + 0.05) / (low + 0.05)


def colour_of(place: str, mode: str) -> str:
    """What the browser puts in the place of a colour of pages/ui/charts.py."""
    number = int(place[1:])
    palette = THEME[mode]["chartCategoricalColors"] + THEME[mode]["chartSequentialColors"]
    return palette[number - 1]


@pytest.mark.parametrize("mode", MODES)
def test_text_and_primary_colour_stand_out(mode: str) -> None:
    theme = THEME[mode]
    for ground in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        assert contrast(theme["textColor"], ground) >= 7
        assert contrast(theme["linkColor"], ground) >= 4.5
        assert contrast(theme["primaryColor"], ground) >= 3
    assert contrast("#FFFFFF", theme["primaryColor"]) >= 4.5  # the text of a primary button


@pytest.mark.parametrize("mode", MODES)
def test_every_line_of_a_chart_stands_out_and_differs(mode: str) -> None:
    ground = colour_of(charts.GROUND, mode)
    assert ground == THEME[mode]["backgroundColor"]
    for place in (*charts.SERIES, charts.GREY):
        assert contrast(colour_of(place, mode), ground) >= 3, place
    colours = [colour_of(place, mode) for place in charts.SERIES]
    assert all(a != b for a, b in combinations(colours, 2))
    assert len(set(charts.DASHES)) == len(charts.SERIES)


@pytest.mark.parametrize("mode", MODES)
def test_text_inside_a_chart_stands_out(mode: str) -> None:
    for ground in (charts.GROUND, charts.FAINT, charts.FULL):
        assert contrast(colour_of(charts.INK, mode), colour_of(ground, mode)) >= 4.5


@pytest.mark.parametrize("name", FIGURES)
def test_a_chart_names_only_places(name: str) -> None:
    shown = FIGURES[name].to_dict()
    shown["layout"].pop("template")
    named = {c for c in COLOUR.findall(str(shown)) if not re.fullmatch(r"#0000[0-4]\d", c)}
    assert named - {cohort_charts.HATCH} == set()


def test_a_chart_of_the_report_is_repainted_and_keeps_its_data() -> None:
    lines = Chart(
        "Two lines", "Patients", "Lost", (Line("a", [1, 2], [1, 2], [0, 1], [2, 3]), Line("b", [1, 2], [3, 4]))
    )
    bars = Chart("Two bars", "mmHg", "", bars=(Bar("up", 2.0, 1.0, 3.0), Bar("down", -1.0)))
    for chart in (lines, bars):
        shown = charts.of_report(chart)
        told = shown.to_dict()
        told["layout"].pop("template")
        assert shown.layout.meta["alt"] == chart.alt
        assert all(re.fullmatch(r"#0000[0-4]\d", c) for c in COLOUR.findall(str(told)))
    assert list(shown.data[0].x) == [2.0, -1.0]
