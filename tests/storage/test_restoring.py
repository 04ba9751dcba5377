"""What was removed comes back as it was, with its history, unless somebody holds its place."""

import attrs
import pytest

from pycrm.errors import Duplicate, InvalidValueError, NotFound
from pycrm.model.customer import Customer
from pycrm.model.order import Product
from pycrm.storage import Query, asc, check, import_rows
from pycrm.testing.made import firm, pen
from storage.opened import KINDS, fresh, names, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param, announce={Product}) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def removed(store, entity):
    """Return an entity that was added and removed."""

    def work(unit):
        made = unit.of(type(entity)).add(entity)
        unit.of(type(entity)).remove(made.id)
        return made

    return store.run(work)


def test_what_was_removed_comes_back_as_it_was_with_its_trail(store):
    gone = removed(store, pen("A1"))
    back = store.run(lambda unit: unit.restore(Product, gone.id))
    assert back == attrs.evolve(gone, version=3)
    with store.begin(read_only=True) as unit:
        assert unit.products.get(gone.id) == back
        assert [(one.version, one.action) for one in unit.history(Product, gone.id)] == [
            (1, "add"),
            (2, "remove"),
            (3, "restore"),
        ]
    assert [claim.type for claim in store.claim("relay")][-1] == "Product.restored"
    assert store.run(lambda unit: unit.products.save(attrs.evolve(back, name="Blue"))).version == 4
    assert check(store).sound


def test_its_unique_values_are_its_own_again_and_it_is_found_by_them(store):
    gone = removed(store, firm())
    store.run(lambda unit: unit.restore(Customer, gone.id))
    with pytest.raises(Duplicate):
        store.run(lambda unit: unit.customers.add(attrs.evolve(gone, id=pen("x").id, version=0)))
    assert check(store).sound


@pytest.mark.parametrize("entity", [pen("A1"), firm()], ids=["columns", "many keys"])
def test_what_another_holds_by_now_is_not_given_back(store, entity):
    gone = removed(store, entity)
    store.run(lambda unit: unit.of(type(entity)).add(attrs.evolve(entity, id=pen("x").id)))
    with pytest.raises(Duplicate):
        store.run(lambda unit: unit.restore(type(entity), gone.id))
    with store.begin() as unit:
        assert unit.of(type(entity)).find(gone.id) is None


def test_what_lives_and_what_never_was_cannot_come_back(store):
    held = store.run(lambda unit: unit.products.add(pen("A1")))
    for id in (held.id, pen("x").id):
        with pytest.raises(NotFound):
            store.run(lambda unit, id=id: unit.restore(Product, id))


def test_what_was_removed_in_one_tenant_is_nothing_in_another(store):
    gone = removed(store, pen("A1"))
    with pytest.raises(NotFound):
        fresh(store).run(lambda unit: unit.restore(Product, gone.id))


def test_removing_and_restoring_in_one_unit_is_seen_there_and_kept(store):
    held = store.run(lambda unit: unit.products.add(pen("A1")))

    def work(unit):
        unit.products.remove(held.id)
        unit.products.save(attrs.evolve(unit.restore(Product, held.id), name="Blue"))
        return unit.products.get(held.id)

    assert store.run(work).version == 4
    assert names(store) == {"A1": ("Blue", 4)}
    assert check(store).sound


@pytest.mark.parametrize(
    ("on_match", "name", "version"), [("skip", "Pen", 3), ("update", "Quill", 4), ("replace", "Quill", 4)]
)
def test_a_row_of_a_file_brings_back_the_youngest_that_was_removed(store, on_match, name, version):
    # Ids of one millisecond are in no order of time.
    gone = max((removed(store, pen("A1")) for _ in range(3)), key=lambda one: one.id.int)
    rows = [Product(sku="A1", name="Quill"), Product(sku="B2", name="Ink")]

    def work(unit, dry_run=False):
        return import_rows(unit, Product, rows, key=["sku"], on_match=on_match, restore=True, dry_run=dry_run)

    told = store.run(lambda unit: work(unit, dry_run=True))
    assert names(store) == {}
    assert told == store.run(work)
    assert [(one.outcome, one.id) for one in told] == [("restored", gone.id), ("added", rows[1].id)]
    assert names(store) == {"A1": (name, version), "B2": ("Ink", 1)}
    assert [one.outcome for one in store.run(work)][1] != "restored"


def test_without_being_asked_a_row_is_a_new_one(store):
    gone = removed(store, pen("A1"))
    (found,) = store.run(lambda unit: import_rows(unit, Product, [pen("A1")], key=["sku"]))
    assert (found.outcome, found.id != gone.id) == ("added", True)


def test_a_store_that_cannot_restore_says_so(store):
    removed(store, pen("A1"))

    class Plain:
        def __init__(self, unit):
            self.of = unit.of

    with store.begin() as unit, pytest.raises(InvalidValueError, match="bring back"):
        import_rows(Plain(unit), Product, [pen("A1")], key=["sku"], restore=True)
    with store.begin() as unit:
        assert unit.products.page(Query(Product, order=(asc("sku"),))).items == []
