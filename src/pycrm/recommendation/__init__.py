"""What next: what a customer who bought these things will want, and what is bought together."""

from pycrm.recommendation.arbitration import Arbitration, arbitrate
from pycrm.recommendation.bandit import Responses
from pycrm.recommendation.basket import pair_lift
from pycrm.recommendation.ease import EASE
from pycrm.recommendation.evaluate import RankingQuality, ranking_quality
from pycrm.recommendation.learned import Learned
from pycrm.recommendation.neighbours import ItemNeighbours
from pycrm.recommendation.popularity import Popularity
from pycrm.recommendation.timing import best_hours, next_purchase

__all__ = [
    "EASE",
    "Arbitration",
    "ItemNeighbours",
    "Learned",
    "Popularity",
    "RankingQuality",
    "Responses",
    "arbitrate",
    "best_hours",
    "next_purchase",
    "pair_lift",
    "ranking_quality",
]


def __dir__() -> list[str]:
    return __all__
