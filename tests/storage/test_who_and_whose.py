"""`run` says who and why and how strictly, as `begin` does; a store of many tenants does nothing before one is named."""

import asyncio
import inspect

import attrs
import pytest

from pycrm.errors import InvalidValueError, Transient
from pycrm.model.order import Product
from pycrm.storage import MemoryStore, Query
from pycrm.storage.sql import AsyncStore, SqlStore
from pycrm.testing.made import pen, stored
from storage.opened import KINDS, fresh, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def test_the_trail_of_what_ran_says_who_and_why_in_every_attempt(store):
    tries = []

    def work(unit):
        tries.append(unit.isolation)
        made = unit.products.add(pen("A1"))
        if len(tries) < 3:
            raise Transient("again", "x")
        return made

    one = store.run(work, actor="eva", cause="restock", isolation="serializable")
    store.run(lambda unit: unit.products.save(attrs.evolve(one, name="x")), actor="leo")
    store.run(lambda unit: unit.products.remove(one.id), key="k", cause="sold out")
    with store.begin(read_only=True) as unit:
        told = [(change.actor, change.cause) for change in unit.history(Product, one.id)]
    assert told == [("eva", "restock"), ("leo", None), (None, "sold out")]
    assert tries == ["serializable"] * 3
    with pytest.raises(InvalidValueError, match="isolation"):
        store.run(lambda _: None, isolation="strict")


def test_write_skew_does_not_come_about_in_serializable_runs(store):
    """Each of two takes itself off call where another is left; both at once would leave nobody."""
    both = [stored(store, pen(sku)) for sku in ("ana", "leo")]
    tried = []

    def leave(mine, meanwhile):
        def work(unit):
            tried.append(mine.sku)
            others = [one for one in unit.products.page(Query(Product)).items if one.id != mine.id]
            meanwhile()
            if others:
                unit.products.remove(mine.id)

        return work

    def other_leaves():
        if len(tried) == 1 and getattr(getattr(store, "dialect", None), "name", "") not in {"sqlite", "mariadb"}:
            store.run(leave(both[1], lambda: None), isolation="serializable")

    store.run(leave(both[0], other_leaves), isolation="serializable")
    with store.begin(read_only=True) as unit:
        assert unit.products.count(Query(Product)) == 1


def test_async_runs_say_who_and_why_too(tmp_path):
    async def main():
        store = AsyncStore(f"sqlite+aiosqlite:///{tmp_path}/crm.db")
        one = await store.run(lambda unit: unit.products.add(pen("A1")), actor="eva", cause="restock")
        (change,) = await store.run(lambda unit: unit.history(Product, one.id))
        await store.close()
        return change.actor, change.cause

    assert asyncio.run(main()) == ("eva", "restock")


ENTRIES = {
    "begin": lambda store: store.begin(),
    "run": lambda store: store.run(lambda _: None),
    "claim": lambda store: store.claim("relay"),
    "settle": lambda store: store.settle("relay", []),
}
TENANTLESS = {"tenant", "create_schema", "close", "scrub", "engine", "metadata"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_store_of_many_tenants_refuses_every_entry_until_one_is_named(kind, entry):
    with opened(kind, tenant=None) as store:
        with pytest.raises(InvalidValueError, match=r'store\.tenant\("acme"\)\.begin\(\)'):
            ENTRIES[entry](store)
        named = fresh(store)
        stored(named, pen("A1"))
        ENTRIES[entry](named)
        store.scrub()


@pytest.mark.parametrize("kind", [MemoryStore, SqlStore])
def test_no_entry_of_a_store_is_forgotten_above(kind):
    public = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
    assert public - set(ENTRIES) - TENANTLESS - {"maps", "clock", "retries", "announce", "name"} == set()


def test_an_async_store_of_many_tenants_refuses_too(tmp_path):
    async def main():
        store = AsyncStore(f"sqlite+aiosqlite:///{tmp_path}/crm.db", tenant=None)
        with pytest.raises(InvalidValueError, match="many tenants"):
            async with store.begin():
                pass
        with pytest.raises(InvalidValueError, match="many tenants"):
            await store.run(lambda _: None)
        await store.tenant("a").run(lambda unit: unit.products.add(pen("A1")))
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", [MemoryStore, lambda **options: SqlStore("sqlite://", **options)])
def test_a_store_may_be_of_one_tenant_from_the_start_and_its_name_is_checked(kind):
    with pytest.raises(InvalidValueError, match="tenant"):
        kind(tenant="")
    store = kind(tenant="acme")
    stored(store, pen("A1"))
    with store.tenant("acme").begin(read_only=True) as unit:
        assert unit.products.count(Query(Product)) == 1
    with store.tenant("main").begin(read_only=True) as unit:
        assert unit.products.count(Query(Product)) == 0


@pytest.mark.parametrize("said", [5, b"eva", "e\0va", "\ud800"])
def test_who_and_why_are_text_that_every_store_keeps(store, said):
    for name in ("actor", "cause"):
        with pytest.raises(InvalidValueError, match=f"{name}: .* is refused; give text"):
            store.run(lambda unit: unit.products.add(pen("A1")), **{name: said})
        with pytest.raises(InvalidValueError, match=name):
            store.begin(**{name: said})
