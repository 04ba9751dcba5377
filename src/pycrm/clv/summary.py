"""From a log of orders to one row per customer: what the models are fitted to."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from pycrm.clv._history import Floats, drawing
from pycrm.clv.units import DAYS, Unit, checked_unit
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.table import Frame, Grain, Refunds, Visits, build, column, eager, grains, visits

__all__ = ["Weekday", "calibration_holdout", "customer_holdout", "purchase_summary"]

Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_MICROSECONDS = 86_400_000_000


def _one_of(field: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidValueError(field, value, f"give one of {', '.join(allowed)}")


def _day(field: str, value: object) -> int:
    """Return a date as days from 1970."""
    try:
        if getattr(value, "tzinfo", None) is not None or isinstance(value, int | float):
            raise ValueError
        day = np.datetime64(value, "D")  # type: ignore[call-overload]  # the stubs want one kind of value at a time
    except (TypeError, ValueError):
        raise InvalidValueError(field, value, "give a local date, as datetime.date or as '2024-12-31'") from None
    if np.isnat(day):
        raise InvalidValueError(field, value, "give a date")
    return int(day.astype(np.int64))


def _own_name(customer: str, made: tuple[str, ...]) -> None:
    if customer in made:
        raise InvalidValueError(
            "customer", customer, "the summary has a column of that name; rename yours before the call"
        )


def _calendar_units(calendar: bool, unit: Unit, grain: Grain) -> None:
    if calendar and (unit not in {"month", "year"} or grain != "day"):
        raise InvalidValueError("calendar", calendar, "it needs unit='month' or unit='year', and grain='day'")


_MADE = ("frequency", "recency", "age", "mean_value", "log_gaps")
_HELD = ("holdout_frequency", "holdout_duration", "holdout_value")


def _one_currency(orders: Frame, currency: str | None) -> None:
    if currency is None:
        return
    codes = column(orders, currency)
    differs = codes != codes[0] if codes.size else np.zeros(0, dtype=bool)
    if np.any(differs):
        row = int(np.argmax(differs))
        raise InvalidDataError(
            currency,
            row,
            codes[row],
            f"the first row is in {codes[0]}; amounts of two currencies have no sum, convert them first",
        )


def _calendar(day: NDArray[np.int64], unit: Unit) -> Floats:
    """Return where on the calendar each day lies, in months or years: the fraction is that of its own month or year."""
    date = day.astype("datetime64[D]")
    whole = date.astype("datetime64[M]" if unit == "month" else "datetime64[Y]")
    begin = whole.astype("datetime64[D]").astype(np.int64)
    end = (whole + 1).astype("datetime64[D]").astype(np.int64)
    return np.asarray(whole.astype(np.int64) + (day - begin) / (end - begin))


def purchase_summary(
    orders: Frame,
    *,
    customer: str,
    time: str,
    amount: str | None = None,
    currency: str | None = None,
    unit: Unit = "week",
    end: dt.date | str | None = None,
    grain: Grain = "day",
    week_start: Weekday = "monday",
    time_zone: str | None = None,
    calendar: bool = False,
    refunds: Refunds = "refuse",
    gaps: bool = False,
) -> Any:
    """Return one row per customer: how often, how recently, for how long, for how much.

    Polars, DuckDB and PySpark frames that are lazy are grouped by their engine and only one row per customer is collected.

    Parameters
    ----------
    orders : Frame
        One row per order, in any sequence: pandas, Polars (eager or lazy), PyArrow, DuckDB, PySpark, or a mapping of columns.
    customer, time, amount : str
        Columns: who, when (dates or times), and how much (finite numbers, in one currency).
    currency : str, optional
        Column of the currency of `amount`; two different ones are refused.
    unit : Unit
        The unit of `recency` and `age`; fractions are kept, so with "week" they are days / 7, with "month" days / 30.4375.
    end : date or str, optional
        The last local day that counts ("1997-09-30"); later orders are left out. The day of the last order where not given.
    grain : Grain
        Within what two orders are one purchase. From "week" on, times are whole grains, as discrete data have them.
    week_start : Weekday
        Where a week begins, for ``grain="week"``.
    time_zone : str, optional
        The zone whose calendar counts ("Europe/Madrid"); needed where times carry one, for it decides the day.
    calendar : bool
        With a `unit` of month or year: count those of the calendar, a day being that fraction of its own month or year.
    refunds : Refunds
        What a negative amount is: "refuse" it (an error naming the row), "drop" it, or "net": it is no purchase, and is deducted
        from the repeat spend unless it came with the first purchase. An amount of 0 is a purchase.
    gaps : bool
        Add the column `log_gaps`, the sum of the logs of the times between purchases, which the regularity models need.

    Returns
    -------
    frame
        Polars for Polars, else pandas, sorted by customer: the customer column, `frequency` (repeat purchases), `recency` (first
        to last purchase), `age` (first purchase to `end`), with an `amount` also `mean_value` (mean amount of the repeat
        purchases, 0 where there are none), with `gaps` also `log_gaps`. A pandas frame carries its unit in ``attrs["unit"]``,
        and says in ``attrs["merged"]`` and ``attrs["refunds"]`` how many rows were merged into another and were refunds.

    Raises
    ------
    InvalidDataError
        Naming column and first row of a customer, time or amount that is missing or no such thing.
    InvalidValueError
        For an option that does not exist, and an `end` before every order.

    Examples
    --------
    >>> orders = {"who": ["ann", "ann", "bob", "ann"], "day": ["2024-01-01", "2024-01-15", "2024-01-08", "2024-01-15"]}
    >>> orders["day"] = np.array(orders["day"], dtype="datetime64[D]")
    >>> summary = purchase_summary(orders | {"paid": [10.0, 4.0, 5.0, 6.0]}, customer="who", time="day", amount="paid")
    >>> summary.to_dict("list")
    {'who': ['ann', 'bob'], 'frequency': [1, 0], 'recency': [2.0, 0.0], 'age': [2.0, 1.0], 'mean_value': [10.0, 0.0]}
    """
    checked_unit(unit)
    _one_of("grain", grain, get_args(Grain))
    _one_of("week_start", week_start, get_args(Weekday))
    _one_of("refunds", refunds, get_args(Refunds))
    _calendar_units(calendar, unit, grain)
    _own_name(customer, _MADE)
    start = get_args(Weekday).index(week_start)
    _one_currency(orders, currency)
    until = None if end is None else _day("end", end)
    found = visits(
        orders,
        key=customer,
        time=time,
        value=amount,
        grain=grain,
        week_start=start,
        zone=time_zone,
        until=until,
        refunds=refunds,
        gaps=gaps,
    )
    if not found.key.size:
        if until is not None:
            raise InvalidValueError("end", end, "no order was placed until then; give a later day")
        raise InvalidDataError(time, None, "no rows", "give at least one order")
    return _frame(found, orders, customer, until, grain, start, unit, calendar=calendar)


def _frame(
    found: Visits,
    orders: Frame,
    customer: str,
    until: int | None,
    grain: Grain,
    week_start: int,
    unit: Unit,
    *,
    calendar: bool,
    more: dict[str, Any] | None = None,
) -> Any:
    frequency = found.count - 1
    newest = int(found.last.max())
    if grain == "instant":
        # Without an end, now is the moment of the last order; with one, the midnight that ends the day.
        now = newest if until is None else (until + 1) * _MICROSECONDS
        per = 1.0 / _MICROSECONDS / DAYS[unit]
        recency, age = (found.last - found.first) * per, (now - found.first) * per
    else:
        now = newest if until is None else int(grains(np.array([until]), grain, days=True, week_start=week_start)[0])
        per = DAYS[grain] / DAYS[unit]
        if calendar:
            first = _calendar(found.first, unit)
            recency, age = _calendar(found.last, unit) - first, _calendar(np.array([now]), unit) - first
        elif grain == "day":
            recency, age = (found.last - found.first) / DAYS[unit], (now - found.first) / DAYS[unit]
        else:
            recency, age = (found.last - found.first) * per, (now - found.first) * per
    columns: dict[str, Any] = {customer: found.key, "frequency": frequency, "recency": recency, "age": age}
    if found.value is not None:
        columns["mean_value"] = np.divide(found.value, frequency, out=np.zeros(frequency.size), where=frequency > 0)
    if found.log_gaps is not None:
        columns["log_gaps"] = found.log_gaps + frequency * np.log(per)
    made = build(columns | (more or {}), orders)
    if hasattr(made, "attrs"):
        made.attrs.update(unit=unit, merged=found.rows - int(found.count.sum()), refunds=found.refunds)
    return made


def calibration_holdout(
    orders: Frame,
    *,
    customer: str,
    time: str,
    calibration_end: dt.date | str,
    amount: str | None = None,
    currency: str | None = None,
    unit: Unit = "week",
    end: dt.date | str | None = None,
    grain: Grain = "day",
    week_start: Weekday = "monday",
    time_zone: str | None = None,
    calendar: bool = False,
    refunds: Refunds = "refuse",
    gaps: bool = False,
) -> Any:
    """Return the summary until one day, and what each of its customers did after it.

    Parameters
    ----------
    orders, customer, time, amount, currency, unit, grain, week_start, time_zone, calendar, refunds, gaps
        As in :func:`purchase_summary`.
    calibration_end : date or str
        The last day of the calibration; it counts to it.
    end : date or str, optional
        The last day of the holdout; the day of the last order where not given.

    Returns
    -------
    frame
        As :func:`purchase_summary` makes it of the orders until `calibration_end`, which a model is fitted to, with the columns
        `holdout_frequency` (purchases after it), `holdout_duration` (its length, in `unit`) and, with an `amount`,
        `holdout_value` (their total). Customers who came later are not in it.

    Examples
    --------
    >>> orders = {"who": ["ann", "bob", "ann", "eve"], "day": np.array(["2024-01-01", "2024-01-05", "2024-02-01",
    ...     "2024-02-12"], dtype="datetime64[D]")}
    >>> kept = calibration_holdout(orders, customer="who", time="day", calibration_end="2024-01-29")
    >>> kept[["who", "holdout_frequency", "holdout_duration"]].to_dict("list")
    {'who': ['ann', 'bob'], 'holdout_frequency': [1, 0], 'holdout_duration': [2.0, 2.0]}
    """
    checked_unit(unit)
    _one_of("grain", grain, get_args(Grain))
    _one_of("week_start", week_start, get_args(Weekday))
    _one_of("refunds", refunds, get_args(Refunds))
    _calendar_units(calendar, unit, grain)
    _own_name(customer, _MADE + _HELD)
    _one_currency(orders, currency)
    start = get_args(Weekday).index(week_start)
    split = _day("calibration_end", calibration_end)
    until = None if end is None else _day("end", end)
    if until is not None and until <= split:
        raise InvalidValueError("end", end, "the holdout ends before it begins; give a day after calibration_end")

    def part(after: int | None, last: int | None) -> Visits:
        return visits(
            orders,
            key=customer,
            time=time,
            value=amount,
            grain=grain,
            week_start=start,
            zone=time_zone,
            after=after,
            until=last,
            refunds=refunds,
            gaps=gaps and after is None,
            whole=after is not None,
        )

    before, later = part(None, split), part(split, until)
    if not before.key.size:
        raise InvalidValueError("calibration_end", calibration_end, "no order was placed until then; give a later day")
    if not later.key.size and until is None:
        raise InvalidValueError(
            "calibration_end",
            calibration_end,
            "no order was placed after it; give an earlier day, or the end of the holdout",
        )
    if calendar:
        last = int(later.last.max()) if until is None else until
        begun, ended = _calendar(np.array([split, last]), unit)
        length = float(ended - begun)
    elif until is None:
        newest = int(later.last.max())
        duration = {"instant": newest / _MICROSECONDS - (split + 1.0)}.get(grain, 0.0)
        if grain != "instant":
            here = int(grains(np.array([split]), grain, days=True, week_start=start)[0])
            duration = (newest - here) * DAYS[grain]
        length = duration / DAYS[unit]
    else:
        length = (until - split) / DAYS[unit]
    place = np.searchsorted(before.key, later.key)
    place[place == before.key.size] = 0
    same = before.key[place] == later.key
    more: dict[str, Any] = {"holdout_frequency": np.zeros(before.key.size, dtype=np.int64)}
    more["holdout_frequency"][place[same]] = later.count[same]
    more["holdout_duration"] = np.full(before.key.size, length)
    if later.value is not None:
        more["holdout_value"] = np.zeros(before.key.size)
        more["holdout_value"][place[same]] = later.value[same]
    return _frame(before, orders, customer, split, grain, start, unit, calendar=calendar, more=more)


def customer_holdout(summary: Frame, *, share: float = 0.5, random: np.random.Generator) -> tuple[Any, Any]:
    """Return two frames of the same kind: customers to fit, and customers to check the fit on.

    Parameters
    ----------
    summary : Frame
        As :func:`purchase_summary` makes it.
    share : float
        The share that is held back.
    random : numpy.random.Generator
        Where chance comes from.

    Examples
    --------
    >>> fitted, kept = customer_holdout({"frequency": range(10)}, share=0.3, random=np.random.default_rng(1))
    >>> len(fitted), len(kept)
    (7, 3)
    """
    drawing(random)
    if not 0.0 < share < 1.0:
        raise InvalidValueError("share", share, "give a share between 0 and 1")
    table = eager(summary)
    held = np.zeros(len(table), dtype=bool)
    held[random.permutation(held.size)[: round(share * held.size)]] = True
    return table.filter((~held).tolist()).to_native(), table.filter(held.tolist()).to_native()
