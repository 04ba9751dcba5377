"""Questions of very many values and very deep ones, long names, pickled stores and missing drivers: answered or refused alike."""

import copy
import pickle
import sys
from contextlib import ExitStack, closing
from uuid import UUID

import attrs
import pytest
import sqlalchemy as sa
from attrs import frozen

from pycrm.errors import Broken, Duplicate, InvalidQuery, MissingExtraError, StoreError
from pycrm.model.entity import Entity
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.storage import EntityMap, MemoryStore, Query
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen, stored
from storage.opened import KINDS, fresh, opened
from storage.servers import database


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def test_more_values_than_sqlite_takes_variables_are_asked_for(store):
    one, other = stored(store, pen("A'1ñ\U0001f58a")), stored(store, pen("B2"))
    skus = [f"x{n}" for n in range(300_000)]
    ids = [UUID(int=n) for n in range(300_000)]
    with store.begin(read_only=True) as unit:
        assert list(unit.products.page(Query(Product, where("sku").is_in([*skus, one.sku]))).items) == [one]
        assert list(unit.products.page(Query(Product, where("id").is_in([*ids, other.id]))).items) == [other]
        assert unit.products.count(Query(Product, ~where("sku").is_in(skus))) == 2
        assert unit.products.count(Query(Product, where("version").is_in(range(300_000)))) == 2


def deep(levels):
    found = where("sku") == "A1"
    for _ in range(levels // 2):
        found = ~(found & (where("name") != "x"))
    return found


def test_a_question_may_nest_thirty_deep_and_more_is_refused(store):
    stored(store, pen("A1"))
    with store.begin(read_only=True) as unit:
        assert unit.products.count(Query(Product, deep(28))) in {0, 1}
        for levels in (34, 5_000):
            for ask in (unit.products.count, unit.products.page, lambda query: list(unit.products.stream(query))):
                with pytest.raises(InvalidQuery, match="30 deep"):
                    ask(Query(Product, deep(levels)))


@frozen(kw_only=True)
class Long(Entity):
    code: str
    other: str
    above: UUID | None = None
    beside: UUID | None = None


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_the_rules_of_a_table_with_a_long_name_keep_names_of_their_own(kind, tmp_path):
    table = "t" * 60
    maps = [
        EntityMap.of(
            Long,
            table=table,
            unique=[("code",), ("other",)],
            references={"above": Long, "beside": Long},
            indexes=["code"],
        )
    ]

    def tried(url):
        with closing(SqlStore(url, maps)) as store:
            store.create_schema()
            stored(store, Long(code="a", other="b"))
            for wrong in (Long(code="a", other="c"), Long(code="c", other="b")):
                with pytest.raises(Duplicate):
                    stored(store, wrong)
            with pytest.raises(Broken):
                stored(store, Long(code="d", other="d", beside=UUID(int=7)))

    if kind == "sqlite":
        tried(f"sqlite:///{tmp_path}/crm.db")
    else:
        with database(kind) as url:
            tried(url)


@pytest.mark.parametrize("made", [MemoryStore, lambda: SqlStore("sqlite://")])
def test_a_store_or_unit_that_is_copied_or_pickled_says_what_to_do(made):
    store = made()
    with store.begin() as unit:
        for one in (store, unit):
            for carry in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(StoreError, match="open one there"):
                    carry(one)


def test_a_missing_driver_is_answered_with_the_extra_that_brings_it_or_with_one_that_is_brought(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pycrm-domain\[postgres\]"):
        SqlStore("postgresql+psycopg://localhost/x")
    for url in ("postgresql+psycopg2://localhost/x", "mysql+mysqldb://localhost/x", "oracle://localhost/x"):
        monkeypatch.setitem(sys.modules, sa.make_url(url).get_driver_name(), None)
        monkeypatch.setitem(sys.modules, "MySQLdb", None)
        with pytest.raises(StoreError, match=r"no extra of pycrm brings it.*postgresql\+psycopg"):
            SqlStore(url)


@frozen(kw_only=True)
class Desk(Entity):
    label: str
    seats: int = 1
    tags: frozenset[str] = frozenset()


@pytest.mark.parametrize("table", ["Patient", "客户", "客" * 21, "order", "my desk", "a.b%c", "x" * 63])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_table_may_have_a_name_of_any_script_and_case(kind, table, tmp_path):
    maps = [EntityMap.of(Desk, table=table, unique=[("label",)], indexes=["seats"], searched=["tags"])]
    with ExitStack() as held:
        url = f"sqlite:///{tmp_path}/crm.db" if kind == "sqlite" else held.enter_context(database(kind))
        with closing(SqlStore(url, maps)) as store:
            store.create_schema()
            store.create_schema()
            with store.begin() as unit:
                one = unit.of(Desk).add(Desk(label="a", tags=frozenset({"q"})))
                unit.of(Desk).put_many(Desk(label=f"b{number}") for number in range(1_100))
                unit.of(Desk).save(attrs.evolve(one, seats=2))
                unit.commit()
            with store.begin() as unit:
                assert [desk.seats for desk in unit.of(Desk).page(Query(Desk, where("tags") == "q")).items] == [2]
                with pytest.raises(Duplicate):
                    unit.of(Desk).add(Desk(label="a"))
