"""Values to documents and back: exactly, deterministically, with what a newer release wrote; and each error with its path."""

import contextlib
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from attrs import field, frozen
from attrs.validators import gt
from hypothesis import given
from hypothesis import strategies as st

import pycrm.model
import strategies
from pycrm.errors import DocumentError, InvalidValueError
from pycrm.model.consent import Permission
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.custom import CustomFields
from pycrm.model.customer import Customer, CustomerKind, Organisation, PersonName, Role
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferKind
from pycrm.model.order import Order, OrderLine
from pycrm.model.predicate import AllOf, Not, Predicate, Where, where
from pycrm.model.time import Period
from pycrm.serialize import FORM, dumps, from_dict, from_plain, loads, to_dict, to_plain

ANA = UUID("018f4e7a-0000-7000-8000-000000000001")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ORDER = Order(
    id=ANA,
    customer_id=ANA,
    number="7",
    placed_at=NOON,
    currency="EUR",
    lines=(OrderLine(sku="tea", quantity=3, unit_price=Money("2.50", "EUR")),),
)
PLAIN_ORDER = {
    "$type": "Order",
    "$form": 1,
    "id": str(ANA),
    "version": 0,
    "customer_id": str(ANA),
    "number": "7",
    "placed_at": "2026-05-01T12:00:00Z",
    "currency": "EUR",
    "lines": [{"sku": "tea", "quantity": "3", "unit_price": {"amount": "2.50", "currency": "EUR"}}],
    "status": "paid",
}


@frozen(kw_only=True)
class Gaps:
    """A fitted model of a numbers room, as serialize sees it."""

    r: float = field(validator=gt(0.0))
    knots: tuple[float, ...] = ()
    steps: int = 0
    range: tuple[float, float] = (0.0, 1.0)
    name: str | None = None


def refusal(call, *args):
    with pytest.raises(DocumentError) as caught:
        call(*args)
    return caught.value.path, caught.value.code


def changed(path, value, document=PLAIN_ORDER):
    copy = json.loads(json.dumps(document))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


# -- there and back ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["{0}", "{{{0}}}", "urn:uuid:{0}", "{1}"], ids=["plain", "braces", "urn", "digits"])
def test_an_id_is_read_in_every_form_that_uuid_knows(text):
    assert from_plain(UUID, text.format(ANA, ANA.hex)) == ANA


@pytest.mark.parametrize(
    "data", ["", "018f4e7a", "x" * 32, str(ANA)[:-1] + "é", 7, None, b"018f4e7a00007000800000000000001"]
)
def test_what_is_no_id_is_refused(data):
    with pytest.raises(DocumentError, match="is not a UUID"):
        from_plain(UUID, data)


