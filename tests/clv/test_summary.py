"""One log, every engine, the same integers; every option against a count by hand; every bad log refused by name."""

import datetime as dt
from collections import defaultdict

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.clv import calibration_holdout, customer_holdout, purchase_summary
from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError
from pycrm.table import visits

ROWS = 200_000


@pytest.fixture(scope="module")
def log():
    random = np.random.default_rng(1)
    moment = np.datetime64("2023-01-01", "us") + random.integers(0, 730 * 86_400_000_000, ROWS)
    return pd.DataFrame(
        {"who": random.integers(0, 40_000, ROWS), "at": moment, "cents": random.integers(0, 10_000, ROWS)}
    )


@pytest.fixture(scope="module")
def session():
    connection = duckdb.connect()
    connection.execute("set timezone = 'America/New_York'")
    return connection


def _engines(log, session):
    session.register("log", log)
    polars = pl.from_pandas(log)
    return {
        "polars": polars,
        "polars lazy": polars.lazy(),
        "pyarrow": pa.Table.from_pandas(log),
        "duckdb": session.sql("select * from log"),
        "mapping": {name: log[name].to_numpy() for name in log},
    }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"grain": "week"},
        {"grain": "week", "week_start": "sunday", "end": "2024-06-27"},
        {"grain": "month", "unit": "month"},
        {"grain": "instant"},
        {"unit": "month", "calendar": True, "end": dt.date(2024, 6, 27)},
        {"grain": "year", "unit": "year"},
    ],
)
def test_every_engine_gives_the_same_numbers(log, session, options):
    ours = purchase_summary(log, customer="who", time="at", amount="cents", **options)
    for name, frame in _engines(log, session).items():
        found = purchase_summary(frame, customer="who", time="at", amount="cents", **options)
        for column in ("who", "frequency", "recency", "age", "mean_value"):
            assert (np.asarray(found[column]) == ours[column].to_numpy()).all(), (name, column)


@pytest.mark.parametrize("grain", ["instant", "day", "week", "month", "year"])
def test_grouping_on_the_engine_gives_what_sorting_in_memory_gives(log, session, grain):
    session.register("log", log)
    arguments = {"key": "who", "time": "at", "value": "cents", "grain": grain, "until": 19_900, "gaps": True}
    here = visits(log, **arguments)
    there = visits(session.sql("select * from log"), gather=0, **arguments)
    for name in ("key", "count", "first", "last", "value"):
        assert (getattr(here, name) == getattr(there, name)).all(), name
    assert there.log_gaps == pytest.approx(here.log_gaps, abs=1e-9)
    assert (here.rows, here.refunds) == (there.rows, there.refunds)


def test_the_zone_that_is_asked_for_decides_the_day_and_not_that_of_the_session(log, session):
    aware = log.assign(at=log["at"].dt.tz_localize("UTC"))
    naive = log.assign(at=aware["at"].dt.tz_convert("Asia/Tokyo").dt.tz_localize(None))
    expected = purchase_summary(naive, customer="who", time="at", amount="cents")
    session.register("aware", aware)
    frames = {
        "pandas": aware,
        "polars": pl.from_pandas(aware),
        "polars lazy": pl.from_pandas(aware).lazy(),
        "duckdb": session.sql("select * from aware"),
        "objects": aware.assign(at=aware["at"].astype(object)),
    }
    for name, frame in frames.items():
        found = purchase_summary(frame, customer="who", time="at", amount="cents", time_zone="Asia/Tokyo")
        assert (np.asarray(found["recency"]) == expected["recency"].to_numpy()).all(), name
    there = visits(session.sql("select * from aware"), key="who", time="at", zone="Asia/Tokyo", gather=0)
    assert (there.last - there.first == np.rint(expected["recency"] * 7)).all()
    with pytest.raises(InvalidDataError, match="time_zone"):
        purchase_summary(session.sql("select * from aware"), customer="who", time="at")


def test_text_keys_give_what_numbers_give(log):
    text = log.assign(who=log["who"].map("{:06d}".format))
    ours = purchase_summary(log, customer="who", time="at", amount="cents")
    for frame in (text, pl.from_pandas(text), pl.from_pandas(text).lazy()):
        found = purchase_summary(frame, customer="who", time="at", amount="cents")
        assert (np.asarray(found["frequency"]) == ours["frequency"].to_numpy()).all()
        assert (np.asarray(found["mean_value"]) == ours["mean_value"].to_numpy()).all()
        assert [int(who) for who in found["who"]] == ours["who"].tolist()


