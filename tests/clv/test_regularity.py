"""NBD and the models of regular purchases: limits, 40-digit likelihoods, simulation, and impossible gaps."""

import itertools

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.clv import NBD, BetaGeoCNBDk, BetaGeoNBD, ModifiedBetaGeoCNBDk, lifetime_value, purchase_summary
from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError, NotEstimableError
from pycrm.fit import Fit

REGULAR = [BetaGeoCNBDk, ModifiedBetaGeoCNBDk]
SHAPES = {"r": 0.85, "alpha": 1.45, "a": 0.79, "b": 2.42}
BOUNDARIES = ([0, 0, 1, 1, 3, 40, 2], [0, 0, 0, 30, 30, 30, 12.5], [30, 0, 30, 30, 30, 30, 30])


def test_k_of_1_is_the_bg_nbd_in_everything():
    plain, regular = BetaGeoNBD(**SHAPES, unit="week"), BetaGeoCNBDk(**SHAPES, k=1, unit="week")
    assert regular.log_likelihood(*BOUNDARIES) == pytest.approx(plain.log_likelihood(*BOUNDARIES), rel=1e-11)
    for ahead in (0.0, 0.01, 26.0, 1000.0):
        alive = regular.probability_alive(*BOUNDARIES, ahead=ahead)
        assert alive == pytest.approx(plain.probability_alive(*BOUNDARIES, ahead=ahead), rel=1e-9)
        made = regular.expected_purchases(ahead, *BOUNDARIES)
        assert made == pytest.approx(plain.expected_purchases(ahead, *BOUNDARIES), rel=1e-9)
    for n, start in itertools.product((0, 1, 4), (0.0, 13.0)):
        found = regular.purchase_probability(n, 26, *BOUNDARIES, start=start)
        assert found == pytest.approx(plain.purchase_probability(n, 26, *BOUNDARIES, start=start), rel=1e-7, abs=1e-13)
    for horizon in (52.0, np.inf):
        found = regular.discounted_purchases(*BOUNDARIES, discount_rate=0.15, horizon=horizon)
        expected = plain.discounted_purchases(*BOUNDARIES, discount_rate=0.15, horizon=horizon)
        assert found == pytest.approx(expected, rel=1e-9)


def _likelihood(k, modified, x, t_x, T, r, alpha, a, b):
    """Gamma and Beta integrated by hand, 40 digits, without the term in the gaps."""
    there = mp.mpf(0)
    for j in range(k):
        # rf(R, j) / Gamma(j + 1) (T - t_x)^j / (alpha + T)^(R + j)
        there += mp.rf(r + k * x, j) / mp.factorial(j) * (mp.mpf(T) - t_x) ** j / (alpha + T) ** (r + k * x + j)
    there *= mp.beta(a, b + x + modified)
    left = mp.mpf(0)
    if x or modified:
        left = mp.beta(a + 1, b + x + modified - 1) / (alpha + t_x) ** (r + k * x)
    common = mp.gamma(r + k * x) / mp.gamma(r) * alpha**r / mp.beta(a, b) / mp.factorial(k - 1) ** x
    return there * common, left * common


