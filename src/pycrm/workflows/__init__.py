"""What we do: the verbs of one-to-one marketing, each over a store, used qualified: `identify.resolve(store, ...)`.

They meet only in the store: each writes what the next one reads, and returns a report value.
"""

from pycrm.workflows import (
    contributions,
    differentiate,
    identify,
    improve,
    interact,
    leads,
    lifecycle,
    loyalty,
    measure,
    opportunities,
    personalise,
    predict,
    privacy,
    refer,
    review,
    segments,
)

__all__ = [
    "contributions",
    "differentiate",
    "identify",
    "improve",
    "interact",
    "leads",
    "lifecycle",
    "loyalty",
    "measure",
    "opportunities",
    "personalise",
    "predict",
    "privacy",
    "refer",
    "review",
    "segments",
]


def __dir__() -> list[str]:
    return __all__
