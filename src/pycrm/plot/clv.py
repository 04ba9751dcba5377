"""Pictures of customer lifetime value: what happened beside what a model expected, from the frames of pycrm.clv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pycrm.clv import Lorenz
from pycrm.errors import InvalidDataError, MissingColumnError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "expected_purchases_matrix",
    "frequency_histogram",
    "holdout_by_frequency",
    "interpurchase",
    "lorenz",
    "probability_alive_matrix",
    "spend_density",
    "tracking",
    "value_intervals",
]


def _axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure that no window and no global state know of."""
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot") from error
    return Figure(layout="constrained").add_subplot()


def _checked(data: pd.DataFrame, maker: str, *columns: str) -> pd.DataFrame:
    """Return `data` if it is a table with these columns and at least one row."""
    if not isinstance(data, pd.DataFrame):
        raise InvalidDataError("data", None, type(data).__name__, f"give the frame of pycrm.clv.{maker}")
    for name in columns:
        if name not in data.columns:
            raise MissingColumnError(name, tuple(map(str, data.columns)), f"give the frame of pycrm.clv.{maker}")
    if data.empty:
        raise InvalidDataError("data", None, "no rows", f"give a frame of pycrm.clv.{maker} that is not empty")
    return data


def tracking(data: pd.DataFrame, *, cumulative: bool = True, ax: Axes | None = None) -> Axes:
    """Draw repeat purchases over time, as they were and as expected; the holdout begins at the dashed line.

    Parameters
    ----------
    data : DataFrame
        Of :func:`pycrm.clv.tracking`.
    cumulative : bool
        Whether to add them up.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        With everything on it; save it by `ax.figure.savefig(...)`.
    """
    found = _checked(data, "tracking", "end", "actual", "expected", "holdout")
    ax = _axes(ax)
    for name, style in (("actual", "-"), ("expected", "--")):
        ax.plot(found["end"], found[f"cumulative_{name}" if cumulative else name], style, label=name)
    if found["holdout"].any() and not found["holdout"].all():
        ax.axvline(found["end"][~found["holdout"]].iloc[-1], color="grey", linewidth=1.0, linestyle=":")
    ax.set_xlabel("end of period")
    ax.set_ylabel("repeat purchases" + (", cumulative" if cumulative else ""))
    ax.legend()
    return ax


def _beside(ax: Axes, labels: list[str], data: pd.DataFrame) -> None:
    """Draw actual and expected as bars side by side."""
    place = np.arange(len(labels))
    for shift, name in ((-0.2, "actual"), (0.2, "expected")):
        ax.bar(place + shift, data[name], width=0.4, label=name)
    ax.set_xticks(place, labels)
    ax.legend()


