"""What BG/CNBD-k and MBG/CNBD-k share: their customers, their histories with gaps, and the search for k.

`modified` is 0 or 1: whether a customer may leave after his first purchase, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from pycrm.clv import _regularity as process
from pycrm.clv._history import Floats, checked, drawing, lengths, read, whole, whole_number
from pycrm.clv._search import compress, finished, maximise, total, warn
from pycrm.clv.units import Unit
from pycrm.errors import (
    BoundaryWarning,
    ConvergenceWarning,
    InvalidDataError,
    MissingColumnError,
    NotEstimableError,
)
from pycrm.fit import Fit
from pycrm.table import Frame, column_names, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Customers", "fitted"]


@frozen(eq=False)
class Customers:
    """The customers of one model."""

    k: int
    modified: int
    r: float
    alpha: float
    a: float
    b: float

    def _states(self, x: Floats, t_x: Floats, T: Floats, *extra: Floats) -> process.States:
        return process.States.of(self.r + self.k * x, self.alpha + T, T - t_x, self.b + x + self.modified, *extra)

    def _now(self, x: Floats, t_x: Floats, T: Floats) -> Floats:
        """Return P(alive) of each history."""
        odds = process.odds_gone(self.k, self.modified, self.r, self.alpha, self.a, self.b, x, t_x, T)
        return np.asarray(expit(-odds))

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, log_gaps: ArrayLike) -> Floats:
        """Return the log-likelihood of each history."""
        x, t_x, T = checked(frequency, recency, age)
        gaps = _gaps(x, t_x, log_gaps)
        flat = (part.ravel() for part in (x, t_x, T))
        found, _ = process.likelihood(self.k, self.modified, self.r, self.alpha, self.a, self.b, *flat)
        return np.asarray(found.reshape(x.shape) + (self.k - 1) * gaps)

    def probability_alive(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, ahead: ArrayLike = 0.0
    ) -> Floats:
        """Return P(alive) of each history, now or later."""
        later = lengths("ahead", ahead)
        x, t_x, T = checked(frequency, recency, age, ahead=later)
        now = self._now(x, t_x, T)
        if not later.any():
            return np.asarray(np.broadcast_to(now, np.broadcast_shapes(now.shape, later.shape)))
        return np.asarray(now * process.ahead(self.k, self.a, self._states(x, t_x, T, later), alive=True))

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, leaving: float = 1.0
    ) -> Floats:
        """Return the expected purchases in the next `horizon`, with a factor on the chance to leave after them."""
        until = lengths("horizon", horizon)
        x, t_x, T = checked(frequency, recency, age, horizon=until)
        made = process.ahead(self.k, self.a, self._states(x, t_x, T, until), leaving=leaving)
        return np.asarray(self._now(x, t_x, T) * made)

    def purchase_probability(
        self, window: tuple[ArrayLike, ArrayLike, ArrayLike], frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return P(n purchases) in a window (n, its start, its length), given each history."""
        n, start, horizon = window
        count, opening, until = whole("n", n), lengths("start", start), lengths("horizon", horizon)
        x, t_x, T = checked(frequency, recency, age, n=count, start=opening, horizon=until)
        now = self._now(x, t_x, T)
        made = process.window(self.k, self.a, self._states(x, t_x, T, count, opening, until))
        return np.asarray(now * made + np.where(count == 0.0, 1.0 - now, 0.0))

    def discounted_purchases(  # a history, in its usual sequence
        self,
        rate: float,
        until: Floats,
        frequency: ArrayLike,
        recency: ArrayLike,
        age: ArrayLike,
        leaving: float = 1.0,
    ) -> Floats:
        """Return the purchases until then, each discounted at the continuous rate from its moment, given each history."""
        x, t_x, T = checked(frequency, recency, age, horizon=until)
        now, until, x, t_x, T = np.broadcast_arrays(self._now(x, t_x, T), until, x, t_x, T)
        made, forever = np.empty(now.shape), np.isinf(until)
        if forever.any():
            states = self._states(x[forever], t_x[forever], T[forever])
            made[forever] = process.discounted(self.k, self.a, rate, states, leaving)
        if not forever.all():
            rest = ~forever
            states = self._states(x[rest], t_x[rest], T[rest], until[rest])
            made[rest] = process.discounted_until(self.k, self.a, rate, states, leaving)
        return np.asarray(now * made)

    def simulate(self, age: ArrayLike, unit: Unit | None, random: np.random.Generator) -> pd.DataFrame:
        """Draw a summary of new customers."""
        drawing(random)
        span = np.atleast_1d(lengths("age", age)).ravel()
        import pandas as pd

        chance = random.beta(self.a, self.b, span.size)
        stays = random.uniform(size=span.size) >= chance if self.modified else np.ones(span.size, dtype=bool)
        none = np.zeros(span.size, dtype=np.int64)
        rate = random.gamma(self.r, size=span.size) / self.alpha
        made, _, last, there = process.draw(random, self.k, span, none, rate, chance)
        made, last = np.where(stays, made, 0), np.where(stays, last, 0.0)
        # Given the time of the last one, the gaps between purchases are its Dirichlet(k, ..., k) parts.
        gaps = random.gamma(self.k, size=int(made.sum()))
        owner = np.repeat(np.arange(span.size), made)
        whole = np.bincount(owner, weights=gaps, minlength=span.size)
        logs = np.log(gaps) - np.log(whole[owner]) + np.log(last[owner])
        frame = pd.DataFrame(
            {
                "frequency": made,
                "recency": last,
                "age": span,
                "log_gaps": np.bincount(owner, weights=logs, minlength=span.size),
                "alive": there & stays,
            }
        )
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
        parts = np.broadcast_arrays(self._now(x, t_x, T), until, x, t_x, T)
        now, length, x, t_x, T = (np.broadcast_to(part, (draws, *part.shape)) for part in parts)
        shape = self.r + self.k * x
        stage = process.draw_stage(random, self.k, shape, T - t_x, self.alpha + T)
        rate = random.gamma(shape + stage) / (self.alpha + T)
        chance = random.beta(self.a, self.b + x + self.modified)
        made, _, _, _ = process.draw(random, self.k, length, stage, rate, chance)
        return np.where(random.uniform(size=now.shape) < now, made, 0)


