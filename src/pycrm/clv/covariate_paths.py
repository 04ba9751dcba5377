"""Covariates that change, by customer: a long table joined with a log of orders, its gaps told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.clv._history import Floats
from pycrm.clv.units import DAYS, Unit, checked_unit
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.table import Frame, column, day_numbers, eager, factorise, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CovariatePaths", "covariate_gaps", "earlier", "sums"]

_NEVER = 2**40
"""A day beyond every other, which NumPy still writes as a date."""


def _first_days(orders: Frame, customer: str, time: str) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return the customers, and the distinct (customer, day) of their orders as two sorted columns."""
    table = eager(orders)
    code, who = factorise(column(table, customer), customer)
    day = day_numbers(table, time)
    if not code.size:
        raise InvalidDataError(time, None, "no rows", "give at least one order")
    if (code < 0).any():
        raise InvalidDataError(customer, int(np.argmax(code < 0)), None, "give a customer, or drop the row")
    pairs = np.unique(np.column_stack([code, day]), axis=0)
    return who, pairs[:, 0], pairs[:, 1]


def _places(who: NDArray[Any], customers: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each of `customers` stands in `who`, -1 where he does not."""
    import pandas as pd

    return np.asarray(pd.Index(who).get_indexer(pd.Index(customers)), dtype=np.int64)


def covariate_gaps(
    orders: Frame, covariates: Frame, *, customer: str, time: str, every: int | None = None
) -> pd.DataFrame:
    """Return where the covariates of a customer are missing: one row a gap, none if all is well.

    Parameters
    ----------
    orders, covariates : Frame
        The log, and the long table: customer, first day of a period, values, which hold until the next row of the customer.
    customer, time : str
        The columns of both.
    every : int, optional
        Days a row is meant to hold at most; a longer one is a gap.

    Returns
    -------
    pandas.DataFrame
        The customer column, `since` and `until` (until None: to the end), and `reason`.

    Examples
    --------
    >>> orders = {"who": ["a", "b"], "day": np.array(["2024-01-03", "2024-01-05"], dtype="M8[D]")}
    >>> known = {"who": ["a", "b"], "day": np.array(["2024-01-01", "2024-01-08"], dtype="M8[D]"), "rain": [0, 1]}
    >>> covariate_gaps(orders, known, customer="who", time="day")[["who", "reason"]].to_dict("list")
    {'who': ['b'], 'reason': ['the covariates begin after the first purchase']}
    """
    import pandas as pd

    who, owner, when = _first_days(orders, customer, time)
    begins = when[np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))]
    table = eager(covariates)
    whose, day = _places(who, column(table, customer)), day_numbers(table, time)
    order = np.lexsort((day, whose))
    order = order[whose[order] >= 0]
    whose, day = whose[order], day[order]
    first = np.full(who.size, _NEVER)
    np.minimum.at(first, whose, day)
    none, late = np.flatnonzero(first == _NEVER), np.flatnonzero((first > begins) & (first < _NEVER))
    wide = np.flatnonzero((whose[1:] == whose[:-1]) & (np.diff(day) > every)) if every is not None else none[:0]
    at = np.concatenate([none, late, whose[wide]])
    since = np.concatenate([begins[none], begins[late], day[wide] + (every or 0)])
    until = np.concatenate([np.full(none.size, _NEVER), first[late], day[wide + 1]])
    reason = np.repeat(
        np.array(
            [
                "the customer has no covariates",
                "the covariates begin after the first purchase",
                f"no row for more than {every} days",
            ],
            dtype=object,
        ),
        [none.size, late.size, wide.size],
    )
    sequence = np.lexsort((since, at))
    ends = until[sequence].astype("datetime64[D]").astype(object)
    ends[until[sequence] == _NEVER] = None
    return pd.DataFrame(
        {
            customer: who[at[sequence]],
            "since": since[sequence].astype("datetime64[D]").astype(object),
            "until": ends,
            "reason": reason[sequence],
        }
    )


@frozen(kw_only=True, eq=False)
class CovariatePaths:
    """Customers, their histories, and their covariates from the first purchase on, piece by piece.

    Make it with :meth:`of`.

    Parameters
    ----------
    customer : ndarray
        Who, one entry a customer; `frequency`, `recency` and `age` are theirs.
    frequency, recency, age : ndarray
        As in a summary.
    owner, start : ndarray
        Of each piece: the row of its customer, and when it begins, from the first purchase (the first piece at 0). It lasts
        until the next piece of the customer, the last one for ever.
    covariates : mapping of str to ndarray
        The value of each covariate in each piece.
    at_purchases : mapping of str to ndarray
        Of each customer, the sum of a covariate over the days of repeat purchases.
    unit : Unit
        The unit of time.
    """

    customer: NDArray[Any] = field(repr=False)
    frequency: Floats = field(repr=False)
    recency: Floats = field(repr=False)
    age: Floats = field(repr=False)
    owner: NDArray[np.int64] = field(repr=False)
    start: Floats = field(repr=False)
    covariates: Mapping[str, Floats] = field(repr=False)
    at_purchases: Mapping[str, Floats] = field(repr=False)
    unit: Unit

    @classmethod
    def of(
        cls,
        orders: Frame,
        covariates: Frame,
        *,
        customer: str,
        time: str,
        columns: Sequence[str],
        unit: Unit = "week",
        end: dt.date | str | None = None,
        every: int | None = None,
    ) -> CovariatePaths:
        """Join a log of orders with a long table of covariates.

        Parameters
        ----------
        orders, covariates : Frame
            The log; and one row for each customer and period: customer, the first day of the period, values, which hold until
            the next row of that customer, the last one for ever.
        customer, time : str
            The columns of both.
        columns : sequence of str
            The covariates.
        unit : Unit
            The unit of time.
        end : date or str, optional
            The last day that counts; the day of the last order where not given. Covariates may go on: predictions use them.
        every : int, optional
            Days a row may hold at most.

        Raises
        ------
        InvalidDataError
            If a customer's covariates have a gap: the message names the first; :func:`covariate_gaps` lists all.

        Examples
        --------
        >>> orders = {"who": ["a", "a"], "day": np.array(["2024-01-03", "2024-01-10"], dtype="M8[D]")}
        >>> known = {"who": ["a", "a"], "day": np.array(["2024-01-01", "2024-01-08"], dtype="M8[D]"), "rain": [0, 1]}
        >>> paths = CovariatePaths.of(orders, known, customer="who", time="day", columns=["rain"], unit="day")
        >>> paths.start.tolist(), paths.at_purchases["rain"].tolist()
        ([0.0, 5.0], [1.0])
        """
        days_per_unit = DAYS[checked_unit(unit)]
        if isinstance(columns, str) or not columns:
            raise InvalidValueError("columns", columns, "give a sequence of names of covariates")
        who, owner, when = _first_days(orders, customer, time)
        last_day = int(when.max()) if end is None else int(np.datetime64(end, "D").astype(np.int64))
        kept = when <= last_day
        owner, when = owner[kept], when[kept]
        if not owner.size:
            raise InvalidValueError("end", end, "no order was placed until then; give a later day")
        seen, owner = np.unique(owner, return_inverse=True)
        who = who[seen]
        opening = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
        first = when[opening]
        last = when[np.append(opening[1:], owner.size) - 1]
        gaps = covariate_gaps(
            {customer: who[owner], time: when.astype("datetime64[D]")},
            covariates,
            customer=customer,
            time=time,
            every=every,
        )
        if len(gaps):
            one = gaps.iloc[0]
            raise InvalidDataError(
                time,
                None,
                one[customer],
                f"{one['reason']} (from {one['since']}; {len(gaps)} gaps in all, covariate_gaps lists them): fill them",
            )
        table = eager(covariates)
        whose = _places(who, column(table, customer))
        day = day_numbers(table, time)
        values = {name: numbers(table, name) for name in columns}
        order = np.lexsort((day, whose))
        order = order[whose[order] >= 0]
        whose, day = whose[order], day[order]
        twice = np.flatnonzero((whose[1:] == whose[:-1]) & (day[1:] == day[:-1]))
        if twice.size:
            row = int(order[twice[0] + 1])
            raise InvalidDataError(
                time, row, str(day[twice[0] + 1].astype("datetime64[D]")), "one row a customer and day"
            )
        begin = np.maximum(day - first[whose], 0)
        # Of the rows before the first purchase only the last one counts.
        alive = np.append((whose[1:] != whose[:-1]) | (day[1:] > first[whose[1:]]), True)
        keep = np.flatnonzero(alive)
        key = whose * (2**32) + day
        spot = np.searchsorted(key, owner * (2**32) + when, side="right") - 1
        repeat = np.ones(owner.size, dtype=bool)
        repeat[opening] = False
        return cls(
            customer=who,
            frequency=np.bincount(owner, minlength=who.size).astype(np.float64) - 1.0,
            recency=(last - first) / days_per_unit,
            age=(last_day - first) / days_per_unit,
            owner=whose[keep],
            start=begin[keep] / days_per_unit,
            covariates={name: each[order][keep] for name, each in values.items()},
            at_purchases={
                name: sums(owner[repeat], each[order][spot[repeat]], who.size) for name, each in values.items()
            },
            unit=unit,
        )

    def pieces(self, until: Floats) -> tuple[Floats, Floats]:
        """Return where each piece begins and ends, cut at `until` of its customer."""
        following = np.append(self.start[1:], np.inf)
        following[np.append(self.owner[1:] != self.owner[:-1], True)] = np.inf
        cut = until[self.owner]
        return np.minimum(self.start, cut), np.minimum(following, cut)


def sums(owner: NDArray[np.int64], amounts: Floats, size: int) -> Floats:
    """Return the sum of `amounts` of each customer."""
    return np.bincount(owner, weights=amounts, minlength=size).astype(np.float64)


def earlier(owner: NDArray[np.int64], amounts: Floats) -> Floats:
    """Return the sum of the earlier pieces of the same customer; each by itself, for one long sum would lose digits."""
    opening = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    lengths_ = np.diff(np.append(opening, owner.size))
    place = np.arange(owner.size) - np.repeat(opening, lengths_)
    row = np.repeat(np.arange(opening.size), lengths_)
    table = np.zeros((opening.size, int(lengths_.max()) + 1))
    table[row, place + 1] = amounts
    return np.asarray(np.cumsum(table, axis=1)[row, place])
