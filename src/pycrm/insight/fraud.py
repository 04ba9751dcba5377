"""What looks wrong in a referral programme: rings, stars, shared identities and bursts, each with its evidence.

These are reasons to look, never a penalty: the score ranks what a person reviews. Leading digits (Benford) are not here: 18,525
honest invoice totals of a real shop fail that test.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pycrm.errors import InvalidDataError

__all__ = ["REVIEW", "ReferralSigns", "identity_groups", "referral_signs", "unusual_amounts"]

REVIEW = 0.5
"""From this score on a person should look."""

_WEIGHTS = {"self_referral": 1.0, "ring": 0.8, "shared": 0.6, "star": 0.5, "burst": 0.4}


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


def _most_within(group: NDArray[np.int64], at: NDArray[Any], window: Any, members: int) -> NDArray[np.int64]:
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
        If columns differ in length, or somebody is missing.

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
    shared = np.zeros(n, bool)
    same = tail == head
    if identifiers is not None:
        known, group = identity_groups(*identifiers)
        groups = np.full(n, -1, np.int64)
        if len(known) and n:
            place = np.minimum(np.searchsorted(known, members.astype(known.dtype)), len(known) - 1)
            found = known[place] == members.astype(known.dtype)
            groups[found] = group[place[found]]
            shared = found & (np.bincount(group)[group[place]] > 1)
        same |= (groups[tail] >= 0) & (groups[tail] == groups[head])
    self_referral[tail[same]] = True

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
        length = np.timedelta64(1, "D") if at.dtype.kind == "M" else 1
        most = _most_within(tail, at, length if window is None else window, n)

    left = np.ones(n)
    for sign, weight in (
        (self_referral, _WEIGHTS["self_referral"]),
        (ring >= 0, _WEIGHTS["ring"]),
        (shared, _WEIGHTS["shared"]),
        (is_star, _WEIGHTS["star"]),
        (most >= burst, _WEIGHTS["burst"]),
    ):
        left = left * np.where(sign, 1.0 - weight, 1.0)
    return ReferralSigns(
        member=members,
        self_referral=self_referral,
        ring=ring,
        star=is_star,
        shared=shared,
        burst=most,
        score=1.0 - left,
    )


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
