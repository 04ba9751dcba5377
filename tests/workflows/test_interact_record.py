"""Interact: what came of a contact becomes what is known, allowed and counted, each exactly once."""

from datetime import timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import NOW, TODAY, customer, everything, permission, store_of

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.contact_event import Answer, ContactEvent, ContactEventKind
from pycrm.model.contact_policy import Suppression
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.interaction import Direction, Interaction
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.knowledge_plan import Approach, KnowledgePlan, Route, WantedTopic
from pycrm.model.touchpoint import Touchpoint
from pycrm.storage.identity import Aliases
from pycrm.workflows import interact

K = ContactEventKind
LIKES, SPEED = Topic(FactKind.INTEREST, "ranges"), Topic(FactKind.NEED, "speed")
PLAN = KnowledgePlan(
    code="test",
    topics=(WantedTopic(topic=LIKES, worth=10), WantedTopic(topic=SPEED, worth=5)),
    approaches=(
        Approach(code="likes", kind=IntentKind.QUESTION, text="What do you like?", teaches=(LIKES,)),
        Approach(code="speed", kind=IntentKind.CONTENT, text="How to wait less.", teaches=(SPEED,), certainty=0.5),
    ),
)
LATER = NOW + timedelta(hours=6)
DAYS = timedelta(days=1)


def planned(store, at=NOW, run="first"):
    interact.plan(store, as_of=TODAY, at=at, run=run, knowledge=PLAN, routes=(Route(channel="email", cost=1.0),))
    return {intent.topic: intent for intent in everything(store, ContactIntent)}


def asked():
    ana = customer("Ana")
    store = store_of(ana, permission(ana))
    return ana, store, planned(store)["likes"]


def event(intent, kind, key="e1", at=NOW + timedelta(hours=1), **more):
    return ContactEvent(key=key, kind=kind, at=at, intent_id=intent.id, **more)


def recorded(store, *events, **options):
    return interact.record(store, events, at=LATER, **options)


def test_an_answer_becomes_a_stated_fact_with_its_evidence_and_is_not_asked_again():
    ana, store, intent = asked()
    report = recorded(store, event(intent, K.ANSWERED, answers=(Answer(LIKES, "tea"),)))
    assert (report.recorded, report.facts) == (1, 1)
    (fact,) = everything(store, CustomerFact)
    (interaction,) = everything(store, Interaction)
    assert (fact.customer_id, fact.value, fact.origin) == (ana.id, "tea", FactOrigin.STATED)
    assert fact.evidence.id == interaction.id
    assert interaction.direction is Direction.IN
    later = NOW + 200 * DAYS
    assert "likes" not in {
        intent.topic for intent in planned(store, later, "second").values() if intent.run == "second"
    }


def test_what_a_click_shows_is_inferred_and_grows_surer_with_each_more():
    _, store, intent = asked()
    recorded(store, event(intent, K.CLICKED, "e1"))
    recorded(store, event(intent, K.CLICKED, "e2"), event(intent, K.CLICKED, "e3", at=NOW + timedelta(hours=2)))
    facts = sorted(everything(store, CustomerFact), key=lambda fact: fact.confidence)
    assert {fact.origin for fact in facts} == {FactOrigin.INFERRED}
    assert {fact.topic for fact in facts} == {LIKES}
    assert [round(fact.confidence, 3) for fact in facts] == [0.5, 0.65, 0.755]
    assert facts[0].strength < facts[1].strength < facts[2].strength


def test_an_angry_post_lowers_the_interest_it_is_about():
    ana, store, _ = asked()
    post = {"customer_id": ana.id, "channel": "social", "kind": K.POSTED, "about": (SPEED,)}
    recorded(store, ContactEvent(key="p1", at=NOW, **post))
    recorded(store, ContactEvent(key="p2", at=LATER, sentiment=-0.9, **post))
    first, second = sorted(everything(store, CustomerFact), key=lambda fact: fact.recorded_at)
    assert second.strength < first.strength
    assert second.origin is FactOrigin.INFERRED


def test_a_goodbye_withdraws_the_purpose_over_that_channel_and_takes_back_what_waits():
    ana, store, intent = asked()
    waiting = attrs.evolve(
        intent, id=customer("x").id, version=0, run="later", topic="other", send_at=NOW + timedelta(days=2)
    )
    with store.begin() as unit:
        unit.of(ContactIntent).add(waiting)
        unit.commit()
    report = recorded(store, event(intent, K.UNSUBSCRIBED))
    assert (report.consents, report.cancelled) == (1, 1)
    (said,) = [entry for entry in everything(store, ConsentEntry) if entry.status is ConsentStatus.WITHDRAWN]
    assert (said.customer_id, said.purpose, said.channel) == (ana.id, "marketing", "email")
    states = {intent.topic: intent.cancelled for intent in everything(store, ContactIntent)}
    assert states["likes"] is None
    assert states["other"].code == "withdrawn"
    again = interact.plan(store, as_of=TODAY, at=NOW + 5 * DAYS, run="again", knowledge=PLAN)
    assert again.refused == {"withdrawn": 1}


def test_a_complaint_and_a_bounce_put_the_customer_or_the_address_on_a_list():
    for kind, reason in ((K.COMPLAINED, "complaint"), (K.BOUNCED, "bounced")):
        ana, store, intent = asked()
        recorded(store, event(intent, kind))
        (listed,) = everything(store, Suppression)
        assert listed.reason == reason
        assert (listed.customer_id, listed.address) == (
            (ana.id, None) if kind is K.COMPLAINED else (None, "ana@example.com")
        )
        after = interact.plan(store, as_of=TODAY, at=NOW + 5 * DAYS, run="again", knowledge=PLAN)
        assert after.planned == 0


