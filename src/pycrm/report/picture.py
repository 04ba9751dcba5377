"""A picture on its own, for a page of the documentation: what each way to treat customers earns in each world."""

from __future__ import annotations

from collections.abc import Mapping

from pycrm.report.escape import escaped

__all__ = ["loop_picture"]

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 640, 140, 20, 22, 40
_COLOURS = {"loop": "#0b6e4f", "best seller": "#c8553d", "random": "#7a7a7a"}


def loop_picture(gains: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> str:
    """Return an SVG of gains over no contact, a customer: a dot for the mean, a line for its 95 % interval.

    Parameters
    ----------
    gains : mapping of world to mapping of way to (mean, low, high)
        In one currency.

    Examples
    --------
    >>> drawn = loop_picture({"main": {"loop": (1.0, 0.5, 1.5), "random": (-4.0, -4.5, -3.5)}})
    >>> drawn.startswith("<svg"), drawn.count("<circle")
    (True, 2)
    """
    values = [number for ways in gains.values() for one in ways.values() for number in one] or [0.0]
    low, high = min(0.0, *values), max(0.0, *values, 1e-9)
    scale = (_WIDTH - _LEFT - _RIGHT) / (high - low)

    def x(value: float) -> float:
        return _LEFT + (value - low) * scale

    rows = sum(len(ways) for ways in gains.values()) + len(gains)
    height = _TOP + rows * _ROW + 24
    parts = [f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{_TOP - 8}" y2="{height - 24}" stroke="#333"/>']
    parts.append(f'<text x="{x(0):.1f}" y="{height - 8}" text-anchor="middle">0: no contact</text>')
    y = float(_TOP)
    words = []
    for world, ways in gains.items():
        parts.append(f'<text x="8" y="{y + 4:.1f}" font-weight="bold">{escaped(world)}</text>')
        for way, (mean, bottom, top) in ways.items():
            y += _ROW
            colour = _COLOURS.get(way, "#333")
            said = f"{world}, {way}: {mean:+.2f} ({bottom:+.2f} to {top:+.2f})"
            words.append(said)
            parts.append(
                f'<text x="24" y="{y + 4:.1f}" fill="{colour}">{escaped(way)}</text>'
                f'<line x1="{x(bottom):.1f}" x2="{x(top):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="3"/>'
                f'<circle cx="{x(mean):.1f}" cy="{y:.1f}" r="5" fill="{colour}"><title>{escaped(said)}</title></circle>'
            )
        y += _ROW
    title = "What each way earns a customer, in EUR over 20 weeks, beyond no contact"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" font-family="sans-serif" '
        f'font-size="12"><title>{escaped(title)}</title><desc>{escaped("; ".join(words))}</desc>'
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/><text x="8" y="18" font-size="14">{escaped(title)}</text>'
        f"{''.join(parts)}</svg>\n"
    )
