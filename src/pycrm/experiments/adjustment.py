"""Narrower intervals from what was known before the experiment: CUPED and regression."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import NotEstimableError
from pycrm.experiments.arms import Design, Label, check_confidence, matrix, two_arms, vector
from pycrm.experiments.effect import RANDOM, Arm, Effect, normal_effect, welch

__all__ = ["cuped", "difference_in_differences", "regression_adjusted"]

BEFORE = "the covariates were measured before the assignment"


def _independent(gram: NDArray[np.float64], arm: Label) -> None:
    """Refuse covariates, by their scaled cross products, of which one is a sum of others."""
    if float(np.linalg.eigvalsh(gram)[0]) < 1e-12 * len(gram):
        raise NotEstimableError(
            "the adjustment", f"in arm {arm!r} a covariate is constant or a sum of others; leave it out"
        )


def cuped(
    outcome: ArrayLike,
    treatment: ArrayLike,
    covariates: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the difference of means after taking out what the past explains (CUPED).

    With correlation rho between covariate and outcome the variance falls to 1 - rho^2 of itself; the ratio found is
    `.variance_ratio`. The slope is the pooled one within the arms, so the effect itself does not leak into it.

    Parameters
    ----------
    outcome : array_like
        A number for every unit.
    treatment : array_like
        The arm of every unit.
    covariates : array_like, shape (n,) or (n, k)
        What was known before, such as the same outcome in the period before. For units without a past, fill in the mean and
        add a 0/1 column that marks them.
    control, confidence, design
        As in `difference_in_means`.

    Raises
    ------
    NotEstimableError
        If a covariate is constant or a sum of others.

    References
    ----------
    .. [1] Deng, Xu, Kohavi & Walker (2013), WSDM, 123-132, equations (4) and (5).

    Examples
    --------
    >>> before = [1.0, 2, 3, 4, 1, 2, 3, 4]
    >>> after = [1.1, 2.0, 2.9, 4.0, 2.1, 3.0, 4.0, 4.9]
    >>> effect = cuped(after, [0, 0, 0, 0, 1, 1, 1, 1], before)
    >>> round(effect.estimate, 2), effect.variance_ratio < 0.01
    (1.0, True)
    """
    values = vector(outcome, "outcome")
    known = matrix(covariates, "covariates", len(values))
    treated, labels = two_arms(treatment, len(values), control, design)
    inside_x, inside_y = np.empty_like(known), np.empty_like(values)
    for own in (~treated, treated):
        inside_x[own] = known[own] - known[own].mean(axis=0)
        inside_y[own] = values[own] - values[own].mean()
    scale = inside_x.std(axis=0)
    if (scale == 0.0).any():
        raise NotEstimableError("the adjustment", "a covariate does not vary within the arms; leave it out")
    inside_x /= scale
    gram = inside_x.T @ inside_x / len(values)
    _independent(gram, "all")
    slope = np.linalg.solve(gram, inside_x.T @ inside_y / len(values)) / scale
    adjusted = values - (known - known.mean(axis=0)) @ slope
    plain = welch(values, treated, labels, confidence=confidence, method="", assumes=())
    found = welch(
        adjusted,
        treated,
        labels,
        confidence=confidence,
        method="CUPED, Welch t",
        assumes=(RANDOM, BEFORE, "the arms are large enough for their means to be normal"),
    )
    return attrs.evolve(found, variance_ratio=(found.standard_error / plain.standard_error) ** 2)


