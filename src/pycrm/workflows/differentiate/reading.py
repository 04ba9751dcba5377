"""The customers and their books, read from the store a column at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import pandas as pd
from attrs import frozen
from numpy.typing import NDArray

from pycrm.errors import CurrencyMismatchError, NotEstimableError
from pycrm.model.customer import Customer
from pycrm.model.expense import Expense
from pycrm.model.order import UnallocatedRefund
from pycrm.model.predicate import where
from pycrm.scoring import ProfileRule
from pycrm.storage import read_columns
from pycrm.storage.lookups import IN_USE
from pycrm.storage.profiling import profiled
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.purchases import purchases
from pycrm.storage.query import Query
from pycrm.workflows.differentiate.asking import AGE_BAND, Asked

__all__ = ["OF_THE_SNAPSHOT", "Books", "People"]

Floats: TypeAlias = NDArray[np.float64]

OF_THE_SNAPSHOT = ("orders", "days_since_order", "value", "expected_value", "probability_alive", "segment", "tier")


@frozen(kw_only=True, eq=False)
class People:
    """The customers, by place."""

    ids: list[UUID]
    place: Mapping[UUID, int]
    held: Mapping[str, list[Any]]
    """`place` also knows who was merged into another: he has the place of the one he is now."""
    left_out: Mapping[str, int]

    @classmethod
    def read(cls, unit: UnitOfWork, asked: Asked) -> People:
        """Read every customer, and of each only the paths that somebody asks for."""
        paths = dict.fromkeys("birth_date" if path == AGE_BAND else path for path in asked.audit)
        if asked.spending is not None:
            paths[asked.spending] = None
        if asked.scoring is not None:
            paths |= dict.fromkeys(
                rule.column
                for rule in asked.scoring.rules
                if isinstance(rule, ProfileRule) and rule.column not in OF_THE_SNAPSHOT
            )
        held = read_columns(unit, Query(Customer, IN_USE), ["id", *(path for path in paths if path != "id")])
        found = profiled(unit)
        into = found.now.into
        if into or found.why_not:
            stayed = [at for at, id in enumerate(held["id"]) if id not in into and id not in found.why_not]
            held = {path: [values[at] for at in stayed] for path, values in held.items()}
        place = {id: at for at, id in enumerate(held["id"])}
        place |= {gone: place[now] for gone, (now, _) in into.items() if now in place}
        return cls(ids=held["id"], place=place, held=held, left_out=found.left_out)

    def only(self, path: str) -> list[Any]:
        """Return one value of a path for each customer: the first of several, None of none."""
        return [
            (value[0] if value else None) if isinstance(value, list | tuple) else value for value in self.held[path]
        ]


@frozen(kw_only=True, eq=False)
class Books:
    """What the customers paid, got back and cost, exactly, by place."""

    orders: pd.DataFrame
    net: list[Decimal]
    profit: list[Decimal]
    costs_known: bool
    refunds: NDArray[np.int64]
    spent_rows: NDArray[np.int64]
    currency: str
    since: date
    lines: tuple[NDArray[np.int64], list[str], Floats]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, unit: UnitOfWork, asked: Asked, people: People) -> Books:
        """Read orders, refunds without an order, and expenses before the end of the day."""
        size, until = len(people.ids), asked.until
        place = people.place
        net = [Decimal(0)] * size
        costs = [Decimal(0)] * size
        refunds, spent = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        currency, costs_known, strangers = asked.currency, False, 0
        parts: list[pd.DataFrame] = []
        of_lines: list[NDArray[np.int64]] = []
        skus: list[str] = []
        amounts: list[float] = []
        for part in purchases(unit, until, lines=asked.needs is not None):
            if currency is None:
                currency = part["currency"][0]
            for other in set(part["currency"]) - {currency}:
                raise CurrencyMismatchError(currency, other)
            who = np.fromiter((place.get(id, -1) for id in part["customer"]), np.int64, len(part["customer"]))
            strangers += int((who < 0).sum())
            for at, amount, back, cost in zip(who.tolist(), part["amount"], part["refunds"], part["cost"], strict=True):
                if at >= 0:
                    net[at] += amount
                    if back:
                        refunds[at] += len(back)
                    if cost is not None:
                        costs[at] += cost
                        costs_known = True
            when = pd.to_datetime(pd.Series(part["time"], dtype=object), utc=True)
            day = when.dt.tz_convert(asked.zone).dt.tz_localize(None).dt.normalize()
            made = pd.DataFrame(
                {"customer": who, "day": day, "amount": np.array([float(amount) for amount in part["amount"]])}
            )
            parts.append(made[who >= 0])
            if asked.needs is not None:
                of_lines.append(np.repeat(who, [len(lines) for lines in part["lines"]]))
                for lines in part["lines"]:
                    for sku, amount in lines:
                        skus.append(sku)
                        amounts.append(float(amount))
        if currency is None or not parts or not any(map(len, parts)):
            raise NotEstimableError("the value of customers", f"no order lies on or before {asked.as_of}")
        before = where("at") < until
        given = read_columns(unit, Query(UnallocatedRefund, before), ["customer_id", "amount"])
        for id, money in zip(*given.values(), strict=True):
            at = place.get(id, -1)
            if at >= 0 and money["currency"] == currency:
                net[at] -= Decimal(money["amount"])
                refunds[at] += 1
        given = read_columns(unit, Query(Expense, before), ["customer_id", "amount"])
        for id, money in zip(*given.values(), strict=True):
            at = place.get(id, -1)
            if at >= 0 and money["currency"] == currency:
                costs[at] += Decimal(money["amount"])
                spent[at] += 1
                costs_known = True
        orders = pd.concat(parts, ignore_index=True)
        orders["order"] = np.arange(len(orders))
        return cls(
            orders=orders,
            net=net,
            profit=[value - cost for value, cost in zip(net, costs, strict=True)],
            costs_known=costs_known,
            refunds=refunds,
            spent_rows=spent,
            currency=currency,
            since=orders["day"].min().date(),
            lines=(np.concatenate(of_lines) if of_lines else np.empty(0, dtype=np.int64), skus, np.asarray(amounts)),
            notes=(f"{strangers} orders of customers who are not there are left out",) if strangers else (),
        )
