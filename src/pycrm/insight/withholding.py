"""Numbers about people some of whom say nothing: what their silence can do to a mean, and which small groups are not published.

Who withholds an answer is counted, never dropped and never filled in: no result here depends on what stands in his place.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError

__all__ = ["MeanBounds", "PublishedCounts", "mean_bounds", "publish_counts"]

_MOST = 10**12  # more than there are people; the sum of many such still fits


@frozen(kw_only=True)
class MeanBounds:
    """The mean of a bounded quantity that some withhold.

    Parameters
    ----------
    rows, withheld : int
        How many were asked, and how many of them did not say.
    answered : float
        The mean of those who said; NaN where nobody did. It is that of all only if those who withhold are like the others.
    low, high : float
        Between these the mean of all lies whatever was withheld; NaN of nobody.
    """

    rows: int
    withheld: int
    answered: float
    low: float
    high: float


def mean_bounds(value: ArrayLike, withheld: ArrayLike, *, low: float = 0.0, high: float = 1.0) -> MeanBounds:
    """Return the mean of those who answered, and the worst-case bounds of the mean of all.

    Parameters
    ----------
    value : array_like
        One per person, between `low` and `high`; a rate is the mean of 0 and 1. What stands where somebody withheld is not read.
    withheld : array_like of bool
        Who did not say.
    low, high : float
        What the quantity lies between by its nature, in its unit.

    Raises
    ------
    InvalidDataError
        If lengths differ, or an answer is missing or out of bounds; the message names the first such row.

    References
    ----------
    .. [1] Manski (1989), Anatomy of the Selection Problem, Journal of Human Resources 24(3), 343-360.
    .. [2] Manski (2003), Partial Identification of Probability Distributions, Springer, section 1.2.

    Examples
    --------
    >>> found = mean_bounds([1, 0, 1, 0, 0], [False, False, False, False, True])
    >>> found.answered, found.low, found.high
    (0.5, 0.4, 0.6)
    """
    silent = np.asarray(withheld)
    if silent.ndim != 1 or silent.dtype.kind != "b":
        raise InvalidDataError("withheld", None, str(silent.dtype), "give one True or False per person")
    given = np.asarray(value, dtype=object)
    if given.shape != silent.shape:
        raise InvalidDataError("value", None, given.shape, f"give {len(silent)} values, one per person")
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidDataError("low", None, low, f"give finite bounds, low below high ({high})")
    spoken = np.flatnonzero(~silent)
    try:
        said = given[spoken].astype(float)
    except (TypeError, ValueError):
        raise InvalidDataError(
            "value", None, given[spoken].tolist(), "give numbers where nothing is withheld"
        ) from None
    bad = np.flatnonzero(~((said >= low) & (said <= high)))
    if bad.size:
        row = int(spoken[bad[0]])
        raise InvalidDataError(
            "value", row, said[bad[0]], f"give a number from {low} to {high}, or say that it is withheld"
        )
    rows, quiet = len(silent), int(silent.sum())
    if not rows:
        return MeanBounds(rows=0, withheld=0, answered=np.nan, low=np.nan, high=np.nan)
    total = float(said.sum())
    return MeanBounds(
        rows=rows,
        withheld=quiet,
        answered=total / len(said) if len(said) else np.nan,
        low=(total + quiet * low) / rows,
        high=(total + quiet * high) / rows,
    )


@frozen(kw_only=True, eq=False)
class PublishedCounts:
    """What of a count by group may be published.

    Parameters
    ----------
    hidden : ndarray of bool
        The groups of which nothing is published, in their order.
    total : int or None
        The count of all; None where it would tell what is hidden.
    """

    hidden: NDArray[np.bool_] = field()
    total: int | None


def publish_counts(count: ArrayLike, *, least: int = 5) -> PublishedCounts:
    """Return which groups are hidden because they, or what is left when the others are subtracted from the total, are small.

    Hidden are the groups of 1 to `least` - 1 people, and then the smallest others until a reader who subtracts what is published
    from the total, and knows that nobody hides an empty group, cannot tell of any hidden group whether it has 1 or `least`
    people. Where no others are left to hide, the total is hidden too.

    Parameters
    ----------
    count : array_like of int
        People in each group; every one is in one group. Those who withhold to which they belong are a group as any other.
    least : int
        The smallest group that is published; at least 2.

    Returns
    -------
    PublishedCounts
        Leave out every number of a hidden group, its means and rates too.

    Raises
    ------
    InvalidDataError
        If a count is none, or `least` is no whole number of at least 2.

    Notes
    -----
    Cells of a single total, as [1]_ and [2]_ (section 4.3) hide them. A table with totals of rows and of columns needs more; so do two
    tables of one population with other groups. Who knows this rule as well can at times tell a little more than the subtraction does.

    References
    ----------
    .. [1] Cox (1980), Suppression Methodology and Statistical Disclosure Control, JASA 75(370), 377-385.
    .. [2] Hundepool et al. (2012), Statistical Disclosure Control, Wiley.

    Examples
    --------
    >>> found = publish_counts([120, 3, 40, 9])
    >>> found.hidden.tolist(), found.total
    ([False, True, False, True], 172)
    """
    given = np.asarray(count)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise InvalidDataError("count", None, str(given.dtype), "give one whole number per group")
    given_least: object = least
    if not isinstance(given_least, int | np.integer) or given_least < 2:
        raise InvalidDataError("least", None, least, "give a whole number of at least 2")
    bad = np.flatnonzero((given < 0) | (given > _MOST))
    if bad.size:
        raise InvalidDataError("count", int(bad[0]), int(given[bad[0]]), f"give a count from 0 to {_MOST}")
    people = given.astype(np.int64)
    order = np.lexsort((np.arange(len(people)), people))
    order = order[people[order] > 0]
    small = int((people[order] < least).sum())
    if not small:
        return PublishedCounts(hidden=np.zeros(len(people), bool), total=int(people.sum()))
    # Of m hidden groups that together have s people each may have from 1 to s - m + 1.
    hides = np.arange(1, len(order) + 1)
    room = np.cumsum(people[order]) - hides + 1
    enough = np.flatnonzero((hides >= max(small, 2)) & (room >= least))
    number = int(hides[enough[0]]) if enough.size else len(order)
    hidden = np.zeros(len(people), bool)
    hidden[order[:number]] = True
    return PublishedCounts(hidden=hidden, total=int(people.sum()) if enough.size else None)
