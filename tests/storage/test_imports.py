"""Rows of a file are met by their natural key, and each has its outcome."""

import attrs
import pytest

from pycrm.errors import Duplicate, InvalidQuery, InvalidValueError
from pycrm.model.customer import Customer, PersonName
from pycrm.model.money import Money
from pycrm.model.order import Product
from pycrm.storage import MemoryStore, import_rows
from pycrm.testing.made import ana, pen, stored
from storage.opened import KINDS, fresh, names, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def imported(store, rows, **options):
    with store.begin() as unit:
        found = import_rows(unit, Product, rows, key=["sku"], **options)
        unit.commit()
    return found


@pytest.mark.parametrize(
    ("on_match", "outcomes", "name", "price"),
    [
        ("skip", ["skipped", "added", "lost"], "Pen", Money("1.20", "EUR")),
        ("update", ["updated", "added", "lost"], "Blue", Money("1.20", "EUR")),
        ("replace", ["updated", "added", "lost"], "Blue", None),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_there_by_its_key_is_left_filled_or_replaced(store, on_match, outcomes, name, price, dry_run):
    held = stored(store, pen("A1"))
    rows = [Product(sku="A1", name="Blue"), Product(sku="B2", name="Ink"), Product(sku="B2", name="again")]
    found = imported(store, rows, on_match=on_match, dry_run=dry_run)
    assert [one.outcome for one in found] == outcomes
    assert [one.index for one in found] == [0, 1, 2]
    assert found[0].id == held.id
    assert isinstance(found[2].error, Duplicate)
    if dry_run:
        assert names(store) == {"A1": ("Pen", 1)}
        return
    with store.begin(read_only=True) as unit:
        kept = unit.of(Product).get(held.id)
    assert (kept.name, kept.list_price) == (name, price)
    assert names(store)["B2"] == ("Ink", 1)


@pytest.mark.parametrize("on_match", ["update", "replace"])
def test_importing_the_same_file_again_changes_nothing(store, on_match):
    rows = [pen("A1"), pen("B2")]
    assert {one.outcome for one in imported(store, rows)} == {"added"}
    again = [attrs.evolve(row, id=pen().id) for row in rows]
    assert {one.outcome for one in imported(store, again, on_match=on_match)} == {"unchanged"}
    assert names(store) == {"A1": ("Pen", 1), "B2": ("Pen", 1)}


def test_a_key_that_was_freed_by_removing_is_new(store):
    gone = stored(store, pen("A1"))
    with store.begin() as unit:
        unit.of(Product).remove(gone.id)
        unit.commit()
    assert [one.outcome for one in imported(store, [pen("A1")], on_match="update")] == ["added"]


def test_a_key_that_several_share_decides_nothing(store):
    for _ in range(2):
        stored(store, ana())
    with store.begin() as unit:
        (found,) = import_rows(unit, Customer, [Customer(name=PersonName(family="García"))], key=["name.family"])
    assert found.outcome == "lost"
    assert found.error.fields == ("name.family",)


@pytest.mark.parametrize(
    ("rows", "options", "error"),
    [
        ([pen()], {"key": "sku"}, InvalidValueError),
        ([pen()], {"key": []}, InvalidValueError),
        ([pen()], {"key": ["colour"]}, InvalidQuery),
        ([pen()], {"key": ["category"]}, InvalidQuery),
        ([pen()], {"key": ["sku"], "on_match": "merge"}, InvalidValueError),
        ([ana()], {"key": ["sku"]}, InvalidValueError),
    ],
)
def test_a_key_that_is_none_is_refused(rows, options, error):
    with MemoryStore().begin() as unit, pytest.raises(error):
        import_rows(unit, Product, rows, **options)


def test_a_row_without_its_key_is_refused_with_its_place():
    with MemoryStore().begin() as unit, pytest.raises(InvalidValueError, match="row 1"):
        import_rows(unit, Customer, [ana(source="a"), ana()], key=["source"])
