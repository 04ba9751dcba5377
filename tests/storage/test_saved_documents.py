"""What a save writes of an entity that was read: the document of that entity, whatever it still holds of what was read."""

from contextlib import contextmanager

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, PersonName
from pycrm.model.predicate import where
from pycrm.storage import Query
from pycrm.storage.codec import DocumentCodec
from pycrm.storage.sql import SqlStore

FIRST = tuple(ContactPoint(kind=ContactKind.EMAIL, raw=f"ana{number}@example.com") for number in range(3))
OTHERS = tuple(ContactPoint(kind=ContactKind.PHONE, raw=f"+3460011122{number}") for number in range(2))


@pytest.fixture(scope="module")
def sqlite():
    store = SqlStore("sqlite://", durable=False)
    store.create_schema()
    yield store
    store.close()


@contextmanager
def found(store, *, paged=False):
    """Yield a unit of work and a customer with three addresses whom it has just read."""
    ana = Customer(name=PersonName(given="Ana"), contact_points=FIRST, tags=frozenset({"a"}))
    with store.begin() as unit:
        unit.customers.add(ana)
        unit.commit()
    with store.begin() as unit:
        asked = Query(Customer, where("id") == ana.id)
        yield unit, unit.customers.page(asked).items[0] if paged else unit.customers.get(ana.id)


def stored(unit, customer):
    map = unit.map_of(Customer)
    return unit.fetch_one(f"SELECT document FROM {map.table} WHERE id = ?", (customer.id.bytes,))[0]


@given(st.lists(st.integers(0, 4), unique=True), st.booleans(), st.booleans())
def test_a_document_is_that_of_one_never_read_whichever_elements_stayed_went_came_or_moved(sqlite, kept, tagged, paged):
    with found(sqlite, paged=paged) as (unit, ana):
        held = (*ana.contact_points, *OTHERS)
        after = attrs.evolve(
            ana, contact_points=tuple(held[at] for at in kept), tags=frozenset({"b"} if tagged else ana.tags)
        )
        saved = unit.customers.save(after)
        assert stored(unit, ana) == DocumentCodec.of(unit.map_of(Customer)).dump(saved)
        told = unit.history(Customer, ana.id)[-1].fields
        again = unit.customers.save(attrs.evolve(saved, contact_points=FIRST))
        assert stored(unit, ana) == DocumentCodec.of(unit.map_of(Customer)).dump(again)
        assert unit.customers.get(ana.id) == again
        if "contact_points" in told:
            assert [one["raw"] for one in told["contact_points"][1]] == [held[at].raw for at in kept]
