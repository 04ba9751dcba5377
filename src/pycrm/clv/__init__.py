"""How much and how long: models of what customers buy, spend and are worth.

One file for each published model. Parameters are values, typed in or found by ``fit``, which takes the frame that
:func:`purchase_summary` makes of any log of orders.
"""

from pycrm.clv.beta_discrete_weibull import BetaDiscreteWeibull
from pycrm.clv.beta_geo_beta_binomial import BetaGeoBetaBinomial
from pycrm.clv.beta_geo_cnbd_k import BetaGeoCNBDk
from pycrm.clv.beta_geo_nbd import BetaGeoNBD
from pycrm.clv.gamma_gamma import GammaGamma
from pycrm.clv.modified_beta_geo_cnbd_k import ModifiedBetaGeoCNBDk
from pycrm.clv.modified_beta_geo_nbd import ModifiedBetaGeoNBD
from pycrm.clv.nbd import NBD
from pycrm.clv.pareto_nbd import ParetoNBD
from pycrm.clv.shifted_beta_geo import ShiftedBetaGeo
from pycrm.clv.summary import calibration_holdout, customer_holdout, purchase_summary
from pycrm.clv.units import convert
from pycrm.clv.value import lifetime_value

__all__ = [
    "NBD",
    "BetaDiscreteWeibull",
    "BetaGeoBetaBinomial",
    "BetaGeoCNBDk",
    "BetaGeoNBD",
    "GammaGamma",
    "ModifiedBetaGeoCNBDk",
    "ModifiedBetaGeoNBD",
    "ParetoNBD",
    "ShiftedBetaGeo",
    "calibration_holdout",
    "convert",
    "customer_holdout",
    "lifetime_value",
    "purchase_summary",
]


def __dir__() -> list[str]:
    return __all__
