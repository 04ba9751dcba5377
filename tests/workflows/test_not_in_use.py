"""Whose data is restricted, or who was erased, is used by no verb; and the reason is told: over every store."""

from datetime import timedelta

import attrs
import pytest
from worlds import NOW, TODAY, customer, everything, order

from pycrm.errors import InvalidValueError
from pycrm.model.assessment import Assessment
from pycrm.model.contribution import Contribution, Moderation
from pycrm.model.customer import Customer, Processing
from pycrm.model.earning import EarningMode, EarningRule
from pycrm.model.entity import new_id
from pycrm.model.lead import Lead, LeadChange
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderStatus
from pycrm.model.points_command import Earn
from pycrm.model.referral import Referral, ReferralProgram, ReferralStatus
from pycrm.model.reward import Redemption, Reward, RewardKind
from pycrm.model.source import SourceRecord
from pycrm.model.time import Period
from pycrm.report.stored import purchases_of_store
from pycrm.scoring import ProfileRule, Qualification, ScoringRules
from pycrm.storage import MemoryStore
from pycrm.storage.ledger import post_points
from pycrm.storage.lookups import not_in_use, why_not_used
from pycrm.storage.sql import SqlStore
from pycrm.workflows import contributions, differentiate, identify, leads, loyalty, privacy, refer, review

STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}
DAY = timedelta(days=1)
GRADES = [fit + engagement for fit in "ABC" for engagement in "123"]
FRIENDS = ReferralProgram(
    code="friends", program="tea", advocate_points=100, friend_points=50, level_rates=(1000,), window=90 * DAY
)
SPEND = EarningRule(code="spend", program="tea", mode=EarningMode.PER_AMOUNT, points=1, per=Money(1, "EUR"))
REVIEW = EarningRule(code="review", program="tea", event="content", points=20)
CUP = Reward(code="cup", program="tea", name="A cup", kind=RewardKind.FREE_ITEM, sku="cup", cost=60, stock=1)
SCORING = ScoringRules(
    rules=(ProfileRule(name="home", column="country", test="equals", value="ES", points=40),),
    qualifications=(
        Qualification(state="marketing_qualified", fit=30),
        Qualification(state="sales_qualified", fit=90),
    ),
    version="1",
)


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param]()


@pytest.fixture
def two(store):
    ana, bea = customer("Ana", country="ES"), customer("Bea", country="ES")
    orders = [order(who, f"{who.name.given}-{n}", 20 + n, 30) for who in (ana, bea) for n in range(2)]
    offered = [Lead(customer_id=who.id, source="fair", created_at=NOW - 30 * DAY) for who in (ana, bea)]
    with store.begin() as unit:
        for entity in (ana, bea, *orders, *offered, FRIENDS, SPEND, REVIEW, CUP):
            unit.of(type(entity)).add(entity)
        unit.commit()
    return ana, bea


def stop(store, who, how):
    if how == "restricted":
        privacy.restrict(store, who.id, at=NOW)
    else:
        privacy.erase(store, who.id, at=NOW)


def balance(store, who):
    with store.begin(read_only=True) as unit:
        return loyalty.account_of(unit, who.id, "tea").available


both = pytest.mark.parametrize(("how", "words"), [("restricted", "is restricted"), ("erased", "was erased")])


@both
def test_nobody_is_invited_joined_or_paid_for_whose_data_is_not_used(store, two, how, words):
    ana, bea = two
    cid, dan = customer("Cid"), customer("Dan")
    with store.begin() as unit:
        for who in (cid, dan):
            unit.of(type(who)).add(who)
        unit.commit()
    opened = refer.invite(store, "friends", ana.id, key="1", at=NOW - 9 * DAY)
    by_bea = refer.invite(store, "friends", bea.id, key="2", at=NOW - 9 * DAY)
    refer.join(store, by_bea.id, cid.id, NOW - 8 * DAY)
    stop(store, bea, how)
    with pytest.raises(InvalidValueError, match=words):
        refer.invite(store, "friends", bea.id, key="3", at=NOW)
    with pytest.raises(InvalidValueError, match=words):
        refer.join(store, opened.id, bea.id, NOW)
    with pytest.raises(InvalidValueError, match=words):
        refer.qualify(store, by_bea.id, NOW)
    states = {one.id: one.status for one in everything(store, Referral)}
    assert states == {opened.id: ReferralStatus.INVITED, by_bea.id: ReferralStatus.JOINED}
    assert (balance(store, bea), balance(store, cid)) == (0, 0)


