"""Shifted beta geometric: how long contracts last, when customers differ and none of them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from pycrm.clv import _contract as contract
from pycrm.clv._contract import Floats, Survivors
from pycrm.clv._history import positive
from pycrm.clv._search import finished, maximise
from pycrm.clv._series import discounted_steps, steps
from pycrm.clv.units import Per, Unit, continuous_rate, unit_or_none
from pycrm.errors import NotEstimableError
from pycrm.fit import Fit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ShiftedBetaGeo"]


@frozen(kw_only=True)
class ShiftedBetaGeo:
    """Lives under contract that end with a probability of the customer's own at each renewal (sBG).

    Each customer renews or not, like the toss of a coin of his own; the probability to leave is Beta over customers.

    Parameters
    ----------
    alpha, beta : float
        Shapes of the Beta of the probability to leave, > 0.
    unit : Unit, optional
        The length of a period, where it is a calendar unit.

    References
    ----------
    .. [1] Fader & Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1), 76-90.
    .. [2] Fader & Hardie (2010), Customer-Base Valuation in a Contractual Setting, Marketing Science 29(1), 85-93.

    Examples
    --------
    >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> ShiftedBetaGeo.fit(survivors, unit="year").model.survival([8, 12]).round(3)
    array([0.46 , 0.378])
    """

    alpha: float = field(validator=positive)
    beta: float = field(validator=positive)
    unit: Unit | None = field(default=None, validator=unit_or_none)

    @classmethod
    def fit(cls, survivors: Survivors, *, penalty: float = 0.0, unit: Unit | None = None) -> Fit[ShiftedBetaGeo]:
        """Return the model under which the lives in `survivors` are most likely.

        Parameters
        ----------
        survivors : sequence of float, sequence of those, or Frame
            How many were there at the start and are left after each renewal; one such sequence per cohort; or individual rows,
            with the columns `duration` (the period in which who churned did so, 1 or later; for the others the renewals so
            far), `churned` (bool) and optionally `weight`.
        penalty : float
            L2 penalty on the parameters per customer.
        unit : Unit, optional
            The length of a period.

        Raises
        ------
        InvalidDataError
            Naming the first survivors that grow, or column and row that are wrong.
        NotEstimableError
            If nobody left, or nobody renewed.

        Warns
        -----
        BoundaryWarning, ConvergenceWarning
            Naming the parameter that has no estimate.

        Examples
        --------
        >>> found = ShiftedBetaGeo.fit([1000, 869, 743, 653, 593, 551, 517, 491])
        >>> round(found.log_likelihood, 3)
        -1611.158
        >>> rows = {"duration": [1, 2, 2, 3, 5, 5, 5, 5], "churned": [True, True, True, True, False, False, False, False]}
        >>> ShiftedBetaGeo.fit(rows, penalty=0.001).weight
        8.0
        """
        lives = contract.read_lives(survivors)

        def likelihood(values: Floats) -> tuple[float, Floats]:
            value, slopes = contract.likelihood(float(values[0]), float(values[1]), 1.0, lives)
            return value, slopes[:2]

        optimum = maximise(
            likelihood, {"alpha": 1.0, "beta": 2.0}, weight=lives.weight, penalty=penalty, model="ShiftedBetaGeo"
        )
        return finished(
            cls(**dict(zip(optimum.names, optimum.estimates.tolist(), strict=True)), unit=unit), optimum, lives.weight
        )

    def log_likelihood(self, survivors: Survivors) -> float:
        """Return the log-likelihood of all lives in `survivors`, as :meth:`fit` takes them."""
        return contract.likelihood(self.alpha, self.beta, 1.0, contract.read_lives(survivors))[0]

    def _log_survival(self, period: Floats) -> Floats:
        return contract.log_survival(self.alpha, self.beta, period)

    def survival(self, period: ArrayLike) -> Floats:
        """Return the share of customers who are still there after `period` renewals.

        Examples
        --------
        >>> ShiftedBetaGeo(alpha=0.668, beta=3.806).survival([0, 1, 7]).round(3)
        array([1.   , 0.851, 0.489])
        """
        return np.asarray(np.exp(self._log_survival(contract.periods("period", period, 0))))

    def churn_probability(self, period: ArrayLike) -> Floats:
        """Return the probability that a new customer leaves at renewal `period`, 1 being the first.

        Examples
        --------
        >>> ShiftedBetaGeo(alpha=0.668, beta=3.806).churn_probability([1, 2]).round(3)
        array([0.149, 0.104])
        """
        at = contract.periods("period", period, 1)
        before = self._log_survival(at - 1.0)
        return np.asarray(-np.exp(before) * np.expm1(self._log_survival(at) - before))

    def retention_rate(self, period: ArrayLike) -> Floats:
        """Return the share of those there who renew at `period`, 1 being the first renewal: S(t) / S(t - 1).

        It grows with time although nobody changes: who leaves easily leaves first.

        Examples
        --------
        >>> ShiftedBetaGeo(alpha=0.668, beta=3.806).retention_rate([1, 2, 7]).round(3)
        array([0.851, 0.878, 0.936])
        """
        at = contract.periods("period", period, 1)
        return np.asarray(np.exp(self._log_survival(at) - self._log_survival(at - 1.0)))

    def probability_alive(self, age: ArrayLike, *, ahead: ArrayLike) -> Floats:
        """Return the probability that who has renewed `age` times renews `ahead` times more.

        Examples
        --------
        >>> ShiftedBetaGeo(alpha=0.668, beta=3.806).probability_alive([0, 5], ahead=5).round(3)
        array([0.562, 0.737])
        """
        done, more = contract.periods("age", age, 0), contract.periods("ahead", ahead, 0)
        return np.asarray(np.exp(self._log_survival(done + more) - self._log_survival(done)))

    def expected_renewals(self, age: ArrayLike = 0, *, horizon: float = np.inf) -> Floats:
        """Return the expected renewals to come of who has renewed `age` times: the expected residual lifetime.

        Parameters
        ----------
        age : array_like of int
            Renewals so far; 0 is a new customer, whose present period is paid already.
        horizon : float
            How many periods ahead; to infinity by default.

        Raises
        ------
        NotEstimableError
            To infinity if alpha <= 1: the mean is infinite.

        Examples
        --------
        >>> ShiftedBetaGeo(alpha=0.668, beta=3.806).expected_renewals([0, 5], horizon=10).round(3)
        array([5.761, 7.373])
        """
        return self._renewals(contract.periods("age", age, 0), 0.0, contract.horizon_of(horizon))

    def discounted_renewals(
        self, age: ArrayLike = 0, *, discount_rate: float, per: Per = "year", horizon: float = np.inf
    ) -> Floats:
        """Return the renewals to come, each discounted to now: times the margin, the residual value (DERL).

        Parameters
        ----------
        age : array_like of int
            Renewals so far.
        discount_rate : float
            0.1 means that a payment one `per` from now counts 1 / 1.1.
        per : Per
            What the rate counts by; "period" is from one renewal to the next, and all a model without a unit knows.
        horizon : float
            How many periods ahead; to infinity by default.

        Notes
        -----
        The next renewal is one period away. Where it is due this very moment (Fader & Hardie's DERL), and for a new customer
        whose first payment is due as well, multiply by 1 + rate, and add 1, respectively.

        Examples
        --------
        >>> ShiftedBetaGeo(alpha=0.668, beta=3.806).discounted_renewals([0, 5], discount_rate=0.1, per="period").round(3)
        array([4.923, 6.487])
        """
        done, rate = contract.periods("age", age, 0), continuous_rate(discount_rate, per, self.unit)
        return self._renewals(done, rate, contract.horizon_of(horizon))

    def _renewals(self, age: Floats, rate: float, horizon: float) -> Floats:
        here = self.beta + age
        if np.isfinite(horizon):
            if rate == 0.0:
                return steps(self.alpha, here, horizon)
            return contract.discounted_renewals(self.alpha, self.beta, 1.0, age, float(np.exp(-rate)), horizon)
        if rate > 0.0:
            discount = float(np.exp(-rate))
            return np.asarray(
                discount * here / (self.alpha + here) * discounted_steps(self.alpha, here + 1.0, discount)
            )
        if rate < 0.0 or self.alpha <= 1.0:
            reason = (
                "the mean is infinite for alpha <= 1 without a positive discount_rate; give one, or a finite horizon"
            )
            raise NotEstimableError("the renewals to infinity", reason, "alpha" if rate == 0.0 else "discount_rate")
        return np.asarray(here / (self.alpha - 1.0))

    def simulate(self, n: int, periods: int, *, random: np.random.Generator) -> pd.DataFrame:
        """Return the lives of `n` new customers watched for `periods` renewals, as individual rows.

        Examples
        --------
        >>> ShiftedBetaGeo(alpha=0.668, beta=3.806).simulate(3, 5, random=np.random.default_rng(1)).columns.tolist()
        ['duration', 'churned']
        """
        return contract.rows(random, n, periods, self.alpha, self.beta, 1.0)
