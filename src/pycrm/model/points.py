"""Points: an append-only, double-entry ledger in whole points, and the pure function that posts to it.

Each entry moves points between buckets of one account, and its legs sum to zero. What an account holds is the fold of its
entries (`replay`), and `post` is the only way to make one. The laws, which hold after every entry:

- earned + transferred + adjusted + debt = spent + expired + reversed + open + held + pending;
- no lot is negative, none holds more than it was given, and what is available is the sum of the open lots;
- the lot that expires first is spent first (of equal ones, the older); one that expires at t is gone at t;
- debt, left where an earn was undone after it was spent, is its own bucket: it blocks spending, there is no open lot beside
  it, and the next points that come in pay it;
- a key posts once: the same request again gets the first result, another request under the same key is refused;
- undoing a spend gives back the lots it took, with their own expiry.

Examples
--------
>>> from datetime import UTC
>>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
>>> account = PointsAccount.opened(UUID(int=1), "tea")
>>> first = post(account, Earn(100), key="order:1", at=noon)
>>> second = post(first.account, Redeem(30), key="reward:1", at=noon)
>>> second.account.available
70
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID, uuid5

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.time import in_utc, is_instant, is_zone, local_date

__all__ = [
    "Adjust",
    "Bucket",
    "CancelHold",
    "CapSpan",
    "Capture",
    "Command",
    "Earn",
    "EarnCap",
    "EntryKind",
    "Expire",
    "Hold",
    "HoldPoints",
    "Leg",
    "Lot",
    "PointsAccount",
    "PointsEntry",
    "Posted",
    "Redeem",
    "Release",
    "Reverse",
    "RuleTotal",
    "StatementLine",
    "apply",
    "post",
    "replay",
    "statement",
    "transfer",
]

_NAMESPACE = UUID("6f0c1f5e-57f4-5d0a-9a53-0d6d1e3a9b10")
_NEVER = datetime.max.replace(tzinfo=UTC)


class Bucket(StrEnum):
    """Where points can be: four that the member has, and six that say where they came from or went."""

    OPEN = "open"
    PENDING = "pending"
    HELD = "held"
    DEBT = "debt"
    EARNED = "earned"
    SPENT = "spent"
    EXPIRED = "expired"
    REVERSED = "reversed"
    ADJUSTED = "adjusted"
    TRANSFERRED = "transferred"


class EntryKind(StrEnum):
    """What an entry does."""

    EARN = "earn"
    RELEASE = "release"
    REDEEM = "redeem"
    HOLD = "hold"
    CAPTURE = "capture"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REVERSE = "reverse"
    ADJUST = "adjust"
    TRANSFER = "transfer"


@frozen
class Leg:
    """So many points into a bucket (or, below 0, out of it), with the lot they belong to."""

    bucket: Bucket
    points: int
    lot_id: UUID | None = None
    expires_at: datetime | None = None
    opens_at: datetime | None = None


@frozen
class Lot:
    """What is left of points that came in together; `opens_at` only while they are pending."""

    id: UUID
    points: int
    expires_at: datetime | None = None
    opens_at: datetime | None = None


@frozen
class Hold:
    """Points set aside for a redemption that is not settled yet, by lot."""

    key: str
    lots: tuple[Lot, ...]

    @property
    def points(self) -> int:
        """How many."""
        return sum(lot.points for lot in self.lots)


@frozen
class RuleTotal:
    """What one rule gave this member: on the last day it gave anything, and ever."""

    rule: str
    day: date
    today: int
    ever: int


@frozen(kw_only=True)
class PointsEntry(Entity):
    """One entry of the ledger; its id follows from account and key, so the same request makes the same entry anywhere.

    Parameters
    ----------
    account_id : UUID
        Whose.
    number : int
        Its place in the account, from 1: entries of one instant have an order too.
    key : str
        The idempotency key, unique in an account.
    request : str
        The fingerprint of what was asked, by which another request under the same key is known.
    kind : EntryKind
        What it does.
    at : datetime
        When it was posted; never before the entry before it.
    legs : tuple of Leg
        What moves; they sum to zero.
    rule : str, optional
        The earning rule behind it.
    of_entry : UUID, optional
        The entry it undoes, releases, captures or cancels.
    hold : str, optional
        The key of the hold it makes, captures or cancels.
    reason : str, optional
        In words.
    """

    account_id: UUID = field(validator=is_a(UUID))
    number: int = field(default=1, validator=at_least(1))
    key: str = field(validator=is_line)
    request: str
    kind: EntryKind = field(validator=is_a(EntryKind))
    at: datetime = field(converter=in_utc, validator=is_instant)
    legs: tuple[Leg, ...] = field(validator=tuple_of(Leg))
    rule: str | None = field(default=None, validator=optional(is_code))
    of_entry: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    hold: str | None = field(default=None, validator=optional(is_line))
    reason: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if sum(leg.points for leg in self.legs) != 0:
            raise InvalidValueError("legs", self.legs, "the legs of an entry sum to zero")

    @property
    def points(self) -> int:
        """How many points it moves."""
        return sum(leg.points for leg in self.legs if leg.points > 0)

    @property
    def change(self) -> int:
        """By how much it changes what is available."""
        return sum(leg.points for leg in self.legs if leg.bucket is Bucket.OPEN)


@frozen(kw_only=True)
class PointsAccount(Entity):
    """What the entries of one member in one programme add up to.

    Parameters
    ----------
    member_id : UUID
        Whose.
    program : str
        The programme; with the member unique in a tenant.
    zone : str
        Whose days count for the caps.
    lots, pending : tuple of Lot
        What may be spent, the first to expire first; and what may not yet.
    holds : tuple of Hold
        What is set aside.
    debt : int
        What is owed; while there is any, there is no open lot.
    earned, spent, expired, reversed, adjusted, transferred : int
        Where points came from and went, since the beginning.
    undone : tuple of tuple of (UUID, int)
        How much of which entry has been undone.
    rules : tuple of RuleTotal
        What each rule gave, for its caps.
    posted : int
        How many entries there are.
    last_at : datetime, optional
        When the last entry was posted.
    """

    member_id: UUID = field(validator=is_a(UUID))
    program: str = field(validator=is_code)
    zone: str = field(default="UTC", validator=is_zone)
    lots: tuple[Lot, ...] = ()
    pending: tuple[Lot, ...] = ()
    holds: tuple[Hold, ...] = ()
    debt: int = 0
    earned: int = 0
    spent: int = 0
    expired: int = 0
    reversed: int = 0
    adjusted: int = 0
    transferred: int = 0
    undone: tuple[tuple[UUID, int], ...] = ()
    rules: tuple[RuleTotal, ...] = ()
    posted: int = 0
    last_at: datetime | None = None

    @classmethod
    def opened(cls, member_id: UUID, program: str, zone: str = "UTC") -> PointsAccount:
        """Return the empty account of a member; its id follows from member and programme, so there is only one."""
        own = uuid5(_NAMESPACE, f"{member_id}\x1f{program}")
        return cls(id=own, member_id=member_id, program=program, zone=zone)

    @property
    def available(self) -> int:
        """What may be spent, as of the last entry."""
        return sum(lot.points for lot in self.lots)

    @property
    def held(self) -> int:
        """What is set aside."""
        return sum(hold.points for hold in self.holds)

    def available_at(self, at: datetime) -> int:
        """Return what may be spent at that time if nothing is posted before: due lots open, and expired ones are gone."""
        due = (lot for lot in self.pending if lot.opens_at is not None and lot.opens_at <= at)
        points = sum(lot.points for lot in (*self.lots, *due) if lot.expires_at is None or lot.expires_at > at)
        return max(points - self.debt, 0)

    def points_by_rule(self, rule: str) -> RuleTotal | None:
        """Return what a rule gave so far."""
        return next((each for each in self.rules if each.rule == rule), None)


class CapSpan(StrEnum):
    """What a cap counts over."""

    DAY = "day"
    EVER = "ever"


@frozen
class EarnCap:
    """At most so many points of a rule for one member, in a day of his zone or ever; what goes beyond is not given."""

    max_points: int = field(validator=at_least(0))
    per: CapSpan = field(default=CapSpan.DAY, validator=is_a(CapSpan))


@frozen
class Earn:
    """Points come in: at once, or `pending` until `opens_at` (or until a Release)."""

    points: int = field(validator=at_least(1))
    expires_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    pending: bool = field(default=False, validator=is_a(bool))
    opens_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    rule: str | None = field(default=None, validator=optional(is_code))
    caps: tuple[EarnCap, ...] = field(default=(), validator=tuple_of(EarnCap))
    reason: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.caps and self.rule is None:
            raise InvalidValueError("rule", None, "a cap counts what a rule gave; name the rule")
        if self.opens_at is not None and not self.pending:
            raise InvalidValueError("opens_at", self.opens_at, "only pending points open later; say pending=True")


@frozen
class Release:
    """The pending points of the earn posted under `of` may be spent now."""

    of: str = field(validator=is_line)


@frozen
class Redeem:
    """Points are spent."""

    points: int = field(validator=at_least(1))
    reason: str | None = field(default=None, validator=optional(is_line))


@frozen
class HoldPoints:
    """Points are set aside; the key of the entry is the key of the hold."""

    points: int = field(validator=at_least(1))


@frozen
class Capture:
    """A hold is spent, whole or in part; the rest goes back."""

    hold: str = field(validator=is_line)
    points: int | None = field(default=None, validator=optional(at_least(1)))


@frozen
class CancelHold:
    """A hold is given up; its points go back into their lots."""

    hold: str = field(validator=is_line)


@frozen
class Expire:
    """Whatever is due opens or expires; every other command does so first."""


@frozen
class Reverse:
    """The earn, redemption or capture posted under `of` is undone, whole (what is left of it) or in part."""

    of: str = field(validator=is_line)
    points: int | None = field(default=None, validator=optional(at_least(1)))
    reason: str | None = field(default=None, validator=optional(is_line))


def _not_zero(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value == 0:
        raise InvalidValueError(attribute.name, value, "give a whole number that is not 0")


@frozen
class Adjust:
    """Somebody corrects the balance, up or down, and says why."""

    points: int = field(validator=_not_zero)
    reason: str = field(validator=is_line)
    expires_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )


Command: TypeAlias = Earn | Release | Redeem | HoldPoints | Capture | CancelHold | Expire | Reverse | Adjust


@frozen
class Posted:
    """What posting did: the account afterwards, the entries to keep, and which of them answers the request."""

    account: PointsAccount
    entries: tuple[PointsEntry, ...]
    result: PointsEntry | None
    replayed: bool = False


# -- the fold ----------------------------------------------------------------------------------------------------------------------


def _order(lot: Lot) -> tuple[datetime, UUID]:
    return (lot.expires_at or _NEVER, lot.id)


def _with(lots: tuple[Lot, ...], legs: list[Leg]) -> tuple[Lot, ...]:
    held = list(lots)
    for leg in legs:
        assert leg.lot_id is not None
        lot = Lot(leg.lot_id, leg.points, leg.expires_at, leg.opens_at)
        at = bisect_left(held, _order(lot), key=_order)
        is_there = at < len(held) and held[at].id == lot.id
        points = lot.points + (held[at].points if is_there else 0)
        if points < 0:
            raise InvalidValueError("points", points, "a lot is never negative; the entry takes what is not there")
        if points and points != lot.points:
            lot = Lot(lot.id, points, lot.expires_at, lot.opens_at)
        held[at : at + is_there] = [lot] if points else []
    return tuple(held)


def _held_with(holds: tuple[Hold, ...], key: str, legs: list[Leg]) -> tuple[Hold, ...]:
    before = next((hold.lots for hold in holds if hold.key == key), ())
    lots = _with(before, legs)
    others = tuple(hold for hold in holds if hold.key != key)
    return (*others, Hold(key, lots)) if lots else others


def apply(account: PointsAccount, entry: PointsEntry) -> PointsAccount:
    """Return the account after `entry`: the one step of the fold.

    Raises
    ------
    InvalidValueError
        If the entry is of another account or cannot follow.
    """
    if entry.account_id != account.id:
        raise InvalidValueError("account_id", entry.account_id, f"this is the account {account.id}")
    if entry.number != account.posted + 1:
        fix = f"it is entry {entry.number}, and {account.posted + 1} is next: apply all entries in their order"
        raise InvalidValueError("number", entry.number, fix)
    by_bucket: dict[Bucket, list[Leg]] = {}
    for leg in entry.legs:
        by_bucket.setdefault(leg.bucket, []).append(leg)
    changes: dict[str, Any] = {"posted": entry.number, "last_at": entry.at}
    for bucket, legs in by_bucket.items():
        moved = sum(leg.points for leg in legs)
        match bucket:
            case Bucket.OPEN:
                changes["lots"] = _with(account.lots, legs)
            case Bucket.PENDING:
                changes["pending"] = _with(account.pending, legs)
            case Bucket.HELD:
                changes["holds"] = _held_with(account.holds, entry.hold or entry.key, legs)
            case Bucket.DEBT:
                changes["debt"] = account.debt - moved
            case Bucket.EARNED | Bucket.ADJUSTED | Bucket.TRANSFERRED:
                changes[bucket.value] = getattr(account, bucket.value) - moved
            case _:
                changes[bucket.value] = getattr(account, bucket.value) + moved
    if entry.kind is EntryKind.REVERSE and entry.of_entry is not None:
        undone = dict(account.undone)
        undone[entry.of_entry] = undone.get(entry.of_entry, 0) + _undone_by(entry)
        changes["undone"] = tuple(undone.items())
    if entry.kind is EntryKind.EARN and entry.rule is not None:
        changes["rules"] = _counted(account, entry.rule, entry.at, entry.points)
    return _changed(account, changes)


@cache
def _names(kind: type[PointsAccount]) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in attrs.fields(kind))


def _changed(account: PointsAccount, changes: dict[str, Any]) -> PointsAccount:
    # attrs.evolve would check all twenty fields again, and the fold is what bulk posting spends its time in.
    kind: Any = type(account)
    after: PointsAccount = object.__new__(kind)
    for name in _names(kind):
        object.__setattr__(after, name, changes[name] if name in changes else getattr(account, name))
    return after


def _undone_by(entry: PointsEntry) -> int:
    return sum(abs(leg.points) for leg in entry.legs if leg.bucket in {Bucket.REVERSED, Bucket.SPENT})


def _counted(account: PointsAccount, rule: str, at: datetime, points: int) -> tuple[RuleTotal, ...]:
    before = account.points_by_rule(rule)
    day = local_date(at, account.zone)
    today = points + (before.today if before is not None and before.day == day else 0)
    after = RuleTotal(rule, day, today, points + (0 if before is None else before.ever))
    return (*(each for each in account.rules if each.rule != rule), after)


def replay(account: PointsAccount, entries: Iterable[PointsEntry]) -> PointsAccount:
    """Return what an empty `account` comes to after `entries`, in the order they were posted.

    Examples
    --------
    >>> from datetime import UTC
    >>> empty = PointsAccount.opened(UUID(int=1), "tea")
    >>> posted = post(empty, Earn(5), key="a", at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> replay(empty, posted.entries) == posted.account
    True
    """
    for entry in entries:
        account = apply(account, entry)
    return account


# -- the decisions -------------------------------------------------------------------------------------------------------------------


def _fingerprint(command: object) -> str:
    return hashlib.blake2b(repr(command).encode(), digest_size=16).hexdigest()


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
    own: UUID | None = None,
) -> PointsEntry:
    return PointsEntry(
        id=own or uuid5(account.id, key),
        account_id=account.id,
        number=account.posted + 1,
        key=key,
        request=request,
        kind=kind,
        at=at,
        legs=tuple(legs),
        rule=rule,
        of_entry=of_entry,
        hold=hold,
        reason=reason,
    )


def _come_in(account: PointsAccount, lots: Iterable[Lot]) -> list[Leg]:
    """Points reach the member: debt is paid first, what is left opens."""
    legs, debt = [], account.debt
    for lot in lots:
        pays = min(debt, lot.points)
        debt -= pays
        if pays:
            legs.append(Leg(Bucket.DEBT, pays))
        if lot.points > pays:
            legs.append(Leg(Bucket.OPEN, lot.points - pays, lot.id, lot.expires_at))
    return legs


def _taken(lots: Iterable[Lot], points: int) -> list[Lot]:
    """Take `points` from `lots` in their order, or as many as there are."""
    taken = []
    for lot in lots:
        if points <= 0:
            break
        part = min(points, lot.points)
        taken.append(attrs.evolve(lot, points=part))
        points -= part
    return taken


def _out(bucket: Bucket, lots: Iterable[Lot]) -> list[Leg]:
    return [Leg(bucket, -lot.points, lot.id, lot.expires_at, lot.opens_at) for lot in lots]


def _spendable(account: PointsAccount, points: int) -> list[Lot]:
    if account.debt:
        raise InvalidValueError("points", points, f"{account.debt} points are owed; they are paid from the next earn")
    if points > account.available:
        raise InvalidValueError("points", points, f"{account.available} points are available")
    return _taken(account.lots, points)


def _hold_of(account: PointsAccount, key: str) -> Hold:
    for hold in account.holds:
        if hold.key == key:
            return hold
    raise InvalidValueError("hold", key, "there is no open hold of that key")


def _due(account: PointsAccount, key: str, at: datetime) -> list[PointsEntry]:
    """Return what is due by `at`: pending lots open, and then what has expired goes."""
    first = account.lots[0].expires_at if account.lots else None
    if not account.pending and (first is None or first > at):
        return []
    entries = []
    opening = [lot for lot in account.pending if lot.opens_at is not None and lot.opens_at <= at]
    if opening:
        legs = (*_out(Bucket.PENDING, opening), *_come_in(account, opening))
        entries.append(_entry(account, EntryKind.RELEASE, f"{key}:due", at, legs))
        account = apply(account, entries[-1])
    gone = [lot for lot in account.lots if lot.expires_at is not None and lot.expires_at <= at]
    lapsed = [lot for lot in account.pending if lot.expires_at is not None and lot.expires_at <= at]
    if gone or lapsed:
        points = sum(lot.points for lot in (*gone, *lapsed))
        legs = (*_out(Bucket.OPEN, gone), *_out(Bucket.PENDING, lapsed), Leg(Bucket.EXPIRED, points))
        entries.append(_entry(account, EntryKind.EXPIRE, f"{key}:expired", at, legs))
    return entries


def _allowed(account: PointsAccount, command: Earn, at: datetime) -> int:
    points = command.points
    given = None if command.rule is None else account.points_by_rule(command.rule)
    for cap in command.caps:
        used = 0
        if given is not None:
            same_day = given.day == local_date(at, account.zone)
            used = given.ever if cap.per is CapSpan.EVER else given.today if same_day else 0
        points = min(points, cap.max_points - used)
    if points <= 0:
        raise InvalidValueError("points", command.points, f"the cap of {command.rule} is reached")
    return points


def _target(history: Mapping[str, PointsEntry], key: str, kinds: frozenset[EntryKind]) -> PointsEntry:
    entry = history.get(key)
    if entry is None or entry.kind not in kinds:
        raise InvalidValueError("of", key, f"there is no {' or '.join(sorted(kinds))} of that key in the history")
    return entry


def _reversal(account: PointsAccount, command: Reverse, history: Mapping[str, PointsEntry]) -> tuple[UUID, list[Leg]]:
    entry = _target(history, command.of, frozenset({EntryKind.EARN, EntryKind.REDEEM, EntryKind.CAPTURE}))
    is_earn = entry.kind is EntryKind.EARN
    whole = sum(abs(leg.points) for leg in entry.legs if leg.bucket in {Bucket.EARNED, Bucket.SPENT})
    before = dict(account.undone).get(entry.id, 0)
    points = whole - before if command.points is None else command.points
    if points > whole - before or points <= 0:
        raise InvalidValueError(
            "points", command.points or whole, f"{whole - before} of its {whole} points can be undone"
        )
    if not is_earn:
        back: list[Lot] = []
        skip = before
        took = Bucket.OPEN if entry.kind is EntryKind.REDEEM else Bucket.HELD
        spent = [leg for leg in entry.legs if leg.bucket is took and leg.points < 0]
        kept = entry.points - whole  # of a capture: what went back at once, out of the lots that expire last
        for leg in reversed(spent):
            part = -leg.points
            step = min(kept, part)
            kept, part = kept - step, part - step
            step = min(skip, part)
            skip, part = skip - step, part - step
            part = min(part, points - sum(lot.points for lot in back))
            if part and leg.lot_id is not None:
                back.append(Lot(leg.lot_id, part, leg.expires_at))
        return entry.id, [Leg(Bucket.SPENT, -points), *_come_in(account, back)]
    own_pending = _taken([lot for lot in account.pending if lot.id == entry.id], points)
    left = points - sum(lot.points for lot in own_pending)
    own = _taken([lot for lot in account.lots if lot.id == entry.id], left)
    left -= sum(lot.points for lot in own)
    others = _taken([lot for lot in account.lots if lot.id != entry.id], left)
    left -= sum(lot.points for lot in others)
    legs = [*_out(Bucket.PENDING, own_pending), *_out(Bucket.OPEN, (*own, *others)), Leg(Bucket.REVERSED, points)]
    return entry.id, [*legs, Leg(Bucket.DEBT, -left)] if left else legs


def _decide(
    account: PointsAccount, command: Command, key: str, at: datetime, history: Mapping[str, PointsEntry]
) -> PointsEntry | None:
    request = _fingerprint(command)
    match command:
        case Earn():
            points = _allowed(account, command, at)
            if command.expires_at is not None and command.expires_at <= at:
                raise InvalidValueError(
                    "expires_at", command.expires_at, f"they would be gone already at {at.isoformat()}"
                )
            own = uuid5(account.id, key)
            lot = Lot(own, points, command.expires_at)
            waiting = command.pending and (command.opens_at is None or command.opens_at > at)
            into = (
                [Leg(Bucket.PENDING, points, lot.id, command.expires_at, command.opens_at)]
                if waiting
                else _come_in(account, [lot])
            )
            return _entry(
                account,
                EntryKind.EARN,
                key,
                at,
                (Leg(Bucket.EARNED, -points), *into),
                request=request,
                rule=command.rule,
                reason=command.reason,
                own=own,
            )
        case Release(of=of):
            earn = _target(history, of, frozenset({EntryKind.EARN}))
            opening = [lot for lot in account.pending if lot.id == earn.id]
            if not opening:
                raise InvalidValueError("of", of, "none of its points are pending")
            legs = [*_out(Bucket.PENDING, opening), *_come_in(account, opening)]
            return _entry(account, EntryKind.RELEASE, key, at, legs, request=request, of_entry=earn.id)
        case Redeem(points=points, reason=reason):
            legs = [*_out(Bucket.OPEN, _spendable(account, points)), Leg(Bucket.SPENT, points)]
            return _entry(account, EntryKind.REDEEM, key, at, legs, request=request, reason=reason)
        case HoldPoints(points=points):
            lots = _spendable(account, points)
            legs = [*_out(Bucket.OPEN, lots), *(Leg(Bucket.HELD, lot.points, lot.id, lot.expires_at) for lot in lots)]
            return _entry(account, EntryKind.HOLD, key, at, legs, request=request, hold=key)
        case Capture(hold=name, points=asked):
            hold = _hold_of(account, name)
            points = hold.points if asked is None else asked
            if points > hold.points:
                raise InvalidValueError("points", points, f"the hold is of {hold.points} points")
            if account.debt:
                raise InvalidValueError("points", points, f"{account.debt} points are owed; cancel the hold")
            back = _rest(hold.lots, points)
            legs = [*_out(Bucket.HELD, hold.lots), Leg(Bucket.SPENT, points), *_come_in(account, back)]
            return _entry(
                account,
                EntryKind.CAPTURE,
                key,
                at,
                legs,
                request=request,
                of_entry=uuid5(account.id, name),
                hold=name,
            )
        case CancelHold(hold=name):
            hold = _hold_of(account, name)
            legs = [*_out(Bucket.HELD, hold.lots), *_come_in(account, hold.lots)]
            return _entry(
                account, EntryKind.CANCEL, key, at, legs, request=request, of_entry=uuid5(account.id, name), hold=name
            )
        case Reverse():
            of_entry, legs = _reversal(account, command, history)
            return _entry(
                account, EntryKind.REVERSE, key, at, legs, request=request, of_entry=of_entry, reason=command.reason
            )
        case Adjust(points=points, reason=reason, expires_at=expires_at):
            if points > 0:
                into = _come_in(account, [Lot(uuid5(account.id, key), points, expires_at)])
            else:
                into = _out(Bucket.OPEN, _spendable(account, -points))
            legs = [Leg(Bucket.ADJUSTED, -points), *into]
            return _entry(account, EntryKind.ADJUST, key, at, legs, request=request, reason=reason)
        case Expire():
            return None
    raise InvalidValueError("command", command, "give Earn, Redeem, Reverse or another command of the ledger")


def _rest(lots: tuple[Lot, ...], points: int) -> list[Lot]:
    """Return what is left of `lots` when `points` are taken from their beginning."""
    rest = []
    for lot in lots:
        part = min(points, lot.points)
        points -= part
        if lot.points > part:
            rest.append(attrs.evolve(lot, points=lot.points - part))
    return rest


_NOTHING: Mapping[str, PointsEntry] = {}


def post(
    account: PointsAccount,
    command: Command,
    *,
    key: str,
    at: datetime,
    history: Mapping[str, PointsEntry] = _NOTHING,
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
        The entries of the account by key; at least the one under `key`, if there is one, and the one the command refers to.

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
    asked = _Request(key, at)
    first = history.get(key)
    if first is not None:
        if first.request != _fingerprint(command):
            raise InvalidValueError("key", key, "it was used for another request; a key is used for one request only")
        return Posted(account, (), first, replayed=True)
    now = asked.at if account.last_at is None else max(asked.at, account.last_at)
    entries = _due(account, key, now)
    after = replay(account, entries)
    result = _decide(after, command, key, now, history)
    if result is not None:
        entries.append(result)
        after = apply(after, result)
        late = _due(after, f"{key}:after", now)
        entries.extend(late)
        after = replay(after, late)
    return Posted(after, tuple(entries), result)


@frozen
class _Request:
    key: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)


def transfer(
    giver: PointsAccount,
    taker: PointsAccount,
    points: int,
    *,
    key: str,
    at: datetime,
    history: Mapping[str, PointsEntry] = _NOTHING,
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

    Raises
    ------
    InvalidValueError
        If it is one account, the programmes differ, or the points are not there.
    """
    command = ("transfer", taker.id, Redeem(points))
    if giver.id == taker.id or giver.program != taker.program:
        raise InvalidValueError("taker", taker.id, "give the account of another member in the same programme")
    asked = _Request(key, at)
    first = history.get(key)
    if first is not None:
        if first.request != _fingerprint(command):
            raise InvalidValueError("key", key, "it was used for another request; a key is used for one request only")
        return Posted(giver, (), first, replayed=True), Posted(taker, (), None, replayed=True)
    now = max(each for each in (asked.at, giver.last_at, taker.last_at) if each is not None)
    out, into = _due(giver, key, now), _due(taker, key, now)
    giving, taking = replay(giver, out), replay(taker, into)
    lots = _spendable(giving, points)
    request = _fingerprint(command)
    out.append(
        _entry(
            giving,
            EntryKind.TRANSFER,
            key,
            now,
            [*_out(Bucket.OPEN, lots), Leg(Bucket.TRANSFERRED, points)],
            request=request,
        )
    )
    into.append(
        _entry(
            taking,
            EntryKind.TRANSFER,
            key,
            now,
            [Leg(Bucket.TRANSFERRED, -points), *_come_in(taking, lots)],
            request=request,
        )
    )
    return (
        Posted(apply(giving, out[-1]), tuple(out), out[-1]),
        Posted(apply(taking, into[-1]), tuple(into), into[-1]),
    )


@frozen
class StatementLine:
    """One line of what a member reads: what happened, by how much, and what was available after it."""

    at: datetime
    kind: EntryKind
    key: str
    change: int
    available: int


def statement(entries: Iterable[PointsEntry]) -> tuple[StatementLine, ...]:
    """Return the entries of one account as a member reads them; the last line is what is available now.

    Examples
    --------
    >>> from datetime import UTC
    >>> posted = post(PointsAccount.opened(UUID(int=1), "tea"), Earn(5), key="a", at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> [(str(line.kind), line.change, line.available) for line in statement(posted.entries)]
    [('earn', 5, 5)]
    """
    lines, available = [], 0
    for entry in entries:
        available += entry.change
        lines.append(StatementLine(entry.at, entry.kind, entry.key, entry.change, available))
    return tuple(lines)
