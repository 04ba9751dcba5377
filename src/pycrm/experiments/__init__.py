"""Did it work, by how much, and may one look before the end.

Arrays in, values out. `Split` assigns, `Design` holds the data against the plan, the `difference_...` functions and their
relatives give an `Effect`, `monitor` and `GroupSequential` allow looking early, `sample_size_...` plans, and the learners with
`qini` say for whom it works.
"""

from pycrm.experiments.adjustment import cuped, difference_in_differences, regression_adjusted
from pycrm.experiments.arms import Design, SampleRatio, check_exposures, check_units, sample_ratio
from pycrm.experiments.assignment import Split, held_out
from pycrm.experiments.budget import allocate_budget
from pycrm.experiments.clusters import clustered_difference, intraclass_correlation
from pycrm.experiments.compliance import complier_effect, intention_to_treat, per_protocol
from pycrm.experiments.effect import (
    Arm,
    Effect,
    difference_from_counts,
    difference_in_means,
    difference_in_proportions,
    difference_in_ratios,
    relative_difference,
)
from pycrm.experiments.features import Features
from pycrm.experiments.multiplicity import TwoArmEstimator, adjust_p_values, compare_arms
from pycrm.experiments.planning import (
    SampleSize,
    design_effect,
    minimum_detectable_effect,
    power_of_means,
    power_of_proportions,
    sample_size_for_means,
    sample_size_for_proportions,
)
from pycrm.experiments.policy import (
    Calibration,
    PolicyValue,
    ProfitCurve,
    policy_value,
    profit_curve,
    quadrants,
    uplift_calibration,
)
from pycrm.experiments.ranking import RankingScore, UpliftCurve, auuc, qini, uplift_curve
from pycrm.experiments.scorer import LinearScorer, LogisticScorer, Scorer
from pycrm.experiments.sequential import GroupSequential, MixtureSPRT, Trace, monitor
from pycrm.experiments.uplift import SLearner, TLearner, XLearner

__all__ = [
    "Arm",
    "Calibration",
    "Design",
    "Effect",
    "Features",
    "GroupSequential",
    "LinearScorer",
    "LogisticScorer",
    "MixtureSPRT",
    "PolicyValue",
    "ProfitCurve",
    "RankingScore",
    "SLearner",
    "SampleRatio",
    "SampleSize",
    "Scorer",
    "Split",
    "TLearner",
    "Trace",
    "TwoArmEstimator",
    "UpliftCurve",
    "XLearner",
    "adjust_p_values",
    "allocate_budget",
    "auuc",
    "check_exposures",
    "check_units",
    "clustered_difference",
    "compare_arms",
    "complier_effect",
    "cuped",
    "design_effect",
    "difference_from_counts",
    "difference_in_differences",
    "difference_in_means",
    "difference_in_proportions",
    "difference_in_ratios",
    "held_out",
    "intention_to_treat",
    "intraclass_correlation",
    "minimum_detectable_effect",
    "monitor",
    "per_protocol",
    "policy_value",
    "power_of_means",
    "power_of_proportions",
    "profit_curve",
    "qini",
    "quadrants",
    "regression_adjusted",
    "relative_difference",
    "sample_ratio",
    "sample_size_for_means",
    "sample_size_for_proportions",
    "uplift_calibration",
    "uplift_curve",
]


def __dir__() -> list[str]:
    return __all__
