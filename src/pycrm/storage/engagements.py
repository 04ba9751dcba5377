"""What customers did and what was done to them, as the columns that scoring rules read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pycrm.model.interaction import Direction, Interaction
from pycrm.model.predicate import where
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import aliases
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query

__all__ = ["engagements"]


def engagements(unit: UnitOfWork, until: datetime) -> dict[str, list[Any]]:
    """Return what customers did and what was done to them before `until`, as the columns that scoring rules read.

    Returns
    -------
    dict
        customer (who he is now), event (the id of the interaction, once for each kind it counts as), kind, time, response (whether the
        customer began it). An interaction counts as its kind ("email"), and where it has an outcome also as "email:clicked";
        one of nobody known is left out.
    """
    held = read_columns(
        unit,
        Query(Interaction, where("occurred_at") < until),
        ["id", "customer_id", "occurred_at", "kind", "outcome", "direction"],
    )
    names = ("customer", "event", "kind", "time", "response")
    now = aliases(unit)
    rows: list[tuple[Any, ...]] = []
    for id, customer, at, kind, outcome, direction in zip(*held.values(), strict=True):
        if customer is None:
            continue
        who = now.of(customer)
        answer = direction == Direction.IN
        rows.append((who, str(id), str(kind), at, answer))
        if outcome is not None:
            rows.append((who, f"{id}:{outcome}", f"{kind}:{outcome}", at, answer))
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
