"""The entry of a points ledger: what moved from which bucket to which, and under which key."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, fields, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, tuple_of
from pycrm.model.custom import NO_FIELDS
from pycrm.model.entity import Entity
from pycrm.model.time import in_utc, is_instant

__all__ = ["Bucket", "EntryKind", "Leg", "PointsEntry"]


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


def _sum_to_zero(legs: Iterable[Leg]) -> None:
    total = 0
    for leg in legs:
        total += leg.points
    if total:
        raise InvalidValueError("legs", legs, "the legs of an entry sum to zero")


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
        _sum_to_zero(self.legs)

    @property
    def points(self) -> int:
        """How many points it moves."""
        return sum(leg.points for leg in self.legs if leg.points > 0)

    @property
    def change(self) -> int:
        """By how much it changes what is available."""
        return sum(leg.points for leg in self.legs if leg.bucket is Bucket.OPEN)


_PLACES = tuple(getattr(PointsEntry, each.name).__set__ for each in fields(PointsEntry))


def entry_of_checked(
    id: UUID,
    account_id: UUID,
    number: int,
    key: str,
    request: str,
    kind: EntryKind,
    at: datetime,
    legs: tuple[Leg, ...],
    rule: str | None,
    of_entry: UUID | None,
    hold: str | None,
    reason: str | None,
) -> PointsEntry:
    """Return the entry of values that were checked one by one before; that its legs sum to zero is checked still.

    The constructor asks each of sixteen fields for its type once more, which is half of what a post costs.
    """
    _sum_to_zero(legs)
    made: PointsEntry = object.__new__(PointsEntry)
    values = (id, 0, NO_FIELDS, account_id, number, key, request, kind, at, legs, rule, of_entry, hold, reason)
    for place, value in zip(_PLACES, values, strict=True):
        place(made, value)
    return made
