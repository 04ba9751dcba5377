"""Sales and expenses of customers in one ledger: every amount once, with its sign, its kind and the row it comes from."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pycrm.model.expense import Expense
from pycrm.model.order import UnallocatedRefund
from pycrm.model.predicate import where
from pycrm.model.time import in_utc
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import aliases
from pycrm.storage.protocols import Store
from pycrm.storage.purchases import purchases
from pycrm.storage.query import Query

__all__ = ["cash_book"]

_NAMES = ("time", "customer", "kind", "amount", "currency")


def cash_book(store: Store, as_of: datetime) -> dict[str, list[Any]]:
    """Return what customers brought and cost up to a time, oldest first, as columns.

    Returns
    -------
    dict
        time, customer (who he is now), kind, amount (Decimal; above 0 what came in, below what went out), currency. Kinds:
        "sale" (an order), "refund" (of an order), "credit" (a refund that found no order), "goods" (what an order cost us),
        and the kinds of `Expense`. Per customer and currency the amounts sum to his profit.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> cash_book(MemoryStore(), datetime(2026, 1, 1, tzinfo=UTC))["amount"]
    []
    """
    until = in_utc(as_of) + timedelta(microseconds=1)
    rows: list[tuple[Any, ...]] = []
    with store.begin(read_only=True) as unit:
        now = aliases(unit)
        for part in purchases(unit, until):
            for id, at, currency, gross, refunds, cost in zip(
                *(part[name] for name in ("customer", "time", "currency", "gross", "refunds", "cost")), strict=True
            ):
                customer = now.of(id)
                rows.append((at, customer, "sale", gross, currency))
                rows.extend((moment, customer, "refund", -amount, currency) for moment, amount in refunds)
                if cost is not None:
                    rows.append((at, customer, "goods", -cost, currency))
        before = where("at") < until
        for model, kind in ((UnallocatedRefund, None), (Expense, "kind")):
            held = read_columns(unit, Query(model, before), ["at", "customer_id", "amount", *([kind] if kind else [])])
            kinds = ["credit"] * len(held["at"]) if kind is None else [str(each) for each in held[kind]]
            for at, id, money, name in zip(held["at"], held["customer_id"], held["amount"], kinds, strict=True):
                rows.append((at, now.of(id), name, -Decimal(money["amount"]), money["currency"]))
    rows.sort(key=lambda row: (row[0], str(row[1]), row[2], row[3]))
    columns = zip(*rows, strict=True) if rows else ((),) * len(_NAMES)
    return {name: list(column) for name, column in zip(_NAMES, columns, strict=True)}
