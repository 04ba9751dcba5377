"""Numbers as people write them: decimal comma or point, thousands, currency signs, minus before, behind or as brackets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from attrs import frozen
from numpy.typing import NDArray

from pycrm.report.source import Source

__all__ = ["Texts", "currencies_of", "decimal_mark", "parse_amounts"]

_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "US$": "USD",
    "R$": "BRL",
    "S/": "PEN",
    "$": "$",
    "₡": "CRC",
    "₲": "PYG",
}
_CODE = re.compile(r"US\$|R\$|S/|[€£¥₹₡₲$]|\b[A-Z]{3}\b")
_PLAIN = re.compile(r"[+-]?\d+(?:[.,' ’]\d+)*")
_ENDS_IN_COMMA = re.compile(r"\d,\d{1,2}$|\d,\d{4,}$|\.\d{3},\d+$|^0,\d+$")
_ENDS_IN_POINT = re.compile(r"\d\.\d{1,2}$|\d\.\d{4,}$|,\d{3}\.\d+$|^0\.\d+$")
_EITHER = re.compile(r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$")
_GROUPS_OF_POINTS = re.compile(r"^[+-]?\d{1,3}(?:\.\d{3}){2,}$")
_GROUPS_OF_COMMAS = re.compile(r"^[+-]?\d{1,3}(?:,\d{3}){2,}$")


@frozen(kw_only=True, eq=False)
class Texts:
    """The distinct texts of one column, and the first record that holds each."""

    column: str
    texts: Sequence[str]
    first: NDArray[np.int64]


def decimal_mark(source: Source, columns: Sequence[Texts]) -> str:
    """Return "." or ",", whichever the numbers of `columns` show; "." where none shows any.

    Raises
    ------
    UnreadableFileError
        If some lines show a decimal comma and others a decimal point; or if fields are divided by semicolons, as where the
        decimal mark is a comma, and the only marks there are may divide thousands as well.
    """
    shown: dict[str, tuple[int, str, str]] = {}
    for column in columns:
        for text, record in zip(column.texts, column.first, strict=True):
            if "," not in text and text.count(".") < 2 and "," not in shown:
                # The common case: nothing but a possible point, which only matters once a comma has been seen.
                if "." in text and "." not in shown and _ENDS_IN_POINT.search(_bare(text)):
                    shown["."] = (int(record), column.column, text)
                continue
            bare = _bare(text)
            if _ENDS_IN_COMMA.search(bare) or _GROUPS_OF_POINTS.match(bare):
                shown.setdefault(",", (int(record), column.column, text))
            elif _ENDS_IN_POINT.search(bare) or _GROUPS_OF_COMMAS.match(bare):
                shown.setdefault(".", (int(record), column.column, text))
            if len(shown) == 2:
                one, two = sorted(shown.values())
                raise source.error(
                    f"{two[2]!r} and {one[2]!r} in row {source.line_of(one[0])} use different decimal marks",
                    "write all numbers one way, or say --decimal . or --decimal ,",
                    record=two[0],
                    column=two[1],
                )
    if not shown and source.delimiter == ";":
        _refuse_either(source, columns)
    return next(iter(shown), ".")


def _refuse_either(source: Source, columns: Sequence[Texts]) -> None:
    for column in columns:
        for text, record in zip(column.texts, column.first, strict=True):
            if _EITHER.match(_bare(text)):
                raise source.error(
                    f"{text!r} may be a thousand or a fraction, and no other line tells",
                    "say --decimal . or --decimal ,",
                    record=int(record),
                    column=column.column,
                )


def parse_amounts(texts: Sequence[str], mark: str) -> NDArray[np.float64]:
    """Return the numbers that `texts` mean with decimal `mark`; NaN where a text is no finite number.

    Examples
    --------
    >>> parse_amounts(["1.234,50 €", "(3,5)", "12-", "inf", "n/a"], ",")
    array([1234.5,   -3.5,  -12. ,    nan,    nan])
    """
    raw = pd.Series(texts, dtype=object)
    values = np.full(len(raw), np.nan)
    if mark == ".":
        quick = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=np.float64)
        values = np.where(np.isfinite(quick), quick, np.nan)
    for place in np.flatnonzero(np.isnan(values)):
        values[place] = _number(str(raw.iloc[place]), mark)
    return values


def currencies_of(texts: Sequence[str], first: NDArray[np.int64]) -> Mapping[str, int]:
    """Return the currencies that `texts` name by sign or code, each with the first record that does."""
    found: dict[str, int] = {}
    for text, record in zip(texts, first, strict=True):
        if not text[-1:].isdigit() or text[:1] not in "0123456789-+.":
            sign = _CODE.search(text)
            if sign and any(character.isdigit() for character in text):
                code = _SIGNS.get(sign[0], sign[0])
                found[code] = min(int(record), found.get(code, int(record)))
    return found


def _bare(text: str) -> str:
    return re.sub(r"[^\d.,+-]", "", text)


def _number(text: str, mark: str) -> float:
    text = _CODE.sub("", text.replace("\u00a0", " ").replace("\u202f", " ").replace("−", "-")).strip()
    sign = 1.0
    if text.startswith("(") and text.endswith(")"):
        sign, text = -1.0, text[1:-1].strip()
    if text.endswith("-"):
        sign, text = -sign, text[:-1].strip()
    text = re.sub(r"^([+-])\s+", r"\1", text)
    if text.startswith(mark):
        text = f"0{text}"
    if not _PLAIN.fullmatch(text):
        return float("nan")
    thousands = "." if mark == "," else ","
    whole, _, fraction = text.partition(mark)
    if mark in fraction or thousands in fraction:
        return float("nan")
    groups = re.split(r"[.,' ’]", whole)
    if len(groups) > 1 and any(len(group) != 3 for group in groups[1:]):
        return float("nan")
    return sign * float(f"{''.join(groups)}.{fraction or '0'}")
