"""Steps between stages: the matrix, how long a stage lasts, and who of a cohort is still there."""

import datetime as dt
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.bulk import derive_stages
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.insight import stage_retention, stage_survival, transition_matrix

START = np.datetime64("2026-01-01", "us")
# Freireich et al. (1963), Blood 21, 699: weeks of remission under 6-MP; below 0 where it went on.
REMISSION = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
SHARE = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
ERROR = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]


def steps(lengths, end=100):
    """Return stays that all are seen up to day `end`: who, where to, when."""
    rows = []
    for who, length in enumerate(lengths):
        entered = START + np.timedelta64(int(end - abs(length)) * 86_400, "s")
        rows.append((who, "here", entered))
        if length > 0:
            rows = [*rows[:-1], (who, "here", START), (who, "gone", START + np.timedelta64(length * 86_400, "s"))]
    who, stage, at = zip(*rows, strict=True)
    return np.array(who), np.array(stage), np.array(at)


def test_the_survival_of_the_remissions_in_the_paper():
    found = stage_survival("here", *steps(REMISSION), as_of=START + np.timedelta64(100, "D"))
    assert found.days.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert found.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert found.left.tolist() == [3, 1, 1, 1, 1, 1, 1]
    assert found.share == pytest.approx(SHARE, abs=5e-5)
    assert found.standard_error == pytest.approx(ERROR, abs=5e-5)
    # Log-log limits of the first and the last step, as Stata's `sts list` prints them.
    assert (found.low[0], found.high[0]) == pytest.approx((0.6197, 0.9516), abs=5e-5)
    assert (found.low[-1], found.high[-1]) == pytest.approx((0.1881, 0.6801), abs=5e-5)
    assert found.median == 23
    assert found.at([0, 6, 8, 99]) == pytest.approx([1, SHARE[0], SHARE[1], SHARE[-1]], abs=5e-5)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_where_every_stay_has_ended_the_curve_is_the_share_of_longer_stays(lengths):
    found = stage_survival("here", *steps(lengths), as_of=START + np.timedelta64(100, "D"))
    assert found.share == pytest.approx([np.mean(np.array(lengths) > day) for day in found.days])
    assert (found.low <= found.share + 1e-12).all()
    assert (found.share <= found.high + 1e-12).all()
    assert found.stays == len(lengths)


def test_later_steps_are_not_known_and_skipped_stages_are_no_stays():
    day = START + np.arange(40) * np.timedelta64(1, "D")
    rows = (["a", "a", "a"], ["lead", "customer", "lost"], day[[0, 0, 30]])
    assert stage_survival("customer", *rows, as_of=day[10]).days.tolist() == []
    assert stage_survival("customer", *rows, as_of=day[30]).days.tolist() == [30]
    for stage in ("lead", "nothing"):
        with pytest.raises(NotEstimableError, match="nobody was in"):
            stage_survival(stage, *rows, as_of=day[39])
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        stage_survival("lead", *rows, as_of=day[39], confidence=1)
    with pytest.raises(InvalidDataError, match="3 times"):
        stage_survival("lead", *rows[:2], day[:1], as_of=day[39])


def test_the_matrix_counts_steps_and_its_rows_sum_to_one():
    kinds = ["touch", "identified", "engaged", "purchase", "purchase"]
    at = START + np.arange(10) * np.timedelta64(9, "D")
    found = derive_stages(np.repeat([1, 2], 5), kinds * 2, at, as_of="2027-06-01")
    matrix = transition_matrix(found.from_stage, found.to_stage)
    cells = {
        (before, after): int(matrix.counts[row, column])
        for row, before in enumerate(matrix.before)
        for column, after in enumerate(matrix.after)
        if matrix.counts[row, column]
    }
    assert cells == dict(found.transitions())
    assert matrix.rates.sum(1) == pytest.approx(1)
    low, high = matrix.interval()
    assert ((low <= matrix.rates) & (matrix.rates <= high)).all()
    with pytest.raises(InvalidDataError, match="one per step"):
        transition_matrix(["a"], ["a", "b"])


def test_who_of_a_cohort_is_still_there_and_who_comes_back_counts_again():
    at = np.array(["2026-01-05", "2026-02-10", "2026-03-01", "2026-01-09", "2026-02-20"], dtype="datetime64[us]")
    rows = (["a", "a", "a", "b", "c"], ["fulfilment", "churned", "fulfilment", "fulfilment", "fulfilment"], at)
    found = stage_retention(*rows, as_of=dt.date(2026, 3, 31))
    assert found.cohorts == (dt.date(2026, 1, 1), dt.date(2026, 2, 1))
    assert found.rates[0].tolist() == [1.0, 0.5, 1.0]
    assert found.rates[1, :2].tolist() == [1.0, 1.0]
    assert np.isnan(found.rates[1, 2])
    with pytest.raises(NotEstimableError, match="nobody entered"):
        stage_retention(*rows, as_of=dt.date(2026, 1, 30))


def test_every_stay_that_ended_is_counted_once():
    random = np.random.default_rng(2)
    who = random.integers(0, 2_000, 20_000)
    at = START + random.integers(0, 300 * 86_400, 20_000).astype("timedelta64[s]")
    stage = np.array(["lead", "fulfilment", "churned"])[random.integers(0, 3, 20_000)]
    found = stage_survival("lead", who, stage, at, as_of="2026-12-31")
    lengths = []
    for each in range(2_000):
        mine = np.flatnonzero(who == each)
        mine = mine[np.argsort(at[mine], kind="stable")]
        lengths += [at[two] - at[one] for one, two in pairwise(mine) if stage[one] == "lead"]
    assert found.left.sum() == sum(length > np.timedelta64(0) for length in lengths)
