"""Whether a model describes its customers, as data: what happened beside what the model expected.

Each function returns a frame (or a value of arrays) that :mod:`pycrm.plot` draws and any other tool reads.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from pycrm.clv._history import Floats, lengths, read, shares, weights_of, whole_number
from pycrm.clv._search import total
from pycrm.clv.beta_geo_beta_binomial import BetaGeoBetaBinomial
from pycrm.clv.gamma_gamma import GammaGamma, density_of_means
from pycrm.clv.units import DAYS, Unit, checked_unit
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit
from pycrm.table import Frame, column, day_numbers, eager, factorise, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "HoldoutAccuracy",
    "Lorenz",
    "expected_purchases_matrix",
    "frequency_histogram",
    "holdout_accuracy",
    "holdout_by_frequency",
    "interpurchase",
    "lorenz",
    "probability_alive_matrix",
    "spend_density",
    "tracking",
]


def _model(model: Any) -> Any:
    return model.model if isinstance(model, Fit) else model


def _of(model: Any, summary: Frame) -> Any:
    """Return the model of these very customers, where it has effects of covariates."""
    found = _model(model)
    if getattr(found, "purchase_effects", None) or getattr(found, "dropout_effects", None):
        return found.given(eager(summary))
    return found


def _days_of_purchase(orders: Frame, customer: str, time: str) -> tuple[Floats, Floats, int]:
    """Return customer and day of each purchase, sorted, those of one day merged, days counted from the first of all."""
    ids, _ = factorise(column(orders, customer), customer)
    day = day_numbers(orders, time)
    if not ids.size:
        raise InvalidDataError(time, None, "no rows", "give at least one order")
    if (ids < 0).any():
        raise InvalidDataError(customer, int(np.argmax(ids < 0)), None, "give a customer, or drop the row")
    origin = int(day.min())
    span = int(day.max()) - origin + 1
    owner, when = np.divmod(np.unique(ids * span + (day - origin)), span)
    return owner.astype(np.float64), when.astype(np.float64), origin


def tracking(
    model: Any,
    orders: Frame,
    *,
    customer: str,
    time: str,
    unit: Unit | None = None,
    calibration_end: dt.date | str | None = None,
) -> pd.DataFrame:
    """Return repeat purchases period by period, as they were and as the model expects them of its new customers.

    Parameters
    ----------
    model : model or Fit
        One with ``expected_purchases_new``.
    orders : Frame
        One row per order.
    customer, time : str
        Columns: who, and when (dates or naive local times).
    unit : Unit, optional
        The length of a period: the unit of the model where not given.
    calibration_end : date or str, optional
        The last day the model was fitted to. Customers who came later are left out, and `holdout` tells the periods after it.

    Returns
    -------
    pandas.DataFrame
        Columns `end` (last day of the period), `actual`, `expected`, `cumulative_actual`, `cumulative_expected`, `holdout`.
        What is left over after the last whole period is left out.

    Raises
    ------
    InvalidValueError
        If the model does not know its unit of time.

    Examples
    --------
    >>> from pycrm.clv import BetaGeoNBD
    >>> orders = {"who": ["ann", "bob", "ann"], "day": np.array(["2024-01-01", "2024-01-05", "2024-01-12"], "M8[D]")}
    >>> model = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5, unit="week")
    >>> tracking(model, orders, customer="who", time="day")[["actual", "expected"]].round(3).to_dict("list")
    {'actual': [0.0], 'expected': [0.139]}
    """
    import pandas as pd

    found = _model(model)
    if found.unit is None:
        raise InvalidValueError(
            "model.unit", None, "the model does not know its unit of time; give it one, unit='week'"
        )
    step = DAYS[checked_unit(unit if unit is not None else found.unit)]
    owner, when, origin = _days_of_purchase(orders, customer, time)
    opening = np.concatenate(([True], owner[1:] != owner[:-1]))
    first = when[opening]
    split = np.inf if calibration_end is None else float(np.datetime64(calibration_end, "D").astype(np.int64) - origin)
    kept = first <= split
    if not kept.any():
        raise InvalidValueError("calibration_end", calibration_end, "nobody had come until then; give a later day")
    repeats = when[~opening & kept[np.cumsum(opening) - 1]]
    periods = int(np.floor((when.max() + 1e-9) / step))
    ends = step * np.arange(1.0, periods + 1.0)
    actual = np.bincount(np.maximum(np.ceil(repeats / step).astype(np.int64) - 1, 0), minlength=periods)[:periods]
    days, people = np.unique(first[kept], return_counts=True)
    ages = np.maximum(ends[:, None] - days, 0.0) / DAYS[found.unit]
    cumulative = np.asarray(found.expected_purchases_new(ages) @ people, dtype=np.float64).reshape(periods)
    last_days = (origin + np.floor(ends)).astype(np.int64).astype("datetime64[D]")
    return pd.DataFrame(
        {
            "end": last_days.astype("datetime64[s]"),
            "actual": actual.astype(np.float64),
            "expected": np.diff(cumulative, prepend=0.0),
            "cumulative_actual": actual.cumsum().astype(np.float64),
            "cumulative_expected": cumulative,
            "holdout": np.floor(ends) > split,
        }
    )


def frequency_histogram(model: Any, summary: Frame, *, top: int = 7) -> pd.DataFrame:
    """Return how many customers bought again how often, and how many the model expects, given how long each is known.

    Parameters
    ----------
    model : model or Fit
        One with ``purchase_probability_new``.
    summary : Frame
        The customers, as :func:`purchase_summary` makes them.
    top : int
        The last row counts everyone with so many repeat purchases or more.

    Returns
    -------
    pandas.DataFrame
        Columns `frequency`, `actual`, `expected`.

    Examples
    --------
    >>> from pycrm.clv import NBD
    >>> people = {"frequency": [0, 0, 1, 5], "recency": [0, 0, 3, 9], "age": [9, 9, 9, 9]}
    >>> frequency_histogram(NBD(r=1.0, alpha=9.0), people, top=2)["expected"].tolist()
    [2.0, 1.0, 1.0]
    """
    import pandas as pd

    whole_number("top", top, 1)
    data = read(summary)
    weight = np.ones(data.age.size) if data.weight is None else data.weight
    n = np.arange(top)
    chances = _of(model, summary).purchase_probability_new(n[:, None], data.age)
    expected = np.einsum("ni,i->n", chances, weight)
    actual = np.bincount(np.minimum(data.frequency, top).astype(np.int64), weights=weight, minlength=top + 1)
    return pd.DataFrame(
        {
            "frequency": np.arange(top + 1),
            "actual": actual,
            "expected": np.append(expected, weight.sum() - expected.sum()),
        }
    )


def _holdout(model: Any, holdout: Frame) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return frequency, age, weight, length of the holdout, and purchases in it, as they were and as expected."""
    data = read(holdout)
    actual = numbers(holdout, "holdout_frequency", minimum=0.0, integer=True)
    length = numbers(holdout, "holdout_duration", above=0.0)
    weight = np.ones(actual.size) if data.weight is None else data.weight
    expected = _of(model, holdout).expected_purchases(length, data.frequency, data.recency, data.age)
    return data.frequency, data.age, weight, length, actual, expected


