"""RFM scores on every engine: the same integers, from a frame large enough that a join could lose the order of rows."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError, NotEstimableError
from pycrm.segmentation import rfm_edges, rfm_scores

AS_OF = dt.date(2024, 12, 31)


def log(rows, customers, seed=0):
    rng = np.random.default_rng(seed)
    day = rng.integers(0, 730, rows)
    return pd.DataFrame(
        {
            "customer": (rng.pareto(1.2, rows) * customers / 20).astype(int) % customers,
            "time": pd.Timestamp("2023-03-01") + pd.to_timedelta(day * 24 + rng.integers(0, 24, rows), unit="h"),
            "amount": rng.integers(-500, 20_000, rows) / 100 + 0.07,
            "order": rng.integers(0, rows // 2, rows),
        }
    )


def to_polars(frame):
    return pytest.importorskip("polars").from_pandas(frame).lazy(), lambda found: found.collect().to_pandas()


def to_duckdb(frame):
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.execute("set timezone = 'America/New_York'")
    return connection.from_df(frame), lambda found: found.df()


def to_pyarrow(frame):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame), lambda found: found


def to_spark(frame):
    pytest.importorskip("pyspark", reason="pyspark is not installed; the Spark path is untested here")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "America/New_York")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    rows = frame.assign(time=[moment.isoformat() for moment in frame.time], customer=frame.customer.astype(int))
    made = session.createDataFrame(rows.to_dict("records"))
    return made.withColumn("time", made.time.cast("timestamp_ntz")), lambda found: pd.DataFrame(
        [row.asDict() for row in found.collect()]
    )


ENGINES = [to_polars, to_duckdb, to_pyarrow, to_spark]


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", [{}, {"order": "order"}, {"rule": "r-rfm", "weights": (2, 1, 1), "bins": 4}])
def test_every_engine_gives_the_integers_of_pandas(engine, options):
    frame = log(3_000, 300)
    made, back = engine(frame)
    ours = back(rfm_scores(made, as_of=AS_OF, **options)).sort_values("customer", ignore_index=True)
    expected = rfm_scores(frame, as_of=AS_OF, **options)
    pd.testing.assert_frame_equal(ours[expected.columns.tolist()], expected, check_dtype=False, check_exact=True)
    options.pop("weights", None)
    assert rfm_edges(made, as_of=AS_OF, **options) == rfm_edges(frame, as_of=AS_OF, **options)


@pytest.mark.parametrize("engine", [to_polars, to_duckdb, to_pyarrow])
def test_a_large_frame_gives_the_integers_of_pandas(engine):
    frame = log(200_000, 30_000, seed=1)
    made, back = engine(frame)
    ours = back(rfm_scores(made, as_of=AS_OF, order="order")).sort_values("customer", ignore_index=True)
    expected = rfm_scores(frame, as_of=AS_OF, order="order")
    pd.testing.assert_frame_equal(ours, expected, check_dtype=False, check_exact=True)


@pytest.mark.parametrize("engine", [to_polars, to_duckdb])
def test_days_are_civil_days_in_every_year(engine):
    days = [
        dt.date(1899, 12, 31),
        dt.date(1969, 12, 31),
        dt.date(1970, 1, 1),
        dt.date(2000, 2, 29),
        dt.date(2100, 3, 1),
    ]
    frame = pd.DataFrame({"customer": range(5), "time": pd.to_datetime(days), "amount": 1.0})
    made, back = engine(frame)
    found = back(rfm_scores(made, as_of=dt.date(2101, 1, 1))).sort_values("customer")
    assert found.recency.tolist() == [(dt.date(2101, 1, 1) - day).days for day in days]


@pytest.mark.parametrize("engine", [to_polars, to_duckdb])
@pytest.mark.parametrize(
    ("column", "value"),
    [("amount", float("nan")), ("amount", float("inf")), ("amount", None), ("time", None), ("customer", None)],
)
def test_bad_rows_are_counted_and_refused(engine, column, value):
    frame = pd.DataFrame({"customer": ["a", "b"], "time": pd.to_datetime(["2024-01-01"] * 2), "amount": [1.5, 2.5]})
    frame[column] = pd.Series([frame[column][0], value], dtype=frame[column].dtype)
    made, _ = engine(frame)
    with pytest.raises(InvalidDataError, match="1 bad rows") as caught:
        rfm_scores(made, as_of=AS_OF)
    assert caught.value.column == column


@pytest.mark.parametrize("engine", [to_polars, to_duckdb])
def test_what_an_engine_cannot_answer_is_refused(engine):
    frame = log(50, 5)
    made, _ = engine(frame)
    with pytest.raises(InvalidValueError, match="date"):
        rfm_scores(made, as_of=dt.datetime(2024, 1, 1))
    with pytest.raises(MissingColumnError, match="spent"):
        rfm_scores(made, as_of=AS_OF, amount="spent")
    with pytest.raises(InvalidDataError, match="parse text"):
        rfm_scores(made, as_of=AS_OF, time="customer")
    with pytest.raises(NotEstimableError, match="as_of"):
        rfm_scores(made, as_of=dt.date(2000, 1, 1))
    aware, _ = engine(frame.assign(time=frame.time.dt.tz_localize("UTC")))
    with pytest.raises(InvalidDataError, match="local dates"):
        rfm_scores(aware, as_of=AS_OF)
