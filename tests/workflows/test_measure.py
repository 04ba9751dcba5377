"""Measure: planted effects are found as of a date, the answer says its rows, and the next step rests on it."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import attrs
import numpy as np
import pytest
from worlds import customer, everything, order, store_of

from pycrm.errors import (
    CurrencyMismatchError,
    DataWarning,
    InvalidDataError,
    InvalidTransitionError,
    InvalidValueError,
    NotEstimableError,
    NotFound,
)
from pycrm.model import (
    Actor,
    ActorKind,
    Assignment,
    Customer,
    Decision,
    Experiment,
    ExperimentArm,
    Exposure,
    Finding,
    Money,
    Order,
    OrderStatus,
    Outcome,
    Period,
    Recommendation,
    Refund,
    new_id,
    where,
)
from pycrm.storage import MemoryStore
from pycrm.storage.sql import SqlStore
from pycrm.workflows import improve, measure

NOW = datetime(2026, 5, 1, tzinfo=UTC)
START = NOW - timedelta(days=60)
AS_OF = date(2026, 4, 30)
ANA = Actor(ActorKind.HUMAN, "ana")
NONE = ExperimentArm(code="none", share=0.5)
MAIL = ExperimentArm(code="mail", share=0.5, tactic="reminder", communication="spring", unit_cost=Money("0.40", "EUR"))


def experiment(**change):
    fields = {
        "code": "spring-mail",
        "name": "Does the mail pay?",
        "arms": (NONE, MAIL),
        "control": "none",
        "period": Period(START),
        "window": timedelta(days=30),
    }
    return Experiment(**{**fields, **change})


def person(index, **more):
    """A customer whose id, and so whose arm, is the same in every run of the tests."""
    return customer(f"c{index}", id=UUID(int=index + 1), **more)


def put(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def world(trial, customers=400, lift=12.0, *, store=None, seed=5):
    """Customers who spend about as before, and `lift` more after a mail; half of them bought before, too."""
    rng = np.random.default_rng(seed)
    people = [person(index, country="ES" if index % 2 else "DE") for index in range(customers)]
    store = MemoryStore() if store is None else store
    put(store, trial, *people)
    measure.assign(store, trial.id, at=START)
    arms = {one.customer_id: one.arm for one in everything(store, Assignment)}
    made = []
    for number, who in enumerate(people):
        usual = rng.gamma(2.0, 20.0)
        gain = lift * (arms[who.id] == "mail")
        made.append(order(who, f"b{number}", 75, round(usual, 2)))
        made.append(order(who, f"a{number}", 45, round(max(usual + gain + rng.normal(0.0, 8.0), 0.01), 2)))
        if arms[who.id] == "mail":
            at = START + timedelta(hours=1)
            made.append(Exposure(experiment_id=trial.id, customer_id=who.id, arm="mail", exposed_at=at))
    put(store, *made)
    return store


def asked(store, trial, **options):
    return measure.effect(store, trial.id, **{"as_of": AS_OF, "at": NOW, **options})


@pytest.mark.parametrize("store", [MemoryStore, lambda: SqlStore("sqlite://")], ids=["memory", "sqlite"])
def test_a_planted_effect_is_found_with_its_cost_and_kept(store):
    trial = experiment()
    store = world(trial, store=store())
    (found,) = asked(store, trial, margin=0.5)
    assert found.low <= 12.0 <= found.high
    assert found.method == "CUPED, Welch t"
    assert found.high - found.low < 6.0  # without the orders before it would be twice as wide
    assert found.contacts == found.treated
    assert found.cost == MAIL.cost(found.treated)
    assert float(found.value.amount) == pytest.approx(0.5 * found.estimate * found.treated, abs=0.006)
    assert found.recommendation is Recommendation.ADOPT
    (kept,) = everything(store, Finding)
    assert attrs.evolve(kept, version=0) == attrs.evolve(found, version=0)


def test_no_effect_is_no_finding_and_an_interval_says_how_large_it_may_be():
    trial = experiment()
    (found,) = asked(world(trial, lift=0.0), trial)
    assert found.low < 0 < found.high
    assert found.recommendation is not Recommendation.ADOPT


def test_the_finding_says_which_rows_it_came_from_and_notices_when_they_are_others():
    trial = experiment()
    store = world(trial, customers=200)
    (found,) = asked(store, trial)
    rows = measure.rows_of(store, found)
    assert [(one.kind, one.rows) for one in found.rows] == [(kind, len(ids)) for kind, ids in rows.items()]
    assert set(rows["order"]) == {one.id for one in everything(store, Order)}
    assert set(rows["assignment"]) == {one.id for one in everything(store, Assignment)}
    who = min(everything(store, Customer), key=lambda who: who.id)
    put(store, order(who, "late", 44, 5.0))
    with pytest.raises(InvalidDataError, match="ask again"):
        measure.rows_of(store, found)


def test_what_happened_after_the_date_does_not_count():
    trial = experiment(window=None)
    store = world(trial, customers=100)
    before = asked(store, trial)
    who = min(everything(store, Customer), key=lambda who: who.id)
    put(store, order(who, "tomorrow", -1, 10_000.0))
    sold = next(one for one in everything(store, Order) if one.number == "a1")
    refund = Refund(at=NOW + timedelta(days=3), amount=sold.gross)
    with store.begin() as unit:
        unit.of(Order).save(sold.refund(refund))
        unit.commit()
    again = asked(store, trial)
    assert again[0].estimate == before[0].estimate
    assert again[0].rows == before[0].rows


def test_customers_whose_window_is_open_wait():
    trial = experiment()
    store = world(trial, customers=200)
    late = [person(index) for index in range(1000, 1020)]
    put(store, *late)
    measure.assign(store, trial.id, at=NOW - timedelta(days=5))
    (found,) = asked(store, trial)
    assert found.treated + found.controls == 200
    assert "20 customers whose 30 days" in found.notes[0]
    with pytest.raises(NotEstimableError, match="are not over"):
        asked(store, trial, as_of=date(2026, 3, 5))


def test_assigning_again_moves_nobody_and_adds_the_new():
    trial = experiment(holdout=0.2)
    people = [person(index) for index in range(300)]
    store = store_of(trial, *people)
    first = measure.assign(store, trial.id, at=START)
    arms = {one.customer_id: one.arm for one in everything(store, Assignment)}
    assert sum(first.assigned.values()) == 300
    assert set(first.assigned) == {"none", "mail", "holdout"}
    put(store, customer("new"))
    second = measure.assign(store, trial.id, at=START + timedelta(days=1))
    assert (second.kept, sum(second.assigned.values())) == (300, 1)
    after = {one.customer_id: one.arm for one in everything(store, Assignment)}
    assert {id: after[id] for id in arms} == arms


def test_strata_get_their_shares_to_the_customer_and_a_condition_says_whom():
    trial = experiment()
    people = [person(index, country="ES" if index % 4 else "DE") for index in range(40)]
    store = store_of(trial, *people)
    report = measure.assign(
        store, trial.id, at=START, customers=where("country") == "ES", stratum=lambda who: who.country
    )
    assert report.assigned == {"none": 15, "mail": 15}
    with pytest.raises(InvalidValueError, match="within"):
        measure.assign(store, trial.id, at=START - timedelta(days=1))
    with pytest.raises(NotFound):
        measure.assign(store, new_id(), at=START)


def test_the_holdout_can_be_the_control_and_arms_are_corrected_for_their_number():
    letter = ExperimentArm(code="letter", share=0.25, fixed_cost=Money(100, "EUR"))
    arms = (attrs.evolve(NONE, share=0.5), attrs.evolve(MAIL, share=0.25), letter)
    trial = experiment(arms=arms, holdout=0.3)
    store = world(trial, lift=40.0)
    own = asked(store, trial)
    assert [one.arm for one in own] == ["mail", "letter"]
    assert all(one.adjusted_p_value >= one.p_value for one in own)
    against = asked(store, trial, control="holdout")
    assert [one.arm for one in against] == ["none", "mail", "letter"]
    assert {one.arm: one.low > 0 for one in against}["mail"]
    plain = experiment()
    with pytest.raises(InvalidValueError, match="holds nobody out"):
        asked(store_of(plain), plain, control="holdout")


def test_other_metrics_count_too():
    trial = experiment()
    store = world(trial, customers=200)
    rng = np.random.default_rng(0)
    arms = {one.customer_id: one.arm for one in everything(store, Assignment)}
    scores = [
        Outcome(
            customer_id=id,
            metric="satisfaction",
            value=float(3 + (arm == "mail") + rng.normal(0, 0.5)),
            at=START + timedelta(days=9),
        )
        for id, arm in sorted(arms.items())[:150]
    ]
    put(store, *scores)
    (found,) = asked(store, trial, metric="satisfaction", worth=Money("2.00", "EUR"))
    assert found.low <= 1.0 <= found.high
    assert found.treated + found.controls == 150
    assert "50 customers without 'satisfaction'" in found.notes[0]
    assert float(found.value.amount) == pytest.approx(2.0 * found.estimate * found.treated, abs=0.006)
    assert [one.kind for one in found.rows] == ["assignment", "exposure", "outcome"]


def test_a_purchase_is_counted_once_and_compared_as_a_share():
    trial = experiment(metric="purchase", window=None)
    people = [person(index) for index in range(400)]
    store = store_of(trial, *people)
    measure.assign(store, trial.id, at=START)
    arms = {one.customer_id: one.arm for one in everything(store, Assignment)}
    rng = np.random.default_rng(0)
    bought = [who for who in people if rng.random() < (0.6 if arms[who.id] == "mail" else 0.2)]
    put(store, *[order(who, f"{index}-{twice}", 10, 5) for index, who in enumerate(bought) for twice in (0, 1)])
    (found,) = asked(store, trial)
    assert found.method == "Newcombe interval, pooled z test"
    assert found.treated_mean == pytest.approx(sum(arms[who.id] == "mail" for who in bought) / found.treated)
    assert found.low <= 0.4 <= found.high


def test_arms_whose_sizes_chance_cannot_explain_are_refused_unless_said_otherwise():
    trial = experiment()
    store = world(trial, customers=60)
    extra = [customer(f"x{index}") for index in range(200)]
    put(store, *extra)
    put(
        store, *[Assignment(experiment_id=trial.id, customer_id=who.id, arm="mail", assigned_at=START) for who in extra]
    )
    with pytest.raises(InvalidDataError, match="find out where"):
        asked(store, trial)
    assert not everything(store, Finding)
    with pytest.warns(DataWarning, match="mismatch"):
        assert asked(store, trial, on_mismatch="warn")


def test_reading_before_the_end_is_warned_of_and_noted():
    trial = experiment(period=Period(START, NOW + timedelta(days=30)))
    store = world(trial, customers=100)
    with pytest.warns(DataWarning, match="monitor"):
        (found,) = asked(store, trial)
    assert "read before its end" in found.notes[0]


@pytest.mark.parametrize(
    "fault, message",
    [("other_arm", "in one arm"), ("too_early", "after he is assigned"), ("stranger", "after he is assigned")],
)
def test_exposures_that_contradict_the_assignment_are_refused(fault, message):
    trial = experiment()
    store = world(trial, customers=60)
    one = next(one for one in everything(store, Assignment) if one.arm == "none")
    stranger = customer("stranger")
    put(store, stranger)
    wrong = {
        "other_arm": {"customer_id": one.customer_id, "arm": "mail", "exposed_at": START + timedelta(days=1)},
        "too_early": {"customer_id": one.customer_id, "arm": "none", "exposed_at": START - timedelta(days=1)},
        "stranger": {"customer_id": stranger.id, "arm": "mail", "exposed_at": START + timedelta(days=1)},
    }[fault]
    put(store, Exposure(experiment_id=trial.id, **wrong))
    with pytest.raises(InvalidDataError, match=message):
        asked(store, trial)


def test_what_cannot_be_answered_says_why():
    trial = experiment()
    store = store_of(trial, customer("Ana"))
    with pytest.raises(NotEstimableError, match=r"nobody was assigned.*measure\.assign"):
        asked(store, trial)
    measure.assign(store, trial.id, at=START)
    with pytest.raises(NotEstimableError):
        asked(store, trial)
    with pytest.raises(NotEstimableError, match="no outcome of that metric"):
        asked(store, trial, metric="satisfaction")
    with pytest.raises(InvalidValueError, match="the arms are none, mail"):
        asked(store, trial, control="letter")
    with pytest.raises(NotFound):
        measure.effect(store, new_id(), as_of=AS_OF, at=NOW)
    full = world(experiment(code="other"), customers=60)
    (other,) = everything(full, Experiment)
    with pytest.raises(InvalidValueError, match="margin"):
        asked(full, other, margin=35.0)
    put(full, order(min(everything(full, Customer), key=lambda who: who.id), "usd", 40, 5.0, currency="USD"))
    with pytest.raises(CurrencyMismatchError):
        asked(full, other)


def change(store, **options):
    fields = {
        "question": "automation",
        "treated": where("country") == "ES",
        "changed_at": START,
        "span": timedelta(days=30),
        "metric": "revenue",
        "as_of": AS_OF,
        "at": NOW,
    }
    return measure.before_after(store, **{**fields, **options})


def test_before_and_after_with_a_control_takes_out_what_happened_to_all():
    rng = np.random.default_rng(2)
    people = [person(index, country="ES" if index % 2 else "DE") for index in range(400)]
    rows = []
    for number, who in enumerate(people):
        for name, days, mean in (("b", 75, 30), ("a", 45, 40 + 10 * (who.country == "ES"))):
            rows.append(order(who, f"{name}{number}", days, round(max(rng.normal(mean, 5), 1), 2)))
    store = store_of(*people, *rows)
    found = change(store, cost=Money(500, "EUR"))
    assert found.low <= 10.0 <= found.high
    assert found.method == "difference in differences, Welch t"
    assert found.cost == Money(500, "EUR")
    assert found.rows[0].rows == 800
    assert everything(store, Finding)[0].question == "automation"
    with pytest.raises(InvalidValueError, match="ask it again"):
        measure.rows_of(store, found)


@pytest.mark.parametrize("metric, better", [("satisfaction", 0.8), ("cycle_days", -6.0)])
def test_satisfaction_and_the_length_of_the_sales_cycle_are_compared_before_and_after(metric, better):
    rng = np.random.default_rng(3)
    people = [person(index, country="ES" if index % 2 else "DE") for index in range(200)]
    measured = []
    for who in people:
        for days, gain in ((75, 0.0), (45, better if who.country == "ES" else 0.0)):
            at = NOW - timedelta(days=days)
            measured.append(Outcome(customer_id=who.id, metric=metric, value=rng.normal(10 + gain, abs(better)), at=at))
    store = store_of(*people, customer("silent", country="ES"), *measured)
    found = change(store, metric=metric)
    assert found.low <= better <= found.high
    assert (found.treated, found.controls) == (100, 100)
    assert "1 customers without" in found.notes[0]
    (tactic,) = improve.catalogue(store, as_of=AS_OF)
    assert [one.id for one in tactic.findings] == [found.id]
    assert tactic.profit is tactic.profit_low is tactic.profit_high is None


def test_a_comparison_that_makes_no_sense_is_refused():
    store = store_of(customer("Ana", country="ES"), customer("Bob", country="DE"))
    with pytest.raises(InvalidValueError, match="over by"):
        change(store, span=timedelta(days=90))
    with pytest.raises(InvalidValueError, match="above zero"):
        change(store, span=timedelta(0))
    with pytest.raises(InvalidValueError, match="tell them apart"):
        change(store, controls=where("country").is_in(["ES", "DE"]))
    with pytest.raises(NotEstimableError, match="no outcome"):
        change(store, metric="satisfaction")
    with pytest.raises(NotEstimableError):
        change(store)
    ana, _ = sorted(everything(store, Customer), key=lambda who: who.name.given)
    put(store, Outcome(customer_id=ana.id, metric="satisfaction", value=4.0, at=START + timedelta(days=1)))
    with pytest.raises(NotEstimableError, match="no customer has 'satisfaction' both before and after"):
        change(store, metric="satisfaction")


def test_controls_of_ones_own_are_compared_and_cancelled_orders_bring_nothing():
    rng = np.random.default_rng(4)
    people = [person(index, country=("ES", "DE", "FR")[index % 3]) for index in range(90)]
    rows = [
        order(who, f"{days}-{number}", days, round(max(rng.normal(30, 5), 1), 2))
        for number, who in enumerate(people)
        for days in (75, 45)
    ]
    store = store_of(*people, *rows)
    found = change(store, controls=where("country") == "DE")
    assert (found.treated, found.controls) == (30, 30)
    put(store, *[order(who, f"x{who.id}", 45, 900, status=OrderStatus.CANCELLED) for who in people[::3]])
    assert change(store, controls=where("country") == "DE", question="again").estimate == found.estimate


def test_a_response_path_leads_from_a_communication_to_its_next_version():
    first = experiment()
    store = world(first)
    (found,) = asked(store, first)
    better = attrs.evolve(MAIL, code="mail-2", communication_version=2)
    second = first.next_version("summer-mail", winner="mail", challengers=[better], period=Period(NOW))
    decision = improve.decide(store, found.id, decided=Recommendation.ADOPT, at=NOW, by=ANA, next_experiment=second)
    assert (decision.recommended, decision.next_experiment_id) == (Recommendation.ADOPT, second.id)
    path = improve.response_path(store, second.id)
    assert [step.experiment.code for step in path] == ["spring-mail", "summer-mail"]
    assert [one.id for one in path[0].findings] == [found.id]
    assert [one.id for one in path[0].decisions] == [decision.id]
    assert path[1].findings == path[1].decisions == ()
    assert path == improve.response_path(store, first.id)
    assert len(everything(store, Decision)) == 1


def test_a_decision_rests_on_its_finding_and_its_next_version_on_its_experiment():
    trial = experiment()
    store = world(trial)
    (found,) = asked(store, trial)
    with pytest.raises(InvalidValueError, match="say why"):
        improve.decide(store, found.id, decided=Recommendation.DROP, at=NOW, by=ANA)
    with pytest.raises(InvalidTransitionError, match="follows spring-mail"):
        improve.decide(
            store, found.id, decided=Recommendation.ADOPT, at=NOW, by=ANA, next_experiment=experiment(code="other")
        )
    with pytest.raises(NotFound):
        improve.decide(store, new_id(), decided=Recommendation.DROP, at=NOW, by=ANA)
    assert not everything(store, Decision)


def test_the_catalogue_shows_every_tactic_by_its_last_finding():
    trial = experiment()
    store = world(trial)
    asked(store, trial, at=NOW)
    (last,) = asked(store, trial, at=NOW + timedelta(hours=1), margin=0.5)
    (tactic,) = improve.catalogue(store, as_of=AS_OF)
    assert tactic.code == "reminder"
    assert [one.id for one in tactic.findings] == [last.id]
    assert (tactic.profit, tactic.profit_low, tactic.profit_high) == last.profit
    assert improve.catalogue(store, as_of=date(2026, 1, 1)) == ()


def test_an_action_without_a_cost_is_in_the_catalogue_and_gets_no_budget():
    free = attrs.evolve(MAIL, code="post", tactic=None, unit_cost=None)
    trial = experiment(arms=(NONE, free))
    people = [person(index) for index in range(40)]
    store = store_of(trial, *people)
    measure.assign(store, trial.id, at=START)
    put(store, *[order(who, index, 45, 20 + index) for index, who in enumerate(people)])
    asked(store, trial)
    (tactic,) = improve.catalogue(store, as_of=AS_OF)
    assert (tactic.code, tactic.findings[0].cost) == ("post", None)
    assert improve.allocate(store, Money(100, "EUR"), as_of=AS_OF, caps={"post": 10}) == ()


def test_a_budget_goes_where_a_contact_brings_most_within_caps_and_nowhere_else():
    dear = ExperimentArm(code="call", share=0.5, tactic="call", unit_cost=Money("9.00", "EUR"))
    mail, call = experiment(), experiment(code="calls", arms=(NONE, dear))
    store = world(mail)
    put(store, call)
    (found,) = asked(store, mail, margin=0.5)
    arms = {one.customer_id: one.arm for one in everything(store, Assignment)}
    put(
        store,
        *[
            Assignment(
                experiment_id=call.id, customer_id=id, arm="call" if arm == "mail" else "none", assigned_at=START
            )
            for id, arm in arms.items()
        ],
    )
    asked(store, call, margin=0.5)
    budget = Money(100, "EUR")
    (only,) = improve.allocate(store, budget, as_of=AS_OF, caps={"reminder": 1_000, "call": 1_000})
    assert (only.finding.id, only.contacts, only.cost) == (found.id, 250, Money("100.00", "EUR"))
    assert float(only.expected.amount) == pytest.approx(float(found.value_low.amount) / found.contacts * 250, abs=0.01)
    capped = improve.allocate(store, budget, as_of=AS_OF, caps={"reminder": 100})
    assert [share.contacts for share in capped] == [100]
    assert improve.allocate(store, budget, as_of=AS_OF, caps={}) == ()
    with pytest.raises(CurrencyMismatchError):
        improve.allocate(store, Money(100, "USD"), as_of=AS_OF, caps={"reminder": 1})
    with pytest.raises(InvalidDataError, match="whole number of contacts"):
        improve.allocate(store, budget, as_of=AS_OF, caps={"reminder": -1})
