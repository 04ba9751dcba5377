"""MBG/NBD: repeat purchases of customers who may leave, unseen, after any purchase, the very first one included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gammaln, psi

from pycrm.clv import _beta_geometric as process
from pycrm.clv._beta_geometric import on_distinct
from pycrm.clv._effects import Effects, factor, no_effects
from pycrm.clv._history import Floats, checked, lengths, positive, read, whole
from pycrm.clv._search import Rows, compress, finished, maximise, sample, total
from pycrm.clv.units import Per, Unit, continuous_rate
from pycrm.errors import NotEstimableError
from pycrm.fit import Fit
from pycrm.table import Frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModifiedBetaGeoNBD"]


def _terms(
    parameters: tuple[Any, Any, Any, Any],
    history: tuple[Floats, Floats, Floats],
    index: tuple[Floats, NDArray[np.int64]] | None = None,
) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats]]:
    """Return log L of each row (equation 4 of Batislam et al., in logs), and its derivatives in r, log alpha, log a and b."""
    r, alpha, a, b = parameters
    x, t_x, T = history
    counts, at = np.unique(x, return_inverse=True) if index is None else index

    def of_count(function: Any, base: Any) -> Any:
        return function(base + counts)[at] if np.ndim(base) == 0 else function(base + x)

    long, short = np.log(alpha + T), np.log(alpha + t_x)
    shape = r + x
    odds = np.log(a / (b + x)) + shape * (long - short)
    gone = expit(odds)
    value = (
        (gammaln(r + counts) - gammaln(r))[at]
        + r * np.log(alpha)
        + (gammaln(a + b) - gammaln(b) - of_count(gammaln, a + b + 1.0) + gammaln(b + counts + 1.0)[at])
        - shape * long
        + np.logaddexp(0.0, odds)
    )
    joint = psi(a + b) - of_count(psi, a + b + 1.0)
    slopes = (
        (psi(r + counts) - psi(r))[at] + np.log(alpha) - long + gone * (long - short),
        r - shape * alpha * (1.0 / (alpha + T) - gone * (1.0 / (alpha + T) - 1.0 / (alpha + t_x))),
        a * joint + gone,
        joint + psi(b + counts + 1.0)[at] - psi(b) - gone / (b + x),
    )
    return value, slopes


@frozen(kw_only=True)
class ModifiedBetaGeoNBD:
    """Repeat purchases of customers who may silently leave after any purchase, the first included (MBG/NBD).

    As :class:`BetaGeoNBD`, but a customer may leave with his very first purchase, so that one who never came back may be gone.

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
    .. [1] Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer base analysis,
       International Journal of Research in Marketing 24(3), 201-209.
    .. [2] Hoppe & Wagner (2007), Customer Base Analysis: The Case for a Central Variant of the Betageometric/NBD Model,
       Marketing JRM 3(2), 75-90.

    Examples
    --------
    >>> model = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614, unit="week")
    >>> round(float(model.probability_alive(0, 0, 38.86)), 3)
    0.39
    """

    r: float = field(validator=positive)
    alpha: float = field(validator=positive, eq=attrs.cmp_using(eq=np.array_equal), hash=False)
    a: float = field(validator=positive, eq=attrs.cmp_using(eq=np.array_equal), hash=False)
    b: float = field(validator=positive)
    unit: Unit | None = None
    purchase_effects: Mapping[str, float] = field(factory=dict, hash=False)
    dropout_effects: Mapping[str, float] = field(factory=dict, hash=False)

    @classmethod
    def fit(
        cls,
        summary: Frame,
        *,
        purchase_covariates: Sequence[str] | None = None,
        dropout_covariates: Sequence[str] | None = None,
        equal_effects: bool = False,
        penalty: float = 0.0,
        unit: Unit | None = None,
    ) -> Fit[ModifiedBetaGeoNBD]:
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
        Fit of ModifiedBetaGeoNBD
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
        >>> truth = ModifiedBetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> sample = truth.simulate(np.full(2000, 52.0), random=np.random.default_rng(1))
        >>> ModifiedBetaGeoNBD.fit(sample, unit="week").converged
        True
        """
        effects = Effects.of(purchase_covariates, dropout_covariates, equal=equal_effects)
        data = read(summary, effects.columns, unit)
        rows = compress([data.frequency, data.recency, data.age, *data.covariates.values()], data.weight)
        weight = float(rows.weight.sum())

        def likelihood(rows: Rows) -> Callable[[Floats], tuple[float, Floats]]:
            covariates = dict(zip(effects.columns, rows.columns[3:], strict=True))
            history = (rows.columns[0], rows.columns[1], rows.columns[2])
            index = np.unique(history[0], return_inverse=True)

            def of(values: Floats) -> tuple[float, Floats]:
                r, alpha, a, b = values[:4]
                up, out = effects.logs(values[4:], covariates)
                value, slopes = _terms((r, alpha * np.exp(-up), a * np.exp(out), b), history, index)
                in_r, in_alpha, in_a, in_b = slopes
                slope = [
                    total(rows.weight, in_r),
                    total(rows.weight, in_alpha) / alpha,
                    total(rows.weight, in_a) / a,
                    total(rows.weight, in_b),
                    *effects.slopes(rows.weight, -in_alpha, in_a, covariates),
                ]
                return total(rows.weight, value), np.array(slope)

            return of

        begin = max(total(rows.weight, rows.columns[2]) / weight / 4.0, 1e-6)
        some = sample(rows)
        optimum = maximise(
            likelihood(rows),
            {"r": 1.0, "alpha": begin, "a": 1.0, "b": 2.0, **dict.fromkeys(effects.names, 0.0)},
            search=likelihood(some) if some is not rows else None,
            weight=weight,
            scales=effects.scales,
            penalty=penalty,
            model="MBG/NBD",
        )
        purchase, dropout = effects.split(optimum.estimates[4:])
        r, alpha, a, b = (float(value) for value in optimum.estimates[:4])
        model = cls(r=r, alpha=alpha, a=a, b=b, unit=data.unit, purchase_effects=purchase, dropout_effects=dropout)
        return finished(model, optimum, weight)

    def given(self, covariates: Frame) -> ModifiedBetaGeoNBD:
        """Return the model of the customers with these covariates, in the order of the rows.

        Examples
        --------
        >>> model = ModifiedBetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5, purchase_effects={"vip": 0.7})
        >>> model.given({"vip": [0, 1]}).expected_purchases_new(10).round(3)
        array([0.616, 1.081])
        """
        alpha: Any = self.alpha / factor(self.purchase_effects, covariates)
        a: Any = self.a * factor(self.dropout_effects, covariates)
        return attrs.evolve(self, alpha=alpha, a=a, purchase_effects={}, dropout_effects={})

    def _parameters(self) -> tuple[Any, Any, Any, Any]:
        no_effects("ModifiedBetaGeoNBD", self.purchase_effects, self.dropout_effects)
        return self.r, self.alpha, self.a, self.b

    def _new(self) -> tuple[Any, Any, Any, Any]:
        """Return the process of one who stayed after his first purchase."""
        r, alpha, a, b = self._parameters()
        return r, alpha, a, b + 1.0

    def _stayed(self) -> Any:
        """Return the chance to stay after the first purchase."""
        _, _, a, b = self._parameters()
        return b / (a + b)

    def _after(self, function: Callable[..., Floats], *leading: Floats, x: Floats, T: Floats) -> Floats:
        """Return `function` of `leading` and of the process of one who is alive after x purchases in T."""
        r, alpha, a, b = self._parameters()

        def rows(*parts: Any) -> Floats:
            *before, x, T, alpha, a = parts
            return function(*before, r + x, alpha + T, a, b + x + 1.0)

        return on_distinct(rows, *leading, x, T, alpha, a)

    def _alive_after(self, x: Floats, T: Floats) -> tuple[Any, Any, Any, Any]:
        r, alpha, a, b = self._parameters()
        return r + x, alpha + T, a, b + x + 1.0

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Return the log-likelihood of each history (equation 4 of [1]_)."""
        x, t_x, T = checked(frequency, recency, age)
        r, alpha, a, b = self._parameters()
        shape = np.broadcast_shapes(x.shape, np.shape(alpha), np.shape(a))
        flat = [np.broadcast_to(part, shape).ravel() for part in (x, t_x, T)]
        each = [part if np.ndim(part) == 0 else np.broadcast_to(part, shape).ravel() for part in (alpha, a)]
        return _terms((r, each[0], each[1], b), (flat[0], flat[1], flat[2]))[0].reshape(shape)

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
        1 / (1 + a / (b + x) ((alpha + T) / (alpha + t_x))^(r + x)); later, times the mean of exp(-lambda p ahead) over what the history leaves open.

        Examples
        --------
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
        >>> paper.probability_alive([0, 2], [0, 30.43], 38.86, ahead=39).round(3)
        array([0.354, 0.531])
        """
        x, t_x, T = checked(frequency, recency, age)
        r, alpha, a, b = self._parameters()
        now = expit(-np.log(a / (b + x)) - (r + x) * (np.log(alpha + T) - np.log(alpha + t_x)))
        later = lengths("ahead", ahead)
        if not later.any():
            return np.asarray(np.broadcast_to(now, np.broadcast_shapes(now.shape, later.shape)))
        return np.asarray(now * self._after(process.alive, later, x=x, T=T))

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
        As in [2]_, but as an integral over the chance to leave: nothing is singular at a = 1.

        Examples
        --------
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
        >>> round(float(paper.expected_purchases(39, 2, 30.43, 38.86)), 3)
        1.263
        """
        x, t_x, T = checked(frequency, recency, age)
        made = self._after(process.expected, lengths("horizon", horizon), x=x, T=T)
        return np.asarray(self.probability_alive(x, t_x, T) * made)

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """Return the expected repeat purchases of a new customer in his first `horizon` ([2]_).

        Examples
        --------
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
        >>> round(float(paper.expected_purchases_new(39)), 4)
        1.183
        """
        return np.asarray(self._stayed() * on_distinct(process.expected, lengths("horizon", horizon), *self._new()))

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
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
        >>> paper.purchase_probability([0, 1, 2], 39, 2, 30.43, 38.86).round(3)
        array([0.44 , 0.234, 0.146])
        """
        x, t_x, T = checked(frequency, recency, age)
        count = whole("n", n)
        opening, until = lengths("start", start), lengths("horizon", horizon)
        made = self._after(process.probability, count, opening, until, x=x, T=T)
        now = self.probability_alive(x, t_x, T)
        return np.asarray(now * made + np.where(count == 0.0, 1.0 - now, 0.0))

    def purchase_probability_new(self, n: ArrayLike, horizon: ArrayLike, *, start: ArrayLike = 0.0) -> Floats:
        """Return the probability that a new customer makes exactly `n` repeat purchases in a window ([1]_).

        Examples
        --------
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
        >>> paper.purchase_probability_new([0, 1, 2], 39).round(3)
        array([0.582, 0.183, 0.087])
        """
        count = whole("n", n)
        opening, until = lengths("start", start), lengths("horizon", horizon)
        made = on_distinct(process.probability, count, opening, until, *self._new())
        stayed = self._stayed()
        return np.asarray(stayed * made + np.where(count == 0.0, 1.0 - stayed, 0.0))

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
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614, unit="week")
        >>> round(float(paper.discounted_purchases(2, 30.43, 38.86, discount_rate=0.15)), 2)
        4.93
        """
        x, t_x, T = checked(frequency, recency, age)
        rate, until = self._discounting(discount_rate, per, horizon)
        made = self._after(partial(process.discounted, rate), until, x=x, T=T)
        return np.asarray(self.probability_alive(x, t_x, T) * made)

    def discounted_purchases_new(
        self, *, discount_rate: float, per: Per = "year", horizon: ArrayLike = np.inf
    ) -> Floats:
        """Return the same of a new customer, his first purchase not counted."""
        rate, until = self._discounting(discount_rate, per, horizon)
        made = on_distinct(partial(process.discounted, rate), until, *self._new())
        return np.asarray(self._stayed() * made)

    def _discounting(self, discount_rate: float, per: Per, horizon: ArrayLike) -> tuple[float, Floats]:
        rate = continuous_rate(discount_rate, per, self.unit)
        until = lengths("horizon", horizon, infinite=True)
        if rate <= 0.0 and np.isinf(until).any():
            raise NotEstimableError(
                "the discounted purchases to infinity",
                "they are infinite without a positive discount_rate wherever a <= 1; give one, or a finite horizon",
                "discount_rate",
            )
        return rate, until

    def simulate(self, age: ArrayLike, *, random: np.random.Generator) -> pd.DataFrame:
        """Return a summary of customers drawn from the model, one for each `age` since their first purchase.

        Columns `frequency`, `recency`, `age`, and the truth nobody sees, `alive`.

        Examples
        --------
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
        >>> paper.simulate([39.0] * 3, random=np.random.default_rng(2)).columns.tolist()
        ['frequency', 'recency', 'age', 'alive']
        """
        import pandas as pd

        span = np.atleast_1d(lengths("age", age))
        made, last, alive = process.counts(random, span, *self._new())
        stayed = random.uniform(size=span.shape) < self._stayed()
        made, last, alive = np.where(stayed, made, 0), np.where(stayed, last, 0.0), alive & stayed
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
    ) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return draws of the purchases of existing customers in the next `horizon`, of shape (draws, customers).

        Examples
        --------
        >>> paper = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
        >>> made = paper.simulate_purchases(39, [2], [30.43], [38.86], random=np.random.default_rng(3), draws=20_000)
        >>> abs(made.mean() - 1.226) < 0.05
        np.True_
        """
        x, t_x, T = checked(frequency, recency, age)
        alive = self.probability_alive(x, t_x, T)
        shape = (draws, *np.broadcast_shapes(alive.shape, np.shape(horizon)))
        made, _, _ = process.counts(
            random, np.broadcast_to(lengths("horizon", horizon), shape), *self._alive_after(x, T)
        )
        return np.where(random.uniform(size=shape) < alive, made, 0)
