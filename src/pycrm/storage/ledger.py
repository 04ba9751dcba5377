"""Points over a store: the account and its entries are read, posted to by the pure ledger, and written in the same unit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid5

from pycrm.model.points import (
    CancelHold,
    Capture,
    Command,
    PointsAccount,
    PointsEntry,
    Posted,
    Release,
    Reverse,
    post,
)
from pycrm.storage.protocols import UnitOfWork

__all__ = ["post_points"]


def post_points(
    unit: UnitOfWork, member_id: UUID, program: str, command: Command, *, key: str, at: datetime, zone: str = "UTC"
) -> Posted:
    """Post `command` to the account of a member and keep what it did, all in `unit`; nothing is kept of a replayed key.

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
    accounts, entries = unit.of(PointsAccount), unit.of(PointsEntry)
    empty = PointsAccount.opened(member_id, program, zone)
    account = accounts.find(empty.id)
    named = [key, *_named(command)]
    found = (entries.find(uuid5(empty.id, name)) for name in named)
    history = {entry.key: entry for entry in found if entry is not None}
    posted = post(empty if account is None else account, command, key=key, at=at, history=history)
    if posted.entries:
        if account is None:
            accounts.add(posted.account)
        else:
            accounts.save(posted.account)
        for entry in posted.entries:
            entries.add(entry)
    return posted


def _named(command: Command) -> Iterable[str]:
    if isinstance(command, Reverse | Release):
        return (command.of,)
    return (command.hold,) if isinstance(command, Capture | CancelHold) else ()
