"""What each order brought, as columns, a span of time at once: a million orders without an object for each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import where
from pycrm.storage.columns import read_columns
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query, asc

__all__ = ["purchases"]

Columns = dict[str, list[Any]]

_READ = ["customer_id", "placed_at", "currency", "status", "lines", "refunds"]
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=3650)


def purchases(unit: UnitOfWork, until: datetime, *, lines: bool = False, rows: int = 10_000) -> Iterator[Columns]:
    """Yield the orders before `until`, oldest first, in parts of about `rows`, as they stood then.

    Parameters
    ----------
    unit : UnitOfWork
        Of the store.
    until : datetime
        Orders placed and refunds made before this moment count, later ones do not.
    lines : bool
        Whether to tell what was bought; without it `lines` is empty.
    rows : int
        How many to hold at once.

    Yields
    ------
    dict
        customer, time, currency; gross and amount (the same less refunds so far, Decimal), refunds (time and amount of each), cost (of the goods,
        Decimal; None where no line says it), lines (article and amount of each). A cancelled order is left out.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> list(purchases(MemoryStore().begin(read_only=True), datetime(2026, 1, 1, tzinfo=UTC)))
    []
    """
    before = where("placed_at") < until
    first = unit.of(Order).page(Query(Order, before, order=(asc("placed_at"),)), size=1).items
    if not first:
        return
    start, span = first[0].placed_at, timedelta(days=7)
    while start < until:
        end = min(start + span, until) if until - start > span else until
        # In the order of an index, so that no store sorts.
        within = Query(Order, where("placed_at").between(start, end), order=(asc("placed_at"),))
        held = read_columns(unit, within, _READ)
        found = len(held["customer_id"])
        if found:
            yield as_columns(held, until, lines)
        # The next span is as long as would have held what was asked for, within reason.
        span = min(max(span * min(max(rows / max(found, 1), 0.1), 8.0), _SHORTEST), _LONGEST)
        start = end


def as_columns(held: Any, until: datetime, wanted: bool) -> Columns:
    """Return what the columns `_READ` of orders brought until then; a cancelled order is left out."""
    made: Columns = {
        name: [] for name in ("customer", "time", "currency", "gross", "amount", "refunds", "cost", "lines")
    }
    customers, times, currencies, grosses, amounts, backs, costs, all_lines = made.values()
    for customer, at, currency, status, lines, refunds in zip(*(held[name] for name in _READ), strict=True):
        if status == OrderStatus.CANCELLED:
            continue
        amount, cost, bought = _NOTHING, None, _NONE
        for line in lines or ():
            total = Decimal(line["unit_price"]["amount"])
            quantity = line.get("quantity", "1")
            if quantity != "1":
                total *= Decimal(quantity)
            if "discount" in line or "tax" in line:
                total -= _amount(line.get("discount")) - _amount(line.get("tax"))
            if line.get("cost") is not None:
                cost = _amount(line["cost"]) + (cost or 0)
            amount = amount + total if amount else total
            if wanted:
                # Appended to a tuple: nearly every order has few lines, and a million empty lists would be for nothing.
                bought = (*bought, (line["sku"], total))
        gross, back = amount, _NONE
        for refund in refunds or ():
            moment = datetime.fromisoformat(refund["at"])
            if moment < until:
                back = (*back, (moment, _amount(refund["amount"])))
                amount -= back[-1][1]
        customers.append(customer)
        times.append(at)
        currencies.append(currency)
        grosses.append(gross)
        amounts.append(amount)
        backs.append(back)
        costs.append(cost)
        all_lines.append(bought)
    return made


_NOTHING = Decimal(0)
_NONE: tuple[Any, ...] = ()


def _amount(money: Any) -> Decimal:
    return _NOTHING if money is None else Decimal(money["amount"])
