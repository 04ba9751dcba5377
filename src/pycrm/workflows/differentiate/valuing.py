"""What a table of orders says of the worth of each customer, from columns alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.clv import BetaGeoNBD, GammaGamma, lifetime_value, purchase_summary
from pycrm.clv.units import Unit
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError, PycrmWarning
from pycrm.fit import Fit
from pycrm.segmentation import (
    rfm_scores,
    rfm_segments,
)

__all__ = ["DAYS", "FEWEST_RETURNING", "Horizon", "Valuation", "value_orders"]

Floats: TypeAlias = NDArray[np.float64]

DAYS: Mapping[Any, float] = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}

FEWEST_RETURNING = 10
"""With fewer customers who came back, four parameters are told by chance, not by the data."""


@frozen(kw_only=True)
class Horizon:
    """How far ahead value is counted, and what later money is worth today.

    Parameters
    ----------
    length : int
        How many `unit`.
    unit : Unit
        "week", "month", ...
    discount_rate : float
        Effective per year.
    margin : float
        The share of the spend that is earned.

    Examples
    --------
    >>> Horizon(length=12, unit="month").discount_rate
    0.1
    """

    length: int = 12
    unit: Unit = "month"
    discount_rate: float = 0.1
    margin: float = 1.0

    def __attrs_post_init__(self) -> None:
        if self.length < 1:
            raise InvalidValueError("length", self.length, "look at least one unit ahead")

    @property
    def years(self) -> float:
        """How many years' spending, evenly spread and discounted at the end of each unit, lie within."""
        unit = DAYS[self.unit] / 365.25
        ends = np.arange(1, self.length + 1) * unit
        return float((unit * (1.0 + self.discount_rate) ** -ends).sum())


@frozen(kw_only=True, eq=False)
class Valuation:
    """What a table of orders says of its customers.

    Parameters
    ----------
    customers : DataFrame
        One row a customer: `customer`, `orders`, `first`, `last` (days), `revenue`, `frequency`, `recency`, `age`, `mean_value`,
        `probability_alive`, `expected_purchases`, `expected_value`, `expected_low`, `expected_high` (NaN where it cannot be
        estimated), `r`, `f`, `m`, `segment`.
    purchases, spend : Fit, optional
        The two models; None where they cannot be fitted.
    notes : tuple of str
        What cannot be estimated, and why; what the fits warn of.
    as_of : date
        The last day that counted.
    unit : Unit
        Of the purchase model.
    """

    customers: pd.DataFrame = field(repr=False)
    purchases: Fit[BetaGeoNBD] | None
    spend: Fit[GammaGamma] | None
    notes: tuple[str, ...]
    as_of: date
    unit: Unit


