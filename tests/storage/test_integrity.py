"""What is broken behind the back of a store is found and named, and what is whole is not accused."""

import attrs
import pytest
import sqlalchemy as sa

from pycrm.errors import DocumentError
from pycrm.model.customer import Customer
from pycrm.model.order import Order, Product
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import Earn, Redeem
from pycrm.model.points_entry import PointsEntry
from pycrm.storage import MemoryStore, Query, check
from pycrm.storage.ledger import post_points
from pycrm.testing.made import NOW, an_order, ana, firm, pen
from storage.opened import KINDS, fresh, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    """Return a store with some of everything: changed, removed, erased, earned."""
    store = fresh(whole)

    def fill(unit):
        customer = unit.customers.add(ana())
        unit.customers.add(firm())
        unit.orders.add(an_order(customer.id))
        one = unit.products.add(pen("A1"))
        unit.products.save(attrs.evolve(unit.products.save(attrs.evolve(one, name="Blue")), name="Red"))
        gone = unit.products.add(pen("B2"))
        unit.products.remove(gone.id)
        unit.products.add(pen("B2"))
        post_points(unit, customer.id, "club", Earn(points=100), key="e", at=NOW)
        post_points(unit, customer.id, "club", Redeem(points=30), key="r", at=NOW)

    store.run(fill)
    redacted = store.run(lambda unit: unit.products.add(pen("C3")))
    store.run(lambda unit: unit.redact(redacted))
    return store


def broken(store, statement, **given):
    """Run one statement as a hand at the console would, on the rows of this tenant, past the checks of references."""
    off = {
        "sqlite": "PRAGMA foreign_keys = OFF",
        "postgresql": "SET session_replication_role = replica",
        "mariadb": "SET FOREIGN_KEY_CHECKS = 0",
    }
    engine = sa.create_engine(store.engine.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(off[store.dialect.name])
        connection.commit()
        found = connection.execute(sa.text(f"{statement} AND tenant = :tenant"), {"tenant": store.name, **given})
        connection.commit()
    assert found.rowcount >= 1


def rows(store, model):
    return store._tenant.tables[model].rows


def version_of(store, model, **wanted):
    """Return the state in memory of the one entity that is like this."""
    return next(
        versions[-1]
        for versions in rows(store, model).values()
        if versions[-1].live and all(getattr(versions[-1].entity, name) == value for name, value in wanted.items())
    )


def forced(entity, **values):
    """Return a copy of an entity with values that its class would refuse."""
    made = attrs.evolve(entity)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def rules(store):
    return [(fault.rule, fault.model) for fault in check(store).faults]


def test_a_store_in_order_has_no_fault_and_everything_is_counted(store):
    found = check(store)
    assert found.sound, found
    assert found.entities == 2 + 1 + 4 + 1 + 2


def test_a_value_that_its_class_refuses_is_found(store):
    if isinstance(store, MemoryStore):
        held = version_of(store, Product, sku="A1")
        held.entity = forced(held.entity, sku="")
    else:
        broken(store, "UPDATE product SET sku = '' WHERE sku = 'A1'")
    (fault,) = check(store).faults
    assert (fault.rule, fault.model) == ("value", "Product")
    assert "sku" in fault.detail


def test_a_document_that_cannot_be_read_is_found_and_the_others_are_checked_still(store):
    if isinstance(store, MemoryStore):
        pytest.skip("memory keeps entities, not documents")

    broken(store, "UPDATE product SET document = :text WHERE sku = 'A1'", text='{"nope": 1}')
    broken(store, "UPDATE product SET sku = '' WHERE sku = 'C3'")
    assert sorted(rules(store)) == [("document", "Product"), ("value", "Product")]


def test_a_reference_to_nobody_is_found(store):
    if isinstance(store, MemoryStore):
        customer = version_of(store, Order).entity.customer_id
        del rows(store, Customer)[customer]
    else:
        with store.begin() as unit:
            customer = unit.orders.page(Query(Order)).items[0].customer_id
        broken(store, "DELETE FROM customer WHERE id = :id", id=bound(store, customer))
    assert set(rules(store)) == {("reference", "Order"), ("reference", "PointsAccount")}


def bound(store, id):
    with store.begin() as unit:
        return unit._bind_id(id)


def test_a_gap_in_a_trail_and_a_trail_that_ends_too_soon_are_found(store):
    if isinstance(store, MemoryStore):
        trail = store._tenant.trail
        key = next(key for key, told in trail.items() if [one.version for one in told] == [1, 2, 3])
        del trail[key][1]
    else:
        broken(store, "DELETE FROM pycrm_audit WHERE version = 2 AND action = 'save' AND model = 'product'")
    (fault,) = check(store).faults
    assert (fault.rule, fault.model, fault.detail) == ("trail", "Product", "version 3 follows 1")
    if isinstance(store, MemoryStore):
        del trail[key][1]
    else:
        broken(store, "DELETE FROM pycrm_audit WHERE version = 3 AND model = 'product'")
    (fault,) = check(store).faults
    assert fault.detail == "it ends at version 1, the entity is at 3"


def test_what_came_back_to_life_past_its_trail_is_found_with_the_unique_value_it_took(store):
    if isinstance(store, MemoryStore):
        gone = next(versions[-1] for versions in rows(store, Product).values() if not versions[-1].live)
        gone.live = True
        assert sorted(rules(store)) == [("trail", "Product"), ("unique", "Product")]
    else:
        broken(store, "UPDATE product SET live = NULL WHERE sku = 'A1'")
        assert rules(store) == [("trail", "Product")]


def test_two_that_hold_one_unique_value_are_found(store):
    with store.begin() as unit:
        first = next(
            one for one in unit.customers.page(Query(Customer)).items if tuple(unit.map_of(Customer).each_key(one))
        )
        twin = attrs.evolve(first, id=pen("x").id, version=0)
        if isinstance(store, MemoryStore):
            store._tenant.tables[Customer].holders.clear()
        else:
            broken(store, "DELETE FROM pycrm_unique WHERE model = 'customer'")
    store.run(lambda unit: unit.customers.add(twin))
    found = {(fault.rule, fault.id) for fault in check(store).faults}
    assert len(found) == 1
    assert found <= {("unique", twin.id), ("unique", first.id)}


@pytest.mark.parametrize("number", [1, 2])
def test_points_that_are_not_what_their_entries_add_up_to_are_found(store, number):
    if isinstance(store, MemoryStore):
        held = version_of(store, PointsEntry, number=number).entity
        del rows(store, PointsEntry)[held.id]
    else:
        broken(store, "DELETE FROM points_entry WHERE number = :number", number=number)
    (fault,) = check(store).faults
    assert (fault.rule, fault.model) == ("points", PointsAccount.__name__)


def test_a_store_that_cannot_be_taken_out_whole_says_so():
    class Plain:
        def begin(self, *, read_only):
            assert read_only
            return self

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    with pytest.raises(DocumentError, match="Plain"):
        check(Plain())
