"""Lives under contract: how survivors a period and individual rows are read, and the arithmetic both models share.

Both models say that a contract survives `w(t)` equal trials, each failing with a probability that is Beta(alpha, beta) over
customers: S(t) = B(alpha, beta + w) / B(alpha, beta), with w = t (shifted beta geometric) or w = t^c (discrete Weibull).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma

from pycrm.clv._history import drawing, whole_number
from pycrm.clv._series import log_rise
from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.table import column, column_names, eager, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Lives",
    "Survivors",
    "discounted_renewals",
    "horizon_of",
    "likelihood",
    "log_survival",
    "periods",
    "read_lives",
    "rows",
]

Floats: TypeAlias = NDArray[np.float64]
Survivors: TypeAlias = Any
"""Survivors per period, several such cohorts, or a frame with the columns `duration`, `churned` and optional `weight`."""

_BLOCK = 4096


@frozen(eq=False)
class Lives:
    """How many left in which period, and how many were last seen alive at the end of which."""

    lost_at: Floats
    lost: Floats
    kept_at: Floats
    kept: Floats

    @property
    def weight(self) -> float:
        """All customers."""
        return float(self.lost.sum() + self.kept.sum())


def _collect(at: Floats, weight: Floats) -> tuple[Floats, Floats]:
    distinct, inverse = np.unique(at, return_inverse=True)
    totals = np.bincount(inverse, weights=weight, minlength=distinct.size).astype(np.float64)
    return distinct[totals > 0.0], totals[totals > 0.0]


def _lives(lost_at: Floats, lost: Floats, kept_at: Floats, kept: Floats) -> Lives:
    lives = Lives(*_collect(lost_at, lost), *_collect(kept_at, kept))
    if not lives.lost.size:
        raise NotEstimableError("retention", "nobody left in the data; it needs at least one lost customer", "alpha")
    if not ((lives.lost_at > 1.0).any() or (lives.kept_at > 0.0).any()):
        raise NotEstimableError("retention", "nobody renewed in the data; it needs at least one renewal", "beta")
    return lives


def _cohort(counts: Floats, name: str) -> Floats:
    if counts.ndim != 1 or counts.size < 2:
        raise InvalidDataError(name, None, counts.tolist(), "give the number alive at the start, then at each renewal")
    for bad, fix in (
        (~np.isfinite(counts), "give a finite number of survivors"),
        (counts < 0.0, "give a number of survivors of at least 0"),
        (np.append(False, np.diff(counts) > 0.0), "nobody comes back from the dead: survivors may not grow"),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise InvalidDataError(name, row, float(counts[row]), fix)
    if counts[0] == 0.0:
        raise InvalidDataError(name, 0, 0.0, "give at least one customer at the start")
    return counts


def _from_cohorts(cohorts: Sequence[Floats], names: Sequence[str]) -> Lives:
    checked = [_cohort(counts, name) for counts, name in zip(cohorts, names, strict=True)]
    return _lives(
        np.concatenate([np.arange(1.0, counts.size) for counts in checked]),
        np.concatenate([-np.diff(counts) for counts in checked]),
        np.array([counts.size - 1.0 for counts in checked]),
        np.array([counts[-1] for counts in checked]),
    )


def _from_rows(frame: Any) -> Lives:
    table = eager(frame)
    names = column_names(table)
    raw = column(table, "churned")
    if raw.dtype != np.bool_:
        values = numbers(table, "churned")
        wrong = (values != 0.0) & (values != 1.0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InvalidDataError("churned", row, float(values[row]), "give True, or False for those still there")
        raw = values == 1.0
    duration = numbers(table, "duration", minimum=0.0, integer=True)
    if not duration.size:
        raise InvalidDataError("duration", None, "no rows", "give at least one customer")
    early = raw & (duration < 1.0)
    if early.any():
        row = int(np.argmax(early))
        raise InvalidDataError("duration", row, 0.0, "who churned did so in period 1 or later: count the last paid one")
    weight = numbers(table, "weight", minimum=0.0) if "weight" in names else np.ones(duration.size)
    return _lives(duration[raw], weight[raw], duration[~raw], weight[~raw])


def read_lives(data: Survivors) -> Lives:
    """Return the lives in survivors per period, in several cohorts of them, or in individual rows.

    Raises
    ------
    InvalidDataError
        Naming the first survivors that grow, or the row and column that are wrong.
    NotEstimableError
        If nobody left or nobody renewed.
    """
    if isinstance(data, Mapping) or hasattr(data, "columns"):
        return _from_rows(data)
    try:
        nested = [np.asarray(part, dtype=np.float64) for part in data]
    except (TypeError, ValueError):
        raise InvalidDataError("survivors", None, data, "give survivors per period, or a frame of rows") from None
    if nested and all(part.ndim == 1 for part in nested):
        return _from_cohorts(nested, [f"survivors of cohort {i}" for i in range(len(nested))])
    if any(part.ndim for part in nested):
        raise InvalidDataError("survivors", None, "mixed shapes", "give one sequence, or one sequence per cohort")
    return _from_cohorts([np.array(nested, dtype=np.float64)], ["survivors"])


def periods(name: str, values: ArrayLike, minimum: int) -> Floats:
    """Return whole numbers of periods, at least `minimum`, as floats."""
    try:
        floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidDataError(name, None, values, "give whole numbers of periods") from None
    wrong = ~np.isfinite(floats) | (floats < minimum) | (floats != np.rint(floats))
    if wrong.any():
        row = int(np.argmax(wrong.ravel()))
        raise InvalidDataError(name, row, float(floats.ravel()[row]), f"give a whole number of at least {minimum}")
    return floats


def log_survival(alpha: ArrayLike, beta: ArrayLike, trials: Floats) -> Floats:
    """Return log B(alpha, beta + w) / B(alpha, beta)."""
    beta = np.asarray(beta, dtype=np.float64)
    return np.asarray(np.minimum(log_rise(beta, alpha) - log_rise(beta + trials, alpha), 0.0))


def _slopes(alpha: float, beta: float, c: float, at: Floats) -> tuple[Floats, Floats]:
    """Return log S at `at`, and its derivatives in alpha, beta and c as rows."""
    trials = at**c
    high, both = digamma(beta + trials), digamma(alpha + beta + trials)
    whole = digamma(alpha + beta)
    growth = trials * np.log(np.where(at > 0.0, at, 1.0))
    return log_survival(alpha, beta, trials), np.stack(
        [whole - both, high - both - digamma(beta) + whole, (high - both) * growth]
    )


def likelihood(alpha: float, beta: float, c: float, lives: Lives) -> tuple[float, Floats]:
    """Return the log-likelihood of `lives` and its derivatives in alpha, beta and c."""
    before, before_slopes = _slopes(alpha, beta, c, lives.lost_at - 1.0)
    after, after_slopes = _slopes(alpha, beta, c, lives.lost_at)
    kept, kept_slopes = _slopes(alpha, beta, c, lives.kept_at)
    ratio = np.minimum(np.exp(after - before), 1.0 - 1e-16)
    lost = before + np.log1p(-ratio)
    lost_slopes = (before_slopes - ratio * after_slopes) / (1.0 - ratio)
    return float(lives.lost @ lost + lives.kept @ kept), lost_slopes @ lives.lost + kept_slopes @ lives.kept


def discounted_renewals(  # the parameters of the model, in their usual sequence
    alpha: float, beta: float, c: float, age: Floats, discount: float, horizon: float
) -> NDArray[np.float64]:
    """Return the sum over n = 1, 2, ... `horizon` of S(age + n) / S(age) * discount^n, term by term.

    The caller makes sure it ends: a discount below 1, or a finite horizon.
    """
    distinct, inverse = np.unique(age, return_inverse=True)
    start = log_survival(alpha, beta, distinct**c)
    total = np.zeros(distinct.size)
    done = 0.0
    while done < horizon:
        steps = done + np.arange(1.0, min(_BLOCK, horizon - done) + 1.0)
        chance = np.exp(log_survival(alpha, beta, (distinct[:, None] + steps) ** c) - start[:, None])
        terms = chance * np.exp(steps * np.log(discount))
        total += terms.sum(axis=1)
        done = steps[-1]
        # Survival falls, so what is left is less than a geometric series from the last term.
        if discount < 1.0 and np.all(terms[:, -1] * discount <= 1e-16 * (1.0 - discount) * total):
            break
    return np.asarray(total[inverse].reshape(age.shape))


def horizon_of(horizon: float) -> float:
    """Return a number of periods, at least 0, whole or infinite."""
    return whole_number("horizon", horizon, 0, infinite=True)


def rows(  # the parameters of the model, in their usual sequence
    random: np.random.Generator, n: int, watched: int, alpha: float, beta: float, c: float
) -> pd.DataFrame:
    """Draw `n` lives watched for `watched` renewals."""
    import pandas as pd

    drawing(random)
    n, watched = int(whole_number("n", n, 1)), int(whole_number("periods", watched, 1))
    leaves = random.beta(alpha, beta, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        trials = np.log(random.uniform(size=n)) / np.log1p(-leaves)
        life = np.ceil(np.where(np.isnan(trials), np.inf, trials) ** (1.0 / c))
    life = np.maximum(life, 1.0)
    churned = life <= watched
    return pd.DataFrame({"duration": np.where(churned, life, watched).astype(np.int64), "churned": churned})
