"""Purchase histories: how they are read from a summary, and which cannot have happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.clv.units import Unit, checked_unit
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.table import Frame, column_names, eager, numbers

__all__ = [
    "Floats",
    "Histories",
    "checked",
    "drawing",
    "lengths",
    "per_customer",
    "positive",
    "read",
    "shares",
    "together",
    "unit_of",
    "weights_of",
    "whole",
    "whole_number",
]

Floats: TypeAlias = NDArray[np.float64]

_BLOCK = 16_384
"""Rows that stay in cache."""


@frozen(eq=False)
class Histories:
    """The columns of a summary a model is fitted to, one entry a row."""

    frequency: Floats
    recency: Floats
    age: Floats
    weight: Floats | None
    unit: Unit | None
    covariates: dict[str, Floats]


def positive(instance: object, attribute: Any, value: Any) -> None:
    """Refuse a parameter, or any of one per customer, that is not a finite number above 0 (a validator of attrs)."""
    try:
        right = bool(np.all(np.isfinite(value) & (np.asarray(value, dtype=float) > 0.0)))
    except (TypeError, ValueError):
        right = False
    if not right:
        raise InvalidValueError(f"{type(instance).__name__}.{attribute.name}", value, "give a finite number above 0")


def unit_of(summary: Frame, unit: str | None = None) -> Unit | None:
    """Return the unit of time of `summary`: what it carries, which a `unit` given must equal.

    Raises
    ------
    InvalidValueError
        If both are known and differ.
    """
    native = summary.to_native() if hasattr(summary, "to_native") else summary
    carried = getattr(native, "attrs", {}).get("unit") if hasattr(native, "attrs") else None
    if unit is not None and carried is not None and carried != unit:
        raise InvalidValueError(
            "unit", unit, f"the summary is in units of one {carried}; make it anew in the other unit"
        )
    known = unit if unit is not None else carried
    return None if known is None else checked_unit(known)


def weights_of(summary: Frame) -> Floats | None:
    """Return the column `weight`, the customers a row stands for (a cell of a table may hold none), or None without one."""
    table = eager(summary)
    if "weight" not in column_names(table):
        return None
    weight = numbers(table, "weight", minimum=0.0)
    if weight.size and not weight.any():
        raise InvalidDataError("weight", None, 0.0, "give at least one row that stands for somebody")
    return weight


def _refuse(column: str, bad: NDArray[np.bool_], values: Floats, fix: str) -> None:
    if bad.any():
        flat = np.flatnonzero(np.broadcast_to(bad, values.shape).ravel())
        row = int(flat[0])
        raise InvalidDataError(column, row, float(values.ravel()[row]), fix)


def _right(frequency: Floats, recency: Floats, age: Floats) -> bool:
    """Whether every history can have happened, in one pass through blocks that stay in cache."""
    if frequency.ndim != 1:
        return False
    for start in range(0, frequency.size, _BLOCK):
        x, t_x, T = (part[start : start + _BLOCK] for part in (frequency, recency, age))
        # NaN is in none of these orders.
        if not (x.min() >= 0.0 and x.max() < np.inf and T.max() < np.inf and t_x.min() >= 0.0):
            return False
        if not (np.array_equal(np.rint(x), x) and (t_x <= T).all()) or ((x == 0.0) > (t_x == 0.0)).any():
            return False
    return True


def _check(frequency: Floats, recency: Floats, age: Floats) -> None:
    if _right(frequency, recency, age):
        return
    for name, values in (("frequency", frequency), ("recency", recency), ("age", age)):
        _refuse(name, ~np.isfinite(values), values, "give a finite number")
    _refuse("frequency", frequency < 0.0, frequency, "give a count of repeat purchases, at least 0")
    _refuse("frequency", frequency != np.rint(frequency), frequency, "give a whole number of repeat purchases")
    _refuse("recency", recency < 0.0, recency, "give the time from first to last purchase, at least 0")
    _refuse("recency", recency > age, recency, "the last purchase lies after now; recency may not exceed age")
    _refuse(
        "recency",
        (frequency == 0.0) & (recency > 0.0),
        recency,
        "a customer without a repeat purchase has recency 0; recency is the time from first to last purchase",
    )


def read(summary: Frame, covariates: Sequence[str] = (), unit: str | None = None) -> Histories:
    """Return the histories of a summary.

    Raises
    ------
    InvalidDataError
        Naming column and first row of a history that cannot have happened, and an empty summary.
    """
    known = unit_of(summary, unit)
    table = eager(summary)
    frequency, recency, age = (numbers(table, name) for name in ("frequency", "recency", "age"))
    if not frequency.size:
        raise InvalidDataError("frequency", None, "no rows", "give at least one customer")
    _check(frequency, recency, age)
    return Histories(
        frequency, recency, age, weights_of(table), known, {name: numbers(table, name) for name in covariates}
    )


def _floats(name: str, values: ArrayLike) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidDataError(name, None, values, "give numbers") from None


def checked(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, **asked: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the three as floats of one shape, to which what is `asked` of them must fit.

    Raises
    ------
    InvalidDataError
        Naming the first row of a history that cannot have happened, and shapes that do not fit.
    """
    parts = [_floats(n, v) for n, v in (("frequency", frequency), ("recency", recency), ("age", age))]
    try:
        x, t_x, T = np.broadcast_arrays(*parts)
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise InvalidDataError("age", None, shapes, "give frequency, recency and age of one shape") from None
    _check(x, t_x, T)
    together(**asked, age=x)
    return x, t_x, T


