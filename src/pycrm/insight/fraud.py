"""What looks wrong in a referral programme and among votes: rings, stars, shared identities and bursts, each with its evidence.

These are reasons to look, never a penalty: the score ranks what a person reviews. Leading digits (Benford) are not here: 18,525
honest invoice totals of a real shop fail that test.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pycrm.errors import InvalidDataError

__all__ = [
    "REVIEW",
    "ReferralSigns",
    "VoteSigns",
    "identity_groups",
    "referral_signs",
    "unusual_amounts",
    "vote_signs",
]

REVIEW = 0.5
"""From this score on a person should look."""

_WEIGHTS = {"self_referral": 1.0, "ring": 0.8, "shared": 0.6, "star": 0.5, "burst": 0.4}
# Devotion and zeal alone are no reason to look; both at once are.
_VOTE_WEIGHTS = {"own": 1.0, "ring": 0.8, "star": 0.4, "burst": 0.4}


def _column(name: str, values: ArrayLike, rows: int | None = None) -> NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise InvalidDataError(name, None, column.shape, "give one value per row")
    if rows is not None and len(column) != rows:
        raise InvalidDataError(name, None, len(column), f"give {rows} values, one per row")
    if column.dtype == object:
        missing = np.flatnonzero([value is None or value != value for value in column])  # noqa: PLR0124  # NaN differs from itself
        if missing.size:
            raise InvalidDataError(name, int(missing[0]), None, "leave the row out, or say who it is")
        column = column.astype(str)
    elif column.dtype.kind == "f" and not np.isfinite(column).all():
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise InvalidDataError(name, row, float(column[row]), "leave the row out, or say who it is")
    elif column.dtype.kind in "mM" and np.isnat(column).any():
        raise InvalidDataError(name, int(np.flatnonzero(np.isnat(column))[0]), None, "leave the row out, or say when")
    return column


@frozen(kw_only=True, eq=False)
class ReferralSigns:
    """What was seen of each member; all arrays are in the order of `member`.

    Parameters
    ----------
    member : ndarray
        Everybody who refers or is referred, once, sorted.
    self_referral : ndarray of bool
        Refers himself, or somebody of his own identity group.
    ring : ndarray of int
        Number of the ring (members who refer one another in a circle); -1 for none.
    star : ndarray of bool
        Brought many, nearly all of whom bought once at most and brought nobody.
    shared : ndarray of bool
        Shares an identifier with a member of another name.
    burst : ndarray of int
        The most friends that joined within one window; 0 where times were not given.
    score : ndarray of float
        0 to 1: one minus the product of what each sign leaves; from `REVIEW` on, look.
    """

    member: NDArray[Any]
    self_referral: NDArray[np.bool_]
    ring: NDArray[np.int64]
    star: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    burst: NDArray[np.int64]
    score: NDArray[np.float64] = field(repr=False)

    @property
    def to_review(self) -> NDArray[Any]:
        """Whom a person should look at, the highest score first."""
        order = np.argsort(-self.score, kind="stable")
        return self.member[order[self.score[order] >= REVIEW]]


def identity_groups(member: ArrayLike, identifier: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return each member once, sorted, and the number of his group: members who share identifiers, directly or by others.

    Parameters
    ----------
    member, identifier : array_like
        One row per identifier of a member: canonical e-mail, phone, address, device, payment fingerprint.

    Examples
    --------
    >>> members, group = identity_groups(["ana", "bea", "ana", "cleo"], ["x", "x", "y", "z"])
    >>> members.tolist(), group.tolist()
    (['ana', 'bea', 'cleo'], [0, 0, 1])
    """
    who = _column("member", member)
    what = _column("identifier", identifier, len(who))
    members, row = np.unique(who, return_inverse=True)
    kinds, column = np.unique(what, return_inverse=True)
    size = len(members) + len(kinds)
    graph = coo_array((np.ones(len(row), np.int8), (row, column + len(members))), shape=(size, size))
    _, label = connected_components(graph.tocsr(), directed=False)
    first, group = np.unique(label[: len(members)], return_inverse=True)
    return members, group.astype(np.int64).reshape(-1) if len(first) else np.empty(0, np.int64)


