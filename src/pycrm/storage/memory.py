# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""MemoryStore: a real store that lives in memory, and the reference for every other.

Each row keeps its versions; a unit of work reads the snapshot of its beginning and stages its own changes beside it, so
opening one costs nothing and committing one costs its changes. The first committer wins.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import weakref
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

import attrs
from attrs import define, field

from pycrm.errors import (
    AppendOnly,
    Broken,
    Conflict,
    Duplicate,
    InvalidValueError,
    NotFound,
    StoreError,
    Transient,
)
from pycrm.model.entity import new_id
from pycrm.model.predicate import AllOf, Op, Predicate, Where, evaluate, kind_of
from pycrm.storage.batches import each_batch
from pycrm.storage.calm import uncollected
from pycrm.storage.codec import DocumentCodec, both_changed, changed_fields, column_value
from pycrm.storage.columns import Rows, upsert_each
from pycrm.storage.mapping import COMPARED_AS, EntityMap, MapSet, search_key
from pycrm.storage.maps import default_maps
from pycrm.storage.ordering import Ordering, Term
from pycrm.storage.portable import Kept
from pycrm.storage.protocols import Change, Claim, Isolation, OnConflict, RowOutcome, Told, Upserted
from pycrm.storage.query import E, Page, Query
from pycrm.storage.rows import checked_id, checked_size, entities_of
from pycrm.storage.unit import Retries, Unit, announced_models, checked_tenant, event_of, run, utc_now
from pycrm.storage.versions import at_version

__all__ = ["MemoryRepository", "MemoryStore", "MemoryUnit"]

T = TypeVar("T")


# A unique key an entity holds, by the name of its rule, with the fields of the rule.
_Key: TypeAlias = "tuple[tuple[str, Any], tuple[str, ...]]"


_BEYOND = 1 << 128  # above every id


class _Sorted:
    """Entries in order; many new ones are merged at the next look."""

    __slots__ = ("_entries", "_new")

    def __init__(self) -> None:
        self._entries: list[Any] = []
        self._new: list[Any] = []

    def add(self, entry: Any) -> None:
        if not self._new and (not self._entries or self._entries[-1] < entry):
            self._entries.append(entry)
        else:
            self._new.append(entry)

    def discard(self, entry: Any) -> None:
        entries = self.entries
        at = bisect_left(entries, entry)
        if at < len(entries) and entries[at] == entry:
            del entries[at]

    @property
    def entries(self) -> list[Any]:
        if self._new:
            if len(self._new) <= 32:
                for entry in self._new:
                    insort(self._entries, entry)
            else:
                self._entries += self._new
                self._entries.sort()
            self._new.clear()
        return self._entries

    def walk(self, low: Any, high: Any, after: Any, *, descending: bool) -> Iterator[Any]:
        """Yield the entries from `low` to below `high`, behind `after` in the direction; None leaves a side open."""
        entries = self.entries
        first = 0 if low is None else bisect_left(entries, low)
        end = len(entries) if high is None else bisect_left(entries, high)
        if after is not None and descending:
            end = min(end, bisect_left(entries, after))
        elif after is not None:
            first = max(first, bisect_right(entries, after))
        return map(entries.__getitem__, range(end - 1, first - 1, -1) if descending else range(first, end))


@define
class _Version:
    """One state of a row, from `commit` on; `entity` is None once it is erased."""

    commit: int
    entity: Any
    live: bool


@define
class _Staged:
    """What a unit of work wants a row to be; `base` is the version it was read at, None for a new row."""

    entity: Any
    live: bool
    base: int | None
    erased: bool = False
    redacted: bool = False
    keys: tuple[_Key, ...] = ()


