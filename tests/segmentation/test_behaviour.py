"""How customers buy, as a loop over their orders finds it."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError
from pycrm.segmentation import buying_behaviour

DAY = dt.date(2024, 1, 1)
rows = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 4),
        st.integers(0, 60),
        st.integers(1, 90),
        st.sampled_from(["x", "y", None]),
    ),
    min_size=1,
    max_size=20,
)


def frame(found):
    return pd.DataFrame(
        {
            "customer": [who for who, *_ in found],
            "order": [f"{who}{number}" for who, number, *_ in found],
            "time": pd.to_datetime([DAY + dt.timedelta(days=day) for _, _, day, _, _ in found]),
            "amount": [float(amount) for *_, amount, _ in found],
            "category": pd.Series([kind for *_, kind in found], dtype=object),
        }
    )


@given(rows)
def test_the_numbers_are_those_of_a_loop_over_the_orders(found):
    table = frame(found)
    made = buying_behaviour(table, category="category").set_index("customer")
    for who, mine in table.groupby("customer"):
        days = sorted(mine.groupby("order")["time"].min())
        gap = (days[-1] - days[0]).days / (len(days) - 1) if len(days) > 1 else np.nan
        got = made.loc[who]
        assert got["orders"] == len(days)
        assert got["mean_gap"] == pytest.approx(gap, nan_ok=True)
        assert got["spend_per_order"] == pytest.approx(mine["amount"].sum() / len(days))
        assert got["lines_per_order"] == len(mine) / len(days)
        assert got["breadth"] == mine["category"].dropna().nunique()


def test_polars_in_is_polars_out_and_nobody_has_an_empty_answer():
    assert isinstance(
        buying_behaviour(pl.DataFrame({"customer": ["a"], "order": [1], "time": [DAY], "amount": [2.0]})), pl.DataFrame
    )
    assert len(buying_behaviour({"customer": [], "order": [], "time": [], "amount": []})) == 0


def test_an_order_of_two_customers_and_a_missing_one_are_refused_by_their_row():
    both = {"customer": ["a", "b"], "order": [1, 1], "time": [DAY, DAY], "amount": [1.0, 1.0]}
    with pytest.raises(InvalidDataError, match="two customers"):
        buying_behaviour(both)
    with pytest.raises(InvalidDataError, match="row 1"):
        buying_behaviour({**both, "customer": ["a", None]})
