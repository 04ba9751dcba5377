"""May one look before the end: tests and intervals that stay honest however often they are read."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments.arms import Design, Label, check_confidence, two_arms, vector

__all__ = ["GroupSequential", "MixtureSPRT", "Trace", "monitor"]

_NODES = 240


def _read_tau(tau: float) -> float:
    if not (np.isfinite(tau) and tau > 0.0):
        raise InvalidValueError("tau", tau, "give the size of effect you expect, above 0, in the unit of the outcome")
    return float(tau)


def _variances(estimate: ArrayLike, variance: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    effects, variances = np.broadcast_arrays(
        np.asarray(estimate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    )
    for name, values, refused in (
        ("estimate", effects, ~np.isfinite(effects)),
        ("variance", variances, ~(np.isfinite(variances) & (variances > 0.0))),
    ):
        if refused.any():
            row = int(np.argmax(refused))
            fix = "give finite numbers" if name == "estimate" else "give sampling variances above 0"
            raise InvalidDataError(name, row, float(values.ravel()[row]), fix)
    return effects, variances


@frozen(kw_only=True)
class MixtureSPRT:
    """Wald's sequential test with a normal mixture over the effects it looks for (mSPRT).

    Its p-values may be read after every unit; the chance that one ever falls below alpha while there is no effect stays below
    alpha.

    Parameters
    ----------
    tau : float
        Standard deviation of the mixture, > 0, in the unit of the effect: put the effect you hope for. A wrong value costs
        time, never validity.

    References
    ----------
    .. [1] Robbins (1970), Annals of Mathematical Statistics 41(5), 1397-1409.
    .. [2] Johari, Koomen, Pekelis & Walsh (2022), Operations Research 70(3), 1806-1821, equation (10).

    Examples
    --------
    >>> test = MixtureSPRT(tau=0.1)
    >>> test.p_values([0.2, 0.15, 0.18], [0.01, 0.005, 0.0025]).round(4).tolist()
    [0.5203, 0.3865, 0.0125]
    """

    tau: float = field(converter=_read_tau)

    def log_likelihood_ratio(self, estimate: ArrayLike, variance: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithm of the evidence for an effect against none, at each look.

        Parameters
        ----------
        estimate, variance : array_like
            The estimated effect and its sampling variance at each look.

        Examples
        --------
        >>> round(float(MixtureSPRT(tau=0.1).log_likelihood_ratio(0.2, 0.01)), 4)
        0.6534
        """
        effect, v = _variances(estimate, variance)
        mixed = v + self.tau**2
        return 0.5 * np.log(v / mixed) + self.tau**2 * effect**2 / (2.0 * v * mixed)

    def p_values(self, estimate: ArrayLike, variance: ArrayLike) -> NDArray[np.float64]:
        """Return the always-valid p-value at each look: it never rises along the last axis.

        Parameters
        ----------
        estimate, variance : array_like, shape (..., looks)
            The estimated effect and its sampling variance at each look, in the order of time.
        """
        evidence = np.atleast_1d(self.log_likelihood_ratio(estimate, variance))
        return np.minimum(np.exp(-np.maximum.accumulate(evidence, axis=-1)), 1.0)

    def interval(
        self, estimate: ArrayLike, variance: ArrayLike, *, confidence: float = 0.95
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the confidence sequence: with the chance `confidence` it covers the effect at every look at once.

        Parameters
        ----------
        estimate, variance : array_like
            The estimated effect and its sampling variance at each look.
        confidence : float
            Chance of covering always.

        Notes
        -----
        The values of the effect that the test does not reject; with estimated variances it holds for large arms
        (Waudby-Smith et al., 2024, Annals of Statistics 52(6), 2613-2640, theorem 2.2).
        """
        check_confidence(confidence)
        effect, v = _variances(estimate, variance)
        mixed = v + self.tau**2
        half = np.sqrt(v * mixed / self.tau**2 * (np.log(mixed / v) - 2.0 * np.log1p(-confidence)))
        return effect - half, effect + half


@frozen(kw_only=True, eq=False)
class Trace:
    """What each look of an experiment saw.

    Parameters
    ----------
    n : ndarray of int
        Units of both arms seen at each look.
    estimate, lower, upper, p_value : ndarray
        Effect, confidence sequence and always-valid p-value; infinitely wide and 1 during the burn-in.
    confidence : float
        Chance that all intervals cover the effect.
    control, treatment : object
        The labels.
    """

    n: NDArray[np.int64]
    estimate: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    p_value: NDArray[np.float64]
    confidence: float
    control: Label
    treatment: Label

    @property
    def stopped_at(self) -> int | None:
        """Units seen when an effect was first beyond doubt; None if it never was."""
        done = self.p_value < 1.0 - self.confidence
        return int(self.n[int(np.argmax(done))]) if done.any() else None


def monitor(
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    tau: float,
    looks: int | ArrayLike = 20,
    burn_in: int = 50,
    control: Label | None = None,
    confidence: float = 0.95,
    design: Design | None = None,
) -> Trace:
    """Return what an experiment looked like each time somebody looked, in the order in which the rows came.

    Parameters
    ----------
    outcome : array_like
        Outcome of each unit, in the order of arrival.
    treatment : array_like
        Its arm; two of them.
    tau : float
        The effect hoped for; see `MixtureSPRT`.
    looks : int or array_like of int
        How many evenly spaced looks, or the numbers of units at which somebody looks.
    burn_in : int
        Units each arm needs before its estimated variance is trusted, at least 2.
    control, confidence, design
        As in `difference_in_means`. A planned sample size is not asked for: that is the point.

    Raises
    ------
    InvalidDataError
        If the looks do not rise or go beyond the data.
    NotEstimableError
        If the last look is still in the burn-in.

    Examples
    --------
    >>> rng = np.random.default_rng(5)
    >>> arm = rng.integers(0, 2, 4_000)
    >>> trace = monitor(rng.normal(0.2 * arm, 1.0), arm, tau=0.2, looks=8)
    >>> trace.n.tolist(), trace.stopped_at
    ([500, 1000, 1500, 2000, 2500, 3000, 3500, 4000], 1000)
    """
    check_confidence(confidence)
    test = MixtureSPRT(tau=tau)
    values = vector(outcome, "outcome")
    treated, labels = two_arms(treatment, len(values), control, None)
    if design is not None:
        Design(shares=design.shares, threshold=design.threshold, on_mismatch=design.on_mismatch).check(
            {labels[0]: int((~treated).sum()), labels[1]: int(treated.sum())}
        )
    if burn_in < 2:
        raise InvalidValueError("burn_in", burn_in, "give at least 2 units, or there is no variance")
    if isinstance(looks, int | np.integer):
        if not 1 <= looks <= len(values):
            raise InvalidValueError("looks", looks, f"give a number between 1 and the rows, {len(values)}")
        at = np.linspace(0, len(values), int(looks) + 1).round().astype(np.int64)[1:]
    else:
        wished = vector(looks, "looks")
        at = wished.astype(np.int64)
        wrong = (at != wished) | (at < 1) | (at > len(values)) | (np.diff(at, prepend=0) <= 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InvalidDataError("looks", row, float(wished[row]), f"give rising whole numbers up to {len(values)}")
    centred = values - values.mean()  # squares of deviations keep their digits where squares of amounts would not
    estimate, variance = np.zeros(len(at)), np.zeros(len(at))
    least = np.full(len(at), np.inf)
    for own, sign in ((~treated, -1.0), (treated, 1.0)):
        n = np.cumsum(own)[at - 1].astype(np.float64)
        total = np.cumsum(np.where(own, centred, 0.0))[at - 1]
        square = np.cumsum(np.where(own, centred**2, 0.0))[at - 1]
        mean = total / np.maximum(n, 1.0)
        estimate += sign * mean
        variance += np.maximum(square - n * mean**2, 0.0) / np.maximum(n - 1.0, 1.0) / np.maximum(n, 1.0)
        least = np.minimum(least, n)
    ready = (least >= burn_in) & (variance > 0.0)
    if not ready.any():
        raise NotEstimableError(
            "a confidence sequence", f"no look has {burn_in} units in each arm and an outcome that varies"
        )
    lower, upper, p_value = np.full(len(at), -np.inf), np.full(len(at), np.inf), np.ones(len(at))
    lower[ready], upper[ready] = test.interval(estimate[ready], variance[ready], confidence=confidence)
    p_value[ready] = test.p_values(estimate[ready], variance[ready])
    return Trace(
        n=at,
        estimate=estimate,
        lower=lower,
        upper=upper,
        p_value=np.minimum.accumulate(p_value),
        confidence=confidence,
        control=labels[0],
        treatment=labels[1],
    )


def _read_fractions(fractions: ArrayLike) -> tuple[float, ...]:
    values = vector(fractions, "fractions")
    wrong = (values <= 0.0) | (values > 1.0) | (np.diff(values, prepend=0.0) <= 0.0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataError("fractions", row, float(values[row]), "give rising shares of the planned units, up to 1")
    return tuple(values.tolist())


@frozen(kw_only=True)
class GroupSequential:
    """A test read at a few planned looks, which spends its error as the data come (Lan-DeMets).

    Parameters
    ----------
    fractions : sequence of float
        Shares of the planned units at each look, rising, the last usually 1.
    spending : str
        "obrien_fleming" (hard to stop early, almost free at the end) or "pocock" (the same ease at every look).
    alpha : float
        Two-sided error over all looks.

    References
    ----------
    .. [1] Lan & DeMets (1983), Biometrika 70(3), 659-663.
    .. [2] Armitage, McPherson & Rowe (1969), JRSS A 132(2), 235-244 (the integration).

    Examples
    --------
    >>> GroupSequential(fractions=[0.2, 0.4, 0.6, 0.8, 1.0]).boundaries().round(3).tolist()
    [4.877, 3.357, 2.68, 2.29, 2.031]
    """

    fractions: tuple[float, ...] = field(converter=_read_fractions)
    spending: Literal["obrien_fleming", "pocock"] = "obrien_fleming"
    alpha: float = 0.05

    def __attrs_post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise InvalidValueError("alpha", self.alpha, "give an error rate between 0 and 1, such as 0.05")
        if self.spending not in {"obrien_fleming", "pocock"}:
            raise InvalidValueError("spending", self.spending, "give 'obrien_fleming' or 'pocock'")

    def spent(self) -> NDArray[np.float64]:
        """Return the error spent up to each look.

        Examples
        --------
        >>> GroupSequential(fractions=[0.5, 1.0], spending="pocock").spent().round(4).tolist()
        [0.031, 0.05]
        """
        from scipy import stats

        t = np.asarray(self.fractions)
        if self.spending == "pocock":
            return np.asarray(self.alpha * np.log1p((np.e - 1.0) * t))
        return np.asarray(4.0 * stats.norm.sf(stats.norm.isf(self.alpha / 4.0) / np.sqrt(t)))

    def boundaries(self) -> NDArray[np.float64]:
        """Return the absolute z at each look from which the test stops.

        The density of the running sum among those not stopped is carried from look to look by Gauss-Legendre quadrature.
        """
        from scipy import optimize
        from scipy.special import ndtr, ndtri

        x, w = np.polynomial.legendre.leggauss(_NODES)
        t = np.asarray(self.fractions)
        # A look so early that nothing may be spent on it has its boundary where no z ever is.
        spend = np.maximum(np.diff(self.spent(), prepend=0.0), 1e-300)
        bounds = np.empty(len(t))
        bounds[0] = -ndtri(spend[0] / 2.0)
        at = np.zeros(1)
        mass = np.ones(1)
        for k in range(len(t)):
            step = float(np.sqrt(t[k] - (t[k - 1] if k else 0.0)))
            if k:

                def crossing(
                    z: float,
                    *,
                    at: NDArray[np.float64] = at,
                    mass: NDArray[np.float64] = mass,
                    k: int = k,
                    step: float = step,
                ) -> float:
                    edge = z * float(np.sqrt(t[k]))
                    out = ndtr((at - edge) / step) + ndtr((-edge - at) / step)
                    return float(mass @ out) - float(spend[k])

                bounds[k] = optimize.brentq(crossing, 0.0, 40.0, xtol=1e-12)
            edge = bounds[k] * np.sqrt(t[k])
            nodes = edge * x
            density = np.exp(-0.5 * ((nodes[:, None] - at) / step) ** 2) / (step * np.sqrt(2.0 * np.pi))
            mass = edge * w * (density @ mass)
            at = nodes
        return bounds

    def stops(self, z: ArrayLike) -> int | None:
        """Return the first look at which `z`, one value per look so far, is beyond its boundary; None if there is none.

        Examples
        --------
        >>> GroupSequential(fractions=[0.5, 1.0]).stops([1.9, 2.1])
        1
        """
        seen = vector(z, "z")
        if len(seen) > len(self.fractions):
            raise InvalidDataError(
                "z", len(self.fractions), float(seen[-1]), f"there are {len(self.fractions)} looks planned"
            )
        beyond = np.abs(seen) >= self.boundaries()[: len(seen)]
        return int(np.argmax(beyond)) if beyond.any() else None

    def intervals(
        self, estimate: ArrayLike, standard_error: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the repeated confidence intervals of the looks so far, which cover together with chance 1 - alpha.

        Parameters
        ----------
        estimate, standard_error : array_like
            The effect and its standard error at each look so far.

        References
        ----------
        .. [1] Jennison & Turnbull (1989), JRSS B 51(3), 305-361.
        """
        effect, variance = _variances(estimate, np.square(np.asarray(standard_error, dtype=np.float64)))
        if effect.ndim != 1 or len(effect) > len(self.fractions):
            raise InvalidDataError(
                "estimate", None, effect.shape, f"give one value per look, at most {len(self.fractions)}"
            )
        half = self.boundaries()[: len(effect)] * np.sqrt(variance)
        return effect - half, effect + half
