"""The right moment: when each customer will buy next, by his own cadence, and at which hour he, or his group, is there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.recommendation._matrix import sorted_labels
from pycrm.table import Frame, build, column, eager, microseconds

__all__ = ["best_hours", "next_purchase"]

_DAY = np.timedelta64(1, "D") / np.timedelta64(1, "us")


def _positive(name: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0.0):
        raise InvalidValueError(name, value, "give a number above 0")
    return float(value)


def _days(frame: Frame, name: str) -> NDArray[np.float64]:
    days: NDArray[np.float64] = microseconds(frame, name) / _DAY
    return days


def next_purchase(
    purchases: Frame,
    *,
    as_of: np.datetime64,
    customer: str = "customer_id",
    time: str = "at",
    alive: ArrayLike | None = None,
    horizon: float = 30.0,
    strength: float = 3.0,
    confidence: float = 0.8,
) -> Any:
    """Return when each customer is expected to buy next, with an interval.

    The days between two purchases of one customer are log-normal around his own median; the median of who bought little leans on
    that of all. What counts is the time from now on: who has been silent for long is not expected yesterday.

    Parameters
    ----------
    purchases : Frame
        One row a purchase; several on one day are one.
    as_of : datetime64
        Now, in UTC; later purchases are left out.
    customer, time : str
        Its columns.
    alive : array_like, optional
        The chance that each customer, in ascending order, will ever buy again, as a purchase model says it; 1 unless given.
    horizon : float
        Days within which the chance of a purchase is told.
    strength : float
        How many gaps the median of all is worth.
    confidence : float
        Coverage of the interval, if he buys again at all.

    Returns
    -------
    frame
        Of the kind of `purchases`: customer, `purchases` (days with one), `last`, `expected` (the median), `low`, `high` (in
        UTC) and `chance` of a purchase within the horizon; customers in ascending order. Who never bought is not in it.

    Raises
    ------
    InvalidDataError
        If a time is missing or none, or nothing was bought by then.
    NotEstimableError
        If nobody bought on two days.

    Examples
    --------
    >>> days = np.array(["2026-01-01", "2026-01-11", "2026-01-21", "2026-01-20"], dtype="datetime64[us]")
    >>> bought = {"customer_id": ["a", "a", "a", "b"], "at": days}
    >>> found = next_purchase(bought, as_of=np.datetime64("2026-01-22"))
    >>> found["purchases"].tolist(), found["expected"].dt.strftime("%m-%d").tolist()
    ([3, 1], ['01-31', '01-30'])
    """
    _positive("strength", strength)
    _positive("horizon", horizon)
    if not 0.0 < confidence < 1.0:
        raise InvalidValueError("confidence", confidence, "give a share between 0 and 1")
    table = eager(purchases)
    exact = _days(table, time)
    when = np.floor(exact)
    now = float(np.asarray([as_of], dtype="datetime64[us]").astype(np.int64)[0] / _DAY)
    past = exact <= now
    if not past.any():
        raise InvalidDataError(time, None, "no rows", f"give at least one purchase by {as_of}")
    codes, labels = sorted_labels(np.asarray(column(table, customer))[past], customer)
    order = np.lexsort((when[past], codes))
    who, day = codes[order], when[past][order]
    new = np.concatenate([[True], (who[1:] != who[:-1]) | (day[1:] != day[:-1])])
    who, day = who[new], day[new]
    same = who[1:] == who[:-1]
    if not same.any():
        raise NotEstimableError("the next purchase", "nobody bought on two days", "purchases")
    gaps, whose = np.log(np.diff(day)[same]), who[1:][same]
    n = labels.size
    count = np.bincount(whose, minlength=n)
    total = np.bincount(whose, gaps, n)
    centre = float(gaps.mean())
    median = (total + strength * centre) / (count + strength)
    # Within customers; where each has one gap, what differs between them is all there is.
    freedom = gaps.size - int((count > 0).sum())
    within = gaps - (total / np.maximum(count, 1))[whose]
    spread = np.sqrt((within**2).sum() / freedom) if freedom > 0 else gaps.std()
    spread = max(float(spread), 0.05)
    sd = spread * np.sqrt(1.0 + 1.0 / (count + strength))
    last = np.full(n, -np.inf)
    np.maximum.at(last, who, day)
    waited = np.maximum(now - last, 1e-9)
    gone = stats.norm.cdf((np.log(waited) - median) / sd)

    def after(share: float) -> NDArray[np.float64]:
        """Return the days since the last purchase by which that share of those who waited so long have bought."""
        left = 1.0 - gone
        z = stats.norm.isf(np.maximum(left * (1.0 - share), 1e-300))
        days: NDArray[np.float64] = np.maximum(np.exp(median + sd * z), waited)
        return days

    later = stats.norm.sf((np.log(waited + horizon) - median) / sd)
    buys = 1.0 - later / np.maximum(1.0 - gone, 1e-300)
    sure = np.ones(n) if alive is None else np.asarray(alive, dtype=np.float64)
    if sure.shape != (n,) or not ((sure >= 0.0) & (sure <= 1.0)).all():
        raise InvalidDataError("alive", None, str(sure.shape), f"give one chance per customer: {n}")
    tail = (1.0 - confidence) / 2.0
    columns: dict[str, Any] = {customer: labels, "purchases": np.bincount(who, minlength=n), "last": _time(last)}
    for name, share in (("expected", 0.5), ("low", tail), ("high", 1.0 - tail)):
        columns[name] = _time(last + after(share))
    columns["chance"] = sure * np.clip(buys, 0.0, 1.0)
    return build(columns, purchases)


def _time(days: NDArray[np.float64]) -> NDArray[np.datetime64]:
    # A silence of centuries is told as one of a century.
    latest = np.minimum(days, np.datetime64("2200-01-01", "D").astype(np.int64))
    return (latest * _DAY).astype(np.int64).astype("datetime64[us]")


def best_hours(events: Frame, *, by: str = "customer_id", hour: str = "hour", strength: float = 10.0) -> Any:
    """Return the hour of the day at which each customer, or group, is most often there.

    Parameters
    ----------
    events : Frame
        One row each time he wrote, opened, came or bought.
    by : str
        The column of the customer, or of a group such as the segment.
    hour : str
        The column of the hour on his own clock, 0 to 23.
    strength : float
        How many events the habit of all is worth: who was seen little is taken to do as the others do.

    Returns
    -------
    frame
        Of the kind of `events`: `by`, `hour`, `share` of his events expected within an hour of it, `events`; in ascending order,
        ties by the earlier hour.

    Raises
    ------
    InvalidDataError
        If there is no row, or an hour is none.

    Examples
    --------
    >>> seen = {"customer_id": ["a"] * 9 + ["b"], "hour": [9] * 8 + [20, 3]}
    >>> best_hours(seen)["hour"].tolist()
    [9, 9]
    """
    _positive("strength", strength)
    table = eager(events)
    hours = np.asarray(column(table, hour), dtype=np.float64)
    wrong = ~((hours >= 0) & (hours < 24) & (hours == np.floor(hours)))
    if wrong.any() or not hours.size:
        row = int(np.argmax(wrong)) if hours.size else None
        raise InvalidDataError(hour, row, None if row is None else float(hours[row]), "give whole hours, 0 to 23")
    codes, labels = sorted_labels(np.asarray(column(table, by)), by)
    counts = np.bincount(codes * 24 + hours.astype(np.int64), minlength=labels.size * 24).reshape(-1, 24)
    everybody = (counts.sum(axis=0) + 1.0 / 24) / (hours.size + 1.0)
    size = counts.sum(axis=1)
    shares = (counts + strength * everybody) / (size + strength)[:, None]
    near = shares + np.roll(shares, 1, axis=1) + np.roll(shares, -1, axis=1)
    # Of the hours around a peak the one in the middle: the habit of the hour itself breaks ties of its neighbours.
    best = (near + 1e-6 * shares).argmax(axis=1)
    return build({by: labels, hour: best, "share": near[np.arange(labels.size), best], "events": size}, events)
