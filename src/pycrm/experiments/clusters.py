"""Effects where whole households, shops or towns were assigned together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.experiments.arms import Design, Label, check_confidence, two_arms, vector
from pycrm.experiments.effect import Arm, Effect, normal_effect
from pycrm.table import factorise

__all__ = ["clustered_difference", "intraclass_correlation"]


def _codes(cluster: ArrayLike, size: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], int]:
    codes, found = factorise(np.asarray(cluster))
    if len(codes) != size:
        raise InvalidDataError("cluster", None, f"{len(codes)} values", f"give one cluster per unit: {size}")
    if (codes < 0).any():
        raise InvalidDataError(
            "cluster", int(np.argmax(codes < 0)), None, "give every unit a cluster; one alone is a cluster of one"
        )
    return codes, len(found)


def clustered_difference(
    outcome: ArrayLike,
    treatment: ArrayLike,
    cluster: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the difference of the units' means when clusters were assigned.

    Units of a household behave alike, so the clusters count, not the units: the variance is that of a ratio of cluster sums,
    and t has two degrees of freedom less than there are clusters.

    Parameters
    ----------
    outcome, treatment, control, confidence
        As in `difference_in_means`.
    cluster : array_like
        Household, shop or town of each unit; all its units are in one arm.
    design : Design, optional
        The plan; its sample size and shares are of clusters.

    Raises
    ------
    InvalidDataError
        Naming the first unit whose arm differs from that of its cluster.
    NotEstimableError
        If an arm has fewer than two clusters.

    References
    ----------
    .. [1] Deng, Knoblich & Lu (2018), KDD, 233-242; the same as the cluster-robust variance of a regression on the arm.

    Examples
    --------
    >>> effect = clustered_difference([1, 2, 3, 2, 5, 4, 6, 5], [0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 2, 2, 3, 3, 4, 4])
    >>> effect.estimate, effect.control.n
    (3.0, 2)
    """
    check_confidence(confidence)
    values = vector(outcome, "outcome")
    codes, count = _codes(cluster, len(values))
    treated, labels = two_arms(treatment, len(values), control, None)
    arm = np.zeros(count, dtype=np.bool_)
    arm[codes[::-1]] = treated[::-1]
    moved = arm[codes] != treated
    if moved.any():
        row = int(np.argmax(moved))
        raise InvalidDataError(
            "cluster", row, np.asarray(cluster)[row], "its units are in two arms; a cluster is in one"
        )
    if design is not None:
        design.check({labels[0]: int((~arm).sum()), labels[1]: int(arm.sum())})
    size = np.bincount(codes, minlength=count).astype(np.float64)
    total = np.bincount(codes, weights=values, minlength=count)
    arms = []
    for label, own in zip(labels, (~arm, arm), strict=True):
        n = int(own.sum())
        if n < 2:
            raise NotEstimableError("the interval of the difference", f"arm {label!r} has only {n} cluster")
        mean = float(total[own].sum() / size[own].sum())
        residual = total[own] - mean * size[own]
        variance = float(residual @ residual) * n / (n - 1) / float(size[own].sum()) ** 2
        arms.append(Arm(label=label, n=n, mean=mean, variance=variance))
    return normal_effect(
        arms,
        confidence=confidence,
        method="difference of means by cluster, t",
        assumes=(
            "clusters were assigned at random and do not influence each other",
            "there are enough clusters (about 20 in each arm) for their means to be normal",
        ),
        freedom=count - 2,
    )


def intraclass_correlation(outcome: ArrayLike, cluster: ArrayLike) -> float:
    """Return how alike the units of a cluster are, from the analysis of variance; `design_effect` turns it into a price.

    Parameters
    ----------
    outcome : array_like
        A number for every unit, from before the experiment.
    cluster : array_like
        The cluster of each unit.

    Returns
    -------
    float
        1 if all units of a cluster are the same, 0 if they are strangers; slightly below 0 happens by chance.

    Raises
    ------
    NotEstimableError
        If there is one cluster, no cluster with two units, or no variance.

    References
    ----------
    .. [1] Donner & Koval (1980), Biometrics 36(1), 19-25, the ANOVA estimator.

    Examples
    --------
    >>> intraclass_correlation([1, 1, 5, 5, 9, 9], ["a", "a", "b", "b", "c", "c"])
    1.0
    """
    values = vector(outcome, "outcome")
    codes, count = _codes(cluster, len(values))
    n = len(values)
    if count < 2 or n == count:
        raise NotEstimableError("the intraclass correlation", "it needs two clusters and one with two units")
    size = np.bincount(codes, minlength=count).astype(np.float64)
    means = np.bincount(codes, weights=values, minlength=count) / size
    between = float(size @ (means - values.mean()) ** 2) / (count - 1)
    within = float(((values - means[codes]) ** 2).sum()) / (n - count)
    typical = (n - float(size @ size) / n) / (count - 1)
    if between == 0.0 and within == 0.0:
        raise NotEstimableError("the intraclass correlation", "the outcome does not vary")
    return (between - within) / (between + (typical - 1.0) * within)
