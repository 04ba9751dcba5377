"""The few entities that the contract speaks of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, CustomerKind, ExternalId, Identifier, Organisation, PersonName, Role
from pycrm.model.entity import Entity
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine, Product
from pycrm.storage.protocols import Store

__all__ = ["NOW", "an_interaction", "an_order", "ana", "firm", "pen", "stored"]

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
T = TypeVar("T", bound=Entity)


def ana(**more: Any) -> Customer:
    """Return a new person."""
    point = ContactPoint(kind=ContactKind.EMAIL, raw="Ana@Example.com")
    held: dict[str, Any] = {"name": PersonName(given="Ana", family="García"), "contact_points": (point,)}
    return Customer(**(held | more))


def firm() -> Customer:
    """Return a new organisation with something in every field."""
    return Customer(
        kind=CustomerKind.ORGANISATION,
        organisation=Organisation(
            name="Acme", legal_name="Acme S.L.", domains=("acme.example",), annual_revenue=Money("1000000.50", "EUR")
        ),
        roles=frozenset({Role.CUSTOMER, Role.PARTNER}),
        contact_points=(
            ContactPoint(kind=ContactKind.EMAIL, raw="Info@Acme.example", primary=True, verified_at=NOW),
            ContactPoint(kind=ContactKind.PHONE, raw="+34 600 000 000", label="office"),
        ),
        identifiers=(Identifier(namespace="tax", value="ES-B1"),),
        external_ids=(ExternalId("erp", "7"),),
        birth_date=date(1999, 12, 31),
        language="es-ES",
        country="ES",
        source="fair",
        owner_id=UUID(int=9),
        first_touch_at=NOW,
        tags=frozenset({"b2b", "vip"}),
        custom={"tier": "gold", "score": Decimal("7.50"), "since": date(2020, 1, 1), "likes": ["tea", "rain"]},
    )


def pen(sku: str = "A1", **more: Any) -> Product:
    """Return a new product."""
    held: dict[str, Any] = {"name": "Pen", "list_price": Money("1.20", "EUR")}
    return Product(sku=sku, **(held | more))


def an_order(customer: UUID, number: str = "1", **more: Any) -> Order:
    """Return a new order of one pen."""
    line = OrderLine(sku="A1", unit_price=Money("1.20", "EUR"), quantity=Decimal(3))
    held: dict[str, Any] = {"placed_at": NOW, "currency": "EUR", "lines": (line,)}
    return Order(customer_id=customer, number=number, **(held | more))


def an_interaction(customer: UUID | None, **more: Any) -> Interaction:
    """Return a new interaction, of an anonymous visitor where no customer is given."""
    held: dict[str, Any] = {
        "anonymous_id": "visitor" if customer is None else None,
        "occurred_at": NOW,
        "recorded_at": NOW,
    }
    kind = next(iter(InteractionKind))
    return Interaction(customer_id=customer, kind=kind, channel="web", **(held | more))


def stored(store: Store, entity: T) -> T:
    """Add one entity, commit, and return it as another unit of work finds it."""
    with store.begin() as unit:
        unit.of(type(entity)).add(entity)
        unit.commit()
    with store.begin(read_only=True) as unit:
        return unit.of(type(entity)).get(entity.id)
