"""Lives under contract: the tables of Fader & Hardie (2007), 30-digit arithmetic, and what no table of survivors may say."""

import warnings

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.clv import BetaDiscreteWeibull, ShiftedBetaGeo
from pycrm.clv._contract import log_survival
from pycrm.errors import BoundaryWarning, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit

# Fader & Hardie (2007), table 1: percent of 1,000 customers still there after each renewal.
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
MODELS = (ShiftedBetaGeo(alpha=0.668, beta=3.806), BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236))


@pytest.mark.parametrize(
    ("model", "survivors", "renewals", "parameters", "log_likelihood"),
    [
        (ShiftedBetaGeo, HIGH_END, 7, [0.6681, 3.8061], -1611.158),
        (ShiftedBetaGeo, REGULAR, 7, [0.7041, 1.1820], -1680.265),
        (BetaDiscreteWeibull, HIGH_END, 7, [0.2143, 1.4266, 1.7236], -1605.314),
        (BetaDiscreteWeibull, REGULAR, 7, [0.4556, 0.7793, 1.2835], -1679.603),
        (ShiftedBetaGeo, HIGH_END, 12, [0.5961, 3.3270], -2010.858),
        (ShiftedBetaGeo, REGULAR, 12, [0.6974, 1.1689], -1931.492),
        (BetaDiscreteWeibull, HIGH_END, 12, [0.2496, 1.6542, 1.5968], -2004.817),
        (BetaDiscreteWeibull, REGULAR, 12, [0.5083, 0.8688, 1.2094], -1930.930),
    ],
)
def test_the_fit_to_the_published_survivors_is_their_maximum(model, survivors, renewals, parameters, log_likelihood):
    fit = model.fit(survivors[: renewals + 1])
    assert list(fit.parameters.values()) == pytest.approx(parameters, abs=5.1e-5)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=5e-4)
    assert fit.gradient_norm <= 1e-8


def test_the_paper_projects_survival_from_seven_renewals():
    # Fader & Hardie (2007), figure 6: the model runs through the five years it has not seen.
    found = ShiftedBetaGeo.fit(HIGH_END[:8]).model.survival(np.arange(8, 13))
    assert np.abs(found * 1000 - HIGH_END[8:]).max() < 20


def test_three_forms_of_one_history_give_one_fit():
    table = [100, 60, 45, 40]
    rows = {"duration": [1, 2, 3, 3], "churned": [True, True, True, False], "weight": [40, 15, 5, 40]}
    split = [[50, 30, 20, 18], [50, 30, 25, 22]]
    one, two, three = (ShiftedBetaGeo.fit(form) for form in (table, rows, split))
    for other in (two, three):
        assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)
        assert other.model.alpha == pytest.approx(one.model.alpha, rel=1e-8)


def test_cohorts_of_different_length_are_one_likelihood():
    fit = BetaDiscreteWeibull.fit([[100, 60, 45, 40], [80, 50], [90, 52, 40]])
    each = sum(fit.model.log_likelihood(cohort) for cohort in ([100, 60, 45, 40], [80, 50], [90, 52, 40]))
    assert fit.log_likelihood == pytest.approx(each, rel=1e-13)


def test_c_of_1_is_tested_inside_its_range():
    fuller, simpler = BetaDiscreteWeibull.fit(HIGH_END[:8]), ShiftedBetaGeo.fit(HIGH_END[:8])
    found = fuller.likelihood_ratio(simpler)
    assert found.statistic == pytest.approx(2 * (1611.158 - 1605.314), abs=2e-3)
    assert (found.degrees, found.reference) == (1, "chi-square(1)")


