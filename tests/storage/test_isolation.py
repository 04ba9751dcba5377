"""A tenant sees and touches nothing of another: every public method is tried, and a new one without a trial fails here."""

import inspect

import attrs
import pytest

from pycrm.errors import NotFound, StoreError
from pycrm.model.customer import Customer
from pycrm.model.interaction import Interaction
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.storage import Audited, Kept, MemoryRepository, MemoryStore, MemoryUnit, Query, Upserted
from pycrm.storage.sql import SqlStore
from pycrm.storage.sql.repository import SqlRepository
from pycrm.storage.sql.unit import SqlUnit
from pycrm.testing.made import an_interaction, ana, pen, stored
from storage.opened import KINDS, fresh, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


def refused(work, *kinds):
    with pytest.raises(kinds or NotFound):
        work()


def nothing(found):
    assert not found


def taken(work):
    """An id is taken in its own tenant alone; whatever the store answers, the other's row stays as it was."""
    try:
        work()
    except StoreError:
        return


ASKED = Query(Product, deleted=True)
REPOSITORY = {
    "get": lambda unit, one: refused(lambda: unit.of(Product).get(one.id)),
    "find": lambda unit, one: nothing(unit.of(Product).find(one.id)),
    "get_many": lambda unit, one: refused(lambda: unit.of(Product).get_many([one.id])),
    "add": lambda unit, one: taken(lambda: unit.of(Product).add(attrs.evolve(one, version=0, name="theirs"))),
    "save": lambda unit, one: refused(lambda: unit.of(Product).save(attrs.evolve(one, name="theirs"))),
    "remove": lambda unit, one: refused(lambda: unit.of(Product).remove(one.id)),
    "put_many": lambda unit, one: taken(
        lambda: unit.of(Product).put_many([attrs.evolve(one, version=0, name="theirs")], on_conflict="update")
    ),
    "page": lambda unit, one: nothing(unit.of(Product).page(Query(Product, where("id") == one.id)).items),
    "stream": lambda unit, _: nothing(list(unit.of(Product).stream(ASKED))),
    "count": lambda unit, _: nothing(unit.of(Product).count(ASKED)),
    "erase": lambda unit, one: refused(lambda: unit.erase(Product, one.id)),
    "columns": lambda unit, _: nothing(unit.columns(ASKED, ["sku"])["sku"]),
    "column_batches": lambda unit, _: nothing(list(unit.column_batches(ASKED, ["sku"]))),
    "put_columns": lambda unit, one: taken(
        lambda: unit.put_columns(Product, {"id": [one.id], "sku": ["Z"], "name": ["theirs"]}, on_conflict="update")
    ),
    "restore": lambda unit, one: refused(lambda: unit.restore(Product, one.id)),
    "redact": lambda unit, one: refused(lambda: unit.redact(attrs.evolve(one, name="theirs"))),
    "upsert": lambda unit, one: taken(lambda: unit.upsert(Product, [attrs.evolve(one, name="theirs")])),
}
UNIT = {
    **{
        name: REPOSITORY[name]
        for name in ("erase", "columns", "column_batches", "put_columns", "redact", "restore", "upsert")
    },
    "arrow_batches": lambda unit, _: nothing(
        list(getattr(unit, "arrow_batches", lambda *_: None)(ASKED, ["sku"]) or ())
    ),
    "history": lambda unit, one: nothing(unit.history(Product, one.id)),
    "dump": lambda unit, _: nothing(list(unit.dump(Product))),
    "load": lambda unit, one: taken(lambda: unit.load(Product, [])),
    "relink": lambda unit, one: taken(
        lambda: unit.relink(Product, [Kept(attrs.evolve(one, name="theirs"), live=True)])
    ),
    "result_of": lambda unit, _: nothing(unit.result_of("their key")),
    "remember": lambda unit, _: taken(lambda: unit.remember("their key", 2)),
    "emit": lambda unit, _: unit.emit({"type": "mine"}),
    "retell": lambda unit, _: nothing(unit.retell(lambda *_: {"seen": True})),
    "of": lambda unit, one: refused(lambda: unit.of(Customer).get(one.id)),
}
# What knows no data of a tenant: how the unit ends, how entities are kept, how statements travel within its transaction.
PLAIN_UNIT = {
    "commit", "rollback", "maps", "map_of", "read_before", "execute", "execute_many", "fetch", "fetch_one", "fetch_parts",
    "copies", "copy", "copy_over", "filled", "grew",
}  # fmt: skip
STORE = {
    "claim": lambda store, _: nothing(store.claim("me")),
    "scrub": lambda store, _: taken(store.scrub),
    "settle": lambda store, _: nothing(store.settle("me", [])),
}
PLAIN_STORE = {"begin", "run", "tenant", "close", "create_schema"}


def public(kind):
    return {name for name, _ in inspect.getmembers(kind, callable) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("kinds", "tried"),
    [
        ((MemoryRepository, SqlRepository), set(REPOSITORY)),
        ((MemoryUnit, SqlUnit), set(UNIT) | PLAIN_UNIT),
        ((MemoryStore, SqlStore), set(STORE) | PLAIN_STORE),
    ],
)
def test_every_public_method_has_its_trial(kinds, tried):
    for kind in kinds:
        missing = public(kind) - tried - {"maps", "clock", "retries", "name"}
        assert not missing, f"try {sorted(missing)} of {kind.__name__} with the ids of another tenant"


@pytest.fixture
def two(whole):
    mine, theirs = fresh(whole), fresh(whole)
    one = stored(theirs, pen("A1", name="before", category=("x",)))
    person = stored(theirs, ana())
    stored(theirs, an_interaction(person.id))
    theirs.run(lambda unit: unit.emit({"type": "theirs"}))
    theirs.run(lambda _: 1, key="their key")
    return mine, theirs, one


def everything(store):
    with store.begin(read_only=True) as unit:
        found = [
            entity
            for kind in (Product, Customer, Interaction)
            for part in unit.of(kind).stream(Query(kind, deleted=True))
            for entity in part
        ]
        assert isinstance(unit, Audited)
        return found, [unit.history(Product, one.id) for one in found], unit.result_of("their key")


@pytest.mark.parametrize("name", sorted({**REPOSITORY, **UNIT}))
def test_a_unit_reaches_nothing_of_another_tenant_by(two, name):
    mine, theirs, one = two
    before = everything(theirs)
    for read_only in (True, False):
        with mine.begin(read_only=read_only) as unit:
            try:
                {**REPOSITORY, **UNIT}[name](unit, one)
                unit.commit()
            except StoreError:
                assert read_only  # which refuses to write
    assert everything(theirs) == before


@pytest.mark.parametrize("name", sorted(STORE))
def test_a_store_reaches_nothing_of_another_tenant_by(two, name):
    mine, theirs, one = two
    before = everything(theirs)
    STORE[name](mine, one)
    assert everything(theirs) == before
    assert [claim.type for claim in theirs.claim("them")] == ["theirs"]


def test_the_same_id_key_and_unique_value_belong_to_each_tenant(two):
    mine, theirs, one = two
    with mine.begin() as unit:
        assert unit.upsert(Product, [attrs.evolve(one, name="mine")]) == Upserted(added=1)
        unit.commit()
    assert mine.run(lambda _: 2, key="their key") == 2
    with theirs.begin(read_only=True) as unit:
        assert unit.of(Product).get(one.id).name == "before"
