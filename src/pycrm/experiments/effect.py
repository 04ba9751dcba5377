"""What an arm did compared with the control: a difference, how sure we are of it, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.experiments.arms import Design, Label, binary, check_confidence, two_arms, vector
from pycrm.fit import proportion_interval

__all__ = [
    "Arm",
    "Effect",
    "difference_from_counts",
    "difference_in_means",
    "difference_in_proportions",
    "difference_in_ratios",
    "relative_difference",
]

RANDOM = "units were assigned at random and do not influence each other"


@frozen(kw_only=True)
class Arm:
    """One arm as it was seen.

    Parameters
    ----------
    label : object
        Its name in the data.
    n : int
        Units in it (clusters, where clusters were assigned).
    mean : float
        Its mean outcome, share or ratio.
    variance : float
        Sampling variance of `mean`.
    """

    label: Label
    n: int
    mean: float
    variance: float


@frozen(kw_only=True)
class Effect:
    """The effect of one arm against the control.

    Parameters
    ----------
    estimate : float
        Treatment less control, in the unit of the outcome (a share of the control's mean for `relative_difference`).
    interval : tuple of float
        Lower and upper end at `confidence`.
    confidence : float
        Coverage of `interval`.
    standard_error : float
        Of `estimate`.
    p_value : float
        Two-sided, of no effect.
    control, treatment : Arm
        The two arms.
    method : str
        How it was computed, by the name of the method.
    assumes : tuple of str
        What has to hold for the interval to mean what it says.
    adjusted_p_value, family_confidence : float, optional
        p-value after the correction for several arms, and the coverage asked of all of them together.
    variance_ratio : float, optional
        Variance left after an adjustment by covariates, as a share of the unadjusted one.
    """

    estimate: float
    interval: tuple[float, float]
    confidence: float
    standard_error: float
    p_value: float
    control: Arm
    treatment: Arm
    method: str
    assumes: tuple[str, ...]
    adjusted_p_value: float | None = None
    family_confidence: float | None = None
    variance_ratio: float | None = None

    @property
    def n(self) -> int:
        """Units in both arms."""
        return self.control.n + self.treatment.n

    @property
    def lift(self) -> float | None:
        """The estimate as a share of the control's mean; None where that mean is 0."""
        return self.estimate / self.control.mean if self.control.mean else None

    @property
    def significant(self) -> bool:
        """Whether the p-value is below 1 - confidence; of several arms, the adjusted one and the confidence of them all."""
        if self.adjusted_p_value is None or self.family_confidence is None:
            return self.p_value < 1.0 - self.confidence
        return self.adjusted_p_value < 1.0 - self.family_confidence

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.treatment.label} against {self.control.label}: {self.estimate:+.6g} "
            f"({self.confidence:.0%} interval {low:+.6g} to {high:+.6g}, p = {self.p_value:.3g}, "
            f"n = {self.treatment.n} and {self.control.n}, {self.method})"
        )


def t_interval(
    estimate: float, variance: float, freedom: float, confidence: float, quantity: str
) -> tuple[tuple[float, float], float]:
    """Return the interval and two-sided p-value of an estimate with a t distribution (infinite freedom: normal)."""
    from scipy import stats

    if not (np.isfinite(variance) and variance > 0.0 and freedom > 0.0):
        raise NotEstimableError(f"the interval of {quantity}", "the outcome does not vary within the arms")
    error = float(np.sqrt(variance))
    half = error * float(stats.t.isf((1.0 - confidence) / 2.0, freedom))
    return (estimate - half, estimate + half), float(2.0 * stats.t.sf(abs(estimate) / error, freedom))


def welch(
    values: NDArray[np.float64],
    treated: NDArray[np.bool_],
    labels: list[Any],
    *,
    confidence: float,
    method: str,
    assumes: tuple[str, ...],
) -> Effect:
    """Return the difference of means by Welch's t."""
    check_confidence(confidence)
    arms, spent = [], []
    for label, own in zip(labels, (values[~treated], values[treated]), strict=True):
        free = len(own) - 1
        if free < 1:
            raise NotEstimableError("the interval of the difference", f"arm {label!r} has only {len(own)} units")
        variance = float(own.var(ddof=1)) / len(own) if own.min() < own.max() else 0.0
        arms.append(Arm(label=label, n=len(own), mean=float(own.mean()), variance=variance))
        spent.append(free)
    control, treatment = arms
    total = control.variance + treatment.variance
    if total == 0.0:
        raise NotEstimableError("the interval of the difference", "the outcome does not vary within the arms")
    freedom = total**2 / sum(arm.variance**2 / free for arm, free in zip(arms, spent, strict=True))
    estimate = treatment.mean - control.mean
    interval, p_value = t_interval(estimate, total, freedom, confidence, "the difference")
    return Effect(
        estimate=estimate,
        interval=interval,
        confidence=confidence,
        standard_error=float(np.sqrt(total)),
        p_value=p_value,
        control=control,
        treatment=treatment,
        method=method,
        assumes=assumes,
    )


