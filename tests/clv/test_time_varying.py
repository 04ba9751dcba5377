"""Changing covariates: the plain and the static model inside, an integral by hand, effects found again, gaps refused."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import gammaln

from pycrm.clv import CovariatePaths, ParetoNBD, TimeVaryingParetoNBD, covariate_gaps
from pycrm.errors import InvalidDataError, InvalidValueError

START = np.datetime64("2023-01-02")
WEEKS = 104


def _simulated(n, gamma, delta, seed):
    """Customers of a year's first quarter, buying by the day, under a covariate that changes every four weeks."""
    random = np.random.default_rng(seed)
    r, alpha, s, beta = 1.2, 12.0 * 7, 0.9, 25.0 * 7
    orders, known = [], []
    days = WEEKS * 7
    periods = np.arange(0, days, 28)
    for who in range(n):
        z = random.integers(0, 2, periods.size).astype(float)
        known += [(who, START + int(p), v) for p, v in zip(periods, z, strict=True)]
        first = int(random.integers(0, 91))
        daily = np.repeat(z, 28)[:days][first:]
        rate, leaving = random.gamma(r) / alpha, random.gamma(s) / beta
        lived = np.cumsum(leaving * np.exp(delta * daily))
        life = np.searchsorted(lived, random.exponential())
        made = np.flatnonzero(random.poisson(rate * np.exp(gamma * daily[:life])))
        orders += [(who, START + first)] + [(who, START + first + int(d)) for d in made if d > 0]
    return pd.DataFrame(orders, columns=["who", "day"]), pd.DataFrame(known, columns=["who", "day", "z"])


@pytest.fixture(scope="module")
def data():
    return _simulated(1000, 0.7, -0.5, 3)


@pytest.fixture(scope="module")
def paths(data):
    return CovariatePaths.of(*data, customer="who", time="day", columns=["z"], end=START + WEEKS * 7 - 1)


def test_without_effects_it_is_the_plain_model(paths):
    shapes = {"r": 0.8, "alpha": 9.0, "s": 0.7, "beta": 14.0}
    history = (paths.frequency, paths.recency, paths.age)
    plain, ours = ParetoNBD(**shapes), TimeVaryingParetoNBD(**shapes, purchase_effects={"z": 0.0})
    assert ours.log_likelihood(paths) == pytest.approx(plain.log_likelihood(*history), rel=1e-11)
    assert ours.probability_alive(paths) == pytest.approx(plain.probability_alive(*history), rel=1e-10)
    assert ours.expected_purchases(26, paths) == pytest.approx(plain.expected_purchases(26, *history), rel=1e-10)


def test_with_covariates_that_stay_it_is_the_static_model(data):
    orders, known = data
    fixed = known.assign(z=known["who"] % 2 * 1.0)
    paths = CovariatePaths.of(orders, fixed, customer="who", time="day", columns=["z"])
    shapes = {
        "r": 0.8,
        "alpha": 9.0,
        "s": 0.7,
        "beta": 14.0,
        "purchase_effects": {"z": 0.4},
        "dropout_effects": {"z": -0.6},
    }
    static = ParetoNBD(**shapes).given({"z": paths.customer % 2})
    ours = TimeVaryingParetoNBD(**shapes)
    history = (paths.frequency, paths.recency, paths.age)
    # Each purchase also has the density of its own moment, which a rate that stays counts in the rate itself.
    assert ours.log_likelihood(paths) == pytest.approx(static.log_likelihood(*history), rel=1e-10)
    assert ours.expected_purchases(26, paths) == pytest.approx(static.expected_purchases(26, *history), rel=1e-9)


