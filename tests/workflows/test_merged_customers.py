"""A merge moves nothing, and yet everything follows: read through any verb, two customers who became one are one."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.customer import Customer, PersonName
from pycrm.model.earning import EarningMode, EarningRule, RulePoints
from pycrm.model.experiment import Assignment, Experiment, ExperimentArm
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.order import Order, OrderLine, Refund
from pycrm.model.points_command import Adjust, CapSpan, Earn, EarnCap
from pycrm.model.referral import ReferralProgram, ReferralStatus, RejectReason
from pycrm.model.reward import Reward, RewardKind
from pycrm.model.source import SourceRecord
from pycrm.model.time import Period
from pycrm.report.stored import purchases_of_store
from pycrm.storage import MemoryStore, Query, customer_view, facts
from pycrm.storage.identity import aliases, aliases_of
from pycrm.storage.ledger import accounts_of, post_points
from pycrm.storage.sql import SqlStore
from pycrm.workflows import differentiate, identify, interact, loyalty, measure, personalise, refer

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TODAY = date(2026, 4, 30)
STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}


def ago(days):
    return NOW - timedelta(days=days)


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param]()


def keep(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [one for batch in unit.of(model).stream(Query(model)) for one in batch]


def ana_and_anita(store):
    """Two customers of one source record each, and a third who is nobody's alias."""
    rows = [
        SourceRecord(source="shop", key=key, received_at=ago(90 - n), fields={"given_name": key, "email": f"{key}@x.example"})
        for n, key in enumerate(("ana", "anita", "carl"))
    ]  # fmt: skip
    identify.register(store, rows)
    identify.resolve(store, at=ago(60))
    by_key = {record.key: record.id for record in everything(store, SourceRecord)}
    known = {name: next(c.id for c in everything(store, Customer) if c.name.given == name) for name in by_key}
    return known["ana"], known["anita"], known["carl"]


def merged(store, winner, loser, *, days=1):
    identify.merge(store, winner, loser, at=ago(days), reason="she said so")


def order(who, number, days, *, sku="tea", amount=10):
    line = OrderLine(sku=sku, unit_price=Money(Decimal(amount), "EUR"))
    return Order(customer_id=who, number=str(number), placed_at=ago(days), currency="EUR", lines=(line,))


def test_facts_and_assessments_are_of_the_customer_of_today(store):
    ana, anita, carl = ana_and_anita(store)
    said = Interaction(
        kind=InteractionKind.CALL, customer_id=anita, channel="phone", occurred_at=ago(9), recorded_at=ago(9)
    )
    keep(store, order(ana, 1, 40), order(anita, 2, 30), order(anita, 3, 20), order(carl, 4, 10), said)
    before = facts(store, NOW)
    first = differentiate.assess(store, as_of=TODAY, run="before")
    merged(store, ana, anita)
    after = facts(store, NOW)
    assert after["sales"]["customer"] == [ana, ana, ana, carl]
    assert after["interactions"]["customer"] == [ana]
    assert set(after["customers"]["customer"]) == {ana, carl}
    second = differentiate.assess(store, as_of=TODAY, run="after")
    assert (first.customers, second.customers) == (3, 2)
    assert (first.orders, first.revenue) == (second.orders, second.revenue)
    reported = purchases_of_store(store, as_of=TODAY, name="the shop")
    assert sorted(reported.customers.tolist()) == ["anita", "carl"]  # the name said last
    identify.unmerge(store, anita, at=NOW, reason="sisters")
    assert facts(store, NOW) == before


def test_the_view_of_either_id_is_the_view_of_one(store):
    ana, anita, _ = ana_and_anita(store)
    yes = ConsentEntry(customer_id=ana, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=ago(8))
    no = ConsentEntry(customer_id=anita, purpose="marketing", status=ConsentStatus.WITHDRAWN, captured_at=ago(9))
    keep(store, order(ana, 1, 40), order(anita, 2, 30), yes, no)
    merged(store, ana, anita)
    one, other = customer_view(store, ana, NOW), customer_view(store, anita, NOW)
    assert one == other
    assert (one.customer.id, [order.number for order in one.orders]) == (ana, ["1", "2"])
    assert [entry.status for entry in one.consents][-1] is ConsentStatus.WITHDRAWN
    assert [record.key for record in one.sources] == ["ana", "anita"]
    assert customer_view(store, anita, ago(2)).customer.id == anita


def test_a_yes_after_the_merge_counts_and_one_before_it_does_not(store):
    ana, anita, _ = ana_and_anita(store)
    keep(
        store,
        ConsentEntry(customer_id=anita, purpose="marketing", status=ConsentStatus.WITHDRAWN, captured_at=ago(9)),
        ConsentEntry(customer_id=ana, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=ago(8)),
    )
    merged(store, ana, anita, days=5)
    pulled = identify.pull_list(store, channel="email", purpose="marketing", at=NOW)
    assert (pulled.rows, pulled.left_out["withdrawn"]) == ((), 1)
    keep(store, ConsentEntry(customer_id=ana, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=ago(2)))
    [row] = identify.pull_list(store, channel="email", purpose="marketing", at=NOW).rows
    assert row.customer_id == ana


