"""Make scores mean what they say: isotonic and Platt calibration, prior correction, rates that start from their parent's."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit, xlogy

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit
from pycrm.scoring.binning import checked_labels
from pycrm.scoring.logistic import logistic

__all__ = ["Isotonic", "Platt", "prior_correction", "shrunken_rates"]


@frozen(kw_only=True)
class Platt:
    """A straight line on the log odds: probability = expit(intercept + slope * logit(score)).

    Examples
    --------
    >>> Platt(intercept=0.0, slope=1.0)([0.2, 0.5]).round(6).tolist()
    [0.2, 0.5]

    References
    ----------
    .. [1] Platt (1999); on log odds instead of margins, so that slope 1 and intercept 0 change nothing.
    """

    intercept: float
    slope: float

    @classmethod
    def fit(cls, scores: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None) -> Fit[Platt]:
        """Learn the line from scores in (0, 1) and outcomes of rows the scorer has not seen.

        Raises
        ------
        NotEstimableError
            If all labels are alike, or the scores separate them perfectly.
        """
        given, events, weight = _checked(scores, y, weights)
        design = np.stack([np.ones(len(given)), logit(np.clip(given, 1e-12, 1.0 - 1e-12))], axis=1)
        found = logistic(design, events, weights=weight, ridge=np.zeros(2))
        return Fit(
            model=cls(intercept=float(found.coefficients[0]), slope=float(found.coefficients[1])),
            log_likelihood=found.log_likelihood,
            names=("intercept", "slope"),
            scales=("identity", "identity"),
            covariance=found.covariance,
            converged=found.converged,
            gradient_norm=found.gradient_norm,
            steps=found.steps,
            weight=float(weight.sum()),
        )

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probability of each score."""
        chance: NDArray[np.float64] = expit(
            self.intercept + self.slope * logit(np.clip(_probabilities(scores), 1e-12, 1.0 - 1e-12))
        )
        return chance


