"""Differentiate: every customer gets a value, a segment and a tier, each with its reason and window."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from attrs import evolve
from worlds import NOW, TODAY, customer, everything, order, shop, store_of

from pycrm.clv import BetaGeoNBD, GammaGamma
from pycrm.errors import CurrencyMismatchError, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.customer import Customer
from pycrm.model.expense import Expense, ExpenseKind
from pycrm.model.inferred_need import NeedSign
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.money import Money
from pycrm.model.order import OrderLine, OrderStatus, Product, Refund, UnallocatedRefund
from pycrm.model.snapshot import Snapshot
from pycrm.model.treatment import ServiceFloor, ServiceLevel, TreatmentPlan
from pycrm.scoring import EventRule, ProfileRule, ScoringRules
from pycrm.segmentation import NeedsRules
from pycrm.workflows import differentiate
from pycrm.workflows.differentiate import Horizon, policy_of, value_orders, valuing
from pycrm.workflows.differentiate.keeping import money

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
    assert {reason.code for reason in one.reasons} == {"rfm", "tier", "rows"}
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
    assert [reason.code for reason in one.reasons] == ["rfm", "tier", "rows", "no_expected_value"]
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
    assert valuing._fitted(lambda: fit.evolve(converged=False), "the purchase model", notes) is None
    assert notes[-1].startswith("the purchase model is left out: the search found no maximum")


def test_where_a_parameter_has_no_maximum_the_value_has_no_interval_and_says_so():
    store = store_of(*shop(30, seed=4))
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
    assert valuing._fitted(lambda: GammaGamma.fit(nobody), "the spend model", notes) is None
    assert notes[0].startswith("the spend model cannot be estimated: column 'frequency'")


def test_no_refund_of_tomorrow_lowers_the_value_of_today():
    ana = customer("Ana")
    back = Refund(at=NOW + timedelta(days=3), amount=Money(10, EUR))
    store = store_of(ana, order(ana, 1, 20, 30).refund(back))
    assert differentiate.assess(store, as_of=TODAY).revenue == Money(30, EUR)
    assert differentiate.assess(store, as_of=TODAY + timedelta(days=9)).revenue == Money(20, EUR)


def test_orders_of_somebody_who_is_not_there_are_left_out_and_said():
    ana, old = customer("Ana"), customer("Old")
    store = store_of(ana, old, order(ana, 1, 20, 30), order(old, 2, 10, 5))
    with store.begin() as unit:
        unit.customers.remove(old.id)
        unit.commit()
    report = differentiate.assess(store, as_of=TODAY)
    assert report.revenue == Money(30, EUR)
    assert report.notes[-1] == "1 orders of customers who are not there are left out"


def test_the_rows_of_an_assessment_add_up_to_its_numbers():
    made = shop(40)
    ana = made[0]
    late = order(ana, "late", -5, 99)
    lost = order(ana, "lost", 9, 99, status=OrderStatus.CANCELLED)
    credit = UnallocatedRefund(customer_id=ana.id, key="c1", at=NOW - timedelta(days=3), amount=Money(1, EUR))
    spent = Expense(
        customer_id=ana.id, key="e", at=NOW - timedelta(days=2), kind=ExpenseKind.SERVICE, amount=Money(4, EUR)
    )
    store = store_of(*made, late, lost, credit, spent)
    report = differentiate.assess(store, as_of=TODAY)
    assert report.rows["expenses"] == 1
    with store.begin(read_only=True) as unit:
        for one in everything(store, Assessment):
            rows = differentiate.rows_of(store, one)
            orders = unit.orders.get_many(rows.orders)
            refunds = [unit.of(UnallocatedRefund).get(id).amount.amount for id in rows.refunds]
            value = sum((each.net.amount for each in orders), Decimal(0)) - sum(refunds)
            assert (len(orders), len(rows.refunds), len(rows.expenses)) == (one.orders, one.refunds, one.expenses)
            assert one.historic_value.amount == value
            assert one.profit.amount == value - (4 if one.customer_id == ana.id else 0)
    with pytest.raises(NotEstimableError, match="no snapshot"):
        differentiate.rows_of(store, evolve(one, run="other"))


def test_profit_is_what_is_left_after_goods_and_expenses():
    ana = customer("Ana")
    line = OrderLine(sku="tea", unit_price=Money(30, EUR), cost=Money(20, EUR))
    bought = evolve(order(ana, 1, 20, 30), lines=(line,))
    spent = Expense(
        customer_id=ana.id, key="e", at=NOW - timedelta(days=2), kind=ExpenseKind.ACQUISITION, amount=Money(15, EUR)
    )
    report = differentiate.assess(store_of(ana, bought, spent), as_of=TODAY)
    assert report.profit == Money(-5, EUR)
    assert report.tiers["below zero"] == 1
    assert differentiate.assess(store_of(ana, bought), as_of=TODAY - timedelta(days=1)).profit == Money(10, EUR)


def test_who_spends_much_elsewhere_is_most_growable():
    people = [customer(f"c{n}", custom={"yearly": 1000 if n == 0 else Decimal(40)}) for n in range(10)]
    bought = [order(who, n, 20, 10 + n) for n, who in enumerate(people)]
    store = store_of(*people, *bought)
    report = differentiate.assess(store, as_of=TODAY, spending="custom.yearly", horizon=Horizon(discount_rate=0.0))
    values = {one.customer_id: one for one in everything(store, Assessment)}
    assert values[people[0].id].tier is Tier.MOST_GROWABLE
    assert values[people[0].id].potential_value == Money("1000.00", EUR)
    assert report.potential_value == Money("1360.00", EUR)
    assert report.share_of_customer == pytest.approx(sum(range(10, 20)) / 1360)
    assert report.tiers["most valuable"] == 2


@pytest.mark.parametrize("wrong", ["much", -1, 1e400])
def test_a_spending_that_is_no_amount_is_refused_by_its_row(wrong):
    ana = customer("Ana", custom={"yearly": str(wrong) if wrong == 1e400 else wrong})
    store = store_of(ana, order(ana, 1, 20, 30))
    with pytest.raises(InvalidDataError, match=r"custom\.yearly.*row 0"):
        differentiate.assess(store, as_of=TODAY, spending="custom.yearly")


def test_the_former_snapshot_is_found_and_compared():
    store = store_of(*shop(60))
    first = differentiate.assess(store, as_of=TODAY - timedelta(days=60))
    assert (first.former, first.migration) == (None, None)
    second = differentiate.assess(store, as_of=TODAY)
    assert second.former == TODAY - timedelta(days=60)
    assert second.migration.stayed + second.migration.entered.sum() == second.customers
    itself = differentiate.assess(store, as_of=TODAY + timedelta(days=1), run="other")
    assert itself.former is None


def test_a_snapshot_made_again_keeps_the_ids_and_forgets_who_left():
    people = shop(30)
    store = store_of(*people)
    differentiate.assess(store, as_of=TODAY)
    before = {one.customer_id: one.id for one in everything(store, Assessment)}
    newcomer = customer("New")
    with store.begin() as unit:
        unit.customers.add(newcomer)
        gone = people[0].id
        unit.customers.remove(gone)
        unit.commit()
    differentiate.assess(store, as_of=TODAY)
    after = {one.customer_id: one.id for one in everything(store, Assessment)}
    assert after.keys() == (before.keys() | {newcomer.id}) - {gone}
    assert all(after[id] == before[id] for id in after if id != newcomer.id)


def plan(edition="2026-1", worst=40.0):
    hours = dict.fromkeys(Tier, 8.0) | {Tier.BELOW_ZERO: worst, Tier.LOW_MAINTENANCE: worst}
    levels = tuple(ServiceLevel(tier=tier, service="answer_hours", value=value) for tier, value in hours.items())
    return TreatmentPlan(edition=edition, levels=levels, floors=(ServiceFloor(service="answer_hours", maximum=48.0),))


def test_a_policy_is_never_without_its_audit():
    made = shop(120)
    people = [
        evolve(one, country="DE" if n % 2 else "ES") if isinstance(one, Customer) else one for n, one in enumerate(made)
    ]
    store = store_of(*people, plan())
    with pytest.raises(InvalidValueError, match="never without its audit"):
        differentiate.assess(store, as_of=TODAY, policy="2026-1")
    with pytest.raises(InvalidValueError, match="no treatment plan of this edition"):
        differentiate.assess(store, as_of=TODAY, policy="2027", audit=["country"])
    with pytest.raises(InvalidValueError, match="give a list of paths"):
        differentiate.assess(store, as_of=TODAY, audit="country")
    report = differentiate.assess(store, as_of=TODAY, policy="2026-1", audit=["country", "custom.branch"])
    assert {row.group for row in report.fairness["country"].groups} == {("DE",), ("ES",)}
    assert sum(row.rows for row in report.fairness["country"].groups) == report.customers
    assert report.treatment["country"].tier_gap == {"answer_hours": (8.0, 40.0)}
    assert [row.group for row in report.fairness["custom.branch"].groups] == [("missing",)]
    assert {one.policy for one in everything(store, Assessment)} == {"2026-1"}
    [snapshot] = everything(store, Snapshot)
    assert (snapshot.policy, snapshot.customers, snapshot.orders) == ("2026-1", report.customers, report.orders)
    assert policy_of(plan()).floor["answer_hours"].holds(48.0)


def test_ages_are_compared_in_bands():
    ages = (29, 30, 44, 45, 59, 60)
    people = [customer(f"a{age}", birth_date=TODAY.replace(year=TODAY.year - age)) for age in ages] + [customer("x")]
    store = store_of(*people, order(people[0], 1, 9, 10))
    report = differentiate.assess(store, as_of=TODAY, audit=["age_band"], min_rows=1)
    found = {row.group[0]: row.rows for row in report.fairness["age_band"].groups}
    assert found == {"under 30": 1, "30 to 44": 2, "45 to 59": 2, "60 and over": 1, "missing": 1}


def need(who, name, strength=1.0, days=30):
    return CustomerFact(
        customer_id=who.id,
        topic=Topic(FactKind.NEED, name),
        strength=strength,
        origin=FactOrigin.STATED,
        recorded_at=NOW - timedelta(days=days),
    )


@pytest.fixture(scope="module")
def needy():
    """Half drink tea and need speed, half drink coffee and need advice; two never bought, one of them said a need."""
    people = [customer(f"n{n}") for n in range(42)]
    made = [
        *people,
        Product(sku="t1", name="Tea", category=("tea",)),
        Product(sku="t2", name="Tea", category=("tea",)),
        Product(sku="c1", name="Coffee", category=("coffee", "beans")),
    ]
    for n, who in enumerate(people[:40]):
        tea = n % 2 == 0
        made += [
            order(who, f"{n}-{k}", 20 + n + 7 * k, 10 + n, sku=("t1", "t2")[k % 2] if tea else "c1") for k in range(3)
        ]
        made.append(need(who, "speed" if tea else "advice", 0.8))
    made.append(need(people[40], "advice"))
    made.append(need(people[41], "speed", days=-5))
    return people, store_of(*made)


def test_groups_of_needs_are_found_named_and_kept_in_the_next_run(needy):
    people, store = needy
    rules = NeedsRules()
    report = differentiate.assess(
        store, as_of=TODAY, needs=rules, satisfaction={(people[0].id, "speed"): 0.5, (people[1].id, "advice"): 1.0}
    )
    assert sum(report.needs.values()) == 41
    made = {one.customer_id: one for one in everything(store, Assessment)}
    groups = [{made[who.id].needs for who in people[start:40:2]} for start in (0, 1)]
    assert len(groups[0]) == len(groups[1]) == 1
    assert groups[0] != groups[1]
    assert made[people[41].id].needs is None
    assert "needs" in {reason.code for reason in made[people[0].id].reasons}
    assert report.rows["facts"] == 41
    assert [gap.topic.name for gap in report.gaps] == ["speed", "advice"]
    assert report.gaps[0].gap == pytest.approx(0.4)
    assert sum(cell["customers"] for cell in report.grid) == report.customers
    again = differentiate.assess(store, as_of=TODAY + timedelta(days=1), needs=rules)
    assert {
        who.id: one.needs
        for who in people
        for one in everything(store, Assessment)
        if one.customer_id == who.id and one.as_of == TODAY
    } == {
        who.id: one.needs
        for who in people
        for one in everything(store, Assessment)
        if one.customer_id == who.id and one.as_of != TODAY
    } | {people[41].id: None}
    assert {group.name: group.profile.partition(":")[2] for group in again.groups}.keys() == report.needs.keys()


def test_customers_who_are_all_alike_have_no_groups_of_needs():
    people = [customer(f"s{n}") for n in range(5)]
    store = store_of(*people, *[order(who, n, 20, 10) for n, who in enumerate(people)])
    report = differentiate.assess(store, as_of=TODAY, needs=NeedsRules())
    assert report.groups == ()
    assert any("groups of needs cannot be told apart" in note for note in report.notes)


def test_scores_rest_on_what_is_known_and_on_what_was_done_before_the_day():
    ana, bob = customer("Ana", country="ES"), customer("Bob", country="DE")

    def visit(who, days, outcome=None):
        at = NOW - timedelta(days=days)
        return Interaction(
            customer_id=who.id,
            kind=InteractionKind.EMAIL,
            direction=Direction.IN,
            channel="email",
            occurred_at=at,
            recorded_at=at,
            outcome=outcome,
        )

    rules = ScoringRules(
        rules=(
            ProfileRule(name="home", column="country", test="equals", value="ES", points=30),
            ProfileRule(name="buys", column="orders", test="at_least", value=1, points=25),
            EventRule(name="writes", event="email", points=10),
            EventRule(name="clicks", event="email:clicked", points=5),
        ),
        version="7",
    )
    store = store_of(ana, bob, order(ana, 1, 20, 30), visit(ana, 3), visit(ana, 4, "clicked"), visit(bob, -2))
    report = differentiate.assess(store, as_of=TODAY, scoring=rules)
    made = {one.customer_id: one for one in everything(store, Assessment)}
    assert (made[ana.id].fit_score, made[ana.id].engagement_score, made[ana.id].grade) == (55, 25, "A2")
    assert (made[bob.id].fit_score, made[bob.id].engagement_score, made[bob.id].grade) == (0, 0, "C3")
    assert (made[ana.id].interactions, report.rows["interactions"]) == (2, 2)
    assert everything(store, Snapshot)[0].scoring == "7"
    assert len(differentiate.rows_of(store, made[ana.id]).interactions) == 2


@pytest.mark.parametrize("wrong", [{"needs": {"k": 0}}, {"needs": {"ks": (1,)}}])
def test_rules_for_needs_that_make_no_groups_are_refused(wrong):
    with pytest.raises(InvalidValueError):
        NeedsRules(**wrong["needs"])


def test_a_value_next_to_nothing_is_rounded_and_no_error():
    assert money(5.490555278919289e-29, EUR) == Money("0.00", EUR)


def test_relationships_below_the_threshold_are_told_those_that_fell_first():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve")

    def spent(who, days, amount):
        return Expense(
            customer_id=who.id, key=f"{who.id}{days}", at=NOW - timedelta(days=days), kind=ExpenseKind.SERVICE,
            amount=Money(amount, EUR),
        )  # fmt: skip

    store = store_of(ana, bob, eve, *[order(who, n, 90, 30) for n, who in enumerate((ana, bob, eve))],
                     spent(ana, 5, 31), spent(bob, 80, 99))  # fmt: skip
    for day in (TODAY - timedelta(days=30), TODAY):
        differentiate.assess(store, as_of=day)
    found = differentiate.alerts(store, as_of=TODAY)
    assert [(one.customer_id, one.reason.code, one.profit) for one in found] == [
        (ana.id, "profit.crossed", Money(-1, EUR)),
        (bob.id, "profit.low", Money(-69, EUR)),
    ]
    assert found[0].former == Money(30, EUR)
    assert len(differentiate.alerts(store, as_of=TODAY, least=31)) == 3
    with pytest.raises(NotEstimableError, match="no snapshot"):
        differentiate.alerts(store, as_of=date(2020, 1, 1))


def test_complaints_tell_of_needs_until_the_customer_states_his_own():
    people = [customer(f"c{n}") for n in range(2)]
    at = NOW - timedelta(days=10)

    def complaint(who):
        return Interaction(
            customer_id=who.id, kind=InteractionKind.CALL, channel="phone", occurred_at=at, recorded_at=at,
            outcome="complaint", payload={"topic": "delivery"},
        )  # fmt: skip

    stated = CustomerFact(
        customer_id=people[1].id, topic=Topic(FactKind.NEED, "speed"), strength=0.9, origin=FactOrigin.STATED,
        recorded_at=at - timedelta(days=300),
    )  # fmt: skip
    bought = [order(who, n, 20, 10 * (n + 1)) for n, who in enumerate(people)]
    store = store_of(*people, *bought, complaint(people[0]), complaint(people[1]), stated)
    signs = [NeedSign(need="speed", outcome="complaint", topic="delivery")]
    report = differentiate.assess(store, as_of=TODAY, needs=NeedsRules(), signs=signs)
    assert [(gap.topic.name, gap.strength) for gap in report.gaps] == [("speed", pytest.approx((0.3 + 0.9) / 2))]
    # A fact that was concluded is no row of the store.
    assert report.rows["facts"] == 1
    early = differentiate.assess(store, as_of=TODAY - timedelta(days=12), needs=NeedsRules(), signs=signs)
    assert [gap.strength for gap in early.gaps] == [0.9]


def test_a_grade_lifts_to_a_tier_by_a_versioned_rule_and_never_lowers():
    people = [customer(f"c{n}", country="ES" if n in {0, 4, 5} else "DE") for n in range(6)]
    bought = [order(who, n, 20, 10 * (n + 1)) for n, who in enumerate(people[:5])]
    owed = UnallocatedRefund(key="r", customer_id=people[5].id, at=NOW - timedelta(days=9), amount=Money(5, EUR))
    store = store_of(*people, *bought, owed)
    rules = ScoringRules(
        version="1", rules=(ProfileRule(name="home", column="country", test="equals", value="ES", points=60),)
    )
    plain = differentiate.assess(store, as_of=TODAY, scoring=rules)
    before = {one.customer_id: one for one in everything(store, Assessment)}
    grade = before[people[0].id].grade
    assert grade == before[people[4].id].grade == before[people[5].id].grade != before[people[1].id].grade
    lift = differentiate.GradeRule(version="2026-1", at_least={grade: Tier.MIGRATOR})
    lifted = differentiate.assess(store, as_of=TODAY, scoring=rules, grades=lift)
    after = {one.customer_id: one for one in everything(store, Assessment)}
    assert (before[people[0].id].tier, after[people[0].id].tier) == (Tier.LOW_MAINTENANCE, Tier.MIGRATOR)
    assert any("by rule 2026-1" in reason.text for reason in after[people[0].id].reasons)
    assert after[people[4].id].tier is before[people[4].id].tier is Tier.MOST_VALUABLE
    assert after[people[5].id].tier is Tier.BELOW_ZERO
    assert lifted.tiers["migrator"] == plain.tiers["migrator"] + 1


def test_a_grade_rule_needs_scores_and_lifts_to_nowhere_below():
    lift = differentiate.GradeRule(version="1", at_least={"A1": Tier.MIGRATOR})
    with pytest.raises(InvalidValueError, match="give scoring"):
        differentiate.assess(store_of(customer("a")), as_of=TODAY, grades=lift)
    with pytest.raises(InvalidValueError, match="above below zero"):
        differentiate.GradeRule(version="1", at_least={"A1": Tier.BELOW_ZERO})
