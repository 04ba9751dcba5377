"""Leads over a store: scored, qualified, given up, taken up again, ranked, converted."""

from datetime import timedelta

import pytest
from worlds import NOW, customer, everything, order, store_of

from pycrm.errors import InvalidDataError, InvalidTransitionError, InvalidValueError, NotEstimableError
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.model.lead import Conversion, Lead, LeadChange, LeadState
from pycrm.model.time import Period
from pycrm.scoring import EventRule, ProfileRule, Qualification, ScoringRules
from pycrm.workflows import leads
from pycrm.workflows.leads import Silence

RULES = ScoringRules(
    rules=(
        ProfileRule(name="home", column="country", test="equals", value="ES", points=40),
        ProfileRule(name="fair", column="lead.source", test="equals", value="fair", points=15),
        ProfileRule(name="rival", column="tags", test="equals", value="rival", disqualifies=True),
        EventRule(name="writes", event="email", points=20, half_life=30.0, limits=(0, 60)),
        EventRule(name="clicks", event="email:clicked", points=10),
        EventRule(name="meets", event="meeting", points=5),
    ),
    qualifications=(
        Qualification(state="marketing_qualified", fit=30),
        Qualification(state="sales_qualified", fit=30, engagement=30),
    ),
    version="3",
)


def lead(who, days=90, source="web"):
    return Lead(customer_id=who.id, source=source, created_at=NOW - timedelta(days=days))


def contact(who, days, *, answer=False, outcome=None):
    at = NOW - timedelta(days=days)
    return Interaction(
        customer_id=who.id,
        kind=InteractionKind.EMAIL if answer else InteractionKind.CALL,
        direction=Direction.IN if answer else Direction.OUT,
        channel="email",
        occurred_at=at,
        recorded_at=at,
        outcome=outcome,
    )


def states(store, at=NOW):
    from pycrm.model.lead import lead_state

    changes = everything(store, LeadChange)
    return {
        one.id: lead_state([change for change in changes if change.lead_id == one.id], at)
        for one in everything(store, Lead)
    }


@pytest.fixture
def world():
    keen, fits, silent, rival, none = (
        customer("Keen", country="ES"),
        customer("Fits", country="ES"),
        customer("Silent", country="DE"),
        customer("Rival", country="ES", tags=frozenset({"rival"})),
        customer("None"),
    )
    people = (keen, fits, silent, rival, none)
    made = [lead(who) for who in people]
    touched = [contact(silent, days) for days in (20, 15, 10, 5, 2)]
    wrote = [contact(keen, 1, answer=True), contact(keen, 2, answer=True, outcome="clicked")]
    return store_of(*people, *made, *touched, *wrote), people, made


def test_leads_rise_are_given_up_and_say_why(world):
    store, _, (keen, fits, silent, rival, none) = world
    report = leads.qualify(store, RULES, at=NOW)
    assert report.moved == {"never_responded": 1, "rule": 1, "score": 2}
    assert states(store) == {
        keen.id: LeadState.SALES_QUALIFIED,
        fits.id: LeadState.MARKETING_QUALIFIED,
        silent.id: LeadState.DISQUALIFIED,
        rival.id: LeadState.DISQUALIFIED,
        none.id: LeadState.NEW,
    }
    assert {change.rules_version for change in everything(store, LeadChange)} == {"3"}
    assert report.dead_rules == {}
    assert report.silent_rules == ("fair", "rival", "meets")
    again = leads.qualify(store, RULES, at=NOW + timedelta(minutes=1))
    assert again.moved == {}
    assert again.states == report.states


def test_a_silent_lead_is_recycled_when_it_rested_or_when_it_answers(world):
    store, people, (_, _, silent, rival, _) = world
    leads.qualify(store, RULES, at=NOW)
    assert leads.qualify(store, RULES, at=NOW + timedelta(days=179)).moved == {}
    with store.begin() as unit:
        unit.interactions.add(contact(people[2], -3, answer=True))
        unit.commit()
    assert leads.qualify(store, RULES, at=NOW + timedelta(days=4)).moved == {"responded": 1}
    after = states(store, NOW + timedelta(days=4))
    assert (after[silent.id], after[rival.id]) == (LeadState.RECYCLED, LeadState.DISQUALIFIED)


def test_a_rested_lead_starts_anew_and_its_former_silence_is_forgotten(world):
    store, _, (_, _, silent, _, _) = world
    leads.qualify(store, RULES, at=NOW)
    assert leads.qualify(store, RULES, at=NOW + timedelta(days=180)).moved == {"rested": 1}
    assert leads.qualify(store, RULES, at=NOW + timedelta(days=181)).moved == {}
    assert states(store, NOW + timedelta(days=181))[silent.id] is LeadState.RECYCLED


def test_the_score_of_a_past_moment_is_what_it_was_then(world):
    store, *_ = world
    before = leads.scores(store, RULES, at=NOW - timedelta(days=1, hours=12))
    assert sorted(before.engagement.tolist()) == [0, 0, 0, 0, 30]
    assert len(leads.scores(store, RULES, at=NOW - timedelta(days=91)).leads) == 0


