from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from uuid import UUID

import attrs
import numpy as np
import pytest
from attrs import frozen

from pycrm.errors import (
    DocumentError,
    InvalidCursor,
    InvalidDataError,
    InvalidQuery,
    InvalidValueError,
    MissingColumnError,
)
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore, Query, read_columns, write_columns
from pycrm.storage.codec import DocumentCodec, column_value, plain_at
from pycrm.storage.columns import Rows
from pycrm.storage.mapping import EntityMap, Kind, MapSet
from pycrm.storage.query import By, asc, fingerprint, seal_cursor
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import ana, firm, pen


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Mixed(Enum):
    ONE = 1
    TWO = "two"


@frozen
class Spot:
    room: str | None = None
    floor: int = 0
    since: date | None = None
    weight: Decimal | None = None


@frozen(kw_only=True)
class Desk(Entity):
    label: str
    size: Size = Size.SMALL
    seats: int = 1
    height: float = 0.5
    price: Decimal | None = None
    oak: bool = False
    bought: date | None = None
    cleaned: datetime | None = None
    owner: UUID | None = None
    beside: UUID | None = None
    spot: Spot | None = None
    drawers: tuple[str, ...] = ()
    notes: dict[str, str] = attrs.Factory(dict)
    signs: tuple[str, ...] = ("new",)
    names: tuple[str, ...] = attrs.field(default=attrs.Factory(lambda self: (self.label,), takes_self=True))
    mixed: Mixed | None = None


def desks(**more):
    settings = {"references": {"beside": Desk}, "searched": ["spot.room", "drawers"]}
    return EntityMap.of(Desk, **(settings | more))


class OneByOne:
    """A unit of work of a store that knows no columns."""

    def __init__(self, unit):
        self.of = unit.of


def kept(desk, **more):
    store = MemoryStore(maps=[desks(**more)])
    with store.begin() as unit:
        made = unit.of(Desk).add(desk)
        unit.commit()
    with store.begin(read_only=True) as unit:
        assert unit.of(Desk).get(desk.id) == made
    return made


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", None),
        ("label", 7),
        ("label", "a\0b"),
        ("label", "\ud800"),
        ("label", "x" * 256),
        ("seats", True),
        ("seats", 2**63),
        ("height", "tall"),
        ("height", True),
        ("height", float("nan")),
        ("height", 2**53 + 1),
        ("price", 0.5),
        ("price", Decimal("Infinity")),
        ("price", Decimal("0.0000001")),
        ("price", Decimal(10**13)),
        ("oak", 1),
        ("cleaned", datetime(2026, 1, 1)),
        ("cleaned", "today"),
        ("bought", datetime(2026, 1, 1, tzinfo=UTC)),
        ("bought", "today"),
        ("owner", "ana"),
        ("notes", {"a": "b\0"}),
        ("notes", {"a\0": "b"}),
        ("drawers", ("pens\0",)),
        ("drawers", ("\ud800",)),
        ("spot", Spot(room=7)),
        ("spot", Spot(room=("a", "b"))),
    ],
)
def test_what_no_store_could_keep_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(InvalidValueError):
        kept(attrs.evolve(Desk(label="A"), **{field: value}), indexes=["label"])


def test_values_at_the_edge_of_what_can_be_kept_come_back():
    desk = Desk(
        label="ü" * 255,
        seats=-(2**63),
        height=3,
        price=Decimal("100.000000000"),
        oak=True,
        bought=date.min,
        cleaned=datetime.max.replace(tzinfo=UTC),
        owner=UUID(int=0),
        drawers=("\\u0000", "é"),
        notes={"\\u0000": ""},
    )
    assert kept(desk, indexes=["label"]).price == 100
    assert kept(Desk(label="", price=Decimal("0E+30"))).version == 1


def test_a_document_written_before_a_field_existed_is_filled_with_its_default():
    codec = DocumentCodec.of(desks())
    assert codec.load(None)["drawers"] == ()
    loaded = codec.load('{"drawers":["pens"]}')
    assert loaded["drawers"] == ("pens",)
    assert loaded["notes"] == {}
    assert loaded["signs"] == ("new",)
    assert "names" not in loaded
    assert codec.text({}) is None
    with pytest.raises(DocumentError, match="no such field"):
        codec.load('{"colour":"red"}')


def test_a_path_is_read_from_documents_as_from_the_entity():
    map = EntityMap.of(Customer)
    codec = DocumentCodec.of(map)
    people = [ana(), firm(), ana(name=None), ana(contact_points=())]
    documents = [codec.plain(one) for one in people]
    paths = ["name", "name.family", "organisation.annual_revenue", "contact_points.kind", "contact_points", "tags"]
    for path in [*paths, "custom.tier", "custom.likes", "organisation.domains", "roles", "contact_points.label"]:
        assert plain_at(codec, documents, path) == [column_value(map, one, path) for one in people]


