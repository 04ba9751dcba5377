# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""The entities of one model in a database: point reads and writes, pages, bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic
from uuid import UUID

from pycrm.errors import AppendOnly, Broken, Conflict, InvalidValueError, NotFound, StoreError
from pycrm.model.predicate import evaluate
from pycrm.storage.codec import both_changed, changed_fields
from pycrm.storage.ordering import Ordering
from pycrm.storage.protocols import OnConflict, RowOutcome, Upserted
from pycrm.storage.query import E, Page, Query
from pycrm.storage.rows import checked_id, checked_size
from pycrm.storage.sql.bulk import put_columns
from pycrm.storage.sql.compiler import Clause, Compiler
from pycrm.storage.sql.keys import Keys
from pycrm.storage.sql.merge import put_many, upsert
from pycrm.storage.sql.scan import Scan

if TYPE_CHECKING:
    from pycrm.storage.sql.unit import SqlUnit

__all__ = ["SqlRepository"]

_CHUNK = 500  # values in one IN list: below the least limit of parameters of the databases


@lru_cache(maxsize=1_000)
def _update(table: str, names: tuple[str, ...], p: str) -> str:
    """Write the statement that changes some columns of one row: what is not named, and its indexes, need no writing."""
    sets = "".join([f", {name} = {p}" for name in names])
    return (
        f"UPDATE {table} SET version = version + 1{sets}"  # noqa: S608  # names, no values
        f" WHERE tenant = {p} AND id = {p} AND version = {p} AND live = 1"
    )


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
        # Of what was found or paged: the entity, and the text of the document that it was read from.
        self._documents: dict[UUID, tuple[Any, str | None]] = {}
        self._keys = Keys(unit, self._statements)
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
        row = self._unit.fetch_one(self._statements.get, (self._unit.tenant, self._id(checked_id(id))))
        if row is None:
            self._unit._missed.add(self._map.name)
            return None
        held: E = self._held(row)
        return held

    def _read(self, row: Sequence[Any]) -> Any:
        entity = self._codec.decode(row)
        if self._codec.verbatim:
            self._documents[entity.id] = entity, row[-1]
        return entity

    def _held(self, row: Sequence[Any]) -> Any:
        entity = self._read(row)
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

    def _rows_of(self, ids: Sequence[UUID], *, live: bool, lock: bool = False) -> Iterator[Any]:
        locking = self._unit.dialect.locking if lock else ""
        for at in range(0, len(ids), _CHUNK):
            some = ids[at : at + _CHUNK]
            marks = ", ".join([self._unit.dialect.parameter] * len(some))
            extra = "" if live else f", {self._statements.quoted['live']}"
            yield from self._unit.fetch(
                f"SELECT {self._statements.selected}{extra} FROM {self._statements.table}"  # noqa: S608  # names alone
                f" WHERE tenant = {self._unit.dialect.parameter} AND id IN ({marks}){' AND live = 1' if live else ''}{locking}",
                (self._unit.tenant, *(self._id(checked_id(id)) for id in some)),
            )

    def _check_class(self, entity: Any) -> None:
        if type(entity) is not self._model:
            raise InvalidValueError("entity", entity, f"give a {self._map.name}")

    def add(self, entity: E, /) -> E:
        """Store a new entity and return it at version 1; raise Duplicate or Broken."""
        unit = self._unit
        unit._check_writable()
        self._check_class(entity)
        if entity.version != 0:
            raise InvalidValueError(
                "version", entity.version, "add() takes what was never stored; save() what was loaded"
            )
        head = (unit.tenant, self._id(entity.id), 1, 1, unit._bind_at(unit._clock()), unit.actor, unit.cause)
        unit.execute(
            self._statements.insert,
            head + self._codec.encode(entity),
            lambda failure: self._keys.blame([entity], failure),
        )
        made: E = self._codec.renew(entity, 1)
        if not self._keys.none:
            self._keys.put(((entity, None),))
        unit._note_added(self._map, (entity.id,))
        self._loaded[entity.id] = made
        return made

    def save(self, entity: E, /) -> E:
        """Store a changed entity and return it with its version + 1; raise NotFound, Conflict, Duplicate or Broken."""
        unit, map, version = self._unit, self._map, entity.version
        unit._check_writable()
        self._check_class(entity)
        if map.append_only:
            raise AppendOnly(map.name)
        try:
            before = self._before(entity.id, version, entity)
        except StoreError:
            self._codec.encode(entity)  # what no store could keep is refused first, by every store
            raise
        names, values, plain = self._codec.changes(before, entity, partial(self._plain_after, before))
        touched = unit.execute(
            _update(
                self._statements.table, tuple([self._statements.quoted[name] for name in names]), unit.dialect.parameter
            ),
            (*values, unit.tenant, self._id(entity.id), version),
            lambda failure: self._keys.blame([entity], failure),
        )
        if touched != 1:
            raise self._conflict(entity.id, version, entity)
        made: E = self._codec.renew(entity, version + 1)
        changed = changed_fields(map, before, made, plain)
        if not self._keys.none:
            self._keys.put(((entity, before),), changed)
        unit._note(map, entity.id, made.version, "save", changed)
        self._loaded[entity.id] = made
        return made

    def _plain_after(self, before: Any, entity: Any) -> dict[str, Any]:
        """Return the plain document of an entity, with the help of the one it was read from."""
        read, text = self._documents.get(entity.id, (None, None))
        if read is not before:
            return self._codec.document.plain(entity)
        return self._codec.document.plain_after(entity, before, text)

    def _before(self, id: UUID, version: int | None, ours: Any = None) -> Any:
        """Return the stored entity as it is about to be changed."""
        held = self._loaded.get(id)
        if held is not None and held.version == version:
            return held
        row = self._unit.fetch_one(self._statements.get, (self._unit.tenant, self._id(id)))
        if row is None:
            raise NotFound(self._map.name, id)
        found = self._codec.decode(row)
        if version is not None and found.version != version:
            raise Conflict(self._map.name, id, version, found.version, self._both(ours, found, version))
        return found

    def _conflict(self, id: UUID, expected: int, ours: Any = None) -> StoreError:
        row = self._unit.fetch_one(self._statements.get, (self._unit.tenant, self._id(id)))
        if row is None:
            return NotFound(self._map.name, id)
        found = self._codec.decode(row)
        return Conflict(self._map.name, id, expected, found.version, self._both(ours, found, expected))

    def _both(self, ours: Any, theirs: Any, expected: int) -> dict[str, dict[str, Any]] | None:
        """Return what both sides changed; None where there is nothing of ours to compare."""
        return ours and both_changed(ours, theirs, self._unit.history(self._model, theirs.id), expected)

    def remove(self, id: UUID, /, *, version: int | None = None) -> None:
        """Remove softly, which frees its unique values; raise NotFound, or Conflict where `version` is given and old."""
        self._unit._check_writable()
        if self._map.append_only:
            raise AppendOnly(self._map.name)
        before = self._before(checked_id(id), version)
        touched = self._unit.execute(self._statements.remove, (self._unit.tenant, self._id(id), before.version))
        if touched != 1:
            raise self._conflict(id, before.version)
        self._keys.release(before)
        self._unit._note(self._map, id, before.version + 1, "remove", None)
        self._loaded.pop(id, None)

    def restore(self, id: UUID, /) -> E:
        """Make a removed entity live again as it was; raise NotFound or Duplicate."""
        unit, map = self._unit, self._map
        unit._check_writable()
        rows = list(self._rows_of([id], live=False))
        if not rows or rows[0][-1] is not None:
            raise NotFound(map.name, id)
        before, p = self._codec.decode(rows[0]), unit.dialect.parameter
        touched = unit.execute(
            f"UPDATE {self._statements.table} SET version = version + 1, live = 1"  # noqa: S608  # names alone
            f" WHERE tenant = {p} AND id = {p} AND version = {p} AND live IS NULL",
            (unit.tenant, self._id(id), before.version),
            lambda failure: self._keys.blame([before], failure),
        )
        if touched != 1:
            raise self._conflict(id, before.version)
        self._keys.put_unique(
            [(unit.tenant, map.table, rule.name, key, self._id(id)) for rule, key in map.each_key(before)]
        )
        made: E = self._codec.renew(before, before.version + 1)
        unit._note(map, id, made.version, "restore", None)
        self._loaded[id] = made
        return made

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
        self._keys.release(before)
        self._forget(before)
        unit._note(self._map, id, before.version + 1, "erase", None)

    def redact(self, entity: E) -> None:
        """Put `entity` in place of what is stored under its id; see `pycrm.storage.protocols.Redacting`."""
        unit = self._unit
        unit._check_writable()
        self._check_class(entity)
        row = self._codec.encode(entity)
        rows = list(self._rows_of([entity.id], live=False))
        if not rows:
            raise NotFound(self._map.name, entity.id)
        before, live = self._codec.decode(rows[0]), rows[0][-1] is not None
        held = (unit.tenant, self._id(entity.id))
        unit.execute(self._statements.redact, (*row, *held), lambda failure: self._keys.blame([entity], failure))
        self._keys.release(before)
        self._forget(before)
        if live:
            self._keys.put([(entity, None)])
        else:
            self._keys.put_search(self._keys.searched([entity]))
        unit._note(self._map, entity.id, before.version + 1, "erase", None)

    def _forget(self, before: Any) -> None:
        """Delete what search table and audit trail hold of an entity."""
        unit, p = self._unit, self._unit.dialect.parameter
        self._keys.drop_search(self._keys.searched([before]))
        unit._flush_audit()
        unit.execute(
            f"DELETE FROM pycrm_audit WHERE tenant = {p} AND model = {p} AND id = {p}",  # noqa: S608
            (unit.tenant, self._map.table, self._id(before.id)),
        )
        self._loaded.pop(before.id, None)

    def put_many(self, entities: Iterable[E], /, *, on_conflict: OnConflict = "error") -> Sequence[RowOutcome]:
        """Store many at once and say what became of each; see `Repository.put_many`."""
        self._unit._check_writable()
        return put_many(self, entities, on_conflict)

    def upsert(self, entities: Iterable[E], /) -> Upserted:
        """Add what is new and write over what is there; see `Upserting`."""
        self._unit._check_writable()
        return upsert(self, entities)

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
            query, ordering, clause, start, size + 1 if clause.rest is None else max(size + 1, 500), self._read
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
        return Scan(self, query, fields).whole()

    def column_batches(self, query: Query[E], fields: Sequence[str], *, batch: int) -> Iterator[dict[str, list[Any]]]:
        """Yield one list per field or path for each stretch of rows, in the order of the query."""
        return Scan(self, query, fields).parts(checked_size("batch", batch))

    def _asked(self, query: Query[E]) -> tuple[Ordering, Clause]:
        self._unit._check_open()
        given: object = query
        if not isinstance(given, Query) or query.model is not self._model:
            raise InvalidValueError("query", query, f"ask this repository for {self._map.name}")
        self._map.check_question(query.where)
        return Ordering(self._map, query, self._unit.tenant), self._compiler.where(query.where)

    def _condition(self, query: Query[E], clause: Clause) -> str:
        live = "" if query.deleted else " AND live = 1"
        return f"tenant = {self._unit.dialect.parameter}{live} AND {clause.sql}"

    def _batches(
        self,
        query: Query[E],
        ordering: Ordering,
        clause: Clause,
        start: list[Any] | None,
        size: int,
        read: Callable[[Any], Any] | None = None,
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
            found = list(map(read or self._codec.decode, rows))
            yield found if rest is None else [entity for entity in found if evaluate(rest, entity)]
            if len(rows) < size:
                return
            start = ordering.values(found[-1])
