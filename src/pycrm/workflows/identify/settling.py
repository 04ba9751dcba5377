"""Records change hands: the links that say so, and every customer concerned made anew, in one step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.model.customer import Customer, Identifier, Processing, Strength
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage.protocols import UnitOfWork
from pycrm.workflows.identify.state import Cause, few, refuse_earlier
from pycrm.workflows.identify.surviving import Said, Surviving, husk, made_of, restored, said_of

__all__ = ["Settled", "settle"]


@frozen
class Settled:
    """What changed: customers that are new, those that know something new, and those merged into another."""

    customers: Mapping[UUID, Customer] = field(factory=dict)
    added: int = 0
    changed: int = 0
    merged: tuple[tuple[UUID, UUID], ...] = ()


def settle(
    unit: UnitOfWork,
    *,
    at: datetime,
    records: Mapping[UUID, SourceRecord],
    links: Sequence[IdentityLink],
    after: Mapping[UUID, UUID],
    causes: Mapping[UUID, Cause],
    surviving: Surviving,
    first_touches: Mapping[UUID, datetime] | None = None,
) -> Settled:
    """Write that each record speaks of whom `after` says, and make the customers concerned anew.

    Parameters
    ----------
    unit : UnitOfWork
        Open; the caller commits it.
    at : datetime
        Now; later than the links of every record that changes hands.
    records : Mapping of UUID to SourceRecord
        At least all records of every customer concerned.
    links : sequence of IdentityLink
        Their links so far.
    after : Mapping of UUID to UUID
        Record to customer; an id that is not in the store becomes a new customer.
    causes : Mapping of UUID to Cause
        Why, for each record that changes hands.
    surviving : Surviving
        Which value survives.
    first_touches : Mapping of UUID to datetime, optional
        The first touch of customers whose own is known.
    """
    before = identities(links)
    moved = [record for record in after if before.get(record) != after[record]]
    if not moved:
        return Settled()
    refuse_earlier(links, [record for record in moved if record in before], at)
    concerned = list(
        dict.fromkeys(id for record in moved for id in (before.get(record), after[record]) if id is not None)
    )
    held = {customer.id: customer for customer in few(unit, Customer, "id", concerned)}
    groups = _grouped(before, records, concerned), _grouped(after, records, concerned)
    left = _departures(links)
    back = {id for id in concerned if groups[1][id] and not groups[0][id] and id in left}
    # Who comes back had, when he went, what the records that went with him made of him.
    former = {**groups[0], **{id: [records[one] for one in left[id][1] if one in records] for id in back}}
    said = said_of(former, surviving), said_of(groups[1], surviving)
    losers = {
        id: _mostly(after[one.id] for one in groups[0][id]) for id in concerned if groups[0][id] and not groups[1][id]
    }
    made = _made(held, groups[1], said, losers, {id: left[id][0] for id in back}, at)
    for id, first in (first_touches or {}).items():
        if id in made:
            made[id] = attrs.evolve(made[id], first_touch_at=first)
    changed = [customer for id, customer in made.items() if customer != held.get(id)]
    _save(unit, held, changed)
    unit.of(IdentityLink).put_many(_link(record, after, before, causes[record], at) for record in moved)
    return Settled(
        customers=made,
        added=sum(customer.id not in held for customer in changed),
        changed=sum(customer.id in held and customer.id not in losers for customer in changed),
        merged=tuple((home, id) for id, home in losers.items()),
    )


def _grouped(
    whose: Mapping[UUID, UUID], records: Mapping[UUID, SourceRecord], concerned: Iterable[UUID]
) -> dict[UUID, list[SourceRecord]]:
    made: dict[UUID, list[SourceRecord]] = {id: [] for id in concerned}
    for record, customer in whose.items():
        if customer in made and record in records:
            made[customer].append(records[record])
    return made


def _mostly(ids: Iterable[UUID]) -> UUID:
    listed = list(ids)
    return max(dict.fromkeys(listed), key=listed.count)


def _departures(links: Iterable[IdentityLink]) -> Mapping[UUID, tuple[datetime, list[UUID]]]:
    """Return when each customer last gave records away, and which."""
    left: dict[UUID, tuple[datetime, list[UUID]]] = {}
    for link in sorted(links, key=lambda one: one.decided_at):
        if link.former_id is not None:
            at, records = left.get(link.former_id, (None, []))
            left[link.former_id] = link.decided_at, [*(records if at == link.decided_at else []), link.record_id]
    return left


def _made(
    held: Mapping[UUID, Customer],
    now: Mapping[UUID, Sequence[SourceRecord]],
    said: tuple[Mapping[UUID, Said], Mapping[UUID, Said]],
    losers: Mapping[UUID, UUID],
    back: Mapping[UUID, datetime],
    at: datetime,
) -> dict[UUID, Customer]:
    made: dict[UUID, Customer] = {}
    former, present = said
    for id, records in now.items():
        customer = held.get(id)
        if id in losers:
            if customer is not None:
                made[id] = husk(customer, at)
        elif records:
            if customer is not None and id in back:
                customer = restored(customer, back[id])
            made[id] = made_of(customer, id, present[id], *([former[id]] if id in former else []))
    for id, home in losers.items():
        first = held[id].first_touch_at if id in held else None
        if first is not None and home in made:
            made[home] = made[home].touched(first)
        # Who asked for less asked it of the one he is.
        if id in held and home in made and held[id].processing is not Processing.ALLOWED:
            made[home] = attrs.evolve(made[home], processing=held[id].processing)
    return made


def _save(unit: UnitOfWork, held: Mapping[UUID, Customer], changed: Sequence[Customer]) -> None:
    """Save customers; a strong identifier has one owner at a time, so whoever gives one up does so first."""
    repository = unit.of(Customer)
    last: list[Customer] = []
    for customer in changed:
        before = held.get(customer.id)
        if before is not None and _owned(before) - _owned(customer):
            stays = tuple(one for one in customer.identifiers if _key(one) in _owned(before) or not _strong(one))
            freed = repository.save(attrs.evolve(customer, identifiers=stays))
            if freed.identifiers != customer.identifiers:
                last.append(attrs.evolve(customer, version=freed.version))
        else:
            last.append(customer)
    repository.put_many(last, on_conflict="update")


def _strong(identifier: Identifier) -> bool:
    return identifier.strength is Strength.STRONG and identifier.period.end is None


def _key(identifier: Identifier) -> tuple[str, str]:
    return identifier.namespace, identifier.value


def _owned(customer: Customer) -> set[tuple[str, str]]:
    return {_key(one) for one in customer.identifiers if _strong(one)}


def _link(
    record: UUID, after: Mapping[UUID, UUID], before: Mapping[UUID, UUID], cause: Cause, at: datetime
) -> IdentityLink:
    return IdentityLink(
        record_id=record,
        customer_id=after[record],
        rule=cause.rule,
        probability=cause.probability,
        decided_at=at,
        reason=cause.reason,
        former_id=before.get(record),
        mate_id=cause.mate_id,
    )
