"""What a store in a database answers at its edges: bounds of columns, hosts, failures of connections, classes of the host."""

import asyncio
import shutil
import sqlite3
import sys
import threading
import time
from decimal import Decimal
from uuid import UUID

import attrs
import pytest
import sqlalchemy as sa
from attrs import Factory, field, frozen
from sqlalchemy.pool import NullPool, QueuePool

from pycrm.errors import (
    Broken,
    Conflict,
    Duplicate,
    InvalidDataError,
    InvalidValueError,
    MissingExtraError,
    StoreError,
    Transient,
    UnitClosed,
)
from pycrm.model.entity import Entity
from pycrm.model.order import Product
from pycrm.model.predicate import all_of, any_of, evaluate, where
from pycrm.storage import EntityMap, Query, asc
from pycrm.storage.maps import default_maps
from pycrm.storage.migrations import pycrm_0001
from pycrm.storage.sql import AsyncStore, SqlStore, upgrade
from pycrm.storage.sql.dialects import dialect_of
from pycrm.testing.made import an_order, ana, firm, pen
from storage.servers import furnished


def _short(instance, attribute, value):
    if len(value) > 20:
        raise InvalidValueError(attribute.name, value, "give at most 20 characters")


@frozen(kw_only=True)
class Shelf(Entity):
    code: str
    seats: int = 0
    height: float = 0.0
    price: Decimal = Decimal(0)
    weight: Decimal | None = None
    label: str = field(converter=str.strip, validator=_short, default=Factory(lambda self: self.code, takes_self=True))
    alias: str = Factory(lambda self: self.code.upper(), takes_self=True)
    tags: frozenset[str] = field(default=frozenset(), converter=frozenset)


@frozen(kw_only=True)
class Crate(Entity):
    code: str
    barcode: str | None = None
    marks: tuple[str, ...] = ()
    size: int = field(init=False)

    def __attrs_post_init__(self):
        object.__setattr__(self, "size", len(self.code))


def maps():
    wide = {"weight": {"precision": 38, "scale": 10}}
    return [
        *default_maps(),
        EntityMap.of(Shelf, unique=[("code",)], searched=["tags"], columns=wide),
        EntityMap.of(Crate, unique=[("code",), ("barcode",)]),
    ]


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def store(request, tmp_path):
    if request.param == "sqlite":
        made = SqlStore(f"sqlite:///{tmp_path}/crm.db", maps(), durable=False)
        yield made
        made.close()
    else:
        with furnished(request.param, maps) as made:
            yield made


@pytest.fixture
def postgresql():
    with furnished("postgresql", maps) as made:
        yield made


