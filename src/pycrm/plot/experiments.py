"""Pictures of experiments: effects with their intervals, looks over time, Qini curves, power."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pycrm.errors import InvalidDataError, MissingExtraError
from pycrm.experiments import Effect, RankingScore, Trace, UpliftCurve, power_of_means, power_of_proportions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "effects",
    "effects_data",
    "power_curve",
    "power_curve_data",
    "qini_curve",
    "qini_curve_data",
    "sequential_trace",
    "sequential_trace_data",
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


def effects_data(found: Effect | Iterable[Effect]) -> pd.DataFrame:
    """Return what `effects` draws: arm, estimate, lower, upper, n, method, one row per effect.

    Raises
    ------
    InvalidDataError
        If there is no effect.

    Examples
    --------
    >>> from pycrm.experiments import difference_from_counts
    >>> effects_data(difference_from_counts((56, 70), (48, 80))).round(3)[["arm", "estimate", "lower", "upper"]]
             arm  estimate  lower  upper
    0  treatment      -0.2 -0.334 -0.052
    """
    several = [found] if isinstance(found, Effect) else list(found)
    if not several:
        raise InvalidDataError("effects", None, [], "give at least one Effect")
    return pd.DataFrame(
        {
            "arm": [str(effect.treatment.label) for effect in several],
            "estimate": [effect.estimate for effect in several],
            "lower": [effect.interval[0] for effect in several],
            "upper": [effect.interval[1] for effect in several],
            "n": [effect.n for effect in several],
            "method": [effect.method for effect in several],
        }
    )


def effects(found: Effect | Iterable[Effect], *, ax: Axes | None = None) -> Axes:
    """Draw effects with their intervals, and the line of no effect.

    Parameters
    ----------
    found : Effect or iterable of Effect
        What an estimator or `compare_arms` gave.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        With everything on it; save it by `ax.figure.savefig(...)`.
    """
    data = effects_data(found)
    ax = _axes(ax)
    place = np.arange(len(data))[::-1]
    gaps = np.array([data["estimate"] - data["lower"], data["upper"] - data["estimate"]])
    ax.errorbar(data["estimate"], place, xerr=gaps, fmt="o", capsize=4)
    ax.axvline(0.0, color="grey", linewidth=1.0, linestyle="--")
    ax.set_yticks(place, data["arm"])
    ax.set_ylim(-0.7, len(data) - 0.3)
    ax.set_xlabel("effect against the control")
    return ax


def sequential_trace_data(trace: Trace) -> pd.DataFrame:
    """Return what `sequential_trace` draws: n, estimate, lower, upper, p_value, one row per look.

    Looks in the burn-in have no interval: lower and upper are NaN.

    Examples
    --------
    >>> from pycrm.experiments import monitor
    >>> arm = np.arange(400) % 2
    >>> trace = monitor(np.random.default_rng(0).normal(arm), arm, tau=1.0, looks=[50, 400])
    >>> sequential_trace_data(trace)["lower"].isna().tolist()
    [True, False]
    """
    open_ = ~np.isfinite(trace.lower)
    return pd.DataFrame(
        {
            "n": trace.n,
            "estimate": trace.estimate,
            "lower": np.where(open_, np.nan, trace.lower),
            "upper": np.where(open_, np.nan, trace.upper),
            "p_value": trace.p_value,
        }
    )


def sequential_trace(trace: Trace, *, ax: Axes | None = None) -> Axes:
    """Draw the effect and its confidence sequence look by look, and where an effect was first beyond doubt.

    Parameters
    ----------
    trace : Trace
        What `monitor` gave.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    data = sequential_trace_data(trace)
    ax = _axes(ax)
    ax.fill_between(
        data["n"], data["lower"], data["upper"], alpha=0.25, label=f"{trace.confidence:.0%} confidence sequence"
    )
    ax.plot(data["n"], data["estimate"], marker=".", label="effect")
    ax.axhline(0.0, color="grey", linewidth=1.0, linestyle="--")
    if trace.stopped_at is not None:
        ax.axvline(trace.stopped_at, color="black", linewidth=1.0, label=f"beyond doubt at {trace.stopped_at}")
    ax.set_xlabel("units seen")
    ax.set_ylabel(f"{trace.treatment} against {trace.control}")
    ax.legend()
    return ax


