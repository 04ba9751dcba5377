"""Assignment: a function of the id, at any weights, and nobody is moved; and the checks before any reading."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import DataWarning, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments import Design, Split, check_exposures, check_units, difference_in_means, sample_ratio

EVEN = Split(salt="spring-mail", weights={"control": 0.5, "email": 0.5})


@st.composite
def weights(draw):
    parts = draw(st.lists(st.integers(1, 100), min_size=2, max_size=5))
    return {f"arm{k}": part / sum(parts) for k, part in enumerate(parts)}


@given(weights(), st.floats(0, 0.9))
@example({"a": 0.999, "b": 0.001}, 0.0)
def test_arms_come_out_in_their_shares_at_any_weights(shares, holdout):
    split = Split(salt="law", weights=shares, holdout=holdout)
    arms = split.arms(np.arange(4_000)).tolist()
    planned = split.design().shares
    counts = {arm: arms.count(arm) for arm in planned}
    assert sum(counts.values()) == 4_000
    assert sample_ratio(counts, planned).p_value > 1e-7  # some 60 draws of a working assignment


def test_the_arm_of_a_customer_is_written_down_forever():
    assert EVEN.arms(["ann", "bob", "cid", "dee"]).tolist() == ["control", "email", "control", "control"]


def test_a_number_and_its_text_are_the_same_unit_in_any_order_and_any_batch():
    ids = np.arange(500)
    arms = EVEN.arms(ids)
    assert EVEN.arms([str(id) for id in ids[::-1]])[::-1].tolist() == arms.tolist()
    assert EVEN.arms(ids[100:101]).tolist() == arms[100:101].tolist()


def test_arms_may_be_listed_in_any_order():
    other = Split(salt="spring-mail", weights={"email": 0.5, "control": 0.5})
    assert other.arms(range(500)).tolist() == EVEN.arms(range(500)).tolist()


def test_a_heavier_arm_takes_units_and_gives_none():
    ids = range(5_000)
    before = Split(salt="s", weights={"a": 0.25, "b": 0.25, "c": 0.5}).arms(ids)
    after = Split(salt="s", weights={"a": 0.4, "b": 0.2, "c": 0.4}).arms(ids)
    moved = before != after
    assert 0.1 < moved.mean() < 0.2
    assert set(after[moved]) == {"a"}


def test_another_salt_is_an_independent_split():
    other = Split(salt="autumn-mail", weights={"control": 0.5, "email": 0.5})
    same = EVEN.arms(range(10_000)) == other.arms(range(10_000))
    assert 0.48 < same.mean() < 0.52


def test_experiments_with_one_holdout_salt_hold_out_the_same_units():
    splits = [
        Split(salt=salt, weights={"control": 0.5, "email": 0.5}, holdout=0.1, holdout_salt="2026")
        for salt in ("a", "b")
    ]
    first, second = (split.arms(range(5_000)) == "holdout" for split in splits)
    assert first.tolist() == second.tolist()
    assert 0.08 < first.mean() < 0.12


def test_a_wider_holdout_moves_nobody_between_the_arms():
    narrow = Split(salt="s", weights={"control": 0.5, "email": 0.5}, holdout=0.1).arms(range(5_000))
    wide = Split(salt="s", weights={"control": 0.5, "email": 0.5}, holdout=0.3).arms(range(5_000))
    inside = wide != "holdout"
    assert (narrow[inside] == wide[inside]).all()


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), weights())
@example(["a"], {"x": 0.5, "y": 0.5})
def test_strata_give_each_arm_its_share_to_the_unit(strata, shares):
    arms = Split(salt="law", weights=shares).arms(range(len(strata)), strata=strata)
    for stratum in set(strata):
        inside = arms[np.array(strata) == stratum].tolist()
        for arm, share in shares.items():
            assert abs(inside.count(arm) - share * len(inside)) < 1.0 + 1e-9


def test_strata_do_not_depend_on_the_order_of_the_rows():
    strata = np.array(list("aabbbcccc") * 20)
    ids = np.arange(len(strata))
    order = np.random.default_rng(0).permutation(len(ids))
    arms = EVEN.arms(ids, strata=strata)
    assert EVEN.arms(ids[order], strata=strata[order]).tolist() == arms[order].tolist()


def test_an_arm_once_given_is_kept_whatever_the_weights_are_now():
    ids = range(1_000)
    first = EVEN.arms(ids)
    later = Split(salt="other", weights={"control": 0.1, "email": 0.9}, holdout=0.5)
    assert later.arms(ids, previous=first).tolist() == first.tolist()
    half = [arm if k % 2 else None for k, arm in enumerate(first)]
    kept = later.arms(ids, previous=half)
    assert kept[1::2].tolist() == first[1::2].tolist()


def test_no_units_have_no_arms():
    assert EVEN.arms([]).tolist() == []
    assert EVEN.arms([], strata=[]).tolist() == []


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: EVEN.arms(["a", "b", "a"]), "row 2.*twice"),
        (lambda: EVEN.arms(["a", None]), "row 1.*give every unit an id"),
        (lambda: EVEN.arms([1.5, 2.0]), "whole numbers"),
        (lambda: EVEN.arms([[1, 2]]), "one dimension"),
        (lambda: EVEN.arms(["a", "b"], strata=["x"]), "strata.*one per id"),
        (lambda: EVEN.arms(["a", "b"], strata=["x", None]), "row 1.*stratum"),
        (lambda: EVEN.arms(["a", "b"], previous=["email", "letter"]), "row 1.*letter.*the arms are"),
        (lambda: EVEN.arms(["a", "b"], previous=["email"]), "one per id"),
    ],
)
def test_units_that_cannot_be_assigned_are_named(call, message):
    with pytest.raises(InvalidDataError, match=message):
        call()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weights": {"a": 0.5, "b": 0.6}}, "sum to 1.1"),
        ({"weights": {"a": 1.0}}, "two arms"),
        ({"weights": {"a": 1.5, "b": -0.5}}, "between 0 and 1"),
        ({"weights": {"a": float("nan"), "b": 0.5}}, "between 0 and 1"),
        ({"salt": ""}, "names the experiment"),
        ({"salt": "a:b"}, "without a colon"),
        ({"holdout": 1.0}, "below 1"),
        ({"holdout_salt": ":"}, "without a colon"),
        ({"weights": {"a": 0.5, "holdout": 0.5}, "holdout": 0.1}, "rename it"),
    ],
)
def test_a_split_that_cannot_be_is_refused(change, message):
    with pytest.raises(InvalidValueError, match=message):
        Split(**{"salt": "s", "weights": {"a": 0.5, "b": 0.5}, **change})


def test_the_sample_ratio_is_pearsons_chi_squared():
    stats = pytest.importorskip("scipy.stats")
    found = sample_ratio({"a": 5_200, "b": 2_400, "c": 2_400}, {"a": 0.5, "b": 0.25, "c": 0.25})
    statistic, p_value = stats.chisquare([5_200, 2_400, 2_400], [5_000, 2_500, 2_500])
    assert (found.statistic, found.p_value) == pytest.approx((statistic, p_value), rel=1e-12)
    assert found.mismatch


def test_an_arm_nobody_is_in_is_a_mismatch_and_an_unplanned_one_an_error():
    assert sample_ratio({"a": 200}, {"a": 0.5, "b": 0.5}).mismatch
    with pytest.raises(InvalidDataError, match=r"'c'.*knows only 'a', 'b'"):
        sample_ratio({"a": 1, "c": 1}, {"a": 0.5, "b": 0.5})
    with pytest.raises(NotEstimableError, match="nobody"):
        sample_ratio({}, {"a": 0.5, "b": 0.5})
    with pytest.raises(InvalidDataError, match="whole number"):
        sample_ratio({"a": 1.5}, {"a": 0.5, "b": 0.5})


def test_a_sample_ratio_mismatch_is_refused_unless_said_otherwise():
    outcome, arm = np.arange(1_000.0), np.arange(1_000) < 400
    shares = {0: 0.5, 1: 0.5}
    with pytest.raises(InvalidDataError, match="find out where before reading"):
        difference_in_means(outcome, arm, design=Design(shares=shares))
    with pytest.warns(DataWarning, match="sample-ratio mismatch"):
        found = difference_in_means(outcome, arm, design=Design(shares=shares, on_mismatch="warn"))
    assert found.n == 1_000


def test_a_fixed_horizon_test_read_early_is_warned_of():
    outcome, arm = np.arange(100.0), np.arange(100) % 2
    with pytest.warns(DataWarning, match=r"100 of 400 planned units.*monitor"):
        difference_in_means(outcome, arm, design=Design(shares={0: 0.5, 1: 0.5}, sample_size=400))
    assert difference_in_means(outcome, arm, design=Design(shares={0: 0.5, 1: 0.5}, sample_size=100)).n == 100


@pytest.mark.parametrize("change", [{"sample_size": 1}, {"threshold": 0.0}, {"on_mismatch": "ignore"}])
def test_a_design_that_cannot_be_is_refused(change):
    with pytest.raises(InvalidValueError, match=next(iter(change))):
        Design(**{"shares": {0: 0.5, 1: 0.5}, **change})


def test_a_unit_in_two_arms_is_named_with_both():
    check_units(["a", "b", "a"], ["x", "y", "x"])
    check_units([], [])
    with pytest.raises(InvalidDataError, match=r"row 3.*'b'.*in arm 'x' and was in 'y'"):
        check_units(["a", "b", "a", "b"], ["x", "y", "x", "x"])
    with pytest.raises(InvalidDataError, match="row 1"):
        check_units(["a", None], ["x", "y"])
    with pytest.raises(InvalidDataError, match="one arm per row"):
        check_units(["a"], [])


def test_an_outcome_before_its_exposure_is_named():
    check_exposures(["2026-01-01", "NaT"], ["2026-01-01", "NaT"])
    with pytest.raises(InvalidDataError, match=r"row 1.*before the exposure at 2026-01-02"):
        check_exposures(["2026-01-01", "2026-01-02"], ["2026-01-03", "2026-01-01"])
    with pytest.raises(InvalidDataError, match=r"row 0.*no exposure"):
        check_exposures(["NaT"], ["2026-01-03"])
    with pytest.raises(InvalidDataError, match="give dates"):
        check_exposures(["yesterday"], ["2026-01-03"])
    with pytest.raises(InvalidDataError, match="one time per exposure"):
        check_exposures(["2026-01-01"], [])


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Split(salt="s", weights=None), InvalidValueError, "a share for each arm"),
        (lambda: Split(salt="s", weights={"a": "half", "b": 0.5}), InvalidValueError, "between 0 and 1"),
        (lambda: Split(salt=7, weights={"a": 0.5, "b": 0.5}), InvalidValueError, "give a text"),
        (lambda: Split(salt="s", weights={"a": 0.5, "b": 0.5}, holdout=None), InvalidValueError, "holdout"),
        (lambda: sample_ratio({"a": "many"}, {"a": 0.5, "b": 0.5}), InvalidDataError, "whole number"),
        (lambda: check_units([["a", "b"]], ["x"]), InvalidDataError, "one dimension"),
        (lambda: check_exposures(None, None), InvalidDataError, "one dimension"),
        (lambda: check_exposures([datetime(2026, 1, 1, tzinfo=UTC)], ["2026-01-01"]), InvalidDataError, "naive UTC"),
        (lambda: difference_in_means([1e200, 2, 3, 4], [0, 0, 1, 1]), InvalidDataError, "larger unit"),
        (lambda: difference_in_means([1, 2, 3, 4], [0, 0, 1, 1], confidence=None), InvalidValueError, "confidence"),
    ],
)
def test_values_of_another_kind_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
