"""What must hold of every purchase model at every history, the histories at the edge among them."""

import itertools
import pickle

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.clv import (
    NBD,
    BetaGeoCNBDk,
    BetaGeoNBD,
    ModifiedBetaGeoCNBDk,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    convert,
    lifetime_value,
)
from pycrm.errors import (
    BoundaryWarning,
    InvalidDataError,
    InvalidValueError,
    MissingColumnError,
    NotEstimableError,
    PycrmWarning,
)

MODELS = [
    BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week"),
    ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614, unit="week"),
    ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669, unit="week"),
    ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669, unit="week", correlation=0.2),
    BetaGeoNBD(r=3.0, alpha=0.2, a=0.05, b=0.3),
    ModifiedBetaGeoNBD(r=3.0, alpha=0.2, a=1.0, b=8.0),
    ParetoNBD(r=4.0, alpha=0.5, s=1.0, beta=30.0),
    NBD(r=0.385, alpha=12.07, unit="week"),
    BetaGeoCNBDk(r=0.8, alpha=2.0, a=0.8, b=2.5, k=3, unit="week"),
    ModifiedBetaGeoCNBDk(r=0.8, alpha=2.0, a=1.0, b=2.5, k=2, unit="week"),
]
models = pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{type(model).__name__}-{model.r}-{model.alpha}")


@st.composite
def histories(draw):
    age = draw(st.floats(0.0, 1e4))
    x = draw(st.integers(0, 500))
    return x, (draw(st.floats(0.0, 1.0)) * age if x else 0.0), age


EDGES = [
    (0, 0.0, 0.0),
    (0, 0.0, 1e4),
    (1, 0.0, 5.0),
    (3, 40.0, 40.0),
    (500, 1e4, 1e4),
    (500, 1.0, 1e4),
    (2, 1e-9, 1e-9),
]


def edges(function):
    for history in EDGES:
        function = example(history)(function)
    return function


@models
@edges
@given(history=histories())
def test_a_probability_is_one_and_expectations_are_finite_and_positive(model, history):
    alive = float(model.probability_alive(*history))
    assert 0.0 <= alive <= 1.0
    assert np.isfinite(model.log_likelihood(*history))
    made = model.expected_purchases([0.0, 1.0, 52.0], *history)
    assert made[0] == 0.0
    assert 0.0 <= made[1] <= made[2] < np.inf


@models
@edges
@given(history=histories())
def test_longer_silence_never_makes_a_customer_more_alive(model, history):
    x, t_x, T = history
    found = model.probability_alive(x, t_x, T + np.array([0.0, 0.1, 1.0, 10.0, 1e3]))
    assert (np.diff(found) <= 1e-12).all()
    ahead = model.probability_alive(x, t_x, T, ahead=[0.0, 0.1, 1.0, 10.0, 1e3])
    assert (np.diff(ahead) <= 1e-12).all()
    assert ahead[0] == pytest.approx(found[0], rel=1e-9, abs=1e-300)


@models
@edges
@given(history=histories())
def test_a_higher_discount_rate_never_makes_the_future_worth_more(model, history):
    rates = [1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0]
    found = [float(model.discounted_purchases(*history, discount_rate=rate, per="continuous")) for rate in rates]
    assert all(low >= high >= 0.0 for low, high in itertools.pairwise(found))
    until = model.discounted_purchases(*history, discount_rate=0.1, per="continuous", horizon=[1.0, 10.0, np.inf])
    assert (np.diff(until) >= -1e-9 * until[-1]).all()
    near = model.discounted_purchases(*history, discount_rate=0.0, per="continuous", horizon=26.0)
    assert near == pytest.approx(model.expected_purchases(26.0, *history), rel=1e-6, abs=1e-12)


@models
@pytest.mark.parametrize("history", [(0, 0.0, 30.0), (2, 20.0, 30.0), (7, 30.0, 30.0)])
@pytest.mark.parametrize("start", [0.0, 8.0])
def test_counts_of_a_window_sum_to_one_and_have_the_expected_mean(model, history, start):
    n = np.arange(3000)
    chance = model.purchase_probability(n, 4.0, *history, start=start)
    assert (chance >= -1e-12).all()
    assert chance.sum() == pytest.approx(1.0, abs=1e-7)
    later, sooner = (model.expected_purchases(t, *history) for t in (start + 4.0, start))
    assert chance @ n == pytest.approx(later - sooner, rel=1e-5)
    new = model.purchase_probability_new(n, 4.0, start=start)
    assert new.sum() == pytest.approx(1.0, abs=1e-7)
    assert new @ n == pytest.approx(
        model.expected_purchases_new(start + 4.0) - model.expected_purchases_new(start), rel=1e-5
    )


