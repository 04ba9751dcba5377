"""Peppers & Rogers tiers: total, disjoint, and each with a reason that can be checked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.segmentation import TIERS, TierRules, value_tiers

money = st.floats(-1e6, 1e6)


def test_each_tier_by_its_rule():
    frame = value_tiers(
        {"value": [-9, 1, 2, 3, 4, 5, 6, 7, 8, 100], "potential": [-9, 1, 2, 90, 4, 5, 6, 7, 50, 100]},
        potential="potential",
        rules=TierRules(valuable=0.1, growable=0.1, migrating=0.1),
    )
    low = ["low maintenance"] * 2
    assert frame.tier.tolist() == [
        "below zero",
        *low,
        "most growable",
        *["low maintenance"] * 4,
        "migrator",
        "most valuable",
    ]


@given(st.lists(st.tuples(money, money), min_size=1, max_size=40))
def test_everybody_has_one_tier_and_equals_share_it(rows):
    value, potential = (list(column) for column in zip(*(rows + rows[:1]), strict=True))
    frame = value_tiers({"value": value, "potential": potential}, potential="potential")
    assert set(frame.tier) <= set(TIERS)
    assert frame.tier.iloc[0] == frame.tier.iloc[-1]
    assert ((frame.tier == "below zero") == (np.maximum(frame.value, frame.potential) < 0)).all()


@given(st.lists(money, min_size=1, max_size=40))
def test_more_value_never_lowers_the_tier(values):
    frame = value_tiers({"value": values}).sort_values("value")
    rank = frame.tier.map({name: index for index, name in enumerate(reversed(TIERS))})
    assert (np.diff(rank) >= 0).all()


def test_without_potential_nobody_is_most_growable_and_nobody_gives_an_empty_answer():
    assert "most growable" not in set(value_tiers({"value": range(100)}).tier)
    assert len(value_tiers({"value": []})) == 0


def test_customers_who_bring_nothing_are_not_most_valuable():
    assert set(value_tiers({"value": [0.0, 0.0, 0.0]}).tier) == {"low maintenance"}


def test_bad_values_and_shares_are_named():
    with pytest.raises(InvalidDataError, match="row 1"):
        value_tiers({"value": [1.0, float("nan")]})
    with pytest.raises(InvalidValueError, match="growable"):
        TierRules(growable=1.5)
