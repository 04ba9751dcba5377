"""From a log of orders to one row per customer: what the models are fitted to."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, TypeAlias

import numpy as np

from pycrm.clv.units import DAYS, Unit, checked_unit
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.table import Frame, build, column, day_numbers, eager, factorise, numbers

__all__ = ["Refunds", "purchase_summary"]

Refunds: TypeAlias = Literal["refuse", "drop", "net"]
"""What a negative amount is: an error, left out, or money given back that is no purchase."""


def purchase_summary(
    orders: Frame,
    *,
    customer: str,
    time: str,
    amount: str | None = None,
    unit: Unit = "week",
    end: dt.date | str | None = None,
    gaps: bool = False,
) -> Any:
    """Return one row per customer: how often, how recently, for how long, for how much.

    Parameters
    ----------
    orders : Frame
        One row per order, in any sequence.
    customer, time, amount : str
        Columns: who, when (dates or naive local times), and how much in one currency (any finite number).
    unit : Unit
        The unit of `recency` and `age`; fractions are kept, so with "week" they are days / 7.
    end : date or str, optional
        The last day that counts ("1997-09-30"); later orders are left out. The day of the last order where not given.
    gaps : bool
        Add the column `log_gaps`, the sum of the logs of the times between purchases, which the regularity models need.

    Returns
    -------
    frame
        Of the kind of `orders`: the customer column, `frequency` (repeat purchases; purchases of one day are one),
        `recency` (first to last purchase), `age` (first purchase to `end`), with an `amount` also `mean_value` (mean amount of
        the repeat purchases, 0 where there are none), with `gaps` also `log_gaps`. A pandas frame carries its unit in
        ``attrs["unit"]``.

    Raises
    ------
    InvalidDataError
        Naming column and first row of a customer, time or amount that is missing.

    Examples
    --------
    >>> orders = {"who": ["ann", "ann", "bob", "ann"], "day": ["2024-01-01", "2024-01-15", "2024-01-08", "2024-01-15"]}
    >>> orders["day"] = np.array(orders["day"], dtype="datetime64[D]")
    >>> summary = purchase_summary(orders | {"paid": [10.0, 4.0, 5.0, 6.0]}, customer="who", time="day", amount="paid")
    >>> summary.to_dict("list")
    {'who': ['ann', 'bob'], 'frequency': [1, 0], 'recency': [2.0, 0.0], 'age': [2.0, 1.0], 'mean_value': [10.0, 0.0]}
    """
    days_per_unit = DAYS[checked_unit(unit)]
    table = eager(orders)
    ids, who = factorise(column(table, customer))
    if not ids.size:
        raise InvalidDataError(time, None, "no rows", "give at least one order")
    if (ids < 0).any():
        raise InvalidDataError(customer, int(np.argmax(ids < 0)), None, "give a customer, or drop the row")
    day = day_numbers(table, time)
    value = None if amount is None else numbers(table, amount)
    last_day = int(day.max()) if end is None else int(np.datetime64(end, "D").astype(np.int64))
    kept = day <= last_day
    if not kept.all():
        ids, day = ids[kept], day[kept]
        value = None if value is None else value[kept]
        if not ids.size:
            raise InvalidValueError("end", end, "no order was placed until then; give a later day")
    origin = int(day.min())
    span = last_day - origin + 1
    key = ids * span + (day - origin)
    key.sort()
    key = key[np.concatenate(([True], key[1:] != key[:-1]))]
    owner, when = np.divmod(key, span)
    starts = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    ends = np.append(starts[1:], owner.size) - 1
    owners = owner[starts]
    first, last = when[starts], when[ends]
    frequency = ends - starts
    columns: dict[str, Any] = {
        customer: who[owners],
        "frequency": frequency,
        "recency": (last - first) / days_per_unit,
        "age": (span - 1 - first) / days_per_unit,
    }
    if value is not None:
        opening = np.zeros(who.size, dtype=np.int64)
        opening[owners] = first
        repeat = (day - origin) != opening[ids]
        spent = np.bincount(ids[repeat], weights=value[repeat], minlength=who.size)[owners]
        columns["mean_value"] = np.divide(spent, frequency, out=np.zeros(spent.size), where=frequency > 0)
    if gaps:
        logs = np.zeros(owner.size)
        same = owner[1:] == owner[:-1]
        logs[1:][same] = np.log((when[1:] - when[:-1])[same] / days_per_unit)
        columns["log_gaps"] = np.add.reduceat(logs, starts)
    made = build(columns, orders)
    if hasattr(made, "attrs"):
        made.attrs["unit"] = unit
    return made