@models
def test_discounted_purchases_are_the_discounted_slope_of_the_expected_ones(model):
    history, rate = (2, 20.0, 30.0), 0.02
    t = np.concatenate([[0.0], np.geomspace(1e-4, 1500.0, 20_000)])
    made = model.expected_purchases(t, *history)
    integral = float((np.diff(made) * np.exp(-rate * (t[1:] + t[:-1]) / 2)).sum())
    assert model.discounted_purchases(*history, discount_rate=rate, per="continuous") == pytest.approx(
        integral, rel=1e-5
    )


@models
def test_drawn_customers_are_those_the_model_expects(model):
    random = np.random.default_rng(21)
    size = 40_000
    sample = model.simulate(np.full(size, 10.0), random=random)
    made = sample["frequency"].to_numpy()
    assert abs(made.mean() - model.expected_purchases_new(10.0)) < 4.0 * made.std() / np.sqrt(size)
    chance = model.probability_alive(made, sample["recency"], sample["age"])
    assert abs(sample["alive"].sum() - chance.sum()) < 4.0 * np.sqrt((chance * (1 - chance)).sum()) + 1e-9
    drawn = model.simulate_purchases(5.0, [2], [8.0], [10.0], random=random, draws=size)
    assert drawn.shape == (size, 1)
    assert abs(drawn.mean() - model.expected_purchases(5.0, 2, 8.0, 10.0)) < 4.0 * drawn.std() / np.sqrt(size)


@models
def test_a_model_is_a_value(model):
    assert pickle.loads(pickle.dumps(model)) == model
    assert hash(model) == hash(pickle.loads(pickle.dumps(model)))


SHAPES = [
    (0.243, 4.414, 0.793, 2.426),
    (0.5, 0.1, 2.0, 50.0),
    (3.0, 100.0, 0.05, 0.3),
    (1.0, 1.0, 1.0, 0.05),
    (2.0, 5.0, 8.0, 20.0),
]
SILENCES = [(x, share * T, T) for x in (0, 1, 10, 100, 1000, 10_000) for T in (1.0, 40.0, 1e3, 1e4)
            for share in ((0.0,) if x == 0 else (0.0, 0.01, 0.5, 0.99, 1.0))]  # fmt: skip


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD])
def test_no_history_of_the_grid_loses_its_beta_geometric_likelihood(kind):
    mpmath.mp.dps = 40
    assert len(SHAPES) * len(SILENCES) >= 500
    one = 0 if kind is BetaGeoNBD else 1
    for r, alpha, a, b in SHAPES:
        found = kind(r=r, alpha=alpha, a=a, b=b).log_likelihood(*np.array(SILENCES).T)
        for (x, t_x, T), ours in zip(SILENCES, found, strict=True):
            R, A, p, q = (mpmath.mpf(value) for value in (r, alpha, a, b))
            alive = (A + T) ** -(R + x) * mpmath.beta(p, q + x + one)
            gone = (A + t_x) ** -(R + x) * mpmath.beta(p + 1, q + x - 1 + one) if x + one else 0
            whole = mpmath.gamma(R + x) / mpmath.gamma(R) * A**R * (alive + gone) / mpmath.beta(p, q)
            assert float(ours) == pytest.approx(float(mpmath.log(whole)), rel=1e-13, abs=1e-9)


@pytest.mark.parametrize("a", [0.05, 0.793, 1.0, 3.0])
def test_expected_purchases_of_bg_nbd_are_the_hypergeometric_ones_where_those_exist(a):
    mpmath.mp.dps = 40
    r, alpha, b = 0.243, 4.414, 0.4
    near = mpmath.mpf(a) + (mpmath.mpf(10) ** -15 if a == 1.0 else 0)
    for t in (1e-3, 1.0, 39.0, 400.0, 1e4):
        z = mpmath.mpf(t) / (mpmath.mpf(alpha) + t)
        expected = (near + b - 1) / (near - 1) * (1 - (1 - z) ** r * mpmath.hyp2f1(r, b, near + b - 1, z))
        found = BetaGeoNBD(r=r, alpha=alpha, a=a, b=b).expected_purchases_new(t)
        assert float(found) == pytest.approx(float(expected), rel=1e-8)


