"""Pareto/NBD against published tables, runs of BTYD, and a grid of likelihoods of forty digits."""

import csv
from pathlib import Path

import mpmath
import numpy as np
import pytest
from scipy import stats

from pycrm.clv import ParetoNBD, lifetime_value
from pycrm.errors import BoundaryWarning, InvalidDataError, InvalidValueError, NotEstimableError

PAPER = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669, unit="week")
HISTORIES = (np.array([0, 1, 2, 5, 10]), np.array([0, 20, 30.43, 35, 38]), np.full(5, 38.86))
GRID = Path(__file__).parent / "golden" / "pareto_nbd_grid.csv"


def test_the_fit_to_cdnow_is_the_maximum_where_peers_stopped_early(summary):
    fit = ParetoNBD.fit(summary)
    assert list(fit.parameters.values()) == pytest.approx([0.55328, 10.57768, 0.60624, 11.66873], rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-9594.9762, abs=5e-5)
    assert list(fit.standard_errors.values()) == pytest.approx([0.047629, 0.842724, 0.187280, 6.211029], rel=1e-3)
    assert fit.gradient_norm <= 1e-8


def test_the_fit_to_rounded_weeks_is_the_reference_maximum(summary):
    rounded = summary.assign(recency=summary["recency"].round(2), age=summary["age"].round(2))
    assert ParetoNBD.fit(rounded).log_likelihood == pytest.approx(-9594.973929826865, abs=1e-8)


def test_no_peer_has_a_higher_likelihood_at_its_own_parameters(summary):
    ours = ParetoNBD.fit(summary)
    history = (summary["frequency"], summary["recency"], summary["age"])
    for r, alpha, s, beta in [  # CLVTools' test, lifetimes, BTYD
        (0.55315, 10.57633, 0.60625, 11.67150),
        (0.55327, 10.57758, 0.60623, 11.66817),
        (0.55340, 10.58013, 0.60604, 11.65541),
    ]:
        peer = ParetoNBD(r=r, alpha=alpha, s=s, beta=beta).log_likelihood(*history).sum()
        assert peer <= ours.log_likelihood + 1e-9


def test_the_probability_to_be_alive_is_that_of_btyd():
    expected = [0.2952866, 0.6691369, 0.8691676, 0.9412094, 0.9886407]  # BTYD 2.4.3, pnbd.PAlive
    assert PAPER.probability_alive(*HISTORIES) == pytest.approx(expected, abs=5e-8)


def test_expected_purchases_are_those_of_btyd():
    expected = [0.1070815, 0.6814467, 1.455123, 3.427357, 6.841634]  # pnbd.ConditionalExpectedTransactions
    assert PAPER.expected_purchases(39, *HISTORIES) == pytest.approx(expected, rel=5e-7)


def test_discounted_purchases_to_infinity_are_those_of_btyd():
    expected = [0.4784577, 3.044816, 6.501731, 15.314, 30.56955]  # pnbd.DERT
    found = PAPER.discounted_purchases(*HISTORIES, discount_rate=np.log(1.15) / 52, per="continuous")
    assert found == pytest.approx(expected, rel=2e-7)
    page = ParetoNBD(r=0.5629966, alpha=12.5590370, s=0.4081095, beta=10.5148048)
    found = page.discounted_purchases([0, 1, 2], [0, 1, 2], 2, discount_rate=0.0027, per="continuous")
    assert found == pytest.approx([4.430845, 12.77882, 21.72124], rel=5e-7)
    # The help page goes on with (3, 3) in an age of 2 and gets a number; no such customer can be.
    with pytest.raises(InvalidDataError, match="exceed age"):
        page.discounted_purchases(3, 3, 2, discount_rate=0.0027, per="continuous")


@pytest.fixture(scope="module")
def grid():
    with GRID.open() as lines:
        return [[float(value) for value in row.values()] for row in csv.DictReader(lines)]


def test_no_history_of_the_grid_loses_its_likelihood(grid):
    # Purchases and times up to 10,000, six shapes of the population; references of 40 digits.
    assert len(grid) >= 500
    worst = 0.0
    for r, alpha, s, beta, x, t_x, T, expected in grid:
        found = float(ParetoNBD(r=r, alpha=alpha, s=s, beta=beta).log_likelihood(x, t_x, T))
        worst = max(worst, abs(found - expected))
    assert worst < 1e-8


@pytest.mark.deep
def test_the_grid_is_what_forty_digits_give(grid):
    mpmath.mp.dps = 40
    for r, alpha, s, beta, x, t_x, T, expected in grid:
        a, b = mpmath.mpf(alpha) + t_x, mpmath.mpf(beta) + t_x
        scale, silence = 1 / ((r + x) / a + (s + 1) / b), mpmath.mpf(T) - t_x
        cuts = [scale * mpmath.mpf(10) ** k for k in (-3, -2, -1, -0.5, 0, 0.3, 0.6, 1, 1.3, 1.6, 2, 3, 4, 5, 6, 7, 8)]
        mass = mpmath.quad(
            lambda u, a=a, b=b, n=r + x, m=s + 1: mpmath.exp(-n * mpmath.log1p(u / a) - m * mpmath.log1p(u / b)),
            [0, *(cut for cut in cuts if cut < silence), silence],
        )
        gone = s * mass * a ** -(r + x) * b ** -(s + 1)
        alive = (mpmath.mpf(alpha) + T) ** -(r + x) * (mpmath.mpf(beta) + T) ** -s
        whole = mpmath.loggamma(r + x) - mpmath.loggamma(r) + r * mpmath.log(alpha) + s * mpmath.log(beta)
        assert float(whole + mpmath.log(alive + gone)) == pytest.approx(expected, abs=1e-9)