DAYS = st.dates(dt.date(1968, 1, 1), dt.date(2032, 12, 31))
LOGS = st.lists(st.tuples(st.sampled_from("abc"), DAYS, st.integers(0, 500)), min_size=1, max_size=30)


@given(LOGS)
def test_the_summary_is_the_count_by_hand(rows):
    frame = pd.DataFrame(rows, columns=["who", "day", "cents"])
    found = purchase_summary(frame, customer="who", time="day", amount="cents", unit="day").set_index("who")
    spent = defaultdict(lambda: defaultdict(int))
    for who, day, cents in rows:
        spent[who][day] += cents
    last = max(day for _, day, _ in rows)
    for who, days in spent.items():
        first = min(days)
        repeats = [cents for day, cents in days.items() if day > first]
        assert found.loc[who, "frequency"] == len(repeats)
        assert found.loc[who, "recency"] == (max(days) - first).days
        assert found.loc[who, "age"] == (last - first).days
        assert found.loc[who, "mean_value"] == pytest.approx(np.mean(repeats) if repeats else 0.0)


@given(LOGS, st.randoms(use_true_random=False))
def test_the_sequence_of_rows_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    made = [
        purchase_summary(
            pd.DataFrame(some, columns=["who", "day", "cents"]), customer="who", time="day", amount="cents"
        )
        for some in (rows, shuffled)
    ]
    pd.testing.assert_frame_equal(*made)


def test_months_of_the_calendar_are_whole_from_a_day_to_the_same_day():
    log = {"who": [1, 1], "day": np.array(["2024-01-31", "2024-03-31"], dtype="M8[D]")}
    found = purchase_summary(log, customer="who", time="day", unit="month", calendar=True)
    assert found["recency"][0] == pytest.approx(2.0)
    by_length = purchase_summary(log, customer="who", time="day", unit="month")
    assert by_length["recency"][0] == pytest.approx(60 / (365.25 / 12))


def test_weeks_begin_when_they_are_said_to():
    log = {"who": [1, 1], "day": np.array(["2024-01-06", "2024-01-07"], dtype="M8[D]")}  # Saturday, Sunday
    monday = purchase_summary(log, customer="who", time="day", grain="week")
    sunday = purchase_summary(log, customer="who", time="day", grain="week", week_start="sunday")
    assert (monday["frequency"][0], sunday["frequency"][0], sunday["recency"][0]) == (0, 1, 1.0)


def test_refunds_are_refused_dropped_or_deducted():
    log = {
        "who": [1, 1, 1, 1, 2],
        "day": np.array(["2024-01-01", "2024-01-01", "2024-01-08", "2024-01-20", "2024-01-03"], dtype="M8[D]"),
        "paid": [10.0, -3.0, 30.0, -12.0, 5.0],
    }
    with pytest.raises(InvalidDataError, match=r"row 1.*refund"):
        purchase_summary(log, customer="who", time="day", amount="paid")
    dropped = purchase_summary(log, customer="who", time="day", amount="paid", refunds="drop")
    net = purchase_summary(log, customer="who", time="day", amount="paid", refunds="net")
    assert dropped["frequency"].tolist() == net["frequency"].tolist() == [1, 0]
    assert (dropped["mean_value"][0], net["mean_value"][0]) == (30.0, 18.0)
    assert net.attrs["refunds"] == 2


def test_a_pandas_summary_says_its_unit_and_what_was_merged():
    log = {"who": [1, 1, 2], "day": np.array(["2024-01-01"] * 3, dtype="M8[D]")}
    assert purchase_summary(log, customer="who", time="day", unit="month").attrs == {
        "unit": "month",
        "merged": 1,
        "refunds": 0,
    }


def test_later_orders_are_left_out_and_an_end_before_all_of_them_is_refused(cdnow):
    found = purchase_summary(cdnow, customer="customer", time="day", end="1997-09-30")
    assert (len(found), int(found["frequency"].sum())) == (2357, 2457)
    with pytest.raises(InvalidValueError, match="no order"):
        purchase_summary(cdnow, customer="customer", time="day", end="1990-01-01")


