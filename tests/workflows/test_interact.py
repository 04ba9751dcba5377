"""Interact: the next thing worth asking or telling, only where it is permitted, never the same twice."""

from datetime import timedelta

import pytest
from worlds import NOW, TODAY, customer, everything, order, permission, shop, store_of

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentStatus, may_contact
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.predicate import where
from pycrm.storage.lookups import consents_by_customer
from pycrm.workflows import differentiate, interact
from pycrm.workflows.interact import Topic

ASK = Topic(
    code="interests",
    kind=IntentKind.ASK,
    text="What do you like?",
    concerns=where("custom.interests").is_null(),
    worth=2,
)
TELL = Topic(code="thanks", kind=IntentKind.TELL, text="Thank you.", concerns=where("days_since_order") <= 30, worth=1)


def planned(store, **options):
    return interact.plan(store, as_of=TODAY, at=NOW, **{"topics": (ASK, TELL), **options})


def test_nobody_is_contacted_without_permission():
    store = store_of(*shop(80))
    planned(store)
    with store.begin(read_only=True) as unit:
        said = consents_by_customer(unit, NOW)
    people = {who.id: who for who in everything(store, type(customer("Ana")))}
    made = everything(store, ContactIntent)
    assert made
    for intent in made:
        assert may_contact(
            people[intent.customer_id], intent.channel, "marketing", NOW, consents=said[intent.customer_id]
        )
        assert intent.permission.allowed


def test_a_refusal_is_counted_with_its_first_reason():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve", email=False)
    store = store_of(ana, bob, eve, permission(ana, status=ConsentStatus.WITHDRAWN))
    assert planned(store).refused == {"withdrawn": 1, "no_consent": 1, "unreachable": 1}
    assert planned(store, channels=()).refused == {"no_channel": 3}


def test_what_is_worth_most_is_said_and_after_it_the_next():
    ana = customer("Ana")
    store = store_of(ana, permission(ana), order(ana, 1, 10, 5))
    assert planned(store, run="first").topics == {"interests": 1}
    assert planned(store, run="second").topics == {"thanks": 1}
    assert planned(store, run="third").refused == {"nothing_to_say": 1}


def test_a_topic_may_come_again_after_its_span():
    ana = customer("Ana")
    store = store_of(ana, permission(ana))
    planned(store, run="first")
    later = interact.plan(store, as_of=TODAY, at=NOW + timedelta(days=91), run="later", topics=(ASK,))
    assert later.topics == {"interests": 1}


def test_planning_the_same_run_twice_adds_nothing():
    ana = customer("Ana")
    store = store_of(ana, permission(ana))
    planned(store)
    assert planned(store).refused == {"planned_already": 1}
    assert len(everything(store, ContactIntent)) == 1


def test_what_is_known_already_is_not_asked():
    ana = customer("Ana", custom={"interests": ("tea",)})
    store = store_of(ana, permission(ana))
    assert planned(store).refused == {"nothing_to_say": 1}


def test_the_topics_of_the_house_use_the_assessment():
    store = store_of(*shop(150))
    differentiate.assess(store, as_of=TODAY)
    report = interact.plan(store, as_of=TODAY, at=NOW)
    assert {"thanks", "what_changed"} <= set(report.topics)


def test_a_naive_time_is_refused():
    with pytest.raises(InvalidValueError, match="at"):
        interact.plan(store_of(), as_of=TODAY, at=NOW.replace(tzinfo=None))


def test_a_plan_needs_topics_with_codes_of_their_own_and_worth():
    with pytest.raises(InvalidValueError, match="a code of its own"):
        planned(store_of(), topics=(ASK, ASK))
    with pytest.raises(InvalidValueError, match="above 0"):
        Topic(code="x", kind=IntentKind.ASK, text="x", concerns=where("orders") >= 0, worth=0)
