"""How good a score is: ranking, calibration and money, each with an interval, on rows the model has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.scoring.binning import checked_labels
from pycrm.scoring.calibration import _probabilities

__all__ = ["Evaluation", "ThresholdChoice", "best_threshold", "evaluate"]

MEASURES = ("auc", "average_precision", "ks", "lift", "brier", "log_loss", "ece")


@frozen(kw_only=True, eq=False)
class Evaluation:
    """What a score is worth on these rows.

    Parameters
    ----------
    rows, events : float
        Weight of all rows, and of those with the event.
    auc : float
        Chance that a row with the event scores above one without; ties count half.
    average_precision : float
        Area under precision over recall, by steps.
    ks : float
        Largest distance between the distributions of both classes.
    lift : float
        Events among the top tenth over a tenth of all events; ties at the edge are shared out.
    brier, log_loss : float
        Mean squared error, and mean negative log-likelihood.
    ece : float
        Expected calibration error over ten equally filled bins.
    intervals : mapping of str to (low, high)
        Percentile bootstrap interval of each; empty without a random generator.
    gains, reliability : tuple of mapping
        One row a tenth of the rows, best first; and one a calibration bin, lowest first.
    """

    rows: float
    events: float
    auc: float
    average_precision: float
    ks: float
    lift: float
    brier: float
    log_loss: float
    ece: float
    intervals: Mapping[str, tuple[float, float]] = field(factory=dict)
    gains: tuple[Mapping[str, float], ...] = field(default=(), repr=False)
    reliability: tuple[Mapping[str, float], ...] = field(default=(), repr=False)


def evaluate(
    y: ArrayLike,
    probability: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    replicates: int = 200,
    confidence: float = 0.95,
) -> Evaluation:
    """Compare predicted probabilities with what happened.

    Parameters
    ----------
    y : array_like of 0 and 1
        What happened.
    probability : array_like
        What was predicted; of shape (n,), or (n, 2) as `predict_proba` returns it.
    weights : array_like, optional
        Of each row.
    rng : numpy.random.Generator, optional
        Gives the intervals: rows are drawn again with Poisson weights.
    replicates : int
        How often.
    confidence : float
        Of the intervals.

    Raises
    ------
    NotEstimableError
        If all labels are alike.

    Examples
    --------
    >>> evaluate([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).auc
    0.75
    """
    try:
        given = np.asarray(probability, dtype=np.float64)
    except (TypeError, ValueError):
        given = table.numbers({"probability": np.asarray(probability).reshape(-1)}, "probability")
    if given.ndim == 2:
        if given.shape[1] != 2:
            raise InvalidDataError("probability", None, given.shape, "give one column, or two as predict_proba does")
        given = given[:, 1]
    chance = _probabilities(given.reshape(-1))
    events, weight = checked_labels(y, len(chance), weights)
    if (weight * events).sum() <= 0 or (weight * (1.0 - events)).sum() <= 0:
        raise NotEstimableError("the ranking", "every label is the same; give rows with the event and rows without")
    if not 0.0 < confidence < 1.0:
        raise InvalidValueError("confidence", confidence, "give a share above 0 and below 1")
    replicates = table.whole_option("replicates", replicates, 1)
    chance_source: object = rng
    if chance_source is not None and not isinstance(chance_source, np.random.Generator):
        raise InvalidValueError("rng", rng, "give a generator, such as numpy.random.default_rng(0)")
    order = np.argsort(-chance, kind="stable")
    events, chance, weight = events[order], chance[order], weight[order]
    starts = np.flatnonzero(np.r_[True, chance[1:] != chance[:-1]])
    bins = _tenths(weight)
    found = _measures(events, chance, weight, starts, bins)
    intervals: dict[str, tuple[float, float]] = {}
    if rng is not None:
        drawn = np.empty((replicates, len(MEASURES)))
        for replicate in range(replicates):
            again = weight * rng.poisson(1.0, len(weight))
            while (again * events).sum() <= 0 or (again * (1.0 - events)).sum() <= 0:
                again = weight * rng.poisson(1.0, len(weight))
            drawn[replicate] = _measures(events, chance, again, starts, bins)
        low, high = np.quantile(drawn, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0], axis=0)
        intervals = {name: (float(a), float(b)) for name, a, b in zip(MEASURES, low, high, strict=True)}
    return Evaluation(
        rows=float(weight.sum()),
        events=float((weight * events).sum()),
        **dict(zip(MEASURES, found, strict=True)),
        intervals=intervals,
        gains=_gains(events, weight, starts),
        reliability=_reliability(events, chance, weight, bins),
    )


@frozen(kw_only=True)
class ThresholdChoice:
    """The threshold that pays most: contact those who score at least it.

    Parameters
    ----------
    threshold : float
        Infinite if contacting nobody pays most.
    profit : float
        gain * events contacted - cost * contacts, on these rows.
    contacts, events : float
        Weight of those contacted, and of the events among them.
    break_even : float
        cost / gain: the best threshold if the scores were perfectly calibrated.
    """

    threshold: float
    profit: float
    contacts: float
    events: float
    break_even: float


def best_threshold(
    y: ArrayLike, probability: ArrayLike, *, gain: float, cost: float, weights: ArrayLike | None = None
) -> ThresholdChoice:
    """Return the threshold whose contacts bring the most, at `cost` each and `gain` for an event.

    Examples
    --------
    >>> best_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], gain=10, cost=4)
    ThresholdChoice(threshold=0.35, profit=8.0, contacts=3.0, events=2.0, break_even=0.4)
    """
    for name, number in (("gain", gain), ("cost", cost)):
        if not number > 0 or not np.isfinite(number):
            raise InvalidValueError(name, number, "give a finite number above 0")
    chance = _probabilities(np.asarray(probability).reshape(-1))
    events, weight = checked_labels(y, len(chance), weights)
    order = np.argsort(-chance, kind="stable")
    chance, events, weight = chance[order], events[order], weight[order]
    ends = np.flatnonzero(np.r_[chance[1:] != chance[:-1], True]) if len(chance) else np.empty(0, dtype=np.int64)
    hits, contacts = np.cumsum(weight * events)[ends], np.cumsum(weight)[ends]
    profit = gain * hits - cost * contacts
    if not len(profit) or profit.max() <= 0:
        return ThresholdChoice(threshold=np.inf, profit=0.0, contacts=0.0, events=0.0, break_even=cost / gain)
    best = int(np.argmax(profit))
    return ThresholdChoice(
        threshold=float(chance[ends[best]]),
        profit=float(profit[best]),
        contacts=float(contacts[best]),
        events=float(hits[best]),
        break_even=cost / gain,
    )


def _tenths(weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the calibration bin of each row, rows sorted by falling score: equal weight, by the middle of each row."""
    middle = np.cumsum(weight) - weight / 2.0
    tenth: NDArray[np.int64] = np.minimum((middle / weight.sum() * 10.0).astype(np.int64), 9)
    return tenth


