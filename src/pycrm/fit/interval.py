"""Estimates with the ends of their intervals, and the interval of a share."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["Interval", "Symmetry", "around", "checked_confidence", "proportion_interval"]

Symmetry: TypeAlias = Literal["log", "logit", "identity"]
"""In what the interval of a prediction is symmetric: "log" for positive amounts, "logit" for probabilities."""


@frozen(eq=False)
class Interval:
    """An estimate and the ends of its interval, numbers or arrays of one shape."""

    estimate: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    confidence: float


def checked_confidence(confidence: float) -> float:
    """Return `confidence` if it is a share."""
    if not 0.0 < confidence < 1.0:
        raise InvalidValueError("confidence", confidence, "give a share between 0 and 1, 0.95 for 95 %")
    return confidence


def around(middle: NDArray[np.float64], reach: NDArray[np.float64], confidence: float, symmetry: Symmetry) -> Interval:
    """Return `middle` with ends `reach` away, measured on the scale of `symmetry` where that is finite."""
    lower, upper = middle - reach, middle + reach
    with np.errstate(all="ignore"):
        if symmetry == "log":
            bent = middle > 0.0
            spread = np.exp(reach / middle)
            lower, upper = np.where(bent, middle / spread, lower), np.where(bent, middle * spread, upper)
        elif symmetry == "logit":
            bent = (middle > 0.0) & (middle < 1.0)
            odds = middle / (1.0 - middle)
            spread = np.exp(reach / (middle * (1.0 - middle)))
            low = 1.0 / (1.0 + spread / odds)
            high = 1.0 / (1.0 + 1.0 / (odds * spread))
            lower = np.where(bent, low, np.clip(lower, 0.0, 1.0))
            upper = np.where(bent, high, np.clip(upper, 0.0, 1.0))
    return Interval(middle, lower, upper, confidence)


def proportion_interval(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    confidence: float = 0.95,
    method: Literal["wilson", "agresti_coull", "clopper_pearson", "jeffreys", "wald"] = "wilson",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper ends of an interval for a share.

    Parameters
    ----------
    successes, trials : array_like
        0 <= successes <= trials, trials above 0; they broadcast.
    confidence : float
        Coverage, between 0 and 1.
    method : str
        "wilson" (the score interval; good at any n), "agresti_coull", "clopper_pearson" (never covers less than
        `confidence`), "jeffreys", or "wald" (the textbook normal one, poor near 0 and 1).

    Raises
    ------
    InvalidDataError
        Naming the first row whose counts are impossible.
    InvalidValueError
        For a confidence or a method that does not exist.

    References
    ----------
    .. [1] Brown, Cai & DasGupta (2001), Statistical Science 16(2), 101-133.

    Examples
    --------
    >>> low, high = proportion_interval(8, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4902, 0.9433)
    """
    from scipy import stats

    if not 0.0 < confidence < 1.0:
        raise InvalidValueError("confidence", confidence, "give a number between 0 and 1, such as 0.95")
    x, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    for name, counts, refused in (
        ("trials", n, ~(np.isfinite(n) & (n > 0.0))),
        ("successes", x, ~(np.isfinite(x) & (x >= 0.0) & (x <= n))),
    ):
        if refused.any():
            row = int(np.argmax(refused))
            fix = "give a count above 0" if name == "trials" else "give a count between 0 and the trials"
            raise InvalidDataError(name, row, float(counts.ravel()[row]), fix)
    tail = (1.0 - confidence) / 2.0
    z = float(stats.norm.isf(tail))
    p = x / n
    if method == "clopper_pearson":
        with np.errstate(invalid="ignore"):  # the ends 0 and 1 have no beta distribution; they are set below
            low, high = stats.beta.ppf(tail, x, n - x + 1.0), stats.beta.isf(tail, x + 1.0, n - x)
        return np.where(x == 0.0, 0.0, low), np.where(x == n, 1.0, high)
    if method == "jeffreys":
        low, high = stats.beta.ppf(tail, x + 0.5, n - x + 0.5), stats.beta.isf(tail, x + 0.5, n - x + 0.5)
        return np.asarray(low), np.asarray(high)
    if method == "wald":
        centre, half = p, z * np.sqrt(p * (1.0 - p) / n)
    elif method in {"wilson", "agresti_coull"}:
        centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n)
        half = z / (1.0 + z * z / n) * np.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n))
        if method == "agresti_coull":
            half = z * np.sqrt(centre * (1.0 - centre) / (n + z * z))
    else:
        raise InvalidValueError("method", method, "give wilson, agresti_coull, clopper_pearson, jeffreys or wald")
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
