"""How satisfied customers say they are, how sure we are of it, and which drivers it depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import proportion_interval
from pycrm.table import Frame, column_names, numbers

__all__ = ["Drivers", "SurveyScore", "customer_effort", "customer_satisfaction", "drivers", "net_promoter_score"]

Array: TypeAlias = NDArray[np.float64]
Sharing: TypeAlias = Callable[[Array, Array], Array]
_MOST_DRIVERS = 15


@frozen(kw_only=True)
class SurveyScore:
    """A score of a survey with its interval.

    Parameters
    ----------
    estimate : float
        The score, in the unit its function names.
    interval : tuple of float
        Its interval at `confidence`.
    confidence : float
        Coverage.
    standard_error : float
        Of the estimate.
    n : int
        Answers.
    response_rate : float, optional
        Answers per question asked; None where that is not known.
    method : str
        How the interval was made.
    """

    estimate: float
    interval: tuple[float, float]
    confidence: float
    standard_error: float
    n: int
    response_rate: float | None
    method: str


def _answers(values: ArrayLike, lowest: int, highest: int) -> Array:
    raw = np.asarray(values)
    if raw.ndim != 1:
        raise InvalidDataError("answers", None, f"{raw.ndim} dimensions", "give one answer per row")
    if not len(raw):
        raise NotEstimableError("the score", "there are no answers")
    found = numbers({"answers": raw}, "answers", integer=True)
    refused = (found < lowest) | (found > highest)
    if refused.any():
        row = int(np.argmax(refused))
        raise InvalidDataError("answers", row, float(found[row]), f"give a whole number from {lowest} to {highest}")
    return found


def _rate(n: int, asked: int | None) -> float | None:
    if asked is None:
        return None
    if asked < n:
        raise InvalidValueError("asked", asked, f"there are {n} answers; count everybody who was asked")
    return n / asked


def _z(confidence: float) -> float:
    from scipy.special import ndtri

    if not 0.0 < confidence < 1.0:
        raise InvalidValueError("confidence", confidence, "give a number between 0 and 1, such as 0.95")
    return float(ndtri(0.5 + confidence / 2.0))


def net_promoter_score(
    answers: ArrayLike, *, asked: int | None = None, confidence: float = 0.95, adjusted: bool = False
) -> SurveyScore:
    """Return the Net Promoter Score: percent of promoters (9, 10) less percent of detractors (0 to 6).

    Parameters
    ----------
    answers : array_like of int
        0 to 10.
    asked : int, optional
        How many were asked; those who answer differ from those who do not, and no interval knows that.
    confidence : float
        Coverage.
    adjusted : bool
        Whether the interval is the adjusted Wald one (three quarters of an answer more in each class), for few answers.

    Raises
    ------
    InvalidDataError
        Naming the row of an answer that is no whole number from 0 to 10.

    References
    ----------
    .. [1] Rocks (2016), Quality and Reliability Engineering International 32(8) (adjusted Wald); the variance is the
       multinomial one, (p + d - (p - d)^2) / n.

    Examples
    --------
    >>> score = net_promoter_score([10] * 100 + [8] * 70 + [3] * 30)
    >>> score.estimate, round(score.standard_error, 3), [round(end, 2) for end in score.interval]
    (35.0, 5.136, [24.93, 45.07])
    """
    found = _answers(answers, 0, 10)
    z = _z(confidence)
    n = len(found)
    promoters, detractors = float((found >= 9).sum()), float((found <= 6).sum())
    more = 0.75 if adjusted else 0.0
    size = n + 3.0 * more
    p, d = (promoters + more) / size, (detractors + more) / size
    error = 100.0 * float(np.sqrt((p + d - (p - d) ** 2) / size))
    centre = 100.0 * (p - d)
    return SurveyScore(
        estimate=100.0 * (promoters - detractors) / n,
        interval=(max(centre - z * error, -100.0), min(centre + z * error, 100.0)),
        confidence=confidence,
        standard_error=error,
        n=n,
        response_rate=_rate(n, asked),
        method="adjusted Wald" if adjusted else "Wald",
    )


def customer_satisfaction(
    answers: ArrayLike, *, highest: int = 5, top: int = 2, asked: int | None = None, confidence: float = 0.95
) -> SurveyScore:
    """Return the CSAT: percent of answers in the `top` best boxes, with Wilson's interval.

    Parameters
    ----------
    answers : array_like of int
        1 to `highest`.
    highest, top : int
        The best answer, and how many of the best count as satisfied.
    asked, confidence
        As in `net_promoter_score`.

    Examples
    --------
    >>> score = customer_satisfaction([5, 4, 4, 3, 5, 2, 4, 5, 1, 4])
    >>> score.estimate, [round(end, 1) for end in score.interval]
    (70.0, [39.7, 89.2])
    """
    if not 0 < top < highest:
        raise InvalidValueError("top", top, f"give a number of boxes from 1 to {highest - 1}")
    found = _answers(answers, 1, highest)
    _z(confidence)
    n, satisfied = len(found), float((found > highest - top).sum())
    low, high = proportion_interval(satisfied, n, confidence=confidence)
    share = satisfied / n
    return SurveyScore(
        estimate=100.0 * share,
        interval=(100.0 * float(low), 100.0 * float(high)),
        confidence=confidence,
        standard_error=100.0 * float(np.sqrt(share * (1.0 - share) / n)),
        n=n,
        response_rate=_rate(n, asked),
        method="Wilson",
    )


def customer_effort(
    answers: ArrayLike, *, highest: int = 7, asked: int | None = None, confidence: float = 0.95
) -> SurveyScore:
    """Return the CES: the mean answer to how easy it was, with a t interval.

    Parameters
    ----------
    answers : array_like of int
        1 to `highest`, the easiest.
    highest, asked, confidence
        As in `customer_satisfaction`.

    Raises
    ------
    NotEstimableError
        Of fewer than two answers, or equal ones: they have no interval.

    Examples
    --------
    >>> score = customer_effort([7, 6, 5, 7, 4, 6])
    >>> round(score.estimate, 2), [round(end, 2) for end in score.interval]
    (5.83, [4.61, 7.06])
    """
    from scipy import stats

    found = _answers(answers, 1, highest)
    _z(confidence)
    n = len(found)
    if n < 2 or found.min() == found.max():
        raise NotEstimableError("the interval of the effort", "it needs two answers that differ")
    error = float(found.std(ddof=1)) / float(np.sqrt(n))
    half = error * float(stats.t.isf((1.0 - confidence) / 2.0, n - 1))
    mean = float(found.mean())
    return SurveyScore(
        estimate=mean,
        interval=(mean - half, mean + half),
        confidence=confidence,
        standard_error=error,
        n=n,
        response_rate=_rate(n, asked),
        method="t",
    )


@frozen(kw_only=True, eq=False)
class Drivers:
    """How much of the outcome's variance each driver carries.

    Parameters
    ----------
    names : tuple of str
        The drivers.
    importance : ndarray
        Share of variance of each; they sum to `r_squared`.
    lower, upper : ndarray
        Percentile bootstrap interval of each.
    performance : ndarray
        Mean rating of each.
    r_squared : float
        Share of variance of all together.
    method : str
        "lmg" or "johnson".
    n : int
        Rows.
    """

    names: tuple[str, ...]
    importance: Array
    lower: Array
    upper: Array
    performance: Array
    r_squared: float
    method: str
    n: int

    def quadrants(self) -> tuple[str, ...]:
        """Return what to do about each driver, by whether importance and performance are above their means.

        "keep up" (both), "concentrate" (important and poor), "overkill" (good and unimportant), "low priority".
        """
        important = self.importance >= self.importance.mean()
        good = self.performance >= self.performance.mean()
        names = np.select([important & good, important, good], ["keep up", "concentrate", "overkill"], "low priority")
        return tuple(names.tolist())


def _johnson(correlation: Array, with_outcome: Array) -> Array:
    """Johnson's relative weights: regress on the nearest uncorrelated drivers, and share out through them."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors @ np.diag(np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    beta = np.linalg.solve(root, with_outcome)
    weights: Array = root**2 @ beta**2
    return weights


