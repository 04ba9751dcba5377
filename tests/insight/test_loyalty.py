"""The loyalty index: three shares of the customers who buy, month by month."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.insight import loyalty_index

DAY = dt.date(2024, 1, 1)
ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 900)), min_size=1, max_size=25)


def dates(rows):
    return np.array([DAY + dt.timedelta(days=day) for _, day in rows], dtype="datetime64[D]")


@given(ROWS, ROWS, st.randoms())
def test_the_index_is_what_counting_customer_by_customer_gives(orders, words, random):
    shuffled = list(orders)
    random.shuffle(shuffled)
    as_of = dt.date(2026, 8, 31)
    found = loyalty_index(
        [who for who, _ in shuffled], dates(shuffled), [who for who, _ in words], dates(words), as_of=as_of
    )
    assert found.months[0] == min(DAY + dt.timedelta(days=day) for _, day in orders).replace(day=1)
    for place, month in enumerate(found.months):
        following = (month.replace(day=28) + dt.timedelta(days=5)).replace(day=1)
        end = (following - DAY).days
        year = [who for who, day in orders if end - 365 <= day < end]
        active = set(year)
        assert found.active[place] == len(active)
        if not active:
            assert np.isnan(found.index[place])
            continue
        repeat = sum(year.count(who) > 1 for who in active)
        tenure = sum(min(day for one, day in orders if one == who) < end - 365 for who in active)
        spoke = len(active & {who for who, day in words if end - 365 <= day < end})
        assert found.index[place] == pytest.approx(100 * (repeat + tenure + spoke) / 3 / len(active))


def test_weights_say_what_counts_and_what_is_wrong_is_named():
    orders = [("ana", 0), ("bea", 3), ("ana", 9)]
    who = [name for name, _ in orders]
    as_of = DAY + dt.timedelta(days=40)
    assert loyalty_index(who, dates(orders), as_of=as_of, weights=(1, 0, 0)).index.tolist() == [50]
    with pytest.raises(InvalidValueError, match="not all 0"):
        loyalty_index(who, dates(orders), as_of=as_of, weights=(0, 0, 0))
    with pytest.raises(NotEstimableError, match="no month"):
        loyalty_index(who, dates(orders), as_of=DAY)
    with pytest.raises(InvalidDataError, match="3 dates"):
        loyalty_index(who, dates(orders)[:2], as_of=as_of)
    with pytest.raises(InvalidDataError, match="bought_at"):
        loyalty_index(who, np.array(["2024-01-01", "NaT", "2024-01-02"], dtype="datetime64[D]"), as_of=as_of)
