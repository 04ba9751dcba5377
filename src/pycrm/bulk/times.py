"""Columns of times, in UTC, however they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError

__all__ = ["utc_time", "utc_times"]


def utc_times(name: str, values: ArrayLike) -> NDArray[np.datetime64]:
    """Return a column of times as datetime64[us] in UTC; what has a zone is brought there, what has none is there already.

    Raises
    ------
    InvalidDataError
        Naming the first value that is no time; a missing one (None, NaT) is NaT.

    Examples
    --------
    >>> utc_times("at", ["2026-05-01T02:00:00+02:00", None]).tolist()
    [datetime.datetime(2026, 5, 1, 0, 0), None]
    """
    held: Any = values
    if isinstance(held, np.ndarray) and held.dtype.kind == "M":
        return held.astype("datetime64[us]")
    import pandas as pd

    column = pd.Series(held, dtype=object)
    column = column.where(column.map(str) != "NaT", None)
    numbers = column.map(lambda value: isinstance(value, int | float)) & column.notna()
    made = pd.to_datetime(column.where(~numbers, None), utc=True, errors="coerce", format="ISO8601")
    wrong = np.flatnonzero(made.isna() & column.notna())
    if wrong.size:
        row = int(wrong[0])
        raise InvalidDataError(name, row, column.iloc[row], "give a time, such as '2026-05-01T12:00:00Z'")
    return np.asarray(made.dt.tz_localize(None), dtype="datetime64[us]")


def utc_time(name: str, value: Any) -> np.datetime64:
    """Return one time as datetime64[us] in UTC.

    Raises
    ------
    InvalidDataError
        If it is none, or missing.
    """
    (found,) = utc_times(name, np.asarray([value]) if isinstance(value, np.datetime64) else [value])
    if np.isnat(found):
        raise InvalidDataError(name, None, value, "give a time, such as '2026-05-01T12:00:00Z'")
    return np.datetime64(found, "us")
