"""Value: profit by its definition, concentration by its laws, and a grid without holes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.segmentation import concentration, profitability, value_needs_grid

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda found: sum(found) > 1e-3)


def test_profit_margin_share_and_potential_by_hand():
    rows = pd.DataFrame(
        {
            "revenue": [200.0, 0.0],
            "goods": [100.0, 0.0],
            "service": [20.0, 5.0],
            "won": [30.0, 10.0],
            "all": [400.0, 50.0],
        }
    )
    found = profitability(rows, cost_of_goods="goods", cost_to_serve="service", acquisition="won", spending="all")
    assert found.profit.tolist() == [50.0, -15.0]
    assert found.margin[0] == 0.25
    assert np.isnan(found.margin[1])
    assert found.profitable.tolist() == [True, False]
    assert found.share_of_customer.tolist() == [0.5, 0.0]
    assert found.potential.tolist() == [400 * 80 / 200 - 30, -15.0]


@given(values)
def test_the_gini_is_between_0_and_1_and_twice_the_area_between_lorenz_and_the_diagonal(found):
    spread = concentration(found)
    people, share = spread.lorenz()
    assert -1e-9 <= spread.gini < 1
    assert spread.gini == pytest.approx(1 - 2 * np.trapezoid(share, people), abs=1e-9)
    assert (np.diff(share) >= -1e-12).all()


@given(values, st.floats(0, 1))
def test_the_top_never_has_less_than_its_share_and_deciles_sum_to_all(found, share):
    spread = concentration(found)
    assert spread.top_share(share) >= share - 1e-9
    assert spread.top_share(1.0) == pytest.approx(1.0)
    assert spread.deciles().sum() == pytest.approx(sum(found))
    assert (np.diff(spread.deciles()) <= 1e-6 * sum(found)).all()


@given(st.lists(st.floats(-1e3, 1e6), min_size=1, max_size=40).filter(lambda found: sum(found) > 1))
def test_the_whale_curve_peaks_where_customers_begin_to_cost(found):
    share, height = concentration(found).peak
    brought = sum(value for value in found if value > 0)
    assert height == pytest.approx(brought / sum(found))
    assert share <= sum(value >= 0 for value in found) / len(found) + 1e-12


def test_the_top_fifth_of_online_retail(data_dir):
    lines = pd.read_csv(data_dir / "online_retail.csv.gz", dtype={"InvoiceNo": str})
    sold = (
        lines.CustomerID.notna() & (lines.Quantity > 0) & (lines.UnitPrice > 0) & ~lines.InvoiceNo.str.startswith("C")
    )
    spent = (lines.Quantity * lines.UnitPrice)[sold].groupby(lines.CustomerID[sold]).sum()
    assert concentration(spent).top_share(0.2) == pytest.approx(0.746, abs=5e-4)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", None]), st.integers(-9, 9)), min_size=1, max_size=30
    )
)
def test_the_grid_has_every_cell_and_every_customer(rows):
    frame = pd.DataFrame(rows, columns=["tier", "need", "value"])
    grid = value_needs_grid(frame, value="value")
    assert grid.customers.sum() == len(rows)
    assert grid.value.sum() == pytest.approx(sum(row[2] for row in rows))
    assert len(grid) == frame.tier.nunique() * frame.need.nunique(dropna=False)
    assert grid.groupby("tier").share.sum().to_numpy() == pytest.approx(1.0)


def test_bad_money_is_named_and_what_has_no_meaning_refused():
    with pytest.raises(InvalidDataError, match="row 0"):
        profitability({"revenue": [1.0], "goods": [-1.0]}, cost_of_goods="goods")
    with pytest.raises(InvalidDataError, match="revenue here"):
        profitability({"revenue": [5.0], "all": [1.0]}, spending="all")
    with pytest.raises(NotEstimableError, match="whale"):
        concentration([1, -1]).gini  # noqa: B018
    with pytest.raises(NotEstimableError):
        concentration([]).lorenz()
    with pytest.raises(InvalidValueError, match="share"):
        concentration([1]).top_share(1.1)
    with pytest.raises(InvalidDataError, match="tier"):
        value_needs_grid({"tier": [None], "need": ["x"]})
    assert len(value_needs_grid({"tier": [], "need": []})) == 0
