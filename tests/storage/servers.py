"""The database servers of the tests: a database of its own for each run, dropped at its end."""

import os
import uuid
from contextlib import ExitStack, contextmanager

import pytest
import sqlalchemy as sa

from pycrm.storage import MemoryStore
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


@contextmanager
def kept(kind, folder):
    """Make an empty store: "memory", "sqlite" in a file of `folder`, or a server by name."""
    with ExitStack() as held:
        if kind == "memory":
            yield MemoryStore()
            return
        url = f"sqlite:///{folder / 'store.db'}" if kind == "sqlite" else held.enter_context(database(kind))
        store = SqlStore(url)
        held.callback(store.close)
        store.create_schema()
        yield store