def holdout_by_frequency(model: Any, holdout: Frame, *, top: int = 7) -> pd.DataFrame:
    """Return mean purchases in the holdout, as they were and as expected, of customers with equal repeat purchases before.

    Parameters
    ----------
    model : model or Fit
        Fitted to the calibration.
    holdout : Frame
        As :func:`calibration_holdout` makes it.
    top : int
        The last row is everyone with so many repeat purchases or more.

    Returns
    -------
    pandas.DataFrame
        Columns `frequency`, `customers`, `actual`, `expected` (means a customer; no row where there is nobody).

    Examples
    --------
    >>> from pycrm.clv import NBD
    >>> people = {"frequency": [0, 1], "recency": [0, 3], "age": [9, 9]}
    >>> people |= {"holdout_frequency": [0, 2], "holdout_duration": [9, 9]}
    >>> holdout_by_frequency(NBD(r=1.0, alpha=9.0), people)["expected"].tolist()
    [0.5, 1.0]
    """
    import pandas as pd

    whole_number("top", top, 1)
    frequency, _, weight, _, actual, expected = _holdout(model, holdout)
    group = np.minimum(frequency, top).astype(np.int64)
    people = np.bincount(group, weights=weight)
    there = people > 0.0
    means = [np.bincount(group, weights=weight * part)[there] / people[there] for part in (actual, expected)]
    return pd.DataFrame(
        {"frequency": np.flatnonzero(there), "customers": people[there], "actual": means[0], "expected": means[1]}
    )


@frozen(kw_only=True)
class HoldoutAccuracy:
    """How far a model was off in a holdout, and how far the guess that everyone goes on as before.

    Parameters
    ----------
    customers, actual, expected : float
        Customers, their purchases in the holdout, and those the model expected.
    mean_absolute_error, root_mean_squared_error : float
        Of the purchases of single customers.
    naive_expected, naive_mean_absolute_error, naive_root_mean_squared_error : float
        The same of the guess frequency / age x length of the holdout.
    """

    customers: float
    actual: float
    expected: float
    mean_absolute_error: float
    root_mean_squared_error: float
    naive_expected: float
    naive_mean_absolute_error: float
    naive_root_mean_squared_error: float


