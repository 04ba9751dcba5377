"""How often customers will buy and what they will bring: the fit, its check against what happened, and how sure it is."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.clv import BetaGeoNBD, GammaGamma, convert, lifetime_value, purchase_summary
from pycrm.errors import InvalidDataError, NotEstimableError, PycrmWarning
from pycrm.fit import Fit
from pycrm.report.purchases import Purchases
from pycrm.workflows.differentiate import FEWEST_RETURNING

__all__ = [
    "Forecast",
    "Holdout",
    "LifetimeValue",
    "PurchaseModel",
    "Tracking",
    "Unestimable",
    "expected_value",
    "forecast",
    "holdout_check",
]

MONTHS = 12
DISCOUNT = 0.10
_COUNTS = 7
_SAMPLE = 2_000
_DRAWS = 400
_NORMAL = 1.959963984540054


@frozen
class Unestimable:
    """A number that the data do not determine, and why."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} cannot be estimated: {self.why}"


@frozen(kw_only=True, eq=False)
class PurchaseModel:
    """The fitted model of repeat purchases.

    Parameters
    ----------
    name : str
        The model.
    fit : Fit
        Its fit.
    summary : DataFrame
        One row per customer with a purchase; the index is the place of the customer.
    alive : ndarray
        Chance that each is still a customer.
    actual, expected : ndarray
        Customers with 0, 1, ..., 6, 7 or more repeat purchases: counted, and by the model.
    notes : tuple of str
        What went wrong, if anything did.
    """

    name: str
    fit: Fit[BetaGeoNBD]
    summary: pd.DataFrame = field(repr=False)
    alive: NDArray[np.float64] = field(repr=False)
    actual: NDArray[np.float64]
    expected: NDArray[np.float64]
    notes: tuple[str, ...] = ()


@frozen(kw_only=True, eq=False)
class Tracking:
    """Repeat purchases of all customers over time, cumulated: counted, and by the model."""

    days: NDArray[np.datetime64] = field(repr=False)
    actual: NDArray[np.float64] = field(repr=False)
    expected: NDArray[np.float64] = field(repr=False)


@frozen(kw_only=True, eq=False)
class Holdout:
    """What a model that saw only the first part of the time said of the rest.

    Parameters
    ----------
    until : numpy.datetime64
        The last day the model saw.
    days : int
        Length of the rest.
    customers : int
        Known at `until`.
    actual, predicted : float
        Repeat purchases in the rest: counted, and predicted.
    groups : tuple
        Of repeat purchases before: label, customers, mean actual, mean predicted.
    error, naive_error : float
        Mean absolute error per customer; of the model, and of "everybody goes on as before".
    """

    until: np.datetime64
    days: int
    customers: int
    actual: float
    predicted: float
    groups: tuple[tuple[str, int, float, float], ...]
    error: float
    naive_error: float


@frozen(kw_only=True, eq=False)
class LifetimeValue:
    """What customers are expected to bring in the next twelve months, in today's money.

    Parameters
    ----------
    value : ndarray
        For each row of the summary, the expectation.
    total, low, high : float
        Of all of them, with 95 % limits: parameters and chance.
    spend : Fit or None
        How much they spend; None where too few came back and the mean order stands in.
    notes : tuple of str
        What the reader should know.
    """

    value: NDArray[np.float64] = field(repr=False)
    total: float
    low: float
    high: float
    spend: Fit[GammaGamma] | None
    mean_order: float
    notes: tuple[str, ...] = ()


@frozen(kw_only=True, eq=False)
class Forecast:
    """All of it; in the place of each part that cannot be estimated stands the reason."""

    model: PurchaseModel | Unestimable
    tracking: Tracking | Unestimable
    holdout: Holdout | Unestimable
    value: LifetimeValue | Unestimable

    def limits(self, customers: NDArray[np.int64], seed: int = 0) -> NDArray[np.float64]:
        """Return 95 % limits of what single customers (rows of the summary) will bring, shape (2, n): chance included."""
        if isinstance(self.model, Unestimable) or isinstance(self.value, Unestimable):
            return np.full((2, len(customers)), np.nan)
        random = np.random.default_rng(seed)
        drawn = _outcomes(self.model, self.value, customers, random, draws=4_000)
        return np.asarray(np.quantile(drawn, [0.025, 0.975], axis=0))


