"""Stages over every store: derived from what is kept, written once, and taken back where we know better."""

from datetime import timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import NOW, customer, everything, order

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.contribution import Contribution, Moderation
from pycrm.model.customer import Customer, Processing
from pycrm.model.earning import EarningRule
from pycrm.model.entity import new_id
from pycrm.model.evidence import Actor, ActorKind
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.model.journey import EventKind, LifecyclePolicy, derive, win_back_count
from pycrm.model.lead import Lead
from pycrm.model.lifecycle import Stage, StageChange, StageRetraction, stage_of, standing_stages
from pycrm.model.money import Money
from pycrm.model.order import OrderStatus, Refund
from pycrm.model.play import Play, PlayAction, PlayTrigger
from pycrm.model.referral import Referral, ReferralStatus
from pycrm.model.source import SourceRecord
from pycrm.model.task import Task
from pycrm.storage import MemoryStore, check, customer_view
from pycrm.workflows import contributions, identify, interact, lifecycle, privacy
from storage.opened import KINDS, fresh, opened

DAY = timedelta(days=1)
BOSS = Actor(ActorKind.HUMAN, "boss")
POLICY = LifecyclePolicy()
ANA = customer("Ana")


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    made = fresh(whole)
    put(made, ANA)
    return made


def put(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def ago(days):
    return NOW - days * DAY


def said(days, *, who=ANA, kind=InteractionKind.EMAIL, direction=Direction.IN, known=None, **more):
    return Interaction(
        customer_id=who.id,
        kind=kind,
        direction=direction,
        channel="email",
        occurred_at=ago(days),
        recorded_at=ago(days if known is None else known),
        **more,
    )


def standing(store, *who, known_at=None):
    ids = {one.id for one in who or (ANA,)}
    changes = [one for one in everything(store, StageChange) if one.customer_id in ids]
    gone = [one for one in everything(store, StageRetraction) if one.customer_id in ids]
    return standing_stages(changes, gone, known_at=known_at)


def told(history):
    return [(one.from_stage, one.to_stage, one.occurred_at, one.reason, one.forced) for one in history]


def stages(history):
    return [str(one.to_stage) for one in history]


def test_steps_are_derived_from_what_is_kept_and_written_once(store):
    put(store, said(90, kind=InteractionKind.WEB), said(80, outcome="submitted"), said(70), order(ANA, 1, 60, 10))
    first = lifecycle.advance(store, as_of=NOW, actor="night")
    assert (first.customers, dict(first.written), first.retracted) == (
        1,
        {"first_touch": 1, "identified": 1, "engaged": 1, "first_purchase": 1},
        0,
    )
    assert stages(standing(store)) == ["awareness", "acquisition", "retention", "fulfilment"]
    kept = everything(store, StageChange)
    again = lifecycle.advance(store, as_of=NOW + DAY)
    assert not again.written
    assert not again.retracted
    assert everything(store, StageChange) == kept
    assert check(store).sound
    assert customer_view(store, ANA.id, NOW).stages == standing(store)
    purchase = standing(store)[-1].evidence[0]
    assert (purchase.kind, purchase.at) == ("purchase", ago(60))


def test_every_record_is_the_evidence_it_is(store):
    loyal = EarningRule(code="review", program="tea", event="content", points=20)
    lead = Lead(customer_id=ANA.id, source="fair", created_at=ago(49))
    referral = Referral(
        program_code="friends", code="ANA", advocate_id=ANA.id, invited_at=ago(48), joined_at=ago(47), qualified_at=ago(46),
        friend_id=new_id(), status=ReferralStatus.QUALIFIED,
    )  # fmt: skip
    back = Refund(at=ago(40), amount=Money(4, "EUR"))
    returned = order(ANA, 1, 45, 10).refund(back).refund(attrs.evolve(back, at=ago(30), amount=Money(6, "EUR")))
    rated = {"kind": InteractionKind.SURVEY, "direction": Direction.NONE}
    put(
        store, loyal, lead, returned, order(ANA, 2, 44, 10, status=OrderStatus.CANCELLED), order(ANA, 3, 43, 0),
        said(39, direction=Direction.OUT), said(38, outcome="clicked"), said(37, outcome="unsubscribed"), said(36),
        said(35, kind=InteractionKind.VISIT), said(34, direction=Direction.NONE, outcome="bounced"),
        said(33, **rated, payload={"csat": 5, "nps": 9}), said(32, **rated, payload={"csat": "good"}),
        said(31, direction=Direction.NONE, outcome="goodbye"),
    )  # fmt: skip
    with store.begin() as unit:
        friend = customer("Bea", id=referral.friend_id)
        unit.of(type(friend)).add(friend)
        unit.of(Referral).add(referral)
        unit.commit()
    essay = Contribution(author_id=ANA.id, kind="review", key="shop:7", made_at=ago(29), disclosed=True)
    contributions.submit(store, essay)
    contributions.moderate(store, essay.id, Moderation.APPROVED, moderator="eva", at=ago(29))
    contributions.reward(store, essay.id, "tea", ago(28), valued=0)
    found = [(str(one.kind), one.at, one.value) for one in lifecycle.events(store, ANA.id, as_of=NOW)]
    assert found == [
        ("identified", ago(49), None),
        ("referral_qualified", ago(46), None),
        ("purchase", ago(45), None),
        ("unanswered", ago(39), None),
        ("click", ago(38), None),
        ("refused", ago(37), None),
        ("engaged", ago(36), None),
        ("touch", ago(35), None),
        ("csat", ago(33), 5.0),
        ("nps", ago(33), 9.0),
        ("goodbye", ago(31), None),
        ("purchase_reversed", ago(30), None),
        ("content_rewarded", ago(28), None),
    ]
    contributions.moderate(store, essay.id, Moderation.REFUSED, moderator="eva", at=ago(27), reason="copied")
    contributions.reward(store, essay.id, "tea", ago(26), valued=0)
    kinds = {one.kind for one in lifecycle.events(store, ANA.id, as_of=NOW)}
    assert EventKind.CONTENT_REWARDED not in kinds
    with pytest.raises(NotFound):
        lifecycle.events(store, new_id(), as_of=NOW)


def test_late_evidence_retracts_what_it_overtakes_and_both_stay_readable(store):
    put(store, said(50))
    lifecycle.advance(store, as_of=ago(40))
    put(store, said(60, known=30, outcome="submitted"))
    late = lifecycle.advance(store, as_of=ago(20))
    assert late.retracted == 1
    assert stages(standing(store)) == ["awareness", "acquisition", "retention"]
    assert stages(standing(store, known_at=ago(40))) == ["awareness"]
    assert standing(store, known_at=ago(40))[0].occurred_at == ago(50)
    assert {one.recorded_at for one in standing(store)} == {ago(30)}
    with pytest.raises(InvalidValueError, match="as_of"):
        lifecycle.advance(store, as_of=ago(25))


def test_a_step_that_comes_back_is_written_anew(store):
    put(store, order(ANA, 1, 60, 10))
    lifecycle.advance(store, as_of=ago(50))
    for day, status in ((40, OrderStatus.CANCELLED), (30, OrderStatus.PAID)):
        with store.begin() as unit:
            (held,) = (one for one in everything(store, type(order(ANA, 1, 60, 10))))
            unit.of(type(held)).save(attrs.evolve(held, status=status))
            unit.commit()
        lifecycle.advance(store, as_of=ago(day))
    assert len(standing(store, known_at=ago(50))) == len(standing(store)) == 4
    assert standing(store, known_at=ago(35)) == ()
    assert {one.recorded_at for one in standing(store)} == {ago(30)}


def test_a_forced_step_stands_until_newer_evidence(store):
    put(store, said(60, outcome="submitted"))
    lifecycle.advance(store, as_of=ago(50))
    step = lifecycle.force(store, ANA.id, Stage.FULFILMENT, reason="bought at the fair", actor=BOSS, at=ago(40))
    assert lifecycle.force(store, ANA.id, Stage.FULFILMENT, reason="bought at the fair", actor=BOSS, at=ago(40)) == step
    assert (step.from_stage, step.forced, step.actor, step.note) == (
        Stage.ACQUISITION,
        True,
        BOSS,
        "bought at the fair",
    )
    assert not lifecycle.advance(store, as_of=ago(30)).written
    assert standing(store)[-1] == step
    # An older purchase comes to light: the same decision now starts elsewhere, and still stands.
    put(store, said(55, known=25))
    lifecycle.advance(store, as_of=ago(20))
    last = standing(store)[-1]
    assert (last.from_stage, last.to_stage, last.forced, last.actor) == (Stage.RETENTION, Stage.FULFILMENT, True, BOSS)
    assert not lifecycle.advance(store, as_of=ago(19)).written
    put(store, said(15, direction=Direction.NONE, outcome="goodbye"))
    lifecycle.advance(store, as_of=ago(10))
    assert stage_of(standing(store), NOW) is Stage.CHURNED
    with pytest.raises(InvalidValueError, match="already"):
        lifecycle.force(store, ANA.id, Stage.CHURNED, reason="gone", actor=BOSS, at=ago(5))
    with pytest.raises(InvalidValueError, match="erase"):
        lifecycle.force(store, ANA.id, Stage.ERASED, reason="gone", actor=BOSS, at=ago(5))


def test_a_merge_is_the_union_of_what_happened_and_is_parted_again(store):
    records = [
        SourceRecord(
            source="shop", key=name, received_at=ago(90), fields={"given_name": name, "email": f"{name}@x.example"}
        )
        for name in ("cid", "dan")
    ]
    identify.register(store, records)
    identify.resolve(store, at=ago(89))
    named = {one.name.given: one for one in everything(store, Customer)}
    cid, dan = named["cid"], named["dan"]
    put(store, order(cid, 1, 80, 10), said(70, who=dan), order(dan, 2, 60, 10))
    lifecycle.advance(store, POLICY, as_of=ago(50))
    apart = told(standing(store, cid)), told(standing(store, dan))
    identify.merge(store, cid.id, dan.id, at=ago(40), reason="one person")
    lifecycle.advance(store, POLICY, as_of=ago(30))
    events = lifecycle.events(store, dan.id, as_of=ago(30))
    assert {one.customer_id for one in events} == {cid.id}
    assert len(events) == 3
    assert told(standing(store, cid, dan)) == told(derive(events, POLICY, ago(30)))
    assert identify.file_of(store, dan.id, at=NOW).stage is Stage.FULFILMENT
    identify.unmerge(store, dan.id, at=ago(20), reason="brothers")
    lifecycle.advance(store, POLICY, as_of=ago(10))
    assert (told(standing(store, cid)), told(standing(store, dan))) == apart


def test_who_may_not_be_used_is_left_alone(store):
    bea, cid = customer("Bea", processing=Processing.RESTRICTED), customer("Cid")
    put(store, bea, cid, order(bea, 1, 60, 10), order(cid, 2, 60, 10))
    lifecycle.advance(store, as_of=ago(30))
    assert not standing(store, bea)
    assert len(standing(store, cid)) == 4
    privacy.erase(store, cid.id, at=ago(20))
    before = everything(store, StageChange)
    assert lifecycle.advance(store, as_of=NOW).customers == 0
    assert everything(store, StageChange) == before
    assert stage_of(standing(store, cid), NOW) is Stage.ERASED
    assert lifecycle.events(store, bea.id, as_of=NOW) == ()
    with pytest.raises(InvalidValueError, match="restricted"):
        lifecycle.force(store, bea.id, Stage.LOYALTY, reason="nice", actor=BOSS, at=NOW)


def test_only_those_who_are_named_and_nobody_who_is_not_there(store):
    bea = customer("Bea")
    put(store, bea, said(10), said(10, who=bea))
    assert lifecycle.advance(store, as_of=NOW, customers=[bea.id]).customers == 1
    assert not standing(store)
    assert standing(store, bea)
    with pytest.raises(NotFound):
        lifecycle.advance(store, as_of=NOW, customers=[new_id()])


def test_plays_react_to_what_was_derived(store):
    plays = [
        Play(code=code, stage=Stage.AWARENESS, trigger=trigger, action=PlayAction.TASK, text=code, after=after)
        for code, trigger, after in (
            ("hello", PlayTrigger.ENTRY, 0 * DAY),
            ("nudge", PlayTrigger.DWELL, 5 * DAY),
            ("bye", PlayTrigger.EXIT, 0 * DAY),
        )
    ]

    def done(days):
        lifecycle.advance(store, as_of=ago(days))
        interact.play(store, plays, as_of=ago(days).date(), at=ago(days))
        return sorted(one.title for one in everything(store, Task))

    put(store, said(20))
    assert done(20) == ["hello"]
    assert done(14) == ["hello", "nudge"]
    put(store, said(13, outcome="submitted"))
    assert done(13) == ["bye", "hello", "nudge"]


def test_low_probability_of_being_alive_is_a_churn_where_the_policy_says_so(store):
    put(
        store,
        order(ANA, 1, 60, 10),
        Assessment(
            customer_id=ANA.id,
            run="r",
            as_of=ago(30).date(),
            probability_alive=0.05,
            since=ago(60).date(),
            orders=1,
            historic_value=Money(10, "EUR"),
            tier=Tier.MOST_VALUABLE,
        ),
    )
    lifecycle.advance(store, as_of=ago(20))
    assert stages(standing(store))[-1] == "fulfilment"
    lifecycle.advance(store, LifecyclePolicy(version="2", churned_below=0.1), as_of=ago(10))
    last = standing(store)[-1]
    assert (last.to_stage, last.reason, last.policy_version) == (Stage.CHURNED, "inactive", "2")
    put(store, order(ANA, 2, 5, 10))
    lifecycle.advance(store, LifecyclePolicy(version="2", churned_below=0.1), as_of=NOW)
    assert win_back_count(standing(store)) == 1
    assert {one.policy_version for one in standing(store)[:4]} == {"1"}


def test_a_new_edition_of_the_policy_leaves_the_steps_before_it(store):
    put(store, order(ANA, 1, 90, 10))
    lifecycle.advance(store, POLICY, as_of=ago(40))
    before = standing(store)
    stricter = LifecyclePolicy(version="2", silence_floor=30 * DAY, before=POLICY, since=ago(20))
    assert lifecycle.advance(store, stricter, as_of=ago(10)).retracted == 0
    assert standing(store)[:-1] == before
    last = standing(store)[-1]
    assert (last.reason, last.occurred_at, last.policy_version) == ("inactive", ago(20), "2")
    # Without the edition before it, it speaks of all times.
    alone = attrs.evolve(stricter, version="3", before=None, since=None)
    assert lifecycle.advance(store, alone, as_of=ago(5)).retracted == 1
    assert standing(store)[-1].occurred_at == ago(60) + timedelta(microseconds=1)


_SAID = st.tuples(
    st.integers(1, 60),
    st.integers(0, 20),
    st.sampled_from(
        ["submitted", "clicked", "replied", "goodbye", "refused", "unanswered", "contract_started", "case_opened"]
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_SAID, max_size=12), st.lists(st.integers(0, 60), min_size=1, max_size=4), st.data())
def test_the_stored_history_is_that_of_all_events_whenever_they_came(happened, days, data):
    store = MemoryStore()
    put(store, ANA)
    records = [
        said(day, known=max(day - late, 0), outcome=outcome, direction=Direction.NONE)
        for day, late, outcome in happened
    ]
    waiting = data.draw(st.permutations(records))
    policy = LifecyclePolicy(silence_floor=10 * DAY, unanswered=2)
    runs = [ago(day) for day in sorted({*days, 0}, reverse=True)]
    for now in runs:
        put(store, *(one for one in waiting if one.recorded_at <= now))
        waiting = [one for one in waiting if one.recorded_at > now]
        lifecycle.advance(store, policy, as_of=now)
    events = lifecycle.events(store, ANA.id, as_of=NOW)
    assert len(events) == len(records)
    for now in runs:
        assert told(standing(store, known_at=now)) == told(derive(events, policy, now, known_at=now))
