"""What the verbs read of a contribution, and whom they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from pycrm.errors import InvalidValueError
from pycrm.model.contribution import Contribution
from pycrm.model.customer import Customer
from pycrm.model.predicate import where
from pycrm.model.referral import identity_keys
from pycrm.storage.identity import aliases_of
from pycrm.storage.lookups import why_not_used
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import E, Query

__all__ = ["customers_of", "entries_of", "identifiers_of", "refuse_author", "refuse_unused"]

_AT_ONCE = 500


def entries_of(unit: UnitOfWork, model: type[E], contribution_id: UUID) -> list[E]:
    """Return the entries of one kind about a contribution."""
    asked = Query(model, where("contribution_id") == contribution_id)
    return [one for batch in unit.of(model).stream(asked) for one in batch]


def refuse_unused(unit: UnitOfWork, name: str, customer_id: UUID) -> None:
    """Refuse a customer whose data is restricted, or who was erased."""
    why = why_not_used(unit, customer_id)
    if why is not None:
        raise InvalidValueError(name, customer_id, why.text)


def refuse_author(unit: UnitOfWork, name: str, who: str, contribution: Contribution) -> None:
    """Refuse the author of a contribution, under any id of his, as a judge of it."""
    own = aliases_of(unit, contribution.author_id).ids_of(contribution.author_id)
    if any(str(id) in who.lower() for id in own):  # as an Actor it is written human:ID
        raise InvalidValueError(name, who, "name somebody else: nobody judges what he made himself")


def customers_of(unit: UnitOfWork, ids: Sequence[UUID]) -> Iterator[Customer]:
    """Yield the customers of these ids, those there are."""
    for start in range(0, len(ids), _AT_ONCE):
        asked = Query(Customer, where("id").is_in(ids[start : start + _AT_ONCE]))
        for batch in unit.of(Customer).stream(asked):
            yield from batch


def identifiers_of(people: Iterable[Customer]) -> tuple[list[str], list[str]]:
    """Return each customer beside each text he could be known by; his own id makes sure that he is in it."""
    rows = [(str(one.id), key) for one in people for key in (str(one.id), *identity_keys(one))]
    return [who for who, _ in rows], [key for _, key in rows]
