"""A unit of work that has only the protocols, taken out and put in: without what no protocol tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs
from attrs import frozen

from pycrm.errors import InvalidQuery
from pycrm.storage.mapping import EntityMap, MapSet
from pycrm.storage.portable import Kept
from pycrm.storage.protocols import Audited, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["ByProtocol"]


@frozen
class ByProtocol:
    """Reads and writes whole entities by `UnitOfWork.of` alone; it is `Portable` and `Relinking`.

    What comes out lacks the audit trail unless the unit is `Audited`. What goes in begins anew: at version 1, added now.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit of any store.
    given : iterable of EntityMap
        Which entities there may be; one that the store does not keep is passed over.
    """

    unit: UnitOfWork
    given: Iterable[EntityMap]

    def maps(self) -> Sequence[EntityMap]:
        """Return the maps of what the store keeps, each behind those it refers to."""
        return [map for map in MapSet(self.given).in_order if self._keeps(map.model)]

    def _keeps(self, model: type[Any]) -> bool:
        try:
            self.unit.of(model)
        except InvalidQuery:
            return False
        return True

    def dump(self, model: type[Any], /) -> Iterator[Kept]:
        """Yield every entity of a model, removed ones too."""
        repository, unit = self.unit.of(model), self.unit
        live = {entity.id for batch in repository.stream(Query(model)) for entity in batch}
        for batch in repository.stream(Query(model, deleted=True)):
            for entity in batch:
                trail = tuple(unit.history(model, entity.id)) if isinstance(unit, Audited) else ()
                yield Kept(entity, entity.id in live, trail)

    def load(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Add entities, and remove those that were removed."""
        repository = self.unit.of(model)
        repository.put_many([attrs.evolve(kept.entity, version=0) for kept in rows])
        for kept in rows:
            if not kept.live:
                repository.remove(kept.entity.id)

    def relink(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Save entities that were put in without references; a removed one stays without."""
        repository = self.unit.of(model)
        for kept in rows:
            if kept.live:
                held = repository.get(kept.entity.id)
                repository.save(attrs.evolve(kept.entity, version=held.version))
