"""Segments over a store: rebuilt in order, kept as periods of membership, explained customer by customer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.assessment import Assessment
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.predicate import all_of, where
from pycrm.model.segment import Segment, SegmentMembership, assign_segments, in_order
from pycrm.model.time import Period, instant
from pycrm.storage.membership import segment_members, segment_row, snapshot_day
from pycrm.storage.profiling import may_be_profiled, profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query, desc

__all__ = ["Rebuilt", "explain", "members", "rebuild"]


@frozen(kw_only=True)
class Rebuilt:
    """What a rebuild found.

    Parameters
    ----------
    at : datetime
        When.
    members, entered, left : Mapping of str to int
        By segment: how many are in, came in, and went.
    left_out : Mapping of str to int
        Customers who are in no segment because no numbers may be made of them, by the reason.
    """

    at: datetime
    members: Mapping[str, int] = field(factory=dict)
    entered: Mapping[str, int] = field(factory=dict)
    left: Mapping[str, int] = field(factory=dict)
    left_out: Mapping[str, int] = field(factory=dict)


def rebuild(store: Store, *, at: datetime, as_of: date | None = None, actor: str | None = None) -> Rebuilt:
    """Find out who is in each stored segment now, and keep who came and who went; again, it changes nothing.

    Parameters
    ----------
    store : Store
        With the segments, the customers, and the snapshot that conditions ask.
    at : datetime
        Now: when those who come begin and those who go end.
    as_of : date, optional
        The last snapshot not later is asked; that of the day of `at` by default.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If segments ask for each other in a circle, or a membership began at `at` or later: history is rebuilt forward.
    """
    now = instant(at)
    with store.begin(actor=actor, cause="segments.rebuild") as unit:
        segments = _all(unit, Segment)
        who = profiled(unit)
        found = segment_members(unit, segments, as_of=now.date() if as_of is None else as_of, of=who)
        into = who.now
        held: dict[tuple[str, UUID], SegmentMembership] = {}
        closed: list[SegmentMembership] = []
        for one in _all(unit, SegmentMembership, where("period.end").is_null()):
            if one.segment in found and one.customer_id in found[one.segment]:
                held[one.segment, one.customer_id] = one
            else:
                closed.append(one)
        made = [
            SegmentMembership(
                segment=segment.name,
                customer_id=id,
                period=Period(start=now),
                reasons=(_why(segment, into.ids_of(id) if into.into else (id,)),),
            )
            for segment in segments
            for id in sorted(found[segment.name], key=str)
            if (segment.name, id) not in held
        ]
        ended = []
        for one in closed:
            if one.period.start is not None and one.period.start >= now:
                began = one.period.start.isoformat()
                raise InvalidValueError("at", at, f"a membership began at {began}; rebuild after it")
            ended.append(attrs.evolve(one, period=Period(start=one.period.start, end=now)))
        unit.of(SegmentMembership).put_many(made)
        unit.of(SegmentMembership).put_many(ended, on_conflict="update")
        unit.commit()
    return Rebuilt(
        at=now,
        members={name: len(ids) for name, ids in found.items()},
        entered={name: sum(one.segment == name for one in made) for name in found},
        left={name: sum(one.segment == name for one in ended) for name in found},
        left_out=who.left_out,
    )


def members(store: Store, name: str, *, at: datetime) -> frozenset[UUID]:
    """Return who was in a segment at a time: the snapshot of that moment, without those of whom no numbers may be made today."""
    then = instant(at)
    during = (where("period.start") <= then) & ((where("period.end") > then) | where("period.end").is_null())
    with store.begin(read_only=True) as unit:
        who = profiled(unit)
        held = _all(unit, SegmentMembership, (where("segment") == name) & during)
        return frozenset(who.now.of(one.customer_id) for one in held if who.counts(one.customer_id))


def explain(store: Store, name: str, customer_id: UUID, *, as_of: date | None = None) -> tuple[Reason, ...]:
    """Return why a customer is in a segment or not: the decision first, then each part of the condition with what was found.

    Of whom no numbers may be made, that is the answer.

    Raises
    ------
    NotFound
        If there is no such segment or customer.
    """
    with store.begin(read_only=True) as unit:
        segments = {segment.name: segment for segment in in_order(_all(unit, Segment))}
        if name not in segments:
            raise NotFound("segment", name)
        customer = unit.of(Customer).get(customer_id)
        allowed = may_be_profiled(unit, customer_id)
        if not allowed:
            return allowed.reasons
        until = all_of(where("customer_id") == customer_id)
        if as_of is not None:
            until &= where("as_of") <= as_of
        last = unit.of(Assessment).page(Query(Assessment, until, order=(desc("as_of"), desc("id"))), size=1).items
        day = snapshot_day(unit, as_of)
    row: dict[str, Any] = segment_row(customer, last[0] if last else None, day=day)
    before = list(segments)[: list(segments).index(name)]
    row["segments"] = assign_segments([segments[each] for each in before], customer_id, row)
    return segments[name].explain(customer_id, row)


def _why(segment: Segment, ids: tuple[UUID, ...]) -> Reason:
    if not segment.included.isdisjoint(ids):
        return Reason("segment.included", "included by hand")
    return Reason("segment.condition", f"the condition of segment {segment.name!r} holds")


def _all(unit: UnitOfWork, model: type[Any], condition: Any = None) -> list[Any]:
    return [entity for batch in unit.of(model).stream(Query(model, condition)) for entity in batch]
