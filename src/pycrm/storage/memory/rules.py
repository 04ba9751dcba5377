# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""What is unique and what refers to what, as the store stands now with the changes of one unit of work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pycrm.errors import Broken, Duplicate
from pycrm.storage.memory.tables import Key, Staged, Table

if TYPE_CHECKING:
    from pycrm.storage.memory.unit import MemoryUnit

__all__ = ["checked", "exists", "taken", "verify"]


def exists(unit: MemoryUnit, model: type[Any], id: UUID) -> bool:
    """Tell whether there is a row, removed or not."""
    staged = unit._staged.get(model, {}).get(id)
    if staged is not None:
        return not staged.erased
    versions = unit._tenant.tables[model].rows.get(id)
    return versions is not None and versions[-1].entity is not None


def checked(unit: MemoryUnit, table: Table, entity: Any) -> tuple[Key, ...]:
    """Raise Broken or Duplicate as the store stands now, with this unit's own changes; return the unique keys."""
    map = table.map
    for reference in map.references:
        target = getattr(entity, reference.path)
        if target is not None and not exists(unit, reference.model, target):
            if target == entity.id and reference.model is map.model:
                continue
            raise unit._failed(Broken(map.name, f"reference {reference.path}", (reference.path,)))
    keys = tuple(table.keys_of(entity))
    lost = taken(unit, table, entity.id, keys)
    if lost is not None:
        raise unit._failed(lost)
    return keys


def taken(unit: MemoryUnit, table: Table, id: UUID, keys: Iterable[Key]) -> Duplicate | None:
    """Return the Duplicate for the first of `keys` that somebody else holds, or None."""
    claims, staged = unit._claims.get(table.map.model, {}), unit._staged.get(table.map.model, {})
    for key, fields in keys:
        claimed = claims.get(key)
        holder = table.holders.get(key)
        if claimed is None and holder is not None and holder in staged:
            holder = None  # this unit has changed the holder, and its claims say what it holds now
        other = claimed or holder
        if other is not None and other != id:
            return Duplicate(table.map.name, key[0], fields)
    return None


def verify(unit: MemoryUnit, table: Table, staged: Staged, rows: Mapping[UUID, Staged]) -> None:
    """Raise Duplicate or Broken where a row that is about to be committed breaks a rule by now."""
    entity, map = staged.entity, table.map
    for key, fields in staged.keys:
        holder = table.holders.get(key)
        if holder is not None and holder != entity.id and holder not in rows:
            raise Duplicate(map.name, key[0], fields)
    for reference in map.references:
        target = getattr(entity, reference.path)
        if target is not None and target != entity.id and not exists(unit, reference.model, target):
            raise Broken(map.name, f"reference {reference.path}", (reference.path,))
