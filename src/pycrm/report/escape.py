"""Text of others made harmless: it can be read, and it does nothing."""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["escaped", "plain"]

LONGEST = 80
_NUMBER = re.compile(r"[+-][\d\s().,/-]*\d[),.;:]*")  # a word of a sentence may end in a stop
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain(text: object) -> str:
    r"""Return `text` as one line that shows what it holds.

    Control characters and marks that turn the direction of writing are spelled out, what a spreadsheet would take for a formula
    gets an apostrophe in front, and very long text is cut.

    Examples
    --------
    >>> plain("Ana\u202egnp.exe"), plain("=cmd()"), plain("+34 600 000 000")
    ('Ana⟨U+202E⟩gnp.exe', "'=cmd()", '+34 600 000 000')
    """
    raw = str(text)
    formula = raw.lstrip(" \u00a0").startswith(_FORMULA) and not _NUMBER.fullmatch(raw.strip())
    made = "".join(_spelled(character) for character in raw)
    made = made if len(made) <= LONGEST else f"{made[: LONGEST - 1]}…"
    return f"'{made}" if formula else made


def _spelled(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    return f"⟨U+{ord(character):04X}⟩" if kind in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} else character


def escaped(text: str) -> str:
    """Return `text` for use in HTML or SVG, in content and in quoted attributes.

    Examples
    --------
    >>> escaped('<b onclick="x">')
    '&lt;b onclick=&quot;x&quot;&gt;'
    """
    return html.escape(text, quote=True)