def qini_curve_data(found: RankingScore | UpliftCurve) -> pd.DataFrame:
    """Return what `qini_curve` draws: share of units treated, gain, and the gain chance expects.

    Examples
    --------
    >>> from pycrm.experiments import uplift_curve
    >>> qini_curve_data(uplift_curve([0, 1, 1, 1, 0, 1], [0, 1, 0, 1, 0, 1], [1, 1, 2, 2, 3, 3]))
          share  gain    chance
    0  0.000000   0.0  0.000000
    1  0.333333   1.0  0.666667
    2  0.666667   1.0  1.333333
    3  1.000000   2.0  2.000000
    """
    curve = found.curve if isinstance(found, RankingScore) else found
    share = curve.population / curve.population[-1]
    return pd.DataFrame({"share": share, "gain": curve.gain, "chance": share * curve.gain[-1]})


def qini_curve(found: RankingScore | UpliftCurve, *, ax: Axes | None = None) -> Axes:
    """Draw what treating the best-ranked units gains, beside the straight line of chance.

    Parameters
    ----------
    found : RankingScore or UpliftCurve
        What `qini`, `auuc` or `uplift_curve` gave; of a score, the title names coefficient and interval.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    data = qini_curve_data(found)
    ax = _axes(ax)
    ax.plot(data["share"], data["gain"], label="ranked by uplift")
    ax.plot(data["share"], data["chance"], color="grey", linestyle="--", label="at random")
    ax.set_xlabel("share of units treated")
    ax.set_ylabel("incremental outcomes")
    if isinstance(found, RankingScore):
        low, high = found.interval
        ax.set_title(f"coefficient {found.coefficient:.3f} ({found.confidence:.0%} interval {low:.3f} to {high:.3f})")
    ax.legend()
    return ax


def power_curve_data(
    n: ArrayLike,
    differences: Sequence[float],
    *,
    base: float | None = None,
    sd: float | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return what `power_curve` draws: n, difference, power, one row per pair.

    Parameters
    ----------
    n : array_like
        Units of each arm.
    differences : sequence of float
        Rises of a share, or differences of a mean.
    base, sd : float, optional
        Share of the control, or standard deviation of an amount; give one of the two.
    alpha : float
        Two-sided error.

    Examples
    --------
    >>> power_curve_data([1_000, 3_841], [0.02], base=0.10).round(2)
          n  difference  power
    0  1000        0.02    0.3
    1  3841        0.02    0.8
    """
    if (base is None) == (sd is None):
        raise InvalidDataError("base", None, base, "give either base (a share) or sd (of an amount)")
    units = np.atleast_1d(np.asarray(n, dtype=np.float64))
    parts = []
    for difference in differences:
        if base is not None:
            power = power_of_proportions(base, base + difference, units, alpha=alpha)
        else:
            power = power_of_means(difference, float(sd or 0.0), units, alpha=alpha)
        parts.append(pd.DataFrame({"n": np.asarray(n), "difference": difference, "power": power}))
    if not parts:
        raise InvalidDataError("differences", None, [], "give at least one difference")
    return pd.concat(parts, ignore_index=True)


def power_curve(
    n: ArrayLike,
    differences: Sequence[float],
    *,
    base: float | None = None,
    sd: float | None = None,
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """Draw the chance of seeing each difference by the units of each arm, and the customary 80 %.

    Parameters
    ----------
    n, differences, base, sd, alpha
        As in `power_curve_data`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    data = power_curve_data(n, differences, base=base, sd=sd, alpha=alpha)
    ax = _axes(ax)
    for difference, part in data.groupby("difference", sort=False):
        ax.plot(part["n"], part["power"], label=f"{difference:+g}")
    ax.axhline(0.8, color="grey", linewidth=1.0, linestyle="--")
    ax.set_ylim(0.0, 1.02)
    ax.set_xlabel("units in each arm")
    ax.set_ylabel("power")
    ax.legend(title="difference")
    return ax