class _Table:
    """The rows of one map, in one tenant."""

    def __init__(self, map: EntityMap) -> None:
        self.map = map
        self.rows: dict[UUID, list[_Version]] = {}
        self.ids = _Sorted()
        single = {path for index in map.indexes for path in index[:1]}
        single |= {reference.path for reference in map.references} | {column.path for column in map.searched}
        single |= {rule.paths[0] for rule in map.uniques}
        self.indexes: dict[str, _Sorted] = {path: _Sorted() for path in sorted(single)}
        self.many: dict[str, dict[str, _Sorted]] = {path: {} for path in map.many}
        self.holders: dict[tuple[str, Any], UUID] = {}
        self.last_commit = 0

    def keys_of(self, entity: Any) -> Iterator[_Key]:
        """Yield each unique key an entity holds, with the fields of its rule."""
        for rule in self.map.uniques:
            key = self.map.unique_key(entity, rule)
            if key is not None:
                yield (rule.name, key), rule.paths
        for each, text in self.map.each_key(entity):
            yield (each.name, text), each.fields

    def indexed(self, entity: Any) -> set[tuple[str, Any]]:
        """Return the values `entity` holds at the indexed paths; what is missing is not indexed."""
        held = self.map.held
        return {(path, value) for path in self.indexes if (value := held(entity, path)) is not None}

    def indexed_by(self, path: str) -> bool:
        """Tell whether the ids with one value at a path are kept in order."""
        return path in self.indexes or path in self.many

    def searched(self, entity: Any) -> set[tuple[str, str]]:
        """Return the values `entity` holds at the paths through collections."""
        return {(path, value) for path in self.many for value in self.map.search_values(entity, path)}

    def index(self, entity: Any, known: Sequence[Any] = ()) -> None:
        """Add the values of `entity` that none of its `known` states holds."""
        id = entity.id
        fresh = self.indexed(entity)
        for path, value in fresh.difference(*map(self.indexed, known)) if known else fresh:
            self.indexes[path].add((value, id.int, id))
        for path, value in self.searched(entity):
            self.many[path].setdefault(value, _Sorted()).add(id)

    def unindex(self, entity: Any, known: Sequence[Any]) -> None:
        """Forget the values of a past state that none of the `known` states holds."""
        id = entity.id
        for path, value in self.indexed(entity).difference(*map(self.indexed, known)):
            self.indexes[path].discard((value, id.int, id))
        for path, value in self.searched(entity).difference(*map(self.searched, known)):
            ids = self.many[path].get(value, _Sorted())
            ids.discard(id)
            if not ids.entries:
                self.many[path].pop(value, None)


class _Tenant:
    """Everything of one tenant."""

    def __init__(self, maps: MapSet) -> None:
        self.commit = 0
        self.tables = {each.model: _Table(each) for each in maps.all}
        self.trail: dict[tuple[str, UUID], list[Change]] = {}
        self.outbox: dict[UUID, Claim] = {}
        self.lease: tuple[str, datetime] | None = None
        self.results: dict[str, Any] = {}
        self.units: weakref.WeakSet[MemoryUnit] = weakref.WeakSet()
        self.stale: list[tuple[int, _Table, UUID]] = []

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


