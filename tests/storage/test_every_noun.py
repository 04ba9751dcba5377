"""Every noun that is kept has a strategy, and whatever it draws comes back equal from every store and from its document."""

from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import attrs
import pytest
from attrs import frozen
from hypothesis import find, given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.contact import ContactPoint
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity, new_id
from pycrm.model.lead import Lead
from pycrm.model.order import Order, Product
from pycrm.model.predicate import where
from pycrm.model.time import in_utc
from pycrm.model.touchpoint import Touchpoint
from pycrm.serialize import dumps, loads, to_plain
from pycrm.storage import EntityMap, MemoryStore, Query, default_maps, read_columns, write_columns
from pycrm.testing import entities, entities_with_references
from storage.opened import KINDS, fresh, opened

MODELS = [each.model for each in default_maps()]
STORES = {}
LENGTHS = [None, pytest.param(300, marks=pytest.mark.deep)]


@pytest.fixture(scope="module", autouse=True)
def stores():
    with ExitStack() as held:
        STORES.update({kind: held.enter_context(opened(kind)) for kind in KINDS})
        yield
    STORES.clear()


def few(examples, usual):
    return settings(max_examples=examples or usual, deadline=None, database=None)


@pytest.mark.parametrize("examples", LENGTHS)
@pytest.mark.parametrize("model", MODELS)
def test_every_noun_that_is_kept_is_drawn_and_its_document_is_read_back_equal(model, examples):
    @few(examples, 10)
    @given(entities(model))
    def law(one):
        assert type(one) is model
        assert loads(model, dumps(one)) == one

    law()


@pytest.mark.parametrize("examples", LENGTHS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_of_a_noun_comes_back_equal_from_every_store(kind, model, examples):
    @few(examples, 4)
    @given(entities_with_references(model))
    def law(made):
        store = fresh(STORES[kind])
        with store.begin() as unit:
            for one in made:
                unit.of(type(one)).add(one)
            unit.commit()
        with store.begin(read_only=True) as unit:
            for one in made:
                assert attrs.evolve(unit.of(type(one)).get(one.id), version=0) == one

    law()


@pytest.mark.parametrize("model", [Customer, Product, Order, Touchpoint, Lead])
def test_columns_and_many_at_once_say_what_one_by_one_says(model):
    @few(None, 4)
    @given(entities_with_references(model))
    def law(made):
        *before, one = made
        for store in STORES.values():
            single, many, columns = fresh(store), fresh(store), fresh(store)
            for tenant in (single, many, columns):
                with tenant.begin() as unit:
                    for other in before:
                        unit.of(type(other)).add(other)
                    unit.commit()
            with single.begin() as unit:
                unit.of(model).add(one)
                unit.commit()
            with many.begin() as unit:
                unit.of(model).put_many([one])
                unit.commit()
            fields = [each.name for each in attrs.fields(model) if each.name not in {"version", "unknown"}]
            with columns.begin() as unit:
                write_columns(unit, model, {name: [column(model, one, name)] for name in fields})
                unit.commit()
            for tenant in (single, many, columns):
                with tenant.begin(read_only=True) as unit:
                    assert attrs.evolve(unit.of(model).get(one.id), version=0) == one
                    scalars = [each.path for each in SCALARS[model]]
                    assert read_columns(unit, Query(model, where("id") == one.id), scalars) == {
                        path: [value(one, path)] for path in scalars
                    }

    law()


SCALARS = {each.model: each.columns for each in default_maps()}


def column(model, one, name):
    """Return a field as columns are written: a scalar as it is, anything else as its document."""
    scalar = name in {"id", *(each.path for each in SCALARS[model])}
    return getattr(one, name) if scalar else to_plain(getattr(one, name))


def value(one, path):
    """Return a scalar as columns are read: an enum as its value."""
    found = getattr(one, path)
    return found.value if isinstance(found, Enum) else found


def test_what_is_drawn_refers_only_to_what_is_given():
    ids = [new_id(), new_id()]

    @few(None, 20)
    @given(entities(Touchpoint, references={Customer: ids}), entities(Touchpoint, references={}))
    def law(one, alone):
        assert one.customer_id in {None, *ids}
        assert alone.customer_id is None

    law()


def test_an_order_of_nobody_is_no_order():
    with pytest.raises(InvalidValueError, match="customer_id"):
        find(entities(Order, references={}), lambda _: True)


def test_what_is_drawn_shrinks_to_the_plainest():
    one = find(entities(Customer), lambda _: True)
    assert (one.tags, one.custom, one.birth_date) == (frozenset(), {}, None)


@pytest.mark.parametrize("model", [int, ContactPoint, "Customer"])
def test_only_entities_are_drawn(model):
    with pytest.raises(InvalidValueError, match="model"):
        entities(model)


def test_a_field_that_is_none_has_no_strategy():
    with pytest.raises(InvalidValueError, match="colour"):
        entities(Product, fields={"colour": st.just("red")})


@frozen(kw_only=True)
class Visit(Entity):
    customer_id: UUID
    at: datetime = attrs.field(converter=in_utc)
    until: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(in_utc))
    fee: Decimal = Decimal(0)
    room: str = attrs.field(validator=attrs.validators.matches_re("[A-Z][0-9]"))
    notes: tuple[str, ...] = ()

    def __attrs_post_init__(self):
        if self.until is not None and self.until <= self.at:
            raise ValueError("a visit ends after it begins")


def test_an_entity_of_your_own_is_drawn_kept_and_read_back():
    visits = EntityMap.of(Visit, references={"customer_id": Customer}, columns={"fee": {"scale": 2}})
    maps = [*default_maps(), visits]
    store = MemoryStore(maps)
    ended = []

    @few(None, 50)
    @given(entities_with_references(Visit, fields={"room": st.from_regex("[A-Z][0-9]", fullmatch=True)}, maps=maps))
    def law(made):
        tenant = fresh(store)
        with tenant.begin() as unit:
            for one in made:
                unit.of(type(one)).add(one)
            assert attrs.evolve(unit.of(Visit).get(made[-1].id), version=0) == made[-1]
        ended.append(made[-1].until)

    law()
    assert {None} < set(ended)


@frozen(kw_only=True)
class Odd(Entity):
    shape: complex


def test_a_type_that_nobody_knows_asks_for_a_strategy():
    with pytest.raises(InvalidValueError, match="shape"):
        find(entities(Odd), lambda _: True)
    assert find(entities(Odd, fields={"shape": st.just(1j)}), lambda _: True).shape == 1j


@pytest.mark.deep
@pytest.mark.parametrize("model", MODELS)
def test_every_field_of_every_noun_is_drawn_with_several_values(model):
    seen = {each.name: set() for each in attrs.fields(model) if each.init and each.name not in {"version", "unknown"}}

    @few(500, 500)
    @given(entities(model))
    def law(one):
        for name, found in seen.items():
            found.add(repr(getattr(one, name)))

    law()
    assert [name for name, found in seen.items() if len(found) < 2] == []