def test_nobody_is_planned_for_or_decided_for_under_an_id_that_is_gone(store):
    ana, anita, carl = ana_and_anita(store)
    consents = [
        ConsentEntry(customer_id=one, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=ago(50))
        for one in (ana, anita, carl)
    ]
    keep(
        store,
        *consents,
        order(anita, 1, 10, sku="tea"),
        Offer(code="tea", name="Tea", kind=OfferKind.FREE_ITEM, skus=("tea",)),
    )
    merged(store, ana, anita)
    plan = interact.plan(store, as_of=TODAY, at=NOW)
    assert (plan.customers, plan.topics["satisfaction"]) == (2, 1)
    decided = personalise.decide(store, as_of=TODAY, at=NOW)
    assert decided.customers == 2
    made = {one.customer_id: one.offer_id for one in everything(store, OfferDecision)}
    assert set(made) == {ana, carl}
    assert made[ana] is None  # she owns the tea that Anita bought
    again = personalise.decide(store, as_of=TODAY, at=NOW)
    assert again.customers == 0


def test_one_who_was_two_is_counted_once_in_an_experiment_and_not_at_all_if_in_two_arms(store):
    rows = [
        SourceRecord(source="shop", key=f"{n}", received_at=ago(90), fields={"given_name": f"n{n}"}) for n in range(12)
    ]
    identify.register(store, rows)
    identify.resolve(store, at=ago(60))
    ids = sorted(customer.id for customer in everything(store, Customer))
    trial = Experiment(
        code="trial",
        name="Does it?",
        control="old",
        arms=(ExperimentArm(code="new", share=0.5), ExperimentArm(code="old", share=0.5)),
        period=Period(start=ago(50)),
    )
    arms = ["new", "old"] * 6
    keep(store, trial, *(order(one, n, 20, amount=10 + n) for n, one in enumerate(ids)))
    keep(
        store,
        *(
            Assignment(experiment_id=trial.id, customer_id=one, arm=arm, assigned_at=ago(40))
            for one, arm in zip(ids, arms, strict=True)
        ),
    )

    def analysed():
        [found] = measure.effect(store, trial.id, as_of=TODAY, at=NOW, on_mismatch="warn")
        return found

    found = analysed()
    assert found.treated + found.controls == 12
    merged(store, ids[0], ids[2])
    merged(store, ids[1], ids[4])
    found = analysed()
    assert found.treated + found.controls == 9
    assert any("two arms" in note for note in found.notes)
    assert measure.assign(store, trial.id, at=NOW).kept == 10


def test_points_are_one_sum_and_are_spent_and_given_back_wherever_they_are(store):
    ana, anita, _ = ana_and_anita(store)
    mug = Reward(program="tea", code="mug", name="Mug", kind=RewardKind.SERVICE, cost=12)
    keep(
        store,
        mug,
        EarningRule(program="tea", code="euro", mode=EarningMode.PER_AMOUNT, points=1, per=Money(Decimal(1), "EUR")),
        order(anita, 1, 30, amount=5),
    )
    with store.begin() as unit:
        post_points(unit, ana, "tea", Earn(10), key="hello", at=ago(40))
        unit.commit()
    [order_of_anita] = everything(store, Order)
    loyalty.earn_for_order(store, order_of_anita.id, "tea", ago(29))
    before = [loyalty.statement_of(store, one, "tea")[-1].available for one in (ana, anita)]
    assert before == [10, 5]
    merged(store, ana, anita)
    assert [loyalty.statement_of(store, one, "tea")[-1].available for one in (ana, anita)] == [15, 15]
    assert loyalty.earn_for_order(store, order_of_anita.id, "tea", NOW) == (RulePoints("euro", 5, 0),)
    with store.begin() as unit:
        unit.of(Order).save(attrs.evolve(order_of_anita, refunds=(Refund(at=NOW, amount=Money(Decimal(2), "EUR")),)))
        unit.commit()
    assert loyalty.earn_for_order(store, order_of_anita.id, "tea", NOW) == (RulePoints("euro", 5, 2),)
    taken = loyalty.redeem(store, anita, mug.id, key="mug", at=NOW)
    assert loyalty.redeem(store, ana, mug.id, key="mug", at=NOW) == taken
    assert loyalty.statement_of(store, ana, "tea")[-1].available == 1
    loyalty.cancel(store, taken.id, NOW)
    assert loyalty.statement_of(store, anita, "tea")[-1].available == 13
    with store.begin() as unit:
        post_points(unit, anita, "tea", Adjust(1, "for the trouble"), key="sorry", at=NOW)
        assert accounts_of(unit, ana, "tea")[0].member_id == ana
        unit.commit()
    assert loyalty.statement_of(store, ana, "tea")[-1].available == 14


