"""Purchases at discrete opportunities, by customers who may silently leave: the BG/BB model.

At each of `age` opportunities (a yearly gala, a monthly appeal) a customer who is still there buys with a probability p, and
leaves before the next with a probability theta; p is Beta(alpha, beta) and theta Beta(gamma, delta) over customers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, digamma, gammaln

from pycrm.clv import _history
from pycrm.clv._contract import discounted_renewals, log_survival
from pycrm.clv._search import compress, finished, maximise, total
from pycrm.clv._series import discounted_steps, steps
from pycrm.clv.units import Per, Unit, continuous_rate, unit_or_none
from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.fit import Fit
from pycrm.table import Frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BetaGeoBetaBinomial"]

Floats: TypeAlias = NDArray[np.float64]

_TERMS = 2_000_000  # terms of the sum over the time of leaving held at once


def _whole(age: Floats, recency: Floats, frequency: Floats) -> None:
    for name, values in (("age", age), ("recency", recency)):
        wrong = values != np.rint(values)
        if wrong.any():
            row = int(np.argmax(wrong.ravel()))
            fix = "opportunities are counted: give whole numbers"
            raise InvalidDataError(name, row, float(values.ravel()[row]), fix)
    wrong = (frequency > recency) | ((frequency == 0.0) & (recency > 0.0))
    if wrong.any():
        row = int(np.argmax(wrong.ravel()))
        fix = "there is at most one purchase an opportunity, the last of them at `recency`; 0 purchases have recency 0"
        raise InvalidDataError("frequency", row, float(frequency.ravel()[row]), fix)


def _histories(
    frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, **asked: Floats
) -> tuple[Floats, Floats, Floats]:
    x, t_x, n = _history.checked(frequency, recency, age, **asked)
    _whole(n, t_x, x)
    return x, t_x, n


def _opportunities(name: str, values: ArrayLike, *, infinite: bool = False) -> Floats:
    """Return how many opportunities fit into each length; what floating point left just short of one counts as one."""
    return np.asarray(np.floor(_history.lengths(name, values, infinite=infinite) + 1e-9))


class _Sums:
    """The sums over the opportunity after which a customer left, of all distinct rows, in pieces that fit in memory."""

    def __init__(self, x: Floats, t_x: Floats, n: Floats) -> None:
        self.x, self.t_x, self.n = x.astype(np.int64), t_x.astype(np.int64), n.astype(np.int64)
        self.top = int(self.n.max(initial=0))
        ends = np.cumsum(self.n - self.t_x)
        piece = (ends - 1) // _TERMS
        self.cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), self.n.size]

    def pieces(self) -> Iterator[tuple[slice, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Yield rows, the row of each term, its opportunity of leaving j, and where each row with terms begins."""
        for start, end in zip(self.cuts[:-1], self.cuts[1:], strict=True):
            many = self.n[start:end] - self.t_x[start:end]
            row = np.repeat(np.arange(end - start), many)
            first = np.cumsum(many) - many
            j = np.arange(int(many.sum())) - first[row] + self.t_x[start:end][row]
            yield slice(start, end), row, j, first[many > 0]

    def log_likelihood(self, alpha: float, beta: float, gamma: float, delta: float) -> tuple[Floats, Floats, Floats]:
        """Return, per row, log likelihood, log of its part of those still there, and slopes in the four parameters."""
        i = np.arange(self.top + 2.0)
        L = {"a": gammaln(alpha + i), "b": gammaln(beta + i), "ab": gammaln(alpha + beta + i)}
        L |= {"d": gammaln(delta + i), "cd": gammaln(gamma + delta + i)}
        D = {"a": digamma(alpha + i), "b": digamma(beta + i), "ab": digamma(alpha + beta + i)}
        D |= {"d": digamma(delta + i), "cd": digamma(gamma + delta + i)}
        log_c0, log_c1 = float(gammaln(gamma)), float(gammaln(gamma + 1.0))
        psi_c0, psi_c1 = float(digamma(gamma)), float(digamma(gamma + 1.0))
        base = L["a"][0] + L["b"][0] - L["ab"][0] + log_c0 + L["d"][0] - L["cd"][0]
        base_slopes = np.array(
            [D["a"][0] - D["ab"][0], D["b"][0] - D["ab"][0], psi_c0 - D["cd"][0], D["d"][0] - D["cd"][0]]
        )
        x, n = self.x, self.n
        there = L["a"][x] + L["b"][n - x] - L["ab"][n] + log_c0 + L["d"][n] - L["cd"][n]
        slopes = np.stack(
            [D["a"][x] - D["ab"][n], D["b"][n - x] - D["ab"][n], psi_c0 - D["cd"][n], D["d"][n] - D["cd"][n]]
        )
        total = there.copy()
        for rows, row, j, first in self.pieces():
            if not row.size:
                continue
            xs = x[rows][row]
            left = L["b"][j - xs] - L["ab"][j] + L["d"][j] - L["cd"][j + 1]
            top = np.full(there[rows].shape, -np.inf)
            some = np.unique(row)
            top[some] = np.maximum.reduceat(left, first)
            share = np.exp(left - top[row])
            mass = np.bincount(row, weights=share, minlength=top.size)
            with np.errstate(divide="ignore"):
                log_left = np.log(mass) + top + L["a"][x[rows]] + log_c1
            both = np.logaddexp(there[rows], log_left)
            weight = np.exp(log_left - both)
            share /= mass[row]
            means = [
                np.asarray(np.bincount(row, weights=share * part, minlength=top.size), dtype=np.float64)
                for part in (-D["ab"][j], D["b"][j - xs] - D["ab"][j], -D["cd"][j + 1], D["d"][j] - D["cd"][j + 1])
            ]
            means[0] = means[0] + D["a"][x[rows]]
            means[2] = means[2] + psi_c1
            slopes[:, rows] += np.where(weight > 0.0, weight * (np.stack(means) - slopes[:, rows]), 0.0)
            total[rows] = both
        return total - base, there - base, slopes - base_slopes[:, None]


