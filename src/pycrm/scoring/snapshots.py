"""Training rows as things were known on a day, with what happened next: nothing later than the day can reach a feature."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["refuse_leaks", "snapshot_labels"]

FEATURES = ("recency", "frequency", "age", "mean_gap")
LABELS = ("bought", "churned", "next_days")


def snapshot_labels(
    orders: table.Frame,
    *,
    as_of: Sequence[dt.date],
    horizon: int,
    observed_until: dt.date,
    customer: str = "customer",
    time: str = "time",
    amount: str | None = None,
    facts: table.Frame | None = None,
    known_at: str = "known_at",
    active_within: int | None = None,
) -> Any:
    """Return one row for each customer and day: what was known, and what happened in the `horizon` days after.

    Parameters
    ----------
    orders : frame
        One row an order.
    as_of : sequence of date
        The days; a customer has a row from the day of the first order on.
    horizon : int
        Days after `as_of` in which the outcome is looked for.
    observed_until : date
        The last day all orders of which are in the table. A snapshot whose horizon is not over by then is refused: its "no"
        would mean "not yet".
    customer, time, amount : str
        Columns: who, when (dates or naive local times), how much.
    facts : frame, optional
        What else became known of customers and when: columns `customer`, `known_at` and any others. The last value known
        on the day counts.
    known_at : str
        When a fact became known, not when it was true.
    active_within : int, optional
        Leave out customers with no order in so many days: what "churned" means to a business.

    Returns
    -------
    frame
        customer, as_of, recency (days since the last order), frequency (orders), age (days since the first), mean_gap (days
        between orders; missing with one), monetary (with `amount`), the columns of `facts`, and the labels bought (1 if an
        order followed within the horizon), churned (1 - bought), next_days (days to that order; missing without one).

    Raises
    ------
    InvalidDataError
        If the horizon of a snapshot is not over, or a fact has no time or two values at one time.

    Examples
    --------
    >>> import datetime as dt
    >>> days = [dt.date(2024, 1, 1), dt.date(2024, 1, 11), dt.date(2024, 2, 5)]
    >>> rows = {"customer": ["ann", "ann", "ann"], "time": days}
    >>> found = snapshot_labels(rows, as_of=[dt.date(2024, 1, 31)], horizon=28, observed_until=dt.date(2024, 3, 1))
    >>> found[["recency", "frequency", "mean_gap", "bought", "next_days"]].to_numpy().tolist()
    [[20.0, 2.0, 10.0, 1.0, 5.0]]
    """
    if int(horizon) != horizon or horizon < 1:
        raise InvalidValueError("horizon", horizon, "give a whole number of days of at least 1")
    if active_within is not None and not active_within >= 0:
        raise InvalidValueError("active_within", active_within, "give a number of days of at least 0")
    moments = sorted({_day(day, "as_of") for day in as_of})
    end = _day(observed_until, "observed_until")
    for moment in moments:
        if moment + horizon > end:
            raise InvalidDataError(
                "as_of",
                None,
                str(np.datetime64(moment, "D")),
                f"its horizon ends after observed_until, {observed_until}: who has not bought yet would count as lost",
            )
    frame = table.eager(orders)
    who, names = table.factorise(table.column(frame, customer), customer)
    if (who < 0).any():
        raise InvalidDataError(customer, int(np.argmin(who)), None, "drop rows without one, or give it")
    when = table.day_numbers(frame, time) if len(who) else np.empty(0, dtype=np.int64)
    spent = None if amount is None else table.numbers(frame, amount)
    order = np.argsort(names, kind="stable")
    parts: list[dict[str, NDArray[Any]]] = []
    known = None if facts is None else _Facts(facts, names, customer, known_at)
    for moment in moments:
        made = _at(who, when, spent, len(names), moment, int(horizon))
        rows = order[(made["frequency"] > 0)[order]]
        if active_within is not None:
            rows = rows[made["recency"][rows] <= active_within]
        part: dict[str, NDArray[Any]] = {
            "customer": names[rows],
            "as_of": np.full(len(rows), np.datetime64(moment, "D").astype("datetime64[s]")),
            **{name: values[rows] for name, values in made.items() if name not in LABELS},
        }
        if known is not None:
            part |= {name: values[rows] for name, values in known.at(moment).items()}
        parts.append(part | {name: made[name][rows] for name in LABELS})
    if not parts:
        raise InvalidValueError("as_of", as_of, "give at least one day")
    return table.build({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, like=orders)


def refuse_leaks(rows: table.Frame, *, known_at: Sequence[str], as_of: str = "as_of") -> None:
    """Raise if any feature of a training row became known after the day the row stands for.

    Parameters
    ----------
    rows : frame
        Training rows made elsewhere.
    known_at : sequence of str
        Columns that say when each feature became known.
    as_of : str
        Column of the day of the row.

    Raises
    ------
    InvalidDataError
        Naming column and row of the first leak.

    Examples
    --------
    >>> import datetime as dt
    >>> rows = {"as_of": [dt.date(2024, 1, 31)], "survey_at": [dt.date(2024, 2, 3)]}
    >>> refuse_leaks(rows, known_at=["survey_at"])
    Traceback (most recent call last):
    pycrm.errors.InvalidDataError: column 'survey_at', row 0: '2024-02-03' is refused; it was not known on 2024-01-31; take what was known then
    """
    frame = table.eager(rows)
    day = table.day_numbers(frame, as_of)
    for name in known_at:
        late = table.day_numbers(frame, name) > day
        if late.any():
            row = int(np.argmax(late))
            shown = str(np.datetime64(int(table.day_numbers(frame, name)[row]), "D"))
            raise InvalidDataError(
                name, row, shown, f"it was not known on {np.datetime64(int(day[row]), 'D')}; take what was known then"
            )


def _day(day: dt.date, name: str) -> int:
    given: Any = day
    if not isinstance(given, dt.date) or isinstance(given, dt.datetime):
        raise InvalidValueError(name, day, "give a date")
    return int(np.datetime64(day, "D").astype(np.int64))


def _at(
    who: NDArray[np.int64],
    when: NDArray[np.int64],
    spent: NDArray[np.float64] | None,
    size: int,
    moment: int,
    horizon: int,
) -> dict[str, NDArray[Any]]:
    past = when <= moment
    count = np.bincount(who[past], minlength=size)
    last = np.full(size, np.iinfo(np.int64).min // 2)
    np.maximum.at(last, who[past], when[past])
    first = np.full(size, np.iinfo(np.int64).max // 2)
    np.minimum.at(first, who[past], when[past])
    coming = (when > moment) & (when <= moment + horizon)
    following = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(following, who[coming], when[coming])
    bought = following <= moment + horizon
    made: dict[str, NDArray[Any]] = {
        "recency": moment - last,
        "frequency": count,
        "age": moment - first,
        "mean_gap": np.where(count > 1, (last - first) / np.maximum(count - 1, 1), np.nan),
    }
    if spent is not None:
        made["monetary"] = np.bincount(who[past], weights=spent[past], minlength=size)
    return made | {
        "bought": bought.astype(np.int64),
        "churned": (~bought).astype(np.int64),
        "next_days": np.where(bought, following - moment, np.nan),
    }


class _Facts:
    """Facts sorted by customer and time, so that the last one known on a day is found at once."""

    def __init__(self, facts: table.Frame, names: NDArray[Any], customer: str, known_at: str) -> None:
        import pandas as pd

        frame = table.eager(facts)
        who = pd.Index(names).get_indexer(pd.Index(table.column(frame, customer)))
        when = table.day_numbers(frame, known_at) if len(who) else np.empty(0, dtype=np.int64)
        order = np.lexsort((when, who))
        self._who, self._when = who[order], when[order]
        twice = (self._who[1:] == self._who[:-1]) & (self._when[1:] == self._when[:-1]) & (self._who[1:] >= 0)
        if twice.any():
            row = int(order[1:][twice][0])
            raise InvalidDataError(
                known_at, row, str(np.datetime64(int(when[row]), "D")), "give one fact a customer and day"
            )
        taken = {customer, known_at, *FEATURES, *LABELS, "monetary", "as_of"}
        self._columns = {
            name: table.column(frame, name)[order] for name in frame.columns if name not in {customer, known_at}
        }
        for name in self._columns:
            if name in taken:
                raise InvalidDataError(
                    name, None, name, "rename this column of the facts; the snapshot has its own of this name"
                )
        self._size = len(names)

    def at(self, moment: int) -> dict[str, NDArray[Any]]:
        """Return the last value known at the moment, by customer; missing where nothing was."""
        rows = np.flatnonzero((self._when <= moment) & (self._who >= 0))
        place = np.full(self._size, -1)
        place[self._who[rows]] = rows  # rows ascend in time within a customer, so the last one stays
        found = {}
        for name, values in self._columns.items():
            number = values.dtype.kind in "iufb"
            out: NDArray[Any] = np.full(self._size, np.nan if number else None, dtype=np.float64 if number else object)
            out[place >= 0] = values[place[place >= 0]]
            found[name] = out
        return found
