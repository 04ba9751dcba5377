"""Columns a stretch at a time: the same values and the same types from every store and by every way."""

import asyncio
import builtins
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pandas as pd
import polars as pl
import pytest
from attrs import frozen

from pycrm.errors import InvalidQuery, InvalidValueError, MissingExtraError, StoreError, UnitClosed
from pycrm.frames import frame_of
from pycrm.model.entity import Entity, new_id
from pycrm.model.predicate import where
from pycrm.storage import EntityMap, MemoryStore, Query, asc, desc, read_batches, read_columns
from pycrm.storage.sql import AsyncStore, SqlStore
from storage.servers import database


@frozen(kw_only=True)
class Reading(Entity):
    place: str
    number: int
    real: float | None = None
    exact: Decimal | None = None
    good: bool | None = None
    at: datetime | None = None
    day: date | None = None
    by: UUID | None = None
    note: str | None = None
    never: int | None = None
    tags: tuple[str, ...] = ()


MAPS = [EntityMap.of(Reading, indexes=["place"])]
FIELDS = ["id", "place", "number", "real", "exact", "good", "at", "day", "by", "note", "never", "tags"]
ROWS = [
    Reading(
        id=UUID(int=n + 1),
        place="abc"[n % 3],
        number=n - 5 if n else 2**62,
        real=None if n % 4 == 0 else n / 3,
        exact=None if n % 5 == 0 else Decimal(n) / 1000,
        good=None if n % 6 == 0 else n % 2 == 0,
        at=None if n % 7 == 0 else datetime(1 + n * 300, 5, 1, 12, 30, 15, n, tzinfo=UTC),
        day=None if n % 8 == 0 else date(1 + n * 300, 2, 28),
        by=None if n % 9 == 0 else UUID(int=n % 4),
        note=None if n % 3 == 0 else f"«{n}» \t\n",
        tags=tuple("xyz"[: n % 4]),
    )
    for n in range(23)
]
KINDS = ["memory", "sqlite", "postgresql", "mariadb"]


@pytest.fixture(scope="module", params=KINDS)
def store(request):
    if request.param == "memory":
        made = MemoryStore(MAPS)
        with made.begin() as unit:
            unit.of(Reading).put_many(ROWS)
            unit.commit()
        yield made
    elif request.param == "sqlite":
        made = SqlStore("sqlite://", MAPS, durable=False)
        with made.begin() as unit:
            unit.of(Reading).put_many(ROWS)
            unit.commit()
        yield made
        made.close()
    else:
        with database(request.param) as url:
            made = SqlStore(url, MAPS)
            made.create_schema()
            with made.begin() as unit:
                unit.of(Reading).put_many(ROWS)
                unit.commit()
            yield made
            made.close()


