"""Gamma-Gamma: what a customer spends on a purchase, on average, given what he spent so far."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from pycrm.clv._history import Floats, lengths, positive, weights_of
from pycrm.clv._search import compress, finished, maximise, total
from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.fit import Fit
from pycrm.table import Frame, eager, numbers

__all__ = ["GammaGamma"]


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
    def fit(cls, summary: Frame, *, penalty: float = 0.0) -> Fit[GammaGamma]:
        """Return the model under which the mean values of `summary` are most likely.

        Parameters
        ----------
        summary : Frame
            Columns `frequency` and `mean_value`, optionally `weight`. Customers without a repeat purchase say nothing of
            spend and are left out.
        penalty : float
            L2 penalty on the parameters per customer.

        Raises
        ------
        InvalidDataError
            Naming the first row of a mean value of a returning customer that is not above 0.
        """
        table = eager(summary)
        x, m = numbers(table, "frequency", minimum=0.0, integer=True), numbers(table, "mean_value")
        weight = weights_of(table)
        kept = x > 0.0
        bad = kept & (m <= 0.0)
        if bad.any():
            row = int(np.argmax(bad))
            raise InvalidDataError(
                "mean_value", row, float(m[row]), "the model knows positive spend only; leave the row out"
            )
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
        x, m = np.broadcast_arrays(lengths("frequency", frequency), lengths("mean_value", mean_value))
        if (x == 0.0).any():
            self.mean()
        px = self.p * x
        return np.asarray(self.p * (self.v + x * m) / (px + self.q - 1.0))
