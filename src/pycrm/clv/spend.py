"""Whether customers who buy more often also spend more: the one thing Gamma-Gamma takes for granted."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from scipy.special import stdtr

from pycrm.clv._history import Floats, weights_of
from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.table import Frame, eager, numbers

__all__ = ["SpendCorrelation", "spend_correlation"]


@frozen(kw_only=True)
class SpendCorrelation:
    """How frequency and mean value of returning customers go together.

    Parameters
    ----------
    pearson, spearman : float
        Correlation of the numbers, and of their ranks.
    pearson_p_value, spearman_p_value : float
        How likely one so far from 0 is if the two are independent (two-sided).
    customers : float
        Returning customers.
    """

    pearson: float
    pearson_p_value: float
    spearman: float
    spearman_p_value: float
    customers: float

    def independent(self, *, level: float = 0.01) -> bool:
        """Return whether the ranks give no reason to doubt independence, at this level of significance."""
        return self.spearman_p_value > level


def _ranks(values: Floats, weight: Floats) -> Floats:
    """Return the middle rank of each value, ties sharing theirs."""
    _, inverse = np.unique(values, return_inverse=True)
    sums = np.bincount(inverse, weights=weight)
    return np.asarray((np.cumsum(sums) - sums / 2.0 + 0.5)[inverse])


def _correlation(x: Floats, y: Floats, weight: Floats, n: float) -> tuple[float, float]:
    x, y = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
    spread = float(np.sqrt((weight * x * x).sum() * (weight * y * y).sum()))
    if spread == 0.0:
        raise NotEstimableError(
            "the correlation of frequency and spend", "one of the two is the same for all", "frequency"
        )
    found = float(np.clip((weight * x * y).sum() / spread, -1.0, 1.0))
    with np.errstate(divide="ignore"):
        t = abs(found) * np.sqrt((n - 2.0) / (1.0 - found * found))
    return found, float(2.0 * stdtr(n - 2.0, -t))


def spend_correlation(summary: Frame) -> SpendCorrelation:
    """Return and test the correlation between how often customers come back and what they spend.

    Gamma-Gamma takes the two for independent. Where they are not, its values are too low for the one kind of customer and too
    high for the other; fit it to groups of similar frequency then.

    Parameters
    ----------
    summary : Frame
        Columns `frequency` and `mean_value`, optionally `weight`. Customers without a repeat purchase are left out.

    Raises
    ------
    InvalidDataError
        If fewer than three customers came back.
    NotEstimableError
        If all frequencies, or all mean values, are the same.

    Examples
    --------
    >>> found = spend_correlation({"frequency": [1, 2, 3, 4, 0], "mean_value": [10.0, 30.0, 20.0, 40.0, 0.0]})
    >>> round(found.pearson, 2), round(found.spearman, 2), found.customers
    (0.8, 0.8, 4.0)
    """
    table = eager(summary)
    x, m = numbers(table, "frequency", minimum=0.0, integer=True), numbers(table, "mean_value")
    weight = weights_of(table)
    kept = x > 0.0
    share = np.ones(int(kept.sum())) if weight is None else weight[kept]
    n = float(share.sum())
    if n < 3.0:
        raise InvalidDataError("frequency", None, f"{n:g} returning customers", "give at least three")
    pearson, pearson_p = _correlation(x[kept], m[kept], share, n)
    spearman, spearman_p = _correlation(_ranks(x[kept], share), _ranks(m[kept], share), share, n)
    return SpendCorrelation(
        pearson=pearson, pearson_p_value=pearson_p, spearman=spearman, spearman_p_value=spearman_p, customers=n
    )
