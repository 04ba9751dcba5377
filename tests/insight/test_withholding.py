"""Silence is counted and bounded, never filled in; small groups cannot be told from what is published."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError
from pycrm.insight import mean_bounds, publish_counts

answers = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=8)


def columns(rows):
    return [value for value, _ in rows], [silent for _, silent in rows]


@given(answers)
def test_the_bounds_are_reached_by_the_lowest_and_highest_answers_and_hold_for_every_other(rows):
    value, silent = columns(rows)
    found = mean_bounds(value, silent)
    for guess in (0.0, 0.3, 1.0):
        mean = np.mean([guess if quiet else said for said, quiet in rows])
        assert found.low - 1e-12 <= mean <= found.high + 1e-12
    assert found.low == pytest.approx(np.mean([0.0 if quiet else said for said, quiet in rows]))
    assert found.high == pytest.approx(np.mean([1.0 if quiet else said for said, quiet in rows]))
    assert found.high - found.low == pytest.approx(found.withheld / found.rows)


@given(answers, st.sampled_from([None, np.nan, 0.0, 7.0, "x"]))
def test_nothing_depends_on_what_stands_where_somebody_withheld(rows, guess):
    value, silent = columns(rows)
    filled = [guess if quiet else said for said, quiet in rows]
    assert repr(mean_bounds(filled, silent)) == repr(mean_bounds(value, silent))


def test_where_all_say_or_none_does_the_bounds_are_a_point_or_everything():
    said = mean_bounds([10.0, 30.0], [False, False], low=0, high=100)
    assert (said.answered, said.low, said.high) == (20.0, 20.0, 20.0)
    quiet = mean_bounds([None, None], [True, True], low=0, high=100)
    assert (np.isnan(quiet.answered), quiet.low, quiet.high, quiet.withheld) == (True, 0.0, 100.0, 2)
    nobody = mean_bounds([], np.array([], bool))
    assert (nobody.rows, np.isnan(nobody.low)) == (0, True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean_bounds([0.5], [0]), "True or False"),
        (lambda: mean_bounds([0.5, 1.0], [True]), "give 1 values"),
        (lambda: mean_bounds([0.5, np.nan], [False, False]), "or say that it is withheld"),
        (lambda: mean_bounds([None], [False]), "or say that it is withheld"),
        (lambda: mean_bounds(["x"], [False]), "give numbers"),
        (lambda: mean_bounds([2.0], [False]), "from 0.0 to 1.0"),
        (lambda: mean_bounds([1.0], [False], low=1.0, high=1.0), "finite bounds"),
        (lambda: publish_counts([1.5]), "whole number per group"),
        (lambda: publish_counts([3, -1]), "count from 0 to"),
        (lambda: publish_counts([3], least=1), "at least 2"),
        (lambda: publish_counts([3], least=2.5), "at least 2"),
        (lambda: publish_counts([2**62, 2**62]), "from 0 to 1000000000000"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_fix(call, words):
    with pytest.raises(InvalidDataError, match=words):
        call()


@given(st.lists(st.integers(0, 7), max_size=5), st.integers(2, 4))
def test_nobody_who_subtracts_can_tell_a_hidden_group_from_one_that_is_large_enough(count, least):
    found = publish_counts(count, least=least)
    hidden = [group for group, hide in enumerate(found.hidden.tolist()) if hide]
    assert all(count[group] > 0 for group in hidden)
    assert all(size == 0 or size >= least or found.hidden[group] for group, size in enumerate(count))
    if not hidden:
        assert found.total == sum(count)
        return
    if found.total is None:
        assert not any(size for group, size in enumerate(count) if group not in hidden)  # nothing else was left to hide
        return
    left = found.total - sum(size for group, size in enumerate(count) if group not in hidden)
    possible = [sizes for sizes in itertools.product(range(1, left + 1), repeat=len(hidden)) if sum(sizes) == left]
    for place in range(len(hidden)):
        sizes = {one[place] for one in possible}
        assert 1 in sizes
        assert max(sizes) >= least


def test_the_smallest_other_group_goes_with_a_small_one():
    found = publish_counts([120, 3, 40, 9])
    assert (found.hidden.tolist(), found.total) == ([False, True, False, True], 172)
    alone = publish_counts([3, 0])
    assert (alone.hidden.tolist(), alone.total) == ([True, False], None)
    ones = publish_counts([1, 1, 1, 1, 1, 30])  # five people in five groups: each would be known
    assert (ones.hidden.tolist(), ones.total) == ([True] * 6, 35)
    assert publish_counts([5, 8, 0]).total == 13
    assert publish_counts([]).total == 0
