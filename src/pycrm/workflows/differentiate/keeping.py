"""The snapshot, written with its reasons."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pandas as pd

from pycrm.model.assessment import Assessment
from pycrm.model.entity import new_id
from pycrm.model.evidence import Reason
from pycrm.model.money import Money
from pycrm.model.predicate import where
from pycrm.model.snapshot import Snapshot
from pycrm.storage import read_columns, write_columns
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.differentiate.asking import Asked
from pycrm.workflows.differentiate.reading import Books, People

__all__ = ["keep", "money"]


def money(amount: float, currency: str) -> Money:
    """Return a number as money, rounded to the unit of its currency."""
    # Six decimals: far below any unit of money, and never the 30 digits of a value next to nothing.
    return Money(Decimal(f"{amount:.6f}"), currency).rounded()


_MAY_BE_LEFT_OUT = frozenset(
    {
        "profit",
        "policy",
        "refunds",
        "expenses",
        "expected_value",
        "expected_low",
        "expected_high",
        "potential_value",
        "needs",
        "fit_score",
        "engagement_score",
        "grade",
        "facts",
        "interactions",
    }
)
"""Columns whose empty value is the default of the field: a column of nothing else need not be written."""


def keep(unit: UnitOfWork, asked: Asked, people: People, books: Books, frame: pd.DataFrame, snapshot: Snapshot) -> None:
    """Write one assessment a customer; a run of the same day is overwritten where it differs, and nowhere else."""
    of_run = (where("run") == asked.run) & (where("as_of") == asked.as_of)
    held = read_columns(unit, Query(Assessment, of_run), ["id", "customer_id"])
    known = dict(zip(held["customer_id"], held["id"], strict=True))
    for customer_id in known.keys() - set(people.ids):
        unit.of(Assessment).remove(known[customer_id])
    size = len(people.ids)
    columns: dict[str, list[Any]] = {
        "id": [known.get(id) or new_id() for id in people.ids],
        "customer_id": people.ids,
        "run": [asked.run] * size,
        "as_of": [asked.as_of] * size,
        "since": [snapshot.since] * size,
        "orders": frame["orders"].tolist(),
        "historic_value": [Money(amount, books.currency) for amount in books.net],
        "tier": frame["tier"].tolist(),
        "profit": [Money(amount, books.currency) if books.costs_known else None for amount in books.profit],
        "policy": [asked.policy] * size,
        "refunds": books.refunds.tolist(),
        "expenses": books.spent_rows.tolist(),
        "reasons": _reasons(asked, frame, books, snapshot),
    }
    for name in ("expected_value", "expected_low", "expected_high", "potential_value"):
        columns[name] = [
            None if amount != amount else money(amount, books.currency)  # noqa: PLR0124  # NaN
            for amount in frame[name].tolist()
        ]
    for name, source in (("recency_score", "r"), ("frequency_score", "f"), ("monetary_score", "m")):
        columns[name] = [None if score != score else int(score) for score in frame[source].tolist()]  # noqa: PLR0124
    columns["probability_alive"] = [None if p != p else p for p in frame["probability_alive"].tolist()]  # noqa: PLR0124
    columns["segment"] = [name if isinstance(name, str) else None for name in frame["segment"].tolist()]
    for name in ("needs", "fit_score", "engagement_score", "grade", "facts", "interactions"):
        columns[name] = frame[name].tolist()
    told = {name: values for name, values in columns.items() if name not in _MAY_BE_LEFT_OUT or any(values)}
    write_columns(unit, Assessment, told, on_conflict="update" if known else "error")
    former = unit.of(Snapshot).page(Query(Snapshot, of_run), size=1).items
    if former:
        unit.of(Snapshot).save(attrs.evolve(snapshot, id=former[0].id, version=former[0].version))
    else:
        unit.of(Snapshot).add(snapshot)


def _reasons(asked: Asked, frame: pd.DataFrame, books: Books, snapshot: Snapshot) -> list[tuple[Reason, ...]]:
    """Return why, and from which rows, for each customer; what is said of many is made once."""
    nothing = Reason("no_orders", f"no order between {snapshot.since} and {asked.as_of}")
    missing = Reason("no_expected_value", next(iter(snapshot.notes), "it cannot be estimated"))
    shared: dict[tuple[str, str], Reason] = {}

    def once(code: str, text: str) -> Reason:
        found = shared.get((code, text))
        if found is None:
            found = shared[code, text] = Reason(code, text)
        return found

    made: list[tuple[Reason, ...]] = []
    first, last = (frame[name].dt.date.tolist() for name in ("first", "last"))
    days = frame["days_since_order"].tolist()
    expected, needs = frame["expected_value"].tolist(), frame["needs_profile"].tolist()
    refunds, expenses = books.refunds.tolist(), books.spent_rows.tolist()
    for at, (orders, segment, tier) in enumerate(
        zip(frame["orders"].tolist(), frame["segment"].tolist(), frame["tier_reason"].tolist(), strict=True)
    ):
        back = f" less {refunds[at]} refunds" if refunds[at] else ""
        cost = f" and {expenses[at]} expenses" if expenses[at] else ""
        given = [once("tier", tier)]
        if orders:
            given = [
                once("rfm", f"{orders} orders, the last {int(days[at])} days before {asked.as_of}: {segment}"),
                *given,
                once("rows", f"{orders} orders from {first[at]} to {last[at]}{back}{cost}"),
            ]
            if expected[at] != expected[at]:  # NaN
                given.append(missing)
        else:
            given = [nothing, *given]
            if back or cost:
                given.append(once("rows", f"0 orders{back}{cost}"))
        if needs[at] is not None:
            given.append(once("needs", needs[at]))
        made.append(tuple(given))
    return made
