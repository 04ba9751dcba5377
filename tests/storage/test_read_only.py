"""What cannot be written can still be read, and the refusal says what to do."""

import pytest
import sqlalchemy as sa

from pycrm.errors import NotFound, ReadOnly
from pycrm.model.order import Product
from pycrm.storage import MemoryStore, Query, StandbyStore, Store
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen
from storage.opened import KINDS, fresh, names, opened
from storage.servers import kept

CLOSED = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET default_transaction_read_only = on",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_database_that_only_reads_answers_and_refuses_writes_as_read_only(kind, tmp_path):
    with kept(kind, tmp_path) as store:
        store.run(lambda unit: unit.products.add(pen("A1")))
        engine = sa.create_engine(store.engine.url)

        @sa.event.listens_for(engine, "connect")
        def close(connection, _):
            if hasattr(connection, "autocommit") and kind == "postgresql":
                connection.autocommit = True
            connection.cursor().execute(CLOSED[kind])

        closed = SqlStore(engine)
        assert names(closed) == {"A1": ("Pen", 1)}
        if kind != "sqlite":  # there run() takes the writer's place before it knows that the work only reads
            assert closed.run(lambda unit: unit.products.count(Query(Product))) == 1
        with pytest.raises(ReadOnly, match="the database only reads now") as caught:
            closed.run(lambda unit: unit.products.add(pen("B2")))
        assert "begin(read_only=True)" in caught.value.fix
        assert names(closed) == names(store) == {"A1": ("Pen", 1)}
        engine.dispose()


def gone():
    """Return a store whose server nobody answers for."""
    return SqlStore("postgresql+psycopg://nobody@127.0.0.1:9/none")


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def copy(whole):
    """Return a store of each kind that holds one product."""
    store = fresh(whole)
    store.run(lambda unit: unit.products.add(pen("A1")))
    return store


def test_while_the_primary_is_out_of_reach_the_standby_answers_and_refuses_writes(copy):
    store = StandbyStore(gone(), copy)
    assert isinstance(store, Store)
    assert names(store) == {"A1": ("Pen", 1)}
    assert store.run(lambda unit: unit.of(Product).count(Query(Product))) == 1
    for refused in (
        store.begin,
        lambda: store.run(lambda unit: unit.of(Product).add(pen("B2"))),
        lambda: store.run(lambda unit: 1, key="k"),
    ):
        with pytest.raises(ReadOnly, match="out of reach") as caught:
            refused()
        assert "when it is back" in caught.value.fix
    assert names(copy) == {"A1": ("Pen", 1)}


def test_while_the_primary_is_there_it_reads_and_writes_and_the_standby_is_not_asked(copy):
    store = StandbyStore(copy, gone())
    assert store.run(lambda unit: unit.of(Product).add(pen("B2")).version, key=None) == 1
    with store.begin(actor="ana") as unit:
        unit.of(Product).add(pen("C3"))
        unit.commit()
    assert set(names(store)) == set(names(copy)) == {"A1", "B2", "C3"}


def test_an_error_of_the_work_on_the_standby_is_its_own(copy):
    with pytest.raises(NotFound):
        StandbyStore(gone(), copy).run(lambda unit: unit.of(Product).get(pen("x").id))


def test_each_tenant_has_its_own_standby(copy):
    store = StandbyStore(gone(), copy)
    assert names(store.tenant("nobody-yet")) == {}
    assert names(StandbyStore(MemoryStore(), copy).tenant("nobody-yet")) == {}
