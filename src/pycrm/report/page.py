"""The report as one HTML file: no script, no request, readable on a phone, at night, on paper and by ear."""

from __future__ import annotations

from pycrm.report.escape import escaped
from pycrm.report.section import Bar, Report, Section, Table

__all__ = ["as_html"]

_STYLE = """
:root{color-scheme:light dark;--ink:#1b2330;--soft:#566074;--paper:#f5f7fa;--card:#fff;--edge:#dde3ec;--c1:#2358a8;--c2:#c2570c;
--c3:#5b9bd5;--warn-edge:#b45309;--warn:#fff7ea}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf5;--soft:#a5b0c3;--paper:#10151d;--card:#19212c;--edge:#313c4c;--c1:#7fb0f5;
--c2:#f2a65a;--c3:#4d79b3;--warn-edge:#d9953b;--warn:#2a2114}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
overflow-wrap:break-word}
main,header,footer{max-width:1080px;margin:0 auto;padding:0 16px}
header{padding-top:32px}
h1{font-size:clamp(1.5rem,5vw,2.1rem);line-height:1.2;margin:0 0 4px}
h2{font-size:1.25rem;margin:0 0 8px}
h3{font-size:1rem;margin:0}
p{margin:0 0 10px;max-width:75ch}
.sub,.note,figcaption,caption,footer{color:var(--soft)}
nav ul{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;padding:0;margin:16px 0}
a{color:var(--c1)}
a:focus-visible{outline:3px solid var(--c2);outline-offset:2px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(136px,1fr));gap:10px;margin:20px 0;padding:0}
.facts div{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px}
.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;font-size:1.35rem;font-weight:650;line-height:1.3;font-variant-numeric:tabular-nums}
.facts dd.note{font-size:.8rem;font-weight:400}
section{background:var(--card);border:1px solid var(--edge);border-radius:12px;padding:20px;margin:0 0 20px}
.short ul{margin:0;padding-left:20px}
.short li{margin-bottom:6px;max-width:80ch}
.missing{border-left:4px solid var(--warn-edge);background:var(--warn);padding:10px 14px;border-radius:0 8px 8px 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:20px;margin:12px 0}
figure{margin:0}
figcaption{font-size:.9rem;margin-bottom:4px}
svg{display:block;width:100%;height:auto;max-width:560px}
svg text{font-size:11px;fill:var(--soft);font-family:inherit}
svg .grid{stroke:var(--edge);stroke-width:1}
svg .axis{stroke:var(--soft);stroke-width:1}
svg .c1{--c:var(--c1)}svg .c2{--c:var(--c2)}svg .c3{--c:var(--c3)}
svg .bar{fill:var(--c)}
svg .bar.outlined{fill:none;stroke:var(--c);stroke-width:1.6}
svg .line{fill:none;stroke:var(--c);stroke-width:2.2}
svg .line.outlined{stroke-dasharray:6 4}
svg .cell{fill:var(--c1)}
svg .on{fill:var(--ink)}
table{border-collapse:collapse;width:100%;margin:14px 0 4px;font-size:.94rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:.9rem;padding-bottom:6px}
th,td{text-align:left;padding:7px 10px 7px 0;border-bottom:1px solid var(--edge);vertical-align:top}
thead th{color:var(--soft);font-weight:600;font-size:.83rem}
tbody th{font-weight:600}
.n{text-align:right;white-space:nowrap}
.track{display:block;position:relative;height:6px;margin-top:4px;background:var(--edge);border-radius:3px;min-width:60px}
.track i{position:absolute;top:0;bottom:0;background:var(--c1);border-radius:3px}
.track b{position:absolute;top:-2px;bottom:-2px;width:3px;background:var(--ink);border-radius:2px}
.track .range{background:var(--c3)}
footer{padding:8px 16px 40px;font-size:.85rem}
@media (max-width:640px){
section{padding:16px 14px}
svg text{font-size:13.5px}
.wide thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.wide,.wide tbody,.wide tr,.wide caption{display:block}
.wide tr{border-bottom:1px solid var(--edge);padding:8px 0}
.wide th,.wide td{border:0;padding:2px 0}
.wide tbody th{display:block;font-size:1rem}
.wide td{display:grid;grid-template-columns:minmax(96px,38%) 1fr;gap:8px;text-align:left;white-space:normal}
.wide td::before{content:attr(data-head);color:var(--soft);font-size:.85rem}
}
@media print{body{background:#fff}section{break-inside:avoid;border:0;padding:0}nav{display:none}}
"""


