"""When those assigned are not those treated: by assignment, by protocol, and for those who complied."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pycrm.errors import NotEstimableError
from pycrm.experiments.arms import Design, Label, binary, check_confidence, two_arms, vector
from pycrm.experiments.effect import RANDOM, Arm, Effect, t_interval, welch

__all__ = ["complier_effect", "intention_to_treat", "per_protocol"]


def intention_to_treat(
    outcome: ArrayLike,
    assigned: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the effect of being assigned, whoever was then reached: the one that the assignment alone justifies.

    Parameters
    ----------
    outcome, assigned, control, confidence, design
        As in `difference_in_means`; a mail that bounced stays in its arm.

    Examples
    --------
    >>> intention_to_treat([0, 0, 1, 0, 1, 1], [0, 0, 0, 1, 1, 1]).method
    'intention to treat, Welch t'
    """
    values = vector(outcome, "outcome")
    treated, labels = two_arms(assigned, len(values), control, design)
    return welch(
        values,
        treated,
        labels,
        confidence=confidence,
        method="intention to treat, Welch t",
        assumes=(RANDOM, "every assigned unit is counted, reached or not"),
    )


def per_protocol(
    outcome: ArrayLike,
    assigned: ArrayLike,
    received: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the difference among those who received what they were assigned.

    Those who comply differ from those who do not, so this is not the effect of the treatment unless compliance is chance;
    `complier_effect` needs less.

    Parameters
    ----------
    outcome, assigned, control, confidence, design
        As in `difference_in_means`.
    received : array_like of 0 and 1
        Whether each unit really got the treatment.

    Raises
    ------
    NotEstimableError
        If nobody of an arm complied.

    Examples
    --------
    >>> per_protocol([0, 0, 1, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 0]).treatment.n
    3
    """
    values = vector(outcome, "outcome")
    took = binary(received, "received", len(values))
    treated, labels = two_arms(assigned, len(values), control, design)
    kept = took == treated
    for label, own in zip(labels, (~treated, treated), strict=True):
        if not (kept & own).any():
            raise NotEstimableError("the effect per protocol", f"nobody in arm {label!r} received what was assigned")
    return welch(
        values[kept],
        treated[kept],
        labels,
        confidence=confidence,
        method="per protocol, Welch t",
        assumes=(RANDOM, "whether a unit complies has nothing to do with its outcome"),
    )


def complier_effect(
    outcome: ArrayLike,
    assigned: ArrayLike,
    received: ArrayLike,
    *,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Effect:
    """Return the effect on those who take the treatment when, and only when, it is assigned (Wald, instrumental variable).

    The effect of the assignment divided by how many more the assignment made take the treatment; the interval is of the delta
    method and treats both as uncertain.

    Parameters
    ----------
    outcome, assigned, received, control, confidence, design
        As in `per_protocol`.

    Raises
    ------
    NotEstimableError
        If the assignment changes who is treated by less than two of its standard errors: the quotient would be noise.

    References
    ----------
    .. [1] Imbens & Angrist (1994), Econometrica 62(2), 467-475.

    Examples
    --------
    >>> effect = complier_effect([1, 2, 1, 2, 5, 2, 5, 6], [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 0, 1, 1])
    >>> effect.estimate
    4.0
    """
    check_confidence(confidence)
    values = vector(outcome, "outcome")
    took = binary(received, "received", len(values)).astype(np.float64)
    treated, labels = two_arms(assigned, len(values), control, design)
    reached = np.array([took[~treated].mean(), took[treated].mean()])
    gain = float(reached[1] - reached[0])
    doubt = sum(float(took[own].var()) / own.sum() for own in (~treated, treated))
    if gain <= 2.0 * np.sqrt(doubt):
        raise NotEstimableError(
            "the effect on compliers", f"the assignment changes who is treated by {gain:.3g}, too little to divide by"
        )
    estimate = float(values[treated].mean() - values[~treated].mean()) / gain
    residual = values - estimate * took
    arms = []
    for label, own in zip(labels, (~treated, treated), strict=True):
        n = int(own.sum())
        if n < 2:
            raise NotEstimableError("the interval of the effect on compliers", f"arm {label!r} has only {n} unit")
        arms.append(Arm(label=label, n=n, mean=float(values[own].mean()), variance=float(values[own].var(ddof=1)) / n))
    variance = sum(float(residual[own].var(ddof=1)) / own.sum() for own in (~treated, treated)) / gain**2
    interval, p_value = t_interval(estimate, variance, np.inf, confidence, "the effect on compliers")
    return Effect(
        estimate=estimate,
        interval=interval,
        confidence=confidence,
        standard_error=float(np.sqrt(variance)),
        p_value=p_value,
        control=arms[0],
        treatment=arms[1],
        method="complier average effect (Wald), delta method",
        assumes=(
            RANDOM,
            "the assignment works only through the treatment",
            "nobody does the opposite of what was assigned",
        ),
    )
