"""What customers are worth: purchases to come, times spend, times margin, in today's money."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from pycrm.clv._history import Floats, per_customer, read, unit_of
from pycrm.clv._search import compress
from pycrm.clv.units import Per, Unit, checked_unit, continuous_rate, convert
from pycrm.errors import InvalidValueError
from pycrm.fit import Fit
from pycrm.table import Frame, eager, numbers

__all__ = ["PurchaseModel", "SpendModel", "lifetime_value"]


class PurchaseModel(Protocol):
    """What knows how often customers will buy."""

    @property
    def unit(self) -> Unit | None:
        """The unit of time of the model."""

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the expected purchases in the next `horizon`."""

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
        """Return the discounted purchases to come."""


class SpendModel(Protocol):
    """What knows how much a purchase will be worth."""

    def expected_value(self, frequency: ArrayLike, mean_value: ArrayLike) -> Floats:
        """Return the expected spend per purchase."""


def lifetime_value(
    model: PurchaseModel | Fit[Any],
    spend: SpendModel | Fit[Any] | ArrayLike,
    summary: Frame,
    *,
    horizon: float,
    unit: Unit,
    discount_rate: float,
    margin: ArrayLike = 1.0,
    per: Per = "year",
) -> Floats:
    """Return the value today of the purchases each customer is expected to make.

    Parameters
    ----------
    model : PurchaseModel or Fit
        How often: a model of this room, or its fit.
    spend : SpendModel, Fit or array_like
        How much a purchase: a model, its fit, or amounts (one, or one a customer).
    summary : Frame
        The customers, as :func:`purchase_summary` makes them.
    horizon : float
        How many `unit` ahead; infinity for all purchases to come, which needs a positive rate.
    unit : Unit
        The unit of `horizon`, and of the payments: the purchases of each unit are discounted from its end (of the fraction left
        at the end of the horizon, too). To infinity each purchase is discounted from its own moment.
        A model that knows no unit of time is taken to be in this one.
    discount_rate : float
        0.1 means that 1.1 in one `per` is worth 1 now.
    margin : array_like
        The share of the spend that is earned, one or one a customer.
    per : Per
        What the rate counts by, a year by default; "period" is one `unit`.

    Returns
    -------
    ndarray
        One value a customer, in the unit of the amounts.

    Raises
    ------
    InvalidValueError
        If `summary` and `model` are in different units of time, for a horizon that is not above 0, and for what is no model.
    InvalidDataError
        For spends or margins that are no finite numbers, or not one a customer.

    Examples
    --------
    >>> from pycrm.clv import BetaGeoNBD, GammaGamma
    >>> often = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> much = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> customers = {"frequency": [2, 0], "recency": [30.43, 0.0], "age": [38.86, 38.86], "mean_value": [50.0, 0.0]}
    >>> lifetime_value(often, much, customers, horizon=12, unit="month", discount_rate=0.1).round(2)
    array([70.54,  8.48])
    """
    often: Any = model.model if isinstance(model, Fit) else model
    much: Any = spend.model if isinstance(spend, Fit) else spend
    checked_unit(unit)
    given: Any = horizon
    if not (isinstance(given, int | float | np.integer | np.floating) and given > 0.0):
        raise InvalidValueError("horizon", horizon, "give a number of units above 0")
    if isinstance(often, type) or not hasattr(often, "expected_purchases"):
        raise InvalidValueError("model", model, "give a purchase model of this room, or its fit")
    table = eager(summary)
    data = read(table)
    carried = unit_of(summary)
    known: Unit | None = often.unit
    if known is not None and carried is not None and known != carried:
        raise InvalidValueError(
            "summary", carried, f"the model counts time by the {known}; make the summary in that unit"
        )
    inner: Unit = known or carried or unit
    back: Any = slice(None)
    history = (data.frequency, data.recency, data.age)
    if getattr(often, "purchase_effects", None) or getattr(often, "dropout_effects", None):
        often = often.given(table)
    else:
        # Histories repeat: each is valued once.
        distinct = compress(history, inverse=True)
        history, back = (distinct.columns[0], distinct.columns[1], distinct.columns[2]), distinct.inverse
    each = (
        much.expected_value(data.frequency, numbers(table, "mean_value"))
        if hasattr(much, "expected_value") and not isinstance(much, type)
        else per_customer("spend", much, data.frequency.size)
    )
    yearly = continuous_rate(
        discount_rate, "continuous" if per == "continuous" else unit if per == "period" else per, unit
    )
    if np.isinf(horizon):
        rate = yearly / convert(1.0, unit, inner)
        worth = often.discounted_purchases(*history, discount_rate=rate, per="continuous")
    else:
        ends = np.append(np.arange(1.0, np.ceil(horizon)), horizon)
        worth = np.zeros(history[0].shape)
        before = np.zeros_like(worth)
        for end in ends:
            until = often.expected_purchases(convert(end, unit, inner), *history)
            worth += (until - before) * np.exp(-yearly * end)
            before = until
    return np.asarray(worth[back] * each * per_customer("margin", margin, data.frequency.size))
