"""What every repository checks of its arguments before it begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from pycrm.errors import InvalidValueError
from pycrm.storage.mapping import EntityMap
from pycrm.storage.protocols import OnConflict

__all__ = ["checked_id", "checked_size", "entities_of"]


def checked_id(id: Any) -> UUID:
    """Return `id` if it is a UUID; raise InvalidValueError otherwise, for a text would be found in one store and not in another."""
    if not isinstance(id, UUID):
        raise InvalidValueError("id", id, "give a UUID; of text, make one with uuid.UUID(text)")
    return id


def checked_size(name: str, size: Any) -> int:
    """Return `size` if it is a whole number from 1 on that every database can count to; raise InvalidValueError otherwise."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidValueError(name, size, "give a whole number of at least 1")
    if size >= 2**62:
        raise InvalidValueError(name, size, "give a whole number below 2**62")
    return int(size)


def entities_of(map: EntityMap, entities: Iterable[Any], on_conflict: OnConflict) -> list[Any]:
    """Return `entities` as a list, each of the right class, none twice."""
    if on_conflict not in {"error", "skip", "update"}:
        raise InvalidValueError("on_conflict", on_conflict, "choose 'error', 'skip' or 'update'")
    rows = list(entities)
    if {type(row) for row in rows} <= {map.model} and len({row.id for row in rows}) == len(rows):
        return rows
    seen: set[UUID] = set()
    for row in rows:
        if type(row) is not map.model:
            raise InvalidValueError("entities", row, f"give only {map.name}")
        if row.id in seen:
            raise InvalidValueError("entities", row.id, "give each id once in a batch")
        seen.add(row.id)
    return rows
