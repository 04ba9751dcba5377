"""From weighed pairs to clusters: who is one, under constraints.

Strong pairs join first. A join is refused if it would unite two records that must stay apart, two strong identifiers of one
person, or more records than one person plausibly has; and where the pairs between two groups speak against it on the whole,
one stray pair does not chain them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["Clustering", "Constraints", "cluster"]

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Score = Callable[[Rows, Rows], Floats]

_DENSE = 600  # records of a component whose every pair is weighed; a larger one is cut at stronger pairs first


@frozen(eq=False)
class Constraints:
    """What clusters must respect, in rows.

    Parameters
    ----------
    together, apart : tuple of two arrays
        Pairs of rows that are one person, or two, whatever the weights say.
    limits : sequence of (codes, most)
        One strong identifier each: its code a record (-1 for none), and how many different ones a person may have.
    """

    together: tuple[Rows, Rows]
    apart: tuple[Rows, Rows]
    limits: tuple[tuple[NDArray[np.int32], int], ...] = ()


@frozen(eq=False)
class Clustering:
    """The cluster of each record, and what was done about large components."""

    labels: Rows
    """For each row the first row of its cluster."""
    bound: int
    """The most records a cluster may have."""
    doubtful: int
    """Components that were looked at again: too large, too loose, or against a constraint."""


def cluster(
    n: int,
    rows: Rows,
    others: Rows,
    weight: Floats,
    *,
    score: Score,
    constraints: Constraints,
    bound: int | None = None,
) -> Clustering:
    """Return the clusters of `n` records joined by pairs whose weight is above 0.

    Parameters
    ----------
    n : int
        Records.
    rows, others, weight : ndarray
        The pairs, and how much each speaks for one person, in bits above the threshold; only positive ones join.
    score : callable
        The weight of any pairs, asked for those inside a doubtful component that were not compared.
    constraints : Constraints
        What clusters must respect.
    bound : int, optional
        The most records a cluster may have; by default three times what the records best connected suggest, and at least 10.

    Notes
    -----
    Components of two, and components whose pairs all agree, are taken as they are. Others are built by average linkage over
    the weights of all their pairs, strong first; a component beyond 600 records is cut at rising weights until its pieces
    are not. The result does not depend on the order of the pairs.
    """
    kept = weight > 0
    one, other, strength = rows[kept], others[kept], weight[kept]
    together, also = _not_vetoed(constraints, n)
    one, other = np.concatenate([one, together]), np.concatenate([other, also])
    strength = np.concatenate([strength, np.full(len(together), np.inf)])
    bound = _bound(n, one, other, strength) if bound is None else bound
    component = _components(n, one, other)
    labels = _first_rows(component)
    size = np.bincount(component, minlength=n)
    edges = np.bincount(component[one], minlength=n)
    doubtful = (size > 2) & (edges < size * (size - 1) // 2) | (size > bound)
    for first, second in (constraints.apart,):
        doubtful[component[first[component[first] == component[second]]]] = True
    for codes, most in constraints.limits:
        doubtful |= _kinds_of(component, codes, n) > most
    chosen = np.flatnonzero(doubtful)
    if not chosen.size:
        return Clustering(_first_rows(labels), bound, 0)
    forbidden = _Forbidden(constraints, bound)
    inside = np.flatnonzero(doubtful[component])
    pieces = _pieces(inside, component[inside])
    within = doubtful[component[one]]
    examined = len(pieces)
    small: list[Rows] = []
    while pieces:
        small += [piece for piece in pieces if len(piece) <= _DENSE]
        pieces = [
            part
            for piece in pieces
            if len(piece) > _DENSE
            for part in _cut(piece, n, one[within], other[within], strength[within], labels, forbidden)
        ]
    decided = _components(n, together, also) if len(together) else None
    for batch in _batches(small):
        weights = _weights_within(batch, decided, constraints.apart, n, score)
        for members, within_piece in zip(batch, weights, strict=True):
            labels[members] = _agglomerate(members, within_piece, forbidden)
    return Clustering(_first_rows(labels), bound, examined)


def _not_vetoed(constraints: Constraints, n: int) -> tuple[Rows, Rows]:
    """Return the pairs that are one without those of which it is said, too, that they are two."""
    together, also = constraints.together
    if not len(constraints.apart[0]):
        return together, also
    pairs, never = (np.minimum(*held) * n + np.maximum(*held) for held in (constraints.together, constraints.apart))
    kept = ~np.isin(pairs, never)
    return together[kept], also[kept]


def _pieces(rows: Rows, component: Rows) -> list[Rows]:
    """`rows` apart by component, each piece in ascending order."""
    order = np.argsort(component, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(component[order])) + 1)


def _batches(pieces: list[Rows]) -> Iterator[list[Rows]]:
    """Pieces in batches of about a million pairs."""
    batch: list[Rows] = []
    pairs = 0
    for piece in pieces:
        if pairs > 1_000_000:
            yield batch
            batch, pairs = [], 0
        batch.append(piece)
        pairs += len(piece) * (len(piece) - 1) // 2
    if batch:
        yield batch


def _weights_within(
    batch: list[Rows], decided: Rows | None, apart: tuple[Rows, Rows], n: int, score: Score
) -> list[Floats]:
    """Return the weight of every pair within each piece, in the order of `scipy.spatial.distance.pdist`.

    Records that were decided to be one, through as many steps as it takes, are certain pairwise: else a mean over many of
    them would outweigh the decision.
    """
    grids = {len(members): np.triu_indices(len(members), 1) for members in batch}
    first = np.concatenate([members[grids[len(members)][0]] for members in batch])
    second = np.concatenate([members[grids[len(members)][1]] for members in batch])
    weight = np.clip(score(first, second), -_CLIP, _CLIP)
    if decided is not None:
        weight[decided[first] == decided[second]] = _CERTAIN
    if len(apart[0]):
        never = np.minimum(*apart) * n + np.maximum(*apart)
        weight[np.isin(first * n + second, never)] = -_CERTAIN
    ends = np.cumsum([len(members) * (len(members) - 1) // 2 for members in batch])
    return np.split(weight, ends[:-1])


def _components(n: int, one: Rows, other: Rows) -> Rows:
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _first_rows(labels: Rows) -> Rows:
    """Labels as the first row of each cluster."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def _bound(n: int, one: Rows, other: Rows, strength: Floats) -> int:
    """Return what the records best connected suggest: each is joined to all the others of its person."""
    sure = strength > 10.0
    degree = np.bincount(one[sure], minlength=n) + np.bincount(other[sure], minlength=n)
    connected = degree[degree > 0]
    if not connected.size:
        return 10
    return int(max(10.0, 3.0 * (1.0 + np.quantile(connected, 0.99))))


