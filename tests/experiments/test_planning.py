"""Planning: the published sample sizes, each formula by its name, and power as their inverse."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.experiments import (
    design_effect,
    minimum_detectable_effect,
    power_of_means,
    power_of_proportions,
    sample_size_for_means,
    sample_size_for_proportions,
)

FORMULAS = ("pooled", "unpooled", "arcsine")


@pytest.mark.parametrize(
    "formula, base, target, published",
    [
        ("arcsine", 0.10, 0.12, 3_834.60),
        ("pooled", 0.10, 0.12, 3_840.85),
        ("unpooled", 0.10, 0.12, 3_838.10),
        ("arcsine", 0.20, 0.25, 1_091.90),
        ("pooled", 0.20, 0.25, 1_093.74),
    ],
)
def test_sample_sizes_are_the_published_ones(formula, base, target, published):
    found = sample_size_for_proportions(base, target, formula=formula)
    assert found.control == pytest.approx(published, abs=0.005)
    assert formula in found.formula


def test_the_arcsine_size_and_the_t_test_size_equal_statsmodels():
    power = pytest.importorskip("statsmodels.stats.power")
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for base, target, ratio, alpha, wished in [(0.1, 0.12, 1, 0.05, 0.8), (0.5, 0.3, 2, 0.01, 0.95)]:
        h = proportion.proportion_effectsize(target, base)
        peer = power.NormalIndPower().solve_power(h, alpha=alpha, power=wished, ratio=ratio)
        ours = sample_size_for_proportions(base, target, formula="arcsine", ratio=ratio, alpha=alpha, power=wished)
        assert ours.control == pytest.approx(peer, rel=1e-7)
        peer = power.TTestIndPower().solve_power(0.4, alpha=alpha, power=wished, ratio=ratio)
        ours = sample_size_for_means(0.8, 2.0, ratio=ratio, alpha=alpha, power=wished)
        assert ours.control == pytest.approx(peer, rel=1e-6)
        assert ours.treatment == pytest.approx(ratio * peer, rel=1e-6)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.3, 0.99), st.floats(0.2, 5), st.sampled_from(FORMULAS))
@example(0.01, 0.99, 0.8, 1.0, "pooled")
@example(0.5, 0.5001, 0.8, 1.0, "arcsine")
def test_power_at_the_sample_size_is_the_power_asked_for(base, target, power, ratio, formula):
    if abs(base - target) < 1e-4:
        target = base + 0.01 if base < 0.5 else base - 0.01
    size = sample_size_for_proportions(base, target, power=power, ratio=ratio, formula=formula)
    assert power_of_proportions(base, target, size.control, ratio=ratio, formula=formula) == pytest.approx(
        power, abs=1e-6
    )


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_minimum_detectable_effect_undoes_the_sample_size(formula):
    size = sample_size_for_proportions(0.10, 0.12, formula=formula)
    assert minimum_detectable_effect(size.control, base=0.10, formula=formula) == pytest.approx(0.02, rel=1e-6)
    size = sample_size_for_means(0.3, 2.0)
    assert minimum_detectable_effect(size.control, sd=2.0) == pytest.approx(0.3, rel=1e-6)


def test_more_units_more_power_and_an_enormous_effect_is_certain():
    n = np.array([2, 10, 100, 1_000, 1e6])
    for power in (power_of_means(0.5, 1.0, n), power_of_proportions(0.1, 0.2, n)):
        assert np.all(np.diff(power) >= 0)
        assert power[0] < power[1] < power[2]
        assert power[-1] == pytest.approx(1.0)
    assert power_of_means(0.0, 1.0, 50) == pytest.approx(0.05)
    assert power_of_means(1e6, 1.0, [10, 1e6]).tolist() == [1.0, 1.0]


def test_days_round_up_and_whole_units_are_counted():
    size = sample_size_for_proportions(0.10, 0.12)
    assert size.total == 2 * 3_841
    assert size.days(7_682) == 1
    assert size.days(7_681) == 2
    assert size.days(1e9) == 1


@pytest.mark.parametrize(
    "call, field",
    [
        (lambda: sample_size_for_proportions(0.1, 0.1), "target"),
        (lambda: sample_size_for_proportions(0.0, 0.1), "base"),
        (lambda: sample_size_for_proportions(0.1, 1.0), "target"),
        (lambda: sample_size_for_proportions(10, 12), "base"),
        (lambda: sample_size_for_proportions(0.1, 0.2, ratio=0), "ratio"),
        (lambda: sample_size_for_proportions(0.1, 0.2, power=1), "power"),
        (lambda: sample_size_for_proportions(0.1, 0.2, power=0.01), "power"),
        (lambda: sample_size_for_proportions(0.1, 0.2, alpha=5), "alpha"),
        (lambda: sample_size_for_proportions(0.1, 0.2, formula="exact"), "formula"),
        (lambda: power_of_proportions(0.1, 0.2, 0), "n"),
        (lambda: power_of_proportions(0.1, 0.2, 10, formula="exact"), "formula"),
        (lambda: power_of_means(0.1, 0.0, 10), "sd"),
        (lambda: power_of_means(0.1, 1.0, 1), "n"),
        (lambda: power_of_means(np.nan, 1.0, 10), "difference"),
        (lambda: power_of_means(0.1, 1.0, 10, alpha=0), "alpha"),
        (lambda: sample_size_for_means(0.0, 1.0), "difference"),
        (lambda: minimum_detectable_effect(10), "base"),
        (lambda: minimum_detectable_effect(10, base=0.1, sd=1.0), "base"),
        (lambda: minimum_detectable_effect(0, base=0.1), "n"),
        (lambda: design_effect(0.5, 0.1), "cluster_size"),
        (lambda: design_effect(2, 1.1), "intraclass_correlation"),
        (lambda: sample_size_for_means(1.0, 1.0).days(0), "units_per_day"),
        (lambda: sample_size_for_means(1.0, 1.0).days(10, share=2), "share"),
    ],
)
def test_a_plan_that_cannot_be_names_its_field(call, field):
    with pytest.raises(InvalidValueError) as caught:
        call()
    assert caught.value.field == field


def test_a_handful_of_units_shows_nothing():
    with pytest.raises(NotEstimableError, match="rise to 100 %"):
        minimum_detectable_effect(2, base=0.9)
