"""Who is who: records that speak of one person, found, explained and kept apart where they must be."""

from pycrm.matching.index import Match, MatchIndex
from pycrm.matching.resolution import Explanation, Resolution, resolve

__all__ = ["Explanation", "Match", "MatchIndex", "Resolution", "resolve"]


def __dir__() -> list[str]:
    return __all__
