"""Tiers, earning rules, rewards and referrals: what they promise is what they give."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from pycrm.errors import CurrencyMismatchError, InvalidTransitionError, InvalidValueError
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, Identifier
from pycrm.model.earning import EarningMode, EarningRule, ProgramBudget
from pycrm.model.entity import new_id
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine, OrderStatus, Refund
from pycrm.model.points import post
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import EarnCap
from pycrm.model.referral import (
    Household,
    Referral,
    ReferralProgram,
    ReferralStatus,
    RejectReason,
    funnel,
    judge,
    level_points,
    shared_identity,
)
from pycrm.model.reward import Redemption, RedemptionStatus, Reward, RewardKind
from pycrm.model.tier import LoyaltyTier, TierGap, TierProgram
from pycrm.model.time import Period

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TIERS = (LoyaltyTier("leaf", "Leaf", 0), LoyaltyTier("silver", "Silver", 50), LoyaltyTier("gold", "Gold", 100))
TEA = TierProgram(program="tea", tiers=TIERS)
R = RejectReason


def tiers(*points, until, program=TEA, **options):
    history = program.history(
        START, [(START + day * DAY, number) for day, number in points], START + until * DAY, **options
    )
    return [((each.period.start - START) / DAY, each.tier, each.reason) for each in history]


# -- tiers ---------------------------------------------------------------------------------------------------------------------


def test_a_tier_is_reached_at_once_and_lost_at_the_turn_of_a_window_only():
    assert tiers((10, 60), (20, 40), until=2000) == [
        (0, "leaf", "joined"),
        (10, "silver", "reached"),
        (20, "gold", "reached"),
        (730, "leaf", "not_reached"),
    ]
    assert tiers((10, 100), (400, 60), until=1094)[-1] == (730, "silver", "not_reached")
    assert tiers((10, 100), (11, -100), until=300)[-1] == (10, "gold", "reached")


def test_what_is_reached_again_at_the_very_turn_was_never_lost():
    assert tiers((0, 50), (730, 50), until=1000) == [(0, "silver", "reached")]


def test_a_grace_keeps_it_a_little_longer():
    graceful = attrs.evolve(TEA, grace=30 * DAY)
    assert tiers((10, 100), until=2000, program=graceful)[-1] == (760, "leaf", "not_reached")
    assert tiers((10, 100), (740, 100), until=1000, program=graceful)[-1] == (10, "gold", "reached")


def test_a_tier_may_be_forced_up_and_down():
    assert tiers((10, 100), until=50, forced={START + 20 * DAY: "silver"})[-1] == (20, "silver", "forced")
    assert tiers(until=800, forced={START + 20 * DAY: "gold"})[1:] == [
        (20, "gold", "forced"),
        (730, "leaf", "not_reached"),
    ]
    assert tiers((0, 60), until=5) == [(0, "silver", "reached")]
    with pytest.raises(InvalidValueError, match="leaf, silver, gold"):
        tiers(until=5, forced={START: "tin"})


@given(st.lists(st.tuples(st.integers(-5, 1500), st.integers(-50, 120)), max_size=12), st.randoms(), st.integers(0, 40))
def test_periods_follow_one_another_whatever_the_order_and_only_turns_lose_a_tier(points, random, grace):
    program = attrs.evolve(TEA, grace=grace * DAY)
    shuffled = list(points)
    random.shuffle(shuffled)
    assert tiers(*points, until=1500, program=program) == tiers(*shuffled, until=1500, program=program)
    history = program.history(START, [(START + day * DAY, number) for day, number in points], START + 1500 * DAY)
    ranks = [[tier.code for tier in TIERS].index(each.tier) for each in history]
    for (one, other), (before, after) in zip(pairwise(history), pairwise(ranks), strict=True):
        assert one.period.end == other.period.start
        assert before != after or other.reason == "joined"
        if after < before:
            assert (other.period.start - START) / DAY % 365 in {0, grace}
    assert history[-1].period.end is None


def test_the_next_tier_is_so_far_away():
    assert [TEA.tier_at(points).code for points in (-5, 0, 50, 99, 100)] == ["leaf", "leaf", "silver", "silver", "gold"]
    assert TEA.gap(60) == TierGap("gold", 40)
    assert TEA.gap(100) is None


@pytest.mark.parametrize(
    "fields",
    [{"tiers": ()}, {"tiers": TIERS[1:]}, {"tiers": TIERS[::-1]}, {"tiers": (TIERS[0], LoyaltyTier("leaf", "Leaf", 5))},
     {"grace": 365 * DAY}, {"grace": -DAY}, {"window": timedelta(0)}, {"window": 365}],
)  # fmt: skip
def test_tiers_out_of_order_are_refused(fields):
    with pytest.raises(InvalidValueError):
        attrs.evolve(TEA, **fields)


# -- earning ---------------------------------------------------------------------------------------------------------------------


def order(price="9.90", quantity=3, **fields):
    line = OrderLine(sku="tea", quantity=quantity, unit_price=Money(price, "EUR"))
    return Order(
        **{"customer_id": UUID(int=1), "number": "1", "placed_at": START, "currency": "EUR", "lines": (line,), **fields}
    )


def earning(**fields):
    return EarningRule(**{"code": "r", "program": "tea", "points": 2, **fields})


# Two articles of 50, and the tea came back.
PART_BACK = order(
    lines=tuple(OrderLine(sku=sku, quantity=1, unit_price=Money(50, "EUR")) for sku in ("tea", "cup")),
    refunds=(Refund(at=START, amount=Money(50, "EUR"), line=0),),
)
SPEND = earning(mode=EarningMode.PER_AMOUNT, per=Money(10, "EUR"))


@pytest.mark.parametrize(
    "rule, bought, points",
    [
        (earning(), order(), 2),
        (SPEND, order(), 4),
        (SPEND, order("3.33"), 0),
        (earning(mode=EarningMode.PER_UNIT), order(), 6),
        (earning(mode=EarningMode.PER_UNIT), order(quantity="2.7"), 4),
        (
            earning(mode=EarningMode.PER_UNIT),
            order().refund(Refund(at=START, amount=Money("9.90", "EUR"), line=0, quantity=1)),
            4,
        ),
        (SPEND, order().refund(Refund(at=START, amount=Money("9.80", "EUR"))), 2),
        (earning(), order().refund(Refund(at=START, amount=Money("29.70", "EUR"))), 0),
        (earning(), order(status=OrderStatus.CANCELLED), 0),
        (earning(min_amount=Money(30, "EUR")), order(), 0),
        (earning(min_amount=Money("29.70", "EUR")), order(), 2),
        (earning(skus=("coffee",)), order(), 0),
        (earning(skus=("tea",)), order(), 2),
        (earning(skus=("tea",)), PART_BACK, 0),
        (earning(skus=("tea",), mode=EarningMode.PER_AMOUNT, per=Money(10, "EUR")), PART_BACK, 0),
        (earning(skus=("cup",), mode=EarningMode.PER_AMOUNT, per=Money(10, "EUR")), PART_BACK, 10),
        (earning(period=Period(START + DAY, None)), order(), 0),
        (earning(), order(lines=()), 0),
    ],
)
def test_an_order_earns_what_its_rule_says_for_what_was_kept_of_it(rule, bought, points):
    assert rule.points_for(bought) == points


def test_a_rule_counts_its_own_currency():
    with pytest.raises(CurrencyMismatchError):
        earning(min_amount=Money(1, "USD")).points_for(order())


def test_what_a_rule_gives_waits_lasts_and_is_capped_as_it_says():
    rule = earning(pending_for=14 * DAY, valid_for=365 * DAY, caps=(EarnCap(3),))
    posted = post(PointsAccount.opened(UUID(int=1), "tea"), rule.earn(5, START, "order 1"), key="o", at=START)
    (lot,) = posted.account.pending
    assert (lot.points, lot.opens_at, lot.expires_at) == (3, START + 14 * DAY, START + 365 * DAY)
    assert earning().earn(5, START).expires_at is None


@pytest.mark.parametrize(
    "fields",
    [{"mode": EarningMode.PER_AMOUNT}, {"per": Money(1, "EUR")}, {"mode": EarningMode.PER_AMOUNT, "per": Money(0, "EUR")}, {"points": 0},
     {"valid_for": timedelta(0)}, {"pending_for": -DAY}, {"caps": (5,)}],
)  # fmt: skip
def test_a_rule_that_contradicts_itself_is_refused(fields):
    with pytest.raises(InvalidValueError):
        earning(**fields)


@given(st.lists(st.integers(1, 40), max_size=10))
def test_a_programme_never_gives_more_than_its_budget(asked):
    budget, given_out = ProgramBudget(program="tea", max_points=100), 0
    for points in asked:
        try:
            budget = budget.give(points, START)
            given_out += points
        except InvalidValueError:
            assert given_out + points > 100
    assert budget.given == given_out <= 100
    assert budget.take_back(given_out + 5).given == 0


def test_a_closed_programme_gives_nothing():
    closed = ProgramBudget(program="tea", max_points=100, closed_at=START)
    assert closed.give(1, START - DAY).given == 1
    with pytest.raises(InvalidValueError, match="closed"):
        closed.give(1, START)
    with pytest.raises(InvalidValueError, match="at most 5"):
        ProgramBudget(program="tea", max_points=5, given=6)


# -- rewards ---------------------------------------------------------------------------------------------------------------------


def reward(**fields):
    return Reward(
        **{"code": "cup", "program": "tea", "name": "A cup", "kind": RewardKind.SERVICE, "cost": 50, **fields}
    )


def test_a_stock_ends_and_what_comes_back_is_there_again():
    last = reward(stock=1).taken(START)
    with pytest.raises(InvalidValueError, match="none left"):
        last.taken(START)
    assert last.returned().stock == 1
    endless = reward()
    assert endless.taken(START) is endless.returned() is endless
    with pytest.raises(InvalidValueError, match="cannot be had"):
        reward(period=Period(START + DAY, None)).taken(START)


@pytest.mark.parametrize(
    "fields",
    [{"cost": 0}, {"stock": -1}, {"kind": RewardKind.FREE_ITEM}, {"sku": "cup"}, {"kind": RewardKind.PERCENT},
     {"kind": RewardKind.PERCENT, "percent": Decimal(101)}, {"kind": RewardKind.AMOUNT, "amount": Money(0, "EUR")}],
)  # fmt: skip
def test_a_reward_that_contradicts_itself_is_refused(fields):
    with pytest.raises(InvalidValueError):
        reward(**fields)


def test_a_redemption_is_used_or_cancelled_once():
    taken = Redemption(member_id=UUID(int=1), reward_id=UUID(int=2), points=50, entry_key="r", at=START)
    for status in (RedemptionStatus.USED, RedemptionStatus.CANCELLED):
        done = taken.moved(status)
        for again in RedemptionStatus:
            with pytest.raises(InvalidValueError, match=f"it is {status} already"):
                done.moved(again)


# -- referrals -------------------------------------------------------------------------------------------------------------------


def somebody(email=None, phone=None, card=None, postal=None):
    points = []
    for kind, raw in ((ContactKind.EMAIL, email), (ContactKind.PHONE, phone), (ContactKind.POSTAL, postal)):
        if raw is not None:
            points.append(ContactPoint(kind=kind, raw=raw))
    identifiers = (Identifier(namespace="card", value=card or str(new_id())),)
    return Customer(contact_points=tuple(points), identifiers=identifiers)


PROGRAM = ReferralProgram(
    code="friends", program="tea", limit=2, program_limit=3, velocity=2, period=Period(START, START + 365 * DAY)
)
ANA, BEA = somebody("ana@example.com", "+34600111222", postal="1 Main St"), somebody("bea@example.com")


def referral(**fields):
    return Referral(**{"program_code": "friends", "code": "ANA", "advocate_id": ANA.id, "invited_at": START, **fields})


def done(day=0, friend=None, status=ReferralStatus.REWARDED, **fields):
    return referral(friend_id=friend or new_id(), joined_at=START + day * DAY, status=status, **fields)


def verdict(friend=BEA, advocate=ANA, day=5, program=PROGRAM, others=(), **options):
    return judge(program, referral(), advocate, friend, START + day * DAY, others=others, **options)


def test_a_friend_of_his_own_counts():
    assert verdict() == ()


@pytest.mark.parametrize(
    "reasons, options",
    [
        ((R.ADVOCATE_NOT_FOUND,), {"advocate": None}),
        ((R.SELF_REFERRAL,), {"friend": ANA}),
        ((R.SHARED_IDENTITY,), {"friend": somebody("ANA@example.com ")}),
        ((R.SHARED_IDENTITY,), {"friend": somebody(card="7"), "advocate": somebody(card="7")}),
        ((R.REVIEW,), {"friend": somebody(phone="+34 600 111 222")}),
        (
            (R.SAME_HOUSEHOLD,),
            {"friend": somebody(postal="1 main st"), "program": attrs.evolve(PROGRAM, household=Household.REFUSE)},
        ),
        ((), {"friend": somebody(postal="1 main st"), "program": attrs.evolve(PROGRAM, household=Household.ALLOW)}),
        ((R.ALREADY_REFERRED,), {"others": (done(friend=BEA.id, advocate_id=new_id()),)}),
        ((R.EXISTING_CUSTOMER,), {"friend_bought_before": True}),
        ((), {"day": 89}),
        ((R.EXPIRED,), {"day": 90}),
        ((R.PROGRAM_CLOSED, R.EXPIRED), {"day": 365}),
        ((R.REFERRAL_LIMIT,), {"others": (done(), done())}),
        ((R.PROGRAM_LIMIT,), {"others": tuple(done(advocate_id=new_id()) for _ in range(3))}),
        ((R.TOO_FAST,), {"others": (done(5, status=ReferralStatus.JOINED), done(4.5, status=ReferralStatus.JOINED))}),
        ((), {"others": (done(4, status=ReferralStatus.JOINED), done(4.5, status=ReferralStatus.JOINED))}),
        ((), {"others": tuple(done(friend=BEA.id, program_code="other") for _ in range(9))}),
    ],
)
def test_every_reason_why_a_referral_does_not_count(reasons, options):
    assert verdict(**options) == reasons


def test_friends_who_joined_at_once_are_too_fast_however_late_they_buy():
    others = (done(1, status=ReferralStatus.JOINED), done(1, status=ReferralStatus.JOINED))
    joined = referral().joined(BEA.id, START + 1.5 * DAY)
    assert judge(PROGRAM, joined, ANA, BEA, START + 9 * DAY, others=others) == (R.TOO_FAST,)
    later = referral().joined(BEA.id, START + 9 * DAY)
    assert judge(PROGRAM, later, ANA, BEA, START + 9 * DAY, others=others) == ()


@pytest.mark.parametrize("kind", [ContactKind.MESSAGING, ContactKind.SOCIAL, ContactKind.PUSH])
def test_a_shared_account_or_device_is_one_person(kind):
    one, other = (Customer(contact_points=(ContactPoint(kind=kind, raw="@ana"),)) for _ in "ab")
    assert shared_identity(one, other) == {"account"}
    assert verdict(friend=one, advocate=other) == (R.SHARED_IDENTITY,)


def test_a_referral_goes_forward_only_and_ends_once():
    whole = referral().joined(BEA.id, START).qualified(START + DAY).rewarded(START + 2 * DAY)
    assert (whole.status, whole.closed_at) == (ReferralStatus.REWARDED, START + 2 * DAY)
    for step in (
        lambda: whole.rewarded(START),
        lambda: whole.rejected(R.REVIEW, START),
        lambda: referral().qualified(START),
        lambda: referral().expired(START).joined(BEA.id, START),
        lambda: referral().joined(BEA.id, START).joined(BEA.id, START),
    ):
        with pytest.raises(InvalidTransitionError):
            step()


@pytest.mark.parametrize(
    "fields",
    [
        {"status": ReferralStatus.JOINED},
        {"friend_id": ANA.id},
        {"status": ReferralStatus.REJECTED},
        {"reason": R.REVIEW},
        {"code": ""},
    ],
)
def test_a_referral_that_contradicts_itself_is_refused(fields):
    with pytest.raises(InvalidValueError):
        referral(**fields)


@pytest.mark.parametrize("rates", [(5000, 5001), (-1,), (1,) * 6, (0.1,), (True,), [100]])
def test_levels_never_give_more_than_all(rates):
    with pytest.raises(InvalidValueError, match="level_rates"):
        ReferralProgram(code="f", program="tea", level_rates=rates)


@given(
    st.lists(st.integers(0, 2000), max_size=5),
    st.integers(0, 1000),
    st.lists(st.integers(1, 6), min_size=1, max_size=9),
)
def test_what_all_levels_get_is_bounded_by_their_rates_and_depth_and_nobody_is_paid_twice(rates, points, chain):
    program = ReferralProgram(code="f", program="tea", advocate_points=points, level_rates=tuple(rates))
    paid = level_points(program, [UUID(int=number) for number in chain])
    assert len(paid) <= 1 + len(rates)
    assert sum(each for _, each in paid[1:]) * 10_000 <= sum(rates) * points
    assert len({who for who, _ in paid}) == len(paid)
    assert all(each > 0 for _, each in paid)


def test_the_funnel_counts_each_step_and_each_reason():
    joined = referral().joined(BEA.id, START)
    counts = funnel(
        [
            referral(),
            joined,
            joined.qualified(START).rewarded(START),
            joined.rejected(R.REVIEW, START, "same phone"),
            referral().expired(START),
        ]
    )
    assert {name: counts[name] for name in ("invited", "joined", "qualified", "rewarded", "rejected", "rejected:review", "expired")} == {
        "invited": 5, "joined": 3, "qualified": 1, "rewarded": 1, "rejected": 1, "rejected:review": 1, "expired": 1,
    }  # fmt: skip


@given(strategies.customers(), strategies.customers())
def test_what_is_shared_is_shared_both_ways(one, other):
    assert shared_identity(one, other) == shared_identity(other, one)


@pytest.mark.parametrize("fields", [{"window": timedelta(0)}, {"velocity": 0}, {"advocate_points": -1}, {"limit": -1}])
def test_a_programme_that_makes_no_sense_is_refused(fields):
    with pytest.raises(InvalidValueError):
        ReferralProgram(code="f", program="tea", **fields)
