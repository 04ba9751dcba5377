"""Who is in which segment, answered by the store: conditions on stored fields become its questions, the rest is set algebra."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.assessment import Assessment
from pycrm.model.customer import Customer
from pycrm.model.facts import age_on
from pycrm.model.predicate import (
    AllOf,
    AnyOf,
    Not,
    Op,
    Predicate,
    Where,
    all_of,
    any_of,
    compare,
    evaluate,
    paths_of,
    where,
)
from pycrm.model.segment import SEGMENTS, Segment, in_order
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases
from pycrm.storage.profiling import Profiled, profiled
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query, desc

__all__ = ["ASSESSED", "DERIVED", "segment_members", "segment_row", "snapshot_day"]

ASSESSED: Final[Mapping[str, str]] = {
    "orders": "orders",
    "value": "historic_value.amount",
    "profit": "profit.amount",
    "expected_value": "expected_value.amount",
    "potential_value": "potential_value.amount",
    "probability_alive": "probability_alive",
    "segment": "segment",
    "tier": "tier",
    "needs": "needs",
    "fit_score": "fit_score",
    "engagement_score": "engagement_score",
    "grade": "grade",
    "recency_score": "recency_score",
    "frequency_score": "frequency_score",
    "monetary_score": "monetary_score",
}
"""What a condition may ask of the last snapshot, and where an assessment holds it; missing where there is no assessment.

`DERIVED` are worked out; every other path is a path on the customer; ``where("segments").contains("loyal")`` asks for a segment built before.
"""

DERIVED: Final = ("age", "spend_per_order")
"""What a condition may ask that nobody stores: whole years on the day that is asked about, and historic value by order.

