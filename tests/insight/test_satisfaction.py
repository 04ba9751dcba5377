"""Satisfaction: published scores and weights come out, and answers that are none are refused."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.insight import customer_effort, customer_satisfaction, drivers, net_promoter_score

# Motor Trend (1974) road tests, as in R's mtcars.
MPG = [
    21.0,
    21.0,
    22.8,
    21.4,
    18.7,
    18.1,
    14.3,
    24.4,
    22.8,
    19.2,
    17.8,
    16.4,
    17.3,
    15.2,
    10.4,
    10.4,
    14.7,
    32.4,
    30.4,
    33.9,
]
MPG += [21.5, 15.5, 15.2, 13.3, 19.2, 27.3, 26.0, 30.4, 15.8, 19.7, 15.0, 21.4]
CYL = [6, 6, 4, 6, 8, 6, 8, 4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 4, 4, 4, 4, 8, 8, 8, 8, 4, 4, 4, 8, 6, 8, 4]
DISP = [
    160,
    160,
    108,
    258,
    360,
    225,
    360,
    146.7,
    140.8,
    167.6,
    167.6,
    275.8,
    275.8,
    275.8,
    472,
    460,
    440,
    78.7,
    75.7,
    71.1,
]
DISP += [120.1, 318, 304, 350, 400, 79, 120.3, 95.1, 351, 145, 301, 121]
HP = [
    110,
    110,
    93,
    110,
    175,
    105,
    245,
    62,
    95,
    123,
    123,
    180,
    180,
    180,
    205,
    215,
    230,
    66,
    52,
    65,
    97,
    150,
    150,
    245,
    175,
    66,
]
HP += [91, 113, 264, 175, 335, 109]
WT = [
    2.62,
    2.875,
    2.32,
    3.215,
    3.44,
    3.46,
    3.57,
    3.19,
    3.15,
    3.44,
    3.44,
    4.07,
    3.73,
    3.78,
    5.25,
    5.424,
    5.345,
    2.2,
    1.615,
]
WT += [1.835, 2.465, 3.52, 3.435, 3.84, 3.845, 1.935, 2.14, 1.513, 3.17, 2.77, 3.57, 2.78]
CARS = {"cyl": CYL, "disp": DISP, "hp": HP, "wt": WT}


@pytest.mark.parametrize(
    "method, published",
    [
        ("johnson", [0.2096904, 0.1883043, 0.1799590, 0.2706812]),  # R iopsych, relWt
        ("lmg", [0.21570939, 0.20069837, 0.17007695, 0.26215009]),  # R relaimpo, calc.relimp
    ],
)
def test_the_weights_of_the_cars_are_the_published_ones(method, published):
    found = drivers(CARS, MPG, method=method, replicates=20)
    assert found.importance == pytest.approx(published, abs=6e-8)
    assert found.r_squared == pytest.approx(0.8486348, abs=6e-8)
    assert (found.method, found.n) == (method, 32)
    assert np.all(found.lower <= found.upper)


def test_uncorrelated_drivers_get_their_squared_correlations_by_either_way():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(np.column_stack([np.ones(200), rng.normal(size=(200, 3))]))
    y = q[:, 1:] @ [3.0, 2.0, 1.0] + 0.1 * rng.normal(size=200)
    table = {f"d{k}": q[:, k + 1] for k in range(3)}
    squared = [np.corrcoef(column, y)[0, 1] ** 2 for column in table.values()]
    for method in ("lmg", "johnson"):
        assert drivers(table, y, method=method, replicates=20).importance == pytest.approx(squared, abs=1e-9)


def test_many_drivers_take_the_quick_way_unless_told_and_a_grid_says_what_to_do():
    rng = np.random.default_rng(0)
    table = {f"d{k}": rng.normal(k, 1, 400) for k in range(10)}
    y = 3 * table["d0"] + 3 * table["d9"] + rng.normal(size=400)
    found = drivers(table, y, replicates=20)
    assert found.method == "johnson"
    assert found.quadrants()[0] == "concentrate"
    assert found.quadrants()[9] == "keep up"
    assert found.quadrants()[1] == "low priority"
    assert found.quadrants()[8] == "overkill"
    assert drivers(table, y, method="lmg", replicates=20).importance == pytest.approx(found.importance, abs=0.02)


def test_the_worked_score_is_35_with_its_interval():
    score = net_promoter_score([9] * 60 + [10] * 40 + [7] * 30 + [8] * 40 + [0] * 10 + [6] * 20, asked=400)
    assert (score.estimate, score.n, score.response_rate) == (35.0, 200, 0.5)
    assert score.standard_error == pytest.approx(5.136, abs=5e-4)
    assert score.interval == pytest.approx((24.93, 45.07), abs=5e-3)


def test_few_answers_are_better_served_by_the_adjusted_interval():
    rng = np.random.default_rng(0)
    covered = {False: 0, True: 0}
    for _ in range(2_000):
        answers = rng.choice([10, 8, 3], 10, p=[0.7, 0.2, 0.1])
        for adjusted in covered:
            low, high = net_promoter_score(answers, adjusted=adjusted).interval
            covered[adjusted] += low <= 60.0 <= high
    assert covered[True] / 2_000 > 0.93
    assert covered[True] > covered[False]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=50))
@example([5])
@example([1, 1])
def test_scores_stay_in_their_range_and_inside_their_interval(answers):
    satisfied = customer_satisfaction(answers)
    promoted = net_promoter_score([2 * answer for answer in answers], adjusted=True)
    assert 0 <= satisfied.interval[0] <= satisfied.estimate + 1e-9
    assert satisfied.estimate - 1e-9 <= satisfied.interval[1] <= 100 + 1e-9
    assert -100 <= promoted.interval[0] <= promoted.interval[1] <= 100


def test_the_share_of_the_satisfied_has_wilsons_interval():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    found = customer_satisfaction([5] * 30 + [4] * 20 + [2] * 13)
    peer = proportion.proportion_confint(50, 63, method="wilson")
    assert np.array(found.interval) / 100 == pytest.approx(peer, abs=1e-12)


def test_the_effort_is_a_mean_with_its_t_interval():
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    answers = [7, 6, 5, 7, 4, 6, 1]
    found = customer_effort(answers)
    assert found.interval == pytest.approx(weightstats.DescrStatsW(answers).tconfint_mean(), abs=1e-12)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: net_promoter_score([]), NotEstimableError, "no answers"),
        (lambda: net_promoter_score([11]), InvalidDataError, r"row 0: 11.0.*from 0 to 10"),
        (lambda: net_promoter_score([9, 9.5]), InvalidDataError, r"row 1.*whole number"),
        (lambda: net_promoter_score([9, np.nan]), InvalidDataError, "row 1"),
        (lambda: net_promoter_score(["good"]), InvalidDataError, "row 0"),
        (lambda: net_promoter_score([[9]]), InvalidDataError, "one answer per row"),
        (lambda: net_promoter_score([9, 9], asked=1), InvalidValueError, "everybody who was asked"),
        (lambda: net_promoter_score([9], confidence=95), InvalidValueError, "confidence"),
        (lambda: customer_satisfaction([0]), InvalidDataError, "from 1 to 5"),
        (lambda: customer_satisfaction([5], top=5), InvalidValueError, "top"),
        (lambda: customer_effort([7]), NotEstimableError, "two answers"),
        (lambda: customer_effort([7, 7]), NotEstimableError, "differ"),
        (lambda: drivers({}, []), NotEstimableError, "no columns"),
        (lambda: drivers(CARS, MPG[:-1]), InvalidDataError, "one per row: 32"),
        (lambda: drivers(CARS, [1.0] * 32), NotEstimableError, "'outcome' does not vary"),
        (lambda: drivers({**CARS, "same": [1] * 32}, MPG), NotEstimableError, "'same' does not vary"),
        (lambda: drivers({**CARS, "twice": np.array(HP) * 2}, MPG), NotEstimableError, "sum of others"),
        (lambda: drivers({**CARS, "hp": [np.nan, *HP[1:]]}, MPG), InvalidDataError, "'hp', row 0"),
        (lambda: drivers({"hp": HP[:2]}, MPG[:2]), NotEstimableError, "too few"),
        (lambda: drivers(CARS, MPG, method="pratt"), InvalidValueError, "lmg"),
        (lambda: drivers(CARS, MPG, replicates=2), InvalidValueError, "at least 20"),
        (lambda: drivers({f"d{k}": HP for k in range(16)}, MPG, method="lmg"), InvalidValueError, "use 'johnson'"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