QUESTIONS = [
    Query(Reading),
    Query(Reading, order=(desc("place"), asc("at", nulls="first"))),
    Query(Reading, where("place") == "b", order=(asc("number"),)),
    Query(Reading, where("tags") == "z"),
    Query(Reading, where("place") == "nowhere"),
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("size", [1, 5, 23, 1_000])
def test_the_stretches_are_the_columns(store, question, size):
    with store.begin(read_only=True) as unit:
        whole = read_columns(unit, question, FIELDS)
        got = {name: [] for name in FIELDS}
        for stretch in read_batches(unit, question, FIELDS, batch=size, arrow=False):
            assert 0 < len(stretch["id"]) <= size
            for name, values in stretch.items():
                got[name] += values
        assert got == whole


TYPES = ["object", "str", "int64", "float64", "float64", "boolean", "datetime64[us, UTC]", "datetime64[us]", "object",
         "str", "Int64", "object"]  # fmt: skip
STR = str(pd.Series(["x"], dtype="str").dtype)  # object before pandas 3


@pytest.mark.parametrize("arrow", [True, False])
@pytest.mark.parametrize("question", QUESTIONS[:3])
def test_a_data_frame_has_the_same_values_and_types_from_every_store_and_way(store, question, arrow):
    memory = MemoryStore(MAPS)
    with memory.begin() as unit:
        unit.of(Reading).put_many(ROWS)
        expected = frame_of(read_batches(unit, question, FIELDS))
        in_polars = frame_of(read_batches(unit, question, FIELDS), library="polars")
    with store.begin(read_only=True) as unit:
        found = frame_of(read_batches(unit, question, FIELDS, batch=7, arrow=arrow))
        pd.testing.assert_frame_equal(found, expected)
        if question.where is None:
            assert [str(t) for t in found.dtypes] == [STR if t == "str" else t for t in TYPES]
            assert found["at"].isna().sum() == 4
            assert found["number"].max() == 2**62
        assert frame_of(read_batches(unit, question, FIELDS, batch=7, arrow=arrow), library="polars").equals(in_polars)


def test_a_polars_frame_has_the_types_that_are_stated(store):
    with store.begin(read_only=True) as unit:
        frame = frame_of(read_batches(unit, Query(Reading), FIELDS), library="polars")
    assert frame.dtypes[:11] == [
        pl.String, pl.String, pl.Int64, pl.Float64, pl.Float64, pl.Boolean, pl.Datetime("us", "UTC"), pl.Date, pl.String,
        pl.String, pl.Int64,
    ]  # fmt: skip
    assert frame["by"][1] == str(UUID(int=1))


def test_a_frame_of_nothing_has_its_types_too(store):
    with store.begin(read_only=True) as unit:
        found = frame_of(read_batches(unit, Query(Reading, where("place") == "nowhere"), FIELDS[:11]))
        other = frame_of(read_batches(unit, Query(Reading, where("place") == "nowhere"), FIELDS[:11]), library="polars")
    assert len(found) == len(other) == 0
    types = [STR if t == "str" else t for t in TYPES[:11]]
    # Where nothing is missing, nothing needs a type that can say so.
    assert [str(t) for t in found.dtypes] == [{"boolean": "bool", "Int64": "int64"}.get(t, t) for t in types]


def test_what_a_unit_has_written_is_in_its_own_stretches(store):
    mine = store.tenant(f"t{new_id().hex}")
    with mine.begin() as unit:
        unit.of(Reading).add(ROWS[3])
        assert len(frame_of(read_batches(unit, Query(Reading), ["place"]))) == 1


def test_others_may_write_while_stretches_are_read_and_are_not_seen(store):
    mine = store.tenant(f"t{new_id().hex}")
    with mine.begin() as unit:
        unit.of(Reading).put_many(ROWS[:10])
        unit.commit()
    for arrow in (True, False):
        with mine.begin(read_only=True) as unit:
            found = [unit.of(Reading).count(Query(Reading))]
            stretches = iter(read_batches(unit, Query(Reading), ["number"], batch=3, arrow=arrow))
            with mine.begin() as other:
                other.of(Reading).add(Reading(id=new_id(), place="late", number=0))
                other.commit()
            total = sum(len(stretch["number"]) for stretch in stretches)
            assert total == found[0]


def test_a_question_in_between_disturbs_no_stretch(store):
    with store.begin(read_only=True) as unit:
        got = []
        for stretch in read_batches(unit, Query(Reading), ["number"], batch=4, arrow=False):
            assert unit.of(Reading).get(ROWS[0].id).number == 2**62
            got += stretch["number"]
    assert got == [row.number for row in ROWS]


def test_stretches_of_a_unit_that_has_ended_are_refused(store):
    with store.begin(read_only=True) as unit:
        stretches = iter(read_batches(unit, Query(Reading), ["number"], batch=3, arrow=False))
        next(stretches)
    if isinstance(store, MemoryStore):
        return  # it had been answered from memory already
    with pytest.raises((UnitClosed, StoreError)):
        list(stretches)


def test_stretches_of_no_field_and_of_no_size_are_refused(store):
    with store.begin(read_only=True) as unit:
        with pytest.raises(InvalidQuery):
            read_batches(unit, Query(Reading), ["colour"])
        with pytest.raises(InvalidValueError):
            read_batches(unit, Query(Reading), ["number"], batch=0)


def test_a_store_that_knows_no_columns_gives_stretches_too():
    class Plain:
        def __init__(self, unit):
            self.of = unit.of

    memory = MemoryStore(MAPS)
    with memory.begin() as unit:
        unit.of(Reading).put_many(ROWS)
        plain = read_batches(Plain(unit), Query(Reading), ["place", "tags"], batch=9)
        assert [len(stretch["tags"]) for stretch in plain] == [9, 9, 5]


def test_without_adbc_the_stretches_come_from_a_cursor_of_the_server(monkeypatch):
    plain = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("adbc"):
            raise ImportError(name)
        return plain(name, *arguments, **options)

    with database("postgresql") as url:
        store = SqlStore(url, MAPS)
        store.create_schema()
        with store.begin() as unit:
            unit.of(Reading).put_many(ROWS)
            unit.commit()
        monkeypatch.setattr(builtins, "__import__", without)
        with store.begin(read_only=True) as unit:
            assert isinstance(next(iter(read_batches(unit, Query(Reading), ["number"])))["number"], list)
        monkeypatch.undo()
        with store.begin(read_only=True) as unit:
            assert not isinstance(next(iter(read_batches(unit, Query(Reading), ["number"])))["number"], list)
        store.close()


def test_another_library_and_one_that_is_not_there_are_refused(monkeypatch):
    with MemoryStore(MAPS).begin() as unit:
        batches = read_batches(unit, Query(Reading), ["number"])
        with pytest.raises(InvalidValueError):
            frame_of(batches, library="excel")
        monkeypatch.setitem(__import__("sys").modules, "polars", None)
        with pytest.raises(MissingExtraError):
            frame_of(batches, library="polars")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_stretches_are_read_by_synchronous_code_within_an_asynchronous_store(driver):
    async def main(url):
        store = AsyncStore(url.set(drivername=f"postgresql+{driver}"), MAPS)
        await store.create_schema()

        def work(sync):
            with sync.begin() as unit:
                unit.of(Reading).put_many(ROWS)
                unit.commit()
            with sync.begin(read_only=True) as unit:
                asked = Query(Reading, where("place") == "a")
                return [value for part in read_batches(unit, asked, ["number"], batch=3) for value in part["number"]]

        found = await store.call(work)
        await store.close()
        return found

    with database("postgresql") as url:
        assert asyncio.run(main(url)) == [row.number for row in ROWS if row.place == "a"]
