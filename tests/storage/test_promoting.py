"""A column that a table lacks: named when the store opens, added and filled by `create_schema`."""

from decimal import Decimal

import pytest
from attrs import frozen

from pycrm.errors import InvalidDataError, SchemaMismatch
from pycrm.model.customer import Customer, PersonName
from pycrm.model.entity import Entity
from pycrm.model.predicate import where
from pycrm.storage import EntityMap, Kind, Query, asc
from pycrm.storage.sql import SqlStore
from pycrm.storage.sql.promote import _HALF
from storage.servers import database

PLAIN = [EntityMap.of(Customer)]
PROMOTED = [
    EntityMap.of(
        Customer,
        searched={"custom.tier": Kind.TEXT, "custom.debt": Kind.DECIMAL},
    )
]


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/crm.db"
    else:
        with database(request.param) as url:
            yield url


def customer(number, **custom):
    return Customer(name=PersonName(given=f"N{number}"), custom=custom)


def filled(url, people):
    store = SqlStore(url, PLAIN)
    store.create_schema()
    for tenant in ("a", "b"):
        with store.tenant(tenant).begin() as unit:
            made = [unit.of(Customer).add(one) for one in people]
            unit.of(Customer).remove(made[-1].id)
            unit.commit()
    store.close()


def test_a_custom_field_is_promoted_to_a_column_of_rows_that_are_there(url):
    people = [customer(n, tier=["gold", "tin"][n % 2], debt=Decimal(n)) for n in range(1_100)] + [
        customer(0),
        customer(0, tier="gold"),
    ]
    filled(url, people)
    store = SqlStore(url, PROMOTED)
    with pytest.raises(SchemaMismatch, match=r"customer\.custom_tier, customer\.custom_debt.*create_schema"):
        store.begin()
    store.create_schema()
    store.create_schema()
    for tenant in ("a", "b"):
        with store.tenant(tenant).begin(read_only=True) as unit:
            customers = unit.of(Customer)
            assert customers.count(Query(Customer, where("custom.tier") == "gold")) == 550
            assert customers.count(Query(Customer, where("custom.tier") == "gold", deleted=True)) == 551
            found = customers.page(Query(Customer, where("custom.debt") < 3, order=(asc("custom.debt"),))).items
            assert [one.custom["debt"] for one in found] == [0, 1, 2]
    with store.engine.connect() as connection:
        from sqlalchemy import inspect

        columns = {column["name"] for column in inspect(connection).get_columns("customer")}
        indexes = {index["name"] for index in inspect(connection).get_indexes("customer")}
    assert not any(name.startswith(_HALF) for name in columns)
    assert {"ix_customer_custom_tier", "ix_customer_custom_debt"} <= indexes
    store.close()


def test_a_value_that_the_column_could_not_hold_is_named_before_anything_is_changed(url):
    filled(url, [customer(1, tier="gold"), customer(2, tier="x" * 300), customer(3)])
    store = SqlStore(url, PROMOTED)
    with pytest.raises(InvalidDataError, match=r"custom\.tier.*at most 255.*tenant a"):
        store.create_schema()
    with pytest.raises(SchemaMismatch, match="custom_tier"):
        store.begin()
    store.close()
    plain = SqlStore(url, PLAIN)
    with plain.tenant("a").begin(read_only=True) as unit:
        assert unit.of(Customer).count(Query(Customer)) == 2
    plain.close()


def test_promoting_that_stopped_half_way_begins_again(url):
    filled(url, [customer(1, tier="gold"), customer(2)])
    plain = SqlStore(url, PLAIN)
    with plain.engine.connect() as connection:  # as if the process had died after adding the column
        connection.exec_driver_sql(
            f"ALTER TABLE customer ADD COLUMN {_HALF}custom_tier VARCHAR(255)"
            if plain.dialect.name != "sqlite"
            else f"ALTER TABLE customer ADD COLUMN {_HALF}custom_tier TEXT"
        )
    plain.close()
    store = SqlStore(url, PROMOTED)
    with pytest.raises(SchemaMismatch, match="custom_tier"):
        store.begin()
    store.create_schema()
    with store.tenant("a").begin(read_only=True) as unit:
        assert unit.of(Customer).count(Query(Customer, where("custom.tier") == "gold")) == 1
    store.close()


@frozen(kw_only=True)
class Hut(Entity):
    code: str


def grown(**fields):
    return [EntityMap.of(frozen(kw_only=True)(type("Hut", (Hut,), fields)), table="hut")]


def test_a_field_that_may_be_missing_gets_its_column_and_any_other_is_refused_with_what_to_do(url):
    store = SqlStore(url, [EntityMap.of(Hut)])
    store.create_schema()
    with store.begin() as unit:
        one = unit.of(Hut).add(Hut(code="A"))
        unit.commit()
    store.close()
    for fields in ({"__annotations__": {"beds": int}}, {"__annotations__": {"beds": int | None}, "beds": 3}):
        store = SqlStore(url, grown(**fields))
        with pytest.raises(SchemaMismatch, match=r"hut\.beds"):
            store.begin()
        with pytest.raises(SchemaMismatch, match=r"hut\.beds.*revision of your own"):
            store.create_schema()
        store.close()
    maps = grown(__annotations__={"beds": int | None}, beds=None)
    store = SqlStore(url, maps)
    store.create_schema()
    with store.begin() as unit:
        held = unit.of(maps[0].model).get(one.id)
        assert (held.code, held.beds) == ("A", None)
    store.close()
