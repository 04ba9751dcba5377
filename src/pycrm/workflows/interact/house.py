"""The plan and the routes that are taken unless the host gives its own."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pycrm.model.contact import Channel
from pycrm.model.intent import IntentKind
from pycrm.model.knowledge import FactKind, Topic
from pycrm.model.knowledge_plan import Approach, Closeness, KnowledgePlan, Route, WantedTopic
from pycrm.model.predicate import all_of, any_of, where

__all__ = ["HOUSE_PLAN", "ROUTES"]

_LAPSING = ("At Risk", "Can't Lose Them", "Hibernating", "About To Sleep", "Lost")
_NEEDS = Topic(FactKind.NEED, "what_changed")
_SATISFACTION = Topic(FactKind.BEHAVIOUR, "satisfaction")
_INTERESTS = Topic(FactKind.INTEREST, "ranges")
_BIRTHDAY = Topic(FactKind.PREFERENCE, "birthday")
_CHANNEL = Topic(FactKind.PREFERENCE, "channel")

HOUSE_PLAN = KnowledgePlan(
    id=UUID("01970000-0000-7000-8000-000000000001"),
    code="house",
    topics=(
        WantedTopic(topic=_NEEDS, worth=40, valid_for=timedelta(days=365)),
        WantedTopic(topic=_SATISFACTION, worth=20, valid_for=timedelta(days=180)),
        WantedTopic(topic=_INTERESTS, worth=15, valid_for=timedelta(days=730)),
        WantedTopic(topic=_BIRTHDAY, worth=10, closeness=Closeness.PERSONAL),
        WantedTopic(topic=_CHANNEL, worth=5),
    ),
    approaches=(
        Approach(
            code="thanks",
            kind=IntentKind.CONTENT,
            text="Thank you for your loyalty; here is the person who looks after you.",
            concerns=(where("tier") == "most valuable") & (where("days_since_order") <= 60),
            worth=5,
        ),
        Approach(
            code="what_changed",
            kind=IntentKind.QUESTION,
            text="We have not seen you for a while: what should we do better?",
            teaches=(_NEEDS,),
            concerns=all_of(where("orders") >= 2, where("segment").is_in(_LAPSING)),
        ),
        Approach(
            code="satisfaction",
            kind=IntentKind.SURVEY,
            text="How satisfied were you with your last order, from 1 to 5?",
            teaches=(_SATISFACTION,),
            concerns=where("days_since_order") <= 30,
        ),
        Approach(
            code="interests",
            kind=IntentKind.QUESTION,
            text="Which of our ranges would you like to hear about?",
            teaches=(_INTERESTS,),
            concerns=where("custom.interests").is_null(),
        ),
        Approach(
            code="birthday",
            kind=IntentKind.QUESTION,
            text="When is your birthday? There is a small present.",
            teaches=(_BIRTHDAY,),
            concerns=all_of(where("kind") == "person", where("birth_date").is_null()),
        ),
        Approach(
            code="second_channel",
            kind=IntentKind.QUESTION,
            text="How else may we reach you?",
            teaches=(_CHANNEL,),
            concerns=any_of(where("email") == False, where("phone") == False),  # noqa: E712  # a condition, not a test
        ),
    ),
)
"""A first plan: five things worth knowing, and a word of thanks."""

ROUTES = (
    Route(channel=Channel.EMAIL, cost=1.0),
    Route(channel=Channel.SMS, cost=2.0, reach=1.5),
    Route(channel=Channel.PHONE, cost=20.0, reach=4.0),
)
"""The channels one has: a call is answered most readily, and costs most."""
