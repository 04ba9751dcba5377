"""What happened beside what was expected: counted by hand, on simulated customers, and on CDNOW."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm import clv
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

TRUTH = clv.BetaGeoNBD(r=0.6, alpha=6.0, a=0.9, b=2.5, unit="week")
ORDERS = pd.DataFrame(
    {
        "who": ["ann", "bob", "ann", "ann", "eve", "bob"],
        "day": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-03", "2024-01-15", "2024-01-20", "2024-01-22"]),
    }
)


def test_tracking_counts_each_repeat_purchase_in_its_week():
    found = clv.tracking(TRUTH, ORDERS, customer="who", time="day")
    assert found["actual"].tolist() == [1.0, 1.0, 1.0]
    assert found["end"].dt.strftime("%m-%d").tolist() == ["01-08", "01-15", "01-22"]
    expected = TRUTH.expected_purchases_new([1.0, 5 / 7, 2.0, 12 / 7, 3.0, 19 / 7, 2 / 7])
    assert found["cumulative_expected"].to_numpy() == pytest.approx(
        [expected[:2].sum(), expected[2:4].sum(), expected[4:].sum()], rel=1e-12
    )
    assert found["expected"].sum() == pytest.approx(found["cumulative_expected"].iloc[-1], rel=1e-12)


def test_tracking_leaves_out_who_came_after_the_calibration():
    found = clv.tracking(TRUTH, ORDERS, customer="who", time="day", calibration_end="2024-01-10")
    assert found["holdout"].tolist() == [False, True, True]
    later = clv.tracking(TRUTH, ORDERS[ORDERS["who"] != "eve"], customer="who", time="day")
    assert found["cumulative_expected"].to_numpy() == pytest.approx(later["cumulative_expected"].to_numpy(), rel=1e-12)


def test_the_model_tracks_cdnow_through_the_holdout(cdnow, summary):
    model = clv.BetaGeoNBD.fit(summary).model
    found = clv.tracking(model, cdnow, customer="customer", time="day", calibration_end="1997-09-30")
    # Fader, Hardie & Lee (2005), section 5: the cumulative forecast of the BG/NBD ends within 4 % below the 78 weeks' count.
    off = found["cumulative_expected"].iloc[-1] / found["cumulative_actual"].iloc[-1] - 1
    assert -0.06 < off < 0.0


def test_the_frequency_histogram_of_the_paper(summary):
    model = clv.BetaGeoNBD.fit(summary)
    found = clv.frequency_histogram(model, summary)
    assert found["actual"].sum() == 2357
    assert found["expected"].sum() == pytest.approx(2357, rel=1e-12)
    # CDNOW: 1,411 of 2,357 customers never came back.
    assert found["actual"].iloc[0] == 1411
    assert found["expected"].to_numpy() == pytest.approx(found["actual"].to_numpy(), abs=25)


def test_a_histogram_of_weighted_rows_is_that_of_repeated_ones():
    drawn = TRUTH.simulate(np.full(200, 30.0), random=np.random.default_rng(1))
    twice = pd.concat([drawn, drawn])
    one = clv.frequency_histogram(TRUTH, drawn.assign(weight=2.0), top=3)
    pd.testing.assert_frame_equal(one, clv.frequency_histogram(TRUTH, twice, top=3))


@pytest.fixture(scope="module")
def holdout():
    random = np.random.default_rng(3)
    drawn = TRUTH.simulate(np.full(4000, 40.0), random=random)
    history = (drawn["frequency"], drawn["recency"], drawn["age"])
    return drawn.assign(
        holdout_frequency=TRUTH.simulate_purchases(20.0, *history, random=random)[0], holdout_duration=20.0
    )


def test_the_true_model_foretells_the_holdout_of_its_own_customers(holdout):
    found = clv.holdout_by_frequency(TRUTH, holdout, top=4)
    assert found["customers"].sum() == 4000
    # Four standard errors of a mean count whose variance is a few times its mean.
    error = 4 * np.sqrt(4 * found["expected"] / found["customers"])
    assert (np.abs(found["actual"] - found["expected"]) < error).all()
    accuracy = clv.holdout_accuracy(TRUTH, holdout)
    assert accuracy.expected == pytest.approx(accuracy.actual, rel=0.1)
    assert accuracy.root_mean_squared_error < accuracy.naive_root_mean_squared_error
    assert accuracy.customers == 4000


def test_a_matrix_holds_every_possible_history_and_no_other():
    alive = clv.probability_alive_matrix(TRUTH, age=30.0, most=5, points=7)
    made = clv.expected_purchases_matrix(TRUTH, horizon=10, age=30.0, most=5, points=7)
    for matrix in (alive, made):
        possible = (matrix.index.to_numpy()[:, None] == 0) == (matrix.columns.to_numpy() == 0)
        assert (np.isfinite(matrix.to_numpy()) == possible).all()
    assert alive.loc[30.0, 5] == pytest.approx(float(TRUTH.probability_alive(5, 30, 30)), rel=1e-12)
    assert made.loc[15.0, 2] == pytest.approx(float(TRUTH.expected_purchases(10, 2, 15, 30)), rel=1e-12)


def test_a_matrix_of_discrete_opportunities_has_one_row_each():
    model = clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)
    found = clv.probability_alive_matrix(model, age=6, most=6)
    assert found.shape == (7, 7)
    assert np.isfinite(found.to_numpy()).sum() == 22


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda values: sum(values) > 0))
def test_the_lorenz_curve_is_convex_from_0_to_1(values):
    found = clv.lorenz(values)
    assert (found.customers[0], found.value[0]) == (0, 0)
    assert (found.customers[-1], found.value[-1]) == pytest.approx((1, 1))
    assert (found.value <= found.customers + 1e-12).all()
    assert -1e-12 <= found.gini <= 1
    # The mean difference of all pairs, halved over the mean: the definition.
    pairs = np.abs(np.subtract.outer(values, values)).mean()
    assert found.gini == pytest.approx(pairs / (2 * np.mean(values)), abs=1e-9)


def test_lorenz_takes_weights_and_refuses_what_is_no_value():
    assert clv.lorenz([1, 3], weight=[2, 1]).gini == pytest.approx(clv.lorenz([1, 1, 3]).gini, rel=1e-12)
    with pytest.raises(InvalidDataError, match="values"):
        clv.lorenz([1, -1])
    for nothing in ([], [0, 0]):
        with pytest.raises(NotEstimableError, match="nobody holds"):
            clv.lorenz(nothing)
    with pytest.raises(InvalidDataError, match="share"):
        clv.lorenz([1, 2]).top(2)


def test_the_expected_density_of_spend_is_a_density_and_close_to_what_was_drawn():
    model = clv.GammaGamma(p=6.25, q=3.74, v=15.44)
    random = np.random.default_rng(1)
    drawn = model.simulate(random.integers(0, 5, 4000), random=random)
    found = clv.spend_density(model, drawn)
    step = found["amount"].iloc[0]
    # What lies beyond the 99th percentile is missing from both.
    assert found["expected"].sum() * step == pytest.approx(0.99, abs=0.01)
    assert found["actual"].sum() * step == pytest.approx(0.99, abs=0.02)
    assert np.abs(found["expected"] - found["actual"]).max() < 0.15 * found["expected"].max()
    with pytest.raises(InvalidDataError, match="two different"):
        clv.spend_density(model, {"frequency": [1, 2], "mean_value": [3.0, 3.0]})


def test_gaps_are_counted_once_each():
    found = clv.interpurchase(ORDERS, customer="who", time="day", unit="day")
    assert found.to_dict("list") == {
        "gap": [2.0, 12.0, 19.0],
        "count": [1, 1, 1],
        "share": pytest.approx([1 / 3, 2 / 3, 1]),
    }
    with pytest.raises(NotEstimableError, match="two days"):
        clv.interpurchase(ORDERS.head(2), customer="who", time="day")


def test_a_forecast_adds_up_to_the_expectation_and_carries_an_interval():
    drawn = TRUTH.simulate(np.full(1000, 52.0), random=np.random.default_rng(2))
    fit = clv.BetaGeoNBD.fit(drawn)
    found = clv.forecast_purchases(fit, drawn, periods=3, unit="month")
    history = (drawn["frequency"], drawn["recency"], drawn["age"])
    whole = fit.model.expected_purchases(clv.convert(3, "month", "week"), *history).sum()
    assert found["expected"].sum() == pytest.approx(whole, rel=1e-12)
    assert (found["lower"] < found["expected"]).all()
    assert (found["expected"] < found["upper"]).all()
    assert found["expected"].is_monotonic_decreasing


@pytest.mark.parametrize(
    "ask",
    [
        lambda: clv.tracking(TRUTH, ORDERS.head(0), customer="who", time="day"),
        lambda: clv.tracking(clv.NBD(r=1.0, alpha=2.0), ORDERS, customer="who", time="day"),
        lambda: clv.tracking(TRUTH, ORDERS, customer="who", time="day", calibration_end="2020-01-01"),
        lambda: clv.tracking(TRUTH, ORDERS, customer="nobody", time="day"),
        lambda: clv.frequency_histogram(TRUTH, {"frequency": [], "recency": [], "age": []}),
        lambda: clv.frequency_histogram(TRUTH, {"frequency": [1], "recency": [1], "age": [2]}, top=0),
        lambda: clv.holdout_by_frequency(TRUTH, {"frequency": [1], "recency": [1], "age": [2]}),
        lambda: clv.probability_alive_matrix(TRUTH, age=0),
        lambda: clv.probability_alive_matrix(TRUTH, age=np.inf),
        lambda: clv.forecast_purchases(TRUTH, {"frequency": [1], "recency": [1], "age": [2]}, periods=0, unit="week"),
    ],
)
def test_bad_questions_are_refused(ask):
    with pytest.raises((InvalidDataError, InvalidValueError)):
        ask()
