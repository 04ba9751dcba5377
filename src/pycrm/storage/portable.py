"""What a store that can be taken out whole and put in whole can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from pycrm.storage.mapping import EntityMap
from pycrm.storage.protocols import Change

__all__ = ["Kept", "Portable", "Relinking"]


@frozen
class Kept:
    """One entity as it is kept: whether it lives, and its audit trail."""

    entity: Any
    live: bool
    history: tuple[Change, ...] = ()


@runtime_checkable
class Portable(Protocol):
    """A unit of work whose store can be taken out whole and put in whole."""

    def maps(self) -> Sequence[EntityMap]:
        """Return the maps, each behind those it refers to."""
        ...

    def dump(self, model: type[Any], /) -> Iterator[Kept]:
        """Yield every entity of a model, removed ones too."""
        ...

    def load(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Store entities with their versions and trails as they were."""
        ...


@runtime_checkable
class Relinking(Protocol):
    """A portable unit of work that can put in entities which refer to each other in a ring."""

    def relink(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Give entities that `load` put in without some of their references all of them; versions and trails stay."""
        ...
