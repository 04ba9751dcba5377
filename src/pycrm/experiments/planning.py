"""How many units, for how long, to see what: before the experiment starts."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.table import number_option

__all__ = [
    "SampleSize",
    "design_effect",
    "minimum_detectable_effect",
    "power_of_means",
    "power_of_proportions",
    "sample_size_for_means",
    "sample_size_for_proportions",
]

Formula = Literal["pooled", "unpooled", "arcsine"]


@frozen(kw_only=True)
class SampleSize:
    """How many units an experiment needs.

    Parameters
    ----------
    control, treatment : float
        Units of each arm, as the formula gives them; whole units are in `total`.
    formula : str
        Which formula it was: the published calculators differ by a handful of units because theirs differ.
    alpha, power : float
        Two-sided error, and the chance of seeing the effect if it is there.
    """

    control: float
    treatment: float
    formula: str
    alpha: float
    power: float

    @property
    def total(self) -> int:
        """Whole units of both arms, each rounded up."""
        return math.ceil(self.control - 1e-9) + math.ceil(self.treatment - 1e-9)

    def days(self, units_per_day: float, *, share: float = 1.0) -> int:
        """Return the whole days it takes at a given traffic, at least one.

        Parameters
        ----------
        units_per_day : float
            New units a day, above 0; a unit that returns is not new.
        share : float
            Share of them that enters the experiment.

        Examples
        --------
        >>> sample_size_for_proportions(0.10, 0.12).days(1_000, share=0.5)
        16
        """
        _positive("units_per_day", units_per_day)
        if not 0.0 < share <= 1.0:
            raise InvalidValueError("share", share, "give a share above 0 and up to 1")
        return max(1, math.ceil(self.total / (units_per_day * share)))


def _positive(name: str, value: float) -> float:
    number = number_option(name, value, "give a finite number above 0")
    if number <= 0.0:
        raise InvalidValueError(name, value, "give a finite number above 0")
    return number


def _errors(alpha: float, power: float) -> tuple[float, float]:
    from scipy import stats

    for name, value in (("alpha", alpha), ("power", power)):
        if not 0.0 < number_option(name, value, "give a number between 0 and 1") < 1.0:
            raise InvalidValueError(name, value, "give a number between 0 and 1")
    if power <= alpha / 2.0:
        raise InvalidValueError("power", power, "give more than half of alpha, which chance alone would reach")
    return float(stats.norm.isf(alpha / 2.0)), float(stats.norm.ppf(power))


def _shares(base: float, target: ArrayLike) -> tuple[float, NDArray[np.float64]]:
    other = np.asarray(target, dtype=np.float64)
    if not 0.0 < number_option("base", base, "give a share between 0 and 1") < 1.0:
        raise InvalidValueError("base", base, "give a share between 0 and 1")
    if not np.all((other > 0.0) & (other < 1.0)):
        raise InvalidValueError("target", target, "give a share between 0 and 1")
    return float(base), other


def sample_size_for_proportions(
    base: float,
    target: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    formula: Formula = "pooled",
) -> SampleSize:
    """Return the units needed to tell the share `target` from the share `base`.

    Parameters
    ----------
    base, target : float
        Shares of the control and of the treated, between 0 and 1, not equal.
    alpha, power : float
        Two-sided error, and the chance of seeing the difference.
    ratio : float
        Treated units per control unit.
    formula : str
        "pooled" (the z test with its pooled variance under no effect), "unpooled" (both variances as they are), "arcsine"
        (Cohen's h).

    References
    ----------
    .. [1] Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, section 4.2 (pooled).
    .. [2] Cohen (1988), Statistical Power Analysis, chapter 6 (arcsine).

    Examples
    --------
    >>> for formula in ("arcsine", "pooled", "unpooled"):
    ...     print(formula, round(sample_size_for_proportions(0.10, 0.12, formula=formula).control, 2))
    arcsine 3834.6
    pooled 3840.85
    unpooled 3838.1
    """
    p, other = _shares(base, target)
    q = float(other)
    _positive("ratio", ratio)
    if p == q:
        raise InvalidValueError(
            "target", target, "give a share that differs from the base; no sample shows no difference"
        )
    z_alpha, z_power = _errors(alpha, power)
    if formula == "pooled":
        mean = (p + ratio * q) / (1.0 + ratio)
        null = math.sqrt(mean * (1.0 - mean) * (1.0 + 1.0 / ratio))
        own = math.sqrt(p * (1.0 - p) + q * (1.0 - q) / ratio)
        n = ((z_alpha * null + z_power * own) / (q - p)) ** 2
    elif formula == "unpooled":
        n = (z_alpha + z_power) ** 2 * (p * (1.0 - p) + q * (1.0 - q) / ratio) / (q - p) ** 2
    elif formula == "arcsine":
        from scipy import optimize

        h = 2.0 * (math.asin(math.sqrt(q)) - math.asin(math.sqrt(p)))
        one_sided = (z_alpha + z_power) ** 2 * (1.0 + 1.0 / ratio) / h**2

        def short(units: float) -> float:
            return float(power_of_proportions(p, q, units, alpha=alpha, ratio=ratio, formula="arcsine")) - power

        # The one-sided root leaves out the tail on the wrong side, whose chance only shortens the sample.
        n = float(optimize.brentq(short, one_sided * 1e-6, one_sided * 1.001, xtol=1e-12 * one_sided, rtol=1e-14))
    else:
        raise InvalidValueError("formula", formula, "give 'pooled', 'unpooled' or 'arcsine'")
    return SampleSize(control=n, treatment=n * ratio, formula=f"proportions, {formula}", alpha=alpha, power=power)


def power_of_proportions(
    base: float,
    target: ArrayLike,
    n: ArrayLike,
    *,
    alpha: float = 0.05,
    ratio: float = 1.0,
    formula: Formula = "pooled",
) -> NDArray[np.float64]:
    """Return the chance of seeing a difference of shares with `n` control units; the inverse of the sample size.

    Parameters
    ----------
    base : float
        Share of the control.
    target, n : array_like
        Share of the treated, and control units; they broadcast.
    alpha, ratio, formula
        As in `sample_size_for_proportions`. Seeing a difference of the wrong sign counts for "arcsine" only, as is usual.

    Examples
    --------
    >>> round(float(power_of_proportions(0.10, 0.12, 3_841)), 3)
    0.8
    """
    from scipy import stats

    p, q = _shares(base, target)
    _positive("ratio", ratio)
    units = np.asarray(n, dtype=np.float64)
    if not np.all(np.isfinite(units) & (units > 0.0)):
        raise InvalidValueError("n", n, "give numbers of units above 0")
    z_alpha, _ = _errors(alpha, max(alpha, 0.8))
    gap = np.abs(q - p)
    own = np.sqrt(p * (1.0 - p) + q * (1.0 - q) / ratio)
    if formula == "pooled":
        mean = (p + ratio * q) / (1.0 + ratio)
        z = (gap * np.sqrt(units) - z_alpha * np.sqrt(mean * (1.0 - mean) * (1.0 + 1.0 / ratio))) / own
    elif formula == "unpooled":
        z = gap * np.sqrt(units) / own - z_alpha
    elif formula == "arcsine":
        h = 2.0 * np.abs(np.arcsin(np.sqrt(q)) - np.arcsin(math.sqrt(p)))
        shift = h * np.sqrt(units / (1.0 + 1.0 / ratio))
        return np.asarray(stats.norm.cdf(shift - z_alpha) + stats.norm.cdf(-shift - z_alpha))
    else:
        raise InvalidValueError("formula", formula, "give 'pooled', 'unpooled' or 'arcsine'")
    return np.asarray(stats.norm.cdf(z))


def power_of_means(
    difference: ArrayLike, sd: float, n: ArrayLike, *, alpha: float = 0.05, ratio: float = 1.0
) -> NDArray[np.float64]:
    """Return the chance of seeing a difference of means with `n` control units, by the noncentral t.

    Parameters
    ----------
    difference, n : array_like
        Difference in the unit of the outcome, and control units (at least 2); they broadcast.
    sd : float
        Standard deviation of the outcome in each arm; after CUPED, times sqrt(1 - rho^2).
    alpha, ratio : float
        Two-sided error, and treated units per control unit.

    References
    ----------
    .. [1] Cohen (1988), Statistical Power Analysis, chapter 2.

    Examples
    --------
    >>> round(float(power_of_means(0.5, 1.0, 64)), 3)
    0.801
    """
    from scipy import stats

    _positive("sd", sd)
    _positive("ratio", ratio)
    if not 0.0 < alpha < 1.0:
        raise InvalidValueError("alpha", alpha, "give a number between 0 and 1")
    effect, units = np.broadcast_arrays(np.asarray(difference, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if not np.all(np.isfinite(effect)):
        raise InvalidValueError("difference", difference, "give finite numbers")
    if not np.all(np.isfinite(units) & (units >= 2.0)):
        raise InvalidValueError("n", n, "give numbers of units of at least 2")
    freedom = units * (1.0 + ratio) - 2.0
    shift = np.abs(effect) / sd * np.sqrt(units * ratio / (1.0 + ratio))
    edge = stats.t.isf(alpha / 2.0, freedom)
    # Far beyond the edge the noncentral t of scipy gives up; the normal is exact there to all digits of a float.
    far = shift > 37.0
    near = np.where(far, 0.0, shift)
    # The tail on the wrong side is below 1e-10 from a shift of 6.5, where scipy's gives NaN at some arguments.
    wrong = np.where(shift < 6.5, stats.nct.cdf(-edge, freedom, np.minimum(shift, 6.5)), 0.0)
    power = stats.nct.sf(edge, freedom, near) + wrong
    return np.asarray(np.where(far, 1.0, power))


def sample_size_for_means(
    difference: float, sd: float, *, alpha: float = 0.05, power: float = 0.8, ratio: float = 1.0
) -> SampleSize:
    """Return the units needed to see a difference of means, by the noncentral t.

    Parameters
    ----------
    difference : float
        In the unit of the outcome, not 0.
    sd : float
        Standard deviation of the outcome in each arm; after CUPED, times sqrt(1 - rho^2).
    alpha, power, ratio
        As in `sample_size_for_proportions`.

    Examples
    --------
    >>> round(sample_size_for_means(0.5, 1.0).control, 2)
    63.77
    """
    from scipy import optimize

    _positive("sd", sd)
    _positive("ratio", ratio)
    if not np.isfinite(difference) or difference == 0.0:
        raise InvalidValueError("difference", difference, "give a number other than 0; no sample shows no difference")
    z_alpha, z_power = _errors(alpha, power)
    normal = (z_alpha + z_power) ** 2 * (1.0 + 1.0 / ratio) * (sd / difference) ** 2

    def short(n: float) -> float:
        return float(power_of_means(difference, sd, n, alpha=alpha, ratio=ratio)) - power

    low, high = 2.0, max(4.0, 2.0 * normal + 20.0)
    n = low if short(low) >= 0.0 else float(optimize.brentq(short, low, high, xtol=1e-9))
    return SampleSize(control=n, treatment=n * ratio, formula="means, noncentral t", alpha=alpha, power=power)


def minimum_detectable_effect(
    n: float,
    *,
    base: float | None = None,
    sd: float | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    formula: Formula = "pooled",
) -> float:
    """Return the smallest rise an experiment of `n` control units sees with the given power.

    Parameters
    ----------
    n : float
        Control units.
    base : float, optional
        Share of the control; the answer is then a rise of the share.
    sd : float, optional
        Standard deviation of the outcome; the answer is then a difference of means. Give one of the two.
    alpha, power, ratio, formula
        As in `sample_size_for_proportions`.

    Raises
    ------
    NotEstimableError
        If even a share near 1 would not be seen.

    Examples
    --------
    >>> round(minimum_detectable_effect(3_841, base=0.10), 4)
    0.02
    """
    from scipy import optimize

    if (base is None) == (sd is None):
        raise InvalidValueError(
            "base", base, "give either base (a share) or sd (of an amount), not both and not neither"
        )
    _positive("n", n)
    _errors(alpha, power)
    if base is not None:
        share, _ = _shares(base, 0.5)

        def short(rise: float) -> float:
            seen = power_of_proportions(share, share + rise, n, alpha=alpha, ratio=ratio, formula=formula)
            return float(seen) - power

        low, high = (1.0 - share) * 1e-9, (1.0 - share) * (1.0 - 1e-9)
        if short(high) < 0.0:
            raise NotEstimableError("the minimum detectable effect", f"{n:g} units do not even show a rise to 100 %")
        return float(optimize.brentq(short, low, high, xtol=1e-14))

    def gap(difference: float) -> float:
        return float(power_of_means(difference, float(sd or 0.0), n, alpha=alpha, ratio=ratio)) - power

    spread = _positive("sd", float(sd or 0.0))
    return float(optimize.brentq(gap, 0.0, 37.0 * spread / math.sqrt(n * ratio / (1.0 + ratio)) * 0.999, xtol=1e-12))


def design_effect(cluster_size: float, intraclass_correlation: float) -> float:
    """Return by how much to multiply a sample size when clusters are assigned, 1 + (m - 1) rho (Kish).

    Parameters
    ----------
    cluster_size : float
        Units of a typical cluster, at least 1.
    intraclass_correlation : float
        How alike they are; see `intraclass_correlation`.

    Examples
    --------
    >>> design_effect(3, 0.5)
    2.0
    """
    if not (np.isfinite(cluster_size) and cluster_size >= 1.0):
        raise InvalidValueError("cluster_size", cluster_size, "give at least 1 unit")
    if not -1.0 <= intraclass_correlation <= 1.0:
        raise InvalidValueError("intraclass_correlation", intraclass_correlation, "give a number between -1 and 1")
    return 1.0 + (cluster_size - 1.0) * intraclass_correlation
