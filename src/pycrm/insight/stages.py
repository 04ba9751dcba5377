"""How customers move between stages: the transition matrix, how long a stage lasts, and who of a cohort is still there.

Steps come as columns, one row a step, as `pycrm.bulk.derive_stages` gives them: ``stage_survival("fulfilment", steps.customer,
steps.to_stage, steps.occurred_at, as_of=...)``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import proportion_interval
from pycrm.insight.cohorts import RetentionTriangle, Step, first_day, period_of

__all__ = ["StageSurvival", "TransitionMatrix", "stage_retention", "stage_survival", "transition_matrix"]

_DAY = 86_400.0


@frozen(kw_only=True, eq=False)
class TransitionMatrix:
    """How often each stage was followed by each.

    Parameters
    ----------
    before, after : tuple of str
        The stages, as rows and columns; "" is before the first.
    counts : ndarray, shape (before, after)
        Steps.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def rates(self) -> NDArray[np.float64]:
        """Share of the steps out of each stage that led to each; the rows sum to 1."""
        return np.asarray(self.counts / self.counts.sum(1, keepdims=True), dtype=np.float64)

    def interval(self, confidence: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the Wilson interval of `rates`."""
        trials = np.broadcast_to(self.counts.sum(1, keepdims=True), self.counts.shape)
        return proportion_interval(self.counts, trials, confidence=confidence)


def transition_matrix(before: ArrayLike, after: ArrayLike) -> TransitionMatrix:
    """Count the steps between stages.

    Parameters
    ----------
    before, after : array_like of str
        One row a step.

    Examples
    --------
    >>> matrix = transition_matrix(["", "lead", "lead"], ["lead", "customer", "lost"])
    >>> matrix.after, matrix.rates.tolist()
    (('customer', 'lead', 'lost'), [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    """
    start, end = np.asarray(before, dtype=np.str_), np.asarray(after, dtype=np.str_)
    if start.shape != end.shape or start.ndim != 1:
        raise InvalidDataError("after", None, end.shape, f"give {start.shape} stages, one per step")
    rows, row = np.unique(start, return_inverse=True)
    columns, column = np.unique(end, return_inverse=True)
    counts = np.bincount(row.reshape(-1) * len(columns) + column.reshape(-1), minlength=len(rows) * len(columns))
    return TransitionMatrix(
        before=tuple(rows.tolist()), after=tuple(columns.tolist()), counts=counts.reshape(len(rows), len(columns))
    )


@frozen(kw_only=True, eq=False)
class StageSurvival:
    """Who is still in a stage so long after entering it (Kaplan and Meier), whatever the stays that have not ended.

    Parameters
    ----------
    days : ndarray
        The lengths after which somebody left, rising.
    share : ndarray
        Share still there after each.
    standard_error : ndarray
        Of `share`, by Greenwood's formula.
    low, high : ndarray
        Interval of `share`, on the log-log scale, so that it stays between 0 and 1.
    at_risk, left : ndarray of int
        Stays that lasted at least so long, and those that ended then.
    stays : int
        All of them, ended or not.
    """

    days: NDArray[np.float64]
    share: NDArray[np.float64] = field(repr=False)
    standard_error: NDArray[np.float64] = field(repr=False)
    low: NDArray[np.float64] = field(repr=False)
    high: NDArray[np.float64] = field(repr=False)
    at_risk: NDArray[np.int64] = field(repr=False)
    left: NDArray[np.int64] = field(repr=False)
    stays: int

    def at(self, days: ArrayLike) -> NDArray[np.float64]:
        """Return the share still there after so many days."""
        place = np.searchsorted(self.days, np.asarray(days, dtype=float), side="right")
        return np.append(1.0, self.share)[place]

    @property
    def median(self) -> float:
        """After how many days half have left; infinite where more than half are still there at the longest stay."""
        below = np.flatnonzero(self.share <= 0.5)
        return float(self.days[below[0]]) if len(below) else float("inf")


def ordered_steps(
    customer: ArrayLike, to_stage: ArrayLike, at: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.str_], NDArray[np.float64], NDArray[np.int64]]:
    """Return customers by number, stages, seconds since 1970 and rows, by customer and time; steps of one instant as they came."""
    stage = np.asarray(to_stage, dtype=np.str_)
    _, who = np.unique(np.asarray(customer), return_inverse=True)
    seconds = np.asarray(at).astype("datetime64[us]").astype(np.int64) / 1e6
    if not len(stage) == who.size == len(seconds):
        raise InvalidDataError("at", None, len(seconds), f"give {len(stage)} times, one per step")
    who = who.reshape(-1)
    order = np.lexsort((np.arange(len(who)), seconds, who))
    return who[order], stage[order], seconds[order], order


def seconds_of(as_of: Any) -> float:
    given = as_of
    if isinstance(as_of, dt.datetime) and as_of.tzinfo is not None:
        given = as_of.astimezone(dt.UTC).replace(tzinfo=None)
    return float(np.datetime64(given, "us").astype(np.int64)) / 1e6


def stage_survival(
    stage: str,
    customer: ArrayLike,
    to_stage: ArrayLike,
    at: ArrayLike,
    *,
    as_of: Any,
    confidence: float = 0.95,
) -> StageSurvival:
    """Return how long a stage lasts, counting the stays that go on at `as_of` for as long as they were seen.

    Stages of no length, which a direct purchase skipped, are no stays.

    Parameters
    ----------
    stage : str
        Which.
    customer, to_stage, at : array_like
        One row a step: who, where to, and when (datetime64, in UTC).
    as_of : datetime-like
        Up to when the steps are known; later ones are not there.
    confidence : float
        Of the interval.

    Raises
    ------
    NotEstimableError
        If nobody was in the stage.

    References
    ----------
    .. [1] Kaplan & Meier (1958), Journal of the American Statistical Association 53, 457-481.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["2026-01-01", "2026-01-11", "2026-01-01", "2026-01-01"], dtype="datetime64[us]")
    >>> stays = stage_survival("lead", ["a", "a", "b", "c"], ["lead", "customer", "lead", "lead"], days, as_of="2026-01-21")
    >>> stays.days.tolist(), stays.share.round(3).tolist(), stays.median
    ([10.0], [0.667], inf)
    """
    if not 0 < confidence < 1:
        raise InvalidValueError("confidence", confidence, "give a share between 0 and 1")
    who, stages, seconds, _ = ordered_steps(customer, to_stage, at)
    until = seconds_of(as_of)
    known = seconds <= until
    who, stages, seconds = who[known], stages[known], seconds[known]
    last = np.append(who[1:] != who[:-1], True) if len(who) else np.empty(0, dtype=bool)
    ends = np.where(last, until, np.append(seconds[1:], until)) if len(who) else seconds
    here = (stages == stage) & ((ends > seconds) | last)
    if not here.any():
        raise NotEstimableError("stage survival", f"nobody was in {stage!r} by then")
    length, ended = (ends[here] - seconds[here]) / _DAY, ~last[here]
    days, place = np.unique(length[ended], return_inverse=True)
    left = np.bincount(place.reshape(-1), minlength=len(days)) if len(days) else np.empty(0, dtype=np.int64)
    at_risk = len(length) - np.searchsorted(np.sort(length), days, side="left")
    share = np.asarray(np.cumprod(1 - left / at_risk), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(left / (at_risk * (at_risk - left)))
        error = np.where(share > 0, share * np.sqrt(greenwood), 0.0)
        # On the log-log scale; nothing is left to estimate where all have gone.
        width = ndtri(0.5 + confidence / 2) * np.sqrt(greenwood) / np.log(share)
        low, high = (np.where(share > 0, share ** np.exp(sign * width), 0.0) for sign in (-1, 1))
    return StageSurvival(
        days=days,
        share=share,
        standard_error=error,
        low=low,
        high=high,
        at_risk=at_risk.astype(np.int64),
        left=left.astype(np.int64),
        stays=len(length),
    )


def stage_retention(
    customer: ArrayLike,
    to_stage: ArrayLike,
    at: ArrayLike,
    *,
    as_of: dt.date,
    enter: str = "fulfilment",
    lost: Sequence[str] = ("churned", "erased"),
    step: Step = "month",
) -> RetentionTriangle:
    """Return who of those who entered a stage in one period is not lost at the end of each period since.

    Parameters
    ----------
    customer, to_stage, at : array_like
        One row a step: who, where to, and when (datetime64, in UTC).
    as_of : date
        Last day that counts; a period that ends after it is not over, and NaN.
    enter : str
        The stage that makes the cohorts, by its first time.
    lost : sequence of str
        The stages of those who have left; who comes back counts again.
    step : {"week", "month", "quarter", "year"}
        The calendar period.

    Raises
    ------
    NotEstimableError
        If nobody entered in a period that was over.

    Examples
    --------
    >>> import datetime as dt
    >>> days = np.array(["2026-01-05", "2026-02-10", "2026-01-09"], dtype="datetime64[us]")
    >>> rows = (["a", "a", "b"], ["fulfilment", "churned", "fulfilment"], days)
    >>> stage_retention(*rows, as_of=dt.date(2026, 2, 28)).rates.tolist()
    [[1.0, 0.5]]
    """
    who, stages, seconds, _ = ordered_steps(customer, to_stage, at)
    day = np.floor(seconds / _DAY).astype(np.int64)
    today = int(np.datetime64(as_of, "D").astype(np.int64))
    known = day <= today
    who, stages, day = who[known], stages[known], day[known]
    now = int(period_of(np.asarray([today + 1]), step)[0])
    entered = np.flatnonzero(stages == enter)
    members, first = np.unique(who[entered], return_index=True)
    born = period_of(day[entered[first]], step)
    members, born = members[born < now], born[born < now]
    if not len(members):
        raise NotEstimableError("stage retention", f"nobody entered {enter!r} in a period that was over at as_of")
    start = int(born.min())
    active = np.full((now - start, now - start), np.nan)
    away = np.isin(stages, list(lost))
    periods = period_of(day, step)
    span = int(periods.max()) + 2
    place = who * span + periods
    for period in range(start, now):
        held = born <= period
        latest = np.searchsorted(place, members[held] * span + period, side="right") - 1
        here = ~away[latest]
        cohort = born[held] - start
        counts = np.bincount(cohort[here], minlength=now - start)
        for each in range(period - start + 1):
            active[each, period - start - each] = counts[each]
    sizes = np.bincount(born - start, minlength=now - start)
    # A cohort is all who entered, whoever of them was lost before his first period was over.
    active[:, 0] = sizes
    return RetentionTriangle(
        cohorts=tuple(first_day(start + int(each), step) for each in np.flatnonzero(sizes)),
        active=active[sizes > 0],
        step=step,
        as_of=as_of,
    )
