"""Retention: which records have been kept long enough, and what then becomes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer, Processing
from pycrm.model.predicate import evaluate, where
from pycrm.model.privacy import Fate, Handling, RequestKind, RetentionPolicy, RetentionRule, SubjectRequest
from pycrm.model.time import instant
from pycrm.storage.erasure import erase_people, means_of
from pycrm.storage.mapping import EntityMap
from pycrm.storage.person import handlings_of
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query

__all__ = ["RetentionItem", "apply_retention", "overdue"]


@frozen(kw_only=True)
class RetentionItem:
    """One record whose time is over.

    Parameters
    ----------
    table : str
        The kind of data.
    id : UUID
        Which.
    since : datetime or date
        From when on it was kept.
    due : datetime
        Since when its time is over.
    then : Fate
        What happens to it.
    why : str
        By which rule, of which version, and what stands in the way if something does.
    done : bool
        Whether it was done; never in a dry run.
    """

    table: str
    id: UUID
    since: datetime | date
    due: datetime
    then: Fate
    why: str
    done: bool = False


def overdue(unit: UnitOfWork, policy: RetentionPolicy, now: datetime) -> Iterator[RetentionItem]:
    """Yield every record whose time is over, by the first rule that fits it.

    Raises
    ------
    InvalidValueError
        If a rule names a kind of data that the store has not got, or one that knows no date.
    """
    handlings = handlings_of(unit)
    by_table = {map.table: map for map in handlings}
    seen: set[UUID] = set()
    for rule in policy.rules:
        if rule.table not in by_table:
            raise InvalidValueError("table", rule.table, f"name one of {', '.join(sorted(by_table))}")
        map = by_table[rule.table]
        last = _last_known(unit, handlings) if issubclass(map.model, Customer) else None
        handling = handlings[map]
        if handling.since is None:
            raise InvalidValueError("table", rule.table, "its handling names no date to count from; set `since` there")
        for batch in unit.of(map.model).stream(Query(map.model, deleted=True)):
            for row in batch:
                since = getattr(row, handling.since) if last is None else last.get(row.id)
                if row.id in seen or since is None or _is_done(row, rule, handling):
                    continue
                due = _midnight(since) + rule.keep
                if due <= now and (rule.where is None or evaluate(rule.where, row)):
                    seen.add(row.id)
                    why = f"{rule.why} (kept {_span(rule.keep)} from {since.isoformat()[:10]}; rules {policy.version})"
                    then = Fate.DELETE if handling.fate is Fate.DELETE else rule.then if last is None else Fate.REDACT
                    yield RetentionItem(table=rule.table, id=row.id, since=since, due=due, then=then, why=why)


def _is_done(row: Any, rule: RetentionRule, handling: Handling) -> bool:
    if isinstance(row, Customer):
        return row.processing is Processing.ERASED
    return rule.then is Fate.REDACT and handling.redacted(row) is row


def _midnight(since: datetime | date) -> datetime:
    return (
        since if isinstance(since, datetime) else instant(datetime.fromisoformat(f"{since.isoformat()}T00:00:00+00:00"))
    )


def _span(keep: timedelta) -> str:
    return f"{keep.days} days"


def _last_known(unit: UnitOfWork, handlings: Mapping[EntityMap, Handling]) -> dict[UUID, datetime]:
    """Return when each customer was last heard of: the latest date of anything that speaks of him."""
    last: dict[UUID, datetime] = {}
    for map, handling in handlings.items():
        if handling.since is None or map.model is SubjectRequest:
            continue
        targets = {reference.path: reference.model for reference in map.references}
        paths = [path for path in handling.subjects if issubclass(targets.get(path, Customer), Customer)]
        if not paths:
            continue
        for batch in unit.of(map.model).stream(Query(map.model)):
            for row in batch:
                since = getattr(row, handling.since)
                for who in {getattr(row, path) for path in paths} - {None}:
                    if since is not None:
                        last[who] = max(last.get(who, _midnight(since)), _midnight(since))
    return last


def apply_retention(unit: UnitOfWork, items: Sequence[RetentionItem], now: datetime) -> Iterator[RetentionItem]:
    """Do what is due: people first, then records, those that refer to others before what they refer to."""
    means: Any = means_of(unit)
    handlings = handlings_of(unit)
    order = {map.table: place for place, map in enumerate(handlings)}
    by_table = {map.table: map for map in handlings}
    people = [item for item in items if issubclass(by_table[item.table].model, Customer)]
    erase_people(
        unit,
        [
            SubjectRequest(
                kind=RequestKind.ERASE, customer_id=item.id, received_at=now, done_at=now, reason="retention"
            )
            for item in people
        ],
    )
    yield from (attrs.evolve(item, done=True) for item in people)
    for item in sorted(items, key=lambda item: -order[item.table]):
        map = by_table[item.table]
        if issubclass(map.model, Customer):
            continue
        question: Query[Any] = Query(map.model, where("id") == item.id, deleted=True)
        found = unit.of(map.model).page(question, size=1).items
        if not found:  # the erasure of its person took it along
            yield attrs.evolve(item, done=True)
        elif item.then is Fate.REDACT:
            means.redact(handlings[map].redacted(found[0]))
            yield attrs.evolve(item, done=True)
        elif holder := _holder(unit, handlings, map, item.id):
            yield attrs.evolve(item, why=f"{item.why}; left, because a {holder} refers to it")
        else:
            means.erase(map.model, item.id)
            yield attrs.evolve(item, done=True)


def _holder(unit: UnitOfWork, handlings: Mapping[EntityMap, Handling], map: EntityMap, id: UUID) -> str | None:
    """Return what still refers to a record, if anything does."""
    for other in handlings:
        for reference in other.references:
            if reference.model is map.model:
                asked: Query[Any] = Query(other.model, where(reference.path) == id, deleted=True)
                if unit.of(other.model).count(asked):
                    return other.table
    return None
