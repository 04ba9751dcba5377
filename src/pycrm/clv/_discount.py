"""How far ahead purchases are discounted, and at what rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pycrm.clv._history import Floats, lengths
from pycrm.clv.units import Per, Unit, continuous_rate
from pycrm.errors import NotEstimableError

__all__ = ["discounting"]


def discounting(
    discount_rate: float, per: Per, unit: Unit | None, horizon: ArrayLike, *, infinite: str
) -> tuple[float, Floats]:
    """Return the continuous rate in the model's unit of time, and the horizon, which may be infinite where the rate is positive.

    Raises
    ------
    NotEstimableError
        To infinity without a positive rate; `infinite` says when the sum has no end.
    """
    rate = continuous_rate(discount_rate, per, unit)
    until = lengths("horizon", horizon, infinite=True)
    if rate <= 0.0 and np.isinf(until).any():
        reason = f"they are infinite without a positive discount_rate {infinite}; give one, or a finite horizon"
        raise NotEstimableError("the discounted purchases to infinity", reason, "discount_rate")
    return rate, until
