"""What we do: the four verbs of one-to-one marketing, and measure and improve, each over a store, used qualified.

`identify.resolve(store, ...)`, `measure.effect(store, ...)`.

They meet only in the store: each writes what the next one reads, and returns a report value.
"""

from pycrm.workflows import differentiate, identify, improve, interact, measure, personalise

__all__ = ["differentiate", "identify", "improve", "interact", "measure", "personalise"]


def __dir__() -> list[str]:
    return __all__
