"""Order lines of a file become customers, products, orders and refunds of a store; the same lines again change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import numpy as np
from attrs import frozen

from pycrm.errors import UnreadableFileError
from pycrm.model.import_run import ImportRun
from pycrm.model.money import CURRENCIES, Money
from pycrm.model.order import Order, OrderLine, OrderStatus, Product, Refund, UnallocatedRefund
from pycrm.model.predicate import where
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.report.lines import OrderLines
from pycrm.report.refunds import Settlement
from pycrm.report.together import Together
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows import identify

__all__ = ["Imported", "check_keepable", "import_lines", "owners_of"]

SOURCE = "orders"
"""What files of orders are called as a source of customers."""


LONGEST_KEY = 200
"""Characters; the key of a refund adds the number of its line."""


@frozen(kw_only=True)
class Imported:
    """What an import did to a store.

    Parameters
    ----------
    before : datetime or None
        When the same lines were imported before; nothing was done then.
    customers, products, orders, refunds : int
        What is new.
    changed : int
        Orders that were there and say something else now: refunded since, or completed.
    unchanged : int
        Orders that were there as they are.
    """

    before: datetime | None = None
    customers: int = 0
    products: int = 0
    orders: int = 0
    refunds: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def nothing(self) -> bool:
        """Whether the store is as it was."""
        return not (self.customers or self.products or self.orders or self.refunds or self.changed)


def import_lines(
    store: Store, unit: UnitOfWork, lines: OrderLines, settled: Settlement, *, path: str, at: datetime
) -> Imported:
    """Bring the lines of a file into a store, in an open unit of work.

    Customers are identified like those of any other source, under the name their file gives them. Times without an offset are
    kept as UTC.

    Raises
    ------
    UnreadableFileError
        If no store keeps them: see `check_keepable`.
    """
    check_keepable(lines, path)
    key = f"{lines.digest}:{lines.mapping}:{lines.currency}:{lines.as_of}:{len(lines.amount)}"
    runs = unit.of(ImportRun)
    known = runs.page(Query(ImportRun, where("key") == key), size=1).items
    if known:
        return Imported(before=known[0].started_at)
    together = Together(store, unit)
    identify.register(together, _records(lines, at))
    found = identify.resolve(together, at=at, matching=None)
    owner = owners_of(unit)
    customer = [owner[SOURCE, label] for label in lines.customers.tolist()]
    products = _new_products(unit, lines)
    unit.of(Product).put_many(products)

    held = {order.number: order for batch in unit.of(Order).stream(Query(Order)) for order in batch}
    new: list[Order] = []
    changed: list[Order] = []
    unchanged = 0
    for order in _orders(lines, settled, customer):
        before = held.get(order.number)
        if before is None:
            new.append(order)
            continue
        same = attrs.evolve(order, id=before.id, version=before.version, unknown=before.unknown, custom=before.custom)
        if same == before:
            unchanged += 1
        else:
            changed.append(same)
    repository = unit.of(Order)
    repository.put_many(new)
    repository.put_many(changed, on_conflict="update")
    refunds = _new_refunds(unit, lines, settled, customer)
    unit.of(UnallocatedRefund).put_many(refunds)
    done = Imported(
        customers=found.added,
        products=len(products),
        orders=len(new),
        refunds=len(refunds),
        changed=len(changed),
        unchanged=unchanged,
    )
    counts = {name: value for name, value in attrs.asdict(done).items() if isinstance(value, int)}
    runs.add(ImportRun(source=path, key=key, started_at=at, counts=counts))
    return done


def check_keepable(lines: OrderLines, path: str) -> None:
    """Refuse lines that no store keeps.

    Raises
    ------
    UnreadableFileError
        If the file names no currency, or one that is none; or if a key is longer than a database indexes.
    """
    for role, texts in (("customer", lines.customers), ("order", lines.orders), ("product", lines.products)):
        longest = max(map(len, texts), default=0)
        if longest > LONGEST_KEY:
            raise UnreadableFileError(
                path,
                f"one {role} has {longest:,} characters, and a store keeps keys of up to {LONGEST_KEY}",
                f"shorten it, or name another column with --{role}",
                column=dict(lines.mapping.items()).get(role),
            )
    if lines.currency not in CURRENCIES:
        raise UnreadableFileError(
            path,
            "no column says in what currency the amounts are, and a store keeps none without"
            if lines.currency is None
            else f"{lines.currency!r} is no currency",
            "say --currency EUR, or whichever it is",
        )


def owners_of(unit: UnitOfWork) -> Mapping[tuple[str, str], UUID]:
    """Return whose each source record is: (source, key) -> customer id."""
    links = identities(link for batch in unit.of(IdentityLink).stream(Query(IdentityLink)) for link in batch)
    return {
        (record.source, record.key): links[record.id]
        for batch in unit.of(SourceRecord).stream(Query(SourceRecord))
        for record in batch
        if record.id in links
    }


def _records(lines: OrderLines, at: datetime) -> list[SourceRecord]:
    made = []
    for label, name in zip(lines.customers.tolist(), lines.names.tolist(), strict=True):
        fields: dict[str, object] = {}
        if name != label:
            fields["full_name"] = name
        if "@" in label:
            fields["email"] = label
        made.append(SourceRecord(source=SOURCE, key=label, received_at=at, fields=fields))
    return made


def _sku(lines: OrderLines) -> list[str]:
    return [text or "unnamed" for text in lines.products.tolist()]


def _new_products(unit: UnitOfWork, lines: OrderLines) -> list[Product]:
    held = {product.sku for batch in unit.of(Product).stream(Query(Product)) for product in batch}
    return [Product(sku=sku, name=sku) for sku in dict.fromkeys(_sku(lines)) if sku not in held]


def _exact(value: float) -> Decimal:
    """Return the decimal that was written: the shortest that reads back as this float."""
    return Decimal(repr(float(value)))


def _aware(time: Any) -> datetime:
    moment: datetime = time.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)


def _orders(lines: OrderLines, settled: Settlement, customer: list[UUID]) -> list[Order]:
    """Return the orders that the purchase lines are, each with what was given back of it."""
    currency = str(lines.currency)
    bought = np.flatnonzero(lines.amount > 0)
    bought = bought[np.lexsort((lines.line[bought], lines.order[bought]))]
    ends = np.flatnonzero(np.diff(lines.order[bought], append=-1)) + 1
    back: dict[int, list[tuple[int, float, float]]] = {}
    for credit, purchase, taken, worth in settled.allocations:
        back.setdefault(purchase, []).append((credit, taken, worth))
    sku: list[str] = _sku(lines)
    prices: dict[float, Money] = {}
    # Without a price of its own a line is one piece at its amount.
    priced = lines.mapping.amount is None
    counted = priced and "quantity" in dict(lines.mapping.items())
    product, quantity = lines.product.tolist(), lines.quantity.tolist()
    worths = (lines.price if priced else lines.amount).tolist()
    pieces: dict[float, Decimal] = {}
    made: list[Order] = []
    start = 0
    for end in ends.tolist():
        rows = bought[start:end].tolist()
        start = end
        parts: list[OrderLine] = []
        refunds: list[Refund] = []
        for place, row in enumerate(rows):
            price, many = worths[row], quantity[row] if priced else 1.0
            if price not in prices:
                prices[price] = Money(_exact(price), currency)
            if many not in pieces:
                pieces[many] = _exact(many)
            part = OrderLine(sku=sku[product[row]], quantity=pieces[many], unit_price=prices[price])
            parts.append(part)
            if row not in back:
                continue
            left = part.total.amount
            for credit, taken, worth in back[row]:
                amount = min(Decimal(f"{worth:.6f}").normalize(), left)
                if amount <= 0:
                    continue
                left -= amount
                refunds.append(
                    Refund(
                        at=_aware(lines.time[credit]),
                        amount=Money(amount, currency),
                        line=place,
                        quantity=_exact(taken) if counted else None,
                        reason=lines.orders[lines.order[credit]] or None,
                    )
                )
        order = Order(
            customer_id=customer[lines.customer[rows[0]]],
            number=lines.orders[lines.order[rows[0]]],
            placed_at=_aware(lines.time[rows].min()),
            currency=currency,
            lines=tuple(parts),
            refunds=tuple(sorted(refunds, key=lambda refund: (refund.at, refund.line))),
        )
        if order.refunds:
            whole = order.refunded == order.gross
            order = attrs.evolve(order, status=OrderStatus.RETURNED if whole else OrderStatus.PART_RETURNED)
        made.append(order)
    return made


def _new_refunds(
    unit: UnitOfWork, lines: OrderLines, settled: Settlement, customer: list[UUID]
) -> list[UnallocatedRefund]:
    held = {refund.key for batch in unit.of(UnallocatedRefund).stream(Query(UnallocatedRefund)) for refund in batch}
    sku = _sku(lines)
    made = []
    for row, worth in settled.rests:
        key = f"{lines.orders[lines.order[row]]}:{lines.line[row]}"
        amount = Decimal(f"{worth:.6f}").normalize()
        if key in held or amount <= 0:
            continue
        held.add(key)
        made.append(
            UnallocatedRefund(
                customer_id=customer[lines.customer[row]],
                key=key,
                at=_aware(lines.time[row]),
                amount=Money(amount, str(lines.currency)),
                sku=sku[lines.product[row]],
                reason="no earlier purchase with pieces left",
            )
        )
    return made