@pytest.mark.parametrize("shape", [(0.05, 0.1), (0.668, 3.806), (30.0, 2.0), (5.0, 5000.0), (800.0, 30.0)])
@pytest.mark.parametrize("c", [1.0, 0.4, 1.7])
def test_survival_and_likelihood_agree_with_30_digits(shape, c):
    alpha, beta = shape
    model = BetaDiscreteWeibull(alpha=alpha, beta=beta, c=c)
    with mp.workdps(40):

        def survival(t):
            return mp.beta(alpha, beta + mp.mpf(t) ** c) / mp.beta(alpha, beta)

        for t in (1, 2, 10, 1000, 10_000):
            found = log_survival(alpha, beta, np.array(float(t)) ** c)
            assert float(found) == pytest.approx(float(mp.log(survival(t))), rel=1e-11, abs=1e-11)
        for t in (1, 2, 10):
            expected = float(mp.log(survival(t - 1) - survival(t)))
            rows = {"duration": [t, 3], "churned": [True, False]}
            assert model.log_likelihood(rows) - float(mp.log(survival(3))) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("alpha", "beta", "rate", "age"),
    [(0.668, 3.806, 0.1, 0), (0.668, 3.806, 0.1, 7), (0.7, 1.2, 1e-4, 3), (3.0, 500.0, 0.02, 40), (40.0, 0.3, 2.0, 0)],
)
def test_the_discounted_residual_lifetime_is_the_formula_of_fader_and_hardie(alpha, beta, rate, age):
    model = ShiftedBetaGeo(alpha=alpha, beta=beta)
    # Equation (6) of their paper of 2010 has the next renewal due now; ours is a period away.
    with mp.workdps(40):
        n = age + 1
        z = 1 / (1 + mp.mpf(rate))
        derl = (beta + n - 1) / (alpha + beta + n - 1) * mp.hyp2f1(1, beta + n, alpha + beta + n, z)
        expected = float(derl * z)
    assert model.discounted_renewals(age, discount_rate=rate, per="period") == pytest.approx(expected, rel=1e-11)
    whole = BetaDiscreteWeibull(alpha=alpha, beta=beta, c=1.0)
    assert whole.discounted_renewals(age, discount_rate=rate, per="period") == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("age", [0, 5])
def test_the_expected_lifetime_of_both_models_is_the_closed_form_where_it_exists(age):
    closed = ShiftedBetaGeo(alpha=1.05, beta=3.8).expected_renewals(age)
    assert closed == pytest.approx((3.8 + age) / 0.05, rel=1e-12)
    assert BetaDiscreteWeibull(alpha=1.05, beta=3.8, c=1.0).expected_renewals(age) == pytest.approx(closed, rel=1e-10)


def test_an_infinite_lifetime_is_an_error_that_names_alpha():
    for model in MODELS:
        with pytest.raises(NotEstimableError, match="alpha <= 1") as caught:
            model.expected_renewals(0)
        assert caught.value.parameter == "alpha"
        assert np.isfinite(model.expected_renewals(0, horizon=20))


def test_a_yearly_rate_on_monthly_periods_is_converted():
    model = ShiftedBetaGeo(alpha=0.7, beta=4.0, unit="month")
    yearly = model.discounted_renewals(3, discount_rate=0.12)
    monthly = model.discounted_renewals(3, discount_rate=1.12 ** (1 / 12) - 1, per="period")
    assert yearly == pytest.approx(monthly, rel=1e-12)
    with pytest.raises(InvalidValueError, match="unit"):
        ShiftedBetaGeo(alpha=0.7, beta=4.0).discounted_renewals(3, discount_rate=0.12)


shapes = st.floats(0.05, 50.0)


@given(shapes, shapes, st.floats(0.3, 2.5), st.integers(0, 60))
def test_probabilities_of_leaving_and_of_staying_add_up(alpha, beta, c, t):
    model = BetaDiscreteWeibull(alpha=alpha, beta=beta, c=c)
    left = model.churn_probability(np.arange(1, t + 1)).sum()
    assert left + model.survival(t) == pytest.approx(1.0, abs=1e-10)
    assert model.survival(t + 1) <= model.survival(t)
    alive = model.probability_alive(t, ahead=3)
    assert alive == pytest.approx(np.prod(model.retention_rate(np.arange(t + 1, t + 4))), rel=1e-8, abs=1e-300)


