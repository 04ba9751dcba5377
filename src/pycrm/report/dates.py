"""Dates as people write them, in one order per file; where the order cannot be told, it is asked for, never guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from attrs import frozen
from numpy.typing import NDArray

from pycrm.report.source import Source

__all__ = ["Dates", "parse_dates"]

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMBERS = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})[-/. ](\d{4}|\d{2})")
_NAMED_DAY_FIRST = re.compile(
    r"(?:[^\W\d_]+\.?,?\s+)?(\d{1,2})[-/.\s]+(?:de\s+)?([^\W\d_]+)\.?,?[-/\s]+(?:de\s+|del\s+)?(\d{4}|\d{2})"
)
_NAMED_MONTH_FIRST = re.compile(r"([^\W\d_]+)\.?\s+(\d{1,2}),?\s+(\d{4})")
_CLOCK = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp])?\.?\s?(?:[Mm]\.?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_SPLIT = re.compile(r"^(.*?)(?:,?[T\s]+(\d{1,2}:\d{2}.*))?$", re.DOTALL)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january ene enero",
            "feb february febrero",
            "mar march marzo",
            "apr april abr abril",
            "may mayo",
            "jun june junio",
            "jul july julio",
            "aug august ago agosto",
            "sep sept september septiembre set setiembre",
            "oct october octubre",
            "nov november noviembre",
            "dec december dic diciembre",
        ),
        start=1,
    )
    for name in names.split()
}
_SPANISH = {"fecha", "dia", "cliente", "pedido", "factura", "importe", "monto"}
_MICROSECONDS_A_DAY = 86_400_000_000


@frozen(kw_only=True)
class Dates:
    """What the texts of a column mean.

    Parameters
    ----------
    times : ndarray of datetime64[us]
        One per distinct text; NaT where it is no date. Times with an offset are in UTC, others as written.
    form : str
        How the dates are written, for the reader.
    """

    times: NDArray[np.datetime64]
    form: str


def parse_dates(
    source: Source,
    column: str,
    texts: Sequence[str],
    first: NDArray[np.int64],
    order: str | None = None,
) -> Dates:
    """Return the times that distinct `texts` mean.

    Parameters
    ----------
    source, column
        Where they stand, for the error.
    texts : sequence of str
        Distinct texts.
    first : ndarray of int
        The first record that holds each.
    order : {"dmy", "mdy", "ymd"}, optional
        Which number is what; otherwise the texts must tell.

    Raises
    ------
    UnreadableFileError
        If day and month change places between lines, dates are written in two ways, or the order cannot be told.
    """
    if order in {None, "ymd"} and len(texts):
        clean = pd.Series(texts, dtype=object).str.strip()
        if bool(clean.str.match(r"\d{4}-\d{2}-\d{2}(?:[T ]|$)").all()):
            times = pd.to_datetime(clean, format="ISO8601", errors="coerce", utc=True)
            return Dates(times=times.dt.tz_localize(None).to_numpy().astype("datetime64[us]"), form="year-month-day")
    parts = [_SPLIT.match(text.strip()) for text in texts]
    day_code, day_texts = pd.factorize(np.asarray([part[1].strip() if part else "" for part in parts], dtype=object))
    clock_code, clock_texts = pd.factorize(np.asarray([(part and part[2]) or "" for part in parts], dtype=object))
    seen = np.full(len(day_texts), np.iinfo(np.int64).max)
    np.minimum.at(seen, day_code, np.asarray(first, dtype=np.int64))
    days, form = _days(source, column, [str(text) for text in day_texts], seen, order)
    clocks = np.asarray([_clock(str(text)) for text in clock_texts], dtype="timedelta64[us]")
    return Dates(times=days.astype("datetime64[us]")[day_code] + clocks[clock_code], form=form)


def _days(
    source: Source, column: str, texts: list[str], seen: NDArray[np.int64], order: str | None
) -> tuple[NDArray[np.datetime64], str]:
    numbers = [_NUMBERS.fullmatch(text) for text in texts]
    evidence: dict[str, int] = {}
    named: dict[str, int] = {}
    for place, found in enumerate(numbers):
        kind = None
        if found:
            a, b = int(found[1]), int(found[3])
            kind = "numbers"
            if a > 12 >= b:
                _earliest(evidence, "dmy", place, seen)
            elif b > 12 >= a:
                _earliest(evidence, "mdy", place, seen)
        elif _ISO.fullmatch(texts[place]) or _COMPACT.fullmatch(texts[place]):
            kind = "ymd"
        elif _named(texts[place]) is not None:
            kind = "named"
        if kind is not None:
            _earliest(named, kind, place, seen)
    if order is None:
        if len(evidence) == 2:
            raise _two_ways(source, column, texts, seen, evidence, problem="day and month change places")
        if len(named) > 1:
            raise _two_ways(source, column, texts, seen, named, problem="dates are written in two ways")
        if "numbers" in named:
            order = next(iter(evidence), None) or _by_habit(source, [found for found in numbers if found])
            if order is None:
                place = named["numbers"]
                raise source.error(
                    f"{texts[place]!r} may be day-month or month-day, and no other line tells",
                    "say --date-order dmy or --date-order mdy",
                    record=int(seen[place]),
                    column=column,
                )
    values = [_day(text, order) for text in texts]
    kinds = "/".join(sorted(named))
    shown = {"dmy": "day-month-year", "mdy": "month-day-year", "ymd": "year-month-day"}.get(order or "")
    form = shown or {"ymd": "year-month-day", "named": "month by name"}.get(kinds, kinds or "no dates")
    return np.asarray(values, dtype="datetime64[D]"), form


def _earliest(places: dict[str, int], key: str, place: int, seen: NDArray[np.int64]) -> None:
    if key not in places or seen[place] < seen[places[key]]:
        places[key] = place


def _two_ways(
    source: Source,
    column: str,
    texts: list[str],
    seen: NDArray[np.int64],
    places: dict[str, int],
    *,
    problem: str,
) -> Exception:
    one, two = sorted(places.values(), key=lambda place: int(seen[place]))[:2]
    return source.error(
        f"{problem}: {texts[two]!r} here, {texts[one]!r} in row {source.line_of(int(seen[one]))}",
        "write all dates one way, best as 2024-12-31, or say --date-order",
        record=int(seen[two]),
        column=column,
    )


def _by_habit(source: Source, numbers: list[re.Match[str]]) -> str | None:
    """Day first where the dates have dots or the header is Spanish: nobody there writes the month first."""
    header = {word for name in source.header for word in re.findall(r"[a-z]+", name.casefold())}
    return "dmy" if header & _SPANISH or all(found[2] == "." for found in numbers) else None


def _day(text: str, order: str | None) -> np.datetime64:
    found = _ISO.fullmatch(text) or _COMPACT.fullmatch(text)
    if found:
        return _date(int(found[1]), int(found[2]), int(found[3])) if order in {None, "ymd"} else np.datetime64("NaT")
    found = _NUMBERS.fullmatch(text)
    if found:
        if order not in {"dmy", "mdy"}:
            return np.datetime64("NaT")
        a, b = int(found[1]), int(found[3])
        year = int(found[4]) + (0 if len(found[4]) == 4 else 2000 if int(found[4]) < 70 else 1900)
        return _date(year, b, a) if order == "dmy" else _date(year, a, b)
    return _named(text) or np.datetime64("NaT")


def _named(text: str) -> np.datetime64 | None:
    found = _NAMED_DAY_FIRST.fullmatch(text)
    if found:
        day, month, year = found[1], found[2], found[3]
    else:
        found = _NAMED_MONTH_FIRST.fullmatch(text)
        if not found:
            return None
        month, day, year = found[1], found[2], found[3]
    number = _MONTHS.get(month.casefold())
    if number is None:
        return None
    full = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
    return _date(full, number, int(day))


def _date(year: int, month: int, day: int) -> np.datetime64:
    try:
        return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D")
    except ValueError:
        return np.datetime64("NaT")


def _clock(text: str) -> np.timedelta64:
    if not text:
        return np.timedelta64(0, "us")
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        return np.timedelta64("NaT", "us")
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5]:
        if not 1 <= hour <= 12:
            return np.timedelta64("NaT", "us")
        hour = hour % 12 + (12 if found[5] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 60:
        return np.timedelta64("NaT", "us")
    moment = ((hour * 60 + minute) * 60 + second) * 1_000_000 + int((found[4] or "0").ljust(6, "0")[:6])
    if found[6] and found[6] not in {"Z", "UTC"}:
        sign = 1 if found[6][0] == "+" else -1
        digits = found[6][1:].replace(":", "")
        moment -= sign * (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000
    return np.timedelta64(moment, "us")
