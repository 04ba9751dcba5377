"""What happened and why: fairness of treatment, cohorts and flows."""

from pycrm.insight.cohorts import (
    Decomposition,
    RetentionTriangle,
    Step,
    customer_flow,
    decompose,
    retention_triangle,
)
from pycrm.insight.fairness import FairnessAudit, GroupMean, GroupRates, audit_means, audit_selection
from pycrm.insight.fraud import REVIEW, ReferralSigns, identity_groups, referral_signs, unusual_amounts
from pycrm.insight.treatment import Floor, TreatmentAudit, TreatmentPolicy, apply_policy

__all__ = [
    "REVIEW",
    "Decomposition",
    "FairnessAudit",
    "Floor",
    "GroupMean",
    "GroupRates",
    "ReferralSigns",
    "RetentionTriangle",
    "Step",
    "TreatmentAudit",
    "TreatmentPolicy",
    "apply_policy",
    "audit_means",
    "audit_selection",
    "customer_flow",
    "decompose",
    "identity_groups",
    "referral_signs",
    "retention_triangle",
    "unusual_amounts",
]


def __dir__() -> list[str]:
    return __all__