def _most_within(name: str, group: NDArray[np.int64], at: NDArray[Any], window: Any, members: int) -> NDArray[np.int64]:
    """Return the most rows of each group within one window."""
    if at.dtype.kind not in "iufM":
        raise InvalidDataError(name, None, str(at.dtype), "give datetime64, or numbers")
    if window is None:
        window = np.timedelta64(1, "D") if at.dtype.kind == "M" else 1
    lengths = (timedelta, np.timedelta64) if at.dtype.kind == "M" else (int, float, np.number)
    none: Any = type(window)(0) if isinstance(window, lengths) else window
    if not isinstance(window, lengths) or not window > none:
        raise InvalidDataError("window", None, window, f"give a length above 0, in the unit of {name}")
    order = np.lexsort((at, group))
    group, at = group[order], at[order]
    most = np.zeros(members, np.int64)
    if not len(group):
        return most
    offset = (at - at.min()) / window
    stretch = group * (float(offset.max()) + 2.0) + offset  # one line for all groups, each further off than a window
    first = np.searchsorted(stretch, stretch - 1.0, side="right")
    np.maximum.at(most, group, np.arange(len(group)) - first + 1)
    return most


def referral_signs(
    advocate: ArrayLike,
    friend: ArrayLike,
    *,
    joined_at: ArrayLike | None = None,
    purchases: ArrayLike | None = None,
    identifiers: tuple[ArrayLike, ArrayLike] | None = None,
    window: Any = None,
    burst: int = 10,
    star: int = 8,
    leaves: float = 0.9,
) -> ReferralSigns:
    """Look at who brought whom.

    Parameters
    ----------
    advocate, friend : array_like
        One row per referral.
    joined_at : array_like, optional
        When the friend joined: datetime64, or numbers.
    purchases : array_like of int, optional
        How often the friend has bought; without it stars are told by their leaves alone.
    identifiers : tuple of two array_like, optional
        Member and identifier, one row per identifier: see `identity_groups`.
    window : optional
        How long a burst may last, in the unit of `joined_at`; a day (or 1) unless given.
    burst : int
        So many friends within a window count as a burst.
    star : int
        From so many friends on, somebody may be a star.
    leaves : float
        The share of friends that bought once at most and brought nobody, from which on he is one.

    Raises
    ------
    InvalidDataError
        If columns differ in length, somebody or a time is missing, or `window` is no length.

    Examples
    --------
    >>> signs = referral_signs(["ana", "bea", "cleo", "dan"], ["bea", "cleo", "ana", "eva"])
    >>> signs.to_review.tolist()
    ['ana', 'bea', 'cleo']
    """
    source = _column("advocate", advocate)
    target = _column("friend", friend, len(source))
    members, code = np.unique(np.concatenate([source, target]), return_inverse=True)
    code = code.reshape(-1).astype(np.int64)
    n, tail, head = len(members), code[: len(source)], code[len(source) :]

    graph = coo_array((np.ones(len(tail), np.int8), (tail, head)), shape=(n, n)).tocsr()
    components, label = (
        connected_components(graph, directed=True, connection="strong") if n else (0, np.empty(0, np.int64))
    )
    large = np.bincount(label, minlength=components) > 1
    ring = np.where(large[label], (np.cumsum(large) - 1)[label], -1).astype(np.int64) if n else np.empty(0, np.int64)

    self_referral = np.zeros(n, bool)
    groups, shared = _groups_among(members, identifiers)
    self_referral[tail[_is_one(tail, head, groups)]] = True

    out = np.bincount(tail, minlength=n)
    poor = out[head] == 0
    if purchases is not None:
        bought = _column("purchases", purchases, len(source))
        if bought.dtype.kind not in "iuf" or (bought < 0).any():
            raise InvalidDataError("purchases", None, str(bought.dtype), "give counts of at least 0")
        poor &= bought <= 1
    is_star = (out >= star) & (np.bincount(tail, weights=poor, minlength=n) >= leaves * np.maximum(out, 1))

    most = np.zeros(n, np.int64)
    if joined_at is not None:
        at = _column("joined_at", joined_at, len(source))
        most = _most_within("joined_at", tail, at, window, n)

    seen = {
        "self_referral": self_referral,
        "ring": ring >= 0,
        "shared": shared,
        "star": is_star,
        "burst": most >= burst,
    }
    return ReferralSigns(
        member=members,
        self_referral=self_referral,
        ring=ring,
        star=is_star,
        shared=shared,
        burst=most,
        score=_score(seen, _WEIGHTS),
    )


