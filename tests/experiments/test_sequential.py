"""Looking early: no more false alarms than promised, however often; boundaries as published."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments import Design, GroupSequential, MixtureSPRT, monitor


def idle_experiments(runs, looks, per_look, rng):
    """Estimates and estimated variances of A/A tests at each look, shape (runs, looks)."""
    estimate, variance = np.empty((runs, looks)), np.empty((runs, looks))
    n = per_look * np.arange(1, looks + 1)
    for start in range(0, runs, 500):
        both = []
        for _ in range(2):
            outcome = rng.standard_normal((min(500, runs - start), looks, per_look))
            mean = outcome.sum(axis=2).cumsum(axis=1) / n
            both.append((mean, ((outcome**2).sum(axis=2).cumsum(axis=1) / n - mean**2) / (n - 1)))
        estimate[start : start + 500] = both[1][0] - both[0][0]
        variance[start : start + 500] = both[0][1] + both[1][1]
    return estimate, variance


def upper_bound(alarms, runs):
    return stats.beta.isf(0.01, alarms + 1, runs - alarms)


def test_twenty_looks_at_ten_thousand_idle_experiments_keep_false_alarms_below_five_percent():
    runs, looks = 10_000, 20
    estimate, variance = idle_experiments(runs, looks, 100, np.random.default_rng(2024))
    z = np.abs(estimate) / np.sqrt(variance)
    naive = (z > stats.norm.isf(0.025)).any(axis=1).mean()
    assert naive == pytest.approx(0.25, abs=0.015)
    always = (MixtureSPRT(tau=0.1).p_values(estimate, variance)[:, -1] < 0.05).sum()
    assert upper_bound(always, runs) <= 0.05
    low, high = MixtureSPRT(tau=0.1).interval(estimate, variance)
    missed = ((low > 0) | (high < 0)).any(axis=1).sum()
    assert upper_bound(missed, runs) <= 0.05
    for spending in ("obrien_fleming", "pocock"):
        bounds = GroupSequential(fractions=np.arange(1, looks + 1) / looks, spending=spending).boundaries()
        # These spend all five percent, so the simulated rate lies around 5 %: three standard errors.
        assert (z >= bounds).any(axis=1).mean() == pytest.approx(0.05, abs=0.0066)


@pytest.mark.parametrize(
    "spending, published",
    [
        # Lan & DeMets spending, two-sided 0.05, five equal looks: the tables of R ldbounds, to three decimals.
        ("obrien_fleming", [4.877, 3.357, 2.680, 2.290, 2.031]),
        ("pocock", [2.438, 2.427, 2.410, 2.397, 2.386]),
    ],
)
def test_boundaries_are_the_published_ones(spending, published):
    found = GroupSequential(fractions=[0.2, 0.4, 0.6, 0.8, 1.0], spending=spending).boundaries()
    assert found == pytest.approx(published, abs=5.1e-4)


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_the_chance_of_crossing_at_each_look_is_what_the_spending_says(spending):
    t = np.array([0.3, 0.5, 1.0])
    design = GroupSequential(fractions=t, spending=spending)
    bounds = design.boundaries()
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    for k in (1, 2, 3):
        inside = stats.multivariate_normal.cdf(
            bounds[:k], cov=correlation[:k, :k], lower_limit=-bounds[:k], abseps=1e-8, releps=1e-8
        )
        assert 1.0 - inside == pytest.approx(design.spent()[k - 1], abs=2e-6)


@settings(max_examples=15)
@given(
    st.lists(st.floats(0.02, 1.0), min_size=1, max_size=6, unique=True), st.sampled_from(["pocock", "obrien_fleming"])
)
@example([1.0], "pocock")
@example([0.02, 0.021], "obrien_fleming")
def test_one_look_is_the_plain_test_and_more_looks_ask_for_more(fractions, spending):
    fractions = [*sorted(f for f in fractions if f < 0.999), 1.0]
    design = GroupSequential(fractions=fractions, spending=spending)
    spent, bounds = design.spent(), design.boundaries()
    assert spent[-1] == pytest.approx(0.05)
    assert np.all(np.diff(spent) > 0)
    assert np.all(bounds >= stats.norm.isf(0.025) - 1e-9)
    assert bounds[0] == pytest.approx(stats.norm.isf(spent[0] / 2))


def test_a_look_at_the_very_beginning_never_stops():
    first, last = GroupSequential(fractions=[1e-9, 1.0]).boundaries()
    assert first > 30
    assert last == pytest.approx(stats.norm.isf(0.025), abs=1e-6)


def test_the_mixture_is_the_mean_of_likelihood_ratios_over_normal_effects():
    test, estimate, variance = MixtureSPRT(tau=0.3), 0.25, 0.02
    effects = np.linspace(-3, 3, 200_001)
    ratio = stats.norm.pdf(estimate, effects, np.sqrt(variance)) / stats.norm.pdf(estimate, 0, np.sqrt(variance))
    mixed = np.trapezoid(ratio * stats.norm.pdf(effects, 0, 0.3), effects)
    assert np.exp(test.log_likelihood_ratio(estimate, variance)) == pytest.approx(mixed, rel=1e-9)


@given(st.floats(-3, 3), st.floats(1e-4, 10), st.floats(1e-3, 10), st.floats(0.5, 0.999))
@example(0.0, 1.0, 1.0, 0.95)
def test_the_interval_is_exactly_what_the_test_does_not_reject(estimate, variance, tau, confidence):
    test = MixtureSPRT(tau=tau)
    low, high = test.interval(estimate, variance, confidence=confidence)
    at_edge = test.log_likelihood_ratio(estimate - float(high), variance)
    assert at_edge == pytest.approx(-np.log1p(-confidence), rel=1e-6)
    assert low < estimate < high
    half = stats.norm.isf((1 - confidence) / 2) * np.sqrt(variance)
    assert high - estimate > half


def test_a_running_p_value_never_rises():
    p = MixtureSPRT(tau=0.5).p_values([[1.0, 0.1, 0.0], [0.0, 0.5, 1.0]], [0.1, 0.05, 0.01])
    assert np.all(np.diff(p, axis=-1) <= 0)
    assert p[0].tolist() == [p[0, 0]] * 3


def test_monitoring_sees_at_the_end_what_the_difference_of_means_sees():
    rng = np.random.default_rng(0)
    arm = rng.integers(0, 2, 2_000)
    spend = rng.gamma(2.0, 1e6, 2_000) + 1e5 * arm
    trace = monitor(spend, arm, tau=1e5, looks=[100, 1_000, 2_000])
    from pycrm.experiments import difference_in_means

    end = difference_in_means(spend, arm)
    assert trace.estimate[-1] == pytest.approx(end.estimate, rel=1e-10)
    low, high = MixtureSPRT(tau=1e5).interval(end.estimate, end.standard_error**2)
    assert (trace.lower[-1], trace.upper[-1]) == pytest.approx((float(low), float(high)), rel=1e-8)
    assert trace.n.tolist() == [100, 1_000, 2_000]


def test_looks_in_the_burn_in_say_nothing():
    rng = np.random.default_rng(0)
    arm = np.arange(400) % 2
    trace = monitor(rng.normal(5.0 * arm), arm, tau=1.0, looks=[10, 100, 400], burn_in=50)
    assert (trace.lower[0], trace.upper[0], trace.p_value[0]) == (-np.inf, np.inf, 1.0)
    assert trace.stopped_at == 100


def test_an_experiment_without_effect_is_not_stopped():
    arm = np.arange(2_000) % 2
    assert monitor(np.random.default_rng(1).normal(size=2_000), arm, tau=0.1).stopped_at is None


def test_monitoring_asks_the_design_for_its_shares_but_not_for_its_end():
    arm = np.arange(400) % 2
    outcome = np.random.default_rng(1).normal(size=400)
    assert monitor(outcome, arm, tau=0.1, design=Design(shares={0: 0.5, 1: 0.5}, sample_size=10_000)).n[-1] == 400
    with pytest.raises(InvalidDataError, match="find out where"):
        monitor(outcome, arm, tau=0.1, design=Design(shares={0: 0.1, 1: 0.9}))


def test_a_test_stops_at_its_first_crossing_and_intervals_follow_the_boundaries():
    design = GroupSequential(fractions=[0.5, 1.0])
    assert design.stops([1.0]) is None
    assert design.stops([-3.5, 0.0]) == 0
    low, high = design.intervals([1.0, 1.0], [0.5, 0.4])
    assert (high - 1.0) / [0.5, 0.4] == pytest.approx(design.boundaries())
    assert (1.0 - low) / [0.5, 0.4] == pytest.approx(design.boundaries())


ARM = np.arange(100) % 2


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: MixtureSPRT(tau=0.0), InvalidValueError, "above 0"),
        (lambda: MixtureSPRT(tau=np.nan), InvalidValueError, "above 0"),
        (lambda: MixtureSPRT(tau=1.0).p_values([0.1, np.nan], [1, 1]), InvalidDataError, "row 1"),
        (lambda: MixtureSPRT(tau=1.0).interval([0.1, 0.1], [1, 0]), InvalidDataError, "row 1: 0.0.*above 0"),
        (lambda: MixtureSPRT(tau=1.0).interval(0.1, 1.0, confidence=1.0), InvalidValueError, "confidence"),
        (lambda: monitor(ARM * 1.0, ARM, tau=0.1, looks=0), InvalidValueError, "between 1 and the rows, 100"),
        (lambda: monitor(ARM * 1.0, ARM, tau=0.1, looks=[50, 40]), InvalidDataError, "row 1: 40.0.*rising"),
        (lambda: monitor(ARM * 1.0, ARM, tau=0.1, looks=[101]), InvalidDataError, "up to 100"),
        (lambda: monitor(ARM * 1.0, ARM, tau=0.1, burn_in=1), InvalidValueError, "at least 2"),
        (lambda: monitor(np.ones(100), ARM, tau=0.1), NotEstimableError, "outcome that varies"),
        (lambda: monitor(np.arange(100.0), ARM, tau=0.1, burn_in=51), NotEstimableError, "51 units in each arm"),
        (lambda: GroupSequential(fractions=[]), NotEstimableError, "no rows"),
        (lambda: GroupSequential(fractions=[0.5, 0.5]), InvalidDataError, "row 1"),
        (lambda: GroupSequential(fractions=[0.5, 1.5]), InvalidDataError, "up to 1"),
        (lambda: GroupSequential(fractions=[1.0], alpha=5), InvalidValueError, "alpha"),
        (lambda: GroupSequential(fractions=[1.0], spending="haybittle"), InvalidValueError, "pocock"),
        (lambda: GroupSequential(fractions=[1.0]).stops([1.0, 2.0]), InvalidDataError, "1 looks planned"),
        (lambda: GroupSequential(fractions=[1.0]).intervals([1.0, 2.0], [1, 1]), InvalidDataError, "at most 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
