"""Everything a store holds about one person, under every id he was known by: found by the handlings of its maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.customer import Customer
from pycrm.model.handlings import handling_of
from pycrm.model.predicate import where
from pycrm.model.privacy import BLANK, Handling
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage.identity import aliases_of
from pycrm.storage.mapping import EntityMap
from pycrm.storage.portable import Portable
from pycrm.storage.protocols import Audited, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["Person", "handlings_of", "last_names_of", "person_of"]

_CHUNK = 500


@frozen(kw_only=True)
class Person:
    """Who somebody is in a store, and every record about him.

    Parameters
    ----------
    customer_ids : tuple of UUID
        His own id first, then those of customers merged into him.
    rows : mapping of EntityMap to tuple
        The records about him, removed ones too; those that others refer to come first.
    """

    customer_ids: tuple[UUID, ...]
    rows: Mapping[EntityMap, tuple[Any, ...]] = field(factory=dict)

    def of(self, model: type[Any]) -> tuple[Any, ...]:
        """Return his records of one noun."""
        return next((rows for map, rows in self.rows.items() if map.model is model), ())


def handlings_of(unit: UnitOfWork) -> Mapping[EntityMap, Handling]:
    """Return how every noun of a store is handled, each behind those it refers to.

    Raises
    ------
    InvalidValueError
        If a noun or one of its fields has no handling, naming what to add; or the store cannot tell its maps.
    """
    if not isinstance(unit, Portable):
        raise InvalidValueError("store", type(unit).__name__, "use a store whose units of work tell their maps()")
    return {map: handling_of(map.model, map.handling) for map in unit.maps()}


def _found(unit: UnitOfWork, model: type[Any], path: str, values: Iterable[Any]) -> Iterator[Any]:
    """Yield the records, removed ones too, that hold one of these values."""
    wanted = sorted(set(values), key=str)
    for at in range(0, len(wanted), _CHUNK):
        question = Query(model, where(path).is_in(wanted[at : at + _CHUNK]), deleted=True)
        for batch in unit.of(model).stream(question):
            yield from batch


def person_of(unit: UnitOfWork, customer_id: UUID) -> Person:
    """Return everything a store holds about one person; an id that was merged leads to the person he is.

    Raises
    ------
    NotFound
        If there is no such customer.

    Examples
    --------
    >>> from pycrm.model.customer import PersonName
    >>> from pycrm.storage import MemoryStore
    >>> with MemoryStore().begin() as uow:
    ...     ana = uow.customers.add(Customer(name=PersonName(given="Ana")))
    ...     [type(row).__name__ for rows in person_of(uow, ana.id).rows.values() for row in rows]
    ['Customer']
    """
    handlings = handlings_of(unit)
    ids = aliases_of(unit, customer_id).ids_of(customer_id)
    rows: dict[EntityMap, dict[UUID, Any]] = {map: {} for map in handlings}
    _add_subjects(unit, handlings, ids, rows, beyond=False)
    if not any(issubclass(map.model, Customer) and found for map, found in rows.items()):
        raise NotFound("Customer", customer_id)
    _add_linked(unit, handlings, rows)
    _add_records(unit, handlings, ids, rows)
    _add_addressed(unit, handlings, rows)
    _add_subjects(unit, handlings, ids, rows, beyond=True)
    return Person(customer_ids=ids, rows={map: tuple(found.values()) for map, found in rows.items() if found})


def _add_subjects(
    unit: UnitOfWork,
    handlings: Mapping[EntityMap, Handling],
    ids: Sequence[UUID],
    rows: dict[EntityMap, dict[UUID, Any]],
    *,
    beyond: bool,
) -> None:
    """Add the records that name him, or (`beyond`) a record about him; what is referred to comes first."""
    by_model = {map.model: map for map in handlings}
    for map, handling in handlings.items():
        targets = {reference.path: reference.model for reference in map.references}
        for path in handling.subjects:
            target = Customer if path == "id" else targets.get(path, Customer)
            if issubclass(target, Customer) is beyond:
                continue
            about = rows[by_model[target]] if beyond else ids
            rows[map] |= {row.id: row for row in _found(unit, map.model, path, about)}


def _add_linked(
    unit: UnitOfWork, handlings: Mapping[EntityMap, Handling], rows: dict[EntityMap, dict[UUID, Any]]
) -> None:
    """Add what names nobody, but holds a value that leads to him."""
    for map, handling in handlings.items():
        for path in handling.linked:
            names = {value for row in rows[map].values() if (value := getattr(row, path)) not in {None, BLANK}}
            rows[map] |= {
                row.id: row
                for row in _found(unit, map.model, path, names)
                if all(getattr(row, subject) is None for subject in handling.subjects)
            }


def _add_records(
    unit: UnitOfWork,
    handlings: Mapping[EntityMap, Handling],
    ids: Sequence[UUID],
    rows: dict[EntityMap, dict[UUID, Any]],
) -> None:
    """Add the records that others name, such as what the sources said of him; with all decisions about those."""
    by_model = {map.model: map for map in handlings}
    for map, handling in handlings.items():
        if handling.named_by is None:
            continue
        namer, path = handling.named_by
        named = {getattr(row, path) for row in rows[by_model[namer]].values()}
        if map.model is SourceRecord and namer is IdentityLink:
            decided = list(_found(unit, IdentityLink, "record_id", named))
            named = {record for record, owner in identities(decided).items() if owner in ids}
            # A decision about a record that is another's now stays: it tells how he came by it.
            rows[by_model[namer]] = {link.id: link for link in decided if link.record_id in named}
        rows[map] = {row.id: row for row in _found(unit, map.model, "id", named)}


def _add_addressed(
    unit: UnitOfWork, handlings: Mapping[EntityMap, Handling], rows: dict[EntityMap, dict[UUID, Any]]
) -> None:
    addresses = {
        point.normalised
        for map, found in rows.items()
        if issubclass(map.model, Customer)
        for customer in found.values()
        for point in customer.contact_points
    }
    for map, handling in handlings.items():
        if handling.address is not None:
            rows[map] |= {row.id: row for row in _found(unit, map.model, handling.address, addresses)}


def last_names_of(unit: UnitOfWork, person: Person) -> tuple[frozenset[str], frozenset[str]]:
    """Return the texts that say who he is, now and in what is known of before: addresses and numbers, and full names."""
    told: set[str] = set()
    names: set[str] = set()
    for map, found in person.rows.items():
        handling = handling_of(map.model, map.handling)
        for row in found:
            if handling.telling is not None:
                told.update(handling.telling(row))
            if isinstance(row, Customer):
                if row.name is not None:
                    names.add(row.name.display)
                if isinstance(unit, Audited):
                    for change in unit.history(map.model, row.id):
                        told.update(_told_before(change.fields))
    # A short text is anybody's: it would be found in everything.
    return frozenset(text for text in told if len(text) >= 5), frozenset(name for name in names if " " in name)


def _told_before(fields: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    for name in ("contact_points", "identifiers", "external_ids"):
        for held in fields.get(name, ()):
            for part in held or ():
                yield from (part[key] for key in ("raw", "normalised", "value") if isinstance(part.get(key), str))
