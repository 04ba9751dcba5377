"""Whom to work on next, and whom to leave in peace: the ranked queue, and leads who never answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["never_responders", "work_queue"]


def work_queue(
    leads: table.Frame,
    *,
    lead: str = "lead",
    probability: str = "probability",
    value: str = "value",
    cost: str | None = None,
    capacity: int | None = None,
) -> Any:
    """Rank leads by expected value, probability times value less cost; those that would lose money are left out.

    Parameters
    ----------
    leads : frame
        One row a lead.
    lead, probability, value : str
        Columns: id, chance of a sale from 0 to 1, margin of that sale.
    cost : str, optional
        Column of the cost of working on it.
    capacity : int, optional
        How many can be worked on; all by default.

    Returns
    -------
    frame
        lead, rank (from 1), expected_value; ties by id, so the queue does not depend on the order of rows.

    Examples
    --------
    >>> work_queue({"lead": ["a", "b", "c"], "probability": [0.5, 0.1, 0.9], "value": [100, 900, 20]})["lead"].tolist()
    ['b', 'a', 'c']
    """
    frame = table.eager(leads)
    ids = table.column(frame, lead)
    chance = table.numbers(frame, probability, minimum=0.0)
    if (chance > 1).any():
        row = int(np.argmax(chance > 1))
        raise InvalidDataError(probability, row, float(chance[row]), "give a number from 0 to 1")
    expected = chance * table.numbers(frame, value)
    if cost is not None:
        expected = expected - table.numbers(frame, cost, minimum=0.0)
    if capacity is not None and (int(capacity) != capacity or capacity < 0):
        raise InvalidValueError("capacity", capacity, "give a whole number of at least 0")
    try:
        by_id = np.argsort(ids, kind="stable")
    except TypeError:
        raise InvalidDataError(lead, None, "values of several types", "make them all text or all numbers") from None
    order = by_id[np.argsort(-expected[by_id], kind="stable")]
    order = order[expected[order] > 0][:capacity]
    return table.build(
        {"lead": ids[order], "rank": np.arange(1, len(order) + 1), "expected_value": expected[order]}, like=leads
    )


def never_responders(
    contacts: table.Frame,
    *,
    as_of: dt.date,
    touches: int = 5,
    days: int = 30,
    recycle_after: int | None = 180,
    lead: str = "lead",
    time: str = "time",
    response: str = "response",
) -> Any:
    """Return the leads to disqualify because they never answered, and since when they may be tried again.

    Parameters
    ----------
    contacts : frame
        One row a contact in either direction.
    as_of : date
        Later rows are not there.
    touches, days : int
        A lead is out that had at least so many touches of ours within so many days, and never answered any contact.
    recycle_after : int, optional
        Days after the last touch from which the lead may be worked on again; never by default None.
    lead, time, response : str
        Columns: who, when (a date or a naive time), and whether it was the lead's answer (true) or our touch.

    Returns
    -------
    frame
        lead, touches (most within `days`), last_touch, recycle_on (missing: never), recyclable (whether that day has come).

    Examples
    --------
    >>> import datetime as dt
    >>> days = [dt.date(2024, 1, day) for day in (1, 2, 3, 1, 2, 3)]
    >>> rows = {"lead": ["ann"] * 3 + ["bob"] * 3, "time": days, "response": [False] * 5 + [True]}
    >>> never_responders(rows, as_of=dt.date(2024, 2, 1), touches=3)["lead"].tolist()
    ['ann']
    """
    for name, number in (("touches", touches), ("days", days)):
        if int(number) != number or number < 1:
            raise InvalidValueError(name, number, "give a whole number of at least 1")
    given: Any = as_of
    if not isinstance(given, dt.date) or isinstance(given, dt.datetime):
        raise InvalidValueError("as_of", as_of, "give a date")
    today = int(np.datetime64(as_of, "D").astype(np.int64))
    frame = table.eager(contacts)
    codes, names = table.factorise(table.column(frame, lead), lead)
    if (codes < 0).any():
        raise InvalidDataError(lead, int(np.argmin(codes)), None, "give each contact the id of its lead")
    when = table.day_numbers(frame, time) if len(codes) else np.empty(0, dtype=np.int64)
    answered = table.column(frame, response)
    for row, flag in enumerate(answered if answered.dtype.kind == "O" else ()):
        if not isinstance(flag, bool | np.bool_):
            raise InvalidDataError(response, row, flag, "give true for an answer, false for a touch")
    answers = answered.astype(bool) & (when <= today)
    silent = np.bincount(codes[answers], minlength=len(names)) == 0
    ours = ~answered.astype(bool) & (when <= today) & silent[codes]
    order = np.lexsort((when[ours], codes[ours]))
    who, day = codes[ours][order], when[ours][order]
    # Touches of the window that ends with each: position of the row less that of the first inside the window.
    key = who * (10**7) + day
    inside = np.arange(len(who)) - np.searchsorted(key, key - (days - 1), side="left") + 1
    first_of = np.searchsorted(who, who, side="left")
    inside = np.minimum(inside, np.arange(len(who)) - first_of + 1)
    most = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(most, who, inside)
    last = np.full(len(names), np.iinfo(np.int64).min)
    np.maximum.at(last, who, day)
    out = np.flatnonzero(most >= touches)
    out = out[np.argsort(names[out], kind="stable")]
    due = np.full(len(out), np.datetime64("NaT"), dtype="datetime64[D]")
    if recycle_after is not None:
        due = (last[out] + recycle_after).astype("datetime64[D]")
    return table.build(
        {
            "lead": names[out],
            "touches": most[out],
            "last_touch": last[out].astype("datetime64[D]").astype("datetime64[s]"),
            "recycle_on": due.astype("datetime64[s]"),
            "recyclable": ~np.isnat(due) & (due.astype(np.int64) <= today),
        },
        like=contacts,
    )