@pytest.mark.parametrize("model", REGULAR)
@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_the_likelihood_agrees_with_40_digits(model, k):
    modified = int(model is ModifiedBetaGeoCNBDk)
    with mp.workdps(40):
        for shapes in ((0.85, 1.45, 0.79, 2.42), (0.05, 900.0, 0.02, 0.1), (12.0, 0.05, 30.0, 400.0)):
            made = model(**dict(zip(("r", "alpha", "a", "b"), shapes, strict=True)), k=k)
            for x, T in itertools.product((0, 1, 10, 10_000), (1, 40, 10_000)):
                for share in (0, 0.01, 0.5, 0.999999, 1) if x else (0,):
                    there, left = _likelihood(k, modified, x, share * T, T, *map(mp.mpf, shapes))
                    found = made.log_likelihood(x, share * T, T)
                    assert found == pytest.approx(float(mp.log(there + left)), abs=1e-8, rel=1e-12)
                    alive = made.probability_alive(x, share * T, T)
                    assert alive == pytest.approx(float(there / (there + left)), rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("model", REGULAR)
@pytest.mark.parametrize("k", [1, 3])
def test_simulated_customers_behave_as_the_model_says(model, k):
    truth = model(**SHAPES, k=k, unit="week")
    random = np.random.default_rng(17)
    drawn = truth.simulate(np.full(20_000, 52.0), random=random)
    bound = 4 / np.sqrt(20_000)  # four standard errors, in standard deviations
    assert drawn["frequency"].mean() == pytest.approx(
        float(truth.expected_purchases_new(52)), abs=bound * drawn["frequency"].std()
    )
    alive = truth.probability_alive(drawn["frequency"], drawn["recency"], drawn["age"])
    assert alive.mean() == pytest.approx(drawn["alive"].mean(), abs=bound / 2)
    for n, expected in enumerate(truth.purchase_probability_new(np.arange(4), 52)):
        assert (drawn["frequency"] == n).mean() == pytest.approx(expected, abs=bound / 2)
    history = ([0, 3, 8], [0, 20, 50], 52)
    ahead = truth.simulate_purchases(26, *history, random=random, draws=20_000)
    expected = truth.expected_purchases(26, *history)
    assert ahead.mean(axis=0) == pytest.approx(expected, abs=bound * ahead.std())
    fit = model.fit(drawn)
    assert fit.model.k == k
    assert fit.gradient_norm <= 1e-8
    assert fit.model.unit == "week"
    for name, (low, high) in fit.intervals(0.999).items():
        assert low < getattr(truth, name) < high
    assert Fit.from_json(fit.to_json(), model).model == fit.model
    again = fit.bootstrap(drawn.head(500), random=random, draws=3, method="parametric")
    assert again.estimates.shape == (3, 4)


regular_models = st.builds(
    lambda model, r, alpha, a, b, k: model(r=r, alpha=alpha, a=a, b=b, k=k),
    st.sampled_from(REGULAR),
    st.floats(0.1, 8.0),
    st.floats(4.0, 40.0),
    st.floats(0.1, 5.0),
    st.floats(0.1, 9.0),
    st.sampled_from([1, 2, 4]),
)


@st.composite
def histories(draw):
    """No repeat, recency 0, recency = age, age 0: the boundaries come often."""
    T = draw(st.sampled_from([0.0, 1.0, 30.0]))
    t_x = T * draw(st.sampled_from([0.0, 0.3, 1.0]))
    x = draw(st.integers(1, 12)) if t_x else 0
    return x, t_x, T


@given(regular_models, histories(), st.floats(0.0, 30.0), st.sampled_from([0.0, 7.0]))
def test_the_distribution_of_purchases_has_their_mean(model, history, horizon, start):
    n = np.arange(700)
    found = model.purchase_probability(n, horizon, *history, start=start)
    mean = model.expected_purchases([start, start + horizon], *history)
    assert (found > -1e-12).all()
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    assert (n * found).sum() == pytest.approx(mean[1] - mean[0], rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("model", REGULAR)
def test_a_long_silence_after_many_purchases_ends_in_nothing_not_in_overflow(model):
    made = model(**SHAPES, k=3)
    found = [float(made.expected_purchases(5, x, 5, 6)) for x in (10, 100, 1000, 10_000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 1e-300
    assert made.expected_purchases(50, 10_000, 10_000, 10_000) == pytest.approx(50.0, rel=0.02)
    # Both forms of the weights meet where the one begins to overflow: given presence, the count is at least that of a newcomer.
    present = [
        float(made.expected_purchases(5, x, 5, 6) / made.probability_alive(x, 5, 6)) for x in (300, 330, 360, 390)
    ]
    assert np.diff(present, n=2) == pytest.approx(0.0, abs=0.05)


@given(regular_models, histories(), st.floats(0.0, 60.0))
def test_nobody_becomes_more_alive_by_waiting(model, history, more):
    now, later = (float(model.probability_alive(*history, ahead=ahead)) for ahead in (0.0, more))
    assert 0.0 <= later <= now * (1 + 1e-10) <= 1 + 1e-9


@given(regular_models, histories())
def test_discounting_to_infinity_is_the_limit_of_long_horizons(model, history):
    forever = model.discounted_purchases(*history, discount_rate=0.1, per="continuous")
    long = model.discounted_purchases(*history, discount_rate=0.1, per="continuous", horizon=450.0)
    assert long == pytest.approx(float(forever), rel=1e-8, abs=1e-13)


@pytest.mark.parametrize("k", [1, 12])
@pytest.mark.parametrize("shapes", [(0.85, 1.45, 0.79, 2.42), (0.05, 5.0, 0.3, 0.2)])
@pytest.mark.parametrize("rate", [0.003])
def test_discounted_purchases_are_the_integral_by_hand_in_30_digits(k, shapes, rate):
    r, alpha, a, b = shapes
    with mp.workdps(30):

        def integrand(u):
            own = mp.exp(u)
            step = (own / (own + rate)) ** k
            density = own**r * mp.exp(-alpha * own) * mp.mpf(alpha) ** r / mp.gamma(r)
            return density * step * mp.hyp2f1(1, b, a + b, step)

        ends = [-57, -27, mp.log(rate) - 3, mp.log(rate), 0, mp.log(20 / alpha), mp.log(200 / alpha)]
        expected = float(mp.quad(integrand, ends))
    model = BetaGeoCNBDk(r=r, alpha=alpha, a=a, b=b, k=k)
    found = model.discounted_purchases_new(discount_rate=rate, per="continuous")
    assert found == pytest.approx(expected, rel=1e-10)


def test_k_is_found_from_a_log_of_orders_and_the_value_follows():
    random = np.random.default_rng(8)
    gaps = random.gamma(4.0, 1.0 / random.gamma(3.0, 0.05, size=(400, 1)), size=(400, 12))
    days = np.concatenate([np.zeros((400, 1)), gaps.cumsum(axis=1)], axis=1).round()
    owner = np.broadcast_to(np.arange(400)[:, None], days.shape)
    stays = random.uniform(size=days.shape) > random.beta(1.0, 4.0, size=(400, 1))
    stays[:, 0] = True
    kept = (days <= 250) & np.logical_and.accumulate(stays, axis=1)
    orders = pd.DataFrame(
        {"who": owner[kept], "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(days[kept], unit="D")}
    )
    summary = purchase_summary(orders, customer="who", time="day", end="2024-09-07", gaps=True)
    fit = ModifiedBetaGeoCNBDk.fit(summary)
    assert fit.model.k in {3, 4, 5}
    value = lifetime_value(fit, 10.0, summary, horizon=6, unit="month", discount_rate=0.1)
    assert np.isfinite(value).all()
    assert (value > 0).all()


def test_the_log_likelihood_of_a_fit_is_the_sum_of_its_rows():
    drawn = BetaGeoCNBDk(**SHAPES, k=2).simulate(np.full(300, 40.0), random=np.random.default_rng(1))
    fit = BetaGeoCNBDk.fit(drawn.assign(weight=2.0), k=2)
    rows = fit.model.log_likelihood(drawn["frequency"], drawn["recency"], drawn["age"], drawn["log_gaps"])
    assert fit.log_likelihood == pytest.approx(2 * rows.sum(), rel=1e-12)


GOOD = {"frequency": [1, 2], "recency": [5.0, 9.0], "age": [10.0, 10.0], "log_gaps": [np.log(5.0), 2 * np.log(4.5)]}


@pytest.mark.parametrize("model", REGULAR)
def test_gaps_that_cannot_be_are_refused(model):
    with pytest.raises(MissingColumnError, match="gaps=True"):
        model.fit({name: GOOD[name] for name in ("frequency", "recency", "age")})
    with pytest.raises(InvalidDataError, match="log_gaps") as caught:
        model.fit(GOOD | {"log_gaps": [np.log(5.0), 9.0]})
    assert caught.value.row == 1
    with pytest.raises(InvalidDataError, match="log_gaps"):
        model(**SHAPES, k=2).log_likelihood(0, 0, 10, 1.0)
    with pytest.raises(NotEstimableError, match="bought again"):
        model.fit({"frequency": [0], "recency": [0], "age": [9], "log_gaps": [0]})
    with pytest.raises(InvalidValueError, match="k"):
        model.fit(GOOD, k=0)
    with pytest.raises(InvalidValueError, match="k"):
        model(**SHAPES, k=1.5)
    with pytest.raises(InvalidDataError, match="exceed age"):
        model(**SHAPES, k=2).expected_purchases(5, 1, 6, 5)
    with pytest.raises(NotEstimableError, match="discount_rate"):
        model(**SHAPES, k=2).discounted_purchases(1, 6, 7, discount_rate=0.0, per="period")
    with pytest.raises(InvalidDataError, match="whole number"):
        model(**SHAPES, k=2).purchase_probability(0.5, 6, 1, 6, 7)
    assert model(**SHAPES, k=2).expected_purchases(5, [], [], []).shape == (0,)


STEADY = NBD(r=0.5, alpha=10.0, unit="week")


@pytest.mark.parametrize("rate", [None, "much", [0.1], np.nan, -1.0])
def test_a_discount_rate_a_unit_and_a_penalty_that_are_none_are_refused(rate):
    with pytest.raises(InvalidValueError, match="discount_rate"):
        STEADY.discounted_purchases(1, 6, 7, discount_rate=rate)
    with pytest.raises(InvalidValueError, match="per"):
        STEADY.discounted_purchases(1, 6, 7, discount_rate=0.1, per=rate)
    with pytest.raises(InvalidValueError, match="penalty"):
        NBD.fit(GOOD, penalty=rate)


def test_the_nbd_is_a_gamma_mixture_in_40_digits():
    with mp.workdps(40):
        for x, T in itertools.product((0, 1, 10, 10_000), (0, 1, 40, 10_000)):
            if x and not T:
                continue
            rate = mp.mpf(10)
            expected = mp.gamma(0.5 + x) / mp.gamma(0.5) * rate**0.5 / (rate + T) ** (0.5 + x)
            found = STEADY.log_likelihood(x, T if x else 0, T)
            assert found == pytest.approx(float(mp.log(expected)), rel=1e-12, abs=1e-9)


@given(st.floats(0.1, 20), st.floats(0.5, 50), st.integers(0, 30), st.floats(0, 60))
def test_the_counts_of_the_nbd_have_their_mean(r, alpha, x, horizon):
    model = NBD(r=r, alpha=alpha)
    n = np.arange(6000)
    found = model.purchase_probability(n, horizon, x, 20.0 if x else 0.0, 20.0)
    assert found.sum() == pytest.approx(1.0, abs=1e-8)
    mean = float(model.expected_purchases(horizon, x, 20.0 if x else 0.0, 20.0))
    assert (n * found).sum() == pytest.approx(mean, rel=1e-6)


def test_the_nbd_recovers_what_made_its_customers():
    drawn = STEADY.simulate(np.full(20_000, 52.0), random=np.random.default_rng(3))
    fit = NBD.fit(drawn)
    for name, (low, high) in fit.intervals(0.999).items():
        assert low < getattr(STEADY, name) < high
    assert fit.gradient_norm <= 1e-8
    assert (fit.model.probability_alive(drawn["frequency"], drawn["recency"], drawn["age"]) == 1.0).all()


def test_the_nbd_has_no_value_to_infinity_without_a_discount():
    with pytest.raises(NotEstimableError, match="nobody leaves"):
        STEADY.discounted_purchases(1, 6, 7, discount_rate=0.0)
    rate = np.log1p(0.15) * 7 / 365.25
    assert STEADY.discounted_purchases(1, 6, 7, discount_rate=0.15) == pytest.approx(1.5 / 17 / rate, rel=1e-12)
    with pytest.raises(NotEstimableError, match="bought again"):
        NBD.fit({"frequency": [0], "recency": [0], "age": [3]})
    with pytest.raises(InvalidDataError, match="whole number"):
        STEADY.purchase_probability(1.5, 3, 1, 1, 3)