@both
def test_who_brought_the_advocate_is_passed_over_and_the_others_are_paid(store, two, how, words):
    ana, bea = two
    cid = customer("Cid")
    with store.begin() as unit:
        unit.of(type(cid)).add(cid)
        unit.commit()
    with store.begin() as unit:
        brought = unit.of(Referral).add(
            Referral(program_code="friends", code="0", advocate_id=bea.id, invited_at=NOW - 40 * DAY)
        )
        joined = unit.of(Referral).save(brought.joined(ana.id, NOW - 39 * DAY))
        qualified = unit.of(Referral).save(joined.qualified(NOW - 35 * DAY))
        unit.of(Referral).save(qualified.rewarded(NOW - 35 * DAY))
        unit.commit()
    opened = refer.invite(store, "friends", ana.id, key="1", at=NOW - 9 * DAY)
    refer.join(store, opened.id, cid.id, NOW - 8 * DAY)
    stop(store, bea, how)
    paid = refer.qualify(store, opened.id, NOW).paid
    assert (set(paid), balance(store, bea)) == ({ana.id, cid.id}, 0)
    assert paid[ana.id] == 100


@both
def test_points_are_neither_earned_nor_spent_but_what_is_undone_is_taken_back(store, two, how, words):
    _, bea = two
    first, second = [one for one in everything(store, Order) if one.customer_id == bea.id]
    loyalty.earn_for_order(store, first.id, "tea", NOW - DAY)
    with store.begin() as unit:
        post_points(unit, bea.id, "tea", Earn(100, reason="welcome"), key="welcome", at=NOW - DAY)
        unit.commit()
    said = Contribution(author_id=bea.id, kind="review", key="shop:7", made_at=NOW - DAY, disclosed=True)
    contributions.submit(store, said)
    contributions.moderate(store, said.id, Moderation.APPROVED, moderator="eva", at=NOW - DAY)
    stop(store, bea, how)
    assert loyalty.earn_for_order(store, second.id, "tea", NOW) == ()
    found = contributions.reward(store, said.id, "tea", NOW, valued=0)
    assert (found.points, [reason.code for reason in found.refused]) == ((), [how])
    for verb in (
        lambda: contributions.submit(store, attrs.evolve(said, id=new_id(), key="shop:8")),
        lambda: contributions.vote(store, said.id, bea.id, NOW),
    ):
        with pytest.raises(InvalidValueError, match=words):
            verb()
    with pytest.raises(InvalidValueError, match=words):
        loyalty.redeem(store, bea.id, CUP.id, key="cup", at=NOW)
    assert (everything(store, Redemption), balance(store, bea)) == ([], 130)
    with store.begin() as unit:
        unit.of(Order).save(attrs.evolve(unit.of(Order).get(first.id), status=OrderStatus.CANCELLED))
        unit.commit()
    (undone,) = loyalty.earn_for_order(store, first.id, "tea", NOW + DAY)
    assert (undone.earned, undone.taken_back, balance(store, bea)) == (30, 30, 100)


@both
def test_leads_of_whom_is_not_used_are_neither_ranked_nor_moved_nor_converted(store, two, how, words):
    ana, bea = two
    stop(store, bea, how)
    queued = leads.queue(store, SCORING, at=NOW, probability=dict.fromkeys(GRADES, 0.5), value=9.0)
    assert [one.customer_id for one in queued] == [ana.id]
    report = leads.qualify(store, SCORING, at=NOW)
    assert report.states == {"marketing_qualified": 1}
    (change,) = everything(store, LeadChange)
    by_id = {one.id: one.customer_id for one in everything(store, Lead)}
    assert by_id[change.lead_id] == ana.id
    hers = next(id for id, who in by_id.items() if who == bea.id)
    with pytest.raises(InvalidValueError, match=words):
        leads.convert(store, hers, at=NOW)


