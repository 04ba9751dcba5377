"""Offers as data: contradictory rules are refused where they are written, prices are judged, the log is never changed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from pycrm.errors import CurrencyMismatchError, InvalidTransitionError, InvalidValueError
from pycrm.model.action_plan import ActionPlan, ActionStatus, PlannedAction
from pycrm.model.automation import AutomationRun, time_saved
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.evidence import Actor, ActorKind, Reason
from pycrm.model.money import Money
from pycrm.model.next_step import NextStep, StepOption
from pycrm.model.offer import Offer, OfferDecision, OfferKind, Sale
from pycrm.model.offer_log import OfferAnswer, OfferOutcome, OfferOverride
from pycrm.model.time import Period

DAY = datetime(2026, 5, 1, tzinfo=UTC)


def euros(amount):
    return Money(Decimal(str(amount)), "EUR")


def offer(**fields):
    return Offer(**{"code": "tea", "name": "Tea", "kind": OfferKind.PERCENT, "percent": Decimal(10), **fields})


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"never_bought": True, "requires": ("pot",)}, "requires"),
        ({"never_bought": True, "upgrades": ("pot",)}, "upgrades"),
        ({"skus": ("pot", "mug"), "requires": ("mug",)}, "requires"),
        ({"excludes": ("tea",)}, "excludes"),
        ({"again_after": timedelta(0)}, "again_after"),
        ({"fallback": True, "stock": 4}, "stock"),
        ({"fallback": True, "stock": 0}, "stock"),
        ({"fallback": True, "never_bought": True}, "never_bought"),
        ({"price": euros(10), "floor_price": euros("9.50")}, "floor_price"),
        ({"floor_price": euros(9)}, "price"),
        ({"margin": euros(9)}, "price"),
        ({"kind": OfferKind.AMOUNT, "percent": None, "amount": euros(11), "price": euros(10)}, "amount"),
        ({"cost": euros(-1)}, "cost"),
        ({"stock": -1}, "stock"),
        ({"max_per_customer": 0}, "max_per_customer"),
        ({"needs": ["speed"]}, "needs"),
    ],
)
def test_rules_that_contradict_each_other_are_refused_by_name(wrong, field):
    with pytest.raises(InvalidValueError) as refused:
        offer(**wrong)
    assert refused.value.field == field


def test_amounts_of_an_offer_are_of_one_currency():
    with pytest.raises(CurrencyMismatchError):
        offer(price=euros(10), cost=Money("1", "USD"))


def test_a_buyer_of_what_is_required_may_be_offered_it_again_where_buyers_are_not_left_out():
    assert offer(skus=("pot",), requires=("pot",), suppress_buyers=False).sale is Sale.CROSS


def test_a_sale_is_up_cross_or_new():
    assert [offer(**fields).sale for fields in ({}, {"requires": ("a",)}, {"upgrades": ("a",)})] == [
        Sale.NEW,
        Sale.CROSS,
        Sale.UP,
    ]


def test_a_discount_is_of_the_price_or_the_amount_itself():
    assert offer(price=euros("19.99")).discount == euros("2.00")
    assert offer(kind=OfferKind.AMOUNT, percent=None, amount=euros(3)).discount == euros(3)
    assert offer(kind=OfferKind.SERVICE, percent=None).discount is None


def test_a_margin_below_zero_may_be_written_down():
    assert offer(price=euros(10), margin=euros(-2)).margin == euros(-2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"holdout": 1.0},
        {"prior": 0.0},
        {"strength": 0.0},
        {"budget": euros(-1)},
        {"window": timedelta(0)},
        {"contacts": -1},
        {"code": "a:b"},
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(wrong):
    with pytest.raises(InvalidValueError) as refused:
        DecisionPolicy(**{"code": "weekly", **wrong})
    assert refused.value.field == next(iter(wrong))


def test_a_decision_expires_after_it_was_made_and_its_window_starts_before_it_ends():
    fields = {"customer_id": UUID(int=1), "run": "r", "as_of": date(2026, 5, 1), "decided_at": DAY}
    why = (Reason("a", "b"),)
    for wrong in ({"expires_at": DAY}, {"since": date(2026, 5, 2)}):
        with pytest.raises(InvalidValueError):
            OfferDecision(**fields, reasons=why, **wrong)


def test_only_an_accepted_offer_has_a_value_and_an_order():
    taken = OfferOutcome(decision_id=UUID(int=1), answer=OfferAnswer.ACCEPTED, at=DAY, value=euros(5))
    assert taken.value == euros(5)
    with pytest.raises(InvalidValueError):
        OfferOutcome(decision_id=UUID(int=1), answer=OfferAnswer.DECLINED, at=DAY, value=euros(5))


def test_an_override_says_who_and_why():
    with pytest.raises(InvalidValueError):
        OfferOverride(decision_id=UUID(int=1), actor=Actor(ActorKind.HUMAN, "ana"), at=DAY, note=" ")


def test_advice_has_a_reason_and_an_end():
    step = StepOption("call", "Call", 2)
    for wrong in ({"reasons": ()}, {"expires_at": DAY}):
        with pytest.raises(InvalidValueError):
            NextStep(
                **{
                    "customer_id": UUID(int=1),
                    "step": step,
                    "reasons": (Reason("a", "b"),),
                    "made_at": DAY,
                    "expires_at": DAY + timedelta(days=1),
                    **wrong,
                }
            )


def action(code, **more):
    return PlannedAction(**{"code": code, "text": code, "owner": "ana", "due": date(2026, 5, 1), **more})


def test_a_plan_ranks_its_open_actions_by_what_they_surely_bring():
    plan = ActionPlan(
        code="p",
        goal="g",
        actions=(
            action("sure", expected=euros(60)),
            action("bold", expected=euros(100), confidence=0.5),
            action("plain"),
            action("done", expected=euros(999), status=ActionStatus.DONE),
        ),
    )
    assert [one.code for one in plan.ranked()] == ["sure", "bold", "plain"]
    assert plan.expected() == euros(110)


def test_what_is_done_stays_done_and_what_was_dropped_may_be_planned_again():
    plan = ActionPlan(code="p", goal="g", actions=(action("a"),))
    with pytest.raises(InvalidTransitionError):
        plan.with_status("a", ActionStatus.DONE).with_status("a", ActionStatus.STARTED)
    again = plan.with_status("a", ActionStatus.DROPPED).with_status("a", ActionStatus.PLANNED)
    assert again.expected() is None
    assert len(again.ranked()) == 1
    with pytest.raises(InvalidValueError, match="the actions are a"):
        plan.with_status("b", ActionStatus.DONE)


def test_actions_of_a_plan_have_codes_of_their_own_and_one_currency():
    with pytest.raises(InvalidValueError):
        ActionPlan(code="p", goal="g", actions=(action("a"), action("a")))
    with pytest.raises(CurrencyMismatchError):
        ActionPlan(
            code="p", goal="g", actions=(action("a", expected=euros(1)), action("b", expected=Money("1", "USD")))
        )


def run(key, items, *, process="decide", days=0, **more):
    return AutomationRun(
        process=process, key=key, at=DAY + timedelta(days=days), items=items, by_hand=timedelta(minutes=2), **more
    )


def test_time_saved_is_summed_by_process_each_run_once_and_may_be_below_zero():
    runs = [
        run("a", 30),
        run("a", 30),
        run("b", 15, days=1),
        run("c", 999, days=9),
        run("a", 1, process="match", overseen=timedelta(minutes=10)),
    ]
    saved = time_saved(runs, Period(DAY, DAY + timedelta(days=2)))
    assert saved == {"decide": timedelta(minutes=90), "match": timedelta(minutes=-8)}
    assert list(saved) == ["decide", "match"]
    with pytest.raises(InvalidValueError):
        run("d", 1, overseen=timedelta(minutes=-1))
