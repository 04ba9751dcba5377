"""NBD: repeat purchases of customers who never leave; the benchmark every model with dropout has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, digamma, gammaln

from pycrm.clv._discount import discounting
from pycrm.clv._history import Floats, checked, drawing, lengths, positive, read, whole
from pycrm.clv._search import compress, finished, maximise, total
from pycrm.clv.units import Per, Unit, unit_or_none
from pycrm.errors import NotEstimableError
from pycrm.fit import Fit
from pycrm.table import Frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NBD"]


@frozen(kw_only=True)
class NBD:
    """Repeat purchases at a Poisson rate that is Gamma over customers, who never leave (NBD).

    Parameters
    ----------
    r : float
        Shape of the Gamma, > 0, no unit.
    alpha : float
        Rate of the Gamma, > 0, in the unit of time of `age`.
    unit : Unit, optional
        That unit of time.

    References
    ----------
    .. [1] Ehrenberg (1959), The Pattern of Consumer Purchases, Applied Statistics 8(1), 26-41.

    Examples
    --------
    >>> steady = NBD(r=0.5, alpha=10.0)
    >>> steady.expected_purchases(52, [0, 3], [0, 20], 40).tolist()
    [0.52, 3.64]
    """

    r: float = field(validator=positive)
    alpha: float = field(validator=positive)
    unit: Unit | None = field(default=None, validator=unit_or_none)

    @classmethod
    def fit(cls, summary: Frame, *, penalty: float = 0.0, unit: Unit | None = None) -> Fit[NBD]:
        """Return the model under which `summary` is most likely.

        Parameters
        ----------
        summary : Frame
            Columns `frequency`, `recency` and `age`, optionally `weight`.
        penalty : float
            L2 penalty on the parameters per customer.
        unit : Unit, optional
            The unit of time of `summary`, where it does not carry it itself.

        Raises
        ------
        InvalidDataError
            Naming column and first row of an impossible history.
        NotEstimableError
            If nobody bought again.

        Warns
        -----
        BoundaryWarning, ConvergenceWarning
            Naming the parameter that has no estimate: with counts no more dispersed than Poisson, `r` and `alpha`.

        Notes
        -----
        The likelihood is of the times of purchase, as for the models with dropout, so their criteria compare.

        Examples
        --------
        >>> sample = NBD(r=0.5, alpha=10.0).simulate(np.full(2000, 52.0), random=np.random.default_rng(1))
        >>> NBD.fit(sample, unit="week").converged
        True
        """
        data = read(summary, unit=unit)
        if not data.frequency.any():
            raise NotEstimableError("NBD", "nobody bought again; it needs repeat purchases", "r")
        rows = compress([data.frequency, data.age], data.weight)
        x, T = rows.columns
        weight = float(rows.weight.sum())

        def likelihood(values: Floats) -> tuple[float, Floats]:
            r, alpha = (float(value) for value in values)
            long = np.log(alpha + T)
            value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * long
            in_r = digamma(r + x) - digamma(r) + np.log(alpha) - long
            in_alpha = r / alpha - (r + x) / (alpha + T)
            return total(rows.weight, value), np.array([total(rows.weight, in_r), total(rows.weight, in_alpha)])

        begin = max(total(rows.weight, T) / weight / 4.0, 1e-6)
        optimum = maximise(likelihood, {"r": 1.0, "alpha": begin}, weight=weight, penalty=penalty, model="NBD")
        return finished(cls(r=optimum["r"], alpha=optimum["alpha"], unit=data.unit), optimum, weight)

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Return the log-likelihood of each history; `recency` says nothing here but is checked.

        Examples
        --------
        >>> NBD(r=0.5, alpha=10.0).log_likelihood([0, 3], [0, 20], 40).round(4)
        array([ -0.8047, -11.9122])
        """
        x, _, T = checked(frequency, recency, age)
        r, alpha = self.r, self.alpha
        return np.asarray(gammaln(r + x) - gammaln(r) - r * np.log1p(T / alpha) - x * np.log(alpha + T))

    def probability_alive(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, *, ahead: ArrayLike = 0.0
    ) -> Floats:
        """Return 1 for each history: nobody leaves.

        Examples
        --------
        >>> NBD(r=0.5, alpha=10.0).probability_alive([0, 3], [0, 20], 40)
        array([1., 1.])
        """
        later = lengths("ahead", ahead)
        x, _, _ = checked(frequency, recency, age, ahead=later)
        return np.ones(np.broadcast_shapes(x.shape, later.shape))

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the expected purchases in the next `horizon`, given each history: horizon (r + x) / (alpha + T).

        Examples
        --------
        >>> float(NBD(r=0.5, alpha=10.0).expected_purchases(52, 3, 20, 40))
        3.64
        """
        until = lengths("horizon", horizon)
        x, _, T = checked(frequency, recency, age, horizon=until)
        return np.asarray(until * (self.r + x) / (self.alpha + T))

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """Return the expected repeat purchases of a new customer in his first `horizon`.

        Examples
        --------
        >>> float(NBD(r=0.5, alpha=10.0).expected_purchases_new(52))
        2.6
        """
        return self.expected_purchases(horizon, 0, 0, 0)

    def purchase_probability(
        self,
        n: ArrayLike,
        horizon: ArrayLike,
        frequency: ArrayLike,
        recency: ArrayLike,
        age: ArrayLike,
        *,
        start: ArrayLike = 0.0,
    ) -> Floats:
        """Return the probability of exactly `n` purchases in a window of length `horizon`, given each history.

        When the window opens (`start`) makes no difference, for nobody leaves; ``n=0`` is the probability of no purchase.

        Examples
        --------
        >>> NBD(r=0.5, alpha=10.0).purchase_probability([0, 1, 2], 52, 3, 20, 40).round(3)
        array([0.082, 0.147, 0.169])
        """
        count, length, later = whole("n", n), lengths("horizon", horizon), lengths("start", start)
        x, _, T = checked(frequency, recency, age, n=count, horizon=length, start=later)
        count, length, x, T, _ = np.broadcast_arrays(count, length, x, T, later)
        shape, rate = self.r + x, self.alpha + T
        inside = np.where(count > 0.0, length / (rate + length), 1.0)
        with np.errstate(divide="ignore"):
            # n B(n, shape) = Gamma(n + 1) Gamma(shape) / Gamma(n + shape).
            ways = np.where(count > 0.0, -np.log(np.maximum(count, 1.0)) - betaln(np.maximum(count, 1.0), shape), 0.0)
            return np.asarray(np.exp(ways - shape * np.log1p(length / rate) + count * np.log(inside)))

    def purchase_probability_new(self, n: ArrayLike, horizon: ArrayLike, *, start: ArrayLike = 0.0) -> Floats:
        """Return the probability that a new customer makes exactly `n` repeat purchases in a window.

        Examples
        --------
        >>> NBD(r=0.5, alpha=10.0).purchase_probability_new([0, 1, 2], 52).round(3)
        array([0.402, 0.168, 0.106])
        """
        return self.purchase_probability(n, horizon, 0, 0, 0, start=start)

    def discounted_purchases(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        age: ArrayLike,
        *,
        discount_rate: float,
        per: Per = "year",
        horizon: ArrayLike = np.inf,
    ) -> Floats:
        """Return the expected purchases to come, each discounted from its moment to now; to infinity or a `horizon`.

        Raises
        ------
        NotEstimableError
            To infinity without a positive rate: nobody leaves, so the sum has no end.

        Examples
        --------
        >>> steady = NBD(r=0.5, alpha=10.0, unit="week")
        >>> round(float(steady.discounted_purchases(3, 20, 40, discount_rate=0.15)), 2)
        26.13
        """
        rate, until = discounting(discount_rate, per, self.unit, horizon, infinite="for nobody leaves")
        x, _, T = checked(frequency, recency, age, horizon=until)
        span = until if rate == 0.0 else -np.expm1(-rate * until) / rate
        return np.asarray((self.r + x) / (self.alpha + T) * span)

    def discounted_purchases_new(
        self, *, discount_rate: float, per: Per = "year", horizon: ArrayLike = np.inf
    ) -> Floats:
        """Return the same of a new customer, his first purchase not counted."""
        return self.discounted_purchases(0, 0, 0, discount_rate=discount_rate, per=per, horizon=horizon)

    def simulate(self, age: ArrayLike, *, random: np.random.Generator) -> pd.DataFrame:
        """Return a summary of customers drawn from the model, one for each `age` since their first purchase.

        Examples
        --------
        >>> NBD(r=0.5, alpha=10.0).simulate([39.0] * 3, random=np.random.default_rng(2)).columns.tolist()
        ['frequency', 'recency', 'age', 'alive']
        """
        import pandas as pd

        drawing(random)
        span = np.atleast_1d(lengths("age", age)).ravel()
        made = random.poisson(random.gamma(self.r, size=span.size) / self.alpha * span)
        last = np.where(made > 0, span * random.beta(np.maximum(made, 1), 1.0), 0.0)
        frame = pd.DataFrame({"frequency": made, "recency": last, "age": span, "alive": np.ones(span.size, dtype=bool)})
        if self.unit is not None:
            frame.attrs["unit"] = self.unit
        return frame

    def simulate_purchases(
        self,
        horizon: ArrayLike,
        frequency: ArrayLike,
        recency: ArrayLike,
        age: ArrayLike,
        *,
        random: np.random.Generator,
        draws: int = 1,
    ) -> NDArray[np.int64]:
        """Return draws of the purchases of existing customers in the next `horizon`, of shape (draws, customers).

        Examples
        --------
        >>> made = NBD(r=0.5, alpha=10.0).simulate_purchases(
        ...     52, [3], [20], [40], random=np.random.default_rng(3), draws=20_000
        ... )
        >>> abs(made.mean() - 3.64) < 0.05
        np.True_
        """
        drawing(random, draws)
        length = lengths("horizon", horizon)
        x, _, T = checked(frequency, recency, age, horizon=length)
        shape = (draws, *np.broadcast_shapes(x.shape, length.shape))
        rate = random.gamma(np.broadcast_to(self.r + x, shape)) / (self.alpha + T)
        return np.asarray(random.poisson(rate * length))
