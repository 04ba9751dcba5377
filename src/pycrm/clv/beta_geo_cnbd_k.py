"""BG/CNBD-k: regular repeat purchases of customers who may leave, unseen, after any purchase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.clv._discount import discounting
from pycrm.clv._history import Floats, positive
from pycrm.clv._regular_purchases import Customers, fitted
from pycrm.clv._regularity import regularity
from pycrm.clv.units import Per, Unit, unit_or_none
from pycrm.fit import Fit
from pycrm.table import Frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BetaGeoCNBDk"]

_MODIFIED = 0


@frozen(kw_only=True)
class BetaGeoCNBDk:
    """Repeat purchases, regular in time, of customers who may silently leave (BG/CNBD-k).

    Waiting times are Erlang-k: k = 1 is the BG/NBD, a larger k says that purchases keep a rhythm. A customer who never came back is active with
    certainty; see :class:`ModifiedBetaGeoCNBDk` for one who may have left at once.

    Parameters
    ----------
    r, a, b : float
        Shapes, > 0, no unit.
    alpha : float
        Rate of the Gamma, > 0, in the unit of time of `recency` and `age`; the mean waiting time is k / rate.
    k : int
        Regularity, 1, 2, ...
    unit : Unit, optional
        That unit of time.

    References
    ----------
    .. [1] Reutterer, Platzer & Schroeder (2021), International Journal of Research in Marketing 38(1), 194-215.

    Examples
    --------
    >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
    >>> regular.expected_purchases(26, [0, 8], [0, 50], 52).round(2)
    array([0.3 , 3.32])
    """

    r: float = field(validator=positive)
    alpha: float = field(validator=positive)
    a: float = field(validator=positive)
    b: float = field(validator=positive)
    k: int = field(validator=regularity)
    unit: Unit | None = field(default=None, validator=unit_or_none)

    @classmethod
    def fit(
        cls,
        summary: Frame,
        *,
        k: int | None = None,
        largest_k: int = 12,
        penalty: float = 0.0,
        unit: Unit | None = None,
    ) -> Fit[BetaGeoCNBDk]:
        """Return the model under which `summary` is most likely.

        Parameters
        ----------
        summary : Frame
            Columns `frequency`, `recency`, `age`, `log_gaps` as ``purchase_summary(..., gaps=True)`` makes them, optionally
            `weight`.
        k : int, optional
            The regularity; searched from 1 up to `largest_k` where not given, until it is clear that more fits worse.
        largest_k : int
            Where the search ends.
        penalty : float
            L2 penalty on the parameters per customer.
        unit : Unit, optional
            The unit of time of `summary`, where it does not carry it itself.

        Returns
        -------
        Fit of BetaGeoCNBDk
            Standard errors take `k` as known, and so do the criteria; fit each `k` of interest to see how much they differ.

        Raises
        ------
        InvalidDataError
            Naming column and first row of an impossible history.

        Warns
        -----
        BoundaryWarning, ConvergenceWarning
            Naming the parameter that has no estimate.

        Examples
        --------
        >>> truth = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> sample = truth.simulate(np.full(1000, 52.0), random=np.random.default_rng(1))
        >>> BetaGeoCNBDk.fit(sample).model.k
        3
        """
        return fitted(
            cls, summary, modified=_MODIFIED, k=k, largest_k=largest_k, penalty=penalty, unit=unit, name="BG/CNBD-k"
        )

    def _customers(self) -> Customers:
        return Customers(self.k, _MODIFIED, self.r, self.alpha, self.a, self.b)

    def log_likelihood(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, log_gaps: ArrayLike = 0.0
    ) -> Floats:
        """Return the log-likelihood of each history; without `log_gaps` that of each k differs by a constant.

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> round(float(regular.log_likelihood(2, 30.0, 40.0, 5.4)), 4)
        -8.3311
        """
        return self._customers().log_likelihood(frequency, recency, age, log_gaps)

    def probability_alive(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, *, ahead: ArrayLike = 0.0
    ) -> Floats:
        """Return the probability that a customer is active `ahead` from now (now, by default), given his history.

        Parameters
        ----------
        frequency : array_like of int
            Repeat purchases so far (x).
        recency, age : array_like
            Time from first to last purchase (t_x), and to now (T); 0 <= recency <= age.
        ahead : array_like
            How far from now, in the unit of `age`.

        Returns
        -------
        ndarray
            In the broadcast shape of the arguments.

        Raises
        ------
        InvalidDataError
            If a history is impossible; the message names the first such row.

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> regular.probability_alive([0, 8], [0, 50], 52).round(3)
        array([1.   , 0.917])
        """
        return self._customers().probability_alive(frequency, recency, age, ahead)

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the expected purchases in the next `horizon`, given each history.

        Parameters
        ----------
        horizon : array_like
            Length of the coming period (t), in the unit of `age`.
        frequency : array_like of int
            Repeat purchases so far (x); the first one is not counted.
        recency, age : array_like
            Time from first to last purchase (t_x), and to now (T); 0 <= recency <= age.

        Returns
        -------
        ndarray
            Expected counts, in the broadcast shape of the arguments.

        Raises
        ------
        InvalidDataError
            If a history is impossible; the message names the first such row.

        Notes
        -----
        Exact: the sum over all numbers of hidden events, where [1]_ approximates (by up to 40 %).

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> round(float(regular.expected_purchases(26, 8, 50, 52)), 3)
        3.325
        """
        return self._customers().expected_purchases(horizon, frequency, recency, age)

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """Return the expected repeat purchases of a new customer in his first `horizon`.

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> round(float(regular.expected_purchases_new(52)), 3)
        4.013
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

        The window opens `start` from now; ``n=0`` is the probability of no purchase.

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> regular.purchase_probability([0, 1, 2], 26, 8, 50, 52).round(3)
        array([0.084, 0.085, 0.145])
        """
        return self._customers().purchase_probability((n, start, horizon), frequency, recency, age)

    def purchase_probability_new(self, n: ArrayLike, horizon: ArrayLike, *, start: ArrayLike = 0.0) -> Floats:
        """Return the probability that a new customer makes exactly `n` repeat purchases in a window.

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> regular.purchase_probability_new([0, 1, 2], 52).round(3)
        array([0.12 , 0.285, 0.159])
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
        """Return the expected purchases to come, each discounted from its moment to now (DERT; to a `horizon`, DET).

        Parameters
        ----------
        frequency, recency, age : array_like
            The history, as in :meth:`expected_purchases`.
        discount_rate : float
            0.15 means that a purchase one `per` from now counts 1 / 1.15.
        per : Per
            What the rate counts by; "continuous" for a continuous rate in the model's own unit of time.
        horizon : array_like
            How far ahead, in the unit of `age`; to infinity by default.

        Raises
        ------
        NotEstimableError
            To infinity without a positive rate.

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3, unit="week")
        >>> round(float(regular.discounted_purchases(8, 50, 52, discount_rate=0.15)), 3)
        18.975
        """
        rate, until = discounting(discount_rate, per, self.unit, horizon, infinite="wherever a <= 1")
        return self._customers().discounted_purchases(rate, until, frequency, recency, age)

    def discounted_purchases_new(
        self, *, discount_rate: float, per: Per = "year", horizon: ArrayLike = np.inf
    ) -> Floats:
        """Return the same of a new customer, his first purchase not counted."""
        return self.discounted_purchases(0, 0, 0, discount_rate=discount_rate, per=per, horizon=horizon)

    def simulate(self, age: ArrayLike, *, random: np.random.Generator) -> pd.DataFrame:
        """Return a summary of customers drawn from the model, one for each `age` since their first purchase.

        Columns `frequency`, `recency`, `age`, `log_gaps`, and the truth nobody sees, `alive`.

        Examples
        --------
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> regular.simulate([39.0] * 3, random=np.random.default_rng(2)).columns.tolist()
        ['frequency', 'recency', 'age', 'log_gaps', 'alive']
        """
        return self._customers().simulate(age, self.unit, random)

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
        >>> regular = BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
        >>> made = regular.simulate_purchases(26, [8], [50], [52], random=np.random.default_rng(3), draws=20_000)
        >>> abs(made.mean() - 3.325) < 0.05
        np.True_
        """
        return self._customers().simulate_purchases(horizon, (frequency, recency, age), random, draws)
