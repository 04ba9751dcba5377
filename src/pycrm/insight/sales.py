"""How sales go: how far deals come, how long they stay where, how many are won and how fast, and what the open ones may bring.

Steps and deals come as columns; `pycrm.workflows.opportunities` brings them from a store. How long a stage lasts, counting the
stays that go on, is `stage_survival`, and what follows what is `transition_matrix`: a deal is to them what a customer is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import proportion_interval
from pycrm.insight.cohorts import Step, first_day, period_of
from pycrm.insight.stages import ordered_steps, seconds_of

__all__ = [
    "SalesForecast",
    "SalesFunnel",
    "SalesPace",
    "StageStays",
    "sales_forecast",
    "sales_funnel",
    "sales_pace",
    "stage_stays",
]

_DAY = 86_400.0


@frozen(kw_only=True, eq=False)
class StageStays:
    """Every stay of a deal in a stage, by deal and time.

    Parameters
    ----------
    place : ndarray of int
        The row of the step that began it.
    stage : ndarray of str
        Where.
    days : ndarray
        How long; up to `as_of` where it goes on.
    ended : ndarray of bool
        Whether it is over.
    """

    place: NDArray[np.int64] = field(repr=False)
    stage: NDArray[np.str_]
    days: NDArray[np.float64]
    ended: NDArray[np.bool_]


def stage_stays(deal: ArrayLike, to_stage: ArrayLike, at: ArrayLike, *, as_of: Any) -> StageStays:
    """Return how long each deal was in each stage it entered.

    Parameters
    ----------
    deal, to_stage, at : array_like
        One row a step: which, where to, and when (datetime64, in UTC). Steps after `as_of` are not known yet.
    as_of : datetime-like
        Now.

    Examples
    --------
    >>> days = np.array(["2026-01-01", "2026-01-11", "2026-01-05"], dtype="datetime64[us]")
    >>> stays = stage_stays([1, 1, 2], ["talking", "quoted", "talking"], days, as_of="2026-01-15")
    >>> stays.stage.tolist(), stays.days.tolist(), stays.ended.tolist()
    (['talking', 'quoted', 'talking'], [10.0, 4.0, 10.0], [True, False, False])
    """
    who, stages, seconds, order = ordered_steps(deal, to_stage, at)
    until = seconds_of(as_of)
    known = seconds <= until
    who, stages, seconds, order = who[known], stages[known], seconds[known], order[known]
    last = np.append(who[1:] != who[:-1], True)[: len(who)]
    ends = np.where(last, until, np.append(seconds[1:], until)[: len(who)])
    return StageStays(place=order, stage=stages, days=(ends - seconds) / _DAY, ended=~last)


@frozen(kw_only=True, eq=False)
class SalesFunnel:
    """How many deals came how far.

    Parameters
    ----------
    stages : tuple of str
        In their order.
    reached : ndarray of int
        Deals that entered this stage or a later one.
    """

    stages: tuple[str, ...]
    reached: NDArray[np.int64]

    @property
    def rates(self) -> NDArray[np.float64]:
        """Share of those who reached a stage that went on to the next, one less than stages; NaN where nobody did."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.reached[1:] / np.where(self.reached[:-1] > 0, self.reached[:-1], np.nan))

    def interval(self, confidence: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the Wilson interval of `rates`.

        Raises
        ------
        NotEstimableError
            If nobody reached a stage that has a next one.
        """
        if not self.reached[:-1].all():
            empty = self.stages[int(np.argmin(self.reached[:-1] > 0))]
            raise NotEstimableError("the rate of a funnel", f"nobody reached {empty!r}")
        return proportion_interval(self.reached[1:], self.reached[:-1], confidence=confidence)


def sales_funnel(deal: ArrayLike, to_stage: ArrayLike, *, stages: Sequence[str]) -> SalesFunnel:
    """Count how far deals came; who skipped a stage has reached it.

    Deals that are still on their way pull the rates of late stages down: give those that are closed, or old enough.

    Parameters
    ----------
    deal, to_stage : array_like
        One row a step. Stages that are not named, such as lost ones, count for nothing.
    stages : sequence of str
        In their order, the last one being what is hoped for.

    Examples
    --------
    >>> funnel = sales_funnel([1, 1, 2, 3, 3], ["talking", "won", "talking", "quoted", "lost"], stages=["talking", "quoted", "won"])
    >>> funnel.reached.tolist(), funnel.rates.round(2).tolist()
    ([3, 2, 1], [0.67, 0.5])
    """
    names = tuple(stages)
    if len(names) < 2 or len(set(names)) != len(names):
        raise InvalidValueError("stages", stages, "name at least two stages, each once")
    which, entered = np.asarray(deal), np.asarray(to_stage, dtype=np.str_)
    if which.shape != entered.shape or which.ndim != 1:
        raise InvalidDataError("to_stage", None, entered.shape, f"give {which.shape} stages, one per step")
    order = np.argsort(np.asarray(names))
    place = np.searchsorted(np.asarray(names)[order], entered)
    found = order[np.minimum(place, len(names) - 1)]
    known = np.asarray(names)[found] == entered
    _, who = np.unique(which[known], return_inverse=True)
    furthest = np.full(int(who.max(initial=-1)) + 1, -1, dtype=np.int64)
    np.maximum.at(furthest, who.reshape(-1), found[known])
    here = np.bincount(furthest, minlength=len(names))
    return SalesFunnel(stages=names, reached=np.cumsum(here[::-1])[::-1].astype(np.int64))


@frozen(kw_only=True)
class SalesPace:
    """How many deals are won, how long a won one takes, and what that makes a day.

    Parameters
    ----------
    open, won, lost : int
        Deals that are open at the end, and those won and lost in the time.
    cycle_days, median_cycle_days : float, optional
        Mean and median length of the won ones, in days; None where none was won.
    amount : float, optional
        Mean amount of the won ones, in units of the currency.
    """

    open: int
    won: int
    lost: int
    cycle_days: float | None
    median_cycle_days: float | None
    amount: float | None

    @property
    def win_rate(self) -> float | None:
        """Won among won and lost; None where none was decided."""
        decided = self.won + self.lost
        return self.won / decided if decided else None

    def win_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the Wilson interval of `win_rate`.

        Raises
        ------
        NotEstimableError
            If none was decided.
        """
        if not self.won + self.lost:
            raise NotEstimableError("the win rate", "no deal was won or lost in the time")
        low, high = proportion_interval([self.won], [self.won + self.lost], confidence=confidence)
        return float(low[0]), float(high[0])

    @property
    def velocity(self) -> float | None:
        """What the open deals bring a day at this rate: open x win rate x mean amount / mean cycle; None where none was won."""
        if self.win_rate is None or self.amount is None or not self.cycle_days:
            return None
        return self.open * self.win_rate * self.amount / self.cycle_days


def sales_pace(
    opened: ArrayLike, closed: ArrayLike, won: ArrayLike, amount: ArrayLike, *, start: Any, end: Any
) -> SalesPace:
    """Return the win rate, the length of the sales cycle and the velocity of sales of a time.

    Parameters
    ----------
    opened, closed : array_like
        One row a deal: when (datetime64, in UTC); NaT where it is still open.
    won : array_like of bool
        Whether it was won; says nothing of one that is open.
    amount : array_like
        In units of one currency.
    start, end : datetime-like
        Deals closed from `start` to before `end` count as decided; open are those opened before `end` and not closed by then.

    Raises
    ------
    InvalidDataError
        Naming the row of a deal that was closed before it was opened, or whose amount is no number.

    Examples
    --------
    >>> opened = np.array(["2026-01-01", "2026-01-01", "2026-01-05"], dtype="datetime64[us]")
    >>> closed = np.array(["2026-01-21", "2026-01-11", "NaT"], dtype="datetime64[us]")
    >>> pace = sales_pace(opened, closed, [True, False, False], [400, 100, 900], start="2026-01-01", end="2026-02-01")
    >>> pace.win_rate, pace.cycle_days, pace.velocity
    (0.5, 20.0, 10.0)
    """
    began = np.asarray(opened).astype("datetime64[us]")
    over = np.asarray(closed).astype("datetime64[us]")
    value = np.asarray(amount, dtype=float)
    yes = np.asarray(won, dtype=bool)
    for name, column in (("closed", over), ("won", yes), ("amount", value)):
        if column.shape != began.shape:
            raise InvalidDataError(name, None, column.shape, f"give {began.shape}, one per deal")
    wrong = np.isnat(began) | (~np.isnat(over) & (over < began))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataError("closed", row, str(over[row]), f"it was opened {began[row]}")
    if not np.isfinite(value).all():
        row = int(np.argmin(np.isfinite(value)))
        raise InvalidDataError("amount", row, float(value[row]), "give a finite number")
    first, last = (np.datetime64(round(seconds_of(one) * 1e6), "us") for one in (start, end))
    if last <= first:
        raise InvalidValueError("end", end, f"the time ends after its start, {start}")
    decided = ~np.isnat(over) & (over >= first) & (over < last)
    good = decided & yes
    days = (over[good] - began[good]).astype(np.int64) / 1e6 / _DAY
    return SalesPace(
        open=int(((began < last) & (np.isnat(over) | (over >= last))).sum()),
        won=int(good.sum()),
        lost=int((decided & ~yes).sum()),
        cycle_days=float(days.mean()) if len(days) else None,
        median_cycle_days=float(np.median(days)) if len(days) else None,
        amount=float(value[good].mean()) if len(days) else None,
    )


@frozen(kw_only=True, eq=False)
class SalesForecast:
    """What the open deals may bring, by the period in which they are expected to close.

    Parameters
    ----------
    periods : tuple of date
        The first day of each period, from that of `as_of` on, without a gap.
    deals : ndarray of int
        How many.
    amount : ndarray
        What they come to if all are won, in units of the currency.
    weighted : ndarray
        The expected value: amount times probability.
    standard_error : ndarray
        Of the outcome around `weighted`, if deals are won independently of each other.
    overdue, undated : tuple of int and two floats
        Deals, amount and weighted amount of those whose date has passed, and of those that have none; in no period.
    """

    periods: tuple[dt.date, ...]
    deals: NDArray[np.int64]
    amount: NDArray[np.float64]
    weighted: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    overdue: tuple[int, float, float]
    undated: tuple[int, float, float]

    @property
    def total(self) -> float:
        """The expected value of all deals, those in no period too."""
        return float(self.weighted.sum()) + self.overdue[2] + self.undated[2]


def sales_forecast(
    amount: ArrayLike, probability: ArrayLike, expected_close: ArrayLike, *, as_of: dt.date, step: Step = "month"
) -> SalesForecast:
    """Return what open deals may bring, by the period of their expected end.

    Parameters
    ----------
    amount : array_like
        One row a deal: at least 0, in units of one currency.
    probability : array_like
        That it is won, 0 to 1.
    expected_close : array_like
        The day (datetime64, or dates); NaT or None where nobody said.
    as_of : date
        Today: what was expected earlier is overdue.
    step : {"week", "month", "quarter", "year"}
        The calendar period.

    Raises
    ------
    InvalidDataError
        Naming the row whose amount or probability is out of range.

    Examples
    --------
    >>> days = [dt.date(2026, 5, 20), dt.date(2026, 7, 1), dt.date(2026, 4, 1), None]
    >>> found = sales_forecast([100, 200, 50, 10], [0.5, 0.25, 0.5, 1], days, as_of=dt.date(2026, 5, 1))
    >>> [str(day) for day in found.periods], found.weighted.tolist(), found.overdue, found.total
    (['2026-05-01', '2026-06-01', '2026-07-01'], [50.0, 0.0, 50.0], (1, 50.0, 25.0), 135.0)
    """
    value, chance = np.asarray(amount, dtype=float), np.asarray(probability, dtype=float)
    day = np.asarray(expected_close, dtype="datetime64[D]")
    for name, column in (("probability", chance), ("expected_close", day)):
        if column.shape != value.shape:
            raise InvalidDataError(name, None, column.shape, f"give {value.shape}, one per deal")
    for name, column, high in (("amount", value, np.inf), ("probability", chance, 1.0)):
        inside = (column >= 0) & (column <= high) & np.isfinite(column)
        if not inside.all():
            row = int(np.argmin(inside))
            fix = "give a number from 0 to 1" if high == 1.0 else "give a finite number of at least 0"
            raise InvalidDataError(name, row, float(column[row]), fix)
    today = np.datetime64(as_of, "D")
    undated = np.isnat(day)
    overdue = ~undated & (day < today)
    dated = ~undated & ~overdue
    start = int(period_of(np.asarray([today.astype(np.int64)]), step)[0])
    place = period_of(day[dated].astype(np.int64), step) - start
    size = int(place.max(initial=-1)) + 1

    def summed(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(place, weights=weights[dated], minlength=size), dtype=np.float64)

    def beside(rows: NDArray[np.bool_]) -> tuple[int, float, float]:
        return int(rows.sum()), float(value[rows].sum()), float((value * chance)[rows].sum())

    return SalesForecast(
        periods=tuple(first_day(start + at, step) for at in range(size)),
        deals=np.bincount(place, minlength=size).astype(np.int64),
        amount=summed(value),
        weighted=summed(value * chance),
        standard_error=np.sqrt(summed(value**2 * chance * (1 - chance))),
        overdue=beside(overdue),
        undated=beside(undated),
    )
