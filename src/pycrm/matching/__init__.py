"""Who is who: records that speak of one person, found, explained and kept apart where they must be."""

from pycrm.matching.blocking import CappedBlocks
from pycrm.matching.decisions import Decision, DecisionLog, clusters_after
from pycrm.matching.households import Grouping, households, organisations
from pycrm.matching.index import Match, MatchIndex
from pycrm.matching.model import Alike, FellegiSunter
from pycrm.matching.quality import Quality, QualityEstimate, cluster_quality, estimate_quality
from pycrm.matching.resolution import Explanation, Resolution, resolve
from pycrm.matching.review import constraints_of, review_queue
from pycrm.matching.splink import Edges, resolve_edges, splink_edges
from pycrm.matching.stable import keep_ids
from pycrm.matching.survivorship import Survivors, survivors

__all__ = [
    "Alike",
    "CappedBlocks",
    "Decision",
    "DecisionLog",
    "Edges",
    "Explanation",
    "FellegiSunter",
    "Grouping",
    "Match",
    "MatchIndex",
    "Quality",
    "QualityEstimate",
    "Resolution",
    "Survivors",
    "cluster_quality",
    "clusters_after",
    "constraints_of",
    "estimate_quality",
    "households",
    "keep_ids",
    "organisations",
    "resolve",
    "resolve_edges",
    "review_queue",
    "splink_edges",
    "survivors",
]


def __dir__() -> list[str]:
    return __all__
