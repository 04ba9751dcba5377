"""Points over a store: the account and its entries are read, posted to by the pure ledger, and written in the same unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer
from pycrm.model.earning import ProgramBudget
from pycrm.model.entity import named_id
from pycrm.model.erased_keys import is_key_digest
from pycrm.model.points import Posted, post, transfer
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import CancelHold, Capture, Command, HoldPoints, Redeem, Release, Reverse
from pycrm.model.points_entry import EntryKind, PointsEntry
from pycrm.model.predicate import where
from pycrm.storage.calm import uncollected
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import aliases, aliases_among, aliases_of
from pycrm.storage.lookups import zone_of
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import E, Query

__all__ = [
    "PointsRequest",
    "accounts_of",
    "post_many_points",
    "post_points",
    "take_from_budget",
    "transfer_points",
]

_AT_ONCE = 500


def post_points(
    unit: UnitOfWork,
    member_id: UUID,
    program: str,
    command: Command,
    *,
    key: str,
    at: datetime,
    zone: str | None = None,
) -> Posted:
    """Post `command` to the account of a member and keep what it did, all in `unit`; nothing is kept of a replayed key.

    Of a customer into whom others were merged all accounts are one: what is earned goes into his own, what is spent comes out of
    any, what is undone goes back where it was done, and a cap counts what its rule gave in all of them.

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
    zone : str, optional
        Whose days count for caps, where the account is new; the member's own unless given, and UTC where he has none.

    Raises
    ------
    InvalidValueError
        As `pycrm.model.points.post`.
    """
    held = accounts_of(unit, member_id, program, zone)
    named = [key, *_named(command)]
    before = [(account, _entries_of(unit, account, named)) for account in held]
    account, history = next((one for one in before if one[1]), before[0])
    if isinstance(command, Reverse):
        history = {**_expired_in(unit, account), **history}
    if len(held) > 1 and not history and isinstance(command, Redeem | HoldPoints):
        account = _gathered(unit, held, command.points, key, at)
    beside = [one for one in held if one.id != account.id]
    posted = post(account, command, key=key, at=at, history=history, beside=beside)
    if posted.entries:
        _keep(unit, posted)
    return posted


@frozen
class PointsRequest:
    """One post among many: whose points, what is asked, under which key, and when."""

    member_id: UUID
    command: Command
    key: str
    at: datetime


def post_many_points(
    unit: UnitOfWork, program: str, requests: Iterable[PointsRequest], *, zone: str | None = None
) -> list[PointsEntry | None]:
    """Post many requests in one unit of work, in their order, with the outcome of `post_points` one by one.

    Accounts and the entries that keys name are read together, and written together at the end. A request that is refused
    raises, and then nothing of the batch is to be committed.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit; the caller commits it.
    program : str
        The programme.
    requests : iterable of PointsRequest
        What is asked, in order.
    zone : str, optional
        Whose days count for caps, where an account is new; each member's own unless given, and UTC where he has none.

    Returns
    -------
    list of PointsEntry or None
        The entry that answers each request, the first one where its key was used before; None for an Expire.

    Raises
    ------
    InvalidValueError
        As `pycrm.model.points.post`; the message names the request.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.customer import Customer, PersonName
    >>> from pycrm.model.points_command import Earn
    >>> from pycrm.storage import MemoryStore
    >>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    >>> with MemoryStore().begin() as unit:
    ...     ana = unit.of(Customer).add(Customer(name=PersonName(given="Ana")))
    ...     asked = [PointsRequest(ana.id, Earn(points), f"order:{points}", noon) for points in (10, 20)]
    ...     [entry.points for entry in post_many_points(unit, "tea", asked)]
    [10, 20]
    """
    with uncollected():
        return _post_in_order(unit, program, list(requests), zone)


def _post_in_order(
    unit: UnitOfWork, program: str, asked: Sequence[PointsRequest], zone: str | None
) -> list[PointsEntry | None]:
    members = dict.fromkeys(one.member_id for one in asked)
    merged = (aliases_among(unit, members) if len(members) <= _AT_ONCE else aliases(unit)).into
    several = {*merged, *(home for home, _ in merged.values())}
    ids = {member: PointsAccount.id_of(member, program) for member in members if member not in several}
    held = _found(unit, PointsAccount, list(ids.values()))
    names = {
        (ids[one.member_id], name)
        for one in asked
        if one.member_id in ids and ids[one.member_id] in held
        for name in (one.key, *_named(one.command))
    }
    asked_for = {named_id(account, name): name for account, name in names}
    entries = _found(unit, PointsEntry, list(asked_for))
    histories: dict[UUID, dict[str, PointsEntry]] = {id: {} for id in ids.values()}
    for own in {ids[one.member_id] for one in asked if one.member_id in ids and isinstance(one.command, Reverse)}:
        histories[own].update(_expired_in(unit, held.get(own)))
    for entry in entries.values():
        histories[entry.account_id][asked_for[entry.id]] = entry
    new_to_it = [member for member, id in ids.items() if id not in held]
    zones = _zones(unit, new_to_it) if zone is None else dict.fromkeys(new_to_it, zone)
    opened = (PointsAccount.opened(member, program, zones.get(member, "UTC")) for member in new_to_it)
    now = {**held, **{account.id: account for account in opened}}
    new: list[PointsEntry] = []
    done: list[PointsEntry | None] = []
    for number, one in enumerate(asked):
        if one.member_id not in ids:
            one_by_one = post_points(unit, one.member_id, program, one.command, key=one.key, at=one.at, zone=zone)
            done.append(one_by_one.result)
            continue
        own = ids[one.member_id]
        try:
            posted = post(now[own], one.command, key=one.key, at=one.at, history=histories[own])
        except InvalidValueError as error:
            raise InvalidValueError(f"requests[{number}].{error.field}", error.value, error.fix) from error
        now[own] = posted.account
        histories[own].update({entry.key: entry for entry in posted.entries})
        new += posted.entries
        done.append(posted.result)
    changed = [account for account in now.values() if account is not held.get(account.id) and account.posted]
    unit.of(PointsAccount).put_many([account for account in changed if not account.version])
    for account in changed:
        if account.version:
            unit.of(PointsAccount).save(account)
    unit.of(PointsEntry).put_many(new)
    return done


def _found(unit: UnitOfWork, model: type[E], ids: Sequence[UUID]) -> dict[UUID, E]:
    found: dict[UUID, E] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = Query(model, where("id").is_in(ids[start : start + _AT_ONCE]))
        # A page is remembered by its unit: a store need not look again at what is saved afterwards.
        found.update({each.id: each for each in unit.of(model).page(some, size=_AT_ONCE).items})
    return found


def transfer_points(
    unit: UnitOfWork, giver_id: UUID, taker_id: UUID, program: str, points: int, *, key: str, at: datetime
) -> tuple[Posted, Posted]:
    """Move points from one member to another and keep it, all in `unit`; nothing is kept of a replayed key.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit; the caller commits it.
    giver_id, taker_id : UUID
        From whom, to whom.
    program : str
        The programme of both.
    points : int
        How many.
    key : str
        The idempotency key, in both accounts.
    at : datetime
        Now.

    Raises
    ------
    InvalidValueError
        As `pycrm.model.points.transfer`.
    """
    giving, taking = accounts_of(unit, giver_id, program), accounts_of(unit, taker_id, program)
    giver, taker = giving[0], taking[0]
    before, received = _entries_of(unit, giver, [key]), _entries_of(unit, taker, [key])
    if len(giving) > 1 and not before and giver.id != taker.id:
        giver = _gathered(unit, giving, points, key, at)
    out, into = transfer(giver, taker, points, key=key, at=at, history=before, history_of_taker=received)
    if not out.replayed:
        for posted in sorted((out, into), key=lambda each: each.account.id):
            _keep(unit, posted)
    return out, into


def take_from_budget(unit: UnitOfWork, program: str, points: int, at: datetime) -> None:
    """Count `points` (below 0: points that came back) against the budget of a programme, if it has one.

    The budget has a version, so of two units that take from it at once the store lets one win.

    Raises
    ------
    InvalidValueError
        If they are more than is left, or the programme is closed.
    """
    budgets = unit.of(ProgramBudget)
    held = budgets.page(Query(ProgramBudget, where("program") == program), size=1).items
    if held and points:
        budgets.save(held[0].give(points, at) if points > 0 else held[0].take_back(-points))


def accounts_of(unit: UnitOfWork, member_id: UUID, program: str, zone: str | None = None) -> tuple[PointsAccount, ...]:
    """Return the accounts that together are a customer's points: his own, be it empty, and those of who was merged into him."""
    own, *gone = aliases_of(unit, member_id).ids_of(member_id)
    accounts = unit.of(PointsAccount)
    first = accounts.find(PointsAccount.id_of(own, program))
    if first is None:
        first = PointsAccount.opened(own, program, zone_of(unit, own) if zone is None else zone)
    others = (accounts.find(PointsAccount.id_of(one, program)) for one in gone)
    return (first, *(account for account in others if account is not None))


