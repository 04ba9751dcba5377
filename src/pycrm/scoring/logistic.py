"""Logistic regression by Newton's method (IRLS): ridge, offset and weights; the one search behind scorecards and calibration."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.special import expit

from pycrm.errors import NotEstimableError

__all__ = ["LogisticResult", "logistic"]

BLOCK = 256


@frozen(kw_only=True, eq=False)
class LogisticResult:
    """Where the search ended."""

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64] = field(repr=False)
    log_likelihood: float
    gradient_norm: float
    steps: int
    converged: bool


def logistic(
    design: NDArray[np.float64],
    events: NDArray[np.float64],
    *,
    weights: NDArray[np.float64],
    ridge: NDArray[np.float64],
    offset: NDArray[np.float64] | float = 0.0,
    max_steps: int = 100,
) -> LogisticResult:
    """Maximise the weighted log-likelihood minus half the ridge penalty.

    Parameters
    ----------
    design : ndarray, shape (n, k)
        With a column of ones, if an intercept is wanted.
    events, weights : ndarray, shape (n,)
        0 to 1, and the weight of each row.
    ridge : ndarray, shape (k,)
        Penalty of each squared coefficient; 0 for the intercept.
    offset : ndarray or float
        Added to the log odds of each row, not estimated.

    Raises
    ------
    NotEstimableError
        If the rows are perfectly separated and nothing penalises it, or columns are collinear.
    """
    total = max(float(weights.sum()), 1e-300)
    beta = np.zeros(design.shape[1])
    value = _objective(design, events, weights, ridge, offset, beta=beta)
    gradient, hessian = np.zeros_like(beta), np.eye(len(beta))
    steps = 0
    norm = np.inf
    while steps < max_steps:
        steps += 1
        odds = _times(design, beta) + offset
        probability = expit(odds)
        gradient = np.einsum("ij,i->j", design, weights * (events - probability)) - ridge * beta
        norm = float(np.abs(gradient).max(initial=0.0)) / total
        spread = weights * probability * (1.0 - probability)
        hessian = _crossed(design, spread) + np.diag(ridge)
        if norm < 1e-10:
            break
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            step = np.full_like(beta, np.nan)
        if not np.isfinite(step).all() or np.abs(beta).max(initial=0.0) > 1e4:
            raise NotEstimableError(
                "the coefficients",
                "the rows are perfectly separated or columns repeat each other; give a ridge above 0",
            )
        share = 1.0
        while share > 1e-8:
            tried = _objective(design, events, weights, ridge, offset, beta=beta + share * step)
            if tried >= value - 1e-12 * abs(value):
                break
            share /= 2.0
        beta, value = beta + share * step, tried
    with np.errstate(all="ignore"):
        covariance = np.linalg.pinv(hessian).astype(np.float64)
    odds = _times(design, beta) + offset
    likelihood = float((weights * (events * odds - np.logaddexp(0.0, odds))).sum())
    if not ridge.any() and likelihood > -1e-6 * total:
        raise NotEstimableError("the coefficients", "the rows are perfectly separated; give a ridge above 0")
    return LogisticResult(
        coefficients=beta,
        covariance=covariance,
        log_likelihood=likelihood,
        gradient_norm=norm,
        steps=steps,
        converged=norm < 1e-8,
    )


def _objective(
    design: NDArray[np.float64],
    events: NDArray[np.float64],
    weights: NDArray[np.float64],
    ridge: NDArray[np.float64],
    offset: NDArray[np.float64] | float,
    *,
    beta: NDArray[np.float64],
) -> float:
    odds = _times(design, beta) + offset
    return float((weights * (events * odds - np.logaddexp(0.0, odds))).sum() - 0.5 * (ridge * beta * beta).sum())


def _times(design: NDArray[np.float64], beta: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = np.einsum("ij,j->i", design, beta)
    return product


def _crossed(design: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return design' diag(spread) design, in blocks: threads of a linear algebra library cost more than they save here."""
    rows = len(design) // BLOCK * BLOCK
    whole = design[:rows].reshape(-1, BLOCK, design.shape[1])
    inside = (whole * spread[:rows].reshape(-1, BLOCK, 1)).transpose(0, 2, 1) @ whole
    rest = design[rows:]
    crossed: NDArray[np.float64] = inside.sum(axis=0) + (rest.T * spread[rows:]) @ rest
    return crossed
