# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""SqlStore: SQLite, PostgreSQL, MariaDB and MySQL through SQLAlchemy's engine, pool and dialects."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from pycrm.errors import StoreError, Transient
from pycrm.storage.mapping import EntityMap, MapSet
from pycrm.storage.maps import default_maps
from pycrm.storage.protocols import Claim, Isolation
from pycrm.storage.rows import checked_size
from pycrm.storage.sql.beside import scrub
from pycrm.storage.sql.dialects import Dialect, Numbered, dialect_of
from pycrm.storage.sql.migrate import check_revision, create_schema
from pycrm.storage.sql.schema import metadata_of
from pycrm.storage.sql.statements import AT, ID, Statements, statements_of
from pycrm.storage.sql.unit import SqlUnit
from pycrm.storage.sql.writers import Writers, writers_of
from pycrm.storage.unit import Retries, Stationary, announced_models, checked_tenant, run, utc_now

__all__ = ["SqlStore"]

T = TypeVar("T")
_COPIED = 10_000  # from so many rows on, COPY is worth its round trips


class _Link:
    """One connection, lent to one unit of work."""

    _numbers = itertools.count(1)
    _held = False
    _before: tuple[str, ...] = ()  # what a connection of the host's pool is told when it goes back

    def __init__(self, core: _Core) -> None:
        self.core = core
        self.errors: tuple[type[BaseException], ...] = (core.driver_error,)
        self.joined = core.host is not None
        self.savepoint = f"pycrm_{next(self._numbers)}"
        self.writers = core.writers
        self._connection: Any = None
        if core.host is not None:
            self._connection = core.host
            self._driver: Any = core.host.connection
            if core.dialect.name != "sqlite" and _commits_at_once(self._driver.dbapi_connection):
                raise StoreError(
                    "the connection of the host is in AUTOCOMMIT, where there is no transaction to join; hand in one without"
                    ' isolation_level="AUTOCOMMIT", or hand in its Engine'
                )
            if not core.host.in_transaction():
                core.host.begin()  # SQLAlchemy must know of the transaction, or the host's commit() would do nothing
            if core.dialect.name == "sqlite":
                self._join_sqlite()
            elif core.dialect.name == "mariadb":
                self._join_mariadb()
            return
        try:
            core.steady(self._open)
        except BaseException:  # a task may be cancelled anywhere; what is half set up is thrown away
            core.steady(self._throw_away)
            raise

    def _throw_away(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _open(self) -> None:
        self._take()
        while self._suspect():
            self._throw_away()
            self._take()
        self._set_up()

    def _take(self) -> None:
        """Take a connection of the pool."""
        # A bare pool passes on what the driver says.
        refused: tuple[type[BaseException], ...] = (sa.exc.DBAPIError, *self.errors)
        try:
            if self.core.own:
                # Straight from the pool: a Connection of SQLAlchemy would only be opened and closed.
                self._connection = self._driver = self.core.engine.raw_connection()
            else:
                self._connection = self.core.engine.connect()
                self._driver = self._connection.connection
        except refused as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            raise Transient("the database is busy or out of reach", type(cause).__name__) from error
        except sa.exc.TimeoutError as error:
            raise Transient("every connection of the pool is in use", "pool") from error

    def _suspect(self) -> bool:
        """Tell whether the connection is older than the last loss: a server that went away took all with it."""
        made: float | None = self._driver.info.get("pycrm")
        return made is not None and made <= self.core.lost

    def _set_up(self) -> None:
        """Tell a new connection what every one is told once."""
        core, info = self.core, self._driver.info
        if "pycrm" in info and not core.lent:
            return
        try:
            cursor = self.cursor()
            self._before = core.dialect.kept(cursor) if core.lent else ()
            for statement in core.settings_by(cursor):
                cursor.execute(statement)
            cursor.close()
        except self.errors as error:
            failure = core.dialect.failure(error)
            if failure.kind == "transient":
                raise Transient("the database is busy or out of reach", failure.code) from error
            raise StoreError(
                f"the database refused to be set up, with code {failure.code}; the driver's error is the cause of this one"
            ) from error
        info["pycrm"] = time.monotonic()

    def _join_sqlite(self) -> None:
        """See that a connection of the host is in a transaction and checks references, which SQLite does not by itself."""
        cursor = self.cursor()
        if not getattr(self._driver.dbapi_connection, "in_transaction", True):
            cursor.execute("PRAGMA foreign_keys = ON")  # heard outside a transaction alone
            cursor.execute("BEGIN")
            return
        cursor.execute("PRAGMA foreign_keys")
        if not cursor.fetchone()[0]:
            raise StoreError(
                "the connection of the host is in a transaction that checks no references; begin the unit of work before the"
                ' host writes, or let every connection of the host begin with "PRAGMA foreign_keys = ON"'
            )

    def _join_mariadb(self) -> None:
        """See that a connection of the host refuses what does not fit a column; MariaDB would cut it without a word."""
        cursor = self.cursor()
        cursor.execute("SELECT @@sql_mode")
        mode = str(cursor.fetchone()[0])
        cursor.close()
        if not {"STRICT_ALL_TABLES", "STRICT_TRANS_TABLES"} & set(mode.split(",")):
            raise StoreError(
                "the connection of the host is not in strict mode, in which MariaDB refuses what it would cut otherwise; say"
                " \"SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')\" on it, or hand in its Engine"
            )

    def check_serializable(self) -> None:
        """Raise StoreError where the transaction of the host is less strict than a unit of work asks for."""
        level = str(self._connection.get_isolation_level())
        if level != "SERIALIZABLE":
            raise StoreError(
                f"the transaction of the host is {level}, and a unit of work in it cannot be serializable; hand in"
                ' connection.execution_options(isolation_level="SERIALIZABLE"), or its Engine'
            )

    def cursor(self) -> Any:
        """Return a cursor of the driver."""
        cursor = self._driver.cursor()
        return Numbered(cursor) if self.core.numbered else cursor

    @property
    def connection(self) -> Any:
        """The connection of the driver."""
        return self._driver.dbapi_connection

    def acquire(self) -> None:
        """Take the writer's place."""
        if self.writers is not None:
            self.writers.acquire(self.core.wait)
            self._held = True

    def close(self, cursor: Any, *, begun: bool, lost: bool) -> None:
        """Give the connection back as it was; roll back what is open. One of which that is not sure is thrown away."""
        try:
            if self.joined:
                self._give_back(cursor, begun=begun, lost=lost)
            else:
                self.core.steady(lambda: self._give_back(cursor, begun=begun, lost=lost))
        finally:
            self._let_go()

    def _give_back(self, cursor: Any, *, begun: bool, lost: bool) -> None:
        whole = False
        try:
            if begun and not lost:
                try:
                    if self.joined:
                        cursor.execute(f"ROLLBACK TO SAVEPOINT {self.savepoint}")
                        cursor.execute(f"RELEASE SAVEPOINT {self.savepoint}")
                    else:
                        cursor.execute("ROLLBACK")
                except self.errors:
                    lost = not self._rolled_back_already()
            if lost and not self.joined and not self._suspect():
                self.core.lost = time.monotonic()
            if not self.joined and not lost and cursor is not None:
                with suppress(*self.errors):
                    for statement in self._before:
                        cursor.execute(statement)
                    cursor.close()
                    whole = True
        finally:
            if not self.joined:
                if not whole:
                    self._connection.invalidate()
                self._connection.close()

    def _let_go(self) -> None:
        if self._held and self.writers is not None:
            self._held = False
            self.writers.release()

    def __del__(self) -> None:
        # A unit that was forgotten: the pool rolls its connection back, and the next writer must not wait for it.
        self._let_go()

    def _rolled_back_already(self) -> bool:
        """Tell whether SQLite ended the transaction itself, as it does when the disk is full."""
        return getattr(self._driver.dbapi_connection, "in_transaction", True) is False


class _Core:
    """What the stores of all tenants share: engine, statements, queue of writers."""

    def __init__(
        self, target: str | sa.URL | sa.Engine | sa.Connection, maps: MapSet, *, durable: bool, wait: float
    ) -> None:
        self.maps = maps
        self.wait = wait
        self.host: sa.Connection | None = None
        self.writers: Writers | None = None
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        embedded = False
        self.lent: bool = isinstance(target, sa.Engine)  # the host's connections go back as they came
        self.own: bool = not isinstance(target, sa.Connection | sa.Engine)
        if isinstance(target, sa.Connection):
            self.host = target
            engine = target.engine
        elif isinstance(target, sa.Engine):
            engine = target.execution_options(isolation_level="AUTOCOMMIT")
        else:
            engine = self._engine(_url_of(target))
            embedded = engine.dialect.name == "sqlite"
        self.engine: sa.Engine = engine
        self.dialect: Dialect = dialect_of(engine.dialect.name)
        self.driver_error: type[BaseException] = engine.dialect.loaded_dbapi.Error
        self.numbered: bool = engine.dialect.paramstyle == "numeric_dollar"
        psycopg = engine.dialect.driver == "psycopg" and not engine.dialect.is_async
        self.copied_from: int | None = _COPIED if psycopg else None
        settings = list(self.dialect.setup)
        if self.dialect.name == "sqlite":
            self.writers = writers_of(str(engine.url.database))
            settings += ["PRAGMA journal_mode = WAL", f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}"]
        self.settings: tuple[str, ...] = tuple(settings)
        quote = engine.dialect.identifier_preparer.quote
        self.quote: Callable[[str], str] = quote
        self.statements: dict[type[Any], Statements] = {
            each.model: statements_of(each, self.dialect, quote) for each in maps.all
        }
        self.checked = False
        self.lost: float = 0.0  # when a connection was last found to be lost
        self.embedded = embedded
        self._metadata: sa.MetaData | None = None
        self._optional: list[str] | None = None
        self.steady: Callable[[Callable[[], None]], None] = _now  # what runs to its end, though its task be cancelled

    def _engine(self, url: sa.URL) -> sa.Engine:
        try:
            if url.get_backend_name() != "sqlite":
                engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
                weakref.finalize(self, _dispose, engine, None)
                return engine
            if url.database in {None, "", ":memory:"}:
                # Units of work need connections of their own, which a database in memory cannot give.
                self.folder = tempfile.TemporaryDirectory(prefix="pycrm-")
                url = url.set(database=str(Path(self.folder.name) / "store.db"))
            else:
                url = url.set(database=str(Path(str(url.database)).resolve()))
            engine = sa.create_engine(
                url,
                isolation_level="AUTOCOMMIT",
                connect_args={"check_same_thread": False},
            )
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
            raise _missing(error, url) from error
        folder = self.folder
        weakref.finalize(self, _dispose, engine, folder)
        return engine

    def settings_by(self, cursor: Any) -> tuple[str, ...]:
        """Return what a connection is told before its first unit of work."""
        if self.lent and self.dialect.local:
            return ()  # told within each transaction, and forgotten with it
        if self._optional is None:
            self._optional = []
            for asked, statement in self.dialect.optional:
                cursor.execute(asked)
                if cursor.fetchall():
                    self._optional.append(statement)
        return (*self.settings, *self._optional)

    @property
    def metadata(self) -> sa.MetaData:
        """The tables, for this database."""
        if self._metadata is None:
            flavour = self.dialect.name
            if flavour == "mariadb":
                with self.engine.connect():  # only a connection tells MariaDB from MySQL
                    flavour = "mariadb" if getattr(self.engine.dialect, "is_mariadb", False) else "mysql"
            self._metadata = metadata_of(self.maps, flavour)
        return self._metadata


def _now(work: Callable[[], None]) -> None:
    work()


def _commits_at_once(connection: Any) -> bool:
    """Tell whether a connection of PostgreSQL or MariaDB makes every statement durable by itself."""
    asked = getattr(connection, "get_autocommit", None)
    return bool(asked() if asked is not None else getattr(connection, "autocommit", False))


def _dispose(engine: sa.Engine, folder: tempfile.TemporaryDirectory[str] | None) -> None:
    engine.dispose()
    if folder is not None:
        folder.cleanup()


def _url_of(target: str | sa.URL) -> sa.URL:
    try:
        return sa.make_url(target)
    except sa.exc.ArgumentError as error:  # its text is not repeated: it may hold a password
        raise StoreError("this is no URL of a database; write it like sqlite:///crm.db") from error


def _missing(error: Exception, url: sa.URL) -> Exception:
    from pycrm.errors import MissingExtraError

    if isinstance(error, ImportError):
        driver = url.get_driver_name()
        extra = {"psycopg": "postgres", "pymysql": "mysql", "aiosqlite": "async", "asyncpg": "async"}.get(driver)
        if extra is None:
            return StoreError(
                f"the driver {driver} is not installed, and no extra of pycrm brings it; write postgresql+psycopg://,"
                " mysql+pymysql:// or sqlite:// in the URL"
            )
        return MissingExtraError(error.name or driver, extra)
    return StoreError(f"no database is reached by {url.render_as_string()!r}: {error}")


class SqlStore(Stationary):
    """A store in a database, scoped to one tenant; safe to share between threads.

    Parameters
    ----------
    target : str, URL, Engine or Connection
        ``"sqlite:///crm.db"``, ``"sqlite://"`` (a temporary file), ``"postgresql+psycopg://..."``,
        ``"mysql+pymysql://..."``; or an Engine of the host, whose pool is used; or a Connection of the host, whose
        transaction every unit of work joins as a savepoint.
    maps : iterable of EntityMap, optional
        How entities are kept; `default_maps` unless given.
    clock : callable
        The time written into the audit trail.
    retries : Retries
        How `run` waits.
    durable : bool
        On SQLite: whether a commit survives a power cut (synchronous FULL), or only a crash of the process (NORMAL).
    wait : float
        On SQLite: how many seconds a writer waits for its turn.
    announce : iterable of type
        The models whose every change becomes an event, in the same transaction; see `pycrm.storage.MemoryStore`.
    tenant : str or None
        Whose store this is, "main" unless given. None makes a store of many tenants, which refuses every unit of work until
        one is named: ``store.tenant("acme").begin()``.

    Notes
    -----
    An empty SQLite database gets its tables on first use; on a server, call `create_schema` once, or migrate with
    `pycrm.storage.sql.upgrade`.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> store = SqlStore("sqlite://")
    >>> with store.begin(actor="ana") as uow:
    ...     pen = uow.products.add(Product(sku="A1", name="Pen"))
    ...     uow.commit()
    >>> store.run(lambda uow: uow.products.get(pen.id).name)
    'Pen'
    """

    def __init__(
        self,
        target: str | sa.URL | sa.Engine | sa.Connection,
        maps: Iterable[EntityMap] | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        retries: Retries | None = None,
        durable: bool = True,
        wait: float = 5.0,
        announce: Iterable[type[Any]] = (),
        tenant: str | None = "main",
    ) -> None:
        self.name: str | None = None if tenant is None else checked_tenant(tenant)
        self.clock = clock
        self.retries: Retries = Retries() if retries is None else retries
        self._maps = MapSet(default_maps() if maps is None else maps)
        self._announced = announced_models(self._maps, announce)
        self._core = _Core(target, self._maps, durable=durable, wait=wait)
        self.dialect: Dialect = self._core.dialect

    @property
    def engine(self) -> sa.Engine:
        """The engine, for questions of the host's own."""
        return self._core.engine

    @property
    def metadata(self) -> sa.MetaData:
        """The tables, for the host's own statements and migrations."""
        return self._core.metadata

    def _statements(self, map: EntityMap) -> Statements:
        return self._core.statements[map.model]

    def _quote(self, name: str) -> str:
        return self._core.quote(name)

    def _open(self) -> _Link:
        if not self._core.checked:
            self._core.steady(lambda: check_revision(self._core))
            self._core.checked = True
        return _Link(self._core)

    def create_schema(self) -> None:
        """Make the tables that are not there yet, and write down the revision; nothing happens where all is there."""
        create_schema(self._core)
        self._core.checked = True

    def close(self) -> None:
        """Close every connection of the pool; a store of a temporary file forgets it."""
        if self._core.host is None:
            _dispose(self._core.engine, self._core.folder)

    def tenant(self, tenant: str, /) -> SqlStore:
        """Return the same store for another tenant; nothing of one is seen in another."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.name = checked_tenant(tenant)
        return made

    def begin(
        self,
        *,
        read_only: bool = False,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> SqlUnit:
        """Open a unit of work; `actor` and `cause` go into the audit trail."""
        return SqlUnit(self, read_only=read_only, isolation=isolation, actor=actor, cause=cause)

    def run(
        self,
        work: Callable[[SqlUnit], T],
        /,
        *,
        key: str | None = None,
        attempts: int = 5,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> T:
        """Run `work` in a unit of work and commit; retry Transient with the whole work. The rest is as in `begin`."""

        def begin() -> SqlUnit:
            return self._at_once(isolation, actor, cause)

        return run(begin, work, key=key, attempts=attempts, retries=self.retries)

    def _at_once(self, isolation: Isolation = "default", actor: str | None = None, cause: str | None = None) -> SqlUnit:
        return SqlUnit(self, read_only=False, isolation=isolation, actor=actor, cause=cause, at_once=True)

    def claim(self, holder: str, /, *, limit: int = 100, lease: float = 30.0) -> Sequence[Claim]:
        """Return the oldest events, in order, and keep other holders away for `lease` seconds."""
        checked_size("limit", limit)

        def work(unit: SqlUnit) -> list[Any]:
            if not self._leased(unit, holder, lease):
                return []
            p, document = self.dialect.parameter, self.dialect.document
            return unit.fetch(
                f"SELECT id, type, {document.format('payload')}, at FROM pycrm_outbox"  # noqa: S608  # names alone
                f" WHERE tenant = {p} ORDER BY at, position, id LIMIT {p}",
                (self.name, limit),
            )

        read_id, read_at = self.dialect.reader(ID) or _same, self.dialect.reader(AT) or _same
        return [Claim(read_id(id), kind, json.loads(payload), read_at(at)) for id, kind, payload, at in self.run(work)]

    def scrub(self) -> tuple[str, ...]:
        """Clean the files of what was erased, and return what is left to the host, in words; see `Scrubbing`.

        On SQLite, where what is deleted is overwritten with zeros, the log behind the file is cut to nothing. A server keeps old rows until its own
        vacuum or purge, and in its logs: that is its operator's.

        Raises
        ------
        Transient
            If another connection reads or writes the SQLite file, so that its log cannot be cut; try again.
        """
        return scrub(self._core)

    def _leased(self, unit: SqlUnit, holder: str, lease: float) -> bool:
        p, now = self.dialect.parameter, self.clock()
        until = unit._bind_at(now + timedelta(seconds=lease))
        changed = unit.execute(
            f"UPDATE pycrm_lease SET holder = {p}, until = {p}"  # noqa: S608  # names alone
            f" WHERE tenant = {p} AND name = 'outbox' AND (holder = {p} OR until <= {p})",
            (holder, until, self.name, holder, unit._bind_at(now)),
        )
        if changed:
            return True
        held = unit.fetch_one(
            f"SELECT holder FROM pycrm_lease WHERE tenant = {p} AND name = 'outbox'",  # noqa: S608  # names alone
            (self.name,),
        )
        if held is not None:
            return bool(held[0] == holder)
        unit.execute(
            f"INSERT INTO pycrm_lease (tenant, name, holder, until) VALUES ({p}, 'outbox', {p}, {p})",  # noqa: S608
            (self.name, holder, until),
            lambda _: Transient("another relay took the lease at the same moment"),
        )
        return True

    def settle(self, holder: str, ids: Sequence[UUID], /) -> int:
        """Forget delivered events; return how many there were."""
        p = self.dialect.parameter

        def work(unit: SqlUnit) -> int:
            held = unit.fetch_one(
                f"SELECT holder FROM pycrm_lease WHERE tenant = {p} AND name = 'outbox'",  # noqa: S608  # names alone
                (self.name,),
            )
            if held is None or held[0] != holder:
                return 0
            delete = f"DELETE FROM pycrm_outbox WHERE tenant = {p} AND id = {p}"  # noqa: S608  # names alone
            return sum(unit.execute(delete, (self.name, unit._bind_id(id))) for id in ids)

        return self.run(work)


def _same(value: Any) -> Any:
    return value
