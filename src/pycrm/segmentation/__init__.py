"""Which group: RFM scores and named segments, value and tiers, clusters, and the choice of whom to serve."""

from pycrm.segmentation.migration import Migration, migration_matrix
from pycrm.segmentation.named import STANDARD_SEGMENTS, RfmSegment, rfm_segments
from pycrm.segmentation.rfm import RfmEdges, RfmRule, rfm_edges, rfm_scores
from pycrm.segmentation.value_tiers import TIERS, TierRules, value_tiers

__all__ = [
    "STANDARD_SEGMENTS",
    "TIERS",
    "Migration",
    "RfmEdges",
    "RfmRule",
    "RfmSegment",
    "TierRules",
    "migration_matrix",
    "rfm_edges",
    "rfm_scores",
    "rfm_segments",
    "value_tiers",
]


def __dir__() -> list[str]:
    return __all__