def holdout_accuracy(model: Any, holdout: Frame) -> HoldoutAccuracy:
    """Return how well a model foretold the holdout of :func:`calibration_holdout`, beside a naive guess.

    Examples
    --------
    >>> from pycrm.clv import NBD
    >>> people = {"frequency": [0, 1], "recency": [0, 3], "age": [9, 9]}
    >>> people |= {"holdout_frequency": [0, 2], "holdout_duration": [9, 9]}
    >>> found = holdout_accuracy(NBD(r=1.0, alpha=9.0), people)
    >>> found.actual, found.expected, found.mean_absolute_error
    (2.0, 1.5, 0.75)
    """
    frequency, age, weight, length, actual, expected = _holdout(model, holdout)
    naive = np.divide(frequency * length, age, out=np.zeros(age.size), where=age > 0.0)
    whole = float(weight.sum())

    def errors(guess: Floats) -> tuple[float, float, float]:
        off = guess - actual
        squared = total(weight, off * off) / whole
        return total(weight, guess), total(weight, np.abs(off)) / whole, float(np.sqrt(squared))

    foretold, absolute, squared = errors(expected)
    naive_total, naive_absolute, naive_squared = errors(naive)
    return HoldoutAccuracy(
        customers=whole,
        actual=total(weight, actual),
        expected=foretold,
        mean_absolute_error=absolute,
        root_mean_squared_error=squared,
        naive_expected=naive_total,
        naive_mean_absolute_error=naive_absolute,
        naive_root_mean_squared_error=naive_squared,
    )


def _grid(model: Any, age: float, most: int, points: int) -> tuple[Floats, Floats, Any]:
    """Return frequencies, recencies and which pairs of them are histories of this model."""
    whole_number("most", most, 1)
    whole_number("points", points, 1)
    span = lengths("age", age)
    if span.ndim or not span > 0.0:
        raise InvalidValueError("age", age, "give a finite number above 0")
    frequency = np.arange(float(most) + 1.0)
    discrete = isinstance(model, BetaGeoBetaBinomial)
    recency = np.arange(age + 1.0) if discrete else np.linspace(0.0, age, points)
    x, t_x = np.meshgrid(frequency, recency)
    possible = (x == 0.0) == (t_x == 0.0)
    return frequency, recency, possible & (x <= t_x) if discrete else possible


def _matrix(model: Any, age: float, most: int, points: int, ask: Any) -> pd.DataFrame:
    import pandas as pd

    frequency, recency, possible = _grid(model, age, most, points)
    x, t_x = np.meshgrid(frequency, recency)
    found = np.full(x.shape, np.nan)
    found[possible] = ask(x[possible], t_x[possible])
    index, columns = pd.Index(recency, name="recency"), pd.Index(frequency.astype(np.int64), name="frequency")
    return pd.DataFrame(found, index=index, columns=columns)


def probability_alive_matrix(model: Any, *, age: float, most: int = 20, points: int = 40) -> pd.DataFrame:
    """Return the probability to be alive of each history of one age: a row a recency, a column a frequency.

    Parameters
    ----------
    model : model or Fit
        Any that knows ``probability_alive``.
    age : float
        The age of all of them, in the unit of the model.
    most : int
        The largest frequency.
    points : int
        How many recencies, evenly from 0 to `age`; at discrete opportunities each of them.

    Returns
    -------
    pandas.DataFrame
        NaN where there is no such history: repeat purchases at recency 0, or none at a later one.

    Examples
    --------
    >>> from pycrm.clv import BetaGeoNBD
    >>> paper = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> probability_alive_matrix(paper, age=38.86, most=2, points=3).round(2).to_numpy().tolist()
    [[1.0, nan, nan], [nan, 0.59, 0.53], [nan, 0.75, 0.81]]
    """
    found = _model(model)
    return _matrix(found, age, most, points, lambda x, t_x: found.probability_alive(x, t_x, age))


def expected_purchases_matrix(
    model: Any, *, horizon: float, age: float, most: int = 20, points: int = 40
) -> pd.DataFrame:
    """Return the expected purchases in the next `horizon` of each history of one age, as :func:`probability_alive_matrix`.

    Examples
    --------
    >>> from pycrm.clv import NBD
    >>> expected_purchases_matrix(NBD(r=1.0, alpha=9.0), horizon=9, age=9, most=1, points=2).to_numpy().tolist()
    [[0.5, nan], [nan, 1.0]]
    """
    found = _model(model)
    return _matrix(found, age, most, points, lambda x, t_x: found.expected_purchases(horizon, x, t_x, age))


@frozen(kw_only=True, eq=False)
class Lorenz:
    """How unevenly value is spread over customers.

    Parameters
    ----------
    customers : ndarray
        Share of customers, the poorest first, from 0 to 1.
    value : ndarray
        The share of all value they hold.
    gini : float
        0 where all hold the same, near 1 where one holds everything.
    """

    customers: Floats = field(repr=False)
    value: Floats = field(repr=False)
    gini: float

    def top(self, share: float) -> float:
        """Return the share of all value that the best `share` of customers holds.

        Examples
        --------
        >>> lorenz([1, 1, 1, 1, 16]).top(0.2)
        0.8
        """
        part = float(np.asarray(shares("share", share)))
        return float(1.0 - np.interp(1.0 - part, self.customers, self.value))


