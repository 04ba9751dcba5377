"""What a store survives: lost connections, errors of the driver at every call, full disks, a transaction of its host."""

import sqlite3
import time

import attrs
import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from pycrm.errors import StoreError, Transient, Unknown
from pycrm.model.order import Product
from pycrm.storage import Query
from pycrm.storage.sql import SqlStore
from pycrm.storage.sql.store import _Link
from pycrm.testing.made import pen, stored
from storage.opened import fresh, names, opened
from storage.servers import database


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def whole(request):
    with opened(request.param) as made:
        yield made


@pytest.fixture
def store(whole):
    return fresh(whole)


class Faulty:
    """A cursor that fails at its n-th call, before or after the database has done it."""

    def __init__(self, cursor, plan):
        self._cursor = cursor
        self._plan = plan

    def _call(self, method, *arguments):
        self._plan["calls"] += 1
        fails = self._plan["calls"] == self._plan["at"]
        if fails and not self._plan["after"]:
            raise self._plan["error"]
        found = method(*arguments)
        if fails:
            raise self._plan["error"]
        return found

    def execute(self, *arguments):
        return self._call(self._cursor.execute, *arguments)

    def executemany(self, *arguments):
        return self._call(self._cursor.executemany, *arguments)

    def __getattr__(self, name):
        return getattr(self._cursor, name)


def an_error_of(kind):
    """Return an error as the driver raises it when the database fails for no reason of ours."""
    if kind == "sqlite":
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode, error.sqlite_errorname = 10, "SQLITE_IOERR"
        return error
    return psycopg.errors.IoError("io") if kind == "postgresql" else pymysql.err.OperationalError(1030, "io")


@pytest.mark.parametrize("after", [False, True])
def test_an_error_of_the_driver_at_any_call_leaves_the_state_before_or_after(store, after, monkeypatch):
    plan = {"at": -1, "calls": 0, "after": after, "error": None}
    plain = _Link.cursor
    one = stored(store, pen("A1", name="before"))
    monkeypatch.setattr(_Link, "cursor", lambda link: Faulty(plain(link), plan))
    failed = 0
    for at in range(1, 40):
        with store.begin() as unit:
            held = unit.products.get(one.id)
            for extra in unit.products.page(Query(Product)).items:
                if extra.id != one.id:
                    unit.products.remove(extra.id)
            unit.products.save(attrs.evolve(held, name="before"))
            unit.commit()
        plan.update(at=at, calls=0, error=an_error_of(store.dialect.name))
        try:
            with store.begin(actor="x") as unit:
                held = unit.products.get(one.id)
                unit.products.save(attrs.evolve(held, name="after"))
                unit.products.add(pen(f"B{at}"))
                unit.products.put_many([pen(f"C{at}"), pen(f"D{at}")])
                unit.emit({"type": "x"})
                unit.commit()
        except StoreError:
            failed += 1
        calls, plan["at"] = plan["calls"], -1
        found = names(store)
        assert (found["A1"][0], len(found)) in {("before", 1), ("after", 4)}
        if calls < at:
            break
    assert calls < at, "every call had its error"
    assert failed >= 7