def test_columns_become_the_rows_that_one_by_one_would_be_made():
    columns = {
        "label": np.array(["A", "B"]),
        "seats": np.array([2, 3]),
        "height": np.array([1.5, 2.0]),
        "price": [float("nan"), Decimal(3)],
        "size": ["large", Size.SMALL],
        "bought": [datetime(2026, 1, 1), None],
        "cleaned": np.array(["2026-01-01T10:00", "NaT"], dtype="datetime64[s]"),
        "spot.room": ["r", None],
        "spot.floor": [1, None],
        "spot.since": [date(2026, 1, 1), None],
        "spot.weight": [Decimal("1.5"), None],
        "signs": [["a"], ("b",)],
        "names": [None, ("n",)],
    }
    first, second = MemoryStore(maps=[desks()]), MemoryStore(maps=[desks()])
    with first.begin() as unit, second.begin() as other:
        assert write_columns(unit, Desk, columns) == write_columns(OneByOne(other), Desk, columns) == 2
        fields = ["label", "seats", "size", "price", "bought", "cleaned", "spot", "spot.room", "signs", "names"]
        query = Query(Desk, order=(asc("label"),))
        found = read_columns(unit, query, fields)
        assert found == read_columns(OneByOne(other), query, fields)
    assert found["size"] == ["large", "small"]
    assert found["spot.room"] == ["r", None]
    assert found["cleaned"] == [datetime(2026, 1, 1, 10, tzinfo=UTC), None]
    assert found["names"] == [["A"], ["n"]]
    assert found["price"] == [None, 3]


def test_an_enum_inside_a_nested_path_stands_for_its_value():
    with MemoryStore().begin() as unit:
        columns = {"name.family": ["A"], "kind": ["person"], "birth_date": [date(2000, 1, 1)]}
        write_columns(unit, Customer, columns)
    rows = Rows(EntityMap.of(Customer), {"custom.size": [Size.LARGE], "custom.at": [datetime(2026, 1, 1, tzinfo=UTC)]})
    assert rows.plain("custom") == [{"size": "large", "at": "2026-01-01T00:00:00+00:00"}]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"label": ["A"], "size": ["huge"]}, "size"),
        ({"label": ["A"], "spot.floor": ["many"]}, "spot"),
        ({"label": ["A"], "colour": ["red"]}, "colour"),
        ({"label": ["A"], "seats.x": [1]}, "seats.x"),
        ({"label": ["A"], "seats": [1, 2]}, "seats"),
        ({"label": ["A"], "version": [1]}, "version"),
        ({"seats": [1]}, "label"),
    ],
)
def test_columns_that_are_no_rows_are_refused_by_name(columns, field):
    with MemoryStore(maps=[desks()]).begin() as unit, pytest.raises(InvalidDataError) as caught:
        write_columns(unit, Desk, columns)
    assert caught.value.column == field
    assert isinstance(caught.value, MissingColumnError) == (field == "label")


def test_a_row_that_breaks_a_rule_of_the_model_is_named():
    with MemoryStore().begin() as unit, pytest.raises(InvalidDataError) as caught:
        write_columns(unit, Product, {"sku": ["A", ""], "name": ["a", "b"]})
    assert (caught.value.column, caught.value.row) == ("sku", 1)
    assert Rows.refusal(caught.value, 5) is caught.value
    assert Rows.refusal(TypeError("no"), 5).row == 5


def test_a_map_says_what_it_cannot_be_made_of():
    for bad in (int, Spot):
        with pytest.raises(InvalidValueError, match="Entity"):
            EntityMap.of(bad)
    for searched in (["label.x"], ["spot.cellar"], ["spot"], ["seats"], ["nothing"], ["mixed.value"]):
        with pytest.raises(InvalidValueError, match="nested scalar"):
            desks(searched=searched)
    for more in ({"indexes": ["spot"]}, {"unique": [("shade",)]}, {"columns": {"shade": {"scale": 2}}}):
        with pytest.raises(InvalidValueError, match="scalar field"):
            desks(**more)


def test_an_enum_of_several_kinds_is_kept_in_the_document():
    assert "mixed" in desks().documents
    assert kept(Desk(label="A", mixed=Mixed.TWO)).mixed is Mixed.TWO


def test_a_class_whose_types_are_local_is_mapped_where_it_is_defined():
    @frozen
    class Leg:
        length: int = 0

    @frozen(kw_only=True)
    class Stool(Entity):
        legs: "tuple[Leg, ...]" = ()
        either: "int | Leg | None" = None

    map = EntityMap.of(Stool, searched=["either.length"])
    assert map.by_path["either_length" if "either_length" in map.by_path else "either.length"].kind is Kind.INT


