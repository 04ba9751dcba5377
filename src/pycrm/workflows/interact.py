"""Interact: for each customer the next thing worth asking or telling, over a channel that is permitted, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line
from pycrm.model.consent import ConsentEntry, Permission, may_contact
from pycrm.model.contact import Channel, channel_code
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.facts import facts_of
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.order import Order
from pycrm.model.predicate import Predicate, all_of, any_of, evaluate, where
from pycrm.model.time import instant
from pycrm.storage.lookups import consents_by_customer, last_assessments
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["TOPICS", "InteractReport", "Topic", "plan"]


@frozen(kw_only=True)
class Topic:
    """Something worth asking or telling.

    Parameters
    ----------
    code : str
        What it is called.
    kind : IntentKind
        Ask or tell.
    text : str
        The question or message, in words.
    concerns : Predicate
        Whom it concerns: a condition on the facts about a customer.
    worth : float
        What it is worth to know or to have said, in any unit that is the same for all topics; above 0.

    Examples
    --------
    >>> Topic(code="birthday", kind=IntentKind.ASK, text="When is your birthday?", concerns=where("birth_date").is_null(), worth=1).code
    'birthday'
    """

    code: str = field(validator=is_code)
    kind: IntentKind = field(validator=is_a(IntentKind))
    text: str = field(validator=is_line)
    concerns: Predicate
    worth: float

    def __attrs_post_init__(self) -> None:
        if not self.worth > 0:
            raise InvalidValueError("worth", self.worth, "give a worth above 0; leave out what is worth nothing")


_LAPSING = ("At Risk", "Can't Lose Them", "Hibernating", "About To Sleep", "Lost")

TOPICS = (
    Topic(
        code="thanks",
        kind=IntentKind.TELL,
        text="Thank you for your loyalty; here is the person who looks after you.",
        concerns=(where("tier") == "most valuable") & (where("days_since_order") <= 60),
        worth=5,
    ),
    Topic(
        code="what_changed",
        kind=IntentKind.ASK,
        text="We have not seen you for a while: what should we do better?",
        concerns=all_of(where("orders") >= 2, where("segment").is_in(_LAPSING)),
        worth=8,
    ),
    Topic(
        code="satisfaction",
        kind=IntentKind.ASK,
        text="How satisfied were you with your last order, from 1 to 5?",
        concerns=where("days_since_order") <= 30,
        worth=4,
    ),
    Topic(
        code="interests",
        kind=IntentKind.ASK,
        text="Which of our ranges would you like to hear about?",
        concerns=where("custom.interests").is_null(),
        worth=3,
    ),
    Topic(
        code="birthday",
        kind=IntentKind.ASK,
        text="When is your birthday? There is a small present.",
        concerns=all_of(where("kind") == "person", where("birth_date").is_null()),
        worth=2,
    ),
    Topic(
        code="second_channel",
        kind=IntentKind.ASK,
        text="How else may we reach you?",
        concerns=any_of(where("email") == False, where("phone") == False),  # noqa: E712  # a condition, not a test
        worth=1,
    ),
)
"""What is asked and told unless the host gives topics of its own."""


@frozen(kw_only=True)
class InteractReport:
    """What is to be asked and told.

    Parameters
    ----------
    run : str
        The name of the plan.
    as_of : date
        The last day whose facts count.
    customers : int
        Looked at.
    planned : int
        Who get something.
    topics, channels : Mapping of str to int
        What, and over what.
    refused : Mapping of str to int
        Why others get nothing: the code of the first reason.
    """

    run: str
    as_of: date
    customers: int
    planned: int
    topics: Mapping[str, int]
    channels: Mapping[str, int]
    refused: Mapping[str, int]


def plan(
    store: Store,
    *,
    as_of: date,
    at: datetime,
    run: str = "current",
    purpose: str = "marketing",
    channels: Sequence[str] = (Channel.EMAIL, Channel.SMS, Channel.PHONE),
    topics: Sequence[Topic] = TOPICS,
    again_after: timedelta = timedelta(days=90),
    actor: str | None = None,
) -> InteractReport:
    """Plan the next contact of every customer who may be contacted.

    The topic worth most that concerns him is taken, over the first channel on which he may be reached; never one he got within
    `again_after`. The plan is kept as contact intents, each with the permission it rests on; sending is the host's.

    Parameters
    ----------
    store : Store
        With customers, consent, orders and, where there is one, the last assessment.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    run : str
        The name of the plan; the same name and day again replaces what was not there before.
    purpose : str
        What permission is asked for.
    channels : sequence of str
        The channels we have, the preferred one first.
    topics : sequence of Topic
        What there is to ask and tell.
    again_after : timedelta
        The span within which nothing is said twice.
    actor : str, optional
        Who does it, for the audit trail.
    """
    codes = [topic.code for topic in topics]
    if len(set(codes)) != len(codes):
        raise InvalidValueError("topics", codes, "give each topic a code of its own")
    ours = [channel_code(channel) for channel in channels]
    at = instant(at)
    with store.begin(actor=actor, cause="interact.plan") as unit:
        report = _plan(unit, as_of, at, run, purpose, ours, topics, again_after)
        unit.commit()
    return report


def _plan(
    unit: UnitOfWork,
    as_of: date,
    at: datetime,
    run: str,
    purpose: str,
    channels: Sequence[str],
    topics: Sequence[Topic],
    again_after: timedelta,
) -> InteractReport:
    assessments = last_assessments(unit, as_of)
    last_order: dict[UUID, date] = {}
    for batch in unit.of(Order).stream(Query(Order, where("placed_at") <= at)):
        for order in batch:
            day = order.placed_at.date()
            last_order[order.customer_id] = max(day, last_order.get(order.customer_id, day))
    consents = consents_by_customer(unit, at)
    said: dict[UUID, set[str]] = {}
    planned_before: set[UUID] = set()
    for intents in unit.of(ContactIntent).stream(Query(ContactIntent, where("created_at") > at - again_after)):
        for intent in intents:
            said.setdefault(intent.customer_id, set()).add(intent.topic)
            if intent.run == run and intent.as_of == as_of:
                planned_before.add(intent.customer_id)

    ranked = sorted(topics, key=lambda topic: (-topic.worth, topic.code))
    made: list[ContactIntent] = []
    refused: Counter[str] = Counter()
    looked_at = 0
    for customers in unit.of(Customer).stream(Query(Customer)):
        for customer in customers:
            looked_at += 1
            if customer.id in planned_before:
                refused["planned_already"] += 1
                continue
            facts = facts_of(
                customer, as_of, assessment=assessments.get(customer.id), last_order=last_order.get(customer.id)
            )
            done = said.get(customer.id, set())
            topic = next((one for one in ranked if one.code not in done and evaluate(one.concerns, facts)), None)
            if topic is None:
                refused["nothing_to_say"] += 1
                continue
            channel, permission = _permitted(customer, channels, purpose, at, consents.get(customer.id, []))
            if channel is None:
                refused[permission.reasons[0].code] += 1
                continue
            point = customer.reachable_by(channel, at)
            made.append(
                ContactIntent(
                    customer_id=customer.id,
                    run=run,
                    as_of=as_of,
                    created_at=at,
                    kind=topic.kind,
                    topic=topic.code,
                    text=topic.text,
                    channel=channel,
                    address=None if point is None else point.normalised,
                    purpose=purpose,
                    permission=permission,
                    reasons=(
                        Reason("worth", f"worth {topic.worth:g}, the most of what concerns this customer"),
                        *permission.reasons,
                    ),
                )
            )
    unit.of(ContactIntent).put_many(made)
    return InteractReport(
        run=run,
        as_of=as_of,
        customers=looked_at,
        planned=len(made),
        topics=Counter(intent.topic for intent in made),
        channels=Counter(intent.channel for intent in made),
        refused=refused,
    )


def _permitted(
    customer: Customer, channels: Sequence[str], purpose: str, at: datetime, consents: Sequence[ConsentEntry]
) -> tuple[str | None, Permission]:
    """Return the first channel that is permitted; if none, the refusal that says most: a reachable channel's first."""
    refusals = []
    for channel in channels:
        permission = may_contact(customer, channel, purpose, at, consents=consents)
        if permission:
            return channel, permission
        refusals.append(permission)
    no_channel = Permission(False, (Reason("no_channel", "there is no channel to use"),))
    return None, min(refusals, key=lambda refusal: refusal.reasons[0].code == "unreachable", default=no_channel)
