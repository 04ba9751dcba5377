"""Pictures of lifetime value show exactly their data, and need no window."""

import io
import sys

import numpy as np
import pandas as pd
import pytest

from pycrm import clv, plot
from pycrm.errors import InvalidDataError, MissingColumnError, MissingExtraError
from pycrm.plot import clv as pictures

pytest.importorskip("matplotlib")
MODEL = clv.BetaGeoNBD(r=0.6, alpha=6.0, a=0.9, b=2.5, unit="week")
PEOPLE = MODEL.simulate(np.full(300, 40.0), random=np.random.default_rng(1))
SPEND = clv.GammaGamma(p=6.25, q=3.74, v=15.44)
ORDERS = pd.DataFrame(
    {
        "who": ["ann", "bob", "ann", "ann", "eve", "bob"],
        "day": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-03", "2024-01-15", "2024-01-20", "2024-01-22"]),
    }
)


def saved(ax):
    picture = io.BytesIO()
    ax.figure.savefig(picture, format="svg")
    return picture.getvalue()


def test_tracking_draws_both_lines_and_where_the_holdout_begins():
    data = clv.tracking(MODEL, ORDERS, customer="who", time="day", calibration_end="2024-01-10")
    ax = plot.tracking(data)
    assert ax.lines[0].get_ydata().tolist() == data["cumulative_actual"].tolist()
    assert ax.lines[1].get_ydata().tolist() == data["cumulative_expected"].tolist()
    assert len(ax.lines) == 3
    assert plot.tracking(data, cumulative=False).lines[0].get_ydata().tolist() == data["actual"].tolist()
    assert saved(ax)


def test_bars_are_as_high_as_the_counts():
    data = clv.frequency_histogram(MODEL, PEOPLE, top=3)
    ax = plot.frequency_histogram(data)
    assert [bar.get_height() for bar in ax.patches] == [*data["actual"], *data["expected"]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "3+"]
    held = clv.holdout_by_frequency(MODEL, PEOPLE.assign(holdout_frequency=1, holdout_duration=5.0), top=3)
    ax = plot.holdout_by_frequency(held)
    assert [bar.get_height() for bar in ax.patches] == [*held["actual"], *held["expected"]]
    assert saved(ax)


def test_matrices_leave_impossible_histories_blank():
    data = clv.probability_alive_matrix(MODEL, age=30.0, most=4, points=5)
    ax = plot.probability_alive_matrix(data)
    drawn = ax.collections[0].get_array()
    assert np.array_equal(drawn.mask.ravel(), data.isna().to_numpy().ravel())
    assert saved(ax)
    assert saved(plot.expected_purchases_matrix(clv.expected_purchases_matrix(MODEL, horizon=5, age=30.0, most=4)))


def test_curves_show_their_numbers():
    curve = clv.lorenz([1, 1, 1, 1, 16])
    ax = plot.lorenz(curve)
    assert ax.lines[0].get_ydata().tolist() == curve.value.tolist()
    assert "Gini 0.60" in [text.get_text() for text in ax.get_legend().get_texts()]
    spent = SPEND.simulate(np.full(200, 3), random=np.random.default_rng(2))
    assert saved(plot.spend_density(clv.spend_density(SPEND, spent)))
    gaps = clv.interpurchase(ORDERS, customer="who", time="day")
    assert plot.interpurchase(gaps).lines[0].get_ydata()[-1] == 1.0


def test_values_stand_with_their_intervals_in_the_axes_given():
    from matplotlib.figure import Figure

    given = Figure().add_subplot()
    data = pd.DataFrame({"who": ["ann", "bob"], "value": [3.0, 5.0], "lower": [2.0, 4.0], "upper": [5.0, 9.0]})
    ax = plot.value_intervals(data, label="who", ax=given)
    assert ax is given
    assert ax.lines[0].get_xdata().tolist() == [3.0, 5.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ann", "bob"]
    expected = data.rename(columns={"value": "expected"})
    assert plot.value_intervals(expected).get_xlabel() == "expected"


@pytest.mark.parametrize("name", [name for name in pictures.__all__ if name != "lorenz"])
def test_what_is_no_data_is_refused(name):
    draw = getattr(plot, name)
    with pytest.raises(InvalidDataError):
        draw([1, 2])
    with pytest.raises((InvalidDataError, MissingColumnError)):
        draw(pd.DataFrame())


def test_a_curve_that_is_none_is_refused():
    with pytest.raises(InvalidDataError, match=r"pycrm\.clv\.lorenz"):
        plot.lorenz([0, 1])


def test_missing_matplotlib_is_an_error_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pycrm-domain\[plot\]'"):
        plot.lorenz(clv.lorenz([1, 2]))
