"""How good a resolution is: against the truth where it is known, and by its own numbers where it is not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.matching.comparison import LEVELS
from pycrm.matching.engine import probabilities
from pycrm.matching.resolution import Resolution

__all__ = ["Quality", "QualityEstimate", "cluster_quality", "estimate_quality"]


@frozen(kw_only=True)
class Quality:
    """Precision, recall and F1 of clusters against the truth, counted in three ways.

    Parameters
    ----------
    pair_precision, pair_recall, pair_f1 : float
        Over pairs of records in one cluster: large clusters count most.
    cluster_precision, cluster_recall, cluster_f1 : float
        Over clusters found whole and pure, singletons included.
    b_cubed_precision, b_cubed_recall, b_cubed_f1 : float
        Over records, each by the share of its cluster that belongs with it [1]_.
    largest : int
        Records of the largest cluster.

    References
    ----------
    .. [1] Bagga & Baldwin (1998), Entity-based cross-document coreferencing using the vector space model.
    """

    pair_precision: float
    pair_recall: float
    pair_f1: float
    cluster_precision: float
    cluster_recall: float
    cluster_f1: float
    b_cubed_precision: float
    b_cubed_recall: float
    b_cubed_f1: float
    largest: int


@frozen(kw_only=True)
class QualityEstimate:
    """What a resolution says of itself, without labels.

    Parameters
    ----------
    unlinkable : float
        Share of records so bare that they would not be linked even with their own copy.
    block_recall : float
        Share of pairs of one person that meet in some block, if errors in the fields are independent.
    expected_precision, expected_recall : float
        Of the pairs above the threshold, by their probabilities; recall among the pairs that met.
    """

    unlinkable: float
    block_recall: float
    expected_precision: float
    expected_recall: float


def cluster_quality(clusters: ArrayLike, truth: ArrayLike) -> Quality:
    """Return how well clusters agree with the truth, both given as one label a record.

    Raises
    ------
    InvalidDataError
        If the two differ in length, are empty, or a label is missing.

    Examples
    --------
    >>> made = cluster_quality([1, 1, 2, 2], ["a", "a", "a", "b"])
    >>> made.pair_precision, round(made.pair_recall, 3), made.b_cubed_precision
    (0.5, 0.333, 0.75)
    """
    one, other = np.asarray(clusters), np.asarray(truth)
    if one.ndim != 1 or one.shape != other.shape or not len(one):
        raise InvalidDataError(
            "truth", None, (one.shape, other.shape), "give one label a record on both sides, and one record or more"
        )
    for name, labels in (("clusters", one), ("truth", other)):
        if pd.isna(labels).any():
            raise InvalidDataError(name, int(np.argmax(pd.isna(labels))), None, "every record has a label")
    found, right = pd.factorize(one)[0].astype(np.int64), pd.factorize(other)[0].astype(np.int64)
    both, _ = pd.factorize(found * (right.max() + 1) + right)
    sizes = [np.bincount(labels) for labels in (found, right, both)]
    pairs = [float((size * (size - 1.0)).sum() / 2.0) for size in sizes]
    whole = sizes[2][both]
    pure = np.unique(both[(whole == sizes[0][found]) & (whole == sizes[1][right])]).size
    pair = _scores(pairs[2], pairs[0], pairs[1])
    exact = _scores(float(pure), float(len(sizes[0])), float(len(sizes[1])))
    precise, complete = float((whole / sizes[0][found]).mean()), float((whole / sizes[1][right]).mean())
    return Quality(
        pair_precision=pair[0], pair_recall=pair[1], pair_f1=pair[2],
        cluster_precision=exact[0], cluster_recall=exact[1], cluster_f1=exact[2],
        b_cubed_precision=precise, b_cubed_recall=complete, b_cubed_f1=2.0 * precise * complete / (precise + complete),
        largest=int(sizes[0].max()),
    )  # fmt: skip


def _scores(both: float, found: float, true: float) -> tuple[float, float, float]:
    """Precision, recall and F1; nothing found, or nothing to find, is 1 where nothing is wrong."""
    precision = both / found if found else 1.0
    recall = both / true if true else 1.0
    return precision, recall, 2.0 * precision * recall / (precision + recall) if both else 0.0 if found or true else 1.0


def estimate_quality(resolution: Resolution) -> QualityEstimate:
    """Return what a resolution says of its own quality.

    Raises
    ------
    NotEstimableError
        If it was made by rules only, or of no records.
    """
    model, records = resolution.model, resolution.records
    if model is None or not len(records):
        raise NotEstimableError(
            "the quality of a resolution", "it has no model" if model is None else "it has no records"
        )
    rows = np.arange(len(records))
    alone = probabilities(resolution.scorer(rows, rows))
    probability = probabilities(resolution.weight)
    kept = probability > resolution.threshold
    matched = float(probability.sum())
    return QualityEstimate(
        unlinkable=float((alone <= resolution.threshold).mean()),
        block_recall=_block_recall(resolution),
        expected_precision=float(probability[kept].mean()) if kept.any() else 1.0,
        expected_recall=float(probability[kept].sum()) / matched if matched else 1.0,
    )


def _block_recall(resolution: Resolution) -> float:
    """Return the probability that a pair of one person agrees on all parts of some rule, fields being independent."""
    model = resolution.model
    assert model is not None
    named = {column.name: column for column in resolution.records.columns}
    used = sorted({part if part in named else part.partition("/")[0] for rule in model.rules for part in rule})
    if not used:
        return 0.0
    equal = []
    for name in used:
        column = named[name]
        known = float((column.first >= 0).mean())
        # Of the levels below equality, a name that is only longer or shorter still shares its piece.
        top = len(LEVELS[column.kind]) - 1
        equal.append(model.m[name][top] * known * known)
    agreed = np.array(list(product((False, True), repeat=len(used))), dtype=bool) if len(used) <= 16 else _drawn(equal)
    chance = (
        np.where(agreed, equal, 1.0 - np.asarray(equal)).prod(axis=1)
        if len(used) <= 16
        else np.full(len(agreed), 1.0 / len(agreed))
    )
    met = np.zeros(len(agreed), dtype=bool)
    for rule in model.rules:
        places = [used.index(part if part in named else part.partition("/")[0]) for part in rule]
        met |= agreed[:, places].all(axis=1)
    return float(chance[met].sum())


def _drawn(equal: list[float]) -> NDArray[np.bool_]:
    """Patterns of agreement drawn at random, where there are too many to list."""
    return np.random.default_rng(0).random((100_000, len(equal))) < np.asarray(equal)
