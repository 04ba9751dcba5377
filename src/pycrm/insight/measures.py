"""Attract, retain, satisfy: the measures of each period side by side."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError
from pycrm.insight.cohorts import Step, customer_flow, period_of

__all__ = ["period_measures"]


def period_measures(
    orders: table.Frame,
    answers: table.Frame | None = None,
    *,
    as_of: dt.date,
    step: Step = "month",
    customer: str = "customer",
    time: str = "time",
    satisfied: str = "satisfied",
) -> Any:
    """Return for each period that is over who came, who stayed, and how satisfied they were.

    Parameters
    ----------
    orders : frame
        One row an order.
    answers : frame, optional
        One row an answer: `time`, and `satisfied` (1 or 0, such as one of the best two boxes). Answers of a period in which
        nobody bought are left out.
    as_of : date
        Later rows are not there.
    step, customer, time : str
        As for `customer_flow`.
    satisfied : str
        Column of `answers`.

    Returns
    -------
    frame
        As `customer_flow` (attract: new, reactivated; retain: retained, lost, retention_rate), and satisfy: answers,
        satisfaction (share satisfied; NaN where nobody answered).

    Examples
    --------
    >>> days = [dt.date(2024, 1, 5), dt.date(2024, 1, 9), dt.date(2024, 2, 7)]
    >>> said = {"time": days[:2], "satisfied": [1, 0]}
    >>> found = period_measures({"customer": ["ann", "bob", "ann"], "time": days}, said, as_of=dt.date(2024, 2, 29))
    >>> found[["new", "retained", "answers", "satisfaction"]].to_numpy().tolist()[0]
    [2.0, 0.0, 2.0, 0.5]
    """
    flow = table.eager(customer_flow(orders, as_of=as_of, step=step, customer=customer, time=time))
    columns = {name: table.column(flow, name) for name in flow.columns}
    periods = table.day_numbers(flow, "period")
    first, size = int(period_of(periods[:1], step)[0]), len(periods)
    count: NDArray[Any] = np.zeros(size)
    happy: NDArray[Any] = np.zeros(size)
    if answers is not None:
        said = table.numbers(answers, satisfied)
        wrong = (said != 0) & (said != 1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InvalidDataError(satisfied, row, float(said[row]), "give 1 where satisfied, else 0")
        if len(said):
            place = period_of(table.day_numbers(answers, time), step) - first
            inside = (place >= 0) & (place < size)
            count = np.bincount(place[inside], minlength=size)
            happy = np.bincount(place[inside], weights=said[inside], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns |= {"answers": count.astype(np.int64), "satisfaction": np.where(count > 0, happy / count, np.nan)}
    return table.build(columns, like=orders)
