"""What we know of a customer's needs, wishes, preferences and interests, how sure we are, and what we have yet to learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_fraction, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.evidence import EvidenceRef
from pycrm.model.time import Period, in_utc, is_instant

__all__ = [
    "CustomerFact",
    "FactKind",
    "FactOrigin",
    "KnowledgeIndex",
    "KnowledgeState",
    "NeedGap",
    "Topic",
    "knowledge_index",
    "knowledge_state",
    "need_gaps",
]


class FactKind(StrEnum):
    """What a fact speaks of."""

    NEED = "need"
    WISH = "wish"
    PREFERENCE = "preference"
    INTEREST = "interest"
    BEHAVIOUR = "behaviour"


class FactOrigin(StrEnum):
    """How we came to know it, the best first: said by the customer, seen, or concluded."""

    STATED = "stated"
    OBSERVED = "observed"
    INFERRED = "inferred"


@frozen(order=True)
class Topic:
    """What is asked about: a kind of fact and its subject, such as a need for speed.

    Examples
    --------
    >>> str(Topic(FactKind.NEED, "speed"))
    'need:speed'
    """

    kind: FactKind = field(validator=is_a(FactKind))
    name: str = field(validator=is_code)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@frozen(kw_only=True)
class CustomerFact(Entity):
    """One thing known of a customer; a newer one does not erase it.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    topic : Topic
        What about.
    value : str, optional
        What it is, where strength alone does not say it: "evenings", "oak".
    strength : float
        How much it matters to the customer, 0 to 1.
    origin : FactOrigin
        How we know.
    confidence : float
        How sure we are, 0 to 1.
    recorded_at : datetime
        When we learnt it.
    period : Period
        When it is true.
    evidence : EvidenceRef, optional
        What it rests on.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    topic: Topic = field(validator=is_a(Topic))
    value: str | None = field(default=None, validator=optional(is_line))
    strength: float = field(default=1.0, validator=is_fraction)
    origin: FactOrigin = field(validator=is_a(FactOrigin))
    confidence: float = field(default=1.0, validator=is_fraction)
    recorded_at: datetime = field(converter=in_utc, validator=is_instant)
    period: Period = field(default=Period(), validator=is_a(Period))
    evidence: EvidenceRef | None = field(default=None, validator=optional(is_a(EvidenceRef)))


@frozen(kw_only=True)
class KnowledgeState:
    """What is known of one customer at one time.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    at : datetime
        When.
    facts : mapping of Topic to CustomerFact
        The best fact on each topic.
    wanted : frozenset of Topic
        What the business wants to know.
    """

    customer_id: UUID
    at: datetime
    facts: Mapping[Topic, CustomerFact]
    wanted: frozenset[Topic]

    @property
    def missing(self) -> tuple[Topic, ...]:
        """What is wanted and not known, sorted: the questions to ask."""
        return tuple(sorted(self.wanted - self.facts.keys()))

    @property
    def coverage(self) -> float:
        """Share of the wanted topics that are known; 1 where nothing is wanted."""
        return 1.0 - len(self.missing) / len(self.wanted) if self.wanted else 1.0

    @property
    def certainty(self) -> float:
        """The same, each topic counted with the confidence of its fact."""
        if not self.wanted:
            return 1.0
        return sum(fact.confidence for topic, fact in self.facts.items() if topic in self.wanted) / len(self.wanted)


def knowledge_state(
    customer_id: UUID, facts: Iterable[CustomerFact], at: datetime, *, wanted: Iterable[Topic] = ()
) -> KnowledgeState:
    """Return the best fact on each topic, of those recorded by `at` and true then.

    Stated beats observed beats inferred; then the more confident, then the later, then the larger id.

    Parameters
    ----------
    customer_id : UUID
        Whose; facts of others are passed over.
    facts : iterable of CustomerFact
        All that was recorded.
    at : datetime
        When.
    wanted : iterable of Topic
        What the business wants to know.

    Examples
    --------
    >>> from datetime import UTC
    >>> day, ann, speed = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1), Topic(FactKind.NEED, "speed")
    >>> guess = CustomerFact(customer_id=ann, topic=speed, origin=FactOrigin.INFERRED, confidence=0.9, recorded_at=day)
    >>> word = CustomerFact(customer_id=ann, topic=speed, origin=FactOrigin.STATED, confidence=0.5, recorded_at=day)
    >>> state = knowledge_state(ann, [word, guess], day, wanted=[speed, Topic(FactKind.WISH, "colour")])
    >>> state.facts[speed].origin.value, state.coverage, [str(topic) for topic in state.missing]
    ('stated', 0.5, ['wish:colour'])
    """
    order = list(FactOrigin)
    best: dict[Topic, CustomerFact] = {}
    for fact in facts:
        if fact.customer_id != customer_id or fact.recorded_at > at or at not in fact.period:
            continue
        held = best.get(fact.topic)
        if held is None or _rank(fact, order) > _rank(held, order):
            best[fact.topic] = fact
    return KnowledgeState(customer_id=customer_id, at=in_utc(at), facts=best, wanted=frozenset(wanted))