@frozen(kw_only=True)
class BetaGeoBetaBinomial:
    """Purchases at discrete opportunities by customers who may silently leave (BG/BB).

    Parameters
    ----------
    alpha, beta : float
        Shapes of the Beta of the probability to buy at an opportunity, > 0.
    gamma, delta : float
        Shapes of the Beta of the probability to leave before an opportunity, > 0.
    unit : Unit, optional
        The time between opportunities, where it is a calendar unit.

    References
    ----------
    .. [1] Fader, Hardie & Shang (2010), Marketing Science 29(6), 1086-1108.

    Examples
    --------
    >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")
    >>> round(float(paper.expected_purchases(5, 6, 6, 6)), 2)
    3.75
    """

    alpha: float = field(validator=_history.positive)
    beta: float = field(validator=_history.positive)
    gamma: float = field(validator=_history.positive)
    delta: float = field(validator=_history.positive)
    unit: Unit | None = field(default=None, validator=unit_or_none)

    @classmethod
    def fit(cls, summary: Frame, *, penalty: float = 0.0, unit: Unit | None = None) -> Fit[BetaGeoBetaBinomial]:
        """Fit to a summary by maximum likelihood.

        Parameters
        ----------
        summary : Frame
            Columns `frequency`, `recency` and `age`, counted in opportunities, and optional `weight`.
        penalty : float
            L2 penalty on the parameters, taken off the mean log-likelihood.
        unit : Unit, optional
            The time between opportunities, if the summary does not carry it.

        Raises
        ------
        InvalidDataError
            Naming column and first row of an impossible history.
        NotEstimableError
            If nobody bought again.

        Examples
        --------
        >>> truth = BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)
        >>> sample = truth.simulate(np.full(2000, 6), random=np.random.default_rng(1))
        >>> BetaGeoBetaBinomial.fit(sample).converged
        True
        """
        read = _history.read(summary, unit=unit)
        _whole(read.age, read.recency, read.frequency)
        if not read.frequency.any():
            raise NotEstimableError("BetaGeoBetaBinomial", "nobody bought again; it needs repeat purchases", "alpha")
        rows = compress((read.frequency, read.recency, read.age), read.weight)
        sums = _Sums(*rows.columns)
        weight = rows.weight

        def likelihood(values: Floats) -> tuple[float, Floats]:
            value, _, slopes = sums.log_likelihood(*(float(each) for each in values))
            return total(weight, value), np.array([total(weight, slope) for slope in slopes])

        optimum = maximise(
            likelihood,
            {"alpha": 1.0, "beta": 1.0, "gamma": 1.0, "delta": 2.0},
            weight=float(weight.sum()),
            penalty=penalty,
            model="BetaGeoBetaBinomial",
        )
        model = cls(**dict(zip(optimum.names, optimum.estimates.tolist(), strict=True)), unit=read.unit)
        return finished(model, optimum, float(weight.sum()))

    def _parts(self, x: Floats, t_x: Floats, n: Floats) -> tuple[Floats, Floats]:
        """Return log likelihood and the log of its part of those still there after opportunity n, in the shape of x."""
        rows = compress((x.ravel(), t_x.ravel(), n.ravel()), inverse=True)
        total, there, _ = _Sums(*rows.columns).log_likelihood(self.alpha, self.beta, self.gamma, self.delta)
        assert rows.inverse is not None
        return total[rows.inverse].reshape(x.shape), there[rows.inverse].reshape(x.shape)

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Return the log-likelihood of each history.

        Equation (6) of [1]_.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> round(float(paper.log_likelihood(6, 6, 6)), 4)
        -2.1822
        """
        return self._parts(*_histories(frequency, recency, age))[0]

    def probability_alive(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, *, ahead: ArrayLike = 0.0
    ) -> Floats:
        """Return the probability to be still there `ahead` opportunities from now; 0 means at the last one seen.

        Equation (11) of [1]_ is ``ahead=1``: whether the customer will be there at the next opportunity.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> paper.probability_alive([0, 2, 6], [0, 4, 6], 6, ahead=1).round(2)
        array([0.11, 0.59, 0.93])
        """
        later = _opportunities("ahead", ahead)
        x, t_x, n = _histories(frequency, recency, age, ahead=later)
        total, there = self._parts(x, t_x, n)
        return np.asarray(np.exp(there - total + log_survival(self.gamma, self.delta + n, later)))

    def _there(self, x: Floats, t_x: Floats, n: Floats) -> Floats:
        """Mean, over all with this history, of the probability to buy at opportunity n if still there then."""
        total, there = self._parts(x, t_x, n)
        return np.asarray(np.exp(there - total) * (self.alpha + x) / (self.alpha + self.beta + n))

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the expected purchases at the next `horizon` opportunities, given each history.

        A fraction of an opportunity is none. Equation (13) of [1]_; removable singularity at gamma = 1.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> paper.expected_purchases(5, [0, 6], [0, 6], 6).round(2)
        array([0.07, 3.75])
        """
        ahead = _opportunities("horizon", horizon)
        x, t_x, n = _histories(frequency, recency, age, horizon=ahead)
        return np.asarray(self._there(x, t_x, n) * steps(self.gamma, self.delta + n, ahead))

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """Return the expected purchases of a new customer at the first `horizon` opportunities (equation 8 of [1]_).

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> round(float(paper.expected_purchases_new(6)), 2)
        2.22
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
        """Return the probability of exactly `n` purchases at `horizon` opportunities, given each history.

        The first of them comes after `start` others; ``n=0`` is the probability of no purchase. Equations (9) and (12) of
        [1]_.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> paper.purchase_probability([0, 1, 5], 5, 6, 6, 6).round(3)
        array([0.077, 0.067, 0.496])
        """
        count = _history.whole("n", n)
        length, skipped = _opportunities("horizon", horizon), _opportunities("start", start)
        x, t_x, age_ = _histories(frequency, recency, age, n=count, horizon=length, start=skipped)
        total, there = self._parts(x, t_x, age_)
        alive = np.exp(there - total)
        count, length, skipped, alive, x, age_ = np.broadcast_arrays(count, length, skipped, alive, x, age_)
        a, b = self.alpha + x, self.beta + age_ - x
        here = self.delta + age_

        def buys(chances: Floats | float) -> Floats:
            ways = -np.log1p(chances) - betaln(chances - count + 1.0, count + 1.0)
            return np.asarray(np.exp(ways + betaln(a + count, b + chances - count) - betaln(a, b)))

        made = np.where(count <= length, buys(np.maximum(length, count)), 0.0)
        made *= np.exp(log_survival(self.gamma, here, skipped + length))
        made += np.where(count == 0.0, -np.expm1(log_survival(self.gamma, here, skipped)), 0.0)
        for chances in range(int(np.max(length, initial=0.0))):
            left = np.exp(betaln(self.gamma + 1.0, here + skipped + chances) - betaln(self.gamma, here))
            inside = (chances < length) & (count <= chances)
            made += np.where(inside, left * buys(np.maximum(float(chances), count)), 0.0)
        return np.asarray(alive * made + np.where(count == 0.0, 1.0 - alive, 0.0))

    def purchase_probability_new(self, n: ArrayLike, horizon: ArrayLike, *, start: ArrayLike = 0.0) -> Floats:
        """Return the probability that a new customer buys exactly `n` times at `horizon` opportunities.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> paper.purchase_probability_new([0, 6], 6).round(3)
        array([0.311, 0.113])
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
        """Return the expected purchases to come, each discounted from its opportunity to now (DERT; to a `horizon`, DET).

        Parameters
        ----------
        frequency, recency, age : array_like
            The history, counted in opportunities.
        discount_rate : float
            0.1 means that a purchase one `per` from now counts 1 / 1.1.
        per : Per
            What the rate counts by; "period" is from one opportunity to the next, and all a model without a unit knows.
        horizon : array_like
            How many opportunities ahead; to infinity by default.

        Raises
        ------
        NotEstimableError
            To infinity without a positive rate.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")
        >>> paper.discounted_purchases([0, 6], [0, 6], 6, discount_rate=0.1).round(3)
        array([0.115, 5.909])
        """
        rate = continuous_rate(discount_rate, per, self.unit)
        until = _opportunities("horizon", horizon, infinite=True)
        x, t_x, n = _histories(frequency, recency, age, horizon=until)
        if rate <= 0.0 and np.isinf(until).any():
            reason = (
                "they are infinite without a positive discount_rate wherever gamma <= 1; give one, or a finite horizon"
            )
            raise NotEstimableError("the discounted purchases to infinity", reason, "discount_rate")
        discount = float(np.exp(-rate))
        there, n, until = np.broadcast_arrays(self._there(x, t_x, n), n, until)
        here = self.delta + n
        made = np.empty(there.shape)
        for end in np.unique(until):
            rows = until == end
            d = here[rows]
            if np.isinf(end):
                first = discount * d / (self.gamma + d)
                made[rows] = first * discounted_steps(self.gamma, d + 1.0, discount)
            elif rate == 0.0:
                made[rows] = steps(self.gamma, d, end)
            else:
                made[rows] = discounted_renewals(self.gamma, self.delta, 1.0, n[rows], discount, float(end))
        return np.asarray(there * made)

    def discounted_purchases_new(
        self, *, discount_rate: float, per: Per = "year", horizon: ArrayLike = np.inf
    ) -> Floats:
        """Return the same of a new customer.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")
        >>> round(float(paper.discounted_purchases_new(discount_rate=0.1)), 2)
        2.7
        """
        return self.discounted_purchases(0, 0, 0, discount_rate=discount_rate, per=per, horizon=horizon)

    def simulate(self, age: ArrayLike, *, random: np.random.Generator) -> pd.DataFrame:
        """Return a summary of customers drawn from the model, one for each `age`, the opportunities they have had.

        Columns `frequency`, `recency`, `age`, and the truth nobody sees, `alive`.

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> paper.simulate([6] * 3, random=np.random.default_rng(2)).columns.tolist()
        ['frequency', 'recency', 'age', 'alive']
        """
        import pandas as pd

        _history.drawing(random)
        n = np.atleast_1d(_opportunities("age", age)).ravel()
        frequency, recency = np.zeros(n.size), np.zeros(n.size)
        there = self._stays(random, np.full(n.size, self.delta))
        chance = random.beta(self.alpha, self.beta, n.size)
        last = np.minimum(there, n)
        for opportunity in range(1, int(last.max(initial=0.0)) + 1):
            buys = (random.random(n.size) < chance) & (opportunity <= last)
            frequency += buys
            recency[buys] = opportunity
        frame = pd.DataFrame(
            {"frequency": frequency.astype(np.int64), "recency": recency, "age": n, "alive": there >= n}
        )
        if self.unit is not None:
            frame.attrs["unit"] = self.unit
        return frame

    def _stays(self, random: np.random.Generator, delta: Floats) -> Floats:
        """Draw how many opportunities a customer lives through."""
        leaves = random.beta(self.gamma, delta)
        with np.errstate(divide="ignore", invalid="ignore"):
            lived = np.floor(np.log(random.uniform(size=delta.shape)) / np.log1p(-leaves))
        return np.where(np.isnan(lived), np.inf, lived)

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
        """Return draws of the purchases of existing customers at the next `horizon` opportunities, (draws, customers).

        Examples
        --------
        >>> paper = BetaGeoBetaBinomial(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> made = paper.simulate_purchases(5, [6], [6], [6], random=np.random.default_rng(3), draws=20_000)
        >>> abs(made.mean() - 3.75) < 0.05
        np.True_
        """
        _history.drawing(random, draws)
        ahead = _opportunities("horizon", horizon)
        x, t_x, n = _histories(frequency, recency, age, horizon=ahead)
        alive = self.probability_alive(x, t_x, n)
        alive, x, n, ahead = (
            np.broadcast_to(part, (draws, *part.shape)) for part in np.broadcast_arrays(alive, x, n, ahead)
        )
        chances = np.minimum(self._stays(random, self.delta + n), ahead)
        made = random.binomial(chances.astype(np.int64), random.beta(self.alpha + x, self.beta + n - x))
        return np.where(random.uniform(size=alive.shape) < alive, made, 0)
