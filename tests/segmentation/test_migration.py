"""Migration between snapshots: every customer counted once, rates that are rates, entropy between its bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.segmentation import migration_matrix

STATES = ["gold", "silver", "tin"]
snapshots = st.dictionaries(st.integers(0, 30), st.sampled_from(STATES), max_size=30)


def moved(before, after, **options):
    frames = [{"customer": list(found), "segment": list(found.values())} for found in (before, after)]
    return migration_matrix(*frames, **options)


@given(snapshots, snapshots)
def test_every_customer_stays_enters_or_leaves_exactly_once(before, after):
    found = moved(before, after, states=STATES)
    assert found.stayed + found.left.sum() == len(before)
    assert found.stayed + found.entered.sum() == len(after)
    sums = found.rates.sum(axis=1)
    assert np.allclose(sums[~np.isnan(sums)], 1.0, rtol=0, atol=1e-12)
    assert np.isnan(sums).tolist() == (found.counts.sum(axis=1) == 0).tolist()


@given(snapshots.filter(bool), snapshots)
def test_up_down_and_stay_are_everything_and_a_reversal_swaps_them(before, after):
    found, back = moved(before, after, states=STATES), moved(before, after, states=STATES[::-1])
    if not found.stayed:
        with pytest.raises(NotEstimableError, match="both"):
            found.upward  # noqa: B018
        return
    assert found.upward + found.downward + np.trace(found.counts) / found.stayed == pytest.approx(1.0, abs=1e-12)
    assert (found.upward, found.downward) == (back.downward, back.upward)
    assert -1e-12 <= found.entropy <= np.log2(3) + 1e-12


def test_a_group_that_decides_the_next_leaves_no_entropy_and_a_coin_leaves_one_bit():
    assert moved({1: "gold", 2: "tin"}, {1: "tin", 2: "gold"}).entropy == 0.0
    assert moved({1: "gold", 2: "gold"}, {1: "tin", 2: "gold"}).entropy == 1.0


def test_the_moves_come_as_rows_largest_first():
    rows = moved({1: "gold", 2: "gold", 3: "gold"}, {1: "tin", 2: "tin", 3: "gold"}).rows()
    assert rows[0] == {"from": "gold", "to": "tin", "customers": 2, "rate": pytest.approx(2 / 3)}


def test_without_an_order_there_is_no_up_or_down():
    with pytest.raises(NotEstimableError, match="states="):
        moved({1: "gold"}, {1: "tin"}).upward  # noqa: B018


def test_bad_snapshots_are_named():
    with pytest.raises(InvalidDataError, match="row 1"):
        migration_matrix({"customer": [1, 1], "segment": ["a", "a"]}, {"customer": [], "segment": []})
    with pytest.raises(InvalidDataError, match="row 0"):
        migration_matrix({"customer": [1], "segment": [None]}, {"customer": [], "segment": []})
    with pytest.raises(InvalidDataError, match="lead"):
        moved({1: "lead"}, {}, states=STATES)
    with pytest.raises(InvalidValueError, match="once"):
        moved({}, {}, states=["a", "a"])


def test_two_empty_snapshots_are_an_empty_matrix():
    assert moved({}, {}).counts.shape == (0, 0)
