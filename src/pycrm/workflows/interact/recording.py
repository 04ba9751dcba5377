"""What came of it: outcomes of contacts become interactions, facts, consent and touchpoints, each exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import attrs
from attrs import define, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import listed
from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus
from pycrm.model.contact import Channel
from pycrm.model.contact_event import ContactEvent, ContactEventKind
from pycrm.model.contact_policy import Suppression, purposes_above
from pycrm.model.custom import CustomFields
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity
from pycrm.model.evidence import EvidenceRef, Reason
from pycrm.model.intent import ContactIntent
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.model.interest import learnt_interest
from pycrm.model.knowledge import CustomerFact, FactOrigin, Topic
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.model.touchpoint import Touchpoint
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases, aliases
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.interact.reading import INTENT_KEY

__all__ = ["RecordReport", "record"]

M = TypeVar("M", bound=Entity)
_EVENT_KEY = "event:"
_AT_A_TIME = 500
_KINDS: Mapping[str, InteractionKind] = {
    Channel.EMAIL: InteractionKind.EMAIL,
    Channel.PHONE: InteractionKind.CALL,
    Channel.IVR: InteractionKind.IVR,
    Channel.CHAT: InteractionKind.CHAT,
    Channel.MESSAGING: InteractionKind.CHAT,
    Channel.SOCIAL: InteractionKind.SOCIAL,
    Channel.IN_PERSON: InteractionKind.VISIT,
    Channel.WEB: InteractionKind.WEB,
}
_K = ContactEventKind


@frozen(kw_only=True)
class RecordReport:
    """What was recorded.

    Parameters
    ----------
    recorded : int
        Events that were new and became an interaction.
    repeated : int
        Events that were recorded before, or came twice; they changed nothing.
    rejected : Mapping of str to str
        Events that were not recorded, by key, and why: ``unknown_intent``, ``unknown_customer``, ``before_intent``,
        ``in_the_future``.
    kinds : Mapping of str to int
        The recorded ones by what happened.
    facts, consents, suppressions, touchpoints : int
        What else was written.
    cancelled : int
        Intents that will not go out after all: they failed, or the customer said goodbye before they were due.
    """

    recorded: int
    repeated: int
    rejected: Mapping[str, str]
    kinds: Mapping[str, int]
    facts: int
    consents: int
    suppressions: int
    touchpoints: int
    cancelled: int


def record(
    store: Store,
    events: Iterable[ContactEvent],
    *,
    at: datetime,
    click_confidence: float = 0.5,
    actor: str | None = None,
) -> RecordReport:
    """Record what the channels report; whatever was recorded before changes nothing.

    Every event becomes an interaction. An answer becomes facts that are stated; a click or a post becomes facts that are
    inferred, surer with each more. A goodbye, or a complaint, withdraws the purpose over that channel and takes back what has
    not gone out yet; a complaint and a bounce also put the customer or the address on a suppression list. With a source, an
    event becomes a touchpoint.

    Parameters
    ----------
    store : Store
        With the intents and customers.
    events : iterable of ContactEvent
        In any order.
    at : datetime
        Now; nothing later can have happened.
    click_confidence : float
        How sure we are of what a first click or post shows, 0 to 1.
    actor : str, optional
        Who does it, for the audit trail.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> click = ContactEvent(key="m-1", kind=ContactEventKind.CLICKED, at=day, intent_id=UUID(int=1))
    >>> dict(record(MemoryStore(), [click], at=day).rejected)
    {'m-1': 'unknown_intent'}
    """
    if not 0.0 <= click_confidence <= 1.0:
        raise InvalidValueError("click_confidence", click_confidence, "give a number from 0 to 1")
    at = instant(at)
    asked = listed("events", events, ContactEvent)
    with store.begin(actor=actor, cause="interact.record") as unit:
        report = _Recorder.of(unit, asked, at, click_confidence).go(unit, asked)
        unit.commit()
    return report


def _in_batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    once = list(dict.fromkeys(values))
    for start in range(0, len(once), _AT_A_TIME):
        yield once[start : start + _AT_A_TIME]


def _found(unit: UnitOfWork, model: type[M], path: str, values: Iterable[Any]) -> Iterator[M]:
    for batch in _in_batches(values):
        for found in unit.of(model).stream(Query(model, where(path).is_in(batch))):
            yield from found


@define
class _Recorder:
    """One recording: what is there, and what is to be written."""

    at: datetime
    click_confidence: float
    now: Aliases
    seen: set[str]
    intents: dict[UUID, ContactIntent]
    customers: set[UUID]
    supposed: dict[tuple[UUID, Topic], CustomerFact]
    written: dict[type[Any], list[Any]] = field(factory=dict)
    changed: dict[UUID, ContactIntent] = field(factory=dict)

    @classmethod
    def of(cls, unit: UnitOfWork, events: Sequence[ContactEvent], at: datetime, click_confidence: float) -> _Recorder:
        """Read what the events speak of."""
        keys = [prefix + event.key for event in events for prefix in (INTENT_KEY, _EVENT_KEY)]
        seen: set[str] = set()
        for batch in _in_batches(keys):
            query = Query(Interaction, where("idempotency_key").is_in(batch))
            found = read_columns(unit, query, ["idempotency_key"])["idempotency_key"]
            seen.update(key.partition(":")[2] for key in found)
        ids = [event.intent_id for event in events if event.intent_id is not None]
        intents = {intent.id: intent for intent in _found(unit, ContactIntent, "id", ids)}
        named = [event.customer_id for event in events if event.intent_id is None]
        customers: set[UUID] = set()
        for batch in _in_batches(named):
            customers.update(read_columns(unit, Query(Customer, where("id").is_in(batch)), ["id"])["id"])
        now = aliases(unit)
        shown = [
            event.customer_id if event.intent_id is None else intents[event.intent_id].customer_id
            for event in events
            if event.kind in {_K.CLICKED, _K.POSTED} and (event.intent_id is None or event.intent_id in intents)
        ]
        supposed: dict[tuple[UUID, Topic], CustomerFact] = {}
        theirs = [id for who in dict.fromkeys(shown) if who is not None for id in now.ids_of(who)]
        for fact in _found(unit, CustomerFact, "customer_id", theirs):
            if fact.origin is FactOrigin.INFERRED and fact.recorded_at <= at:
                place = (now.of(fact.customer_id), fact.topic)
                if place not in supposed or _age(fact) > _age(supposed[place]):
                    supposed[place] = fact
        return cls(at, click_confidence, now, seen, intents, customers, supposed)

    def go(self, unit: UnitOfWork, events: Sequence[ContactEvent]) -> RecordReport:
        """Take the events in the order they happened, and write what they lead to."""
        rejected: dict[str, str] = {}
        kinds: Counter[str] = Counter()
        repeated = 0
        for event in sorted(events, key=lambda one: (one.at, one.key)):
            if event.key in self.seen:
                repeated += 1
                continue
            why = self._wrong(event)
            if why is not None:
                rejected[event.key] = why
                continue
            self.seen.add(event.key)
            kinds[str(event.kind)] += 1
            self._take(event)
        self._take_back(unit)
        for model, made in self.written.items():
            unit.of(model).put_many(made)
        if self.changed:
            unit.of(ContactIntent).put_many(self.changed.values(), on_conflict="update")
        return RecordReport(
            recorded=kinds.total(),
            repeated=repeated,
            rejected=rejected,
            kinds=kinds,
            facts=self._count(CustomerFact),
            consents=self._count(ConsentEntry),
            suppressions=self._count(Suppression),
            touchpoints=self._count(Touchpoint),
            cancelled=len(self.changed),
        )

    def _count(self, model: type[Any]) -> int:
        return len(self.written.get(model, ()))

    def _write(self, entity: Entity) -> None:
        self.written.setdefault(type(entity), []).append(entity)

    def _wrong(self, event: ContactEvent) -> str | None:
        if event.at > self.at:
            return "in_the_future"
        if event.intent_id is None:
            return None if event.customer_id in self.customers else "unknown_customer"
        intent = self.intents.get(event.intent_id)
        if intent is None:
            return "unknown_intent"
        return "before_intent" if event.at < intent.created_at else None

    def _take(self, event: ContactEvent) -> None:
        intent = None if event.intent_id is None else self.intents[event.intent_id]
        who = event.customer_id if intent is None else intent.customer_id
        channel = event.channel or (None if intent is None else intent.channel)
        if who is None or channel is None:
            raise InvalidValueError("customer_id", who, "an event without intent names customer and channel")
        direction = Direction.NONE
        if event.kind.is_sign:
            direction = Direction.IN
        elif event.kind is _K.DELIVERED:
            direction = Direction.OUT
        survey = event.kind is _K.ANSWERED
        interaction = Interaction(
            customer_id=who,
            kind=InteractionKind.SURVEY if survey else _KINDS.get(channel, InteractionKind.SYSTEM),
            direction=direction,
            channel=channel,
            assisted=False,
            occurred_at=event.at,
            recorded_at=self.at,
            subject=None if intent is None else intent.topic,
            summary=event.text,
            outcome=str(event.kind),
            sentiment=event.sentiment,
            campaign_id=None if intent is None else intent.campaign_id,
            idempotency_key=(_EVENT_KEY if intent is None else INTENT_KEY) + event.key,
            payload=CustomFields({} if intent is None else {"intent": str(intent.id)}),
        )
        self._write(interaction)
        self._learn(event, who, intent, EvidenceRef("interaction", interaction.id, event.at))
        self._respect(event, who, channel, intent)
        if event.source is not None:
            self._write(
                Touchpoint(
                    customer_id=who,
                    at=event.at,
                    channel=channel,
                    source=event.source,
                    campaign=event.campaign,
                    key=_EVENT_KEY + event.key,
                )
            )

    def _learn(self, event: ContactEvent, who: UUID, intent: ContactIntent | None, evidence: EvidenceRef) -> None:
        for answer in event.answers:
            self._write(
                CustomerFact(
                    customer_id=who,
                    topic=answer.topic,
                    value=answer.value,
                    strength=answer.strength,
                    origin=FactOrigin.STATED,
                    recorded_at=event.at,
                    evidence=evidence,
                )
            )
        if event.kind not in {_K.CLICKED, _K.POSTED}:
            return
        asked = () if intent is None or event.kind is _K.POSTED else intent.asks
        for topic in dict.fromkeys(event.about or asked):
            held = self.supposed.get((self.now.of(who), topic))
            liked = event.sentiment is None or event.sentiment >= 0
            if held is None:
                fact = CustomerFact(
                    customer_id=who,
                    topic=topic,
                    strength=0.65 if liked else 0.35,
                    origin=FactOrigin.INFERRED,
                    confidence=self.click_confidence,
                    recorded_at=event.at,
                    evidence=evidence,
                )
            else:
                fact = learnt_interest(attrs.evolve(held, customer_id=who), event.at, liked=liked, evidence=evidence)
            self.supposed[self.now.of(who), topic] = fact
            self._write(fact)

    def _respect(self, event: ContactEvent, who: UUID, channel: str, intent: ContactIntent | None) -> None:
        """Write what the customer, or his address, no longer wants."""
        if event.kind in {_K.UNSUBSCRIBED, _K.COMPLAINED}:
            purpose = event.purpose or (None if intent is None else intent.purpose)
            if purpose is None:
                raise InvalidValueError("purpose", None, "say what the customer says goodbye to")
            self._write(
                ConsentEntry(
                    customer_id=who,
                    purpose=purpose,
                    channel=channel,
                    status=ConsentStatus.WITHDRAWN,
                    captured_at=event.at,
                    capture_source=CaptureSource.CUSTOMER,
                    evidence=_EVENT_KEY + event.key,
                )
            )
        if event.kind is _K.COMPLAINED:
            self._write(Suppression(customer_id=who, channel=channel, reason="complaint", since=event.at))
        if intent is None:
            return
        if event.kind is _K.BOUNCED and intent.address is not None:
            self._write(Suppression(address=intent.address, channel=channel, reason="bounced", since=event.at))
        if event.kind is _K.FAILED and intent.cancelled is None:
            self._cancel(intent, Reason("failed", "it could not be sent"))

    def _cancel(self, intent: ContactIntent, why: Reason) -> None:
        cancelled = attrs.evolve(intent, cancelled=why)
        self.changed[intent.id] = cancelled

    def _take_back(self, unit: UnitOfWork) -> None:
        """Cancel what has not gone out yet of those who said goodbye."""
        goodbyes = self.written.get(ConsentEntry, [])
        theirs = [id for entry in goodbyes for id in self.now.ids_of(entry.customer_id)]
        for intent in _found(unit, ContactIntent, "customer_id", theirs):
            if intent.cancelled is not None or intent.id in self.changed:
                continue
            for entry in goodbyes:
                if (
                    self.now.of(entry.customer_id) == self.now.of(intent.customer_id)
                    and entry.purpose in purposes_above(intent.purpose)
                    and entry.channel == intent.channel
                    and entry.captured_at < intent.send_at
                ):
                    self._cancel(intent, Reason("withdrawn", f"{entry.purpose} was withdrawn before it was due"))
                    break


def _age(fact: CustomerFact) -> tuple[datetime, str]:
    return fact.recorded_at, str(fact.id)
