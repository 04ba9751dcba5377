"""What a fit found: the model, how sure we are of it, and whether the search ended at its optimum.

Shared by every estimator of the library: intervals of parameters and of predictions, by the delta method and by bootstrap;
the comparison of nested fits; and a written form that keeps no data.
"""

from pycrm.fit.bootstrap import Bootstrap
from pycrm.fit.interval import Interval, Symmetry, proportion_interval
from pycrm.fit.likelihood_ratio import LikelihoodRatio
from pycrm.fit.result import Fit, Scale

__all__ = ["Bootstrap", "Fit", "Interval", "LikelihoodRatio", "Scale", "Symmetry", "proportion_interval"]


def __dir__() -> list[str]:
    return __all__
