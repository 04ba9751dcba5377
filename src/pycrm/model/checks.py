"""What a field may hold: validators that name the field, the value and the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, TypeAlias, TypeVar

import attrs

from pycrm.errors import InvalidValueError
from pycrm.model.predicate import AllOf, AnyOf, Not, Where

__all__ = [
    "at_least",
    "expect",
    "is_a",
    "is_code",
    "is_fraction",
    "is_line",
    "is_predicate",
    "is_storable",
    "listed",
    "optional",
    "set_of",
    "tuple_of",
    "within",
]

V = TypeVar("V")
Check: TypeAlias = "Callable[[Any, attrs.Attribute[Any], Any], None]"


def optional(check: Check) -> Check:
    """Let None pass, and everything else only if `check` does."""

    def checked(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None:
            check(instance, attribute, value)

    return checked


def is_a(kind: type) -> Check:
    """Refuse a value of another type; a bool is not a number here."""

    def checked(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            if issubclass(kind, Enum):
                fix = "use one of " + ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
            else:
                fix = f"give a {kind.__name__}"
            raise InvalidValueError(attribute.name, value, fix)

    return checked


def _all_of(container: type[tuple[Any, ...] | frozenset[Any]], kind: type) -> Check:
    def checked(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, container):
            raise InvalidValueError(attribute.name, value, f"give a {container.__name__} of {kind.__name__}")
        for item in value:
            if kind is str:
                is_line(None, attribute, item)
            elif not isinstance(item, kind):
                raise InvalidValueError(attribute.name, item, f"give only {kind.__name__} in it")

    return checked


def tuple_of(kind: type) -> Check:
    """Refuse anything but a tuple of `kind`; texts must not be blank."""
    return _all_of(tuple, kind)


def set_of(kind: type) -> Check:
    """Refuse anything but a frozenset of `kind`; texts must not be blank."""
    return _all_of(frozenset, kind)


def at_least(minimum: int) -> Check:
    """Refuse anything but a whole number of at least `minimum`."""

    def checked(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise InvalidValueError(attribute.name, value, f"give a whole number of at least {minimum}")

    return checked


def within(low: float, high: float) -> Check:
    """Refuse anything but a number from `low` to `high`."""

    def checked(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InvalidValueError(attribute.name, value, f"give a number from {low} to {high}")

    return checked


def is_fraction(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse anything but a number from 0 to 1."""
    _share(_, attribute, value)


_share = within(0, 1)


def listed(name: str, values: Any, kind: type[V]) -> list[V]:
    """Return an argument of many values as a list; refuse a single one, and one of another kind.

    Examples
    --------
    >>> listed("codes", ("a", "b"), str)
    ['a', 'b']
    """
    if isinstance(values, str | kind) or not isinstance(values, Iterable):
        raise InvalidValueError(name, values, f"give a list of {kind.__name__}")
    found = list(values)
    for value in found:
        if not isinstance(value, kind):
            raise InvalidValueError(name, value, f"give only {kind.__name__} in it")
    return found


def expect(name: str, value: Any, kind: type, example: str | None = None) -> None:
    """Refuse an argument of another kind.

    Examples
    --------
    >>> expect("code", "spring", str)
    """
    if not isinstance(value, kind):
        raise InvalidValueError(
            name, value, f"give a {kind.__name__}" + ("" if example is None else f", such as {example}")
        )


def is_predicate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse anything but a condition."""
    if not isinstance(value, Where | AllOf | AnyOf | Not):
        raise InvalidValueError(attribute.name, value, "give a predicate, such as where('orders') >= 1")


def is_storable(text: str) -> bool:
    """Whether every database keeps `text` alike: it has no NUL and no lone surrogate."""
    return "\x00" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def is_line(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse blank text, and characters no database keeps alike (NUL, lone surrogates)."""
    if not isinstance(value, str):
        raise InvalidValueError(attribute.name, value, "give text")
    if not value.strip():
        raise InvalidValueError(
            attribute.name, value, "give text that is not blank, or None where the field may be empty"
        )
    if not is_storable(value):
        raise InvalidValueError(attribute.name, value, "take out NUL characters and lone surrogates")


def is_code(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse anything but a code: lower-case letters, digits, and `_ - . :` between them."""
    if (
        not isinstance(value, str)
        or not value
        or not value.replace("_", "").replace("-", "").replace(".", "").replace(":", "").isalnum()
    ):
        raise InvalidValueError(attribute.name, value, "give a code such as 'newsletter' or 'marketing.newsletter'")
    if value != value.lower() or value[0] in ".:-" or value[-1] in ".:-":
        raise InvalidValueError(
            attribute.name, value, "write the code in lower case, with no dot, colon or dash at its ends"
        )