GOOD = {"frequency": [0, 1, 2, 3], "recency": [0.0, 1.0, 5.0, 9.0], "age": [10.0, 10.0, 10.0, 10.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recency": [0.0, 1.0, 11.0, 9.0]}, "'recency', row 2.*exceed age"),
        ({"frequency": [0, -1, 2, 3]}, "'frequency', row 1"),
        ({"frequency": [0, 1.5, 2, 3]}, "'frequency', row 1.*whole"),
        ({"recency": [2.0, 1.0, 5.0, 9.0]}, "'recency', row 0.*without a repeat"),
        ({"age": [10.0, 10.0, np.nan, 10.0]}, "'age', row 2"),
        ({"age": [10.0, np.inf, 10.0, 10.0]}, "'age', row 1"),
        ({"recency": [0.0, -1.0, 5.0, 9.0]}, "'recency', row 1"),
        ({"frequency": ["0", "x", "2", "3"]}, "'frequency', row 1"),
        ({"weight": [1.0, -1.0, 1.0, 1.0]}, "'weight', row 1"),
        ({"weight": [0.0, 0.0, 0.0, 0.0]}, "stands for somebody"),
        ({"frequency": [], "recency": [], "age": []}, "no rows|at least one"),
    ],
)
@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
def test_an_impossible_history_is_refused_with_its_row(kind, change, message):
    with pytest.raises(InvalidDataError, match=message):
        kind.fit(GOOD | change)
    rows = GOOD | change
    if "weight" not in change and rows["frequency"]:
        model = next(model for model in MODELS if type(model) is kind)
        with pytest.raises(InvalidDataError):
            model.probability_alive(rows["frequency"], rows["recency"], rows["age"])


