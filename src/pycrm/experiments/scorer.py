"""What predicts an outcome inside an uplift learner: two small regressions of ours, or any estimator of yours."""

from __future__ import annotations

import copy
from typing import Any, Protocol

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidValueError, NotEstimableError

__all__ = ["LinearScorer", "LogisticScorer", "Scorer"]

Array = NDArray[np.float64]


class Scorer(Protocol):
    """Anything with `fit(X, y)` that returns something with `predict_proba(X)` or `predict(X)`: scikit-learn's, or ours.

    It is copied before each fit, so one scorer serves several arms.
    """

    def fit(self, X: Array, y: Array, /) -> Any:
        """Learn `y` from the rows of `X`, and return what predicts."""
        ...


def _read_penalty(penalty: float) -> float:
    if not (np.isfinite(penalty) and penalty >= 0.0):
        raise InvalidValueError("penalty", penalty, "give a number of at least 0")
    return float(penalty)


@frozen(kw_only=True)
class LinearPredictor:
    """A fitted linear score; `logistic` turns it into a probability.

    Parameters
    ----------
    intercept : float
        Score where every column is 0.
    coefficients : tuple of float
        Of each column.
    logistic : bool
        Whether the score is a log-odds.
    gradient_norm, steps : float, int
        Largest derivative of the mean penalised log-likelihood where the search ended, and the steps it took.
    """

    intercept: float
    coefficients: tuple[float, ...]
    logistic: bool
    gradient_norm: float = 0.0
    steps: int = 1

    def predict(self, X: Array) -> Array:
        """Return the expected outcome of each row."""
        score = X @ np.asarray(self.coefficients) + self.intercept
        if not self.logistic:
            return np.asarray(score)
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * score)))


def _standardised(X: Array) -> tuple[Array, Array, Array]:
    centre, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(scale > 1e-12 * (1.0 + np.abs(centre)), scale, 1.0)
    return (X - centre) / scale, centre, scale


@frozen(kw_only=True)
class LinearScorer:
    """Least squares with a ridge on the standardised columns.

    Parameters
    ----------
    penalty : float
        Ridge, in units (rows); 0 is plain least squares.

    Examples
    --------
    >>> model = LinearScorer(penalty=0.0).fit(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]))
    >>> model.predict(np.array([[3.0]])).round(6).tolist()
    [7.0]
    """

    penalty: float = field(default=1.0, converter=_read_penalty)

    def fit(self, X: Array, y: Array, /) -> LinearPredictor:
        """Return the predictor that `X` and `y` determine."""
        Z, centre, scale = _standardised(X)
        gram = Z.T @ Z + self.penalty * np.eye(Z.shape[1])
        slope = np.linalg.lstsq(gram, Z.T @ (y - y.mean()), rcond=None)[0] / scale
        return LinearPredictor(
            intercept=float(y.mean() - centre @ slope), coefficients=tuple(slope.tolist()), logistic=False
        )


@frozen(kw_only=True)
class LogisticScorer:
    """Logistic regression with a ridge on the standardised columns, by Newton's method.

    Parameters
    ----------
    penalty : float
        Ridge, in units (rows), above 0, so that separated data still have an answer.
    steps : int
        Most Newton steps.

    Examples
    --------
    >>> X, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0.0, 0.0, 0.0, 1.0])
    >>> LogisticScorer().fit(X, y).predict(X).round(2).tolist()
    [0.15, 0.15, 0.35, 0.35]
    """

    penalty: float = field(default=1.0, converter=_read_penalty)
    steps: int = 50

    def __attrs_post_init__(self) -> None:
        if self.penalty == 0.0:
            raise InvalidValueError(
                "penalty", self.penalty, "give a number above 0: separated data have no answer at 0"
            )

    def fit(self, X: Array, y: Array, /) -> LinearPredictor:
        """Return the predictor that `X` and `y` (0 and 1) determine."""
        if not 0.0 < float(y.mean()) < 1.0:
            raise NotEstimableError("a logistic regression", f"every outcome of the {len(y)} rows is {y[0]:g}")
        Z, centre, scale = _standardised(X)
        Z = np.column_stack([np.ones(len(Z)), Z])
        ridge = np.full(Z.shape[1], self.penalty)
        ridge[0] = 0.0
        mean = float(y.mean())
        beta = np.zeros(Z.shape[1])
        beta[0] = np.log(mean / (1.0 - mean))

        def slope_at(b: Array) -> tuple[Array, Array]:
            p = 0.5 * (1.0 + np.tanh(0.5 * (Z @ b)))
            return p, Z.T @ (y - p) - ridge * b

        p, slope = slope_at(beta)
        taken = 0
        while float(np.abs(slope).max()) > 1e-9 * len(y) and taken < self.steps:
            taken += 1
            curve = (Z * (p * (1.0 - p))[:, None]).T @ Z + np.diag(ridge)
            step = np.linalg.solve(curve + 1e-12 * len(y) * np.eye(len(beta)), slope)
            length = 1.0
            moved = slope_at(beta + step)
            # Newton overshoots where the probabilities saturate. Its step shortens the gradient if it is short enough itself,
            # and the ridge leaves one place where the gradient vanishes.
            while float(moved[1] @ moved[1]) > float(slope @ slope) and length > 1e-8:
                length /= 2.0
                moved = slope_at(beta + length * step)
            beta = beta + length * step
            p, slope = moved
        norm = float(np.abs(slope).max()) / len(y)
        coefficients = beta[1:] / scale
        return LinearPredictor(
            intercept=float(beta[0] - centre @ coefficients),
            coefficients=tuple(coefficients.tolist()),
            logistic=True,
            gradient_norm=norm,
            steps=taken,
        )


@frozen(kw_only=True, eq=False)
class Foreign:
    """A fitted estimator of another library, behind our one method."""

    estimator: Any

    def predict(self, X: Array) -> Array:
        """Return the probability of the last class, or the predicted number, of each row."""
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(X), dtype=np.float64)[:, -1]
        return np.asarray(self.estimator.predict(X), dtype=np.float64)


def fitted(scorer: Scorer, X: Array, y: Array) -> LinearPredictor | Foreign:
    """Return what a copy of `scorer` learned."""
    if not hasattr(scorer, "fit"):
        raise InvalidValueError("scorer", scorer, "give an object with fit(X, y), such as LogisticScorer()")
    found = copy.deepcopy(scorer).fit(X, y)
    if isinstance(found, LinearPredictor):
        return found
    if not hasattr(found, "predict_proba") and not hasattr(found, "predict"):
        raise InvalidValueError("scorer", scorer, "its fit must return an object with predict_proba or predict")
    if hasattr(found, "predict_proba") and len(np.unique(y)) < 2:
        raise NotEstimableError("a classifier", f"every outcome of the {len(y)} rows is {y[0]:g}")
    return Foreign(estimator=found)
