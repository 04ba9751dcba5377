"""PySpark groups a log to the integers of pandas, in a session whose zone is not UTC."""

import datetime as dt
import os

import numpy as np
import pandas as pd
import pytest

from pycrm.clv import purchase_summary
from pycrm.errors import InvalidDataError

pyspark_sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")

ROWS = 24_000
ZONE = "America/New_York"


@pytest.fixture(scope="module")
def session():
    # Local addresses only; the zone of the session is not that of the log.
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    made = (
        pyspark_sql.SparkSession.builder.master("local[1]")
        .config("spark.sql.session.timeZone", ZONE)
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    yield made
    made.stop()


@pytest.fixture(scope="module")
def log():
    # Two years, so both changes of the clock twice, and each second of a local midnight is as likely as any other.
    random = np.random.default_rng(5)
    moment = np.datetime64("2023-01-01", "us") + random.integers(0, 730 * 86_400_000_000, ROWS)
    return pd.DataFrame(
        {"who": random.integers(0, 5_000, ROWS), "at": moment, "cents": random.integers(0, 10_000, ROWS)}
    )


def _spark(session, log, kind):
    """Return the log as Spark holds it: plain Python values, so that pandas' own conversions have no part in it."""
    made = [each.to_pydatetime() for each in log["at"].dt.floor("us")] if kind != "date" else log["at"].dt.date
    rows = list(zip(log["who"].tolist(), list(made), log["cents"].tolist(), strict=True))
    return session.createDataFrame(rows, schema=f"who bigint, at {kind}, cents bigint")


def _same(theirs, ours):
    assert isinstance(theirs, pd.DataFrame)
    pd.testing.assert_frame_equal(theirs, ours, check_exact=True, check_dtype=False)
    assert theirs.attrs == ours.attrs


@pytest.fixture(scope="module")
def aware(session, log):
    """Return the same moments as pandas and as Spark hold them."""
    stamped = log.assign(at=log["at"].dt.tz_localize("UTC"))
    return stamped, _spark(session, stamped, "timestamp")


@pytest.mark.parametrize("zone", [ZONE, "UTC", "Asia/Kolkata"])
def test_moments_fall_on_the_days_of_the_zone_asked_for_not_of_the_session(aware, zone):
    stamped, spark = aware
    asked = {"customer": "who", "time": "at", "amount": "cents", "time_zone": zone}
    _same(purchase_summary(spark, **asked), purchase_summary(stamped, **asked))


@pytest.mark.parametrize("grain", ["week", "month"])
def test_every_grain_is_that_of_pandas(aware, grain):
    stamped, spark = aware
    asked = {"customer": "who", "time": "at", "time_zone": ZONE, "grain": grain, "week_start": "sunday"}
    _same(purchase_summary(spark, **asked), purchase_summary(stamped, **asked))


@pytest.mark.parametrize("grain", ["day", "instant"])
def test_two_hundred_thousand_orders_give_the_integers_of_pandas(session, grain):
    # Made by the same arithmetic on both sides: what narwhals got wrong on an engine showed from 100,000 rows on only.
    row = np.arange(200_000, dtype=np.int64)
    moment = 1_672_531_200_000_000 + row * 7_919_113_337 % (730 * 86_400_000_000)
    log = {"who": row * 48_271 % 40_009, "at": moment.astype("M8[us]"), "cents": row * 16_807 % 9_973}
    ours = pd.DataFrame(log).assign(at=lambda frame: frame["at"].dt.tz_localize("UTC"))
    spark = session.range(row.size).selectExpr(
        "id * 48271 % 40009 as who",
        "timestamp_micros(1672531200000000 + id * 7919113337 % (730L * 86400000000L)) as at",
        "id * 16807 % 9973 as cents",
    )
    asked = {"customer": "who", "time": "at", "amount": "cents", "time_zone": "Asia/Kolkata", "grain": grain}
    _same(purchase_summary(spark, **asked), purchase_summary(ours, **asked))


def test_an_end_counts_as_the_last_local_day(aware):
    stamped, spark = aware
    asked = {"customer": "who", "time": "at", "amount": "cents", "time_zone": ZONE, "end": "2024-03-09"}
    _same(purchase_summary(spark, **asked), purchase_summary(stamped, **asked))


def test_times_without_a_zone_are_not_moved_by_that_of_the_session(session, log):
    spark = _spark(session, log, "timestamp_ntz")
    asked = {"customer": "who", "time": "at", "amount": "cents"}
    _same(purchase_summary(spark, **asked), purchase_summary(log, **asked))


def test_dates_and_gaps_are_those_of_pandas(session, log):
    spark = _spark(session, log, "date")
    asked = {"customer": "who", "time": "at", "amount": "cents", "gaps": True}
    found, ours = purchase_summary(spark, **asked), purchase_summary(log, **asked)
    _same(found.drop(columns="log_gaps"), ours.drop(columns="log_gaps"))
    np.testing.assert_allclose(found["log_gaps"], ours["log_gaps"], rtol=1e-12, atol=1e-12)


def test_refunds_are_netted_as_pandas_does(session, log):
    moved = log.assign(cents=log["cents"] - 500)
    spark = _spark(session, moved, "timestamp_ntz")
    for refunds in ("net", "drop"):
        asked = {"customer": "who", "time": "at", "amount": "cents", "refunds": refunds}
        _same(purchase_summary(spark, **asked), purchase_summary(moved, **asked))


def test_a_missing_customer_is_refused_by_its_column(session):
    rows = [(1, dt.datetime(2024, 1, 1), 5), (None, dt.datetime(2024, 1, 2), 5)]
    spark = session.createDataFrame(rows, schema="who bigint, at timestamp_ntz, cents bigint")
    with pytest.raises(InvalidDataError, match="who"):
        purchase_summary(spark, customer="who", time="at")
