# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""The end of a unit of work: what others committed since is checked, and then all of it is there at once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pycrm.errors import Conflict, Duplicate, NotFound, Transient
from pycrm.model.entity import new_id
from pycrm.storage.codec import both_changed
from pycrm.storage.memory import rules
from pycrm.storage.memory.tables import Staged, Table, Version
from pycrm.storage.protocols import Claim

if TYPE_CHECKING:
    from pycrm.storage.memory.tenant import Tenant
    from pycrm.storage.memory.unit import MemoryUnit

__all__ = ["apply", "verify"]


def verify(unit: MemoryUnit) -> None:
    """Raise where another unit of work has committed what this one would break."""
    tables = unit._tenant.tables
    for key in unit._results:
        if key in unit._tenant.results:
            raise Transient("the same key was committed by another unit of work")
    if unit.isolation == "serializable" and any(unit._staged.values()):
        for model in unit._scanned:
            if tables[model].last_commit > unit.snapshot:
                raise Transient("what this unit of work asked has been changed since")
        for (model, id), version in unit._read.items():
            versions = tables[model].rows.get(id)
            found = versions[-1].entity.version if versions is not None and versions[-1].live else None
            if found != version:
                raise Transient("what this unit of work read has been changed since")
    for model, rows in unit._staged.items():
        table = tables[model]
        for id, staged in rows.items():
            versions = table.rows.get(id)
            present = versions[-1].entity if versions is not None else None
            if staged.base is None:
                if present is not None:
                    raise Duplicate(table.map.name, "id", ("id",))
            elif present is None or (
                versions is not None
                and not versions[-1].live
                and not (staged.erased or staged.redacted or (model, id) in unit._restored)
            ):
                raise NotFound(table.map.name, id)
            elif present.version != staged.base:
                trail = unit._tenant.trail.get((table.map.table, id), ())
                both = both_changed(staged.entity, present, trail, staged.base) if staged.live else None
                raise Conflict(table.map.name, id, staged.base, present.version, both)
            if staged.live:
                rules.verify(unit, table, staged, rows)


def apply(unit: MemoryUnit) -> None:
    """Put what the unit staged, noted and remembered into its tenant."""
    tenant = unit._tenant
    if not (any(unit._staged.values()) or unit._events or unit._results or unit._rewrites):
        return
    tenant.commit += 1
    for model, rows in unit._staged.items():
        table = tenant.tables[model]
        for id, staged in rows.items():
            _release(table, id)
            _write(tenant, table, id, staged)
        for id, staged in rows.items():
            if staged.live:
                for key, _ in staged.keys:
                    table.holders[key] = id
    for key in unit._erased:
        tenant.trail.pop(key, None)
    for rewrite in unit._rewrites:
        tenant.retold(rewrite, (), keep=True)
    for change in unit._changes:
        tenant.trail.setdefault((change.model, change.id), []).append(change)
    now = unit._clock()
    for kind, payload in unit._events:
        id = new_id()
        tenant.outbox[id] = Claim(id, kind, payload, now)
    tenant.results.update(unit._results)


def _release(table: Table, id: UUID) -> None:
    versions = table.rows.get(id)
    if versions is not None and versions[-1].live:
        for key, _ in versions[-1].keys:
            table.holders.pop(key, None)


def _write(tenant: Tenant, table: Table, id: UUID, staged: Staged) -> None:
    if staged.erased and staged.base is None:
        return
    table.last_commit = tenant.commit
    made = Version(tenant.commit, None if staged.erased else staged.entity, staged.live, staged.keys)
    versions = table.rows.get(id)
    if versions is None:
        table.rows[id] = [made]
        table.ids.add((id.int, id))
        table.index(staged.entity)
        return
    if made.entity is not None:
        table.index(made.entity, [version.entity for version in versions if version.entity is not None])
    versions.append(made)
    tenant.stale.append((tenant.commit, table, id))