@pytest.mark.parametrize("kind", [NBD, BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
@pytest.mark.parametrize("sparse", [False, True])
def test_cells_of_a_table_that_hold_nobody_change_nothing(kind, sparse):
    truth = next(model for model in MODELS if type(model) is kind)
    sample = truth.simulate(np.full(3000, 40.0), random=np.random.default_rng(8))
    sample["recency"] = np.ceil(sample["recency"])
    table = sample.groupby(["frequency", "recency", "age"]).size().rename("weight").reset_index()
    empty = pd.DataFrame({"frequency": [3, 40], "recency": [17.0, 39.0], "age": [40.0, 40.0], "weight": [0, 0]})
    whole = pd.concat([empty, table], ignore_index=True)
    if sparse:
        whole["weight"] = pd.arrays.SparseArray(whole["weight"].astype(float), fill_value=0.0)
    fit = kind.fit(whole)
    assert fit.log_likelihood == pytest.approx(kind.fit(sample).log_likelihood, rel=1e-13)
    assert fit.weight == 3000


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
def test_what_has_no_estimate_says_which_parameter(kind):
    with pytest.raises(MissingColumnError, match="age"):
        kind.fit({"frequency": [1], "recency": [1.0]})
    with pytest.warns(BoundaryWarning, match="runs to"):
        fit = kind.fit({"frequency": [0] * 50, "recency": [0.0] * 50, "age": np.linspace(1.0, 30.0, 50)})
    assert any("runs to" in note for note in fit.notes)
    with pytest.warns(PycrmWarning, match="runs to|derivative in"):
        kind.fit({"frequency": [3], "recency": [5.0], "age": [9.0]})


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
def test_a_penalty_keeps_a_small_sample_inside(kind):
    fit = kind.fit(GOOD, penalty=0.05)
    assert fit.converged
    assert not fit.notes
    with pytest.raises(InvalidValueError, match="penalty"):
        kind.fit(GOOD, penalty=-1.0)


@pytest.mark.parametrize(
    ("name", "bad"), [("r", 0.0), ("r", -1.0), ("alpha", np.nan), ("alpha", np.inf), ("r", "one"), ("r", None)]
)
def test_a_parameter_out_of_range_is_refused(name, bad):
    with pytest.raises(InvalidValueError, match=f"BetaGeoNBD.{name}"):
        BetaGeoNBD(**({"r": 1.0, "alpha": 1.0, "a": 1.0, "b": 1.0} | {name: bad}))


def test_covariates_are_named_as_a_sequence_and_once():
    for bad in ("z", ["z", "z"]):
        with pytest.raises(InvalidValueError, match="purchase_covariates"):
            BetaGeoNBD.fit(GOOD, purchase_covariates=bad)
    with pytest.raises(InvalidValueError, match="equal_effects"):
        BetaGeoNBD.fit(GOOD, purchase_covariates=["z"], equal_effects=True)


def test_units_are_converted_and_a_mismatch_is_refused():
    weekly = MODELS[2]
    customers = pd.DataFrame(GOOD)
    yearly = lifetime_value(weekly, 10.0, customers, horizon=1, unit="year", discount_rate=0.0)
    assert yearly == pytest.approx(
        lifetime_value(weekly, 10.0, customers, horizon=convert(1, "year", "day"), unit="day", discount_rate=0.0),
        rel=1e-9,
    )
    customers.attrs["unit"] = "day"
    with pytest.raises(InvalidValueError, match="summary"):
        lifetime_value(weekly, 10.0, customers, horizon=1, unit="year", discount_rate=0.1)
    with pytest.raises(InvalidValueError, match="unit"):
        ParetoNBD.fit(customers, unit="week")


def test_value_to_infinity_is_the_discounted_purchases_times_spend():
    weekly, customers = MODELS[0], pd.DataFrame(GOOD)
    history = (customers["frequency"], customers["recency"], customers["age"])
    found = lifetime_value(weekly, 10.0, customers, horizon=np.inf, unit="month", discount_rate=0.4, margin=0.5)
    assert found == pytest.approx(5.0 * weekly.discounted_purchases(*history, discount_rate=0.4), rel=1e-9)
    fine = lifetime_value(weekly, 10.0, customers, horizon=1000, unit="week", discount_rate=0.4, margin=0.5)
    assert (fine < found).all()
    assert fine == pytest.approx(found, rel=0.01)
    with pytest.raises(NotEstimableError, match="positive discount_rate"):
        lifetime_value(weekly, 10.0, customers, horizon=np.inf, unit="month", discount_rate=0.0)


@pytest.mark.parametrize(
    "bad",
    [
        {"horizon": 0},
        {"horizon": -1},
        {"horizon": np.nan},
        {"unit": "fortnight"},
        {"discount_rate": -1.0},
        {"discount_rate": np.nan},
    ],
)
def test_a_value_of_nothing_sensible_is_refused(bad):
    good = {"horizon": 12, "unit": "month", "discount_rate": 0.1}
    with pytest.raises(InvalidValueError, match=next(iter(bad))):
        lifetime_value(MODELS[0], 10.0, GOOD, **(good | bad))


def test_what_is_no_model_no_amount_and_no_count_is_refused():
    good = {"horizon": 12, "unit": "month", "discount_rate": 0.1}
    with pytest.raises(InvalidValueError, match="model"):
        lifetime_value("BG/NBD", 10.0, GOOD, **good)
    for spend in ("ten", [1.0, np.nan, 1.0, 1.0], [1.0, 2.0]):
        with pytest.raises(InvalidDataError, match="spend"):
            lifetime_value(MODELS[0], spend, GOOD, **good)
    with pytest.raises(InvalidDataError, match="margin"):
        lifetime_value(MODELS[0], 10.0, GOOD, **good, margin=[0.1, 0.2])
    with pytest.raises(InvalidDataError, match=r"'n', row 0.*whole"):
        MODELS[0].purchase_probability(0.5, 4.0, 1, 1.0, 2.0)
    with pytest.raises(InvalidValueError, match="unit"):
        convert(1.0, "aeon", "day")


@models
def test_nobody_has_no_numbers(model):
    assert model.probability_alive([], [], []).shape == (0,)
    assert model.expected_purchases(4.0, [], [], []).shape == (0,)
    assert len(model.simulate([], random=np.random.default_rng(1))) == 0
