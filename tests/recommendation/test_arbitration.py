"""Arbitration: within stock and budget, never better than its bound, and best where nothing is scarce."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.recommendation import Responses, arbitrate

VALUES = arrays(
    float,
    st.tuples(st.integers(1, 7), st.integers(1, 4)),
    elements=st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 1.0, 3, 7]),
)


def best_within(values, capacity):
    """The exact optimum: every column as often as it may be given, and a free one for each row."""
    n, m = values.shape
    slots = np.repeat(np.arange(m), np.minimum(capacity, n))
    padded = np.concatenate([np.maximum(values[:, slots], 0.0), np.zeros((n, n))], axis=1)
    rows, columns = linear_sum_assignment(padded, maximize=True)
    return padded[rows, columns].sum()


@settings(max_examples=200, deadline=None)
@given(VALUES, st.integers(0, 3), st.data())
def test_an_answer_keeps_stock_and_budget_and_stays_under_its_bound(values, most, data):
    m = values.shape[1]
    capacity = np.array(data.draw(st.lists(st.integers(0, most), min_size=m, max_size=m)))
    cost = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5]), min_size=m, max_size=m)))
    budget = data.draw(st.sampled_from([0.0, 1.0, 2.6, 100.0]))
    found = arbitrate(values, cost, capacity=capacity, budget=budget)
    given_to = np.flatnonzero(found.choice >= 0)
    chosen = found.choice[given_to]
    assert (values[given_to, chosen] > 0).all()
    assert (np.bincount(chosen, minlength=m) <= capacity).all()
    assert cost[chosen].sum() == pytest.approx(found.spent)
    assert found.spent <= budget + 1e-9
    assert values[given_to, chosen].sum() == pytest.approx(found.value)
    assert found.value <= found.bound + 1e-9


@settings(max_examples=150, deadline=None)
@given(VALUES, st.data())
def test_the_bound_lies_above_the_optimum_and_half_of_it_is_always_reached(values, data):
    capacity = np.array(data.draw(st.lists(st.integers(0, 3), min_size=values.shape[1], max_size=values.shape[1])))
    found, best = arbitrate(values, capacity=capacity), best_within(values, capacity)
    assert found.bound >= best - 1e-9
    assert found.value >= best / 2 - 1e-9


@given(VALUES)
def test_where_nothing_is_scarce_each_gets_what_brings_most(values):
    found = arbitrate(values)
    assert found.value == pytest.approx(np.maximum(values.max(axis=1), 0).sum())
    assert found.gap == 0


def test_on_a_thousand_rows_the_gap_is_small():
    random = np.random.default_rng(3)
    values = random.normal(0.5, 1.0, (1_000, 8))
    found = arbitrate(values, random.uniform(0.2, 1.0, 8), capacity=np.full(8, 60.0), budget=150.0)
    assert found.gap < 0.03
    assert found.spent <= 150.0


def test_the_floor_gives_each_group_its_share_even_where_it_brings_nothing():
    values = np.array([[3.0], [2.0], [1.0], [-1.0], [-2.0], [-np.inf]])
    found = arbitrate(values, group=[0, 0, 0, 1, 1, 1], floor=0.5)
    assert found.choice.tolist() == [0, 0, 0, 0, -1, -1]
    assert found.floor_missed == 0


def test_the_floor_is_kept_first_and_says_what_it_could_not_keep():
    values = np.array([[9.0], [8.0], [-1.0]])
    found = arbitrate(values, [1.0], group=[0, 0, 1], floor=1.0, budget=1.0)
    assert (found.choice >= 0).sum() == 1
    assert found.floor_missed == 2


def test_no_rows_no_columns_and_no_money_give_nothing():
    assert arbitrate(np.zeros((0, 3))).choice.size == 0
    assert arbitrate(np.zeros((2, 0))).choice.tolist() == [-1, -1]
    assert arbitrate([[5.0]], [1.0], budget=0.0).choice.tolist() == [-1]
    assert arbitrate([[5.0]], [0.0], budget=0.0).choice.tolist() == [0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": [[np.nan]]},
        {"value": [[np.inf]]},
        {"value": [[1.0]], "cost": [-1.0]},
        {"value": [[1.0]], "cost": [1.0, 2.0]},
        {"value": [[1.0]], "capacity": [-1]},
        {"value": [[1.0]], "capacity": [1, 1]},
        {"value": [[1.0]], "group": [-1], "floor": 0.5},
    ],
)
def test_values_costs_and_capacities_that_are_none_are_refused(arguments):
    with pytest.raises(InvalidDataError):
        arbitrate(**arguments)


@pytest.mark.parametrize("wrong", [{"budget": -1.0}, {"budget": float("nan")}, {"floor": 1.5}])
def test_a_budget_below_zero_or_a_floor_that_is_no_share_is_refused(wrong):
    with pytest.raises(InvalidValueError):
        arbitrate([[1.0]], **wrong)


def test_what_was_tried_often_is_believed_and_what_was_tried_little_leans_on_the_rest():
    arm, taken = [0] * 1_000 + [1], [1] * 500 + [0] * 500 + [0]
    learned = Responses.fit(arm, [0] * 1_001, taken, arms=3, contexts=2)
    assert learned.mean[0, 0] == pytest.approx(0.5, abs=0.02)
    assert 0.4 < learned.mean[0, 1] < 0.5
    assert learned.mean[1, 2] == pytest.approx(learned.mean[1, 0])


def test_a_context_leans_on_those_of_its_kind():
    context, taken = [0] * 200, [1] * 100 + [0] * 100
    learned = Responses.fit([0] * 200, context, taken, arms=1, contexts=3, kind=[0, 0, 1])
    assert learned.mean[1, 0] > 0.4
    assert learned.mean[2, 0] < learned.mean[1, 0]


def test_draws_have_the_mean_that_is_expected():
    learned = Responses.fit([0, 0, 1], [0, 0, 0], [1, 0, 0], arms=2, contexts=1)
    where = np.zeros((20_000, 2), int)
    assert learned.drawn(where, np.random.default_rng(1)).mean(axis=0) == pytest.approx(
        learned.expected(where)[0], abs=0.01
    )


def test_what_is_long_ago_counts_less():
    old = Responses.fit([0, 0], [0, 0], [1, 1], arms=1, contexts=1, weight=[0.1, 0.1])
    new = Responses.fit([0, 0], [0, 0], [1, 1], arms=1, contexts=1)
    assert old.mean[0, 0] < new.mean[0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"arm": [2]},
        {"context": [-1]},
        {"taken": [2]},
        {"arm": [0.5]},
        {"weight": [1.5]},
        {"arm": [0, 0]},
    ],
)
def test_a_trial_that_is_none_is_refused(wrong):
    with pytest.raises(InvalidDataError):
        Responses.fit(**{"arm": [0], "context": [0], "taken": [1], "arms": 2, "contexts": 1, **wrong})


@pytest.mark.parametrize("wrong", [{"prior": 0.0}, {"prior": 1.0}, {"strength": 0.0}, {"pooling": 0.0}])
def test_a_prior_that_is_certain_is_refused(wrong):
    with pytest.raises(InvalidValueError):
        Responses.fit([0], [0], [1], arms=1, contexts=1, **wrong)
