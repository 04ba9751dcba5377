"""What happened and why: fairness of treatment, cohorts and flows; how sales go; satisfaction and its drivers."""

from pycrm.insight.adoption import Adoption, Efficiency, adoption, process_efficiency
from pycrm.insight.associations import Association, associations
from pycrm.insight.cohorts import (
    Decomposition,
    RetentionTriangle,
    Step,
    customer_flow,
    decompose,
    retention_triangle,
)
from pycrm.insight.fairness import FairnessAudit, GroupMean, GroupRates, audit_means, audit_selection
from pycrm.insight.fraud import (
    REVIEW,
    ReferralSigns,
    VoteSigns,
    identity_groups,
    referral_signs,
    unusual_amounts,
    vote_signs,
)
from pycrm.insight.loyalty import LoyaltyIndex, loyalty_index
from pycrm.insight.measures import period_measures
from pycrm.insight.repeat_sales import RepeatSales, repeat_sales
from pycrm.insight.sales import (
    SalesForecast,
    SalesFunnel,
    SalesPace,
    StageStays,
    sales_forecast,
    sales_funnel,
    sales_pace,
    stage_stays,
)
from pycrm.insight.satisfaction import (
    Drivers,
    SurveyScore,
    customer_effort,
    customer_satisfaction,
    drivers,
    net_promoter_score,
)
from pycrm.insight.stages import (
    StageSurvival,
    TransitionMatrix,
    stage_retention,
    stage_survival,
    transition_matrix,
)
from pycrm.insight.treatment import Floor, TreatmentAudit, TreatmentPolicy, apply_policy
from pycrm.insight.withholding import MeanBounds, PublishedCounts, mean_bounds, publish_counts

__all__ = [
    "REVIEW",
    "Adoption",
    "Association",
    "Decomposition",
    "Drivers",
    "Efficiency",
    "FairnessAudit",
    "Floor",
    "GroupMean",
    "GroupRates",
    "LoyaltyIndex",
    "MeanBounds",
    "PublishedCounts",
    "ReferralSigns",
    "RepeatSales",
    "RetentionTriangle",
    "SalesForecast",
    "SalesFunnel",
    "SalesPace",
    "StageStays",
    "StageSurvival",
    "Step",
    "SurveyScore",
    "TransitionMatrix",
    "TreatmentAudit",
    "TreatmentPolicy",
    "VoteSigns",
    "adoption",
    "apply_policy",
    "associations",
    "audit_means",
    "audit_selection",
    "customer_effort",
    "customer_flow",
    "customer_satisfaction",
    "decompose",
    "drivers",
    "identity_groups",
    "loyalty_index",
    "mean_bounds",
    "net_promoter_score",
    "period_measures",
    "process_efficiency",
    "publish_counts",
    "referral_signs",
    "repeat_sales",
    "retention_triangle",
    "sales_forecast",
    "sales_funnel",
    "sales_pace",
    "stage_retention",
    "stage_stays",
    "stage_survival",
    "transition_matrix",
    "unusual_amounts",
    "vote_signs",
]


def __dir__() -> list[str]:
    return __all__
