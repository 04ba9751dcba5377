"""Any data frame in, checked columns out, and the same kind of frame back.

The one room that knows narwhals. It knows columns, not customers: what a column means belongs to the room that asks for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, MissingColumnError

__all__ = [
    "Frame",
    "Grain",
    "LazyTable",
    "Refunds",
    "Visits",
    "build",
    "column",
    "column_names",
    "day_numbers",
    "eager",
    "factorise",
    "grains",
    "lazy",
    "microseconds",
    "numbers",
    "visits",
]

Grain: TypeAlias = Literal["instant", "day", "week", "month", "year"]
"""Within what two rows are one visit."""

Refunds: TypeAlias = Literal["refuse", "drop", "net"]
"""What a negative value is: an error, left out, or a deduction that is no visit."""

_DAY = 86_400_000_000

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

        return nw.from_native(pd.DataFrame({str(name): values for name, values in frame.items()}), eager_only=True)
    wrapped: Any
    try:
        wrapped = nw.from_native(frame)
    except (TypeError, ValueError):
        wrapped = None
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


def factorise(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return integer codes of `values` and the distinct values in order of first appearance; a missing value has code -1."""
    import pandas as pd

    codes, uniques = pd.factorize(np.asarray(values), sort=False)
    return codes.astype(np.int64), np.asarray(uniques)


def build(columns: Mapping[str, Iterable[Any]], like: Frame) -> Any:
    """Return a frame of `columns`, of the same kind as `like`.

    Polars in, Polars out; anything that has no eager form of its own (a mapping, DuckDB, PySpark, PyArrow) gives pandas.
    """
    native = like.to_native() if isinstance(like, nw.DataFrame | nw.LazyFrame) else like
    if type(native).__module__.startswith("polars"):
        import polars as pl

        return pl.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    import pandas as pd

    return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})


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


def grains(moments: NDArray[np.int64], grain: Grain, *, days: bool, week_start: int = 0) -> NDArray[np.int64]:
    """Return the number of the grain each moment lies in, from 1970; moments are days, or else microseconds.

    Examples
    --------
    >>> grains(np.array([3, 4, 31]), "week", days=True).tolist()
    [0, 1, 4]
    """
    if grain == "instant":
        return moments * _DAY if days else moments
    day = moments if days else moments // _DAY
    if grain == "day":
        return day
    if grain == "week":
        return (day + 3 - week_start) // 7
    return day.astype("datetime64[D]").astype("datetime64[M]" if grain == "month" else "datetime64[Y]").astype(np.int64)


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
    frame = _on_engine(frame, [key, time] if value is None else [key, time, value])
    if isinstance(frame, nw.LazyFrame) and frame.implementation.is_duckdb() and _size(frame) <= gather:
        frame = _engine_times(frame, time, zone)[0].collect("pandas")
    if isinstance(frame, nw.LazyFrame):
        return _visits_on_engine(
            frame, key=key, time=time, value=value, grain=grain, week_start=week_start, zone=zone, after=after, until=until,
            refunds=refunds, gaps=gaps, whole=whole,
        )  # fmt: skip
    table = eager(frame)
    code, keys = _sorted_codes(table, key)
    moment, days = _local(table, time, zone)
    brought = None if value is None else numbers(table, value)
    day = moment if days else moment // _DAY
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


def _local(table: nw.DataFrame[Any], name: str, zone: str | None) -> tuple[NDArray[np.int64], bool]:
    """Return one column of times as days (True) or microseconds (False) of the local calendar, from 1970.

    Raises
    ------
    InvalidDataError
        For aware times without a `zone`, for aware and naive times in one column, and for what is no time.
    """
    column(table, name)
    series = table[name]
    kind = series.dtype
    if isinstance(kind, nw.Datetime) and kind.time_zone is not None:
        _need_zone(name, None, kind.time_zone, zone)
        local = series.dt.convert_time_zone(zone or "UTC").dt.replace_time_zone(None)
        table = table.with_columns(local.alias(name))
    elif kind == nw.Object:
        raw = column(table, name)
        aware = [row for row, one in enumerate(raw) if getattr(one, "tzinfo", None) is not None]
        if aware:
            if len(aware) < raw.size:
                row = next(row for row in range(raw.size) if getattr(raw[row], "tzinfo", None) is None)
                raise InvalidDataError(
                    name, row, raw[row], "the column mixes times with and without a time zone; give all of them one"
                )
            _need_zone(name, 0, raw[0], zone)
            import pandas as pd

            local_times = (
                pd.DatetimeIndex(pd.to_datetime(pd.Series(list(raw)), utc=True)).tz_convert(zone).tz_localize(None)
            )
            table = nw.from_native(pd.DataFrame({name: local_times}), eager_only=True)
    elif isinstance(kind, nw.Date):
        return day_numbers(table, name), True
    raw = column(table, name)
    if raw.dtype.kind == "M" and np.datetime_data(raw.dtype)[0] == "D":
        return day_numbers(table, name), True
    return microseconds(table, name), False


