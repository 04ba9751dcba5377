# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""The entities of one model in a database: point reads and writes, pages, bulk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Generic
from uuid import UUID

import attrs

from pycrm.errors import AppendOnly, Broken, Conflict, Duplicate, InvalidValueError, NotFound, StoreError, Transient
from pycrm.model.predicate import evaluate
from pycrm.storage.codec import changed_fields, column_value, plain_at
from pycrm.storage.mapping import Unique, UniqueEach
from pycrm.storage.ordering import Ordering
from pycrm.storage.protocols import OnConflict, RowOutcome
from pycrm.storage.query import E, Page, Query
from pycrm.storage.rows import checked_size, entities_of
from pycrm.storage.sql.bulk import put_columns
from pycrm.storage.sql.compiler import Clause, Compiler

if TYPE_CHECKING:
    from pycrm.storage.sql.unit import SqlUnit

__all__ = ["SqlRepository"]

_CHUNK = 500  # values in one IN list: below the least limit of parameters of the databases


class SqlRepository(Generic[E]):
    """The entities of one model, within a unit of work of a `SqlStore`. Subclass it to add questions.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.model.predicate import where
    >>> from pycrm.storage.sql import SqlStore
    >>> class Products(SqlRepository[Product]):
    ...     def named(self, text: str) -> list[str]:
    ...         found = self.page(Query(Product, where("name").contains(text)))
    ...         return [product.sku for product in found.items]
    >>> with SqlStore("sqlite://").begin() as uow:
    ...     _ = uow.products.add(Product(sku="A1", name="Blue pen"))
    ...     Products(uow, Product).named("pen")
    ['A1']
    """

    def __init__(self, unit: SqlUnit, model: type[E]) -> None:
        self._unit = unit
        self._model = model
        self._statements = unit._statements(model)
        self._map = self._statements.map
        self._codec = self._statements.codec
        self._id = unit._bind_id
        self._loaded: dict[UUID, Any] = {}
        self._compiler = Compiler(self._map, unit.dialect, self._statements.quoted, unit.tenant)

    def get(self, id: UUID, /) -> E:
        """Return the live entity; raise NotFound where there is none."""
        found = self.find(id)
        if found is None:
            raise NotFound(self._map.name, id)
        return found

    def find(self, id: UUID, /) -> E | None:
        """Return the live entity, or None."""
        self._unit._check_open()
        row = self._unit.fetch_one(self._statements.get, (self._unit.tenant, self._id(id)))
        return None if row is None else self._held(row)

    def _held(self, row: Sequence[Any]) -> Any:
        entity = self._codec.decode(row)
        self._loaded[entity.id] = entity
        self._unit._seen.add((self._model, entity.id, entity.version))
        return entity

    def get_many(self, ids: Sequence[UUID], /) -> Sequence[E]:
        """Return the live entities in the order of `ids`; raise NotFound for the first that is missing."""
        self._unit._check_open()
        found = {entity.id: entity for entity in map(self._held, self._rows_of(ids, live=True))}
        for id in ids:
            if id not in found:
                raise NotFound(self._map.name, id)
        return [found[id] for id in ids]

    def _rows_of(self, ids: Sequence[UUID], *, live: bool) -> Iterator[Any]:
        for at in range(0, len(ids), _CHUNK):
            some = ids[at : at + _CHUNK]
            marks = ", ".join([self._unit.dialect.parameter] * len(some))
            extra = "" if live else f", {self._statements.quoted['live']}"
            yield from self._unit.fetch(
                f"SELECT {self._statements.selected}{extra} FROM {self._statements.table}"  # noqa: S608  # names alone
                f" WHERE tenant = {self._unit.dialect.parameter} AND id IN ({marks}){' AND live = 1' if live else ''}",
                (self._unit.tenant, *map(self._id, some)),
            )

    def _check_class(self, entity: Any) -> None:
        if type(entity) is not self._model:
            raise InvalidValueError("entity", entity, f"give a {self._map.name}")

    def _inserted(self, entity: Any) -> tuple[Any, ...]:
        unit = self._unit
        added = unit._bind_at(unit._clock())
        return (unit.tenant, self._id(entity.id), 1, 1, added, unit.actor, unit.cause, *self._codec.encode(entity))

    def add(self, entity: E, /) -> E:
        """Store a new entity and return it at version 1; raise Duplicate or Broken."""
        self._unit._check_writable()
        self._check_class(entity)
        if entity.version != 0:
            raise InvalidValueError(
                "version", entity.version, "add() takes what was never stored; save() what was loaded"
            )
        row = self._inserted(entity)
        self._unit.execute(self._statements.insert, row, lambda failure: self._blame([entity], failure))
        made: E = _at_version(entity, 1)
        self._put_keys(entity, None)
        self._loaded[entity.id] = made
        return made

    def save(self, entity: E, /) -> E:
        """Store a changed entity and return it with its version + 1; raise NotFound, Conflict, Duplicate or Broken."""
        self._unit._check_writable()
        self._check_class(entity)
        if self._map.append_only:
            raise AppendOnly(self._map.name)
        row = self._codec.encode(entity)
        before = self._before(entity.id, entity.version)
        held = (self._unit.tenant, self._id(entity.id), entity.version)
        touched = self._unit.execute(
            self._statements.update, (*row, *held), lambda failure: self._blame([entity], failure)
        )
        if touched != 1:
            raise self._conflict(entity.id, entity.version)
        self._put_keys(entity, before)
        made: E = _at_version(entity, entity.version + 1)
        self._unit._note(self._map, entity.id, made.version, "save", changed_fields(self._map, before, made))
        self._loaded[entity.id] = made
        return made

    def _before(self, id: UUID, version: int | None) -> Any:
        """Return the stored entity as it is about to be changed."""
        held = self._loaded.get(id)
        if held is not None and held.version == version:
            return held
        row = self._unit.fetch_one(self._statements.get, (self._unit.tenant, self._id(id)))
        if row is None:
            raise NotFound(self._map.name, id)
        found = self._codec.decode(row)
        if version is not None and found.version != version:
            raise Conflict(self._map.name, id, version, found.version)
        return found

    def _conflict(self, id: UUID, expected: int) -> StoreError:
        row = self._unit.fetch_one(self._statements.found, (self._unit.tenant, self._id(id)))
        if row is None or row[1] is None:
            return NotFound(self._map.name, id)
        return Conflict(self._map.name, id, expected, row[0])

    def remove(self, id: UUID, /, *, version: int | None = None) -> None:
        """Remove softly, which frees its unique values; raise NotFound, or Conflict where `version` is given and old."""
        self._unit._check_writable()
        if self._map.append_only:
            raise AppendOnly(self._map.name)
        before = self._before(id, version)
        touched = self._unit.execute(self._statements.remove, (self._unit.tenant, self._id(id), before.version))
        if touched != 1:
            raise self._conflict(id, before.version)
        self._delete_unique(before)
        self._unit._note(self._map, id, before.version + 1, "remove", None)
        self._loaded.pop(id, None)

    def erase(self, id: UUID, /) -> None:
        """Delete the row and the values in its audit trail; raise NotFound, or Broken while something refers to it."""
        unit = self._unit
        unit._check_writable()
        rows = list(self._rows_of([id], live=False))
        if not rows:
            raise NotFound(self._map.name, id)
        before = self._codec.decode(rows[0])
        held = (unit.tenant, self._id(id))

        def blame(_: Any) -> StoreError:
            names = [f"{map.name}.{reference.path}" for map, reference in unit._maps.referring_to(self._model)]
            return Broken(self._map.name, "what refers to it", tuple(names))

        unit.execute(self._statements.erase, held, blame)
        self._delete_unique(before)
        p = unit.dialect.parameter
        pairs = [(path, value) for path in self._map.many for value in self._map.search_values(before, path)]
        unit.execute_many(
            f"DELETE FROM pycrm_search WHERE tenant = {p} AND model = {p} AND path = {p} AND value = {p} AND id = {p}",  # noqa: S608
            [(unit.tenant, self._map.table, path, value, self._id(id)) for path, value in pairs],
        )
        unit._flush_audit()
        unit.execute(
            f"DELETE FROM pycrm_audit WHERE tenant = {p} AND model = {p} AND id = {p}",  # noqa: S608
            (unit.tenant, self._map.table, self._id(id)),
        )
        unit._note(self._map, id, before.version + 1, "erase", None)
        self._loaded.pop(id, None)

    def _put_keys(self, entity: Any, before: Any) -> None:
        """Keep the search and unique tables in step with one changed entity."""
        if not self._map.many and not self._map.each:
            return
        self._put_keys_of([(entity, before)])

    def _put_keys_of(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        map, unit = self._map, self._unit
        if not map.many and not map.each:
            return
        search_out: list[Any] = []
        search_in: list[Any] = []
        unique_out: list[Any] = []
        unique_in: list[Any] = []
        for entity, before in pairs:
            id = self._id(entity.id)
            for path in map.many:
                new = map.search_values(entity, path)
                old = frozenset[str]() if before is None else map.search_values(before, path)
                search_out += [(unit.tenant, map.table, path, value, id) for value in old - new]
                search_in += [(unit.tenant, map.table, path, value, id) for value in new - old]
            keys = {(rule.name, key) for rule, key in map.each_key(entity)}
            held = set() if before is None else {(rule.name, key) for rule, key in map.each_key(before)}
            unique_out += [(unit.tenant, map.table, name, key) for name, key in held - keys]
            unique_in += [(unit.tenant, map.table, name, key, id) for name, key in keys - held]
        p = unit.dialect.parameter
        unit.execute_many(
            f"DELETE FROM pycrm_search WHERE tenant = {p} AND model = {p} AND path = {p} AND value = {p} AND id = {p}",  # noqa: S608
            search_out,
        )
        unit.execute_many(
            f"INSERT INTO pycrm_search (tenant, model, path, value, id) VALUES ({p}, {p}, {p}, {p}, {p})",  # noqa: S608
            search_in,
        )
        self._delete_keys(unique_out)
        self._insert_unique(unique_in)

    def _insert_unique(self, rows: list[Any]) -> None:
        map, p = self._map, self._unit.dialect.parameter
        self._unit.execute_many(
            f"INSERT INTO pycrm_unique (tenant, model, rule, value, id) VALUES ({p}, {p}, {p}, {p}, {p})",  # noqa: S608
            rows,
            lambda _: Duplicate(map.name, map.each[0].name, map.each[0].fields),
        )

    def _put_search_of(self, entities: Iterable[Any]) -> None:
        """Fill the search table alone: removed entities are found, but hold no unique key."""
        map, unit, p = self._map, self._unit, self._unit.dialect.parameter
        rows = [
            (unit.tenant, map.table, path, value, self._id(entity.id))
            for entity in entities
            for path in map.many
            for value in map.search_values(entity, path)
        ]
        unit.execute_many(
            f"INSERT INTO pycrm_search (tenant, model, path, value, id) VALUES ({p}, {p}, {p}, {p}, {p})",  # noqa: S608
            rows,
        )

    def _delete_unique(self, before: Any) -> None:
        map, tenant = self._map, self._unit.tenant
        self._delete_keys([(tenant, map.table, rule.name, key) for rule, key in map.each_key(before)])

    def _delete_keys(self, keys: list[Any]) -> None:
        p = self._unit.dialect.parameter
        self._unit.execute_many(
            f"DELETE FROM pycrm_unique WHERE tenant = {p} AND model = {p} AND rule = {p} AND value = {p}",  # noqa: S608
            keys,
        )

    def _blame(self, entities: Sequence[Any], failure: Any) -> StoreError | None:
        """Find out which rule of which entity was broken: by its name where the database says it, else by looking."""
        map, unit = self._map, self._unit
        if unit.dialect.name == "postgresql":
            return self._named(failure)
        if failure.kind == "duplicate":
            for entity in entities:
                for rule in map.uniques:
                    held = self._holder_of(rule, entity)
                    if held is not None and held != entity.id:
                        return Duplicate(map.name, rule.name, rule.paths)
            return Duplicate(map.name, "id", ("id",))
        for entity in entities:
            for reference in map.references:
                target = getattr(entity, reference.path)
                other = unit._statements(reference.model)
                if target is not None and unit.fetch_one(other.found, (unit.tenant, self._id(target))) is None:
                    return Broken(map.name, f"reference {reference.path}", (reference.path,))
        return None

    def _named(self, failure: Any) -> StoreError | None:
        map = self._map
        if failure.kind == "duplicate":
            for rule in map.uniques:
                if failure.constraint == f"uq_{map.table}_{rule.name}"[:60]:
                    return Duplicate(map.name, rule.name, rule.paths)
            return Duplicate(map.name, "id", ("id",))
        for reference in map.references:
            if failure.constraint == f"fk_{map.table}_{map.by_path[reference.path].name}"[:60]:
                return Broken(map.name, f"reference {reference.path}", (reference.path,))
        return None

    def _holder_of(self, rule: Unique, entity: Any) -> UUID | None:
        key = self._map.unique_key(entity, rule)
        if key is None:
            return None
        columns = [self._map.by_path[path] for path in rule.paths]
        bound = [(self._unit.dialect.binder(c) or _same)(value) for c, value in zip(columns, key, strict=True)]
        p = self._unit.dialect.parameter
        wanted = " AND ".join(f"{self._statements.quoted[column.name]} = {p}" for column in columns)
        row = self._unit.fetch_one(
            f"SELECT id FROM {self._statements.table} WHERE tenant = {p} AND {wanted} AND live = 1",  # noqa: S608
            (self._unit.tenant, *bound),
        )
        return None if row is None else self._read_id(row[0])

    def _read_id(self, raw: Any) -> UUID:
        read = self._unit.dialect.reader(self._map.id_column)
        return raw if read is None else read(raw)  # type: ignore[no-any-return]  # the driver gives a UUID or its bytes

    def put_many(self, entities: Iterable[E], /, *, on_conflict: OnConflict = "error") -> Sequence[RowOutcome]:
        """Store many at once and say what became of each; see `Repository.put_many`."""
        self._unit._check_writable()
        rows = entities_of(self._map, entities, on_conflict)
        outcomes: list[RowOutcome] = []
        claims: dict[tuple[str, Any], UUID] = {}
        for at in range(0, len(rows), _CHUNK):
            some = rows[at : at + _CHUNK]
            if on_conflict == "error":
                for entity in some:
                    if entity.version != 0:
                        fix = "add what was never stored; save() what was loaded"
                        raise InvalidValueError("version", entity.version, fix)
                self._insert_all(some)
                outcomes += [RowOutcome(at + i, entity.id, "added") for i, entity in enumerate(some)]
            else:
                outcomes += self._merge(some, on_conflict, at, claims)
        return outcomes

    def _insert_all(self, entities: Sequence[Any]) -> None:
        rows = [self._inserted(entity) for entity in entities]
        self._unit.execute_many(self._statements.insert, rows, lambda failure: self._blame(entities, failure))
        self._put_keys_of((entity, None) for entity in entities)

    def _merge(
        self, entities: Sequence[Any], on_conflict: OnConflict, start: int, claims: dict[tuple[str, Any], UUID]
    ) -> list[RowOutcome]:
        """Compare with what is there, then add and update what should be."""
        stored: dict[UUID, tuple[Any, bool]] = {}
        for row in self._rows_of([entity.id for entity in entities], live=False):
            found = self._codec.decode(row)
            stored[found.id] = (found, row[-1] is not None)
        for entity in entities:
            self._codec.encode(entity)
        holders = self._holders(entities)
        added: list[Any] = []
        updated: list[tuple[Any, Any]] = []
        outcomes: list[RowOutcome] = []
        for at, entity in enumerate(entities, start):
            present, live = stored.get(entity.id, (None, False))
            outcome: Any = None
            error: StoreError | None = None
            if present is not None and (on_conflict == "skip" or not live or self._map.append_only):
                same = live and on_conflict == "update" and _at_version(entity, present.version) == present
                outcomes.append(RowOutcome(at, entity.id, "unchanged" if same else "skipped"))
                continue
            keys = dict(self._keys_of(entity))
            taken = next((key for key in keys if claims.get(key, holders.get(key, entity.id)) != entity.id), None)
            if taken is not None:
                lost = None if on_conflict == "skip" else Duplicate(self._map.name, taken[0], keys[taken])
                outcomes.append(RowOutcome(at, entity.id, "skipped" if lost is None else "lost", lost))
                continue
            if present is None:
                outcome = "added"
                added.append(entity)
            elif entity.version not in {0, present.version}:
                outcome, error = "lost", Conflict(self._map.name, entity.id, entity.version, present.version)
            elif _at_version(entity, present.version) == present:
                outcome = "unchanged"
            else:
                outcome = "updated"
                updated.append((_at_version(entity, present.version), present))
                for key, _ in self._keys_of(present):
                    if holders.get(key) == entity.id:
                        del holders[key]
            if outcome in {"added", "updated"}:
                claims.update(dict.fromkeys(keys, entity.id))
            outcomes.append(RowOutcome(at, entity.id, outcome, error))
        self._update_all(updated)
        self._insert_all(added)
        return outcomes

    def _keys_of(self, entity: Any) -> Iterator[tuple[tuple[str, Any], tuple[str, ...]]]:
        for rule in self._map.uniques:
            key = self._map.unique_key(entity, rule)
            if key is not None:
                yield (rule.name, key), rule.paths
        for each, text in self._map.each_key(entity):
            yield (each.name, text), each.fields

    def _holders(self, entities: Sequence[Any]) -> dict[tuple[str, Any], UUID]:
        """Return who holds the unique keys of these entities now."""
        found: dict[tuple[str, Any], UUID] = {}
        dialect, p, unit = self._unit.dialect, self._unit.dialect.parameter, self._unit
        for rule in self._map.uniques:
            keys = {key for entity in entities if (key := self._map.unique_key(entity, rule)) is not None}
            if not keys:
                continue
            columns = [self._map.by_path[path] for path in rule.paths]
            binders = [dialect.binder(column) or _same for column in columns]
            names = ", ".join(self._statements.quoted[column.name] for column in columns)
            one = f"({', '.join([p] * len(columns))})"
            values = ", ".join([one] * len(keys))
            listed = f"(VALUES {values})" if dialect.name == "sqlite" else f"({values})"
            by_bound = {tuple(bind(v) for bind, v in zip(binders, key, strict=True)): key for key in keys}
            rows = unit.fetch(
                f"SELECT id, {names} FROM {self._statements.table}"  # noqa: S608  # names alone
                f" WHERE tenant = {p} AND live = 1 AND ({names}) IN {listed}",
                (unit.tenant, *(value for bound in by_bound for value in bound)),
            )
            readers = [dialect.reader(column) or _same for column in columns]
            for id, *raw in rows:
                key = tuple(read(value) for read, value in zip(readers, raw, strict=True))
                found[(rule.name, key)] = self._read_id(id)
        for each in self._map.each:
            keys_ = sorted({key for entity in entities for rule, key in self._map.each_key(entity) if rule is each})
            found |= self._each_holders(each, keys_)
        return found

    def _each_holders(self, each: UniqueEach, keys: list[str]) -> dict[tuple[str, Any], UUID]:
        p = self._unit.dialect.parameter
        found: dict[tuple[str, Any], UUID] = {}
        for at in range(0, len(keys), _CHUNK):
            some = keys[at : at + _CHUNK]
            rows = self._unit.fetch(
                f"SELECT value, id FROM pycrm_unique WHERE tenant = {p} AND model = {p} AND rule = {p}"  # noqa: S608
                f" AND value IN ({', '.join([p] * len(some))})",
                (self._unit.tenant, self._map.table, each.name, *some),
            )
            found |= {(each.name, value): self._read_id(id) for value, id in rows}
        return found

    def _update_all(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        unit = self._unit
        rows = [(*self._codec.encode(entity), unit.tenant, self._id(entity.id), entity.version) for entity, _ in pairs]
        changed = [entity for entity, _ in pairs]
        touched = unit.execute_many(self._statements.update, rows, lambda failure: self._blame(changed, failure))
        if touched != len(rows):
            unit._end("failed")
            raise Transient("rows were changed by another unit of work while they were compared")
        self._put_keys_of(pairs)
        for entity, before in pairs:
            after = _at_version(entity, entity.version + 1)
            unit._note(self._map, entity.id, after.version, "save", changed_fields(self._map, before, after))

    def put_columns(self, columns: Mapping[str, Sequence[Any]], /, *, on_conflict: OnConflict = "error") -> int:
        """Store one entity per row of the columns and return how many were written."""
        self._unit._check_writable()
        return put_columns(self, columns, on_conflict)

    def page(self, query: Query[E], /, *, size: int = 50, after: str | None = None, total: bool = False) -> Page[E]:
        """Return the next `size` entities after the cursor `after`; raise InvalidQuery or InvalidCursor."""
        checked_size("size", size)
        ordering, clause = self._asked(query)
        start = None if after is None else ordering.open(after)
        found: list[Any] = []
        for batch in self._batches(
            query, ordering, clause, start, size + 1 if clause.rest is None else max(size + 1, 500)
        ):
            found += batch
            if len(found) > size:
                break
        following = ordering.seal(ordering.values(found[size - 1])) if len(found) > size else None
        for entity in found[:size]:
            self._loaded[entity.id] = entity
            self._unit._seen.add((self._model, entity.id, entity.version))
        return Page(found[:size], following, self.count(query) if total else None)

    def stream(self, query: Query[E], /, *, batch: int = 10_000) -> Iterator[Sequence[E]]:
        """Yield all entities, in batches, without holding them all."""
        checked_size("batch", batch)
        ordering, clause = self._asked(query)
        for found in self._batches(query, ordering, clause, None, batch):
            if found:
                yield found

    def count(self, query: Query[E], /) -> int:
        """Return how many entities the query finds."""
        ordering, clause = self._asked(query)
        if clause.rest is not None:
            return sum(len(found) for found in self._batches(query, ordering, clause, None, 10_000))
        sql = f"SELECT COUNT(*) FROM {self._statements.table} WHERE {self._condition(query, clause)}"  # noqa: S608
        return int(self._unit.fetch_one(sql, (self._unit.tenant, *clause.parameters))[0])

    def columns(self, query: Query[E], fields: Sequence[str]) -> dict[str, list[Any]]:
        """Return one list per field or path, in the order of the query."""
        ordering, clause = self._asked(query)
        for path in fields:
            self._map.knows(path)
        if clause.rest is not None:
            rows = [entity for batch in self.stream(query) for entity in batch]
            return {path: [column_value(self._map, entity, path) for entity in rows] for path in fields}
        direct = [path for path in dict.fromkeys(fields) if path in self._map.by_path]
        nested = [path for path in dict.fromkeys(fields) if path not in self._map.by_path]
        selected = [self._statements.quoted[self._map.by_path[path].name] for path in direct]
        if nested:
            selected.append(self._unit.dialect.document.format(self._statements.quoted["document"]))
        sql = (
            f"SELECT {', '.join(selected) or '1'} FROM {self._statements.table}"  # noqa: S608  # names alone
            f" WHERE {self._condition(query, clause)} ORDER BY {self._compiler.order(ordering)}"
        )
        raw = self._unit.fetch(sql, (self._unit.tenant, *clause.parameters))
        made: dict[str, list[Any]] = {}
        transposed: list[Sequence[Any]] = list(zip(*raw, strict=True)) if raw else [() for _ in selected]
        for path, values in zip(direct, transposed, strict=False):
            read = self._unit.dialect.reader(self._map.by_path[path])
            made[path] = list(values) if read is None else [None if v is None else read(v) for v in values]
        if nested:
            plain = [{} if text is None else json.loads(text) for text in transposed[-1]]
            for path in nested:
                made[path] = plain_at(self._codec.document, plain, path)
        return {path: made[path] for path in fields}

    def _asked(self, query: Query[E]) -> tuple[Ordering, Clause]:
        self._unit._check_open()
        if query.model is not self._model:
            raise InvalidValueError("query", query, f"ask this repository for {self._map.name}")
        self._map.check_question(query.where)
        return Ordering(self._map, query, self._unit.tenant), self._compiler.where(query.where)

    def _condition(self, query: Query[E], clause: Clause) -> str:
        live = "" if query.deleted else " AND live = 1"
        return f"tenant = {self._unit.dialect.parameter}{live} AND {clause.sql}"

    def _batches(
        self, query: Query[E], ordering: Ordering, clause: Clause, start: list[Any] | None, size: int
    ) -> Iterator[list[Any]]:
        """Yield the entities in batches of at most `size` rows, each continuing after the last."""
        order, rest = self._compiler.order(ordering), clause.rest
        while True:
            behind, values = ("", []) if start is None else self._compiler.after(ordering, start)
            sql = (
                f"SELECT {self._statements.selected} FROM {self._statements.table}"  # noqa: S608  # names alone
                f" WHERE {self._condition(query, clause)}{behind and ' AND ' + behind}"
                f" ORDER BY {order} LIMIT {self._unit.dialect.parameter}"
            )
            rows = self._unit.fetch(sql, (self._unit.tenant, *clause.parameters, *values, size))
            found = list(map(self._codec.decode, rows))
            yield found if rest is None else [entity for entity in found if evaluate(rest, entity)]
            if len(rows) < size:
                return
            start = ordering.values(found[-1])


def _same(value: Any) -> Any:
    return value


def _at_version(entity: Any, version: int) -> Any:
    """`entity` at another version, without running its validators again."""
    if entity.version == version:
        return entity
    names = _copied(entity.__class__)
    if names is None:
        return attrs.evolve(entity, version=version)
    made = object.__new__(type(entity))
    put: Callable[[Any, str, Any], None] = object.__setattr__
    for name in names:
        put(made, name, getattr(entity, name))
    put(made, "version", version)
    return made


@cache
def _copied(model: type[Any]) -> tuple[str, ...] | None:
    """Return the fields of a class, None where it computes some of its own."""
    fields = attrs.fields(model)
    return tuple(field.name for field in fields) if all(field.init for field in fields) else None
