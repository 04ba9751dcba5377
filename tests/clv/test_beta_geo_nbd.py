"""BG/NBD against Fader, Hardie & Lee (2005), against its own integral, and at the edges of what a history can be."""

import mpmath
import numpy as np
import pytest

from pycrm.clv import BetaGeoNBD, GammaGamma, lifetime_value

PAPER = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)


def test_the_fit_to_cdnow_is_that_of_the_published_tables(summary):
    fit = BetaGeoNBD.fit(summary)
    assert fit.log_likelihood == pytest.approx(-9582.4292, abs=5e-5)
    assert list(fit.parameters.values()) == pytest.approx([0.24259, 4.41360, 0.79292, 2.42589], abs=2e-5)
    assert list(fit.standard_errors.values()) == pytest.approx([0.012557, 0.378221, 0.185719, 0.705345], rel=1e-3)
    assert fit.gradient_norm <= 1e-8


def test_expected_purchases_of_the_customer_in_the_paper():
    assert PAPER.expected_purchases(39.0, 2, 30.43, 38.86) == pytest.approx(1.226, abs=5e-4)


def test_the_spend_of_cdnow_is_that_of_note_025(summary):
    fit = GammaGamma.fit(summary)
    assert list(fit.parameters.values()) == pytest.approx([6.25, 3.74, 15.44], abs=5e-3)
    assert fit.log_likelihood == pytest.approx(-4055.9177, abs=5e-5)
    assert fit.weight == 946


def test_value_without_discount_is_purchases_times_spend(summary):
    model, spend = BetaGeoNBD.fit(summary).model, GammaGamma(p=6.25, q=3.74, v=15.44)
    value = lifetime_value(model, spend, summary, horizon=10, unit="week", discount_rate=0.0, margin=0.3)
    history = (summary["frequency"], summary["recency"], summary["age"])
    expected = (
        model.expected_purchases(10, *history) * spend.expected_value(summary["frequency"], summary["mean_value"]) * 0.3
    )
    assert value == pytest.approx(expected, rel=1e-12)


SHEET = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929200, "b": 2.4258881}


def _series(t, terms):
    """Equation 9, its hypergeometric function summed over so many terms."""
    r, alpha, a, b = (mpmath.mpf(value) for value in SHEET.values())
    z = t / (alpha + t)
    total = sum(
        mpmath.rf(r, j) * mpmath.rf(b, j) / mpmath.rf(a + b - 1, j) * z**j / mpmath.factorial(j)
        for j in range(terms + 1)
    )
    return float((a + b - 1) / (a - 1) * (1 - (alpha / (alpha + t)) ** r * total))


def test_expected_purchases_of_a_new_customer_are_those_of_the_sheet():
    # Hardie's implementation sheet at its own times, as lifetimes' test of estimation repeats them.
    found = BetaGeoNBD(**SHEET).expected_purchases_new([0.1429, 1.0, 3.0, 31.8571, 32.0])
    assert found == pytest.approx([0.0078, 0.0532, 0.1506, 1.0405, 1.0437], abs=5e-5)


def test_the_last_value_of_the_sheet_is_a_series_cut_short():
    # The sheet says 1.8576 at week 78: what 150 terms give. All of them give 1.8580.
    assert _series(78, 150) == pytest.approx(1.8576, abs=5e-5)
    assert BetaGeoNBD(**SHEET).expected_purchases_new(78.0) == pytest.approx(_series(78, 1500), rel=1e-10)


def test_a_customer_who_never_came_back_is_alive():
    assert (PAPER.probability_alive(0, 0.0, [0.0, 1.0, 1e6]) == 1.0).all()


def test_discounted_purchases_of_a_new_customer_are_those_of_a_simulation_by_events():
    # Nobody prints DERT of BG/NBD: each purchase of 200,000 customers, one after the other, discounted from its moment.
    random, size, rate = np.random.default_rng(31), 200_000, np.log(1.15) / 52
    buys = random.gamma(PAPER.r, size=size) / PAPER.alpha
    leaves = random.beta(PAPER.a, PAPER.b, size=size)
    worth, now, who = np.zeros(size), np.zeros(size), np.arange(size)
    while who.size:
        now[who] += random.exponential(size=who.size) / buys[who]
        worth[who] += np.exp(-rate * now[who])
        who = who[(random.uniform(size=who.size) >= leaves[who]) & (now[who] < 45 / rate)]
    found = PAPER.discounted_purchases_new(discount_rate=rate, per="continuous")
    assert found == pytest.approx(worth.mean(), abs=4 * worth.std() / np.sqrt(size))
