"""The lifetime value of a manager's sheet: a margin, a retention rate and a discount rate, and a table of what a cohort paid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pycrm.clv._history import Floats, whole_number
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

__all__ = ["cohort_value", "margin_value"]


def _numbers(name: str, values: ArrayLike, low: float, high: float) -> Floats:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValueError(name, values, "give a number") from None
    wrong = ~(np.isfinite(found) & (found >= low) & (found <= high))
    if wrong.any():
        if not found.ndim:
            raise InvalidValueError(name, float(found), f"give a finite number from {low:g} to {high:g}")
        row = int(np.argmax(wrong.ravel()))
        raise InvalidDataError(name, row, float(found.ravel()[row]), f"give a finite number from {low:g} to {high:g}")
    return found


def margin_value(
    margin: ArrayLike,
    *,
    retention: ArrayLike,
    discount_rate: ArrayLike,
    growth: ArrayLike = 0.0,
    first_margin: bool = True,
    acquisition_cost: ArrayLike = 0.0,
    horizon: float = np.inf,
) -> Floats:
    """Return the value of a customer who pays a margin each period, renews with one rate for ever, and is discounted at one.

    The formula of a manager's sheet. It takes customers to be all alike: a mean retention rate undervalues a mixed
    base, see :class:`ShiftedBetaGeo`.

    Parameters
    ----------
    margin : array_like
        What one period earns.
    retention : array_like
        The share of customers who renew from one period to the next, 0 to 1.
    discount_rate : array_like
        Per period, above 0 (or 0 with a finite horizon).
    growth : array_like
        By what share the margin grows a period.
    first_margin : bool
        Whether a margin is paid now: margin (1 + d) / (1 + d - r); without it margin r / (1 + d - r).
    acquisition_cost : array_like
        Paid now, taken off.
    horizon : float
        Periods after now; to infinity by default.

    Raises
    ------
    NotEstimableError
        If the margins grow faster than they are lost and discounted: the sum has no end.

    References
    ----------
    .. [1] Gupta & Lehmann (2003), Customers as Assets, Journal of Interactive Marketing 17(1), 9-24.

    Examples
    --------
    >>> round(float(margin_value(100, retention=0.8, discount_rate=0.1)), 2)
    366.67
    >>> round(float(margin_value(100, retention=0.8, discount_rate=0.1, first_margin=False)), 2)
    266.67
    """
    m, cost = _numbers("margin", margin, -np.inf, np.inf), _numbers("acquisition_cost", acquisition_cost, 0.0, np.inf)
    kept, rate = _numbers("retention", retention, 0.0, 1.0), _numbers("discount_rate", discount_rate, 0.0, np.inf)
    grown = _numbers("growth", growth, -1.0, np.inf)
    whole_number("horizon", horizon, 0, infinite=True)
    step = np.asarray(kept * (1.0 + grown) / (1.0 + rate))
    if np.isinf(horizon):
        if (step >= 1.0).any():
            reason = (
                "margins grow at least as fast as they are lost and discounted; raise discount_rate or give a horizon"
            )
            raise NotEstimableError("the value to infinity", reason, "discount_rate")
        later = step / (1.0 - step)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            later = np.where(step == 1.0, horizon, step * (1.0 - step**horizon) / (1.0 - step))
    return np.asarray(m * (later + bool(first_margin)) - cost)


def cohort_value(
    survivors: ArrayLike, margin: ArrayLike, *, discount_rate: float, acquisition_cost: float = 0.0
) -> Any:
    """Return what each period of a cohort is worth today per customer who began, period by period and in sum.

    Parameters
    ----------
    survivors : array_like
        How many customers were there at the start, and in each period after it.
    margin : array_like
        What one of them earns in each period; one number for all, or one a period.
    discount_rate : float
        Per period, at least 0.
    acquisition_cost : float
        Per customer who began, paid at the start.

    Returns
    -------
    pandas.DataFrame
        Columns `period`, `survival`, `margin`, `discount`, `value` (today, per customer who began, the acquisition cost in
        period 0) and `cumulative`.

    Examples
    --------
    >>> cohort_value([100, 60, 50], 10.0, discount_rate=0.1, acquisition_cost=12.0)["cumulative"].round(2).tolist()
    [-2.0, 3.45, 7.59]
    """
    import pandas as pd

    alive = _numbers("survivors", survivors, 0.0, np.inf)
    if alive.ndim != 1 or not alive.size or alive[0] == 0.0:
        raise InvalidDataError("survivors", 0, alive.tolist(), "give at least one customer at the start")
    grows = np.append(False, np.diff(alive) > 0.0)
    if grows.any():
        row = int(np.argmax(grows))
        raise InvalidDataError("survivors", row, float(alive[row]), "survivors may not grow")
    earned = _numbers("margin", margin, -np.inf, np.inf)
    if earned.ndim and earned.shape != alive.shape:
        raise InvalidDataError(
            "margin", None, earned.shape, f"give one number, or one for each of {alive.size} periods"
        )
    rate = _numbers("discount_rate", discount_rate, 0.0, np.inf)
    if rate.ndim:
        raise InvalidValueError("discount_rate", rate.tolist(), "give one number")
    period = np.arange(alive.size)
    survival, discount = alive / alive[0], (1.0 + rate) ** -period.astype(np.float64)
    value = survival * earned * discount
    value[0] -= float(_numbers("acquisition_cost", acquisition_cost, 0.0, np.inf))
    return pd.DataFrame(
        {
            "period": period,
            "survival": survival,
            "margin": np.broadcast_to(earned, alive.shape),
            "discount": discount,
            "value": value,
            "cumulative": value.cumsum(),
        }
    )
