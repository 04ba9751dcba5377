"""A small store with orders, shared by the tests of the verbs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, PersonName
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine
from pycrm.storage import MemoryStore, Query

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TODAY = date(2026, 4, 30)


def customer(name, *, email=True, **more):
    points = (ContactPoint(kind=ContactKind.EMAIL, raw=f"{name.lower()}@example.com"),) if email else ()
    return Customer(name=PersonName(given=name), contact_points=points, **more)


def order(who, number, days_ago, amount, *, sku="tea", currency="EUR", **more):
    line = OrderLine(sku=sku, unit_price=Money(Decimal(str(amount)), currency))
    placed = NOW - timedelta(days=days_ago)
    return Order(customer_id=who.id, number=str(number), placed_at=placed, currency=currency, lines=(line,), **more)


def permission(who, *, status=ConsentStatus.GRANTED, purpose="marketing"):
    return ConsentEntry(customer_id=who.id, purpose=purpose, status=status, captured_at=NOW - timedelta(days=100))


def store_of(*entities):
    store = MemoryStore()
    with store.begin() as unit:
        for entity in sorted(entities, key=lambda entity: not isinstance(entity, Customer)):
            unit.of(type(entity)).add(entity)
        unit.commit()
    return store


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [entity for batch in unit.of(model).stream(Query(model)) for entity in batch]


def shop(customers=300, seed=11):
    """Customers who buy at rates of their own and silently leave: enough for the models to be fitted."""
    random = np.random.default_rng(seed)
    made, number = [], 0
    for index in range(customers):
        who = customer(f"c{index}")
        made.append(who)
        rate, leaves = random.gamma(0.8, 1 / 9.0), random.beta(0.8, 2.5)
        mean = 30 / random.gamma(4.0)
        day = 380 - float(random.uniform(0, 200))
        while day > 0:
            number += 1
            made.append(order(who, number, int(day) + 1, round(random.gamma(6.0) * mean / 6.0 * 10 + 0.01, 2)))
            if random.random() < leaves:
                break
            day -= 7 * random.exponential(1 / rate)
        if random.random() < 0.7:
            made.append(permission(who))
    return made