def _kinds_of(component: Rows, codes: NDArray[np.int32], n: int) -> Rows:
    """How many different codes each component holds."""
    there = codes >= 0
    pairs = np.unique(component[there] * (int(codes.max(initial=0)) + 1) + codes[there])
    return np.bincount(pairs // (int(codes.max(initial=0)) + 1), minlength=n)


class _Forbidden:
    """Whether two groups of rows may be one."""

    def __init__(self, constraints: Constraints, bound: int) -> None:
        self.bound = bound
        self._limits = constraints.limits
        self._apart: dict[int, set[int]] = {}
        for a, b in zip(constraints.apart[0].tolist(), constraints.apart[1].tolist(), strict=True):
            self._apart.setdefault(a, set()).add(b)
            self._apart.setdefault(b, set()).add(a)

    def __call__(self, first: Sequence[int], second: Sequence[int], *, sure: bool) -> bool:
        if not sure and len(first) + len(second) > self.bound:
            return True
        few, many = (first, set(second)) if len(first) < len(second) else (second, set(first))
        if self._apart and any(not self._apart[row].isdisjoint(many) for row in few if row in self._apart):
            return True
        return any(
            len({int(codes[row]) for row in (*first, *second) if codes[row] >= 0}) > most
            for codes, most in self._limits
        )


def _agglomerate(members: Rows, weight: Floats, forbidden: _Forbidden) -> Rows:
    """Average linkage over all pairs; a join that is forbidden is not made, and the groups under it stay as they are."""
    if len(members) == 1:
        return members
    tree = linkage(_CERTAIN + 1.0 - weight, method="average")
    groups: dict[int, list[int] | None] = {place: [int(row)] for place, row in enumerate(members)}
    labels = {int(row): int(row) for row in members}
    for step, (a, b, distance, _) in enumerate(tree.tolist()):
        left, right = groups.pop(int(a)), groups.pop(int(b))
        groups[len(members) + step] = None  # what lies above a join that was not made is not joined either
        mean = _CERTAIN + 1.0 - distance
        if left and right and mean > 0.0 and not forbidden(left, right, sure=mean > _CLIP):
            groups[len(members) + step] = joined = left + right
            lowest = min(labels[left[0]], labels[right[0]])
            labels.update(dict.fromkeys(joined, lowest))
    return np.array([labels[int(row)] for row in members], dtype=np.int64)


_CLIP = 20.0  # bits: a pair beyond it is certain enough, and must not outweigh many others in a mean
_CERTAIN = 1000.0  # a pair that was decided: no mean of others outweighs it


def _united(members: Rows, one: Rows, other: Rows, forbidden: _Forbidden) -> Rows:
    """Return the labels of records joined by decisions alone: one after the other, but for a join that is forbidden."""
    groups = {int(row): [int(row)] for row in members}
    home = {int(row): int(row) for row in members}
    for place in np.lexsort((other, one)).tolist():
        a, b = sorted((home[int(one[place])], home[int(other[place])]))
        if a != b and not forbidden(groups[a], groups[b], sure=True):
            home.update(dict.fromkeys(groups[b], a))
            groups[a] += groups.pop(b)
    return np.array([home[int(row)] for row in members], dtype=np.int64)


def _cut(
    members: Rows, n: int, one: Rows, other: Rows, strength: Floats, labels: Rows, forbidden: _Forbidden
) -> list[Rows]:
    """Cut a component too large to weigh in full at a higher weight; return its pieces that are to be looked at again.

    Records joined by decision stay one, however many. Where no weight tells the pieces apart, the records (all alike) are
    dealt out in their order, as many as one person may have.
    """
    inside = np.zeros(n, dtype=bool)
    inside[members] = True
    own = np.flatnonzero(inside[one] & inside[other])
    finite = strength[own][np.isfinite(strength[own])]
    if not finite.size:
        labels[members] = _united(members, one[own], other[own], forbidden)
        return []
    for share in (0.25, 0.5, 0.75, 0.9, 1.0):
        level = np.quantile(finite, share)
        kept = own[strength[own] > level]
        a, b = np.searchsorted(members, one[kept]), np.searchsorted(members, other[kept])
        component = _components(len(members), a, b)
        if component.max(initial=0) > 0:
            break
    else:
        labels[members] = members[0]
        return []
    if share == 1.0 and np.bincount(component).max() == 1:
        labels[members] = members[np.arange(len(members)) // forbidden.bound * forbidden.bound]
        return []
    pieces = _pieces(members, component)
    decided = np.isinf(strength[own]).any()
    again = []
    for piece in pieces:
        labels[piece] = piece[0]
        if len(piece) > 1 and not (decided and share == 1.0):
            again.append(piece)
    return again
