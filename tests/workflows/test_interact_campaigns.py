"""Interact: campaigns to those they are for, and the plays of a stage, each once and each with its reason."""

from datetime import timedelta

import attrs
import pytest
from worlds import NOW, TODAY, customer, everything, order, permission, store_of

from pycrm.errors import CurrencyMismatchError, InvalidTransitionError, InvalidValueError
from pycrm.model.campaign import Campaign, CampaignMember, CampaignStatus
from pycrm.model.contact_event import ContactEvent, ContactEventKind
from pycrm.model.customer import Customer
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.interaction import Interaction
from pycrm.model.lifecycle import Stage, StageChange
from pycrm.model.money import Money
from pycrm.model.play import Play, PlayAction, PlayTrigger, plays_due
from pycrm.model.predicate import where
from pycrm.model.segment import SegmentMembership
from pycrm.model.task import Task
from pycrm.model.time import Period
from pycrm.workflows import interact

DAY = timedelta(days=1)
SPRING = Campaign(
    code="spring",
    name="Spring",
    objective="second orders",
    kind=IntentKind.OFFER,
    text="Ten percent.",
    segment="new",
    status=CampaignStatus.ACTIVE,
)


def member(who, period=None):
    return SegmentMembership(segment="new", customer_id=who.id, period=period or Period(NOW - DAY))


def launched(store, campaign=SPRING, at=NOW):
    return interact.launch(store, campaign, as_of=TODAY, at=at)


def receivers(store):
    names = {one.id: one.display_name for one in everything(store, Customer)}
    return sorted(names[intent.customer_id] for intent in everything(store, ContactIntent))


def people(*names):
    made = [customer(name) for name in names]
    return made, [permission(one) for one in made]


def test_a_campaign_reaches_its_niche_whom_it_names_and_nobody_it_leaves_out():
    (ana, bob, eve, dan, zoe), allowed = people("Ana", "Bob", "Eve", "Dan", "Zoe")
    gone = member(dan, Period(NOW - 2 * DAY, NOW - DAY))
    named = attrs.evolve(SPRING, includes=(zoe.id, eve.id), excludes=(eve.id,), not_owning=("tea",))
    store = store_of(ana, bob, eve, dan, zoe, *allowed, named, *map(member, (ana, bob, eve)), gone, order(bob, 1, 9, 5))
    report = launched(store, named)
    assert receivers(store) == ["Ana", "Zoe"]
    assert (report.members, report.planned, report.refused) == (3, 2, {"owned": 1})
    assert {one.reasons[0].code for one in everything(store, CampaignMember)} == {"audience", "included"}


def test_a_campaign_of_named_customers_needs_no_niche():
    (ana, bob), allowed = people("Ana", "Bob")
    only = attrs.evolve(SPRING, segment=None, includes=(ana.id,))
    store = store_of(ana, bob, *allowed, only)
    launched(store, only)
    assert receivers(store) == ["Ana"]


def test_a_niche_may_be_a_condition_and_with_a_segment_both_hold():
    (ana, bob), allowed = people("Ana", "Bob")
    bought = attrs.evolve(SPRING, audience=where("days_since_order") <= 10)
    store = store_of(ana, bob, *allowed, bought, member(ana), order(ana, 1, 5, 9), order(bob, 2, 5, 9))
    launched(store, bought)
    assert receivers(store) == ["Ana"]
    (intent,) = everything(store, ContactIntent)
    assert intent.reasons[0].text == "in segment new since 2026-04-30; days_since_order is 4"


def test_each_gets_it_once_and_the_list_is_frozen_unless_it_is_open():
    (ana, bob), allowed = people("Ana", "Bob")
    for open_list, planned in ((False, 0), (True, 1)):
        campaign = attrs.evolve(SPRING, open_list=open_list)
        store = store_of(ana, bob, *allowed, campaign, member(ana))
        assert launched(store, campaign).planned == 1
        assert launched(store, campaign).refused == {"sent_already": 1}
        with store.begin() as unit:
            unit.of(SegmentMembership).add(member(bob))
            unit.commit()
        assert launched(store, campaign, NOW + DAY).planned == planned


def test_a_budget_pays_for_so_many_messages_and_the_rest_wait():
    made, allowed = people("Ana", "Bob", "Eve")
    for cents, planned in (("0.00", 0), ("0.29", 2), ("0.30", 3), ("9.00", 3)):
        paid = attrs.evolve(SPRING, cost=Money("0.10", "EUR"), budget=Money(cents, "EUR"))
        store = store_of(*made, *allowed, paid, *map(member, made))
        report = launched(store, paid)
        assert (report.planned, report.refused.get("budget", 0)) == (planned, 3 - planned)
        assert launched(store, paid).planned == 0


def test_nobody_gets_a_campaign_without_permission_and_only_an_active_one_is_sent():
    ana = customer("Ana")
    assert launched(store_of(ana, SPRING, member(ana))).refused == {"no_consent": 1}
    with pytest.raises(InvalidValueError, match="only an active"):
        launched(store_of(), attrs.evolve(SPRING, status=CampaignStatus.PAUSED))
    with pytest.raises(InvalidValueError, match="runs in"):
        launched(store_of(), attrs.evolve(SPRING, period=Period(NOW + DAY)))


