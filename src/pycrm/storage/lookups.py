"""What a workflow reads at once: whole ledgers and snapshots, by customer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import attrs

from pycrm.model.assessment import Assessment
from pycrm.model.consent import ConsentEntry, merge_consents
from pycrm.model.customer import Customer, Processing
from pycrm.model.evidence import Reason
from pycrm.model.predicate import where
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases, aliases, aliases_of
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query, desc

__all__ = [
    "IN_USE",
    "consents_by_customer",
    "last_assessments",
    "not_in_use",
    "united_consents",
    "why_not_used",
    "zone_of",
]


IN_USE = where("processing") == str(Processing.ALLOWED)
"""The customers whose data may be used: neither restricted nor erased."""

_WHY = {
    Processing.RESTRICTED: "the use of this customer's data is restricted; lift it first (privacy.restrict)",
    Processing.ERASED: "this customer was erased",
}


def not_in_use(unit: UnitOfWork) -> Mapping[UUID, Processing]:
    """Return the customers whose data may not be used, and what they asked for; most stores have few."""
    held = read_columns(unit, Query(Customer, ~IN_USE), ["id", "processing"])
    return {id: Processing(said) for id, said in zip(held["id"], held["processing"], strict=True)}


def why_not_used(unit: UnitOfWork, customer_id: UUID) -> Reason | None:
    """Return why the data of a customer may not be used, under whichever id he is known; None if it may be."""
    customer = unit.of(Customer).find(aliases_of(unit, customer_id).of(customer_id))
    if customer is None or customer.processing is Processing.ALLOWED:
        return None
    return Reason(str(customer.processing), _WHY[customer.processing])


def zone_of(unit: UnitOfWork, customer_id: UUID) -> str:
    """Return the zone of a customer's clocks, under whichever id he is known; "UTC" where it is not known."""
    customer = unit.of(Customer).find(aliases_of(unit, customer_id).of(customer_id))
    return "UTC" if customer is None or customer.zone is None else customer.zone


def last_assessments(unit: UnitOfWork, as_of: date) -> Mapping[UUID, Assessment]:
    """Return the assessments of the last snapshot that is not later than `as_of`, by customer; none if there is none.

    Of a customer who was merged after the snapshot it is his own, else that of one merged into him.
    """
    repository = unit.of(Assessment)
    newest = repository.page(
        Query(Assessment, where("as_of") <= as_of, order=(desc("as_of"), desc("id"))), size=1
    ).items
    if not newest:
        return {}
    snapshot = (where("as_of") == newest[0].as_of) & (where("run") == newest[0].run)
    found = {one.customer_id: one for batch in repository.stream(Query(Assessment, snapshot)) for one in batch}
    for gone, (now, _) in aliases(unit).into.items():
        if gone in found:
            found.setdefault(now, attrs.evolve(found[gone], customer_id=now))
            del found[gone]
    return found


def consents_by_customer(
    unit: UnitOfWork, at: datetime, known: Aliases | None = None
) -> Mapping[UUID, Sequence[ConsentEntry]]:
    """Return the consent ledger as it was known at that time, by customer; a customer who never said anything is not in it.

    Of several who turned out to be one, a no that stood when they were merged outlives the other's yes; what is said later
    counts as ever.
    """
    asked = Query(ConsentEntry, where("captured_at") <= at)
    entries = (entry for batch in unit.of(ConsentEntry).stream(asked) for entry in batch)
    return united_consents(entries, aliases(unit) if known is None else known, at)


def united_consents(
    entries: Iterable[ConsentEntry], known: Aliases, at: datetime
) -> Mapping[UUID, Sequence[ConsentEntry]]:
    """Return entries by the customer whom they speak of, the stricter of two ledgers as of the time they became one."""
    said: dict[UUID, list[ConsentEntry]] = {}
    for entry in entries:
        said.setdefault(entry.customer_id, []).append(entry)
    merged: dict[UUID, Sequence[ConsentEntry]] = dict(said)
    for gone, (now, since) in sorted(known.into.items(), key=lambda one: (one[1][1], str(one[0]))):
        if gone in merged:
            merged[now] = merge_consents(now, [merged.get(now, ()), merged.pop(gone)], min(since, at))
    return merged
