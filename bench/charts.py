"""Small line charts as SVG text: points on a logarithmic axis of x, one line for each series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 200, 40, 50
_COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#525252")
_GRID_LINES = 5


def line_chart(title: str, x_title: str, series: Mapping[str, Points], *, reference: float | None = None) -> str:
    """Return the chart; y begins at 0, and `reference` is drawn as a dashed line."""
    xs = sorted({x for points in series.values() for x, _ in points})
    highest = max([y for points in series.values() for _, y in points] + [reference or 0.0]) * 1.1
    parts = [_text(_LEFT, 22, title, "start", bold=True), _text(_LEFT + _plot_width() / 2, _HEIGHT - 8, x_title)]
    for step in range(_GRID_LINES + 1):
        value = highest * step / _GRID_LINES
        parts += [
            _line(_LEFT, _y(value, highest), "#e5e5e5"),
            _text(_LEFT - 6, _y(value, highest) + 4, f"{value:.3g}", "end"),
        ]
    parts += [_text(_x(x, xs), _HEIGHT - _BOTTOM + 18, f"{x:,g}") for x in xs]
    if reference is not None:
        parts.append(_line(_LEFT, _y(reference, highest), "#737373", dashed=True))
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [(_x(x, xs), _y(y, highest)) for x, y in points]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        parts.append(_text(_WIDTH - _RIGHT + 12, _TOP + 16 + 18 * number, name, "start", colour=colour))
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n{inside}\n</svg>\n'
    )


def _plot_width() -> float:
    return _WIDTH - _LEFT - _RIGHT


def _x(x: float, xs: Sequence[float]) -> float:
    low, high = math.log(xs[0]), math.log(xs[-1])
    return _LEFT + _plot_width() * ((math.log(x) - low) / (high - low) if high > low else 0.5)


def _y(y: float, highest: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * y / highest


def _line(x: float, y: float, colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<line x1="{x}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="{colour}"{dashes}/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", *, colour: str = "#171717", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'