def test_what_comes_back_is_of_the_campaign():
    ana = customer("Ana")
    store = store_of(ana, permission(ana), SPRING, member(ana))
    launched(store)
    (intent,) = everything(store, ContactIntent)
    click = ContactEvent(key="c", kind=ContactEventKind.CLICKED, at=NOW, intent_id=intent.id)
    interact.record(store, [click], at=NOW)
    assert [one.campaign_id for one in everything(store, Interaction)] == [SPRING.id]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"segment": None}, "whom it is for"),
        ({"budget": Money(1, "EUR")}, "cost of one message"),
        ({"budget": Money(-1, "EUR"), "cost": Money(1, "EUR")}, "at least 0"),
        ({"budget": Money(1, "EUR"), "cost": Money(0, "EUR")}, "above 0"),
        ({"parent_id": SPRING.id}, "not its own part"),
        ({"audience": "everybody"}, "give a predicate"),
    ],
)
def test_a_campaign_says_whom_it_is_for_and_what_it_costs(wrong, error):
    with pytest.raises(InvalidValueError, match=error):
        attrs.evolve(SPRING, **wrong)


def test_a_campaign_has_one_currency_and_goes_one_way():
    with pytest.raises(CurrencyMismatchError):
        attrs.evolve(SPRING, budget=Money(1, "EUR"), cost=Money(1, "USD"))
    done = SPRING.moved(CampaignStatus.PAUSED).moved(CampaignStatus.ACTIVE).moved(CampaignStatus.COMPLETE)
    with pytest.raises(InvalidTransitionError):
        done.moved(CampaignStatus.ACTIVE)


def step(who, to, days_ago, came_from=None):
    when = NOW - timedelta(days=days_ago)
    return StageChange(
        customer_id=who.id, from_stage=came_from, to_stage=to, occurred_at=when, recorded_at=when, reason="first_touch"
    )


def a_play(code, stage, trigger, action=PlayAction.MESSAGE, **more):
    return Play(code=code, stage=stage, trigger=trigger, action=action, text="Hello.", **more)


def test_plays_follow_the_journey_at_entry_dwell_and_exit_and_are_done_once():
    ana = customer("Ana")
    steps = [step(ana, Stage.AWARENESS, 10), step(ana, Stage.ACQUISITION, 4, Stage.AWARENESS)]
    library = [
        a_play("welcome", Stage.ACQUISITION, PlayTrigger.ENTRY),
        a_play("still_there", Stage.ACQUISITION, PlayTrigger.DWELL, after=3 * DAY),
        a_play("too_long", Stage.ACQUISITION, PlayTrigger.DWELL, after=5 * DAY),
        a_play("was_dwelling", Stage.AWARENESS, PlayTrigger.DWELL, after=2 * DAY),
        a_play("what_helped", Stage.AWARENESS, PlayTrigger.EXIT, PlayAction.TASK),
        a_play("late", Stage.AWARENESS, PlayTrigger.ENTRY, patience=9 * DAY),
    ]
    store = store_of(ana, permission(ana, purpose="service"), *steps)
    report = interact.play(store, library, as_of=TODAY, at=NOW)
    assert report.plays == {"welcome": 1, "still_there": 1, "what_helped": 1}
    assert (report.messages, report.tasks) == (2, 1)
    (task,) = everything(store, Task)
    assert task.because[0].text.startswith("exit of awareness; went from awareness to acquisition")
    assert task.about[0].id == steps[1].id
    again = interact.play(store, library, as_of=TODAY, at=NOW + timedelta(hours=1))
    assert (again.messages, again.tasks, again.refused) == (0, 0, {"done_already": 3})


def test_plays_go_on_to_the_end_of_the_journey_and_an_erased_customer_gets_no_message():
    ana = customer("Ana")
    library = [
        a_play("come_back", Stage.CHURNED, PlayTrigger.ENTRY),
        a_play("clean_up", Stage.ERASED, PlayTrigger.ENTRY, PlayAction.TASK),
    ]
    steps = [
        step(ana, Stage.FULFILMENT, 9),
        step(ana, Stage.CHURNED, 5, Stage.FULFILMENT),
        step(ana, Stage.ERASED, 1, Stage.CHURNED),
    ]
    assert [due.play.code for due in plays_due(library, steps, NOW)] == ["come_back", "clean_up"]
    assert interact.play(store_of(ana, *steps), library, as_of=TODAY, at=NOW).refused == {"no_consent": 1}
    for wrong in ({"action": PlayAction.MESSAGE}, {"trigger": PlayTrigger.EXIT}):
        with pytest.raises(InvalidValueError, match="erased"):
            attrs.evolve(library[1], **wrong)


def test_a_play_comes_again_when_the_stage_does():
    ana = customer("Ana")
    back = a_play("welcome_back", Stage.FULFILMENT, PlayTrigger.ENTRY, patience=3 * DAY)
    steps = [
        step(ana, Stage.FULFILMENT, 30),
        step(ana, Stage.CHURNED, 20, Stage.FULFILMENT),
        step(ana, Stage.FULFILMENT, 1, Stage.CHURNED),
    ]
    assert len(plays_due([back], steps, NOW)) == 1
    assert len(plays_due([attrs.evolve(back, patience=40 * DAY)], steps, NOW)) == 2


def test_a_library_names_each_play_once_and_a_dwell_has_a_length():
    one = a_play("a", Stage.LOYALTY, PlayTrigger.ENTRY)
    with pytest.raises(InvalidValueError, match="of its own"):
        interact.play(store_of(), [one, one], as_of=TODAY, at=NOW)
    with pytest.raises(InvalidValueError, match="above 0"):
        a_play("a", Stage.LOYALTY, PlayTrigger.DWELL)
    with pytest.raises(InvalidValueError, match="at least 0"):
        attrs.evolve(one, after=-DAY)
