"""How long a unit of time is, and what a discount rate per one unit is per another.

A year has 365.25 days, a month is a twelfth of it: models are fitted in one unit and asked in another, and both must mean
the same span.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from pycrm.errors import InvalidValueError

__all__ = ["DAYS", "Per", "Unit", "checked_unit", "continuous_rate", "convert", "unit_or_none"]

Unit: TypeAlias = Literal["day", "week", "month", "year"]
"""A unit of time."""

Per: TypeAlias = Literal["day", "week", "month", "year", "period", "continuous"]
"""What a discount rate counts by: effective per unit of time, per period of the model, or continuously per period of the model."""

DAYS: Mapping[str, float] = {"day": 1.0, "week": 7.0, "month": 365.25 / 12.0, "year": 365.25}
"""Days in each unit."""


def checked_unit(unit: str, field: str = "unit") -> Unit:
    """Return `unit` if it is one.

    Raises
    ------
    InvalidValueError
        Naming the units there are.
    """
    if str(unit) not in DAYS:
        raise InvalidValueError(field, unit, f"give one of {', '.join(get_args(Unit))}")
    known: Unit = unit  # type: ignore[assignment]  # membership was checked in the line above
    return known


def unit_or_none(instance: object, attribute: Any, value: Any) -> None:
    """Refuse what is neither a unit of time nor None (a validator of attrs)."""
    if value is not None:
        checked_unit(value, f"{type(instance).__name__}.{attribute.name}")


def convert(length: float, unit: Unit, to: Unit) -> float:
    """Return `length`, counted in `unit`, counted in `to`.

    Examples
    --------
    >>> convert(1.0, "year", "month")
    12.0
    >>> convert(2.0, "week", "day")
    14.0
    """
    return length * DAYS[checked_unit(unit)] / DAYS[checked_unit(to, "to")]


def continuous_rate(discount_rate: float, per: Per, unit: Unit | None) -> float:
    """Return the continuous discount rate per `unit` of a `discount_rate` that is effective per `per`.

    Parameters
    ----------
    discount_rate : float
        0.15 means that 1.15 a `per` later is worth 1 now; > -1. With ``per="continuous"`` it is the rate itself.
    per : Per
        What the rate counts by.
    unit : Unit or None
        The unit of time of the model; None where the model does not know it, which allows "period" and "continuous" only.

    Raises
    ------
    InvalidValueError
        For a rate that is no number above -1, and for a rate per calendar unit on a model without one.

    Examples
    --------
    >>> round(continuous_rate(0.15, "year", "week") * 365.25 / 7, 6)
    0.139762
    """
    try:
        finite = math.isfinite(discount_rate)
    except TypeError:
        finite = False
    if not finite:
        raise InvalidValueError("discount_rate", discount_rate, "give a finite rate, 0.15 for 15 %")
    if per == "continuous":
        return float(discount_rate)
    if discount_rate <= -1.0:
        raise InvalidValueError("discount_rate", discount_rate, "give a rate above -1, 0.15 for 15 %")
    if per == "period":
        return math.log1p(discount_rate)
    checked_unit(per, "per")
    if unit is None:
        raise InvalidValueError(
            "per",
            per,
            "the model does not know its unit of time: give it one, unit='week', or count the rate per 'period'",
        )
    return math.log1p(discount_rate) * DAYS[unit] / DAYS[per]