class MemoryRepository(Generic[E]):
    """The entities of one model, within a unit of work of a `MemoryStore`. Subclass it to add questions.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> class Products(MemoryRepository[Product]):
    ...     def cheap(self) -> list[str]:
    ...         return [product.sku for product in self.page(Query(Product)).items]
    >>> with MemoryStore().begin() as uow:
    ...     _ = uow.products.add(Product(sku="A1", name="Pen"))
    ...     Products(uow, Product).cheap()
    ['A1']
    """

    def __init__(self, unit: MemoryUnit, model: type[E]) -> None:
        self._unit = unit
        self._model = model
        self._table = unit._tenant.tables[unit._maps.of(model).model]
        self._map = self._table.map
        self._staged = unit._staged.setdefault(model, {})
        self._codec = DocumentCodec.of(self._map)

    def _visible(self, id: UUID, *, deleted: bool = False) -> Any:
        staged = self._staged.get(id)
        if staged is not None:
            return staged.entity if staged.live or (deleted and not staged.erased) else None
        versions = self._table.rows.get(id)
        if versions is None:
            return None
        snapshot = self._unit.snapshot
        for version in reversed(versions):
            if version.commit <= snapshot:
                return version.entity if version.live or deleted else None
        return None

    def get(self, id: UUID, /) -> E:
        """Return the live entity; raise NotFound where there is none."""
        found = self.find(id)
        if found is None:
            raise NotFound(self._map.name, id)
        return found

    def find(self, id: UUID, /) -> E | None:
        """Return the live entity, or None."""
        unit = self._unit
        unit._check_open()
        found: E | None = self._visible(checked_id(id))
        unit._saw(self._model, id, found)
        return found

    def get_many(self, ids: Sequence[UUID], /) -> Sequence[E]:
        """Return the live entities in the order of `ids`; raise NotFound for the first that is missing."""
        return [self.get(id) for id in ids]

    def _check(self, entity: Any) -> dict[str, Any]:
        """Refuse what a store in a database could not keep; return the document it would keep."""
        if type(entity) is not self._model:
            raise InvalidValueError("entity", entity, f"give a {self._map.name}")
        self._map.check(entity)
        plain = self._codec.plain(entity)
        self._codec.text(plain)
        return plain

    def _exists(self, model: type[Any], id: UUID) -> bool:
        staged = self._unit._staged.get(model, {}).get(id)
        if staged is not None:
            return not staged.erased
        versions = self._unit._tenant.tables[model].rows.get(id)
        return versions is not None and versions[-1].entity is not None

    def _check_rules(self, entity: Any) -> tuple[_Key, ...]:
        """Raise Broken or Duplicate as the store stands now, with this unit's own changes; return the unique keys."""
        for reference in self._map.references:
            target = getattr(entity, reference.path)
            if target is not None and not self._exists(reference.model, target):
                if target == entity.id and reference.model is self._model:
                    continue
                raise self._unit._failed(Broken(self._map.name, f"reference {reference.path}", (reference.path,)))
        claims = self._unit._claims.setdefault(self._model, {})
        keys = tuple(self._table.keys_of(entity))
        for key, fields in keys:
            claimed = claims.get(key)
            holder = self._table.holders.get(key)
            if claimed is None and holder is not None and holder in self._staged:
                holder = None  # this unit has changed the holder, and its claims say what it holds now
            other = claimed or holder
            if other is not None and other != entity.id:
                raise self._unit._failed(Duplicate(self._map.name, key[0], fields))
        return keys

    def _stage(self, staged: _Staged, before: Any) -> None:
        id = staged.entity.id
        claims = self._unit._claims.setdefault(self._model, {})
        if before is not None:
            for key, _ in self._table.keys_of(before):
                if claims.get(key) == id:
                    del claims[key]
        if staged.live:
            for key, _ in staged.keys:
                claims[key] = id
        self._staged[id] = staged

    def add(self, entity: E, /) -> E:
        """Store a new entity and return it at version 1; raise Duplicate or Broken."""
        self._unit._check_writable()
        self._check(entity)
        if entity.version != 0:
            raise InvalidValueError(
                "version", entity.version, "add() takes what was never stored; save() what was loaded"
            )
        if self._exists(self._model, entity.id):
            raise self._unit._failed(Duplicate(self._map.name, "id", ("id",)))
        keys = self._check_rules(entity)
        made = at_version(entity, 1)
        self._stage(_Staged(made, live=True, base=None, keys=keys), None)
        self._unit._note(self._map, made, "add", {})
        return made

    def _both(self, ours: Any, theirs: Any, expected: int) -> dict[str, dict[str, Any]] | None:
        """Return what both sides changed; None where there is nothing of ours to compare."""
        return ours and both_changed(ours, theirs, self._unit.history(self._model, theirs.id), expected)

    def _writable(self, id: UUID, expected: int | None, ours: Any = None) -> tuple[Any, int | None]:
        """Return the present state of a row and the version it was committed at; raise NotFound or Conflict."""
        if self._map.append_only:
            raise AppendOnly(self._map.name)
        staged = self._staged.get(id)
        if staged is not None:
            if not staged.live:
                raise NotFound(self._map.name, id)
            present, base = staged.entity, staged.base
        else:
            versions = self._table.rows.get(id)
            if versions is None or not versions[-1].live:
                raise NotFound(self._map.name, id)
            present = versions[-1].entity
            base = present.version
        if expected is not None and present.version != expected:
            raise Conflict(self._map.name, id, expected, present.version, self._both(ours, present, expected))
        return present, base

    def save(self, entity: E, /) -> E:
        """Store a changed entity and return it with its version + 1; raise NotFound, Conflict, Duplicate or Broken."""
        self._unit._check_writable()
        plain = self._check(entity)
        before, base = self._writable(entity.id, entity.version, entity)
        keys = self._check_rules(entity)
        made = at_version(entity, entity.version + 1)
        self._stage(_Staged(made, live=True, base=base, keys=keys), before)
        self._unit._note(self._map, made, "save", changed_fields(self._map, before, made, plain))
        return made

    def remove(self, id: UUID, /, *, version: int | None = None) -> None:
        """Remove softly, which frees its unique values; raise NotFound, or Conflict where `version` is given and old."""
        self._unit._check_writable()
        before, base = self._writable(checked_id(id), version)
        gone = attrs.evolve(before, version=before.version + 1)
        self._stage(_Staged(gone, live=False, base=base), before)
        self._unit._note(self._map, gone, "remove", {})

    def put_many(self, entities: Iterable[E], /, *, on_conflict: OnConflict = "error") -> Sequence[RowOutcome]:
        """Store many at once and say what became of each; see `Repository.put_many`."""
        self._unit._check_writable()
        rows = entities_of(self._map, entities, on_conflict)
        outcomes = []
        for at, entity in enumerate(rows):
            outcome, error = self._put(entity, on_conflict)
            outcomes.append(RowOutcome(at, entity.id, outcome, error))
        return outcomes

    def _put(self, entity: Any, on_conflict: OnConflict) -> tuple[Any, StoreError | None]:
        if on_conflict == "error":
            self.add(entity)
            return "added", None
        self._check(entity)
        exists = self._exists(self._model, entity.id)
        present = self._present(entity.id)
        if exists and (on_conflict == "skip" or present is None or self._map.append_only):
            same = present is not None and on_conflict == "update" and self._same(entity, present)
            return ("unchanged" if same else "skipped"), None
        claims = self._unit._claims.setdefault(self._model, {})
        for key, fields in self._table.keys_of(entity):
            claimed = claims.get(key)
            holder = self._table.holders.get(key)
            if claimed is None and holder is not None and holder in self._staged:
                holder = None
            if (claimed or holder or entity.id) != entity.id:
                if on_conflict == "skip":
                    return "skipped", None
                return "lost", Duplicate(self._map.name, key[0], fields)
        if not exists:
            self.add(attrs.evolve(entity, version=0))
            return "added", None
        if entity.version not in {0, present.version}:
            return "lost", Conflict(
                self._map.name,
                entity.id,
                entity.version,
                present.version,
                self._both(entity, present, entity.version),
            )
        if self._same(entity, present):
            return "unchanged", None
        self.save(attrs.evolve(entity, version=present.version))
        return "updated", None

    def _present(self, id: UUID) -> Any:
        staged = self._staged.get(id)
        if staged is not None:
            return staged.entity if staged.live else None
        versions = self._table.rows.get(id)
        return versions[-1].entity if versions is not None and versions[-1].live else None

    @staticmethod
    def _same(entity: Any, present: Any) -> bool:
        return bool(attrs.evolve(entity, version=present.version) == present)

    def page(self, query: Query[E], /, *, size: int = 50, after: str | None = None, total: bool = False) -> Page[E]:
        """Return the next `size` entities after the cursor `after`; raise InvalidQuery or InvalidCursor."""
        checked_size("size", size)
        order = self._begin_query(query)
        start = None if after is None else order.open(after)
        with self._unit._lock:
            found = self._found(query, order, start, size + 1)
        following = order.seal(order.values(found[size - 1])) if len(found) > size else None
        for entity in found[:size]:
            self._unit._seen.add((self._model, entity.id, entity.version))
        return Page(found[:size], following, self.count(query) if total else None)

    def stream(self, query: Query[E], /, *, batch: int = 10_000) -> Iterator[Sequence[E]]:
        """Yield all entities, in batches."""
        checked_size("batch", batch)
        order = self._begin_query(query)
        with self._unit._lock:
            found = self._found(query, order, None, None)
        for at in range(0, len(found), batch):
            yield found[at : at + batch]

    def count(self, query: Query[E], /) -> int:
        """Return how many entities the query finds."""
        self._begin_query(query)
        with self._unit._lock:
            return sum(1 for _ in self._matching(query))

    def _begin_query(self, query: Query[E]) -> Ordering:
        self._unit._check_open()
        given: object = query
        if not isinstance(given, Query) or query.model is not self._model:
            raise InvalidValueError("query", query, f"ask this repository for {self._map.name}")
        self._map.check_question(query.where)
        self._unit._scanned.add(self._model)
        return Ordering(self._map, query, self._unit.tenant)

    def _matching(self, query: Query[Any]) -> Iterator[Any]:
        """Yield the entities a query finds, in no order."""
        ids = self._narrowed(query.where)
        staged = self._staged
        where = query.where
        if ids is None:
            ids = [*self._table.rows, *(id for id in staged if id not in self._table.rows)]
        else:
            ids = [*dict.fromkeys(id for id in ids if id not in staged), *staged]
        for id in ids:
            entity = self._visible(id, deleted=query.deleted)
            if entity is not None and (where is None or evaluate(where, entity)):
                yield entity

    def _narrowed(self, where: Predicate | None) -> Iterable[UUID] | None:
        """Return ids among which all committed matches are, or None where no index helps."""
        for part in _parts(where):
            if not isinstance(part, Where) or part.op not in {Op.EQ, Op.IN}:
                continue
            asked = [_bare(each) for each in (part.value if part.op is Op.IN else (part.value,))]
            if part.path == "id":
                return [value for value in asked if isinstance(value, UUID)]
            if self._table.indexed_by(part.path):
                return [id for value in asked for id in self._equal(part.path, value)]
        return None

    def _equal(self, path: str, value: Any, after: UUID | None = None, *, descending: bool = False) -> Iterator[UUID]:
        """Yield the ids with this value at an indexed path, in order."""
        if path in self._table.many:
            ids = self._table.many[path].get(search_key(value)) if isinstance(value, str) else None
            return iter(()) if ids is None else ids.walk(None, None, after, descending=descending)
        if kind_of(value) != COMPARED_AS[self._map.by_path[path].kind]:
            return iter(())
        place = None if after is None else (value, after.int, after)
        found = self._table.indexes[path].walk((value,), (value, _BEYOND), place, descending=descending)
        return (entry[2] for entry in found)

    def _walk(self, query: Query[Any], order: Ordering, start: list[Any] | None) -> Iterator[UUID] | None:
        """Yield committed ids in the order of the query from an index, or return None where none gives this order."""
        *before, last = order.terms
        after = None if start is None else start[-1]
        if not before:
            for part in _parts(query.where):
                if isinstance(part, Where) and part.op is Op.EQ and self._table.indexed_by(part.path):
                    return self._equal(part.path, _bare(part.value), after, descending=last.descending)
        if self._narrowed(query.where) is not None:
            return None
        if not before:
            place = None if after is None else (after.int, after)
            ids = self._table.ids.walk(None, None, place, descending=last.descending)
            return (entry[1] for entry in ids)
        term = before[0]
        if len(before) > 1 or term.descending != last.descending or term.column.path not in self._table.indexes:
            return None
        return self._along(term, query, start)

    def _along(self, term: Term, query: Query[Any], start: list[Any] | None) -> Iterator[UUID]:
        """Yield the ids in the order of an indexed path; a value that an entity held once is passed over."""
        path, held = term.column.path, self._map.held
        low, high, missing = None, None, term.column.nullable
        kind = COMPARED_AS[term.column.kind]
        for part in _parts(query.where):
            if isinstance(part, Where) and part.path == path and kind_of(part.value) == kind:
                missing = False
                if part.op in {Op.GE, Op.GT}:
                    low = (_bare(part.value),)
                elif part.op in {Op.LE, Op.LT}:
                    high = (_bare(part.value), _BEYOND)

        among_missing = start is not None and start[0] is None
        last = None if start is None else (start[-1].int, start[-1])
        place = None if start is None or last is None or among_missing else (start[0], *last)
        there = self._table.indexes[path].walk(low, high, place, descending=term.descending)
        rest = self._table.ids.walk(None, None, last if among_missing else None, descending=term.descending)
        present = ((value, id) for value, _, id in there)
        absent = ((None, id) for _, id in rest) if missing else iter(())
        sides: list[Iterator[tuple[Any, Any]]] = [present, absent] if term.nulls_last else [absent, present]
        if start is not None and among_missing == term.nulls_last:
            sides = sides[1:]
        for value, id in itertools.chain(*sides):
            entity = self._visible(id, deleted=query.deleted)
            if entity is not None and held(entity, path) == value:
                yield id

    def _found(self, query: Query[Any], order: Ordering, start: list[Any] | None, limit: int | None) -> list[Any]:
        walk = self._walk(query, order, start)
        if walk is None:
            return self._sorted(self._matching(query), order, start, limit)
        where, staged = query.where, self._staged

        def committed() -> Iterator[Any]:
            for id in walk:
                if id not in staged:
                    entity = self._visible(id, deleted=query.deleted)
                    if entity is not None and (where is None or evaluate(where, entity)):
                        yield entity

        own = [self._visible(id, deleted=query.deleted) for id in staged]
        known = (e for e in own if e is not None and (where is None or evaluate(where, e)))
        mine = self._sorted(known, order, start, limit) if own else []
        if not mine:
            return list(itertools.islice(committed(), limit))
        merged = heapq.merge(committed(), mine, key=lambda entity: order.position(order.values(entity)))
        return list(itertools.islice(merged, limit))

    @staticmethod
    def _sorted(found: Iterable[Any], order: Ordering, start: list[Any] | None, limit: int | None) -> list[Any]:
        placed = ((order.position(order.values(entity)), entity) for entity in found)
        if start is not None:
            first = order.position(start)
            placed = (pair for pair in placed if pair[0] > first)
        key: Callable[[Any], Any] = lambda pair: pair[0]  # noqa: E731
        chosen = sorted(placed, key=key) if limit is None else heapq.nsmallest(limit, placed, key=key)
        return [entity for _, entity in chosen]


