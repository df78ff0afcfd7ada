"""The two kinds of charts a report has, as SVG."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from jaxtyping import Float

_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 8, 16, 46
_TICKS = (0, 25, 50, 75, 100)
# More points than a screen has are not drawn.
_POINTS = 200


def bars(values: Mapping[str, float]) -> str:
    """A bar a value, from 0 to 100; below 0 it is empty, and NaN has none.

    Args:
        values: Percent by name; the lines of a name stand one below the other.
    """
    width, height = 760, 230
    step = (width - _LEFT - _RIGHT) / max(len(values), 1)
    parts = [_grid(width, height)]
    for number, (name, value) in enumerate(values.items()):
        centre = _LEFT + step * (number + 0.5)
        if not np.isnan(value):
            y = _y(min(max(value, 0.0), 100.0), height)
            bar = min(step * 0.7, 60)
            parts.append(
                f'<rect x="{centre - bar / 2:.1f}" y="{y:.1f}" width="{bar:.1f}" '
                f'height="{height - _BOTTOM - y:.1f}" class="bar"/>'
                f'<text x="{centre:.1f}" y="{y - 3:.1f}" class="mid">{value:.1f}</text>'
            )
        for line, text in enumerate(name.split("\n"), start=1):
            place = f'x="{centre:.1f}" y="{height - _BOTTOM + 2 + 13 * line}"'
            parts.append(f'<text {place} class="mid">{escape(text)}</text>')
    return _svg(parts, width, height)


def curve(
    recall: Float[np.ndarray, " n"], precision: Float[np.ndarray, " n"], title: str, note: str
) -> str:
    """Precision over recall, both from 0 to 1."""
    width, height = 240, 200
    chosen = np.unique(np.linspace(0, max(len(recall) - 1, 0), _POINTS).astype(int))
    parts = [_grid(width, height)]
    if len(recall) and not np.isnan(recall[-1]):
        x = _LEFT + recall[chosen] * (width - _LEFT - _RIGHT)
        points = " ".join(
            f"{a:.1f},{_y(100 * b, height):.1f}" for a, b in zip(x, precision[chosen], strict=True)
        )
        parts.append(f'<polyline points="{points}" class="curve"/>')
    middle = (_LEFT + width - _RIGHT) / 2
    parts += [
        f'<text x="{middle}" y="{height - _BOTTOM + 15}" class="mid">recall, 0 to 100</text>',
        f'<text x="{middle}" y="{height - _BOTTOM + 32}" class="title">{escape(title)} '
        f"{escape(note)}</text>",
    ]
    return _svg(parts, width, height)


def _y(percent: float, height: int) -> float:
    return _TOP + (height - _BOTTOM - _TOP) * (1 - percent / 100)


def _grid(width: int, height: int) -> str:
    lines = []
    for tick in _TICKS:
        y = _y(tick, height)
        lines.append(
            f'<line x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" class="end">{tick}</text>'
        )
    return "".join(lines)


def _svg(parts: Sequence[str], width: int, height: int) -> str:
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{"".join(parts)}</svg>'
