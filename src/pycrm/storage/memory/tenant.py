"""Everything of one tenant: tables, trail, outbox, remembered results, and who reads which snapshot."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from pycrm.storage.mapping import MapSet
from pycrm.storage.memory.tables import Table
from pycrm.storage.protocols import Change, Claim, Told

if TYPE_CHECKING:
    from pycrm.storage.memory.unit import MemoryUnit

__all__ = ["Tenant"]


class Tenant:
    """Everything of one tenant."""

    def __init__(self, maps: MapSet) -> None:
        self.commit = 0
        self.tables: dict[type[Any], Table] = {each.model: Table(each) for each in maps.all}
        self.trail: dict[tuple[str, UUID], list[Change]] = {}
        self.outbox: dict[UUID, Claim] = {}
        self.lease: tuple[str, datetime] | None = None
        self.results: dict[str, Any] = {}
        self.units: weakref.WeakSet[MemoryUnit] = weakref.WeakSet()
        self.stale: list[tuple[int, Table, UUID]] = []

    def retold(self, rewrite: Callable[[Told, Any], Any], without: Iterable[tuple[str, UUID]], *, keep: bool) -> int:
        """Return how many of the plain data beside the entities `rewrite` changes, and change them where asked to."""
        changed = 0
        gone = set(without)
        for id, claim in self.outbox.items():
            payload = rewrite("event", claim.payload)
            if payload != claim.payload:
                changed += 1
                if keep:
                    self.outbox[id] = attrs.evolve(claim, payload=payload)
        results = {}
        for key, result in self.results.items():
            now, after = rewrite("key", key), rewrite("result", result)
            changed += now != key or after != result
            results[now] = after
        if keep:
            self.results = results
        for place, trail in self.trail.items():
            if place in gone:
                continue
            told = [attrs.evolve(change, **_retold(change, rewrite)) for change in trail]
            changed += sum(before != after for before, after in zip(trail, told, strict=True))
            if keep:
                self.trail[place] = told
        return changed

    def prune(self) -> None:
        """Forget the past states that no open unit of work can see."""
        oldest = min((unit.snapshot for unit in self.units), default=self.commit)
        kept = []
        for commit, table, id in self.stale:
            if commit > oldest:
                kept.append((commit, table, id))
                continue
            versions = table.rows.get(id)
            if versions is None:
                continue
            last = max(at for at, version in enumerate(versions) if version.commit <= oldest)
            past, versions[:] = versions[:last], versions[last:]
            known = [version.entity for version in versions if version.entity is not None]
            for version in past:
                if version.entity is not None:
                    table.unindex(version.entity, known)
            if len(versions) == 1 and versions[0].entity is None:
                del table.rows[id]
                table.ids.discard((id.int, id))
        self.stale = kept


def _retold(change: Change, rewrite: Callable[[Told, Any], Any]) -> dict[str, Any]:
    told = (
        {name: (pair[0], pair[1]) for name, pair in rewrite("fields", dict(change.fields)).items()}
        if change.fields
        else {}
    )
    return {"actor": rewrite("note", change.actor), "cause": rewrite("note", change.cause), "fields": told}
