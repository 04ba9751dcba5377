"""From a number back to the rows it came from."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import frozen

from pycrm.errors import NotEstimableError
from pycrm.model.assessment import Assessment
from pycrm.model.expense import Expense
from pycrm.model.interaction import Interaction
from pycrm.model.knowledge import CustomerFact
from pycrm.model.order import Order, UnallocatedRefund
from pycrm.model.predicate import Predicate, where
from pycrm.model.snapshot import Snapshot
from pycrm.storage import read_columns
from pycrm.storage.identity import aliases_of
from pycrm.storage.protocols import Store
from pycrm.storage.query import Query

__all__ = ["Provenance", "rows_of"]


@frozen(kw_only=True)
class Provenance:
    """The rows that the numbers of one assessment rest on, by id.

    Parameters
    ----------
    orders, refunds, expenses, facts, interactions : tuple of UUID
        Of the customer, before `until`; `refunds` are those without an order, the others stand in their orders.
    until : datetime
        Later rows did not count.
    """

    orders: tuple[UUID, ...]
    refunds: tuple[UUID, ...]
    expenses: tuple[UUID, ...]
    facts: tuple[UUID, ...]
    interactions: tuple[UUID, ...]
    until: datetime


def rows_of(store: Store, assessment: Assessment) -> Provenance:
    """Return which rows of the store an assessment was made from.

    Raises
    ------
    NotEstimableError
        If its snapshot is not in the store.
    """
    with store.begin(read_only=True) as unit:
        whose = aliases_of(unit, assessment.customer_id).ids_of(assessment.customer_id)
        mine = where("customer_id").is_in(whose)
        of_run = (where("run") == assessment.run) & (where("as_of") == assessment.as_of)
        found = unit.of(Snapshot).page(Query(Snapshot, of_run), size=1).items
        if not found:
            raise NotEstimableError("the rows", f"there is no snapshot {assessment.run!r} of {assessment.as_of}")
        until = found[0].until
        bought = mine & (where("placed_at") < until) & ~(where("status") == "cancelled")

        def ids(model: type[Any], condition: Predicate) -> tuple[UUID, ...]:
            return tuple(read_columns(unit, Query(model, condition), ["id"])["id"])

        return Provenance(
            orders=ids(Order, bought),
            refunds=ids(UnallocatedRefund, mine & (where("at") < until)),
            expenses=ids(Expense, mine & (where("at") < until)),
            facts=ids(CustomerFact, mine & (where("recorded_at") < until)),
            interactions=ids(Interaction, mine & (where("occurred_at") < until)),
            until=until,
        )
