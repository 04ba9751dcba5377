"""Experiments: what they are made of, what may follow, and what a finding advises."""

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest
from hypothesis import given

import strategies
from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model import (
    Actor,
    ActorKind,
    Decision,
    Experiment,
    ExperimentArm,
    Finding,
    Money,
    Outcome,
    Period,
    Recommendation,
    RowSet,
    new_id,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
NONE, MAIL = (
    ExperimentArm(code="none", share=0.5),
    ExperimentArm(code="mail", share=0.5, unit_cost=Money("0.40", "EUR")),
)


def experiment(**change):
    return Experiment(
        **{
            "code": "spring",
            "name": "Mail?",
            "arms": (NONE, MAIL),
            "control": "none",
            "period": Period(START),
            **change,
        }
    )


def finding(**change):
    fields = {
        "question": "spring",
        "arm": "mail",
        "control": "none",
        "metric": "revenue",
        "as_of": date(2026, 4, 1),
        "found_at": START,
        "estimate": 2.0,
        "low": 1.0,
        "high": 3.0,
        "confidence": 0.95,
        "p_value": 0.01,
        "adjusted_p_value": 0.01,
        "treated": 100,
        "controls": 100,
        "contacts": 100,
        "treated_mean": 12.0,
        "control_mean": 10.0,
        "method": "Welch t",
    }
    return Finding(**{**fields, **change})


def euros(*amounts):
    return dict(zip(("value", "value_low", "value_high"), (Money(amount, "EUR") for amount in amounts), strict=True))


@given(strategies.experiments())
def test_the_planned_shares_of_everybody_sum_to_one(one):
    assert sum(one.shares().values()) == pytest.approx(1.0)
    assert ("holdout" in one.shares()) == (one.holdout > 0)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"arms": (NONE,)}, "arms"),
        ({"arms": (NONE, NONE)}, "arms"),
        ({"arms": (NONE, attrs.evolve(MAIL, share=0.6))}, "arms"),
        ({"arms": (NONE, attrs.evolve(MAIL, code="holdout"))}, "arms"),
        ({"control": "letter"}, "control"),
        ({"holdout": 1.0}, "holdout"),
        ({"holdout": float("nan")}, "holdout"),
        ({"period": Period()}, "period"),
        ({"window": timedelta(0)}, "window"),
        ({"sample_size": 1}, "sample_size"),
        ({"code": "Spring Mail"}, "code"),
    ],
)
def test_an_experiment_that_cannot_be_names_its_field(change, field):
    with pytest.raises(InvalidValueError) as caught:
        experiment(**change)
    assert caught.value.field == field


def test_an_experiment_does_not_follow_itself():
    id = new_id()
    with pytest.raises(InvalidValueError, match="follow itself"):
        experiment(id=id, follows=id)


def test_an_arm_costs_its_contacts_and_its_making():
    both = attrs.evolve(MAIL, fixed_cost=Money(100, "EUR"))
    assert both.cost(1_000) == Money("500.00", "EUR")
    assert MAIL.cost(0) == Money("0", "EUR")
    assert NONE.cost(1_000) is None
    with pytest.raises(CurrencyMismatchError):
        attrs.evolve(MAIL, fixed_cost=Money(1, "USD"))
    with pytest.raises(InvalidValueError, match="at least 0"):
        attrs.evolve(MAIL, unit_cost=Money(-1, "EUR"))
    with pytest.raises(InvalidValueError, match="leave the arm out"):
        ExperimentArm(code="a", share=0)


def test_the_next_version_is_tried_against_the_winner():
    first = experiment(holdout=0.1, window=timedelta(days=30))
    better = attrs.evolve(MAIL, code="mail-2", share=0.3, communication_version=2)
    second = first.next_version(
        "summer", winner="mail", challengers=[better], period=Period(START + timedelta(days=60))
    )
    assert [(arm.code, round(arm.share, 9)) for arm in second.arms] == [("mail", 0.7), ("mail-2", 0.3)]
    assert (second.control, second.follows, second.holdout, second.window) == (
        "mail",
        first.id,
        0.1,
        timedelta(days=30),
    )
    with pytest.raises(InvalidValueError, match="leave the winner a share"):
        first.next_version("x", winner="mail", challengers=[attrs.evolve(better, share=1.0)], period=Period(START))
    with pytest.raises(InvalidValueError, match="the arms are none, mail"):
        first.next_version("x", winner="letter", challengers=[better], period=Period(START))


def test_an_outcome_never_comes_before_its_exposure():
    Outcome(customer_id=new_id(), metric="satisfaction", value=4, at=START, exposed_at=START)
    with pytest.raises(InvalidValueError, match="after its exposure"):
        Outcome(customer_id=new_id(), metric="satisfaction", value=4, at=START, exposed_at=START + timedelta(seconds=1))
    with pytest.raises(InvalidValueError, match="finite"):
        Outcome(customer_id=new_id(), metric="satisfaction", value=float("nan"), at=START)


def test_a_finding_advises_by_profit_where_it_is_known_and_else_by_the_effect():
    assert finding().recommendation is Recommendation.ADOPT
    assert finding(low=-1.0).recommendation is Recommendation.CONTINUE
    assert finding(estimate=-2.0, low=-3.0, high=-1.0).recommendation is Recommendation.DROP
    worth = finding(**euros(200, 100, 300), cost=Money(150, "EUR"))
    assert worth.profit == (Money(50, "EUR"), Money(-50, "EUR"), Money(150, "EUR"))
    assert worth.recommendation is Recommendation.CONTINUE
    assert attrs.evolve(worth, cost=None).recommendation is Recommendation.ADOPT
    assert attrs.evolve(worth, cost=Money(301, "EUR")).recommendation is Recommendation.DROP
    assert finding().profit is None


@pytest.mark.parametrize(
    "change, field",
    [
        ({"low": 2.5}, "low"),
        ({"estimate": float("inf")}, "estimate"),
        ({"treated": 0}, "treated"),
        ({"p_value": 1.5}, "p_value"),
        ({"value": Money(1, "EUR")}, "value"),
        ({**euros(2, 1, 3), "cost": Money(1, "USD")}, "cost"),
        ({"rows": (1,)}, "rows"),
    ],
)
def test_a_finding_that_cannot_be_names_its_field(change, field):
    with pytest.raises(InvalidValueError) as caught:
        finding(**change)
    assert caught.value.field == field


def test_a_row_set_is_named_by_a_digest():
    RowSet(kind="order", rows=0, digest="0" * 64)
    for digest in ("", "0" * 63, "G" * 64, None):
        with pytest.raises(InvalidValueError, match="SHA-256"):
            RowSet(kind="order", rows=0, digest=digest)


def test_a_decision_against_the_advice_says_why():
    made = {
        "finding_id": new_id(),
        "recommended": Recommendation.ADOPT,
        "decided_at": START,
        "actor": Actor(ActorKind.HUMAN, "ana"),
    }
    assert Decision(**made, decided=Recommendation.ADOPT).note is None
    with pytest.raises(InvalidValueError, match="say why it is not adopt"):
        Decision(**made, decided=Recommendation.DROP)
    assert Decision(**made, decided=Recommendation.DROP, note="the brand comes first").note
