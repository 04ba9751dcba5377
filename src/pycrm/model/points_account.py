"""What the entries of one member in one programme add up to, and the one step of that fold.

Examples
--------
>>> account = PointsAccount.opened(UUID(int=1), "tea")
>>> replay(account, ()).available
0
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from operator import attrgetter
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code
from pycrm.model.entity import Entity, named_id
from pycrm.model.points_entry import Bucket, EntryKind, Leg, PointsEntry
from pycrm.model.time import is_zone, local_date

__all__ = ["Hold", "Lot", "PointsAccount", "RuleTotal", "apply", "replay"]

_NAMESPACE = UUID("6f0c1f5e-57f4-5d0a-9a53-0d6d1e3a9b10")
_NEVER = datetime.max.replace(tzinfo=UTC)


@frozen
class Lot:
    """What is left of points that came in together; `opens_at` only while they are pending.

    Ids of lots grow with the number of the entry that brought them, so of two that expire together the older comes first.
    """

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
        return cls(id=cls.id_of(member_id, program), member_id=member_id, program=program, zone=zone)

    @staticmethod
    def id_of(member_id: UUID, program: str) -> UUID:
        """Return the id that the account of a member in a programme has, whether it was opened or not."""
        return named_id(_NAMESPACE, f"{member_id}\x1f{program}")

    @property
    def available(self) -> int:
        """What may be spent, as of the last entry."""
        return sum(lot.points for lot in self.lots)

    def lot_id(self) -> UUID:
        """Return the id of the lot that the next entry brings."""
        return UUID(int=(self.posted + 1) << 80 | self.id.int & (1 << 80) - 1)

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


# -- the fold ----------------------------------------------------------------------------------------------------------------------


def _order(lot: Lot) -> tuple[datetime, UUID]:
    return (lot.expires_at or _NEVER, lot.id)


def _place(held: Sequence[Lot], id: UUID, expires_at: datetime | None) -> int:
    # What is spent is nearly always the first lot, and what comes in is nearly always the last.
    if not held or held[0].id is id:
        return 0
    order = (expires_at or _NEVER, id)
    return len(held) if _order(held[-1]) < order else bisect_left(held, order, key=_order)


def _with(lots: tuple[Lot, ...], legs: Iterable[Leg]) -> tuple[Lot, ...]:
    held = list(lots)
    for leg in legs:
        id, points = leg.lot_id, leg.points
        assert id is not None
        at = _place(held, id, leg.expires_at)
        is_there = at < len(held) and held[at].id == id
        if is_there:
            points += held[at].points
        if points < 0:
            raise InvalidValueError("points", points, "a lot is never negative; the entry takes what is not there")
        held[at : at + is_there] = [Lot(id, points, leg.expires_at, leg.opens_at)] if points else []
    return tuple(held)


def _held_with(holds: tuple[Hold, ...], key: str, legs: Iterable[Leg]) -> tuple[Hold, ...]:
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
    if entry.account_id is not account.id and entry.account_id != account.id:
        raise InvalidValueError("account_id", entry.account_id, f"this is the account {account.id}")
    if entry.number != account.posted + 1:
        fix = f"it is entry {entry.number}, and {account.posted + 1} is next: apply all entries in their order"
        raise InvalidValueError("number", entry.number, fix)
    by_bucket: dict[Bucket, list[Leg]] = {}
    for leg in entry.legs:
        by_bucket.setdefault(leg.bucket, []).append(leg)
    changes: dict[str, Any] = {"posted": entry.number, "last_at": entry.at}
    for bucket, legs in by_bucket.items():
        if bucket is Bucket.OPEN:
            changes["lots"] = _with(account.lots, legs)
        elif bucket is Bucket.PENDING:
            changes["pending"] = _with(account.pending, legs)
        elif bucket is Bucket.HELD:
            changes["holds"] = _held_with(account.holds, entry.hold or entry.key, legs)
        else:
            name, sign = _TOTALS[bucket]
            moved = sum([leg.points for leg in legs])
            changes[name] = getattr(account, name) + sign * moved
    if entry.kind is EntryKind.REVERSE and entry.of_entry is not None:
        undone = dict(account.undone)
        undone[entry.of_entry] = undone.get(entry.of_entry, 0) + _undone_by(entry)
        changes["undone"] = tuple(undone.items())
    if entry.kind is EntryKind.EARN and entry.rule is not None:
        changes["rules"] = _counted(account, entry.rule, entry.at, entry.points)
    return _changed(account, changes)


_TOTALS = {
    Bucket.DEBT: ("debt", -1),
    Bucket.EARNED: ("earned", -1),
    Bucket.ADJUSTED: ("adjusted", -1),
    Bucket.TRANSFERRED: ("transferred", -1),
    Bucket.SPENT: ("spent", 1),
    Bucket.EXPIRED: ("expired", 1),
    Bucket.REVERSED: ("reversed", 1),
}


@cache
def _copier(
    kind: type[PointsAccount],
) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, Callable[[Any, Any], None]]]:
    names = [attribute.name for attribute in attrs.fields(kind)]
    return attrgetter(*names), {name: getattr(kind, name).__set__ for name in names}


def _changed(account: PointsAccount, changes: dict[str, Any]) -> PointsAccount:
    # attrs.evolve would check all twenty fields again, and the fold is what bulk posting spends its time in.
    kind: Any = type(account)
    values, places = _copier(kind)
    after: PointsAccount = object.__new__(kind)
    for place, value in zip(places.values(), values(account), strict=True):
        place(after, value)
    for name, value in changes.items():
        places[name](after, value)
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
    >>> from pycrm.model.points import post
    >>> from pycrm.model.points_command import Earn
    >>> empty = PointsAccount.opened(UUID(int=1), "tea")
    >>> posted = post(empty, Earn(5), key="a", at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> replay(empty, posted.entries) == posted.account
    True
    """
    for entry in entries:
        account = apply(account, entry)
    return account
