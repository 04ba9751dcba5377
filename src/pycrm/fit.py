"""What a fit found: the model, how sure we are of it, and whether the search ended at its optimum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["Fit", "Scale", "proportion_interval"]

M = TypeVar("M")

Scale: TypeAlias = Literal["log", "identity"]
"""In what a parameter is searched and its interval is symmetric: "log" for one that is above 0, "identity" for one of either sign."""


@frozen(kw_only=True, eq=False)
class Fit(Generic[M]):
    """What fitting a model to data found.

    Parameters
    ----------
    model : M
        The model at the maximum; a value that can be used, saved and compared on its own.
    log_likelihood : float
        Its log-likelihood, over all rows and weights.
    names : tuple of str
        The estimated parameters, in the order of `covariance`.
    covariance : ndarray, shape (k, k)
        Asymptotic covariance of the parameters, from the exact Hessian; NaN where it does not exist.
    converged : bool
        Whether the gradient vanished.
    gradient_norm : float
        Largest absolute derivative of the mean log-likelihood in any log parameter.
    steps : int
        Evaluations of the likelihood.
    weight : float
        Total weight of the rows: customers, where each row is one.
    notes : tuple of str
        What the reader should know: boundaries reached, rows left out under a policy.
    scales : tuple of Scale
        On which scale the interval of each parameter is symmetric; none given means "log" for all.
    """

    model: M
    log_likelihood: float
    names: tuple[str, ...]
    covariance: NDArray[np.float64] = field(repr=False)
    converged: bool
    gradient_norm: float
    steps: int
    weight: float
    notes: tuple[str, ...] = ()
    scales: tuple[Scale, ...] = ()

    @property
    def standard_errors(self) -> Mapping[str, float]:
        """Asymptotic standard error of each parameter."""
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2k - 2 log L; smaller is better."""
        return 2.0 * len(self.names) - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, k log n - 2 log L; smaller is better."""
        return len(self.names) * float(np.log(self.weight)) - 2.0 * self.log_likelihood

    @property
    def parameters(self) -> Mapping[str, float]:
        """The estimates by name."""
        return {name: getattr(self.model, name) for name in self.names}

    def evolve(self, **changes: Any) -> Fit[M]:
        """Return a copy with `changes`."""
        return attrs.evolve(self, **changes)


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
