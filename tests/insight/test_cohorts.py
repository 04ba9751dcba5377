"""Cohorts: a triangle that counts each customer once, periods that are over, and a decomposition that adds up."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.seasonal import seasonal_decompose

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.insight import customer_flow, decompose, retention_triangle

END = dt.date(2024, 12, 31)
logs = st.lists(
    st.tuples(st.integers(0, 8), st.dates(dt.date(2024, 1, 1), dt.date(2025, 2, 28))), min_size=1, max_size=60
).map(lambda rows: [*rows, (0, dt.date(2024, 2, 1))])


def log(rows):
    return pd.DataFrame(rows, columns=["customer", "time"]).assign(time=lambda frame: pd.to_datetime(frame.time))


@given(logs)
def test_the_triangle_is_what_a_loop_counts(rows):
    found = retention_triangle(log(rows), as_of=END)
    months = {}
    for who, day in rows:
        if day <= END:
            months.setdefault(who, set()).add(day.month)
    for place, cohort in enumerate(found.cohorts):
        members = [seen for seen in months.values() if min(seen) == cohort.month]
        expected = [sum(cohort.month + age in seen for seen in members) for age in range(13 - cohort.month)]
        row = found.active[place]
        assert row[~np.isnan(row)].tolist() == expected
    assert found.sizes.sum() == len(months)


@given(logs, st.sampled_from(["week", "month", "quarter", "year"]))
def test_flows_balance(rows, step):
    flow = customer_flow(log(rows), as_of=END, step=step)
    assert (flow.active == flow.new + flow.retained + flow.reactivated).all()
    assert (flow.active.shift(fill_value=0) == flow.retained + flow.lost).all()
    over = {who for who, day in rows if day <= (dt.date(2024, 12, 29) if step == "week" else END)}
    assert flow.new.sum() == len(over)


def test_a_period_that_is_not_over_counts_for_nothing():
    rows = log([(1, "2024-01-05"), (1, "2024-02-05"), (2, "2024-02-06")])
    found = retention_triangle(rows, as_of=dt.date(2024, 2, 28))
    assert (found.cohorts, found.active.tolist()) == ((dt.date(2024, 1, 1),), [[1.0]])
    with pytest.raises(NotEstimableError, match="over"):
        retention_triangle(rows, as_of=dt.date(2024, 1, 30))


def test_the_curve_weighs_cohorts_by_size_and_has_an_interval():
    rows = [(who, "2024-01-10") for who in range(8)] + [(who, "2024-02-10") for who in range(4)]
    rows += [(who, "2024-02-10") for who in range(8, 10)] + [(8, "2024-03-01"), (9, "2024-03-01"), (0, "2024-03-02")]
    found = retention_triangle(log(rows), as_of=dt.date(2024, 3, 31))
    assert found.curve.tolist() == [1.0, 6 / 10, 1 / 8]
    low, high = found.curve_interval()
    assert (low <= found.curve + 1e-12).all()
    assert (found.curve <= high + 1e-12).all()


def test_the_trend_of_retention_is_the_weighted_slope():
    rows = []
    for month, kept in ((1, 8), (2, 6), (3, 4), (4, 2)):
        members = range(month * 100, month * 100 + 10)
        rows += [(who, f"2024-{month:02}-10") for who in members]
        rows += [(who, f"2024-{month + 1:02}-10") for who in list(members)[:kept]]
    found = retention_triangle(log(rows), as_of=dt.date(2024, 5, 31))
    slope, error = found.trend(1)
    assert (slope, error) == (pytest.approx(-0.2), pytest.approx(0.0, abs=1e-9))
    with pytest.raises(NotEstimableError, match="three"):
        found.trend(3)
    with pytest.raises(InvalidValueError, match="period"):
        found.trend(9)


@pytest.mark.parametrize("season", [2, 3, 4, 7, 12])
def test_the_decomposition_is_that_of_statsmodels_and_adds_up(season):
    rng = np.random.default_rng(season)
    series = np.arange(4 * season) * 0.5 + np.tile(rng.normal(size=season), 4) + rng.normal(size=4 * season)
    ours, peer = decompose(series, season=season), seasonal_decompose(series, period=season)
    np.testing.assert_allclose(ours.trend, peer.trend, atol=1e-10)
    np.testing.assert_allclose(ours.season, peer.seasonal, atol=1e-10)
    known = ~np.isnan(ours.trend)
    np.testing.assert_allclose((ours.trend + ours.season + ours.rest)[known], series[known], atol=1e-10)


def test_bad_input_is_named():
    with pytest.raises(InvalidDataError, match="row 0"):
        retention_triangle({"customer": [None], "time": [dt.date(2024, 1, 1)]}, as_of=END)
    with pytest.raises(InvalidValueError, match="as_of"):
        retention_triangle(log([(1, "2024-01-01")]), as_of=dt.datetime(2024, 1, 1))
    with pytest.raises(InvalidValueError, match="step"):
        customer_flow(log([(1, "2024-01-01")]), as_of=END, step="day")
    with pytest.raises(NotEstimableError):
        customer_flow(log([]), as_of=END)
    with pytest.raises(NotEstimableError, match="two seasons"):
        decompose([1, 2, 3], season=2)
    with pytest.raises(InvalidValueError, match="season"):
        decompose([1, 2, 3], season=1)
