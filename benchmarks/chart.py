"""A line chart as SVG text: for the figures in docs/, which must be readable without any program of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 70, 190, 40, 50
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe-Ito: told apart by everybody, 3:1 on white


@dataclass(frozen=True, eq=False)
class Curve:
    """One line with its name, written at its right end."""

    name: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    dashed: bool = False


def line_chart(title: str, x_name: str, y_name: str, curves: Sequence[Curve]) -> str:
    """Both axes from 0, the y axis as high as the highest solid line needs; dashed lines may leave at the top."""
    right = max(float(np.max(c.x)) for c in curves)
    top = 1.1 * max(float(np.max(c.y)) for c in curves if not c.dashed)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title)}"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_name)}</text>',
        f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})">'
        f"{escape(y_name)}</text>",
        *_axis(right, top),
    ]
    ends: list[float] = []
    for i, curve in enumerate(curves):
        parts += _line(curve, COLOURS[i % len(COLOURS)], right, top, ends)
    return "\n".join([*parts, "</svg>\n"])


def _at(x: float, y: float, right: float, top: float) -> tuple[float, float]:
    return (
        LEFT + x / right * (WIDTH - LEFT - RIGHT),
        HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM),
    )


def _axis(right: float, top: float) -> list[str]:
    (x0, y0), (x1, y1) = _at(0, 0, right, top), _at(right, top, right, top)
    across = [(_at(tick, 0, right, top)[0], y0 + 16, "middle", tick) for tick in _ticks(right)]
    up = [(x0 - 6, _at(0, tick, right, top)[1] + 4, "end", tick) for tick in _ticks(top)]
    return [
        f'<path d="M{x0:.1f} {y1:.1f}V{y0:.1f}H{x1:.1f}" fill="none" stroke="#444"/>',
        *(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{side}">{tick:,.0f}</text>' for x, y, side, tick in across + up),
    ]


def _ticks(limit: float) -> np.ndarray:
    """Round numbers from 0 to at most `limit`, four to eight of them."""
    power = 10.0 ** np.floor(np.log10(limit))
    step = next(m * power for m in (0.2, 0.25, 0.5, 1.0, 2.0) if limit / (m * power) < 8)
    return np.arange(0.0, limit + 1e-9, step)


def _line(curve: Curve, colour: str, right: float, top: float, ends: list[float]) -> list[str]:
    inside = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if y <= top]
    points = [_at(float(x), float(y), right, top) for x, y in inside]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = f' stroke-dasharray="{6 if len(ends) % 2 else 2} 4"' if curve.dashed else ""
    end = points[-1][1]
    slots = (end + side * 14 * k for k in range(len(ends) + 1) for side in (-1, 1))
    label = next(y for y in slots if all(abs(y - other) >= 14 for other in ends))  # names must not lie on each other
    ends.append(label)
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
        f'<text x="{WIDTH - RIGHT + 8}" y="{label + 4:.1f}" fill="{colour}">{escape(curve.name)}</text>',
    ]
