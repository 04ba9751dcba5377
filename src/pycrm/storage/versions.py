"""An entity at another version: the same values, which were checked when it was made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import attrs

__all__ = ["at_version"]

T = TypeVar("T")


@cache
def _slots(kind: type[Any]) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[Callable[[Any, Any], None], ...]] | None:
    names = [attribute.name for attribute in attrs.fields(kind)]
    places: list[Any] = [getattr(getattr(kind, name, None), "__set__", None) for name in names]
    if kind.__dictoffset__ or None in places:
        return None
    return attrgetter(*names), tuple(places)


def at_version(entity: T, version: int) -> T:
    """Return `entity` at `version`.

    `attrs.evolve` would run every validator again, which costs more than all else that adding a row to memory does; a class
    that keeps something beside its slots is still made anew by it.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> at_version(Product(sku="A1", name="Pen"), 3).version
    3
    """
    kind: Any = type(entity)
    slots = _slots(kind)
    if slots is None:
        made: T = attrs.evolve(entity, version=version)  # type: ignore[misc]  # every entity is an attrs value
        return made
    values, places = slots
    copy: T = object.__new__(kind)
    for place, value in zip(places, values(entity), strict=True):
        place(copy, value)
    kind.version.__set__(copy, version)
    return copy