def lengths(name: str, values: ArrayLike, *, infinite: bool = False) -> Floats:
    """Return lengths of time (or counts) as floats, at least 0; finite unless `infinite` allows infinity."""
    floats = _floats(name, values)
    _refuse(name, np.isnan(floats) | (~np.isfinite(floats) & ~infinite), floats, "give a finite number")
    _refuse(name, floats < 0.0, floats, "give a number of at least 0")
    return floats


def together(**parts: Floats) -> None:
    """Refuse arguments whose shapes do not broadcast, in the words of whoever gave them.

    Raises
    ------
    InvalidDataError
        Naming the first of them, and all shapes.
    """
    try:
        np.broadcast_shapes(*(part.shape for part in parts.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {part.shape}" for name, part in parts.items())
        fix = "give single numbers, or one for each history"
        raise InvalidDataError(next(iter(parts)), None, shapes, fix) from None


def drawing(random: object, draws: object = 1) -> None:
    """Refuse what chance does not come from, and a number of draws that is none.

    Raises
    ------
    InvalidValueError
        Saying how a generator is made.
    """
    if not isinstance(random, np.random.Generator):
        raise InvalidValueError("random", random, "give a generator: numpy.random.default_rng(1)")
    whole_number("draws", draws, 1)


def shares(name: str, values: ArrayLike) -> Floats:
    """Return probabilities as floats, each from 0 to 1."""
    floats = _floats(name, values)
    _refuse(name, ~((floats >= 0.0) & (floats <= 1.0)), floats, "give a probability between 0 and 1")
    return floats


def whole_number(field: str, value: object, least: int, *, infinite: bool = False) -> float:
    """Return a count as a float: a whole number of at least `least`, infinity where it is allowed."""
    count = float(value) if isinstance(value, int | float | np.integer | np.floating) else np.nan
    if (
        isinstance(value, bool)
        or not count >= least
        or not (count == np.rint(count) and (infinite or np.isfinite(count)))
    ):
        fix = f"give a whole number of at least {least}" + (", or infinity" if infinite else "")
        raise InvalidValueError(field, value, fix)
    return count


def whole(name: str, values: ArrayLike) -> Floats:
    """Return counts as floats, whole and at least 0."""
    floats = lengths(name, values)
    _refuse(name, floats != np.rint(floats), floats, "give a whole number")
    return floats


def per_customer(name: str, values: ArrayLike, size: int) -> Floats:
    """Return one finite number, or one a customer, as floats."""
    floats = _floats(name, values)
    _refuse(name, ~np.isfinite(floats), floats, "give a finite number")
    if floats.shape not in {(), (1,), (size,)}:
        raise InvalidDataError(name, None, floats.shape, f"give one number, or one for each of the {size} customers")
    return floats
