"""Names in a chart are text: Plotly would make links of some."""

from __future__ import annotations

import json
from collections.abc import Iterator

from libra_core.report.interactive import figure
from tests.core.report.test_files import document
from tests.support.hostile import HOME, MARK


def strings(value: object) -> Iterator[str]:
    """Every text in a figure, but for its description, which Plotly does not read."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (found for name, part in value.items() if name != "meta" for found in strings(part))
    elif isinstance(value, list | tuple):
        yield from (found for part in value for found in strings(part))


def test_a_chart_reads_no_html_in_a_name() -> None:
    name = f'<a href="{HOME}">{MARK}</a>'
    for section in document(name).sections:
        for chart in section.charts:
            found = [text for text in strings(json.loads(figure(chart).to_json())) if MARK in text]
            assert found
            assert all("<a" not in text and "&lt;a" in text for text in found)
