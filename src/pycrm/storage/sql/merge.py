# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""Many entities at once: added, compared with what is there, or written over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pycrm.errors import AppendOnly, Conflict, Duplicate, InvalidValueError, StoreError, Transient
from pycrm.storage.calm import uncollected
from pycrm.storage.codec import changed_fields
from pycrm.storage.protocols import OnConflict, RowOutcome, Upserted
from pycrm.storage.rows import entities_of

if TYPE_CHECKING:
    from pycrm.storage.sql.repository import SqlRepository

__all__ = ["insert_all", "put_many", "upsert"]

_CHUNK = 5_000
_COMPARED = 500


def put_many(repository: SqlRepository[Any], entities: Iterable[Any], on_conflict: OnConflict) -> list[RowOutcome]:
    """Store many at once and say what became of each."""
    map = repository._map
    rows = entities_of(map, entities, on_conflict)
    if on_conflict == "error":
        stored = next((entity.version for entity in rows if entity.version != 0), 0)
        if stored:
            raise InvalidValueError("version", stored, "add what was never stored; save() what was loaded")
        insert_all(repository, rows)
        with uncollected():
            return [RowOutcome(at, entity.id, "added") for at, entity in enumerate(rows)]
    outcomes: list[RowOutcome] = []
    claims: dict[tuple[str, Any], UUID] = {}
    for at in range(0, len(rows), _COMPARED):
        outcomes += _merge(repository, rows[at : at + _COMPARED], on_conflict, at, claims)
    return outcomes


def insert_all(repository: SqlRepository[Any], entities: Sequence[Any]) -> None:
    """Insert new entities with their keys: by COPY where there are many and the driver has it."""
    unit, statements = repository._unit, repository._statements
    copied = unit.copies(len(entities))
    size = len(entities) if copied else _CHUNK
    encode, bind, tenant, actor, cause = repository._codec.encode, unit._bind_id, unit.tenant, unit.actor, unit.cause
    for at in range(0, len(entities), size):
        some = entities if size >= len(entities) else entities[at : at + size]
        with uncollected():
            added = unit._bind_at(unit._clock())
            made = ((tenant, bind(entity.id), 1, 1, added, actor, cause, *encode(entity)) for entity in some)

            def blame(failure: Any, some: Sequence[Any] = some) -> StoreError | None:
                return repository._keys.blame(some, failure)

            if copied:
                unit.copy(statements.copy, made, blame)
            else:
                unit.execute_many(statements.insert, list(made), blame)
        unit.grew(statements.table, len(some))
        repository._keys.put((entity, None) for entity in some)
        unit._note_added(repository._map, (entity.id for entity in some))


def _stored(repository: SqlRepository[Any], entities: Sequence[Any], *, lock: bool) -> dict[UUID, tuple[Any, bool]]:
    """Return what is there under the ids of these entities, and whether it is live."""
    found: dict[UUID, tuple[Any, bool]] = {}
    for row in repository._rows_of([entity.id for entity in entities], live=False, lock=lock):
        entity = repository._codec.decode(row)
        found[entity.id] = (entity, row[-1] is not None)
    return found


