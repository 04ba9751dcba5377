"""Times as numbers on the calendar: in memory, and as expressions that every engine answers alike."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.table.frame import column, day_numbers, microseconds

__all__ = ["DAY", "Grain", "civil_day", "engine_ticks", "engine_times", "grains", "known_zone", "local_moments"]

Grain: TypeAlias = Literal["instant", "day", "week", "month", "year"]
"""Within what two rows are one visit."""

DAY = 86_400_000_000
"""Microseconds in a day."""


def grains(moments: NDArray[np.int64], grain: Grain, *, days: bool, week_start: int = 0) -> NDArray[np.int64]:
    """Return the number of the grain each moment lies in, from 1970; moments are days, or else microseconds.

    Examples
    --------
    >>> grains(np.array([3, 4, 31]), "week", days=True).tolist()
    [0, 1, 4]
    """
    if grain == "instant":
        return moments * DAY if days else moments
    day = moments if days else moments // DAY
    if grain == "day":
        return day
    if grain == "week":
        return (day + 3 - week_start) // 7
    return day.astype("datetime64[D]").astype("datetime64[M]" if grain == "month" else "datetime64[Y]").astype(np.int64)


def known_zone(zone: str | None) -> None:
    """Refuse a zone that no calendar has."""
    if zone is None:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidValueError("time_zone", zone, "give a zone of the IANA database, 'Europe/Madrid'") from None


def local_moments(table: nw.DataFrame[Any], name: str, zone: str | None) -> tuple[NDArray[np.int64], bool]:
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


def civil_day(name: str) -> nw.Expr:
    """Return the days from 1970-01-01 of a column of dates or naive times, by the arithmetic of the calendar.

    No engine but Polars and pandas gives a time as a number.
    """
    moment = nw.col(name).dt
    year = moment.year().cast(nw.Int64)
    past = year - 1
    leaps = past // 4 - past // 100 + past // 400 - (1969 // 4 - 1969 // 100 + 1969 // 400)
    return (year - 1970) * 365 + leaps + moment.ordinal_day().cast(nw.Int64) - 1


def _spark_local(frame: Any, time: str, zone: str) -> Any:
    """Return a PySpark frame with `time` as it reads on a clock in `zone`, whatever the zone of the session."""
    from pyspark.sql import functions as sql

    # A cast would go through the zone of the session, in which an hour of autumn happens twice.
    name = "`" + time.replace("`", "``") + "`"
    seconds = (sql.unix_micros(sql.col(name)).cast("decimal(20, 0)") / sql.lit(1_000_000)).cast("decimal(18, 6)")
    none = sql.lit(0)
    moment = sql.expr("TIMESTAMP_NTZ'1970-01-01 00:00:00'") + sql.make_dt_interval(none, none, none, seconds)
    return frame.withColumn(time, sql.convert_timezone(sql.lit("UTC"), sql.lit(zone), moment))


def engine_times(frame: nw.LazyFrame[Any], time: str, zone: str | None) -> tuple[nw.LazyFrame[Any], bool]:
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


def engine_ticks(time: str, grain: Grain, *, date: bool, week_start: int) -> tuple[nw.Expr, nw.Expr]:
    """Return the day from 1970 and the grain as expressions."""
    moment = nw.col(time).dt
    year, day = moment.year().cast(nw.Int64), civil_day(time)
    if grain == "day":
        return day, day
    if grain == "week":
        return day, (day + 3 - week_start) // 7
    if grain == "year":
        return day, year - 1970
    if grain == "month":
        return day, (year - 1970) * 12 + moment.month().cast(nw.Int64) - 1
    if date:
        return day, day * DAY
    seconds = moment.hour().cast(nw.Int64) * 3600 + moment.minute().cast(nw.Int64) * 60 + moment.second().cast(nw.Int64)
    return day, day * DAY + seconds * 1_000_000 + moment.microsecond().cast(nw.Int64)
