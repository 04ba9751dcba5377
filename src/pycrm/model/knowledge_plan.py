"""What we want to learn of our customers, what it is worth, and by which question, survey, offer or content we may learn it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_fraction, is_line, is_predicate, optional, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.entity import Entity
from pycrm.model.intent import IntentKind
from pycrm.model.knowledge import CustomerFact, FactOrigin, KnowledgeState, Topic, knowledge_state
from pycrm.model.predicate import Predicate

__all__ = ["Approach", "Closeness", "KnowledgePlan", "Route", "WantedTopic"]


class Closeness(StrEnum):
    """How near a topic comes to the person, and so when it may be asked at all."""

    OPEN = "open"
    """Of anybody who may be contacted."""
    PERSONAL = "personal"
    """Only of those who bought or answered before: a stranger is not asked."""
    INTIMATE = "intimate"
    """Only with a permission of its own, besides the one to be contacted."""


def _is_positive(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
        raise InvalidValueError(attribute.name, value, "give a number above 0")


def _is_not_negative(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 <= value < math.inf):
        raise InvalidValueError(attribute.name, value, "give a number of at least 0")


def _is_span(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise InvalidValueError(attribute.name, value, "give a length of time above 0")


def _channels(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(channel_code(channel) for channel in value)


@frozen(kw_only=True)
class WantedTopic:
    """A need, wish, preference, interest or behaviour we want to know of each customer.

    Parameters
    ----------
    topic : Topic
        What.
    worth : float
        What it is worth to know it for certain, in any unit that is the same for the whole plan; above 0.
    closeness : Closeness
        When it may be asked.
    purpose : str, optional
        Of an INTIMATE topic: the purpose the customer must have agreed to.
    valid_for : timedelta, optional
        How long an answer stays true; None for good.
    rest : timedelta, optional
        How long after a customer withheld it he may be asked again; None for never.

    Examples
    --------
    >>> from pycrm.model.knowledge import FactKind
    >>> WantedTopic(topic=Topic(FactKind.NEED, "speed"), worth=5.0).closeness.value
    'open'
    """

    topic: Topic = field(validator=is_a(Topic))
    worth: float = field(validator=_is_positive)
    closeness: Closeness = field(default=Closeness.OPEN, validator=is_a(Closeness))
    purpose: str | None = field(default=None, validator=optional(is_code))
    valid_for: timedelta | None = field(default=None, validator=optional(_is_span))
    rest: timedelta | None = field(default=None, validator=optional(_is_span))

    def __attrs_post_init__(self) -> None:
        if (self.closeness is Closeness.INTIMATE) != (self.purpose is not None):
            raise InvalidValueError(
                "purpose", self.purpose, "an INTIMATE topic names the purpose that permits it, and no other topic does"
            )


@frozen(kw_only=True)
class Approach:
    """One way to go on with the dialogue: a question, a survey, an offer or a content.

    Parameters
    ----------
    code : str
        What it is called.
    kind : IntentKind
        What it is.
    text : str
        The question or message, in words.
    teaches : tuple of Topic
        What its answer tells us; each is wanted by the plan.
    certainty : float
        How sure we are of what we learn so: near 1 for an answer, lower for a click.
    answer_rate : float
        The share of those asked who answer, until the store knows better.
    worth : float
        What it is worth to have it said, whatever is learnt; at least 0.
    effort : float
        What it costs us and the customer beyond the channel; at least 0.
    concerns : Predicate, optional
        Whom: a condition on the row of facts about a customer.
    channels : tuple of str
        The only channels it fits; empty for all.
    purpose : str, optional
        The purpose under which it goes out; the one of the run unless given.
    """

    code: str = field(validator=is_code)
    kind: IntentKind = field(validator=is_a(IntentKind))
    text: str = field(validator=is_line)
    teaches: tuple[Topic, ...] = field(default=(), validator=tuple_of(Topic))
    certainty: float = field(default=0.9, validator=is_fraction)
    answer_rate: float = field(default=0.2, validator=is_fraction)
    worth: float = field(default=0.0, validator=_is_not_negative)
    effort: float = field(default=0.0, validator=_is_not_negative)
    concerns: Predicate | None = field(default=None, validator=optional(is_predicate))
    channels: tuple[str, ...] = field(default=(), converter=_channels)
    purpose: str | None = field(default=None, validator=optional(is_code))

    def __attrs_post_init__(self) -> None:
        if not self.teaches and not self.worth:
            raise InvalidValueError("worth", self.worth, "give what it teaches, or a worth above 0; leave out the rest")
        if len(set(self.teaches)) != len(self.teaches):
            raise InvalidValueError("teaches", [str(topic) for topic in self.teaches], "name each topic once")


@frozen(kw_only=True)
class Route:
    """A channel we have: what one contact over it costs, and how readily it is answered.

    Parameters
    ----------
    channel : str
        Which.
    cost : float
        Of one contact, in the unit of the worths; above 0.
    reach : float
        By what the answer rate of an approach is multiplied here; above 0.
    """

    channel: str = field(converter=channel_code)
    cost: float = field(validator=_is_positive)
    reach: float = field(default=1.0, validator=_is_positive)


@frozen(kw_only=True)
class KnowledgePlan(Entity):
    """What we want to know, how we may learn it, and when we leave somebody alone: versioned data, not code.

    Parameters
    ----------
    code : str
        The name of the plan; unique together with `revision`.
    revision : int
        From 1 on; a change is a new revision, so that an intent says by which one it was made.
    topics : tuple of WantedTopic
        What we want to know.
    approaches : tuple of Approach
        How we may go about it.
    again_after : timedelta
        The span within which nothing is said twice to the same customer.
    sure : float
        From this confidence on a topic counts as known, however we came to know it.
    stop_after : int
        So many contacts without any sign of the customer, and we fall silent; from then on one try every `rest`.
    rest : timedelta
        How long we are silent; unanswered contacts count as far back as twice this span.
    patience : float
        By what the chance of an answer is multiplied with each unanswered contact; 0 to 1.

    Examples
    --------
    >>> from pycrm.model.knowledge import FactKind
    >>> speed = Topic(FactKind.NEED, "speed")
    >>> plan = KnowledgePlan(
    ...     code="needs",
    ...     topics=(WantedTopic(topic=speed, worth=10),),
    ...     approaches=(
    ...         Approach(code="when", kind=IntentKind.QUESTION, text="How soon?", teaches=(speed,), answer_rate=0.3),
    ...     ),
    ... )
    >>> round(plan.gain(plan.approaches[0], {}), 2)
    2.7
    """

    code: str = field(validator=is_code)
    revision: int = field(default=1, validator=at_least(1))
    topics: tuple[WantedTopic, ...] = field(default=(), validator=tuple_of(WantedTopic))
    approaches: tuple[Approach, ...] = field(validator=tuple_of(Approach))
    again_after: timedelta = field(default=timedelta(days=90), validator=_is_span)
    sure: float = field(default=0.8, validator=is_fraction)
    stop_after: int = field(default=5, validator=at_least(1))
    rest: timedelta = field(default=timedelta(days=90), validator=_is_span)
    patience: float = field(default=0.8, validator=is_fraction)

    def __attrs_post_init__(self) -> None:
        codes = [approach.code for approach in self.approaches]
        if len(set(codes)) != len(codes):
            raise InvalidValueError("approaches", codes, "give each approach a code of its own")
        topics = [wanted.topic for wanted in self.topics]
        if len(set(topics)) != len(topics):
            raise InvalidValueError("topics", [str(topic) for topic in topics], "want each topic once")
        for approach in self.approaches:
            for topic in approach.teaches:
                if topic not in topics:
                    raise InvalidValueError(
                        "teaches", str(topic), f"{approach.code} teaches what the plan does not want: add it to topics"
                    )

    @property
    def name(self) -> str:
        """Code and revision in one."""
        return f"{self.code}/{self.revision}"

    def state(self, customer_id: UUID, facts: Iterable[CustomerFact], at: datetime) -> KnowledgeState:
        """Return what is known of one customer at that time, of what this plan wants; answers past their span are left out."""
        spans = {one.topic: one.valid_for for one in self.topics}
        fresh = (
            fact
            for fact in facts
            if fact.topic in spans and ((span := spans[fact.topic]) is None or fact.recorded_at + span > at)
        )
        return knowledge_state(customer_id, fresh, at, wanted=spans)

    def known(self, state: KnowledgeState) -> Mapping[Topic, float]:
        """Return how sure we are of each topic in `state`: 1 where it is known, the confidence where it is only supposed.

        Known is what was said or seen, and what was concluded with at least the confidence `sure`.
        """
        return {topic: self.sureness(fact.origin, fact.confidence) for topic, fact in state.facts.items()}

    def sureness(self, origin: FactOrigin, confidence: float) -> float:
        """Return 1 for what was said or seen, or concluded with at least the confidence `sure`; else the confidence."""
        return 1.0 if origin is not FactOrigin.INFERRED or confidence >= self.sure else confidence

    def withheld(self, said: Mapping[str, datetime], at: datetime) -> frozenset[Topic]:
        """Return the topics that are not to be asked, of what one customer withholds since when, as `withheld_by` returns it."""
        return frozenset(
            one.topic
            for one in self.topics
            if (since := said.get(str(one.topic))) is not None and (one.rest is None or since + one.rest > at)
        )

    def asks(
        self, approach: Approach, known: Mapping[Topic, float], withheld: frozenset[Topic] = frozenset()
    ) -> tuple[Topic, ...]:
        """Return what of its topics `approach` would still ask about: never what is known, nor what is withheld."""
        return tuple(topic for topic in approach.teaches if known.get(topic, 0.0) < 1.0 and topic not in withheld)

    def gain(
        self,
        approach: Approach,
        known: Mapping[Topic, float],
        *,
        reach: float = 1.0,
        unanswered: int = 0,
        withheld: frozenset[Topic] = frozenset(),
    ) -> float:
        """Return the expected gain of `approach` for a customer of whom `known` is known.

        The chance of an answer times the sum, over what is not known yet, of its worth times the certainty added; plus what it
        is worth to have it said. An approach of whose topics all are known gains nothing, whatever else it is worth.

        Parameters
        ----------
        approach : Approach
            One of this plan.
        known : mapping of Topic to float
            How sure we are already, as `known` returns it.
        reach : float
            Of the route.
        unanswered : int
            Contacts since the last sign of the customer.
        withheld : frozenset of Topic
            What is not to be asked: a question or survey with any of it gains nothing, since its words ask for all of it.
        """
        asked = self.asks(approach, known, withheld)
        if approach.teaches and not asked:
            return 0.0
        if approach.kind in {IntentKind.QUESTION, IntentKind.SURVEY} and not withheld.isdisjoint(approach.teaches):
            return 0.0
        worth = {one.topic: one.worth for one in self.topics}
        learnt = sum(worth[topic] * max(0.0, approach.certainty - known.get(topic, 0.0)) for topic in asked)
        chance = min(1.0, approach.answer_rate * reach) * self.patience**unanswered
        return chance * learnt + approach.worth
