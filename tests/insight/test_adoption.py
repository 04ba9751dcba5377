"""Adoption of recommendations and efficiency of processes."""

import numpy as np
import pytest

from pycrm.errors import InvalidDataError
from pycrm.fit import proportion_interval
from pycrm.insight import adoption, process_efficiency


def test_adoption_counts_only_what_a_person_decided():
    rows = {
        "followed": [1.0, 1.0, 0.0, None, 1.0, None],
        "explained": [1, 1, 1, 0, 1, 1],
        "actor": ["ana", "ana", "ana", "bob", "bob", "eve"],
    }
    every, ana, bob, eve = adoption(rows, by="actor")
    assert (every.recommendations, every.decided, every.followed) == (6, 4, 0.75)
    assert every.interval == tuple(map(float, proportion_interval(3, 4)))
    assert (ana.followed, bob.followed, ana.explained, bob.explained) == (2 / 3, 1.0, 1.0, 0.5)
    assert np.isnan(eve.followed)
    assert np.isnan(eve.interval[0])
    assert adoption({"followed": [], "explained": []})[0].recommendations == 0


def test_a_flag_that_is_none_is_refused():
    with pytest.raises(InvalidDataError, match="1 or 0, or nothing"):
        adoption({"followed": [2.0], "explained": [1]})
    with pytest.raises(InvalidDataError, match="explained"):
        adoption({"followed": [1.0], "explained": [None]})


def test_efficiency_is_one_where_everything_ends_in_time_at_the_first_touch():
    perfect = process_efficiency({"days": [1.0, 2.0], "promised": [2, 2], "touches": [1, 1]})
    assert (perfect.index, perfect.median_days, perfect.done) == (1.0, 1.5, 2)
    late = process_efficiency({"days": [1.0, 3.0, None, 1.0], "promised": [2] * 4, "touches": [1, 2, 5, 1]})
    assert late.index == pytest.approx((3 / 4 * 2 / 3 * 2 / 3) ** (1 / 3))
    open_ = process_efficiency({"days": np.array([np.nan]), "promised": [2], "touches": [1]})
    assert (open_.cases, open_.done) == (1, 0)
    assert np.isnan(open_.index)


@pytest.mark.parametrize("days", [-1.0, np.inf])
def test_days_that_are_none_are_refused(days):
    with pytest.raises(InvalidDataError, match="days"):
        process_efficiency({"days": [days], "promised": [2], "touches": [1]})
