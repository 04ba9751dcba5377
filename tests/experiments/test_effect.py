"""Effects: equal to a peer where one has them, laws for all inputs, and what cannot be answered is refused."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments import (
    clustered_difference,
    complier_effect,
    cuped,
    difference_from_counts,
    difference_in_means,
    difference_in_proportions,
    difference_in_ratios,
    intention_to_treat,
    intraclass_correlation,
    per_protocol,
    regression_adjusted,
    relative_difference,
)

RNG = np.random.default_rng(8)
ARM = np.repeat([0, 1], [300, 500])
BEFORE = RNG.gamma(2.0, 10.0, 800)
SPEND = 0.6 * BEFORE + RNG.normal(2.0 * ARM, 1.0 + ARM)
BOUGHT = (RNG.random(800) < 0.1 + 0.05 * ARM).astype(int)


def test_the_difference_of_means_equals_statsmodels_to_twelve_digits():
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    peer = weightstats.CompareMeans.from_data(SPEND[ARM == 1], SPEND[ARM == 0])
    found = difference_in_means(SPEND, ARM, confidence=0.9)
    assert found.interval == pytest.approx(peer.tconfint_diff(alpha=0.1, usevar="unequal"), rel=1e-12)
    assert found.p_value == pytest.approx(peer.ttest_ind(usevar="unequal")[1], rel=1e-10)
    assert (found.control.n, found.treatment.n, found.n) == (300, 500, 800)


@pytest.mark.parametrize(
    "counts",
    [
        ((56, 70), (48, 80)),
        ((9, 10), (3, 10)),
        ((0, 10), (0, 20)),
        ((10, 10), (0, 20)),
        ((6_394, 64_000), (7_000, 64_000)),
    ],
)
def test_the_difference_of_shares_equals_statsmodels_to_twelve_digits(counts):
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    (x0, n0), (x1, n1) = counts
    found = difference_from_counts(*counts)
    peer = proportion.confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff")
    assert found.interval == pytest.approx(peer, abs=1e-12)
    if 0 < x0 + x1 < n0 + n1:
        assert found.p_value == pytest.approx(proportion.proportions_ztest([x1, x0], [n1, n0])[1], rel=1e-9)
    else:
        assert found.p_value == 1.0


def test_newcombes_published_intervals_come_out():
    # Newcombe (1998), Statistics in Medicine 17, table II, method 10: (a) 56/70 - 48/80 and (c) 6/7 - 2/7.
    assert difference_from_counts((48, 80), (56, 70)).interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference_from_counts((2, 7), (6, 7)).interval == pytest.approx((0.0582, 0.8062), abs=5e-5)


def test_shares_from_rows_are_those_from_counts():
    rows = difference_in_proportions(BOUGHT, ARM)
    counts = difference_from_counts((BOUGHT[ARM == 0].sum(), 300), (BOUGHT[ARM == 1].sum(), 500), labels=(0, 1))
    assert rows == counts


@given(st.integers(1, 40), st.integers(1, 40), st.data())
@example(1, 1, None)
def test_swapping_the_arms_turns_the_interval_round(n0, n1, data):
    x0 = data.draw(st.integers(0, n0)) if data else 0
    x1 = data.draw(st.integers(0, n1)) if data else 1
    there, back = difference_from_counts((x0, n0), (x1, n1)), difference_from_counts((x1, n1), (x0, n0))
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]), abs=1e-12)
    assert there.interval[0] - 1e-12 <= there.estimate <= there.interval[1] + 1e-12
    assert -1.0 <= there.interval[0] <= there.interval[1] <= 1.0


def test_a_ratio_metric_covers_where_rows_as_units_would_not():
    covered = naive = 0
    rng = np.random.default_rng(4)
    for _ in range(400):
        views = rng.poisson(10.0, 600) + 1
        rate = rng.beta(1.0, 4.0, 600)
        clicks = rng.binomial(views, rate)
        arm = rng.integers(0, 2, 600)
        low, high = difference_in_ratios(clicks, views, arm).interval
        covered += low <= 0.0 <= high
        low, high = difference_from_counts(
            (clicks[arm == 0].sum(), views[arm == 0].sum()), (clicks[arm == 1].sum(), views[arm == 1].sum())
        ).interval
        naive += low <= 0.0 <= high
    assert covered / 400 > 0.92  # four standard errors of a true 95 %
    assert naive / 400 < 0.85


def test_a_ratio_over_equal_denominators_is_a_difference_of_means():
    ratio, mean = difference_in_ratios(SPEND, np.full(800, 2.0), ARM), difference_in_means(SPEND / 2.0, ARM)
    assert ratio.estimate == pytest.approx(mean.estimate, rel=1e-12)
    assert ratio.standard_error == pytest.approx(mean.standard_error, rel=1e-12)


def test_the_lift_divides_by_the_controls_mean_and_knows_it_is_uncertain():
    found, plain = relative_difference(SPEND, ARM), difference_in_means(SPEND, ARM)
    assert found.estimate == pytest.approx(plain.lift)
    share = (plain.interval[1] - plain.interval[0]) / plain.control.mean
    assert found.interval[1] - found.interval[0] > share
    with pytest.raises(NotEstimableError, match="cannot be told from 0"):
        relative_difference([-1.0, 1.0, -2.0, 2.5, 4.0, 5.0], [0, 0, 0, 0, 1, 1])


def test_regression_adjustment_equals_statsmodels_with_interactions_and_hc2():
    api = pytest.importorskip("statsmodels.api")
    other = RNG.normal(size=800)
    X = np.column_stack([BEFORE, other])
    centred = X - X.mean(axis=0)
    design = np.column_stack([np.ones(800), ARM, centred, centred * ARM[:, None]])
    peer = api.OLS(SPEND, design).fit(cov_type="HC2")
    found = regression_adjusted(SPEND, ARM, X)
    assert found.estimate == pytest.approx(peer.params[1], rel=1e-10)
    assert found.standard_error == pytest.approx(peer.bse[1], rel=1e-10)
    assert found.interval == pytest.approx(tuple(peer.conf_int()[1]), rel=1e-9)


@pytest.mark.parametrize("runs", [2_000, pytest.param(10_000, marks=pytest.mark.deep)])
def test_cuped_leaves_one_less_rho_squared_of_the_variance_and_covers(runs):
    rho, n = 0.7, 200
    rng = np.random.default_rng(7)
    ratios, covered = np.empty(runs), np.empty(runs, dtype=bool)
    arm = np.arange(n) % 2
    for k in range(runs):
        before = rng.standard_normal(n)
        after = rho * before + np.sqrt(1 - rho**2) * rng.standard_normal(n) + 0.3 * arm
        found = cuped(after, arm, before)
        ratios[k] = found.variance_ratio
        covered[k] = found.interval[0] <= 0.3 <= found.interval[1]
    # The standard error of the mean ratio over the runs is below 0.001; 1 - rho^2 = 0.51.
    assert ratios.mean() == pytest.approx(1 - rho**2, abs=0.005)
    assert 0.94 <= covered.mean() <= 0.96


def test_a_covariate_that_says_nothing_changes_nothing_much():
    noise = np.random.default_rng(2).normal(size=800)
    found, plain = cuped(SPEND, ARM, noise), difference_in_means(SPEND, ARM)
    assert found.variance_ratio == pytest.approx(1.0, abs=0.02)
    assert found.estimate == pytest.approx(plain.estimate, abs=plain.standard_error / 4)


def test_clusters_equal_statsmodels_cluster_robust_means():
    api = pytest.importorskip("statsmodels.api")
    household = np.repeat(np.arange(200), 4)
    arm = np.repeat(np.arange(200) % 2, 4)
    spend = np.repeat(RNG.normal(size=200), 4) + RNG.normal(size=800) + arm
    variance = 0.0
    for label in (0, 1):
        own = arm == label
        peer = api.OLS(spend[own], np.ones(own.sum())).fit(
            cov_type="cluster", cov_kwds={"groups": household[own], "use_correction": True}
        )
        variance += peer.bse[0] ** 2
    found = clustered_difference(spend, arm, household)
    assert found.standard_error == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert (found.control.n, found.treatment.n) == (100, 100)
    assert found.standard_error > difference_in_means(spend, arm).standard_error


def test_clusters_of_one_are_units():
    found, plain = clustered_difference(SPEND, ARM, np.arange(800)), difference_in_means(SPEND, ARM)
    assert found.standard_error == pytest.approx(plain.standard_error, rel=1e-12)


def test_how_alike_households_are():
    rng = np.random.default_rng(0)
    household = np.repeat(np.arange(5_000), 3)
    spend = rng.normal(size=5_000)[household] + rng.normal(size=15_000)
    assert intraclass_correlation(spend, household) == pytest.approx(0.5, abs=0.03)
    with pytest.raises(NotEstimableError, match="two clusters"):
        intraclass_correlation([1, 2], ["a", "b"])
    with pytest.raises(NotEstimableError, match="does not vary"):
        intraclass_correlation([1, 1, 1, 1], ["a", "a", "b", "b"])


def test_the_effect_on_compliers_is_the_one_planted_where_per_protocol_is_not():
    rng = np.random.default_rng(3)
    n = 40_000
    assigned = rng.integers(0, 2, n)
    keen = rng.random(n) < 0.6
    received = assigned * keen
    outcome = rng.normal(5.0 * keen + 2.0 * received)
    by_assignment = intention_to_treat(outcome, assigned)
    complied = complier_effect(outcome, assigned, received)
    assert by_assignment.interval[0] <= 0.6 * 2.0 <= by_assignment.interval[1]
    assert complied.interval[0] <= 2.0 <= complied.interval[1]
    assert complied.estimate == pytest.approx(by_assignment.estimate / (received[assigned == 1].mean()), rel=1e-9)
    assert per_protocol(outcome, assigned, received).interval[0] > 3.0


def test_with_full_compliance_all_three_agree():
    three = [intention_to_treat(SPEND, ARM), per_protocol(SPEND, ARM, ARM), complier_effect(SPEND, ARM, ARM)]
    assert [e.estimate for e in three] == pytest.approx([three[0].estimate] * 3)
    assert [e.standard_error for e in three] == pytest.approx([three[0].standard_error] * 3)


def test_an_assignment_that_reaches_nobody_says_nothing_of_compliers():
    with pytest.raises(NotEstimableError, match="too little to divide by"):
        complier_effect(SPEND, ARM, np.zeros(800))
    with pytest.raises(NotEstimableError, match="nobody in arm 1 received"):
        per_protocol(SPEND, ARM, np.zeros(800))


ESTIMATORS = {
    "means": difference_in_means,
    "lift": relative_difference,
    "ratios": lambda y, w, **k: difference_in_ratios(y, np.ones(len(y)), w, **k),
    "cuped": lambda y, w, **k: cuped(y, w, BEFORE[: len(y)], **k),
    "regression": lambda y, w, **k: regression_adjusted(y, w, BEFORE[: len(y)], **k),
    "clusters": lambda y, w, **k: clustered_difference(y, w, np.arange(len(y)), **k),
    "assigned": intention_to_treat,
    "protocol": lambda y, w, **k: per_protocol(y, w, np.asarray(w) == max(w), **k),
}


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_every_effect_names_its_method_and_what_it_assumes(estimator):
    found = estimator(SPEND, ARM)
    assert found.method
    assert found.assumes
    assert found.interval[0] < found.estimate < found.interval[1]
    assert 0.0 <= found.p_value <= 1.0
    assert found.method in str(found)
    wider = estimator(SPEND, ARM, confidence=0.999)
    assert wider.interval[0] < found.interval[0] < found.interval[1] < wider.interval[1]


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_an_outcome_that_never_varies_has_no_interval(estimator):
    with pytest.raises(NotEstimableError):
        estimator(np.full(800, 7.0), ARM)


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_an_arm_that_is_empty_or_of_one_is_refused(estimator):
    with pytest.raises(NotEstimableError):
        estimator(SPEND[:20], np.zeros(20, dtype=int))
    with pytest.raises(NotEstimableError):
        estimator(SPEND[:20], np.arange(20) == 0)


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_missing_outcome_is_named_by_its_row(estimator):
    spend = SPEND.copy()
    spend[3] = np.nan
    with pytest.raises(InvalidDataError, match="row 3: nan"):
        estimator(spend, ARM)


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_confidence_of_95_is_refused(estimator):
    with pytest.raises(InvalidValueError, match="confidence"):
        estimator(SPEND, ARM, confidence=95)


def test_labels_name_the_arms_and_the_control_is_never_guessed():
    names = np.where(ARM == 1, "email", "control")
    assert difference_in_means(SPEND, names).estimate == difference_in_means(SPEND, ARM).estimate
    assert difference_in_means(SPEND, names).treatment.label == "email"
    named = np.where(ARM == 1, "new", "old")
    with pytest.raises(InvalidDataError, match="say which arm is the control"):
        difference_in_means(SPEND, named)
    assert difference_in_means(SPEND, named, control="old").control.label == "old"
    with pytest.raises(NotEstimableError, match="nobody is in arm 'blue'"):
        difference_in_means(SPEND, named, control="blue")
    with pytest.raises(InvalidDataError, match="more than two arms"):
        difference_in_means([1, 2, 3], ["control", "a", "b"])


@pytest.mark.parametrize(
    "outcome, treatment, message",
    [
        (["1", "2", "3", "4"], [0, 0, 1, 1], "row 0: '1'"),
        ([1, None, 3, 4], [0, 0, 1, 1], "row 1"),
        ([1, 2, 3], [0, 0, 1, 1], "one arm per unit: 3"),
        ([1, 2, 3, 4], [0, None, 1, 1], "row 1"),
        ([1, 2, 3, 4], [0, np.nan, 1, 1], "row 1"),
        ([[1, 2], [3, 4]], [0, 1], "one dimension"),
        (np.array(["2026-01-01"] * 4, dtype="datetime64[D]"), [0, 0, 1, 1], "row 0"),
    ],
)
def test_outcomes_and_arms_that_cannot_be_read_are_named(outcome, treatment, message):
    with pytest.raises(InvalidDataError, match=message):
        difference_in_means(outcome, treatment)


def test_no_rows_are_no_effect():
    with pytest.raises(NotEstimableError, match="no rows"):
        difference_in_means([], [])


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: difference_in_proportions([0, 2, 1, 1], [0, 0, 1, 1]), InvalidDataError, "row 1: 2.0.*0 or 1"),
        (lambda: difference_from_counts((3, 2), (1, 2)), InvalidDataError, "successes"),
        (lambda: difference_from_counts((1, 0), (1, 2)), InvalidDataError, "trials"),
        (lambda: difference_from_counts((0.5, 2), (1, 2)), InvalidDataError, "whole numbers"),
        (lambda: difference_in_ratios([1, 2], [1, -1], [0, 1]), InvalidDataError, "row 1: -1.0"),
        (
            lambda: difference_in_ratios([1, 2, 1, 2], [0, 0, 1, 1], [0, 0, 1, 1]),
            NotEstimableError,
            "denominators of arm 0",
        ),
        (lambda: clustered_difference([1, 2, 3, 4], [0, 1, 1, 1], [1, 1, 2, 2]), InvalidDataError, "row 1.*two arms"),
        (lambda: clustered_difference([1, 2, 3, 4], [0, 0, 1, 1], [1, 1, 2, 2]), NotEstimableError, "only 1 cluster"),
        (lambda: clustered_difference([1, 2], [0, 1], [1, None]), InvalidDataError, "cluster of one"),
        (lambda: cuped(SPEND, ARM, np.ones(800)), NotEstimableError, "does not vary"),
        (lambda: cuped(SPEND, ARM, np.column_stack([BEFORE, 2 * BEFORE])), NotEstimableError, "sum of others"),
        (lambda: cuped(SPEND, ARM, BEFORE[:-1]), InvalidDataError, "one value per unit: 800"),
        (lambda: regression_adjusted(SPEND, ARM, np.ones(800)), NotEstimableError, "constant"),
        (lambda: regression_adjusted([1, 2, 3, 4], [0, 0, 1, 1], [1, 2, 1, 2]), NotEstimableError, "2 units for 1"),
        (lambda: complier_effect([1, 2, 3, 4], [0, 0, 1, 1], [0, 0, 1, 2]), InvalidDataError, "row 3"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
