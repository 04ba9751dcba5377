"""One ledger of sales and expenses, and one customer in numbers."""

from datetime import timedelta
from decimal import Decimal

import pytest

from pycrm.model.expense import Expense, ExpenseKind
from pycrm.model.money import Money
from pycrm.model.order import OrderLine, OrderStatus, Refund, UnallocatedRefund
from pycrm.storage import MemoryStore, customer_view
from pycrm.storage.aggregates import aggregates
from pycrm.storage.cash_book import cash_book
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import NOW, an_interaction, an_order, ana

DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "sqlite"])
def world(request):
    store = MemoryStore() if request.param == "memory" else SqlStore("sqlite://", durable=False)
    with store.begin() as unit:
        one = unit.customers.add(ana())
        line = OrderLine(
            sku="A1",
            unit_price=Money("1.20", "EUR"),
            quantity=Decimal(3),
            discount=Money("0.60", "EUR"),
            tax=Money("0.10", "EUR"),
            cost=Money("2.00", "EUR"),
        )
        early = Refund(at=NOW + 2 * DAY, amount=Money("1.00", "EUR"))
        late = Refund(at=NOW + 9 * DAY, amount=Money("0.50", "EUR"))
        unit.orders.add(an_order(one.id, "1", lines=(line,), refunds=(early, late)))
        unit.orders.add(an_order(one.id, "2", placed_at=NOW + DAY))
        unit.orders.add(an_order(one.id, "3", status=OrderStatus.CANCELLED))
        unit.of(UnallocatedRefund).add(
            UnallocatedRefund(customer_id=one.id, key="c", at=NOW + DAY, amount=Money("0.20", "EUR"))
        )
        for number, days in enumerate((1, 8)):
            unit.of(Expense).add(
                Expense(
                    customer_id=one.id,
                    key=str(number),
                    at=NOW + days * DAY,
                    kind=ExpenseKind.SERVICE,
                    amount=Money("0.30", "EUR"),
                )
            )
        unit.interactions.add(an_interaction(one.id))
        unit.commit()
    yield store, one
    if request.param == "sqlite":
        store.close()


def test_every_amount_is_in_the_ledger_once_with_its_sign(world):
    store, one = world
    held = cash_book(store, NOW + 3 * DAY)
    assert list(zip(held["kind"], held["amount"], strict=True)) == [
        ("goods", Decimal("-2.00")),
        ("sale", Decimal("3.10")),
        ("credit", Decimal("-0.20")),
        ("sale", Decimal("3.60")),
        ("service", Decimal("-0.30")),
        ("refund", Decimal("-1.00")),
    ]
    assert set(held["customer"]) == {one.id}
    assert held["time"] == sorted(held["time"])
    later = cash_book(store, NOW + 30 * DAY)
    assert sum(later["amount"]) == sum(held["amount"]) - Decimal("0.80")


def test_a_view_adds_up_to_what_was_known_then(world):
    store, one = world
    found = aggregates(customer_view(store, one.id, NOW + 3 * DAY))
    assert (found.orders, found.articles, found.refunded) == (2, 1, 2)
    assert found.revenue == {"EUR": Money("5.50", "EUR")}
    assert (found.first_order_at, found.last_order_at, found.mean_gap) == (NOW, NOW + DAY, DAY)
    assert sum(found.contacts.values()) == 1
    assert found.last_contact_at is not None
    empty = aggregates(customer_view(store, one.id, NOW - 300 * DAY))
    assert (empty.orders, empty.revenue, empty.mean_gap, empty.last_contact_at) == (0, {}, None, None)
