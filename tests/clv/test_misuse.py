"""What a newcomer types wrong is answered in our words: what was given, what stands in the way, what to do."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from pycrm import clv
from pycrm.errors import (
    BoundaryWarning,
    InvalidDataError,
    InvalidValueError,
    MissingColumnError,
    NotEstimableError,
)

RANDOM = np.random.default_rng(1)
MODELS = [
    clv.NBD(r=0.7, alpha=9.0),
    clv.BetaGeoNBD(r=0.6, alpha=5.0, a=0.8, b=2.5),
    clv.ModifiedBetaGeoNBD(r=0.7, alpha=6.0, a=0.8, b=2.5),
    clv.ParetoNBD(r=0.8, alpha=8.0, s=0.7, beta=12.0),
    clv.BetaGeoCNBDk(r=0.8, alpha=2.0, a=0.8, b=2.5, k=3),
    clv.ModifiedBetaGeoCNBDk(r=0.8, alpha=2.0, a=0.8, b=2.5, k=2),
    clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8),
]
models = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
TWO = ([1, 2], [1, 2], [3, 3])
ORDERS = {
    "who": ["a", "b", "a", "c", "a"],
    "day": np.array(["2024-01-01", "2024-01-05", "2024-02-01", "2024-02-12", "2024-03-01"], dtype="M8[D]"),
    "paid": [10.0, 20.0, 30.0, 5.0, 7.0],
}


@models
@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda m: m.expected_purchases([1, 2, 3], *TWO), r"'horizon': 'horizon \(3,\), age \(2,\)'"),
        (lambda m: m.probability_alive(*TWO, ahead=[1, 2, 3]), r"'ahead': 'ahead \(3,\)"),
        (lambda m: m.probability_alive([1, 2, 3], [1, 2], [3, 3]), "of one shape"),
        (lambda m: m.purchase_probability([0, 1, 2], 5, *TWO), r"'n': 'n \(3,\)"),
        (lambda m: m.purchase_probability([0.5], 5, 1, 1, 3), "'n', row 0: 0.5.*whole"),
        (lambda m: m.purchase_probability_new([0, 1, 2], [5, 6]), r"'n': 'n \(3,\)"),
        (
            lambda m: m.discounted_purchases(*TWO, discount_rate=0.1, per="period", horizon=[1, 2, 3]),
            r"'horizon': 'horizon \(3,\)",
        ),
        (lambda m: m.expected_purchases(-1, *TWO), "'horizon', row 0: -1.0.*at least 0"),
        (lambda m: m.expected_purchases("soon", *TWO), "'horizon': 'soon'.*numbers"),
        (lambda m: m.simulate_purchases([1, 2, 3], *TWO, random=RANDOM), r"'horizon': 'horizon \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit_and_lengths_that_are_none_are_named(model, ask, says):
    with pytest.raises(InvalidDataError, match=says):
        ask(model)


@models
@pytest.mark.parametrize("random", [1, None, np.random.RandomState(1)])
def test_chance_comes_from_a_generator(model, random):
    with pytest.raises(InvalidValueError, match=r"default_rng\(1\)"):
        model.simulate([12], random=random)
    with pytest.raises(InvalidValueError, match=r"default_rng\(1\)"):
        model.simulate_purchases(5, 1, 1, 3, random=random)
    with pytest.raises(InvalidValueError, match=r"draws: 1\.5"):
        model.simulate_purchases(5, 1, 1, 3, random=RANDOM, draws=1.5)


@models
def test_a_unit_that_is_none_is_refused_when_the_model_is_made(model):
    values = {name: getattr(model, name) for name in ("r", "alpha", "a", "b", "s", "beta", "gamma", "delta", "k")
              if hasattr(model, name)}  # fmt: skip
    with pytest.raises(InvalidValueError, match=r"unit: 'fortnight'.*day, week, month, year"):
        type(model)(**values, unit="fortnight")


@pytest.fixture(scope="module")
def sample():
    return MODELS[1].simulate(np.full(400, 52.0), random=np.random.default_rng(2))


def test_a_fit_shows_its_estimates_and_gives_them_as_a_frame(sample):
    fit = clv.BetaGeoNBD.fit(sample)
    shown = repr(fit).splitlines()
    assert shown[0].startswith("BetaGeoNBD fitted to 400 customers: log-likelihood -")
    assert [line.split()[0] for line in shown[2:6]] == ["r", "alpha", "a", "b"]
    assert shown[-1].startswith("converged: largest derivative left")
    table = fit.summary(0.9)
    assert table["estimate"].to_dict() == dict(fit.parameters)
    assert table["standard_error"].to_dict() == dict(fit.standard_errors)
    assert (table["lower"] < table["estimate"]).all()
    assert tuple(table.loc["r", ["lower", "upper"]]) == fit.intervals(0.9)["r"]


def test_a_fit_that_ran_to_an_edge_shows_it(sample):
    with pytest.warns(match="runs to"):
        fit = clv.BetaGeoNBD.fit({"frequency": [3], "recency": [10.0], "age": [20.0]})
    assert "note: r runs to infinity" in repr(fit)


def test_a_prediction_is_a_function_of_the_model_that_returns_numbers(sample):
    fit = clv.BetaGeoNBD.fit(sample)
    for wrong in (5, lambda model: "many"):
        with pytest.raises(InvalidValueError, match="lambda model"):
            fit.predict(wrong)


def test_a_bootstrap_of_a_fit_with_options_is_told_them(sample):
    data = sample.assign(vip=np.arange(400) % 2)
    fit = clv.BetaGeoNBD.fit(data, ["vip"])
    with pytest.raises(InvalidValueError, match=r"refit=lambda data: BetaGeoNBD\.fit"):
        fit.bootstrap(data, random=np.random.default_rng(1), draws=2)
    with pytest.raises(InvalidValueError, match="random"):
        fit.bootstrap(data, random=1)
    again = fit.bootstrap(
        data, random=np.random.default_rng(1), draws=2, refit=lambda drawn: clv.BetaGeoNBD.fit(drawn, ["vip"])
    )
    assert again.estimates.shape == (2, 5)


def test_a_class_is_no_model(sample):
    for model, spend in ((clv.BetaGeoNBD, 30.0), (clv.GammaGamma(p=6.0, q=4.0, v=15.0), 30.0)):
        with pytest.raises(InvalidValueError, match="purchase model"):
            clv.lifetime_value(model, spend, sample, horizon=1, unit="year", discount_rate=0.1)
    with pytest.raises(InvalidDataError, match="spend"):
        clv.lifetime_value(MODELS[1], clv.GammaGamma, sample, horizon=1, unit="year", discount_rate=0.1)


@pytest.mark.parametrize(
    ("change", "options", "error", "says"),
    [
        ({}, {"time_zone": "Mars/Base"}, InvalidValueError, "Europe/Madrid"),
        ({}, {"end": 5}, InvalidValueError, "local date"),
        ({}, {"customer": "customer"}, MissingColumnError, "the table has who, day, paid"),
        ({}, {"customer": 0}, MissingColumnError, "names that are text"),
        ({"paid": [1.0]}, {}, InvalidDataError, "of one length"),
        ({"day": list(range(5))}, {}, InvalidDataError, "'day', row 0"),
        ({"frequency": ["a"] * 5}, {"customer": "frequency"}, InvalidValueError, "rename yours"),
    ],
)
def test_a_log_that_is_none_is_answered(change, options, error, says):
    with pytest.raises(error, match=says):
        clv.purchase_summary(ORDERS | change, **({"customer": "who", "time": "day", "amount": "paid"} | options))


def test_two_columns_of_one_name_are_named():
    frame = pd.DataFrame(ORDERS)
    with pytest.raises(InvalidDataError, match="'paid': 'two columns'"):
        clv.purchase_summary(pd.concat([frame, frame[["paid"]]], axis=1), customer="who", time="day")


def test_a_holdout_counts_in_months_of_the_calendar_when_the_summary_does():
    options = {"customer": "who", "time": "day", "unit": "month", "calendar": True}
    kept = clv.calibration_holdout(ORDERS, calibration_end="2024-02-01", end="2024-04-01", **options)
    whole = clv.purchase_summary(ORDERS, end="2024-02-01", **options)
    assert kept[list(whole.columns)].equals(whole)
    assert kept["holdout_duration"].tolist() == [2.0, 2.0]
    assert clv.calibration_holdout(ORDERS, calibration_end="2024-02-01", **options)["holdout_duration"].tolist() == [
        1,
        1,
    ]
    with pytest.raises(InvalidValueError, match="calendar"):
        clv.calibration_holdout(ORDERS, customer="who", time="day", calibration_end=dt.date(2024, 2, 1), calendar=True)
    with pytest.raises(InvalidValueError, match="rename yours"):
        named = {"holdout_value": ORDERS["who"], "day": ORDERS["day"]}
        clv.calibration_holdout(named, customer="holdout_value", time="day", calibration_end="2024-02-01")


ONE = {"frequency": [3], "recency": [10.0], "age": [20.0], "log_gaps": [3.0]}
NEVER = {"frequency": [0] * 5, "recency": [0.0] * 5, "age": [20.0] * 5, "log_gaps": [0.0] * 5}
RETURNING = (clv.NBD, clv.BetaGeoCNBDk, clv.ModifiedBetaGeoCNBDk, clv.BetaGeoBetaBinomial)


@pytest.mark.filterwarnings("ignore::pycrm.errors.ConvergenceWarning")
@models
def test_one_customer_has_a_maximum_at_an_edge_that_is_named(model):
    with pytest.warns(BoundaryWarning, match="runs to infinity.*more customers, or a penalty"):
        fit = type(model).fit(ONE)
    assert fit.notes
    assert np.isfinite(fit.log_likelihood)


@models
def test_where_nobody_came_back_a_parameter_is_named_or_the_question_refused(model):
    if isinstance(model, RETURNING):
        with pytest.raises(NotEstimableError, match="nobody bought again"):
            type(model).fit(NEVER)
    else:
        with pytest.warns(BoundaryWarning, match="runs to"):
            type(model).fit(NEVER)


def test_spend_of_one_customer_or_of_none():
    with pytest.warns(BoundaryWarning, match="p runs to infinity"):
        clv.GammaGamma.fit({"frequency": [3], "mean_value": [10.0]})
    with pytest.raises(InvalidDataError, match="customers who came back"):
        clv.GammaGamma.fit({"frequency": [0, 0], "mean_value": [0.0, 0.0]})


@models
def test_no_customers_are_refused(model):
    with pytest.raises(InvalidDataError, match="at least one"):
        type(model).fit({name: [] for name in ONE})