def difference_in_means(
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the difference of the mean outcomes (Welch: the arms may vary differently).

    Parameters
    ----------
    outcome : array_like
        A number for every unit, also 0 for those who did nothing.
    treatment : array_like
        The arm of every unit: 0 and 1, truth values or labels; two of them.
    control : object, optional
        Label of the control; 0, false and "control" are known.
    confidence : float
        Coverage of the interval.
    design : Design, optional
        The plan; given, a sample-ratio mismatch is refused and an early reading warned of.

    Raises
    ------
    InvalidDataError
        Naming the row of a value that is not a finite number, or what is wrong with the arms.
    NotEstimableError
        If an arm is empty or has one unit, or the outcome never varies.

    References
    ----------
    .. [1] Welch (1947), Biometrika 34(1-2), 28-35.

    Examples
    --------
    >>> effect = difference_in_means([12.0, 15, 9, 20, 18, 25], ["control"] * 3 + ["email"] * 3)
    >>> effect.estimate, effect.control.n, effect.method
    (9.0, 3, 'Welch t')
    """
    values = vector(outcome, "outcome")
    treated, labels = two_arms(treatment, len(values), control, design)
    return welch(
        values,
        treated,
        labels,
        confidence=confidence,
        method="Welch t",
        assumes=(RANDOM, "the arms are large enough for their means to be normal"),
    )


def difference_from_counts(
    control: tuple[int, int],
    treatment: tuple[int, int],
    *,
    labels: tuple[Label, Label] = ("control", "treatment"),
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the difference of two shares, from (successes, units) of each arm.

    The interval is Newcombe's (from Wilson's), which stays within -1 and 1 and covers at any n; the p-value is of the pooled
    score test.

    Raises
    ------
    InvalidDataError
        If counts are impossible.

    References
    ----------
    .. [1] Newcombe (1998), Statistics in Medicine 17(8), 873-890, method 10.

    Examples
    --------
    >>> effect = difference_from_counts((56, 70), (48, 80))
    >>> round(effect.estimate, 4), [round(end, 4) for end in effect.interval]
    (-0.2, [-0.3339, -0.0524])
    """
    from scipy import stats

    check_confidence(confidence)
    x, n = (
        np.array([control[0], treatment[0]], dtype=np.float64),
        np.array([control[1], treatment[1]], dtype=np.float64),
    )
    for name, counts in (("successes", x), ("trials", n)):
        if not np.array_equal(counts, np.rint(counts)):
            raise InvalidDataError(name, None, counts.tolist(), "give whole numbers")
    low, high = proportion_interval(x, n, confidence=confidence)
    if design is not None:
        design.check({labels[0]: int(n[0]), labels[1]: int(n[1])})
    p = x / n
    estimate = float(p[1] - p[0])
    below = float(np.sqrt((p[1] - low[1]) ** 2 + (high[0] - p[0]) ** 2))
    above = float(np.sqrt((high[1] - p[1]) ** 2 + (p[0] - low[0]) ** 2))
    pooled = float(x.sum() / n.sum())
    error = float(np.sqrt(pooled * (1.0 - pooled) * (1.0 / n).sum()))
    variance = p * (1.0 - p) / n
    arms = [
        Arm(label=label, n=int(count), mean=float(share), variance=float(v))
        for label, count, share, v in zip(labels, n, p, variance, strict=True)
    ]
    return Effect(
        estimate=estimate,
        interval=(estimate - below, estimate + above),
        confidence=confidence,
        standard_error=float(np.sqrt(variance.sum())),
        p_value=float(2.0 * stats.norm.sf(abs(estimate) / error)) if error else 1.0,
        control=arms[0],
        treatment=arms[1],
        method="Newcombe interval, pooled z test",
        assumes=(RANDOM, "each unit succeeds or not"),
    )


def difference_in_proportions(
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the difference of the shares with outcome 1; see `difference_from_counts` for the method.

    Parameters
    ----------
    outcome : array_like of 0 and 1
        Whether each unit did it.
    treatment, control, confidence, design
        As in `difference_in_means`.

    Raises
    ------
    InvalidDataError
        If an outcome is not 0 or 1, or the arms are not two.

    Examples
    --------
    >>> effect = difference_in_proportions([0, 1, 0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    >>> effect.estimate, effect.lift
    (0.5, 2.0)
    """
    values = binary(outcome, "outcome")
    treated, labels = two_arms(treatment, len(values), control, design)
    counts = [(int(values[own].sum()), int(own.sum())) for own in (~treated, treated)]
    return difference_from_counts(counts[0], counts[1], labels=(labels[0], labels[1]), confidence=confidence)


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64], label: Label) -> Arm:
    """One arm's ratio of sums with its delta-method variance."""
    n = len(numerator)
    if n < 2:
        raise NotEstimableError("the interval of the ratio", f"arm {label!r} has only {n} units")
    mean = float(denominator.mean())
    if mean <= 0.0:
        raise NotEstimableError(
            "the ratio", f"the denominators of arm {label!r} sum to {denominator.sum():g}, not above 0"
        )
    ratio = float(numerator.mean()) / mean
    residual = numerator - ratio * denominator
    return Arm(label=label, n=n, mean=ratio, variance=float(residual.var(ddof=1)) / (n * mean * mean))


def difference_in_ratios(
    numerator: ArrayLike,
    denominator: ArrayLike,
    treatment: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the difference of ratios of sums, such as clicks per view or revenue per order, by the delta method.

    The unit is what was assigned (a customer); dividing row by row and treating views as units would make the interval too
    narrow.

    Parameters
    ----------
    numerator, denominator : array_like
        Sums of each unit; denominators of at least 0 whose sum in each arm is above 0.
    treatment, control, confidence, design
        As in `difference_in_means`.

    Raises
    ------
    InvalidDataError
        Naming the row of a negative denominator or a value that is not a finite number.
    NotEstimableError
        If an arm has no denominator, or nothing varies.

    References
    ----------
    .. [1] Deng, Knoblich & Lu (2018), KDD, 233-242, section 2.

    Examples
    --------
    >>> effect = difference_in_ratios([1, 0, 3, 2, 4, 3], [10, 5, 15, 10, 15, 10], [0, 0, 0, 1, 1, 1])
    >>> round(effect.estimate, 4)
    0.1238
    """
    check_confidence(confidence)
    top = vector(numerator, "numerator")
    bottom = vector(denominator, "denominator", len(top))
    if (bottom < 0.0).any():
        row = int(np.argmax(bottom < 0.0))
        raise InvalidDataError("denominator", row, float(bottom[row]), "give a number of at least 0")
    treated, labels = two_arms(treatment, len(top), control, design)
    arms = [_ratio(top[own], bottom[own], label) for own, label in ((~treated, labels[0]), (treated, labels[1]))]
    return normal_effect(
        arms,
        confidence=confidence,
        method="ratio of sums, delta method",
        assumes=(RANDOM, "the arms are large enough for both sums to be normal"),
    )


def normal_effect(
    arms: list[Arm], *, confidence: float, method: str, assumes: tuple[str, ...], freedom: float = np.inf
) -> Effect:
    """Return the difference of two arms whose means have known sampling variances."""
    control, treatment = arms
    estimate, variance = treatment.mean - control.mean, control.variance + treatment.variance
    interval, p_value = t_interval(estimate, variance, freedom, confidence, "the difference")
    return Effect(
        estimate=estimate,
        interval=interval,
        confidence=confidence,
        standard_error=float(np.sqrt(variance)),
        p_value=p_value,
        control=control,
        treatment=treatment,
        method=method,
        assumes=assumes,
    )


def relative_difference(
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the lift, treatment / control - 1, with Fieller's interval.

    Dividing the ends of the difference's interval by the control's mean would forget that this mean is uncertain too.

    Parameters
    ----------
    outcome, treatment, control, confidence, design
        As in `difference_in_means`.

    Raises
    ------
    NotEstimableError
        If the control's mean cannot be told from 0: then no finite interval of a ratio exists.

    References
    ----------
    .. [1] Fieller (1954), Journal of the Royal Statistical Society B 16(2), 175-185.

    Examples
    --------
    >>> effect = relative_difference([10, 12, 11, 9, 13, 14, 12, 15], [0] * 4 + [1] * 4)
    >>> round(effect.estimate, 3), [round(end, 3) for end in effect.interval]
    (0.286, [0.106, 0.503])
    """
    from scipy import stats

    base = difference_in_means(outcome, treatment, control=control, confidence=confidence, design=design)
    low_mean, high_mean = base.control.mean, base.treatment.mean
    z = float(stats.norm.isf((1.0 - confidence) / 2.0))
    g = z * z * base.control.variance / low_mean**2 if low_mean else np.inf
    if g >= 1.0:
        raise NotEstimableError("the interval of the lift", f"the control's mean, {low_mean:g}, cannot be told from 0")
    ratio = high_mean / low_mean
    inside = base.treatment.variance + ratio**2 * base.control.variance - g * base.treatment.variance
    half = z / abs(low_mean) * float(np.sqrt(inside))
    variance = (base.treatment.variance + ratio**2 * base.control.variance) / low_mean**2
    return Effect(
        estimate=ratio - 1.0,
        interval=((ratio - half) / (1.0 - g) - 1.0, (ratio + half) / (1.0 - g) - 1.0),
        confidence=confidence,
        standard_error=float(np.sqrt(variance)),
        p_value=base.p_value,
        control=base.control,
        treatment=base.treatment,
        method="lift, Fieller interval, Welch t test",
        assumes=base.assumes,
    )


def counts_of(labels: list[Label], codes: NDArray[np.int64]) -> Mapping[Label, int]:
    """Return how many units are in each arm."""
    return dict(zip(labels, np.bincount(codes, minlength=len(labels)).tolist(), strict=True))
