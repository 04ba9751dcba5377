"""A Conflict names what both sides changed, so that a caller can tell a clash from two changes that go together."""

import attrs
import pytest

from pycrm.errors import Conflict
from pycrm.model.order import Product
from pycrm.storage import MemoryStore
from pycrm.testing.made import pen
from storage.opened import KINDS, fresh, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def changed(store, *names):
    """Return a product as it was read, after others gave it these names."""
    read = held = store.run(lambda unit: unit.products.add(pen("A1")))
    for name in names:
        held = store.run(lambda unit, held=held, name=name: unit.products.save(attrs.evolve(held, name=name)))
    return read


def test_what_both_changed_is_named_with_what_was_what_is_and_what_was_wanted(store):
    read = changed(store, "Blue", "Red")
    with store.begin() as unit, pytest.raises(Conflict) as caught:
        unit.products.save(attrs.evolve(read, name="Green", category=("desk",)))
    assert caught.value.fields == {"name": {"base": "Pen", "theirs": "Red", "ours": "Green"}}
    assert (caught.value.expected, caught.value.found) == (1, 3)
    assert "both changed name;" in str(caught.value)
    assert "Green" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "ours"),
    [
        (["Blue"], {"category": ("desk",)}),  # each changed something else
        (["Blue"], {"name": "Blue"}),  # both wanted the same
        (["Blue", "Pen"], {"name": "Green"}),  # theirs was taken back
    ],
)
def test_changes_that_go_together_are_no_clash(store, names, ours):
    read = changed(store, *names)
    with store.begin() as unit, pytest.raises(Conflict) as caught:
        unit.products.save(attrs.evolve(read, **ours))
    assert caught.value.fields == {}


def test_of_many_the_one_that_lost_names_its_fields_too(store):
    read = changed(store, "Blue")
    rows = [attrs.evolve(read, name="Green")]
    (found,) = store.run(lambda unit: unit.of(Product).put_many(rows, on_conflict="update"))
    assert found.error.fields == {"name": {"base": "Pen", "theirs": "Blue", "ours": "Green"}}


def test_who_only_removes_and_whose_trail_was_erased_is_told_nothing_of_fields(store):
    read = changed(store, "Blue")
    with store.begin() as unit, pytest.raises(Conflict) as caught:
        unit.products.remove(read.id, version=1)
    assert caught.value.fields is None
    store.run(lambda unit: unit.redact(attrs.evolve(unit.products.get(read.id), name="gone")))
    with store.begin() as unit, pytest.raises(Conflict) as caught:
        unit.products.save(attrs.evolve(read, name="Green"))
    assert caught.value.fields is None


def test_a_conflict_at_commit_names_them_as_one_at_the_call_does():
    store = MemoryStore()
    read = changed(store)
    with store.begin() as unit:
        unit.products.save(attrs.evolve(read, name="Green"))
        store.run(lambda other: other.products.save(attrs.evolve(read, name="Blue")))
        with pytest.raises(Conflict) as caught:
            unit.commit()
    assert caught.value.fields == {"name": {"base": "Pen", "theirs": "Blue", "ours": "Green"}}
