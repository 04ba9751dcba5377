"""Every change of what is announced is an event, with the change or not at all; and its form is published."""

from uuid import UUID

import attrs
import pytest

from pycrm.errors import InvalidQuery, InvalidValueError, StoreError
from pycrm.model.customer import Customer
from pycrm.model.interaction import Interaction
from pycrm.model.order import Order, Product
from pycrm.serialize import to_plain
from pycrm.storage import MemoryStore, change_schema, upsert_many, value_schema, write_columns
from pycrm.testing.made import an_interaction, an_order, ana, firm, pen
from storage.opened import KINDS, fresh, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param, announce={Product, Interaction, Customer}) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def told(store):
    """Return type, id and version of what waits in the outbox, and forget it."""
    claims = store.claim("relay", limit=1000)
    store.settle("relay", [claim.id for claim in claims])
    return [(claim.type, UUID(claim.payload["id"]), claim.payload["version"]) for claim in claims]


def test_an_event_tells_every_change_in_order(store):
    with store.begin(actor="ana", cause="stock") as unit:
        one = unit.products.add(pen("A1"))
        two = unit.products.save(attrs.evolve(one, name="Blue pen"))
        unit.products.remove(one.id)
        unit.commit()
    claims = store.claim("relay")
    assert [claim.type for claim in claims] == ["Product.added", "Product.saved", "Product.removed"]
    assert claims[1].payload == {
        "id": str(one.id),
        "version": two.version,
        "actor": "ana",
        "cause": "stock",
        "fields": {"name": [one.name, "Blue pen"]},
    }


def test_what_is_not_committed_is_not_told(store):
    with store.begin() as unit:
        unit.products.add(pen("A1"))
    with pytest.raises(StoreError), store.begin() as unit:
        unit.products.add(pen("A1"))
        unit.products.add(pen("A1"))
        unit.commit()
    assert told(store) == []


def test_what_is_only_ever_added_is_told_and_what_is_not_announced_is_not(store):
    with store.begin() as unit:
        customer = unit.customers.add(ana())
        met = unit.interactions.add(an_interaction(customer.id))
        unit.orders.add(an_order(customer.id))
        unit.commit()
    assert told(store) == [("Customer.added", customer.id, 1), ("Interaction.added", met.id, 1)]


@pytest.mark.parametrize("copied", [10_000, 1])
def test_many_at_once_are_told_one_by_one_by_every_way_in(store, copied, monkeypatch):
    if copied == 1:
        if getattr(store, "_core", None) is None or store._core.copied_from is None:
            pytest.skip("only PostgreSQL has COPY")
        monkeypatch.setattr(store._core, "copied_from", copied)
    rows = [pen(f"A{at}") for at in range(3)]
    store.run(lambda unit: unit.of(Product).put_many(rows))
    assert told(store) == [("Product.added", row.id, 1) for row in rows]
    changed = [attrs.evolve(rows[0], name="Blue"), pen("new")]
    store.run(lambda unit: unit.of(Product).put_many(changed, on_conflict="update"))
    assert sorted(told(store)) == sorted([("Product.saved", rows[0].id, 2), ("Product.added", changed[1].id, 1)])
    changed = [attrs.evolve(rows[0], name="Red"), pen("newer")]
    store.run(lambda unit: upsert_many(unit, Product, changed))
    assert sorted(told(store)) == sorted([("Product.saved", rows[0].id, 3), ("Product.added", changed[1].id, 1)])
    columns = {"sku": ["c1", "c2", "new"], "name": ["One", "Two", "Three"]}
    store.run(lambda unit: write_columns(unit, Product, columns, on_conflict="skip"))
    assert [kind for kind, _, _ in told(store)] == ["Product.added"] * 2
    store.run(lambda unit: unit.of(Product).put_many(rows[1:2], on_conflict="update"))
    assert told(store) == []


def test_what_was_erased_is_told_without_what_it_said(store):
    customer = store.run(lambda unit: unit.customers.add(ana()))
    told(store)
    with store.begin() as unit:
        unit.redact(attrs.evolve(customer, contact_points=()))
        unit.commit()
    with store.begin() as unit:
        unit.erase(Customer, customer.id)
        unit.commit()
    claims = store.claim("relay")
    assert [(claim.type, claim.payload["fields"]) for claim in claims] == [("Customer.erased", {})] * 2
    assert [claim.payload["version"] for claim in claims] == [2, 3]


def test_what_this_unit_has_announced_is_told_anew_with_the_rest(store):
    held = store.run(lambda unit: unit.products.add(pen("A1")))

    def work(unit):
        unit.products.save(attrs.evolve(held, name="Blue"))

        def rewrite(kind, told):
            return {**told, "fields": {}} if kind == "event" else told

        return unit.retell(rewrite)

    assert store.run(work) == 1
    assert [claim.payload["fields"] for claim in store.claim("relay")] == [{}, {}]


def test_a_model_the_store_does_not_keep_cannot_be_announced():
    with pytest.raises(InvalidQuery):
        MemoryStore(announce={int})


def fits(value, schema, defs):
    """Tell whether a value fits a schema, by the keywords that ours use."""
    if "$ref" in schema:
        return fits(value, defs[schema["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in schema:
        return any(fits(value, one, defs) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kinds = schema.get("type", [])
    types = {"string": str, "boolean": bool, "integer": int, "null": type(None), "array": list, "object": dict}
    allowed = [
        types[kind] if kind != "number" else (int, float) for kind in ([kinds] if isinstance(kinds, str) else kinds)
    ]
    if allowed and not any(isinstance(value, kind) for kind in allowed):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return set(schema.get("required", ())) <= set(value) and all(
            fits(one, known[name], defs) if name in known else schema.get("additionalProperties", True)
            for name, one in value.items()
        )
    if isinstance(value, list) and "prefixItems" in schema:
        return len(value) == len(schema["prefixItems"]) and all(
            fits(one, each, defs) for one, each in zip(value, schema["prefixItems"], strict=True)
        )
    return not isinstance(value, list) or all(fits(one, schema.get("items", {}), defs) for one in value)


def test_what_is_told_fits_the_schema_of_its_type_and_no_other_form_does(store):
    with store.begin() as unit:
        one = unit.customers.add(ana())
        unit.customers.save(attrs.evolve(firm(), id=one.id, version=1))
        unit.customers.remove(one.id)
        unit.commit()
    claims = store.claim("relay")
    assert len(claims) == 3
    for claim in claims:
        schema = change_schema(Customer, claim.type.partition(".")[2])
        assert schema["title"] == claim.type
        assert fits(claim.payload, schema, schema["$defs"])
        assert not fits(claim.payload | {"version": "1"}, schema, schema["$defs"])
    saved = change_schema(Customer, "saved")
    wrong = claims[1].payload | {"fields": {"kind": ["person", "robot"]}}
    assert not fits(wrong, saved, saved["$defs"])


def test_every_value_that_is_written_fits_its_published_schema():
    for value in (ana(), firm(), pen("A1"), an_order(ana().id), an_interaction(ana().id)):
        schema = value_schema(type(value))
        assert fits(to_plain(value), schema, schema["$defs"])
    order = value_schema(Order)
    assert not fits(to_plain(an_order(ana().id)) | {"lines": 3}, order, order["$defs"])


def test_what_has_no_form_has_no_schema():
    with pytest.raises(InvalidValueError, match="attrs"):
        value_schema(int)
    with pytest.raises(InvalidValueError, match="added"):
        change_schema(Product, "changed")
