"""Pictures of experiments show exactly their data, and need no window."""

import io
import sys

import numpy as np
import pytest

from pycrm import plot
from pycrm.errors import InvalidDataError, MissingExtraError
from pycrm.experiments import compare_arms, difference_in_means, monitor, qini, uplift_curve

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)
ARM = np.arange(900) % 3
SPEND = RNG.normal(0.3 * ARM)
TWO = ARM[ARM < 2]


def saved(ax):
    picture = io.BytesIO()
    ax.figure.savefig(picture, format="svg")
    return picture.getvalue()


def test_effects_are_drawn_where_they_are():
    found = compare_arms(SPEND, ARM)
    ax = plot.effects(found)
    (points,) = (line for line in ax.lines if line.get_marker() == "o")
    assert points.get_xdata() == pytest.approx([effect.estimate for effect in found])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2"]
    assert saved(ax)
    assert plot.effects_data(found)["lower"].tolist() == [effect.interval[0] for effect in found]


def test_a_single_effect_is_a_picture_too():
    assert len(plot.effects_data(difference_in_means(SPEND[ARM < 2], TWO))) == 1


def test_a_trace_shows_every_look_and_where_it_could_stop():
    trace = monitor(SPEND[ARM < 2] + 5 * TWO, TWO, tau=1.0, looks=10)
    ax = plot.sequential_trace(trace)
    assert ax.lines[0].get_xdata().tolist() == trace.n.tolist()
    assert f"beyond doubt at {trace.stopped_at}" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert saved(ax)


def test_a_qini_curve_ends_where_chance_ends():
    outcome = (SPEND > 0.5).astype(int)[ARM < 2]
    found = qini(outcome, TWO, SPEND[ARM < 2], replicates=20)
    data = plot.qini_curve_data(found)
    assert data["gain"].iloc[-1] == data["chance"].iloc[-1]
    ax = plot.qini_curve(found)
    assert "interval" in ax.get_title()
    assert saved(ax)
    assert plot.qini_curve(uplift_curve(outcome, TWO, SPEND[ARM < 2])).get_title() == ""


def test_a_power_curve_rises_for_shares_and_for_amounts():
    for unit in ({"base": 0.1}, {"sd": 1.0}):
        data = plot.power_curve_data([100, 1_000, 10_000], [0.05, 0.1], **unit)
        assert len(data) == 6
        assert (data.groupby("difference")["power"].diff().dropna() >= 0).all()
    ax = plot.power_curve([100, 1_000], [0.05, 0.1], base=0.1)
    assert len(ax.lines) == 3
    assert saved(ax)


def test_pictures_go_on_given_axes():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert plot.effects(difference_in_means(SPEND[ARM < 2], TWO), ax=ax) is ax


def test_nothing_to_draw_is_said():
    with pytest.raises(InvalidDataError, match="at least one Effect"):
        plot.effects([])
    with pytest.raises(InvalidDataError, match="at least one difference"):
        plot.power_curve([10], [], base=0.1)
    with pytest.raises(InvalidDataError, match="either base"):
        plot.power_curve([10], [0.1])


def test_without_matplotlib_the_install_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pycrm-domain\[plot\]'"):
        plot.effects(difference_in_means(SPEND[ARM < 2], TWO))
