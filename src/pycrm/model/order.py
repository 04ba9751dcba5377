"""What was bought, for how much, and what was given back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_line, optional, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.custom import NO_FIELDS, CustomFields
from pycrm.model.entity import Entity
from pycrm.model.money import Money, currency_code, total
from pycrm.model.time import Period, in_utc, is_instant

__all__ = ["Order", "OrderLine", "OrderStatus", "Product", "Refund", "UnallocatedRefund"]


def _quantity(value: Decimal | int | str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise InvalidValueError("quantity", value, "give a Decimal, an int or text; a float is not exact")
    try:
        return Decimal(value)
    except ArithmeticError:
        raise InvalidValueError("quantity", value, "give a plain number") from None


def _is_positive(_: Any, attribute: attrs.Attribute[Any], value: Decimal) -> None:
    if not value.is_finite() or value <= 0:
        raise InvalidValueError(attribute.name, value, "give a quantity above 0; what comes back is a Refund")


def _is_not_negative(_: Any, attribute: attrs.Attribute[Any], value: Money) -> None:
    if not isinstance(value, Money):
        raise InvalidValueError(attribute.name, value, "give Money")
    if value.amount < 0:
        raise InvalidValueError(attribute.name, value, "give an amount of at least 0")


@frozen(kw_only=True)
class Product(Entity):
    """Something we sell.

    Parameters
    ----------
    sku : str
        Its article number, unique in a tenant.
    name : str
        What it is called.
    category : tuple of str
        The path of its category, widest first.
    list_price, cost : Money, optional
        What it costs the customer, and us.
    active : Period
        When it is on sale.
    """

    sku: str = field(validator=is_line)
    name: str = field(validator=is_line)
    category: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    list_price: Money | None = field(default=None, validator=optional(_is_not_negative))
    cost: Money | None = field(default=None, validator=optional(_is_not_negative))
    active: Period = field(default=Period(), validator=is_a(Period))
    custom: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))


class OrderStatus(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    PAID = "paid"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    PART_RETURNED = "part_returned"


@frozen(kw_only=True)
class OrderLine:
    """So many of one product at a price.

    Parameters
    ----------
    sku : str
        What.
    quantity : Decimal
        How many; above 0.
    unit_price : Money
        For one of them, at least 0, as fine as it must be.
    discount, tax : Money, optional
        Of the whole line, at least 0.
    cost : Money, optional
        What the whole line cost us.
    description : str, optional
        As printed on the order.
    """

    sku: str = field(validator=is_line)
    quantity: Decimal = field(default=Decimal(1), converter=_quantity, validator=_is_positive)
    unit_price: Money = field(validator=_is_not_negative)
    discount: Money | None = field(default=None, validator=optional(_is_not_negative))
    tax: Money | None = field(default=None, validator=optional(_is_not_negative))
    cost: Money | None = field(default=None, validator=optional(_is_not_negative))
    description: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        for amount in (self.discount, self.tax, self.cost):
            if amount is not None and amount.currency != self.unit_price.currency:
                raise CurrencyMismatchError(self.unit_price.currency, amount.currency)
        if self.total.amount < 0:
            raise InvalidValueError("discount", self.discount, "a discount is at most the price of its line")

    @property
    def total(self) -> Money:
        """Quantity times price, less discount, plus tax."""
        amount = self.unit_price * self.quantity
        if self.discount is not None:
            amount -= self.discount
        return amount if self.tax is None else amount + self.tax


@frozen(kw_only=True)
class Refund:
    """Money given back on an order.

    Parameters
    ----------
    at : datetime
        When.
    amount : Money
        Above 0.
    line : int, optional
        The line it is for, counted from 0; None for the whole order.
    quantity : Decimal, optional
        How many came back.
    reason : str, optional
        Why.
    """

    at: datetime = field(converter=in_utc, validator=is_instant)
    amount: Money = field(validator=is_a(Money))
    line: int | None = field(default=None, validator=optional(at_least(0)))
    quantity: Decimal | None = field(
        default=None, converter=converters.optional(_quantity), validator=optional(_is_positive)
    )
    reason: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.amount.amount <= 0:
            raise InvalidValueError("amount", self.amount, "a refund is above 0")


@frozen(kw_only=True)
class Order(Entity):
    """One purchase of one customer, in one currency.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    number : str
        Unique in a tenant.
    placed_at : datetime
        When.
    currency : str
        Of every amount in it.
    lines : tuple of OrderLine
        What was bought.
    refunds : tuple of Refund
        What was given back; never more than was paid, and of no line more than was bought.
    status : OrderStatus
        A cancelled order is worth nothing.
    channel : str, optional
        Over what it came.
    coupons : tuple of str
        Codes used.
    promised_at, delivered_at : datetime, optional
        What we said and what we did; delivered no sooner than placed.
    cart_id : UUID, optional
        The cart it was.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.entity import new_id
    >>> line = OrderLine(sku="tea", quantity=3, unit_price=Money("2.50", "EUR"))
    >>> order = Order(customer_id=new_id(), number="1", placed_at=datetime(2026, 5, 1, tzinfo=UTC), currency="EUR", lines=(line,))
    >>> order.net
    Money('7.50', 'EUR')
    """

    customer_id: UUID = field(validator=is_a(UUID))
    number: str = field(validator=is_line)
    placed_at: datetime = field(converter=in_utc, validator=is_instant)
    currency: str = field(converter=currency_code)
    lines: tuple[OrderLine, ...] = field(default=(), validator=tuple_of(OrderLine))
    refunds: tuple[Refund, ...] = field(default=(), validator=tuple_of(Refund))
    status: OrderStatus = field(default=OrderStatus.PAID, validator=is_a(OrderStatus))
    channel: str | None = field(default=None, converter=converters.optional(channel_code))
    coupons: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    promised_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    delivered_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    cart_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    custom: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))

    def __attrs_post_init__(self) -> None:
        for line in self.lines:
            if line.unit_price.currency != self.currency:
                raise CurrencyMismatchError(self.currency, line.unit_price.currency)
        returned: dict[int, Decimal] = {}
        for refund in self.refunds:
            if refund.amount.currency != self.currency:
                raise CurrencyMismatchError(self.currency, refund.amount.currency)
            if refund.line is not None and refund.line >= len(self.lines):
                raise InvalidValueError("line", refund.line, f"the order has {len(self.lines)} lines, counted from 0")
            if refund.line is not None and refund.quantity is not None:
                returned[refund.line] = returned.get(refund.line, Decimal(0)) + refund.quantity
        for number, back in returned.items():
            if back > self.lines[number].quantity:
                fix = f"of line {number}, {self.lines[number].quantity} were bought; at most those come back"
                raise InvalidValueError("quantity", back, fix)
        if self.refunded > self.gross:
            raise InvalidValueError("refunds", self.refunded, f"refunds are at most what was paid, {self.gross}")
        if self.delivered_at is not None and self.delivered_at < self.placed_at:
            raise InvalidValueError("delivered_at", self.delivered_at, f"the order was placed at {self.placed_at}")

    @property
    def gross(self) -> Money:
        """The sum of its lines."""
        return total((line.total for line in self.lines), self.currency)

    @property
    def refunded(self) -> Money:
        """The sum of its refunds."""
        return total((refund.amount for refund in self.refunds), self.currency)

    @property
    def net(self) -> Money:
        """Gross less refunds, at least 0; 0 if it was cancelled."""
        return Money.zero(self.currency) if self.status is OrderStatus.CANCELLED else self.gross - self.refunded

    def refund(self, refund: Refund) -> Order:
        """Return the order with `refund`, and the status that follows.

        Raises
        ------
        InvalidValueError
            If more would be given back than was paid.
        """
        after = attrs.evolve(self, refunds=(*self.refunds, refund))
        status = OrderStatus.RETURNED if after.refunded == after.gross else OrderStatus.PART_RETURNED
        return attrs.evolve(after, status=status)


@frozen(kw_only=True)
class UnallocatedRefund(Entity):
    """Money given back to a customer for which no order could be found: kept on its own, never as a negative order.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    key : str
        The source's own key of the credit, unique in a tenant.
    at : datetime
        When.
    amount : Money
        Above 0.
    sku : str, optional
        What came back.
    reason : str, optional
        Why it found no order.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    key: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)
    amount: Money = field(validator=is_a(Money))
    sku: str | None = field(default=None, validator=optional(is_line))
    reason: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.amount.amount <= 0:
            raise InvalidValueError("amount", self.amount, "a refund is above 0")