def _parts(where: Predicate | None) -> Sequence[Predicate | None]:
    return where.parts if isinstance(where, AllOf) else (where,)


def _bare(value: Any) -> Any:
    return value.value if hasattr(value, "value") else value


class MemoryUnit(Unit):
    """A unit of work of a `MemoryStore`; open it with `MemoryStore.begin`."""

    def __init__(
        self, store: MemoryStore, *, read_only: bool, isolation: Isolation, actor: str | None, cause: str | None
    ) -> None:
        super().__init__(read_only=read_only, isolation=isolation, actor=actor, cause=cause)
        self.tenant: str = store.name
        self._maps = store._maps
        self._lock = store._lock
        self._clock = store._clock
        self._announced = store._announced
        self._repositories: dict[type[Any], Any] = {}
        self._staged: dict[type[Any], dict[UUID, _Staged]] = {}
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
        if staged is None and repository._exists(model, id):
            gone = repository._table.rows[id][-1].entity
        if gone is None or repository._present(id) is not None:
            raise NotFound(repository._map.name, id)
        made: E = attrs.evolve(gone, version=gone.version + 1)
        keys = repository._check_rules(made)
        base = staged.base if staged is not None else gone.version
        repository._stage(_Staged(made, live=True, base=base, keys=keys), gone)
        self._restored.add((model, id))
        self._note(repository._map, made, "restore", {})
        return made

    def erase(self, model: type[Any], id: UUID, /) -> None:
        """Delete the row and the values in its audit trail; raise NotFound, or Broken while something refers to it."""
        self._check_writable()
        repository = self.of(model)
        if not repository._exists(model, checked_id(id)):
            raise NotFound(repository._map.name, id)
        for map, reference in self._maps.referring_to(model):
            other = self.of(map.model)
            with self._lock:
                asked = Query[Any](map.model, Where(reference.path, Op.EQ, id), deleted=True)
                if any(not (map.model is model and entity.id == id) for entity in other._matching(asked)):
                    raise self._failed(Broken(repository._map.name, f"{map.name} refers to it", (reference.path,)))
        staged = repository._staged.get(id)
        present = staged.entity if staged is not None else repository._table.rows[id][-1].entity
        base = staged.base if staged is not None else present.version
        gone = attrs.evolve(present, version=present.version + 1)
        repository._stage(_Staged(gone, live=False, base=base, erased=True), present)
        key = (repository._map.table, id)
        self._erased.append(key)
        self._changes = [change for change in self._changes if (change.model, change.id) != key]
        self._note(repository._map, gone, "erase", {})

    def redact(self, entity: Any, /) -> None:
        """Put `entity` in place of what is stored under its id; see `Redacting`."""
        self._check_writable()
        repository, id = self.of(type(entity)), entity.id
        staged = repository._staged.get(id)
        if not repository._exists(type(entity), id):
            raise NotFound(repository._map.name, id)
        present = staged.entity if staged is not None else repository._table.rows[id][-1].entity
        base = staged.base if staged is not None else present.version
        live = staged.live if staged is not None else repository._table.rows[id][-1].live
        repository._check(entity)
        keys = repository._check_rules(entity) if live else ()
        made = attrs.evolve(entity, version=present.version + 1)
        repository._stage(_Staged(made, live=live, base=base, redacted=True, keys=keys), present)
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
            if repository._exists(model, kept.entity.id):
                raise self._failed(Duplicate(repository._map.name, "id", ("id",)))
            keys = repository._check_rules(kept.entity) if kept.live else ()
            repository._stage(_Staged(kept.entity, kept.live, base=None, keys=keys), None)
            self._changes += kept.history

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
                self._verify()
            except StoreError:
                self._end("failed")
                raise
            self._apply()
            self._end("committed")
            self._tenant.prune()

    def rollback(self) -> None:
        """Undo everything; the unit has ended."""
        if self._state in {"open", "failed"}:
            self._end("rolled back")

    def _verify(self) -> None:
        """Raise where another unit of work has committed what this one would break."""
        tables = self._tenant.tables
        for key in self._results:
            if key in self._tenant.results:
                raise Transient("the same key was committed by another unit of work")
        if self.isolation == "serializable" and any(self._staged.values()):
            for model in self._scanned:
                if tables[model].last_commit > self.snapshot:
                    raise Transient("what this unit of work asked has been changed since")
            for (model, id), version in self._read.items():
                versions = tables[model].rows.get(id)
                found = versions[-1].entity.version if versions is not None and versions[-1].live else None
                if found != version:
                    raise Transient("what this unit of work read has been changed since")
        for model, rows in self._staged.items():
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
                    and not (staged.erased or staged.redacted or (model, id) in self._restored)
                ):
                    raise NotFound(table.map.name, id)
                elif present.version != staged.base:
                    trail = self._tenant.trail.get((table.map.table, id), ())
                    both = both_changed(staged.entity, present, trail, staged.base) if staged.live else None
                    raise Conflict(table.map.name, id, staged.base, present.version, both)
                if staged.live:
                    self._verify_rules(table, staged, rows)

    def _verify_rules(self, table: _Table, staged: _Staged, rows: Mapping[UUID, _Staged]) -> None:
        entity = staged.entity
        for key, fields in staged.keys:
            holder = table.holders.get(key)
            if holder is not None and holder != entity.id and holder not in rows:
                raise Duplicate(table.map.name, key[0], fields)
        repository = self.of(table.map.model)
        for reference in table.map.references:
            target = getattr(entity, reference.path)
            if target is not None and target != entity.id and not repository._exists(reference.model, target):
                raise Broken(table.map.name, f"reference {reference.path}", (reference.path,))

    def _apply(self) -> None:
        tenant = self._tenant
        if not (any(self._staged.values()) or self._events or self._results or self._rewrites):
            return
        tenant.commit += 1
        for model, rows in self._staged.items():
            table = tenant.tables[model]
            for id, staged in rows.items():
                self._release(table, id)
                self._write(table, id, staged)
            for id, staged in rows.items():
                if staged.live:
                    for key, _ in staged.keys:
                        table.holders[key] = id
        for key in self._erased:
            tenant.trail.pop(key, None)
        for rewrite in self._rewrites:
            tenant.retold(rewrite, (), keep=True)
        for change in self._changes:
            tenant.trail.setdefault((change.model, change.id), []).append(change)
        now = self._clock()
        for kind, payload in self._events:
            id = new_id()
            tenant.outbox[id] = Claim(id, kind, payload, now)
        tenant.results.update(self._results)

    def _release(self, table: _Table, id: UUID) -> None:
        versions = table.rows.get(id)
        if versions is not None and versions[-1].live:
            for key, _ in table.keys_of(versions[-1].entity):
                table.holders.pop(key, None)

    def _write(self, table: _Table, id: UUID, staged: _Staged) -> None:
        if staged.erased and staged.base is None:
            return
        table.last_commit = self._tenant.commit
        made = _Version(self._tenant.commit, None if staged.erased else staged.entity, staged.live)
        versions = table.rows.get(id)
        if versions is None:
            table.rows[id] = [made]
            table.ids.add((id.int, id))
            table.index(staged.entity)
            return
        if made.entity is not None:
            table.index(made.entity, [version.entity for version in versions if version.entity is not None])
        versions.append(made)
        self._tenant.stale.append((self._tenant.commit, table, id))


