"""How many purchases the customers of today will make, period by period, with an interval and a naive guess beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycrm.clv._history import Floats, read, whole_number
from pycrm.clv._search import total
from pycrm.clv.units import Unit, checked_unit, convert
from pycrm.clv.value import PurchaseModel
from pycrm.errors import InvalidValueError
from pycrm.fit import Fit
from pycrm.table import Frame, eager

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["forecast_purchases"]


def forecast_purchases(
    model: PurchaseModel | Fit[Any], summary: Frame, *, periods: int, unit: Unit, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the purchases the customers of `summary` are expected to make in each coming period.

    Parameters
    ----------
    model : PurchaseModel or Fit
        How often; a fit adds intervals.
    summary : Frame
        The customers, as :func:`purchase_summary` makes them.
    periods : int
        How many periods ahead.
    unit : Unit
        The length of a period.
    confidence : float
        Of the intervals of the expectation.

    Returns
    -------
    pandas.DataFrame
        Columns `period` (1, 2, ...), `expected`, `naive` (everyone goes on at frequency / age), and from a fit with a
        covariance `lower` and `upper`.

    Raises
    ------
    InvalidValueError
        If the model does not know its unit of time.

    Examples
    --------
    >>> from pycrm.clv import NBD
    >>> people = {"frequency": [0, 2], "recency": [0, 3], "age": [4, 4]}
    >>> forecast_purchases(NBD(r=1.0, alpha=4.0, unit="week"), people, periods=2, unit="week").to_dict("list")
    {'period': [1, 2], 'expected': [0.5, 0.5], 'naive': [0.5, 0.5]}
    """
    import pandas as pd

    often: Any = model.model if isinstance(model, Fit) else model
    count = int(whole_number("periods", periods, 1))
    if often.unit is None:
        raise InvalidValueError(
            "model.unit", None, "the model does not know its unit of time; give it one, unit='week'"
        )
    table = eager(summary)
    data = read(table, unit=often.unit)
    weight = np.ones(data.age.size) if data.weight is None else data.weight
    ends = [convert(float(n), checked_unit(unit), often.unit) for n in range(1, count + 1)]

    def expected(of: Any) -> Floats:
        if getattr(of, "purchase_effects", None) or getattr(of, "dropout_effects", None):
            of = of.given(table)
        until = [total(weight, of.expected_purchases(end, data.frequency, data.recency, data.age)) for end in ends]
        return np.diff(until, prepend=0.0)

    rate = np.divide(data.frequency, data.age, out=np.zeros(data.age.size), where=data.age > 0.0)
    columns: dict[str, Any] = {
        "period": np.arange(1, count + 1),
        "expected": expected(often),
        "naive": np.full(count, total(weight, rate) * ends[0]),
    }
    if isinstance(model, Fit) and np.isfinite(model.covariance).all():
        found = model.predict(expected, confidence=confidence)
        columns |= {"lower": found.lower, "upper": found.upper}
    return pd.DataFrame(columns)
