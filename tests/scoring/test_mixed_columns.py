"""A scorecard on columns as campaigns have them: levels called unknown, -1 for never, counts, months."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.scoring import Scorecard, evaluate

MONTHS = {"may": -0.4, "jul": -0.3, "aug": -0.1, "jun": 0.0, "nov": -0.3, "apr": 0.4, "oct": 1.0, "mar": 1.4}


def campaign(rows, seed):
    """Who was called before, how often, when, and whether they said yes; a fifth of the signal bends or jumps."""
    rng = np.random.default_rng(seed)
    before = rng.random(rows) < 0.18
    frame = pd.DataFrame(
        {
            "age": np.clip(rng.gamma(15, 2.75, rows).round(), 18, 95),
            "job": rng.choice(
                ["worker", "manager", "student", "retired", "unknown"], rows, p=[0.5, 0.3, 0.04, 0.06, 0.1]
            ),
            "balance": (rng.standard_t(3, rows) * 900 + 500).round(),
            "contact": rng.choice(["cellular", "unknown", "telephone"], rows, p=[0.65, 0.29, 0.06]),
            "month": rng.choice(list(MONTHS), rows, p=[0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.03, 0.02]),
            "campaign": rng.geometric(0.42, rows),
            "pdays": np.where(before, rng.gamma(4, 55, rows).round() + 1, -1),
            "outcome": np.where(
                before, rng.choice(["failure", "other", "success"], rows, p=[0.6, 0.2, 0.2]), "unknown"
            ),
        }
    )
    odds = (
        -2.2
        + frame.month.map(MONTHS)
        + 1.9 * (frame.outcome == "success")
        - 0.9 * (frame.contact == "unknown")
        + 0.8 * (frame.age > 60)
        + 0.4 * (frame.age < 26)
        - 0.22 * np.minimum(frame.campaign - 1, 6)
        + 0.9 * ((frame.pdays > 85) & (frame.pdays < 100))
        + 0.05 * np.sign(frame.balance) * np.log1p(frame.balance.abs())
    )
    return frame, (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int).to_numpy()


@pytest.mark.parametrize("seed", [1, 2])
def test_it_ranks_no_worse_than_logistic_regression_and_means_what_it_says(seed):
    X, y = campaign(24_000, seed)
    test = np.arange(len(y)) % 3 == 0
    card = evaluate(y[test], Scorecard.fit(X[~test], y[~test]).model.probability(X[test]))
    numbers = make_column_selector(dtype_include=np.number)
    texts = make_column_selector(dtype_exclude=np.number)
    peer = make_pipeline(
        make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), texts)),
        LogisticRegression(max_iter=500),
    ).fit(X[~test], y[~test])
    beside = evaluate(y[test], peer.predict_proba(X[test])[:, 1])
    assert card.auc > beside.auc - 0.002
    assert card.brier < beside.brier + 0.0003
    assert card.ece < 0.015


def test_decimals_are_numbers_as_a_database_gives_them():
    y = [0, 0, 0, 1, 0, 1, 1, 1]
    plain = Scorecard.fit({"paid": list(range(8))}, y).model
    exact = Scorecard.fit({"paid": [Decimal(n) for n in range(8)]}, y).model
    assert exact.bins[0].kind == "number"
    assert exact == plain
    assert exact.points({"paid": [Decimal("2.5"), None]}).tolist() == plain.points({"paid": [2.5, None]}).tolist()


def test_a_column_of_lists_is_refused_by_name_and_row():
    with pytest.raises(InvalidDataError, match=r"column 'tags', row 1: \['a'\] is refused") as refused:
        Scorecard.fit({"tags": ["a", ["a"], "b", "c"]}, [0, 1, 0, 1])
    assert (refused.value.column, refused.value.row) == ("tags", 1)


@pytest.mark.parametrize("values", [[7] * 6, [None] * 6, ["same"] * 6])
def test_a_column_that_does_not_vary_is_named_in_the_notes(values):
    fit = Scorecard.fit({"x": values, "y": [1, 2, 3, 4, 5, 6]}, [0, 1, 0, 1, 1, 0])
    assert fit.notes == ("column 'x' says nothing: every row has the same evidence",)


def test_reasons_stand_at_the_rows_they_are_of():
    rows = pd.DataFrame({"visits": [1, 2, 3, 4]}, index=["ann", "bob", "cia", "dan"])
    card = Scorecard.fit(rows, [0, 1, 0, 1]).model
    assert card.explain(rows.tail(2)).index.tolist() == ["cia", "dan"]
    assert rows.join(card.explain(rows)).points.tolist() == card.points(rows).tolist()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("bins", None),
        ("bins", "ten"),
        ("bins", float("nan")),
        ("bins", True),
        ("smoothing", "much"),
        ("smoothing", float("inf")),
        ("ridge", None),
        ("ridge", float("inf")),
        ("min_share", 2.0),
        ("columns", "visits"),
        ("columns", 3),
        ("columns", ["visits", "visits"]),
        ("scaling", "points"),
    ],
)
def test_an_option_that_is_none_is_refused_by_name(option, value):
    with pytest.raises(InvalidValueError) as refused:
        Scorecard.fit({"visits": [1, 2, 3, 4]}, [0, 1, 0, 1], **{option: value})
    assert refused.value.field == option


@pytest.mark.parametrize("top", [None, "3", 0, 1.5])
def test_a_number_of_reasons_that_is_none_is_refused(top):
    card = Scorecard.fit({"visits": [1, 2, 3, 4]}, [0, 1, 0, 1]).model
    with pytest.raises(InvalidValueError, match="top"):
        card.explain({"visits": [1]}, top=top)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["no", "yes", "no", "yes"], "row 0: 'no' is refused; give 0 or 1; of text, compare .* as in y == 'yes'"),
        (pd.date_range("2026-01-01", periods=4), "row 0: '2026-01-01.*give 0 or 1"),
        (pd.array([True, None, False, True], dtype="boolean"), "row 1: .*give 0 or 1"),
    ],
)
def test_labels_that_are_no_zeros_and_ones_are_refused_with_the_way_to_make_them(labels, says):
    with pytest.raises(InvalidDataError, match=says):
        Scorecard.fit({"visits": [1, 2, 3, 4]}, labels)


def test_an_evaluation_names_what_it_cannot_read():
    with pytest.raises(InvalidValueError, match="rng"):
        evaluate([0, 1], [0.1, 0.9], rng=1)
    with pytest.raises(InvalidValueError, match="replicates"):
        evaluate([0, 1], [0.1, 0.9], replicates="many")
    with pytest.raises(InvalidDataError, match="column 'probability', row 1"):
        evaluate([0, 1], [0.1, "high"])
