"""How sales go: stays, funnels, pace and forecast, against numbers counted by hand and against one deal at a time."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.insight import sales_forecast, sales_funnel, sales_pace, stage_stays, stage_survival

DAY = np.timedelta64(1, "D")
START = np.datetime64("2026-01-01", "us")
STAGES = ["talking", "quoted", "signed", "lost"]

steps = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(STAGES), st.integers(0, 60)), max_size=40)


def columns(rows):
    """One row a step; no deal makes two steps on one day."""
    once = {(deal, day): stage for deal, stage, day in rows}
    made = sorted((deal, day, stage) for (deal, day), stage in once.items())
    deals = np.asarray([deal for deal, _, _ in made], dtype=np.int64)
    at = START + np.asarray([day for _, day, _ in made], dtype=np.int64) * DAY
    return deals, np.asarray([stage for _, _, stage in made], dtype=np.str_), at


@settings(max_examples=60, deadline=None)
@given(steps, st.randoms(use_true_random=False))
def test_the_stays_of_a_deal_fill_its_time_and_the_order_of_rows_does_not_matter(rows, random):
    deals, stages, at = columns(rows)
    mixed = list(range(len(deals)))
    random.shuffle(mixed)
    order = np.asarray(mixed, dtype=np.int64)
    now = START + 90 * DAY
    stays = stage_stays(deals[order], stages[order], at[order], as_of=now)
    assert (stays.days >= 0).all()
    assert (stays.stage == stages[order][stays.place]).all()
    for deal in np.unique(deals):
        mine = deals[order][stays.place] == deal
        assert stays.days[mine].sum() == pytest.approx((now - at[deals == deal].min()) / DAY)
        assert (~stays.ended[mine]).sum() == 1
    for stage in set(stages.tolist()):
        here = stays.stage == stage
        found = stage_survival(stage, deals, stages, at, as_of=now)
        assert (found.stays, found.left.sum()) == (here.sum(), (here & stays.ended).sum())


def test_what_happens_after_now_is_not_known_yet():
    deals, stages, at = columns([(1, "talking", 0), (1, "quoted", 30)])
    stays = stage_stays(deals, stages, at, as_of=START + 10 * DAY)
    assert (stays.stage.tolist(), stays.days.tolist(), stays.ended.tolist()) == (["talking"], [10.0], [False])
    assert stage_stays([], [], np.asarray([], dtype="datetime64[us]"), as_of=START).days.tolist() == []


@settings(max_examples=60, deadline=None)
@given(steps)
def test_a_funnel_only_narrows_and_counts_the_furthest_stage_of_each_deal(rows):
    deals, stages, _ = columns(rows)
    names = STAGES[:3]
    found = sales_funnel(deals, stages, stages=names)
    furthest = {}
    for deal, stage in zip(deals.tolist(), stages.tolist(), strict=True):
        if stage in names:
            furthest[deal] = max(furthest.get(deal, -1), names.index(stage))
    assert found.reached.tolist() == [sum(one >= place for one in furthest.values()) for place in range(3)]
    assert (np.diff(found.reached) <= 0).all()
    rates = found.rates
    assert np.isnan(rates[found.reached[:-1] == 0]).all()
    if found.reached[1]:
        low, high = found.interval()
        assert ((low <= rates) & (rates <= high)).all()
    else:
        with pytest.raises(NotEstimableError, match="nobody reached"):
            found.interval()


@pytest.mark.parametrize("names", [["talking"], ["talking", "talking"]])
def test_a_funnel_has_two_stages_at_least_and_each_once(names):
    with pytest.raises(InvalidValueError, match="at least two stages"):
        sales_funnel([1], ["talking"], stages=names)
    with pytest.raises(InvalidDataError, match="one per step"):
        sales_funnel([1, 2], ["talking"], stages=["talking", "won"])


def test_velocity_is_deals_times_win_rate_times_amount_by_cycle():
    # 4 open, 2 of 4 decided won, at 300 each on average, in 30 days: 4 x 0.5 x 300 / 30 = 20 a day.
    opened = START + np.asarray([0, 0, 0, 0, 5, 5, 5, 5]) * DAY
    closed = np.asarray([*(START + np.asarray([20, 40, 9, 9]) * DAY), *[np.datetime64("NaT", "us")] * 4])
    won = [True, True, False, False, False, False, False, False]
    pace = sales_pace(opened, closed, won, [200, 400, 9, 9, 1, 1, 1, 1], start=START, end=START + 60 * DAY)
    assert (pace.open, pace.won, pace.lost) == (4, 2, 2)
    assert (pace.cycle_days, pace.median_cycle_days, pace.amount, pace.velocity) == (30.0, 30.0, 300.0, 20.0)
    low, high = pace.win_interval()
    assert (round(low, 4), round(high, 4)) == (0.15, 0.85)  # Wilson, 2 of 4
    early = sales_pace(opened, closed, won, np.ones(8), start=START, end=START + 10 * DAY)
    assert (early.open, early.won, early.lost, early.win_rate, early.velocity) == (6, 0, 2, 0.0, None)


def test_nothing_decided_has_no_rate():
    pace = sales_pace(
        np.asarray([], dtype="datetime64[us]"),
        [],
        [],
        [],
        start="2026-01-01",
        end=dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
    )
    assert (pace.open, pace.win_rate, pace.cycle_days, pace.velocity) == (0, None, None, None)
    with pytest.raises(NotEstimableError, match="no deal was won or lost"):
        pace.win_interval()
    same = sales_pace([START], [START], [True], [5], start=START, end=START + DAY)
    assert (same.cycle_days, same.velocity) == (0.0, None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"closed": [START - DAY]}, "column 'closed', row 0"),
        ({"opened": [np.datetime64("NaT", "us")]}, "column 'closed', row 0"),
        ({"amount": [np.nan]}, "column 'amount', row 0"),
        ({"amount": [1, 2]}, "one per deal"),
        ({"end": START}, "ends after its start"),
    ],
)
def test_deals_that_cannot_be_are_named(fields, words):
    held = {
        "opened": [START],
        "closed": [START],
        "won": [True],
        "amount": [1],
        "start": START,
        "end": START + DAY,
    } | fields
    times = {"start": held.pop("start"), "end": held.pop("end")}
    with pytest.raises((InvalidDataError, InvalidValueError), match=words):
        sales_pace(*held.values(), **times)


deals = st.lists(
    st.tuples(st.integers(0, 10**6), st.floats(0, 1), st.none() | st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31))),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(deals, st.sampled_from(["week", "month", "quarter", "year"]))
def test_a_forecast_leaves_no_deal_out_and_counts_none_twice(rows, step):
    amount, chance, close = ([row[place] for row in rows] for place in range(3))
    today = dt.date(2026, 5, 1)
    found = sales_forecast(amount, chance, close, as_of=today, step=step)
    assert found.total == pytest.approx(sum(a * p for a, p in zip(amount, chance, strict=True)))
    assert found.deals.sum() + found.overdue[0] + found.undated[0] == len(rows)
    assert found.amount.sum() + found.overdue[1] + found.undated[1] == pytest.approx(sum(amount))
    assert found.overdue[0] == sum(day is not None and day < today for day in close)
    assert found.undated[0] == close.count(None)
    assert found.periods == tuple(sorted(set(found.periods)))
    if found.periods:
        assert found.periods[0] <= today
    spread = np.sqrt(sum(a * a * p * (1 - p) for a, p, day in rows if day is not None and day >= today))
    assert np.sqrt((found.standard_error**2).sum()) == pytest.approx(spread)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (([-1], [0.5], [None]), "column 'amount', row 0"),
        (([np.inf], [0.5], [None]), "column 'amount', row 0"),
        (([1, 1], [0.5, 1.5], [None, None]), "column 'probability', row 1"),
        (([1], [np.nan], [None]), "column 'probability', row 0"),
        (([1], [0.5, 0.5], [None]), "one per deal"),
    ],
)
def test_a_forecast_refuses_what_is_no_amount_or_chance(columns, words):
    with pytest.raises(InvalidDataError, match=words):
        sales_forecast(*columns, as_of=dt.date(2026, 5, 1))
