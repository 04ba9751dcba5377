"""For those who extend us: the contract that proves a store, and strategies for every noun it keeps; needs ``pip install 'pycrm-domain[testing]'``."""

from pycrm.testing.contract import StoreContract, store_contract
from pycrm.testing.entities import entities, entities_with_references
from pycrm.testing.requirements import Requirements
from pycrm.testing.strategies import (
    contributions,
    custom_fields,
    customers,
    interactions,
    moderation_entries,
    moneys,
    opportunities,
    orders,
    pipelines,
    products,
    texts,
    times,
    votes,
)

__all__ = [
    "Requirements",
    "StoreContract",
    "contributions",
    "custom_fields",
    "customers",
    "entities",
    "entities_with_references",
    "interactions",
    "moderation_entries",
    "moneys",
    "opportunities",
    "orders",
    "pipelines",
    "products",
    "store_contract",
    "texts",
    "times",
    "votes",
]


def __dir__() -> list[str]:
    return __all__
