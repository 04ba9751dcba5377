"""Is what is kept still whole? Everything is read once, and what breaks a rule is named.

A database checks what is written through it; a disk, a hand at the console or a restored table does not ask it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Literal, TypeAlias
from uuid import UUID

import attrs
from attrs import frozen

from pycrm.errors import DocumentError, PycrmError
from pycrm.model.opportunity import Opportunity, OpportunityChange
from pycrm.model.opportunity_history import opportunity_state
from pycrm.model.pipeline import Pipeline
from pycrm.model.points_account import PointsAccount, apply
from pycrm.model.points_entry import PointsEntry
from pycrm.model.predicate import where
from pycrm.storage.columns import read_columns
from pycrm.storage.mapping import EntityMap
from pycrm.storage.portable import Kept, Portable
from pycrm.storage.protocols import Audited, Change, Store, UnitOfWork
from pycrm.storage.query import Query, asc

__all__ = ["Checked", "Fault", "check"]

Rule: TypeAlias = Literal["document", "value", "reference", "unique", "trail", "points", "pipeline"]


@frozen
class Fault:
    """One thing that is not as it should be.

    Parameters
    ----------
    rule : {"document", "value", "reference", "unique", "trail", "points", "pipeline"}
        What is broken: it cannot be read; a value breaks the rule of its class; what it refers to is not there; two hold one
        unique value; its audit trail has a gap, or does not end at it; its points are not what their entries add up to; its history is none that its pipelines allow.
    model : str
        The class.
    id : UUID
        Of the entity.
    detail : str
        What was found, without values of persons.
    """

    rule: Rule
    model: str
    id: UUID
    detail: str


@frozen
class Checked:
    """What an integrity check found.

    Parameters
    ----------
    entities : int
        How many were read, removed ones too.
    faults : tuple of Fault
        What is not as it should be.
    """

    entities: int
    faults: tuple[Fault, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


def check(store: Store) -> Checked:
    """Read everything of one tenant in one unit that only reads, and return what is not as it should be.

    The ids of every entity are held in memory, the entities are not.

    Raises
    ------
    DocumentError
        If the store cannot be taken out whole (see `pycrm.storage.Portable`).

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> store = MemoryStore()
    >>> _ = store.run(lambda uow: uow.products.add(Product(sku="A1", name="Pen")))
    >>> check(store)
    Checked(entities=1, faults=())
    """
    with store.begin(read_only=True) as unit:
        if not isinstance(unit, Portable):
            raise DocumentError("", "unsupported", f"a {type(unit).__name__} cannot be taken out whole; it has no dump")
        seen: dict[type[Any], set[UUID]] = {}
        faults: list[Fault] = []
        asked: list[tuple[EntityMap, UUID, str, type[Any], UUID]] = []
        maps = unit.maps()
        for map in maps:
            ids = seen[map.model] = set[UUID]()
            holders: dict[tuple[str, Any], UUID] = {}
            for found in _kept(unit, unit, map):
                if isinstance(found, Fault):
                    ids.add(found.id)
                    faults.append(found)
                    continue
                entity = found.entity
                ids.add(entity.id)
                faults += _of_one(map, found, holders)
                for reference in map.references:
                    target = getattr(entity, reference.path)
                    # What is behind in the order of maps has been read; a cycle among classes waits for the end.
                    if target is not None and target not in seen.get(reference.model, ()):
                        asked.append((map, entity.id, reference.path, reference.model, target))
        for map, id, path, model, target in asked:
            if target not in seen[model]:
                faults.append(Fault("reference", map.name, id, f"{path} is the id of no {model.__name__}"))
        if {PointsAccount, PointsEntry} <= seen.keys() and not any(
            fault.rule == "document" and fault.model in {"PointsAccount", "PointsEntry"} for fault in faults
        ):
            faults += _of_points(unit)
        if {Pipeline, Opportunity, OpportunityChange} <= seen.keys() and not any(
            fault.rule == "document" and fault.model in {"Pipeline", "Opportunity", "OpportunityChange"}
            for fault in faults
        ):
            faults += _of_pipelines(unit)
        return Checked(sum(len(ids) for ids in seen.values()), tuple(faults))


def _kept(unit: UnitOfWork, portable: Portable, map: EntityMap) -> Iterator[Kept | Fault]:
    """Yield what is kept of one model; where one cannot be read, go on one by one behind it."""
    read: set[UUID] = set()
    try:
        for kept in portable.dump(map.model):
            read.add(kept.entity.id)
            yield kept
    except (PycrmError, ValueError, TypeError, KeyError):
        for id in read_columns(unit, Query(map.model, deleted=True), ["id"])["id"]:
            if id not in read:
                yield _one(unit, map, id)


def _one(unit: UnitOfWork, map: EntityMap, id: UUID) -> Kept | Fault:
    try:
        (entity,) = unit.of(map.model).page(Query(map.model, where("id") == id, deleted=True), size=1).items
        trail = tuple(unit.history(map.model, id)) if isinstance(unit, Audited) else ()
        return Kept(entity, unit.of(map.model).find(id) is not None, trail)
    except (PycrmError, ValueError, TypeError, KeyError) as error:
        return Fault("document", map.name, id, f"it cannot be read: {type(error).__name__}")


def _of_one(map: EntityMap, kept: Kept, holders: dict[tuple[str, Any], UUID]) -> Iterator[Fault]:
    """Yield what is wrong with an entity by itself, and with its unique values among those before it."""
    entity = kept.entity
    try:
        attrs.evolve(entity)  # rows are decoded without the rules of their class
    except (PycrmError, ValueError, TypeError) as error:
        named = getattr(error, "field", type(error).__name__)
        yield Fault("value", map.name, entity.id, f"{named} breaks its rule")
        return
    if kept.live:
        keys: list[tuple[str, Any]] = [
            (rule.name, key) for rule in map.uniques if (key := map.unique_key(entity, rule)) is not None
        ]
        keys += [(rule.name, key) for rule, key in map.each_key(entity)]
        for key in keys:
            other = holders.setdefault(key, entity.id)
            if other != entity.id:
                yield Fault("unique", map.name, entity.id, f"{key[0]} is also held by {other}")
    if not map.append_only:
        wrong = _trail(kept.history, entity.version, live=kept.live)
        if wrong:
            yield Fault("trail", map.name, entity.id, wrong)


def _trail(history: Iterable[Change], version: int, *, live: bool) -> str | None:
    """Return what is wrong with an audit trail: erasing takes what stands before it, nothing else may be missing."""
    told = list(history)
    if not told:
        return "there is none"
    if told[0].version != 1 and told[0].action != "erase":
        return f"it begins at version {told[0].version}"
    for one, following in pairwise(told):
        if following.action != "erase" and following.version != one.version + 1:
            return f"version {following.version} follows {one.version}"
    last = told[-1]
    if last.version != version:
        return f"it ends at version {last.version}, the entity is at {version}"
    if last.action != "erase" and (last.action == "remove") is live:
        return (
            "the entity lives, and it ends with its removal" if live else "the entity is removed, and it does not tell"
        )
    return None


def _of_points(unit: UnitOfWork) -> Iterator[Fault]:
    """Yield the accounts that are not what their entries add up to."""
    accounts = {
        account.id: account
        for batch in unit.of(PointsAccount).stream(Query(PointsAccount, deleted=True))
        for account in batch
    }
    folded = {
        id: attrs.evolve(PointsAccount.opened(one.member_id, one.program, one.zone), id=id, unknown=one.unknown)
        for id, one in accounts.items()
    }
    wrong: set[UUID] = set()
    asked = Query(PointsEntry, order=(asc("account_id"), asc("number")))
    for batch in unit.of(PointsEntry).stream(asked):
        for entry in batch:
            id = entry.account_id
            if id not in folded or id in wrong:
                continue
            try:
                folded[id] = apply(folded[id], entry)
            except (PycrmError, AssertionError) as error:
                wrong.add(id)
                named = getattr(error, "field", "an entry")
                yield Fault("points", "PointsAccount", id, f"entry {entry.number} does not follow: {named}")
    for id, account in accounts.items():
        if id not in wrong and attrs.evolve(folded[id], version=account.version) != account:
            yield Fault("points", "PointsAccount", id, "it is not what its entries add up to")


def _of_pipelines(unit: UnitOfWork) -> Iterator[Fault]:
    """Yield the deals whose entries do not follow the editions they name, or are not as many as the deal says."""
    editions = [one for batch in unit.of(Pipeline).stream(Query(Pipeline, deleted=True)) for one in batch]
    histories: dict[UUID, list[OpportunityChange]] = {}
    for changes in unit.of(OpportunityChange).stream(Query(OpportunityChange, deleted=True)):
        for change in changes:
            histories.setdefault(change.opportunity_id, []).append(change)
    for deals in unit.of(Opportunity).stream(Query(Opportunity, deleted=True)):
        for deal in deals:
            held = histories.get(deal.id, [])
            if len(held) != deal.changes:
                yield Fault(
                    "pipeline", "Opportunity", deal.id, f"it says {deal.changes} entries, there are {len(held)}"
                )
                continue
            last = max((change.occurred_at for change in held), default=deal.opened_at)
            try:
                opportunity_state(deal, held, editions, last)
            except PycrmError as error:
                named = getattr(error, "field", "stage")
                yield Fault("pipeline", "Opportunity", deal.id, f"an entry does not follow: {named}")
