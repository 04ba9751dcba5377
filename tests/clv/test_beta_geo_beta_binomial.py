"""BG/BB against Fader, Hardie & Shang (2010), 40-digit sums, and the edges of a discrete history."""

import itertools

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.clv import BetaGeoBetaBinomial
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit

PAPER = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")


@pytest.fixture(scope="module")
def donations(data_dir):
    return pd.read_csv(data_dir / "donations.csv").rename(columns={"periods": "age", "weights": "weight"})


def test_the_fit_to_the_donations_is_that_of_the_published_table(donations):
    fit = BetaGeoBetaBinomial.fit(donations)
    # Fader, Hardie & Shang (2010), table 3; the likelihood to the fourth digit from a second optimiser.
    assert list(fit.parameters.values()) == pytest.approx([1.204, 0.750, 0.657, 2.783], abs=5.1e-4)
    assert fit.log_likelihood == pytest.approx(-33225.5813, abs=5e-5)
    assert fit.weight == 11_104
    assert fit.gradient_norm <= 1e-8


def test_the_sheet_of_the_paper_counts_repeat_donations_in_the_sample(donations):
    # Expected numbers of donors with 0 donations and with 6, cells of the authors' sheet: 3,454.9 and 1,253.1.
    model = BetaGeoBetaBinomial.fit(donations).model
    found = model.purchase_probability_new([0, 6], 6) * 11_104
    assert found == pytest.approx([3454.9, 1253.1], abs=0.1)


def test_probability_alive_is_that_of_table_6():
    found = PAPER.probability_alive([0, 2, 6], [0, 4, 6], 6, ahead=1)
    assert found == pytest.approx([0.11, 0.59, 0.93], abs=5e-3)


def test_discounted_purchases_are_those_of_btyd():
    # BTYD 2.4.3 bgbb.DERT at the published parameters, d = 10 %, n = 6.
    found = PAPER.discounted_purchases([0, 1, 3, 6], [0, 3, 5, 6], 6, discount_rate=0.1)
    assert found == pytest.approx([0.114647, 0.9349006, 2.841536, 5.908678], rel=1e-6)


def _likelihood(alpha, beta, gamma, delta, x, t_x, n):
    """Equation (6), one term after the other by the ratio of neighbours, 40 digits."""
    whole = mp.beta(alpha, beta) * mp.beta(gamma, delta)
    there = mp.beta(alpha + x, beta + n - x) * mp.beta(gamma, delta + n)
    j = mp.mpf(t_x)
    term = mp.beta(alpha + x, beta + j - x) * mp.beta(gamma + 1, delta + j)
    left = mp.mpf(0)
    while j < n:
        left += term
        term *= (beta + j - x) / (alpha + beta + j) * (delta + j) / (gamma + 1 + delta + j)
        j += 1
    return there / whole, (there + left) / whole


@pytest.mark.parametrize("shapes", [(1.204, 0.75, 0.657, 2.783), (0.05, 0.1, 0.02, 0.5), (30.0, 2.0, 8.0, 300.0)])
def test_the_likelihood_agrees_with_40_digits(shapes):
    model = BetaGeoBetaBinomial(**dict(zip(("alpha", "beta", "gamma", "delta"), shapes, strict=True)))
    histories = [(0, 0, n) for n in (0, 1, 6, 100, 10_000)]
    histories += [
        (x, t, n) for n, x in itertools.product((6, 100, 10_000), (1, 6)) for t in sorted({x, n // 2, n}) if t >= x
    ]
    histories += [(10_000, 10_000, 10_000), (5_000, 9_990, 10_000)]
    with mp.workdps(40):
        for x, t_x, n in histories:
            there, total = _likelihood(*map(mp.mpf, shapes), x, t_x, n)
            assert model.log_likelihood(x, t_x, n) == pytest.approx(float(mp.log(total)), abs=1e-8, rel=1e-12)
            assert model.probability_alive(x, t_x, n) == pytest.approx(float(there / total), rel=1e-8)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 1.0 + 1e-9, 2.5, 60.0])
@pytest.mark.parametrize("n", [0, 6, 10_000])
def test_what_lies_ahead_agrees_with_sums_in_40_digits(gamma, n):
    model = BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=gamma, delta=2.8)
    with mp.workdps(40):
        chance = (mp.mpf("1.2") + n) / (mp.mpf("1.2") + mp.mpf("0.75") + n)
        here = mp.mpf(2.8) + n
        stays, total, today = mp.mpf(1), mp.mpf(0), mp.mpf(0)
        for j in range(400):
            stays *= (here + j) / (gamma + here + j)
            total += stays
            today += stays / mp.mpf("1.1") ** (j + 1)
        expected, discounted = float(total * chance), float(today * chance)
    assert model.expected_purchases(400, n, n, n) == pytest.approx(expected, rel=1e-10)
    det = model.discounted_purchases(n, n, n, discount_rate=0.1, per="period", horizon=400)
    assert det == pytest.approx(discounted, rel=1e-10)
    assert model.discounted_purchases(n, n, n, discount_rate=0.1, per="period") == pytest.approx(discounted, rel=1e-10)


