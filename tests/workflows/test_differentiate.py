"""Differentiate: every customer gets a value, a segment and a tier, each with its reason and window."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from attrs import evolve
from worlds import NOW, TODAY, customer, everything, order, shop, store_of

from pycrm.clv import BetaGeoNBD, GammaGamma
from pycrm.errors import CurrencyMismatchError, InvalidValueError, NotEstimableError
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.money import Money
from pycrm.model.order import OrderStatus, Refund, UnallocatedRefund
from pycrm.workflows import differentiate
from pycrm.workflows.differentiate import Horizon, value_orders

EUR = "EUR"


@pytest.fixture(scope="module")
def assessed():
    store = store_of(*shop())
    return store, differentiate.assess(store, as_of=TODAY)


def test_every_customer_is_in_one_tier_and_every_buyer_in_one_segment(assessed):
    store, report = assessed
    made = everything(store, Assessment)
    assert sum(report.tiers.values()) == report.customers == len(made)
    assert sum(report.segments.values()) == sum(one.orders > 0 for one in made)


def test_the_values_sum_to_the_revenue_exactly(assessed):
    store, report = assessed
    made = everything(store, Assessment)
    assert sum((one.historic_value.amount for one in made), Decimal(0)) == report.revenue.amount


def test_the_interval_of_the_expected_value_holds_it(assessed):
    store, report = assessed
    assert report.expected_value is not None
    estimated = [one for one in everything(store, Assessment) if one.expected_value is not None]
    assert estimated
    assert all(one.expected_low <= one.expected_value <= one.expected_high for one in estimated if one.expected_low)
    assert sum(one.expected_low is not None for one in estimated) == len(estimated)


def test_an_assessment_says_why_and_from_which_days(assessed):
    store, report = assessed
    one = everything(store, Assessment)[0]
    assert {reason.code for reason in one.reasons} == {"rfm", "tier"}
    assert (one.since, one.as_of) == (report.since, TODAY)


def test_assessing_the_same_day_again_replaces_the_snapshot_and_another_day_adds_one():
    store = store_of(*shop(60))
    first = differentiate.assess(store, as_of=TODAY)
    assert differentiate.assess(store, as_of=TODAY) == first
    assert len(everything(store, Assessment)) == first.customers
    differentiate.assess(store, as_of=TODAY - timedelta(days=30))
    assert len(everything(store, Assessment)) == 2 * first.customers


def test_a_refund_without_an_order_lowers_the_value_even_below_zero():
    ana, bob = customer("Ana"), customer("Bob")
    credit = UnallocatedRefund(customer_id=ana.id, key="c1", at=NOW - timedelta(days=3), amount=Money(50, EUR))
    dollars = UnallocatedRefund(customer_id=bob.id, key="c2", at=NOW - timedelta(days=3), amount=Money(50, "USD"))
    store = store_of(ana, bob, order(ana, 1, 20, 30), order(bob, 2, 10, 5), credit, dollars)
    report = differentiate.assess(store, as_of=TODAY)
    values = {one.customer_id: one for one in everything(store, Assessment)}
    assert values[ana.id].historic_value == Money(-20, EUR)
    assert values[ana.id].tier is Tier.BELOW_ZERO
    assert report.revenue == Money(-15, EUR)


def test_cancelled_and_refunded_orders_are_worth_what_is_left():
    ana = customer("Ana")
    partly = order(ana, 1, 20, 30).refund(Refund(at=NOW - timedelta(days=5), amount=Money(10, EUR)))
    store = store_of(ana, partly, order(ana, 2, 10, 99, status=OrderStatus.CANCELLED))
    report = differentiate.assess(store, as_of=TODAY)
    assert report.revenue == Money(20, EUR)
    assert report.orders == 1


def test_a_customer_without_orders_is_assessed_too_and_told_why():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve")
    credit = UnallocatedRefund(customer_id=eve.id, key="c1", at=NOW - timedelta(days=3), amount=Money(1, EUR))
    store = store_of(ana, bob, eve, order(ana, 1, 20, 30), credit)
    differentiate.assess(store, as_of=TODAY)
    values = {one.customer_id: one for one in everything(store, Assessment)}
    assert values[bob.id].tier is Tier.LOW_MAINTENANCE
    assert values[bob.id].reasons[0].code == "no_orders"
    assert values[eve.id].tier is Tier.BELOW_ZERO


def test_what_cannot_be_estimated_is_said_not_invented():
    ana = customer("Ana")
    store = store_of(ana, order(ana, 1, 20, 30))
    report = differentiate.assess(store, as_of=TODAY)
    [one] = everything(store, Assessment)
    assert one.expected_value is None
    assert [reason.code for reason in one.reasons] == ["rfm", "tier", "no_expected_value"]
    assert report.notes == (
        "purchases to come cannot be estimated: 0 of 1 customers came back on another day; 10 are the least",
    )
    assert report.expected_value is None


def test_a_handful_of_customers_who_came_back_says_nothing_of_the_next():
    ana = customer("Ana")
    report = differentiate.assess(store_of(ana, order(ana, 1, 20, 30), order(ana, 2, 10, 30)), as_of=TODAY)
    assert report.expected_value is None
    assert "1 of 1 customers came back" in report.notes[0]


def test_a_search_that_found_no_maximum_gives_no_numbers():
    notes = []
    fit = BetaGeoNBD.fit({"frequency": [2, 0, 1], "recency": [3.0, 0.0, 2.0], "age": [9.0, 8.0, 9.0]}, penalty=0.1)
    assert differentiate._fitted(lambda: fit.evolve(converged=False), "the purchase model", notes) is None
    assert notes[-1].startswith("the purchase model is left out: the search found no maximum")


def test_where_a_parameter_has_no_maximum_the_value_has_no_interval_and_says_so():
    store = store_of(*shop(30, seed=0))
    report = differentiate.assess(store, as_of=TODAY)
    assert report.expected_value is not None
    assert any("expected values have no interval" in note for note in report.notes)
    assert all(one.expected_low is None for one in everything(store, Assessment))


def test_no_orders_at_all_is_an_error_that_says_so():
    with pytest.raises(NotEstimableError, match="no order lies on or before 2026-04-30"):
        differentiate.assess(store_of(customer("Ana")), as_of=TODAY)


def test_only_orders_worth_nothing_are_an_error_that_says_so():
    ana = customer("Ana")
    with pytest.raises(NotEstimableError, match="positive amount"):
        differentiate.assess(store_of(ana, order(ana, 1, 5, 0)), as_of=TODAY)


def test_two_currencies_are_refused():
    ana = customer("Ana")
    store = store_of(ana, order(ana, 1, 20, 30), order(ana, 2, 10, 30, currency="USD"))
    with pytest.raises(CurrencyMismatchError):
        differentiate.assess(store, as_of=TODAY)


def test_a_day_begins_where_the_zone_says():
    ana = customer("Ana")
    late = evolve(order(ana, 1, 0, 10), placed_at=datetime.fromisoformat("2026-04-30T23:30:00+00:00"))
    store = store_of(ana, late)
    assert differentiate.assess(store, as_of=TODAY).orders == 1
    with pytest.raises(NotEstimableError):
        differentiate.assess(store, as_of=TODAY, zone="Europe/Madrid")


@pytest.mark.parametrize("as_of", [date.max, NOW, "2026-01-01", None])
def test_a_day_that_is_none_or_the_last_of_all_is_refused(as_of):
    with pytest.raises(InvalidValueError, match="as_of"):
        differentiate.assess(store_of(customer("Ana")), as_of=as_of)


@pytest.mark.parametrize("wrong", [{"zone": "Mars/X"}, {"zone": "../etc"}, {"zone": None}, {"horizon": 12}])
def test_a_zone_or_a_horizon_that_is_none_is_refused_by_name(wrong):
    with pytest.raises(InvalidValueError, match=next(iter(wrong))):
        differentiate.assess(store_of(customer("Ana")), as_of=TODAY, **wrong)


def test_a_horizon_looks_ahead():
    with pytest.raises(InvalidValueError, match="at least one unit"):
        Horizon(length=0)


def test_expected_purchases_do_not_depend_on_the_unit_of_the_model():
    made = [one for one in shop(200) if hasattr(one, "placed_at")]
    orders = pd.DataFrame(
        {
            "customer": [str(one.customer_id) for one in made],
            "day": pd.to_datetime([one.placed_at.date() for one in made]),
            "order": [one.number for one in made],
            "amount": [float(one.net.amount) for one in made],
        }
    )
    weeks = value_orders(orders, as_of=TODAY, unit="week").customers["expected_purchases"]
    days = value_orders(orders, as_of=TODAY, unit="day").customers["expected_purchases"]
    assert weeks.sum() == pytest.approx(days.sum(), rel=1e-4)


def test_an_orders_table_before_the_first_order_cannot_be_valued():
    orders = pd.DataFrame({"customer": ["a"], "day": pd.to_datetime(["2026-01-01"]), "order": [1], "amount": [1.0]})
    with pytest.raises(NotEstimableError):
        value_orders(orders, as_of=date(2025, 1, 1))


def test_a_fit_that_is_refused_becomes_a_note():
    notes = []
    nobody = {"frequency": [0], "recency": [0.0], "age": [1.0], "mean_value": [0.0]}
    assert differentiate._fitted(lambda: GammaGamma.fit(nobody), "the spend model", notes) is None
    assert notes[0].startswith("the spend model cannot be estimated: column 'frequency'")