@both
def test_leads_of_whom_is_not_used_are_in_no_rate(store, two, how, words):
    _, bea = two
    everybody = leads.rates(store, Period(), at=NOW)
    stop(store, bea, how)
    rates = leads.rates(store, Period(), at=NOW)
    assert [(one.source, one.leads) for one in everybody] == [("all", 2), ("fair", 2)]
    assert [(one.source, one.leads) for one in rates] == [("all", 1), ("fair", 1)]


@both
def test_a_report_says_how_much_it_leaves_out_and_calls_nobody_erased_by_name(store, two, how, words):
    _, bea = two
    stop(store, bea, how)
    found = purchases_of_store(store, as_of=TODAY, name="shop")
    names = set(found.customers)
    assert "Bea" not in names
    assert "Ana" in names
    if how == "restricted":
        assert (names, found.dropped, found.rows_read, found.rows_used) == ({"Ana"}, {"restricted": 2}, 4, 2)
    else:
        assert (names, found.dropped, found.gross.sum()) == ({"Ana", str(bea.id)}, {}, 120.0)


@both
def test_nobody_is_assessed_reviewed_or_audited_whose_data_is_not_used(store, two, how, words):
    ana, bea = two
    differentiate.assess(store, as_of=TODAY - 5 * DAY, run="current")
    stop(store, bea, how)
    differentiate.assess(store, as_of=TODAY, run="current")
    assert {one.customer_id for one in everything(store, Assessment) if one.as_of == TODAY} == {ana.id}
    before = ("current", TODAY - 5 * DAY)
    found = review.compare(store, former=before, later=("current", TODAY))
    assert (found.migration.stayed, found.migration.left.sum()) == (1, 0)
    assert review.audit(store, as_of=before[1], group="country", min_rows=1).customers == 1


def test_snapshots_from_before_a_merge_are_read_by_who_everybody_is_now(store):
    said = [
        SourceRecord(source="shop", key=name, received_at=NOW - 90 * DAY, fields={"given_name": name, "email": f"{name}@x.example"})
        for name in ("ana", "anita", "carl")
    ]  # fmt: skip
    identify.register(store, said)
    identify.resolve(store, at=NOW - 60 * DAY)
    ids = {one.name.given: one for one in everything(store, Customer)}
    with store.begin() as unit:
        for name, who in ids.items():
            made = order(who, name, 20, 30)
            unit.of(type(made)).add(made)
        unit.commit()
    day = TODAY - 5 * DAY
    differentiate.assess(store, as_of=day, run="current")
    identify.merge(store, ids["ana"].id, ids["anita"].id, at=NOW - DAY, reason="one person")
    differentiate.assess(store, as_of=TODAY, run="current")
    found = review.compare(store, former=("current", day), later=("current", TODAY))
    assert (found.migration.stayed, found.migration.left.sum(), found.migration.entered.sum()) == (2, 0, 0)
    assert review.audit(store, as_of=day, group="name.given", min_rows=1).customers == 2
    groups = {row.group for row in review.audit(store, as_of=day, group="name.given", min_rows=1).selection.groups}
    assert "missing" not in groups
    privacy.restrict(store, ids["anita"].id, at=NOW)
    assert review.audit(store, as_of=day, group="country", min_rows=1).customers == 1


def test_the_reason_is_that_of_the_customer_of_today(store, two):
    ana, bea = two
    with store.begin(read_only=True) as unit:
        assert (dict(not_in_use(unit)), why_not_used(unit, ana.id), why_not_used(unit, new_id())) == ({}, None, None)
    privacy.restrict(store, ana.id, at=NOW)
    privacy.erase(store, bea.id, at=NOW)
    with store.begin(read_only=True) as unit:
        assert not_in_use(unit) == {ana.id: Processing.RESTRICTED, bea.id: Processing.ERASED}
        assert why_not_used(unit, ana.id).code == "restricted"
    privacy.restrict(store, ana.id, at=NOW + DAY, lift=True)
    with store.begin(read_only=True) as unit:
        assert why_not_used(unit, ana.id) is None
