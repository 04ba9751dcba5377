"""A scorecard on columns as campaigns have them: levels called unknown, -1 for never, counts, months."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

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
