"""What a person had put right stays right, whatever the sources say later: over every store."""

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.correction import is_correction
from pycrm.model.customer import Customer, PersonName, Role
from pycrm.model.import_run import RowStatus
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage import MemoryStore
from pycrm.storage.sql import SqlStore
from pycrm.workflows import identify, privacy
from workflows.worlds import everything

NOW = datetime(2026, 5, 1, tzinfo=UTC)
STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param]()


def later(days):
    return NOW + timedelta(days=days)


def record(key, *, source="shop", days=0, **fields):
    return SourceRecord(source=source, key=key, received_at=later(days), fields=fields)


def whose(store):
    now = identities(everything(store, IdentityLink))
    return {one.key: now[one.id] for one in everything(store, SourceRecord) if not is_correction(one)}


def customer(store, id):
    with store.begin(read_only=True) as unit:
        return unit.of(Customer).get(id)


def resolved(store, *records, day):
    assert {one.status for one in identify.register(store, records)} <= {RowStatus.ADDED}
    return identify.resolve(store, at=later(day))


WRONG = {
    "given_name": "Ann",
    "email": "ana@x.example",
    "phone": "+34600111222",
    "birth_date": "1980-02-13",
    "country": "ES",
}
NAME = PersonName(given="Ana", family="Ruiz", prefix="Dr.")


def corrected(store):
    resolved(store, record("1", **WRONG), day=1)
    home = whose(store)["1"]
    mail = ContactPoint(kind=ContactKind.EMAIL, raw="ana@x.example")
    new = ContactPoint(kind=ContactKind.EMAIL, raw="Ana@new.example", primary=True)
    changes = {
        "name": NAME,
        "birth_date": date(1980, 2, 3),
        "country": None,
        "contact_points": (mail, new),
        "roles": frozenset({Role.CUSTOMER}),
    }
    privacy.rectify(store, home, changes, at=later(2), actor="dpo")
    return home, changes


def holds(store, home, changes):
    now = customer(store, home)
    assert {name: getattr(now, name) for name in changes if name != "contact_points"} == {
        name: value for name, value in changes.items() if name != "contact_points"
    }
    assert set(changes["contact_points"]) <= set(now.contact_points)
    assert "+34600111222" not in {point.normalised for point in now.contact_points}
    return now


def test_a_correction_outlives_newer_records_that_say_the_wrong_thing_again(store):
    home, changes = corrected(store)
    report = resolved(store, record("2", source="web", days=3, **WRONG, language="es"), day=4)
    assert (report.records, report.customers, report.duplicates) == (2, 1, 1)
    assert set(whose(store).values()) == {home}
    assert holds(store, home, changes).language == "es"
    resolved(store, record("3", days=5, email="ana@x.example", phone="+34600999888"), day=6)
    assert "+34600999888" in {point.normalised for point in holds(store, home, changes).contact_points}
    assert identify.resolve(store, at=later(7)).changed == 0


def test_a_record_with_the_corrected_address_finds_its_owner(store):
    home, changes = corrected(store)
    resolved(store, record("2", source="web", days=3, email="ana@new.example", given_name="Annie"), day=4)
    assert set(whose(store).values()) == {home}
    holds(store, home, changes)


def test_where_a_value_came_from_says_that_it_was_corrected(store):
    home, _ = corrected(store)
    found = {one.field: one for one in identify.provenance(store, home)}
    said = {one.key: one.id for one in everything(store, SourceRecord)}["1"]
    assert (found["birth_date"].value, found["birth_date"].strategy) == ("1980-02-03", "correction")
    assert found["birth_date"].others == ((said, "1980-02-13"),)
    assert "country" not in found


def test_a_correction_follows_a_merge_and_comes_back_with_its_customer(store):
    home, changes = corrected(store)
    resolved(store, record("b", source="web", days=3, given_name="Bea", email="b@x.example", country="PT"), day=4)
    other = whose(store)["b"]
    before = customer(store, home), customer(store, other)
    identify.merge(store, other, home, at=later(5), reason="one person")
    now = customer(store, other)
    assert (now.name.given, now.birth_date, now.country) == ("Ana", date(1980, 2, 3), None)
    assert "+34600111222" not in {point.normalised for point in now.contact_points}
    identify.unmerge(store, home, at=later(6), reason="two after all")
    for was in before:
        back = attrs.evolve(customer(store, was.id), version=was.version)
        assert back == was
    holds(store, home, changes)


def test_the_last_of_two_corrections_counts_and_may_give_back_what_the_first_took(store):
    home, _ = corrected(store)
    phone = ContactPoint(kind=ContactKind.PHONE, raw="+34600111222")
    privacy.rectify(store, home, {"birth_date": None, "contact_points": (phone,)}, at=later(3))
    resolved(
        store,
        record("2", source="web", days=4, phone="+34600111222", family_name="Ruiz", birth_date="1980-02-13"),
        day=5,
    )
    now = customer(store, home)
    assert (now.birth_date, now.contact_points) == (None, (phone,))


def test_a_correction_is_told_on_access_and_goes_with_an_erasure(store):
    home, _ = corrected(store)
    assert "Ana@new.example" in privacy.access(store, home, at=later(3)).as_text()
    privacy.erase(store, home, at=later(3))
    assert everything(store, SourceRecord) == []


def test_of_whom_no_source_speaks_a_correction_needs_no_record(store):
    with store.begin() as unit:
        ana = unit.of(Customer).add(Customer(name=PersonName(given="Ann")))
        unit.commit()
    privacy.rectify(store, ana.id, {"name": NAME}, at=NOW)
    identify.resolve(store, at=later(1))
    assert customer(store, ana.id).name == NAME
    assert everything(store, SourceRecord) == []


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["Ann", "Anne", "Hannah"]), max_size=4), st.integers(-3, 3))
def test_no_number_of_records_of_whatever_date_outvotes_a_correction(names, first):
    store = MemoryStore()
    home, changes = corrected(store)
    for place, name in enumerate(names):
        said = record(f"again {place}", source="web", days=first + place, **WRONG | {"given_name": name})
        resolved(store, said, day=10 + place)
    holds(store, home, changes)
