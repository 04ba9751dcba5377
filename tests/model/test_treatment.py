"""Treatment plans, snapshots and expenses: what they refuse."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from pycrm.errors import InvalidValueError
from pycrm.model.assessment import Tier
from pycrm.model.expense import Expense, ExpenseKind
from pycrm.model.money import Money
from pycrm.model.snapshot import NamedNumber, Snapshot
from pycrm.model.treatment import ServiceFloor, ServiceLevel, TreatmentPlan

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def levels(**hours):
    return tuple(
        ServiceLevel(tier=tier, service="answer_hours", value=hours.get(tier.name.lower(), 24.0)) for tier in Tier
    )


def test_a_plan_keeps_the_floor_for_the_occasional_customer_too():
    floor = (ServiceFloor(service="answer_hours", maximum=48.0),)
    assert TreatmentPlan(edition="1", levels=levels(), floors=floor).of(Tier.MIGRATOR) == {"answer_hours": 24.0}
    with pytest.raises(InvalidValueError, match=r"'answer_hours' of tier 'below zero' falls below the floor"):
        TreatmentPlan(edition="1", levels=levels(below_zero=96.0), floors=floor)
    with pytest.raises(InvalidValueError, match="falls below the floor"):
        TreatmentPlan(edition="1", levels=levels(), floors=(ServiceFloor(service="answer_hours", minimum=25.0),))


def test_every_tier_has_every_service_once():
    with pytest.raises(InvalidValueError, match="'below zero' once"):
        TreatmentPlan(edition="1", levels=levels()[:-1])
    with pytest.raises(InvalidValueError, match="once"):
        TreatmentPlan(edition="1", levels=(*levels(), levels()[0]))
    with pytest.raises(InvalidValueError, match="no tier has this service"):
        TreatmentPlan(edition="1", levels=levels(), floors=(ServiceFloor(service="discount", minimum=1.0),))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3, None])
def test_numbers_of_a_plan_and_of_a_snapshot_are_finite_floats(value):
    with pytest.raises(InvalidValueError, match="finite"):
        ServiceLevel(tier=Tier.MIGRATOR, service="answer_hours", value=value)
    with pytest.raises(InvalidValueError, match="finite"):
        NamedNumber("purchases.r", value)


def test_a_snapshot_ends_after_it_begins():
    with pytest.raises(InvalidValueError, match="since"):
        Snapshot(
            run="a",
            as_of=date(2026, 1, 1),
            since=date(2026, 1, 2),
            until=NOW,
            currency="EUR",
            customers=0,
            orders=0,
        )


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-1, "EUR"), 5])
def test_an_expense_is_money_above_zero(amount):
    with pytest.raises(InvalidValueError, match="amount"):
        Expense(customer_id=UUID(int=1), key="k", at=NOW, kind=ExpenseKind.SERVICE, amount=amount)
