"""Many rows at once: by COPY, over what is there, and in any store."""

from contextlib import closing

import attrs
import psycopg
import pytest

from pycrm.errors import Broken, Duplicate, InvalidValueError, Transient
from pycrm.model.entity import new_id
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore, Query, Upserting, asc, upsert_many
from pycrm.storage.maps import default_maps
from pycrm.storage.sql import SqlStore, merge
from pycrm.storage.sql.store import _Link
from pycrm.testing.made import an_order, ana, pen, stored
from storage.servers import database, furnished


@pytest.fixture(scope="module")
def postgresql():
    with furnished("postgresql") as store:
        yield store


@pytest.fixture
def copying(postgresql, monkeypatch):
    monkeypatch.setattr(postgresql._core, "copied_from", 20)
    return postgresql.tenant(f"t{new_id().hex}")


def content(store):
    with store.begin(read_only=True) as unit:
        return [
            (p.sku, p.name, p.version) for b in unit.products.stream(Query(Product, order=(asc("sku"),))) for p in b
        ]


def test_what_travels_by_copy_is_the_same_as_what_is_inserted(copying):
    rows = [pen(f"{n:03d}", name="a\tb\\N\n", category=("x", f"y{n}")) for n in range(25)]
    with copying.begin() as unit:
        assert {one.outcome for one in unit.products.put_many(rows)} == {"added"}
        unit.commit()
    with copying.begin() as unit:
        assert unit.products.get_many([one.id for one in rows]) == [attrs.evolve(one, version=1) for one in rows]
        assert unit.products.count(Query(Product, where("category") == "y7")) == 1


def test_a_row_that_no_store_keeps_takes_back_all_that_travelled_before_it_and_the_unit_goes_on(copying):
    rows = [pen(f"{n:03d}") for n in range(25)]
    rows[20] = pen("x" * 256)
    with copying.begin() as unit:
        first = unit.products.add(pen("first"))
        with pytest.raises(InvalidValueError, match="at most 255"):
            unit.products.put_many(rows)
        unit.products.save(attrs.evolve(first, name="Second"))
        unit.commit()
    assert content(copying) == [("first", "Second", 2)]


def test_postgresql_looks_at_a_table_after_its_first_bulk_load_and_not_after_the_next():
    maps = [map for map in default_maps() if map.model is Product]
    with database("postgresql") as url, closing(SqlStore(url, maps)) as store:
        store.create_schema()
        with store.engine.begin() as connection:
            for table in ("product", "pycrm_search"):
                connection.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")

        def rows_known():
            asked = "SELECT reltuples FROM pg_class WHERE relname IN ('product', 'pycrm_search')"
            with store.engine.connect() as connection:
                return list(connection.exec_driver_sql(asked).scalars())

        def load(start, count=1_000):
            unit.products.put_many([pen(f"{n:04d}", category=("x",)) for n in range(start, start + count)])

        with store.begin() as unit:
            load(0)
        with store.begin() as unit:
            load(1_000, count=999)
            unit.commit()
        assert rows_known() == [-1, -1]
        with store.begin() as unit:
            load(2_000)
            unit.commit()
        assert rows_known() == [1_999, 1_999]
        with store.begin() as unit:
            load(3_000)
            unit.commit()
        assert rows_known() == [1_999, 1_999]


def test_what_is_committed_stays_so_where_the_look_at_the_table_fails(postgresql, monkeypatch):
    store = postgresql.tenant(f"t{new_id().hex}")

    class Looking:
        def __init__(self, cursor):
            self._cursor = cursor

        def execute(self, sql, *rest):
            if "pg_class" in sql:
                raise psycopg.errors.AdminShutdown("terminating connection")
            return self._cursor.execute(sql, *rest)

        def __getattr__(self, name):
            return getattr(self._cursor, name)

    plain = _Link.cursor
    monkeypatch.setattr(_Link, "cursor", lambda link: Looking(plain(link)))
    with store.begin() as unit:
        unit.products.put_many([pen(f"{n:04d}") for n in range(1_000)])
        unit.commit()
    assert len(content(store)) == 1_000


def test_a_duplicate_among_what_travels_by_copy_is_named_and_undoes_all(copying):
    stored(copying, pen("007"))
    with copying.begin() as unit, pytest.raises(Duplicate) as caught:
        unit.products.put_many([pen(f"{n:03d}") for n in range(25)])
    assert caught.value.fields == ("sku",)
    assert len(content(copying)) == 1


def test_a_reference_to_nobody_among_what_travels_by_copy_is_broken(copying):
    somebody = stored(copying, ana())
    rows = [an_order(somebody.id, number=str(n)) for n in range(24)]
    with copying.begin() as unit, pytest.raises(Broken) as caught:
        unit.orders.put_many([*rows, attrs.evolve(rows[0], id=new_id(), number="x", customer_id=new_id())])
    assert caught.value.fields == ("customer_id",)


def test_what_travels_by_copy_is_written_over_what_is_there(copying):
    held = [pen(f"{n:03d}") for n in range(30)]
    with copying.begin() as unit:
        unit.products.put_many(held)
        unit.commit()
    with copying.begin(actor="ana") as unit:
        rows = [*(attrs.evolve(one, name="new") for one in held), *(pen(f"B{n}") for n in range(20))]
        found = upsert_many(unit, Product, rows)
        unit.commit()
    assert (found.updated, found.added) == (30, 20)
    assert content(copying)[:30] == [(f"{n:03d}", "new", 2) for n in range(30)]
    with copying.begin() as unit:
        assert unit.history(Product, held[3].id)[-1].fields == {"name": ("Pen", "new")}
        taken = [attrs.evolve(one, sku="000") for one in held[1:]]
        with pytest.raises(Duplicate):
            upsert_many(unit, Product, taken)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_what_another_adds_meanwhile_is_never_written_over_unseen(kind):
    with database(kind) as url:
        store = SqlStore(url)
        store.create_schema()
        one = pen("A1")
        plain = merge._stored

        def late(repository, entities, *, lock):
            found = plain(repository, entities, lock=lock)
            stored(store, attrs.evolve(one, name="theirs"))
            return found

        with pytest.MonkeyPatch.context() as patch, store.begin() as unit:
            patch.setattr(merge, "_stored", late)
            with pytest.raises((Duplicate, Transient)):
                upsert_many(unit, Product, [attrs.evolve(one, name="mine")])
        assert content(store) == [("A1", "theirs", 1)]
        store.close()


def test_a_store_without_the_power_gets_the_same_from_the_first_four_protocols():
    store = MemoryStore()
    one, gone = stored(store, pen("A")), stored(store, pen("B"))

    class Plain:
        def __init__(self, unit):
            self.of = unit.of

    with store.begin() as unit:
        unit.products.remove(gone.id)
        unit.commit()
    with store.begin() as unit:
        plain = Plain(unit)
        assert not isinstance(plain, Upserting)
        found = upsert_many(plain, Product, [attrs.evolve(one, name="x"), pen("C"), gone])
        assert (found.added, found.updated, found.unchanged, found.skipped) == (1, 1, 0, 1)