def value_orders(
    orders: pd.DataFrame,
    *,
    as_of: date,
    unit: Unit = "week",
    horizon: Horizon | None = None,
    value: Mapping[Any, float] | None = None,
) -> Valuation:
    """Return what each customer is worth, from columns alone.

    Parameters
    ----------
    orders : DataFrame
        `customer`, `day` (dates), `order` (its number) and `amount` (net, in one currency); orders worth nothing are no purchase.
    as_of : date
        The last day that counts.
    unit : Unit
        Of the purchase model.
    horizon : Horizon, optional
        How far ahead; twelve months at 10 % unless told otherwise.
    value : mapping, optional
        Historic value by customer where it is not the sum of the amounts (refunds that found no order); may be negative.

    Returns
    -------
    Valuation
        Intervals are of the expected value at 95 %, from the uncertainty of the fitted parameters, on the log scale.

    Raises
    ------
    NotEstimableError
        If no order with a positive amount lies before the end of `as_of`.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-05", "2026-02-02", "2026-02-09"])
    >>> found = value_orders(
    ...     pd.DataFrame({"customer": ["a", "a", "b"], "day": days, "order": [1, 2, 3], "amount": [10.0, 20.0, 5.0]}),
    ...     as_of=date(2026, 3, 1),
    ... )
    >>> found.customers[["customer", "orders", "revenue"]].values.tolist()
    [['a', 2, 30.0], ['b', 1, 5.0]]
    """
    ahead = Horizon() if horizon is None else horizon
    bought = orders[(orders["amount"] > 0) & (orders["day"] < pd.Timestamp(as_of) + pd.Timedelta(days=1))]
    if bought.empty:
        raise NotEstimableError("the value of customers", f"no order with a positive amount lies on or before {as_of}")
    summary = purchase_summary(bought, customer="customer", time="day", amount="amount", unit=unit, end=as_of)
    scores = rfm_segments(
        rfm_scores(bought, customer="customer", time="day", amount="amount", order="order", as_of=as_of)
    )
    spans = bought.groupby("customer", sort=False)["day"].agg(["min", "max"])

    customers = summary.merge(
        scores[["customer", "frequency", "monetary", "r", "f", "m", "segment"]].rename(
            columns={"frequency": "orders", "monetary": "revenue"}
        ),
        on="customer",
        validate="one_to_one",
    )
    customers["first"] = customers["customer"].map(spans["min"])
    customers["last"] = customers["customer"].map(spans["max"])
    if value is not None:
        customers["revenue"] = customers["customer"].map(value).fillna(customers["revenue"])

    notes: list[str] = []
    purchases: Fit[BetaGeoNBD] | None = None
    spend: Fit[GammaGamma] | None = None
    returning = int((summary["frequency"] > 0).sum())
    if returning >= FEWEST_RETURNING:
        purchases = _fitted(lambda: BetaGeoNBD.fit(summary), "the purchase model", notes)
        spend = _fitted(lambda: GammaGamma.fit(summary), "the spend model", notes)
    else:
        notes.append(
            f"purchases to come cannot be estimated: {returning} of {len(summary)} customers came back on another day; "
            f"{FEWEST_RETURNING} are the least"
        )
    for name in ("probability_alive", "expected_purchases", "expected_value", "expected_low", "expected_high"):
        customers[name] = np.nan
    if purchases is not None and spend is not None:
        _expect(customers, summary, purchases, spend, ahead, notes)
    return Valuation(customers=customers, purchases=purchases, spend=spend, notes=tuple(notes), as_of=as_of, unit=unit)


def _fitted(fit: Callable[[], Fit[Any]], what: str, notes: list[str]) -> Fit[Any] | None:
    try:
        with warnings.catch_warnings():
            # What a fit warns of is in its notes, and from there in ours.
            warnings.simplefilter("ignore", PycrmWarning)
            found = fit()
    except (NotEstimableError, InvalidDataError) as error:
        notes.append(f"{what} cannot be estimated: {error}")
        return None
    notes.extend(f"{what}: {note}" for note in found.notes)
    if not found.converged:
        notes.append(f"{what} is left out: the search found no maximum, and numbers from elsewhere would be inventions")
        return None
    return found


def _expect(
    customers: pd.DataFrame,
    summary: pd.DataFrame,
    purchases: Fit[BetaGeoNBD],
    spend: Fit[GammaGamma],
    ahead: Horizon,
    notes: list[str],
) -> None:
    history = [summary[name].to_numpy(float) for name in ("frequency", "recency", "age")]
    customers["probability_alive"] = purchases.model.probability_alive(*history)
    rows, back = np.unique(
        np.column_stack([*history, summary["mean_value"].to_numpy(float)]), axis=0, return_inverse=True
    )
    distinct = pd.DataFrame(rows, columns=["frequency", "recency", "age", "mean_value"])
    distinct.attrs["unit"] = summary.attrs.get("unit")

    def value(often: Any, much: Any) -> Floats:
        return lifetime_value(
            often,
            much,
            distinct,
            horizon=ahead.length,
            unit=ahead.unit,
            discount_rate=ahead.discount_rate,
            margin=ahead.margin,
        )

    expected = value(purchases.model, spend.model)
    low = high = np.full_like(expected, np.nan)
    try:
        # Two independent fits: their reaches on the log scale add in squares.
        often = purchases.predict(lambda model: value(model, spend.model))
        much = spend.predict(lambda model: value(purchases.model, model))
        reach = np.hypot(np.log(often.upper / expected), np.log(much.upper / expected))
        low, high = expected * np.exp(-reach), expected * np.exp(reach)
    except NotEstimableError as error:
        notes.append(f"expected values have no interval: {error}")
    customers["expected_value"] = expected[back]
    customers["expected_low"], customers["expected_high"] = low[back], high[back]
    at = summary.attrs.get("unit")
    length = ahead.length if at == ahead.unit else ahead.length * DAYS[ahead.unit] / DAYS[at]
    customers["expected_purchases"] = purchases.model.expected_purchases(length, *history)
