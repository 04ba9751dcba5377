"""What was emitted reaches those who asked for it: at least once, in order, and each effect once.

Events lie in the outbox of the transaction that made them true. A `relay` hands each one to its subscriptions and settles it; what
it was doing when it was killed is handed out again, so a subscriber that changes a store does so through `once`.

Examples
--------
>>> from pycrm.storage import MemoryStore
>>> store, seen = MemoryStore(), []
>>> store.run(lambda uow: uow.emit({"type": "Moved", "customer": "c1", "city": "Lugo", "income": 9}))
>>> service = Subscription("service", seen.append, types={"Moved"}, fields=["customer", "city"])
>>> relay(store, "relay-1", [service]).delivered
1
>>> seen[0].payload
{'customer': 'c1', 'city': 'Lugo'}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.storage.protocols import Claim, Outbox, Store, UnitOfWork
from pycrm.storage.unit import utc_now

__all__ = ["Relayed", "Subscription", "cloud_event", "once", "relay"]

T = TypeVar("T")


def _names(given: Iterable[str] | None) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, str):
        raise InvalidValueError("types", given, "give several names, such as {'Moved'}")
    return frozenset(given)


@frozen
class Subscription:
    """Who is told of which events, and how much of them.

    Parameters
    ----------
    name : str
        Of the department or system.
    handle : callable
        Takes one `Claim`; what it raises stops the relay, and the event is handed out again later.
    types : iterable of str, optional
        The types of events; all unless given.
    fields : iterable of str, optional
        The fields of the payload that it may see, the others are left out; all unless given.
    """

    name: str
    handle: Callable[[Claim], object]
    types: frozenset[str] | None = field(default=None, converter=_names, kw_only=True)
    fields: frozenset[str] | None = field(default=None, converter=_names, kw_only=True)

    def shown(self, claim: Claim) -> Claim | None:
        """Return the event as this subscription sees it; None where it did not ask for it."""
        if self.types is not None and claim.type not in self.types:
            return None
        if self.fields is None:
            return claim
        seen = {name: value for name, value in dict(claim.payload or {}).items() if name in self.fields}
        return attrs.evolve(claim, payload=seen)

    def deliver(self, claim: Claim) -> bool:
        """Hand the event over, if it is asked for; tell whether it was."""
        seen = self.shown(claim)
        if seen is None:
            return False
        self.handle(seen)
        return True


@frozen
class Relayed:
    """What one run of a relay did.

    Parameters
    ----------
    delivered : int
        Events that were handed to every subscription and settled.
    longest : timedelta, optional
        The longest time from an event to its delivery: how old what the subscribers know was; None where nothing waited.
    """

    delivered: int
    longest: timedelta | None = None


def relay(
    store: Outbox,
    holder: str,
    subscriptions: Sequence[Subscription],
    *,
    limit: int = 100,
    lease: float = 30.0,
    clock: Callable[[], datetime] = utc_now,
) -> Relayed:
    """Deliver what waits in the outbox, oldest first, until nothing waits or another relay holds it.

    Parameters
    ----------
    store : Outbox
        Whose events.
    holder : str
        The name of this relay; two that run at once have two names.
    subscriptions : sequence of Subscription
        Each event goes to all that ask for it, in this order, and is settled then.
    limit, lease : int, float
        As for `Outbox.claim`.
    clock : callable
        The time now.
    """
    delivered, longest = 0, None
    while claims := store.claim(holder, limit=limit, lease=lease):
        for claim in claims:
            for one in subscriptions:
                one.deliver(claim)
            waited = clock() - claim.at
            longest = waited if longest is None else max(longest, waited)
            if not store.settle(holder, [claim.id]):
                return Relayed(delivered, longest)  # the lease went to another relay, which delivers it again
            delivered += 1
    return Relayed(delivered, longest)


def once(
    store: Store, consumer: str, work: Callable[[UnitOfWork, Claim], object], /, *, attempts: int = 5
) -> Callable[[Claim], None]:
    """Return a handler whose effect in `store` happens once for each event, however often it is delivered.

    Parameters
    ----------
    store : Store
        Where the effect is kept; that an event was handled is kept in the same transaction.
    consumer : str
        Who handles; two consumers of one store each handle an event.
    work : callable
        Takes the open unit of work and the event; `once` commits.
    attempts : int
        As for `Store.run`.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> store = MemoryStore()
    >>> handle = once(store, "catalogue", lambda uow, claim: uow.of(Product).add(Product(sku="A1", name="Pen")))
    >>> store.run(lambda uow: uow.emit({"type": "Made"}))
    >>> (event,) = store.claim("relay-1")
    >>> handle(event), handle(event)
    (None, None)
    """

    def handle(claim: Claim) -> None:
        def effect(unit: UnitOfWork) -> None:
            work(unit, claim)

        store.run(effect, key=f"{consumer}:{claim.id}", attempts=attempts)

    return handle


def cloud_event(
    claim: Claim,
    *,
    source: str,
    types: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return an event in the form of CloudEvents 1.0, which other systems read; its id never changes.

    Parameters
    ----------
    claim : Claim
        The event.
    source : str
        A URI that says whose events these are.
    types : mapping of str to str, optional
        Our names of types to those of the other system; a type that is not named goes as ``pycrm.<type>``.
    fields : mapping of str to str, optional
        Our names of the payload's fields to theirs; a field that is not named keeps its name.

    Raises
    ------
    InvalidValueError
        If two fields would go under one name.

    References
    ----------
    .. [1] CloudEvents specification, version 1.0.2, CNCF.

    Examples
    --------
    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> claim = Claim(UUID(int=1), "Moved", {"city": "Lugo"}, datetime(2026, 5, 1, tzinfo=UTC))
    >>> cloud_event(claim, source="//crm.example")["type"]
    'pycrm.Moved'
    """
    named, data = {} if types is None else types, claim.payload
    if fields and isinstance(data, Mapping):
        theirs = [fields.get(name, name) for name in data]
        if len(set(theirs)) < len(theirs):
            raise InvalidValueError("fields", dict(fields), "give every field of the payload a name of its own")
        data = dict(zip(theirs, data.values(), strict=True))
    return {
        "specversion": "1.0",
        "id": str(claim.id),
        "source": source,
        "type": named.get(claim.type, f"pycrm.{claim.type}"),
        "time": claim.at.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
