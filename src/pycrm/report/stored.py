"""The purchases that a store holds, for a report."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from pycrm.errors import CurrencyMismatchError, NotEstimableError
from pycrm.model.customer import Customer
from pycrm.model.order import Order, OrderStatus, UnallocatedRefund
from pycrm.model.predicate import where
from pycrm.report.purchases import Purchases
from pycrm.storage.profiling import profiled
from pycrm.storage.protocols import Store
from pycrm.storage.query import Query

__all__ = ["purchases_of_store"]


def purchases_of_store(store: Store, *, as_of: date, name: str, zone: str = "UTC") -> Purchases:
    """Return the purchases of everybody in `store` up to a day, and what was given back by then.

    Whose data is restricted, or who objected to being profiled, is left out and counted as dropped; who was erased is in the figures, by a number that says nothing.

    Parameters
    ----------
    store : Store
        With customers and orders.
    as_of : date
        The last day that counts.
    name : str
        What to call the business.
    zone : str
        Where a day begins and ends.

    Raises
    ------
    CurrencyMismatchError
        If there are orders of two currencies.
    NotEstimableError
        If there is no order.
    """
    local = ZoneInfo(zone)
    end = datetime.combine(as_of + timedelta(days=1), time(), tzinfo=local)
    owners: list[UUID] = []
    times: list[datetime] = []
    amounts: list[tuple[float, float]] = []
    back: list[tuple[UUID, float]] = []
    currency: str | None = None
    dropped: Counter[str] = Counter()
    with store.begin(read_only=True) as unit:
        who = profiled(unit)
        now = who.now
        for batch in unit.of(Order).stream(Query(Order, where("placed_at") < end)):
            for order in batch:
                currency = currency or order.currency
                if order.currency != currency:
                    raise CurrencyMismatchError(currency, order.currency)
                if order.status is OrderStatus.CANCELLED:
                    dropped["cancelled"] += 1
                    continue
                if not who.counts(order.customer_id):
                    dropped[who.why_not[now.of(order.customer_id)]] += 1
                    continue
                owners.append(now.of(order.customer_id))
                times.append(order.placed_at.astimezone(local).replace(tzinfo=None))
                given = sum(refund.amount.amount for refund in order.refunds if refund.at < end)
                amounts.append((float(order.gross.amount), float(given)))
        for refunds in unit.of(UnallocatedRefund).stream(Query(UnallocatedRefund, where("at") < end)):
            held = ((now.of(refund.customer_id), float(refund.amount.amount)) for refund in refunds)
            back += [(id, amount) for id, amount in held if who.counts(id)]
        names = {
            customer.id: customer.display_name
            for batch in unit.of(Customer).stream(Query(Customer))
            for customer in batch
            if customer.id in who
        }
    if not owners:
        raise NotEstimableError("the report", f"the store holds no order placed on or before {as_of}")
    place = {id: number for number, id in enumerate(dict.fromkeys([*owners, *(id for id, _ in back)]))}
    unallocated = np.zeros(len(place))
    for id, amount in back:
        unallocated[place[id]] += amount
    sums = np.asarray(amounts, dtype=np.float64)
    return Purchases(
        customer=np.asarray([place[id] for id in owners], dtype=np.int64),
        time=np.asarray(times, dtype="datetime64[us]"),
        gross=sums[:, 0],
        refunded=np.minimum(sums[:, 1], sums[:, 0]),
        customers=np.asarray([names.get(id, str(id)) for id in place], dtype=object),
        unallocated=unallocated,
        currency=currency,
        as_of=np.datetime64(as_of.isoformat(), "D"),
        source=name,
        rows_read=len(owners) + sum(dropped.values()),
        rows_used=len(owners),
        dropped=dict(dropped),
    )
