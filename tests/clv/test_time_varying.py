"""Changing covariates: the plain and the static model inside, an integral by hand, effects found again, gaps refused."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import gammaln

from pycrm.clv import CovariatePaths, ParetoNBD, TimeVaryingParetoNBD, covariate_gaps
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

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


SHAPES = {"r": 0.8, "alpha": 9.0, "s": 0.7, "beta": 14.0}
BENT = TimeVaryingParetoNBD(**SHAPES, purchase_effects={"z": 0.6}, dropout_effects={"z": -0.4}, unit="week")
WEEKLY = {"discount_rate": 0.002, "per": "continuous"}


@pytest.fixture(scope="module")
def few(data):
    """The first customers until a year has gone, so that covariates go on for another."""
    orders, known = data
    kept = orders["who"] < 40
    return CovariatePaths.of(
        orders[kept], known, customer="who", time="day", columns=["z"], end=START + WEEKS * 7 // 2 - 1
    )


def test_without_effects_every_answer_is_that_of_the_plain_model(few):
    history = (few.frequency, few.recency, few.age)
    plain, ours = ParetoNBD(**SHAPES), TimeVaryingParetoNBD(**SHAPES, purchase_effects={"z": 0.0})
    counts = np.arange(6)[:, None]
    for found, expected in (
        (ours.probability_alive(few, ahead=9), plain.probability_alive(*history, ahead=9)),
        (ours.expected_purchases_new(26, few), plain.expected_purchases_new(26)),
        (ours.purchase_probability(counts, 26, few), plain.purchase_probability(counts, 26, *history)),
        (
            ours.purchase_probability(counts, 20, few, start=7),
            plain.purchase_probability(counts, 20, *history, start=7),
        ),
        (ours.purchase_probability_new(counts, 20, few, start=7), plain.purchase_probability_new(counts, 20, start=7)),
        (
            ours.discounted_purchases(few, horizon=40, **WEEKLY),
            plain.discounted_purchases(*history, horizon=40, **WEEKLY),
        ),
        (
            ours.discounted_purchases(few, horizon=np.inf, beyond="last", **WEEKLY),
            plain.discounted_purchases(*history, **WEEKLY),
        ),
        (
            ours.discounted_purchases_new(few, horizon=40, **WEEKLY),
            plain.discounted_purchases_new(horizon=40, **WEEKLY),
        ),
    ):
        assert found == pytest.approx(np.broadcast_to(expected, found.shape), rel=1e-9, abs=1e-13)


def test_probabilities_of_all_counts_sum_to_one_and_their_mean_is_what_is_expected(few):
    counts = np.arange(120)[:, None]
    after = BENT.purchase_probability(counts, 30, few)
    assert after.sum(axis=0) == pytest.approx(np.ones(few.age.size), abs=1e-8)
    assert (counts * after).sum(axis=0) == pytest.approx(BENT.expected_purchases(30, few), rel=1e-6)
    new = BENT.purchase_probability_new(counts, 30, few)
    assert (counts * new).sum(axis=0) == pytest.approx(BENT.expected_purchases_new(30, few), rel=1e-6)
    later = BENT.purchase_probability(counts, 20, few, start=10)
    between = BENT.expected_purchases(30, few) - BENT.expected_purchases(10, few)
    assert (counts * later).sum(axis=0) == pytest.approx(between, rel=1e-6)


def test_no_purchase_in_two_windows_is_no_purchase_in_both(few):
    # From now on, nothing until 30 is less likely than nothing in either part.
    both = BENT.purchase_probability(0, 30, few)
    assert (both <= BENT.purchase_probability(0, 10, few) + 1e-12).all()
    assert (both <= BENT.purchase_probability(0, 20, few, start=10) + 1e-12).all()
    assert BENT.purchase_probability([0] * few.age.size, 0, few) == pytest.approx(1.0, abs=1e-12)


def test_discounting_is_the_integral_of_what_is_expected(few):
    edges = np.linspace(0.0, 40.0, 801)
    made = np.array([BENT.expected_purchases(edge, few) for edge in edges])
    middle = np.exp(-0.002 * (edges[1:] + edges[:-1]) / 2.0)
    by_hand = (np.diff(made, axis=0) * middle[:, None]).sum(axis=0)
    assert BENT.discounted_purchases(few, horizon=40, **WEEKLY) == pytest.approx(by_hand, rel=1e-7)
    assert BENT.discounted_purchases(few, horizon=40, discount_rate=0.0) == pytest.approx(made[-1], rel=1e-12)
    far = BENT.discounted_purchases(few, horizon=20_000, **WEEKLY)
    endless = BENT.discounted_purchases(few, horizon=np.inf, beyond="last", **WEEKLY)
    assert endless == pytest.approx(far, rel=1e-9)


def test_an_endless_future_without_covariates_is_refused_by_reason(few):
    with pytest.raises(NotEstimableError, match="known only as far as the paths go") as caught:
        BENT.discounted_purchases(few, discount_rate=0.1, horizon=np.inf)
    assert caught.value.parameter == "horizon"
    with pytest.raises(NotEstimableError, match="positive discount_rate"):
        BENT.discounted_purchases_new(few, discount_rate=0.0, horizon=np.inf, beyond="last")
    with pytest.raises(InvalidValueError, match="beyond"):
        BENT.discounted_purchases(few, discount_rate=0.1, horizon=10, beyond="mean")
    with pytest.raises(InvalidDataError, match="horizon"):
        BENT.expected_purchases(np.inf, few)
    with pytest.raises(InvalidDataError, match="one number"):
        BENT.purchase_probability(1, [1.0, 2.0], few)
    with pytest.raises(InvalidDataError, match="whole"):
        BENT.purchase_probability(1.5, 10, few)
    with pytest.raises(InvalidDataError, match="40 customers"):
        BENT.purchase_probability([1, 2, 3], 10, few)
    with pytest.raises(InvalidValueError, match="draws"):
        BENT.simulate_purchases(10, few, random=np.random.default_rng(1), draws=0)


def test_drawn_customers_give_the_expectations_and_the_model_back(paths):
    random = np.random.default_rng(21)
    truth = TimeVaryingParetoNBD(
        r=1.2, alpha=9.0, s=0.9, beta=20.0, purchase_effects={"z": 0.7}, dropout_effects={"z": -0.5}
    )
    drawn, alive = truth.simulate(paths, random=random)
    assert (drawn.recency <= drawn.age).all()
    assert ((drawn.recency > 0.0) == (drawn.frequency > 0.0)).all()
    chance = truth.probability_alive(drawn)
    assert abs((alive - chance).sum()) < 3.9 * np.sqrt((chance * (1 - chance)).sum())
    fit = TimeVaryingParetoNBD.fit(drawn, purchase_covariates=["z"], dropout_covariates=["z"])
    for name, (low, high) in fit.intervals(0.999).items():
        known = {"purchase_effects[z]": 0.7, "dropout_effects[z]": -0.5}
        assert low < known.get(name, getattr(truth, name, None)) < high


def test_drawn_purchases_have_the_mean_and_the_shares_they_should(few):
    random = np.random.default_rng(22)
    made = BENT.simulate_purchases(30, few, random=random, draws=20_000)
    assert made.shape == (20_000, few.age.size)
    error = made.std(axis=0) / np.sqrt(20_000)
    # 40 customers at once: a deviation of 4.5 errors is met once in 3,000 runs.
    assert (np.abs(made.mean(axis=0) - BENT.expected_purchases(30, few)) < 4.5 * error).all()
    none = BENT.purchase_probability(0, 30, few)
    assert (np.abs((made == 0).mean(axis=0) - none) < 4.5 * np.sqrt(none * (1 - none) / 20_000)).all()
    new = [BENT.simulate(few, random=random)[0].frequency for _ in range(2_000)]
    longest = few.age == few.age.max()
    at_end = BENT.expected_purchases_new(float(few.age.max()), few)[longest]
    drawn = np.array(new)[:, longest]
    assert (np.abs(drawn.mean(axis=0) - at_end) < 4.5 * drawn.std(axis=0) / np.sqrt(2_000)).all()