def _rank(fact: CustomerFact, order: list[FactOrigin]) -> tuple[int, float, datetime, str]:
    return -order.index(fact.origin), fact.confidence, fact.recorded_at, str(fact.id)


@frozen(kw_only=True)
class KnowledgeIndex:
    """How well a business knows its customers.

    Parameters
    ----------
    customers : int
        Asked about.
    coverage, certainty : float
        Mean share of the wanted topics that are known; the same, each counted with its confidence.
    known_of : Mapping of Topic to float
        Share of the customers of whom each wanted topic is known, the least known first.
    """

    customers: int
    coverage: float
    certainty: float
    known_of: Mapping[Topic, float]


def knowledge_index(states: Iterable[KnowledgeState]) -> KnowledgeIndex:
    """Return how well the customers of `states` are known; somebody of whom nothing is known is a state too.

    Raises
    ------
    InvalidValueError
        If there is no state.

    Examples
    --------
    >>> from datetime import UTC
    >>> day, topic = datetime(2026, 1, 1, tzinfo=UTC), Topic(FactKind.NEED, "speed")
    >>> knowledge_index([knowledge_state(UUID(int=1), [], day, wanted=[topic])]).coverage
    0.0
    """
    held = list(states)
    if not held:
        raise InvalidValueError("states", held, "give the state of at least one customer")
    wanted = sorted(frozenset[Topic]().union(*(state.wanted for state in held)))
    shares = {topic: sum(topic in state.facts for state in held) / len(held) for topic in wanted}
    return KnowledgeIndex(
        customers=len(held),
        coverage=sum(state.coverage for state in held) / len(held),
        certainty=sum(state.certainty for state in held) / len(held),
        known_of=dict(sorted(shares.items(), key=lambda item: (item[1], item[0]))),
    )


@frozen(kw_only=True)
class NeedGap:
    """How far a need is from being met.

    Parameters
    ----------
    topic : Topic
        The need.
    strength : float
        How much it matters, 0 to 1.
    satisfaction : float, optional
        How well it is met, 0 to 1; None if nobody asked.
    gap : float, optional
        strength x (1 - satisfaction); None if nobody asked.
    """

    topic: Topic
    strength: float
    satisfaction: float | None
    gap: float | None


def need_gaps(states: Iterable[KnowledgeState], satisfaction: Mapping[tuple[UUID, str], float]) -> tuple[NeedGap, ...]:
    """Return the needs of one customer, or of a segment, by how far they are from being met; the widest gap first.

    Parameters
    ----------
    states : iterable of KnowledgeState
        Of one customer or several; each customer with the need counts alike.
    satisfaction : mapping of (customer id, name of the need) to float
        How well it is met, 0 to 1; customers nobody asked do not count towards it.

    Examples
    --------
    >>> from datetime import UTC
    >>> day, ann, speed = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1), Topic(FactKind.NEED, "speed")
    >>> need = CustomerFact(customer_id=ann, topic=speed, strength=0.8, origin=FactOrigin.STATED, recorded_at=day)
    >>> round(need_gaps([knowledge_state(ann, [need], day)], {(ann, "speed"): 0.25})[0].gap, 3)
    0.6
    """
    strengths: dict[Topic, list[float]] = {}
    pairs: dict[Topic, list[tuple[float, float]]] = {}
    for (_, name), share in satisfaction.items():
        if not 0.0 <= share <= 1.0:
            raise InvalidValueError(f"satisfaction[{name!r}]", share, "give a number from 0 to 1")
    for state in states:
        for topic, fact in state.facts.items():
            if topic.kind is not FactKind.NEED:
                continue
            strengths.setdefault(topic, []).append(fact.strength)
            met = satisfaction.get((state.customer_id, topic.name))
            if met is not None:
                pairs.setdefault(topic, []).append((fact.strength, met))
    gaps = []
    for topic, found in strengths.items():
        asked = pairs.get(topic, [])
        gaps.append(
            NeedGap(
                topic=topic,
                strength=sum(found) / len(found),
                satisfaction=sum(met for _, met in asked) / len(asked) if asked else None,
                gap=sum(strength * (1.0 - met) for strength, met in asked) / len(asked) if asked else None,
            )
        )
    return tuple(sorted(gaps, key=lambda gap: (gap.gap is None, -(gap.gap or 0.0), -gap.strength, gap.topic)))
