"""Refer and loyalty over a store: both sides are paid once, what looks wrong waits for a person, refunds take back their points."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import attrs
import pytest

from pycrm.errors import Conflict, Duplicate, InvalidTransitionError, InvalidValueError, NotFound, Transient
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, PersonName
from pycrm.model.earning import EarningMode, EarningRule, ProgramBudget
from pycrm.model.entity import new_id
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine, OrderStatus, Refund
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import Earn, EarnCap, Redeem
from pycrm.model.referral import ReferralProgram, ReferralStatus, RejectReason
from pycrm.model.reward import RedemptionStatus, Reward, RewardKind
from pycrm.model.time import Period
from pycrm.storage import Query
from pycrm.storage.ledger import post_points
from pycrm.workflows import loyalty, privacy, refer
from storage.servers import kept

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql", "mariadb"])
def stores(request, tmp_path_factory):
    with kept(request.param, tmp_path_factory.mktemp("refer")) as made:
        yield made


@pytest.fixture
def store(stores):
    return stores.tenant(f"t{new_id().hex}")


def person(name, phone=None):
    points = [ContactPoint(kind=ContactKind.EMAIL, raw=f"{name}@example.com")]
    if phone is not None:
        points.append(ContactPoint(kind=ContactKind.PHONE, raw=phone))
    return Customer(name=PersonName(given=name), contact_points=tuple(points))


def keep(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def held(store, model, id):
    with store.begin(read_only=True) as unit:
        return unit.of(model).get(id)


def balance(store, who):
    with store.begin(read_only=True) as unit:
        return loyalty.account_of(unit, who.id, "tea").available


@pytest.fixture
def people(store):
    ana, bea = person("ana", "+34600111222"), person("bea")
    rules = ReferralProgram(code="friends", program="tea", advocate_points=100, friend_points=50, level_rates=(1000,))
    keep(store, ana, bea, rules)
    return ana, bea


def test_a_referral_pays_both_sides_once(store, people):
    ana, bea = people
    opened = refer.invite(store, "friends", ana.id, key="ANA-1", at=START)
    assert refer.invite(store, "friends", ana.id, key="ANA-1", at=START + DAY) == opened
    joined = refer.join(store, opened.id, bea.id, START + DAY)
    assert refer.join(store, opened.id, bea.id, START + 2 * DAY) == joined
    first = refer.qualify(store, opened.id, START + 3 * DAY)
    again = refer.qualify(store, opened.id, START + 4 * DAY)
    assert first.paid == {ana.id: 100, bea.id: 50}
    assert (again.referral.status, again.paid) == (ReferralStatus.REWARDED, {})
    assert (balance(store, ana), balance(store, bea)) == (100, 50)
    assert refer.progress(store, "friends")["rewarded"] == 1


def test_a_programme_may_reward_the_advocate_alone(store, people):
    ana, bea = people
    keep(store, ReferralProgram(code="alone", program="tea", advocate_points=70, friend_points=0))
    opened = refer.invite(store, "alone", ana.id, key="x", at=START)
    refer.join(store, opened.id, bea.id, START)
    assert refer.qualify(store, opened.id, START + DAY).paid == {ana.id: 70}
    assert (balance(store, ana), balance(store, bea)) == (70, 0)


def test_the_level_above_gets_its_share(store, people):
    ana, bea = people
    cleo = person("cleo")
    keep(store, cleo)
    for advocate, friend in ((ana, bea), (bea, cleo)):
        opened = refer.invite(store, "friends", advocate.id, key="x", at=START)
        refer.join(store, opened.id, friend.id, START)
        refer.qualify(store, opened.id, START + DAY)
    assert [balance(store, who) for who in (ana, bea, cleo)] == [110, 150, 50]


def test_who_refers_himself_or_his_own_address_is_rejected_with_the_reason(store, people):
    ana, _ = people
    opened = refer.invite(store, "friends", ana.id, key="self", at=START)
    assert refer.join(store, opened.id, ana.id, START).reason is RejectReason.SELF_REFERRAL
    assert refer.join(store, opened.id, ana.id, START).reason is RejectReason.SELF_REFERRAL
    alias = attrs.evolve(person("ana+2"), id=new_id())
    keep(store, alias)
    other = refer.invite(store, "friends", ana.id, key="alias", at=START)
    refer.join(store, other.id, alias.id, START)
    outcome = refer.qualify(store, other.id, START + DAY)
    assert (outcome.referral.reason, outcome.paid) == (RejectReason.SHARED_IDENTITY, {})
    assert balance(store, ana) == 0
    assert refer.progress(store, "friends")["rejected:self_referral"] == 1


@pytest.mark.parametrize("approved", [True, False])
def test_what_looks_wrong_waits_for_a_person(store, people, approved):
    ana, _ = people
    mate = person("mate", "+34 600 111 222")
    keep(store, mate)
    opened = refer.invite(store, "friends", ana.id, key="mate", at=START)
    refer.join(store, opened.id, mate.id, START)
    waiting = refer.qualify(store, opened.id, START + DAY)
    assert (waiting.referral.status, waiting.reasons) == (ReferralStatus.QUALIFIED, (RejectReason.REVIEW,))
    assert refer.qualify(store, opened.id, START + DAY).referral == waiting.referral
    assert balance(store, ana) == 0
    decided = refer.review(store, opened.id, START + 2 * DAY, approved=approved, actor="eva", note="flatmates")
    assert decided.referral.status is (ReferralStatus.REWARDED if approved else ReferralStatus.REJECTED)
    assert balance(store, ana) == (100 if approved else 0)


def test_who_bought_before_is_no_friend_that_was_brought(store, people):
    ana, bea = people
    keep(store, order(bea, placed_at=START - DAY))
    opened = refer.invite(store, "friends", ana.id, key="late", at=START)
    refer.join(store, opened.id, bea.id, START)
    assert refer.qualify(store, opened.id, START + DAY).referral.reason is RejectReason.EXISTING_CUSTOMER


def test_a_budget_that_is_used_up_pays_nobody_and_leaves_the_referral_open(store, people):
    ana, bea = people
    budget = ProgramBudget(program="tea", max_points=120)
    keep(store, budget)
    opened = refer.invite(store, "friends", ana.id, key="x", at=START)
    refer.join(store, opened.id, bea.id, START)
    with pytest.raises(InvalidValueError, match="120 points left"):
        refer.qualify(store, opened.id, START + DAY)
    assert (balance(store, ana), balance(store, bea)) == (0, 0)
    with store.begin() as unit:
        unit.of(ProgramBudget).save(attrs.evolve(held(store, ProgramBudget, budget.id), max_points=200))
        unit.commit()
    assert refer.qualify(store, opened.id, START + DAY).referral.status is ReferralStatus.REWARDED
    assert held(store, ProgramBudget, budget.id).given == 150


def test_what_nobody_finished_expires(store, people):
    ana, bea = people
    opened = refer.invite(store, "friends", ana.id, key="x", at=START)
    assert refer.expire(store, "friends", START + 89 * DAY) == 0
    assert refer.expire(store, "friends", START + 90 * DAY) == 1
    with pytest.raises(InvalidTransitionError):
        refer.join(store, opened.id, bea.id, START)


def test_what_is_not_there_is_named(store, people):
    with pytest.raises(InvalidValueError, match="no referral programme"):
        refer.invite(store, "none", people[0].id, key="x", at=START)
    with pytest.raises(NotFound):
        refer.invite(store, "friends", new_id(), key="x", at=START)
    with pytest.raises(NotFound):
        refer.qualify(store, new_id(), START)
    closed = ReferralProgram(code="old", program="tea", period=Period(None, START))
    keep(store, closed)
    with pytest.raises(InvalidValueError, match="does not run"):
        refer.invite(store, "old", people[0].id, key="x", at=START)


def test_limits_hold_when_friends_qualify_at_once(store, people):
    ana, _ = people
    keep(store, ReferralProgram(code="few", program="tea", friend_points=0, limit=2, program_limit=2))
    opened = []
    for number in range(5):
        friend = person(f"friend{number}")
        keep(store, friend)
        opened.append(refer.invite(store, "few", ana.id, key=f"{number}", at=START))
        refer.join(store, opened[-1].id, friend.id, START)
    outcomes = []

    def qualify(one):
        for _ in range(100):
            try:
                outcomes.append(refer.qualify(store, one.id, START + DAY).referral)
            except (Transient, Conflict, Duplicate):
                continue
            return

    threads = [threading.Thread(target=qualify, args=(one,)) for one in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(one.reason or one.status) for one in outcomes) == ["referral_limit"] * 3 + ["rewarded"] * 2
    assert balance(store, ana) == 200


def test_what_is_said_of_others_is_not_read(store, people):
    ana, bea = people
    cleo = person("cleo")
    keep(store, cleo, ReferralProgram(code="one", program="tea", program_limit=1, advocate_points=10))
    opened = [refer.invite(store, "one", who.id, key="x", at=START) for who in (ana, bea)]
    refer.join(store, opened[0].id, cleo.id, START)
    assert refer.qualify(store, opened[0].id, START + DAY).paid == {ana.id: 10, cleo.id: 100}
    dana = person("dana")
    keep(store, dana)
    refer.join(store, opened[1].id, dana.id, START)
    assert refer.qualify(store, opened[1].id, START + DAY).reasons == (RejectReason.PROGRAM_LIMIT,)
    again = refer.invite(store, "one", bea.id, key="y", at=START)
    refer.join(store, again.id, cleo.id, START)
    assert RejectReason.ALREADY_REFERRED in refer.qualify(store, again.id, START + DAY).reasons


# -- loyalty -----------------------------------------------------------------------------------------------------------------------


def order(who, **fields):
    line = OrderLine(sku="tea", quantity=4, unit_price=Money("25", "EUR"))
    return Order(
        **{
            "customer_id": who.id,
            "number": str(new_id()),
            "placed_at": START,
            "currency": "EUR",
            "lines": (line,),
            **fields,
        }
    )


SPEND = EarningRule(code="spend", program="tea", mode=EarningMode.PER_AMOUNT, points=1, per=Money(1, "EUR"))
CUP = Reward(code="cup", program="tea", name="A cup", kind=RewardKind.FREE_ITEM, sku="cup", cost=60, stock=1)


def change(store, bought, **changes):
    with store.begin() as unit:
        unit.of(Order).save(attrs.evolve(unit.of(Order).get(bought.id), **changes))
        unit.commit()


def test_an_order_earns_once_and_gives_back_what_is_refunded(store, people):
    ana, _ = people
    bought = order(ana)
    keep(store, SPEND, bought)
    for _ in range(2):
        assert [(one.earned, one.taken_back) for one in loyalty.earn_for_order(store, bought.id, "tea", START)] == [
            (100, 0)
        ]
    change(store, bought, refunds=(Refund(at=START, amount=Money(30, "EUR")),))
    for _ in range(2):
        assert [
            (one.earned, one.taken_back) for one in loyalty.earn_for_order(store, bought.id, "tea", START + DAY)
        ] == [(100, 30)]
    assert balance(store, ana) == 70
    change(store, bought, status=OrderStatus.CANCELLED)
    loyalty.earn_for_order(store, bought.id, "tea", START + 2 * DAY)
    assert balance(store, ana) == 0
    assert [line.available for line in loyalty.statement_of(store, ana.id, "tea")] == [100, 70, 0]


def test_a_rule_whose_cap_is_reached_gives_nothing_and_the_others_give_theirs(store, people):
    ana, _ = people
    bought = [order(ana), order(ana)]
    keep(store, SPEND, EarningRule(code="each", program="tea", points=5, caps=(EarnCap(5),)), *bought)
    first, second = (loyalty.earn_for_order(store, each.id, "tea", START) for each in bought)
    assert [(one.rule, one.earned) for one in first] == [("each", 5), ("spend", 100)]
    assert [(one.rule, one.earned) for one in second] == [("spend", 100)]
    assert balance(store, ana) == 205


def test_the_budget_of_a_programme_counts_orders_and_what_comes_back(store, people):
    ana, bea = people
    bought = [order(ana), order(bea)]
    budget = ProgramBudget(program="tea", max_points=150)
    keep(store, SPEND, budget, *bought)
    loyalty.earn_for_order(store, bought[0].id, "tea", START)
    with pytest.raises(InvalidValueError, match="50 points left"):
        loyalty.earn_for_order(store, bought[1].id, "tea", START)
    assert (held(store, ProgramBudget, budget.id).given, balance(store, bea)) == (100, 0)
    change(store, bought[0], status=OrderStatus.CANCELLED)
    loyalty.earn_for_order(store, bought[0].id, "tea", START + DAY)
    assert held(store, ProgramBudget, budget.id).given == 0
    loyalty.earn_for_order(store, bought[1].id, "tea", START + DAY)
    assert (held(store, ProgramBudget, budget.id).given, balance(store, bea)) == (100, 100)


def test_a_reward_takes_points_and_stock_and_gives_both_back(store, people):
    ana, bea = people
    bought = [order(ana), order(bea)]
    keep(store, SPEND, CUP, *bought)
    for each in bought:
        loyalty.earn_for_order(store, each.id, "tea", START)
    taken = loyalty.redeem(store, ana.id, CUP.id, key="r1", at=START)
    assert loyalty.redeem(store, ana.id, CUP.id, key="r1", at=START) == taken
    assert (balance(store, ana), held(store, Reward, CUP.id).stock) == (40, 0)
    with pytest.raises(InvalidValueError, match="none left"):
        loyalty.redeem(store, bea.id, CUP.id, key="r1", at=START)
    assert balance(store, bea) == 100
    assert loyalty.cancel(store, taken.id, START + DAY).status is RedemptionStatus.CANCELLED
    assert (balance(store, ana), held(store, Reward, CUP.id).stock) == (100, 1)
    with pytest.raises(InvalidValueError, match="cancelled already"):
        loyalty.cancel(store, taken.id, START + DAY)
    assert loyalty.redeem(store, bea.id, CUP.id, key="r2", at=START).points == 60


def test_a_reward_without_end_has_no_stock_to_count(store, people):
    ana, _ = people
    bought, endless = order(ana), attrs.evolve(CUP, id=new_id(), code="voucher", stock=None)
    keep(store, SPEND, endless, bought)
    loyalty.earn_for_order(store, bought.id, "tea", START)
    taken = loyalty.redeem(store, ana.id, endless.id, key="r1", at=START)
    before = held(store, Reward, endless.id)
    assert (balance(store, ana), before.stock) == (40, None)
    loyalty.cancel(store, taken.id, START + DAY)
    assert (balance(store, ana), held(store, Reward, endless.id)) == (100, before)


def test_a_key_of_one_redemption_is_not_used_for_another_reward(store, people):
    ana, _ = people
    cup, car = (
        Reward(code=code, program="tea", name=code, kind=RewardKind.FREE_ITEM, sku=code, cost=10)
        for code in ("cup", "car")
    )
    keep(store, cup, car, EarningRule(code="each", program="tea", points=100))
    bought = order(ana)
    keep(store, bought)
    loyalty.earn_for_order(store, bought.id, "tea", START)
    first = loyalty.redeem(store, ana.id, cup.id, key="a", at=START)
    assert loyalty.redeem(store, ana.id, cup.id, key="a", at=START + DAY) == first
    with pytest.raises(InvalidValueError, match="used for another reward"):
        loyalty.redeem(store, ana.id, car.id, key="a", at=START)
    assert balance(store, ana) == 90


def test_the_day_of_a_cap_is_that_of_the_members_clocks(store):
    far = attrs.evolve(person("far"), zone="America/Los_Angeles")
    keep(store, far, EarningRule(code="daily", program="tea", points=30, caps=(EarnCap(30),)))
    evening, night = datetime(2026, 5, 1, 22, tzinfo=UTC), datetime(2026, 5, 2, 2, tzinfo=UTC)  # one day in California
    for at in (evening, night, night + DAY):
        bought = order(far, placed_at=at)
        keep(store, bought)
        loyalty.earn_for_order(store, bought.id, "tea", at)
    assert balance(store, far) == 60


def test_points_that_are_not_there_buy_nothing(store, people):
    keep(store, CUP)
    with pytest.raises(InvalidValueError, match="0 points are available"):
        loyalty.redeem(store, people[0].id, CUP.id, key="r", at=START)
    assert held(store, Reward, CUP.id).stock == 1
    with pytest.raises(NotFound):
        loyalty.statement_of(store, people[0].id, "tea")


def test_an_order_that_earns_nothing_opens_no_account(store, people):
    ana, _ = people
    small = order(ana, lines=(OrderLine(sku="tea", quantity=1, unit_price=Money(Decimal("0.5"), "EUR")),))
    keep(store, SPEND, small)
    assert loyalty.earn_for_order(store, small.id, "tea", START) == ()
    with store.begin(read_only=True) as unit:
        assert unit.of(PointsAccount).find(PointsAccount.opened(ana.id, "tea").id) is None


def paid_for(store, ana, bea, rules="friends", key="x"):
    """Let Bea buy after Ana brought her; return the referral and the order."""
    opened = refer.invite(store, rules, ana.id, key=key, at=START)
    refer.join(store, opened.id, bea.id, START)
    bought = order(bea)
    keep(store, bought)
    refer.qualify(store, opened.id, START + DAY)
    return opened, bought


def cancel_order(store, bought):
    with store.begin() as unit:
        unit.of(Order).save(attrs.evolve(unit.of(Order).get(bought.id), status=OrderStatus.CANCELLED))
        unit.commit()


def test_a_referral_whose_order_comes_back_is_paid_back_by_everybody_once(store, people):
    ana, bea = people
    cleo = person("cleo")
    keep(store, cleo, ProgramBudget(program="tea", max_points=1000))
    keep(store, EarningRule(code="thanks", program="tea", event="referral", points=7))
    paid_for(store, ana, bea)
    opened, bought = paid_for(store, bea, cleo)
    assert [balance(store, who) for who in (ana, bea, cleo)] == [117, 157, 50]
    with store.begin() as unit:
        post_points(unit, cleo.id, "tea", Redeem(30), key="spent", at=START + 2 * DAY)
        unit.commit()
    assert refer.reassess(store, bought.id, START + 3 * DAY) == ()  # it stands
    cancel_order(store, bought)
    (outcome,) = refer.reassess(store, bought.id, START + 4 * DAY)
    assert outcome.paid == {ana.id: -10, bea.id: -107, cleo.id: -50}
    assert (outcome.referral.status, outcome.referral.reason) == (ReferralStatus.REVOKED, RejectReason.REFUNDED)
    assert refer.reassess(store, bought.id, START + 5 * DAY) == ()
    again = refer.revoke(store, opened.id, START + 5 * DAY)
    assert (again.referral.closed_at, again.paid) == (START + 4 * DAY, {})
    assert [balance(store, who) for who in (ana, bea, cleo)] == [107, 50, 0]
    with store.begin(read_only=True) as unit:
        assert loyalty.account_of(unit, cleo.id, "tea").debt == 30
        (budget,) = unit.of(ProgramBudget).page(Query(ProgramBudget)).items
    assert budget.given == 107 + 50
    found = refer.progress(store, "friends")
    assert (found["rewarded"], found["revoked"], found["rejected:refunded"]) == (2, 1, 0)
    assert refer.qualify(store, opened.id, START + 6 * DAY).paid == {}


def test_a_referral_that_waits_is_rejected_when_its_order_comes_back_and_one_not_paid_is_not_revoked(store, people):
    ana, _ = people
    mate = person("mate", "+34 600 111 222")
    keep(store, mate)
    _, bought = paid_for(store, ana, mate)
    cancel_order(store, bought)
    (outcome,) = refer.reassess(store, bought.id, START + DAY)
    assert (outcome.referral.status, outcome.referral.reason) == (ReferralStatus.REJECTED, RejectReason.REFUNDED)
    waiting = refer.invite(store, "friends", ana.id, key="y", at=START)
    with pytest.raises(InvalidTransitionError):
        refer.revoke(store, waiting.id, START)


def test_rules_of_referrals_give_the_advocate_points_under_their_caps_with_their_expiry(store, people):
    ana, _ = people
    friends = [person(f"friend{number}") for number in range(3)]
    capped = EarningRule(
        code="capped", program="tea", event="referral", points=40, valid_for=30 * DAY, caps=(EarnCap(60),)
    )
    over = EarningRule(code="over", program="tea", event="referral", points=9, period=Period(end=START))
    keep(store, *friends, capped, over)
    paid = []
    for number, friend in enumerate(friends):
        opened = refer.invite(store, "friends", ana.id, key=f"{number}", at=START)
        refer.join(store, opened.id, friend.id, START)
        paid.append(refer.qualify(store, opened.id, START + DAY).paid[ana.id])
    assert paid == [140, 120, 100]
    with store.begin(read_only=True) as unit:
        assert loyalty.account_of(unit, ana.id, "tea").available_at(START + 31 * DAY) == 300


def test_nobody_joins_before_he_was_invited_or_qualifies_before_he_joined_and_who_comes_late_is_rejected(store, people):
    ana, bea = people
    opened = refer.invite(store, "friends", ana.id, key="x", at=START + 50 * DAY)
    with pytest.raises(InvalidValueError, match="the friend was invited at"):
        refer.join(store, opened.id, bea.id, START + 10 * DAY)
    refer.join(store, opened.id, bea.id, START + 50 * DAY)
    with pytest.raises(InvalidValueError, match="the friend joined at"):
        refer.qualify(store, opened.id, START + 5 * DAY)
    assert refer.qualify(store, opened.id, START + 50 * DAY).paid == {ana.id: 100, bea.id: 50}
    late = refer.invite(store, "friends", ana.id, key="late", at=START)
    cleo = person("cleo")
    keep(store, cleo)
    rejected = refer.join(store, late.id, cleo.id, START + 90 * DAY)
    assert (rejected.status, rejected.reason, rejected.friend_id) == (
        ReferralStatus.REJECTED,
        RejectReason.EXPIRED,
        cleo.id,
    )


def test_many_friends_come_by_one_code_up_to_the_limit_of_the_advocate(store, people):
    ana, bea = people
    friends = [person(f"friend{number}") for number in range(3)]
    keep(store, *friends, ReferralProgram(code="two", program="tea", limit=2, period=Period(end=START + 90 * DAY)))
    refer.invite(store, "two", ana.id, key="ANA", at=START)
    reasons = []
    for friend in friends:
        joined = refer.join_by_code(store, "two", "ANA", friend.id, START + DAY)
        assert refer.join_by_code(store, "two", "ANA", friend.id, START + 2 * DAY) == joined
        reasons.append(refer.qualify(store, joined.id, START + 3 * DAY).reasons)
    assert reasons == [(), (), (RejectReason.REFERRAL_LIMIT,)]
    assert balance(store, ana) == 200
    for day in (1, 2):
        himself = refer.join_by_code(store, "two", "ANA", ana.id, START + day * DAY)
        assert (himself.reason, himself.closed_at) == (RejectReason.SELF_REFERRAL, START + DAY)
    for code, at, why in (
        ("BEA", START, "nobody was given it"),
        ("ANA", START - DAY, "the code was given out at"),
        ("ANA", START + 91 * DAY, "does not run"),
    ):
        with pytest.raises(InvalidValueError, match=why):
            refer.join_by_code(store, "two", code, bea.id, at)
    refer.invite(store, "two", bea.id, key="ANA", at=START)
    with pytest.raises(InvalidValueError, match="2 advocates have it"):
        refer.join_by_code(store, "two", "ANA", bea.id, START + DAY)


def test_points_move_between_members_once_and_not_to_or_from_whom_we_may_not_use(store, people):
    ana, bea = people
    with store.begin() as unit:
        post_points(unit, ana.id, "tea", Earn(50), key="e", at=START)
        unit.commit()
    assert loyalty.transfer(store, ana.id, bea.id, "tea", 20, key="t", at=START) == 30
    assert loyalty.transfer(store, ana.id, bea.id, "tea", 20, key="t", at=START + DAY) == 30
    assert (balance(store, ana), balance(store, bea)) == (30, 20)
    with pytest.raises(NotFound):
        loyalty.transfer(store, ana.id, new_id(), "tea", 1, key="u", at=START)
    privacy.restrict(store, bea.id, at=START)
    for giver, taker, field in ((ana, bea, "taker_id"), (bea, ana, "giver_id")):
        with pytest.raises(InvalidValueError, match=f"{field}.*restricted"):
            loyalty.transfer(store, giver.id, taker.id, "tea", 1, key="u", at=START)
    privacy.erase(store, bea.id, at=START)
    with pytest.raises(InvalidValueError, match="erased"):
        loyalty.transfer(store, ana.id, bea.id, "tea", 1, key="u", at=START)
    assert balance(store, ana) == 30


def test_a_budget_and_a_stock_hold_when_eight_come_at_once(store):
    folk = [person(f"p{number}") for number in range(8)]
    cup = Reward(code="cup", program="tea", name="A cup", kind=RewardKind.FREE_ITEM, sku="cup", cost=10, stock=3)
    budget = ProgramBudget(program="tea", max_points=450)
    keep(store, *folk, cup, budget, EarningRule(code="each", program="tea", points=100))
    bought = [order(one) for one in folk]
    keep(store, *bought)
    refused = []

    def until_decided(work):
        while True:
            try:
                work()
            except (Conflict, Transient, Duplicate):  # another was quicker
                continue
            except InvalidValueError as error:
                refused.append(error.fix)
            return

    def at_once(*works):
        threads = [threading.Thread(target=until_decided, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    at_once(*(partial(loyalty.earn_for_order, store, one.id, "tea", START) for one in bought))
    rich = [one for one in folk if balance(store, one)]
    assert (len(rich), held(store, ProgramBudget, budget.id).given) == (4, 400)
    assert refused == ["the programme has 50 points left"] * 4
    refused.clear()
    at_once(
        *(
            partial(loyalty.redeem, store, one.id, cup.id, key=f"k{number}", at=START)
            for number, one in enumerate([*rich, *rich])
        )
    )
    assert (held(store, Reward, cup.id).stock, sum(balance(store, one) for one in rich)) == (0, 400 - 3 * 10)
    assert refused == ["there is none left"] * 5


def test_only_a_yes_or_a_no_of_somebody_decides_about_a_referral(store, people):
    for approved, actor, named in (("no", "eva", "approved"), (None, "eva", "approved"), (True, None, "actor")):
        with pytest.raises(InvalidValueError, match=f"{named}: .* is refused"):
            refer.review(store, new_id(), START, approved=approved, actor=actor)