def _lmg(correlation: Array, with_outcome: Array) -> Array:
    """Shapley values of R^2: its mean gain by each driver over all orders of entry."""
    from math import factorial

    k = len(with_outcome)
    explained = np.zeros(1 << k)
    members = [np.flatnonzero([(subset >> j) & 1 for j in range(k)]) for subset in range(1 << k)]
    by_size: dict[int, list[int]] = {}
    for subset, inside in enumerate(members):
        by_size.setdefault(len(inside), []).append(subset)
    for size, subsets in by_size.items():
        if size:
            chosen = np.array([members[subset] for subset in subsets])
            blocks = correlation[chosen[:, :, None], chosen[:, None, :]]
            right = with_outcome[chosen]
            explained[subsets] = np.einsum("ij,ij->i", np.linalg.solve(blocks, right[:, :, None])[:, :, 0], right)
    share = np.zeros(k)
    sizes = np.array([len(inside) for inside in members])
    chance = np.array([factorial(s) * factorial(k - s - 1) / factorial(k) if s < k else 0.0 for s in range(k + 1)])
    every = np.arange(1 << k)
    for j in range(k):
        without = every[(every >> j) & 1 == 0]
        share[j] = float(chance[sizes[without]] @ (explained[without | (1 << j)] - explained[without]))
    return share


