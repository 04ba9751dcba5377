"""Gamma-Gamma: note 025 of Fader & Hardie, the distribution of single values, and the correlation it takes for 0."""

import itertools

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from pycrm.clv import GammaGamma, purchase_summary, spend_correlation
from pycrm.clv.gamma_gamma import _terms
from pycrm.errors import DataWarning, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit

PAPER = GammaGamma(p=6.25, q=3.74, v=15.44)


@pytest.fixture(scope="module")
def buyers(data_dir):
    orders = pd.read_csv(
        data_dir / "cdnow_sample.txt", sep=r"\s+", names=["all", "who", "day", "cds", "paid"], dtype={"day": str}
    )
    orders["day"] = pd.to_datetime(orders["day"], format="%Y%m%d")
    return purchase_summary(orders, customer="who", time="day", amount="paid", end="1997-09-30")


def test_the_correlation_of_cdnow_is_the_one_the_note_reports(buyers):
    # Fader & Hardie, note 025: 0.11 over the 946 customers with a repeat purchase.
    found = spend_correlation(buyers)
    assert found.pearson == pytest.approx(0.11, abs=5e-3)
    assert found.customers == 946
    kept = buyers[buyers["frequency"] > 0]
    theirs = stats.spearmanr(kept["frequency"], kept["mean_value"])
    assert (found.spearman, found.spearman_p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    theirs = stats.pearsonr(kept["frequency"], kept["mean_value"])
    assert (found.pearson, found.pearson_p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert not found.independent()


def test_the_customer_of_the_note_is_expected_to_spend_what_it_says():
    # Note 025, section 4: one repeat purchase of mean 25 at (6.25, 3.74, 15.44) shrinks towards the population mean 35.2.
    weight = 6.25 / (6.25 + 3.74 - 1)
    assert PAPER.expected_value(1, 25.0) == pytest.approx(weight * 25.0 + (1 - weight) * PAPER.mean(), rel=1e-12)


def test_weighted_rows_count_like_repeated_ones():
    rows = {"frequency": [1, 2, 3, 5], "mean_value": [9.0, 30.0, 12.0, 20.0], "weight": [2, 1, 3, 1]}
    long = {name: np.repeat(rows[name], rows["weight"]) for name in ("frequency", "mean_value")}
    one, two = spend_correlation(rows), spend_correlation(long)
    assert one.spearman == pytest.approx(two.spearman, rel=1e-12)
    assert one.pearson_p_value == pytest.approx(two.pearson_p_value, rel=1e-9)


def test_independent_spend_passes_and_dependent_spend_does_not():
    random = np.random.default_rng(4)
    drawn = PAPER.simulate(random.poisson(3, 4000), random=random)
    assert spend_correlation(drawn).independent()
    assert not spend_correlation(drawn.assign(mean_value=drawn["mean_value"] * (1 + drawn["frequency"]))).independent()


def test_correlation_without_differences_is_not_estimable():
    with pytest.raises(NotEstimableError, match="the same for all"):
        spend_correlation({"frequency": [2, 2, 2], "mean_value": [1.0, 2.0, 3.0]})
    with pytest.raises(InvalidDataError, match="at least three"):
        spend_correlation({"frequency": [1, 2, 0], "mean_value": [1.0, 2.0, 0.0]})


def test_the_density_of_the_next_purchase_integrates_to_its_distribution_and_mean():
    for history in ((0, 0.0), (3, 60.0)):
        total = quad(PAPER.purchase_value_density, 0, np.inf, args=history, epsabs=1e-10)[0]
        assert total == pytest.approx(1.0, abs=1e-7)
        mean = quad(lambda z, *h: z * PAPER.purchase_value_density(z, *h), 0, np.inf, args=history)[0]
        assert mean == pytest.approx(float(PAPER.expected_value(*history)), rel=1e-5)
        part = quad(PAPER.purchase_value_density, 0, 40.0, args=history)[0]
        assert PAPER.purchase_value_cdf(40.0, *history) == pytest.approx(part, rel=1e-8)
        own = quad(lambda z, *h: z * PAPER.mean_value_density(z, *h), 0, np.inf, args=history)[0]
        assert own == pytest.approx(float(PAPER.expected_value(*history)), rel=1e-5)


@given(st.floats(0.3, 30), st.floats(0.2, 30), st.floats(0.1, 100), st.integers(0, 50), st.floats(0.5, 500))
def test_quantiles_are_the_inverse_of_the_distribution(p, q, v, x, m):
    model = GammaGamma(p=p, q=q, v=v)
    share = np.array([0.01, 0.5, 0.99])
    amount = model.purchase_value_quantile(share, x, m)
    assert model.purchase_value_cdf(amount, x, m) == pytest.approx(share, rel=1e-7)
    means = model.mean_value_quantile(share, x, m)
    inverse = stats.invgamma(q + p * x, scale=p * (v + x * m * (x > 0)))
    assert inverse.cdf(means) == pytest.approx(share, rel=1e-7)


@given(st.integers(1, 200), st.floats(1.0, 1000.0))
def test_what_is_expected_lies_between_own_mean_and_that_of_all(x, m):
    low, high = sorted((m, PAPER.mean()))
    assert low * (1 - 1e-12) <= PAPER.expected_value(x, m) <= high * (1 + 1e-12)


def test_a_population_without_a_mean_is_an_error_that_names_q():
    model = GammaGamma(p=6.0, q=0.9, v=15.0)
    for question in (model.mean, lambda: model.expected_value([1, 0], [10.0, 0.0])):
        with pytest.raises(NotEstimableError, match="q <= 1") as caught:
            question()
        assert caught.value.parameter == "q"
    assert np.isfinite(model.expected_value(1, 10.0))
    assert np.isfinite(model.purchase_value_quantile(0.5))


def test_customers_who_sent_everything_back_are_refused_or_left_out_and_counted():
    drawn = PAPER.simulate(np.full(500, 3), random=np.random.default_rng(1))
    spoilt = pd.concat([drawn, pd.DataFrame({"frequency": [2, 1], "mean_value": [-5.0, 0.0]})], ignore_index=True)
    with pytest.raises(InvalidDataError, match="nonpositive='drop'") as caught:
        GammaGamma.fit(spoilt)
    assert caught.value.row == 500
    with pytest.warns(DataWarning, match="2 returning customers"):
        fit = GammaGamma.fit(spoilt, nonpositive="drop")
    assert fit.model == GammaGamma.fit(drawn).model
    with pytest.raises(InvalidValueError, match="nonpositive"):
        GammaGamma.fit(drawn, nonpositive="ignore")


def test_simulated_spend_gives_its_model_back():
    random = np.random.default_rng(9)
    drawn = PAPER.simulate(random.poisson(3, 5000), random=random)
    fit = GammaGamma.fit(drawn)
    for name, (low, high) in fit.intervals(0.999).items():
        assert low < getattr(PAPER, name) < high
    assert fit.gradient_norm <= 1e-8
    again = fit.bootstrap(drawn, random=random, draws=4)
    assert again.estimates.shape == (4, 3)
    assert Fit.from_json(fit.to_json(), GammaGamma).model == fit.model
    ahead = PAPER.simulate_values([0, 4], [0.0, 60.0], random=random, draws=40_000)
    assert ahead.mean(axis=0) == pytest.approx(PAPER.expected_value([0, 4], [0.0, 60.0]), rel=0.03)


def test_probabilities_outside_0_and_1_are_refused():
    with pytest.raises(InvalidDataError, match="between 0 and 1"):
        PAPER.mean_value_quantile([0.5, 1.5], 1, 10.0)
    with pytest.raises(InvalidDataError, match="at least 0"):
        PAPER.purchase_value_density(-1.0)


def test_no_customer_of_the_grid_loses_his_likelihood():
    # Counts up to 10,000 and means over twelve orders of magnitude; 40 digits beside.
    shapes = [(6.25, 3.74, 15.44), (0.05, 0.3, 0.01), (300.0, 1.5, 1e-3), (1e4, 50.0, 1e4), (0.5, 1e3, 1e6)]
    histories = list(itertools.product([1, 2, 17, 300, 10_000], [1e-6, 0.01, 1.0, 35.0, 1e6]))
    x, m = (np.array(column, dtype=float) for column in zip(*histories, strict=True))
    with mpmath.workdps(40):
        for p, q, v in shapes:
            found = _terms(p, q, v, x, m)[0]
            assert np.isfinite(found).all()
            for (count, mean), value in zip(histories, found, strict=True):
                k, scale = mpmath.mpf(p) * count, mpmath.mpf(v) + mpmath.mpf(count) * mpmath.mpf(mean)
                exact = mpmath.loggamma(k + q) - mpmath.loggamma(k) - mpmath.loggamma(q) + q * mpmath.log(v)
                exact += (k - 1) * mpmath.log(mean) + k * mpmath.log(count) - (k + q) * mpmath.log(scale)
                # Near 1e8 purchases' worth of shape a double holds no more than this share of its largest term.
                largest = max(1.0, float(abs(mpmath.loggamma(k + q))), float((k + q) * abs(mpmath.log(scale))))
                assert abs(value - float(exact)) <= 1e-8 + 4e-16 * 4 * largest
