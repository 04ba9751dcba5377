"""Labels from a store: as things were known, whatever came later."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from worlds import NOW, TODAY, customer, order, shop, store_of

from pycrm.errors import CurrencyMismatchError, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.money import Money
from pycrm.model.order import Order, Refund
from pycrm.scoring import Scorecard
from pycrm.workflows import predict

DAYS = [TODAY - timedelta(days=days) for days in (180, 120, 60)]
FEATURES = ["recency", "frequency", "age", "mean_gap", "monetary"]


def fact(who, strength, days):
    return CustomerFact(
        customer_id=who.id,
        topic=Topic(FactKind.NEED, "speed"),
        strength=strength,
        origin=FactOrigin.STATED,
        recorded_at=NOW - timedelta(days=days),
    )


def test_nothing_later_reaches_a_feature_whatever_is_planted():
    people = shop(80)
    ana = people[0]
    [first] = [one for one in people if isinstance(one, Order) and one.customer_id == ana.id][:1]
    plain = store_of(*people, fact(ana, 0.3, 200))
    day = [TODAY - timedelta(days=60)]
    before = predict.labels(plain, as_of=day, horizon=30, observed_until=TODAY)
    planted = [one for one in people if one is not first]
    planted += [
        first.refund(Refund(at=NOW - timedelta(days=50), amount=Money("0.01", "EUR"))),
        fact(ana, 0.3, 200),
        fact(ana, 0.9, 59),
        order(ana, "planted", 45, 1000),
    ]
    after = predict.labels(store_of(*planted), as_of=day, horizon=30, observed_until=TODAY)
    columns = ["customer", *FEATURES, "need:speed"]
    pd.testing.assert_frame_equal(before[columns], after[columns])
    of_ana = after[after["customer"] == str(ana.id)].iloc[0]
    assert (of_ana["bought"], of_ana["churned"], of_ana["next_days"], of_ana["need:speed"]) == (1, 0, 16.0, 0.3)


def test_a_refund_counts_from_the_day_it_was_made():
    ana = customer("Ana")
    bought = order(ana, 1, 100, 50).refund(Refund(at=NOW - timedelta(days=80), amount=Money(20, "EUR")))
    found = predict.labels(
        store_of(ana, bought), as_of=[TODAY - timedelta(days=d) for d in (90, 70)], horizon=30, observed_until=TODAY
    )
    assert found["monetary"].tolist() == [50.0, 30.0]


def test_a_horizon_that_is_not_over_and_a_feature_that_tells_the_outcome_are_refused():
    store = store_of(*shop(60))
    with pytest.raises(InvalidDataError, match="horizon ends after observed_until"):
        predict.labels(store, as_of=[TODAY], horizon=30, observed_until=TODAY)
    with pytest.raises(InvalidDataError, match="what happened next"):
        predict.backtest(
            store,
            fit=lambda X, y: Scorecard.fit(X, y).model,
            as_of=DAYS,
            horizon=30,
            observed_until=TODAY,
            features=["recency", "next_days"],
        )
    with pytest.raises(InvalidValueError, match="bought or churned"):
        predict.backtest(store, fit=lambda X, y: None, as_of=DAYS, horizon=30, observed_until=TODAY, label="recency")


@pytest.mark.parametrize("label", ["bought", "churned"])
def test_a_backtest_rolls_over_the_days_and_never_teaches_what_was_not_over(label):
    folds = predict.backtest(
        store_of(*shop(300)),
        fit=lambda X, y: Scorecard.fit(X, y).model,
        as_of=DAYS,
        horizon=30,
        observed_until=TODAY,
        label=label,
        rng=np.random.default_rng(0),
    )
    assert [fold.origin for fold in folds] == DAYS
    assert folds[0].evaluation is None
    assert folds[0].train == 0
    assert folds[1].train == folds[0].test
    assert folds[2].evaluation.auc > 0.6


def test_a_store_without_orders_or_with_two_currencies_says_so():
    ana = customer("Ana")
    with pytest.raises(NotEstimableError, match="no order"):
        predict.labels(store_of(ana), as_of=[date(2026, 1, 1)], horizon=30, observed_until=TODAY)
    two = store_of(ana, order(ana, 1, 100, 30), order(ana, 2, 90, 30, currency="USD"))
    with pytest.raises(CurrencyMismatchError):
        predict.labels(two, as_of=[date(2026, 3, 1)], horizon=30, observed_until=TODAY)
