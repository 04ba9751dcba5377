"""Fairness: the numbers of fairlearn to the last digit, intervals that cover, and a reason where a number would be a guess."""

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.insight import Floor, TreatmentPolicy, apply_policy, audit_means, audit_selection

people = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60
)


def frame(rows):
    return pd.DataFrame(rows, columns=["group", "actual", "selected"])


def audited(rows, **options):
    return audit_selection(rows, group="group", selected="selected", **options)


@given(people)
def test_every_gap_is_that_of_fairlearn(rows):
    rows = frame([*rows, *(((name, y, s)) for name in "abc" for y in (0, 1) for s in (0, 1))])
    ours = audited(rows, actual="actual", min_rows=1)
    given_to = {"y_true": rows.actual, "y_pred": rows.selected, "sensitive_features": rows.group}
    assert ours.demographic_parity_difference == pytest.approx(
        metrics.demographic_parity_difference(**given_to), abs=1e-12
    )
    assert ours.demographic_parity_ratio == pytest.approx(metrics.demographic_parity_ratio(**given_to), abs=1e-12)
    assert ours.equalised_odds_difference == pytest.approx(metrics.equalized_odds_difference(**given_to), abs=1e-12)
    assert ours.equal_opportunity_difference == pytest.approx(
        metrics.equal_opportunity_difference(**given_to), abs=1e-12
    )