def _entries_of(unit: UnitOfWork, account: PointsAccount, keys: Iterable[str]) -> dict[str, PointsEntry]:
    """Return entries by the key they are asked by; one whose key was erased has its id still, which follows from it."""
    found = {key: _entry_of(unit, account, key) for key in keys}
    return {key: entry for key, entry in found.items() if entry is not None}


def _entry_of(unit: UnitOfWork, account: PointsAccount, key: str) -> PointsEntry | None:
    entries = unit.of(PointsEntry)
    found = entries.find(named_id(account.id, key))
    if found is None and is_key_digest(key):
        told = Query(PointsEntry, (where("account_id") == account.id) & (where("key") == key))
        return next(iter(entries.page(told, size=1).items), None)
    return found


def _expired_in(unit: UnitOfWork, account: PointsAccount | None) -> dict[str, PointsEntry]:
    """Return what expired or undid points of an account: it tells what of an earn was never spent."""
    if account is None or not account.expired:
        return {}
    kinds = where("kind").is_in([str(EntryKind.EXPIRE), str(EntryKind.REVERSE)])
    asked = Query(PointsEntry, (where("account_id") == account.id) & kinds)
    return {entry.key: entry for batch in unit.of(PointsEntry).stream(asked) for entry in batch}


def _zones(unit: UnitOfWork, members: Sequence[UUID]) -> dict[UUID, str]:
    zones: dict[UUID, str] = {}
    for start in range(0, len(members), _AT_ONCE):
        asked = Query(Customer, where("id").is_in(members[start : start + _AT_ONCE]))
        held = read_columns(unit, asked, ["id", "zone"])
        zones.update({id: zone for id, zone in zip(held["id"], held["zone"], strict=True) if zone is not None})
    return zones


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
