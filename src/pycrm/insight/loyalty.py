"""The loyalty of all customers as one number a period: who buys again, who has stayed long, who speaks for us."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

__all__ = ["LoyaltyIndex", "loyalty_index"]


@frozen(kw_only=True, eq=False)
class LoyaltyIndex:
    """Three shares and their mean, at the end of each month.

    Parameters
    ----------
    months : tuple of date
        The first day of each.
    active : ndarray of int
        Customers who bought in the twelve months up to its end; the shares are of these.
    repeat : ndarray
        Share who bought at least twice in those twelve months.
    tenure : ndarray
        Share who first bought more than a year ago.
    advocacy : ndarray
        Share who spoke for us in those twelve months.
    weights : tuple of float
        Of the three, in the index.
    """

    months: tuple[dt.date, ...]
    active: NDArray[np.int64] = field(repr=False)
    repeat: NDArray[np.float64] = field(repr=False)
    tenure: NDArray[np.float64] = field(repr=False)
    advocacy: NDArray[np.float64] = field(repr=False)
    weights: tuple[float, float, float]

    @property
    def index(self) -> NDArray[np.float64]:
        """From 0 to 100; NaN in a month without active customers."""
        shares = np.vstack([self.repeat, self.tenure, self.advocacy])
        weights = np.asarray(self.weights)
        return np.asarray(100 * (weights[:, None] * shares).sum(0) / weights.sum(), dtype=np.float64)


def _days(name: str, at: ArrayLike, rows: int) -> NDArray[np.int64]:
    days = np.asarray(at).astype("datetime64[D]")
    if days.shape != (rows,):
        raise InvalidDataError(name, None, days.shape, f"give {rows} dates, one per row")
    if np.isnat(days).any():
        raise InvalidDataError(name, int(np.flatnonzero(np.isnat(days))[0]), None, "give the date")
    return days.astype(np.int64)


def loyalty_index(
    customer: ArrayLike,
    bought_at: ArrayLike,
    advocate: ArrayLike = (),
    spoke_at: ArrayLike = (),
    *,
    as_of: dt.date,
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> LoyaltyIndex:
    """Return how loyal customers were at the end of each month that is over.

    Parameters
    ----------
    customer, bought_at : array_like
        One row an order: who, and when.
    advocate, spoke_at : array_like
        One row for each time somebody spoke for us (a qualified referral, rewarded content, a 9 or 10): who, and when.
    as_of : date
        The last day that counts.
    weights : tuple of float
        What repeat, tenure and advocacy weigh; at least 0, not all 0.

    Raises
    ------
    NotEstimableError
        If no month with an order was over.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["2026-01-05", "2026-01-20", "2026-02-02"], dtype="datetime64[D]")
    >>> found = loyalty_index(["ana", "bea", "ana"], days, ["bea"], days[1:2], as_of=dt.date(2026, 2, 28))
    >>> found.repeat.tolist(), found.advocacy.tolist(), found.index.round(1).tolist()
    ([0.0, 0.5], [0.5, 0.5], [16.7, 33.3])
    """
    given: Any = np.asarray(weights, dtype=float)
    if given.shape != (3,) or not (np.isfinite(given) & (given >= 0)).all() or not given.any():
        raise InvalidValueError("weights", weights, "give three weights of at least 0, not all 0")
    buyers, speakers = np.asarray(customer), np.asarray(advocate, dtype=np.asarray(customer).dtype)
    bought = _days("bought_at", bought_at, len(buyers))
    spoke = _days("spoke_at", np.asarray(spoke_at, dtype="datetime64[D]"), len(speakers))
    known, codes = np.unique(np.concatenate([buyers, speakers]), return_inverse=True)
    who, who_spoke = codes.reshape(-1)[: len(buyers)], codes.reshape(-1)[len(buyers) :]
    first = np.full(len(known), np.iinfo(np.int64).max)
    np.minimum.at(first, who, bought)
    over = np.datetime64(as_of, "D") + 1
    months = (
        np.arange(bought.min().astype("datetime64[D]"), over, dtype="datetime64[M]")
        if len(bought)
        else np.empty(0, "datetime64[M]")
    )
    ends = (months + 1).astype("datetime64[D]").astype(np.int64)
    months, ends = months[ends <= over.astype(np.int64)], ends[ends <= over.astype(np.int64)]
    if not len(months):
        raise NotEstimableError("the loyalty index", "no month with an order was over at as_of")
    counts = np.zeros((4, len(months)))
    for place, end in enumerate(ends):
        orders = np.bincount(who[(bought < end) & (bought >= end - 365)], minlength=len(known))
        here = orders > 0
        said = np.zeros(len(known), dtype=bool)
        said[who_spoke[(spoke < end) & (spoke >= end - 365)]] = True
        counts[:, place] = here.sum(), (orders > 1).sum(), (here & (first < end - 365)).sum(), (here & said).sum()
    with np.errstate(invalid="ignore"):
        repeat, tenure, advocacy = counts[1:] / counts[0]
    return LoyaltyIndex(
        months=tuple(months.astype("datetime64[D]").tolist()),
        active=counts[0].astype(np.int64),
        repeat=repeat,
        tenure=tenure,
        advocacy=advocacy,
        weights=(float(given[0]), float(given[1]), float(given[2])),
    )