@frozen(kw_only=True, eq=False)
class VoteSigns:
    """What was seen of each vote; all arrays are in the order of the votes.

    Parameters
    ----------
    own : ndarray of bool
        For himself, or for somebody of his own identity group.
    ring : ndarray of int
        Number of the ring that voter and author are both of; -1 for none.
    star : ndarray of bool
        For the one author whom a voter of many votes is nearly always for.
    burst : ndarray of int
        The most votes that this voter cast within one window; 0 where times were not given.
    score : ndarray of float
        0 to 1: one minus the product of what each sign leaves; from `REVIEW` on, look.
    """

    own: NDArray[np.bool_]
    ring: NDArray[np.int64]
    star: NDArray[np.bool_]
    burst: NDArray[np.int64]
    score: NDArray[np.float64] = field(repr=False)

    @property
    def to_review(self) -> NDArray[np.int64]:
        """The rows a person should look at, the highest score first."""
        order = np.argsort(-self.score, kind="stable")
        return order[self.score[order] >= REVIEW]


def vote_signs(
    voter: ArrayLike,
    author: ArrayLike,
    *,
    voted_at: ArrayLike | None = None,
    identifiers: tuple[ArrayLike, ArrayLike] | None = None,
    window: Any = None,
    burst: int = 10,
    star: int = 8,
    devoted: float = 0.9,
    largest: int = 6,
    inward: float = 0.5,
) -> VoteSigns:
    """Look at who votes for whose content.

    A ring is a group of at most `largest` members who vote for one another in a circle, or for those who vote for them, and who
    give at least the share `inward` of their votes to each other. What others vote for them does not hide it.

    Parameters
    ----------
    voter, author : array_like
        One row per vote: who cast it, and who made what it is for.
    voted_at : array_like, optional
        When: datetime64, or numbers.
    identifiers : tuple of two array_like, optional
        Member and identifier, one row per identifier: see `identity_groups`.
    window : optional
        How long a burst may last, in the unit of `voted_at`; a day (or 1) unless given.
    burst : int
        So many votes of one voter within a window count as a burst.
    star : int
        From so many votes on, somebody may be devoted to one author.
    devoted : float
        The share of his votes for that author from which on he is.
    largest : int
        How many members a ring has at most.
    inward : float
        The share of its members' votes that stays within it at least; above 0.

    Raises
    ------
    InvalidDataError
        If columns differ in length, somebody or a time is missing, or a setting is out of its bounds.

    Notes
    -----
    Where everybody votes a little, one vote outside joins a ring to the honest many. So circles are looked for in the graph of all
    votes, then among those who vote back, then in graphs of ever more devoted votes: an even ring of `largest` gives at least
    ``inward / (largest - 1)`` of each member's votes to each other one. Members found are not looked for again.

    Examples
    --------
    >>> signs = vote_signs(["ana", "bea", "cleo", "dan"], ["bea", "ana", "dan", "eva"])
    >>> signs.to_review.tolist(), signs.ring.tolist()
    ([0, 1], [0, 0, -1, -1])
    """
    source = _column("voter", voter)
    target = _column("author", author, len(source))
    for name, least, value in (("largest", 2, largest), ("inward", 0.0, inward)):
        if not value >= least or (name == "inward" and not 0.0 < inward <= 1.0):
            raise InvalidDataError(name, None, value, "give at least 2 members, and a share above 0 and at most 1")
    # Hashed, not sorted: of a million votes the sorting took longer than all the rest.
    code, members = pd.factorize(np.concatenate([source, target]))
    n, tail, head = len(members), code[: len(source)], code[len(source) :]

    groups, _ = _groups_among(members, identifiers)
    own = _is_one(tail, head, groups)
    row, pair = pd.factorize(tail * n + head)
    votes, cast = np.bincount(row, minlength=len(pair)), np.bincount(tail, minlength=n)
    label = _rings(n, pair, votes, largest, inward)
    ring = np.where(label[tail] == label[head], label[tail], -1)
    is_star = (votes[row] >= devoted * cast[tail]) & (cast[tail] >= star)

    most = np.zeros(n, np.int64)
    if voted_at is not None:
        at = _column("voted_at", voted_at, len(source))
        most = _most_within("voted_at", tail, at, window, n)
    most = most[tail]
    seen = {"own": own, "ring": (ring >= 0) & ~own, "star": is_star, "burst": most >= burst}
    return VoteSigns(own=own, ring=ring, star=is_star, burst=most, score=_score(seen, _VOTE_WEIGHTS))


