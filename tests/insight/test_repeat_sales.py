"""Who came back: counted once an order, and only where there was time to."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.insight import repeat_sales

TODAY = dt.date(2026, 5, 1)


def rows(*orders):
    return {
        "customer": [who for who, _, _ in orders],
        "order": [number for _, number, _ in orders],
        "time": [TODAY - dt.timedelta(days=ago) for _, _, ago in orders],
    }


def test_lines_of_one_order_are_one_and_two_orders_of_a_day_are_two():
    found = repeat_sales(rows(("a", 1, 200), ("a", 1, 200), ("b", 2, 200), ("b", 3, 200)), as_of=TODAY)
    assert (found.buyers, found.repeaters, found.newcomers, found.converted) == (2, 1, 2, 1)


@pytest.mark.parametrize(
    ("first", "second", "newcomers", "converted"),
    [(90, 0, 1, 1), (89, 0, 0, 0), (100, 10, 1, 1), (100, 9, 1, 0)],
)
def test_the_window_counts_its_last_day_and_asks_for_all_of_it(first, second, newcomers, converted):
    found = repeat_sales(rows(("a", 1, first), ("a", 2, second)), as_of=TODAY)
    assert (found.repeaters, found.newcomers, found.converted) == (1, newcomers, converted)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9), st.integers(-5, 200)), min_size=1))
def test_it_counts_as_one_counts_by_hand_whatever_the_order_of_the_rows(drawn):
    # An order belongs to one customer.
    lines = [(who, f"{who}{number}", ago) for who, number, ago in drawn]
    there = [line for line in lines if line[2] >= 0]
    if not there:
        with pytest.raises(NotEstimableError):
            repeat_sales(rows(*lines), as_of=TODAY)
        return
    found = repeat_sales(rows(*lines), as_of=TODAY)
    began: dict[str, dict[str, int]] = {}
    for who, number, ago in there:
        held = began.setdefault(who, {})
        held[number] = max(ago, held.get(number, ago))
    firsts = {who: sorted(held.values(), reverse=True) for who, held in began.items()}
    old = [days for days in firsts.values() if days[0] >= 90]
    assert found.buyers == len(firsts)
    assert found.repeaters == sum(len(days) > 1 for days in firsts.values())
    assert found.newcomers == len(old)
    assert found.converted == sum(len(days) > 1 and days[0] - days[1] <= 90 for days in old)
    assert repeat_sales(pd.DataFrame(rows(*reversed(lines))), as_of=TODAY) == found


def test_rates_have_an_interval_and_nothing_is_said_of_nobody():
    found = repeat_sales(rows(("a", 1, 200), ("a", 2, 150), ("b", 3, 200)), as_of=TODAY)
    low, high = found.interval()
    assert found.second_order_rate == found.rate == 0.5
    assert 0 < low < 0.5 < high < 1
    young = repeat_sales(rows(("a", 1, 3)), as_of=TODAY)
    assert young.second_order_rate is None
    with pytest.raises(NotEstimableError, match="90 days back"):
        young.interval()
    with pytest.raises(NotEstimableError, match="nobody has bought"):
        repeat_sales(rows(("a", 1, -1)), as_of=TODAY)
    with pytest.raises(InvalidValueError, match="at least 1 day"):
        repeat_sales(rows(("a", 1, 1)), as_of=TODAY, window=0)