def as_html(report: Report) -> str:
    """Return the report as one HTML file that asks nothing of any network.

    Its policy forbids scripts and requests, so that even a name that slipped through could do nothing.
    """
    facts = "".join(
        f"<div><dt>{escaped(fact.name)}</dt><dd>{escaped(fact.value)}</dd>"
        + (f'<dd class="note">{escaped(fact.note)}</dd>' if fact.note else "")
        + "</div>"
        for fact in report.facts
    )
    links = "".join(f'<li><a href="#{section.name}">{escaped(section.title)}</a></li>' for section in report.sections)
    summary = "".join(f"<li>{escaped(sentence)}</li>" for sentence in report.summary)
    short = (
        f'<section class="short" aria-labelledby="short-h"><h2 id="short-h">In short</h2><ul>{summary}</ul></section>'
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline';img-src data:\">"
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escaped(report.title)}</title><style>{_STYLE}</style></head>\n<body>"
        f'<header><h1>{escaped(report.title)}</h1><p class="sub">{escaped(report.subtitle)}</p>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n<main><dl class="facts">{facts}</dl>\n'
        + (short if summary else "")
        + "\n".join(_section(section) for section in report.sections)
        + "</main>\n<footer><p>Made with pycrm. This file is complete: it loads nothing and sends nothing.</p></footer>"
        "</body></html>\n"
    )


def _section(section: Section) -> str:
    sentences = "".join(f"<p>{escaped(sentence)}</p>" for sentence in section.sentences)
    missing = "".join(f'<p class="missing">Not estimable: {escaped(reason)}</p>' for reason in section.missing)
    charts = "".join(
        f"<figure><figcaption>{escaped(chart.caption)}</figcaption>{chart.drawing}</figure>" for chart in section.charts
    )
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-h"><h2 id="{section.name}-h">{escaped(section.title)}</h2>'
        + sentences
        + missing
        + (f'<div class="charts">{charts}</div>' if charts else "")
        + "".join(_table(table) for table in section.tables)
        + "</section>"
    )


def _table(table: Table) -> str:
    """Return a table whose roles are said, since a narrow screen shows its rows as blocks."""
    right = [' class="n"' if at in table.numbers else "" for at in range(len(table.heads))]
    heads = "".join(
        f'<th role="columnheader" scope="col"{right[at]}>{escaped(head)}</th>' for at, head in enumerate(table.heads)
    )
    rows = "".join(
        '<tr role="row">'
        f'<th role="rowheader" scope="row"><bdi>{_cell(row[0])}</bdi></th>'
        + "".join(
            f'<td role="cell"{right[at]} data-head="{escaped(table.heads[at])}"><span>{_cell(cell)}</span></td>'
            for at, cell in enumerate(row)
            if at
        )
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<table role="table" class="{"wide" if _is_wide(table) else "slim"}"><caption>{escaped(table.caption)}</caption><thead role="rowgroup"><tr role="row">{heads}</tr>'
        f'</thead><tbody role="rowgroup">{rows}</tbody></table>'
    )


def _is_wide(table: Table) -> bool:
    """Whether a phone cannot show the columns side by side."""
    rows = [table.heads, *([cell.text if isinstance(cell, Bar) else cell for cell in row] for row in table.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.heads))]
    return sum(widths) + 2 * len(widths) > 40


def _cell(cell: str | Bar) -> str:
    if not isinstance(cell, Bar):
        return escaped(cell)
    share = min(max(cell.share, 0.0), 1.0) * 100
    if cell.low is None or cell.high is None:
        inside = f'<i style="left:0;width:{share:.1f}%"></i>'
    else:
        low, high = (min(max(end, 0.0), 1.0) * 100 for end in (cell.low, cell.high))
        inside = (
            f'<i class="range" style="left:{low:.1f}%;width:{max(high - low, 1.0):.1f}%"></i>'
            f'<b style="left:calc({share:.1f}% - 1px)"></b>'
        )
    return f'{escaped(cell.text)}<span class="track" aria-hidden="true">{inside}</span>'
