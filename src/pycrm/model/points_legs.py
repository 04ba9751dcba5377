"""The legs by which points move between the lots of an account: in, out, and back where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from pycrm.errors import InvalidValueError
from pycrm.model.points_account import Lot, PointsAccount
from pycrm.model.points_command import Reverse
from pycrm.model.points_entry import Bucket, EntryKind, Leg, PointsEntry

# Nothing outside the ledger makes legs.
__all__: list[str] = []


def come_in(account: PointsAccount, lots: Iterable[Lot]) -> list[Leg]:
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


def taken(lots: Iterable[Lot], points: int) -> list[Lot]:
    """Take `points` from `lots` in their order, or as many as there are."""
    parts = []
    for lot in lots:
        if points <= 0:
            break
        part = min(points, lot.points)
        parts.append(lot if part == lot.points else Lot(lot.id, part, lot.expires_at, lot.opens_at))
        points -= part
    return parts


def out(bucket: Bucket, lots: Iterable[Lot]) -> list[Leg]:
    """Return the legs by which `lots` leave a bucket whole."""
    return [Leg(bucket, -lot.points, lot.id, lot.expires_at, lot.opens_at) for lot in lots]


def spendable(account: PointsAccount, points: int) -> list[Lot]:
    """Return the first of the open lots that make up `points`; refuse where they are not there, or while any are owed."""
    if account.debt:
        raise InvalidValueError("points", points, f"{account.debt} points are owed; they are paid from the next earn")
    if points > account.available:
        raise InvalidValueError("points", points, f"{account.available} points are available")
    return taken(account.lots, points)


def rest(lots: tuple[Lot, ...], points: int) -> list[Lot]:
    """Return what is left of `lots` when `points` are taken from their beginning."""
    left = []
    for lot in lots:
        part = min(points, lot.points)
        points -= part
        if lot.points > part:
            left.append(Lot(lot.id, lot.points - part, lot.expires_at, lot.opens_at))
    return left


def target(history: Mapping[str, PointsEntry], key: str, kinds: frozenset[EntryKind]) -> PointsEntry:
    """Return the entry under `key`; refuse where it is not of these kinds."""
    entry = history.get(key)
    if entry is None or entry.kind not in kinds:
        raise InvalidValueError("of", key, f"there is no {' or '.join(sorted(kinds))} of that key in the history")
    return entry


def lot_of(earn: PointsEntry) -> UUID | None:
    """Return the lot that an earn brought; None where all of it paid debt."""
    return next((leg.lot_id for leg in earn.legs if leg.lot_id is not None), None)


def reversal(account: PointsAccount, command: Reverse, history: Mapping[str, PointsEntry]) -> tuple[UUID, list[Leg]]:
    """Return which entry is undone, and the legs that undo what is asked of it."""
    entry = target(history, command.of, frozenset({EntryKind.EARN, EntryKind.REDEEM, EntryKind.CAPTURE}))
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
        return entry.id, [Leg(Bucket.SPENT, -points), *come_in(account, back)]
    mine = lot_of(entry)
    own_pending = taken([lot for lot in account.pending if lot.id == mine], points)
    left = points - sum(lot.points for lot in own_pending)
    own = taken([lot for lot in account.lots if lot.id == mine], left)
    left -= sum(lot.points for lot in own)
    gone = min(left, _expired_of(account, mine, history)) if left and mine is not None else 0
    others = taken([lot for lot in account.lots if lot.id != mine], left - gone)
    left -= gone + sum(lot.points for lot in others)
    legs = [*out(Bucket.PENDING, own_pending), *out(Bucket.OPEN, (*own, *others)), Leg(Bucket.REVERSED, points)]
    legs += [Leg(Bucket.EXPIRED, -gone, mine)] if gone else []
    return entry.id, [*legs, Leg(Bucket.DEBT, -left)] if left else legs


def _expired_of(account: PointsAccount, lot: UUID, history: Mapping[str, PointsEntry]) -> int:
    """Return how many points of a lot expired and were not undone since; refuse a history that does not tell."""
    if not account.expired:
        return 0
    said = own = 0
    for entry in {entry.id: entry for entry in history.values()}.values():
        if entry.kind is EntryKind.EXPIRE:
            said += entry.points
            own -= sum(leg.points for leg in entry.legs if leg.lot_id == lot)
        elif entry.kind is EntryKind.REVERSE:
            undone = [leg for leg in entry.legs if leg.bucket is Bucket.EXPIRED]
            said += sum(leg.points for leg in undone)
            own += sum(leg.points for leg in undone if leg.lot_id == lot)
    if said != account.expired:
        fix = f"give all entries that expired or reversed points: of {account.expired} expired points they tell {said}"
        raise InvalidValueError("history", len(history), fix)
    return own
