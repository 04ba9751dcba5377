"""Which group: RFM scores and named segments, value and tiers, clusters, and the choice of whom to serve."""

from pycrm.segmentation.behaviour import buying_behaviour
from pycrm.segmentation.cluster import (
    ChoiceOfK,
    Clusters,
    adjusted_rand_index,
    choose_k,
    fit_clusters,
    silhouette,
)
from pycrm.segmentation.migration import Migration, migration_matrix
from pycrm.segmentation.named import STANDARD_SEGMENTS, RfmSegment, rfm_segments
from pycrm.segmentation.needs import NeedsRules, NeedsSegmentation, segment_needs
from pycrm.segmentation.rfm import RfmEdges, RfmRule, rfm_edges, rfm_scores
from pycrm.segmentation.targeting import (
    CRITERIA,
    IdealProfile,
    MarketingMix,
    Positioning,
    SegmentAppraisal,
    TargetChoice,
    Trait,
    choose_targets,
)
from pycrm.segmentation.value import Concentration, concentration, profitability, value_needs_grid
from pycrm.segmentation.value_tiers import TIERS, TierRules, value_tiers

__all__ = [
    "CRITERIA",
    "STANDARD_SEGMENTS",
    "TIERS",
    "ChoiceOfK",
    "Clusters",
    "Concentration",
    "IdealProfile",
    "MarketingMix",
    "Migration",
    "NeedsRules",
    "NeedsSegmentation",
    "Positioning",
    "RfmEdges",
    "RfmRule",
    "RfmSegment",
    "SegmentAppraisal",
    "TargetChoice",
    "TierRules",
    "Trait",
    "adjusted_rand_index",
    "buying_behaviour",
    "choose_k",
    "choose_targets",
    "concentration",
    "fit_clusters",
    "migration_matrix",
    "profitability",
    "rfm_edges",
    "rfm_scores",
    "rfm_segments",
    "segment_needs",
    "silhouette",
    "value_needs_grid",
    "value_tiers",
]


def __dir__() -> list[str]:
    return __all__
