"""How much and how long: models of what customers buy, spend and are worth.

One file for each published model. Parameters are values, typed in or found by ``fit``, which takes the frame that
:func:`purchase_summary` makes of any log of orders.
"""

from pycrm.clv.beta_discrete_weibull import BetaDiscreteWeibull
from pycrm.clv.beta_geo_beta_binomial import BetaGeoBetaBinomial
from pycrm.clv.beta_geo_cnbd_k import BetaGeoCNBDk
from pycrm.clv.beta_geo_nbd import BetaGeoNBD
from pycrm.clv.covariate_paths import CovariatePaths, covariate_gaps
from pycrm.clv.diagnostics import (
    HoldoutAccuracy,
    Lorenz,
    expected_purchases_matrix,
    frequency_histogram,
    holdout_accuracy,
    holdout_by_frequency,
    interpurchase,
    lorenz,
    probability_alive_matrix,
    spend_density,
    tracking,
)
from pycrm.clv.forecast import forecast_purchases
from pycrm.clv.gamma_gamma import GammaGamma
from pycrm.clv.margin import cohort_value, margin_value
from pycrm.clv.markov import MarkovChain, MarkovSensitivity
from pycrm.clv.modified_beta_geo_cnbd_k import ModifiedBetaGeoCNBDk
from pycrm.clv.modified_beta_geo_nbd import ModifiedBetaGeoNBD
from pycrm.clv.nbd import NBD
from pycrm.clv.pareto_nbd import ParetoNBD
from pycrm.clv.scenarios import Scenario, compare_scenarios, treatment_value, value_elasticities
from pycrm.clv.shifted_beta_geo import ShiftedBetaGeo
from pycrm.clv.spend import SpendCorrelation, spend_correlation
from pycrm.clv.summary import calibration_holdout, customer_holdout, purchase_summary
from pycrm.clv.time_varying import TimeVaryingParetoNBD
from pycrm.clv.units import convert
from pycrm.clv.value import lifetime_value

__all__ = [
    "NBD",
    "BetaDiscreteWeibull",
    "BetaGeoBetaBinomial",
    "BetaGeoCNBDk",
    "BetaGeoNBD",
    "CovariatePaths",
    "GammaGamma",
    "HoldoutAccuracy",
    "Lorenz",
    "MarkovChain",
    "MarkovSensitivity",
    "ModifiedBetaGeoCNBDk",
    "ModifiedBetaGeoNBD",
    "ParetoNBD",
    "Scenario",
    "ShiftedBetaGeo",
    "SpendCorrelation",
    "TimeVaryingParetoNBD",
    "calibration_holdout",
    "cohort_value",
    "compare_scenarios",
    "convert",
    "covariate_gaps",
    "customer_holdout",
    "expected_purchases_matrix",
    "forecast_purchases",
    "frequency_histogram",
    "holdout_accuracy",
    "holdout_by_frequency",
    "interpurchase",
    "lifetime_value",
    "lorenz",
    "margin_value",
    "probability_alive_matrix",
    "purchase_summary",
    "spend_correlation",
    "spend_density",
    "tracking",
    "treatment_value",
    "value_elasticities",
]


def __dir__() -> list[str]:
    return __all__
