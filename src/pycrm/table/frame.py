"""Frames of any kind behind one interface, their columns as checked arrays, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, MissingColumnError

__all__ = [
    "Frame",
    "build",
    "column",
    "column_names",
    "day_numbers",
    "eager",
    "factorise",
    "microseconds",
    "numbers",
]

Frame: TypeAlias = Any
"""Any frame narwhals reads: pandas, Polars (eager, lazy), PyArrow, DuckDB, PySpark, or a mapping of arrays."""


def eager(frame: Frame) -> nw.DataFrame[Any]:
    """Return `frame` in memory, behind one interface.

    A mapping of column name to values becomes a pandas frame. PyArrow tables and Arrow capsules are moved to pandas, because
    narwhals' own PyArrow backend does not keep the order of rows in window expressions.

    Raises
    ------
    InvalidDataError
        If `frame` is not a table.

    Examples
    --------
    >>> eager({"x": [1, 2]}).columns
    ['x']
    """
    if isinstance(frame, nw.DataFrame):
        return frame
    if isinstance(frame, nw.LazyFrame):
        return nw.from_native(frame.collect().to_native(), eager_only=True)
    if isinstance(frame, Mapping):
        import pandas as pd

        columns = {str(name): values for name, values in frame.items()}
        try:
            return nw.from_native(pd.DataFrame(columns), eager_only=True)
        except (TypeError, ValueError):
            shapes = ", ".join(f"{name}: {np.shape(values)}" for name, values in columns.items())
            raise InvalidDataError("frame", None, shapes, "give columns of one length") from None
    wrapped: Any
    try:
        wrapped = nw.from_native(frame)
    except (TypeError, ValueError):
        wrapped = None
        names = [str(name) for name in getattr(frame, "columns", ())]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidDataError(twice[0], None, "two columns", "give each column a name of its own") from None
    if isinstance(wrapped, nw.LazyFrame):
        # Not Spark's own way to pandas: it goes through what pandas 3 has given up. Its Arrow tables are moved below.
        kept = wrapped.implementation.is_polars() or wrapped.implementation.is_pyspark()
        wrapped = wrapped.collect() if kept else wrapped.collect(backend="pandas")
    if wrapped is None or wrapped.implementation.is_pyarrow():
        native = frame if wrapped is None else wrapped.to_native()
        if hasattr(native, "to_pandas"):
            return nw.from_native(native.to_pandas(), eager_only=True)
        raise InvalidDataError(
            "frame",
            None,
            type(frame).__name__,
            "pass a pandas, Polars, PyArrow, DuckDB or PySpark frame, or a mapping of columns",
        )
    table: nw.DataFrame[Any] = wrapped
    return table


def column_names(frame: Frame) -> list[str]:
    """Return the names of the columns of `frame`, in its order."""
    return list(eager(frame).columns)


def column(frame: Frame, name: str) -> NDArray[Any]:
    """Return one column as an array, as it is.

    Raises
    ------
    MissingColumnError
        If there is no such column; the message lists those there are.
    """
    table = eager(frame)
    if not isinstance(name, str):
        raise MissingColumnError(name, tuple(table.columns), "columns are asked for by names that are text")
    if name not in table.columns:
        native = table.to_native()
        index = getattr(native, "index", None)
        hint = ""
        if index is not None and name in getattr(index, "names", ()):
            hint = f"{name!r} is the index: call reset_index() first"
        raise MissingColumnError(name, tuple(table.columns), hint)
    return np.asarray(table[name].to_numpy())


def numbers(
    frame: Frame,
    name: str,
    *,
    minimum: float | None = None,
    integer: bool = False,
    above: float | None = None,
) -> NDArray[np.float64]:
    """Return one column as finite floats.

    Parameters
    ----------
    frame : Frame
        Any table.
    name : str
        The column.
    minimum, above : float, optional
        Inclusive and exclusive lower bounds.
    integer : bool
        Whether each value must be a whole number.

    Raises
    ------
    InvalidDataError
        Naming column and first row of a value that is not a finite number, or breaks a bound.

    Examples
    --------
    >>> numbers({"x": [1, 2]}, "x", minimum=0, integer=True)
    array([1., 2.])
    """
    raw = column(frame, name)
    try:
        values = raw.astype(np.float64)
    except (TypeError, ValueError):
        for row, value in enumerate(raw):
            try:
                float(value)
            except (TypeError, ValueError):
                raise InvalidDataError(name, row, value, "give a finite number") from None
        raise InvalidDataError(name, None, raw.dtype, "give finite numbers") from None
    refused = ~np.isfinite(values)
    fix = "give a finite number"
    if not refused.any() and minimum is not None:
        refused, fix = values < minimum, f"give a number of at least {minimum:g}"
    if not refused.any() and above is not None:
        refused, fix = values <= above, f"give a number above {above:g}"
    if not refused.any() and integer:
        refused, fix = values != np.rint(values), "give a whole number"
    if refused.any():
        row = int(np.argmax(refused))
        raise InvalidDataError(name, row, raw[row].item() if hasattr(raw[row], "item") else raw[row], fix)
    return values


def day_numbers(frame: Frame, name: str) -> NDArray[np.int64]:
    """Return one column of dates or naive times as days since 1970-01-01.

    Raises
    ------
    InvalidDataError
        Naming the first row that is no date, or the column if it carries a time zone: which calendar day an instant belongs
        to depends on the zone, so the caller converts to local dates first.
    """
    return _moments(frame, name).astype("datetime64[D]").astype(np.int64)


def microseconds(frame: Frame, name: str) -> NDArray[np.int64]:
    """Return one column of dates or naive times as microseconds since 1970-01-01 00:00; a date is its midnight.

    Raises
    ------
    InvalidDataError
        As `day_numbers`.

    Examples
    --------
    >>> microseconds({"time": [dt.datetime(1970, 1, 1, 0, 0, 1)]}, "time").tolist()
    [1000000]
    """
    return _moments(frame, name).astype("datetime64[us]").astype(np.int64)


def _moments(frame: Frame, name: str) -> NDArray[np.datetime64]:
    raw = column(frame, name)
    if raw.dtype.kind == "M":
        values = raw
    else:
        for row, value in enumerate(raw):
            if getattr(value, "tzinfo", None) is not None:
                raise InvalidDataError(name, row, value, "convert aware times to local dates first")
            if not isinstance(value, dt.date | np.datetime64):
                raise InvalidDataError(
                    name, row, value, "give a date; parse text before the call, no format is guessed here"
                )
        values = raw.astype("datetime64[us]")
    missing = np.isnat(values)
    if missing.any():
        raise InvalidDataError(name, int(np.argmax(missing)), None, "give a date, or drop the row")
    return values


def factorise(values: NDArray[Any], name: str = "values") -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return integer codes of `values` and the distinct values in order of first appearance; a missing value has code -1.

    Raises
    ------
    InvalidDataError
        Naming the column `name` and the first row of a value that cannot be told from others, such as a list.
    """
    import pandas as pd

    given = np.asarray(values)
    try:
        codes, uniques = pd.factorize(given, sort=False)
    except TypeError:
        row = next(row for row, value in enumerate(given) if not isinstance(value, Hashable))
        raise InvalidDataError(
            name, row, given[row], "give text, numbers or dates; a list or a dict is no single value"
        ) from None
    return codes.astype(np.int64), np.asarray(uniques)


def build(columns: Mapping[str, Iterable[Any]], like: Frame, *, aligned: bool = False) -> Any:
    """Return a frame of `columns`, of the same kind as `like`; where its rows are `aligned`, with the same index.

    Polars in, Polars out; anything that has no eager form of its own (a mapping, DuckDB, PySpark, PyArrow) gives pandas.
    """
    native = like.to_native() if isinstance(like, nw.DataFrame | nw.LazyFrame) else like
    if type(native).__module__.startswith("polars"):
        import polars as pl

        made = {name: np.asarray(values) for name, values in columns.items()}
        # Polars knows no whole seconds.
        seconds = np.dtype("datetime64[s]")
        return pl.DataFrame(
            {
                name: values.astype("datetime64[us]") if values.dtype == seconds else values
                for name, values in made.items()
            }
        )
    import pandas as pd

    index = native.index if aligned and isinstance(native, pd.DataFrame) else None
    return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()}, index=index)