@pytest.fixture
def host(tmp_path):
    """An SQLite connection of the host, with the schema."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/host.db", connect_args={"timeout": 0.05})
    with engine.connect() as connection:
        SqlStore(connection, maps()).create_schema()
        connection.commit()
        yield connection
    engine.dispose()


def added(store, *entities):
    with store.begin() as unit:
        made = [unit.of(type(entity)).add(entity) for entity in entities]
        unit.commit()
    return made


# Columns and their bounds

DECIMALS = ["0", "1.5", "-2.25", "10", "-0.0000000001", "1234567890123456789012345678.0123456789"]
WIDE = [Decimal(text) for text in (*DECIMALS, "-1234567890123456789012345678.0123456789", "0.5000")]


def test_wide_decimals_come_back_and_are_ordered_and_compared_as_numbers_on_every_database(store):
    added(store, *(Shelf(code=f"{at}", weight=each) for at, each in enumerate(WIDE)))
    with store.begin(read_only=True) as unit:
        found = [shelf for batch in unit.of(Shelf).stream(Query(Shelf, order=(asc("weight"),))) for shelf in batch]
        assert [shelf.weight for shelf in found] == sorted(WIDE)
        assert unit.of(Shelf).count(Query(Shelf, where("weight") < Decimal(0))) == 3


BOUNDS = {
    "seats": [0, 1.5, -1, 2**63, -(2**63) - 1, 10**30],
    "height": [0, 10**400, -(10**400), Decimal("0.1"), Decimal("0.30000000000000001"), 0.1, 2],
    "price": [0, Decimal("0.0000001"), 10**12, -(10**12), Decimal("-999999999999.9999995"), Decimal("1.5")],
}


def test_numbers_no_column_can_hold_are_compared_as_evaluate_compares_them(store):
    shelves = added(
        store,
        Shelf(code="a"),
        Shelf(code="b", seats=1, height=0.1, price=Decimal("1.5")),
        Shelf(code="c", seats=2**63 - 1, height=1e308, price=Decimal("999999999999.999999")),
        Shelf(code="d", seats=-(2**63), height=-1e308, price=Decimal("-999999999999.999999")),
        Shelf(code="e", seats=2, height=0.3, price=Decimal("0.000001")),
    )
    with store.begin(read_only=True) as unit:
        for path, values in BOUNDS.items():
            for value in values:
                asked = where(path)
                for question in (
                    asked == value,
                    asked != value,
                    asked < value,
                    asked <= value,
                    asked > value,
                    asked >= value,
                ):
                    expected = sorted(one.code for one in shelves if evaluate(question, one))
                    found = unit.of(Shelf).columns(Query(Shelf, question, order=(asc("code"),)), ["code"])
                    assert found == {"code": expected}, question


# Classes of the host


def test_a_class_that_computes_a_field_of_its_own_is_stored_changed_and_put_in_bulk(store):
    one, other = added(store, Crate(code="abc"), Crate(code="x"))
    with store.begin() as unit:
        held = unit.of(Crate).get(one.id)
        assert (held, held.size, held.version) == (one, 3, 1)
        unit.of(Crate).save(attrs.evolve(held, code="ab"))
        assert unit.put_columns(Crate, {"code": ["pq", "rst"], "marks": [["m"], None]}) == 2
        unit.commit()
    with store.begin(read_only=True) as unit:
        found = unit.of(Crate).page(Query(Crate, order=(asc("code"),))).items
        assert [(crate.code, crate.size, crate.marks) for crate in found] == [
            ("ab", 2, ()),
            ("pq", 2, ("m",)),
            ("rst", 3, ()),
            ("x", 1, ()),
        ]
        assert unit.of(Crate).get(other.id).version == 1


def test_columns_fill_defaults_that_are_made_of_other_fields_row_by_row(store):
    columns = {
        "code": ["a", "b", "c"],
        "alias": ["given", None, None],
        "label": [None, " given ", None],
        "tags": [{"x"}, {"x"}, None],  # sets have no hash
        "price": [Decimal(1), None, Decimal(1)],
    }
    with store.begin() as unit:
        assert unit.put_columns(Shelf, columns) == 3
        unit.commit()
    with store.begin(read_only=True) as unit:
        found = unit.of(Shelf).page(Query(Shelf, order=(asc("code"),))).items
        assert [(one.alias, one.label, one.tags, one.price) for one in found] == [
            ("given", "a", {"x"}, 1),
            ("B", "given", {"x"}, 0),
            ("C", "c", frozenset(), 1),
        ]
        assert unit.of(Shelf).count(Query(Shelf, where("tags") == "x")) == 2


def test_a_default_made_of_a_field_that_breaks_a_rule_is_refused_with_its_row(store):
    with store.begin() as unit, pytest.raises(InvalidDataError, match="label") as refused:
        unit.put_columns(Shelf, {"code": ["a", "b" * 21]})
    assert refused.value.row == 1


def test_an_unknown_way_of_settling_conflicts_is_refused_for_columns(store):
    with store.begin() as unit, pytest.raises(InvalidValueError, match="'update'"):
        unit.put_columns(Product, {"sku": ["A1"], "name": ["Pen"]}, on_conflict="replace")


def test_more_different_nested_values_than_are_remembered_are_all_kept():
    store = SqlStore("sqlite://", maps(), durable=False)
    count = 50_001
    with store.begin() as unit:
        assert (
            unit.put_columns(Shelf, {"code": [str(n) for n in range(count)], "tags": [(str(n),) for n in range(count)]})
            == count
        )
        for number in (0, 49_999, 50_000):
            assert unit.of(Shelf).columns(Query(Shelf, where("tags") == str(number)), ["code"]) == {
                "code": [str(number)]
            }
    store.close()


# Bulk and its rules


def test_what_is_new_is_refused_by_put_many_where_it_says_it_was_stored(store):
    with store.begin() as unit, pytest.raises(InvalidValueError, match="never stored"):
        unit.products.put_many([pen("A1"), pen("B2", version=3)])


def test_the_one_row_of_many_that_refers_to_nobody_breaks_the_rule_by_its_name(store):
    (customer,) = added(store, ana())
    with store.begin() as unit, pytest.raises(Broken) as broken:
        unit.orders.put_many([an_order(customer.id, "1"), an_order(ana().id, "2")])
    assert broken.value.fields == ("customer_id",)


def test_a_row_twice_is_a_duplicate_of_its_id_where_no_other_key_is_held(store):
    (one,) = added(store, Crate(code="a"))
    with store.begin() as unit, pytest.raises(Duplicate) as twice:
        unit.of(Crate).add(attrs.evolve(one, code="b", version=0))
    assert twice.value.fields == ("id",)


def test_putting_many_again_changes_a_key_skips_what_has_none_and_finds_shared_keys(store):
    one, crate, _ = added(store, pen("A1"), Crate(code="a"), firm())
    with store.begin() as unit:
        (outcome,) = unit.products.put_many([attrs.evolve(one, sku="B2")], on_conflict="update")
        assert outcome.outcome == "updated"
        outcomes = unit.of(Crate).put_many([crate, Crate(code="b")], on_conflict="skip")
        assert [each.outcome for each in outcomes] == ["skipped", "added"]
        outcomes = unit.customers.put_many([firm(), ana()], on_conflict="update")
        assert [each.outcome for each in outcomes] == ["lost", "added"]
        unit.commit()
    with store.begin(read_only=True) as unit:
        assert unit.products.get(one.id).sku == "B2"
        assert unit.columns(Query(Product), ["sku"]) == {"sku": ["B2"]}


def test_a_save_writes_only_the_columns_that_hold_something_new(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/crm.db", maps(), durable=False)
    (one,) = added(store, Shelf(code="A", seats=2, tags=frozenset({"oak"})))
    told = []
    with store.begin() as unit:
        held = unit.of(Shelf).get(one.id)
        unit._link.connection.set_trace_callback(told.append)
        again = unit.of(Shelf).save(attrs.evolve(held, seats=3))
        unit.of(Shelf).save(attrs.evolve(again, tags=frozenset({"oak", "ash"})))
        unit._link.connection.set_trace_callback(None)
        unit.commit()
    seats, tags = [each.partition(" WHERE ")[0] for each in told if each.startswith("UPDATE")]
    assert seats == "UPDATE shelf SET version = version + 1, seats = 3"
    assert tags == 'UPDATE shelf SET version = version + 1, document = \'{"tags":["ash","oak"]}\''
    with store.begin(read_only=True) as unit:
        kept = Shelf(id=one.id, code="A", seats=3, tags=frozenset({"oak", "ash"}), version=3)
        assert unit.of(Shelf).get(one.id) == kept
        assert [dict(change.fields) for change in unit.history(Shelf, one.id)] == [
            {},
            {"seats": (2, 3)},
            {"tags": (["oak"], ["ash", "oak"])},
        ]
    store.close()


@pytest.mark.parametrize("seats", [2**63, True])
def test_what_no_column_can_hold_is_refused_before_it_is_looked_for(store, seats):
    with store.begin() as unit, pytest.raises(InvalidValueError, match="seats"):
        unit.of(Shelf).save(Shelf(code="A", seats=seats, version=1))
    (one,) = added(store, Shelf(code="A"))
    with store.begin() as unit, pytest.raises(InvalidValueError, match="seats"):
        unit.of(Shelf).save(attrs.evolve(unit.of(Shelf).get(one.id), seats=seats))


def test_removing_what_another_unit_has_changed_since_it_was_read_is_a_conflict(store):
    (one,) = added(store, pen("A1"))
    with store.begin() as unit:
        held = unit.products.get(one.id)
        store.run(lambda other: other.products.save(attrs.evolve(one, name="Ink")))
        with pytest.raises(Conflict):
            unit.products.remove(one.id, version=held.version)


def test_rows_changed_by_another_while_they_are_compared_are_transient(postgresql):
    (one,) = added(postgresql, pen("A1"))
    errors = []

    def update():
        with postgresql.begin() as unit:
            try:
                unit.products.put_many([attrs.evolve(one, name="Ink")], on_conflict="update")
            except StoreError as error:
                errors.append(error)

    with postgresql.begin() as unit:
        unit.products.save(attrs.evolve(one, name="Nib"))
        thread = threading.Thread(target=update)
        thread.start()
        waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted"
        with postgresql.engine.connect() as looking:
            while looking.exec_driver_sql(waits).scalar() == 0 and thread.is_alive():
                time.sleep(0.01)
        unit.commit()
    thread.join(30)
    assert [type(error) for error in errors] == [Transient]


# Rules of the host


def test_a_rule_that_the_host_has_put_on_a_table_is_broken_by_what_the_database_says(store):
    (customer,) = added(store, ana())
    with store.engine.begin() as connection:
        if store.dialect.name == "sqlite":
            rule = "CREATE TRIGGER no_ink BEFORE INSERT ON purchase BEGIN SELECT RAISE(ABORT, 'no'); END"
        else:
            rule = "ALTER TABLE purchase ADD CONSTRAINT no_ink CHECK (currency <> 'EUR')"
        connection.exec_driver_sql(rule)
    with store.begin() as unit, pytest.raises(Broken):
        unit.orders.add(an_order(customer.id))
    if store.dialect.name != "sqlite":
        with store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE purchase DROP CONSTRAINT no_ink")


def test_a_statement_the_database_does_not_understand_is_a_store_error_with_the_driver_s_as_its_cause(store):
    for ask in ("fetch", "fetch_one", "execute"):
        with store.begin() as unit:
            with pytest.raises(StoreError, match="refused with code") as refused:
                getattr(unit, ask)("SELECT nonsense FROM nowhere")
            assert refused.value.__cause__ is not None
            with pytest.raises(UnitClosed):
                unit.products.find(pen().id)


def test_a_question_about_more_values_than_postgresql_takes_parameters_is_answered(postgresql):
    kept = added(postgresql, Shelf(code="A1", seats=7, height=0.5, price=Decimal("1.5"), tags={"ash"}))[0]
    others = range(-70_000, 0)
    with postgresql.begin() as unit:
        for condition in (
            where("code").is_in([*map(str, others), "A1"]),
            where("seats").is_in([*others, 7]),
            where("height").is_in([*others, 0.5]),
            where("price").is_in([*map(Decimal, others), Decimal("1.5")]),
            where("tags").is_in([*map(str, others), "ash"]),
            where("id").is_in([*(UUID(int=-number) for number in others), kept.id]),
        ):
            assert unit.of(Shelf).page(Query(Shelf, condition)).items == [kept]
            assert unit.columns(Query(Shelf, condition), ["code"]) == {"code": ["A1"]}
            assert unit.of(Shelf).count(Query(Shelf, ~condition)) == 0


@pytest.mark.parametrize("joined", [any_of, all_of])
def test_a_condition_of_thousands_of_parts_is_answered_on_every_database(store, joined):
    kept = added(store, Shelf(code="A1"))[0]
    with store.begin() as unit:
        condition = joined(*(where("code") == str(number) for number in range(3_000)))
        assert unit.of(Shelf).page(Query(Shelf, ~condition)).items == [kept]
        assert unit.of(Shelf).count(Query(Shelf, condition | (where("code") == "A1"))) == 1


def test_a_page_larger_than_a_database_can_count_to_is_refused_by_name(store):
    with store.begin() as unit:
        assert unit.of(Shelf).page(Query(Shelf), size=2**62 - 1).items == []
        with pytest.raises(InvalidValueError, match=r"size: .* below 2\*\*62"):
            unit.of(Shelf).page(Query(Shelf), size=2**62)


def test_what_is_larger_than_the_server_takes_at_once_is_refused_once_and_not_tried_again():
    tries = []
    with furnished("mariadb", maps) as store:
        with store.engine.connect() as connection:
            most = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar()

        def work(unit):
            tries.append(unit)
            unit.products.add(pen(name="x" * (most + 1_000)))

        with pytest.raises(StoreError, match="refused with code 1153"):
            store.run(work)
        assert len(tries) == 1
        assert store.run(lambda unit: unit.products.count(Query(Product))) == 0


# Connections of the host


def test_units_of_work_join_the_transaction_of_a_host_and_end_with_it(host):
    store = SqlStore(host, maps())
    with store.begin() as unit:
        kept = unit.products.add(pen("A1"))
        unit.commit()
    with store.begin() as unit:
        unit.products.add(pen("B2"))
    with store.begin(read_only=True) as unit:
        assert unit.columns(Query(Product), ["sku"]) == {"sku": ["A1"]}
    store.close()
    assert host.exec_driver_sql("SELECT sku FROM product").scalars().all() == [kept.sku]
    host.rollback()
    assert host.exec_driver_sql("SELECT sku FROM product").scalars().all() == []


def test_references_hold_on_a_host_s_connection_that_would_check_none(host):
    store = SqlStore(host, maps())
    with store.begin() as unit, pytest.raises(Broken, match="customer_id"):
        unit.orders.add(an_order(pen().id))
    host.rollback()
    assert store.run(lambda unit: unit.products.count(Query(Product))) == 0
    host.rollback()
    host.exec_driver_sql("PRAGMA foreign_keys = OFF")
    host.exec_driver_sql("DELETE FROM product")  # pysqlite begins a transaction, in which nothing can be turned on
    with pytest.raises(StoreError, match="checks no references"):
        store.begin()


def test_a_host_whose_file_another_process_writes_to_is_told_to_try_again(host, tmp_path):
    other = sqlite3.connect(tmp_path / "host.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with SqlStore(host, maps()).begin() as unit, pytest.raises(Transient) as busy:
        unit.products.add(pen("A1"))
    assert busy.value.code == "SQLITE_BUSY"
    other.close()


def test_a_duplicate_on_a_connection_that_may_write_but_not_read_is_named_by_its_code(host):
    store = SqlStore(host, maps())
    driver = host.connection.dbapi_connection
    with store.begin() as unit:
        unit.products.add(pen("A1"))
        driver.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_SELECT else sqlite3.SQLITE_OK
        )
        with pytest.raises(Duplicate, match="SQLITE_CONSTRAINT_UNIQUE"):
            unit.products.add(pen("A1"))
    driver.set_authorizer(None)


def test_a_host_s_connection_that_was_closed_underneath_is_lost(postgresql):
    engine = sa.create_engine(postgresql.engine.url)
    with engine.connect() as connection:
        transaction = connection.begin()
        with SqlStore(connection, maps()).begin() as unit:
            connection.connection.dbapi_connection.close()
            with pytest.raises(Transient) as lost:
                unit.products.find(pen().id)
        connection.invalidate()
        transaction.rollback()
        assert lost.value.code == "connection lost"
    engine.dispose()


def test_a_unit_whose_server_ended_the_session_rolls_back_and_the_store_goes_on(postgresql):
    with postgresql.begin() as unit:
        unit.products.add(pen("A1"))
        (session,) = unit.fetch_one("SELECT pg_backend_pid()")
        with postgresql.engine.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({session}, 5000)")
    assert added(postgresql, pen("A1"))


def test_a_pool_with_no_connection_left_is_transient_and_so_is_a_file_that_cannot_be_opened(tmp_path):
    (tmp_path / "in").mkdir()
    url = f"sqlite:///{tmp_path}/in/crm.db"
    engine = sa.create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.05)
    store = SqlStore(engine)
    store.create_schema()
    with store.begin(), pytest.raises(Transient, match="pool"):
        store.begin()
    engine.dispose()
    store = SqlStore(sa.create_engine(url, poolclass=NullPool))
    store.begin().rollback()
    shutil.rmtree(tmp_path / "in")
    with pytest.raises(Transient, match="out of reach"):
        store.begin()


# Writers of one file


def test_a_second_writer_waits_its_time_and_in_the_same_thread_not_at_all(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/crm.db", wait=0.05)
    errors = []

    def write(**options):
        try:
            with store.begin(**options) as unit:
                unit.products.add(pen("B2"))
        except Transient as error:
            errors.append(str(error))

    with store.begin() as unit:
        unit.products.add(pen("A1"))
        write()
        for options in ({}, {"isolation": "serializable"}):
            thread = threading.Thread(target=write, kwargs=options)
            thread.start()
            thread.join(30)
    store.close()
    assert ["this thread" in errors[0], *("0.05 s" in error for error in errors[1:])] == [True, True, True]


def test_a_second_task_that_writes_waits_its_time(tmp_path):
    async def main():
        store = AsyncStore(f"sqlite+aiosqlite:///{tmp_path}/crm.db", wait=0.05)
        assert store.sync.name == "main"
        async with store.begin() as first, store.begin() as second:
            await first.of(Product).add(pen("A1"))
            with pytest.raises(Transient, match=r"0\.05 s"):
                await second.of(Product).add(pen("B2"))
        await store.close()

    asyncio.run(main())


# Ways in


@pytest.mark.parametrize("url", ["crm.db", "nosuch://here/crm"])
def test_what_is_no_database_is_a_store_error(url):
    with pytest.raises(StoreError, match="database"):
        SqlStore(url)


def test_a_driver_that_is_not_there_is_named_with_the_extra_that_brings_one():
    with pytest.raises(StoreError, match=r"no extra of pycrm brings it; write .*mysql\+pymysql://"):
        SqlStore("mysql+mysqldb://root@127.0.0.1/test")
    with pytest.raises(MissingExtraError, match=r"pycrm-domain\[async\]"):
        AsyncStore("mysql+aiomysql://root@127.0.0.1/test")


def test_a_family_of_databases_we_do_not_speak_is_refused_by_its_name():
    with pytest.raises(StoreError, match="oracle"):
        dialect_of("oracle")


def test_a_server_that_does_not_answer_is_transient():
    store = SqlStore("postgresql+psycopg://postgres@127.0.0.1:1/test")
    with pytest.raises(Transient, match="out of reach"):
        store.begin()
    store.close()


def test_the_tables_are_there_for_the_host_s_own_statements():
    store = SqlStore("sqlite://", maps())
    assert {"customer", "shelf", "pycrm_audit"} <= set(store.metadata.tables)
    store.close()


def test_an_engine_of_the_host_is_brought_to_this_release_and_stays_open(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/crm.db")
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM pycrm_version").scalar() == "pycrm_0001"
    engine.dispose()


def test_without_alembic_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "alembic.config", None)
    with pytest.raises(MissingExtraError, match=r"pycrm-domain\[sql\]"):
        upgrade("sqlite://")


def test_nothing_goes_back_before_the_first_schema():
    with pytest.raises(NotImplementedError, match="backup"):
        pycrm_0001.downgrade()
