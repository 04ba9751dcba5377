"""When each key was there: grouped in memory by one sort, or where the data are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, MissingColumnError
from pycrm.table.calendar import DAY, Grain, engine_ticks, engine_times, grains, known_zone, local_moments
from pycrm.table.frame import Frame, column, eager, numbers

__all__ = ["Refunds", "Visits", "visits"]

Refunds: TypeAlias = Literal["refuse", "drop", "net"]
"""What a negative value is: an error, left out, or a deduction that is no visit."""


@frozen(kw_only=True, eq=False)
class Visits:
    """When each key was there, one entry a key, keys in their order.

    Parameters
    ----------
    key : ndarray
        The distinct keys, sorted.
    count : ndarray of int
        Distinct grains with a visit.
    first, last : ndarray of int
        The first and the last of them, counted from 1970 (for "instant", in microseconds).
    value : ndarray or None
        Sum of the values after the first grain (or of all of them, where asked for).
    log_gaps : ndarray or None
        Sum of the logs of the distances between neighbouring grains.
    rows, refunds : int
        Rows that were visits, and rows with a negative value.
    """

    key: NDArray[Any]
    count: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    value: NDArray[np.float64] | None
    log_gaps: NDArray[np.float64] | None
    rows: int
    refunds: int


def visits(
    frame: Frame,
    *,
    key: str,
    time: str,
    value: str | None = None,
    grain: Grain = "day",
    week_start: int = 0,
    zone: str | None = None,
    after: int | None = None,
    until: int | None = None,
    refunds: Refunds = "refuse",
    gaps: bool = False,
    whole: bool = False,
    gather: int = 10_000_000,
) -> Visits:
    """Return when each key was there and what it brought after its first visit.

    In memory this is a sort of one integer a row. PySpark, and DuckDB beyond `gather` rows, group where the data are, and only
    one row a key is collected; the answers are the same.

    Parameters
    ----------
    frame : Frame
        One row a visit, in any sequence.
    key, time, value : str
        Columns.
    grain : Grain
        Rows of one grain are one visit.
    week_start : int
        0 for Monday to 6 for Sunday.
    zone : str, optional
        The time zone whose calendar counts, for aware times.
    after, until : int, optional
        Days from 1970: rows up to `after`, or later than `until`, are left out.
    refunds : Refunds
        What a negative value is.
    gaps : bool
        Whether to sum the logs of the distances between visits.
    whole : bool
        Whether to sum the values of the first grain, too.
    gather : int
        Up to so many rows, the columns of a DuckDB relation are fetched and sorted here, which is faster.

    Examples
    --------
    >>> log = {"who": ["b", "a", "a"], "day": np.array(["2024-01-05", "2024-01-01", "2024-01-09"], dtype="M8[D]")}
    >>> found = visits(log, key="who", time="day")
    >>> found.key.tolist(), found.count.tolist(), (found.last - found.first).tolist()
    (['a', 'b'], [2, 1], [8, 0])
    """
    known_zone(zone)
    frame = _on_engine(frame, [key, time] if value is None else [key, time, value])
    if isinstance(frame, nw.LazyFrame) and frame.implementation.is_duckdb() and _size(frame) <= gather:
        frame = engine_times(frame, time, zone)[0].collect("pandas")
    if isinstance(frame, nw.LazyFrame):
        return _visits_on_engine(
            frame, key=key, time=time, value=value, grain=grain, week_start=week_start, zone=zone, after=after, until=until,
            refunds=refunds, gaps=gaps, whole=whole,
        )  # fmt: skip
    table = eager(frame)
    code, keys = _sorted_codes(table, key)
    moment, days = local_moments(table, time, zone)
    brought = None if value is None else numbers(table, value)
    day = moment if days else moment // DAY
    kept = np.ones(day.size, dtype=bool)
    if after is not None:
        kept &= day > after
    if until is not None:
        kept &= day <= until
    back = np.zeros(0, dtype=np.int64)
    if brought is not None:
        negative = brought < 0.0
        if refunds == "refuse" and negative.any():
            row = int(np.argmax(negative))
            raise InvalidDataError(
                value or "",
                row,
                float(brought[row]),
                "it is a refund; leave it out, or say refunds='drop' or refunds='net'",
            )
        if negative.any():
            back = np.flatnonzero(negative & kept)
            kept &= ~negative
    all_code = code
    tick = grains(moment, grain, days=days, week_start=week_start)
    if not kept.all():
        code, tick_kept = code[kept], tick[kept]
    else:
        tick_kept = tick
    distinct_code, distinct_tick = _distinct_pairs(code, tick_kept, keys.size)
    starts = (
        np.flatnonzero(np.concatenate(([True], distinct_code[1:] != distinct_code[:-1])))
        if distinct_code.size
        else (np.zeros(0, dtype=np.int64))
    )
    ends = np.append(starts[1:], distinct_code.size)[: starts.size]
    present = distinct_code[starts]
    first, last = distinct_tick[starts], distinct_tick[ends - 1]
    total: NDArray[Any] | None = None
    if brought is not None:
        opening = np.full(keys.size, np.iinfo(np.int64).max)
        opening[present] = first - whole
        rows = np.flatnonzero(kept) if not kept.all() else slice(None)
        later = tick[rows] > opening[all_code[rows]]
        total = np.bincount(all_code[rows], weights=np.where(later, brought[rows], 0.0), minlength=keys.size)
        if refunds == "net" and back.size:
            later = tick[back] > opening[all_code[back]]
            total += np.bincount(all_code[back], weights=np.where(later, brought[back], 0.0), minlength=keys.size)
        total = total[present].astype(np.float64)
    logs = None
    if gaps:
        steps = np.zeros(distinct_tick.size)
        same = distinct_code[1:] == distinct_code[:-1]
        steps[1:][same] = np.log((distinct_tick[1:] - distinct_tick[:-1])[same])
        logs = np.add.reduceat(steps, starts) if starts.size else np.zeros(0)
    return Visits(
        key=keys[present], count=ends - starts, first=first, last=last, value=total, log_gaps=logs,
        rows=int(code.size), refunds=int(back.size),
    )  # fmt: skip


def _sorted_codes(table: nw.DataFrame[Any], name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return codes of a column in the order of its values, and the values; integers of a small range need no hash."""
    import pandas as pd

    if name in table.columns and table.implementation.is_polars() and table[name].dtype == nw.String:
        import polars as pl

        series = table[name].to_native()
        values = series.cast(pl.Categorical).to_physical().to_numpy()
        if series.null_count():
            raise InvalidDataError(name, int(series.is_null().arg_max() or 0), None, "give a key, or drop the row")
    else:
        series, values = None, column(table, name)
    if series is None and values.dtype.kind in "iu" and values.size:
        low, high = int(values.min()), int(values.max())
        if high - low <= 4 * values.size:
            return values.astype(np.int64) - low, np.arange(low, high + 1, dtype=values.dtype)
    codes, distinct = pd.factorize(values, sort=False)
    if (codes < 0).any():
        raise InvalidDataError(name, int(np.argmax(codes < 0)), None, "give a key, or drop the row")
    keys = np.asarray(distinct)
    if series is not None:
        row = np.empty(keys.size, dtype=np.int64)
        row[codes[::-1]] = np.arange(codes.size)[::-1]
        keys = series.gather(row).to_numpy()
    try:
        order = np.argsort(keys, kind="stable")
    except TypeError:
        kinds = sorted({type(one).__name__ for one in keys})
        raise InvalidDataError(name, None, ", ".join(kinds), "give keys of one type") from None
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return rank[codes], keys[order]


