"""RFM scores: the published cut points and champions, one answer for every order of rows and kind of frame, loud on bad rows."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError, NotEstimableError
from pycrm.segmentation import RfmEdges, rfm_edges, rfm_scores

NEW_YEAR = dt.date(2024, 12, 31)
COLUMNS = {"customer": "customer_id", "time": "order_date", "amount": "revenue"}


def orders(rows):
    return pd.DataFrame(rows, columns=["customer", "time", "amount"]).assign(
        time=lambda frame: pd.to_datetime(frame.time)
    )


@pytest.fixture(scope="module")
def published(data_dir):
    return pd.read_csv(data_dir / "rfm_orders.csv", parse_dates=["order_date"])


@pytest.fixture(scope="module")
def retail(data_dir):
    lines = pd.read_csv(data_dir / "online_retail.csv.gz", parse_dates=["InvoiceDate"], dtype={"InvoiceNo": str})
    sold = (
        lines.CustomerID.notna() & (lines.Quantity > 0) & (lines.UnitPrice > 0) & ~lines.InvoiceNo.str.startswith("C")
    )
    return lines[sold].assign(amount=lambda frame: frame.Quantity * frame.UnitPrice)


def all_high(scores):
    return scores[(scores.r >= 4) & (scores.f >= 4) & (scores.m >= 4)]


def test_the_quintile_edges_of_the_r_package(published):
    edges = rfm_edges(published, as_of=dt.date(2006, 12, 31), **COLUMNS)
    assert edges.recency == pytest.approx((114, 180, 296.4, 481), abs=1e-9)
    assert edges.frequency == (3, 4, 5, 7)
    assert edges.monetary == pytest.approx((254.8, 381, 505.4, 665), abs=1e-9)


@pytest.mark.parametrize(
    ("rule", "customers", "count", "revenue"),
    [("r-rfm", 158, 1_234, 120_178), ("value-edges", 159, 1_240, 120_684)],
)
def test_the_customers_high_on_all_three_scores(published, rule, customers, count, revenue):
    best = all_high(rfm_scores(published, as_of=dt.date(2006, 12, 31), rule=rule, **COLUMNS))
    assert (len(best), best.frequency.sum(), best.monetary.sum()) == (customers, count, revenue)


def test_order_lines_count_as_one_order_each_invoice(retail):
    moment = retail.InvoiceDate.max() + dt.timedelta(days=1)
    lines = {"customer": "CustomerID", "time": "InvoiceDate", "order": "InvoiceNo"}
    scores = rfm_scores(retail, as_of=moment, **lines)
    edges = rfm_edges(retail, as_of=moment, **lines)
    assert (len(retail), len(scores), scores.frequency.sum()) == (397_884, 4_338, 18_532)
    assert scores.monetary.sum() == pytest.approx(8_911_407.904, abs=5e-4)
    assert edges.recency == pytest.approx((13.4, 33, 72, 179), abs=0.05)
    assert edges.frequency == (1, 2, 3, 6)
    assert edges.monetary == pytest.approx((250.19, 490.10, 942.28, 2_058.43), abs=0.005)
    assert (scores.frequency == 1).mean() == pytest.approx(0.344, abs=5e-4)


def test_a_date_counts_calendar_days_and_a_datetime_whole_days_elapsed():
    rows = orders([("ann", "2024-12-30 18:00", 1.0), ("bob", "2024-12-31 18:00", 1.0)])
    assert rfm_scores(rows, as_of=NEW_YEAR).recency.tolist() == [1, 0]
    noon = rfm_scores(rows, as_of=dt.datetime(2024, 12, 31, 12))
    assert (noon.customer.tolist(), noon.recency.tolist()) == (["ann"], [0])


histories = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.dates(dt.date(2023, 1, 1), dt.date(2025, 6, 30)),
        st.integers(-5_000, 100_000).map(lambda cents: cents / 100),
    ),
    min_size=1,
    max_size=40,
)


@given(histories, st.randoms(use_true_random=False))
@example([(0, dt.date(2024, 1, 1), 0.1), (1, dt.date(2024, 1, 1), 0.1)], __import__("random").Random(0))
def test_the_order_of_rows_changes_nothing(rows, random):
    rows = [*rows, (0, dt.date(2024, 1, 1), 1.0)]
    shuffled = random.sample(rows, len(rows))
    pd.testing.assert_frame_equal(
        rfm_scores(orders(rows), as_of=NEW_YEAR), rfm_scores(orders(shuffled), as_of=NEW_YEAR), check_exact=True
    )


@given(histories, st.integers(2, 6))
def test_a_better_value_never_scores_lower_and_equal_values_score_the_same(rows, bins):
    scores = rfm_scores(orders([*rows, (0, dt.date(2024, 1, 1), 1.0)]), as_of=NEW_YEAR, bins=bins)
    for value, score, sign in (("recency", "r", -1), ("frequency", "f", 1), ("monetary", "m", 1)):
        ordered = scores.assign(value=sign * scores[value]).sort_values("value")
        assert (np.diff(ordered[score]) >= 0).all()
        assert ordered[["value", score]].drop_duplicates().value.is_unique
        assert scores[score].between(1, bins).all()


@given(histories)
def test_what_comes_after_the_snapshot_leaves_no_trace(rows):
    rows = [*rows, (0, dt.date(2024, 1, 1), 1.0)]
    known = [row for row in rows if row[1] <= NEW_YEAR]
    pd.testing.assert_frame_equal(
        rfm_scores(orders(rows), as_of=NEW_YEAR), rfm_scores(orders(known), as_of=NEW_YEAR), check_exact=True
    )


@given(histories)
def test_the_edges_are_the_type_7_quantiles_of_numpy(rows):
    rows = [*rows, (0, dt.date(2024, 1, 1), 1.0)]
    scores, edges = rfm_scores(orders(rows), as_of=NEW_YEAR), rfm_edges(orders(rows), as_of=NEW_YEAR)
    for value in ("recency", "frequency", "monetary"):
        expected = np.quantile(scores[value], [0.2, 0.4, 0.6, 0.8])
        assert getattr(edges, value) == pytest.approx(tuple(expected), rel=1e-12, abs=1e-9)


def test_kept_edges_score_a_later_date_on_the_same_scale():
    rows = orders([("ann", "2024-01-01", 5.0), ("bob", "2024-06-01", 50.0), ("cia", "2024-12-01", 500.0)])
    edges = rfm_edges(rows, as_of=dt.date(2024, 12, 31), bins=3)
    later = rfm_scores(rows[rows.customer != "cia"], as_of=NEW_YEAR, edges=edges)
    assert later[["r", "f", "m"]].to_numpy().tolist() == [[1, 1, 1], [2, 1, 2]]


def test_weights_add_the_weighted_mean_of_the_three_scores():
    rows = orders([("ann", "2024-01-01", 5.0), ("bob", "2024-06-01", 50.0)])
    scores = rfm_scores(rows, as_of=NEW_YEAR, bins=2, weights=(2, 1, 1))
    assert scores.rfm.tolist() == [(2 * r + f + m) / 4 for r, f, m in scores[["r", "f", "m"]].to_numpy()]


def test_customers_who_are_all_alike_share_one_cell():
    rows = orders([(name, "2024-06-01", 7.5) for name in "abcdef"])
    assert rfm_scores(rows, as_of=NEW_YEAR)[["r", "f", "m"]].drop_duplicates().to_numpy().tolist() == [[5, 1, 1]]


def test_polars_in_polars_out_with_the_same_integers():
    rows = orders(
        [(index % 37, f"2024-{index % 12 + 1:02}-0{index % 9 + 1}", (index * 7 % 1_000) / 7) for index in range(900)]
    )
    ours = rfm_scores(pl.from_pandas(rows), as_of=NEW_YEAR)
    assert isinstance(ours, pl.DataFrame)
    pd.testing.assert_frame_equal(ours.to_pandas(), rfm_scores(rows, as_of=NEW_YEAR), check_exact=True)


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        (("ann", "2024-01-02", float("nan")), "amount", "finite"),
        (("ann", "2024-01-02", float("inf")), "amount", "finite"),
        (("ann", None, 1.0), "time", "date"),
        ((None, "2024-01-02", 1.0), "customer", "drop"),
        (("ann", "2024-01-02", 1e13), "amount", "4e12"),
    ],
)
def test_a_bad_row_is_named(row, column, says):
    rows = orders([("bob", "2024-01-01", 1.5), row])
    with pytest.raises(InvalidDataError, match=says) as caught:
        rfm_scores(rows, as_of=NEW_YEAR)
    assert (caught.value.column, caught.value.row) == (column, 1)


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumnError, match="spend"):
        rfm_scores(orders([("ann", "2024-01-01", 1.0)]), as_of=NEW_YEAR, amount="spend")


def test_no_order_before_the_snapshot_has_no_quantiles_but_fixed_edges_give_an_empty_answer():
    rows = orders([("ann", "2025-01-01", 1.0)])
    with pytest.raises(NotEstimableError, match="as_of"):
        rfm_scores(rows, as_of=NEW_YEAR)
    edges = RfmEdges(recency=(1,), frequency=(1,), monetary=(1,))
    assert len(rfm_scores(rows, as_of=NEW_YEAR, edges=edges)) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"as_of": "2024-12-31"},
        {"as_of": dt.datetime(2024, 12, 31, tzinfo=dt.UTC)},
        {"as_of": pd.NaT},
        {"bins": 1},
        {"bins": 2.5},
        {"rule": "quantile"},
        {"weights": (0, 0, 0)},
        {"weights": (1, 2)},
    ],
)
def test_an_option_out_of_range_is_refused(changes):
    with pytest.raises(InvalidValueError):
        rfm_scores(orders([("ann", "2024-01-01", 1.0)]), **{"as_of": NEW_YEAR, **changes})


@pytest.mark.parametrize("edges", [(), (2, 1), (1, float("nan"))])
def test_edges_out_of_order_are_refused(edges):
    with pytest.raises(InvalidValueError, match="monetary"):
        RfmEdges(recency=(1, 2), frequency=(1, 2), monetary=edges)
