"""What a plan reads, a column at a time: what is known of each customer, what passed between us, and what he has bought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
from attrs import Factory, define

from pycrm.errors import InvalidValueError
from pycrm.model.contact_policy import ContactMade, ContactPolicy, Suppression
from pycrm.model.customer import Customer
from pycrm.model.intent import ContactIntent
from pycrm.model.interaction import Direction, Interaction
from pycrm.model.knowledge import CustomerFact, FactOrigin, Topic
from pycrm.model.knowledge_plan import KnowledgePlan
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import where
from pycrm.model.withheld import WithheldAnswer
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query

__all__ = ["INTENT_KEY", "Dialogue", "Policies", "Purchases", "known_topics", "withheld_topics"]

INTENT_KEY = "intent:"
"""How the key of an interaction begins that reports on an intent; the intent itself is counted as the contact."""

_ORIGINS = {str(origin): -rank for rank, origin in enumerate(FactOrigin)}


def known_topics(
    unit: UnitOfWork, plan: KnowledgePlan, at: datetime, now: Aliases
) -> tuple[Mapping[UUID, Mapping[Topic, float]], frozenset[UUID]]:
    """Return how sure we are of each topic of each customer, as `plan.known` of `plan.state`, and who ever told us anything."""
    topics = {(str(one.topic.kind), one.topic.name): one for one in plan.topics}
    columns = read_columns(
        unit,
        Query(CustomerFact, where("recorded_at") <= at),
        ["id", "customer_id", "topic", "origin", "confidence", "recorded_at", "period"],
    )
    best: dict[UUID, dict[Topic, tuple[Any, ...]]] = {}
    told: set[UUID] = set()
    for id, customer, topic, origin, confidence, recorded_at, period in zip(*now.columns(columns), strict=True):
        if origin == FactOrigin.STATED:
            told.add(customer)
        wanted = topics.get((topic["kind"], topic["name"]))
        if wanted is None or (wanted.valid_for is not None and recorded_at + wanted.valid_for <= at):
            continue
        if period and not _within(period, at):
            continue
        held = best.setdefault(customer, {})
        rank = (_ORIGINS[str(origin)], confidence, recorded_at, str(id))
        if wanted.topic not in held or rank > held[wanted.topic]:
            held[wanted.topic] = rank
    origins = list(FactOrigin)
    sure = {
        customer: {topic: plan.sureness(origins[-rank[0]], rank[1]) for topic, rank in held.items()}
        for customer, held in best.items()
    }
    return sure, frozenset(told)


def withheld_topics(
    unit: UnitOfWork, plan: KnowledgePlan, at: datetime, now: Aliases
) -> Mapping[UUID, frozenset[Topic]]:
    """Return which topics of the plan each customer is not asked, because he withholds them: `plan.withheld` of `withheld_by`."""
    columns = read_columns(
        unit, Query(WithheldAnswer, where("recorded_at") <= at), ["customer_id", "about", "recorded_at"]
    )
    since: dict[UUID, dict[str, datetime]] = {}
    for who, about, when in zip(*now.columns(columns), strict=True):
        held = since.setdefault(who, {})
        held[about] = max(when, held.get(about, when))
    if since:
        told = (where("recorded_at") <= at) & (where("origin") == FactOrigin.STATED)
        facts = read_columns(unit, Query(CustomerFact, told), ["customer_id", "topic", "recorded_at"])
        for who, topic, when in zip(*now.columns(facts), strict=True):
            held, about = since.get(who, {}), f"{topic['kind']}:{topic['name']}"
            if about in held and held[about] < when:
                del held[about]
    return {who: topics for who, held in since.items() if (topics := plan.withheld(held, at))}


def _within(period: Mapping[str, Any], at: datetime) -> bool:
    start, end = period.get("start"), period.get("end")
    return (start is None or datetime.fromisoformat(start) <= at) and (end is None or at < datetime.fromisoformat(end))


@define
class Dialogue:
    """What passed between us and the customers lately.

    Attributes
    ----------
    said : dict
        Which approaches a customer got within the span in which nothing is said twice.
    contacts : dict
        Every contact of ours in the dialogue: over what, when, what for.
    offers : dict
        The same of the offers that went out over a channel. They count for the caps; that one is not taken is no silence.
    last_sign : dict
        When a customer last wrote, called, clicked, came or bought.
    planned : set
        Who was planned for in the same run already.
    last_plan : datetime or None
        When the newest intent was made.
    """

    said: dict[UUID, set[str]] = Factory(dict)
    contacts: dict[UUID, list[tuple[str, datetime, str | None]]] = Factory(dict)
    offers: dict[UUID, list[tuple[str, datetime, str | None]]] = Factory(dict)
    last_sign: dict[UUID, datetime] = Factory(dict)
    planned: set[UUID] = Factory(set)
    last_plan: datetime | None = None

    @classmethod
    def read(
        cls,
        unit: UnitOfWork,
        now: Aliases,
        *,
        at: datetime,
        run: str,
        as_of: date,
        again_after: timedelta,
        since: datetime,
    ) -> Dialogue:
        """Return the dialogue since then."""
        self = cls()
        intents = read_columns(
            unit,
            Query(ContactIntent, where("created_at") > min(since, at - again_after)),
            ["customer_id", "topic", "created_at", "send_at", "run", "as_of", "channel", "purpose", "cancelled"],
        )
        for who, topic, made, sent, of_run, of_day, channel, purpose, cancelled in zip(
            *now.columns(intents), strict=True
        ):
            if self.last_plan is None or made > self.last_plan:
                self.last_plan = made
            if of_run == run and of_day == as_of:
                self.planned.add(who)
            if cancelled:
                continue
            if made > at - again_after:
                self.said.setdefault(who, set()).add(topic)
            self.contacts.setdefault(who, []).append((channel, sent, purpose))
        touches = read_columns(
            unit,
            Query(Interaction, (where("occurred_at") > since) & (where("occurred_at") <= at)),
            ["customer_id", "direction", "channel", "occurred_at", "idempotency_key"],
        )
        for who, direction, channel, when, key in zip(*now.columns(touches), strict=True):
            if who is None:
                continue
            if direction == Direction.IN:
                self.sign(who, when)
            elif direction == Direction.OUT and not key.startswith(INTENT_KEY):
                self.contacts.setdefault(who, []).append((channel, when, None))
        purposes = dict(zip(*read_columns(unit, Query(Offer), ["id", "purpose"]).values(), strict=True))
        told = read_columns(
            unit,
            Query(OfferDecision, (where("decided_at") > since) & (where("decided_at") <= at)),
            ["customer_id", "offer_id", "channel", "decided_at"],
        )
        for who, offer, channel, when in zip(*now.columns(told), strict=True):
            if channel is not None:
                self.offers.setdefault(who, []).append((channel, when, purposes.get(offer)))
        return self

    def refuse_earlier(self, at: datetime) -> None:
        """Refuse a clock before the newest intent: what was planned then would count as the future."""
        if self.last_plan is not None and at < self.last_plan:
            raise InvalidValueError(
                "at",
                at,
                f"the newest intent was made at {self.last_plan.isoformat()}; give a time that is not before it",
            )

    def sign(self, customer_id: UUID, at: datetime) -> None:
        """Take a sign of life."""
        held = self.last_sign.get(customer_id)
        if held is None or at > held:
            self.last_sign[customer_id] = at

    def unanswered(self, customer_id: UUID, at: datetime) -> tuple[int, datetime | None]:
        """Return how many contacts came since the last sign of the customer, and when the last of them was."""
        sign = self.last_sign.get(customer_id)
        open_ones = [
            when for _, when, _ in self.contacts.get(customer_id, ()) if when <= at and (sign is None or when > sign)
        ]
        return len(open_ones), max(open_ones, default=None)

    def made(self, customer_id: UUID) -> tuple[ContactMade, ...]:
        """Return the contacts with one customer, for the caps."""
        held = (*self.contacts.get(customer_id, ()), *self.offers.get(customer_id, ()))
        return tuple(ContactMade(*each) for each in held)


@define
class Purchases:
    """When each customer last bought, and what he owns: cancelled and returned orders left out."""

    last: dict[UUID, datetime] = Factory(dict)
    owned: dict[UUID, set[str]] = Factory(dict)

    @classmethod
    def read(cls, unit: UnitOfWork, at: datetime, now: Aliases, *, with_articles: bool) -> Purchases:
        """Return the purchases until then; the articles only where they are asked for."""
        self = cls()
        names = ["customer_id", "placed_at", "status", *(["lines"] if with_articles else [])]
        columns = read_columns(unit, Query(Order, where("placed_at") <= at), names)
        for who, placed_at, status, *lines in zip(*now.columns(columns), strict=True):
            if status in {OrderStatus.CANCELLED, OrderStatus.RETURNED}:
                continue
            held = self.last.get(who)
            if held is None or placed_at > held:
                self.last[who] = placed_at
            if lines:
                self.owned.setdefault(who, set()).update(line["sku"] for line in lines[0])
        return self


@define
class Policies:
    """The rules of contact and the lists of those who are left alone, by whom they concern."""

    everybody: list[ContactPolicy] = Factory(list)
    of: dict[UUID, list[ContactPolicy]] = Factory(dict)
    lists: dict[UUID | str, list[Suppression]] = Factory(dict)

    @classmethod
    def read(cls, unit: UnitOfWork, more: Iterable[ContactPolicy], now: Aliases) -> Policies:
        """Return what the store holds, and `more`."""
        self = cls(everybody=[])
        stored = (policy for batch in unit.of(ContactPolicy).stream(Query(ContactPolicy)) for policy in batch)
        for policy in (*stored, *more):
            if policy.customer_id is None:
                self.everybody.append(policy)
            else:
                mine = attrs.evolve(policy, customer_id=now.of(policy.customer_id))
                self.of.setdefault(now.of(policy.customer_id), []).append(mine)
        for batch in unit.of(Suppression).stream(Query(Suppression)):
            for listed in batch:
                whose = listed.customer_id and now.of(listed.customer_id)
                one = listed if whose == listed.customer_id else attrs.evolve(listed, customer_id=whose)
                key = one.customer_id if one.address is None else one.address
                self.lists.setdefault(key or "", []).append(one)
        return self

    def concerning(self, customer_id: UUID) -> list[ContactPolicy]:
        """Return the policies that speak of this customer."""
        mine = self.of.get(customer_id)
        return self.everybody if mine is None else [*self.everybody, *mine]

    def suppressions(self, customer: Customer) -> list[Suppression]:
        """Return what keeps this customer, or one of his addresses, on a list."""
        if not self.lists:
            return []
        held = {point.normalised for point in customer.contact_points}
        # Of an erased owner the list keeps a digest, not the address.
        keys: tuple[UUID | str, ...] = (customer.id, *held, *map(Suppression.digest_of, held))
        return [one for key in keys for one in self.lists.get(key, ())]
