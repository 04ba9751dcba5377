"""The bad input that differentiating meets: an error that says what to do, or a stated answer; one test each."""

import numpy as np
import pandas as pd
import pytest
from worlds import NOW, TODAY, customer, everything, order, store_of

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.model.assessment import Assessment
from pycrm.model.predicate import where
from pycrm.model.segment import Segment
from pycrm.scoring import EventRule, Scorecard, ScoringRules, evaluate
from pycrm.segmentation import NeedsRules, fit_clusters, rfm_scores, segment_needs, value_tiers
from pycrm.workflows import differentiate, segments


def test_customers_who_are_all_equal_share_one_tier_and_one_segment():
    people = [customer(f"c{n}") for n in range(12)]
    store = store_of(
        *people, *[order(who, f"{n}-{k}", 20 + 9 * k, 10) for n, who in enumerate(people) for k in range(2)]
    )
    report = differentiate.assess(store, as_of=TODAY)
    made = everything(store, Assessment)
    assert len({(one.tier, one.segment, one.recency_score, one.expected_value) for one in made}) == 1
    assert report.concentration.gini == pytest.approx(0.0, abs=1e-12)


def test_one_customer_is_assessed_and_what_cannot_be_estimated_is_said():
    ana = customer("Ana")
    report = differentiate.assess(
        store_of(ana, order(ana, 1, 20, 30)), as_of=TODAY, needs=NeedsRules(), audit=["country"]
    )
    assert report.customers == 1
    assert report.expected_value is None
    assert any("groups of needs" in note for note in report.notes)
    assert report.fairness["country"].four_fifths is None


def test_constant_columns_make_no_groups_and_a_constant_beside_others_says_nothing():
    with pytest.raises(NotEstimableError, match="1 customers differ"):
        segment_needs({"a": [1.0] * 9, "b": [2.0] * 9}, columns=["a", "b"])
    rows = {"a": [0.0, 0.1, 5.0, 5.1], "b": [2.0] * 4}
    found = segment_needs(rows, columns=["a", "b"], rules=NeedsRules(k=2))
    assert len(set(found.label.tolist())) == 2


def test_perfectly_separated_labels_have_an_answer_with_a_ridge_and_a_sentence_without():
    rows, y = {"x": list(range(40))}, [0] * 20 + [1] * 20
    assert Scorecard.fit(rows, y).converged
    with pytest.raises(NotEstimableError, match="ridge above 0"):
        Scorecard.fit(rows, y, ridge=0.0, smoothing=0.0)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_is_refused(label):
    with pytest.raises(NotEstimableError, match="every label is the same"):
        Scorecard.fit({"x": [1, 2, 3]}, [label] * 3)
    with pytest.raises(NotEstimableError, match="same"):
        evaluate([label] * 3, [0.1, 0.2, 0.3])


def test_an_unseen_category_has_a_probability():
    fit = Scorecard.fit({"job": ["a", "b"] * 30}, [0, 1, 1, 1] * 15)
    chance = fit.model.predict_proba({"job": ["a", "never seen", None]})[:, 1]
    assert ((chance > 0) & (chance < 1)).all()


def test_nan_is_missing_where_missing_has_a_meaning_and_refused_elsewhere():
    fit = Scorecard.fit({"x": [1.0, np.nan, 3.0, 4.0] * 9}, [0, 1, 0, 1] * 9)
    assert np.isfinite(fit.model.predict_proba({"x": [np.nan]})).all()
    with pytest.raises(InvalidDataError, match="row 1"):
        fit_clusters({"x": [1.0, np.nan, 3.0]}, 2, columns=["x"], rng=np.random.default_rng(0))
    with pytest.raises(InvalidDataError, match="row 1"):
        value_tiers({"value": [1.0, float("nan")]})


def test_infinite_numbers_are_refused_by_their_row():
    orders = pd.DataFrame({"customer": ["a", "b"], "time": pd.to_datetime(["2026-01-01"] * 2), "amount": [1.0, np.inf]})
    with pytest.raises(InvalidDataError, match="row 1"):
        rfm_scores(orders, as_of=TODAY)
    with pytest.raises(InvalidDataError, match="row 1"):
        Scorecard.fit({"x": [1.0, np.inf]}, [0, 1])


def test_more_groups_than_customers_are_not_estimable():
    with pytest.raises(NotEstimableError):
        segment_needs({"a": [1.0, 2.0, 3.0]}, columns=["a"], rules=NeedsRules(k=4))
    ana, bob = customer("Ana"), customer("Bob")
    store = store_of(ana, bob, order(ana, 1, 20, 30), order(bob, 2, 20, 30, sku="coffee"))
    report = differentiate.assess(store, as_of=TODAY, needs=NeedsRules(k=9))
    assert report.groups == ()
    assert "groups of needs cannot be told apart" in report.notes[-1]


def test_an_empty_segment_is_a_stated_answer():
    store = store_of(customer("Ana"), Segment(name="nobody", definition=where("country") == "XX"))
    assert segments.rebuild(store, at=NOW).members == {"nobody": 0}


def test_circular_segments_are_refused_with_the_circle():
    a = Segment(name="a", definition=where("segments").contains("b"))
    b = Segment(name="b", definition=where("segments").contains("a"))
    with pytest.raises(InvalidValueError, match="a -> b -> a"):
        segments.rebuild(store_of(customer("Ana"), a, b), at=NOW)


def test_a_rule_that_can_never_fire_is_reported():
    rules = ScoringRules(rules=(EventRule(name="visit", event="visit", points=5, limits=(0, 0)),))
    assert rules.dead_rules() == {"visit": "its own limit or day cap is 0"}