def test_maps_of_one_store_have_tables_of_their_own_and_know_what_they_refer_to():
    with pytest.raises(InvalidValueError, match="table of its own"):
        MapSet([desks(), desks()])
    with pytest.raises(InvalidValueError, match="map of it too"):
        MapSet([desks(references={"owner": Customer})])
    assert [map.name for map in MapSet([desks()]).in_order] == ["Desk"]
    with pytest.raises(InvalidQuery, match="no map of it"):
        MapSet([desks()]).of(Product)


def test_a_question_is_checked_when_it_is_asked():
    for make in (
        lambda: By(""),
        lambda: By("a", "up"),
        lambda: By("a", "asc", "middle"),
        lambda: Query(Desk, where="label"),
        lambda: Query(Desk, order=("label",)),
    ):
        with pytest.raises(InvalidValueError):
            make()
    with MemoryStore().begin() as unit:
        for query in (
            Query(Product, where("colour") == "red"),
            Query(Product, ~((where("sku") == "a\0") | (where("name") == "x"))),
            Query(Product, where("sku").is_in(["\ud800"])),
            Query(Product, order=(asc("list_price.amount"),)),
        ):
            with pytest.raises(InvalidQuery):
                unit.products.page(query)


def test_a_cursor_that_holds_a_value_of_another_kind_is_refused():
    query = Query(Product)
    with MemoryStore().begin() as unit:
        unit.products.add(pen())
        for value in ("no id", 7, ["x"]):
            with pytest.raises(InvalidCursor):
                unit.products.page(query, after=seal_cursor([value], fingerprint(query, "main")))


def test_a_path_deep_in_a_nested_field_becomes_a_value_within_a_value():
    rows = Rows(EntityMap.of(Customer), {"custom.at.home": ["yes", None], "custom.at.work": ["no", None]})
    assert rows.plain("custom") == [{"at": {"home": "yes", "work": "no"}}, None]


@frozen(kw_only=True)
class Label(Entity):
    words: tuple[str, ...] = ()


@frozen(kw_only=True)
class Mark(Entity):
    pass


SHELVES = [
    pytest.param(MemoryStore, id="memory"),
    pytest.param(lambda maps: SqlStore("sqlite://", maps), id="sqlite"),
]


@pytest.mark.parametrize("shelf", SHELVES)
@pytest.mark.parametrize("made", [Label(), Label(words=("a", "b")), Mark()], ids=["empty", "document", "fieldless"])
def test_an_entity_without_a_column_of_its_own_is_kept(shelf, made):
    kind = type(made)
    store = shelf([EntityMap.of(kind)])
    with store.begin() as unit:
        kept = unit.of(kind).add(made)
        unit.of(kind).put_many([kind()])
        unit.commit()
    with store.begin() as unit:
        assert unit.of(kind).get(made.id) == kept
        assert unit.of(kind).save(kept).version == 2
        assert unit.of(kind).count(Query(kind)) == 2


@pytest.mark.parametrize("shelf", SHELVES)
@pytest.mark.parametrize("wrong", ["text", None, 7])
def test_an_id_that_is_no_uuid_is_refused_and_not_merely_missed(shelf, wrong):
    # Memory missed the text of an id that is there, a database stumbled over it, a third found it.
    store = shelf([EntityMap.of(Mark)])
    with store.begin() as unit:
        there = unit.of(Mark).add(Mark())
        asked = str(there.id) if wrong == "text" else wrong
        repository = unit.of(Mark)
        for ask in (
            repository.get,
            repository.find,
            repository.remove,
            lambda id: repository.get_many([id]),
            lambda id: unit.history(Mark, id),
            lambda id: unit.erase(Mark, id),
        ):
            with pytest.raises(InvalidValueError, match=r"id: .* is refused; give a UUID"):
                ask(asked)
        assert repository.get(there.id) == there


@pytest.mark.parametrize("shelf", SHELVES)
def test_what_is_no_query_and_no_map_is_refused(shelf):
    with shelf([EntityMap.of(Mark)]).begin() as unit:
        for ask in (unit.of(Mark).page, unit.of(Mark).count, lambda query: list(unit.of(Mark).stream(query))):
            with pytest.raises(InvalidValueError, match="query: None is refused"):
                ask(None)
    with pytest.raises(InvalidValueError, match=r"maps: .*Mark.* give maps of entity classes"):
        shelf([Mark])
    with pytest.raises(InvalidValueError, match=r"model: .*frozen attrs class"):
        EntityMap.of(Mark())
