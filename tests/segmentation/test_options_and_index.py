"""Options that are no numbers are refused by name, and rows keep the index they came with."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.experiments import sample_size_for_proportions
from pycrm.matching import resolve
from pycrm.recommendation import pair_lift
from pycrm.segmentation import (
    choose_k,
    concentration,
    fit_clusters,
    profitability,
    rfm_scores,
    rfm_segments,
    segment_needs,
    value_needs_grid,
    value_tiers,
)

ORDERS = {"customer": [1, 2], "time": [dt.date(2026, 1, 1), dt.date(2026, 1, 2)], "amount": [1.0, 2.0]}
POINTS = {"x": [1.0, 2.0, 3.0, 9.0]}
PEOPLE = {"id": [1, 2], "email": ["a@x.es", "b@x.es"]}


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("wrong", [None, "two", float("nan"), [], 2.5])
@pytest.mark.parametrize(
    ("option", "call"),
    [
        ("bins", lambda wrong: rfm_scores(ORDERS, as_of=dt.date(2026, 2, 1), bins=wrong)),
        ("k", lambda wrong: fit_clusters(POINTS, wrong, columns=["x"], rng=rng())),
        ("share", lambda wrong: concentration([1.0, 2.0]).top_share(wrong)),
        ("base", lambda wrong: sample_size_for_proportions(wrong, 0.1)),
        ("alpha", lambda wrong: sample_size_for_proportions(0.1, 0.2, alpha=wrong)),
        ("min_support", lambda wrong: pair_lift({"order": [1, 1], "sku": ["a", "b"]}, min_support=wrong)),
        ("block_cap", lambda wrong: resolve(PEOPLE, id="id", fields={"email": "email"}, block_cap=wrong)),
        ("limits['email']", lambda wrong: resolve(PEOPLE, id="id", fields={"email": "email"}, limits={"email": wrong})),
    ],
)
def test_an_option_that_is_no_such_number_is_refused_by_name(option, call, wrong):
    with pytest.raises(InvalidValueError) as refused:
        call(wrong)
    assert refused.value.field == option


def test_sizes_and_rules_of_another_kind_are_refused():
    for ks in (3, "ab"):
        with pytest.raises(InvalidValueError, match="ks: "):
            choose_k(POINTS, columns=["x"], ks=ks, rng=rng())
    with pytest.raises(InvalidValueError, match="rules: 'x' is refused; give TierRules"):
        value_tiers({"value": [1.0]}, rules="x")


def test_a_model_and_limits_of_another_kind_are_refused():
    with pytest.raises(InvalidValueError, match=r"model: 'x' is refused; give the \.model"):
        resolve(PEOPLE, id="id", fields={"email": "email"}, model="x")
    with pytest.raises(InvalidValueError, match=r"limits: .* as in"):
        resolve(PEOPLE, id="id", fields={"email": "email"}, limits=["email"])


@pytest.mark.parametrize(
    "call",
    [
        rfm_segments,
        lambda frame: value_tiers(frame, value="r"),
        lambda frame: profitability(frame, revenue="m"),
    ],
)
def test_rows_keep_the_index_they_came_with(call):
    cells = pd.DataFrame({"r": [5, 1], "f": [5, 1], "m": [4, 2]}, index=["ann", "bob"])
    assert call(cells).index.tolist() == ["ann", "bob"]


@settings(max_examples=8)
@given(st.permutations(range(40)))
def test_in_which_order_customers_are_read_does_not_change_their_groups_of_needs(order):
    rng = np.random.default_rng(3)
    rows = {name: rng.random(40).round(2) for name in ("tea", "home", "speed")}
    shuffled = {name: values[order] for name, values in rows.items()}
    found, again = (segment_needs(each, columns=list(rows)) for each in (rows, shuffled))
    assert again.label.tolist() == found.label[order].tolist()
    assert (again.names, again.profiles) == (found.names, found.profiles)
    tiers = pd.DataFrame({"tier": "best", "need": [found.names[n] for n in found.label], "worth": rows["tea"] / 3})
    grid, same = (value_needs_grid(each, need="need", value="worth") for each in (tiers, tiers.iloc[order]))
    assert same.to_numpy().tolist() == grid.to_numpy().tolist()


def test_groups_of_needs_by_nothing_are_refused():
    with pytest.raises(InvalidValueError, match="columns"):
        segment_needs({"tea": [1.0, 2.0]}, columns=[])