def test_a_cap_counts_what_its_rule_gave_to_either_before_they_were_one(store):
    ana, anita, _ = ana_and_anita(store)
    caps = (EarnCap(10, CapSpan.DAY), EarnCap(20, CapSpan.EVER))
    rule = EarningRule(program="tea", code="order", points=7, caps=caps)
    keep(store, rule, *(order(who, number, 9) for number, who in enumerate((ana, anita, ana, anita))))
    orders = {one.number: one.id for one in everything(store, Order)}
    for number in ("0", "1"):
        assert loyalty.earn_for_order(store, orders[number], "tea", ago(3))[0].earned == 7
    merged(store, ana, anita)
    with store.begin() as unit, pytest.raises(InvalidValueError, match="the cap of order is reached"):
        post_points(unit, anita, "tea", Earn(7, rule="order", caps=caps), key="same day", at=ago(3))
    assert loyalty.earn_for_order(store, orders["2"], "tea", ago(3)) == ()
    assert loyalty.earn_for_order(store, orders["2"], "tea", NOW)[0].earned == 6
    assert loyalty.earn_for_order(store, orders["3"], "tea", NOW + timedelta(days=1)) == ()
    assert loyalty.statement_of(store, ana, "tea")[-1].available == 20


def test_points_that_nobody_spent_are_two_sums_again_after_the_merge_is_taken_back(store):
    ana, anita, _ = ana_and_anita(store)
    with store.begin() as unit:
        for who, points in ((ana, 10), (anita, 5)):
            post_points(unit, who, "tea", Earn(points), key="hello", at=ago(40))
        unit.commit()
    merged(store, ana, anita)
    identify.unmerge(store, anita, at=NOW, reason="sisters")
    assert [loyalty.statement_of(store, one, "tea")[-1].available for one in (ana, anita)] == [10, 5]


def test_nobody_refers_himself_under_an_older_id(store):
    ana, anita, carl = ana_and_anita(store)
    keep(store, ReferralProgram(code="friends", program="tea", period=Period(start=ago(99)), friend_points=5))
    merged(store, ana, anita)
    invited = refer.invite(store, "friends", ana, key="a", at=NOW)
    assert refer.join(store, invited.id, anita, NOW).status is ReferralStatus.REJECTED
    other = refer.invite(store, "friends", ana, key="b", at=NOW)
    assert refer.join(store, other.id, carl, NOW).status is ReferralStatus.JOINED


def referred(store, advocate, friend, key):
    made = refer.invite(store, "friends", advocate, key=key, at=ago(20))
    refer.join(store, made.id, friend, ago(19))
    return made.id


def test_a_friend_or_an_advocate_counts_under_every_id_he_had(store):
    ana, anita, carl = ana_and_anita(store)
    dora = Customer(name=PersonName(given="Dora"))
    keep(store, dora, ReferralProgram(code="friends", program="tea", limit=1))
    assert refer.qualify(store, referred(store, carl, ana, "1"), ago(15)).referral.status is ReferralStatus.REWARDED
    brought_twice = referred(store, dora.id, anita, "2")
    himself, again = referred(store, ana, anita, "3"), referred(store, anita, ana, "6")
    merged(store, ana, anita)
    assert refer.qualify(store, brought_twice, NOW).reasons == (RejectReason.ALREADY_REFERRED,)
    assert refer.qualify(store, himself, NOW).referral.reason is RejectReason.SELF_REFERRAL
    assert refer.qualify(store, referred(store, ana, dora.id, "4"), NOW).referral.status is ReferralStatus.REWARDED
    assert refer.qualify(store, again, NOW).referral.reason is RejectReason.SELF_REFERRAL
    merged(store, carl, ana, days=0)
    extra = Customer(name=PersonName(given="Ed"))
    keep(store, extra)
    assert refer.qualify(store, referred(store, carl, extra.id, "5"), NOW).reasons == (RejectReason.REFERRAL_LIMIT,)


def test_aliases_of_one_are_those_of_all(store):
    ana, anita, carl = ana_and_anita(store)
    merged(store, ana, anita, days=3)
    merged(store, carl, ana, days=2)
    with store.begin(read_only=True) as unit:
        every = aliases(unit)
        assert {gone: now for gone, (now, _) in every.into.items()} == {ana: carl, anita: carl}
        for one in (ana, anita, carl):
            assert aliases_of(unit, one) == every
            assert set(every.ids_of(one)) == {ana, anita, carl}
        assert aliases(unit, ago(3)).into == {anita: (ana, ago(3))}
        assert aliases(unit, ago(4)).into == {}
