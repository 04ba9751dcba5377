"""Whom each source record speaks of, read from a store and written back: the one way in which records change hands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.entity import Entity
from pycrm.model.predicate import where
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query

__all__ = ["Cause", "all_of_model", "few", "links_about", "records_of", "refuse_earlier"]

M = TypeVar("M", bound=Entity)

_AT_ONCE = 500


@frozen(kw_only=True)
class Cause:
    """Why a record speaks of whom it does."""

    rule: str
    reason: str
    probability: float = 1.0
    mate_id: UUID | None = None


def all_of_model(unit: UnitOfWork, model: type[M]) -> list[M]:
    """Return every entity of a model."""
    return [entity for batch in unit.of(model).stream(Query(model)) for entity in batch]


def few(unit: UnitOfWork, model: type[M], path: str, values: Iterable[Any]) -> Iterator[M]:
    """Yield the entities whose field is one of a few values."""
    wanted = list(dict.fromkeys(values))
    for start in range(0, len(wanted), _AT_ONCE):
        condition = where(path).is_in(wanted[start : start + _AT_ONCE])
        for batch in unit.of(model).stream(Query(model, condition)):
            yield from batch


def links_about(unit: UnitOfWork, customers: Iterable[UUID]) -> list[IdentityLink]:
    """Return every link of every record that ever spoke of these customers, or of those whom such records spoke of."""
    known: dict[UUID, IdentityLink] = {}
    ids, seen = set(customers), set[UUID]()
    while ids - seen:
        fresh, seen = sorted(ids - seen, key=str), seen | ids
        found = {
            link.record_id for name in ("customer_id", "former_id") for link in few(unit, IdentityLink, name, fresh)
        }
        known |= {link.id: link for link in few(unit, IdentityLink, "record_id", sorted(found, key=str))}
        ids |= {link.customer_id for link in known.values()}
    return list(known.values())


def records_of(unit: UnitOfWork, customers: Sequence[UUID]) -> Mapping[UUID, Sequence[SourceRecord]]:
    """Return the source records that speak of each of these customers now."""
    ever = {link.record_id for link in few(unit, IdentityLink, "customer_id", customers)}
    now = identities(few(unit, IdentityLink, "record_id", sorted(ever, key=str)))
    wanted = set(customers)
    mine = [record for record, customer in now.items() if customer in wanted]
    made: dict[UUID, list[SourceRecord]] = {}
    for record in unit.of(SourceRecord).get_many(mine):
        made.setdefault(now[record.id], []).append(record)
    return made


def refuse_earlier(links: Iterable[IdentityLink], records: Iterable[UUID], at: datetime) -> None:
    """Refuse a decision about records that is not later than those before it: the last one counts."""
    spoken_of = set(records)
    latest = max((link.decided_at for link in links if link.record_id in spoken_of), default=None)
    if latest is not None and at <= latest:
        raise InvalidValueError(
            "at", at, f"a decision about these records was taken at {latest.isoformat()}; decide after it"
        )
