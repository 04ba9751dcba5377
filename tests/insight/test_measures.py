"""Attract, retain, satisfy: each period's measures are those of its own rows."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.insight import customer_flow, period_measures

DAY = dt.date(2024, 1, 1)
DAYS = [DAY, dt.date(2024, 1, 20), dt.date(2024, 2, 3), dt.date(2024, 3, 9)]
ORDERS = {"customer": ["ann", "bob", "ann", "cia"], "time": DAYS}
END = dt.date(2024, 3, 31)


@pytest.mark.parametrize("step", ["week", "month", "quarter", "year"])
def test_the_flow_is_that_of_customer_flow_and_every_answer_within_counts_once(step):
    end = dt.date(2024, 12, 31)
    said = {"time": [*DAYS, DAY], "satisfied": [1, 0, 1, 1, 0]}
    found = period_measures(ORDERS, said, as_of=end, step=step)
    flow = customer_flow(ORDERS, as_of=end, step=step)
    assert found[list(flow)].equals(flow)
    assert found["answers"].sum() == 5
    assert (found["satisfaction"] * found["answers"]).sum() == pytest.approx(3.0)


def test_a_period_without_answers_has_no_satisfaction_and_answers_beside_the_orders_are_left_out():
    said = {"time": [dt.date(2023, 5, 1), dt.date(2024, 1, 2), dt.date(2024, 1, 3)], "satisfied": [1, 1, 0]}
    found = period_measures(ORDERS, said, as_of=END)
    assert found["answers"].tolist() == [2, 0, 0]
    assert found["satisfaction"][0] == 0.5
    assert np.isnan(found["satisfaction"][1])
    assert period_measures(ORDERS, as_of=END)["answers"].sum() == 0


def test_polars_in_is_polars_out_and_what_is_no_answer_is_refused():
    assert isinstance(period_measures(pl.DataFrame(ORDERS), as_of=END), pl.DataFrame)
    with pytest.raises(InvalidDataError, match="row 0"):
        period_measures(ORDERS, {"time": [DAY], "satisfied": [4]}, as_of=END)
    with pytest.raises(NotEstimableError):
        period_measures({"customer": [], "time": []}, as_of=END)
