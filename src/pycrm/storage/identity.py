"""Whom an id means now: every reader groups by it, so that what speaks of a merged customer speaks of who he is.

A merge moves nothing: orders, interactions, consent and points keep the id they were written with. This is the one place where
that id becomes the customer of today, and taking a merge back is nothing but another answer from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from attrs import field, frozen

from pycrm.model.merge import merged_customers
from pycrm.model.predicate import Predicate, where
from pycrm.model.source import IdentityLink
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query

__all__ = ["Aliases", "aliases", "aliases_among", "aliases_of"]

_AT_ONCE = 500
_number = attrgetter("int")


@frozen
class Aliases:
    """Who is who after all merges.

    Parameters
    ----------
    into : Mapping of UUID to (UUID, datetime)
        Per customer who was merged into another: who he is now, and since when.

    Examples
    --------
    >>> from pycrm.model.entity import new_id
    >>> ana = new_id()
    >>> Aliases({}).of(ana) == ana
    True
    """

    into: Mapping[UUID, tuple[UUID, datetime]] = field(factory=dict)

    def of(self, id: UUID) -> UUID:
        """Return the customer whom `id` means now; an id that was never merged means itself."""
        held = self.into.get(id)
        return id if held is None else held[0]

    def columns(self, held: Mapping[str, list[Any]], name: str = "customer_id") -> list[list[Any]]:
        """Return columns as they are, but the customers of `name` as who they are now."""
        if not self.into:
            return list(held.values())
        return [[id and self.of(id) for id in values] if column == name else values for column, values in held.items()]

    def ids_of(self, id: UUID) -> tuple[UUID, ...]:
        """Return every id under which something may speak of the customer `id`: his own first."""
        home = self.of(id)
        return (home, *(gone for gone, (now, _) in self.into.items() if now == home))


def aliases(unit: UnitOfWork, at: datetime | None = None) -> Aliases:
    """Return whom each merged id means: now, or as it was decided at a time.

    Only records that changed hands are read, and the customers they left: none of it where nobody was ever merged.
    """
    moves = list(_links(unit, [where("former_id").is_null(False)], at))
    left = sorted({link.former_id for link in moves if link.former_id is not None}, key=str)
    if not left:
        return Aliases()
    firsts = _links(
        unit,
        [where("customer_id").is_in(left[start : start + _AT_ONCE]) for start in range(0, len(left), _AT_ONCE)],
        at,
    )
    known = {link.id: link for links in (moves, firsts) for link in links}
    return Aliases(merged_customers(known.values()))


def _links(unit: UnitOfWork, asked: Sequence[Predicate], at: datetime | None) -> Iterator[IdentityLink]:
    for condition in asked:
        question = condition if at is None else condition & (where("decided_at") <= at)
        for batch in unit.of(IdentityLink).stream(Query(IdentityLink, question)):
            yield from batch


def aliases_of(unit: UnitOfWork, id: UUID, at: datetime | None = None) -> Aliases:
    """Return the same for one customer alone, with everybody whose records ever went his way or came from him."""
    return aliases_among(unit, (id,), at)


def aliases_among(unit: UnitOfWork, some: Iterable[UUID], at: datetime | None = None) -> Aliases:
    """Return the same for a few customers, with everybody whose records ever went their way or came from them."""
    known: dict[UUID, IdentityLink] = {}
    seen: set[UUID] = set()
    ids = set(some)
    while ids - seen:
        fresh, seen = sorted(ids - seen, key=_number), seen | ids
        # One id is asked for as such: nearly everybody was never merged, and every index finds one value soonest.
        about = [
            where(name) == fresh[0] if len(fresh) == 1 else where(name).is_in(fresh[start : start + _AT_ONCE])
            for name in ("customer_id", "former_id")
            for start in range(0, len(fresh), _AT_ONCE)
        ]
        known |= {link.id: link for link in _links(unit, about, at)}
        moved = [link for link in known.values() if link.former_id is not None]
        if not moved:
            return Aliases()
        ids |= {one for link in moved for one in (link.customer_id, link.former_id) if one is not None}
    return Aliases(merged_customers(known.values()))