def test_the_interval_of_a_difference_is_that_of_newcombe():
    # Newcombe (1998), table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    rows = frame([("x", 0, 1)] * 56 + [("x", 0, 0)] * 14 + [("y", 0, 1)] * 48 + [("y", 0, 0)] * 32)
    low, high = audited(rows).groups[0].difference_interval
    assert (low, high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_bootstrap_intervals_hold_the_estimate_and_narrow_with_rows():
    rng = np.random.default_rng(4)
    few, many = (
        frame({"group": rng.choice(["a", "b"], n), "actual": rng.integers(0, 2, n), "selected": rng.random(n) < 0.3})
        for n in (400, 40_000)
    )
    widths = []
    for rows in (few, many):
        found = audited(rows, actual="actual", rng=rng)
        low, high = found.intervals["demographic_parity_ratio"]
        assert low <= found.demographic_parity_ratio <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 4


def test_a_tiny_group_is_not_estimated_and_says_so():
    found = audited(frame([("a", 0, 1)] * 50 + [("a", 1, 0)] * 50 + [("b", 1, 0)] * 3), actual="actual")
    tiny = found.groups[1]
    assert np.isnan(tiny.selection_rate)
    assert tiny.reasons[0] == "selection rate: 3 rows; at least 20 are needed"
    assert np.isnan(found.demographic_parity_difference)
    assert found.four_fifths is None
    assert "1 groups" in found.reasons[0]


def test_nobody_selected_has_no_ratio_and_the_reference_is_still_the_largest_group():
    found = audited(frame([("a", 0, 0)] * 30 + [("b", 0, 0)] * 40))
    assert found.reference == ("b",)
    assert (found.demographic_parity_difference, found.four_fifths) == (0.0, None)
    assert "nobody was selected" in found.reasons[0]


def test_groups_of_two_columns_are_intersections_and_a_missing_value_is_a_group():
    rows = pd.DataFrame({"sex": ["f", "m", None] * 40, "old": [True, False] * 60, "selected": [1, 0, 1, 0] * 30})
    found = audit_selection(rows, group=["sex", "old"], selected="selected", reference=("f", "True"))
    assert [row.group for row in found.groups] == [(a, b) for a in ("f", "m", "missing") for b in ("False", "True")]
    assert sum(row.rows for row in found.groups) == 120


def test_a_gap_that_value_explains_vanishes_inside_the_strata():
    # Simpson: inside each tier both groups are treated alike; the tiers differ.
    rows = pd.DataFrame(
        {
            "group": ["a"] * 100 + ["b"] * 100,
            "tier": ["gold"] * 80 + ["tin"] * 20 + ["gold"] * 20 + ["tin"] * 80,
            "selected": [1] * 60 + [0] * 20 + [1] * 5 + [0] * 15 + [1] * 15 + [0] * 5 + [1] * 20 + [0] * 60,
        }
    )
    found = audited(rows, given="tier")
    assert found.demographic_parity_difference == pytest.approx(0.30)
    assert {tier: inside.demographic_parity_difference for tier, inside in found.strata.items()} == {
        "gold": 0.0,
        "tin": 0.0,
    }
    assert found.standardised[("a",)] == pytest.approx(found.standardised[("b",)])


def test_calibration_within_groups():
    rows = frame([("a", 1, 1)] * 30 + [("a", 0, 1)] * 30 + [("b", 1, 0)] * 30 + [("b", 0, 0)] * 10).assign(score=0.5)
    found = audited(rows, actual="actual", score="score")
    assert [(row.mean_score, row.observed_rate) for row in found.groups] == [(0.5, 0.5), (0.5, 0.75)]


def test_waiting_times_are_compared_by_welchs_interval():
    from scipy import stats

    rng = np.random.default_rng(6)
    a, b = rng.gamma(2, 3, 80), rng.gamma(2, 4, 50)
    rows = {"group": ["a"] * 80 + ["b"] * 50, "wait": [*a, *b]}
    found = audit_means(rows, group="group", amount="wait")[1]
    peer = stats.ttest_ind(b, a, equal_var=False).confidence_interval()
    assert found.difference == pytest.approx(b.mean() - a.mean())
    assert found.difference_interval == pytest.approx((peer.low, peer.high))
    assert (
        audit_means({"group": ["a", "b"], "wait": [1, 2]}, group="group", amount="wait")[0].reason
        == "1 rows; at least 20 are needed"
    )


def test_a_policy_below_the_floor_cannot_be_made_and_one_above_comes_with_its_audit():
    floor = {"hours": Floor(maximum=72.0)}
    with pytest.raises(InvalidValueError, match="'tin'"):
        TreatmentPolicy(version="1", treatments={"gold": {"hours": 1.0}, "tin": {"hours": 100.0}}, floor=floor)
    policy = TreatmentPolicy(version="1", treatments={"gold": {"hours": 4.0}, "tin": {"hours": 48.0}}, floor=floor)
    rows = pd.DataFrame({"tier": ["gold"] * 60 + ["tin"] * 60, "sex": ["f"] * 40 + ["m"] * 80})
    treated, audit = apply_policy(policy, rows, group="sex")
    assert treated.hours.tolist() == [4.0] * 60 + [48.0] * 60
    assert set(treated.policy_version) == {"1"}
    assert audit.gaps["hours"][0].mean == 4.0
    assert audit.tier_gap == {"hours": (4.0, 48.0)}
    with pytest.raises(InvalidDataError, match="row 0"):
        apply_policy(policy, {"tier": ["iron"], "sex": ["f"]}, group="sex")


@pytest.mark.parametrize("treatments", [{}, {"a": {"x": 1.0}, "b": {}}, {"a": {"x": float("nan")}}])
def test_a_policy_with_holes_is_refused(treatments):
    with pytest.raises(InvalidValueError):
        TreatmentPolicy(version="1", treatments=treatments)


def test_bad_rows_are_named_and_nobody_has_an_empty_audit():
    with pytest.raises(InvalidDataError, match="row 1"):
        audited(frame([("a", 0, 0), ("a", 0, 2)]))
    with pytest.raises(InvalidValueError, match="no such group; there are: a"):
        audited(frame([("a", 0, 0)]), reference="z")
    with pytest.raises(InvalidValueError, match="min_rows"):
        audited(frame([("a", 0, 0)]), min_rows=0)
    assert audited(frame([])).groups == ()
    assert audit_means({"group": [], "wait": []}, group="group", amount="wait") == ()


def test_a_reputation_is_at_risk_only_where_gap_and_reach_are_both_large():
    wide = frame([("a", 0, 1)] * 90 + [("a", 0, 0)] * 10 + [("b", 0, 1)] * 20 + [("b", 0, 0)] * 80)
    assert audited(wide).reputation_risk()
    assert not audited(wide).reputation_risk(reach=101)
    assert not audited(wide).reputation_risk(gap=0.9)
