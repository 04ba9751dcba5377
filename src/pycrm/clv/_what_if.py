"""What customers will do who from now on buy at another rate, or leave with another chance, whatever they did so far.

What a history says of a customer stays; only what lies ahead changes. Given his own rate lambda and chance p, a customer who
leaves after purchases is expected to make (1 - exp(-lambda p t)) / p of them (BG/NBD, MBG/NBD), one who leaves at a rate mu
lambda (1 - exp(-mu t)) / mu (Pareto/NBD). A factor f on lambda and d on p or mu therefore only rescales time and count, whatever
the distribution of the customers: E(f d t) / d, and f E(d t) / d. (Where d > 1 takes a chance beyond 1, the formula is kept as it
is.) Of regular customers f rescales time, and of discrete ones it multiplies the chance to buy; their chance to leave is met by
a mean over it, in which no chance exceeds 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike
from scipy.special import betainc

from pycrm.clv._discount import discounting
from pycrm.clv._history import Floats
from pycrm.clv._quadrature import beta_nodes
from pycrm.clv._regular_purchases import Customers
from pycrm.clv.beta_geo_beta_binomial import BetaGeoBetaBinomial
from pycrm.clv.beta_geo_cnbd_k import BetaGeoCNBDk
from pycrm.clv.beta_geo_nbd import BetaGeoNBD
from pycrm.clv.modified_beta_geo_cnbd_k import ModifiedBetaGeoCNBDk
from pycrm.clv.modified_beta_geo_nbd import ModifiedBetaGeoNBD
from pycrm.clv.nbd import NBD
from pycrm.clv.pareto_nbd import ParetoNBD
from pycrm.clv.units import Per, Unit, continuous_rate
from pycrm.errors import InvalidValueError
from pycrm.table import Frame

__all__ = ["Changed"]

_NODES = 193


@frozen(kw_only=True)
class Changed:
    """A purchase model whose customers act otherwise from now on: factors on how often they buy, and on leaving."""

    inner: Any
    often: float
    leave: float

    @property
    def unit(self) -> Unit | None:
        """The unit of time of the model."""
        found: Unit | None = self.inner.unit
        return found

    @property
    def purchase_effects(self) -> Any:
        """The effects of covariates on purchases, where the model has some."""
        return getattr(self.inner, "purchase_effects", None)

    @property
    def dropout_effects(self) -> Any:
        """The effects of covariates on leaving, where the model has some."""
        return getattr(self.inner, "dropout_effects", None)

    def given(self, covariates: Frame) -> Changed:
        """Return the same of the customers with these covariates."""
        return Changed(inner=self.inner.given(covariates), often=self.often, leave=self.leave)

    def _scales(self) -> tuple[float, float]:
        """Return the factors on time and on count."""
        often, leave = self.often, self.leave
        if isinstance(self.inner, BetaGeoNBD | ModifiedBetaGeoNBD):
            return often * leave, 1.0 / leave
        if isinstance(self.inner, ParetoNBD):
            return leave, often / leave
        if isinstance(self.inner, NBD) and leave == 1.0:
            return 1.0, often
        for lever, factor in (("dropout", leave), ("frequency", often)):
            if factor != 1.0:
                known = "it has no dropout" if isinstance(self.inner, NBD) else "it is no model of this room"
                fix = f"{type(self.inner).__name__} cannot say what another {lever} is worth: {known}"
                raise InvalidValueError(f"Scenario.{lever}", factor, f"{fix}; use BG/NBD, MBG/NBD or Pareto/NBD")
        return 1.0, 1.0

    def _regular(self) -> Customers | None:
        if not isinstance(self.inner, BetaGeoCNBDk | ModifiedBetaGeoCNBDk):
            return None
        modified = int(isinstance(self.inner, ModifiedBetaGeoCNBDk))
        return Customers(self.inner.k, modified, self.inner.r, self.inner.alpha, self.inner.a, self.inner.b)

    def expected_purchases(
        self, horizon: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the expected purchases in the next `horizon`."""
        regular = self._regular()
        if regular is not None:
            until = np.asarray(horizon, dtype=np.float64) * self.often
            return regular.expected_purchases(until, frequency, recency, age, self.leave)
        if isinstance(self.inner, BetaGeoBetaBinomial):
            return self._discrete(0.0, np.asarray(horizon, dtype=np.float64), frequency, recency, age)
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
        """Return the discounted purchases to come: where time runs faster, it is discounted less per unit of it."""
        regular = self._regular()
        if regular is not None or isinstance(self.inner, BetaGeoBetaBinomial):
            shape = "a" if regular is not None else "gamma"
            rate, until = discounting(discount_rate, per, self.unit, horizon, infinite=f"wherever {shape} <= 1")
            if regular is None:
                return self._discrete(rate, until, frequency, recency, age)
            return regular.discounted_purchases(
                rate / self.often, until * self.often, frequency, recency, age, self.leave
            )
        time, count = self._scales()
        rate = continuous_rate(discount_rate, per, self.unit) / time
        until = np.asarray(horizon, dtype=np.float64) * time
        found = self.inner.discounted_purchases(
            frequency, recency, age, discount_rate=rate, per="continuous", horizon=until
        )
        return np.asarray(count * found)

    def _discrete(
        self, rate: float, horizon: Floats, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Return the discounted purchases of BG/BB: the chance to buy, times the opportunities a customer is there for."""
        model = self.inner
        alive = model.probability_alive(frequency, recency, age)
        x, n, until = np.broadcast_arrays(
            np.asarray(frequency, dtype=np.float64), np.asarray(age, dtype=np.float64), np.floor(horizon + 1e-9)
        )
        a, b = model.alpha + x, model.beta + n - x
        # The mean of the chance times `often`, where no chance exceeds 1.
        most = min(1.0, 1.0 / self.often)
        buys = self.often * a / (a + b) * betainc(a + 1.0, b, most) + 1.0 - betainc(a, b, most)
        distinct, at = np.unique(n, return_inverse=True)
        leaves, _, weight = beta_nodes(np.full(distinct.size, model.gamma), model.delta + distinct, _NODES)
        leaves, weight = (part[:, at.reshape(n.shape)] for part in (np.minimum(self.leave * leaves, 1.0), weight))
        with np.errstate(divide="ignore"):
            log_step = np.log1p(-leaves) - rate
        # 1 - step, without what cancels where hardly anybody leaves.
        lost = -np.expm1(-rate) + np.exp(-rate) * leaves
        with np.errstate(invalid="ignore"):
            there = np.exp(log_step) * -np.expm1(until * log_step) / lost
        there = np.where(until == 0.0, 0.0, there)
        return np.asarray(alive * buys * (weight * there).sum(axis=0))
