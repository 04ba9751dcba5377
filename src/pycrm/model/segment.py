"""Segments as data: a condition with those put in and kept out by hand, and membership as periods that nobody overwrites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, set_of, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Predicate, Where, evaluate, reach
from pycrm.model.time import Period

__all__ = [
    "Segment",
    "SegmentChanges",
    "SegmentMembership",
    "assign_segments",
    "in_order",
    "members_at",
    "rebuild_segment",
]

SEGMENTS = "segments"
"""The path under which a condition finds the segments a customer is already in."""


@frozen(kw_only=True)
class Segment(Entity):
    """Whom it holds, as a condition.

    Parameters
    ----------
    name : str
        A code; other segments ask for it with ``where("segments").contains(name)``.
    definition : Predicate, optional
        Who belongs; None for a list kept by hand.
    included, excluded : frozenset of UUID
        Customers put in and kept out by hand; both outlive every rebuild, and nobody is in both.
    description : str, optional
        What it is for.

    Raises
    ------
    InvalidValueError
        If nobody could ever be in it, somebody is included and excluded, or it asks for itself.

    Examples
    --------
    >>> from pycrm.model.predicate import where
    >>> loyal = Segment(name="loyal", definition=(where("orders") >= 3) & (where("motive") == "gift"))
    >>> loyal.holds(UUID(int=1), {"orders": 4, "motive": "gift"})
    True
    >>> [reason.text for reason in loyal.explain(UUID(int=1), {"orders": 1, "motive": "gift"})]
    ['not in: orders >= 3 does not hold for 1', "motive = 'gift' holds for 'gift'"]
    """

    name: str = field(validator=is_code)
    definition: Predicate | None = field(default=None)
    included: frozenset[UUID] = field(default=frozenset(), validator=set_of(UUID))
    excluded: frozenset[UUID] = field(default=frozenset(), validator=set_of(UUID))
    description: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.definition is not None and not isinstance(self.definition, Where | AllOf | AnyOf | Not):
            raise InvalidValueError("definition", self.definition, "give a condition, such as where('orders') >= 3")
        if self.definition is None and not self.included:
            raise InvalidValueError("definition", None, "give a condition, or include somebody: nobody could be in it")
        both = self.included & self.excluded
        if both:
            raise InvalidValueError(
                "excluded", min(both), "this customer is included by hand; take it out of one of the two"
            )
        if self.name in self.depends_on:
            raise InvalidValueError("definition", self.name, "a segment cannot ask for itself")

    @property
    def depends_on(self) -> frozenset[str]:
        """The segments its condition asks for."""
        return frozenset() if self.definition is None else frozenset(_asked_for(self.definition))

    def holds(self, customer_id: UUID, value: object) -> bool:
        """Whether a customer belongs, by hand or by the condition on `value`."""
        if customer_id in self.excluded:
            return False
        return customer_id in self.included or (self.definition is not None and evaluate(self.definition, value))

    def explain(self, customer_id: UUID, value: object) -> tuple[Reason, ...]:
        """Return why a customer is in or not: the decision first, then each part of the condition with what was found."""
        verdict = "in" if self.holds(customer_id, value) else "not in"
        for by_hand, ids in (("included", self.included), ("excluded", self.excluded)):
            if customer_id in ids:
                return (Reason(f"segment.{by_hand}", f"{verdict}: {by_hand} by hand"),)
        if self.definition is None:
            return (Reason("segment.list", f"{verdict}: a list kept by hand"),)
        told = sorted(_told(self.definition, value), key=lambda part: part[0] == (verdict == "in"), reverse=True)
        if not told:
            return (Reason("segment.condition", f"{verdict}: the condition asks nothing"),)
        (_, first), *rest = told
        return (
            Reason("segment.condition", f"{verdict}: {first}"),
            *(Reason("segment.condition", text) for _, text in rest),
        )


@frozen(kw_only=True)
class SegmentMembership(Entity):
    """That a customer was in a segment, from when to when.

    Parameters
    ----------
    segment : str
        Its name.
    customer_id : UUID
        Who.
    period : Period
        Since when, and until when; open while it lasts.
    reasons : tuple of Reason
        Why it began.
    """

    segment: str = field(validator=is_code)
    customer_id: UUID = field(validator=is_a(UUID))
    period: Period = field(validator=is_a(Period))
    reasons: tuple[Reason, ...] = field(default=(), validator=tuple_of(Reason))

    def __attrs_post_init__(self) -> None:
        if self.period.start is None:
            raise InvalidValueError("period", self.period, "say when it began")


@frozen(kw_only=True)
class SegmentChanges:
    """What a rebuild found.

    Parameters
    ----------
    entered : tuple of SegmentMembership
        New, open ones.
    left : tuple of SegmentMembership
        Former ones, now closed.
    stayed : tuple of SegmentMembership
        Unchanged.
    """

    entered: tuple[SegmentMembership, ...]
    left: tuple[SegmentMembership, ...]
    stayed: tuple[SegmentMembership, ...]


def rebuild_segment(
    segment: Segment,
    customers: Iterable[tuple[UUID, object]],
    memberships: Iterable[SegmentMembership],
    at: datetime,
) -> SegmentChanges:
    """Return who enters and leaves at `at`; the same rebuild again changes nothing.

    Parameters
    ----------
    segment : Segment
        The segment as it is now.
    customers : iterable of (UUID, value)
        Everybody, each with what the condition asks about; a member who is not among them leaves.
    memberships : iterable of SegmentMembership
        Of this segment; those of others are passed over.
    at : datetime
        When.

    Raises
    ------
    InvalidValueError
        If a membership began at `at` or later: history is rebuilt forward.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.predicate import where
    >>> day, ann = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1)
    >>> first = rebuild_segment(Segment(name="big", definition=where("spent") > 9), [(ann, {"spent": 10})], (), day)
    >>> len(first.entered), members_at(first.entered, "big", day) == {ann}
    (1, True)
    """
    open_ones = {
        held.customer_id: held for held in memberships if held.segment == segment.name and held.period.end is None
    }
    entered, stayed = [], []
    for customer_id, value in customers:
        if not segment.holds(customer_id, value):
            continue
        held = open_ones.pop(customer_id, None)
        if held is not None:
            stayed.append(held)
            continue
        entered.append(
            SegmentMembership(
                segment=segment.name,
                customer_id=customer_id,
                period=Period(start=at),
                reasons=segment.explain(customer_id, value),
            )
        )
    left = []
    for held in open_ones.values():
        if held.period.start is not None and held.period.start >= at:
            raise InvalidValueError(
                "at", at, f"a membership began at {held.period.start.isoformat()}; rebuild after it"
            )
        left.append(attrs.evolve(held, period=Period(start=held.period.start, end=at)))
    return SegmentChanges(entered=tuple(entered), left=tuple(left), stayed=tuple(stayed))


def members_at(memberships: Iterable[SegmentMembership], segment: str, at: datetime) -> frozenset[UUID]:
    """Return the snapshot of a segment: who was in it at that time."""
    return frozenset(held.customer_id for held in memberships if held.segment == segment and at in held.period)


def in_order(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Return segments such that each comes after those it asks for, otherwise by name.

    Raises
    ------
    InvalidValueError
        If two have one name, one asks for a segment that is not there, or they ask for each other in a circle.

    Examples
    --------
    >>> from pycrm.model.predicate import where
    >>> best = Segment(name="best", definition=where("segments").contains("loyal"))
    >>> loyal = Segment(name="loyal", definition=where("orders") > 3)
    >>> [segment.name for segment in in_order([best, loyal])]
    ['loyal', 'best']
    """
    by_name: dict[str, Segment] = {}
    for segment in segments:
        if segment.name in by_name:
            raise InvalidValueError("name", segment.name, "two segments have this name; rename one")
        by_name[segment.name] = segment
    for segment in by_name.values():
        for name in sorted(segment.depends_on - by_name.keys()):
            raise InvalidValueError(
                "definition", name, f"segment {segment.name!r} asks for this one, and there is none"
            )
    ordered: dict[str, Segment] = {}
    while len(ordered) < len(by_name):
        ready = sorted(
            name for name, segment in by_name.items() if name not in ordered and segment.depends_on <= ordered.keys()
        )
        if not ready:
            circle = " -> ".join(_circle({name: by_name[name] for name in by_name if name not in ordered}))
            raise InvalidValueError("definition", circle, "these segments ask for each other in a circle; cut it")
        ordered |= {name: by_name[name] for name in ready}
    return tuple(ordered.values())


