"""A chart as a static SVG picture, for paper: same data, colours and dashes as on the screen, nothing to install."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from libra_core.digits import fixed
from libra_core.report.document import Bar, Chart, Line

# Okabe and Ito's colours, distinguishable with any colour vision; each has its own dash.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#1B2733", "#E69F00", "#56B4E9")
DASHES = ("", "7 4", "2 3", "8 3 2 3", "12 4", "12 4 2 4", "")
INK, GREY, PALE = "#1B2733", "#5B6B7A", "#D5DDE5"
WIDTH, HEIGHT, SIZE = 720, 340, 14
LETTER = 0.56 * SIZE  # mean width of a letter, to lay out labels


def svg(chart: Chart) -> str:
    """The picture as text, 720 wide, with its description inside."""
    body, height = _bars(chart) if chart.bars else _lines(chart)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(chart.alt)}" font-family="Liberation Sans, DejaVu Sans, sans-serif" '
        f'font-size="{SIZE}" fill="{INK}"><title>{escape(chart.alt)}</title>{"".join(body)}</svg>'
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that cover [low, high], about so many."""
    if not high > low:
        high = low + 1.0
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def number(value: float) -> str:
    """A number on an axis or at a bar: no more digits than it needs."""
    return fixed(value, 0 if abs(value) >= 20 or value == round(value) else 1 if abs(value) >= 2 else 2)


def bar_number(value: float) -> str:
    """A number at a bar: whole, or with one decimal."""
    return fixed(value, 0 if abs(value) >= 100 or value == round(value) else 1)


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = INK, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {extra}>{escape(text)}</text>'


def _legend(lines: Sequence[Line]) -> tuple[list[str], float]:
    """Names with their dash and colour, as many rows as they need, and where the picture below begins."""
    out, x, y = [], 82.0, 16.0
    for k, line in enumerate(lines):
        wide = 40 + LETTER * len(line.name) + 18
        if x + wide > WIDTH and x > 82:
            x, y = 82.0, y + 20
        out.append(_stroke((x, x + 32), (y - 5, y - 5), k))
        out.append(_text(x + 38, y, line.name))
        x += wide
    return out, y + 16


def _scale(marks: list[float], start: float, end: float) -> Callable[[Any], Any]:
    """From values to pixels, so that the marks fill the room from start to end."""
    return lambda value: start + (value - marks[0]) / (marks[-1] - marks[0]) * (end - start)


def _path(x: Iterable[float], y: Iterable[float]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _stroke(x: Iterable[float], y: Iterable[float], k: int) -> str:
    dash = f' stroke-dasharray="{DASHES[k % len(DASHES)]}"' if DASHES[k % len(DASHES)] else ""
    colour = COLOURS[k % len(COLOURS)]
    return f'<polyline points="{_path(x, y)}" fill="none" stroke="{colour}" stroke-width="2.2"{dash}/>'


def _lines(chart: Chart) -> tuple[list[str], int]:
    lines = [line.thin() for line in chart.lines]
    out, top = _legend(lines)
    left, right, bottom = 82.0, WIDTH - 20.0, HEIGHT - 50.0
    xs = ticks(0.0, max(float(line.x[-1]) for line in lines))
    ys = ticks(0.0, max(float(np.max(line.y if line.high is None else line.high)) for line in lines))

    across, up = _scale(xs, left, right), _scale(ys, bottom, top)
    for value in ys:
        y = up(value)
        out.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{PALE}"/>')
        out.append(_text(left - 6, y + 5, number(value), "end", GREY))
    out += [_text(across(value), bottom + 20, number(value), "middle", GREY) for value in xs]
    for k, line in enumerate(lines):
        if line.low is not None and line.high is not None:
            x, y = np.r_[line.x, line.x[::-1]], np.r_[line.high, np.maximum(line.low, ys[0])[::-1]]
            path, colour = _path(across(x), up(y)), COLOURS[k % len(COLOURS)]
            out.append(f'<polygon points="{path}" fill="{colour}" fill-opacity="0.15"/>')
    out += [_stroke(across(line.x), up(line.y), k) for k, line in enumerate(lines)]
    out.append(_text((left + right) / 2, HEIGHT - 8, chart.x, "middle"))
    middle = (top + bottom) / 2
    out.append(_text(14, middle, chart.y, "middle", INK, f'transform="rotate(-90 14 {middle:.1f})"'))
    return out, HEIGHT


def _bars(chart: Chart) -> tuple[list[str], int]:
    row = 40.0
    left = min(300.0, 16 + LETTER * max(len(bar.label) for bar in chart.bars))
    right, height = WIDTH - 70.0, int(row * len(chart.bars) + 56)
    reach = [v for b in chart.bars for v in (b.value, b.high or 0.0, b.low or 0.0)]
    xs = ticks(min(0.0, *reach), max(0.0, *reach))
    where = _scale(xs, left, right)
    out = []
    for value in xs:
        out.append(f'<line x1="{where(value):.1f}" x2="{where(value):.1f}" y1="6" y2="{height - 46}" stroke="{PALE}"/>')
        out.append(_text(where(value), height - 28, number(value), "middle", GREY))
    for k, bar in enumerate(chart.bars):
        out += _bar(bar, 8 + k * row, where)
        out.append(_text(left - 8, 8 + k * row + 21, bar.label, "end"))
    out.append(_text((left + right) / 2, height - 8, chart.x, "middle"))
    return out, height


def _bar(bar: Bar, y: float, where: Callable[[float], float]) -> list[str]:
    start, end = sorted((where(0.0), where(bar.value)))
    colour = COLOURS[0] if bar.value >= 0 else COLOURS[1]
    out = [f'<rect x="{start:.1f}" y="{y + 4:.1f}" width="{max(end - start, 1):.1f}" height="24" fill="{colour}"/>']
    edge = end
    if bar.low is not None and bar.high is not None:
        edge = max(end, where(bar.high))
        low, high, level = where(bar.low), where(bar.high), y + 16
        spot = f'x1="{low:.1f}" x2="{high:.1f}" y1="{level:.1f}" y2="{level:.1f}"'
        out.append(f'<line {spot} stroke="{INK}" stroke-width="2"/>')
    out.append(_text(edge + 6, y + 21, bar_number(bar.value)))
    return out
