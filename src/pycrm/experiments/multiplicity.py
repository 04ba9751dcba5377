"""Several arms at once: p-values and intervals that say how often one of many would look good by chance."""

from __future__ import annotations

from typing import Literal, Protocol

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.experiments.arms import Design, Label, check_confidence, coded, vector
from pycrm.experiments.effect import Effect, counts_of, difference_in_means

__all__ = ["TwoArmEstimator", "adjust_p_values", "compare_arms"]

Correction = Literal["holm", "benjamini_hochberg", "bonferroni", "none"]


class TwoArmEstimator(Protocol):
    """Whatever gives the effect of two arms, as `difference_in_means` and its relatives do."""

    def __call__(
        self, outcome: NDArray[np.float64], treatment: NDArray[np.object_], /, *, control: Label, confidence: float
    ) -> Effect:
        """Return the effect."""
        ...


def adjust_p_values(p_values: ArrayLike, method: Correction = "holm") -> NDArray[np.float64]:
    """Return p-values corrected for how many there are.

    Parameters
    ----------
    p_values : array_like
        Between 0 and 1.
    method : str
        "holm" and "bonferroni" bound the chance of any false alarm (Holm always finds at least as much);
        "benjamini_hochberg" bounds the share of false ones among the alarms; "none".

    Raises
    ------
    InvalidDataError
        Naming the first value that is no probability.

    References
    ----------
    .. [1] Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70.
    .. [2] Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust_p_values([0.01, 0.04, 0.03], "benjamini_hochberg").round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    p = vector(p_values, "p_values")
    refused = (p < 0.0) | (p > 1.0)
    if refused.any():
        row = int(np.argmax(refused))
        raise InvalidDataError("p_values", row, float(p[row]), "give a probability")
    m = len(p)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(m)
    if method == "none":
        return p
    if method == "bonferroni":
        return np.minimum(p * m, 1.0)
    if method == "holm":
        adjusted[order] = np.maximum.accumulate((m - np.arange(m)) * p[order])
    elif method == "benjamini_hochberg":
        adjusted[order] = np.minimum.accumulate((m / np.arange(1, m + 1) * p[order])[::-1])[::-1]
    else:
        raise InvalidValueError("method", method, "give holm, benjamini_hochberg, bonferroni or none")
    return np.minimum(adjusted, 1.0)


def compare_arms(
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    correction: Correction = "holm",
    design: Design | None = None,
    estimator: TwoArmEstimator = difference_in_means,
) -> tuple[Effect, ...]:
    """Return the effect of every arm against the control, corrected for their number.

    Parameters
    ----------
    outcome, treatment, control, confidence, design
        As in `difference_in_means`, with any number of arms.
    correction : str
        How `.adjusted_p_value` is made; see `adjust_p_values`. Intervals widen with it: for Holm and Bonferroni they cover
        all effects together (Bonferroni); for Benjamini-Hochberg those of the arms found cover in the false-coverage sense.
    estimator : callable
        What compares two arms.

    Returns
    -------
    tuple of Effect
        In the order of the labels; `.confidence` is that of each single interval.

    References
    ----------
    .. [1] Benjamini & Yekutieli (2005), Journal of the American Statistical Association 100(469), 71-81.

    Examples
    --------
    >>> outcome = [1.0, 2, 3, 2, 3, 4, 6, 7, 8]
    >>> for effect in compare_arms(outcome, ["control"] * 3 + ["email"] * 3 + ["letter"] * 3):
    ...     print(effect.treatment.label, effect.estimate, effect.significant)
    email 1.0 False
    letter 5.0 True
    """
    check_confidence(confidence)
    values = vector(outcome, "outcome")
    codes, labels = coded(treatment, control)
    if len(codes) != len(values):
        raise InvalidDataError("treatment", None, f"{len(codes)} values", f"give one arm per unit: {len(values)}")
    if design is not None:
        design.check(counts_of(labels, codes))
    names = np.empty(len(labels), dtype=object)
    names[:] = labels

    def pair(k: int, level: float) -> Effect:
        own = (codes == 0) | (codes == k)
        return estimator(values[own], names[codes[own]], control=labels[0], confidence=level)

    arms = range(1, len(labels))
    adjusted = adjust_p_values([pair(k, confidence).p_value for k in arms], correction)
    alpha, m = 1.0 - confidence, len(labels) - 1
    if correction == "none":
        level = confidence
    elif correction == "benjamini_hochberg":
        level = 1.0 - alpha * max(1, int((adjusted < alpha).sum())) / m
    else:
        level = 1.0 - alpha / m
    found = []
    for k, p_value in zip(arms, adjusted, strict=True):
        effect = pair(k, level)
        suffix = "" if correction == "none" else f"; {correction.replace('_', '-')} over {m} arms"
        found.append(
            attrs.evolve(
                effect,
                method=effect.method + suffix,
                adjusted_p_value=float(p_value),
                family_confidence=confidence,
            )
        )
    return tuple(found)
