"""What BG/NBD and MBG/NBD share: customers who may leave after a purchase, in the modified model after the first one, too.

`modified` is 0 or 1. Of a customer with a history, who is still there, x purchases were followed by staying, and in the
modified model the first one, too: his chance to leave is Beta(a, b + x + modified).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gammaln, psi, zeta

from pycrm.clv import _beta_geometric as process
from pycrm.clv._beta_geometric import in_blocks, on_distinct
from pycrm.clv._effects import Effects
from pycrm.clv._history import Floats, checked, drawing, lengths, read, together, whole
from pycrm.clv._search import Bend, Likelihood, Rows, compress, finished, maximise, sample, total
from pycrm.clv.units import Unit
from pycrm.fit import Fit
from pycrm.table import Frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Customers", "fitted"]


def _terms(
    parameters: tuple[Any, Any, Any, Any],
    modified: int,
    history: tuple[Floats, Floats, Floats],
    index: tuple[Floats, NDArray[np.int64]],
) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats]]:
    """Return log L of each row and its derivatives in r, log alpha, log a and b.

    `index` is ``np.unique(x, return_inverse=True)``: what depends on x alone is worked out once for each x.
    """
    r, alpha, a, b = parameters
    x, t_x, T = history
    counts, at = index
    alike = np.ndim(a) == 0
    late, soon = alpha + T, alpha + t_x
    long = np.log(late)
    apart = long - np.log(soon)
    shape = r + x
    stays = b + counts + modified
    may = (counts > 0.0) | bool(modified)
    back = np.where(may, 1.0 / np.where(may, stays - 1.0, 1.0), 0.0)
    with np.errstate(divide="ignore"):
        odds = np.log(a * back)[at] if alike else np.log(a * back[at])
    odds = odds + shape * apart
    less = np.exp(-np.abs(odds))
    gone = np.where(odds > 0.0, 1.0, less)
    gone /= 1.0 + less
    value = np.maximum(odds, 0.0)
    value += np.log1p(less)
    of_count = gammaln(r + counts) - gammaln(r) + gammaln(stays) - gammaln(b)
    if alike:
        value += (of_count - gammaln(a + stays) + gammaln(a + b))[at]
        joint = (psi(a + b) - psi(a + stays))[at]
    else:
        value += of_count[at] - gammaln(a + stays[at]) + gammaln(a + b)
        joint = psi(a + b) - psi(a + stays[at])
    value += r * np.log(alpha) - shape * long
    in_r = (psi(r + counts) - psi(r))[at] + (np.log(alpha) - long)
    in_r += gone * apart
    in_alpha = 1.0 / soon - 1.0 / late
    in_alpha *= gone
    in_alpha += 1.0 / late
    in_alpha *= shape
    in_alpha *= -alpha
    in_alpha += r
    return value, (in_r, in_alpha, a * joint + gone, joint + (psi(stays) - psi(b))[at] - gone * back[at])


def _bend(
    parameters: tuple[Any, Any, Any, Any],
    modified: int,
    history: tuple[Floats, Floats, Floats],
    index: tuple[Floats, NDArray[np.int64]],
) -> dict[tuple[int, int], Floats]:
    """Return the second derivatives of log L of each row in r, log alpha, log a and b, by pair; those that vanish are left out."""
    r, alpha, a, b = parameters
    x, t_x, T = history
    counts, at = index
    late, soon = alpha / (alpha + T), alpha / (alpha + t_x)
    apart = np.log(soon) - np.log(late)
    shape = r + x
    stays = b + counts + modified
    may = (counts > 0.0) | bool(modified)
    back = np.where(may, 1.0 / np.where(may, stays - 1.0, 1.0), 0.0)[at]
    with np.errstate(divide="ignore"):
        gone = expit(np.log(a * back) + shape * apart)
    both = gone * (1.0 - gone)
    # The log odds of having left are log a + log back + shape apart.
    by_alpha = shape * (late - soon)
    if np.ndim(a) == 0:
        whole = (zeta(2.0, a + b) - zeta(2.0, a + stays))[at]
        joint = (psi(a + b) - psi(a + stays))[at]
    else:
        whole = zeta(2.0, a + b) - zeta(2.0, a + stays[at])
        joint = psi(a + b) - psi(a + stays[at])
    fades, faded = late * (1.0 - late), soon * (1.0 - soon)
    return {
        (0, 0): (zeta(2.0, r + counts) - zeta(2.0, r))[at] + both * apart * apart,
        (0, 1): 1.0 - late + gone * (late - soon) + both * apart * by_alpha,
        (0, 2): both * apart,
        (0, 3): -both * apart * back,
        (1, 1): shape * (gone * (fades - faded) - fades) + both * by_alpha * by_alpha,
        (1, 2): both * by_alpha,
        (1, 3): -both * by_alpha * back,
        (2, 2): a * joint + a * a * whole + both,
        (2, 3): a * whole - both * back,
        (3, 3): whole + (zeta(2.0, stays) - zeta(2.0, b))[at] + (gone + both) * back * back,
    }


@frozen(eq=False)
class Customers:
    """The customers of one model; `alpha` and `a` may be one for each."""

    r: float
    alpha: Any
    a: Any
    b: float
    modified: int

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Return the log-likelihood of each history."""
        x, t_x, T = checked(frequency, recency, age)
        shape = np.broadcast_shapes(x.shape, np.shape(self.alpha), np.shape(self.a))
        flat = [np.broadcast_to(part, shape).ravel() for part in (x, t_x, T)]
        alpha, a = (p if np.ndim(p) == 0 else np.broadcast_to(p, shape).ravel() for p in (self.alpha, self.a))
        index = np.unique(flat[0], return_inverse=True)
        found = _terms((self.r, alpha, a, self.b), self.modified, (flat[0], flat[1], flat[2]), index)[0]
        return np.asarray(found.reshape(shape))

    def _now(self, x: Floats, t_x: Floats, T: Floats) -> Floats:
        """Return P(alive) of each history."""

        def rows(x: Floats, t_x: Floats, T: Floats, alpha: Any, a: Any) -> Floats:
            odds = alpha + T
            odds /= alpha + t_x
            np.log(odds, out=odds)
            odds *= self.r + x
            stays = x + (self.b + self.modified - 1.0)
            np.maximum(stays, 1e-300, out=stays)
            odds += np.log(a / stays)
            np.exp(odds, out=odds)
            odds += 1.0
            np.divide(1.0, odds, out=odds)
            # Without the modification one without a repeat purchase is there for certain; 1 - x is no probability of any other.
            return odds if self.modified else np.asarray(np.maximum(odds, 1.0 - x, out=odds))

        with np.errstate(over="ignore"):
            return in_blocks(rows, (x, t_x, T), self.alpha, self.a)

    def _ahead(self, function: Callable[..., Floats], *leading: Floats, x: Floats, T: Floats) -> Floats:
        """Return `function` of `leading` and of the process of one who is alive after x purchases in T."""

        def rows(*parts: Any) -> Floats:
            *before, x, T, alpha, a = parts
            return function(*before, self.r + x, alpha + T, a, self.b + x + self.modified)

        return on_distinct(rows, *leading, x, T, self.alpha, self.a)

    def _new(self, function: Callable[..., Floats], *leading: Floats) -> tuple[Floats, Any]:
        """Return `function` of one who stayed after his first purchase, and the chance that he did."""
        made = on_distinct(function, *leading, self.r, self.alpha, self.a, self.b + self.modified)
        return made, self.b / (self.a + self.b) if self.modified else 1.0

    def probability_alive(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, ahead: ArrayLike = 0.0
    ) -> Floats:
        """Return P(alive) of each history, now or later."""
        later = lengths("ahead", ahead)
        x, t_x, T = checked(frequency, recency, age, ahead=later)
        now = self._now(x, t_x, T)
        if not later.any():
            return np.asarray(np.broadcast_to(now, np.broadcast_shapes(now.shape, later.shape)))
        return np.asarray(now * self._ahead(process.alive, later, x=x, T=T))

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the expected purchases in the next `horizon`, given each history."""
        until = lengths("horizon", horizon)
        x, t_x, T = checked(frequency, recency, age, horizon=until)
        made = self._ahead(process.expected, until, x=x, T=T)
        return np.asarray(self._now(x, t_x, T) * made)

    def expected_purchases_new(self, horizon: ArrayLike) -> Floats:
        """Return the same of a new customer."""
        made, stayed = self._new(process.expected, lengths("horizon", horizon))
        return np.asarray(stayed * made)

    def purchase_probability(
        self, window: tuple[ArrayLike, ArrayLike, ArrayLike], frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return P(n purchases) in a window (n, its start, its length), given each history."""
        count, opening, until = _window(*window)
        x, t_x, T = checked(frequency, recency, age, n=count, start=opening, horizon=until)
        made = self._ahead(process.probability, count, opening, until, x=x, T=T)
        now = self._now(x, t_x, T)
        return np.asarray(now * made + np.where(count == 0.0, 1.0 - now, 0.0))

    def purchase_probability_new(self, window: tuple[ArrayLike, ArrayLike, ArrayLike]) -> Floats:
        """Return the same of a new customer."""
        count, opening, until = _window(*window)
        made, stayed = self._new(process.probability, count, opening, until)
        return np.asarray(stayed * made + np.where(count == 0.0, 1.0 - stayed, 0.0))

    def discounted_purchases(
        self, rate: float, until: Floats, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the purchases until then, each discounted at the continuous rate from its moment, given each history."""
        x, t_x, T = checked(frequency, recency, age, horizon=until)
        return np.asarray(self._now(x, t_x, T) * self._ahead(partial(process.discounted, rate), until, x=x, T=T))

    def discounted_purchases_new(self, rate: float, until: Floats) -> Floats:
        """Return the same of a new customer."""
        made, stayed = self._new(partial(process.discounted, rate), until)
        return np.asarray(stayed * made)

    def simulate(self, age: ArrayLike, unit: Unit | None, random: np.random.Generator) -> pd.DataFrame:
        """Draw a summary of new customers."""
        import pandas as pd

        drawing(random)
        span = np.atleast_1d(lengths("age", age))
        new: tuple[Any, ...] = (self.r, self.alpha, self.a, self.b + self.modified)
        made, last, alive = process.counts(random, span, *new)
        if self.modified:
            stayed = random.uniform(size=span.shape) < self.b / (self.a + self.b)
            made, last, alive = np.where(stayed, made, 0), np.where(stayed, last, 0.0), alive & stayed
        frame = pd.DataFrame({"frequency": made, "recency": last, "age": span, "alive": alive})
        if unit is not None:
            frame.attrs["unit"] = unit
        return frame

    def simulate_purchases(
        self,
        horizon: ArrayLike,
        history: tuple[ArrayLike, ArrayLike, ArrayLike],
        random: np.random.Generator,
        draws: int,
    ) -> NDArray[np.int64]:
        """Draw the purchases of existing customers in the next `horizon`."""
        drawing(random, draws)
        until = lengths("horizon", horizon)
        x, t_x, T = checked(*history, horizon=until)
        alive = self._now(x, t_x, T)
        shape = (draws, *np.broadcast_shapes(alive.shape, until.shape))
        there = (self.r + x, self.alpha + T, self.a, self.b + x + self.modified)
        made, _, _ = process.counts(random, np.broadcast_to(until, shape), *there)
        return np.where(random.uniform(size=shape) < alive, made, 0)


def _window(n: ArrayLike, start: ArrayLike, horizon: ArrayLike) -> tuple[Floats, Floats, Floats]:
    count, opening, until = whole("n", n), lengths("start", start), lengths("horizon", horizon)
    together(n=count, start=opening, horizon=until)
    return count, opening, until


class _Model(Protocol):
    """What has the parameters of both models."""

    def __init__(
        self,
        *,
        r: float,
        alpha: float,
        a: float,
        b: float,
        unit: Unit | None,
        purchase_effects: dict[str, float],
        dropout_effects: dict[str, float],
    ) -> None: ...


M = TypeVar("M", bound=_Model)


def fitted(
    make: type[M],
    summary: Frame,
    covariates: tuple[Sequence[str] | None, Sequence[str] | None],
    *,
    modified: int,
    equal_effects: bool,
    penalty: float,
    unit: Unit | None,
    name: str,
) -> Fit[M]:
    """Fit either model."""
    effects = Effects.of(*covariates, equal=equal_effects)
    data = read(summary, effects.columns, unit)
    rows = compress([data.frequency, data.recency, data.age, *data.covariates.values()], data.weight)
    weight = float(rows.weight.sum())

    def derivatives(rows: Rows) -> tuple[Likelihood, Bend]:
        each = dict(zip(effects.columns, rows.columns[3:], strict=True))
        history = (rows.columns[0], rows.columns[1], rows.columns[2])
        index = np.unique(history[0], return_inverse=True)

        def parameters(values: Floats) -> tuple[Any, Any, Any, Any]:
            r, alpha, a, b = values[:4]
            up, out = effects.logs(values[4:], each)
            return r, alpha * np.exp(-up), a * np.exp(out), b

        def likelihood(values: Floats) -> tuple[float, Floats]:
            _, alpha, a, _ = values[:4]
            value, slopes = _terms(parameters(values), modified, history, index)
            in_r, in_alpha, in_a, in_b = (total(rows.weight, slope) for slope in slopes)
            coefficients = effects.slopes(rows.weight, -slopes[1], slopes[2], each)
            return total(rows.weight, value), np.array([in_r, in_alpha / alpha, in_a / a, in_b, *coefficients])

        def bend(values: Floats, slope: Floats) -> Floats:
            found = effects.bend(rows.weight, _bend(parameters(values), modified, history, index), each, (1, 2))
            # From log alpha and log a to alpha and a, whose slopes bend as well.
            rates = np.ones(values.size)
            rates[1:3] = values[1:3]
            found[[1, 2], [1, 2]] -= slope[1:3] * values[1:3]
            return found / np.outer(rates, rates)

        return likelihood, bend

    begin = max(total(rows.weight, rows.columns[2]) / weight / 4.0, 1e-6)
    some = sample(rows)
    likelihood, bend = derivatives(rows)
    search, roughly = derivatives(some) if some is not rows else (None, bend)
    optimum = maximise(
        likelihood,
        {"r": 1.0, "alpha": begin, "a": 1.0, "b": 2.0, **dict.fromkeys(effects.names, 0.0)},
        search=search,
        bends=(roughly, bend),
        weight=weight,
        scales=effects.scales,
        penalty=penalty,
        model=name,
    )
    purchase, dropout = effects.split(optimum.estimates[4:])
    r, alpha, a, b = (float(value) for value in optimum.estimates[:4])
    model = make(r=r, alpha=alpha, a=a, b=b, unit=data.unit, purchase_effects=purchase, dropout_effects=dropout)
    return finished(model, optimum, weight)
