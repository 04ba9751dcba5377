"""Gamma-Gamma: what a customer spends on a purchase, on average, given what he spent so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincinv, betaln, gammainccinv, gammaln, psi, xlogy

from pycrm.clv._history import Floats, drawing, lengths, positive, shares, together, weights_of
from pycrm.clv._search import compress, finished, maximise, total, warn
from pycrm.errors import DataWarning, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit
from pycrm.table import Frame, eager, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GammaGamma", "density_of_means"]


def _terms(p: float, q: float, v: float, x: Floats, m: Floats) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
    """Return log L of each row (equation 1a of Fader & Hardie) and its derivatives in p, q and v."""
    px = p * x
    whole = np.log(v + x * m)
    value = (
        gammaln(px + q)
        - gammaln(px)
        - gammaln(q)
        + q * np.log(v)
        + (px - 1.0) * np.log(m)
        + px * np.log(x)
        - (px + q) * whole
    )
    both = psi(px + q)
    slopes = (
        x * (both - psi(px) + np.log(m) + np.log(x) - whole),
        both - psi(q) + np.log(v) - whole,
        q / v - (px + q) / (v + x * m),
    )
    return value, slopes


@frozen(kw_only=True)
class GammaGamma:
    """Mean spend per purchase, of customers who differ in it, independent of how often they buy.

    Parameters
    ----------
    p, q : float
        Shapes, > 0: of the amounts of one customer, and of the rate across customers.
    v : float
        Scale across customers, > 0, in the unit of the amounts.

    References
    ----------
    .. [1] Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025.

    Examples
    --------
    >>> paper = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> round(paper.mean(), 2)
    35.22
    """

    p: float = field(validator=positive)
    q: float = field(validator=positive)
    v: float = field(validator=positive)

    @classmethod
    def fit(
        cls, summary: Frame, *, penalty: float = 0.0, nonpositive: Literal["refuse", "drop"] = "refuse"
    ) -> Fit[GammaGamma]:
        """Return the model under which the mean values of `summary` are most likely.

        Parameters
        ----------
        summary : Frame
            Columns `frequency` and `mean_value`, optionally `weight`. Customers without a repeat purchase say nothing of
            spend and are left out.
        penalty : float
            L2 penalty on the parameters per customer.
        nonpositive : {"refuse", "drop"}
            What becomes of returning customers whose mean value is not above 0, because they sent more back than they kept or
            got everything free: an error, or left out with a warning that counts them.

        Raises
        ------
        InvalidDataError
            Naming the first row of a mean value of a returning customer that is not above 0.

        Warns
        -----
        DataWarning
            How many customers were left out.
        BoundaryWarning, ConvergenceWarning
            Naming the parameter that has no estimate.

        Examples
        --------
        >>> drawn = GammaGamma(p=6.25, q=3.74, v=15.44).simulate(np.full(2000, 4), random=np.random.default_rng(1))
        >>> GammaGamma.fit(drawn).converged
        True
        """
        if nonpositive not in {"refuse", "drop"}:
            raise InvalidValueError("nonpositive", nonpositive, "give 'refuse' or 'drop'")
        table = eager(summary)
        x, m = numbers(table, "frequency", minimum=0.0, integer=True), numbers(table, "mean_value")
        weight = weights_of(table)
        kept = x > 0.0 if weight is None else (x > 0.0) & (weight > 0.0)
        bad = kept & (m <= 0.0)
        if bad.any() and nonpositive == "refuse":
            row = int(np.argmax(bad))
            fix = "the model knows positive spend only; leave such rows out with nonpositive='drop'"
            raise InvalidDataError("mean_value", row, float(m[row]), fix)
        if bad.any():
            message = f"{int(bad.sum())} returning customers without a positive mean value were left out of Gamma-Gamma"
            warn(message, DataWarning)
            kept &= ~bad
        if not kept.any():
            raise InvalidDataError(
                "frequency", None, "no repeat purchase", "spend is learnt from customers who came back"
            )
        rows = compress([x[kept], m[kept]], None if weight is None else weight[kept])
        size = float(rows.weight.sum())

        def likelihood(values: Floats) -> tuple[float, Floats]:
            value, slopes = _terms(*values, *rows.columns)
            return total(rows.weight, value), np.array([total(rows.weight, slope) for slope in slopes])

        centre = total(rows.weight, rows.columns[1]) / size
        optimum = maximise(
            likelihood, {"p": 2.0, "q": 3.0, "v": centre}, weight=size, penalty=penalty, model="Gamma-Gamma"
        )
        p, q, v = (float(value) for value in optimum.estimates)
        return finished(cls(p=p, q=q, v=v), optimum, size)

    def mean(self) -> float:
        """Return the mean spend of the population, p v / (q - 1).

        Raises
        ------
        NotEstimableError
            If q <= 1: the mean is infinite.
        """
        if self.q <= 1.0:
            raise NotEstimableError("the mean spend of the population", "it is infinite for q <= 1", "q")
        return self.p * self.v / (self.q - 1.0)

    def expected_value(self, frequency: ArrayLike, mean_value: ArrayLike) -> Floats:
        """Return the expected spend per purchase, given how often and how much on average (equation 5 of [1]_).

        A customer without a repeat purchase gets the mean of the population.

        Examples
        --------
        >>> paper = GammaGamma(p=6.25, q=3.74, v=15.44)
        >>> paper.expected_value([0, 2], [0.0, 50.0]).round(2)
        array([35.22, 47.34])
        """
        shape, scale = self._after(frequency, mean_value)
        if (shape <= 1.0).any():
            self.mean()
        return np.asarray(self.p * scale / (shape - 1.0))

    def _after(self, frequency: ArrayLike, mean_value: ArrayLike) -> tuple[Floats, Floats]:
        """Return shape and rate of the Gamma of a customer's own rate, given his history."""
        each = {"frequency": lengths("frequency", frequency), "mean_value": lengths("mean_value", mean_value)}
        together(**each)
        x, m = np.broadcast_arrays(*each.values())
        return self.q + self.p * x, self.v + x * np.where(x > 0.0, m, 0.0)

    def mean_value_quantile(
        self, probability: ArrayLike, frequency: ArrayLike = 0, mean_value: ArrayLike = 0.0
    ) -> Floats:
        """Return what a customer's true mean spend stays below with this probability, given his history.

        Without a history it is the distribution over customers: p / Gamma, an inverse Gamma.

        Examples
        --------
        >>> paper = GammaGamma(p=6.25, q=3.74, v=15.44)
        >>> paper.mean_value_quantile([0.025, 0.975], 2, 50.0).round(2)
        array([28.81, 77.36])
        """
        shape, scale = self._after(frequency, mean_value)
        with np.errstate(divide="ignore"):
            return np.asarray(self.p * scale / gammainccinv(shape, shares("probability", probability)))

    def mean_value_density(self, amount: ArrayLike, frequency: ArrayLike = 0, mean_value: ArrayLike = 0.0) -> Floats:
        """Return the density of a customer's true mean spend at `amount`, given his history.

        Examples
        --------
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).mean_value_density([10.0, 30.0]).round(4)
        array([0.0071, 0.0242])
        """
        z = lengths("amount", amount)
        shape, scale = self._after(frequency, mean_value)
        rate = self.p * scale
        some = np.where(z > 0.0, z, 1.0)
        log_density = shape * np.log(rate) - (shape + 1.0) * np.log(some) - rate / some - gammaln(shape)
        return np.where(z > 0.0, np.exp(log_density), 0.0)

    def purchase_value_density(
        self, amount: ArrayLike, frequency: ArrayLike = 0, mean_value: ArrayLike = 0.0
    ) -> Floats:
        """Return the density of the value of a customer's next purchase at `amount`, given his history: a beta prime.

        Examples
        --------
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).purchase_value_density([10.0, 30.0]).round(4)
        array([0.0198, 0.0193])
        """
        z = lengths("amount", amount)
        shape, scale = self._after(frequency, mean_value)
        log_density = (
            xlogy(self.p - 1.0, z)
            + shape * np.log(scale)
            - (self.p + shape) * np.log(scale + z)
            - betaln(self.p, shape)
        )
        return np.asarray(np.exp(log_density))

    def purchase_value_cdf(self, amount: ArrayLike, frequency: ArrayLike = 0, mean_value: ArrayLike = 0.0) -> Floats:
        """Return the probability that a customer's next purchase is worth at most `amount`, given his history.

        Examples
        --------
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).purchase_value_cdf([10.0, 30.0]).round(4)
        array([0.0669, 0.5666])
        """
        z = lengths("amount", amount)
        shape, scale = self._after(frequency, mean_value)
        return np.asarray(betainc(self.p, shape, z / (scale + z)))

    def purchase_value_quantile(
        self, probability: ArrayLike, frequency: ArrayLike = 0, mean_value: ArrayLike = 0.0
    ) -> Floats:
        """Return what a customer's next purchase stays below with this probability, given his history.

        Examples
        --------
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).purchase_value_quantile([0.1, 0.5, 0.9]).round(2)
        array([11.53, 26.78, 66.43])
        """
        share = shares("probability", probability)
        shape, scale = self._after(frequency, mean_value)
        with np.errstate(divide="ignore"):
            return np.asarray(scale * betaincinv(self.p, shape, share) / betaincinv(shape, self.p, 1.0 - share))

    def simulate(self, frequency: ArrayLike, *, random: np.random.Generator) -> pd.DataFrame:
        """Return customers drawn from the model, one for each `frequency`, with the mean value of their purchases.

        Examples
        --------
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).simulate([0, 3], random=np.random.default_rng(2)).columns.tolist()
        ['frequency', 'mean_value']
        """
        import pandas as pd

        drawing(random)
        x = np.atleast_1d(lengths("frequency", frequency)).ravel()
        own = random.gamma(self.q, 1.0 / self.v, x.size)
        spent = random.gamma(self.p * np.maximum(x, 1.0)) / own
        return pd.DataFrame(
            {"frequency": x.astype(np.int64), "mean_value": np.where(x > 0.0, spent / np.maximum(x, 1.0), 0.0)}
        )

    def simulate_values(
        self, frequency: ArrayLike, mean_value: ArrayLike, *, random: np.random.Generator, draws: int = 1
    ) -> Floats:
        """Return draws of the value of the next purchase of existing customers, of shape (draws, customers).

        Examples
        --------
        >>> paper = GammaGamma(p=6.25, q=3.74, v=15.44)
        >>> made = paper.simulate_values([2], [50.0], random=np.random.default_rng(3), draws=50_000)
        >>> abs(made.mean() - 47.34) < 0.5
        np.True_
        """
        drawing(random, draws)
        shape, scale = self._after(frequency, mean_value)
        size = (draws, *shape.shape)
        return np.asarray(random.gamma(self.p, size=size) * scale / random.gamma(np.broadcast_to(shape, size)))


def density_of_means(model: GammaGamma, frequency: Floats, amount: Floats) -> Floats:
    """Return the density, at `amount`, of the mean value over customers with so many repeat purchases."""
    return np.asarray(np.exp(_terms(model.p, model.q, model.v, frequency, amount)[0]))