@frozen(kw_only=True)
class Isotonic:
    """The best rising step function from scores to probabilities, straight lines between its steps.

    Parameters
    ----------
    scores, probabilities : tuple of float
        The corners, both ascending.

    Examples
    --------
    >>> Isotonic.fit([0.1, 0.2, 0.3, 0.9], [0, 1, 0, 1]).model([0.05, 0.25, 0.6, 1.0]).tolist()
    [0.0, 0.5, 0.75, 1.0]
    """

    scores: tuple[float, ...] = field(repr=False)
    probabilities: tuple[float, ...] = field(repr=False)

    @classmethod
    def fit(cls, scores: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None) -> Fit[Isotonic]:
        """Learn the steps (pool adjacent violators) from outcomes of rows the scorer has not seen."""
        given, events, weight = _checked(scores, y, weights)
        kept = weight > 0
        distinct, place = np.unique(given[kept], return_inverse=True)
        mass = np.bincount(place, weights=weight[kept])
        mean = np.bincount(place, weights=(weight * events)[kept]) / mass
        level = np.asarray(isotonic_regression(mean, weights=mass).x)
        corner = np.ones(len(level), dtype=bool)
        corner[1:-1] = (level[1:-1] != level[:-2]) | (level[1:-1] != level[2:])
        model = cls(scores=tuple(distinct[corner].tolist()), probabilities=tuple(level[corner].tolist()))
        hits = mass * mean
        return Fit(
            model=model,
            log_likelihood=float((xlogy(hits, level) + xlogy(mass - hits, 1.0 - level)).sum()),
            names=(),
            covariance=np.empty((0, 0)),
            converged=True,
            gradient_norm=0.0,
            steps=1,
            weight=float(weight.sum()),
        )

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probability of each score; beyond the outer scores, that of the outer ones."""
        chance: NDArray[np.float64] = np.interp(_probabilities(scores), self.scores, self.probabilities)
        return chance


def prior_correction(probability: ArrayLike, *, sampled: float, true: float) -> NDArray[np.float64]:
    """Undo sampling of classes: shift log odds from the base rate of the training rows to the true one.

    Parameters
    ----------
    probability : array_like
        As the model, trained on the sample, gave them.
    sampled, true : float
        Share of events in the training rows and in the world, inside (0, 1).

    Notes
    -----
    King & Zeng (2001), equation 7. Resampling "balances" nothing but the intercept; this puts it back.

    Examples
    --------
    >>> prior_correction([0.5, 0.9], sampled=0.5, true=0.1).round(4).tolist()
    [0.1, 0.5]
    """
    for name, share in (("sampled", sampled), ("true", true)):
        if not 0.0 < share < 1.0:
            raise InvalidValueError(name, share, "give a share above 0 and below 1")
    shift = logit(true) - logit(sampled)
    with np.errstate(divide="ignore"):
        corrected: NDArray[np.float64] = expit(logit(_probabilities(probability)) + shift)
    return corrected


def shrunken_rates(
    events: ArrayLike, trials: ArrayLike, *, parent: float | None = None, strength: float | None = None
) -> NDArray[np.float64]:
    """Rates of groups, each drawn to the rate of their parent as far as it is small: a cold start begins at the parent.

    Parameters
    ----------
    events, trials : array_like
        Of each group; 0 <= events <= trials; a new group has 0 trials.
    parent : float, optional
        Rate of the parent segment; that of all groups together by default.
    strength : float, optional
        Trials the parent counts for; found by the method of moments by default (all groups alike: they all get the parent's).

    Notes
    -----
    Posterior mean of a beta-binomial with mean `parent` and precision `strength`.

    Examples
    --------
    >>> shrunken_rates([0, 30, 0], [0, 100, 10], parent=0.2, strength=10).round(3).tolist()
    [0.2, 0.291, 0.1]
    """
    count = table.numbers({"trials": np.asarray(trials).reshape(-1)}, "trials", minimum=0.0)
    hits = table.numbers({"events": np.asarray(events).reshape(-1)}, "events", minimum=0.0)
    if len(count) != len(hits):
        raise InvalidDataError("events", None, len(hits), f"give one for each of the {len(count)} groups")
    if (hits > count).any():
        row = int(np.argmax(hits > count))
        raise InvalidDataError("events", row, float(hits[row]), f"give at most its {count[row]:g} trials")
    if parent is None:
        if count.sum() <= 0:
            raise NotEstimableError("the parent's rate", "no group has a trial; give parent=")
        parent = float(hits.sum() / count.sum())
    if not 0.0 <= parent <= 1.0:
        raise InvalidValueError("parent", parent, "give a rate from 0 to 1")
    if strength is None:
        strength = _strength(hits, count, parent)
    if not strength >= 0:
        raise InvalidValueError("strength", strength, "give a number of trials of at least 0")
    if np.isinf(strength):
        return np.full(len(count), parent)
    with np.errstate(invalid="ignore"):
        rates = (hits + strength * parent) / (count + strength)
    return np.where(count + strength > 0, rates, parent)


def _strength(hits: NDArray[np.float64], count: NDArray[np.float64], parent: float) -> float:
    """Return the precision whose beta-binomial has the observed spread between groups (Kleinman 1973); infinite if there is none."""
    known = count > 0
    if known.sum() < 2 or parent in {0.0, 1.0}:
        return np.inf
    n, p = count[known], hits[known] / count[known]
    spread = (n * (p - parent) ** 2).sum()
    chance = parent * (1.0 - parent)
    between = (spread - chance * (len(n) - 1)) / (n.sum() - (n**2).sum() / n.sum())
    if between <= 0:
        return np.inf
    return float(max(chance / between - 1.0, 0.0))


def _probabilities(scores: Any) -> NDArray[np.float64]:
    try:
        given = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidDataError("scores", None, scores, "give numbers from 0 to 1") from None
    wrong = ~((given >= 0.0) & (given <= 1.0))
    if wrong.any():
        row = int(np.argmax(wrong.reshape(-1)))
        raise InvalidDataError("scores", row, float(given.reshape(-1)[row]), "give a number from 0 to 1")
    return given


def _checked(
    scores: ArrayLike, y: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    given = _probabilities(np.asarray(scores).reshape(-1))
    events, weight = checked_labels(y, len(given), weights)
    if (weight * events).sum() <= 0 or (weight * (1.0 - events)).sum() <= 0:
        raise NotEstimableError("the calibration", "every label is the same; give rows with the event and rows without")
    return given, events, weight