def frequency_histogram(data: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how many customers bought again how often; the last bars hold all beyond.

    Parameters
    ----------
    data : DataFrame
        Of :func:`pycrm.clv.frequency_histogram`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    found = _checked(data, "frequency_histogram", "frequency", "actual", "expected")
    ax = _axes(ax)
    labels = found["frequency"].astype(str).tolist()
    _beside(ax, [*labels[:-1], f"{labels[-1]}+"], found)
    ax.set_xlabel("repeat purchases")
    ax.set_ylabel("customers")
    return ax


def holdout_by_frequency(data: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw mean purchases in the holdout by repeat purchases before it.

    Parameters
    ----------
    data : DataFrame
        Of :func:`pycrm.clv.holdout_by_frequency`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    found = _checked(data, "holdout_by_frequency", "frequency", "actual", "expected")
    ax = _axes(ax)
    _beside(ax, found["frequency"].astype(str).tolist(), found)
    ax.set_xlabel("repeat purchases in the calibration")
    ax.set_ylabel("mean purchases in the holdout")
    return ax


def _matrix(data: pd.DataFrame, maker: str, label: str, ax: Axes | None, **limits: Any) -> Axes:
    found = _checked(data, maker)
    ax = _axes(ax)
    mesh = ax.pcolormesh(
        found.columns, found.index, np.ma.masked_invalid(found.to_numpy()), shading="nearest", **limits
    )
    ax.figure.colorbar(mesh, ax=ax, label=label)
    ax.set_xlabel("repeat purchases")
    ax.set_ylabel("time from first to last purchase")
    return ax


def probability_alive_matrix(data: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the probability to be alive of each history; impossible ones stay blank.

    Parameters
    ----------
    data : DataFrame
        Of :func:`pycrm.clv.probability_alive_matrix`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    return _matrix(data, "probability_alive_matrix", "probability alive", ax, vmin=0.0, vmax=1.0)


def expected_purchases_matrix(data: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the expected purchases of each history; impossible ones stay blank.

    Parameters
    ----------
    data : DataFrame
        Of :func:`pycrm.clv.expected_purchases_matrix`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    return _matrix(data, "expected_purchases_matrix", "expected purchases", ax, vmin=0.0)


def lorenz(curve: Lorenz, *, ax: Axes | None = None) -> Axes:
    """Draw what share of value the poorest share of customers holds, beside equality.

    Parameters
    ----------
    curve : Lorenz
        Of :func:`pycrm.clv.lorenz`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    if not isinstance(curve, Lorenz):
        raise InvalidDataError("curve", None, type(curve).__name__, "give the curve of pycrm.clv.lorenz")
    ax = _axes(ax)
    ax.plot(curve.customers, curve.value, label=f"Gini {curve.gini:.2f}")
    ax.plot([0.0, 1.0], [0.0, 1.0], color="grey", linewidth=1.0, linestyle="--", label="equality")
    ax.set_xlabel("share of customers, the poorest first")
    ax.set_ylabel("share of value")
    ax.legend()
    return ax


def spend_density(data: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the density of mean spend over customers, as it was and as expected.

    Parameters
    ----------
    data : DataFrame
        Of :func:`pycrm.clv.spend_density`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    found = _checked(data, "spend_density", "amount", "actual", "expected")
    ax = _axes(ax)
    for name, style in (("actual", "-"), ("expected", "--")):
        ax.plot(found["amount"], found[name], style, label=name)
    ax.set_xlabel("mean value of repeat purchases")
    ax.set_ylabel("density")
    ax.legend()
    return ax


def interpurchase(data: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of times between purchases that are no longer than each length.

    Parameters
    ----------
    data : DataFrame
        Of :func:`pycrm.clv.interpurchase`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    found = _checked(data, "interpurchase", "gap", "share")
    ax = _axes(ax)
    ax.step([0.0, *found["gap"]], [0.0, *found["share"]], where="post")
    ax.set_xlabel("time from one purchase to the next")
    ax.set_ylabel("share of them no longer")
    ax.set_ylim(0.0, 1.0)
    return ax


def value_intervals(data: pd.DataFrame, *, label: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a value with its interval, one row each: of customers, of scenarios, of coming periods.

    Parameters
    ----------
    data : DataFrame
        With the columns `lower`, `upper` and `value` (or `expected`), as of :func:`pycrm.clv.compare_scenarios` and
        :func:`pycrm.clv.forecast_purchases`.
    label : str, optional
        The column that names the rows; their index by default.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    middle = "expected" if "expected" in getattr(data, "columns", ()) else "value"
    found = _checked(data, "compare_scenarios", middle, "lower", "upper", *([] if label is None else [label]))
    ax = _axes(ax)
    place = np.arange(len(found))[::-1]
    gaps = np.array([found[middle] - found["lower"], found["upper"] - found[middle]])
    ax.errorbar(found[middle], place, xerr=gaps, fmt="o", capsize=4)
    ax.set_yticks(place, (found.index if label is None else found[label]).astype(str))
    ax.set_xlabel(middle)
    return ax
