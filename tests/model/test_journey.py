"""Stages are a pure function of events, policy and two clocks: order-free, idempotent, legal, and they do not flap."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.entity import new_id
from pycrm.model.evidence import Actor, ActorKind
from pycrm.model.journey import (
    HUBSPOT_LABELS,
    SALESFORCE_LABELS,
    ActivityStatus,
    EventKind,
    LifecycleEvent,
    LifecyclePolicy,
    activity_status,
    derive,
    time_in_stage,
)
from pycrm.model.lifecycle import Stage, stage_of

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WHO, TWIN = UUID(int=1), UUID(int=2)
ANA = Actor(ActorKind.HUMAN, "ana")
POLICY = LifecyclePolicy()
K, S = EventKind, Stage


def event(kind, day=0.0, value=None, **fields):
    if kind is K.FORCED:
        fields = {"to": S.LOYALTY, "actor": ANA, "note": "a friend of the house", **fields}
    return LifecycleEvent(
        **{"id": new_id(), "customer_id": WHO, "kind": kind, "at": START + day * DAY, "value": value, **fields}
    )


def path(*events, until=400, policy=POLICY, **options):
    history = derive(events, policy, START + until * DAY, **options)
    return [(str(change.to_stage), change.reason) for change in history]


kinds = st.sampled_from(EventKind)
event_lists = st.lists(
    st.builds(
        lambda kind, day, late, number, value, who, to: event(
            kind,
            day,
            value,
            id=UUID(int=number),
            customer_id=who,
            known_at=START + (day + late) * DAY,
            **({"to": to} if kind is K.FORCED else {}),
        ),
        kinds,
        st.integers(0, 900),
        st.integers(0, 50),
        st.integers(1, 10**9),
        st.integers(0, 10),
        st.sampled_from([WHO, TWIN]),
        st.sampled_from(Stage),
    ),
    max_size=25,
    unique_by=lambda each: each.id,
)


@given(event_lists, st.randoms())
def test_the_order_of_arrival_and_a_second_delivery_change_nothing(events, random):
    shuffled = [*events, *events[:5]]
    random.shuffle(shuffled)
    as_of = START + 1000 * DAY
    assert derive(events, POLICY, as_of, customer_id=WHO) == derive(shuffled, POLICY, as_of, customer_id=WHO)


@given(event_lists, st.integers(0, 1000))
def test_every_history_is_legal_and_leads_to_its_last_stage(events, day):
    as_of = START + day * DAY
    history = derive(events, POLICY, as_of, customer_id=WHO)
    stage = stage_of(history, as_of)
    assert stage is (history[-1].to_stage if history else None)
    assert all(one.occurred_at <= other.occurred_at for one, other in itertools.pairwise(history))
    assert all(one.to_stage is other.from_stage for one, other in itertools.pairwise(history))
    assert all(change.occurred_at <= change.recorded_at for change in history)
    assert len({change.id for change in history}) == len(history)
    assert S.ERASED not in [change.from_stage for change in history]
    assert sum(time_in_stage(history, as_of).values(), timedelta(0)) == (
        as_of - history[0].occurred_at if history else timedelta(0)
    )


@given(event_lists, st.integers(0, 1000), st.integers(0, 1000))
def test_what_lies_after_the_day_changes_nothing_before_it(events, day, later):
    first, last = sorted((START + day * DAY, START + later * DAY))
    before = derive(events, POLICY, first, customer_id=WHO)
    after = derive(events, POLICY, last, customer_id=WHO)
    assert after[: len(before)] == before


@given(event_lists, st.integers(0, 950))
def test_what_was_known_then_is_what_the_events_known_then_lead_to(events, day):
    known, as_of = START + day * DAY, START + 950 * DAY
    heard = [each for each in events if each.known <= known]
    assert derive(events, POLICY, as_of, known_at=known, customer_id=WHO) == derive(
        heard, POLICY, as_of, customer_id=WHO
    )


@given(event_lists)
def test_a_merge_is_the_union_of_the_events(events):
    ours = [each for each in events if each.customer_id == WHO]
    theirs = [each for each in events if each.customer_id == TWIN]
    moved = [attrs.evolve(each, customer_id=WHO) for each in theirs]
    as_of = START + 1000 * DAY
    assert derive([*ours, *theirs], POLICY, as_of, customer_id=WHO) == derive([*moved, *ours], POLICY, as_of)
    if ours and theirs:
        with pytest.raises(InvalidValueError, match="several customers"):
            derive(events, POLICY, as_of)


def test_a_new_edition_counts_from_its_date_and_the_steps_before_keep_theirs():
    old = LifecyclePolicy(silence_floor=180 * DAY)
    new = LifecyclePolicy(version="2", silence_floor=60 * DAY, before=old, since=START + 100 * DAY)
    bought = [event(K.PURCHASE, 0)]
    before = derive(bought, new, START + 99 * DAY)
    assert before == derive(bought, old, START + 99 * DAY)
    history = derive(bought, new, START + 300 * DAY)
    assert history[:-1] == before
    last = history[-1]
    assert (last.reason, last.occurred_at, last.policy_version) == ("inactive", START + 100 * DAY, "2")
    patient = LifecyclePolicy(version="3", silence_floor=900 * DAY, before=new, since=START + 200 * DAY)
    back = derive([*bought, event(K.PURCHASE, 190)], patient, START + 800 * DAY)
    assert [(step.reason, step.policy_version) for step in back[-2:]] == [("inactive", "2"), ("won_back", "2")]
    with pytest.raises(InvalidValueError, match="since"):
        LifecyclePolicy(before=old)
    with pytest.raises(InvalidValueError, match="since"):
        LifecyclePolicy(before=new, since=START)


@given(event_lists, st.integers(0, 1000), st.integers(0, 1000))
def test_an_edition_with_the_same_thresholds_changes_no_step(events, day, turn):
    same = LifecyclePolicy(version="2", before=POLICY, since=START + turn * DAY)
    told, again = (
        [
            (step.to_stage, step.occurred_at, step.reason)
            for step in derive(events, policy, START + day * DAY, customer_id=WHO)
        ]
        for policy in (POLICY, same)
    )
    assert told == again


def test_the_way_through_the_five_stages_and_back():
    way = [
        event(K.TOUCH, 0),
        event(K.IDENTIFIED, 1),
        event(K.ENGAGED, 2),
        event(K.PURCHASE, 3),
        event(K.CSAT, 4, 5),
        event(K.PURCHASE, 10),
        event(K.NPS, 50, 3),
        event(K.GOODBYE, 60),
        event(K.ENGAGED, 70),
        event(K.PURCHASE, 80),
    ]
    assert path(*way, until=90) == [
        ("awareness", "first_touch"),
        ("acquisition", "identified"),
        ("retention", "engaged"),
        ("fulfilment", "first_purchase"),
        ("loyalty", "loyal"),
        ("fulfilment", "expectation_broken"),
        ("churned", "cancelled"),
        ("retention", "re_engaged"),
        ("fulfilment", "won_back"),
    ]


def test_a_direct_purchase_passes_the_stages_it_skips_in_no_time():
    assert path(event(K.PURCHASE), until=1) == [
        (str(stage), "direct_purchase") for stage in (S.AWARENESS, S.ACQUISITION, S.RETENTION, S.FULFILMENT)
    ]
    assert path(event(K.TOUCH), event(K.PURCHASE, 1), until=2)[1:] == [
        (str(stage), "direct_purchase") for stage in (S.ACQUISITION, S.RETENTION, S.FULFILMENT)
    ]


@pytest.mark.parametrize(
    "events, last",
    [
        ([event(K.IDENTIFIED)], ("acquisition", "identified")),
        ([event(K.IDENTIFIED), event(K.CLICK, 1)], ("acquisition", "identified")),
        ([event(K.IDENTIFIED), event(K.CLICK, 1), event(K.CLICK, 31)], ("retention", "engaged")),
        ([event(K.IDENTIFIED), event(K.CLICK, 1), event(K.CLICK, 32)], ("acquisition", "identified")),
        ([event(K.IDENTIFIED), event(K.SCORED, 1, 0.7)], ("retention", "engaged")),
        ([event(K.IDENTIFIED), event(K.SCORED, 1, 0.69)], ("acquisition", "identified")),
        ([event(K.IDENTIFIED), event(K.INVALID, 1)], ("disqualified", "invalid")),
        ([event(K.IDENTIFIED), event(K.REFUSED, 1)], ("disqualified", "refused")),
        ([event(K.IDENTIFIED), event(K.GOODBYE, 1)], ("disqualified", "refused")),
        ([event(K.IDENTIFIED), event(K.CANCELLED, 1)], ("acquisition", "identified")),
        ([event(K.IDENTIFIED), event(K.REFUSED, 1), event(K.TOUCH, 2)], ("acquisition", "recycled")),
        ([event(K.IDENTIFIED), event(K.REFUSED, 1), event(K.PURCHASE, 2)], ("fulfilment", "direct_purchase")),
        (
            [event(K.IDENTIFIED), *[event(K.UNANSWERED, day) for day in range(1, 6)]],
            ("disqualified", "never_responded"),
        ),
        ([event(K.IDENTIFIED), *[event(K.UNANSWERED, 50 * day) for day in range(1, 6)]], ("acquisition", "identified")),
        ([event(K.PURCHASE), event(K.PURCHASE_REVERSED, 1)], ("retention", "order_reversed")),
        ([event(K.PURCHASE), event(K.PURCHASE, 1), event(K.PURCHASE_REVERSED, 2)], ("fulfilment", "direct_purchase")),
        ([event(K.PURCHASE), event(K.CANCELLED, 1), event(K.PURCHASE, 2)], ("fulfilment", "won_back")),
        ([event(K.PURCHASE), event(K.FORCED, 1)], ("loyalty", "forced")),
        ([event(K.PURCHASE), event(K.FORCED, 1), event(K.TIER_LOST, 2)], ("fulfilment", "expectation_broken")),
        ([event(K.PURCHASE), event(K.FORCED, 1, to=S.FULFILMENT)], ("fulfilment", "direct_purchase")),
        ([event(K.FORCED), event(K.PURCHASE_REVERSED, 1)], ("retention", "order_reversed")),
        ([event(K.TOUCH), event(K.ERASED, 1), event(K.PURCHASE, 2), event(K.FORCED, 3)], ("erased", "erased")),
        ([event(K.CONTRACT_STARTED)], ("fulfilment", "direct_purchase")),
    ],
)
def test_each_kind_of_evidence_leads_where_the_policy_says(events, last):
    assert path(*events, until=max(each.at - START for each in events).days + 1)[-1] == last


def test_nothing_leads_nowhere():
    assert path() == path(event(K.ERASED)) == path(event(K.SCORED, 0, 1.0)) == path(event(K.TOUCH, 500)) == []


@pytest.mark.parametrize(
    "evidence, loyal",
    [
        ([event(K.CSAT, 2, 4)], True),
        ([event(K.CSAT, 2, 3)], False),
        ([event(K.NPS, 2, 9)], True),
        ([event(K.REFERRAL_QUALIFIED, 2)], True),
        ([event(K.CONTENT_REWARDED, 2)], True),
        ([event(K.CASE_OPENED, 1), event(K.NPS, 2, 10)], False),
        ([event(K.CASE_OPENED, 1), event(K.NPS, 2, 10), event(K.CASE_CLOSED, 3)], True),
        ([event(K.NPS, 2, 10), event(K.NPS, 3, 6), event(K.PURCHASE, 4)], True),
    ],
)
def test_loyalty_needs_orders_praise_and_no_open_case(evidence, loyal):
    history = path(event(K.PURCHASE, 0), event(K.PURCHASE, 1), *evidence, until=30)
    assert (("loyalty", "loyal") in history) == loyal
    assert ("loyalty", "loyal") not in path(
        event(K.PURCHASE, 0), *[each for each in evidence if each.kind is not K.PURCHASE], until=30
    )


def test_loyalty_does_not_flap():
    ratings = [event(K.CSAT, 2 + day, 5 if day % 2 else 1) for day in range(100)]
    stages = [stage for stage, _ in path(event(K.PURCHASE, 0), event(K.PURCHASE, 1), *ratings, until=102)]
    changes = stages.count("loyalty") + stages.count("fulfilment")
    assert changes <= 2 + 100 / 30 + 1
    one_missed = [event(K.PURCHASE, 0), event(K.PURCHASE, 1), event(K.NPS, 2, 9), event(K.SLA_MISSED, 3)]
    assert path(*one_missed, event(K.NPS, 4, 10), until=30)[-1] == ("fulfilment", "expectation_broken")
    assert path(*one_missed, event(K.NPS, 33, 10), until=40)[-1] == ("loyalty", "loyal")


def test_silence_ends_a_relation_at_the_instant_it_grew_too_long():
    monthly = [event(K.PURCHASE, 30 * number) for number in range(10)]
    history = derive(monthly, POLICY, START + 2000 * DAY)
    assert history[-1].reason == "inactive"
    assert history[-1].occurred_at == START + (270 + 180) * DAY + timedelta(microseconds=1)
    assert history[-1].evidence[0].id == monthly[-1].id
    yearly = [event(K.PURCHASE, 365 * number) for number in range(3)]
    assert ("churned", "inactive") in path(*yearly, until=365 * 4)  # no cadence was known before the second order
    assert path(*yearly, until=365 * 4)[-1] == ("fulfilment", "won_back")
    assert path(*yearly, until=365 * 4, policy=LifecyclePolicy(silence_floor=400 * DAY))[-1][0] == "fulfilment"
    assert path(event(K.CONTRACT_STARTED), until=5000)[-1][0] == "fulfilment"
    assert path(event(K.CONTRACT_STARTED), event(K.CANCELLED, 9), until=5000)[-1] == ("churned", "cancelled")


def test_a_late_event_gives_another_answer_and_what_was_known_stays_askable():
    order = event(K.PURCHASE, 10, known_at=START + 50 * DAY)
    events = [event(K.TOUCH, 0), order]
    assert path(*events, until=60)[-1] == ("fulfilment", "direct_purchase")
    assert path(*events, until=60, known_at=START + 49 * DAY) == [("awareness", "first_touch")]
    assert derive(events, POLICY, START + 60 * DAY)[-1].recorded_at == START + 50 * DAY


def test_time_in_stage_ends_on_the_day_whatever_the_history_holds_after_it():
    history = derive([event(K.TOUCH, 0), event(K.PURCHASE, 10)], POLICY, START + 20 * DAY)
    assert time_in_stage(history, START + 4 * DAY) == {S.AWARENESS: 4 * DAY}
    assert time_in_stage(history, START - DAY) == {}


def test_what_was_known_before_does_not_overrule_a_forced_step_and_newer_praise_does():
    bought = [event(K.PURCHASE, 1), event(K.PURCHASE, 2)]
    down = [*bought, event(K.NPS, 3, 10), event(K.FORCED, 10, to=S.FULFILMENT)]
    assert path(*down, event(K.UNANSWERED, 50), until=60)[-1] == ("fulfilment", "forced")
    assert path(*down, event(K.NPS, 50, 10), until=60)[-1] == ("loyalty", "loyal")
    back = [*bought, event(K.CANCELLED, 3), event(K.NPS, 4, 10), event(K.FORCED, 10, to=S.FULFILMENT)]
    assert path(*back, until=60)[-1] == ("fulfilment", "forced")


def test_nothing_follows_an_erasure_not_even_where_there_was_no_stage_yet():
    assert path(event(K.ERASED, 1), event(K.PURCHASE, 5)) == []


def test_only_clicks_after_the_capture_are_engagement():
    assert path(event(K.CLICK, 1), event(K.IDENTIFIED, 2), event(K.CLICK, 3))[-1] == ("acquisition", "identified")
    assert path(event(K.IDENTIFIED, 2), event(K.CLICK, 3), event(K.CLICK, 4))[-1] == ("retention", "engaged")


def test_one_record_may_be_evidence_of_two_kinds():
    order = UUID(int=9)
    assert path(event(K.PURCHASE, 1, id=order), event(K.PURCHASE_REVERSED, 5, id=order))[-1] == (
        "retention",
        "order_reversed",
    )


def test_a_forced_step_says_who_and_why():
    (*_, forced) = derive([event(K.TOUCH), event(K.FORCED, 1)], POLICY, START + 2 * DAY)
    assert (forced.forced, forced.actor, forced.note) == (True, ANA, "a friend of the house")


@pytest.mark.parametrize(
    "make",
    [
        lambda: event(K.CSAT),
        lambda: event(K.NPS, 0, float("nan")),
        lambda: event(K.SCORED, 0, True),
        lambda: event(K.FORCED, note=None),
        lambda: event(K.TOUCH, known_at=START - DAY),
        lambda: event("touch"),
        lambda: LifecyclePolicy(csat_leave=4),
        lambda: LifecyclePolicy(silence_factor=0),
        lambda: LifecyclePolicy(min_dwell=timedelta(0)),
        lambda: LifecyclePolicy(clicks=0),
        lambda: activity_status([], START, usual_gap=timedelta(0)),
        lambda: activity_status([datetime(2026, 1, 1)], START),
        lambda: derive([event(K.TOUCH)], POLICY, datetime(2026, 1, 1)),
        lambda: derive([event(K.TOUCH)], POLICY, START, known_at="now"),
        lambda: activity_status([], START, probability_alive=2),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(InvalidValueError):
        make()


@pytest.mark.parametrize(
    "days, today, status",
    [
        ([], 10, None),
        ([20], 10, None),
        ([0], 60, ActivityStatus.NEW),
        ([0], 61, ActivityStatus.ACTIVE),
        ([0], 91, ActivityStatus.COOLING),
        ([0, 30, 60], 100, ActivityStatus.ACTIVE),
        ([0, 30, 60], 120, ActivityStatus.COOLING),
        ([0, 30, 60], 150, ActivityStatus.AT_RISK),
        ([0, 30, 60], 200, ActivityStatus.LAPSED),
        ([0, 30, 60], 301, ActivityStatus.LOST),
        ([0, 30, 60, 300], 310, ActivityStatus.WON_BACK),
        ([0, 400], 410, ActivityStatus.WON_BACK),
    ],
)
def test_activity_is_measured_in_the_own_cadence(days, today, status):
    assert activity_status([START + day * DAY for day in days], START + today * DAY) is status


@pytest.mark.parametrize(
    "alive, status", [(0.9, "active"), (0.5, "cooling"), (0.3, "at_risk"), (0.1, "lapsed"), (0.0, "lost")]
)
def test_the_chance_of_being_alive_may_be_asked_instead(alive, status):
    assert activity_status([START], START + 99 * DAY, probability_alive=alive) == status


def test_every_stage_has_a_label_elsewhere():
    assert set(HUBSPOT_LABELS) == set(SALESFORCE_LABELS) == set(Stage)
