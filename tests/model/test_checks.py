"""The checks of fields name the field, the value and the fix."""

import attrs
import pytest
from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import (
    at_least,
    is_a,
    is_code,
    is_fraction,
    is_line,
    is_storable,
    optional,
    set_of,
    tuple_of,
    within,
)
from pycrm.model.customer import Role


@frozen
class Checked:
    line: str = attrs.field(default="x", validator=is_line)
    code: str = attrs.field(default="x", validator=is_code)
    share: float = attrs.field(default=0.5, validator=is_fraction)
    mood: float = attrs.field(default=0.0, validator=within(-1, 1))
    count: int = attrs.field(default=1, validator=at_least(1))
    role: Role = attrs.field(default=Role.CUSTOMER, validator=is_a(Role))
    flag: bool = attrs.field(default=True, validator=is_a(bool))
    names: tuple = attrs.field(default=(), validator=tuple_of(str))
    roles: frozenset = attrs.field(default=frozenset(), validator=set_of(Role))
    maybe: int | None = attrs.field(default=None, validator=optional(is_a(int)))


@pytest.mark.parametrize(
    "name, value",
    [("line", value) for value in ("", " ", "\n", None, 5, "a\x00", "a\ud800")]
    + [("code", value) for value in ("", "A", "a b", ".a", "a.", "-a", "a:", "ñ ", None, 5)]
    + [("share", value) for value in (-0.1, 1.1, float("nan"), True, "0.5", None)]
    + [("mood", value) for value in (-1.1, float("inf"), False)]
    + [("count", value) for value in (0, True, 1.0, None)]
    + [("role", value) for value in ("customer", None)]
    + [("flag", value) for value in (1, None)]
    + [("names", value) for value in ([], ("",), (5,), ("a\x00",), "abc")]
    + [("roles", value) for value in (set(), frozenset({"customer"}))]
    + [("maybe", value) for value in ("x", True)],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(name, value):
    with pytest.raises(InvalidValueError) as caught:
        Checked(**{name: value})
    assert caught.value.field == name
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "fields",
    [{"code": "marketing.newsletter"}, {"code": "a_b-c:d"}, {"code": "año"}, {"share": 0}, {"share": 1}, {"mood": -1}, {"count": 10**9},
     {"names": ("a", "😀")}, {"roles": frozenset({Role.PARTNER})}, {"maybe": 3}, {"line": "日本"}],
)  # fmt: skip
def test_a_right_value_passes(fields):
    assert Checked(**fields) == attrs.evolve(Checked(), **fields)


def test_an_enum_that_was_refused_lists_its_members():
    with pytest.raises(InvalidValueError, match=r"Role\.PROSPECT, Role\.CUSTOMER"):
        Checked(role="x")


def test_text_is_storable_without_nul_and_lone_surrogates():
    assert is_storable("😀 ñ")
    assert not is_storable("\x00")
    assert not is_storable("\udfff")
