"""What if customers bought more often, left less easily, spent more or earned us more: lifetime value under other assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from pycrm.clv._history import Floats, positive, weights_of
from pycrm.clv.beta_geo_nbd import BetaGeoNBD
from pycrm.clv.modified_beta_geo_nbd import ModifiedBetaGeoNBD
from pycrm.clv.nbd import NBD
from pycrm.clv.pareto_nbd import ParetoNBD
from pycrm.clv.units import Per, Unit, continuous_rate
from pycrm.clv.value import PurchaseModel, lifetime_value
from pycrm.errors import InvalidValueError
from pycrm.fit import Fit
from pycrm.table import Frame

__all__ = ["Scenario", "compare_scenarios", "value_elasticities"]


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


@frozen(kw_only=True)
class _Changed:
    """A purchase model whose customers act otherwise from now on.

    What a history says of a customer stays; only what lies ahead changes. Given his own rate lambda and chance p, a customer who
    leaves after purchases is expected to make (1 - exp(-lambda p t)) / p of them (BG/NBD, MBG/NBD), one who leaves at a rate mu
    lambda (1 - exp(-mu t)) / mu (Pareto/NBD). A factor f on lambda and d on p or mu therefore only rescales time and count,
    whatever the distribution of the customers: E(f d t) / d, and f E(d t) / d. (Where d > 1 takes a chance beyond 1, the formula is
    kept as it is.)
    """

    inner: Any
    scenario: Scenario

    @property
    def unit(self) -> Unit | None:
        found: Unit | None = self.inner.unit
        return found

    @property
    def purchase_effects(self) -> Any:
        return getattr(self.inner, "purchase_effects", None)

    @property
    def dropout_effects(self) -> Any:
        return getattr(self.inner, "dropout_effects", None)

    def given(self, covariates: Frame) -> _Changed:
        return _Changed(inner=self.inner.given(covariates), scenario=self.scenario)

    def _scales(self) -> tuple[float, float]:
        """Return the factors on time and on count."""
        often, leave = self.scenario.frequency, self.scenario.dropout
        if isinstance(self.inner, BetaGeoNBD | ModifiedBetaGeoNBD):
            return often * leave, 1.0 / leave
        if isinstance(self.inner, ParetoNBD):
            return leave, often / leave
        if leave != 1.0:
            known = "it has no dropout" if isinstance(self.inner, NBD) else "how it would change has no exact form"
            fix = f"{type(self.inner).__name__} cannot say what another dropout is worth: {known}"
            raise InvalidValueError("Scenario.dropout", leave, f"{fix}; use BG/NBD, MBG/NBD or Pareto/NBD")
        if isinstance(self.inner, NBD):
            return 1.0, often
        if often != 1.0:
            fix = f"{type(self.inner).__name__} cannot say what another frequency is worth; use one of the NBD models"
            raise InvalidValueError("Scenario.frequency", often, fix)
        return 1.0, 1.0

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the expected purchases in the next `horizon`."""
        time, count = self._scales()
        until = np.asarray(horizon, dtype=np.float64) * time
        return np.asarray(count * self.inner.expected_purchases(until, frequency, recency, age))

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
        """Return the discounted purchases to come: time runs faster, so it is discounted less per unit of it."""
        time, count = self._scales()
        rate = continuous_rate(discount_rate, per, self.unit) / time
        until = np.asarray(horizon, dtype=np.float64) * time
        found = self.inner.discounted_purchases(
            frequency, recency, age, discount_rate=rate, per="continuous", horizon=until
        )
        return np.asarray(count * found)


def _total(model: PurchaseModel, spend: Any, summary: Frame, scenario: Scenario, terms: dict[str, Any]) -> float:
    worth = lifetime_value(_Changed(inner=model, scenario=scenario), spend, summary, **terms)
    weight = weights_of(summary)
    return float(np.sum(worth if weight is None else worth * weight)) * scenario.spend * scenario.margin


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
        How often. BG/NBD, MBG/NBD and Pareto/NBD know all factors; NBD has no dropout; others know `spend` and `margin` only.
        A fit adds intervals.
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