def forecast(purchases: Purchases, unit: Literal["day", "week"] = "week") -> Forecast:
    """Return what the purchases that stand say of the coming year.

    Nothing is raised: what cannot be estimated says so, and why.
    """
    model = _model(purchases, unit, purchases.as_of)
    if isinstance(model, Unestimable):
        return Forecast(
            model=model,
            tracking=Unestimable("expected purchases over time", model.why),
            holdout=Unestimable("the holdout check", model.why),
            value=Unestimable("lifetime value", model.why),
        )
    return Forecast(
        model=model,
        tracking=_tracking(purchases, model, unit),
        holdout=holdout_check(purchases, unit),
        value=_lifetime_value(model),
    )


def expected_value(purchases: Purchases, unit: Literal["day", "week"] = "week") -> NDArray[np.float64]:
    """Return what each customer was expected to bring as of these purchases; NaN throughout where it cannot be estimated."""
    found = np.full(len(purchases.customers), np.nan)
    model = _model(purchases, unit, purchases.as_of)
    value = model if isinstance(model, Unestimable) else _value_without_limits(model)
    if not isinstance(model, Unestimable) and not isinstance(value, Unestimable):
        found[model.summary.index.to_numpy()] = value.value
    return found


def _frame(purchases: Purchases) -> pd.DataFrame:
    stands = purchases.stands
    return pd.DataFrame(
        {
            "customer": purchases.customer[stands],
            "time": purchases.time[stands].astype("datetime64[D]").astype("datetime64[s]"),
            "amount": purchases.net[stands],
        }
    )


def _model(purchases: Purchases, unit: Literal["day", "week"], until: np.datetime64) -> PurchaseModel | Unestimable:
    what = "the purchase model"
    frame = _frame(purchases)
    frame = frame[frame["time"] <= pd.Timestamp(until)]
    if frame.empty:
        return Unestimable(what, "there is no purchase that was not given back")
    summary = purchase_summary(frame, customer="customer", time="time", amount="amount", unit=unit, end=str(until))
    summary = summary.set_index("customer")
    summary.attrs["unit"] = unit
    returning = int((summary["frequency"] > 0).sum())
    if len(summary) == 1:
        return Unestimable(what, "there is one customer, and the model describes how customers differ")
    if returning == 0:
        return Unestimable(what, "every customer bought on one day only, so nothing is known of coming back")
    if returning < FEWEST_RETURNING:
        return Unestimable(
            what, f"only {returning} of {len(summary)} customers came back; {FEWEST_RETURNING} are the least"
        )
    fit, notes = _quiet(lambda: BetaGeoNBD.fit(summary, unit=unit))
    if isinstance(fit, str):
        return Unestimable(what, fit)
    x, t_x, T = (summary[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "age"))
    ages, times = np.unique(T, return_counts=True)
    expected = [float(times @ fit.model.purchase_probability_new(n, ages)) for n in range(_COUNTS)]
    return PurchaseModel(
        name="BG/NBD",
        fit=fit,
        summary=summary,
        alive=fit.model.probability_alive(x, t_x, T),
        actual=np.bincount(np.minimum(x, _COUNTS).astype(int), minlength=_COUNTS + 1).astype(float),
        expected=np.asarray([*expected, max(len(x) - sum(expected), 0.0)]),
        notes=(*fit.notes, *(note for note in notes if note not in fit.notes)),
    )


