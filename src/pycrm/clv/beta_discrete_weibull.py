"""Beta discrete Weibull: how long contracts last, when customers differ and change with time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

from pycrm.clv import _contract as contract
from pycrm.clv._contract import Floats, Survivors
from pycrm.clv._history import positive
from pycrm.clv._search import finished, maximise
from pycrm.clv.units import Per, Unit, continuous_rate, unit_or_none
from pycrm.errors import NotEstimableError
from pycrm.fit import Fit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BetaDiscreteWeibull"]


@frozen(kw_only=True)
class BetaDiscreteWeibull:
    """Lives under contract whose end grows more or less likely with age, differently for each customer (BdW).

    A customer survives t renewals with probability (1 - p)^(t^c), with p Beta over customers; c > 1 says that each of them
    grows likelier to leave with time, c < 1 less so, and c = 1 is :class:`ShiftedBetaGeo`.

    Parameters
    ----------
    alpha, beta : float
        Shapes of the Beta of the probability to leave, > 0.
    c : float
        How the inclination to leave changes with age, > 0.
    unit : Unit, optional
        The length of a period, where it is a calendar unit.

    References
    ----------
    .. [1] Fader, Hardie, Liu, Davin & Steenburgh (2018), "How to Project Customer Retention" Revisited: The Role of Duration
       Dependence, Journal of Interactive Marketing 43, 1-16.

    Examples
    --------
    >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> BetaDiscreteWeibull.fit(survivors, unit="year").model.survival([8, 12]).round(3)
    array([0.468, 0.404])
    """

    NESTS: ClassVar[Mapping[str, str]] = {"ShiftedBetaGeo": "interior"}

    alpha: float = field(validator=positive)
    beta: float = field(validator=positive)
    c: float = field(validator=positive)
    unit: Unit | None = field(default=None, validator=unit_or_none)

    @classmethod
    def fit(cls, survivors: Survivors, *, penalty: float = 0.0, unit: Unit | None = None) -> Fit[BetaDiscreteWeibull]:
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
        >>> found = BetaDiscreteWeibull.fit([1000, 869, 743, 653, 593, 551, 517, 491])
        >>> round(found.log_likelihood, 3)
        -1605.314
        >>> rows = {"duration": [1, 2, 2, 3, 5, 5, 5, 5], "churned": [True, True, True, True, False, False, False, False]}
        >>> BetaDiscreteWeibull.fit(rows, penalty=0.001).weight
        8.0
        """
        lives = contract.read_lives(survivors)

        def likelihood(values: Floats) -> tuple[float, Floats]:
            return contract.likelihood(float(values[0]), float(values[1]), float(values[2]), lives)

        optimum = maximise(
            likelihood,
            {"alpha": 1.0, "beta": 2.0, "c": 1.0},
            weight=lives.weight,
            penalty=penalty,
            model="BetaDiscreteWeibull",
        )
        return finished(
            cls(**dict(zip(optimum.names, optimum.estimates.tolist(), strict=True)), unit=unit), optimum, lives.weight
        )

    def log_likelihood(self, survivors: Survivors) -> float:
        """Return the log-likelihood of all lives in `survivors`, as :meth:`fit` takes them."""
        return contract.likelihood(self.alpha, self.beta, self.c, contract.read_lives(survivors))[0]

    def _log_survival(self, period: Floats) -> Floats:
        return contract.log_survival(self.alpha, self.beta, period**self.c)

    def survival(self, period: ArrayLike) -> Floats:
        """Return the share of customers who are still there after `period` renewals.

        Examples
        --------
        >>> BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236).survival([0, 1, 7]).round(3)
        array([1.   , 0.869, 0.491])
        """
        return np.asarray(np.exp(self._log_survival(contract.periods("period", period, 0))))

    def churn_probability(self, period: ArrayLike) -> Floats:
        """Return the probability that a new customer leaves at renewal `period`, 1 being the first.

        Examples
        --------
        >>> BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236).churn_probability([1, 2]).round(3)
        array([0.131, 0.129])
        """
        at = contract.periods("period", period, 1)
        before = self._log_survival(at - 1.0)
        return np.asarray(-np.exp(before) * np.expm1(self._log_survival(at) - before))

    def retention_rate(self, period: ArrayLike) -> Floats:
        """Return the share of those there who renew at `period`, 1 being the first renewal: S(t) / S(t - 1).

        It grows with time although nobody changes: who leaves easily leaves first.

        Examples
        --------
        >>> BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236).retention_rate([1, 2, 7]).round(3)
        array([0.869, 0.852, 0.947])
        """
        at = contract.periods("period", period, 1)
        return np.asarray(np.exp(self._log_survival(at) - self._log_survival(at - 1.0)))

    def probability_alive(self, age: ArrayLike, *, ahead: ArrayLike) -> Floats:
        """Return the probability that who has renewed `age` times renews `ahead` times more.

        Examples
        --------
        >>> BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236).probability_alive([0, 5], ahead=5).round(3)
        array([0.552, 0.781])
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
            To infinity if c alpha <= 1: the mean is infinite.

        Examples
        --------
        >>> BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236).expected_renewals([0, 5], horizon=10).round(3)
        array([5.769, 7.828])
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
        >>> BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236).discounted_renewals([0, 5], discount_rate=0.1, per="period").round(3)
        array([5.092, 7.138])
        """
        done, rate = contract.periods("age", age, 0), continuous_rate(discount_rate, per, self.unit)
        return self._renewals(done, rate, contract.horizon_of(horizon))

    def _renewals(self, age: Floats, rate: float, horizon: float) -> Floats:
        if rate > 0.0 or np.isfinite(horizon):
            return contract.discounted_renewals(self.alpha, self.beta, self.c, age, float(np.exp(-rate)), horizon)
        if rate < 0.0 or self.c * self.alpha <= 1.0:
            reason = (
                "the mean is infinite for c alpha <= 1 without a positive discount_rate; give one, or a finite horizon"
            )
            raise NotEstimableError("the renewals to infinity", reason, "alpha" if rate == 0.0 else "discount_rate")
        last = float(age.max(initial=0.0)) + 4096.0
        near = [
            contract.discounted_renewals(self.alpha, self.beta, self.c, one, 1.0, last - float(one))
            for one in np.unique(age)
        ]
        found = np.array([float(part) for part in near])[np.searchsorted(np.unique(age), age)]
        return np.asarray(found + self._tail(last) / np.exp(self._log_survival(age)))

    def _tail(self, last: float) -> float:
        """Return the sum of S(t) over t > `last`: its integral, and Euler and Maclaurin's correction at the end."""
        # S falls like a power, t^(-c alpha): in a power of last / t the integrand is nearly constant.
        fall = self.c * self.alpha - 1.0
        node, weight = np.polynomial.legendre.leggauss(128)
        y = (node + 1.0) / 2.0
        log_t = np.log(last) - 8.0 * np.log(y) / fall
        area = float(weight @ np.exp(self._log_survival_far(log_t) + log_t - np.log(y))) * 4.0 / fall
        end = float(np.exp(self._log_survival(np.array(last))))
        trials = last**self.c
        slope = (
            end * float(digamma(self.beta + trials) - digamma(self.alpha + self.beta + trials)) * self.c * trials / last
        )
        return float(area - end / 2.0 - slope / 12.0)

    def _log_survival_far(self, log_t: Floats) -> Floats:
        """Return log S at exp(`log_t`), which may be beyond what a float holds."""
        beyond = self.c * log_t > 60.0
        near = self._log_survival(np.exp(np.where(beyond, 0.0, log_t)))
        power = gammaln(self.alpha + self.beta) - gammaln(self.beta) - self.alpha * self.c * log_t
        return np.where(beyond, power, near)

    def simulate(self, n: int, periods: int, *, random: np.random.Generator) -> pd.DataFrame:
        """Return the lives of `n` new customers watched for `periods` renewals, as individual rows.

        Examples
        --------
        >>> BetaDiscreteWeibull(alpha=0.2143, beta=1.4266, c=1.7236).simulate(3, 5, random=np.random.default_rng(1)).columns.tolist()
        ['duration', 'churned']
        """
        return contract.rows(random, n, periods, self.alpha, self.beta, self.c)
