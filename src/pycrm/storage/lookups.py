"""What a workflow reads at once: whole ledgers and snapshots, by customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from pycrm.model.assessment import Assessment
from pycrm.model.consent import ConsentEntry
from pycrm.model.predicate import where
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query, desc

__all__ = ["consents_by_customer", "last_assessments"]


def last_assessments(unit: UnitOfWork, as_of: date) -> Mapping[UUID, Assessment]:
    """Return the assessments of the last snapshot that is not later than `as_of`, by customer; none if there is none."""
    repository = unit.of(Assessment)
    newest = repository.page(
        Query(Assessment, where("as_of") <= as_of, order=(desc("as_of"), desc("id"))), size=1
    ).items
    if not newest:
        return {}
    snapshot = (where("as_of") == newest[0].as_of) & (where("run") == newest[0].run)
    return {one.customer_id: one for batch in repository.stream(Query(Assessment, snapshot)) for one in batch}


def consents_by_customer(unit: UnitOfWork, at: datetime) -> Mapping[UUID, Sequence[ConsentEntry]]:
    """Return the consent ledger as it was known at that time, by customer; a customer who never said anything is not in it."""
    said: dict[UUID, list[ConsentEntry]] = {}
    for batch in unit.of(ConsentEntry).stream(Query(ConsentEntry, where("captured_at") <= at)):
        for entry in batch:
            said.setdefault(entry.customer_id, []).append(entry)
    return said