def test_the_whole_stays_finite_where_hypergeometric_forms_fail():
    # lifetimes #25, CLVTools #100: 221 purchases, the last a moment ago.
    fitted = ParetoNBD(r=0.55, alpha=10.58, s=0.61, beta=11.67)
    for history in [(221, 103.43, 103.57), (300, 0.1, 300.0), (10_000, 9_999.0, 10_000.0), (0, 0.0, 1e6)]:
        for found in (
            fitted.log_likelihood(*history),
            fitted.probability_alive(*history),
            fitted.expected_purchases(52, *history),
            fitted.discounted_purchases(*history, discount_rate=0.1, per="period"),
        ):
            assert np.isfinite(found)


def test_a_shape_of_one_is_no_exception():
    near = [
        ParetoNBD(r=0.6, alpha=8.0, s=s, beta=9.0).expected_purchases(39, 2, 30, 39) for s in (1 - 1e-7, 1.0, 1 + 1e-7)
    ]
    assert near[1] == pytest.approx((near[0] + near[2]) / 2, rel=1e-9)


def test_without_a_positive_rate_nothing_is_discounted_to_infinity():
    with pytest.raises(NotEstimableError, match="positive discount_rate"):
        PAPER.discounted_purchases(2, 30.43, 38.86, discount_rate=0.0)
    unknown = ParetoNBD(r=0.6, alpha=8.0, s=0.7, beta=9.0)
    with pytest.raises(InvalidValueError, match="unit"):
        unknown.discounted_purchases(2, 30.43, 38.86, discount_rate=0.1)


def test_correlation_is_found_again_and_never_worsens_the_likelihood():
    truth = ParetoNBD(r=0.9, alpha=6.0, s=0.8, beta=9.0, correlation=0.15)
    sample = truth.simulate(np.full(8_000, 104.0), random=np.random.default_rng(11))
    sample["recency"] = sample["recency"].round()
    plain, correlated = ParetoNBD.fit(sample), ParetoNBD.fit(sample, correlated=True)
    assert correlated.log_likelihood >= plain.log_likelihood
    low, high = correlated.intervals(0.999)["correlation"]
    assert low < 0.15 < high
    assert correlated.likelihood_ratio(plain).degrees == 1
    with pytest.raises(InvalidValueError, match="correlation"):
        ParetoNBD(r=0.9, alpha=6.0, s=0.8, beta=9.0, correlation=0.5)


def test_a_correlated_model_is_calibrated_on_its_own_customers():
    truth = ParetoNBD(r=0.9, alpha=6.0, s=0.8, beta=9.0, correlation=0.2)
    random = np.random.default_rng(12)
    sample = truth.simulate(np.full(40_000, 40.0), random=random)
    chance = truth.probability_alive(sample["frequency"], sample["recency"], sample["age"])
    error = np.sqrt((chance * (1 - chance)).sum())
    assert abs((sample["alive"] - chance).sum()) < stats.norm.isf(0.0005) * error
    drawn = truth.simulate_purchases(39, [3], [20.0], [40.0], random=random, draws=40_000)
    expected = truth.expected_purchases(39, 3, 20.0, 40.0)
    assert abs(drawn.mean() - expected) < stats.norm.isf(0.0005) * drawn.std() / 200


def test_on_cdnow_the_correlation_runs_to_what_its_form_can_hold(summary):
    plain = ParetoNBD.fit(summary)
    with pytest.warns(BoundaryWarning, match="correlation runs to"):
        fit = ParetoNBD.fit(summary, correlated=True)
    assert fit.log_likelihood > plain.log_likelihood
    with pytest.raises(NotEstimableError, match="correlation runs to"):
        fit.likelihood_ratio(plain)


def test_covariates_are_found_again_on_both_processes():
    random = np.random.default_rng(13)
    z = random.integers(0, 2, 12_000)
    truth = ParetoNBD(r=0.8, alpha=8.0, s=0.9, beta=12.0, purchase_effects={"z": 0.6}, dropout_effects={"z": -0.4})
    sample = truth.given({"z": z}).simulate(np.full(z.size, 78.0), random=random).assign(z=z)
    fit = ParetoNBD.fit(sample, purchase_covariates=["z"], dropout_covariates=["z"])
    for name, value in (("purchase_effects[z]", 0.6), ("dropout_effects[z]", -0.4)):
        low, high = fit.intervals(0.999)[name]
        assert low < value < high
    with pytest.raises(InvalidValueError, match="given"):
        fit.model.expected_purchases(10, 1, 1.0, 10.0)
    value = lifetime_value(fit, 10.0, sample.head(5), horizon=4, unit="week", discount_rate=0.0)
    each = fit.model.given(sample.head(5)).expected_purchases(
        4, *(sample.head(5)[c] for c in ("frequency", "recency", "age"))
    )
    assert value == pytest.approx(10.0 * each, rel=1e-12)
