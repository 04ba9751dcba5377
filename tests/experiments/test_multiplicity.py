"""Several arms: corrections equal to a peer's, and families that rarely cry wolf."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.experiments import adjust_p_values, compare_arms, difference_in_means, difference_in_proportions

P = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216, 0.222, 0.251, 0.269, 0.275, 0.34]


@pytest.mark.parametrize(
    "ours, theirs", [("holm", "holm"), ("benjamini_hochberg", "fdr_bh"), ("bonferroni", "bonferroni")]
)
def test_corrections_equal_statsmodels(ours, theirs):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for p in (P, P[::-1], [0.05], [1.0, 0.0, 0.5]):
        assert adjust_p_values(p, ours) == pytest.approx(multitest.multipletests(p, method=theirs)[1], abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@example([0.0])
@example([1.0, 1.0])
def test_benjamini_hochberg_finds_at_least_what_holm_finds_and_holm_what_bonferroni_finds(p):
    plain, bh, holm, bonferroni = (
        adjust_p_values(p, method) for method in ("none", "benjamini_hochberg", "holm", "bonferroni")
    )
    assert np.all(plain <= bh + 1e-15)
    assert np.all(bh <= holm + 1e-15)
    assert np.all(holm <= bonferroni + 1e-15)
    assert np.all(bonferroni <= 1.0)


def test_ten_idle_arms_raise_a_false_alarm_in_one_experiment_of_twenty():
    rng = np.random.default_rng(0)
    arm = np.arange(1_100) % 11
    alarms = [any(e.significant for e in compare_arms(rng.normal(size=1_100), arm)) for _ in range(200)]
    assert np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_one_arm_needs_no_correction():
    outcome, arm = np.random.default_rng(1).normal(size=100), np.arange(100) % 2
    (only,) = compare_arms(outcome, arm)
    plain = difference_in_means(outcome, arm)
    assert only.interval == pytest.approx(plain.interval)
    assert only.adjusted_p_value == plain.p_value


def test_intervals_widen_with_the_arms_and_less_for_those_found():
    rng = np.random.default_rng(1)
    arm = np.arange(1_000) % 5
    outcome = rng.normal(np.array([0.0, 0.0, 0.0, 0.7, 0.7])[arm])
    width = {
        method: [e.interval[1] - e.interval[0] for e in compare_arms(outcome, arm, correction=method)]
        for method in ("none", "benjamini_hochberg", "holm")
    }
    assert width["none"][0] < width["benjamini_hochberg"][0] < width["holm"][0]


def test_any_two_arm_estimator_may_compare():
    outcome, arm = [0, 1, 0, 1, 1, 1, 1, 1, 1, 0], ["control"] * 4 + ["a"] * 3 + ["b"] * 3
    found = compare_arms(outcome, arm, estimator=difference_in_proportions)
    assert [e.treatment.label for e in found] == ["a", "b"]
    assert all("Newcombe" in e.method and "holm over 2 arms" in e.method for e in found)


def test_what_is_no_probability_is_refused():
    with pytest.raises(InvalidDataError, match="row 1"):
        adjust_p_values([0.5, 1.5])
    with pytest.raises(InvalidDataError, match="row 0"):
        adjust_p_values([np.nan])
    with pytest.raises(InvalidValueError, match="holm"):
        adjust_p_values([0.5], "sidak")