def lorenz(values: ArrayLike, *, weight: ArrayLike = 1.0) -> Lorenz:
    """Return the Lorenz curve of the values of customers, and its Gini coefficient.

    Raises
    ------
    InvalidDataError
        Naming the first value that is negative or no number.
    NotEstimableError
        If nobody holds anything.

    Examples
    --------
    >>> round(lorenz([1, 1, 1, 1, 16]).gini, 2)
    0.6
    """
    held, share = np.broadcast_arrays(lengths("values", values), lengths("weight", weight))
    held, share = held.ravel(), share.ravel()
    order = np.argsort(held, kind="stable")
    everything = float((held * share).sum())
    if not everything > 0.0:
        raise NotEstimableError("the Lorenz curve", "nobody holds anything; give at least one value above 0", "values")
    customers = np.concatenate(([0.0], np.cumsum(share[order]))) / share.sum()
    value = np.concatenate(([0.0], np.cumsum((held * share)[order]))) / everything
    area = float(np.sum(np.diff(customers) * (value[1:] + value[:-1]) / 2.0))
    return Lorenz(customers=customers, value=value, gini=1.0 - 2.0 * area)


def spend_density(model: GammaGamma | Fit[GammaGamma], summary: Frame, *, points: int = 200) -> pd.DataFrame:
    """Return the density of mean values over returning customers, smoothed as it was and as Gamma-Gamma expects it.

    Parameters
    ----------
    model : GammaGamma or Fit
        The model of spend.
    summary : Frame
        Columns `frequency` and `mean_value`, optionally `weight`.
    points : int
        How many amounts, evenly up to the 99th percentile of the mean values.

    Returns
    -------
    pandas.DataFrame
        Columns `amount`, `actual`, `expected`.

    Examples
    --------
    >>> model = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> drawn = model.simulate(np.full(500, 3), random=np.random.default_rng(1))
    >>> spend_density(model, drawn, points=3).columns.tolist()
    ['amount', 'actual', 'expected']
    """
    import pandas as pd
    from scipy.stats import gaussian_kde

    whole_number("points", points, 1)
    x, m = numbers(summary, "frequency", minimum=0.0, integer=True), numbers(summary, "mean_value")
    weight = weights_of(summary)
    kept = (x > 0.0) & (m > 0.0)
    share = np.ones(x.size)[kept] if weight is None else weight[kept]
    if np.unique(m[kept]).size < 2:
        raise InvalidDataError("mean_value", None, m[kept].tolist(), "give at least two different mean values")
    amount = np.linspace(0.0, float(np.quantile(m[kept], 0.99)), points + 1)[1:]
    # Smoothed in logs: amounts are above 0, and a long tail would widen a kernel of amounts for all of them.
    actual = gaussian_kde(np.log(m[kept]), weights=share)(np.log(amount)) / amount
    counts, at = np.unique(x[kept], return_inverse=True)
    people = np.bincount(at, weights=share)
    expected = density_of_means(_model(model), counts[:, None], amount)
    return pd.DataFrame({"amount": amount, "actual": actual, "expected": people @ expected / people.sum()})


def interpurchase(orders: Frame, *, customer: str, time: str, unit: Unit = "week") -> pd.DataFrame:
    """Return how long customers wait from one purchase to the next.

    Parameters
    ----------
    orders : Frame
        One row per order; orders of one day are one purchase.
    customer, time : str
        Columns: who, and when.
    unit : Unit
        What `gap` is counted in.

    Returns
    -------
    pandas.DataFrame
        Columns `gap` (ascending, each once), `count`, and `share` of gaps that are no longer.

    Raises
    ------
    NotEstimableError
        If nobody bought twice.

    Examples
    --------
    >>> orders = {"who": ["ann", "bob", "ann"], "day": np.array(["2024-01-01", "2024-01-05", "2024-01-15"], "M8[D]")}
    >>> interpurchase(orders, customer="who", time="day").to_dict("list")
    {'gap': [2.0], 'count': [1], 'share': [1.0]}
    """
    import pandas as pd

    owner, when, _ = _days_of_purchase(orders, customer, time)
    same = owner[1:] == owner[:-1]
    if not same.any():
        raise NotEstimableError("the time between purchases", "nobody bought on two days", time)
    gap, count = np.unique(np.diff(when)[same], return_counts=True)
    return pd.DataFrame(
        {"gap": gap / DAYS[checked_unit(unit)], "count": count, "share": np.cumsum(count) / count.sum()}
    )
