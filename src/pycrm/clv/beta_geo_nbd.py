"""BG/NBD: repeat purchases of customers who may leave, unseen, after any purchase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.clv._after_purchase import Customers, fitted
from pycrm.clv._discount import discounting
from pycrm.clv._effects import factor, no_effects
from pycrm.clv._history import Floats, positive
from pycrm.clv.units import Per, Unit, unit_or_none
from pycrm.fit import Fit
from pycrm.table import Frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BetaGeoNBD"]


_MODIFIED = 0


@frozen(kw_only=True)
class BetaGeoNBD:
    """Repeat purchases of customers who may silently leave after any of them (BG/NBD).

    While active a customer buys at a Poisson rate, drawn from a Gamma; after each repeat purchase he leaves with a chance drawn
    from a Beta. A customer who never came back is active with certainty; see :class:`ModifiedBetaGeoNBD` for one who may have
    left at once.

    Parameters
    ----------
    r, a, b : float
        Shapes, > 0, no unit: of the Gamma, and both of the Beta.
    alpha : float
        Rate of the Gamma, > 0, in the unit of time of `recency` and `age`.
    unit : Unit, optional
        That unit, where known: it lets rates and horizons of another unit be converted.
    purchase_effects, dropout_effects : mapping of str to float
        Effects of covariates: the mean purchase rate is multiplied by exp(effect * covariate), and so are the odds
        a / b of leaving. A model with effects is asked through :meth:`given`.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275-284.
    .. [2] Fader & Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models.

    Examples
    --------
    >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> round(float(paper.probability_alive(2, 30.43, 38.86)), 3)
    0.727
    """

    r: float = field(validator=positive)
    alpha: float = field(validator=positive, eq=attrs.cmp_using(eq=np.array_equal), hash=False)
    a: float = field(validator=positive, eq=attrs.cmp_using(eq=np.array_equal), hash=False)
    b: float = field(validator=positive)
    unit: Unit | None = field(default=None, validator=unit_or_none)
    purchase_effects: Mapping[str, float] = field(factory=dict, hash=False)
    dropout_effects: Mapping[str, float] = field(factory=dict, hash=False)

    @classmethod
    def fit(
        cls,
        summary: Frame,
        purchase_covariates: Sequence[str] | None = None,
        dropout_covariates: Sequence[str] | None = None,
        *,
        equal_effects: bool = False,
        penalty: float = 0.0,
        unit: Unit | None = None,
    ) -> Fit[BetaGeoNBD]:
        """Return the model under which `summary` is most likely.

        Parameters
        ----------
        summary : Frame
            Columns `frequency`, `recency`, `age` as :func:`purchase_summary` makes them, optionally `weight` (how many customers
            a row stands for), and the covariates.
        purchase_covariates, dropout_covariates : sequence of str, optional
            Columns that act on the purchase rate, and on the inclination to leave.
        equal_effects : bool
            Whether a column has one coefficient for both.
        penalty : float
            L2 penalty on the parameters per customer, for small data; 0 for the maximum likelihood.
        unit : Unit, optional
            The unit of time of `summary`, where it does not carry it itself.

        Returns
        -------
        Fit of BetaGeoNBD
            With covariance, standard errors and what went wrong, if anything did.

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
        >>> truth = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> sample = truth.simulate(np.full(2000, 52.0), random=np.random.default_rng(1))
        >>> BetaGeoNBD.fit(sample, unit="week").converged
        True
        """
        covariates = (purchase_covariates, dropout_covariates)
        return fitted(
            cls,
            summary,
            covariates,
            modified=_MODIFIED,
            equal_effects=equal_effects,
            penalty=penalty,
            unit=unit,
            name="BG/NBD",
        )

    def given(self, covariates: Frame) -> BetaGeoNBD:
        """Return the model of the customers with these covariates, in the order of the rows.

        Examples
        --------
        >>> model = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5, purchase_effects={"vip": 0.7})
        >>> model.given({"vip": [0, 1]}).expected_purchases_new(10).round(3)
        array([0.774, 1.326])
        """
        alpha: Any = self.alpha / factor(self.purchase_effects, covariates)
        a: Any = self.a * factor(self.dropout_effects, covariates)
        return attrs.evolve(self, alpha=alpha, a=a, purchase_effects={}, dropout_effects={})

    def _customers(self) -> Customers:
        no_effects("BetaGeoNBD", self.purchase_effects, self.dropout_effects)
        return Customers(self.r, self.alpha, self.a, self.b, _MODIFIED)

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Return the log-likelihood of each history (equation 6 of [1]_)."""
        return self._customers().log_likelihood(frequency, recency, age)

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

        Notes
        -----
        1 / (1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x)), 1 where x = 0; later,
        times the mean of exp(-lambda p ahead) over what the history leaves open.

        Examples
        --------
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> paper.probability_alive([0, 2], [0, 30.43], 38.86, ahead=39).round(3)
        array([0.956, 0.567])
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
        Equation (10) of [1]_, as an integral over the chance to leave: nothing is singular at a = 1.

        Examples
        --------
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(paper.expected_purchases(39, 2, 30.43, 38.86)), 3)
        1.226
        """
        return self._customers().expected_purchases(horizon, frequency, recency, age)

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """Return the expected repeat purchases of a new customer in his first `horizon` (equation 9 of [1]_).

        Examples
        --------
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(paper.expected_purchases_new(39)), 4)
        1.1967
        """
        return self._customers().expected_purchases_new(horizon)

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
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> paper.purchase_probability([0, 1, 2], 39, 2, 30.43, 38.86).round(3)
        array([0.445, 0.239, 0.144])
        """
        return self._customers().purchase_probability((n, start, horizon), frequency, recency, age)

    def purchase_probability_new(self, n: ArrayLike, horizon: ArrayLike, *, start: ArrayLike = 0.0) -> Floats:
        """Return the probability that a new customer makes exactly `n` repeat purchases in a window (equation 8 of [1]_).

        Examples
        --------
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> paper.purchase_probability_new([0, 1, 2], 39).round(3)
        array([0.574, 0.199, 0.085])
        """
        return self._customers().purchase_probability_new((n, start, horizon))

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

        Notes
        -----
        P(alive) times the mean of the integral of lambda exp(-(lambda p + rate) t) over lambda and p.

        Examples
        --------
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
        >>> round(float(paper.discounted_purchases(2, 30.43, 38.86, discount_rate=0.15)), 2)
        5.18
        """
        rate, until = discounting(discount_rate, per, self.unit, horizon, infinite="wherever a <= 1")
        return self._customers().discounted_purchases(rate, until, frequency, recency, age)

    def discounted_purchases_new(
        self, *, discount_rate: float, per: Per = "year", horizon: ArrayLike = np.inf
    ) -> Floats:
        """Return the same of a new customer, his first purchase not counted."""
        rate, until = discounting(discount_rate, per, self.unit, horizon, infinite="wherever a <= 1")
        return self._customers().discounted_purchases_new(rate, until)

    def simulate(self, age: ArrayLike, *, random: np.random.Generator) -> pd.DataFrame:
        """Return a summary of customers drawn from the model, one for each `age` since their first purchase.

        Columns `frequency`, `recency`, `age`, and the truth nobody sees, `alive`.

        Examples
        --------
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> paper.simulate([39.0] * 3, random=np.random.default_rng(2)).columns.tolist()
        ['frequency', 'recency', 'age', 'alive']
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
        >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> made = paper.simulate_purchases(39, [2], [30.43], [38.86], random=np.random.default_rng(3), draws=20_000)
        >>> abs(made.mean() - 1.226) < 0.05
        np.True_
        """
        return self._customers().simulate_purchases(horizon, (frequency, recency, age), random, draws)
