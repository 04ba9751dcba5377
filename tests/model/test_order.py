"""Totals are those of the lines, refunds never exceed what was paid, and one order has one currency."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.entity import new_id
from pycrm.model.money import Money, total
from pycrm.model.order import Order, OrderLine, OrderStatus, Product, Refund, UnallocatedRefund

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
WHO = new_id()


def eur(amount):
    return Money(amount, "EUR")


def line(price="2.50", quantity=2, **fields):
    return OrderLine(sku="tea", quantity=quantity, unit_price=eur(price), **fields)


def order(*lines, **fields):
    return Order(**{"customer_id": WHO, "number": "1", "placed_at": NOON, "currency": "EUR", "lines": lines, **fields})


def refund(amount, **fields):
    return Refund(at=NOON, amount=eur(amount), **fields)


@given(strategies.orders())
def test_net_is_gross_less_refunds_and_never_negative(order):
    assert order.gross == total((line.total for line in order.lines), order.currency)
    assert order.net.amount >= 0
    assert order.net == (
        Money.zero(order.currency) if order.status is OrderStatus.CANCELLED else order.gross - order.refunded
    )


@given(strategies.orders(), st.decimals("0.01", 10**7, places=2))
def test_a_refund_is_taken_in_full_or_refused(order, amount):
    back = Refund(at=NOON, amount=Money(amount, order.currency))
    left = order.gross - order.refunded
    if back.amount > left:
        with pytest.raises(InvalidValueError, match="refunds are at most what was paid"):
            order.refund(back)
    else:
        after = order.refund(back)
        assert after.refunded == order.refunded + back.amount
        assert after.status is (OrderStatus.RETURNED if back.amount == left else OrderStatus.PART_RETURNED)


def test_a_line_is_price_times_quantity_less_discount_plus_tax():
    assert line(quantity="3", discount=eur("1.50"), tax=eur("1.26")).total == eur("7.26")
    assert order(line(), line("1", 1)).gross == eur("6.00")
    assert order().net == eur(0)


@pytest.mark.parametrize(
    "fields",
    [{"quantity": 0}, {"quantity": -1}, {"quantity": 1.5}, {"quantity": True}, {"quantity": "x"}, {"quantity": "NaN"}, {"price": "-1"},
     {"discount": eur("5.01")}, {"discount": eur("-1")}, {"tax": 5}, {"cost": eur(-1)}, {"description": ""}],
)  # fmt: skip
def test_an_impossible_line_is_refused(fields):
    with pytest.raises(InvalidValueError):
        line(**fields)


def test_one_order_has_one_currency():
    for wrong in ({"discount": Money(1, "USD")}, {"tax": Money(1, "USD")}, {"cost": Money(1, "USD")}):
        with pytest.raises(CurrencyMismatchError):
            line(**wrong)
    with pytest.raises(CurrencyMismatchError):
        order(line(), currency="USD")
    with pytest.raises(CurrencyMismatchError):
        order(line(), refunds=(Refund(at=NOON, amount=Money(1, "USD")),))
    assert order(line(), currency="eur").currency == "EUR"


@pytest.mark.parametrize(
    "fields",
    [{"currency": "XXX"}, {"currency": None}, {"number": ""}, {"placed_at": datetime(2026, 1, 1)}, {"lines": [line()]}, {"channel": "fax"},
     {"delivered_at": NOON - timedelta(microseconds=1)},
     {"refunds": (refund(1, line=0, quantity=3),)}, {"refunds": (refund(1, line=0, quantity=1), refund(1, line=0, quantity=2))},
     {"refunds": (refund(99),)}, {"refunds": (refund(1, line=1),)}, {"status": "paid"}, {"coupons": ("",)}],
)  # fmt: skip
def test_an_impossible_order_is_refused(fields):
    with pytest.raises(InvalidValueError):
        order(
            line(), **{key: value for key, value in fields.items() if key != "lines"}
        ) if "lines" not in fields else order(**fields)


@pytest.mark.parametrize(
    "fields", [{"amount": 0}, {"amount": -1}, {"line": -1}, {"line": "0"}, {"line": True}, {"quantity": 0}]
)
def test_an_impossible_refund_is_refused(fields):
    with pytest.raises(InvalidValueError):
        refund(**{"amount": 1, **fields})


def test_a_refund_may_name_its_line_and_quantity():
    assert order(line()).refund(refund("2.50", line=0, quantity=1, reason="cold")).refunds[0].quantity == Decimal(1)
    assert order(line(), delivered_at=NOON, refunds=(refund(1, line=0, quantity=2),)).delivered_at == NOON


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_without_order_is_above_nothing(amount):
    with pytest.raises(InvalidValueError, match="above 0"):
        UnallocatedRefund(customer_id=WHO, key="7", at=NOON, amount=eur(amount))


def test_a_refund_without_order_keeps_what_the_source_said():
    credit = UnallocatedRefund(customer_id=WHO, key="7", at=NOON, amount=eur("0.01"), sku="tea", reason="no receipt")
    assert (credit.amount, credit.sku, credit.reason) == (eur("0.01"), "tea", "no receipt")


@pytest.mark.parametrize("fields", [{"sku": ""}, {"list_price": eur(-1)}, {"cost": 5}, {"category": "tea"}])
def test_an_impossible_product_is_refused(fields):
    with pytest.raises(InvalidValueError):
        Product(**{"sku": "tea", "name": "Tea", **fields})
