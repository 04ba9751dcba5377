# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""A unit of work in memory: a snapshot to read, changes staged beside it, and what goes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from pycrm.errors import Broken, Duplicate, NotFound, StoreError
from pycrm.model.predicate import Op, Where
from pycrm.storage.batches import each_batch
from pycrm.storage.calm import uncollected
from pycrm.storage.codec import column_value
from pycrm.storage.columns import Rows, upsert_each
from pycrm.storage.mapping import EntityMap
from pycrm.storage.memory import commits, rules
from pycrm.storage.memory.repository import MemoryRepository
from pycrm.storage.memory.tables import Staged
from pycrm.storage.portable import Kept
from pycrm.storage.protocols import Change, Isolation, OnConflict, Told, Upserted
from pycrm.storage.query import E, Query
from pycrm.storage.rows import checked_id
from pycrm.storage.unit import Unit, event_of, named_tenant

if TYPE_CHECKING:
    from pycrm.storage.memory.store import MemoryStore

__all__ = ["MemoryUnit"]


class MemoryUnit(Unit):
    """A unit of work of a `MemoryStore`; open it with `MemoryStore.begin`."""

    def __init__(
        self, store: MemoryStore, *, read_only: bool, isolation: Isolation, actor: str | None, cause: str | None
    ) -> None:
        super().__init__(read_only=read_only, isolation=isolation, actor=actor, cause=cause)
        self.tenant: str = named_tenant(store.name)
        self._maps = store._maps
        self._lock = store._lock
        self._clock = store._clock
        self._announced = store._announced
        self._repositories: dict[type[Any], Any] = {}
        self._staged: dict[type[Any], dict[UUID, Staged]] = {}
        self._claims: dict[type[Any], dict[tuple[str, Any], UUID]] = {}
        self._changes: list[Change] = []
        self._erased: list[tuple[str, UUID]] = []
        self._restored: set[tuple[type[Any], UUID]] = set()
        self._results: dict[str, Any] = {}
        self._rewrites: list[Callable[[Told, Any], Any]] = []
        self._read: dict[tuple[type[Any], UUID], int | None] = {}
        self._scanned: set[type[Any]] = set()
        self._tenant = store._tenant
        with self._lock:
            self.snapshot: int = self._tenant.commit
            self._tenant.units.add(self)

    def of(self, model: type[E], /) -> MemoryRepository[E]:
        """Return the repository of one entity class."""
        found = self._repositories.get(model)
        if found is None:
            found = self._repositories[model] = MemoryRepository(self, model)
        return found

    def _saw(self, model: type[Any], id: UUID, entity: Any) -> None:
        if entity is not None:
            self._seen.add((model, id, entity.version))
        else:
            self._missed.add(model.__name__)
        if self.isolation == "serializable":
            self._read.setdefault((model, id), None if entity is None else entity.version)

    def _failed(self, error: StoreError) -> StoreError:
        self._end("failed")
        return error

    def _end(self, state: str) -> None:
        self._state = state
        self._staged.clear()
        self._claims.clear()
        with self._lock:
            self._tenant.units.discard(self)

    def _note(self, map: EntityMap, entity: Any, action: Any, fields: Mapping[str, tuple[Any, Any]]) -> None:
        self._announce(map, entity.id, entity.version, action, fields)
        if map.append_only and action != "erase":
            return
        self._changes.append(
            Change(map.table, entity.id, entity.version, action, self._clock(), self.actor, self.cause, dict(fields))
        )

    def emit(self, event: object, /) -> None:
        """Put an event into the outbox, in the same transaction."""
        self._check_writable()
        self._events.append(event_of(event))

    def columns(self, query: Query[Any], fields: Sequence[str], /) -> dict[str, list[Any]]:
        """Return one list per field or path, in the order of the query."""
        repository = self.of(query.model)
        for path in fields:
            repository._map.knows(path)
        rows = [entity for batch in repository.stream(query) for entity in batch]
        return {path: [column_value(repository._map, entity, path) for entity in rows] for path in fields}

    def map_of(self, model: type[Any], /) -> EntityMap:
        """Return how the store keeps a model."""
        return self._maps.of(model)

    def column_batches(
        self, query: Query[Any], fields: Sequence[str], /, *, batch: int = 20_000
    ) -> Iterator[dict[str, list[Any]]]:
        """Yield one list per field or path for each stretch of rows, in the order of the query."""
        return each_batch(self, self._maps.of(query.model), query, fields, batch)

    def put_columns(
        self, model: type[Any], columns: Mapping[str, Sequence[Any]], /, *, on_conflict: OnConflict = "error"
    ) -> int:
        """Store one entity per row of the columns and return how many were written."""
        self._check_writable()
        repository = self.of(model)
        outcomes = repository.put_many(list(Rows(repository._map, columns).entities()), on_conflict=on_conflict)
        return sum(outcome.outcome in {"added", "updated"} for outcome in outcomes)

    def upsert(self, model: type[E], entities: Iterable[E], /) -> Upserted:
        """Add what is new and write over what is there under the same id; raise AppendOnly, Duplicate or Broken."""
        self._check_writable()
        return upsert_each(self.of(model), self._maps.of(model), entities)

    def restore(self, model: type[E], id: UUID, /) -> E:
        """Make a removed entity live again as it was; raise NotFound or Duplicate."""
        self._check_writable()
        repository = self.of(model)
        staged = repository._staged.get(id)
        gone = repository._visible(id, deleted=True) if staged is not None else None
        if staged is None and rules.exists(self, model, id):
            gone = repository._table.rows[id][-1].entity
        if gone is None or repository._present(id) is not None:
            raise NotFound(repository._map.name, id)
        made: E = attrs.evolve(gone, version=gone.version + 1)
        keys = rules.checked(self, repository._table, made)
        base = staged.base if staged is not None else gone.version
        repository._stage(Staged(made, live=True, base=base, keys=keys), gone)
        self._restored.add((model, id))
        self._note(repository._map, made, "restore", {})
        return made

    def erase(self, model: type[Any], id: UUID, /) -> None:
        """Delete the row and the values in its audit trail; raise NotFound, or Broken while something refers to it."""
        self._check_writable()
        repository = self.of(model)
        if not rules.exists(self, model, checked_id(id)):
            raise NotFound(repository._map.name, id)
        for map, reference in self._maps.referring_to(model):
            other = self.of(map.model)
            with self._lock:
                asked = Query[Any](map.model, Where(reference.path, Op.EQ, id), deleted=True)
                if any(not (map.model is model and entity.id == id) for entity in other._questions.matching(asked)):
                    raise self._failed(Broken(repository._map.name, f"{map.name} refers to it", (reference.path,)))
        staged = repository._staged.get(id)
        present = staged.entity if staged is not None else repository._table.rows[id][-1].entity
        base = staged.base if staged is not None else present.version
        gone = attrs.evolve(present, version=present.version + 1)
        repository._stage(Staged(gone, live=False, base=base, erased=True), present)
        key = (repository._map.table, id)
        self._erased.append(key)
        self._changes = [change for change in self._changes if (change.model, change.id) != key]
        self._note(repository._map, gone, "erase", {})

    def redact(self, entity: Any, /) -> None:
        """Put `entity` in place of what is stored under its id; see `Redacting`."""
        self._check_writable()
        repository, id = self.of(type(entity)), entity.id
        staged = repository._staged.get(id)
        if not rules.exists(self, type(entity), id):
            raise NotFound(repository._map.name, id)
        present = staged.entity if staged is not None else repository._table.rows[id][-1].entity
        base = staged.base if staged is not None else present.version
        live = staged.live if staged is not None else repository._table.rows[id][-1].live
        repository._check(entity)
        keys = rules.checked(self, repository._table, entity) if live else ()
        made = attrs.evolve(entity, version=present.version + 1)
        repository._stage(Staged(made, live=live, base=base, redacted=True, keys=keys), present)
        first = next((change for change in self.history(type(entity), id) if change.action == "add"), None)
        key = (repository._map.table, id)
        self._erased.append(key)
        self._changes = [change for change in self._changes if (change.model, change.id) != key]
        if first is not None:
            self._changes.append(attrs.evolve(first, actor=None, cause=None))
        self._note(repository._map, made, "erase", {})

    def retell(self, rewrite: Callable[[Told, Any], Any], /) -> int:
        """Pass all plain data beside the entities through `rewrite`; see `Redacting`."""
        self._check_writable()
        self._rewrites.append(rewrite)
        before = self._events
        self._events = [(kind, rewrite("event", payload)) for kind, payload in before]
        own = sum(one != other for one, other in zip(before, self._events, strict=True))
        with self._lock:
            return own + self._tenant.retold(rewrite, self._erased, keep=False)

    def history(self, model: type[Any], id: UUID, /) -> Sequence[Change]:
        """Return the audit trail of one entity, oldest first."""
        self._check_open()
        key = (self._maps.of(model).table, checked_id(id))
        with self._lock:
            committed = [] if key in self._erased else list(self._tenant.trail.get(key, ()))
        return [*committed, *(change for change in self._changes if (change.model, change.id) == key)]

    def maps(self) -> Sequence[EntityMap]:
        """Return the maps, each behind those it refers to."""
        return self._maps.in_order

    def dump(self, model: type[Any], /) -> Iterator[Kept]:
        """Yield every entity of a model, removed ones too."""
        repository = self.of(model)
        for batch in repository.stream(Query(model, deleted=True)):
            for entity in batch:
                live = repository._visible(entity.id) is not None
                yield Kept(entity, live, tuple(self.history(model, entity.id)))

    def load(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Store entities with their versions and trails as they were."""
        self._check_writable()
        repository = self.of(model)
        for kept in rows:
            repository._check(kept.entity)
            if rules.exists(self, model, kept.entity.id):
                raise self._failed(Duplicate(repository._map.name, "id", ("id",)))
            keys = rules.checked(self, repository._table, kept.entity) if kept.live else ()
            repository._stage(Staged(kept.entity, kept.live, base=None, keys=keys), None)
            self._changes += kept.history

    def relink(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Give entities that were put in without some of their references all of them; versions and trails stay."""
        self._check_writable()
        repository = self.of(model)
        for kept in rows:
            staged = repository._staged.get(kept.entity.id)
            if staged is None:
                raise NotFound(repository._map.name, kept.entity.id)
            keys = rules.checked(self, repository._table, kept.entity) if kept.live else ()
            repository._stage(Staged(kept.entity, kept.live, base=None, keys=keys), staged.entity)

    def result_of(self, key: str, /) -> tuple[Any] | None:
        """Return the result remembered under an idempotency key, in a tuple, or None."""
        self._check_open()
        with self._lock:
            return (self._tenant.results[key],) if key in self._tenant.results else None

    def remember(self, key: str, result: Any, /) -> None:
        """Remember a result under an idempotency key, in the same transaction."""
        self._check_writable()
        self._results[key] = result

    def commit(self) -> None:
        """Make everything visible at once; raise Conflict, Duplicate, Broken or Transient."""
        self._check_open()
        with self._lock, uncollected():
            try:
                commits.verify(self)
            except StoreError:
                self._end("failed")
                raise
            commits.apply(self)
            self._end("committed")
            self._tenant.prune()

    def rollback(self) -> None:
        """Undo everything; the unit has ended."""
        if self._state in {"open", "failed"}:
            self._end("rolled back")