def _measures(
    events: NDArray[np.float64],
    chance: NDArray[np.float64],
    weight: NDArray[np.float64],
    starts: NDArray[np.int64],
    bins: NDArray[np.int64],
) -> list[float]:
    good, every = np.add.reduceat(weight * events, starts), np.add.reduceat(weight, starts)
    bad = every - good
    cumulative_good, cumulative_bad = np.cumsum(good), np.cumsum(bad)
    goods, bads, total = cumulative_good[-1], cumulative_bad[-1], every.sum()
    auc = (bad * (cumulative_good - good / 2.0)).sum() / (goods * bads)
    reached = cumulative_good + cumulative_bad
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(reached > 0, cumulative_good / reached, 0.0)
    clipped = np.clip(chance, 1e-15, 1.0 - 1e-15)
    log_loss = -(weight * (events * np.log(clipped) + (1.0 - events) * np.log1p(-clipped))).sum() / total
    gap = np.bincount(bins, weights=weight * (chance - events), minlength=10)
    top = np.interp(0.1 * total, np.r_[0.0, reached], np.r_[0.0, cumulative_good])
    return [
        float(auc),
        float((good / goods * precision).sum()),
        float(np.abs(cumulative_good / goods - cumulative_bad / bads).max()),
        float(top / goods / 0.1),
        float((weight * (chance - events) ** 2).sum() / total),
        float(log_loss),
        float(np.abs(gap).sum() / total),
    ]


def _gains(
    events: NDArray[np.float64], weight: NDArray[np.float64], starts: NDArray[np.int64]
) -> tuple[dict[str, float], ...]:
    rows = np.r_[0.0, np.cumsum(np.add.reduceat(weight, starts))]
    hits = np.r_[0.0, np.cumsum(np.add.reduceat(weight * events, starts))]
    edges = np.linspace(0.0, 1.0, 11) * rows[-1]
    reached = np.interp(edges, rows, hits)
    return tuple(
        {
            "share": tenth / 10,
            "rows": float(edges[tenth] - edges[tenth - 1]),
            "events": float(reached[tenth] - reached[tenth - 1]),
            "rate": float((reached[tenth] - reached[tenth - 1]) / (edges[tenth] - edges[tenth - 1])),
            "captured": float(reached[tenth] / hits[-1]),
            "lift": float(reached[tenth] / hits[-1] / (tenth / 10)),
        }
        for tenth in range(1, 11)
    )


def _reliability(
    events: NDArray[np.float64], chance: NDArray[np.float64], weight: NDArray[np.float64], bins: NDArray[np.int64]
) -> tuple[dict[str, Any], ...]:
    rows = np.bincount(bins, weights=weight, minlength=10)
    hits = np.bincount(bins, weights=weight * events, minlength=10)
    predicted = np.bincount(bins, weights=weight * chance, minlength=10)
    return tuple(
        {"rows": float(rows[b]), "predicted": float(predicted[b] / rows[b]), "observed": float(hits[b] / rows[b])}
        for b in range(9, -1, -1)
        if rows[b] > 0
    )
