import asyncio
import inspect

import attrs
import pytest
import sqlalchemy as sa

from pycrm.errors import Conflict, Duplicate, NotFound, UnitClosed
from pycrm.model.customer import Customer
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.storage import Query, asc
from pycrm.storage.sql import AsyncStore, AsyncUnit, SqlUnit
from pycrm.testing.made import ana, firm, pen
from storage.servers import database


@pytest.fixture(params=["aiosqlite", "asyncpg", "psycopg"])
def url(request, tmp_path):
    if request.param == "aiosqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/crm.db"
    else:
        with database("postgresql") as url:
            yield sa.make_url(url).set(drivername=f"postgresql+{request.param}")


def in_loop(url, work):
    async def main():
        store = AsyncStore(url)
        try:
            await store.create_schema()
            return await work(store.tenant("a"))
        finally:
            await store.close()

    return asyncio.run(main())


def test_the_names_and_answers_are_those_of_the_synchronous_store(url):
    async def work(store):
        async with store.begin(actor="eva") as unit:
            customers = unit.of(Customer)
            one = await customers.add(firm())
            other = await customers.add(ana())
            one = await customers.save(attrs.evolve(one, job_title="x"))
            await unit.of(Product).put_many([pen(f"{n:03d}") for n in range(700)])
            await unit.emit({"type": "made"})
            await unit.commit()
        async with store.begin(read_only=True) as unit:
            customers = unit.of(Customer)
            assert await customers.get(one.id) == one
            assert await customers.get_many([other.id, one.id]) == [other, one]
            found = await customers.page(Query(Customer, where("contact_points.normalised") == "ana@example.com"))
            assert list(found.items) == [other]
            query = Query(Product, order=(asc("sku"),))
            assert [len(b) async for b in unit.of(Product).stream(query, batch=300)] == [300, 300, 100]
            assert await unit.of(Product).count(query) == 700
        async with store.begin() as unit:
            with pytest.raises(Conflict):
                await unit.of(Customer).save(attrs.evolve(one, version=1))
            await unit.of(Customer).remove(other.id)
            assert await unit.of(Customer).find(other.id) is None
            with pytest.raises(NotFound):
                await unit.of(Customer).get(other.id)
            with pytest.raises(Duplicate):
                await unit.of(Product).add(pen("000"))
        claims = await store.claim("relay")
        assert await store.settle("relay", [claim.id for claim in claims]) == 1
        return await store.call(lambda sync, name: sync.name + name, "!")

    assert in_loop(url, work) == "a!"


def test_increments_of_many_tasks_are_all_kept(url):
    async def work(store):
        one = await store.run(lambda unit: unit.products.add(pen("A1", name="0")))

        def increment(unit):
            held = unit.products.get(one.id)
            unit.products.save(attrs.evolve(held, name=str(int(held.name) + 1)))

        async def many():
            for _ in range(10):
                await store.run(increment, attempts=100)

        await asyncio.gather(*(many() for _ in range(4)))
        return await store.run(lambda unit: unit.products.get(one.id).name)

    assert in_loop(url, work) == "40"


def test_a_unit_that_was_not_entered_says_so(tmp_path):
    store = AsyncStore(f"sqlite+aiosqlite:///{tmp_path}/crm.db")
    with pytest.raises(UnitClosed, match="async with"):
        store.begin().of(Customer)


def test_an_async_unit_has_the_names_of_the_synchronous_one(tmp_path):
    plain = {"execute", "execute_many", "fetch", "fetch_one", "fetch_parts", "copies", "copy", "copy_over", "filled"}
    inner = {"maps", "map_of", "dump", "load", "relink", "result_of", "remember", "read_before", "grew"}
    streams = {"arrow_batches", "column_batches"}
    missing = {name for name in dir(SqlUnit) if not name.startswith("_")} - set(dir(AsyncUnit))
    assert missing == plain | inner | streams

    async def main():
        store = AsyncStore(f"sqlite+aiosqlite:///{tmp_path}/crm.db")
        async with store.begin(actor="eva") as unit:
            one = await unit.products.add(pen("A1"))
            await unit.products.remove(one.id)
            again = await unit.restore(Product, one.id)
            assert (await unit.upsert(Product, [attrs.evolve(again, name="x"), pen("B2")])).added == 1
            assert await unit.put_columns(Product, {"sku": ["C3"], "name": ["y"]}) == 1
            assert sorted((await unit.columns(Query(Product), ["sku"]))["sku"]) == ["A1", "B2", "C3"]
            trail = await unit.history(Product, one.id)
            assert [change.action for change in trail] == ["add", "remove", "restore", "save"]
            await unit.redact(attrs.evolve(await unit.products.get(one.id), name="z"))
            assert await unit.retell(lambda _, told: told) == 0
            await unit.erase(Product, one.id)
            for name, kind in inspect.getmembers(AsyncUnit, lambda each: isinstance(each, property)):
                if kind is not AsyncUnit.sync:
                    assert await getattr(unit, name).count(Query(getattr(unit, name)._sync._model)) >= 0
            await unit.commit()
        await store.close()

    asyncio.run(main())
