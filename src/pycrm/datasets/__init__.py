"""A business that never was, of any size, with the truth about every customer: no download, the same again for a seed."""

from pycrm.datasets.business import SimulatedBusiness, simulate_business
from pycrm.datasets.worlds import WORLDS, Chances, Population, World, WorldState, populate

__all__ = [
    "WORLDS",
    "Chances",
    "Population",
    "SimulatedBusiness",
    "World",
    "WorldState",
    "populate",
    "simulate_business",
]


def __dir__() -> list[str]:
    return __all__