def _quiet(fit: Any) -> tuple[Any, tuple[str, ...]]:
    """Return what a fit found, or why it found nothing, and what it warned of: a report shows its warnings itself."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PycrmWarning)
        try:
            found = fit()
        except (InvalidDataError, NotEstimableError) as error:
            return str(error), ()
    return found, tuple(str(warning.message) for warning in caught)


def _tracking(purchases: Purchases, model: PurchaseModel, unit: Literal["day", "week"]) -> Tracking | Unestimable:
    frame = _frame(purchases).drop_duplicates(["customer", "time"])
    days = frame["time"].to_numpy().astype("datetime64[D]").astype(np.int64)
    first = frame.groupby("customer")["time"].transform("min").to_numpy().astype("datetime64[D]").astype(np.int64)
    last = int(purchases.as_of.astype("datetime64[D]").astype(np.int64))
    start = int(first.min())
    steps = np.unique(np.linspace(start, last, 53).round().astype(np.int64))
    if len(steps) < 3:
        return Unestimable("expected purchases over time", "the purchases span less than three days")
    births, sizes = np.unique(first[days == first], return_counts=True)
    elapsed = np.arange(last - start + 1)
    curve = model.fit.model.expected_purchases_new(np.asarray(convert(1.0, "day", unit)) * elapsed)
    ages = np.maximum(steps[:, None] - births[None, :], 0)
    repeats = np.sort(days[days > first])
    return Tracking(
        days=steps.astype("datetime64[D]"),
        actual=np.searchsorted(repeats, steps, side="right").astype(float),
        expected=curve[ages] @ sizes,
    )


def holdout_check(purchases: Purchases, unit: Literal["day", "week"] = "week") -> Holdout | Unestimable:
    """Return how well a model that saw the first two thirds of the time foretells the last third."""
    what = "the holdout check"
    frame = _frame(purchases).drop_duplicates(["customer", "time"])
    day = frame["time"].to_numpy().astype("datetime64[D]")
    last = purchases.as_of.astype("datetime64[D]")
    span = int((last - day.min()).astype(int))
    if span < 42:
        return Unestimable(what, f"the purchases span {span} days; six weeks are the least")
    until = day.min() + np.timedelta64(int(span * 2 / 3), "D")
    rest = int((last - until).astype(int))
    model = _model(purchases, unit, until)
    if isinstance(model, Unestimable):
        return Unestimable(what, f"up to {until}, {model.why}")
    summary = model.summary
    x, t_x, T = (summary[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "age"))
    horizon = float(convert(float(rest), "day", unit))
    predicted = model.fit.model.expected_purchases(horizon, x, t_x, T)
    counts = np.bincount(frame["customer"].to_numpy()[day > until], minlength=len(purchases.customers))
    actual = counts[summary.index.to_numpy()].astype(float)
    naive = np.divide(x, T, out=np.zeros_like(x), where=T > 0) * horizon
    labels = [str(n) for n in range(_COUNTS)] + [f"{_COUNTS}+"]
    group = np.minimum(x, _COUNTS).astype(int)
    return Holdout(
        until=until,
        days=rest,
        customers=len(summary),
        actual=float(actual.sum()),
        predicted=float(predicted.sum()),
        groups=tuple(
            (labels[n], int((group == n).sum()), float(actual[group == n].mean()), float(predicted[group == n].mean()))
            for n in range(_COUNTS + 1)
            if (group == n).any()
        ),
        error=float(np.abs(actual - predicted).mean()),
        naive_error=float(np.abs(actual - naive).mean()),
    )


def _lifetime_value(model: PurchaseModel) -> LifetimeValue | Unestimable:
    made = _value_without_limits(model)
    if isinstance(made, Unestimable):
        return made
    deviation = _deviation(model, made)
    if deviation is None:
        return attrs.evolve(made, notes=(*made.notes, "the data do not determine how uncertain the total is"))
    return attrs.evolve(made, low=max(made.total - _NORMAL * deviation, 0.0), high=made.total + _NORMAL * deviation)


def _value_without_limits(model: PurchaseModel) -> LifetimeValue | Unestimable:
    summary = model.summary
    returning = (summary["frequency"] > 0).to_numpy()
    mean_order = float(summary.loc[returning, "mean_value"].mean())
    notes: list[str] = []
    spend, warned = _quiet(lambda: GammaGamma.fit(summary))
    notes += warned
    much: Any = None if isinstance(spend, str) else spend
    if much is None:
        notes.append(f"spend is taken as the mean order, {mean_order:,.2f}, for everybody: {spend}")
    elif not much.model.q > 1.0:
        notes.append(
            f"the mean spend is infinite under the fitted model (q = {much.model.q:.2f}); the mean order stands in"
        )
        much = None
    if (
        returning.sum() > 2
        and summary.loc[returning, "mean_value"].std() > 0
        and summary.loc[returning, "frequency"].std() > 0
    ):
        related = float(np.corrcoef(summary.loc[returning, "frequency"], summary.loc[returning, "mean_value"])[0, 1])
        if abs(related) > 0.3:
            notes.append(
                f"spend and number of purchases are correlated ({related:+.2f}); the model takes them as independent, so the "
                "value of frequent buyers is " + ("under" if related > 0 else "over") + "stated"
            )
    amounts: Any = mean_order if much is None else much
    value = lifetime_value(model.fit, amounts, summary, horizon=MONTHS, unit="month", discount_rate=DISCOUNT)
    if not np.isfinite(value).all():
        return Unestimable("lifetime value", "the model gives some customers no finite value")
    return LifetimeValue(
        value=value,
        total=float(value.sum()),
        low=float("nan"),
        high=float("nan"),
        spend=much,
        mean_order=mean_order,
        notes=tuple(notes),
    )


def _deviation(model: PurchaseModel, made: LifetimeValue) -> float | None:
    """Return the standard deviation of the total: uncertain parameters (delta method) and chance, on evenly drawn customers."""
    by_value = np.argsort(made.value, kind="stable")
    rows = by_value[np.unique(np.linspace(0, len(by_value) - 1, min(_SAMPLE, len(by_value))).round().astype(int))]
    part = model.summary.iloc[rows]
    part.attrs["unit"] = model.summary.attrs["unit"]
    scale = made.total / max(float(made.value[rows].sum()), 1e-300)
    variance = 0.0
    fits: list[Fit[Any]] = [model.fit, *([made.spend] if made.spend is not None else [])]
    for number, fit in enumerate(fits):
        slopes = []
        for name in fit.names:
            at = getattr(fit.model, name)
            step = 1e-4 * at
            ends = []
            for moved in (at - step, at + step):
                changed = attrs.evolve(fit.model, **{name: moved})
                often = changed if number == 0 else model.fit.model
                much: Any = changed if number == 1 else made.spend.model if made.spend is not None else made.mean_order
                ends.append(
                    float(lifetime_value(often, much, part, horizon=MONTHS, unit="month", discount_rate=DISCOUNT).sum())
                )
            slopes.append((ends[1] - ends[0]) / (2 * step))
        slope = np.asarray(slopes) * scale
        variance += float(slope @ fit.covariance @ slope)
    drawn = _outcomes(model, made, rows, np.random.default_rng(0), draws=_DRAWS)
    variance += float(drawn.var(axis=0).sum()) * len(by_value) / len(rows)
    return float(np.sqrt(variance)) if np.isfinite(variance) and variance >= 0 else None


def _outcomes(
    model: PurchaseModel, made: LifetimeValue, rows: NDArray[np.int64], random: np.random.Generator, *, draws: int
) -> NDArray[np.float64]:
    """Return draws of what customers may bring, shape (draws, n), discounted as in the middle of the year."""
    part = model.summary.iloc[rows]
    x, t_x, T, m = (part[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "age", "mean_value"))
    horizon = float(convert(float(MONTHS), "month", model.summary.attrs["unit"]))
    counts = model.fit.model.simulate_purchases(horizon, x, t_x, T, random=random, draws=draws)
    if made.spend is None:
        worth = counts * made.mean_order
    else:
        spend = made.spend.model
        rate = random.gamma(np.broadcast_to(spend.p * x + spend.q, counts.shape)) / (spend.v + x * m)
        worth = np.where(counts > 0, random.gamma(np.maximum(spend.p * counts, 1e-9)) / rate, 0.0)
    return np.asarray(worth * (1.0 + DISCOUNT) ** -0.5)


def parameters_of(fit: Fit[Any]) -> Mapping[str, float]:
    """Return the estimates of a fit as plain numbers."""
    return {name: float(value) for name, value in fit.parameters.items()}
