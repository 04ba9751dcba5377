# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""A unit of work over one connection: transactions, errors as ours, the audit trail, the outbox."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pycrm.errors import Broken, Duplicate, ReadOnly, StoreError, Transient, Unknown
from pycrm.model.entity import new_id
from pycrm.storage.calm import uncollected
from pycrm.storage.mapping import EntityMap
from pycrm.storage.portable import Kept
from pycrm.storage.protocols import Change, Isolation, OnConflict, Told, Upserted
from pycrm.storage.query import E, Query
from pycrm.storage.rows import checked_id
from pycrm.storage.sql.arrow import arrow_batches
from pycrm.storage.sql.beside import retell
from pycrm.storage.sql.dialects import Dialect
from pycrm.storage.sql.repository import SqlRepository
from pycrm.storage.sql.statements import AT, ID, Statements
from pycrm.storage.unit import Unit, event_of, named_tenant

if TYPE_CHECKING:
    from pycrm.storage.sql.store import SqlStore

__all__ = ["SqlUnit"]

_MANY = 1_000  # rows from which on a plan made without statistics hurts
_plain_json = json.JSONEncoder(ensure_ascii=False).encode


class SqlUnit(Unit):
    """A unit of work of a `SqlStore`; open it with `SqlStore.begin`.

    On SQLite a writing unit reads what is committed until its first write, and holds the one writer's place from there on;
    `SqlStore.run` and ``isolation="serializable"`` take that place at once.
    """

    def __init__(
        self,
        store: SqlStore,
        *,
        read_only: bool,
        isolation: Isolation,
        actor: str | None,
        cause: str | None,
        at_once: bool = False,
    ) -> None:
        super().__init__(read_only=read_only, isolation=isolation, actor=actor, cause=cause)
        self.tenant: str = named_tenant(store.name)
        self.dialect: Dialect = store.dialect
        self._store = store
        self._maps = store._maps
        self._clock = store.clock
        self._announced = store._announced
        self._repositories: dict[type[Any], SqlRepository[Any]] = {}
        self._audit: list[tuple[Any, ...]] = []
        self._cursors = itertools.count(1)
        self._lost = False
        self._writing = False
        self._ready = False
        self._begun = False
        self._grown: set[str] = set()
        self._bind_id = self.dialect.binder(ID) or _same
        self._bind_at = self.dialect.binder(AT) or _same
        self._read_id: Callable[[Any], UUID] = self.dialect.reader(ID) or _same
        self._link = store._open()
        self._cursor: Any = None
        try:
            self._cursor = self._link.cursor()
            if self.dialect.name != "sqlite" or self._link.joined:
                self._begin()
            elif read_only:
                self._tell(self.dialect.begin_read)
            elif at_once or isolation == "serializable":
                self._begin()
        except BaseException:
            self._end("failed")
            raise

    def _begin(self) -> None:
        """Begin the transaction; on SQLite, take the writer's place before."""
        serializable = self.isolation == "serializable"
        if self._link.joined:
            if serializable:
                self._link.check_serializable()
            self._tell((f"SAVEPOINT {self._link.savepoint}",))
        elif self.read_only:
            self._tell(self.dialect.begin_read)
        else:
            self._link.acquire()
            self._tell(self.dialect.begin_serializable if serializable else self.dialect.begin_write)
        if self._store._core.lent and self.dialect.local:
            self.fetch_one(self.dialect.local)
        self._writing = True

    def _check_writable(self) -> None:
        if self._ready:
            return
        super()._check_writable()
        if not self._writing:
            try:
                self._begin()
            except StoreError:
                self._end("failed")
                raise
        self._ready = True

    def of(self, model: type[E], /) -> SqlRepository[E]:
        """Return the repository of one entity class."""
        found = self._repositories.get(model)
        if found is None:
            found = self._repositories[model] = SqlRepository(self, model)
        return found

    def _statements(self, model: type[Any]) -> Statements:
        return self._store._statements(self._maps.of(model))

    def _tell(self, statements: Iterable[str]) -> None:
        self._begun = True  # said before it is done: an error may come after the database has done it
        for statement in statements:
            self.execute(statement)

    def _as_ours(self, error: BaseException, blame: Callable[[Any], StoreError | None] | None = None) -> StoreError:
        failure = self.dialect.failure(error)
        self._lost = self._lost or failure.lost
        if failure.kind == "transient":
            made: StoreError = Transient("the database is busy or out of reach", failure.code)
        elif failure.kind == "readonly":
            fix = "go on reading with begin(read_only=True), and write where or when the database takes writes"
            made = ReadOnly(f"the database only reads now (code {failure.code})", fix)
        elif failure.kind in {"duplicate", "broken"}:
            found = None if blame is None else self._blamed(blame, failure)
            if found is None:
                kind = Duplicate if failure.kind == "duplicate" else Broken
                found = kind("row", failure.constraint or failure.code)
            made = found
        else:
            made = StoreError(
                f"the database refused with code {failure.code}; the driver's error is the cause of this one"
            )
        self._end("failed")
        return made

    def _blamed(self, blame: Callable[[Any], StoreError | None], failure: Any) -> StoreError | None:
        if self.dialect.name == "postgresql" and failure.constraint is None:
            return None
        try:
            return blame(failure)
        except StoreError:
            return None

    def execute(self, sql: str, parameters: Sequence[Any] = (), blame: Any = None) -> int:
        """Run one statement and return how many rows it touched."""
        try:
            self._cursor.execute(sql, parameters)
            return int(self._cursor.rowcount)
        except self._link.errors as error:
            raise self._as_ours(error, blame) from error

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]], blame: Any = None) -> int:
        """Run one statement for many rows."""
        if not rows:
            return 0
        try:
            self._cursor.executemany(sql, rows)
            return int(self._cursor.rowcount)
        except self._link.errors as error:
            raise self._as_ours(error, blame) from error

    def copies(self, rows: int) -> bool:
        """Tell whether so many rows travel by PostgreSQL's COPY."""
        least = self._store._core.copied_from
        return least is not None and rows >= least

    def copy(self, sql: str, rows: Iterable[Sequence[Any]], blame: Any = None) -> int:
        """Send rows by COPY, which checks every rule of the table as INSERT does.

        The database takes them in while the next are made, so a row may turn out to be none when others are there already:
        then all of them are taken back, and the unit goes on.
        """
        try:
            self._cursor.execute("SAVEPOINT pycrm_copy")
            try:
                with self._cursor.copy(sql) as copy:
                    write = copy.write_row
                    for row in rows:
                        write(row)
            except self._link.errors:
                raise
            except BaseException:
                self._cursor.execute("ROLLBACK TO SAVEPOINT pycrm_copy")
                raise
            touched = int(self._cursor.rowcount)
            self._cursor.execute("RELEASE SAVEPOINT pycrm_copy")
        except self._link.errors as error:
            raise self._as_ours(error, blame) from error
        return touched

    def grew(self, table: str, rows: int) -> None:
        """Remember that a table grew by so many rows."""
        if rows >= _MANY:
            self._grown.add(table)

    def _take_statistics(self) -> None:
        """Have PostgreSQL look at tables that it knows nothing of yet.

        Until it does, it takes them for nearly empty, and reads and sorts all of a tenant for one page; its own turn to look
        comes a minute later, or much later where there are many databases.
        """
        try:
            for table in sorted(self._grown):
                self._cursor.execute("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND reltuples < 0", (table,))
                if self._cursor.fetchone() is not None:
                    self._cursor.execute(f"ANALYZE {table}")
        except self._link.errors as error:
            self._lost = self._lost or self.dialect.failure(error).lost  # what was committed stays so

    def filled(self, sql: str, parameters: Sequence[Any]) -> str:
        """Return a statement with its parameters written in, as the PostgreSQL driver writes them."""
        from psycopg import ClientCursor

        return ClientCursor(self._link.connection).mogrify(sql, parameters)

    def copy_over(self, statements: Statements, rows: Iterable[Sequence[Any]], blame: Any = None) -> int:
        """Send rows by COPY beside their table, then write them over what is there; return how many were."""
        self.execute(f"CREATE TEMPORARY TABLE pycrm_staged (LIKE {statements.table}) ON COMMIT DROP")
        self.copy(statements.copy.replace(statements.table, "pycrm_staged", 1), rows)
        touched = self.execute(statements.staged, (), blame)
        self.execute("DROP TABLE pycrm_staged")
        return touched

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Run a question and return its rows."""
        try:
            self._cursor.execute(sql, parameters)
            return list(self._cursor.fetchall())
        except self._link.errors as error:
            raise self._as_ours(error) from error

    def fetch_parts(self, sql: str, parameters: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """Run a question and yield its rows in parts, which the database keeps until they are asked for."""
        try:
            if self.dialect.name == "postgresql":
                yield from self._declared(sql, parameters, size)
                return
            cursor = self._link.cursor()
            cursor.execute(sql, parameters)
            while True:
                with uncollected():
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
                rows = None  # not two parts at once
                self._check_open()
        except self._link.errors as error:
            raise self._as_ours(error) from error

    def _declared(self, sql: str, parameters: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """Yield the rows of a cursor of PostgreSQL; psycopg reads their binary form sooner than their text."""
        name = f"pycrm_{next(self._cursors)}"
        options = {} if self._store._core.copied_from is None else {"binary": True}
        self._cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}", parameters)
        count = size
        while count == size:
            self._cursor.execute(f"FETCH FORWARD {size:d} FROM {name}", (), **options)
            with uncollected():
                rows = self._cursor.fetchall()
            count = len(rows)
            yield rows
            rows = None  # not two parts at once
            self._check_open()
        self._cursor.execute(f"CLOSE {name}")

    def fetch_one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a question and return its first row, or None."""
        try:
            self._cursor.execute(sql, parameters)
            return self._cursor.fetchone()
        except self._link.errors as error:
            raise self._as_ours(error) from error

    def _note(self, map: EntityMap, id: UUID, version: int, action: str, fields: Mapping[str, Any] | None) -> None:
        self._announce(map, id, version, action, fields or {})
        text = None if not fields else _plain_json(fields)
        at = self._bind_at(self._clock())
        self._audit.append(
            (self.tenant, map.table, self._bind_id(id), version, action, at, self.actor, self.cause, text)
        )

    def _note_added(self, map: EntityMap, ids: Iterable[UUID]) -> None:
        """Announce what was added; the row itself tells the trail."""
        if map.model in self._announced:
            for id in ids:
                self._announce(map, id, 1, "add", {})

    def emit(self, event: object, /) -> None:
        """Put an event into the outbox, in the same transaction."""
        self._check_writable()
        self._events.append(event_of(event))

    def columns(self, query: Query[Any], fields: Sequence[str], /) -> dict[str, list[Any]]:
        """Return one list per field or path, in the order of the query."""
        return self.of(query.model).columns(query, fields)

    def map_of(self, model: type[Any], /) -> EntityMap:
        """Return how the store keeps a model."""
        return self._maps.of(model)

    def column_batches(
        self, query: Query[Any], fields: Sequence[str], /, *, batch: int = 20_000
    ) -> Iterator[dict[str, list[Any]]]:
        """Yield one list per field or path for each stretch of rows, in the order of the query."""
        return self.of(query.model).column_batches(query, fields, batch=batch)

    def arrow_batches(self, query: Query[Any], fields: Sequence[str], /) -> Iterator[Mapping[str, Any]] | None:
        """Return columns as arrays of Arrow; None where this unit, database or installation has none to give."""
        return arrow_batches(self.of(query.model), query, fields)

    def put_columns(
        self, model: type[Any], columns: Mapping[str, Sequence[Any]], /, *, on_conflict: OnConflict = "error"
    ) -> int:
        """Store one entity per row of the columns and return how many were written."""
        return self.of(model).put_columns(columns, on_conflict=on_conflict)

    def upsert(self, model: type[E], entities: Iterable[E], /) -> Upserted:
        """Add what is new and write over what is there under the same id; raise AppendOnly, Duplicate or Broken."""
        return self.of(model).upsert(entities)

    def restore(self, model: type[E], id: UUID, /) -> E:
        """Make a removed entity live again as it was; raise NotFound or Duplicate."""
        return self.of(model).restore(id)

    def erase(self, model: type[Any], id: UUID, /) -> None:
        """Delete the row and the values in its audit trail; raise NotFound, or Broken while something refers to it."""
        self.of(model).erase(id)

    def redact(self, entity: Any, /) -> None:
        """Put `entity` in place of what is stored under its id; see `Redacting`."""
        self.of(type(entity)).redact(entity)

    def retell(self, rewrite: Callable[[Told, Any], Any], /) -> int:
        """Pass all plain data beside the entities through `rewrite`; see `Redacting`."""
        self._check_writable()
        self._flush_audit()
        self._flush_events()
        return retell(self, rewrite)

    def history(self, model: type[Any], id: UUID, /) -> Sequence[Change]:
        """Return the audit trail of one entity, oldest first."""
        self._check_open()
        checked_id(id)
        self._flush_audit()
        map = self._maps.of(model)
        if map.append_only:
            first = None
        else:
            p = self.dialect.parameter
            first = self.fetch_one(
                f"SELECT added_at, added_by, added_because FROM {self._statements(model).table}"  # noqa: S608  # names
                f" WHERE tenant = {p} AND id = {p}",
                (self.tenant, self._bind_id(id)),
            )
        read_at = self.dialect.reader(AT) or _same
        changes = []
        if first is not None:
            changes.append(Change(map.table, id, 1, "add", read_at(first[0]), first[1], first[2], {}))
        p = self.dialect.parameter
        rows = self.fetch(
            f"SELECT version, action, at, actor, cause, {self.dialect.document.format('fields')} FROM pycrm_audit"  # noqa: S608
            f" WHERE tenant = {p} AND model = {p} AND id = {p} ORDER BY version",
            (self.tenant, map.table, self._bind_id(id)),
        )
        for version, action, at, actor, cause, text in rows:
            fields = {} if text is None else {name: (old, new) for name, (old, new) in json.loads(text).items()}
            changes.append(Change(map.table, id, version, action, read_at(at), actor, cause, fields))
        return changes

    def _flush_audit(self) -> None:
        if self._audit:
            rows, self._audit = self._audit, []
            marks = ", ".join([self.dialect.parameter] * 9)
            self.execute_many(
                "INSERT INTO pycrm_audit (tenant, model, id, version, action, at, actor, cause, fields)"  # noqa: S608  # names alone
                f" VALUES ({marks})",
                rows,
            )

    def _flush_events(self) -> None:
        if self._events:
            now = self._bind_at(self._clock())
            rows = [
                (self.tenant, now, position, self._bind_id(new_id()), kind, _plain_json(payload))
                for position, (kind, payload) in enumerate(self._events)
            ]
            self._events = []
            marks = ", ".join([self.dialect.parameter] * 6)
            self.execute_many(
                f"INSERT INTO pycrm_outbox (tenant, at, position, id, type, payload) VALUES ({marks})",  # noqa: S608
                rows,
            )

    def maps(self) -> Sequence[EntityMap]:
        """Return the maps, each behind those it refers to."""
        return self._maps.in_order

    def dump(self, model: type[Any], /) -> Iterator[Kept]:
        """Yield every entity of a model, removed ones too."""
        repository = self.of(model)
        for batch in repository.stream(Query(model, deleted=True)):
            ids = [entity.id for entity in batch]
            live = {self._read_id(row[0]) for row in repository._rows_of(ids, live=True)}
            for entity in batch:
                yield Kept(entity, entity.id in live, tuple(self.history(model, entity.id)))

    def load(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Store entities with their versions and trails as they were."""
        self._check_writable()
        repository = self.of(model)
        now, table = self._clock(), repository._map.table
        inserted, trail = [], []
        for kept in rows:
            first = next((change for change in kept.history if change.action == "add"), None)
            at, actor, cause = (now, self.actor, self.cause) if first is None else (first.at, first.actor, first.cause)
            head = (self.tenant, self._bind_id(kept.entity.id), kept.entity.version, 1 if kept.live else None)
            inserted.append((*head, self._bind_at(at), actor, cause, *repository._codec.encode(kept.entity)))
            for change in kept.history:
                if change is not first:
                    text = _plain_json(dict(change.fields)) if change.fields else None
                    who = (self._bind_at(change.at), change.actor, change.cause, text)
                    trail.append((self.tenant, table, self._bind_id(change.id), change.version, change.action, *who))
        entities = [kept.entity for kept in rows]
        self.execute_many(
            repository._statements.insert, inserted, lambda failure: repository._keys.blame(entities, failure)
        )
        repository._keys.put((kept.entity, None) for kept in rows if kept.live)
        repository._keys.put_search(repository._keys.searched([kept.entity for kept in rows if not kept.live]))
        self._flush_audit()
        self._audit = trail
        self._flush_audit()

    def relink(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Give entities that were put in without some of their references all of them; versions and trails stay."""
        self._check_writable()
        repository = self.of(model)
        statements, p = repository._statements, self.dialect.parameter
        columns = [repository._map.by_path[reference.path] for reference in repository._map.references]
        sets = ", ".join(f"{statements.quoted[column.name]} = {p}" for column in columns)
        entities = [kept.entity for kept in rows]
        linked = []
        for entity in entities:
            held = (repository._map.value(entity, column) for column in columns)
            bound = [None if value is None else self._bind_id(value) for value in held]
            linked.append((*bound, self.tenant, self._bind_id(entity.id)))
        if not columns:
            return
        self.execute_many(
            f"UPDATE {statements.table} SET {sets} WHERE tenant = {p} AND id = {p}",  # noqa: S608  # names alone
            linked,
            lambda failure: repository._keys.blame(entities, failure),
        )

    def result_of(self, key: str, /) -> tuple[Any] | None:
        """Return the result remembered under an idempotency key, in a tuple, or None."""
        self._check_open()
        p = self.dialect.parameter
        name = self._store._quote("key")
        row = self.fetch_one(
            f"SELECT {self.dialect.document.format('result')} FROM pycrm_result WHERE tenant = {p} AND {name} = {p}",  # noqa: S608
            (self.tenant, key),
        )
        return None if row is None else (json.loads(row[0]),)

    def remember(self, key: str, result: Any, /) -> None:
        """Remember a result under an idempotency key, in the same transaction."""
        self._check_writable()
        p = self.dialect.parameter
        row = (self.tenant, key, self._bind_at(self._clock()), _plain_json(result))
        self.execute(
            f"INSERT INTO pycrm_result (tenant, {self._store._quote('key')}, at, result) VALUES ({p}, {p}, {p}, {p})",  # noqa: S608
            row,
            lambda _: Transient("the same key was committed by another unit of work"),
        )

    def commit(self) -> None:
        """Make everything durable at once; raise Conflict, Duplicate, Broken, Transient or Unknown."""
        self._check_open()
        if self._audit or self._events:
            self._check_writable()
            self._flush_audit()
            self._flush_events()
        if self._link.joined:
            self._tell((f"RELEASE SAVEPOINT {self._link.savepoint}",))
        elif self._writing or self.read_only:
            try:
                self._cursor.execute("COMMIT")
            except self._link.errors as error:
                failure = self.dialect.failure(error)
                ours = self._as_ours(error)
                if failure.lost:
                    raise Unknown("the connection was lost during COMMIT", failure.code) from error
                raise ours from error
            if self._grown and self._store._core.copied_from is not None:
                self._take_statistics()
        self._end("committed")

    def rollback(self) -> None:
        """Undo everything; the unit has ended."""
        if self._state == "open":
            self._end("rolled back")

    def _end(self, state: str) -> None:
        """Give the connection back, without a transaction on it; one that cannot say so is thrown away."""
        if self._state in {"committed", "rolled back", "failed"}:
            return
        begun = state != "committed" and self._begun
        self._state = state
        self._ready = False
        self._repositories.clear()
        self._link.close(self._cursor, begun=begun, lost=self._lost)


def _same(value: Any) -> Any:
    return value