def regression_adjusted(
    outcome: ArrayLike,
    treatment: ArrayLike,
    covariates: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the effect from a regression with its own slopes in each arm (Lin), and variances that trust no model (HC2).

    Never less precise than the difference of means in large samples, even if the regression is wrong; prefer it to CUPED when
    the arms differ much in size or the past works differently in each.

    Parameters
    ----------
    outcome, treatment, covariates, control, confidence, design
        As in `cuped`.

    Raises
    ------
    NotEstimableError
        If an arm has too few units for its slopes, or covariates depend on each other.

    References
    ----------
    .. [1] Lin (2013), Annals of Applied Statistics 7(1), 295-318.
    .. [2] MacKinnon & White (1985), Journal of Econometrics 29(3), 305-325 (HC2).

    Examples
    --------
    >>> before = [1.0, 2, 3, 4, 1, 2, 3, 4]
    >>> after = [1.1, 2.0, 2.9, 4.0, 2.1, 3.0, 4.0, 4.9]
    >>> round(regression_adjusted(after, [0, 0, 0, 0, 1, 1, 1, 1], before).estimate, 2)
    1.0
    """
    check_confidence(confidence)
    values = vector(outcome, "outcome")
    known = matrix(covariates, "covariates", len(values))
    treated, labels = two_arms(treatment, len(values), control, design)
    centred = known - known.mean(axis=0)
    arms, plain = [], 0.0
    for label, own in zip(labels, (~treated, treated), strict=True):
        y = values[own]
        if len(y) <= known.shape[1] + 1:
            raise NotEstimableError(
                "the adjustment", f"arm {label!r} has {len(y)} units for {known.shape[1]} covariates"
            )
        X = np.column_stack([np.ones(len(y)), centred[own]])
        scale = np.sqrt(np.mean(X * X, axis=0))
        if (scale == 0.0).any():
            raise NotEstimableError("the adjustment", f"in arm {label!r} a covariate is constant; leave it out")
        X /= scale
        _independent(X.T @ X / len(y), label)
        q, r = np.linalg.qr(X)
        first = np.linalg.inv(r)[0] / scale[0]  # row of (R^-1): the intercept is first @ Q'y
        share = np.clip(1.0 - np.einsum("ij,ij->i", q, q), 1e-12, None)
        residual = y - q @ (q.T @ y)
        residual[np.abs(residual) < 1e-12 * np.abs(y).max()] = 0.0  # rounding is no variance
        pull = q @ first
        variance = float(np.sum(pull**2 * residual**2 / share))
        arms.append(Arm(label=label, n=len(y), mean=float(pull @ y), variance=variance))
        plain += float(y.var(ddof=1)) / len(y)
    effect = normal_effect(
        arms,
        confidence=confidence,
        method="regression with slopes by arm (Lin), HC2",
        assumes=(RANDOM, BEFORE, "the arms are large enough for the central limit theorem"),
    )
    return attrs.evolve(effect, variance_ratio=effect.standard_error**2 / plain if plain else None)


def difference_in_differences(
    before: ArrayLike,
    after: ArrayLike,
    treatment: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
) -> Effect:
    """Return how much more the treated changed than the control: for what was not assigned by chance.

    Weaker than an experiment: whatever else happened to the treated only is taken for the effect.

    Parameters
    ----------
    before, after : array_like
        The outcome of each unit in spans of the same length before and after the change.
    treatment, control, confidence
        As in `difference_in_means`.

    References
    ----------
    .. [1] Card & Krueger (1994), American Economic Review 84(4), 772-793.

    Examples
    --------
    >>> difference_in_differences([1, 2, 3, 4], [2, 3, 6, 8], [0, 0, 1, 1]).estimate
    Traceback (most recent call last):
    ...
    pycrm.errors.NotEstimableError: cannot compute the interval of the difference: arm 0 changed by exactly 1 in every unit
    >>> difference_in_differences([1, 2, 3, 4], [2, 4, 6, 8], [0, 0, 1, 1]).estimate
    2.0
    """
    first = vector(before, "before")
    change = vector(after, "after", len(first)) - first
    treated, labels = two_arms(treatment, len(first), control, None)
    for label, own in zip(labels, (~treated, treated), strict=True):
        if own.sum() > 1 and change[own].min() == change[own].max():
            raise NotEstimableError(
                "the interval of the difference", f"arm {label!r} changed by exactly {change[own][0]:g} in every unit"
            )
    return welch(
        change,
        treated,
        labels,
        confidence=confidence,
        method="difference in differences, Welch t",
        assumes=(
            "without the change both groups would have moved alike (parallel trends)",
            "nothing else happened to one group only",
        ),
    )