def test_what_could_not_be_sent_is_cancelled_and_may_be_said_again():
    _, store, intent = asked()
    assert recorded(store, event(intent, K.FAILED)).cancelled == 1
    again = planned(store, NOW + DAYS, "again")
    assert again["likes"].run == "again"


def test_an_opening_is_kept_and_counts_as_no_answer():
    _, store, intent = asked()
    recorded(store, event(intent, K.OPENED))
    (interaction,) = everything(store, Interaction)
    assert interaction.direction is Direction.NONE


def test_a_delivery_is_no_second_contact():
    _, store, intent = asked()
    recorded(store, event(intent, K.DELIVERED))
    with store.begin(read_only=True) as unit:
        dialogue = interact.reading.Dialogue.read(
            unit, Aliases(), at=LATER, run="x", as_of=TODAY, again_after=DAYS, since=NOW - DAYS
        )
    assert dialogue.unanswered(intent.customer_id, LATER)[0] == 1


def test_a_source_makes_a_touchpoint():
    ana, store, intent = asked()
    recorded(store, event(intent, K.CLICKED, source="newsletter", campaign="spring"))
    (touch,) = everything(store, Touchpoint)
    assert (touch.customer_id, touch.source, touch.campaign) == (ana.id, "newsletter", "spring")


def test_an_outcome_of_an_unknown_intent_is_a_stated_answer_and_the_others_are_kept():
    _, store, intent = asked()
    stranger = customer("Bob")
    report = recorded(
        store,
        ContactEvent(key="a", kind=K.CLICKED, at=NOW, intent_id=stranger.id),
        ContactEvent(key="b", kind=K.POSTED, at=NOW, customer_id=stranger.id, channel="social"),
        event(intent, K.REPLIED, "c", at=NOW - timedelta(seconds=1)),
        event(intent, K.REPLIED, "d", at=LATER + timedelta(seconds=1)),
        event(intent, K.REPLIED, "e"),
    )
    assert report.rejected == {
        "a": "unknown_intent",
        "b": "unknown_customer",
        "c": "before_intent",
        "d": "in_the_future",
    }
    assert report.recorded == len(everything(store, Interaction)) == 1


@given(
    st.lists(st.tuples(st.sampled_from(["k1", "k2", "k3"]), st.sampled_from([K.CLICKED, K.OPENED, K.UNSUBSCRIBED]))),
    st.integers(1, 3),
)
@settings(max_examples=25)
def test_the_same_outcome_however_often_is_recorded_once(drawn, parts):
    _, store, intent = asked()
    events = [event(intent, kind, key) for key, kind in drawn]
    total = 0
    for start in range(parts):
        total += recorded(store, *events[start::parts]).recorded
    again = recorded(store, *events)
    assert (again.recorded, again.repeated) == (0, len(events))
    assert total == len({key for key, _ in drawn}) == len(everything(store, Interaction))


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"kind": K.CLICKED, "channel": "web"}, "customer_id"),
        ({"kind": K.CLICKED, "customer_id": customer("A").id}, "channel"),
        ({"kind": K.UNSUBSCRIBED, "customer_id": customer("A").id, "channel": "email"}, "purpose"),
        ({"kind": K.BOUNCED, "customer_id": customer("A").id, "channel": "email"}, "intent_id"),
        ({"kind": K.ANSWERED, "intent_id": customer("A").id}, "answers"),
        ({"kind": K.OPENED, "intent_id": customer("A").id, "answers": (Answer(LIKES),)}, "answers"),
    ],
)
def test_an_event_says_what_its_kind_needs(fields, names):
    with pytest.raises(InvalidValueError, match=names):
        ContactEvent(key="e", at=NOW, **fields)


def test_what_is_due_is_asked_for_again_and_who_withdrew_gets_nothing():
    ana, bob = customer("Ana"), customer("Bob")
    store = store_of(ana, bob, permission(ana), permission(bob))
    planned(store)
    no = ConsentEntry(
        customer_id=bob.id,
        purpose="marketing",
        status=ConsentStatus.WITHDRAWN,
        captured_at=NOW + timedelta(minutes=1),
    )
    with store.begin() as unit:
        unit.of(ConsentEntry).add(no)
        unit.commit()
    span = {"since": NOW - timedelta(hours=1), "at": NOW + timedelta(hours=1)}
    found = interact.due(store, **span)
    assert [intent.customer_id for intent in found.intents] == [ana.id]
    assert [intent.cancelled.code for intent in found.cancelled] == ["withdrawn"]
    assert interact.due(store, **span).cancelled == ()
    assert interact.due(store, since=span["at"], at=LATER).intents == ()
    with pytest.raises(InvalidValueError, match="not before since"):
        interact.due(store, since=LATER, at=NOW)


def test_answer_rates_start_at_what_the_plan_supposes_and_move_to_what_was_seen():
    people = [customer(f"c{number}") for number in range(40)]
    store = store_of(*people, *map(permission, people))
    planned(store)
    intents = everything(store, ContactIntent)
    recorded(store, *(event(intent, K.REPLIED, f"k{at}") for at, intent in enumerate(intents[:30])))
    recorded(store, *(event(intent, K.CLICKED, f"c{at}") for at, intent in enumerate(intents[:30])))
    rates = interact.answer_rates(store, PLAN, since=NOW - DAYS, at=LATER, strength=10)
    assert rates == {"likes": pytest.approx((30 + 2) / 50), "speed": 0.2}
    with pytest.raises(InvalidValueError, match="above 0"):
        interact.answer_rates(store, PLAN, since=NOW - DAYS, at=LATER, strength=0)


def test_a_confidence_that_is_no_share_is_refused():
    with pytest.raises(InvalidValueError, match="from 0 to 1"):
        recorded(store_of(), click_confidence=2)
