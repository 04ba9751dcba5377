"""Pareto/NBD with covariates that change: seasons, campaigns, prices, each from a date on, for each customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.clv import _pareto as process
from pycrm.clv._effects import Effects
from pycrm.clv._history import Floats, drawing, lengths, positive, whole
from pycrm.clv._pieces import Span, log_likelihood, overlap, rates, two_cases
from pycrm.clv._search import finished, maximise
from pycrm.clv.covariate_paths import CovariatePaths, earlier, sums
from pycrm.clv.units import Per, Unit, continuous_rate, unit_or_none
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit

__all__ = ["TimeVaryingParetoNBD"]


@frozen(kw_only=True)
class TimeVaryingParetoNBD:
    """Pareto/NBD whose purchase rate and dropout rate follow covariates that change in time.

    At each moment a customer's rates are his own, drawn from Gammas as in :class:`ParetoNBD`, times exp(effect . covariates).

    Parameters
    ----------
    r, s : float
        Shapes of the Gammas of purchase rate and dropout rate, > 0.
    alpha, beta : float
        Their rates, > 0, in the unit of time, where all covariates are 0.
    purchase_effects, dropout_effects : mapping of str to float
        Effects by covariate.
    unit : Unit, optional
        The unit of time.

    Notes
    -----
    With A(t) and B(t) the integrals of exp(effect . covariates) since the first purchase, the likelihood is that of
    Pareto/NBD with times A and B; between two changes both are straight, and the integral over the moment of leaving is a sum
    of integrals of the plain model.

    References
    ----------
    .. [1] Bachmann, Meierer & Näf (2021), The Role of Time-Varying Contextual Factors in Latent Attrition Models for Customer
       Base Analysis, Marketing Science 40(4), 783-809.
    """

    r: float = field(validator=positive)
    alpha: float = field(validator=positive)
    s: float = field(validator=positive)
    beta: float = field(validator=positive)
    purchase_effects: Mapping[str, float] = field(factory=dict, hash=False)
    dropout_effects: Mapping[str, float] = field(factory=dict, hash=False)
    unit: Unit | None = field(default=None, validator=unit_or_none)

    @classmethod
    def fit(
        cls,
        paths: CovariatePaths,
        *,
        purchase_covariates: Sequence[str] | None = None,
        dropout_covariates: Sequence[str] | None = None,
        equal_effects: bool = False,
        penalty: float = 0.0,
    ) -> Fit[TimeVaryingParetoNBD]:
        """Return the model under which the histories are most likely, given their covariates.

        Warns
        -----
        BoundaryWarning, ConvergenceWarning
            Naming the parameter that has no estimate.
        """
        effects = Effects.of(purchase_covariates, dropout_covariates, equal=equal_effects)
        for name in effects.columns:
            if name not in paths.covariates:
                raise InvalidValueError("covariates", name, f"the paths know {', '.join(paths.covariates)}")
        size = float(paths.frequency.size)

        def likelihood(values: Floats) -> tuple[float, Floats]:
            purchase, dropout = effects.split(values[4:])
            found, slopes, bends = log_likelihood(tuple(values[:4]), purchase, dropout, paths, 24)
            ups = {name: float(bends[0][name].sum()) for name in effects.purchase}
            outs = {name: float(bends[1][name].sum()) for name in effects.dropout}
            tail = (
                [ups[name] + outs[name] for name in effects.purchase]
                if effects.equal
                else [*ups.values(), *outs.values()]
            )
            return float(found.sum()), np.array([*(float(slope.sum()) for slope in slopes), *tail])

        begin = max(float(paths.age.mean()) / 4.0, 1e-6)
        optimum = maximise(
            likelihood,
            {"r": 1.0, "alpha": begin, "s": 1.0, "beta": begin, **dict.fromkeys(effects.names, 0.0)},
            check=lambda values: float(
                log_likelihood(tuple(values[:4]), *effects.split(values[4:]), paths, 97)[0].sum()
            ),
            weight=size,
            scales=effects.scales,
            penalty=penalty,
            model="Pareto/NBD with changing covariates",
        )
        r, alpha, s, beta = (float(value) for value in optimum.estimates[:4])
        purchase, dropout = effects.split(optimum.estimates[4:])
        model = cls(
            r=r, alpha=alpha, s=s, beta=beta, purchase_effects=purchase, dropout_effects=dropout, unit=paths.unit
        )
        return finished(model, optimum, size)

    def log_likelihood(self, paths: CovariatePaths) -> Floats:
        """Return the log-likelihood of each history."""
        return log_likelihood(self._shapes(), self.purchase_effects, self.dropout_effects, paths, 32)[0]

    def probability_alive(self, paths: CovariatePaths, *, ahead: float = 0.0) -> Floats:
        """Return the probability that each customer is active `ahead` from now (now, at his age, by default).

        Later than now it depends on the covariates between; see :meth:`expected_purchases` for those nobody wrote down.
        """
        alive, gone, _, _ = two_cases(self._shapes(), self.purchase_effects, self.dropout_effects, paths, 32)
        now = np.asarray(np.exp(alive - np.logaddexp(alive, gone)))
        later = _length("ahead", ahead)
        if not later:
            return now
        span = self._span(paths, paths.age, later)
        return np.asarray(
            now * process.surviving(sums(paths.owner, span.b * span.lasts, now.size), *self._dropout(span))
        )

    def expected_purchases(self, horizon: float, paths: CovariatePaths) -> Floats:
        """Return the expected purchases of each customer in the next `horizon`, under his covariates of that time.

        Notes
        -----
        Covariates of the time to come are those of the paths, whose last row holds for ever: give rows for as long as you ask.
        """
        ahead = _length("horizon", horizon)
        span = self._span(paths, paths.age, ahead)
        return self.probability_alive(paths) * self._purchases(span, paths.frequency, 0.0)

    def expected_purchases_new(self, horizon: float, paths: CovariatePaths) -> Floats:
        """Return the expected repeat purchases in the first `horizon` of new customers who have the covariates of `paths`.

        Whatever these customers bought is not looked at; time counts from the first purchase.
        """
        nothing = np.zeros(paths.age.size)
        return self._purchases(self._span(paths, nothing, _length("horizon", horizon)), nothing, 0.0)

    def purchase_probability(
        self, n: ArrayLike, horizon: float, paths: CovariatePaths, *, start: float = 0.0
    ) -> Floats:
        """Return the probability of exactly `n` purchases of each customer in a window of length `horizon`.

        Parameters
        ----------
        n : array_like of int
            How many; one number, one a customer, or a column of numbers, of shape (k, 1). ``n=0`` is no purchase.
        horizon : float
            Length of the window, in the unit of time.
        paths : CovariatePaths
            Histories and covariates; see :meth:`expected_purchases` for covariates of the time to come.
        start : float
            When the window opens, from now.

        Returns
        -------
        ndarray
            One probability a customer, of shape (k, customers) for a column of `n`.

        Notes
        -----
        The mean over the moment of leaving, piece by piece, of the negative binomial probability of the purchases until then.
        """
        now = self.probability_alive(paths)
        made = self._counted(n, paths, paths.age, paths.frequency, _length("start", start), _length("horizon", horizon))
        return np.asarray(now * made + np.where(whole("n", n) == 0.0, 1.0 - now, 0.0))

    def purchase_probability_new(
        self, n: ArrayLike, horizon: float, paths: CovariatePaths, *, start: float = 0.0
    ) -> Floats:
        """Return the same of new customers who have the covariates of `paths`; `start` counts from the first purchase."""
        nothing = np.zeros(paths.age.size)
        return self._counted(n, paths, nothing, nothing, _length("start", start), _length("horizon", horizon))

    def discounted_purchases(
        self,
        paths: CovariatePaths,
        *,
        discount_rate: float,
        horizon: float,
        per: Per = "year",
        beyond: Literal["refuse", "last"] = "refuse",
    ) -> Floats:
        """Return the expected purchases to come, each discounted from its moment to now (DET; without an end, DERT).

        Parameters
        ----------
        paths : CovariatePaths
            Histories and covariates.
        discount_rate : float
            0.15 means that a purchase one `per` from now counts 1 / 1.15.
        horizon : float
            How far ahead, in the unit of time; ``numpy.inf`` only with ``beyond="last"``.
        per : Per
            What the rate counts by; "continuous" for a continuous rate in the model's own unit of time.
        beyond : str
            What is known of an endless future: by default nothing ("refuse"); with "last" the last covariates of each customer
            are taken to hold for ever.

        Raises
        ------
        NotEstimableError
            To infinity without ``beyond="last"``, for covariates end; and to infinity without a positive rate.
        """
        rate, ahead = self._discounting(discount_rate, per, horizon, beyond)
        return self.probability_alive(paths) * self._purchases(
            self._span(paths, paths.age, ahead), paths.frequency, rate
        )

    def discounted_purchases_new(
        self,
        paths: CovariatePaths,
        *,
        discount_rate: float,
        horizon: float,
        per: Per = "year",
        beyond: Literal["refuse", "last"] = "refuse",
    ) -> Floats:
        """Return the same of new customers who have the covariates of `paths`, their first purchase not counted."""
        rate, ahead = self._discounting(discount_rate, per, horizon, beyond)
        nothing = np.zeros(paths.age.size)
        return self._purchases(self._span(paths, nothing, ahead), nothing, rate)

    def simulate(
        self, paths: CovariatePaths, *, random: np.random.Generator
    ) -> tuple[CovariatePaths, NDArray[np.bool_]]:
        """Return customers drawn from the model, one for each of `paths`, of his age and with his covariates.

        Returns
        -------
        CovariatePaths
            With purchases drawn anew, ready to be fitted.
        ndarray of bool
            The truth nobody sees: who is alive at the end.
        """
        drawing(random)
        size = paths.age.size
        span = self._span(paths, np.zeros(size), paths.age)
        rate = random.gamma(self.r, size=size) / self.alpha
        life = random.exponential(size=size) * self.beta / random.gamma(self.s, size=size)
        bought, alive = span.until(life)
        count = random.poisson(rate * bought)
        # Given their number, purchases are spread evenly over the integral of the rate.
        who = np.repeat(np.arange(size), count)
        piece, moment = span.when(who, random.uniform(size=who.size) * bought[who])
        recency = np.zeros(size)
        np.maximum.at(recency, who, moment)
        drawn = attrs.evolve(
            paths,
            frequency=count.astype(np.float64),
            recency=np.minimum(recency, paths.age),
            at_purchases={name: sums(who, each[piece], size) for name, each in paths.covariates.items()},
        )
        return drawn, alive

    def simulate_purchases(
        self, horizon: float, paths: CovariatePaths, *, random: np.random.Generator, draws: int = 1
    ) -> NDArray[np.int64]:
        """Return draws of the purchases of existing customers in the next `horizon`, of shape (draws, customers)."""
        drawing(random, draws)
        span = self._span(paths, paths.age, _length("horizon", horizon))
        shape = (draws, paths.age.size)
        rate = random.gamma(self.r + paths.frequency, size=shape) / span.alpha
        life = random.exponential(size=shape) * span.beta / random.gamma(self.s, size=shape)
        made = random.poisson(rate * span.until(life)[0]).astype(np.int64)
        return np.where(random.uniform(size=shape) < self.probability_alive(paths), made, 0)

    def _span(self, paths: CovariatePaths, now: Floats, ahead: float | Floats) -> Span:
        """Return the pieces from `now` of each customer on, `ahead` long in all, and what his rates are from there."""
        begin, end = paths.pieces(now + ahead)
        past, lasts = overlap(begin, end, now[paths.owner])
        a, b = rates(self.purchase_effects, paths), rates(self.dropout_effects, paths)
        return Span(
            owner=paths.owner,
            begin=np.maximum(begin, now[paths.owner]),
            since=np.maximum(begin - now[paths.owner], 0.0),
            lasts=lasts,
            a=a,
            b=b,
            alpha=self.alpha + sums(paths.owner, a * past, now.size),
            beta=self.beta + sums(paths.owner, b * past, now.size),
        )

    def _dropout(self, span: Span) -> tuple[Floats, Floats]:
        return np.full((), self.s), span.beta

    def _purchases(self, span: Span, frequency: Floats, rate: float) -> Floats:
        """Return the mean purchases of one who is alive where `span` begins, discounted at the continuous `rate`."""
        grown = earlier(span.owner, span.b * span.lasts)
        lived = span.beta[span.owner]
        there = process.surviving(grown, np.full((), self.s), lived)
        one = np.full((), 1.0)
        shapes = one, one, np.full((), self.s), (lived + grown) / span.b
        if rate:
            made = np.exp(-rate * span.since) * process.discounted(rate, span.lasts, *shapes)
        else:
            made = process.expected(span.lasts, *shapes)
        total = sums(span.owner, span.a * there * made, frequency.size)
        return np.asarray((self.r + frequency) / span.alpha * total)

    def _counted(
        self, n: ArrayLike, paths: CovariatePaths, now: Floats, frequency: Floats, start: float, horizon: float
    ) -> Floats:
        """Return P(n purchases in the window) of one who is alive at `now`."""
        size = frequency.size
        given = whole("n", n)
        try:
            count = np.broadcast_to(given, np.broadcast_shapes(given.shape, (size,)))
        except ValueError:
            fix = f"give one number, one for each of the {size} customers, or a column of them"
            raise InvalidDataError("n", None, given.shape, fix) from None
        waited = self._span(paths, now, start)
        gone_by = sums(paths.owner, waited.b * waited.lasts, size)
        reached = process.surviving(gone_by, *self._dropout(waited))
        span = self._span(paths, now + start, horizon)
        owner = span.owner
        # Purchases before the window teach nothing here: the rates are those of `now`.
        alpha, lived = waited.alpha, waited.beta + gone_by
        shape = self.r + frequency
        bought, grown = earlier(owner, span.a * span.lasts), earlier(owner, span.b * span.lasts)
        open_ = np.flatnonzero(span.lasts > 0.0)
        mine = owner[open_]
        older = lived[mine] + grown[open_]
        within = process.leaving(
            count[..., mine],
            (span.a * span.lasts)[open_],
            (span.b * span.lasts)[open_],
            bought[open_],
            shape[mine],
            alpha[mine],
            np.full((), self.s),
            older,
        )
        there = process.surviving(grown[open_], np.full((), self.s), lived[mine])
        flat = (there * within).reshape(count.size // size, mine.size)
        left = np.array([sums(mine, row, size) for row in flat]).reshape(count.shape)
        whole_a, whole_b = (sums(owner, each * span.lasts, size) for each in (span.a, span.b))
        stays = process.surviving(whole_b, np.full((), self.s), lived)
        made = left + stays * process.negative_binomial(count, whole_a, shape, alpha)
        return np.asarray(reached * made + np.where(count == 0.0, 1.0 - reached, 0.0))

    def _discounting(self, discount_rate: float, per: Per, horizon: float, beyond: str) -> tuple[float, float]:
        if beyond not in {"refuse", "last"}:
            raise InvalidValueError("beyond", beyond, "give 'refuse' or 'last'")
        rate = continuous_rate(discount_rate, per, self.unit)
        ahead = _length("horizon", horizon, infinite=True)
        if np.isinf(ahead):
            if beyond == "refuse":
                raise NotEstimableError(
                    "the discounted purchases to infinity",
                    "covariates are known only as far as the paths go; give a finite horizon, or beyond='last', which takes "
                    "the last ones to hold for ever",
                    "horizon",
                )
            if rate <= 0.0:
                raise NotEstimableError(
                    "the discounted purchases to infinity",
                    "they are infinite without a positive discount_rate wherever s <= 1; give one, or a finite horizon",
                    "discount_rate",
                )
        return rate, ahead

    def _shapes(self) -> tuple[float, float, float, float]:
        return self.r, self.alpha, self.s, self.beta


def _length(name: str, value: float, *, infinite: bool = False) -> float:
    """Return one length of time."""
    found = lengths(name, value, infinite=infinite)
    if found.ndim:
        raise InvalidDataError(name, None, found.shape, "give one number, the same for all customers")
    return float(found)
