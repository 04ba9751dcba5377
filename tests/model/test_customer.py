"""A customer is known by something, is called something, and its parts agree."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

import strategies
from pycrm.errors import InvalidValueError
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, CustomerKind, ExternalId, Identifier, NameOrder, Organisation, PersonName
from pycrm.model.entity import new_id

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANA = PersonName(given="Ana")
FIRM = Organisation(name="Tea & Sons")


def email(raw, **fields):
    return ContactPoint(kind=ContactKind.EMAIL, raw=raw, **fields)


@pytest.mark.parametrize(
    "name, shown",
    [
        (PersonName(given="Ana", family="García"), "Ana García"),
        (PersonName(given="Tarō", family="Yamada", order=NameOrder.FAMILY_FIRST), "Yamada Tarō"),
        (PersonName(full="Pelé", given="Edson"), "Pelé"),
        (PersonName(nickname="Pelé"), "Pelé"),
        (PersonName(prefix="Dr.", given="Ana", middle="M.", family="Paz", suffix="PhD"), "Dr. Ana M. Paz PhD"),
        (PersonName(family="Paz", nickname="Pepe"), "Paz"),
    ],
)
def test_a_name_is_shown_in_its_own_order(name, shown):
    assert name.display == shown


@pytest.mark.parametrize("parts", [{}, {"prefix": "Dr."}, {"given": " "}, {"given": "Ana", "order": "given_first"}])
def test_a_name_without_a_name_is_refused(parts):
    with pytest.raises(InvalidValueError):
        PersonName(**parts)


@pytest.mark.parametrize(
    "fields, shown",
    [
        ({"name": ANA}, "Ana"),
        ({"kind": CustomerKind.ORGANISATION, "organisation": FIRM}, "Tea & Sons"),
        ({"contact_points": (email("A@b.example"),)}, "a@b.example"),
        ({"identifiers": (Identifier(namespace="card", value="7"),)}, "7"),
        ({"external_ids": (ExternalId("erp", "9"),)}, "9"),
    ],
)
def test_a_customer_is_called_by_what_it_is_known_by(fields, shown):
    assert Customer(**fields).display_name == shown


@given(strategies.customers())
def test_every_customer_is_called_something(customer):
    assert customer.display_name


@pytest.mark.parametrize(
    "fields, named",
    [
        ({}, "name"),
        ({"kind": CustomerKind.ORGANISATION, "name": ANA}, "organisation"),
        ({"name": ANA, "organisation": FIRM}, "organisation"),
        ({"name": ANA, "contact_points": (email("a@b", primary=True), email("c@d", primary=True))}, "contact_points"),
        ({"name": ANA, "roles": frozenset()}, "roles"),
        ({"name": ANA, "country": "es"}, "country"),
        ({"name": ANA, "country": "ESP"}, "country"),
        ({"name": ANA, "country": "ÑÑ"}, "country"),
        ({"name": ANA, "zone": "Mars"}, "zone"),
        ({"name": "Ana"}, "name"),
        ({"name": ANA, "birth_date": NOON}, "birth_date"),
        ({"name": ANA, "first_touch_at": datetime(2026, 1, 1)}, "first_touch_at"),
        ({"name": ANA, "tags": {"a"}}, "tags"),
        ({"name": ANA, "contact_points": [email("a@b")]}, "contact_points"),
        ({"name": ANA, "custom": 5}, "custom"),
        ({"name": ANA, "is_deceased": "no"}, "is_deceased"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(fields, named):
    with pytest.raises(InvalidValueError) as caught:
        Customer(**fields)
    assert caught.value.field == named


def test_an_organisation_is_not_its_own_parent():
    own = new_id()
    with pytest.raises(InvalidValueError, match="parent"):
        Customer(id=own, kind=CustomerKind.ORGANISATION, organisation=Organisation(name="A", parent_id=own))


@pytest.mark.parametrize("domain", ["Example.com", "example", "a@b.c", " b.c"])
def test_a_domain_is_written_like_a_domain(domain):
    with pytest.raises(InvalidValueError, match="domains"):
        Organisation(name="A", domains=(domain,))


@given(strategies.days, strategies.days)
def test_the_first_touch_never_moves_later(one, other):
    touched = Customer(name=ANA).touched(one).touched(other)
    assert touched.first_touch_at == min(one, other)
    assert touched.touched(touched.first_touch_at) is touched


def test_the_primary_address_is_reached_first():
    customer = Customer(contact_points=(email("a@b.example"), email("c@d.example", primary=True)))
    assert customer.reachable_by("email", NOON).raw == "c@d.example"
    assert customer.reachable_by("sms", NOON) is None
    assert customer.reachable_by("email", NOON - timedelta(days=1)) is not None