def _rings(n: int, pair: NDArray[np.int64], votes: NDArray[np.int64], largest: int, inward: float) -> NDArray[np.int64]:
    """Return the number of each member's ring, -1 for none; `pair` is voter times n plus author, without repeats."""
    found = np.full(n, -1, np.int64)
    tail, head = np.divmod(pair, max(n, 1))
    kept = tail != head  # a vote for oneself makes no ring
    tail, head, votes = tail[kept], head[kept], votes[kept]
    given = np.bincount(tail, votes, n)
    share = votes / given[tail]
    two, _ = pd.factorize(np.minimum(tail, head) * n + np.maximum(tail, head))
    mutual = np.bincount(two)[two] == 2
    least = inward / (largest - 1)
    looks = [np.ones(len(tail), bool), mutual]
    while least < 1.0:
        looks += [share >= least, mutual & (share >= least)]
        least *= 2.0
    rings = 0
    for look in looks:
        free = look & (found[tail] < 0) & (found[head] < 0)
        graph = coo_array((np.ones(int(free.sum()), np.int8), (tail[free], head[free])), shape=(n, n)).tocsr()
        count, label = connected_components(graph, directed=True, connection="strong")
        size = np.bincount(label, minlength=count)
        inside = label[tail] == label[head]
        kept_in = np.bincount(label[tail[inside]], votes[inside], count)
        of_all = np.bincount(label, given, count)
        is_ring = (size >= 2) & (size <= largest) & (kept_in >= inward * of_all)
        number = np.where(is_ring, np.cumsum(is_ring) - 1 + rings, -1)
        found = np.where(found >= 0, found, number[label])
        rings += int(is_ring.sum())
    return found


def _groups_among(
    members: NDArray[Any], identifiers: tuple[ArrayLike, ArrayLike] | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each member's identity group, -1 where no identifier of his is known, and whether he shares one with somebody."""
    groups, shared = np.full(len(members), -1, np.int64), np.zeros(len(members), bool)
    if identifiers is not None:
        known, group = identity_groups(*identifiers)
        if len(known) and len(members):
            place = np.minimum(np.searchsorted(known, members.astype(known.dtype)), len(known) - 1)
            found = known[place] == members.astype(known.dtype)
            groups[found] = group[place[found]]
            shared = found & (np.bincount(group)[group[place]] > 1)
    return groups, shared


def _is_one(tail: NDArray[np.int64], head: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows are of one member, or of two of one identity group."""
    if not len(groups):
        return np.zeros(len(tail), bool)
    return np.asarray((tail == head) | ((groups[tail] >= 0) & (groups[tail] == groups[head])))


def _score(seen: dict[str, NDArray[np.bool_]], weights: dict[str, float]) -> NDArray[np.float64]:
    left = np.ones(len(next(iter(seen.values()))))
    for name, sign in seen.items():
        left = left * np.where(sign, 1.0 - weights[name], 1.0)
    return 1.0 - left


def unusual_amounts(amount: ArrayLike, *, group: ArrayLike | None = None, limit: float = 5.0) -> NDArray[np.bool_]:
    """Return which amounts lie far outside: robust z of the logarithm (median and MAD), within each group.

    Parameters
    ----------
    amount : array_like
        Amounts above 0.
    group : array_like, optional
        The customer or segment whose median counts.
    limit : float
        How many robust standard deviations are far.

    Examples
    --------
    >>> unusual_amounts([10, 11, 9, 10, 12, 10_000]).tolist()
    [False, False, False, False, False, True]
    """
    values = np.asarray(amount, dtype=float)
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise InvalidDataError("amount", int(bad[0]), float(values[bad[0]]), "give amounts above 0")
    code = np.zeros(len(values), np.int64)
    if group is not None:
        _, code = np.unique(_column("group", group, len(values)), return_inverse=True)
        code = code.reshape(-1)
    log = np.log(values)
    away = np.abs(log - _median_of(log, code)[code]) if len(values) else log
    spread = _median_of(away, code) * 1.4826 if len(values) else away
    return np.asarray(away > limit * np.maximum(spread, 1e-9)[code], dtype=bool)


def _median_of(values: NDArray[np.float64], code: NDArray[np.int64]) -> NDArray[np.float64]:
    order = np.lexsort((values, code))
    count = np.bincount(code)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    ordered = values[order]
    return np.asarray((ordered[start + (count - 1) // 2] + ordered[start + count // 2]) / 2.0)