@pytest.mark.parametrize("kind", [*strategies.ENTITIES, *strategies.VALUES], ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_value_comes_back_from_json_as_it_was(kind, data):
    value = data.draw((strategies.ENTITIES | strategies.VALUES)[kind])
    text = dumps(value)
    back = loads(kind, text)
    assert back == value
    assert type(back) is kind
    assert dumps(back) == text
    assert from_dict(kind, to_dict(value)) == value


def test_every_entity_of_the_model_has_a_strategy():
    named = [getattr(pycrm.model, name) for name in pycrm.model.__all__]
    entities = {kind for kind in named if isinstance(kind, type) and issubclass(kind, Entity)} - {Entity}
    assert entities == set(strategies.ENTITIES)


@given(strategies.predicates)
def test_a_predicate_comes_back_as_it_was(predicate):
    assert repr(loads(Predicate, dumps(predicate))) == repr(predicate)
    assert loads(type(predicate), dumps(predicate)) == predicate


@given(strategies.custom)
def test_custom_fields_come_back_with_their_types(fields):
    plain = json.loads(json.dumps(to_plain(fields)))
    back = from_plain(CustomFields, plain)
    assert {name: repr(back[name]) for name in back} == {name: repr(fields[name]) for name in fields} or back == fields
    assert [type(back[name]) for name in sorted(back)] == [type(fields[name]) for name in sorted(fields)]
    assert to_plain(back) == plain


def test_an_order_is_written_like_this():
    assert to_dict(ORDER) == PLAIN_ORDER


def test_what_json_cannot_tell_apart_carries_a_tag():
    fields = CustomFields(
        {
            "a": Decimal("1.50"),
            "b": date(2026, 1, 31),
            "c": datetime(2026, 1, 31, 13, tzinfo=ZoneInfo("Europe/Madrid")),
            "d": ANA,
            "e": 2**64,
            "f": 1e22,
            "g": -0.0,
            "h": (1, {"x": "y"}),
            "i": {"$x": 1},
            "j": 1.0,
        }
    )
    assert to_plain(fields) == {
        "a": {"$decimal": "1.50"},
        "b": {"$date": "2026-01-31"},
        "c": {"$time": "2026-01-31T12:00:00Z"},
        "d": {"$uuid": str(ANA)},
        "e": {"$int": "18446744073709551616"},
        "f": {"$float": "1e+22"},
        "g": {"$float": "-0.0"},
        "h": [1, {"x": "y"}],
        "i": {"$fields": {"$x": 1}},
        "j": 1.0,
    }


def test_equal_values_give_equal_text():
    one = Customer(id=ANA, name=PersonName(given="Ana"), tags=frozenset({"a", "b"}), custom={"x": 1, "y": 2})
    two = Customer(id=ANA, name=PersonName(given="Ana"), tags=frozenset({"b", "a"}), custom={"y": 2, "x": 1})
    assert dumps(one) == dumps(two)
    assert to_dict(one)["tags"] == ["a", "b"]


def test_a_default_is_written_so_that_a_later_one_changes_nothing():
    assert to_dict(Customer(id=ANA, name=PersonName(given="Ana")))["roles"] == ["prospect"]


def test_a_document_of_an_older_release_may_lack_what_has_a_default():
    document = {"$type": "Customer", "$form": 1, "id": str(ANA), "name": {"given": "Ana"}}
    assert from_dict(Customer, document) == Customer(
        id=ANA, name=PersonName(given="Ana"), roles=frozenset({Role.PROSPECT})
    )


@given(st.timedeltas())
def test_a_length_of_time_comes_back_as_it_was(length):
    assert from_plain(timedelta, to_plain(length)) == length


@pytest.mark.parametrize(
    "text, length",
    [
        ("PT0S", timedelta(0)),
        ("-PT0.5S", timedelta(seconds=-0.5)),
        ("P1DT1H1M1.000001S", timedelta(days=1, seconds=3661, microseconds=1)),
    ],
)
def test_a_duration_is_iso_8601(text, length):
    assert from_plain(timedelta, text) == length


# -- models of the numbers rooms -------------------------------------------------------------------------------------------------


@given(
    st.builds(
        Gaps,
        r=st.floats(min_value=0, exclude_min=True),
        knots=strategies.many(st.floats(allow_nan=False)),
        steps=st.integers(),
        range=st.tuples(st.floats(0, 1), st.floats(0, 1)),
        name=strategies.maybe(strategies.text()),
    )
)
def test_a_frozen_model_of_numbers_comes_back_as_it_was(model):
    assert loads(Gaps, dumps(model)) == model


def test_a_number_that_is_not_finite_is_written_as_text():
    assert to_plain(Gaps(r=float("inf"), knots=(float("nan"), float("-inf")))) == {
        "r": "inf",
        "knots": ["nan", "-inf"],
        "steps": 0,
        "range": [0.0, 1.0],
    }


def test_a_whole_number_is_read_where_a_number_is_wanted():
    assert from_dict(Gaps, {"$type": "Gaps", "$form": 1, "r": 2}) == Gaps(r=2.0)


@pytest.mark.parametrize(
    "fields, path, code",
    [
        ({"r": 0}, "", "refused"),
        ({"r": "1.5"}, "r", "type"),
        ({"r": True}, "r", "type"),
        ({"r": 10**400}, "r", "type"),
        ({"r": 1, "knots": [1, "x"]}, "knots[1]", "type"),
        ({"r": 1, "knots": 3}, "knots", "type"),
        ({"r": 1, "steps": 1.0}, "steps", "type"),
        ({"r": 1, "range": [1]}, "range", "type"),
        ({"r": 1, "other": 1}, "other", "unknown"),
        ({}, "r", "missing"),
    ],
)
def test_a_wrong_model_is_refused_by_path(fields, path, code):
    assert refusal(from_dict, Gaps, {"$type": "Gaps", "$form": 1, **fields}) == (path, code)


# -- what is wrong, where, and why ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, value, where_, code",
    [
        (["number"], None, "number", "missing"),
        (["number"], 7, "number", "type"),
        (["number"], " ", "number", "refused"),
        (["id"], "x", "id", "type"),
        (["id"], 1, "id", "type"),
        (["version"], True, "version", "type"),
        (["placed_at"], "2026-05-01T12:00:00", "placed_at", "type"),
        (["placed_at"], "yesterday", "placed_at", "type"),
        (["placed_at"], 0, "placed_at", "type"),
        (["status"], "lost", "status", "type"),
        (["status"], ["paid"], "status", "type"),
        (["lines"], {}, "lines", "type"),
        (["lines"], "tea", "lines", "type"),
        (["lines", 0], [], "lines[0]", "type"),
        (["lines", 0, "quantity"], "x", "lines[0].quantity", "type"),
        (["lines", 0, "quantity"], 1.5, "lines[0].quantity", "type"),
        (["lines", 0, "quantity"], "-1", "lines[0].quantity", "refused"),
        (["lines", 0, "quantity"], "NaN", "lines[0].quantity", "refused"),
        (["lines", 0, "unit_price", "amount"], None, "lines[0].unit_price.amount", "missing"),
        (["lines", 0, "unit_price", "currency"], "XXX", "lines[0].unit_price.currency", "refused"),
        (["lines", 0, "tax"], {"amount": "1", "currency": "USD"}, "lines[0]", "refused"),
        (
            ["refunds"],
            [{"at": "2026-05-01T12:00:00Z", "amount": {"amount": "9", "currency": "EUR"}}],
            "refunds",
            "refused",
        ),
        (["custom"], [], "custom", "type"),
        (["custom"], {"a": {"b": [{"$date": "x"}]}}, "custom.a.b[0]", "type"),
        (["custom"], {"a.b": {"$nope": 1}}, 'custom["a.b"].$nope', "unknown"),
        (["custom"], {"a": {"$int": 1}}, "custom.a", "type"),
        (["custom"], {"a": {"$float": "nan"}}, "custom.a", "type"),
        (["custom"], {"a": {"$float": "x"}}, "custom.a", "type"),
        (["custom"], {"a": {"$fields": 1}}, "custom.a", "type"),
        (["custom"], {"a": {"$decimal": "NaN"}}, "custom", "refused"),
        (["custom"], {"a": "\ud800"}, "custom", "refused"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(path, value, where_, code):
    assert refusal(from_dict, Order, changed(path, value)) == (where_, code)


@pytest.mark.parametrize(
    "kind, data",
    [(timedelta, "P"), (timedelta, "PT"), (timedelta, "P1Y"), (timedelta, "PT99999999999999H"), (timedelta, 5),
     (date, "20260131"), (date, "2026-02-30"), (date, 1), (bool, 0), (Decimal, True), (Period, []), (Money, "1 EUR")],
)  # fmt: skip
def test_a_part_of_the_wrong_form_is_refused(kind, data):
    assert refusal(from_plain, kind, data) == ("", "type")


def test_the_error_keeps_its_cause_and_says_the_fix():
    with pytest.raises(DocumentError, match="a discount is at most the price of its line") as caught:
        from_dict(Order, changed(["lines", 0, "discount"], {"amount": "9", "currency": "EUR"}))
    assert caught.value.path == "lines[0].discount"
    assert isinstance(caught.value.__cause__, InvalidValueError)


@pytest.mark.parametrize(
    "document, path, code",
    [
        (5, "", "type"),
        ([], "", "type"),
        ({}, "$form", "missing"),
        ({"$form": "1"}, "$form", "type"),
        ({"$form": True}, "$form", "type"),
        ({"$form": 0}, "$form", "type"),
        ({"$form": FORM + 1, "$type": "Order"}, "$form", "form"),
        ({"$form": 1}, "$type", "kind"),
        ({"$form": 1, "$type": "Customer"}, "$type", "kind"),
    ],
)
def test_a_document_says_what_it_is_and_in_which_form(document, path, code):
    assert refusal(from_dict, Order, document) == (path, code)


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"$form": Infinity}', b"\xff", "[" * 100_000, "1" * 5000, None])
def test_what_is_no_json_is_refused(text):
    assert refusal(loads, Order, text) == ("", "json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_value_raises_anything_but_a_document_error(data):
    for kind in (Customer, Order, Predicate, CustomFields, tuple[ContactPoint, ...], frozenset[Role]):
        with contextlib.suppress(DocumentError):
            from_plain(kind, data)


def test_what_has_no_written_form_is_refused():
    assert refusal(to_dict, 5) == ("", "unsupported")
    assert refusal(to_dict, Customer) == ("", "unsupported")
    assert refusal(to_plain, object()) == ("", "unsupported")
    assert refusal(to_plain, datetime(2026, 1, 1)) == ("", "unsupported")
    assert to_plain(None) is None
    assert refusal(from_plain, CustomFields, {"a": object()}) == ("a", "type")
    assert refusal(from_plain, object, {}) == ("", "unsupported")


# -- predicates ------------------------------------------------------------------------------------------------------------------------


def test_a_predicate_is_written_like_this():
    assert to_dict((where("tier") == Role.PARTNER) & ~where("age").is_in([Role.PROSPECT, 5])) == {
        "$type": "Predicate",
        "$form": 1,
        "all": [
            {"path": "tier", "op": "eq", "value": "partner"},
            {"not": {"path": "age", "op": "in", "value": ["prospect", 5]}},
        ],
    }


@pytest.mark.parametrize(
    "data, path, code",
    [
        ({}, "", "type"),
        ({"all": {}}, "all", "type"),
        ({"all": [], "any": []}, "", "type"),
        ({"any": [{"not": {}}]}, "any[0].not", "type"),
        ({"any": [{"path": "a", "op": "eq", "value": None}]}, "any[0]", "refused"),
        ({"path": "a", "op": "like", "value": 1}, "", "type"),
        ({"path": "a..b", "op": "eq", "value": 1}, "", "refused"),
        ({"path": 1, "op": "eq", "value": 1}, "", "type"),
        ({"path": "a", "op": "eq", "value": {"$date": "x"}}, "value", "type"),
    ],
)
def test_a_wrong_predicate_is_refused_by_path(data, path, code):
    assert refusal(from_dict, Predicate, {"$type": "Predicate", "$form": 1, **data}) == (path, code)


def test_a_predicate_of_another_kind_is_refused():
    assert refusal(from_dict, Not, to_dict(where("a") == 1)) == ("", "kind")
    assert from_dict(Where, to_dict(where("a") == 1)) == (where("a") == 1)
    assert from_dict(AllOf, to_dict(AllOf(()))) == AllOf(())


def test_the_condition_of_an_offer_comes_back_and_a_wrong_one_is_named():
    offer = Offer(code="tea", name="Tea", kind=OfferKind.SERVICE, eligible=where("tier") == "gold")
    assert loads(Offer, dumps(offer)) == offer
    wrong = changed(["eligible", "op"], "like", to_dict(offer))
    assert refusal(from_dict, Offer, wrong) == ("eligible", "type")


# -- what a newer release wrote --------------------------------------------------------------------------------------------------------


def test_fields_of_a_newer_release_are_kept_and_written_back_where_they_were():
    newer = changed(["lines", 0, "colour"], {"name": "red", "parts": [{"$decimal": "1.50"}, {"$new": 1}]})
    newer["a.b"] = 5
    newer["unknown"] = "a field of that name"
    newer["lines"][0]["unit_price"]["exact"] = False
    order = from_dict(Order, newer)
    assert set(order.unknown) == {"lines[0].colour", '["a.b"]', "unknown", "lines[0].unit_price.exact"}
    assert order.unknown["lines[0].colour"]["parts"][0] == Decimal("1.50")
    assert to_dict(order) == newer
    assert loads(Order, dumps(order)) == order


def test_a_place_that_is_gone_takes_its_unknown_fields_with_it():
    order = from_dict(Order, changed(["lines", 0, "colour"], "red"))
    import attrs

    assert to_dict(attrs.evolve(order, lines=())) == changed(["lines"], None)
    elsewhere = attrs.evolve(order, unknown=CustomFields({"number.colour": 1, "gone.deeper": 2, "lines[0][1]": 3}))
    assert to_dict(elsewhere) == PLAIN_ORDER


def test_a_field_that_became_known_wins_over_what_was_kept():
    import attrs

    assert to_dict(attrs.evolve(ORDER, unknown=CustomFields({"number": "8"}))) == PLAIN_ORDER


def test_an_unknown_field_of_a_value_that_is_no_entity_is_an_error():
    assert refusal(from_plain, OrderLine, {**PLAIN_ORDER["lines"][0], "colour": "red"}) == ("colour", "unknown")
    lines = [{**PLAIN_ORDER["lines"][0], "unit_price": {"amount": "1", "currency": "EUR", "x": 1}}]
    assert refusal(from_plain, tuple[OrderLine, ...], lines) == ("[0].unit_price.x", "unknown")


def test_the_unknown_fields_of_an_entity_in_a_list_are_its_own():
    plain = [{name: item for name, item in PLAIN_ORDER.items() if name[0] != "$"} | {"new": [1]}]
    (order,) = from_plain(tuple[Order, ...], plain)
    assert order.unknown == CustomFields({"new": (1,)})
    assert to_plain((order,)) == plain


# -- parts, subclasses -------------------------------------------------------------------------------------------------------------------


def test_parts_are_written_without_the_mark_of_a_document():
    points = (ContactPoint(kind=ContactKind.EMAIL, raw="Ana@example.com"),)
    assert from_plain(tuple[ContactPoint, ...], to_plain(points)) == points
    assert to_plain(frozenset({Role.PARTNER, Role.CUSTOMER})) == ["customer", "partner"]
    assert from_plain(frozenset[Role], ["partner"]) == frozenset({Role.PARTNER})
    assert from_plain(Customer | None, None) is None
    assert from_plain(Predicate | None, None) is None
    assert to_plain(Offer(code="a", name="A", kind=OfferKind.SERVICE)).get("eligible") is None


@frozen(kw_only=True)
class Member(Customer):
    """A host's own customer."""

    card: str | None = None
    permission: Permission | None = None


def test_a_subclass_of_a_host_comes_back_with_its_own_fields_and_reads_what_its_parent_wrote():
    member = Member(id=ANA, name=PersonName(given="Ana"), card="7", permission=Permission(True, (Reason("a", "b"),)))
    assert loads(Member, dumps(member)) == member
    plain = Customer(id=ANA, name=PersonName(given="Ana"))
    assert from_dict(Member, to_dict(plain)) == Member(id=ANA, name=PersonName(given="Ana"))
    assert refusal(from_dict, Customer, to_dict(member)) == ("$type", "kind")


def test_an_organisation_and_an_interaction_survive():
    firm = Customer(
        kind=CustomerKind.ORGANISATION, organisation=Organisation(name="Tea", annual_revenue=Money(1, "EUR"))
    )
    call = Interaction(
        customer_id=ANA,
        kind=InteractionKind.CALL,
        channel="phone",
        occurred_at=NOON,
        recorded_at=NOON,
        duration=timedelta(minutes=3),
    )
    assert to_dict(call)["duration"] == "PT180S"
    assert loads(Customer, dumps(firm)) == firm
    assert loads(Interaction, dumps(call)) == call
