"""For those who extend us: the contract that proves a store; needs ``pip install 'pycrm-domain[testing]'``."""

from pycrm.testing.contract import StoreContract, store_contract
from pycrm.testing.requirements import Requirements

__all__ = ["Requirements", "StoreContract", "store_contract"]


def __dir__() -> list[str]:
    return __all__
