"""What if customers bought more often, left less easily, spent more or earned us more: lifetime value under other assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from pycrm.clv._history import Floats, per_customer, positive, weights_of
from pycrm.clv._what_if import Changed
from pycrm.clv.units import Per, Unit
from pycrm.clv.value import PurchaseModel, lifetime_value
from pycrm.errors import InvalidValueError
from pycrm.fit import Fit
from pycrm.table import Frame

__all__ = ["Scenario", "compare_scenarios", "treatment_value", "value_elasticities"]


@frozen(kw_only=True)
class Scenario:
    """What changes from now on; each is a factor, 1 leaving things as they are.

    Parameters
    ----------
    name : str
        What it is called in the table.
    frequency : float
        On the purchase rate of each customer while there: 1.1 for a tenth more.
    dropout : float
        On the inclination to leave: the chance after a purchase, or the rate of leaving. 0.9 for better retention.
    spend : float
        On what a purchase is worth.
    margin : float
        On the share of it that is earned.

    Examples
    --------
    >>> Scenario(name="loyalty card", dropout=0.9, margin=0.95).spend
    1.0
    """

    name: str
    frequency: float = field(default=1.0, validator=positive)
    dropout: float = field(default=1.0, validator=positive)
    spend: float = field(default=1.0, validator=positive)
    margin: float = field(default=1.0, validator=positive)


def _worth(model: PurchaseModel, spend: Any, summary: Frame, scenario: Scenario, terms: dict[str, Any]) -> Floats:
    changed = Changed(inner=model, often=scenario.frequency, leave=scenario.dropout)
    return lifetime_value(changed, spend, summary, **terms) * (scenario.spend * scenario.margin)


def _total(model: PurchaseModel, spend: Any, summary: Frame, scenario: Scenario, terms: dict[str, Any]) -> float:
    worth = _worth(model, spend, summary, scenario, terms)
    weight = weights_of(summary)
    return float(np.sum(worth if weight is None else worth * weight))


def compare_scenarios(
    model: PurchaseModel | Fit[Any],
    spend: Any,
    summary: Frame,
    scenarios: Sequence[Scenario],
    *,
    horizon: float,
    unit: Unit,
    discount_rate: float,
    margin: ArrayLike = 1.0,
    per: Per = "year",
    confidence: float = 0.95,
) -> Any:
    """Return what all customers together are worth as things are, and under each scenario.

    Parameters
    ----------
    model : PurchaseModel or Fit
        How often. All models of this room know all factors, but for NBD, which has no dropout. A fit adds intervals.
    spend, summary, horizon, unit, discount_rate, margin, per
        As in :func:`lifetime_value`.
    scenarios : sequence of Scenario
        Each with a name of its own.
    confidence : float
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Columns `scenario` (the first row is "as it is"), `value` (of all customers), `change` and `relative_change` from the
        first row; from a fit with a covariance also `lower` and `upper` of `value`, by the delta method over the parameters
        of how often.

    Raises
    ------
    InvalidValueError
        For two scenarios of one name, and a factor the model cannot answer for.

    Examples
    --------
    >>> from pycrm.clv import BetaGeoNBD
    >>> often = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> customers = {"frequency": [2, 0], "recency": [30.43, 0.0], "age": [38.86, 38.86]}
    >>> what_if = [Scenario(name="fewer leave", dropout=0.9), Scenario(name="dearer", spend=1.1)]
    >>> found = compare_scenarios(often, 30.0, customers, what_if, horizon=12, unit="month", discount_rate=0.1)
    >>> found.round(2).to_dict("list")["relative_change"]
    [0.0, 0.02, 0.1]
    """
    import pandas as pd

    every = [Scenario(name="as it is"), *scenarios]
    names = [scenario.name for scenario in every]
    if len(set(names)) != len(names):
        raise InvalidValueError("scenarios", names, "give each scenario a name of its own")
    terms = {"horizon": horizon, "unit": unit, "discount_rate": discount_rate, "margin": margin, "per": per}

    def totals(often: PurchaseModel) -> Floats:
        return np.array([_total(often, spend, summary, scenario, terms) for scenario in every])

    value = totals(model.model if isinstance(model, Fit) else model)
    columns: dict[str, Any] = {"scenario": names, "value": value, "change": value - value[0]}
    columns["relative_change"] = np.divide(value, value[0], out=np.ones(value.size), where=value[0] != 0.0) - 1.0
    if isinstance(model, Fit) and np.isfinite(model.covariance).all():
        found = model.predict(totals, confidence=confidence)
        columns |= {"lower": found.lower, "upper": found.upper}
    return pd.DataFrame(columns)


def treatment_value(
    model: PurchaseModel | Fit[Any],
    spend: Any,
    summary: Frame,
    scenario: Scenario,
    *,
    cost: ArrayLike,
    horizon: float,
    unit: Unit,
    discount_rate: float,
    margin: ArrayLike = 1.0,
    per: Per = "year",
) -> Floats:
    """Return what it is worth to treat each customer: his value if he then acts as `scenario` says, less that as he is, less cost.

    Treat those for whom it is positive; where contacts or money are short, the largest first.

    Parameters
    ----------
    model, spend, summary, horizon, unit, discount_rate, margin, per
        As in :func:`lifetime_value`.
    scenario : Scenario
        What the treatment does to whoever gets it, as a test with a control group found it.
    cost : array_like
        Of treating a customer, one number or one each.

    Returns
    -------
    ndarray
        One net value a customer, in the unit of the amounts.

    Examples
    --------
    >>> from pycrm.clv import BetaGeoNBD
    >>> often = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> customers = {"frequency": [9, 0], "recency": [37.0, 0.0], "age": [38.86, 38.86]}
    >>> call = Scenario(name="call", dropout=0.7)
    >>> treatment_value(often, 30.0, customers, call, cost=2.0, horizon=12, unit="month", discount_rate=0.1).round(2)
    array([13.78, -1.72])
    """
    often: Any = model.model if isinstance(model, Fit) else model
    terms = {"horizon": horizon, "unit": unit, "discount_rate": discount_rate, "margin": margin, "per": per}
    now = _worth(often, spend, summary, Scenario(name="as it is"), terms)
    return np.asarray(_worth(often, spend, summary, scenario, terms) - now - per_customer("cost", cost, now.size))


def value_elasticities(
    model: PurchaseModel | Fit[Any],
    spend: Any,
    summary: Frame,
    *,
    horizon: float,
    unit: Unit,
    discount_rate: float,
    margin: ArrayLike = 1.0,
    per: Per = "year",
) -> dict[str, float]:
    """Return by how many percent the value of all customers grows when one lever moves by one percent, largest first.

    Parameters
    ----------
    model, spend, summary, horizon, unit, discount_rate, margin, per
        As in :func:`lifetime_value`.

    Returns
    -------
    dict of str to float
        `frequency`, `retention` (one percent less inclination to leave), `spend` and `margin`; a lever the model has no answer
        for is left out.

    Examples
    --------
    >>> from pycrm.clv import BetaGeoNBD
    >>> often = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> customers = {"frequency": [2, 0], "recency": [30.43, 0.0], "age": [38.86, 38.86]}
    >>> found = value_elasticities(often, 30.0, customers, horizon=12, unit="month", discount_rate=0.1)
    >>> {name: round(value, 2) for name, value in found.items()}
    {'spend': 1.0, 'margin': 1.0, 'frequency': 0.83, 'retention': 0.17}
    """
    often: Any = model.model if isinstance(model, Fit) else model
    terms = {"horizon": horizon, "unit": unit, "discount_rate": discount_rate, "margin": margin, "per": per}
    step = 1e-4
    found = {"spend": 1.0, "margin": 1.0}
    for lever, sign in (("frequency", 1.0), ("dropout", -1.0)):
        logs = []
        try:
            for up in (step, -step):
                scenario = Scenario(name=lever, **{lever: float(np.exp(up))})
                logs.append(np.log(_total(often, spend, summary, scenario, terms)))
        except InvalidValueError as error:
            if not error.field.startswith("Scenario."):
                raise
            continue
        found["retention" if lever == "dropout" else lever] = sign * float(logs[0] - logs[1]) / (2.0 * step)
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