def _gaps(x: Floats, t_x: Floats, log_gaps: ArrayLike) -> Floats:
    """Return the sums of the logs of the gaps, where they can belong to x purchases until t_x.

    Raises
    ------
    InvalidDataError
        Naming the first row whose gaps, were they equal even, would not add up to so much.
    """
    try:
        gaps = np.broadcast_to(np.asarray(log_gaps, dtype=np.float64), x.shape)
    except (TypeError, ValueError):
        raise InvalidDataError("log_gaps", None, log_gaps, "give one number a history") from None
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(x > 0.0, x * np.log(t_x / x), 0.0)
    wrong = ~np.isfinite(gaps) | (gaps > most + 1e-6 * (1.0 + x)) | ((x == 0.0) & (gaps != 0.0))
    wrong &= (np.ndim(log_gaps) > 0) | (gaps != 0.0)
    if wrong.any():
        row = int(np.argmax(wrong.ravel()))
        fix = "it is the sum of log(gap) between purchases, in the unit of recency: purchase_summary(..., gaps=True)"
        raise InvalidDataError("log_gaps", row, float(gaps.ravel()[row]), fix)
    return gaps


class _Model(Protocol):
    """What has the parameters of a regularity model."""

    def __init__(self, *, r: float, alpha: float, a: float, b: float, k: int, unit: Unit | None) -> None: ...


M = TypeVar("M", bound=_Model)


def fitted(
    make: type[M],
    summary: Frame,
    *,
    modified: int,
    k: int | None,
    largest_k: int,
    penalty: float,
    unit: Unit | None,
    name: str,
) -> Fit[M]:
    """Fit for one k, or for 1, 2, ... until two in a row fit worse than the best."""
    for field, value in (("k", 1 if k is None else k), ("largest_k", largest_k)):
        whole_number(field, value, 1)
    data = read(summary, unit=unit)
    names = column_names(summary)
    if k == 1 and "log_gaps" not in names:
        gaps = np.zeros(data.frequency.shape)
    elif "log_gaps" not in names:
        raise MissingColumnError("log_gaps", names, "make it with purchase_summary(..., gaps=True)")
    else:
        gaps = _gaps(data.frequency, data.recency, numbers(summary, "log_gaps"))
    if not data.frequency.any():
        raise NotEstimableError(name, "nobody bought again; it needs repeat purchases", "r")
    rows = compress([data.frequency, data.recency, data.age], data.weight)
    weight = float(rows.weight.sum())
    constant = float(gaps.sum() if data.weight is None else total(data.weight, gaps))
    x, t_x, T = rows.columns

    def of(k: int) -> Fit[M]:
        def value(parameters: Floats) -> tuple[float, Floats]:
            r, alpha, a, b = (float(parameter) for parameter in parameters)
            found, slopes = process.likelihood(k, modified, r, alpha, a, b, x, t_x, T)
            sums = np.array([total(rows.weight, slope) for slope in slopes])
            return total(rows.weight, found) + (k - 1) * constant, sums

        begin = max(total(rows.weight, T) / weight / 4.0, 1e-6)
        start = {"r": 1.0, "alpha": begin / k, "a": 1.0, "b": 2.0}
        optimum = maximise(value, start, weight=weight, penalty=penalty, model=f"{name} (k = {k})", quiet=True)
        r, alpha, a, b = (float(parameter) for parameter in optimum.estimates)
        return finished(make(r=r, alpha=alpha, a=a, b=b, k=k, unit=data.unit), optimum, weight)

    if k is not None:
        return _warned(of(int(k)))
    tried = [of(1)]
    best = 0
    while len(tried) < largest_k and len(tried) - 1 - best < 2:
        tried.append(of(len(tried) + 1))
        if tried[-1].log_likelihood > tried[best].log_likelihood:
            best = len(tried) - 1
    return _warned(tried[best])


def _warned(fit: Fit[M]) -> Fit[M]:
    for note in fit.notes:
        kind = ConvergenceWarning if "did not converge" in note else BoundaryWarning
        warn(note, kind)
    return fit
