"""Interact: the next thing worth asking or telling, only where it is permitted, never what is known, never the same twice."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW, TODAY, customer, everything, order, permission, shop, store_of

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus, may_contact
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contact_policy import CapPeriod, ContactMade, ContactPolicy, FrequencyCap, QuietHours, Suppression
from pycrm.model.customer import Customer
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.evidence import Reason
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.knowledge_plan import Approach, Closeness, KnowledgePlan, Route, WantedTopic
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.predicate import where
from pycrm.model.time import Period
from pycrm.storage.identity import Aliases
from pycrm.storage.lookups import consents_by_customer
from pycrm.workflows import differentiate, interact, personalise

LIKES = Topic(FactKind.INTEREST, "ranges")
SPEED = Topic(FactKind.NEED, "speed")
HEALTH = Topic(FactKind.NEED, "health")
ASK = Approach(code="interests", kind=IntentKind.QUESTION, text="What do you like?", teaches=(LIKES,))
TELL = Approach(
    code="thanks", kind=IntentKind.CONTENT, text="Thank you.", concerns=where("days_since_order") <= 30, worth=0.5
)
PLAN = KnowledgePlan(code="test", topics=(WantedTopic(topic=LIKES, worth=10),), approaches=(ASK, TELL))
EMAIL = (Route(channel="email", cost=1.0),)
DAY = timedelta(days=1)


def planned(store, **options):
    return interact.plan(store, as_of=TODAY, at=NOW, **{"knowledge": PLAN, "routes": EMAIL, **options})


def fact(who, topic=LIKES, *, origin=FactOrigin.STATED, days_ago=10, **more):
    return CustomerFact(
        customer_id=who.id, topic=topic, origin=origin, recorded_at=NOW - timedelta(days=days_ago), **more
    )


def touch(who, direction, days_ago, channel="email"):
    when = NOW - timedelta(days=days_ago)
    return Interaction(
        customer_id=who.id,
        kind=InteractionKind.EMAIL,
        direction=direction,
        channel=channel,
        occurred_at=when,
        recorded_at=when,
    )


def test_nobody_is_contacted_without_permission():
    store = store_of(*shop(80))
    planned(store)
    with store.begin(read_only=True) as unit:
        said = consents_by_customer(unit, NOW)
    people = {who.id: who for who in everything(store, Customer)}
    made = everything(store, ContactIntent)
    assert made
    for intent in made:
        assert intent.permission == may_contact(
            people[intent.customer_id], intent.channel, "marketing", NOW, consents=said[intent.customer_id]
        )


def test_a_refusal_is_counted_with_its_first_reason():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve", email=False)
    store = store_of(ana, bob, eve, permission(ana, status=ConsentStatus.WITHDRAWN))
    assert planned(store).refused == {"withdrawn": 1, "no_consent": 1, "unreachable": 1}
    assert planned(store, routes=()).refused == {"no_channel": 3}


def test_what_gains_most_is_said_and_after_it_the_next():
    ana = customer("Ana")
    store = store_of(ana, permission(ana), order(ana, 1, 10, 5))
    assert planned(store, run="first").topics == {"interests": 1}
    assert planned(store, run="second").topics == {"thanks": 1}
    assert planned(store, run="third").refused == {"nothing_to_say": 1}


def test_an_approach_may_come_again_after_its_span_and_not_before():
    ana = customer("Ana")
    store = store_of(ana, permission(ana))
    only = attrs.evolve(PLAN, approaches=(ASK,))
    planned(store, run="first", knowledge=only)
    for days, topics in ((89, {}), (90, {"interests": 1})):
        later = interact.plan(
            store, as_of=TODAY, at=NOW + timedelta(days=days), run=str(days), knowledge=only, routes=EMAIL
        )
        assert later.topics == topics


def test_planning_the_same_run_twice_adds_nothing():
    ana = customer("Ana")
    store = store_of(ana, permission(ana))
    planned(store)
    assert planned(store).refused == {"planned_already": 1}
    assert len(everything(store, ContactIntent)) == 1


def test_what_the_customer_told_is_never_asked_until_its_span_is_over():
    ana = customer("Ana")
    yearly = attrs.evolve(PLAN, topics=(WantedTopic(topic=LIKES, worth=10, valid_for=timedelta(days=365)),))
    for days_ago, known in ((364, True), (365, False), (500, False)):
        report = planned(store_of(ana, permission(ana), fact(ana, days_ago=days_ago)), knowledge=yearly)
        assert report.refused == ({"nothing_to_say": 1} if known else {}), days_ago
        assert report.coverage == float(known)


def test_what_is_only_supposed_is_asked_and_what_is_all_but_sure_is_not():
    ana = customer("Ana")
    for confidence, asked in ((0.5, True), (0.79, True), (0.8, False), (1.0, False)):
        guess = fact(ana, origin=FactOrigin.INFERRED, confidence=confidence)
        assert planned(store_of(ana, permission(ana), guess)).planned == asked, confidence


def test_of_a_survey_only_what_is_not_known_is_asked():
    ana = customer("Ana")
    survey = Approach(code="both", kind=IntentKind.SURVEY, text="Tell us.", teaches=(LIKES, SPEED))
    two = KnowledgePlan(
        code="two",
        topics=(WantedTopic(topic=LIKES, worth=1), WantedTopic(topic=SPEED, worth=1)),
        approaches=(survey,),
    )
    store = store_of(ana, permission(ana), fact(ana))
    planned(store, knowledge=two)
    (intent,) = everything(store, ContactIntent)
    assert intent.asks == (SPEED,)


def test_the_cheaper_route_is_taken_unless_the_dearer_one_earns_its_cost():
    ana = Customer(
        contact_points=(
            ContactPoint(kind=ContactKind.EMAIL, raw="a@example.com"),
            ContactPoint(kind=ContactKind.PHONE, raw="+34600000000"),
        )
    )
    for reach, channel in ((1.5, "email"), (2.5, "phone")):
        store = store_of(ana, permission(ana))
        routes = (Route(channel="email", cost=1.0), Route(channel="phone", cost=2.0, reach=reach))
        assert planned(store, routes=routes).channels == {channel: 1}
    wish = ContactPolicy(customer_id=ana.id, preferred="phone")
    routes = (Route(channel="email", cost=1.0), Route(channel="phone", cost=9.0))
    assert planned(store_of(ana, permission(ana), wish), routes=routes).channels == {"phone": 1}


def test_a_message_waits_for_the_end_of_quiet_hours_where_the_customer_lives():
    at_night = datetime(2026, 5, 1, 22, tzinfo=UTC)
    ana, far = customer("Ana", zone="Europe/Madrid"), customer("Far", zone="America/Lima")
    quiet = ContactPolicy(quiet_hours=QuietHours.between("21:00", "08:00"))
    store = store_of(ana, far, permission(ana), permission(far), quiet)
    interact.plan(store, as_of=TODAY, at=at_night, knowledge=PLAN, routes=EMAIL)
    sent = {intent.customer_id: intent for intent in everything(store, ContactIntent)}
    assert sent[ana.id].send_at == datetime(2026, 5, 2, 6, tzinfo=UTC)
    assert sent[far.id].send_at == at_night
    assert "waits" in [reason.code for reason in sent[ana.id].reasons]


def test_a_pause_without_end_and_one_beyond_the_span_refuse():
    ana = customer("Ana")
    for end in (None, NOW + timedelta(days=3)):
        pause = ContactPolicy(customer_id=ana.id, pauses=(Period(NOW - DAY, end),))
        assert planned(store_of(ana, permission(ana), pause)).refused == {"paused": 1}


def test_caps_count_what_was_planned_and_what_went_out_otherwise():
    ana = customer("Ana")
    weekly = ContactPolicy(caps=(FrequencyCap(1, CapPeriod.WEEK),))
    assert planned(store_of(ana, permission(ana), weekly)).planned == 1
    store = store_of(ana, permission(ana), weekly, touch(ana, Direction.OUT, 1))
    assert planned(store).refused == {"frequency_cap": 1}
    store = store_of(ana, permission(ana), weekly, order(ana, 1, 10, 5))
    planned(store, run="first")
    assert planned(store, run="second").refused == {"frequency_cap": 1}


def test_caps_count_the_offers_that_went_out_and_not_those_that_wait():
    ana = customer("Ana")
    pot = Offer(code="pot", name="Pot", kind=OfferKind.SERVICE, purpose="marketing.offers")
    weekly = ContactPolicy(caps=(FrequencyCap(1, CapPeriod.WEEK),))
    elsewhere = attrs.evolve(weekly, purpose="service")

    def given(**more):
        return OfferDecision(
            customer_id=ana.id, run="r", as_of=TODAY, offer_id=pot.id, reasons=(Reason("value", "it pays"),), **more
        )

    told = given(decided_at=NOW - DAY, channel="email")
    for decision, rule, refused in (
        (told, weekly, {"frequency_cap": 1}),
        (given(decided_at=NOW - DAY), weekly, {}),
        (given(decided_at=NOW - 8 * DAY, channel="email"), weekly, {}),
        (told, elsewhere, {}),
    ):
        store = store_of(ana, permission(ana), pot, rule, decision)
        assert planned(store).refused == refused


def test_whom_the_loop_holds_out_is_not_asked_either():
    who = [customer(f"c{number}") for number in range(40)]
    store = store_of(*who, *(permission(one) for one in who))
    weekly = DecisionPolicy(code="weekly", holdout=0.5)
    held = int(personalise.held_out(weekly, [one.id for one in who]).sum())
    report = planned(store, loop=weekly)
    assert report.refused == {"holdout": held}
    personalise.decide(store, as_of=TODAY, at=NOW, policy=weekly)
    asked = {one.customer_id for one in everything(store, ContactIntent)}
    alone = {one.customer_id for one in everything(store, OfferDecision) if one.arm == "holdout"}
    assert (len(alone), asked & alone) == (held, set())


def test_who_never_answers_is_left_alone_until_he_has_rested():
    ana = customer("Ana")
    ignored = [touch(ana, Direction.OUT, days) for days in (50, 40, 30, 20, 10)]
    assert planned(store_of(ana, permission(ana), *ignored)).refused == {"left_alone": 1}
    assert planned(store_of(ana, permission(ana), *ignored[1:])).planned == 1
    assert planned(store_of(ana, permission(ana), *ignored, touch(ana, Direction.IN, 5))).planned == 1
    assert planned(store_of(ana, permission(ana), *ignored, order(ana, 1, 5, 9))).planned == 1
    later = {"at": NOW + timedelta(days=80), "as_of": TODAY, "knowledge": PLAN, "routes": EMAIL}
    assert interact.plan(store_of(ana, permission(ana), *ignored), **later).planned == 1


def test_a_suppressed_address_gets_nothing():
    ana = customer("Ana")
    for address in ("ana@example.com", Suppression.digest_of("ana@example.com")):
        listed = Suppression(address=address, reason="bounced", since=NOW - DAY)
        assert planned(store_of(ana, permission(ana), listed)).refused == {"suppressed": 1}


def test_a_personal_topic_is_not_asked_of_a_stranger_nor_an_intimate_one_without_its_own_permission():
    ana = customer("Ana")
    personal = attrs.evolve(
        PLAN, topics=(WantedTopic(topic=LIKES, worth=9, closeness=Closeness.PERSONAL),), approaches=(ASK,)
    )
    assert planned(store_of(ana, permission(ana)), knowledge=personal).refused == {"nothing_to_say": 1}
    assert planned(store_of(ana, permission(ana), order(ana, 1, 400, 5)), knowledge=personal).planned == 1
    intimate = KnowledgePlan(
        code="care",
        topics=(WantedTopic(topic=HEALTH, worth=9, closeness=Closeness.INTIMATE, purpose="health"),),
        approaches=(Approach(code="how", kind=IntentKind.QUESTION, text="How are you?", teaches=(HEALTH,)),),
    )
    assert planned(store_of(ana, permission(ana)), knowledge=intimate).refused == {"no_consent": 1}
    both = (permission(ana), permission(ana, purpose="health"))
    assert planned(store_of(ana, *both), knowledge=intimate).planned == 1


def test_a_measured_answer_rate_replaces_the_supposed_one():
    ana = customer("Ana")
    other = Approach(code="needs", kind=IntentKind.QUESTION, text="What do you need?", teaches=(SPEED,))
    two = KnowledgePlan(
        code="two",
        topics=(WantedTopic(topic=LIKES, worth=10), WantedTopic(topic=SPEED, worth=9)),
        approaches=(ASK, other),
    )
    assert planned(store_of(ana, permission(ana)), knowledge=two).topics == {"interests": 1}
    rates = {"interests": 0.1, "needs": 0.3}
    assert planned(store_of(ana, permission(ana)), knowledge=two, rates=rates).topics == {"needs": 1}
    with pytest.raises(InvalidValueError, match="from 0 to 1"):
        planned(store_of(), rates={"interests": 1.5})


def test_a_clock_before_the_newest_plan_is_refused():
    ana = customer("Ana")
    store = store_of(ana, permission(ana))
    planned(store)
    with pytest.raises(InvalidValueError, match="not before it"):
        interact.plan(store, as_of=TODAY, at=NOW - timedelta(seconds=1), knowledge=PLAN, routes=EMAIL)


def test_a_customer_without_any_history_is_planned_for_by_what_is_not_known():
    ana = customer("Ana")
    report = interact.plan(store_of(ana, permission(ana)), as_of=TODAY, at=NOW)
    assert report.topics == {"interests": 1}
    assert report.coverage == 0.0


def test_the_plan_of_the_house_uses_the_assessment():
    store = store_of(*shop(150))
    differentiate.assess(store, as_of=TODAY)
    report = interact.plan(store, as_of=TODAY, at=NOW)
    assert {"what_changed", "satisfaction", "interests"} <= set(report.topics)
    assert report.gain > 0
    assert report.cost == pytest.approx(report.planned)


def test_a_naive_time_and_a_route_given_twice_are_refused():
    with pytest.raises(InvalidValueError, match="at"):
        interact.plan(store_of(), as_of=TODAY, at=NOW.replace(tzinfo=None))
    with pytest.raises(InvalidValueError, match="each channel once"):
        planned(store_of(), routes=EMAIL * 2)


topics = st.sampled_from([LIKES, SPEED, HEALTH])
facts = st.builds(
    lambda **fields: fields,
    topic=topics,
    origin=st.sampled_from(FactOrigin),
    confidence=st.sampled_from([0.0, 0.5, 0.8, 1.0]),
    days_ago=st.integers(0, 60),
    period=st.sampled_from([Period(), Period(NOW - 5 * DAY, NOW), Period(NOW), Period(None, NOW + DAY)]),
)


@given(st.lists(facts, max_size=6))
def test_what_is_read_by_columns_is_what_the_plan_says_one_by_one(given_facts):
    ana = customer("Ana")
    wanted = KnowledgePlan(
        code="w",
        topics=(WantedTopic(topic=LIKES, worth=1, valid_for=timedelta(days=30)), WantedTopic(topic=SPEED, worth=1)),
        approaches=(ASK,),
    )
    held = [fact(ana, **each) for each in given_facts]
    store = store_of(ana, *held)
    with store.begin(read_only=True) as unit:
        known, told = interact.reading.known_topics(unit, wanted, NOW, Aliases())
    assert known.get(ana.id, {}) == wanted.known(wanted.state(ana.id, held, NOW))
    assert (ana.id in told) == any(each.origin is FactOrigin.STATED for each in held)


@given(
    st.sampled_from(["Europe/Madrid", "America/Lima", None]),
    st.integers(0, 23),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["email", "phone"])), max_size=4),
    st.booleans(),
)
def test_every_intent_rests_on_the_decision_of_the_law_for_the_time_it_goes_out(zone, hour, before, yes):
    ana = customer("Ana", zone=zone)
    at = NOW + timedelta(hours=hour)
    rules = ContactPolicy(
        quiet_hours=QuietHours.between("20:00", "09:00"),
        caps=(FrequencyCap(1, CapPeriod.WEEK), FrequencyCap(2, CapPeriod.MONTH, "email")),
    )
    said = permission(ana, status=ConsentStatus.GRANTED if yes else ConsentStatus.DENIED)
    touches = [touch(ana, Direction.OUT, days, channel) for days, channel in before]
    store = store_of(ana, said, rules, *touches)
    interact.plan(store, as_of=TODAY, at=at, knowledge=PLAN, routes=EMAIL)
    made = [ContactMade(each.channel, each.occurred_at) for each in touches]
    intents = everything(store, ContactIntent)
    for intent in intents:
        assert intent.permission == may_contact(
            ana, "email", "marketing", intent.send_at, consents=[said], policies=[rules], made=made
        )
    if not yes:
        assert intents == []


def test_a_stale_consent_entry_of_the_future_changes_nothing_now():
    ana = customer("Ana")
    later = ConsentEntry(customer_id=ana.id, purpose="marketing", status=ConsentStatus.WITHDRAWN, captured_at=NOW + DAY)
    assert planned(store_of(ana, permission(ana), later)).planned == 1


def test_every_contact_names_the_fact_that_justifies_it():
    ana, bob = customer("Ana"), customer("Bob", custom={"interests": ()})
    store = store_of(ana, bob, permission(ana), permission(bob), order(bob, 1, 10, 5), fact(bob))
    planned(store)
    why = {
        intent.customer_id: {reason.code: reason.text for reason in intent.reasons}
        for intent in everything(store, ContactIntent)
    }
    assert why[ana.id]["unknown"] == "not known yet: interest:ranges"
    assert why[bob.id]["facts"] == "days_since_order is 9"
