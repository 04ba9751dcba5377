"""Who came when and who still comes: the retention triangle, the flow of customers, and the trend of a series."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import proportion_interval

__all__ = ["Decomposition", "RetentionTriangle", "Step", "customer_flow", "decompose", "retention_triangle"]

Step: TypeAlias = Literal["week", "month", "quarter", "year"]
"""The calendar period of a cohort; weeks begin on Monday."""


@frozen(kw_only=True, eq=False)
class RetentionTriangle:
    """How many of each cohort were active in each period of its life.

    Parameters
    ----------
    cohorts : tuple of date
        First day of the period in which the cohort bought first.
    active : ndarray, shape (cohorts, periods)
        Customers active in period 0, 1, ... of the cohort's life; NaN where that period is not over at `as_of`.
    step : str
        The period.
    as_of : date
        Last day whose orders count.
    """

    cohorts: tuple[dt.date, ...]
    active: NDArray[np.float64] = field(repr=False)
    step: Step
    as_of: dt.date

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Customers of each cohort."""
        return self.active[:, 0]

    @property
    def rates(self) -> NDArray[np.float64]:
        """Share of each cohort active in each period of its life."""
        return self.active / self.active[:, :1]

    @property
    def curve(self) -> NDArray[np.float64]:
        """Share active in each period of life over all cohorts that have lived through it."""
        seen = ~np.isnan(self.active)
        sums: NDArray[np.float64] = np.where(seen, self.active, 0.0).sum(0)
        share: NDArray[np.float64] = sums / np.where(seen, self.sizes[:, None], 0.0).sum(0)
        return share

    def curve_interval(self, confidence: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the Wilson interval of `curve`."""
        seen = ~np.isnan(self.active)
        trials = np.where(seen, self.sizes[:, None], 0.0).sum(0)
        return proportion_interval(np.where(seen, self.active, 0.0).sum(0), trials, confidence=confidence)

    def trend(self, period: int) -> tuple[float, float]:
        """Return by how much the share active in life period `period` changes from cohort to cohort, and its standard error.

        Raises
        ------
        NotEstimableError
            If fewer than three cohorts have lived that long.
        """
        if not 0 <= period < self.active.shape[1]:
            raise InvalidValueError("period", period, f"give a period from 0 to {self.active.shape[1] - 1}")
        seen = ~np.isnan(self.active[:, period])
        if seen.sum() < 3:
            raise NotEstimableError(
                "the trend", f"{int(seen.sum())} cohorts have lived {period} periods; three are needed"
            )
        x, y, w = np.flatnonzero(seen).astype(float), self.rates[seen, period], self.sizes[seen]
        centred = x - (w * x).sum() / w.sum()
        spread = (w * centred**2).sum()
        slope = float((w * centred * y).sum() / spread)
        residual = y - (w * y).sum() / w.sum() - slope * centred
        error = float(np.sqrt((w * residual**2).sum() / (len(x) - 2) / spread))
        return slope, error


def retention_triangle(
    orders: table.Frame,
    *,
    as_of: dt.date,
    step: Step = "month",
    customer: str = "customer",
    time: str = "time",
) -> RetentionTriangle:
    """Return who of each cohort was active how long after its first order.

    Parameters
    ----------
    orders : frame
        One row an order (or line).
    as_of : date
        Later rows are not there; a period that ends after it is not over, and NaN.
    step : {"week", "month", "quarter", "year"}
        The calendar period.
    customer, time : str
        Columns: who, and when (a date or a naive local time).

    Raises
    ------
    NotEstimableError
        If no period was over at `as_of` in which anybody bought first.

    Examples
    --------
    >>> import datetime as dt
    >>> days = [dt.date(2024, 1, 5), dt.date(2024, 1, 9), dt.date(2024, 2, 7), dt.date(2024, 2, 8)]
    >>> rows = {"customer": ["ann", "bob", "ann", "cia"], "time": days}
    >>> retention_triangle(rows, as_of=dt.date(2024, 2, 29)).rates.tolist()
    [[1.0, 0.5], [1.0, nan]]
    """
    who, period, now = _periods(orders, as_of=as_of, step=step, customer=customer, time=time)
    size = int(who.max(initial=-1)) + 1
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, who, period)
    # `now` is the first period that is not over: whoever joined in it belongs to no cohort yet.
    over = (period < now) & (first[who] < now)
    if not over.any():
        raise NotEstimableError("the retention triangle", "no period in which somebody bought was over at as_of")
    start = int(first[who[over]].min())
    width = now - start
    pairs = np.unique((who[over] * width) + (period[over] - start))
    cohort = first[pairs // width] - start
    life = pairs % width - cohort
    active = np.bincount(cohort * width + life, minlength=width * width).reshape(width, width).astype(np.float64)
    active[np.add.outer(np.arange(width), np.arange(width)) >= width] = np.nan
    born = active[:, 0] > 0
    return RetentionTriangle(
        cohorts=tuple(first_day(start + int(place), step) for place in np.flatnonzero(born)),
        active=active[born],
        step=step,
        as_of=as_of,
    )


def customer_flow(
    orders: table.Frame,
    *,
    as_of: dt.date,
    step: Step = "month",
    customer: str = "customer",
    time: str = "time",
) -> Any:
    """Return what came in and what was kept in each period that is over: the measures of attracting and retaining.

    Returns
    -------
    frame
        Of the kind of `orders`: period (first day), active, new, retained (active in the period before too), reactivated
        (active, known, but not in the period before), lost (active in the period before, not in this one), retention_rate
        (retained / active before; NaN in the first period).

    Examples
    --------
    >>> import datetime as dt
    >>> days = [dt.date(2024, 1, 5), dt.date(2024, 1, 9), dt.date(2024, 2, 7), dt.date(2024, 2, 8)]
    >>> rows = {"customer": ["ann", "bob", "ann", "cia"], "time": days}
    >>> flow = customer_flow(rows, as_of=dt.date(2024, 2, 29))
    >>> flow[["active", "new", "retained", "lost", "retention_rate"]].to_numpy().tolist()[1]
    [2.0, 1.0, 1.0, 1.0, 0.5]
    """
    who, period, now = _periods(orders, as_of=as_of, step=step, customer=customer, time=time)
    over = period < now
    who, period = who[over], period[over]
    if not len(who):
        raise NotEstimableError("the flow of customers", "no period in which somebody bought was over at as_of")
    start = int(period.min())
    width = now - start
    pairs = np.unique(who * width + (period - start))
    person, when = pairs // width, pairs % width
    again = np.r_[False, person[1:] == person[:-1]]
    kept = again & np.r_[False, when[1:] == when[:-1] + 1]
    active = np.bincount(when, minlength=width)
    new = np.bincount(when[~again], minlength=width)
    retained = np.bincount(when[kept], minlength=width)
    before = np.r_[0, active[:-1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(before > 0, retained / before, np.nan)
    days = np.asarray([np.datetime64(first_day(start + place, step), "s") for place in range(width)])
    return table.build(
        {
            "period": days,
            "active": active,
            "new": new,
            "retained": retained,
            "reactivated": active - new - retained,
            "lost": before - retained,
            "retention_rate": rate,
        },
        like=orders,
    )


@frozen(kw_only=True, eq=False)
class Decomposition:
    """A series as trend + season + rest.

    Parameters
    ----------
    trend : ndarray
        Centred moving average over one season; NaN for half a season at both ends.
    season : ndarray
        The pattern that repeats, of mean 0 over a season.
    rest : ndarray
        What is left; NaN where the trend is.
    """

    trend: NDArray[np.float64] = field(repr=False)
    season: NDArray[np.float64] = field(repr=False)
    rest: NDArray[np.float64] = field(repr=False)


def decompose(values: ArrayLike, *, season: int) -> Decomposition:
    """Split a series of equally spaced values into trend, season and rest (classical additive decomposition).

    Parameters
    ----------
    values : array_like
        At least two whole seasons.
    season : int
        Values in a season, at least 2: 12 for months, 7 for days.

    Notes
    -----
    A 2 x m moving average where the season is even (Hyndman & Athanasopoulos, Forecasting, section 3.4).

    Examples
    --------
    >>> parts = decompose([1, 3, 2, 4, 3, 5, 4, 6], season=2)
    >>> parts.trend[1:-1].tolist(), parts.season[:2].tolist()
    ([2.25, 2.75, 3.25, 3.75, 4.25, 4.75], [-0.75, 0.75])
    """
    series = table.numbers({"values": np.asarray(values).reshape(-1)}, "values")
    if int(season) != season or season < 2:
        raise InvalidValueError("season", season, "give a whole number of at least 2")
    if len(series) < 2 * season:
        raise NotEstimableError("the season", f"{len(series)} values are not two seasons of {season}")
    kernel = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    trend = np.full(len(series), np.nan)
    half = len(kernel) // 2
    trend[half : len(series) - half] = np.convolve(series, kernel, mode="valid")
    loose = series - trend
    places = np.arange(len(series)) % season
    known = ~np.isnan(loose)
    pattern = np.bincount(places[known], weights=loose[known], minlength=season) / np.bincount(
        places[known], minlength=season
    )
    pattern -= pattern.mean()
    return Decomposition(trend=trend, season=pattern[places], rest=loose - pattern[places])


def _periods(
    orders: table.Frame, *, as_of: dt.date, step: Step, customer: str, time: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return customer and period number of each order up to `as_of`, and the first period that is not over then."""
    given: Any = as_of
    if not isinstance(given, dt.date) or isinstance(given, dt.datetime):
        raise InvalidValueError("as_of", as_of, "give a date")
    if step not in {"week", "month", "quarter", "year"}:
        raise InvalidValueError("step", step, "give week, month, quarter or year")
    frame = table.eager(orders)
    who, _ = table.factorise(table.column(frame, customer), customer)
    if (who < 0).any():
        raise InvalidDataError(customer, int(np.argmin(who)), None, "drop rows without one, or give it")
    days = table.day_numbers(frame, time) if len(who) else np.empty(0, dtype=np.int64)
    today = int(np.datetime64(as_of, "D").astype(np.int64))
    past = days <= today
    now = int(period_of(np.asarray([today + 1]), step)[0])
    return who[past], period_of(days[past], step), now


def period_of(days: NDArray[np.int64], step: Step) -> NDArray[np.int64]:
    if step == "week":
        return (days + 3) // 7
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months // {"month": 1, "quarter": 3, "year": 12}[step]


def first_day(period: int, step: Step) -> dt.date:
    if step == "week":
        day: dt.date = np.datetime64(period * 7 - 3, "D").astype(object)
        return day
    first: dt.date = (
        np.datetime64(period * {"month": 1, "quarter": 3, "year": 12}[step], "M").astype("datetime64[D]").astype(object)
    )
    return first