shapes = st.floats(0.05, 50.0)
models = st.builds(BetaGeoBetaBinomial, alpha=shapes, beta=shapes, gamma=shapes, delta=shapes)


@st.composite
def histories(draw):
    """No purchase, one at every opportunity, last one now: the boundaries come often."""
    n = draw(st.integers(0, 12))
    t_x = draw(st.sampled_from([0, n, n // 2]))
    x = draw(st.integers(1, t_x)) if t_x else 0
    return x, t_x, n


@given(models, st.integers(0, 7))
def test_the_probabilities_of_all_histories_add_up(model, n):
    found = np.exp(model.log_likelihood(0, 0, n))
    for t_x in range(1, n + 1):
        for x in range(1, t_x + 1):
            ways = mp.binomial(t_x - 1, x - 1)
            found = found + float(ways) * np.exp(model.log_likelihood(x, t_x, n))
    assert found == pytest.approx(1.0, abs=1e-9)


@given(models, histories(), st.integers(0, 9), st.integers(0, 4))
def test_the_distribution_of_purchases_has_their_mean(model, history, horizon, start):
    n = np.arange(horizon + 1)
    found = model.purchase_probability(n, horizon, *history, start=start)
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    mean = model.expected_purchases([start, start + horizon], *history)
    assert (n * found).sum() == pytest.approx(mean[1] - mean[0], rel=1e-7, abs=1e-10)


@given(models, histories(), st.integers(0, 5))
def test_longer_silence_never_makes_a_customer_more_alive(model, history, more):
    x, t_x, n = history
    assert model.probability_alive(x, t_x, n + more) <= model.probability_alive(x, t_x, n) * (1 + 1e-9)
    now = model.probability_alive(*history)
    assert model.probability_alive(*history, ahead=more) <= now <= 1 + 1e-12


def test_simulated_donors_behave_as_the_model_says():
    drawn = PAPER.simulate(np.full(20_000, 6), random=np.random.default_rng(4))
    assert drawn["frequency"].mean() == pytest.approx(float(PAPER.expected_purchases_new(6)), abs=0.06)
    alive = PAPER.probability_alive(drawn["frequency"], drawn["recency"], drawn["age"])
    # Four standard errors of a share of 20,000.
    assert alive.mean() == pytest.approx(drawn["alive"].mean(), abs=4 * np.sqrt(0.25 / 20_000))
    fit = BetaGeoBetaBinomial.fit(drawn)
    for name, (low, high) in fit.intervals(0.999).items():
        assert low < getattr(PAPER, name) < high
    assert fit.model.unit == "year"
    assert Fit.from_json(fit.to_json(), BetaGeoBetaBinomial).model == fit.model
    ahead = PAPER.simulate_purchases(5, [0, 3], [0, 5], [6, 6], random=np.random.default_rng(2), draws=20_000)
    assert ahead.mean(axis=0) == pytest.approx(PAPER.expected_purchases(5, [0, 3], [0, 5], 6), abs=0.06)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((3, 2, 6), "at most one purchase"),
        ((1, 2.5, 6), "whole numbers"),
        ((1, 2, 6.5), "whole numbers"),
        ((1, 7, 6), "exceed age"),
        ((-1, 0, 6), "at least 0"),
        ((0, 2, 6), "recency 0"),
        ((np.nan, 0, 6), "finite"),
    ],
)
def test_impossible_histories_are_refused_by_row(row, says):
    frequency, recency, age = ([good, bad] for good, bad in zip((1, 2, 6), row, strict=True))
    with pytest.raises(InvalidDataError, match=says) as caught:
        PAPER.log_likelihood(frequency, recency, age)
    assert caught.value.row == 1
    with pytest.raises(InvalidDataError, match=says):
        BetaGeoBetaBinomial.fit({"frequency": frequency, "recency": recency, "age": age})


def test_questions_without_an_answer_are_refused():
    with pytest.raises(NotEstimableError, match="bought again"):
        BetaGeoBetaBinomial.fit({"frequency": [0, 0], "recency": [0, 0], "age": [5, 5]})
    with pytest.raises(NotEstimableError, match="discount_rate"):
        PAPER.discounted_purchases(1, 1, 6, discount_rate=0.0)
    with pytest.raises(InvalidValueError, match="unit"):
        BetaGeoBetaBinomial(alpha=1, beta=1, gamma=1, delta=1).discounted_purchases(1, 1, 6, discount_rate=0.1)
    assert PAPER.discounted_purchases(1, 1, 6, discount_rate=0.0, horizon=9) == pytest.approx(
        float(PAPER.expected_purchases(9, 1, 1, 6)), rel=1e-12
    )
    assert PAPER.expected_purchases(5, [], [], []).shape == (0,)
