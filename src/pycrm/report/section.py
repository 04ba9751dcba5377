"""A report as sections of sentences, tables and charts: said once, shown as a page and as text.

Text of others (names, column heads, paths) has been through `escape.plain` before it stands in any of these.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["Bar", "Chart", "Fact", "Report", "Section", "Table"]


@frozen
class Bar:
    """A number in a table that also shows as a bar: `share` of the widest, `low` and `high` as a range."""

    text: str
    share: float
    low: float | None = None
    high: float | None = None


@frozen(kw_only=True)
class Table:
    """Rows under heads; the first column names the row, those in `numbers` are set flush right."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str | Bar, ...], ...]
    numbers: frozenset[int] = frozenset()


@frozen
class Chart:
    """A drawing and what it shows, in words."""

    caption: str
    drawing: str


@frozen
class Fact:
    """One number that stands on its own."""

    name: str
    value: str
    note: str = ""


@frozen(kw_only=True)
class Section:
    """A heading and what stands under it."""

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@frozen(kw_only=True)
class Report:
    """The whole of it."""

    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