def assign_segments(segments: Iterable[Segment], customer_id: UUID, value: object) -> frozenset[str]:
    """Return the segments a customer is in, those built on others included.

    Examples
    --------
    >>> from pycrm.model.predicate import where
    >>> best = Segment(name="best", definition=where("segments").contains("loyal"))
    >>> loyal = Segment(name="loyal", definition=where("orders") > 3)
    >>> sorted(assign_segments([best, loyal], UUID(int=1), {"orders": 5}))
    ['best', 'loyal']
    """
    found: frozenset[str] = frozenset()
    for segment in in_order(segments):
        if segment.holds(customer_id, _With(value, found)):
            found |= {segment.name}
    return found


class _With:
    """A value that also knows its segments."""

    def __init__(self, value: object, segments: frozenset[str]) -> None:
        self.__value, self.segments = value, segments

    def __getattr__(self, name: str) -> Any:
        return self.__value.get(name) if isinstance(self.__value, Mapping) else getattr(self.__value, name, None)


def _asked_for(predicate: Predicate) -> Iterator[str]:
    match predicate:
        case Where(path=path, op=op, value=value):
            if path == SEGMENTS and op is not Op.IS_NULL:
                yield from map(str, value if op is Op.IN else (value,))
        case Not(part=part):
            yield from _asked_for(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for each in parts:
                yield from _asked_for(each)
        case _:
            raise InvalidValueError("definition", predicate, "give a condition, such as where('orders') >= 3")


_SIGNS = {
    Op.EQ: "=",
    Op.NE: "is not",
    Op.LT: "<",
    Op.LE: "<=",
    Op.GT: ">",
    Op.GE: ">=",
    Op.IN: "is one of",
    Op.CONTAINS: "contains",
}


def _told(predicate: Predicate, value: object, *, negated: bool = False) -> Iterator[tuple[bool, str]]:
    """Yield for each comparison whether it speaks for the condition, and what it asked and found."""
    match predicate:
        case Where(path=path, op=op, value=asked):
            holds = evaluate(predicate, value)
            found = [repr(each) for each, _ in reach(value, path)]
            shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "") or "nothing"
            question = (
                f"{path} is {'missing' if asked else 'known'}" if op is Op.IS_NULL else f"{path} {_SIGNS[op]} {asked!r}"
            )
            yield holds != negated, f"{question} {'holds' if holds else 'does not hold'} for {shown}"
        case Not(part=part):
            yield from _told(part, value, negated=not negated)
        case _:
            for each in predicate.parts:
                yield from _told(each, value, negated=negated)


def _circle(segments: Mapping[str, Segment]) -> list[str]:
    """Return one circle among segments none of which is ready."""
    path = [min(segments)]
    while True:
        following = min(segments[path[-1]].depends_on & segments.keys())
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
