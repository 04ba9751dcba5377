"""What a fit found: the model, how sure we are of it, and whether the search ended at its optimum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

__all__ = ["Fit", "Scale"]

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