def _distinct_pairs(
    code: NDArray[np.int64], tick: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct (code, tick), sorted."""
    if not code.size:
        return code, tick
    low = int(tick.min())
    span = int(tick.max()) - low + 1
    table: NDArray[np.int64] | None = None
    offset = tick - low
    if span > 2**62 // max(size, 1):
        table, offset = np.unique(offset, return_inverse=True)
        span = table.size
    pair = code * span + offset
    pair.sort()
    pair = pair[np.concatenate(([True], pair[1:] != pair[:-1]))]
    owner, place = np.divmod(pair, span)
    return owner, (place if table is None else table[place]) + low


def _on_engine(frame: Frame, columns: list[str]) -> Frame | nw.LazyFrame[Any]:
    """Return `frame` lazy where it is to stay on its engine; else its columns, in memory."""
    if isinstance(frame, Mapping | nw.DataFrame):
        return frame
    try:
        wrapped: Any = frame if isinstance(frame, nw.LazyFrame) else nw.from_native(frame)
    except (TypeError, ValueError):
        return frame
    if not isinstance(wrapped, nw.LazyFrame):
        return wrapped if not wrapped.implementation.is_pyarrow() else frame
    names = wrapped.collect_schema().names()
    for name in columns:
        if name not in names:
            raise MissingColumnError(name, tuple(names))
    chosen = wrapped.select(*columns)
    return chosen.collect() if wrapped.implementation.is_polars() else chosen


def _size(frame: nw.LazyFrame[Any]) -> int:
    return int(frame.select(nw.len().alias("rows")).collect("pandas").to_native()["rows"].iloc[0])


def _visits_on_engine(
    frame: nw.LazyFrame[Any],
    *,
    key: str,
    time: str,
    value: str | None,
    grain: Grain,
    week_start: int,
    zone: str | None,
    after: int | None,
    until: int | None,
    refunds: Refunds,
    gaps: bool,
    whole: bool,
) -> Visits:
    """Group where the data are: by key and grain, then by key; expressions are made before a group, never inside one."""
    frame, date = engine_times(frame, time, zone)
    day, tick = engine_ticks(time, grain, date=date, week_start=week_start)
    amount = nw.lit(0.0) if value is None else nw.col(value).cast(nw.Float64)
    missing = nw.col(key).is_null() | nw.col(time).is_null()
    if value is not None:
        missing |= nw.col(value).is_null()
    rows = frame.select(
        nw.col(key).alias("key"), day.alias("day"), tick.alias("tick"), amount.alias("amount"), missing.alias("missing")
    )
    lost = rows.filter(nw.col("missing")).head(1).select("key").collect("pandas").to_native()
    if len(lost):
        column_ = key if lost["key"].isna().any() else time if value is None else f"{time} or {value}"
        raise InvalidDataError(column_, None, None, "give a value in every row, or drop the rows without one")
    if after is not None:
        rows = rows.filter(nw.col("day") > after)
    if until is not None:
        rows = rows.filter(nw.col("day") <= until)
    back = 0
    if value is not None:
        signs = rows.with_columns(negative=nw.when(nw.col("amount") < 0.0).then(nw.lit(1)).otherwise(nw.lit(0)))
        back = int(signs.select(nw.col("negative").sum()).collect("pandas").to_native()["negative"].fillna(0).iloc[0])
        if back and refunds == "refuse":
            raise InvalidDataError(
                value,
                None,
                f"{back} negative values",
                "they are refunds; leave them out, or say refunds='drop' or refunds='net'",
            )
    bought = rows.filter(nw.col("amount") >= 0.0) if back else rows
    # NaN compares differently on each engine, so it is looked for in the sums, never compared.
    daily = bought.group_by("key", "tick").agg(nw.col("amount").sum().alias("amount"), nw.len().alias("rows"))
    spans = daily.group_by("key").agg(
        nw.col("tick").min().alias("first"),
        nw.col("tick").max().alias("last"),
        nw.len().alias("count"),
        nw.col("rows").sum().alias("rows"),
    )
    made = spans
    if value is not None:
        sums = daily if not (back and refunds == "net") else rows.group_by("key", "tick").agg(nw.col("amount").sum())
        later = sums.join(spans.select("key", "first"), on="key", how="inner").with_columns(
            repeat=nw.when(nw.col("tick") > nw.col("first") - int(whole)).then(nw.col("amount")).otherwise(nw.lit(0.0))
        )
        made = made.join(
            later.group_by("key").agg(nw.col("repeat").sum().alias("repeat"), nw.col("amount").sum().alias("all")),
            on="key",
            how="inner",
        )
    if gaps:
        steps = daily.with_columns(step=(nw.col("tick") - nw.col("tick").shift(1).over("key", order_by="tick")))
        logs = steps.filter(~nw.col("step").is_null()).with_columns(step=nw.col("step").cast(nw.Float64).log())
        made = made.join(logs.group_by("key").agg(nw.col("step").sum().alias("log_gaps")), on="key", how="left")
    found = made.sort("key").collect("pandas").to_native()
    total = None
    if value is not None:
        if not np.isfinite(found["all"].to_numpy(dtype=np.float64)).all():
            raise InvalidDataError(value, None, "not finite", "give finite numbers")
        total = found["repeat"].to_numpy(dtype=np.float64)
    return Visits(
        key=found["key"].to_numpy(),
        count=found["count"].to_numpy(dtype=np.int64),
        first=found["first"].to_numpy(dtype=np.int64),
        last=found["last"].to_numpy(dtype=np.int64),
        value=total,
        log_gaps=found["log_gaps"].fillna(0.0).to_numpy(dtype=np.float64) if gaps else None,
        rows=int(found["rows"].sum()),
        refunds=back,
    )