def test_the_likelihood_of_one_customer_is_the_integral_by_hand(paths):
    r, alpha, s, beta, gamma, delta = 0.8, 9.0, 0.7, 14.0, 0.5, -0.3
    model = TimeVaryingParetoNBD(
        r=r, alpha=alpha, s=s, beta=beta, purchase_effects={"z": gamma}, dropout_effects={"z": delta}
    )
    found = model.log_likelihood(paths)
    for who in np.flatnonzero((paths.frequency > 1) & (paths.age - paths.recency > 20))[:3]:
        mine = paths.owner == who
        start, z = paths.start[mine], paths.covariates["z"][mine]
        x, t_x, T = paths.frequency[who], paths.recency[who], paths.age[who]

        def grown(t, effect, start=start, z=z):
            lengths = np.clip(np.append(start[1:], np.inf), None, t) - np.minimum(start, t)
            return float((np.exp(effect * z) * lengths).sum())

        def density(t, x=x, start=start, z=z, grown=grown):
            now = z[np.searchsorted(start, t, side="right") - 1]
            return (
                s * np.exp(delta * now) * (alpha + grown(t, gamma)) ** -(r + x) * (beta + grown(t, delta)) ** -(s + 1)
            )

        breaks = [t_x, *start[(start > t_x) & (start < T)], T]
        gone = sum(quad(density, low, high, epsabs=0, epsrel=1e-11)[0] for low, high in pairwise(breaks))
        alive = (alpha + grown(T, gamma)) ** -(r + x) * (beta + grown(T, delta)) ** -s
        expected = (
            gamma * paths.at_purchases["z"][who]
            + gammaln(r + x)
            - gammaln(r)
            + r * np.log(alpha)
            + s * np.log(beta)
            + np.log(alive + gone)
        )
        assert found[who] == pytest.approx(expected, rel=1e-10)


def test_effects_are_found_again(paths):
    fit = TimeVaryingParetoNBD.fit(paths, purchase_covariates=["z"], dropout_covariates=["z"])
    assert fit.converged
    for name, truth in (("purchase_effects[z]", 0.7), ("dropout_effects[z]", -0.5)):
        low, high = fit.intervals(0.999)[name]
        assert low < truth < high
    plain = TimeVaryingParetoNBD.fit(paths)
    assert fit.likelihood_ratio(plain).p_value < 1e-6
    summary = {"frequency": paths.frequency, "recency": paths.recency, "age": paths.age}
    assert plain.log_likelihood == pytest.approx(ParetoNBD.fit(summary).log_likelihood, rel=1e-10)
    equal = TimeVaryingParetoNBD.fit(paths, purchase_covariates=["z"], dropout_covariates=["z"], equal_effects=True)
    assert equal.log_likelihood < fit.log_likelihood


def test_a_gap_is_refused_by_name_and_all_of_them_are_listed(data):
    orders, known = data
    lost = known[(known["who"] != 3) & ~((known["who"] == 5) & (known["day"] < "2023-06-01"))]
    gaps = covariate_gaps(orders, lost, customer="who", time="day")
    assert gaps["who"].tolist() == [3, 5]
    with pytest.raises(InvalidDataError, match=r"3.*no covariates.*2 gaps"):
        CovariatePaths.of(orders, lost, customer="who", time="day", columns=["z"])
    rare = covariate_gaps(orders, known[known["day"] != known["day"].unique()[4]], customer="who", time="day", every=28)
    assert len(rare) == orders["who"].nunique()


def test_bad_covariates_are_refused(data):
    orders, known = data
    with pytest.raises(InvalidDataError, match="one row a customer and day"):
        CovariatePaths.of(orders, pd.concat([known, known.head(1)]), customer="who", time="day", columns=["z"])
    with pytest.raises(InvalidValueError, match="columns"):
        CovariatePaths.of(orders, known, customer="who", time="day", columns="z")
    with pytest.raises(InvalidDataError, match="'z', row 0"):
        CovariatePaths.of(orders, known.assign(z=np.nan), customer="who", time="day", columns=["z"])
    paths = CovariatePaths.of(orders, known, customer="who", time="day", columns=["z"])
    with pytest.raises(InvalidValueError, match="price"):
        TimeVaryingParetoNBD.fit(paths, purchase_covariates=["price"])
