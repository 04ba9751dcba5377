"""The database servers of the tests: a database of its own for each run, dropped at its end."""

import atexit
import os
import uuid
from contextlib import ExitStack, closing, contextmanager

import pytest
import sqlalchemy as sa

from pycrm.storage import MemoryStore, default_maps
from pycrm.storage.sql import SqlStore

URLS = {
    "postgresql": os.environ.get("PYCRM_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"),
    "mariadb": os.environ.get("PYCRM_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test"),
}


@contextmanager
def database(kind):
    """Make an empty database on a server and yield its URL."""
    url = sa.make_url(URLS[kind])
    name = f"pycrm_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except sa.exc.OperationalError as error:
        server.dispose()
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no {kind} server at {url.render_as_string()}: {error.orig}")
    try:
        yield url.set(database=name)
    finally:
        with server.connect() as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")
        server.dispose()


_FURNISHED = {}
_UNTIL_THE_END = ExitStack()
atexit.register(_UNTIL_THE_END.close)


@contextmanager
def furnished(kind, maps=default_maps, **options):
    """Yield a store on a server with empty tables: made once a run, for seventy tables take seconds, emptied after each use."""
    if (kind, maps) not in _FURNISHED:
        url = _UNTIL_THE_END.enter_context(database(kind))
        with closing(SqlStore(url, maps())) as store:
            store.create_schema()
            made = (table.name for table in reversed(store.metadata.sorted_tables))
            tables = [name for name in made if name != "pycrm_version"]
        _FURNISHED[kind, maps] = url, tables
    url, tables = _FURNISHED[kind, maps]
    store = SqlStore(url, maps(), **options)
    try:
        yield store
    finally:
        store.close()
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            for table in tables:
                connection.exec_driver_sql(f"DELETE FROM {table}")
        engine.dispose()


@contextmanager
def kept(kind, folder):
    """Make an empty store: "memory", "sqlite" in a file of `folder`, or a server by name."""
    with ExitStack() as held:
        if kind == "memory":
            yield MemoryStore()
            return
        if kind != "sqlite":
            yield held.enter_context(furnished(kind))
            return
        store = held.enter_context(closing(SqlStore(f"sqlite:///{folder / 'store.db'}")))
        store.create_schema()
        yield store
