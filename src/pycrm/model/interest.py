"""What a reaction says of an interest, and how well a content fits what somebody is interested in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pycrm.errors import InvalidValueError
from pycrm.model.evidence import EvidenceRef
from pycrm.model.knowledge import CustomerFact, FactOrigin, KnowledgeState, Topic

__all__ = ["interest_match", "learnt_interest"]


def learnt_interest(
    held: CustomerFact, at: datetime, *, liked: bool = True, weight: float = 0.3, evidence: EvidenceRef | None = None
) -> CustomerFact:
    """Return what is supposed of an interest after one more reaction to it; `held` is what was supposed before.

    The strength moves by `weight` of the way to 1 where it was liked, to 0 where it was not; the doubt shrinks by the same
    weight. What follows from behaviour is inferred, whatever it rests on.

    Examples
    --------
    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> from pycrm.model.knowledge import FactKind
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> first = CustomerFact(
    ...     customer_id=UUID(int=1), topic=Topic(FactKind.INTEREST, "tea"), origin=FactOrigin.INFERRED,
    ...     strength=0.5, confidence=0.5, recorded_at=day,
    ... )
    >>> more = learnt_interest(first, day)
    >>> round(more.strength, 2), round(more.confidence, 2)
    (0.65, 0.65)
    """
    if not 0.0 < weight <= 1.0:
        raise InvalidValueError("weight", weight, "give a share above 0 and at most 1")
    return CustomerFact(
        customer_id=held.customer_id,
        topic=held.topic,
        value=held.value,
        strength=held.strength + weight * ((1.0 if liked else 0.0) - held.strength),
        origin=FactOrigin.INFERRED,
        confidence=1.0 - (1.0 - held.confidence) * (1.0 - weight),
        recorded_at=at,
        evidence=evidence,
    )


def interest_match(content: Mapping[Topic, float] | Iterable[Topic], state: KnowledgeState) -> float:
    """Return how well a content fits what is known of a customer, from 0 to 1: the mean strength times confidence of its topics.

    Parameters
    ----------
    content : mapping of Topic to float, or iterable of Topic
        What it is about, and by how much where that differs; weights at least 0.
    state : KnowledgeState
        What is known; a topic of which nothing is known counts as 0.

    Examples
    --------
    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> from pycrm.model.knowledge import FactKind, knowledge_state
    >>> day, tea, ink = datetime(2026, 5, 1, tzinfo=UTC), Topic(FactKind.INTEREST, "tea"), Topic(FactKind.INTEREST, "ink")
    >>> said = CustomerFact(customer_id=UUID(int=1), topic=tea, strength=0.8, origin=FactOrigin.STATED, recorded_at=day)
    >>> interest_match([tea, ink], knowledge_state(UUID(int=1), [said], day))
    0.4
    """
    weights = dict(content) if isinstance(content, Mapping) else dict.fromkeys(content, 1.0)
    for topic, weight in weights.items():
        if weight < 0:
            raise InvalidValueError(f"content[{topic}]", weight, "give a weight of at least 0")
    total = sum(weights.values())
    if not total:
        return 0.0
    facts = ((weight, state.facts.get(topic)) for topic, weight in weights.items())
    return sum(weight * fact.strength * fact.confidence for weight, fact in facts if fact is not None) / total
