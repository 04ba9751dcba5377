"""Points: an append-only, double-entry ledger in whole points, and the pure function that posts to it.

Each entry moves points between buckets of one account, and its legs sum to zero. What an account holds is the fold of its
entries (`replay`), and `post` is the only way to make one. The laws, which hold after every entry:

- earned + transferred + adjusted + debt = spent + expired + reversed + open + held + pending;
- no lot is negative, none holds more than it was given, and what is available is the sum of the open lots;
- the lot that expires first is spent first (of equal ones, the older); one that expires at t is gone at t;
- debt, left where an earn was undone after it was spent, is its own bucket: it blocks spending, there is no open lot beside
  it, and the next points that come in pay it; what expired unspent is not owed, its expiry is undone with the earn;
- a key posts once: the same request again gets the first result, another request under the same key is refused;
- undoing a spend gives back the lots it took, with their own expiry.

Examples
--------
>>> from datetime import UTC
>>> from uuid import UUID
>>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
>>> account = PointsAccount.opened(UUID(int=1), "tea")
>>> first = post(account, Earn(100), key="order:1", at=noon)
>>> second = post(first.account, Redeem(30), key="reward:1", at=noon)
>>> second.account.available
70
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any, TypeAlias
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_line
from pycrm.model.entity import named_id
from pycrm.model.erased_keys import is_key_digest, key_digest
from pycrm.model.points_account import Hold, Lot, PointsAccount, apply
from pycrm.model.points_command import (
    Adjust,
    CancelHold,
    CapSpan,
    Capture,
    Command,
    Earn,
    Expire,
    HoldPoints,
    Redeem,
    Release,
    Reverse,
)
from pycrm.model.points_entry import Bucket, EntryKind, Leg, PointsEntry, entry_of_checked
from pycrm.model.points_legs import come_in, lot_of, out, rest, reversal, spendable, target
from pycrm.model.time import in_utc, is_instant, local_date

__all__ = ["Posted", "points_allowed", "post", "transfer"]

# What the ledger does of itself has keys of its own, which nobody else may use.
_DUE, _EXPIRED, _LATE = ":due", ":expired", ":after"
_History: TypeAlias = Mapping[str, PointsEntry]


@frozen
class Posted:
    """What posting did: the account afterwards, the entries to keep, and which of them answers the request."""

    account: PointsAccount
    entries: tuple[PointsEntry, ...]
    result: PointsEntry | None
    replayed: bool = False


# -- what a request is -------------------------------------------------------------------------------------------------------------


@frozen
class _Request:
    key: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)


def _asked(key: str, at: datetime) -> datetime:
    """Return the time of a request in UTC, or refuse the request."""
    plain = type(key) is str and key.isascii() and key.isprintable() and not key.isspace()
    if not (plain and key and type(at) is datetime and at.tzinfo is UTC):
        at = _Request(key, at).at
    if key.endswith((_DUE, _EXPIRED, _LATE)):
        raise InvalidValueError(
            "key", key, f"keys that end in {_DUE}, {_EXPIRED} or {_LATE} are the ledger's own; add a letter"
        )
    return at


@cache
def _values(kind: Any) -> Callable[[Any], Any]:
    names = [attribute.name for attribute in attrs.fields(kind)]
    return attrgetter(*names) if len(names) > 1 else lambda command: tuple(getattr(command, name) for name in names)


def _fingerprint(command: Any, *about: object) -> str:
    kind: Any = type(command)
    values = (*about, *_values(kind)(command))
    said = [each.isoformat() if type(each) is datetime else repr(each) for each in values]
    text = "\x1f".join((kind.__name__, *said))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _first(history: _History, key: str, command: Any, *about: object) -> PointsEntry | None:
    """Return what was posted under `key` before; refuse another request under it."""
    first = history.get(key)
    if first is not None and first.request != _fingerprint(command, *about):
        raise InvalidValueError("key", key, "it was used for another request; a key is used for one request only")
    return first


# -- the decisions -----------------------------------------------------------------------------------------------------------------


def _entry(
    account: PointsAccount,
    kind: EntryKind,
    key: str,
    at: datetime,
    legs: Iterable[Leg],
    *,
    request: str = "",
    rule: str | None = None,
    of_entry: UUID | None = None,
    hold: str | None = None,
    reason: str | None = None,
) -> PointsEntry:
    own, number = named_id(account.id, key), account.posted + 1
    return entry_of_checked(own, account.id, number, key, request, kind, at, tuple(legs), rule, of_entry, hold, reason)


def _hold_of(account: PointsAccount, key: str) -> Hold:
    for hold in account.holds:
        if hold.key == key or (is_key_digest(hold.key) and hold.key == key_digest(key)):
            return hold
    raise InvalidValueError("hold", key, "there is no open hold of that key")


def _due(account: PointsAccount, key: str, at: datetime, entries: list[PointsEntry]) -> PointsAccount:
    """Add what is due by `at` to `entries`: pending lots open, and then what has expired goes; return the account after it."""
    first = account.lots[0].expires_at if account.lots else None
    if not account.pending and (first is None or first > at):
        return account
    opening = [lot for lot in account.pending if lot.opens_at is not None and lot.opens_at <= at]
    if opening:
        legs = (*out(Bucket.PENDING, opening), *come_in(account, opening))
        entries.append(_entry(account, EntryKind.RELEASE, key + _DUE, at, legs))
        account = apply(account, entries[-1])
    gone = [lot for lot in account.lots if lot.expires_at is not None and lot.expires_at <= at]
    lapsed = [lot for lot in account.pending if lot.expires_at is not None and lot.expires_at <= at]
    if gone or lapsed:
        points = sum(lot.points for lot in (*gone, *lapsed))
        legs = (*out(Bucket.OPEN, gone), *out(Bucket.PENDING, lapsed), Leg(Bucket.EXPIRED, points))
        entries.append(_entry(account, EntryKind.EXPIRE, key + _EXPIRED, at, legs))
        account = apply(account, entries[-1])
    return account


def points_allowed(account: PointsAccount, command: Earn, at: datetime, beside: Iterable[PointsAccount] = ()) -> int:
    """Return how many points the caps of an earn leave at that time: all, some, or 0 where one is reached.

    What the rule gave in the accounts `beside` it, those of whoever was merged into the member, counts too.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.points_command import EarnCap
    >>> visit = Earn(40, rule="visit", caps=(EarnCap(30),))
    >>> points_allowed(PointsAccount.opened(UUID(int=1), "tea"), visit, datetime(2026, 5, 1, tzinfo=UTC))
    30
    """
    points, used = command.points, dict.fromkeys(CapSpan, 0)
    for each in (account, *beside):
        given = None if command.rule is None else each.points_by_rule(command.rule)
        if given is not None:
            used[CapSpan.EVER] += given.ever
            used[CapSpan.DAY] += given.today if given.day == local_date(at, each.zone) else 0
    for cap in command.caps:
        points = min(points, cap.max_points - used[cap.per])
    return max(points, 0)


def _allowed(account: PointsAccount, command: Earn, at: datetime, beside: Iterable[PointsAccount]) -> int:
    points = points_allowed(account, command, at, beside)
    if points <= 0:
        raise InvalidValueError("points", command.points, f"the cap of {command.rule} is reached")
    return points


def _earn(
    account: PointsAccount, command: Earn, key: str, at: datetime, beside: Iterable[PointsAccount] = ()
) -> PointsEntry:
    points = _allowed(account, command, at, beside) if command.caps else command.points
    if command.expires_at is not None and command.expires_at <= at:
        raise InvalidValueError("expires_at", command.expires_at, f"they would be gone already at {at.isoformat()}")
    own = account.lot_id()
    legs = [Leg(Bucket.EARNED, -points)]
    if command.pending and (command.opens_at is None or command.opens_at > at):
        legs.append(Leg(Bucket.PENDING, points, own, command.expires_at, command.opens_at))
    elif account.debt:
        legs += come_in(account, [Lot(own, points, command.expires_at)])
    else:
        legs.append(Leg(Bucket.OPEN, points, own, command.expires_at))
    request, rule, reason = _fingerprint(command), command.rule, command.reason
    return _entry(account, EntryKind.EARN, key, at, legs, request=request, rule=rule, reason=reason)


def _release(account: PointsAccount, command: Release, key: str, at: datetime, history: _History) -> PointsEntry:
    earn = target(history, command.of, frozenset({EntryKind.EARN}))
    opening = [lot for lot in account.pending if lot.id == lot_of(earn)]
    if not opening:
        raise InvalidValueError("of", command.of, "none of its points are pending")
    legs = [*out(Bucket.PENDING, opening), *come_in(account, opening)]
    return _entry(account, EntryKind.RELEASE, key, at, legs, request=_fingerprint(command), of_entry=earn.id)


def _redeem(account: PointsAccount, command: Redeem, key: str, at: datetime, history: _History) -> PointsEntry:  # noqa: ARG001
    legs = [*out(Bucket.OPEN, spendable(account, command.points)), Leg(Bucket.SPENT, command.points)]
    return _entry(account, EntryKind.REDEEM, key, at, legs, request=_fingerprint(command), reason=command.reason)


def _hold(account: PointsAccount, command: HoldPoints, key: str, at: datetime, history: _History) -> PointsEntry:  # noqa: ARG001
    lots = spendable(account, command.points)
    legs = [*out(Bucket.OPEN, lots), *(Leg(Bucket.HELD, lot.points, lot.id, lot.expires_at) for lot in lots)]
    return _entry(account, EntryKind.HOLD, key, at, legs, request=_fingerprint(command), hold=key)


def _capture(account: PointsAccount, command: Capture, key: str, at: datetime, history: _History) -> PointsEntry:  # noqa: ARG001
    hold = _hold_of(account, command.hold)
    points = hold.points if command.points is None else command.points
    if points > hold.points:
        raise InvalidValueError("points", points, f"the hold is of {hold.points} points")
    if account.debt:
        raise InvalidValueError("points", points, f"{account.debt} points are owed; cancel the hold")
    legs = [*out(Bucket.HELD, hold.lots), Leg(Bucket.SPENT, points), *come_in(account, rest(hold.lots, points))]
    made, request = named_id(account.id, command.hold), _fingerprint(command)
    return _entry(account, EntryKind.CAPTURE, key, at, legs, request=request, of_entry=made, hold=hold.key)


def _cancel(account: PointsAccount, command: CancelHold, key: str, at: datetime, history: _History) -> PointsEntry:  # noqa: ARG001
    hold = _hold_of(account, command.hold)
    legs = [*out(Bucket.HELD, hold.lots), *come_in(account, hold.lots)]
    made, request = named_id(account.id, command.hold), _fingerprint(command)
    return _entry(account, EntryKind.CANCEL, key, at, legs, request=request, of_entry=made, hold=hold.key)


def _reverse(account: PointsAccount, command: Reverse, key: str, at: datetime, history: _History) -> PointsEntry:
    undone, legs = reversal(account, command, history)
    request, reason = _fingerprint(command), command.reason
    return _entry(account, EntryKind.REVERSE, key, at, legs, request=request, of_entry=undone, reason=reason)


def _adjust(account: PointsAccount, command: Adjust, key: str, at: datetime, history: _History) -> PointsEntry:  # noqa: ARG001
    if command.points > 0:
        into = come_in(account, [Lot(account.lot_id(), command.points, command.expires_at)])
    else:
        into = out(Bucket.OPEN, spendable(account, -command.points))
    legs = [Leg(Bucket.ADJUSTED, -command.points), *into]
    return _entry(account, EntryKind.ADJUST, key, at, legs, request=_fingerprint(command), reason=command.reason)


_Decision: TypeAlias = "Callable[[PointsAccount, Any, str, datetime, _History], PointsEntry]"
_DECISIONS: dict[type[Any], _Decision] = {
    Release: _release,
    Redeem: _redeem,
    HoldPoints: _hold,
    Capture: _capture,
    CancelHold: _cancel,
    Reverse: _reverse,
    Adjust: _adjust,
}


_NOTHING: _History = {}


def post(
    account: PointsAccount,
    command: Command,
    *,
    key: str,
    at: datetime,
    history: _History = _NOTHING,
    beside: Iterable[PointsAccount] = (),
) -> Posted:
    """Post `command` to `account` and return what it did; nothing is changed in place.

    Whatever is due by then opens and expires first, and what a reversal gives back to a lot that is past its time expires at
    once. A clock that is behind the last entry is read as the time of that entry.

    Parameters
    ----------
    account : PointsAccount
        The account as of its last entry.
    command : Command
        What is asked.
    key : str
        The idempotency key.
    at : datetime
        Now.
    history : Mapping of str to PointsEntry
        The entries of the account by key; at least the one under `key`, if there is one, and the one the command refers to; to
        undo an earn whose points may have expired, all that expired or reversed points too.
    beside : iterable of PointsAccount
        Other accounts of the same member, such as those of whoever was merged into him; the caps of an earn count over all.

    Returns
    -------
    Posted
        With `replayed` where the key was used before: then nothing is to be kept, and the result is the first one.

    Raises
    ------
    InvalidValueError
        If the points are not there, are owed, or are above a cap; if there is nothing (left) to undo; if the key was used for
        another request.
    """
    at = _asked(key, at)
    first = _first(history, key, command)
    if first is not None:
        return Posted(account, (), first, replayed=True)
    now = at if account.last_at is None else max(at, account.last_at)
    entries: list[PointsEntry] = []
    after = _due(account, key, now, entries)
    decide = _DECISIONS.get(type(command))
    if isinstance(command, Earn):
        result = _earn(after, command, key, now, beside)
    elif decide is not None:
        undoing = bool(entries) and isinstance(command, Reverse)  # what expires just now is not owed either
        known = {**history, **{entry.key: entry for entry in entries}} if undoing else history
        result = decide(after, command, key, now, known)
    elif isinstance(command, Expire):
        return Posted(after, tuple(entries), None)
    else:
        raise InvalidValueError("command", command, "give Earn, Redeem, Reverse or another command of the ledger")
    entries.append(result)
    after = _due(apply(after, result), key + _LATE, now, entries)
    return Posted(after, tuple(entries), result)


def transfer(
    giver: PointsAccount,
    taker: PointsAccount,
    points: int,
    *,
    key: str,
    at: datetime,
    history: _History = _NOTHING,
    history_of_taker: _History = _NOTHING,
) -> tuple[Posted, Posted]:
    """Move points from one member to another, lot by lot: they keep their expiry.

    Parameters
    ----------
    giver, taker : PointsAccount
        Two accounts of one programme.
    points : int
        How many; at least 1.
    key : str
        The idempotency key, in both accounts.
    at : datetime
        Now.
    history : Mapping of str to PointsEntry
        The entries of the giver by key.
    history_of_taker : Mapping of str to PointsEntry
        Those of the taker; at least the one under `key`, if there is one.

    Raises
    ------
    InvalidValueError
        If it is one account, the programmes differ, the points are not there, or the key was used.
    """
    command = Redeem(points)
    if giver.id == taker.id or giver.program != taker.program:
        raise InvalidValueError("taker", taker.id, "give the account of another member in the same programme")
    at = _asked(key, at)
    first = _first(history, key, command, "to", taker.id)
    received = _first(history_of_taker, key, command, "from", giver.id)
    if first is not None:
        return Posted(giver, (), first, replayed=True), Posted(taker, (), received, replayed=True)
    now = max(each for each in (at, giver.last_at, taker.last_at) if each is not None)
    gave: list[PointsEntry] = []
    got: list[PointsEntry] = []
    giving, taking = _due(giver, key, now, gave), _due(taker, key, now, got)
    lots = spendable(giving, points)
    legs = [*out(Bucket.OPEN, lots), Leg(Bucket.TRANSFERRED, points)]
    request = _fingerprint(command, "to", taker.id)
    gave.append(_entry(giving, EntryKind.TRANSFER, key, now, legs, request=request))
    legs = [Leg(Bucket.TRANSFERRED, -points), *come_in(taking, lots)]
    request = _fingerprint(command, "from", giver.id)
    got.append(_entry(taking, EntryKind.TRANSFER, key, now, legs, request=request))
    return (
        Posted(apply(giving, gave[-1]), tuple(gave), gave[-1]),
        Posted(apply(taking, got[-1]), tuple(got), got[-1]),
    )
