from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from pycrm.errors import CurrencyMismatchError, InvalidDataError
from pycrm.frames import columns_of, orders_frame, to_frame, to_frames
from pycrm.model.customer import Customer
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine, OrderStatus, Product, Refund
from pycrm.storage import MemoryStore, Query, facts, write_columns
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import NOW, an_interaction, an_order, ana, pen


@pytest.mark.parametrize("make", [MemoryStore, lambda: SqlStore("sqlite://", durable=False)])
def test_sales_refunds_and_days_are_those_of_the_store_as_of_a_time(make):
    store = make()
    with store.begin() as unit:
        one = unit.customers.add(ana(country="ES"))
        unit.products.add(pen("A1", category=("office", "pens")))
        line = OrderLine(sku="A1", unit_price=Money("1.20", "EUR"), quantity=Decimal(3), discount=Money("0.60", "EUR"))
        unit.orders.add(an_order(one.id, "1", lines=(line, line)))
        unit.orders.add(an_order(one.id, "2", status=OrderStatus.CANCELLED))
        refund = Refund(at=NOW + timedelta(days=3), amount=Money("1.00", "EUR"))
        unit.orders.add(an_order(one.id, "3", placed_at=NOW + timedelta(days=2), refunds=(refund,)))
        unit.orders.add(an_order(one.id, "4", placed_at=NOW + timedelta(days=9)))
        unit.interactions.add(an_interaction(one.id))
        unit.commit()
    held = facts(store, NOW + timedelta(days=4))
    assert held["sales"]["amount"] == [Decimal("3.00"), Decimal("3.00"), Decimal("3.60")]
    assert held["sales"]["line"] == [0, 1, 0]
    assert held["refunds"]["amount"] == [Decimal("1.00")]
    assert held["days"]["day"] == [date(2026, 5, 1), date(2026, 5, 2), date(2026, 5, 3)]
    assert held["products"]["category"] == ["office > pens"]
    assert held["customers"]["country"] == ["ES"]
    assert held["interactions"]["customer"] == [one.id]
    frames = to_frames(held)
    assert frames["sales"]["amount"].sum() == pytest.approx(9.6, abs=1e-12)
    assert str(frames["sales"]["time"].dtype) == "datetime64[us, UTC]"
    assert frames["days"]["day"].dt.day.tolist() == [1, 2, 3]


def test_orders_of_one_currency_become_a_frame_for_the_numbers():
    orders = [an_order(ana().id, "1"), an_order(ana().id, "2", status=OrderStatus.CANCELLED)]
    frame = orders_frame(orders)
    assert frame["amount"].tolist() == [3.6]
    dollars = Order(customer_id=ana().id, number="3", placed_at=NOW, currency="USD")
    with pytest.raises(CurrencyMismatchError):
        orders_frame([*orders, dollars])


def test_each_kind_of_column_has_one_type_and_comes_back():
    columns = {
        "text": ["a", None],
        "whole": [1, 2],
        "some": [1, None],
        "truth": [True, False],
        "maybe": [True, None],
        "real": [0.5, None],
        "time": [NOW, None],
        "day": [date(2026, 1, 1), date(2026, 1, 2)],
        "id": [ana().id, None],
        "none": [None, None],
        "status": [OrderStatus.PAID, None],
    }
    frame = to_frame(columns)
    text = str(pd.Series(["a"]).dtype)  # of pandas 3 a type of its own
    assert [str(t) for t in frame.dtypes] == [
        text, "int64", "Int64", "bool", "boolean", "float64", "datetime64[us, UTC]", "datetime64[us]", "object", "object",
        text,
    ]  # fmt: skip
    back = columns_of(frame)
    del back["day"], columns["day"]
    assert back == {**columns, "status": ["paid", None]}
    assert back["time"][0].utcoffset() == timedelta(0)


def test_a_frame_goes_into_a_store():
    store = MemoryStore()
    frame = pd.DataFrame({"sku": ["A", "B"], "name": ["Pen", "Ink"]})
    with store.begin() as unit:
        assert write_columns(unit, Product, columns_of(frame)) == 2
        assert (
            write_columns(
                unit, Customer, {"name.given": frame["name"], "first_touch_at": pd.to_datetime(["2026-01-01", None])}
            )
            == 2
        )
        known = {c.name.given: c.first_touch_at is not None for c in unit.customers.page(Query(Customer)).items}
        assert known == {"Pen": True, "Ink": False}


def test_frames_with_columns_of_one_name_or_of_two_lengths_are_refused():
    with pytest.raises(InvalidDataError):
        columns_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(InvalidDataError):
        to_frame({"a": [1], "b": [1, 2]})
