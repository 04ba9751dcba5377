"""Conditions over columns: what `pycrm.model.predicate.evaluate` answers for each row, answered for all at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Predicate, Where, compare, reach

__all__ = ["evaluate_columns"]

_COMPARE: Mapping[Op, Callable[[Any, Any], Any]] = {Op.EQ: eq, Op.NE: ne, Op.LT: lt, Op.LE: le, Op.GT: gt, Op.GE: ge}
_EXACT = 2**53  # the whole numbers a float can tell apart


def evaluate_columns(predicate: Predicate, columns: table.Frame) -> NDArray[np.bool_]:
    """Answer `predicate` for each row of a table.

    Parameters
    ----------
    predicate : Predicate
        Where, AllOf, AnyOf or Not.
    columns : frame
        A column for each path, named by it ("custom.tier"); or for the beginning of a path, holding mappings or entities. A
        cell may hold a collection. None, NaN and NaT are missing.

    Returns
    -------
    ndarray of bool
        For each row, what `evaluate` answers for it.

    Raises
    ------
    MissingColumnError
        If no column begins the path.
    InvalidDataError
        If a column holds times without a zone.

    Examples
    --------
    >>> from pycrm.model.predicate import where
    >>> rows = {"tier": ["gold", "tin", None], "spent": [250.0, 900.0, float("nan")]}
    >>> evaluate_columns((where("tier") == "gold") | ~(where("spent") < 1000), rows).tolist()
    [True, False, True]
    """
    frame = table.eager(columns)
    return _evaluate(predicate, frame, len(frame))


def _evaluate(predicate: Predicate, frame: Any, rows: int) -> NDArray[np.bool_]:
    match predicate:
        case Where():
            return _where(predicate, frame)
        case Not(part=part):
            return ~_evaluate(part, frame, rows)
        case AllOf(parts=parts):
            every = np.ones(rows, dtype=bool)
            for part in parts:
                every &= _evaluate(part, frame, rows)
            return every
        case AnyOf(parts=parts):
            some = np.zeros(rows, dtype=bool)
            for part in parts:
                some |= _evaluate(part, frame, rows)
            return some
    raise InvalidValueError("predicate", predicate, "give a Where, AllOf, AnyOf or Not")


def _where(asked: Where, frame: Any) -> NDArray[np.bool_]:
    name = asked.path
    while name not in frame.columns and "." in name:
        name = name.rpartition(".")[0]
    values = table.column(frame, asked.path if name not in frame.columns else name)
    rest = asked.path[len(name) + 1 :]
    if values.dtype.kind == "M" and getattr(frame[name].dtype, "time_zone", None) is not None:
        # Frames hand out aware times as UTC without saying so.
        values = np.asarray([_utc(moment) for moment in values.astype("datetime64[us]").tolist()], dtype=object)
    elif values.dtype.kind == "M" and values.dtype != np.dtype("datetime64[D]"):
        raise InvalidDataError(
            name, None, str(values.dtype), "give aware times, or dates as objects: a condition compares these"
        )
    if not rest and values.dtype.kind in "iuf" and _is_plain(asked):
        return _numbers(asked, values)
    return _distinct(asked, values, rest)


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else moment.replace(tzinfo=dt.UTC)


def _is_plain(asked: Where) -> bool:
    """Whether floats decide the comparison exactly."""
    value = asked.value
    if asked.op is Op.IS_NULL:
        return True
    if asked.op not in _COMPARE or isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return -_EXACT <= value <= _EXACT and Decimal(value) == Decimal(float(value))


def _numbers(asked: Where, values: NDArray[Any]) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
    if asked.op is Op.IS_NULL:
        return missing if asked.value else ~missing
    number = float(asked.value)
    if values.dtype.kind in "iu" and number.is_integer():
        return np.asarray(_COMPARE[asked.op](values, int(number)))
    if values.dtype.kind in "iu" and len(values) and max(abs(int(values.min())), abs(int(values.max()))) > _EXACT:
        return _distinct(asked, values, "")
    return np.asarray(_COMPARE[asked.op](values, number)) & ~missing


def _distinct(asked: Where, values: NDArray[Any], rest: str) -> NDArray[np.bool_]:
    """Ask once for each distinct value; the type belongs to it, since 1, 1.0 and True are equal and not alike."""
    known: dict[Any, bool] = {}
    answers = np.empty(len(values), dtype=bool)
    for row, value in enumerate(values.tolist()):
        key = (type(value), value)
        try:
            answer = known.get(key)
        except TypeError:
            answers[row] = _answer(asked, value, rest)
            continue
        if answer is None:
            answer = known[key] = _answer(asked, value, rest)
        answers[row] = answer
    return answers


def _answer(asked: Where, value: Any, rest: str) -> bool:
    cell = {"cell": None if _is_missing(value) else value}
    found = reach(cell, f"cell.{rest}" if rest else "cell")
    if asked.op is Op.IS_NULL:
        return (next(found, None) is None) is bool(asked.value)
    return any(compare(asked.op, each, asked.value, element=element) for each, element in found)


def _is_missing(value: Any) -> bool:
    # NaN and NaT are unlike themselves; a collection or a mapping is compared by nobody here.
    if value is None:
        return True
    return (isinstance(value, float) and value != value) or type(value).__name__ in {"NaTType", "NAType"}  # noqa: PLR0124