def test_the_holdout_counts_what_came_after_the_calibration(cdnow):
    found = calibration_holdout(
        cdnow, customer="customer", time="day", amount="dollars", calibration_end="1997-09-30", end="1998-06-30"
    )
    assert len(found) == 2357
    assert found["holdout_duration"][0] == 39.0
    days = cdnow.drop_duplicates(["customer", "day"])
    assert found["holdout_frequency"].sum() == (days["day"] > "1997-09-30").sum()
    assert found["holdout_value"].sum() == pytest.approx(cdnow.loc[cdnow["day"] > "1997-09-30", "dollars"].sum())


def test_customers_are_held_back_by_chance_alone(log):
    summary = purchase_summary(log, customer="who", time="at")
    kept, held = customer_holdout(summary, share=0.25, random=np.random.default_rng(1))
    assert len(held) == round(0.25 * len(summary))
    assert set(kept["who"]) | set(held["who"]) == set(summary["who"])
    frame = pl.from_pandas(summary)
    assert isinstance(customer_holdout(frame, random=np.random.default_rng(1))[0], pl.DataFrame)
    with pytest.raises(InvalidValueError, match="share"):
        customer_holdout(summary, share=1.0, random=np.random.default_rng(1))


DAY = dt.datetime(2024, 1, 1)
AWARE = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ({"who": [], "day": np.array([], dtype="M8[D]")}, "no rows"),
        ({"who": [1], "time": [DAY]}, "no column|day"),
        ({"who": [1, None], "day": [DAY, DAY]}, "'who', row 1"),
        ({"who": ["a", None], "day": [DAY, DAY]}, "'who', row 1"),
        ({"who": ["a", 1], "day": [DAY, DAY]}, "one type"),
        ({"who": [1, 1], "day": [DAY, None]}, "'day', row 1"),
        ({"who": [1, 1], "day": ["2024-01-01", "01/02/2024"]}, "no format is guessed"),
        ({"who": [1, 1], "day": pd.Series([DAY, AWARE], dtype=object)}, "'day', row 0.*mixes"),
        ({"who": [1], "day": [AWARE]}, "time_zone"),
        ({"who": [1], "day": [DAY], "paid": [np.nan]}, "'paid', row 0"),
        ({"who": [1, 1], "day": [DAY, DAY], "paid": [1.0, np.inf]}, "'paid', row 1"),
        ({"who": [1, 1], "day": [DAY, DAY], "paid": [1.0, -1.0]}, "'paid', row 1"),
        ({"who": [1, 1], "day": [DAY, DAY], "paid": ["1", "x"]}, "'paid', row 1"),
    ],
)
def test_a_bad_log_is_refused_with_its_first_row(log, message):
    with pytest.raises(InvalidDataError, match=message):
        purchase_summary(log, customer="who", time="day", amount="paid" if "paid" in log else None)


@pytest.mark.parametrize("bad", [None, np.nan, np.inf])
def test_the_engine_refuses_what_memory_refuses(session, bad):
    frame = pd.DataFrame({"who": [1, 2], "at": [DAY, DAY], "paid": [1.0, bad]})
    session.register("bad", frame)
    with pytest.raises(InvalidDataError):
        visits(session.sql("select * from bad"), key="who", time="at", value="paid", gather=0)


def test_amounts_of_two_currencies_are_refused():
    log = {"who": [1, 1], "day": [DAY, DAY], "paid": [1.0, 1.0], "money": ["EUR", "USD"]}
    with pytest.raises(InvalidDataError, match="'money', row 1"):
        purchase_summary(log, customer="who", time="day", amount="paid", currency="money")


@pytest.mark.parametrize(
    "options",
    [
        {"unit": "fortnight"},
        {"grain": "hour"},
        {"week_start": "mon"},
        {"refunds": "ignore"},
        {"end": "31/12/2024"},
        {"end": AWARE},
        {"calendar": True},
    ],
)
def test_an_option_that_does_not_exist_is_refused(options):
    with pytest.raises(InvalidValueError, match=next(iter(options))):
        purchase_summary({"who": [1], "day": [DAY]}, customer="who", time="day", **options)


def test_a_column_that_is_the_index_is_found_in_the_message():
    frame = pd.DataFrame({"who": [1], "day": [DAY]}).set_index("who")
    with pytest.raises(MissingColumnError, match="reset_index"):
        purchase_summary(frame, customer="who", time="day")