@define(eq=False)
class MemoryStore:
    """A store in memory, scoped to one tenant; safe to share between threads.

    Parameters
    ----------
    maps : iterable of EntityMap, optional
        How entities are kept; `default_maps` unless given.
    clock : callable
        The time written into the audit trail.
    retries : Retries
        How `run` waits.
    announce : iterable of type
        The models whose every change becomes an event: type ``"Customer.added"``, ``".saved"``, ``".removed"`` or ``".erased"``,
        with id, version, actor, cause and each changed field's old and new value; see `pycrm.storage.change_schema`.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> store = MemoryStore()
    >>> with store.begin(actor="ana") as uow:
    ...     pen = uow.products.add(Product(sku="A1", name="Pen"))
    ...     uow.commit()
    >>> with store.begin(read_only=True) as uow:
    ...     uow.products.get(pen.id).name
    'Pen'
    """

    maps: Iterable[EntityMap] | None = None
    clock: Callable[[], datetime] = field(default=utc_now, kw_only=True)
    retries: Retries = field(factory=Retries, kw_only=True)
    announce: Iterable[type[Any]] = field(default=(), kw_only=True)
    name: str = field(default="main", init=False)
    _maps: MapSet = field(init=False)
    _lock: threading.RLock = field(init=False, factory=threading.RLock)
    _tenants: dict[str, _Tenant] = field(init=False, factory=dict)
    _clock: Callable[[], datetime] = field(init=False)
    _announced: frozenset[type[Any]] = field(init=False)
    _tenant: _Tenant = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._maps = MapSet(default_maps() if self.maps is None else self.maps)
        self._clock = self.clock
        self._announced = announced_models(self._maps, self.announce)
        self._tenant = self._tenants.setdefault(self.name, _Tenant(self._maps))

    def tenant(self, tenant: str, /) -> MemoryStore:
        """Return the same store for another tenant; nothing of one is seen in another."""
        checked_tenant(tenant)
        made: MemoryStore = object.__new__(MemoryStore)
        for attribute in attrs.fields(MemoryStore):
            setattr(made, attribute.name, getattr(self, attribute.name))
        made.name = tenant
        with self._lock:
            made._tenant = self._tenants.setdefault(tenant, _Tenant(self._maps))
        return made

    def begin(
        self,
        *,
        read_only: bool = False,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> MemoryUnit:
        """Open a unit of work; `actor` and `cause` go into the audit trail."""
        return MemoryUnit(self, read_only=read_only, isolation=isolation, actor=actor, cause=cause)

    def run(self, work: Callable[[MemoryUnit], T], /, *, key: str | None = None, attempts: int = 5) -> T:
        """Run `work` in a unit of work and commit; retry Transient with the whole work."""
        return run(self.begin, work, key=key, attempts=attempts, retries=self.retries)

    def claim(self, holder: str, /, *, limit: int = 100, lease: float = 30.0) -> Sequence[Claim]:
        """Return the oldest events, in order, and keep other holders away for `lease` seconds."""
        checked_size("limit", limit)
        with self._lock:
            now = self._clock()
            held = self._tenant.lease
            if held is not None and held[0] != holder and held[1] > now:
                return []
            self._tenant.lease = (holder, now + timedelta(seconds=lease))
            return list(self._tenant.outbox.values())[:limit]

    def scrub(self) -> tuple[str, ...]:
        """Forget past states; memory that was freed is the process's until it ends."""
        with self._lock:
            self._tenant.prune()
        return ("what an open unit of work still reads goes when it ends",) if self._tenant.stale else ()

    def settle(self, holder: str, ids: Sequence[UUID], /) -> int:
        """Forget delivered events; return how many there were."""
        with self._lock:
            held = self._tenant.lease
            if held is None or held[0] != holder:
                return 0
            return sum(self._tenant.outbox.pop(id, None) is not None for id in ids)
