"""Cluster ids that last: a cluster that was known keeps its id, and ids that go leave an alias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError

__all__ = ["keep_ids"]


def keep_ids(
    ids: ArrayLike, clusters: ArrayLike, previous_ids: ArrayLike, previous_clusters: ArrayLike
) -> tuple[NDArray[Any], Mapping[Any, Any]]:
    """Return `clusters` with the ids of an earlier run where they share records, and the aliases of ids that are gone.

    Parameters
    ----------
    ids, clusters : array_like
        The records now, and the cluster of each.
    previous_ids, previous_clusters : array_like
        The records then, and the cluster of each.

    Returns
    -------
    clusters : ndarray
        One a record. Clusters claim ids in order of the records they share with them, the largest overlap first; a cluster
        that gets none keeps its own id, unless that one is taken: then the id of another of its records.
    aliases : dict
        For each earlier id that no cluster bears any more: the id of the cluster that holds most of its records.

    Raises
    ------
    InvalidDataError
        If the earlier table names a record twice.

    Examples
    --------
    >>> kept, aliases = keep_ids([1, 2, 3], ["x", "x", "x"], [1, 2, 3], ["A", "A", "B"])
    >>> kept.tolist(), aliases
    (['A', 'A', 'A'], {'B': 'A'})
    """
    ids, clusters = np.asarray(ids), np.asarray(clusters)
    for name, labels, of in (
        ("clusters", clusters, ids),
        ("previous_clusters", np.asarray(previous_clusters), np.asarray(previous_ids)),
    ):
        if labels.shape != of.shape:
            raise InvalidDataError(name, None, labels.shape, f"give one cluster a record, {of.shape}")
    before = pd.Index(np.asarray(previous_ids))
    if not before.is_unique:
        row = int(np.argmax(before.duplicated()))
        raise InvalidDataError("id", row, before[row], "a record was in one cluster; give each id once")
    places = before.get_indexer(pd.Index(ids))
    shared = np.flatnonzero(places >= 0)
    old_codes, old = pd.factorize(np.asarray(previous_clusters, dtype=object))
    new_codes, new = pd.factorize(np.asarray(clusters, dtype=object))
    overlap = new_codes[shared].astype(np.int64) * max(len(old), 1) + old_codes[places[shared]]
    key, count = np.unique(overlap, return_counts=True)
    one, other = key // max(len(old), 1), key % max(len(old), 1)
    order = np.lexsort((np.array([str(old[code]) for code in other.tolist()], dtype=str), -count))
    named: dict[int, Any] = {}
    taken: set[int] = set()
    for place in order.tolist():
        a, b = int(one[place]), int(other[place])
        if a not in named and b not in taken:
            named[a] = old[b]
            taken.add(b)
    aliases: dict[Any, Any] = {}
    used = set(named.values())
    members = pd.Series(np.arange(len(ids))).groupby(new_codes).indices if len(named) < len(new) else {}
    for code in range(len(new)):
        if code in named:
            continue
        choices = [new[code], *(ids[row] for row in np.asarray(members[code]).tolist())]
        reserved = used | set(old.tolist())
        named[code] = next((choice for choice in choices if choice not in reserved), f"{new[code]}+")
        used.add(named[code])
    for place in order.tolist():
        b = int(other[place])
        if b not in taken and old[b] not in aliases:
            aliases[old[b]] = named[int(one[place])]
    made = np.empty(len(ids), dtype=object)
    made[:] = [named[code] for code in new_codes.tolist()]
    return np.array(made.tolist()) if len({type(value) for value in named.values()}) == 1 else made, aliases
