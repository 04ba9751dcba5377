"""Point-in-time training rows: the future leaves no trace, a planted leak is refused, and a backtest learns only from what was over."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.scoring import (
    Drift,
    ModelRecord,
    Scorecard,
    evaluate,
    needs_refit,
    refuse_leaks,
    rolling_origin,
    snapshot_labels,
    time_split,
)

CUT, END = dt.date(2024, 6, 30), dt.date(2024, 12, 31)
LABELS = ["bought", "churned", "next_days"]
logs = st.lists(
    st.tuples(st.integers(0, 6), st.dates(dt.date(2024, 1, 1), END), st.integers(1, 99)), min_size=1, max_size=40
).map(lambda rows: [*rows, (0, dt.date(2024, 2, 1), 5)])


def log(rows):
    return pd.DataFrame(rows, columns=["customer", "time", "amount"]).assign(
        time=lambda frame: pd.to_datetime(frame.time)
    )


def snapshots(rows, **options):
    asked = {"as_of": [CUT], "horizon": 60, "observed_until": END, "amount": "amount", **options}
    return snapshot_labels(log(rows), **asked)


@given(logs, logs)
def test_what_comes_after_the_day_changes_labels_and_never_a_feature(rows, others):
    future = [row for row in others if row[1] > CUT]
    past = [row for row in rows if row[1] <= CUT]
    one, other = snapshots(rows), snapshots(past + future)
    pd.testing.assert_frame_equal(one.drop(columns=LABELS), other.drop(columns=LABELS))


@given(logs, st.integers(1, 180))
def test_the_labels_are_what_a_loop_finds(rows, horizon):
    found = snapshots(rows, horizon=horizon)
    for row in found.itertuples():
        coming = [day for who, day, _ in rows if who == row.customer and CUT < day <= CUT + dt.timedelta(days=horizon)]
        assert row.bought == (len(coming) > 0) == 1 - row.churned
        assert np.isnan(row.next_days) if not coming else row.next_days == (min(coming) - CUT).days


def test_facts_count_from_the_day_they_were_known():
    facts = pd.DataFrame(
        {
            "customer": [0, 0, 1],
            "known_at": pd.to_datetime(["2024-03-01", "2024-07-01", "2024-03-01"]),
            "satisfaction": [4, 1, 3],
            "motive": ["gift", "work", None],
        }
    )
    rows = [(0, "2024-01-05", 1), (2, "2024-01-05", 1)]
    found = snapshots(rows, as_of=[CUT, dt.date(2024, 8, 1)], facts=facts)
    assert found.satisfaction.tolist()[0::2] == [4.0, 1.0]
    assert found.motive.tolist()[0::2] == ["gift", "work"]
    assert found.satisfaction.isna().tolist() == [False, True, False, True]


def test_a_planted_leak_is_refused():
    rows = pd.DataFrame(
        {"as_of": pd.to_datetime(["2024-01-31"] * 2), "seen": pd.to_datetime(["2024-01-31", "2024-02-01"])}
    )
    refuse_leaks(rows.head(1), known_at=["seen"])
    with pytest.raises(InvalidDataError, match="not known on 2024-01-31") as caught:
        refuse_leaks(rows, known_at=["seen"])
    assert (caught.value.column, caught.value.row) == ("seen", 1)


def test_an_outcome_that_is_not_over_is_refused():
    with pytest.raises(InvalidDataError, match="not bought yet"):
        snapshots([(0, "2024-01-01", 1)], as_of=[dt.date(2024, 12, 1)])


def test_a_feature_that_is_an_outcome_is_refused():
    rows = snapshots([(0, "2024-01-01", 1), (1, "2024-01-01", 1)])
    with pytest.raises(InvalidDataError, match="what happened next"):
        rolling_origin(rows, fit=None, horizon=60, features=["recency", "next_days"])


def many(seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(300):
        gap = rng.gamma(2.0, 25.0)
        day = dt.date(2024, 1, 1) + dt.timedelta(days=int(rng.integers(0, 60)))
        while day <= END:
            rows.append((who, day, 5))
            day += dt.timedelta(days=int(1 + rng.exponential(gap)))
    months = [dt.date(2024, month, 1) for month in (4, 5, 6, 7, 8, 9)]
    return snapshots(rows, as_of=months)


def test_a_backtest_teaches_only_what_was_over_and_beats_chance():
    rows = many()
    seen = []

    def fit(X, y):
        seen.append(len(X))
        return Scorecard.fit(X, y, bins=5).model

    folds = rolling_origin(
        rows, fit=fit, horizon=60, features=["recency", "frequency", "mean_gap"], rng=np.random.default_rng(0)
    )
    by_day = rows.groupby("as_of").size()
    assert [fold.train for fold in folds] == [0, 0, by_day.iloc[0], *by_day.cumsum().iloc[1:4]]
    assert seen == [fold.train for fold in folds if fold.evaluation]
    assert all("over" in fold.reason for fold in folds[:2])
    assert np.mean([fold.evaluation.auc for fold in folds[2:]]) > 0.6
    assert all(fold.psi >= 0 for fold in folds[2:])


def test_any_estimator_can_be_backtested():
    folds = rolling_origin(
        many(), fit=lambda X, y: LogisticRegression().fit(X, y), horizon=60, features=["recency", "frequency"]
    )
    assert folds[-1].evaluation.auc > 0.6


def test_a_day_is_never_split_and_rows_in_between_are_left_out():
    rows = pd.DataFrame({"as_of": pd.to_datetime(["2024-01-01"] * 3 + ["2024-02-15"] * 3 + ["2024-03-01"] * 2)})
    train, test = time_split(rows, horizon=30, test_share=0.25)
    assert (train.tolist(), test.tolist()) == ([True] * 3 + [False] * 5, [False] * 6 + [True] * 2)
    with pytest.raises(NotEstimableError, match="over before"):
        time_split(rows, horizon=90)
    with pytest.raises(InvalidValueError, match="share"):
        time_split(rows, horizon=1, test_share=1.0)


def test_a_model_is_fitted_again_when_it_is_old_shifted_or_worse_and_says_why():
    record = ModelRecord(name="m", version="1", fitted_on=END, since=CUT, until=END, rows=9, measures={"auc": 0.9})
    assert not needs_refit(record, today=END).refit
    drift = Drift(name="age", psi=0.4, verdict="shifted", largest="old: 0.1 then, 0.5 now")
    decision = needs_refit(record, today=END, drifts=[drift], evaluation=evaluate([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]))
    assert decision.refit
    assert len(decision.reasons) == 2
    with pytest.raises(InvalidValueError, match="days to come"):
        ModelRecord(name="m", version="1", fitted_on=CUT, since=CUT, until=END, rows=9)


@pytest.mark.parametrize(
    "options",
    [
        {"horizon": 0},
        {"as_of": []},
        {"as_of": [dt.datetime(2024, 1, 1)]},
        {"active_within": -1},
        {"observed_until": "2024"},
    ],
)
def test_impossible_requests_are_refused(options):
    with pytest.raises(InvalidValueError):
        snapshots([(0, "2024-01-01", 1)], **options)


def test_bad_facts_and_rows_are_named_and_nobody_gives_no_rows():
    twice = pd.DataFrame({"customer": [0, 0], "known_at": pd.to_datetime(["2024-01-01"] * 2), "x": [1, 2]})
    with pytest.raises(InvalidDataError, match="one fact"):
        snapshots([(0, "2024-01-01", 1)], facts=twice)
    with pytest.raises(InvalidDataError, match="rename"):
        snapshots([(0, "2024-01-01", 1)], facts=twice.head(1).rename(columns={"x": "recency"}))
    with pytest.raises(InvalidDataError, match="row 1"):
        snapshots([(0, "2024-01-01", 1), (None, "2024-01-01", 1)])
    assert len(snapshots([(0, "2024-12-01", 1)])) == 0
    assert len(snapshots([(0, "2024-01-01", 1)], active_within=30)) == 0


def test_polars_orders_give_a_polars_frame():
    import polars as pl

    rows = pl.DataFrame({"customer": ["ann", "ann"], "time": [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]})
    found = snapshot_labels(rows, as_of=[dt.date(2024, 1, 15)], horizon=30, observed_until=dt.date(2024, 3, 1))
    assert isinstance(found, pl.DataFrame)
    assert found["bought"].to_list() == [1]
