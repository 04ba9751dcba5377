"""Accounts: organisations under their parents, who looks after them, and what the whole of one is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer

__all__ = ["Accounts", "accounts"]


@frozen(kw_only=True)
class Accounts:
    """The hierarchy of all organisations.

    Parameters
    ----------
    parents : Mapping of UUID to UUID or None
        Each organisation and the one it belongs to; None at the top.
    owners : Mapping of UUID to UUID
        Who looks after an organisation, where somebody does.
    """

    parents: Mapping[UUID, UUID | None]
    owners: Mapping[UUID, UUID] = field(factory=dict)

    def top(self, id: UUID) -> UUID:
        """Return the account an organisation belongs to: the highest above it, itself where there is none."""
        while True:
            above = self.parents[id]
            if above is None:
                return id
            id = above

    def below(self, id: UUID) -> tuple[UUID, ...]:
        """Return an organisation and all that belong to it, each behind its parent."""
        found = [id]
        for one in found:
            found += sorted((child for child, parent in self.parents.items() if parent == one), key=str)
        return tuple(found)

    def owner(self, id: UUID) -> UUID | None:
        """Return who looks after an organisation: its own owner, else that of the nearest one above; None if nobody does."""
        at: UUID | None = id
        while at is not None:
            if at in self.owners:
                return self.owners[at]
            at = self.parents[at]
        return None

    def team(self, id: UUID) -> frozenset[UUID]:
        """Return everybody who looks after an organisation or one that belongs to it."""
        return frozenset(owner for each in self.below(id) if (owner := self.owner(each)) is not None)

    def roll_up(self, amounts: Mapping[UUID, Decimal]) -> dict[UUID, Decimal]:
        """Return for every organisation its own amount and those of all that belong to it, summed exactly."""
        made = {id: Decimal(0) for id in self.parents}
        for id, amount in amounts.items():
            at: UUID | None = id if id in made else None
            while at is not None:
                made[at] += amount
                at = self.parents[at]
        return made


def accounts(customers: Iterable[Customer]) -> Accounts:
    """Return the accounts among customers; people are passed over, and a parent that is not among them is no parent.

    Raises
    ------
    InvalidValueError
        If organisations belong to each other in a circle.

    Examples
    --------
    >>> from pycrm.model.customer import CustomerKind, Organisation
    >>> firm = Customer(kind=CustomerKind.ORGANISATION, organisation=Organisation(name="Acme"))
    >>> shop = Customer(kind=CustomerKind.ORGANISATION, organisation=Organisation(name="Acme Shop", parent_id=firm.id))
    >>> found = accounts([shop, firm])
    >>> found.top(shop.id) == firm.id, found.roll_up({firm.id: Decimal(2), shop.id: Decimal(3)})[firm.id]
    (True, Decimal('5'))
    """
    firms = {one.id: one for one in customers if one.organisation is not None}
    parents: dict[UUID, UUID | None] = {}
    for id, one in firms.items():
        above = None if one.organisation is None else one.organisation.parent_id
        parents[id] = above if above in firms else None
    for id, first in parents.items():
        seen, at = {id}, first
        while at is not None:
            if at in seen:
                raise InvalidValueError("parent_id", at, "these organisations belong to each other in a circle; cut it")
            seen.add(at)
            at = parents[at]
    return Accounts(parents=parents, owners={id: one.owner_id for id, one in firms.items() if one.owner_id is not None})
