"""Small charts as inline SVG: drawn at the width of a phone, coloured by the page, described in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

from pycrm.report.escape import escaped

__all__ = ["Series", "bars", "heat", "lines"]

WIDTH = 360
HEIGHT = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 26, 30


@frozen
class Series:
    """Numbers under one name. Filled bars or a solid line, unless `outlined`: then outlined bars or a dashed line."""

    name: str
    values: Sequence[float]
    colour: int = 1
    outlined: bool = False


def short(value: float) -> str:
    """Return `value` as it stands at an axis.

    Examples
    --------
    >>> [short(value) for value in (0, 0.25, 12, 1500, 2_000_000, -3e9)]
    ['0', '0.25', '12', '1.5k', '2M', '-3B']
    """
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers that span from `low` (at most 0) to `high`."""
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        high = 1.0
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _frame(name: str, title: str, words: str, body: str, height: int = HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escaped(title)}</title><desc id="{name}-d">{escaped(words)}</desc>{body}</svg>'
    )


def _axes(ticks: list[float], labels: Sequence[str], centres: Sequence[float]) -> tuple[str, float, float]:
    low, high = ticks[0], ticks[-1]
    scale = (HEIGHT - _TOP - _BOTTOM) / (high - low)
    parts = []
    for tick in ticks:
        y = HEIGHT - _BOTTOM - (tick - low) * scale
        kind = "axis" if tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{short(tick)}</text>')
    every = max(1, math.ceil(sum(len(label) + 1.5 for label in labels) * 6.8 / (WIDTH - _LEFT - _RIGHT)))
    for number, (label, x) in enumerate(zip(labels, centres, strict=True)):
        if number % every == 0:
            end = x + 3.4 * len(label) > WIDTH
            at, anchor = (WIDTH - 2.0, "end") if end else (x, "middle")
            parts.append(
                f'<text x="{at:.1f}" y="{HEIGHT - _BOTTOM + 15}" text-anchor="{anchor}">{escaped(label)}</text>'
            )
    return "".join(parts), low, scale


def _legend(series: Sequence[Series], *, as_lines: bool) -> str:
    parts, x = [], float(_LEFT)
    for one in series:
        style = f"c{one.colour}" + (" outlined" if one.outlined else "")
        if as_lines:
            parts.append(f'<line class="line {style}" x1="{x}" x2="{x + 16}" y1="10" y2="10"/>')
        else:
            parts.append(f'<rect class="bar {style}" x="{x + 3}" y="5" width="10" height="10"/>')
        parts.append(f'<text x="{x + 20}" y="14">{escaped(one.name)}</text>')
        x += 34 + 7.5 * len(one.name)
    return "".join(parts)


def _words(labels: Sequence[str], series: Sequence[Series]) -> str:
    return "; ".join(
        f"{one.name}: " + ", ".join(f"{label} {value:,.4g}" for label, value in zip(labels, one.values, strict=True))
        for one in series
    )


def bars(name: str, title: str, labels: Sequence[str], series: Sequence[Series], *, stacked: bool = False) -> str:
    """Return a bar chart; the bars of a label stand side by side, or one on the other."""
    count = len(labels)
    columns = [[one.values[at] for one in series] for at in range(count)]
    tops = [sum(column) if stacked else max([*column, 0.0]) for column in columns]
    lows = [0.0 if stacked else min([*column, 0.0]) for column in columns]
    ticks = _ticks(min(lows, default=0.0), max(tops, default=1.0))
    room = (WIDTH - _LEFT - _RIGHT) / max(count, 1)
    centres = [_LEFT + room * (at + 0.5) for at in range(count)]
    body, low, scale = _axes(ticks, labels, centres)
    zero = HEIGHT - _BOTTOM + low * scale
    width = room * 0.76 / (1 if stacked else len(series))
    parts = [body, _legend(series, as_lines=False) if len(series) > 1 else ""]
    for at in range(count):
        base = zero
        for number, one in enumerate(series):
            value = one.values[at]
            tall = abs(value) * scale
            top = (base if stacked else zero) - (tall if value > 0 else 0)
            left = centres[at] - room * 0.38 + (0 if stacked else number * width)
            style = f"c{one.colour}" + (" outlined" if one.outlined else "")
            parts.append(
                f'<rect class="bar {style}" x="{left:.1f}" y="{top:.1f}" width="{max(width - 1, 0.5):.1f}" height="{tall:.1f}">'
                f"<title>{escaped(labels[at])}, {escaped(one.name)}: {value:,.4g}</title></rect>"
            )
            base = top
    return _frame(name, title, _words(labels, series), "".join(parts))


def lines(name: str, title: str, labels: Sequence[str], series: Sequence[Series]) -> str:
    """Return a line chart over evenly spaced labels."""
    count = len(labels)
    values = [value for one in series for value in one.values]
    room = (WIDTH - _LEFT - _RIGHT - 12) / max(count - 1, 1)
    centres = [_LEFT + 6 + room * at for at in range(count)]
    body, low, scale = _axes(_ticks(min(values, default=0.0), max(values, default=1.0)), labels, centres)
    parts = [body, _legend(series, as_lines=True)]
    for one in series:
        points = " ".join(
            f"{x:.1f},{HEIGHT - _BOTTOM - (value - low) * scale:.1f}"
            for x, value in zip(centres, one.values, strict=True)
        )
        style = f"c{one.colour}" + (" outlined" if one.outlined else "")
        parts.append(f'<polyline class="line {style}" points="{points}"/>')
    spare = max(1, count // 12)
    told = [Series(one.name, list(one.values)[::spare]) for one in series]
    return _frame(name, title, _words(labels[::spare], told), "".join(parts))


def heat(name: str, title: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]]) -> str:
    """Return a table of cells, each as dark as its number, with the number in it."""
    most = max((value for row in values for value in row), default=0.0) or 1.0
    left, top, bottom = 34, 8, 38
    wide, tall = (WIDTH - left - 8) / len(columns), 34
    parts = []
    for at, (label, row) in enumerate(zip(rows, values, strict=True)):
        y = top + at * tall
        parts.append(f'<text x="{left - 8}" y="{y + tall / 2 + 4:.1f}" text-anchor="end">{escaped(label)}</text>')
        for place, value in enumerate(row):
            x, share = left + place * wide, math.sqrt(value / most)
            parts.append(
                f'<rect class="cell" x="{x:.1f}" y="{y}" width="{wide - 2:.1f}" height="{tall - 2}" rx="3"'
                f' fill-opacity="{0.05 + 0.5 * share:.2f}"/>'
                f'<text class="on" x="{x + wide / 2 - 1:.1f}" y="{y + tall / 2 + 3:.1f}"'
                f' text-anchor="middle">{value:,.0f}</text>'
            )
    height = top + len(rows) * tall + bottom
    for place, label in enumerate(columns):
        x = left + (place + 0.5) * wide - 1
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 13}" text-anchor="middle">{escaped(label)}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{height - 5}" text-anchor="middle">frequency score (5 = most often)</text>')
    across = f"rotate(-90 9 {(height - bottom) / 2:.0f})"
    parts.append(
        f'<text x="9" y="{(height - bottom) / 2:.0f}" text-anchor="middle" transform="{across}">recency score</text>'
    )
    words = "; ".join(
        f"recency {label}: "
        + ", ".join(f"frequency {column} {value:,.0f}" for column, value in zip(columns, row, strict=True))
        for label, row in zip(rows, values, strict=True)
    )
    return _frame(name, title, words, "".join(parts), height)