``where("age").between(30, 45)`` is a band of ages; missing where the date of birth, or an order, is.
"""


def segment_members(
    unit: UnitOfWork, segments: Iterable[Segment], *, as_of: date | None = None, of: Profiled | None = None
) -> dict[str, frozenset[UUID]]:
    """Return who is in each segment, those built on others included.

    Parameters
    ----------
    unit : UnitOfWork
        Of any store.
    segments : iterable of Segment
        All that ask for each other.
    as_of : date, optional
        The last snapshot that is not later is the one that conditions ask; the last of all by default. Ages are those of this
        day, by default of the day of the snapshot.
    of : Profiled, optional
        Of whom numbers may be made; found out unless given. Nobody else is in any segment.

    Raises
    ------
    InvalidValueError
        If they ask for each other in a circle, or for one that is not there.

    Notes
    -----
    The same answer as `Segment.holds` for each customer, one by one. A condition on the customer goes to the store whole,
    however it is nested; one on the snapshot goes to it comparison by comparison, because who has no assessment is not there.

    Examples
    --------
    >>> from pycrm.model.customer import PersonName
    >>> from pycrm.storage import MemoryStore
    >>> spanish = Segment(name="spanish", definition=where("country") == "ES")
    >>> with MemoryStore().begin() as unit:
    ...     _ = unit.customers.add(Customer(name=PersonName(given="Ana"), country="ES"))
    ...     [len(ids) for ids in segment_members(unit, [spanish]).values()]
    [1]
    """
    found = profiled(unit) if of is None else of
    now = found.now
    everybody = frozenset(read_columns(unit, Query(Customer), ["id"])["id"]) - now.into.keys() - found.why_not.keys()
    newest = _newest(unit, as_of)
    asked = _Asked(
        unit=unit,
        everybody=everybody,
        now=now,
        snapshot=None if newest is None else (where("as_of") == newest.as_of) & (where("run") == newest.run),
        day=as_of if as_of is not None or newest is None else newest.as_of,
    )
    for segment in in_order(segments):
        held = frozenset[UUID]() if segment.definition is None else asked.answer(segment.definition)
        by_hand, kept_out = (frozenset(map(now.of, ids)) for ids in (segment.included, segment.excluded))
        asked.found[segment.name] = ((held | by_hand) & everybody) - kept_out
    return asked.found


def snapshot_day(unit: UnitOfWork, as_of: date | None) -> date | None:
    """Return the day that ages are counted to: `as_of`, or that of the last snapshot; None where there is neither."""
    if as_of is not None:
        return as_of
    newest = _newest(unit, None)
    return None if newest is None else newest.as_of


def _newest(unit: UnitOfWork, as_of: date | None) -> Assessment | None:
    until = None if as_of is None else where("as_of") <= as_of
    found = unit.of(Assessment).page(Query(Assessment, until, order=(desc("as_of"), desc("id"))), size=1).items
    return found[0] if found else None


@frozen(eq=False)
class _Asked:
    """A condition being answered, with the segments found so far."""

    unit: UnitOfWork
    everybody: frozenset[UUID]
    now: Aliases
    snapshot: Predicate | None
    day: date | None
    found: dict[str, frozenset[UUID]] = field(factory=dict)

    def answer(self, predicate: Predicate) -> frozenset[UUID]:
        """Return everybody for whom the condition holds."""
        if all(path.partition(".")[0] not in _ELSEWHERE for path in paths_of(predicate)):
            return frozenset(read_columns(self.unit, Query(Customer, predicate), ["id"])["id"]) & self.everybody
        match predicate:
            case Where(path=path) if path.partition(".")[0] == SEGMENTS:
                return self._of_segments(predicate)
            case Where(path=path) if path.partition(".")[0] in DERIVED:
                return self._of_derived(predicate)
            case Where():
                return self._of_snapshot(predicate)
            case Not(part=part):
                return self.everybody - self.answer(part)
            case AllOf(parts=parts):
                return self.everybody.intersection(*map(self.answer, _gathered(parts, all_of)))
            case AnyOf(parts=parts):
                return frozenset[UUID]().union(*map(self.answer, _gathered(parts, any_of)))
        raise InvalidValueError("definition", predicate, "give a condition, such as where('orders') >= 3")

    def _of_segments(self, asked: Where) -> frozenset[UUID]:
        if asked.path != SEGMENTS:
            # A name has nothing below it.
            return self.everybody if asked.op is Op.IS_NULL and asked.value else frozenset()
        if asked.op is Op.IS_NULL:
            some = frozenset[UUID]().union(*self.found.values())
            return self.everybody - some if asked.value else some
        hits = (ids for name, ids in self.found.items() if compare(asked.op, name, asked.value, element=True))
        return frozenset[UUID]().union(*hits)

    def _of_snapshot(self, asked: Where) -> frozenset[UUID]:
        if asked.op is Op.IS_NULL and asked.value:
            return self.everybody - self._of_snapshot(attrs.evolve(asked, value=False))
        if self.snapshot is None:
            return frozenset()
        name, _, below = asked.path.partition(".")
        path = ASSESSED[name] + (f".{below}" if below else "")
        query = Query(Assessment, self.snapshot & attrs.evolve(asked, path=path))
        ids = read_columns(self.unit, query, ["customer_id"])["customer_id"]
        return frozenset(ids) & self.everybody

    def _of_derived(self, asked: Where) -> frozenset[UUID]:
        name = asked.path.partition(".")[0]
        found = self._ages() if name == "age" else self._spends()
        return frozenset(id for id in self.everybody if evaluate(asked, {name: found.get(id)}))

    def _ages(self) -> dict[UUID, int | None]:
        born = read_columns(self.unit, Query(Customer, where("birth_date").is_null(False)), ["id", "birth_date"])
        return {id: _age(day, self.day) for id, day in zip(born["id"], born["birth_date"], strict=True)}

    def _spends(self) -> dict[UUID, Decimal | None]:
        if self.snapshot is None:
            return {}
        query = Query(Assessment, self.snapshot)
        held = read_columns(self.unit, query, ["customer_id", "orders", "historic_value"])
        return {id: _spend(Decimal(value["amount"]), orders) for id, orders, value in zip(*held.values(), strict=True)}


def _age(born: date | None, day: date | None) -> int | None:
    return None if born is None or day is None else age_on(born, day)


def _spend(value: Decimal, orders: int) -> Decimal | None:
    return value / orders if orders else None


_ELSEWHERE = frozenset({SEGMENTS, *ASSESSED, *DERIVED})


def _gathered(parts: tuple[Predicate, ...], joined: Any) -> Iterator[Predicate]:
    """Yield the parts, those that ask only the customer as one question."""
    ours = [part for part in parts if all(path.partition(".")[0] not in _ELSEWHERE for path in paths_of(part))]
    if ours:
        yield joined(*ours)
    yield from (part for part in parts if part not in ours)


def segment_row(customer: Customer, assessment: Assessment | None, *, day: date | None = None) -> dict[str, Any]:
    """Return what conditions of segments ask about one customer: his fields, those of his assessment over them, and what follows.

    Parameters
    ----------
    customer : Customer
        Who.
    assessment : Assessment, optional
        Of the snapshot that is asked.
    day : date, optional
        What ages are counted to, as by `snapshot_day`; without it no age is known.

    Examples
    --------
    >>> from pycrm.model.customer import PersonName
    >>> segment_row(Customer(name=PersonName(given="Ana"), country="ES"), None)["country"]
    'ES'
    """
    row = {attribute.name: getattr(customer, attribute.name) for attribute in attrs.fields(type(customer))}
    for name, path in ASSESSED.items():
        value: Any = assessment
        for part in path.split("."):
            value = getattr(value, part, None)
        row[name] = value
    row["age"] = _age(customer.birth_date, day)
    row["spend_per_order"] = None if assessment is None else _spend(assessment.historic_value.amount, assessment.orders)
    return row