@given(shapes, shapes, st.integers(0, 40), st.floats(0.001, 0.5), st.integers(0, 30))
def test_a_residual_value_is_this_renewal_and_what_follows_it(alpha, beta, age, rate, horizon):
    model = ShiftedBetaGeo(alpha=alpha, beta=beta)
    whole = model.discounted_renewals([age, age + 1], discount_rate=rate, per="period")
    next_one = model.retention_rate(age + 1) / (1 + rate)
    assert whole[0] == pytest.approx(next_one * (1 + whole[1]), rel=1e-9)
    part = model.discounted_renewals(age, discount_rate=rate, per="period", horizon=horizon)
    assert part <= whole[0] * (1 + 1e-12)


@pytest.mark.parametrize(
    "truth", [ShiftedBetaGeo(alpha=0.8, beta=2.0), BetaDiscreteWeibull(alpha=0.8, beta=2.0, c=1.4)]
)
def test_simulated_lives_have_the_survival_of_their_model(truth):
    lives = truth.simulate(20_000, 10, random=np.random.default_rng(11))
    for t in (1, 4, 9):
        share = ((lives["duration"] > t) | ~lives["churned"]).mean()
        # Four standard errors of a share of 20,000.
        assert share == pytest.approx(float(truth.survival(t)), abs=4 * np.sqrt(0.25 / 20_000))
    fit = type(truth).fit(lives)
    for name, (low, high) in fit.intervals(0.999).items():
        assert low < getattr(truth, name) < high
    again = fit.bootstrap(lives, random=np.random.default_rng(1), draws=5)
    assert again.estimates.shape == (5, len(fit.names))
    assert Fit.from_json(fit.to_json(), type(truth)).model == fit.model


@pytest.mark.parametrize(
    ("survivors", "says"),
    [
        ([100], "alive at the start"),
        ([], "alive at the start"),
        ([100, 110, 90], "row 1"),
        ([100, -1], "at least 0"),
        ([100, np.nan], "finite"),
        ([0, 0], "at least one customer"),
        ([[100, 50], [10]], "cohort 1"),
        (["a", "b"], "survivors"),
        ([[100, 90], 4], "mixed"),
        ({"duration": [1, 2.5], "churned": [True, False]}, "whole number"),
        ({"duration": [0, 2], "churned": [True, False]}, "period 1 or later"),
        ({"duration": [1, 2], "churned": [2, 0]}, "churned"),
        ({"duration": [], "churned": []}, "at least one"),
        ({"duration": [1, 2], "churned": [True, False], "weight": [1, -1]}, "weight"),
    ],
)
def test_survivors_that_cannot_be_are_refused(survivors, says):
    with pytest.raises(InvalidDataError, match=says):
        ShiftedBetaGeo.fit(survivors)


def test_a_table_that_determines_nothing_is_refused():
    with pytest.raises(NotEstimableError, match="nobody left"):
        ShiftedBetaGeo.fit([100, 100, 100])
    with pytest.raises(NotEstimableError, match="nobody renewed"):
        ShiftedBetaGeo.fit(pd.DataFrame({"duration": [1, 1], "churned": [True, True]}))


def test_customers_without_differences_run_to_a_boundary_that_is_named():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = ShiftedBetaGeo.fit([1000, 500, 250, 125, 62])
    assert any(issubclass(found.category, BoundaryWarning) for found in caught)
    assert "alpha and beta runs to infinity" in fit.notes[0].replace(
        "alpha runs to infinity and beta", "alpha and beta"
    )


@pytest.mark.parametrize("model", MODELS)
def test_questions_that_make_no_sense_are_refused(model):
    with pytest.raises(InvalidDataError, match="whole number"):
        model.survival(1.5)
    with pytest.raises(InvalidDataError, match="at least 1"):
        model.retention_rate(0)
    with pytest.raises(InvalidValueError, match="horizon"):
        model.expected_renewals(0, horizon=-1)
    with pytest.raises(InvalidValueError, match="above 0"):
        ShiftedBetaGeo(alpha=0.0, beta=1.0)
    with pytest.raises(InvalidValueError, match="periods"):
        model.simulate(3, 0, random=np.random.default_rng(1))
