"""A budget goes where it brings most, within caps, and never beyond itself."""

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments import allocate_budget, difference_in_differences

actions = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=4)


@given(actions, st.integers(0, 40))
@example([(5, 0, 3)], 0)
@example([(1, 1, 1)], 10)
def test_the_plan_is_within_one_contact_of_the_best_there_is(several, budget):
    value, cost, cap = (np.array(column, dtype=float) for column in zip(*several, strict=True))
    bought = allocate_budget(value, cost, cap, budget)
    assert np.all((bought >= 0) & (bought <= cap))
    assert bought @ cost <= budget + 1e-9
    gain = np.where(value > cost, value, 0.0)
    best = max(
        np.dot(plan, gain) for plan in product(*(range(int(c) + 1) for c in cap)) if np.dot(plan, cost) <= budget
    )
    assert bought @ gain > best - max(*gain, 1e-9, 1e-9) - 1e-9


def test_a_tenth_and_a_fifth_are_three_tenths():
    assert allocate_budget([1.0], [0.1], [10], 0.3).tolist() == [3]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: allocate_budget([1], [-1], [1], 1), InvalidDataError, "'cost', row 0"),
        (lambda: allocate_budget([1], [1], [1.5], 1), InvalidDataError, "'cap', row 0"),
        (lambda: allocate_budget([np.nan], [1], [1], 1), InvalidDataError, "'value', row 0"),
        (lambda: allocate_budget([1, 2], [1], [1], 1), InvalidDataError, "one value per unit: 2"),
        (lambda: allocate_budget([1], [1], [1], -1), InvalidValueError, "budget"),
        (lambda: allocate_budget([], [], [], 1), NotEstimableError, "no rows"),
        (lambda: difference_in_differences([1, 2, 3, 4], [2, 3, 4, 5], [0, 0, 1, 1]), NotEstimableError, "exactly 1"),
        (lambda: difference_in_differences([1, 2], [2, 3, 4], [0, 1]), InvalidDataError, "one value per unit: 2"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
