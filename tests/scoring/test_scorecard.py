"""Scorecards: published information values and scaling, an optimum that is one, missing and unseen values alike at fit and after."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError, NotEstimableError
from pycrm.scoring import Scaling, Scorecard, Scorer, evaluate, information_value, scorecard_drift


@pytest.fixture(scope="module")
def german(data_dir):
    rows = pd.read_csv(data_dir / "german_credit.csv")
    return rows.drop(columns="creditability"), (rows.creditability == "bad").astype(int).to_numpy()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status_of_existing_checking_account", 0.666012),
        ("credit_history", 0.293234),
        ("savings_account_and_bonds", 0.196010),
        ("purpose", 0.169195),
    ],
)
def test_the_information_values_of_german_credit(german, column, value):
    assert information_value(*german, columns=[column])[column] == pytest.approx(value, abs=5e-7)


def test_the_scaling_of_the_textbook():
    scaling = Scaling(score=600, odds=50, pdo=20)
    assert (scaling.factor, scaling.offset) == (pytest.approx(28.8539, abs=5e-5), pytest.approx(487.1229, abs=5e-5))


def test_the_coefficients_are_those_of_scikit_learn_at_the_same_penalty(german):
    X, y = german
    fit = Scorecard.fit(X, y, ridge=2.0)
    design = np.stack([bins.woe[bins.index(X)] for bins in fit.model.bins], axis=1)
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(design, y)
    assert fit.converged
    assert list(fit.model.coefficients.values()) == pytest.approx(peer.coef_[0].tolist(), abs=1e-5)
    assert fit.model.intercept == pytest.approx(peer.intercept_[0], abs=1e-5)


def test_the_mean_prediction_is_the_observed_rate(german):
    X, y = german
    assert Scorecard.fit(X, y).model.probability(X).mean() == pytest.approx(y.mean(), abs=1e-8)


def test_a_known_offset_is_not_learnt_again(german):
    X, y = german
    plain = Scorecard.fit(X, y)
    shifted = Scorecard.fit(X, y, offset=np.full(len(y), 1.5))
    assert shifted.model.intercept == pytest.approx(plain.model.intercept - 1.5, abs=1e-6)
    assert shifted.model.coefficients == pytest.approx(plain.model.coefficients, abs=1e-6)


def test_a_weight_of_two_is_the_row_twice(german):
    X, y = german
    weights = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(len(y)), weights.astype(int))
    few = X[["purpose", "housing", "job"]]
    weighted, repeated = Scorecard.fit(few, y, weights=weights), Scorecard.fit(few.iloc[twice], y[twice])
    assert weighted.model.coefficients == pytest.approx(repeated.model.coefficients, abs=1e-8)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-10)


rows = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(-3, 3)), st.sampled_from(["a", "b", None]), st.booleans()),
    min_size=2,
    max_size=40,
).filter(lambda rows: len({row[2] for row in rows}) == 2)


@given(rows)
@example([(None, None, True), (None, None, False)])
@example([(1, "a", True), (0, "b", False)])
def test_points_add_up_and_unseen_and_missing_values_have_an_answer(rows):
    X = {"number": [row[0] for row in rows], "level": [row[1] for row in rows]}
    model = Scorecard.fit(X, [int(row[2]) for row in rows]).model
    new = {"number": [None, 99.0, -99.0], "level": ["never seen", None, "a"]}
    assert ((model.predict_proba(new) >= 0) & (model.predict_proba(new) <= 1)).all()
    points = {(row["column"], row["bin"]): row["points"] for row in model.card()}
    labels = [[bins.labels[place] for place in bins.index(X)] for bins in model.bins]
    expected = [
        sum(points[name, label] for name, label in zip(model.columns, row, strict=True))
        for row in zip(*labels, strict=True)
    ]
    assert model.points(X).tolist() == expected


def test_missing_values_mean_at_prediction_what_they_meant_at_the_fit():
    X = {"age": [1.0, 2.0, None, None] * 50}
    y = [0, 0, 1, 1] * 50
    model = Scorecard.fit(X, y).model
    assert model.probability({"age": [None]})[0] > 0.9
    assert model.probability({"age": [float("nan")]})[0] == model.probability({"age": [None]})[0]


def test_a_category_never_seen_says_nothing_unless_rare_ones_taught_it():
    X = {"city": ["x", "y"] * 100}
    plain = Scorecard.fit(X, [0, 1] * 100).model
    assert plain.log_odds({"city": ["z"]})[0] == pytest.approx(plain.intercept)
    rare = Scorecard.fit(
        {"city": ["x"] * 100 + [f"village {i}" for i in range(100)]}, [0] * 100 + [1] * 100, min_share=0.02
    )
    assert rare.model.probability({"city": ["village 1000"]})[0] > 0.5


def test_separated_labels_have_an_answer_with_a_ridge_and_a_sentence_without():
    X, y = {"x": [1, 1, 2, 2] * 20}, [0, 0, 1, 1] * 20
    assert Scorecard.fit(X, y, smoothing=0.0).model.probability({"x": [1, 2]}).round().tolist() == [0.0, 1.0]
    with pytest.raises(NotEstimableError, match="ridge"):
        Scorecard.fit(X, y, smoothing=0.0, ridge=0.0)


def test_a_constant_column_is_noted_and_changes_nothing():
    X = {"x": [1, 2, 3, 1, 2, 3], "same": [7] * 6}
    y = [0, 1, 1, 0, 0, 1]
    fit = Scorecard.fit(X, y, ridge=0.0)
    assert "same" in fit.notes[0]
    assert fit.parameters["coefficients[same]"] == 0.0
    assert fit.parameters["intercept"] == fit.model.intercept


def test_the_reasons_are_the_largest_moves_and_polars_stays_polars(german):
    X, y = german
    model = Scorecard.fit(X, y).model
    reasons = model.explain(pl.from_pandas(X.head(5)), top=2)
    assert isinstance(reasons, pl.DataFrame)
    assert reasons["reason_1"][0].startswith("duration_in_month <= 6 lowers the odds to 0.43")
    assert reasons["points"].to_list() == model.points(X.head(5)).tolist()


def test_anything_with_predict_proba_is_a_scorer(german):
    X, y = german
    assert isinstance(Scorecard.fit(X, y).model, Scorer)
    peer = LogisticRegression(max_iter=500).fit(X[["age_in_years"]], y)
    assert isinstance(peer, Scorer)
    assert 0.5 < evaluate(y, peer.predict_proba(X[["age_in_years"]])).auc < 0.7


@pytest.mark.parametrize(
    ("X", "y", "error"),
    [
        ({"x": []}, [], InvalidDataError),
        ({"x": [1, 2]}, [1, 1], NotEstimableError),
        ({"x": [1, 2]}, [0, 2], InvalidDataError),
        ({"x": [1, 2]}, [0, float("nan")], InvalidDataError),
        ({"x": [1, float("inf")]}, [0, 1], InvalidDataError),
        ({"x": [1, 2]}, [0], InvalidDataError),
        ({}, [], InvalidDataError),
    ],
)
def test_rows_that_teach_nothing_are_refused(X, y, error):
    with pytest.raises(error):
        Scorecard.fit(X, y)


def test_text_where_numbers_were_fitted_and_missing_columns_are_named():
    model = Scorecard.fit({"x": [1, 2, 3, 4]}, [0, 1, 0, 1]).model
    with pytest.raises(InvalidDataError, match="'many'"):
        model.probability({"x": ["many"]})
    with pytest.raises(MissingColumnError, match="'x'"):
        model.probability({"y": [1]})
    with pytest.raises(InvalidValueError, match="pdo"):
        Scaling(pdo=0)


def test_a_column_that_moved_is_found():
    X = pd.DataFrame({"age": np.arange(200) % 50, "city": list("ab") * 100})
    model = Scorecard.fit(X, np.arange(200) % 3 == 0).model
    same = {drift.name: drift.verdict for drift in scorecard_drift(model, X, X)}
    assert set(same.values()) == {"stable"}
    moved = scorecard_drift(model, X, X.assign(city="a"))
    assert (moved[0].name, moved[0].verdict) == ("city", "shifted")
    assert "1.000 now" in moved[0].largest


def test_the_card_is_plain_data():
    model = Scorecard.fit({"x": [1, 2, 3, 4]}, [0, 1, 0, 1]).model
    assert {row["bin"] for row in json.loads(json.dumps(model.card()))} == {
        "<= 1",
        "(1, 2]",
        "(2, 3]",
        "> 3",
        "missing",
    }
