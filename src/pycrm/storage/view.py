"""The one 360-degree read: everything that is known of a customer, as of a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from attrs import field, frozen

from pycrm.model.assessment import Assessment
from pycrm.model.consent import ConsentEntry
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity
from pycrm.model.intent import ContactIntent
from pycrm.model.interaction import Interaction
from pycrm.model.lifecycle import StageChange, StageRetraction, standing_stages
from pycrm.model.offer import OfferDecision
from pycrm.model.order import Order, UnallocatedRefund
from pycrm.model.predicate import where
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.model.time import in_utc, instant
from pycrm.storage.identity import aliases_of
from pycrm.storage.lookups import united_consents
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query, asc

__all__ = ["CustomerView", "customer_view"]

M = TypeVar("M", bound=Entity)


@frozen(kw_only=True)
class CustomerView:
    """What was known of one customer at a time; each ledger oldest first.

    Parameters
    ----------
    customer : Customer
        As he is stored now; what changed about him is in the audit trail.
    as_of : datetime
        Nothing later is in the view.
    orders, refunds, interactions, consents, stages, intents, decisions : tuple
        His ledgers.
    assessment : Assessment, optional
        The last one.
    sources : tuple of SourceRecord
        The records that speak of him.
    """

    customer: Customer
    as_of: datetime = field(converter=in_utc)
    orders: tuple[Order, ...] = ()
    refunds: tuple[UnallocatedRefund, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    consents: tuple[ConsentEntry, ...] = ()
    stages: tuple[StageChange, ...] = ()
    intents: tuple[ContactIntent, ...] = ()
    decisions: tuple[OfferDecision, ...] = ()
    assessment: Assessment | None = None
    sources: tuple[SourceRecord, ...] = ()


def _ledger(unit: UnitOfWork, model: type[M], ids: Sequence[UUID], time: str, until: object) -> tuple[M, ...]:
    mine = (where("customer_id").is_in(ids)) & (where(time) <= until)
    question = Query(model, mine, order=(asc(time),))
    return tuple(entity for batch in unit.of(model).stream(question) for entity in batch)


def _sources(unit: UnitOfWork, customer: UUID, as_of: datetime) -> tuple[SourceRecord, ...]:
    """Return the records whose last decision says that they speak of this customer."""
    links = _ledger(unit, IdentityLink, [customer], "decided_at", as_of)
    records = list(dict.fromkeys(link.record_id for link in links))
    about = (where("record_id").is_in(records)) & (where("decided_at") <= as_of)
    decided = [link for batch in unit.of(IdentityLink).stream(Query(IdentityLink, about)) for link in batch]
    owner = identities(decided)
    return tuple(unit.of(SourceRecord).get_many([record for record in records if owner[record] == customer]))


def customer_view(store: Store, id: UUID, as_of: datetime) -> CustomerView:
    """Return everything known of one customer as of a time, in one consistent read, from any store.

    The id of one who was merged into another by then leads to that other, with what was written of both.

    Raises
    ------
    NotFound
        If there is no such customer.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pycrm.model.customer import PersonName
    >>> from pycrm.storage import MemoryStore
    >>> store = MemoryStore()
    >>> with store.begin() as uow:
    ...     ana = uow.customers.add(Customer(name=PersonName(given="Ana")))
    ...     uow.commit()
    >>> view = customer_view(store, ana.id, datetime(2026, 1, 1, tzinfo=UTC))
    >>> view.customer.display_name, view.orders
    ('Ana', ())
    """
    until = instant(as_of)
    with store.begin(read_only=True) as unit:
        known = aliases_of(unit, id, until)
        ids = known.ids_of(id)
        home = ids[0]
        assessments = Query(
            Assessment,
            (where("customer_id") == home) & (where("as_of") <= until.date()),
            order=(asc("as_of"),),
        )
        found = [one for batch in unit.of(Assessment).stream(assessments) for one in batch]
        said = _ledger(unit, ConsentEntry, ids, "captured_at", until)
        consents = united_consents(said, known, until)
        return CustomerView(
            customer=unit.of(Customer).get(home),
            as_of=until,
            orders=_ledger(unit, Order, ids, "placed_at", until),
            refunds=_ledger(unit, UnallocatedRefund, ids, "at", until),
            interactions=_ledger(unit, Interaction, ids, "occurred_at", until),
            consents=tuple(consents.get(home, ())),
            stages=standing_stages(
                _ledger(unit, StageChange, ids, "occurred_at", until),
                _ledger(unit, StageRetraction, ids, "recorded_at", until),
            ),
            intents=_ledger(unit, ContactIntent, ids, "created_at", until),
            decisions=_ledger(unit, OfferDecision, ids, "decided_at", until),
            assessment=found[-1] if found else None,
            sources=_sources(unit, home, until),
        )