def _merge(
    repository: SqlRepository[Any],
    entities: Sequence[Any],
    on_conflict: OnConflict,
    start: int,
    claims: dict[tuple[str, Any], UUID],
) -> list[RowOutcome]:
    """Compare with what is there, then add and update what should be."""
    map, keys_of, renew = repository._map, repository._keys.of, repository._codec.renew
    stored = _stored(repository, entities, lock=False)
    for entity in entities:
        repository._codec.encode(entity)
    holders = repository._keys.holders(entities)
    added: list[Any] = []
    updated: list[tuple[Any, Any]] = []
    outcomes: list[RowOutcome] = []
    for at, entity in enumerate(entities, start):
        present, live = stored.get(entity.id, (None, False))
        outcome: Any = None
        error: StoreError | None = None
        if present is not None and (on_conflict == "skip" or not live or map.append_only):
            same = live and on_conflict == "update" and renew(entity, present.version) == present
            outcomes.append(RowOutcome(at, entity.id, "unchanged" if same else "skipped"))
            continue
        keys = dict(keys_of(entity))
        taken = next((key for key in keys if claims.get(key, holders.get(key, entity.id)) != entity.id), None)
        if taken is not None:
            lost = None if on_conflict == "skip" else Duplicate(map.name, taken[0], keys[taken])
            outcomes.append(RowOutcome(at, entity.id, "skipped" if lost is None else "lost", lost))
            continue
        if present is None:
            outcome = "added"
            added.append(entity)
        elif entity.version not in {0, present.version}:
            both = repository._both(entity, present, entity.version)
            outcome, error = "lost", Conflict(map.name, entity.id, entity.version, present.version, both)
        elif renew(entity, present.version) == present:
            outcome = "unchanged"
        else:
            outcome = "updated"
            updated.append((renew(entity, present.version), present))
            for key, _ in keys_of(present):
                if holders.get(key) == entity.id:
                    del holders[key]
        if outcome in {"added", "updated"}:
            claims.update(dict.fromkeys(keys, entity.id))
        outcomes.append(RowOutcome(at, entity.id, outcome, error))
    _update_all(repository, updated)
    insert_all(repository, added)
    return outcomes


def _update_all(repository: SqlRepository[Any], pairs: Sequence[tuple[Any, Any]]) -> None:
    unit, codec = repository._unit, repository._codec
    rows = [(*codec.encode(entity), unit.tenant, unit._bind_id(entity.id), entity.version) for entity, _ in pairs]
    changed = [entity for entity, _ in pairs]
    touched = unit.execute_many(
        repository._statements.update, rows, lambda failure: repository._keys.blame(changed, failure)
    )
    if touched != len(rows):
        unit._end("failed")
        raise Transient("rows were changed by another unit of work while they were compared")
    _follow(repository, [(codec.renew(entity, entity.version + 1), before) for entity, before in pairs])


def _follow(repository: SqlRepository[Any], pairs: Sequence[tuple[Any, Any]]) -> None:
    """Keep keys and audit trail in step with entities that were written over others."""
    map, unit = repository._map, repository._unit
    repository._keys.put(pairs)
    for after, before in pairs:
        unit._note(map, after.id, after.version, "save", changed_fields(map, before, after))


def upsert(repository: SqlRepository[Any], entities: Iterable[Any]) -> Upserted:
    """Add what is new and write over what is there, in one statement for many rows; see `Upserting`."""
    map = repository._map
    if map.append_only:
        raise AppendOnly(map.name)
    rows = entities_of(map, entities, "update")
    size = len(rows) if repository._unit.copies(len(rows)) else _CHUNK
    total = Upserted()
    for at in range(0, len(rows), size):
        total += _upserted(repository, rows[at : at + size])
    return total


def _upserted(repository: SqlRepository[Any], entities: Sequence[Any]) -> Upserted:
    unit, codec, statements = repository._unit, repository._codec, repository._statements
    stored = _stored(repository, entities, lock=True)
    added: list[Any] = []
    updated: list[tuple[Any, Any]] = []
    unchanged = skipped = 0
    for entity in entities:
        present, live = stored.get(entity.id, (None, False))
        if present is None:
            added.append(entity)
        elif not live:
            skipped += 1
        elif codec.renew(entity, present.version) == present:
            unchanged += 1
        else:
            updated.append((codec.renew(entity, present.version + 1), present))
    now, encode, bind = unit._bind_at(unit._clock()), codec.encode, unit._bind_id
    over = [
        (unit.tenant, bind(one.id), one.version, 1, now, unit.actor, unit.cause, *encode(one)) for one, _ in updated
    ]

    def blame(failure: Any) -> StoreError | None:
        return repository._keys.blame([*added, *(one for one, _ in updated)], failure)

    if unit.copies(len(over)):
        touched = unit.copy_over(statements, over, blame)
    else:
        touched = unit.execute_many(statements.upsert, over, blame)
    if unit.dialect.name != "mariadb" and touched != len(over):
        unit._end("failed")
        raise Transient("rows were changed by another unit of work while they were compared")
    _follow(repository, updated)
    insert_all(repository, added)
    return Upserted(len(added), len(updated), unchanged, skipped)
