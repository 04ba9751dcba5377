"""The consent ledger of everybody, read once as columns: the answers of `may_contact`, asked once for all who said the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import Factory, define

from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus, LegalBasis, Permission, may_contact
from pycrm.model.contact_policy import ContactMade, ContactPolicy, Suppression
from pycrm.model.customer import Customer, Processing
from pycrm.model.predicate import where
from pycrm.model.time import Period
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases
from pycrm.storage.lookups import united_consents
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query

__all__ = ["Consents"]

_COLUMNS = (
    "id",
    "customer_id",
    "purpose",
    "channel",
    "status",
    "legal_basis",
    "capture_source",
    "brand",
    "captured_at",
    "effective",
)
_Row = tuple[Any, ...]


@define
class Consents:
    """What everybody said about being contacted, as it was known at a time.

    Attributes
    ----------
    rows : dict
        The entries of each customer, as columns.
    united : mapping
        The ledgers of those who turned out to be one.
    at : datetime
        Until when.
    answers : dict
        Permissions found, by all they depend on.
    """

    rows: dict[UUID, list[_Row]]
    united: Mapping[UUID, Sequence[ConsentEntry]]
    at: datetime
    answers: dict[object, Permission] = Factory(dict)

    @classmethod
    def read(cls, unit: UnitOfWork, at: datetime, known: Aliases) -> Consents:
        """Return the ledger at that time, as `consents_by_customer` does."""
        columns = read_columns(unit, Query(ConsentEntry, where("captured_at") <= at), list(_COLUMNS))
        rows: dict[UUID, list[_Row]] = {}
        for row in zip(*columns.values(), strict=True):
            rows.setdefault(row[1], []).append(row)
        merged = {*known.into, *(now for now, _ in known.into.values())}
        said = [_entry(row) for who in merged for row in rows.pop(who, ())]
        return cls(rows, united_consents(said, known, at), at)

    def __contains__(self, customer_id: UUID) -> bool:
        return customer_id in self.rows or customer_id in self.united

    def of(self, customer_id: UUID) -> Sequence[ConsentEntry]:
        """Return the ledger of one customer, with the fields that a permission depends on; empty if he never said anything."""
        held = self.rows.get(customer_id)
        return self.united.get(customer_id, ()) if held is None else [_entry(row) for row in held]

    def permission(
        self,
        customer: Customer,
        channel: str,
        purpose: str,
        at: datetime,
        *,
        policies: Sequence[ContactPolicy] = (),
        made: Sequence[ContactMade] = (),
        suppressions: Sequence[Suppression] = (),
    ) -> Permission:
        """Return what `may_contact` says; where one entry decides, or none, it is asked once for all who said the same."""
        held: Sequence[_Row] = self.rows.get(customer.id, ())
        plain = customer.processing is Processing.ALLOWED and not customer.is_deceased
        alone = len(held) < 2 and customer.id not in self.united
        if not (plain and alone and at >= self.at) or policies or suppressions:
            return may_contact(
                customer,
                channel,
                purpose,
                at,
                consents=self.of(customer.id),
                policies=policies,
                made=made,
                suppressions=suppressions,
            )
        reached = customer.reachable_by(channel, at) is not None
        key: object = (channel, purpose, at, reached)
        if held:
            # Of the time it was said an answer shows the day; that it is past is so of all that was read.
            _, _, *said, captured, effective = held[0]
            days = (effective.get("start"), effective.get("end")) if effective else None
            key = (key, *said, captured.date(), days)
        answer = self.answers.get(key)
        if answer is None:
            answer = self.answers[key] = may_contact(customer, channel, purpose, at, consents=self.of(customer.id))
        if answer.entry_id is None or answer.entry_id == held[0][0]:
            return answer
        return attrs.evolve(answer, entry_id=held[0][0])


def _entry(row: _Row) -> ConsentEntry:
    id, customer_id, purpose, channel, status, legal_basis, capture_source, brand, captured_at, effective = row
    start, end = (effective.get("start"), effective.get("end")) if effective else (None, None)
    return ConsentEntry(
        id=id,
        customer_id=customer_id,
        purpose=purpose,
        channel=channel,
        status=ConsentStatus(status),
        legal_basis=LegalBasis(legal_basis),
        capture_source=CaptureSource(capture_source),
        brand=brand,
        captured_at=captured_at,
        effective=Period(
            None if start is None else datetime.fromisoformat(start),
            None if end is None else datetime.fromisoformat(end),
        ),
    )
