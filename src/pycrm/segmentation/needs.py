"""Groups of customers who need alike: behaviour and stated needs clustered, named, and recognised in the next run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from pycrm import table
from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.segmentation.cluster import ChoiceOfK, Clusters, choose_k, fit_clusters

__all__ = ["NeedsRules", "NeedsSegmentation", "segment_needs"]


@frozen(kw_only=True)
class NeedsRules:
    """How groups of needs are found.

    Parameters
    ----------
    k : int, optional
        How many groups; left out, the most groups of `ks` that bootstrap samples agree on.
    ks : tuple of int
        The numbers to choose from.
    stable : float
        Least mean adjusted Rand index of a number of groups that is believed.
    categories : int
        Categories of articles, by spend, whose share of a customer's spend is looked at.
    least_share : float
        Share of the customers of whom a need must be known to be looked at.
    sample : int
        Customers whom the search for k looks at.
    seed : int
        Of the starts: the same rows give the same groups.

    Examples
    --------
    >>> NeedsRules(k=4).seed
    0
    """

    k: int | None = None
    ks: tuple[int, ...] = (2, 3, 4, 5, 6)
    stable: float = 0.8
    categories: int = 6
    least_share: float = 0.01
    sample: int = 4_000
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        if self.k is not None and self.k < 1:
            raise InvalidValueError("k", self.k, "give at least one group, or None to have it chosen")
        if not self.ks or min(self.ks) < 2:
            raise InvalidValueError("ks", self.ks, "give numbers of at least 2")


@frozen(kw_only=True, eq=False)
class NeedsSegmentation:
    """The groups, and who is in which.

    Parameters
    ----------
    clusters : Clusters
        The centres.
    label : ndarray of int
        The group of each row.
    names : tuple of str
        Of the groups: "needs 1", ...; a group recognised from the former run keeps its name.
    profiles : tuple of str
        Of the groups, in words.
    choice : tuple of ChoiceOfK
        What spoke for each number of groups; empty where the number was given.
    """

    clusters: Clusters
    label: NDArray[np.int64] = field(repr=False)
    names: tuple[str, ...]
    profiles: tuple[str, ...]
    choice: tuple[ChoiceOfK, ...] = field(default=(), repr=False)

    def centres(self) -> tuple[Mapping[str, float], ...]:
        """Return the mean row of each group, in the units of the columns: what the next run recognises it by."""
        raw = self.clusters.centres * self.clusters.scale + self.clusters.shift
        return tuple(dict(zip(self.clusters.columns, row.tolist(), strict=True)) for row in raw)


def segment_needs(
    customers: table.Frame,
    *,
    columns: Sequence[str],
    rules: NeedsRules | None = None,
    former: Mapping[str, Mapping[str, float]] | None = None,
) -> NeedsSegmentation:
    """Find groups of customers who need alike.

    Parameters
    ----------
    customers : frame
        One row a customer.
    columns : sequence of str
        What they do and need: shares of spend, strengths of needs.
    rules : NeedsRules, optional
        How.
    former : mapping of name to mapping of column to float, optional
        The centres of a former run, by the names of its groups: like groups keep their names.

    Raises
    ------
    NotEstimableError
        If fewer customers differ than there shall be groups.

    Examples
    --------
    >>> rows = {"tea": [1.0, 0.9, 1.0, 0.1, 0.0], "speed": [0.0, 0.1, 0.0, 0.9, 1.0]}
    >>> found = segment_needs(rows, columns=["tea", "speed"], rules=NeedsRules(k=2))
    >>> found.label.tolist(), found.profiles[1]
    ([0, 0, 0, 1, 1], '40 % of rows: tea far below average, speed far above average')
    """
    stated = NeedsRules() if rules is None else rules
    rng = np.random.default_rng(stated.seed)
    frame = table.eager(customers)
    if not columns:
        raise InvalidValueError("columns", columns, "name at least one column of what they do or need")
    given = {name: table.numbers(frame, name) for name in columns}
    # In an order of their own: in which order a store reads its customers must not change what they are found to be.
    order = np.lexsort([given[name] for name in reversed(columns)])
    ordered = {name: values[order] for name, values in given.items()}
    tried: tuple[ChoiceOfK, ...] = ()
    k = stated.k
    if k is None:
        tried, k = _chosen(ordered, columns, stated, rng)
    clusters = fit_clusters(ordered, k, columns=columns, rng=rng)
    numbered = [f"needs {number}" for number in range(1, k + 1)]
    if former:
        clusters, numbered = _recognised(clusters, former)
    return NeedsSegmentation(
        clusters=clusters,
        label=clusters.predict(frame),
        names=tuple(numbered),
        profiles=clusters.profiles(),
        choice=tried,
    )


def _chosen(
    ordered: Mapping[str, NDArray[np.float64]], columns: Sequence[str], rules: NeedsRules, rng: np.random.Generator
) -> tuple[tuple[ChoiceOfK, ...], int]:
    rows = np.arange(len(ordered[columns[0]]))
    if len(rows) > rules.sample:
        rows = np.sort(rng.choice(len(rows), rules.sample, replace=False))
    sample = {name: values[rows] for name, values in ordered.items()}
    distinct = len(np.unique(np.column_stack(list(sample.values())), axis=0))
    ks = [k for k in rules.ks if k <= distinct]
    if not ks:
        raise NotEstimableError("groups of needs", f"{distinct} customers differ; at least {min(rules.ks)} are needed")
    tried = choose_k(sample, columns=columns, ks=ks, pairs=5, restarts=3, sample=1_000, rng=rng)
    believed = [choice.k for choice in tried if choice.stability >= rules.stable]
    # Where no number is stable, the most stable one is the least wrong.
    return tried, max(believed) if believed else max(tried, key=lambda choice: choice.stability).k


def _recognised(clusters: Clusters, former: Mapping[str, Mapping[str, float]]) -> tuple[Clusters, list[str]]:
    """Return the clusters in the order of their former partners, and their names; one without a partner gets a new name."""
    names = list(former)
    there = np.asarray([[former[name].get(column, np.nan) for column in clusters.columns] for name in names])
    scaled = (there - clusters.shift) / clusters.scale
    # A column the former run did not know says nothing about likeness.
    mine, theirs = linear_sum_assignment(cdist(clusters.centres, np.where(np.isnan(scaled), 0.0, scaled)))
    partner = dict(zip(mine.tolist(), theirs.tolist(), strict=True))
    order = sorted(range(clusters.k), key=lambda place: partner.get(place, len(names) + place))
    new = itertools.count(1 + max((int(name.rpartition(" ")[2]) for name in names if name[-1].isdigit()), default=0))
    kept = [names[partner[place]] if place in partner else f"needs {next(new)}" for place in order]
    return clusters.renumbered(order), kept
