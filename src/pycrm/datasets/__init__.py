"""A business that never was, of any size, with the truth about every customer: no download, the same again for a seed."""

from pycrm.datasets.business import SimulatedBusiness, simulate_business

__all__ = ["SimulatedBusiness", "simulate_business"]


def __dir__() -> list[str]:
    return __all__
