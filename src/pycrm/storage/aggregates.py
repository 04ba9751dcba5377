"""What a customer's view adds up to: purchases and contacts in numbers, as of the time of the view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from attrs import frozen

from pycrm.model.interaction import Direction
from pycrm.model.money import Money
from pycrm.model.order import OrderStatus
from pycrm.storage.view import CustomerView

__all__ = ["Aggregates", "aggregates"]


@frozen(kw_only=True)
class Aggregates:
    """A customer in numbers.

    Parameters
    ----------
    orders : int
        Not cancelled.
    revenue : Mapping of str to Money
        By currency, less refunds made by then.
    first_order_at, last_order_at : datetime, optional
        None without an order.
    mean_gap : timedelta, optional
        Between orders; None with fewer than two.
    articles : int
        Different ones.
    refunded : int
        Refunds, with and without an order.
    contacts : Mapping of str to int
        Interactions by kind.
    answered : int
        Interactions the customer began.
    last_contact_at : datetime, optional
        Of any interaction.
    """

    orders: int
    revenue: Mapping[str, Money]
    first_order_at: datetime | None
    last_order_at: datetime | None
    mean_gap: timedelta | None
    articles: int
    refunded: int
    contacts: Mapping[str, int]
    answered: int
    last_contact_at: datetime | None


def aggregates(view: CustomerView) -> Aggregates:
    """Return what a view adds up to; nothing later than the view counts, not a refund of an earlier order either.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.customer import Customer, PersonName
    >>> aggregates(CustomerView(customer=Customer(name=PersonName(given="Ana")), as_of=datetime(2026, 1, 1, tzinfo=UTC))).orders
    0
    """
    bought = [order for order in view.orders if order.status is not OrderStatus.CANCELLED]
    sums: dict[str, Decimal] = {}
    back = len(view.refunds)
    for order in bought:
        given = [refund.amount.amount for refund in order.refunds if refund.at <= view.as_of]
        back += len(given)
        sums[order.currency] = sums.get(order.currency, Decimal(0)) + order.gross.amount - sum(given, Decimal(0))
    for refund in view.refunds:
        currency = refund.amount.currency
        sums[currency] = sums.get(currency, Decimal(0)) - refund.amount.amount
    times = [order.placed_at for order in bought]
    return Aggregates(
        orders=len(bought),
        revenue={currency: Money(amount, currency) for currency, amount in sorted(sums.items())},
        first_order_at=min(times, default=None),
        last_order_at=max(times, default=None),
        mean_gap=(max(times) - min(times)) / (len(times) - 1) if len(times) > 1 else None,
        articles=len({line.sku for order in bought for line in order.lines}),
        refunded=back,
        contacts=dict(sorted(Counter(str(one.kind) for one in view.interactions).items())),
        answered=sum(one.direction is Direction.IN for one in view.interactions),
        last_contact_at=max((one.occurred_at for one in view.interactions), default=None),
    )
