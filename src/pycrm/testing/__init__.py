"""For those who extend us: the contract that proves a store, and strategies for every noun it keeps; needs ``pip install 'pycrm-domain[testing]'``."""

from pycrm.testing.contract import StoreContract, store_contract
from pycrm.testing.requirements import Requirements
from pycrm.testing.strategies import (
    custom_fields,
    customers,
    interactions,
    moneys,
    opportunities,
    orders,
    pipelines,
    products,
    texts,
    times,
)

__all__ = [
    "Requirements",
    "StoreContract",
    "custom_fields",
    "customers",
    "interactions",
    "moneys",
    "opportunities",
    "orders",
    "pipelines",
    "products",
    "store_contract",
    "texts",
    "times",
]


def __dir__() -> list[str]:
    return __all__