def _need_zone(name: str, row: int | None, value: object, zone: str | None) -> None:
    if zone is None:
        raise InvalidDataError(
            name,
            row,
            value,
            "the times carry a zone, and which day they belong to depends on one: give time_zone='UTC', or your own",
        )


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


def _spark_local(frame: Any, time: str, zone: str) -> Any:
    """Return a PySpark frame with `time` as it reads on a clock in `zone`, whatever the zone of the session."""
    from pyspark.sql import functions as sql

    # A cast would go through the zone of the session, in which an hour of autumn happens twice.
    name = "`" + time.replace("`", "``") + "`"
    seconds = (sql.unix_micros(sql.col(name)).cast("decimal(20, 0)") / sql.lit(1_000_000)).cast("decimal(18, 6)")
    none = sql.lit(0)
    moment = sql.expr("TIMESTAMP_NTZ'1970-01-01 00:00:00'") + sql.make_dt_interval(none, none, none, seconds)
    return frame.withColumn(time, sql.convert_timezone(sql.lit("UTC"), sql.lit(zone), moment))


def _engine_times(frame: nw.LazyFrame[Any], time: str, zone: str | None) -> tuple[nw.LazyFrame[Any], bool]:
    """Return the frame with `time` naive and local, and whether it is a date."""
    kind = frame.collect_schema()[time]
    if isinstance(kind, nw.Date):
        return frame, True
    if not isinstance(kind, nw.Datetime):
        raise InvalidDataError(
            time, None, kind, "give dates or times; parse text before the call, no format is guessed here"
        )
    if kind.time_zone is None:
        return frame, False
    _need_zone(time, None, kind.time_zone, zone)
    if frame.implementation.is_polars():
        return frame.with_columns(nw.col(time).dt.convert_time_zone(zone or "UTC").dt.replace_time_zone(None)), False
    if frame.implementation.is_duckdb():
        import duckdb

        relation = frame.to_native()
        # In the engine's own words: its conversions otherwise follow the zone of the session.
        local = duckdb.FunctionExpression("timezone", duckdb.ConstantExpression(zone), duckdb.ColumnExpression(time))
        others = [duckdb.ColumnExpression(name) for name in relation.columns if name != time]
        return nw.from_native(relation.select(*others, local.alias(time))), False
    if frame.implementation.is_pyspark():
        return nw.from_native(_spark_local(frame.to_native(), time, zone or "UTC")), False
    raise InvalidDataError(time, None, kind, "on this engine, convert the times to local ones without a zone first")


def _engine_ticks(time: str, grain: Grain, *, date: bool, week_start: int) -> tuple[nw.Expr, nw.Expr]:
    """Return the day from 1970 and the grain as expressions, by the arithmetic of the calendar: no engine has more in common."""
    moment = nw.col(time).dt
    year = moment.year().cast(nw.Int64)
    past = year - 1
    leaps = past // 4 - past // 100 + past // 400 - (1969 // 4 - 1969 // 100 + 1969 // 400)
    day = (year - 1970) * 365 + leaps + moment.ordinal_day().cast(nw.Int64) - 1
    if grain == "day":
        return day, day
    if grain == "week":
        return day, (day + 3 - week_start) // 7
    if grain == "year":
        return day, year - 1970
    if grain == "month":
        return day, (year - 1970) * 12 + moment.month().cast(nw.Int64) - 1
    if date:
        return day, day * _DAY
    seconds = moment.hour().cast(nw.Int64) * 3600 + moment.minute().cast(nw.Int64) * 60 + moment.second().cast(nw.Int64)
    return day, day * _DAY + seconds * 1_000_000 + moment.microsecond().cast(nw.Int64)


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
    frame, date = _engine_times(frame, time, zone)
    day, tick = _engine_ticks(time, grain, date=date, week_start=week_start)
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
        # Civil arithmetic: no engine but Polars and pandas gives a timestamp as a number.
        year, day = nw.col(time).dt.year().cast(nw.Int64), nw.col(time).dt.ordinal_day().cast(nw.Int64)
        past = year - 1
        days = past * 365 + past // 4 - past // 100 + past // 400 + day - 719163
        return LazyTable(self.frame.with_columns(days.cast(nw.Int64).alias(name)))

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
