"""What tickets and complaints say of needs: stated signs, and the facts that are concluded from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from pycrm.model.checks import is_code, is_fraction, is_line, optional
from pycrm.model.evidence import EvidenceRef
from pycrm.model.interaction import Interaction
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.time import instant

__all__ = ["NeedSign", "inferred_needs"]


@frozen(kw_only=True)
class NeedSign:
    """One sign of a need: an interaction that came to `outcome`, about `topic`.

    Parameters
    ----------
    need : str
        The code of the need it is a sign of, such as "speed".
    outcome : str
        Of the interaction, such as "complaint" or "ticket".
    topic : str, optional
        What the payload of the interaction gives as "topic"; any unless given.
    weight : float
        How sure one such interaction makes us, 0 to 1.
    """

    need: str = field(validator=is_code)
    outcome: str = field(validator=is_line)
    topic: str | None = field(default=None, validator=optional(is_line))
    weight: float = field(default=0.3, validator=is_fraction)

    def fits(self, interaction: Interaction) -> bool:
        """Whether this interaction is such a sign."""
        return interaction.outcome == self.outcome and self.topic in {None, interaction.payload.get("topic")}


def inferred_needs(
    interactions: Iterable[Interaction], signs: Sequence[NeedSign], at: datetime
) -> tuple[CustomerFact, ...]:
    """Return one inferred fact for each customer and need that interactions recorded by `at` are signs of.

    Each interaction is one sign of a need, its surest; doubts multiply, so that strength and confidence are 1 less the product
    of 1 - weight. The evidence is the last such interaction. Whatever a customer states, or was seen doing, beats these facts
    in `knowledge_state`.

    Parameters
    ----------
    interactions : iterable of Interaction
        Of any customers; those of nobody known are passed over.
    signs : sequence of NeedSign
        What counts as a sign of what.
    at : datetime
        Later interactions are not known yet.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.interaction import InteractionKind
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> late = [
    ...     Interaction(
    ...         customer_id=UUID(int=1), kind=InteractionKind.CALL, channel="phone", occurred_at=day, recorded_at=day,
    ...         outcome="complaint", payload={"topic": "delivery"},
    ...     )
    ...     for _ in range(2)
    ... ]
    >>> [fact] = inferred_needs(late, [NeedSign(need="speed", outcome="complaint", topic="delivery")], day)
    >>> str(fact.topic), str(fact.origin), round(fact.confidence, 2)
    ('need:speed', 'inferred', 0.51)
    """
    until = instant(at)
    doubt: dict[tuple[UUID, str], float] = {}
    last: dict[tuple[UUID, str], Interaction] = {}
    for one in interactions:
        if one.customer_id is None or one.recorded_at > until:
            continue
        surest: dict[str, float] = {}
        for sign in signs:
            if sign.fits(one):
                surest[sign.need] = max(sign.weight, surest.get(sign.need, 0.0))
        for need, weight in surest.items():
            key = (one.customer_id, need)
            doubt[key] = doubt.get(key, 1.0) * (1.0 - weight)
            if key not in last or (one.recorded_at, str(one.id)) > (last[key].recorded_at, str(last[key].id)):
                last[key] = one
    return tuple(
        CustomerFact(
            customer_id=key[0],
            topic=Topic(FactKind.NEED, key[1]),
            strength=1.0 - doubt[key],
            origin=FactOrigin.INFERRED,
            confidence=1.0 - doubt[key],
            recorded_at=one.recorded_at,
            evidence=EvidenceRef("interaction", one.id, one.occurred_at),
        )
        for key, one in last.items()
    )
