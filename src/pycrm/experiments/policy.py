"""Whom to treat, and what that is worth: policies, profit, quadrants, and whether predicted uplift comes true."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments.arms import binary, check_confidence, treated, vector
from pycrm.experiments.effect import t_interval
from pycrm.experiments.ranking import uplift_curve

__all__ = [
    "Calibration",
    "PolicyValue",
    "ProfitCurve",
    "policy_value",
    "profit_curve",
    "quadrants",
    "uplift_calibration",
]

Array = NDArray[np.float64]


def _amount(name: str, value: float, *, least: float = 0.0) -> float:
    if not (np.isfinite(value) and value >= least):
        raise InvalidValueError(name, value, f"give a finite number of at least {least:g}")
    return float(value)


@frozen(kw_only=True)
class PolicyValue:
    """What treating a chosen set of units gains over treating nobody.

    Parameters
    ----------
    profit : float
        Of the whole set, net of cost.
    interval : tuple of float
        Of the profit, at `confidence`.
    confidence : float
        Coverage.
    per_unit : float
        Profit for each unit treated.
    n : int
        Units in the set.
    n_control, n_treated : int
        Those of them the experiment left alone and treated, on whom the estimate rests.
    """

    profit: float
    interval: tuple[float, float]
    confidence: float
    per_unit: float
    n: int
    n_control: int
    n_treated: int


def policy_value(
    outcome: ArrayLike,
    treatment: ArrayLike,
    target: ArrayLike,
    *,
    value: float = 1.0,
    cost: float = 0.0,
    confidence: float = 0.95,
) -> PolicyValue:
    """Return the incremental profit of treating the units in `target`, from a randomised experiment.

    Parameters
    ----------
    outcome : array_like
        What each unit did.
    treatment : array_like of 0 and 1
        Who was treated, by chance and with one probability.
    target : array_like of 0 and 1
        Whom the policy would treat, decided without looking at these outcomes.
    value : float
        Worth of one outcome.
    cost : float
        Cost of treating one unit, at least 0.
    confidence : float
        Coverage of the interval.

    Raises
    ------
    NotEstimableError
        If nobody is chosen, or the chosen were all treated or all left alone.

    Examples
    --------
    >>> found = policy_value([1, 0, 1, 1, 0, 0, 1, 0], [1, 0, 1, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1, 0, 0], value=10, cost=2)
    Traceback (most recent call last):
    ...
    pycrm.errors.NotEstimableError: cannot compute the interval of the profit: the outcome does not vary within the arms
    >>> found = policy_value([1, 0, 1, 0, 1, 0, 1, 0], [1, 0, 1, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1, 0, 0], value=10, cost=2)
    >>> round(found.profit, 2), found.n
    (8.0, 6)
    """
    check_confidence(confidence)
    values = vector(outcome, "outcome")
    mask = treated(treatment, len(values))
    chosen = binary(target, "target", len(values))
    worth, price = float(vector([value], "value")[0]), _amount("cost", cost)
    if not chosen.any():
        raise NotEstimableError("the value of the policy", "it treats nobody")
    means, variance, seen = [], 0.0, []
    for label, own in (("left alone", chosen & ~mask), ("treated", chosen & mask)):
        n = int(own.sum())
        if n < 2:
            raise NotEstimableError("the value of the policy", f"of its units the experiment {label} only {n}")
        means.append(float(values[own].mean()))
        variance += float(values[own].var(ddof=1)) / n
        seen.append(n)
    size = int(chosen.sum())
    per_unit = worth * (means[1] - means[0]) - price
    (low, high), _ = t_interval(per_unit, worth**2 * variance, np.inf, confidence, "the profit")
    return PolicyValue(
        profit=size * per_unit,
        interval=(size * low, size * high),
        confidence=confidence,
        per_unit=per_unit,
        n=size,
        n_control=seen[0],
        n_treated=seen[1],
    )


@frozen(kw_only=True, eq=False)
class ProfitCurve:
    """Profit of treating the best-ranked units, by the share treated.

    Parameters
    ----------
    share : ndarray
        Share of all units treated, from 0 to 1.
    profit : ndarray
        Incremental profit net of cost.
    threshold : ndarray
        Lowest score treated at each share; infinite at none.
    """

    share: Array
    profit: Array
    threshold: Array

    @property
    def best(self) -> int:
        """Where the profit is highest; found on the same data, so its profit is a little too good: test it by `policy_value`."""
        return int(np.argmax(self.profit))


def profit_curve(
    outcome: ArrayLike, treatment: ArrayLike, uplift: ArrayLike, *, value: float = 1.0, cost: float = 0.0
) -> ProfitCurve:
    """Return the incremental profit of treating units in the order of `uplift`.

    Parameters
    ----------
    outcome, treatment, uplift
        As in `qini`.
    value, cost : float
        Worth of one outcome, and cost of treating one unit.

    Examples
    --------
    >>> curve = profit_curve([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], [0] * 5 + [1] * 5, [0, 0.1, 0.2, 0.3, 0.4] * 2, value=9, cost=1)
    >>> curve.profit.round(9).tolist(), float(curve.share[curve.best])
    ([0.0, -2.0, 14.0, 30.0, 28.0, 26.0], 0.6)
    """
    worth, price = float(vector([value], "value")[0]), _amount("cost", cost)
    curve = uplift_curve(outcome, treatment, uplift, kind="uplift")
    score = np.unique(vector(uplift, "uplift"))[::-1]
    return ProfitCurve(
        share=curve.population / curve.population[-1],
        profit=worth * curve.gain - price * curve.population,
        threshold=np.concatenate([[np.inf], score]),
    )


def quadrants(
    uplift: ArrayLike, baseline: ArrayLike, *, margin: float = 0.0, threshold: float = 0.5
) -> NDArray[np.str_]:
    """Return which of four kinds each unit is, from its predicted uplift and its outcome if left alone.

    "persuadable" if the uplift is above `margin`, "sleeping dog" if below -`margin`; in between "sure thing" if the baseline
    reaches `threshold`, else "lost cause".

    Parameters
    ----------
    uplift, baseline : array_like
        For example `model.uplift(X)` and `model.outcomes(X)[0]`.
    margin : float
        Uplift that pays for the treatment, cost / value, at least 0.
    threshold : float
        Baseline from which a unit is taken to act anyway, in the unit of the outcome.

    Examples
    --------
    >>> quadrants([0.2, 0.01, 0.0, -0.2], [0.3, 0.9, 0.1, 0.4], margin=0.05).tolist()
    ['persuadable', 'sure thing', 'lost cause', 'sleeping dog']
    """
    gain = vector(uplift, "uplift")
    alone = vector(baseline, "baseline", len(gain))
    edge = _amount("margin", margin)
    return np.select(
        [gain > edge, gain < -edge, alone >= threshold], ["persuadable", "sleeping dog", "sure thing"], "lost cause"
    )


@frozen(kw_only=True, eq=False)
class Calibration:
    """Predicted uplift beside the uplift seen, in groups of like prediction.

    Parameters
    ----------
    predicted, observed, lower, upper : ndarray
        Mean prediction, difference of means, and its interval, of each group; lowest prediction first.
    n : ndarray of int
        Units of each group.
    error : float
        Mean absolute gap, weighted by units; chance alone makes it larger than 0.
    confidence : float
        Coverage of each interval.
    """

    predicted: Array
    observed: Array
    lower: Array
    upper: Array
    n: NDArray[np.int64]
    error: float
    confidence: float


def uplift_calibration(
    outcome: ArrayLike, treatment: ArrayLike, uplift: ArrayLike, *, groups: int = 10, confidence: float = 0.95
) -> Calibration:
    """Return whether units with a predicted uplift of so much do gain so much.

    Parameters
    ----------
    outcome, treatment, uplift
        As in `qini`; here the size of the prediction counts too.
    groups : int
        Groups of about equal size; equal predictions stay together, so there may be fewer.
    confidence : float
        Coverage of each interval.

    Raises
    ------
    InvalidDataError
        If there are fewer units than groups.
    NotEstimableError
        If a group lacks an arm or does not vary: ask for fewer groups.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> truth, w = rng.uniform(0, 1, 4_000), rng.integers(0, 2, 4_000)
    >>> found = uplift_calibration(rng.normal(truth * w), w, truth, groups=4)
    >>> bool(np.all((found.lower < found.predicted) & (found.predicted < found.upper)))
    True
    """
    check_confidence(confidence)
    values = vector(outcome, "outcome")
    mask = treated(treatment, len(values))
    score = vector(uplift, "uplift", len(values))
    if not 1 <= groups <= len(values):
        raise InvalidDataError("uplift", None, f"{len(values)} units", f"ask for fewer groups than {groups}")
    edges = np.unique(np.quantile(score, np.arange(1, groups) / groups)) if groups > 1 else np.empty(0)
    place = np.searchsorted(edges, score, side="right")
    rows = []
    for group in np.unique(place):
        own = place == group
        means, variance = [], 0.0
        for arm in (own & ~mask, own & mask):
            if arm.sum() < 2:
                raise NotEstimableError(
                    "the calibration", f"group {group} has an arm with fewer than 2 units; ask for fewer groups"
                )
            means.append(float(values[arm].mean()))
            variance += float(values[arm].var(ddof=1)) / arm.sum()
        seen = means[1] - means[0]
        (low, high), _ = t_interval(seen, variance, np.inf, confidence, f"the uplift of group {group}")
        rows.append((float(score[own].mean()), seen, low, high, int(own.sum())))
    predicted, observed, lower, upper, n = (np.array(column) for column in zip(*rows, strict=True))
    return Calibration(
        predicted=predicted,
        observed=observed,
        lower=lower,
        upper=upper,
        n=n.astype(np.int64),
        error=float(np.average(np.abs(observed - predicted), weights=n)),
        confidence=confidence,
    )
