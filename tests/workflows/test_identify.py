"""Identify: sources in, one customer list out, nothing a source said ever lost."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.customer import Customer
from pycrm.model.import_run import RowStatus
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.storage import MemoryStore, Query
from pycrm.workflows import identify
from pycrm.workflows.identify import Rule

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def record(key, *, source="shop", days=0, **fields):
    return SourceRecord(source=source, key=str(key), received_at=NOW + timedelta(days=days), fields=fields)


def resolved(*records, store=None, **options):
    store = store or MemoryStore()
    identify.register(store, records)
    return store, identify.resolve(store, at=NOW, **options)


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [entity for batch in unit.of(model).stream(Query(model)) for entity in batch]


def test_the_same_e_mail_in_another_spelling_is_the_same_customer():
    store, report = resolved(
        record(1, given_name="Ana", email="Ana@Example.com"), record(2, source="web", email=" ana@example.com")
    )
    assert (report.customers, report.duplicates, report.decided) == (1, 1, {"new": 1, "email": 1})
    [customer] = everything(store, Customer)
    assert [point.normalised for point in customer.contact_points] == ["ana@example.com"]
    assert {(known.system, known.value) for known in customer.external_ids} == {("shop", "1"), ("web", "2")}


def test_a_file_that_comes_twice_changes_nothing():
    store, first = resolved(record(1, email="ana@b.example"))
    again = identify.register(store, [record(1, email="ana@b.example")])
    second = identify.resolve(store, at=NOW)
    assert [outcome.status for outcome in again] == [RowStatus.SKIPPED]
    assert (second.added, second.changed, second.decided) == (0, 0, {})
    assert second.customers == first.customers == 1


def test_a_key_that_says_something_else_is_refused_with_its_reason():
    store, _ = resolved(record(1, email="ana@b.example"))
    [outcome] = identify.register(store, [record(1, email="zoe@b.example")])
    assert outcome.status is RowStatus.REFUSED
    assert outcome.reason == "this key said something else before"


def test_the_value_received_last_survives_and_every_contact_point_is_kept():
    store, _ = resolved(
        record(1, given_name="Ann", family_name="Ruiz", email="ann@b.example", phone="+34 600 111 222", country="es"),
        record(
            2, source="web", days=1, given_name="Ana", email="ann@b.example", phone="+34 600 111 333", language="es"
        ),
    )
    [customer] = everything(store, Customer)
    assert (customer.name.given, customer.name.family) == ("Ana", "Ruiz")
    assert (customer.country, customer.language) == ("ES", "es")
    assert [point.normalised for point in customer.contact_points] == ["ann@b.example", "+34600111222", "+34600111333"]
    assert customer.first_touch_at == NOW


def test_a_later_record_adds_to_the_customer_who_keeps_his_id():
    store, _ = resolved(record(1, email="ana@b.example"))
    [before] = everything(store, Customer)
    _, report = resolved(record(2, source="web", email="ana@b.example", birth_date=date(1980, 2, 3)), store=store)
    [after] = everything(store, Customer)
    assert after.id == before.id
    assert after.birth_date == date(1980, 2, 3)
    assert (report.added, report.changed) == (0, 1)


def bridged(**options):
    store, _ = resolved(record(1, email="ana@b.example"), record(2, phone="+34600111222", family_name="Ruiz"))
    bridge = record(3, source="web", days=1, email="ana@b.example", phone="+34600111222", family_name="Ruiz")
    identify.register(store, [bridge])
    return store, identify.resolve(store, at=NOW + timedelta(days=1), **options)


def test_two_customers_become_one_when_a_record_shows_that_they_are_and_the_older_keeps_his_id():
    store, report = bridged()
    assert (report.customers, report.conflicts) == (1, ())
    [(now, gone)] = report.united
    assert {now, gone} == {customer.id for customer in everything(store, Customer)}
    assert identify.aliases(store) == {gone: now}
    first = next(one.id for one in everything(store, SourceRecord) if one.key == "1")
    assert next(link.customer_id for link in everything(store, IdentityLink) if link.record_id == first) == now
    again = identify.resolve(store, at=NOW + timedelta(days=2))
    assert (again.united, again.decided, again.changed) == ((), {}, 0)


def test_two_customers_who_exist_are_only_reported_where_uniting_is_left_to_people():
    store, report = bridged(unite=False)
    assert (report.customers, report.united) == (2, ())
    [pair] = report.conflicts
    assert set(pair) == {customer.id for customer in everything(store, Customer)}


def test_one_e_mail_and_two_tax_ids_are_two_people_and_a_conflict():
    store, report = resolved(
        record(1, email="shop@b.example", tax_id="12345678Z", country="ES"),
        record(2, email="shop@b.example", tax_id="X1234567L", country="ES"),
    )
    assert report.customers == 2
    assert [set(pair) for pair in report.conflicts] == [{customer.id for customer in everything(store, Customer)}]


def test_a_tax_id_is_kept_as_a_strong_identifier_and_finds_its_owner():
    store, report = resolved(
        record(1, tax_id="12345678-Z", country="ES", full_name="Ana Ruiz"), record(2, tax_id="12345678z", country="ES")
    )
    assert report.customers == 1
    [customer] = everything(store, Customer)
    assert [known.namespace for known in customer.identifiers] == ["tax_id"]
    assert customer.name.full == "Ana Ruiz"


def test_placeholders_identify_nobody():
    _, report = resolved(
        record(1, email="test@test.com"),
        record(2, email="test@test.com"),
        record(3, phone="000000000", tax_id="00000000"),
    )
    assert report.customers == 3


def test_a_birth_date_nobody_has_is_not_believed():
    store, _ = resolved(record(1, full_name="Ana", birth_date="1900-01-01"))
    assert everything(store, Customer)[0].birth_date is None


def test_a_country_that_is_no_code_is_left_out():
    store, _ = resolved(record(1, full_name="Ana", country="Spain"))
    assert everything(store, Customer)[0].country is None


def test_each_decision_is_kept_with_its_rule_and_reason():
    store, _ = resolved(record(1, email="ana@b.example"), record(2, email="ana@b.example"))
    links = sorted(everything(store, IdentityLink), key=lambda link: link.rule)
    assert [(link.rule, link.reason) for link in links] == [
        ("email", "it agrees on email with shop:1"),
        ("new", "nothing found it among the records before"),
    ]


def test_an_empty_store_is_a_report_of_zeros():
    _, report = resolved()
    assert (report.records, report.customers, report.completeness["email"]) == (0, 0, 0.0)


def test_addressable_is_who_may_be_contacted_not_who_has_an_address():
    store, report = resolved(record(1, email="ana@b.example"), record(2, email="carl@b.example"))
    assert report.addressability["email"] == 0
    customer = everything(store, Customer)[0]
    yes = ConsentEntry(customer_id=customer.id, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=NOW)
    with store.begin() as unit:
        unit.of(ConsentEntry).add(yes)
        unit.commit()
    assert identify.resolve(store, at=NOW).addressability == {"email": 1, "phone": 0, "sms": 0}


def test_a_rule_names_keys_that_exist():
    with pytest.raises(InvalidValueError, match="choose from email, phone"):
        Rule("shoe_size", ("shoe_size",))
    with pytest.raises(InvalidValueError, match="choose from"):
        Rule("nothing", ())


def test_records_without_anything_but_a_key_are_customers_of_their_own():
    store, report = resolved(record(1), record(2))
    assert report.customers == 2
    assert sorted(customer.display_name for customer in everything(store, Customer)) == ["1", "2"]


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "email": st.sampled_from(["ana@x.example", "bob@x.example", None]),
            "phone": st.sampled_from(["+34600111222", "+34600111333", None]),
        }
    ),
    min_size=1,
    max_size=7,
)


@given(PEOPLE, st.randoms(use_true_random=False))
def test_the_same_people_are_found_in_whatever_order_the_records_come(people, random):
    records = [
        record(n, family_name="Ruiz", **{k: v for k, v in person.items() if v}) for n, person in enumerate(people)
    ]
    shuffled = list(records)
    random.shuffle(shuffled)

    def groups(given):
        store, _ = resolved(*given)
        links = everything(store, IdentityLink)
        keys = {one.id: one.key for one in everything(store, SourceRecord)}
        found = {}
        for link in links:
            found.setdefault(link.customer_id, set()).add(keys[link.record_id])
        return {frozenset(group) for group in found.values()}

    assert groups(records) == groups(shuffled)
