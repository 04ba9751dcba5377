"""Messages with gaps: an allow-list of fields, a rule for what is missing, nothing executed."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, CustomerKind, Organisation, PersonName
from pycrm.model.money import Money
from pycrm.model.template import Markup, Missing, Rendition, Slot, Template, message_fields, render

NAME = Slot(name="given", missing=Missing.DROP)


def template(body, *slots, channel="email", **more):
    return Template(code="t", slots=slots, renditions=(Rendition(channel=channel, body=body, **more),))


def body(made, **fields):
    return render(made, "email", fields).body


def test_one_content_has_the_words_of_each_channel():
    both = Template(
        code="t",
        slots=(NAME,),
        renditions=(
            Rendition(channel="email", subject="News[[ for {{given}}]]", body="Dear[[ {{given}}]],\nnews."),
            Rendition(channel="sms", body="News!", limit=160),
        ),
    )
    mail = render(both, "email", {"given": "Ana"})
    assert (mail.subject, mail.body, mail.used) == ("News for Ana", "Dear Ana,\nnews.", ("given",))
    assert render(both, "sms", {"given": "Ana"}).used == ()
    with pytest.raises(InvalidValueError, match="has words for: email, sms"):
        render(both, "phone", {})


def test_what_is_missing_is_dropped_replaced_or_refused_as_the_slot_says():
    assert body(template("Hi[[ {{given}}]]!", NAME)) == "Hi!"
    friend = Slot(name="given", missing=Missing.DEFAULT, default="friend")
    assert (
        body(template("Hi {{given}}!", friend)) == body(template("Hi {{given}}!", friend), given="  ") == "Hi friend!"
    )
    with pytest.raises(InvalidValueError, match="t needs it"):
        body(template("Hi {{given}}!", Slot(name="given")))
    found = render(template("Hi[[ {{given}}]]!", NAME), "email", {"given": None})
    assert (found.used, found.missing) == ((), ("given",))


@pytest.mark.parametrize(
    "hostile",
    [
        "{{given.__class__}}",
        "{{__import__('os')}}",
        "{{ 7*7 }}",
        "{{family}}",
        "{{}}",
        "{{given",
        "given}}",
        "[[given",
        "[[ [[ {{given}} ]] ]]",
        "{{given}}",
    ],
)
def test_a_gap_that_is_no_slot_or_is_left_open_is_refused_when_the_template_is_made(hostile):
    with pytest.raises(InvalidValueError):
        template(hostile, NAME)


@pytest.mark.parametrize("name", ["__class__", "a.__b__", "A", "a..b", "a()", "_a", "a b", ""])
def test_a_slot_names_a_plain_field(name):
    with pytest.raises(InvalidValueError):
        Slot(name=name)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(lambda value: value.strip()))
def test_a_value_goes_in_as_it_is_and_is_never_read_as_a_template(value):
    assert body(template("<{{given}}>", Slot(name="given")), given=value) == f"<{value.strip()}>"
    marked = body(template("{{given}}", Slot(name="given"), markup=Markup.HTML), given=value)
    assert "<" not in marked
    assert '"' not in marked


def test_an_object_is_never_looked_into():
    person = Customer(name=PersonName(given="Ana"))
    for value in (person, object(), ["a"], True):
        with pytest.raises(InvalidValueError, match="give text"):
            body(template("{{given}}", Slot(name="given")), given=value)
    with pytest.raises(InvalidValueError, match="mapping above"):
        body(template("{{who.name}}", Slot(name="who.name")), who=person)
    assert body(template("{{who.name}}", Slot(name="who.name")), who={"name": "Ana"}) == "Ana"


def test_numbers_dates_and_money_have_one_written_form():
    made = template("{{x}}", Slot(name="x"))
    for value, text in (
        (3, "3"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 5, 1), "2026-05-01"),
        (datetime(2026, 5, 1, 9, 30, tzinfo=UTC), "2026-05-01 09:30+00:00"),
        (Money("9.90", "EUR"), str(Money("9.90", "EUR"))),
    ):
        assert body(made, x=value) == text


def test_a_value_cannot_break_the_line_of_a_subject_nor_the_limit_of_a_channel():
    made = Template(
        code="t", slots=(Slot(name="x"),), renditions=(Rendition(channel="email", subject="{{x}}", body="b"),)
    )
    with pytest.raises(InvalidValueError, match="one line"):
        render(made, "email", {"x": "a\r\nBcc: everybody@example.com"})
    short = template("{{x}}", Slot(name="x"), limit=5)
    assert body(short, x="12345") == "12345"
    with pytest.raises(InvalidValueError, match="takes 5"):
        body(short, x="123456")


def test_a_template_names_each_slot_and_channel_once_and_a_default_only_where_it_is_used():
    with pytest.raises(InvalidValueError, match="each slot once"):
        template("a", NAME, NAME)
    with pytest.raises(InvalidValueError, match="one rendition"):
        Template(code="t", renditions=(Rendition(channel="sms", body="a"),) * 2)
    with pytest.raises(InvalidValueError, match="one rendition"):
        Template(code="t", renditions=())
    with pytest.raises(InvalidValueError, match="not blank"):
        Rendition(channel="sms", body=" ")
    for wrong in ({"missing": Missing.DEFAULT}, {"default": "x"}):
        with pytest.raises(InvalidValueError, match="default"):
            Slot(name="a", **wrong)


def test_the_fields_of_a_message_are_few_and_an_address_is_no_name():
    firm = Customer(kind=CustomerKind.ORGANISATION, organisation=Organisation(name="Acme"))
    assert message_fields(firm, {"tier": "gold"}) == {
        "tier": "gold", "name": "Acme", "given": None, "family": None, "organisation": "Acme", "country": None,
        "language": None,
    }  # fmt: skip
    nobody = Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="a@example.com"),))
    assert message_fields(nobody)["name"] is None
    assert message_fields(Customer(name=PersonName(nickname="Pelé")))["given"] == "Pelé"
