"""Custom fields are an immutable value of plain, exact values, checked against what was declared."""

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from pycrm.errors import InvalidValueError
from pycrm.model.custom import NO_FIELDS, CustomFieldDef, CustomFields, FieldKind


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@given(strategies.custom)
def test_equal_fields_are_one_value(fields):
    again = CustomFields(dict(reversed(list(fields.items()))))
    assert again == fields == dict(fields)
    assert hash(again) == hash(fields)
    assert pickle.loads(pickle.dumps(fields)) == fields
    assert CustomFields(fields) == fields
    assert repr(CustomFields({"a": 1})) == "CustomFields({'a': 1})"


def test_a_change_returns_a_new_value():
    fields = CustomFields({"a": 1})
    assert fields.with_(b=2) == {"a": 1, "b": 2}
    assert fields.without("a", "z") == NO_FIELDS
    assert fields == {"a": 1}
    assert len(fields) == 1
    assert CustomFields(None) == NO_FIELDS


def test_what_is_kept_is_plain_and_frozen():
    fields = CustomFields(
        {"list": [1, [2]], "map": {"x": [1]}, "red": Colour.RED, "big": Size.BIG, "date": date(2026, 1, 1)}
    )
    assert fields["list"] == (1, (2,))
    assert fields["map"] == CustomFields({"x": (1,)})
    assert [type(fields[name]) for name in ("red", "big")] == [str, int]
    assert CustomFields({"at": datetime(2026, 1, 1, 1, tzinfo=ZoneInfo("Europe/Madrid"))})["at"].tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), datetime(2026, 1, 1), object(), {1: 2}, {"": 1}, b"x", "\x00",
     "\ud800", [float("nan")], {"x": {"y": "a\x00"}}, {1}],
)  # fmt: skip
def test_a_value_that_does_not_keep_is_refused(value):
    with pytest.raises(InvalidValueError):
        CustomFields({"x": value})


@pytest.mark.parametrize("items", [5, "x", [1], {"": 1}, {"a\x00": 1}, {None: 1}])
def test_only_a_mapping_of_named_fields_is_taken(items):
    with pytest.raises(InvalidValueError, match="custom"):
        CustomFields(items)


@pytest.mark.parametrize(
    "kind, good, bad",
    [
        (FieldKind.TEXT, "x", 1),
        (FieldKind.WHOLE, 1, True),
        (FieldKind.WHOLE, 1, 1.0),
        (FieldKind.DECIMAL, Decimal("1.5"), 1.5),
        (FieldKind.DECIMAL, 1, True),
        (FieldKind.TRUTH, False, 0),
        (FieldKind.DATE, date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
        (FieldKind.TIME, datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)),
        (FieldKind.TEXT, "x", UUID(int=1)),
    ],
)
def test_a_declared_field_holds_its_kind_only(kind, good, bad):
    declared = CustomFieldDef(name="x", kind=kind)
    declared.check(CustomFields({"x": good}))
    declared.check(NO_FIELDS)
    with pytest.raises(InvalidValueError, match="x: "):
        declared.check(CustomFields({"x": bad}))


def test_a_choice_is_one_of_its_choices_and_a_required_field_is_there():
    tier = CustomFieldDef(name="tier", kind=FieldKind.CHOICE, choices=("gold", "silver"), required=True)
    with pytest.raises(InvalidValueError, match="gold, silver"):
        tier.check(CustomFields({"tier": "tin"}))
    with pytest.raises(InvalidValueError, match="required"):
        tier.check(NO_FIELDS)


@pytest.mark.parametrize(
    "fields",
    [{"kind": FieldKind.CHOICE}, {"kind": FieldKind.TEXT, "choices": ("a",)}, {"kind": "text"}, {"kind": FieldKind.TEXT, "name": "A b"},
     {"kind": FieldKind.CHOICE, "choices": ("",)}],
)  # fmt: skip
def test_a_contradictory_declaration_is_refused(fields):
    with pytest.raises(InvalidValueError):
        CustomFieldDef(**{"name": "x", **fields})


@given(st.text(max_size=5))
def test_any_text_that_a_database_keeps_is_a_value(text):
    storable = "\x00" not in text and not any(0xD800 <= ord(char) <= 0xDFFF for char in text)
    try:
        kept = CustomFields({"x": text})["x"] == text
    except InvalidValueError:
        kept = False
    assert kept == storable
