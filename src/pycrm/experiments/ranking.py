"""How well a score ranks units by what the treatment does to them: Qini and the area under the uplift curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.experiments.arms import check_confidence, is_binary, treated, vector

__all__ = ["RankingScore", "UpliftCurve", "auuc", "qini", "uplift_curve"]

Array = NDArray[np.float64]
Kind = Literal["qini", "uplift"]

# Between two of so many places the curve of a replicate is straight but for noise that averages out in its area.
_PLACES = 2048


@frozen(kw_only=True, eq=False)
class UpliftCurve:
    """What treating the best-ranked units gains, by how many are treated.

    Parameters
    ----------
    population : ndarray
        Units ranked so far, from 0 to all; units of equal score come as one step.
    gain : ndarray
        Gain among them. "qini": outcomes of the treated less those of the controls, scaled to as many (Radcliffe). "uplift":
        the difference of the means times the units.
    kind : str
        Which of the two.
    """

    population: Array
    gain: Array
    kind: Kind

    @property
    def area(self) -> float:
        """Area under the curve, by trapezoids."""
        return float(np.trapezoid(self.gain, self.population))

    @property
    def random_area(self) -> float:
        """Area under the straight line to the end: what ranking by chance expects."""
        return 0.5 * float(self.gain[-1] * self.population[-1])


@frozen(kw_only=True, eq=False)
class RankingScore:
    """How far a ranking beats chance.

    Parameters
    ----------
    coefficient : float
        (area - random area) / |random area|: 0 for chance, above 0 for better, on one scale whatever the sign of the effect.
    interval : tuple of float
        Percentile bootstrap interval at `confidence`, of resampling units within the arms; the score is taken as given. With
        more than 4,096 different scores each replicate reads its curve at 2,049 places.
    confidence : float
        Coverage of `interval`.
    standard_error : float
        Standard deviation of the replicates.
    curve : UpliftCurve
        The curve.
    scikit_uplift : float or None
        The same ranking on the scale of scikit-uplift, (area - random) / (perfect - random); None unless outcomes are 0 and 1.
    causalml : float
        On the scale of causalml, whose areas are means over rows of a curve that ends at 1. It breaks ties by the order of
        the rows, so with ties the two libraries' numbers differ.
    n_control, n_treated : int
        Units of each arm.
    replicates : int
        Bootstrap samples.
    """

    coefficient: float
    interval: tuple[float, float]
    confidence: float
    standard_error: float
    curve: UpliftCurve
    scikit_uplift: float | None
    causalml: float
    n_control: int
    n_treated: int
    replicates: int


@frozen(kw_only=True, eq=False)
class _Ranked:
    """Both arms in the order of the score, and where each step of equal scores ends in them."""

    outcome: tuple[Array, Array]
    end: tuple[NDArray[np.int64], NDArray[np.int64]]

    def coarse(self) -> _Ranked:
        """Return the same ranking read at no more than some thousand places, for the replicates."""
        steps = len(self.end[0])
        if steps <= 2 * _PLACES:
            return self
        kept = np.linspace(0, steps - 1, _PLACES + 1).round().astype(np.int64)
        return _Ranked(outcome=self.outcome, end=(self.end[0][kept], self.end[1][kept]))

    def curve(self, kind: Kind, weights: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None) -> UpliftCurve:
        n, y = [], []
        for arm in (0, 1):
            values, end = self.outcome[arm], self.end[arm]
            if weights is None:
                n.append(end.astype(np.float64))
                total = np.cumsum(values)
            else:
                n.append(_until(np.cumsum(weights[arm]), end))
                total = np.cumsum(weights[arm] * values)
            y.append(_until(total, end))
        if kind == "qini":
            gain = y[1] - np.divide(y[0] * n[1], n[0], out=np.zeros_like(y[0]), where=n[0] > 0.0)
        else:
            means = [np.divide(y[k], n[k], out=np.zeros_like(y[k]), where=n[k] > 0.0) for k in (0, 1)]
            gain = (means[1] - means[0]) * (n[0] + n[1])
        return UpliftCurve(population=n[0] + n[1], gain=gain, kind=kind)


def _until(total: NDArray[Any], end: NDArray[np.int64]) -> Array:
    """Return the running `total` before each place in `end`."""
    return np.where(end > 0, total[np.maximum(end, 1) - 1], 0.0)


def _ranked(outcome: Array, mask: NDArray[np.bool_], score: Array) -> _Ranked:
    order = np.argsort(-score, kind="stable")
    mask, outcome, score = mask[order], outcome[order], score[order]
    last = np.concatenate([score[1:] != score[:-1], [True]])
    ends = [np.concatenate([[0], np.cumsum(own)[last]]).astype(np.int64) for own in (~mask, mask)]
    return _Ranked(outcome=(outcome[~mask], outcome[mask]), end=(ends[0], ends[1]))


def _read(outcome: ArrayLike, treatment: ArrayLike, uplift: ArrayLike) -> tuple[Array, NDArray[np.bool_], Array]:
    values = vector(outcome, "outcome")
    mask = treated(treatment, len(values))
    return values, mask, vector(uplift, "uplift", len(values))


def uplift_curve(outcome: ArrayLike, treatment: ArrayLike, uplift: ArrayLike, *, kind: Kind = "qini") -> UpliftCurve:
    """Return what treating units in the order of `uplift` gains; parameters as in `qini`.

    Examples
    --------
    >>> curve = uplift_curve([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], [0] * 5 + [1] * 5, [0, 0.1, 0.2, 0.3, 0.4] * 2)
    >>> curve.gain.tolist(), curve.area, curve.random_area
    ([0.0, 0.0, 1.0, 2.0, 2.0, 2.0], 12.0, 10.0)
    """
    values, mask, score = _read(outcome, treatment, uplift)
    if kind not in {"qini", "uplift"}:
        raise InvalidValueError("kind", kind, "give 'qini' or 'uplift'")
    return _ranked(values, mask, score).curve(kind)


def _score(curve: UpliftCurve) -> float:
    chance = curve.random_area
    return (curve.area - chance) / abs(chance) if chance else np.nan


def _perfect(values: Array, mask: NDArray[np.bool_], kind: Kind) -> UpliftCurve:
    """Return the best curve hindsight allows, as scikit-uplift ranks it."""
    if kind == "qini":
        best = values * np.where(mask, 1.0, -1.0)
    else:
        responders, refusers = np.sum((values == 1.0) & ~mask), np.sum((values == 0.0) & mask)
        best = 2.0 * (values == mask) + (values if responders > refusers else mask)
    return _ranked(values, mask, best).curve(kind)


def _ranking(
    outcome: ArrayLike,
    treatment: ArrayLike,
    uplift: ArrayLike,
    *,
    kind: Kind,
    replicates: int,
    confidence: float,
    rng: np.random.Generator | int,
    progress: Callable[[int, int], None] | None,
) -> RankingScore:
    check_confidence(confidence)
    if replicates < 20:
        raise InvalidValueError(
            "replicates", replicates, "give at least 20 bootstrap samples; 1000 for a 95 % interval"
        )
    values, mask, score = _read(outcome, treatment, uplift)
    if values.min() == values.max():
        raise NotEstimableError("the ranking score", f"every outcome is {values[0]:g}")
    ranked = _ranked(values, mask, score)
    curve = ranked.curve(kind)
    coefficient = _score(curve)
    if not np.isfinite(coefficient):
        raise NotEstimableError("the ranking score", "the whole effect is exactly 0, and the score divides by it")
    draws = np.random.default_rng(rng)
    found = np.empty(replicates)
    sizes = tuple(len(arm) for arm in ranked.outcome)
    coarse = ranked.coarse()
    for k in range(replicates):
        drawn = [np.bincount(draws.integers(0, size, size, dtype=np.int32), minlength=size) for size in sizes]
        found[k] = _score(coarse.curve(kind, (drawn[0], drawn[1])))
        if progress is not None:
            progress(k + 1, replicates)
    found = found[np.isfinite(found)]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail])
    n = len(values)
    shift = 0.0 if kind == "qini" else 0.5 * (n + 1) * np.sign(curve.random_area)
    perfect = _perfect(values, mask, kind) if is_binary(values) else None
    room = perfect.area - perfect.random_area if perfect is not None else 0.0
    return RankingScore(
        coefficient=coefficient,
        interval=(float(low), float(high)),
        confidence=confidence,
        standard_error=float(found.std(ddof=1)),
        curve=curve,
        scikit_uplift=(curve.area - curve.random_area) / room if room else None,
        causalml=float((0.5 * n * coefficient + shift) / (n + 1)),
        n_control=sizes[0],
        n_treated=sizes[1],
        replicates=replicates,
    )


def qini(
    outcome: ArrayLike,
    treatment: ArrayLike,
    uplift: ArrayLike,
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    rng: np.random.Generator | int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> RankingScore:
    """Return the Qini coefficient of a ranking with its interval.

    Parameters
    ----------
    outcome : array_like
        0 and 1, or amounts, of a randomised experiment the score was not learned on.
    treatment : array_like of 0 and 1
        Who was treated.
    uplift : array_like
        The score; only its order counts, and equal scores are one step.
    replicates : int
        Bootstrap samples.
    confidence : float
        Coverage of the interval.
    rng : Generator or int
        Where the samples come from; the same seed gives the same interval.
    progress : callable, optional
        Called with samples done and all.

    Raises
    ------
    NotEstimableError
        If an arm is empty, the outcome never varies, or the whole effect is 0: the coefficient divides by it.

    Notes
    -----
    On an experiment of 64,000 units two good learners cannot be told apart; read the interval before ranking models.

    References
    ----------
    .. [1] Radcliffe (2007), Direct Marketing Analytics Journal 3, 14-21.

    Examples
    --------
    >>> found = qini([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], [0] * 5 + [1] * 5, [0, 0.1, 0.2, 0.3, 0.4] * 2)
    >>> round(found.coefficient, 3), round(found.scikit_uplift, 4)
    (0.2, 0.1333)
    """
    return _ranking(
        outcome,
        treatment,
        uplift,
        kind="qini",
        replicates=replicates,
        confidence=confidence,
        rng=rng,
        progress=progress,
    )


def auuc(
    outcome: ArrayLike,
    treatment: ArrayLike,
    uplift: ArrayLike,
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    rng: np.random.Generator | int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> RankingScore:
    """Return the same of the uplift curve, (difference of means) x units; parameters and errors as in `qini`.

    The two differ where the share of the treated changes along the ranking.

    References
    ----------
    .. [1] Gutierrez & Gérardy (2017), PMLR 67, 1-13, section 4.1.

    Examples
    --------
    >>> found = auuc([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], [0] * 5 + [1] * 5, [0, 0.1, 0.2, 0.3, 0.4] * 2)
    >>> round(found.coefficient, 3)
    0.2
    """
    return _ranking(
        outcome,
        treatment,
        uplift,
        kind="uplift",
        replicates=replicates,
        confidence=confidence,
        rng=rng,
        progress=progress,
    )
