"""What happened and to whom, as columns ready for analysis: facts (sales, refunds, interactions) and dimensions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import compress
from typing import Any

from pycrm.model.customer import Customer
from pycrm.model.interaction import Interaction
from pycrm.model.order import Order, OrderStatus, Product
from pycrm.model.predicate import where
from pycrm.model.time import in_utc
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases, aliases
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query, asc

__all__ = ["facts"]

Columns = dict[str, list[Any]]


def facts(store: Store, as_of: datetime) -> dict[str, Columns]:
    """Return facts and dimensions as of a time, in one consistent read; `pycrm.frames.to_frames` makes data frames of them.

    Customers who turned out to be one are one here, whenever that was decided.

    Returns
    -------
    dict
        Table to column to list, every table sorted by its time or id:

        - ``sales``, one row per order line: order, line (from 0), customer, time, sku, quantity, unit_price, discount, tax,
          amount (all of the line, as Decimal, in `currency`), status, channel. A cancelled order is left out.
        - ``refunds``: order, customer, time, amount, currency.
        - ``interactions``: interaction, customer, time, kind, channel, direction.
        - ``customers``: customer, kind, country, source, first_touch_at.
        - ``products``: sku, name, category (the path, joined by " > ").
        - ``days``: every calendar day (UTC) from the first sale to the last: day, year, quarter, month, iso_week, weekday.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> sorted(facts(MemoryStore(), datetime(2026, 1, 1, tzinfo=UTC)))
    ['customers', 'days', 'interactions', 'products', 'refunds', 'sales']
    """
    until = in_utc(as_of)
    with store.begin(read_only=True) as unit:
        known = aliases(unit)
        sales, refunds = _sales(unit, until, known)
        return {
            "sales": sales,
            "refunds": refunds,
            "interactions": _interactions(unit, until, known),
            "customers": _customers(unit, known),
            "products": _products(unit),
            "days": _days(sales["time"]),
        }


def _amount(money: Any) -> Decimal:
    return Decimal(0) if money is None else Decimal(money["amount"])


def _sales(unit: UnitOfWork, until: datetime, known: Aliases) -> tuple[Columns, Columns]:
    query = Query(Order, where("placed_at") <= until, order=(asc("placed_at"),))
    wanted = ["id", "customer_id", "placed_at", "currency", "status", "channel", "lines", "refunds"]
    held = read_columns(unit, query, wanted)
    names = ("order", "line", "customer", "time", "sku", "quantity", "unit_price", "discount", "tax", "amount", "currency",
             "status", "channel")  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    back: list[tuple[Any, ...]] = []
    for order, written, at, currency, status, channel, lines, refunds in zip(*held.values(), strict=True):
        if status == OrderStatus.CANCELLED:
            continue
        customer = known.of(written)
        for number, line in enumerate(lines or ()):
            quantity, price = Decimal(line.get("quantity", "1")), _amount(line["unit_price"])
            discount, tax = _amount(line.get("discount")), _amount(line.get("tax"))
            total = quantity * price - discount + tax
            rows.append(
                (
                    order,
                    number,
                    customer,
                    at,
                    line["sku"],
                    quantity,
                    price,
                    discount,
                    tax,
                    total,
                    currency,
                    status,
                    channel,
                )
            )
        for refund in refunds or ():
            when = datetime.fromisoformat(refund["at"])
            if when <= until:
                back.append((order, customer, when, _amount(refund["amount"]), currency))
    return _table(names, rows), _table(("order", "customer", "time", "amount", "currency"), back)


def _table(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Columns:
    if not rows:
        return {name: [] for name in names}
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _interactions(unit: UnitOfWork, until: datetime, known: Aliases) -> Columns:
    query = Query(Interaction, where("occurred_at") <= until, order=(asc("occurred_at"),))
    held = read_columns(unit, query, ["id", "customer_id", "occurred_at", "kind", "channel", "direction"])
    names = ("interaction", "customer", "time", "kind", "channel", "direction")
    return dict(zip(names, known.columns(held), strict=True))


def _customers(unit: UnitOfWork, known: Aliases) -> Columns:
    held = read_columns(unit, Query(Customer), ["id", "kind", "country", "source", "first_touch_at"])
    names = ("customer", "kind", "country", "source", "first_touch_at")
    if not known.into:
        return dict(zip(names, held.values(), strict=True))
    kept = [id not in known.into for id in held["id"]]
    return {name: list(compress(values, kept)) for name, values in zip(names, held.values(), strict=True)}


def _products(unit: UnitOfWork) -> Columns:
    held = read_columns(unit, Query(Product, order=(asc("sku"),)), ["sku", "name", "category"])
    return {**held, "category": [" > ".join(path) if path else None for path in held["category"]]}


def _days(times: list[datetime]) -> Columns:
    names = ("day", "year", "quarter", "month", "iso_week", "weekday")
    if not times:
        return {name: [] for name in names}
    first, last = min(times).date(), max(times).date()
    days: list[date] = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    rows = [(d, d.year, (d.month + 2) // 3, d.month, d.isocalendar().week, d.isoweekday()) for d in days]
    return _table(names, rows)