def test_a_full_disk_is_an_error_of_ours_and_the_store_works_again_afterwards(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/crm.db", durable=False)
    stored(store, pen("A1"))
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    core = store._core
    settings, core.settings = core.settings, (*core.settings, f"PRAGMA max_page_count = {pages + 5}")
    store.engine.dispose()
    with store.begin() as unit, pytest.raises(StoreError):
        unit.products.put_many([pen(f"B{n}", name="x" * 1000) for n in range(500)])
        unit.commit()
    core.settings = settings
    store.engine.dispose()
    assert list(names(store)) == ["A1"]
    stored(store, pen("B2"))
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def killed(store, unit):
    """End the server's side of the connection of a unit of work."""
    mine = unit.fetch_one(
        "SELECT pg_backend_pid()" if store.dialect.name == "postgresql" else "SELECT CONNECTION_ID()"
    )[0]
    with store.engine.connect() as connection:
        if store.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({mine})")
        else:
            connection.exec_driver_sql(f"KILL {mine}")
    time.sleep(0.05)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_connection_lost_before_commit_is_transient_and_in_commit_unknown_and_the_pool_heals(kind):
    with database(kind) as url:
        store = SqlStore(url)
        store.create_schema()
        one = stored(store, pen("A1"))
        steps = [
            lambda unit: unit.products.get(one.id),
            lambda unit: unit.products.add(pen("B2")),
            lambda unit: unit.products.save(attrs.evolve(one, name="x")),
            lambda unit: unit.products.page(Query(Product)),
            lambda unit: unit.products.put_many([pen("C3")], on_conflict="skip"),
        ]
        for step in steps:
            with store.begin() as unit:
                killed(store, unit)
                with pytest.raises(Transient):
                    step(unit)
        with store.begin() as unit:
            unit.products.add(pen("D4"))
            killed(store, unit)
            with pytest.raises(Unknown):
                unit.commit()
        assert list(names(store)) == ["A1"]
        killings = []

        def work(unit):
            unit.products.add(pen("E5"))
            if not killings:
                killings.append(1)
                killed(store, unit)
            return 1

        assert store.run(work, key="once") == 1
        assert store.run(work, key="once") == 1
        assert list(names(store)) == ["A1", "E5"]
        store.close()


@pytest.mark.parametrize(
    ("told", "raised"),
    [("SELECT pg_terminate_backend(pg_backend_pid())", Transient), ("SET nothing_of_this_name = 1", StoreError)],
)
def test_a_new_connection_that_is_lost_or_refused_while_it_is_set_up_is_an_error_of_ours(told, raised):
    with database("postgresql") as url:
        store = SqlStore(url)
        store.create_schema()
        core = store._core
        settings, core.settings = core.settings, (*core.settings, told)
        store.engine.dispose()
        with pytest.raises(raised) as caught:
            store.begin()
        assert type(caught.value) is raised
        core.settings = settings
        assert names(store) == {}
        store.close()


def test_a_unit_of_work_joins_the_transaction_of_its_host(store):
    engine = sa.create_engine(store.engine.url)
    try:
        with engine.connect() as connection:
            joined = SqlStore(connection).tenant(store.name)
            with joined.begin() as unit:
                unit.products.add(pen("A1"))
                unit.commit()
            with joined.begin() as unit:
                unit.products.add(pen("B2"))
            with joined.begin(read_only=True) as unit:
                assert [p.sku for p in unit.products.page(Query(Product)).items] == ["A1"]
            connection.rollback()
        assert names(store) == {}
        with engine.connect() as connection:
            with SqlStore(connection).tenant(store.name).begin() as unit:
                unit.products.add(pen("A1"))
                unit.commit()
            connection.commit()
        assert list(names(store)) == ["A1"]
        hosted = SqlStore(engine).tenant(store.name)
        assert list(names(hosted)) == ["A1"]
    finally:
        engine.dispose()


def test_what_a_host_commits_and_rolls_back_time_after_time_is_what_it_said(store):
    engine = sa.create_engine(store.engine.url)
    try:
        with engine.connect() as connection:
            joined = SqlStore(connection).tenant(store.name)
            for number in range(4):
                with joined.begin() as unit:
                    unit.products.add(pen(f"A{number}"))
                    unit.commit()
                assert connection.in_transaction()
                (connection.rollback if number % 2 else connection.commit)()
            assert sorted(names(store)) == ["A0", "A2"]
    finally:
        engine.dispose()


def test_a_connection_of_the_host_that_commits_at_once_is_refused_with_what_to_do(store):
    engine = sa.create_engine(store.engine.url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            joined = SqlStore(connection).tenant(store.name)
            if store.dialect.name == "sqlite":  # where the transaction is begun for the host
                stored(joined, pen("A1"))
                connection.rollback()
                assert names(store) == {}
                return
            with pytest.raises(StoreError, match="AUTOCOMMIT"):
                joined.begin()
    finally:
        engine.dispose()
