"""Tables that an engine computes later, and what every engine answers alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, MissingColumnError
from pycrm.table.calendar import civil_day
from pycrm.table.frame import Frame, column, eager

__all__ = ["MILLIONTHS", "LazyTable", "lazy"]

MILLIONTHS = 1_000_000


def lazy(frame: Frame) -> LazyTable | None:
    """Return `frame` as a table its own engine computes, or None if it is in memory or of an engine we do not push work to.

    Polars lazy frames, DuckDB relations and PySpark frames are lazy; Dask and Ibis are computed by `eager`.

    Examples
    --------
    >>> lazy({"x": [1]}) is None
    True
    """
    if isinstance(frame, Mapping):
        return None
    try:
        wrapped: Any = frame if isinstance(frame, nw.LazyFrame) else nw.from_native(frame)
    except (TypeError, ValueError):
        return None
    if not isinstance(wrapped, nw.LazyFrame):
        return None
    kind = wrapped.implementation
    return LazyTable(wrapped) if kind.is_polars() or kind.is_duckdb() or kind.is_pyspark() else None


@frozen(eq=False)
class LazyTable:
    """A table that an engine computes later; it can be asked only what every engine answers alike, in whole numbers.

    Each method returns another table; `bad_rows` and `counts` run it.
    """

    frame: nw.LazyFrame[Any]

    def require(self, *names: str) -> None:
        """Raise `MissingColumnError` for a column that is not there."""
        there = tuple(self.frame.collect_schema().names())
        for name in names:
            if name not in there:
                raise MissingColumnError(name, there)

    def bad_rows(self, *, present: Iterable[str], numbers: Mapping[str, float]) -> dict[str, int]:
        """Return in how many rows a column is missing, or is no number of at most that size."""
        flags = {name: nw.col(name).is_null() for name in present}
        # Not "> most": a NaN compares differently on each engine, but nowhere is it at most something.
        flags |= {name: nw.col(name).is_null() | ~(nw.col(name).abs() <= most) for name, most in numbers.items()}
        marked = self.frame.select(
            **{f"bad_{place}": nw.when(flag).then(1).otherwise(0) for place, flag in enumerate(flags.values())}
        )
        found = eager(marked.select(nw.all().sum()).to_native())
        return {name: int(column(found, f"bad_{place}")[0] or 0) for place, name in enumerate(flags)}

    def with_day(self, time: str, name: str) -> LazyTable:
        """Add the days since 1970-01-01 of a column of dates or naive times.

        Raises
        ------
        InvalidDataError
            If the column is neither, or carries a time zone.
        """
        kind = self.frame.collect_schema()[time]
        if not isinstance(kind, nw.Date | nw.Datetime):
            raise InvalidDataError(
                time, None, str(kind), "give dates; parse text before the call, no format is guessed here"
            )
        if isinstance(kind, nw.Datetime) and kind.time_zone is not None:
            raise InvalidDataError(time, None, str(kind), "convert aware times to local dates first")
        return LazyTable(self.frame.with_columns(civil_day(time).cast(nw.Int64).alias(name)))

    def with_millionths(self, amount: str, name: str) -> LazyTable:
        """Add a column of numbers as whole millionths, whose sums do not depend on the order of rows."""
        units = (nw.col(amount).cast(nw.Float64) * MILLIONTHS).round(0).cast(nw.Int64)
        return LazyTable(self.frame.with_columns(units.alias(name)))

    def with_quotient(self, whole: str, divisor: int, name: str) -> LazyTable:
        """Add a column of whole numbers divided once, as floats."""
        # A column as divisor: by a scalar Polars multiplies with the reciprocal, which is not the nearest quotient.
        below = (nw.col(whole) * 0 + divisor).cast(nw.Float64)
        return LazyTable(self.frame.with_columns((nw.col(whole).cast(nw.Float64) / below).alias(name)))

    def with_rest(self, minuend: int, subtrahend: str, name: str) -> LazyTable:
        """Add `minuend` less a column of whole numbers."""
        return LazyTable(self.frame.with_columns((minuend - nw.col(subtrahend)).cast(nw.Int64).alias(name)))

    def with_steps(
        self, values: str, edges: Iterable[float], name: str, *, at: bool = False, start: int = 1, by: int = 1
    ) -> LazyTable:
        """Add `start` plus `by` for each edge below the value (`at`: at or below)."""
        steps = nw.lit(start).cast(nw.Int64)
        for edge in edges:
            passed = nw.col(values) >= edge if at else nw.col(values) > edge
            steps = steps + nw.when(passed).then(by).otherwise(0)
        return LazyTable(self.frame.with_columns(steps.cast(nw.Int64).alias(name)))

    def with_mean(self, weights: Mapping[str, float], name: str) -> LazyTable:
        """Add the sum of columns times their weights."""
        mean = nw.lit(0.0)
        for part, weight in weights.items():
            mean = mean + nw.col(part) * float(weight)
        return LazyTable(self.frame.with_columns(mean.alias(name)))

    def at_most(self, name: str, bound: int) -> LazyTable:
        """Keep the rows whose column is at most `bound`."""
        return LazyTable(self.frame.filter(nw.col(name) <= bound))

    def grouped(
        self, by: Iterable[str], *, largest: Iterable[str] = (), total: Iterable[str] = (), count: str | None = None
    ) -> LazyTable:
        """Group by columns: largest and total of named columns of whole numbers, and the number of rows."""
        keys, tops, sums = list(by), list(largest), list(total)
        asked = [nw.col(name).max() for name in tops] + [nw.col(name).sum() for name in sums]
        if count is not None:
            asked.append(nw.len().alias(count))
        whole = [*tops, *sums, *([] if count is None else [count])]
        # DuckDB sums whole numbers into decimals, others count in unsigned ones.
        return LazyTable(
            self.frame.group_by(*keys).agg(*asked).with_columns(*(nw.col(name).cast(nw.Int64) for name in whole))
        )

    def renamed(self, names: Mapping[str, str]) -> LazyTable:
        """Keep the columns named as keys, under their new names."""
        return LazyTable(self.frame.select(*(nw.col(old).alias(new) for old, new in names.items())))

    def counts(self, name: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the distinct values of a column, ascending, and how often each occurs."""
        found = eager(self.frame.group_by(name).agg(nw.len().alias("rows_")).to_native())
        values, rows = column(found, name), column(found, "rows_").astype(np.int64)
        order = np.argsort(values)
        return values[order], rows[order]

    def held(self) -> LazyTable:
        """Return the same table, computed once where the engine can hold it: what follows asks several times."""
        if self.frame.implementation.is_polars():
            return LazyTable(self.frame.collect().lazy())
        if self.frame.implementation.is_pyspark():
            return LazyTable(nw.from_native(self.frame.to_native().cache()))
        return self

    def native(self) -> Any:
        """Return the frame of the engine."""
        return self.frame.to_native()
