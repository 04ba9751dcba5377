"""What a host's Engine and Connection keep of us, and what we ask of them; and what cancelled tasks give back."""

import asyncio
import gc
import random
import warnings

import pytest
import sqlalchemy as sa

from pycrm.errors import StoreError
from pycrm.model.order import Product
from pycrm.storage import Query
from pycrm.storage.sql import AsyncStore, SqlStore
from pycrm.testing.made import pen, stored
from storage.opened import fresh, opened
from storage.servers import database


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def whole(request):
    with opened(request.param) as made:
        yield made


@pytest.fixture
def store(whole):
    return fresh(whole)


SETTINGS = {
    "sqlite": [
        f"PRAGMA {name}" for name in ("foreign_keys", "busy_timeout", "cache_size", "secure_delete", "synchronous")
    ],
    "postgresql": [
        f"SHOW {name}"
        for name in ("TimeZone", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    ],
    "mariadb": [
        f"SELECT @@{name}"
        for name in (
            *("time_zone", "sql_mode", "innodb_lock_wait_timeout", "character_set_client", "character_set_results"),
            *("character_set_connection", "collation_connection"),
        )
    ],
}
OF_THE_HOST = {
    "sqlite": "PRAGMA cache_size = -777",
    "postgresql": "SET TimeZone = 'Asia/Tokyo'",
    "mariadb": "SET time_zone = '+09:00', SESSION sql_mode = ''",
}


def test_a_connection_goes_back_to_the_pool_of_the_host_as_it_came(store):
    engine = sa.create_engine(store.engine.url, pool_size=1, max_overflow=0)

    @sa.event.listens_for(engine, "connect")
    def connected(connection, _):
        connection.cursor().execute(OF_THE_HOST[store.dialect.name])
        connection.commit()

    def settings():
        with engine.connect() as connection:
            return [tuple(connection.exec_driver_sql(asked).first()) for asked in SETTINGS[store.dialect.name]]

    before = settings()
    hosted = SqlStore(engine).tenant(store.name)
    one = stored(hosted, pen("A1"))
    assert settings() == before
    with hosted.begin() as unit:
        unit.products.remove(one.id)
    with hosted.begin(read_only=True) as unit:
        assert unit.products.get(one.id) == one
        if store.dialect.name == "postgresql":
            assert unit.fetch_one("SHOW statement_timeout") == ("1min",)
    with pytest.raises(ZeroDivisionError):
        hosted.run(lambda _: 1 / 0)
    assert settings() == before
    engine.dispose()


def test_a_serializable_unit_is_refused_in_a_transaction_of_the_host_that_is_less(store):
    engine = sa.create_engine(store.engine.url)
    with engine.connect() as connection:
        joined = SqlStore(connection).tenant(store.name)
        if store.dialect.name == "sqlite":  # where every transaction is
            joined.begin(isolation="serializable").rollback()
        else:
            with pytest.raises(StoreError, match=r'execution_options\(isolation_level="SERIALIZABLE"'):
                joined.begin(isolation="serializable")
        connection.rollback()
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        joined = SqlStore(connection).tenant(store.name)
        with joined.begin(isolation="serializable") as unit:
            unit.products.add(pen("A1"))
            unit.commit()
        connection.commit()
    engine.dispose()
    with store.begin(read_only=True) as unit:
        assert unit.products.count(Query(Product)) == 1


def test_a_connection_of_a_host_that_would_cut_values_is_refused_with_the_remedy():
    with opened("mariadb") as store:
        engine = sa.create_engine(store.engine.url)
        with engine.connect() as connection:
            connection.exec_driver_sql("SET SESSION sql_mode = ''")
            joined = SqlStore(connection)
            with pytest.raises(StoreError, match="strict mode") as refused:
                joined.begin()
            remedy = str(refused.value).split('"')[1]
            connection.exec_driver_sql(remedy)
            stored(joined, pen("A1"))
            connection.rollback()
        engine.dispose()


def test_snapshot_isolation_is_on_where_mariadb_has_it():
    with opened("mariadb") as store, store.begin() as unit:
        found = unit.fetch("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'")
        assert [value for _, value in found] in ([], ["ON"])


@pytest.fixture(params=["aiosqlite", "asyncpg"])
def url(request, tmp_path):
    if request.param == "aiosqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/crm.db"
    else:
        with database("postgresql") as url:
            yield sa.make_url(url).set(drivername=f"postgresql+{request.param}")


def test_cancelled_tasks_give_their_connections_back(url):
    chance = random.Random(5)

    async def work(store, at):
        async with store.begin() as unit:
            await unit.of(Product).add(pen(f"A{at}"))
            await unit.of(Product).page(Query(Product))
            await unit.commit()

    async def main():
        store = AsyncStore(url)
        await store.create_schema()
        cancelled = 0
        for at in range(60):
            task = asyncio.create_task(work(store, at))
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.01)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                cancelled += 1
        assert store.sync.engine.pool.checkedout() == 0
        await asyncio.gather(*(store.run(lambda unit, at=at: unit.products.add(pen(f"B{at}"))) for at in range(8)))
        assert store.sync.engine.pool.checkedout() == 0
        await store.close()
        return cancelled

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(main()) > 10
        gc.collect()
