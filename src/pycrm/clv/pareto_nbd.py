"""Pareto/NBD: repeat purchases of customers who leave at a moment nobody sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from pycrm.clv import _pareto as process
from pycrm.clv._beta_geometric import on_distinct
from pycrm.clv._correlation import bounds, draw_rates, fit_correlated, mixture
from pycrm.clv._discount import discounting
from pycrm.clv._effects import Effects, factor, no_effects
from pycrm.clv._history import Floats, checked, drawing, lengths, positive, read, together, whole
from pycrm.clv._search import Optimum, Rows, compress, finished, maximise, sample, total
from pycrm.clv.units import Per, Unit, unit_or_none
from pycrm.errors import InvalidValueError
from pycrm.fit import Fit
from pycrm.table import Frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ParetoNBD"]

_NODES = 32
_CHECK = 97
"""Nodes of the rule that checks the likelihood at the end of a fit."""


def _inside(instance: ParetoNBD, _: object, value: float) -> None:
    if value == 0.0:
        return
    low, high = bounds(instance.r, instance.s)
    if not low <= value <= high:
        raise InvalidValueError(
            "ParetoNBD.correlation", value, f"with these r and s give a number from {low:.4g} to {high:.4g}"
        )


@frozen(kw_only=True)
class ParetoNBD:
    """Repeat purchases of customers who silently leave, whether they buy or not (Pareto/NBD).

    While active a customer buys at a Poisson rate, drawn from a Gamma; his lifetime is exponential at a rate drawn from another.

    Parameters
    ----------
    r, s : float
        Shapes of the Gammas of purchase rate and dropout rate, > 0, no unit.
    alpha, beta : float
        Rates of the two Gammas, > 0, in the unit of time of `recency` and `age`.
    unit : Unit, optional
        That unit, where known: it lets rates and horizons of another unit be converted.
    purchase_effects, dropout_effects : mapping of str to float
        Effects of covariates: the mean purchase rate, and the mean dropout rate, are multiplied by exp(effect * covariate).
        A model with effects is asked through :meth:`given`.
    correlation : float
        Correlation of purchase rate and dropout rate across customers; 0 for the published model. See the notes.

    Notes
    -----
    Correlated rates have the Sarmanov density f g (1 + m (e^(-alpha l) - E) (e^(-beta u) - E')), whose kernels do not depend on
    the unit of time: it is a signed mixture of four Pareto/NBD with rates alpha or 2 alpha and beta or 2 beta, so every
    quantity keeps its closed form. Correlations it can hold are bounded, about -0.3 to 0.3 for shapes near 0.5.

    References
    ----------
    .. [1] Schmittlein, Morrison & Colombo (1987), Counting Your Customers, Management Science 33(1), 1-24.
    .. [2] Fader & Hardie (2005), A Note on Deriving the Pareto/NBD Model and Related Expressions.
    .. [3] Fader, Hardie & Lee (2005), RFM and CLV, Journal of Marketing Research 42(4), 415-430 (DERT).
    .. [4] Fader & Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models.

    Examples
    --------
    >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669, unit="week")
    >>> round(float(paper.probability_alive(2, 30.43, 38.86)), 7)
    0.8691676
    """

    NESTS: ClassVar[Mapping[str, str]] = {
        "NBD": "NBD is Pareto/NBD where nobody leaves, at the edge s = 0 or beta = infinity where two parameters vanish at once: "
        "the ratio has no known distribution; compare AIC or BIC instead"
    }

    r: float = field(validator=positive)
    alpha: float = field(validator=positive, eq=attrs.cmp_using(eq=np.array_equal), hash=False)
    s: float = field(validator=positive)
    beta: float = field(validator=positive, eq=attrs.cmp_using(eq=np.array_equal), hash=False)
    unit: Unit | None = field(default=None, validator=unit_or_none)
    purchase_effects: Mapping[str, float] = field(factory=dict, hash=False)
    dropout_effects: Mapping[str, float] = field(factory=dict, hash=False)
    correlation: float = field(default=0.0, validator=_inside)

    @classmethod
    def fit(
        cls,
        summary: Frame,
        purchase_covariates: Sequence[str] | None = None,
        dropout_covariates: Sequence[str] | None = None,
        correlated: bool = False,  # the sequence of the published signature
        *,
        equal_effects: bool = False,
        penalty: float = 0.0,
        unit: Unit | None = None,
    ) -> Fit[ParetoNBD]:
        """Return the model under which `summary` is most likely.

        Parameters
        ----------
        summary : Frame
            Columns `frequency`, `recency`, `age` as :func:`purchase_summary` makes them, optionally `weight` (how many customers
            a row stands for), and the covariates.
        purchase_covariates, dropout_covariates : sequence of str, optional
            Columns that act on the purchase rate, and on the dropout rate.
        correlated : bool
            Whether the two rates may be correlated; never a smaller likelihood than without, for the search starts there.
        equal_effects : bool
            Whether a column has one coefficient for both.
        penalty : float
            L2 penalty on the parameters per customer, for small data; 0 for the maximum likelihood.
        unit : Unit, optional
            The unit of time of `summary`, where it does not carry it itself.

        Returns
        -------
        Fit of ParetoNBD
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
        >>> truth = ParetoNBD(r=0.6, alpha=8.0, s=0.7, beta=10.0)
        >>> sample = truth.simulate(np.full(1000, 52.0), random=np.random.default_rng(1))
        >>> ParetoNBD.fit(sample, unit="week").converged
        True
        """
        effects = Effects.of(purchase_covariates, dropout_covariates, equal=equal_effects)
        data = read(summary, effects.columns, unit)
        rows = compress([data.frequency, data.recency, data.age, *data.covariates.values()], data.weight)
        optimum = cls._search(rows, effects, penalty)
        correlation = 0.0
        if correlated:
            optimum, correlation = fit_correlated(optimum, rows, effects, penalty)
        r, alpha, s, beta = (float(value) for value in optimum.estimates[:4])
        purchase, dropout = effects.split(optimum.estimates[4 : 4 + len(effects.names)])
        model = cls(
            r=r,
            alpha=alpha,
            s=s,
            beta=beta,
            unit=data.unit,
            purchase_effects=purchase,
            dropout_effects=dropout,
            correlation=correlation,
        )
        return finished(model, optimum, float(rows.weight.sum()))

    @staticmethod
    def _search(rows: Rows, effects: Effects, penalty: float) -> Optimum:
        weight = float(rows.weight.sum())

        def likelihood(rows: Rows, nodes: int) -> Callable[[Floats], tuple[float, Floats]]:
            covariates = dict(zip(effects.columns, rows.columns[3:], strict=True))
            history = (rows.columns[0], rows.columns[1], rows.columns[2])
            index = np.unique(history[0], return_inverse=True)

            def of(values: Floats) -> tuple[float, Floats]:
                r, alpha, s, beta = values[:4]
                up, out = effects.logs(values[4:], covariates)
                parameters = (r, alpha * np.exp(-up), s, beta * np.exp(-out))
                value, slopes = process.log_likelihood(parameters, history, nodes, index=index)
                assert slopes is not None
                in_r, in_alpha, in_s, in_beta = slopes
                slope = [
                    total(rows.weight, in_r),
                    total(rows.weight, in_alpha) / alpha,
                    total(rows.weight, in_s),
                    total(rows.weight, in_beta) / beta,
                    *effects.slopes(rows.weight, -in_alpha, -in_beta, covariates),
                ]
                return total(rows.weight, value), np.array(slope)

            return of

        def finer(values: Floats) -> float:
            up, out = effects.logs(values[4:], dict(zip(effects.columns, rows.columns[3:], strict=True)))
            parameters = (values[0], values[1] * np.exp(-up), values[2], values[3] * np.exp(-out))
            history = (rows.columns[0], rows.columns[1], rows.columns[2])
            return total(rows.weight, process.log_likelihood(parameters, history, _CHECK, slopes=False)[0])

        begin = max(total(rows.weight, rows.columns[2]) / weight / 4.0, 1e-6)
        return maximise(
            likelihood(rows, _NODES),
            {"r": 1.0, "alpha": begin, "s": 1.0, "beta": begin, **dict.fromkeys(effects.names, 0.0)},
            search=likelihood(sample(rows), 12),
            curvature=likelihood(rows, 16),
            check=finer,
            weight=weight,
            scales=effects.scales,
            penalty=penalty,
            model="Pareto/NBD",
        )

    def given(self, covariates: Frame) -> ParetoNBD:
        """Return the model of the customers with these covariates, in the order of the rows.

        Examples
        --------
        >>> model = ParetoNBD(r=0.6, alpha=8.0, s=0.7, beta=10.0, purchase_effects={"vip": 0.7})
        >>> model.given({"vip": [0, 1]}).expected_purchases_new(10).round(3)
        array([0.578, 1.164])
        """
        alpha: Any = self.alpha / factor(self.purchase_effects, covariates)
        beta: Any = self.beta / factor(self.dropout_effects, covariates)
        return attrs.evolve(self, alpha=alpha, beta=beta, purchase_effects={}, dropout_effects={})

    def _parts(self) -> list[tuple[float, Any, Any]]:
        """Return the components of the model: coefficient, alpha and beta."""
        no_effects("ParetoNBD", self.purchase_effects, self.dropout_effects)
        return [
            (share, self.alpha * in_alpha, self.beta * in_beta)
            for share, in_alpha, in_beta in mixture(self.r, self.s, self.correlation)
        ]

    def _new(self, function: Callable[..., Floats]) -> Floats:
        """Return the mean over the components of `function` of the parameters of a new customer."""
        return np.asarray(sum(share * function(self.r, alpha, self.s, beta) for share, alpha, beta in self._parts()))

    def _existing(self, function: Callable[..., Floats], x: Floats, t_x: Floats, T: Floats) -> Floats:
        """Return the mean over the components of P(alive) times `function` of the parameters of one who is alive at T."""
        parts = self._parts()
        alive = [self._alive(alpha, beta, x, t_x, T) for _, alpha, beta in parts]
        made = [function(self.r + x, alpha + T, self.s, beta + T) for _, alpha, beta in parts]
        if len(parts) == 1:
            return np.asarray(alive[0] * made[0])
        logs = np.array(
            np.broadcast_arrays(*(self._log_likelihood(alpha, beta, x, t_x, T) for _, alpha, beta in parts))
        )
        heavy = np.exp(logs - logs.max(axis=0))
        heavy *= np.array([share for share, _, _ in parts]).reshape((-1,) + (1,) * (logs.ndim - 1))
        heavy /= heavy.sum(axis=0)
        return np.asarray(sum(w * p * q for w, p, q in zip(heavy, alive, made, strict=True)))

    def _alive(self, alpha: Any, beta: Any, x: Floats, t_x: Floats, T: Floats) -> Floats:
        def rows(x: Floats, t_x: Floats, T: Floats, alpha: Any, beta: Any) -> Floats:
            x, t_x, T, *_ = np.broadcast_arrays(x, t_x, T, alpha, beta)
            found = process.cases((self.r, alpha, self.s, beta), x, t_x, T, _NODES, slopes=False)
            return np.asarray(expit(found.alive - found.gone))

        return on_distinct(rows, x, t_x, T, alpha, beta)

    def _log_likelihood(self, alpha: Any, beta: Any, x: Floats, t_x: Floats, T: Floats) -> Floats:
        def rows(x: Floats, t_x: Floats, T: Floats, alpha: Any, beta: Any) -> Floats:
            x, t_x, T, *_ = np.broadcast_arrays(x, t_x, T, alpha, beta)
            return process.log_likelihood((self.r, alpha, self.s, beta), (x, t_x, T), _NODES, slopes=False)[0]

        return on_distinct(rows, x, t_x, T, alpha, beta)

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Return the log-likelihood of each history (equation 18 of [2]_, as an integral over the moment of leaving)."""
        x, t_x, T = checked(frequency, recency, age)
        parts = self._parts()
        logs = [self._log_likelihood(alpha, beta, x, t_x, T) for _, alpha, beta in parts]
        if len(parts) == 1:
            return logs[0]
        top = np.max(logs, axis=0)
        return np.asarray(
            top + np.log(sum(share * np.exp(log - top) for (share, _, _), log in zip(parts, logs, strict=True)))
        )

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
        Equation (36) of [2]_, from the same integral as the likelihood.

        Examples
        --------
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> paper.probability_alive([0, 2], [0, 30.43], 38.86, ahead=39).round(3)
        array([0.209, 0.615])
        """
        later = lengths("ahead", ahead)
        x, t_x, T = checked(frequency, recency, age, ahead=later)
        found = self._existing(lambda _r, _alpha, s, beta: process.surviving(later, s, beta), x, t_x, T)
        return np.clip(found, 0.0, 1.0)

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
        Equation (41) of [2]_, continuous at s = 1.

        Examples
        --------
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> round(float(paper.expected_purchases(39, 2, 30.43, 38.86)), 6)
        1.455123
        """
        until = lengths("horizon", horizon)
        history = checked(frequency, recency, age, horizon=until)
        return self._existing(lambda *now: process.expected(until, *now), *history)

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """Return the expected repeat purchases of a new customer in his first `horizon` (equation 27 of [2]_).

        Examples
        --------
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> round(float(paper.expected_purchases_new(39)), 4)
        1.213
        """
        until = lengths("horizon", horizon)
        return self._new(lambda *now: process.expected(until, *now))

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
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> paper.purchase_probability([0, 1, 2], 39, 2, 30.43, 38.86).round(3)
        array([0.408, 0.219, 0.152])
        """
        count, opening, until = whole("n", n), lengths("start", start), lengths("horizon", horizon)
        history = checked(frequency, recency, age, n=count, start=opening, horizon=until)
        within = self._existing(lambda *now: process.probability(count, opening, until, *now), *history)
        gone = 1.0 - self.probability_alive(*history)
        return np.asarray(within + np.where(count == 0.0, gone, 0.0))

    def purchase_probability_new(self, n: ArrayLike, horizon: ArrayLike, *, start: ArrayLike = 0.0) -> Floats:
        """Return the probability that a new customer makes exactly `n` repeat purchases in a window (equation 16 of [2]_).

        Examples
        --------
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> paper.purchase_probability_new([0, 1, 2], 39).round(3)
        array([0.594, 0.166, 0.082])
        """
        count, opening, until = whole("n", n), lengths("start", start), lengths("horizon", horizon)
        together(n=count, start=opening, horizon=until)
        return self._new(lambda *now: process.probability(count, opening, until, *now))

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
        Equation (2) of [3]_, as an integral over time.

        Examples
        --------
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> weekly = np.log(1.15) / 52
        >>> round(float(paper.discounted_purchases(2, 30.43, 38.86, discount_rate=weekly, per="continuous")), 5)
        6.50173
        """
        rate, until = discounting(discount_rate, per, self.unit, horizon, infinite="wherever s <= 1")
        history = checked(frequency, recency, age, horizon=until)
        return self._existing(lambda *now: process.discounted(rate, until, *now), *history)

    def discounted_purchases_new(
        self, *, discount_rate: float, per: Per = "year", horizon: ArrayLike = np.inf
    ) -> Floats:
        """Return the same of a new customer, his first purchase not counted."""
        rate, until = discounting(discount_rate, per, self.unit, horizon, infinite="wherever s <= 1")
        return self._new(lambda *now: process.discounted(rate, until, *now))

    def _prior(self) -> tuple[float, Any, float, Any, float]:
        no_effects("ParetoNBD", self.purchase_effects, self.dropout_effects)
        return self.r, self.alpha, self.s, self.beta, self.correlation

    def simulate(self, age: ArrayLike, *, random: np.random.Generator) -> pd.DataFrame:
        """Return a summary of customers drawn from the model, one for each `age` since their first purchase.

        Columns `frequency`, `recency`, `age`, and the truth nobody sees, `alive`.

        Examples
        --------
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> paper.simulate([39.0] * 3, random=np.random.default_rng(2)).columns.tolist()
        ['frequency', 'recency', 'age', 'alive']
        """
        import pandas as pd

        drawing(random)
        span = np.atleast_1d(lengths("age", age))
        rates = draw_rates(random, span.shape, self._prior(), np.zeros(()), np.zeros(()))
        made, last, alive = process.counts(random, span, *rates)
        frame = pd.DataFrame({"frequency": made, "recency": last, "age": span, "alive": alive})
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
        >>> paper = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
        >>> made = paper.simulate_purchases(39, [2], [30.43], [38.86], random=np.random.default_rng(3), draws=20_000)
        >>> abs(made.mean() - 1.455) < 0.05
        np.True_
        """
        drawing(random, draws)
        until = lengths("horizon", horizon)
        x, t_x, T = checked(frequency, recency, age, horizon=until)
        alive = self.probability_alive(x, t_x, T)
        shape = (draws, *np.broadcast_shapes(alive.shape, until.shape))
        span = np.broadcast_to(until, shape)
        made, _, _ = process.counts(random, span, *draw_rates(random, shape, self._prior(), x, T))
        return np.where(random.uniform(size=shape) < alive, made, 0)