def drivers(
    ratings: Frame,
    outcome: ArrayLike,
    *,
    method: str = "auto",
    replicates: int = 200,
    confidence: float = 0.95,
    rng: np.random.Generator | int = 0,
) -> Drivers:
    """Return how much of the satisfaction each driver carries, also where drivers go together.

    Regression coefficients of correlated drivers trade places by chance; these shares do not. They are shares of variance, not
    causes, and they take ratings as numbers.

    Parameters
    ----------
    ratings : Frame
        One column per driver, one row per answer.
    outcome : array_like
        Overall satisfaction of each row.
    method : str
        "lmg" (Shapley, exact; at most 15 drivers), "johnson" (relative weights, quick and nearly the same), or "auto": LMG up
        to 8 drivers.
    replicates, confidence, rng
        Of the bootstrap.

    Raises
    ------
    InvalidDataError
        Naming column and row of a rating that is no number.
    NotEstimableError
        If a driver or the outcome does not vary, a driver is a sum of others, or there are fewer rows than drivers and two.

    References
    ----------
    .. [1] Johnson (2000), Multivariate Behavioral Research 35(1), 1-19.
    .. [2] Grömping (2006), Journal of Statistical Software 17(1) (LMG).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> service, price = rng.normal(size=500), rng.normal(size=500)
    >>> found = drivers({"service": service, "price": price}, 2 * service + price + rng.normal(size=500))
    >>> found.names[int(np.argmax(found.importance))], bool(abs(found.importance.sum() - found.r_squared) < 1e-12)
    ('service', True)
    """
    names = tuple(column_names(ratings))
    if not names:
        raise NotEstimableError("the drivers", "there are no columns")
    if method not in {"auto", "lmg", "johnson"}:
        raise InvalidValueError("method", method, "give 'auto', 'lmg' or 'johnson'")
    chosen = method if method != "auto" else "lmg" if len(names) <= 8 else "johnson"
    if chosen == "lmg" and len(names) > _MOST_DRIVERS:
        raise InvalidValueError("method", method, f"{len(names)} drivers have too many orders; use 'johnson'")
    if replicates < 20:
        raise InvalidValueError("replicates", replicates, "give at least 20 bootstrap samples")
    _z(confidence)
    columns = [numbers(ratings, name) for name in names]
    y = numbers({"outcome": np.asarray(outcome)}, "outcome")
    X = np.column_stack(columns)
    if len(y) != len(X):
        raise InvalidDataError("outcome", None, f"{len(y)} values", f"give one per row: {len(X)}")
    if len(y) < len(names) + 2:
        raise NotEstimableError("the drivers", f"{len(y)} rows are too few for {len(names)} drivers")
    for name, values in zip((*names, "outcome"), (*X.T, y), strict=True):
        if values.min() == values.max():
            raise NotEstimableError("the drivers", f"{name!r} does not vary")
    table = np.column_stack([X, y])
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    if float(np.linalg.eigvalsh(table[:, :-1].T @ table[:, :-1] / len(y))[0]) < 1e-10:
        raise NotEstimableError("the drivers", "a driver is a sum of others; leave it out")
    share = _lmg if chosen == "lmg" else _johnson
    importance = _shared(table, np.ones(len(y)), share)
    draws, found = np.random.default_rng(rng), []
    for _ in range(replicates):
        weights = np.bincount(draws.integers(0, len(y), len(y)), minlength=len(y)).astype(np.float64)
        again = _shared(table, weights, share)
        if np.all(np.isfinite(again)):
            found.append(again)
    if len(found) < replicates / 2:
        raise NotEstimableError(
            "the interval of the drivers", "in most samples a driver does not vary; collect more answers"
        )
    lower, upper = np.quantile(found, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0], axis=0)
    return Drivers(
        names=names,
        importance=importance,
        lower=lower,
        upper=upper,
        performance=X.mean(axis=0),
        r_squared=float(importance.sum()),
        method=chosen,
        n=len(y),
    )


def _shared(table: Array, weights: Array, share: Sharing) -> Array:
    """Return the shares in a weighted table; NaN where a column does not vary or depends on others."""
    mean = np.average(table, axis=0, weights=weights)
    centred = (table - mean) * np.sqrt(weights)[:, None]
    covariance = centred.T @ centred
    scale = np.sqrt(np.diag(covariance))
    if (scale < 1e-12).any():
        return np.full(table.shape[1] - 1, np.nan)
    correlation = covariance / np.outer(scale, scale)
    if float(np.linalg.eigvalsh(correlation[:-1, :-1])[0]) < 1e-10:
        return np.full(table.shape[1] - 1, np.nan)
    return share(correlation[:-1, :-1], correlation[:-1, -1])
