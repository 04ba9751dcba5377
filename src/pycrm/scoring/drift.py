"""Whether the world has moved since the fit: population stability of scores and of each column of a scorecard."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.scoring.scorecard import Scorecard

__all__ = ["Drift", "population_stability", "scorecard_drift"]


@frozen(kw_only=True)
class Drift:
    """How far one distribution has moved.

    Parameters
    ----------
    name : str
        The column, or "score".
    psi : float
        Population stability index.
    verdict : {"stable", "watch", "shifted"}
        Below .10, up to .25, above: rules of thumb, not tests.
    largest : str
        The bin that moved most, and its two shares.
    """

    name: str
    psi: float
    verdict: str
    largest: str


def population_stability(expected: ArrayLike, actual: ArrayLike, *, floor: float = 0.5) -> float:
    """Return the population stability index of two sets of counts over the same bins.

    Parameters
    ----------
    expected, actual : array_like
        Counts of each bin, then and now.
    floor : float
        What an empty bin counts as, where only one of the two is empty.

    Notes
    -----
    Sum of (actual share - expected share) ln(actual share / expected share): the symmetrised Kullback-Leibler divergence.

    Examples
    --------
    >>> population_stability([50, 50], [50, 50]), round(population_stability([50, 50], [70, 30]), 4)
    (0.0, 0.1695)
    """
    then = table.numbers({"expected": np.asarray(expected).reshape(-1)}, "expected", minimum=0.0)
    now = table.numbers({"actual": np.asarray(actual).reshape(-1)}, "actual", minimum=0.0)
    if len(then) != len(now):
        raise InvalidDataError("actual", None, len(now), f"give one count for each of the {len(then)} bins")
    if not floor > 0:
        raise InvalidValueError("floor", floor, "give a count above 0")
    if not then.sum() or not now.sum():
        raise NotEstimableError("the population stability", "one of the two has no rows")
    used = (then > 0) | (now > 0)
    a, b = np.maximum(then[used], floor), np.maximum(now[used], floor)
    a, b = a / a.sum(), b / b.sum()
    return float(((b - a) * np.log(b / a)).sum())


def scorecard_drift(model: Scorecard, then: table.Frame | None, now: table.Frame) -> tuple[Drift, ...]:
    """Return the drift of the points and of each column, most moved first.

    Parameters
    ----------
    model : Scorecard
        Its bins are the bins.
    then : frame, optional
        The rows of the fit; without it, the counts in the bins stand for them, and the drift of the points is left out.
    now : frame
        New rows.

    Examples
    --------
    >>> fit = Scorecard.fit({"asked": ["yes", "yes", "no", "no"] * 9}, [1, 1, 0, 1] * 9)
    >>> [drift.verdict for drift in scorecard_drift(fit.model, None, {"asked": ["no"] * 9 + ["yes"]})]
    ['shifted']
    """
    fresh = table.eager(now)
    found = []
    for of_column in model.bins:
        size = len(of_column.labels)
        before = np.asarray(of_column.trials) if then is None else np.bincount(of_column.index(then), minlength=size)
        after = np.bincount(of_column.index(fresh), minlength=size)
        found.append(_drift(of_column.column, of_column.labels, before, after))
    if then is not None:
        scores = model.points(then)
        edges = np.unique(np.quantile(scores, np.arange(1, 10) / 10))
        labels = tuple(f"tenth {place + 1}" for place in range(len(edges) + 1))
        counts = [
            np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
            for values in (scores, model.points(fresh))
        ]
        found.append(_drift("score", labels, *counts))
    return tuple(sorted(found, key=lambda drift: -drift.psi))


def _drift(name: str, labels: tuple[str, ...], before: NDArray[Any], after: NDArray[Any]) -> Drift:
    psi = population_stability(before, after)
    a, b = before / before.sum(), after / after.sum()
    most = int(np.argmax(np.abs(a - b)))
    verdict = "stable" if psi < 0.10 else "watch" if psi <= 0.25 else "shifted"
    return Drift(name=name, psi=psi, verdict=verdict, largest=f"{labels[most]}: {a[most]:.3f} then, {b[most]:.3f} now")
