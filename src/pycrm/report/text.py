"""The report as text for a terminal."""

from __future__ import annotations

import textwrap

from pycrm.report.section import Bar, Report, Table

__all__ = ["as_text", "opening"]

WIDTH = 100


def opening(report: Report) -> str:
    """Return the beginning of the report: what it is about, its facts and its summary."""
    parts = [report.title, report.subtitle, ""]
    widest = max((len(fact.name) for fact in report.facts), default=0)
    parts += [
        f"  {fact.name:<{widest}}  {fact.value}" + (f"  ({fact.note})" if fact.note else "") for fact in report.facts
    ]
    parts += ["", *(_wrapped(f"* {sentence}", "  ") for sentence in report.summary)]
    return "\n".join(parts) + "\n"


def as_text(report: Report) -> str:
    """Return the report in at most 100 columns where words allow; charts are left to the page, their tables are here."""
    parts = [opening(report).rstrip("\n")]
    for section in report.sections:
        parts += ["", section.title, "-" * len(section.title)]
        parts += [_wrapped(sentence) for sentence in section.sentences]
        parts += [_wrapped(f"Not estimable: {reason}") for reason in section.missing]
        for table in section.tables:
            parts += ["", *_rows(table)]
    return "\n".join(parts) + "\n"


def _wrapped(sentence: str, indent: str = "") -> str:
    return textwrap.fill(sentence, WIDTH, subsequent_indent=indent, break_long_words=False)


def _rows(table: Table) -> list[str]:
    heads = list(table.heads)
    cells = [[cell.text if isinstance(cell, Bar) else cell for cell in row] for row in table.rows]
    widths = [max(len(row[at]) for row in [heads, *cells]) for at in range(len(heads))]
    last = len(heads) - 1
    made = []
    for row in [heads, *cells]:
        fields = [
            cell.rjust(widths[at]) if at in table.numbers else cell if at == last else cell.ljust(widths[at])
            for at, cell in enumerate(row)
        ]
        made.append("  " + "  ".join(fields).rstrip())
    return [table.caption, *made]
