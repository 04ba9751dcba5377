"""Points over a store: the account and its entries are read, posted to by the pure ledger, and written in the same unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from pycrm.model.points import Posted, post, transfer
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import CancelHold, Capture, Command, HoldPoints, Redeem, Release, Reverse
from pycrm.model.points_entry import PointsEntry
from pycrm.storage.identity import aliases_of
from pycrm.storage.protocols import UnitOfWork

__all__ = ["accounts_of", "post_points"]


def post_points(
    unit: UnitOfWork, member_id: UUID, program: str, command: Command, *, key: str, at: datetime, zone: str = "UTC"
) -> Posted:
    """Post `command` to the account of a member and keep what it did, all in `unit`; nothing is kept of a replayed key.

    Of a customer into whom others were merged all accounts are one: what is earned goes into his own, what is spent comes out of
    any, and what is undone goes back where it was done.

    Entries are found by the ids that follow from account and key, so no history is read; of two units that post to one account
    at once, the store lets one win, and the other is run again by `Store.run`.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit; the caller commits it.
    member_id : UUID
        Whose points.
    program : str
        The programme; the first post opens the account.
    command : Command
        What is asked.
    key : str
        The idempotency key.
    at : datetime
        Now.
    zone : str
        Whose days count for caps, where the account is new.

    Raises
    ------
    InvalidValueError
        As `pycrm.model.points.post`.
    """
    held = accounts_of(unit, member_id, program, zone)
    named = [key, *_named(command)]
    before = [(account, _entries_of(unit, account, named)) for account in held]
    account, history = next((one for one in before if one[1]), before[0])
    if len(held) > 1 and not history and isinstance(command, Redeem | HoldPoints):
        account = _gathered(unit, held, command.points, key, at)
    posted = post(account, command, key=key, at=at, history=history)
    if posted.entries:
        _keep(unit, posted)
    return posted


def accounts_of(unit: UnitOfWork, member_id: UUID, program: str, zone: str = "UTC") -> tuple[PointsAccount, ...]:
    """Return the accounts that together are a customer's points: his own, be it empty, and those of who was merged into him."""
    own, *gone = aliases_of(unit, member_id).ids_of(member_id)
    accounts = unit.of(PointsAccount)
    empty = PointsAccount.opened(own, program, zone)
    others = (accounts.find(PointsAccount.opened(one, program).id) for one in gone)
    return (accounts.find(empty.id) or empty, *(account for account in others if account is not None))


def _entries_of(unit: UnitOfWork, account: PointsAccount, keys: Iterable[str]) -> dict[str, PointsEntry]:
    found = (unit.of(PointsEntry).find(uuid5(account.id, key)) for key in keys)
    return {entry.key: entry for entry in found if entry is not None}


def _keep(unit: UnitOfWork, posted: Posted) -> PointsAccount:
    accounts = unit.of(PointsAccount)
    kept = accounts.save(posted.account) if posted.account.version else accounts.add(posted.account)
    for entry in posted.entries:
        unit.of(PointsEntry).add(entry)
    return kept


def _gathered(unit: UnitOfWork, held: Sequence[PointsAccount], points: int, key: str, at: datetime) -> PointsAccount:
    """Return the customer's own account, with what it lacks of `points` brought over from those merged into him."""
    own = held[0]
    for number, other in enumerate(held[1:]):
        missing = points - own.available_at(at)
        there = min(missing, other.available_at(at))
        if there > 0:
            given, taken = transfer(other, own, there, key=f"{key}:from:{number}", at=at)
            _keep(unit, given)
            own = _keep(unit, taken)
    return own


def _named(command: Command) -> Iterable[str]:
    if isinstance(command, Reverse | Release):
        return (command.of,)
    return (command.hold,) if isinstance(command, Capture | CancelHold) else ()