def test_the_queue_is_ranked_by_expected_value_and_leaves_out_who_is_out(world):
    store, people, (keen, fits, *_) = world
    leads.qualify(store, RULES, at=NOW)
    chance = {a + b: 0.1 for a in "ABC" for b in "123"} | {"B2": 0.5}
    ranked = leads.queue(store, RULES, at=NOW, probability=chance, value=100.0, cost=1.0)
    assert ranked[0].lead_id == keen.id
    assert [one.rank for one in ranked] == [1, 2, 3]
    assert ranked[0].reasons[0].text == "home: +40"
    assert ranked[0].expected_value == chance[ranked[0].grade] * 100.0 - 1.0
    rich = leads.queue(store, RULES, at=NOW, probability=chance, value={people[1].id: 900.0}, capacity=5)
    assert [one.lead_id for one in rich] == [fits.id]
    with pytest.raises(InvalidValueError, match="this grade too"):
        leads.queue(store, RULES, at=NOW, probability={"A1": 0.5}, value=1.0)


def test_a_conversion_keeps_the_line_from_lead_to_customer_to_order(world):
    store, people, (keen, fits, silent, *_) = world
    bought = order(people[0], 1, 1, 50)
    with store.begin() as unit:
        unit.orders.add(bought)
        unit.commit()
    leads.qualify(store, RULES, at=NOW)
    made = leads.convert(store, keen.id, at=NOW + timedelta(hours=1), order_id=bought.id)
    assert everything(store, Conversion) == [made]
    assert (made.lead_id, made.customer_id, made.order_id) == (keen.id, people[0].id, bought.id)
    with pytest.raises(InvalidTransitionError):
        leads.convert(store, keen.id, at=NOW + timedelta(hours=2), order_id=bought.id)
    with pytest.raises(InvalidTransitionError, match="recycled"):
        leads.convert(store, silent.id, at=NOW + timedelta(hours=2), order_id=bought.id)
    found = leads.rates(store, Period(start=NOW - timedelta(days=99)), at=NOW + timedelta(days=1))
    assert [(row.source, row.leads, row.converted) for row in found] == [("all", 5, 1), ("web", 5, 1)]
    assert leads.queue(
        store, RULES, at=NOW + timedelta(days=1), probability={a + b: 0.5 for a in "ABC" for b in "123"}, value=10.0
    )[0].lead_id in {fits.id, world[2][4].id}


def test_rates_of_grades_rest_on_what_was_known_and_on_horizons_that_are_over(world):
    store, people, (keen, *_) = world
    bought = order(people[0], 1, 1, 50)
    with store.begin() as unit:
        unit.orders.add(bought)
        unit.of(Conversion).add(Conversion(lead_id=keen.id, customer_id=people[0].id, order_id=bought.id, at=NOW))
        unit.commit()
    moments = [NOW - timedelta(days=days) for days in (60, 30)]
    found = leads.grade_rates(store, RULES, moments=moments, horizon=30, at=NOW)
    assert set(found) == {a + b for a in "ABC" for b in "123"}
    assert found["B3"] >= found["C3"]
    assert all(0.0 <= rate <= 1.0 for rate in found.values())
    with pytest.raises(InvalidValueError, match="not over"):
        leads.grade_rates(store, RULES, moments=[NOW], horizon=30, at=NOW)
    with pytest.raises(NotEstimableError, match="no open lead"):
        leads.grade_rates(store, RULES, moments=[NOW - timedelta(days=400)], horizon=30, at=NOW)


def test_a_qualification_that_is_no_state_of_a_lead_is_refused(world):
    store, *_ = world
    wrong = ScoringRules(rules=RULES.rules, qualifications=(Qualification(state="hot", fit=1),))
    with pytest.raises(InvalidValueError, match="marketing_qualified or sales_qualified"):
        leads.qualify(store, wrong, at=NOW)


def test_a_profile_rule_that_meets_several_values_is_refused_by_name():
    both = customer("Both", tags=frozenset({"a", "rival"}))
    with pytest.raises(InvalidDataError, match=r"tags.*reads one value"):
        leads.qualify(store_of(both, lead(both)), RULES, at=NOW)


def test_a_store_without_leads_has_an_empty_report_and_an_empty_queue():
    store = store_of(customer("Ana"))
    assert leads.qualify(store, RULES, at=NOW, silence=Silence(touches=2)).states == {}
    assert leads.queue(store, RULES, at=NOW, probability={"C3": 0.1}, value=1.0) == ()


def test_a_rule_that_can_never_fire_is_reported(world):
    store, *_ = world
    dead = ScoringRules(rules=(EventRule(name="visit", event="visit", points=0),))
    report = leads.qualify(store, dead, at=NOW)
    assert report.dead_rules == {"visit": "it gives 0 points"}
    assert report.silent_rules == ("visit",)
