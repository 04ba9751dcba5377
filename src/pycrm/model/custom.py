"""Fields that a business adds to our nouns: typed, immutable, checked against what it declared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias, Union, cast
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, is_storable, optional, tuple_of
from pycrm.model.time import in_utc

__all__ = ["NO_FIELDS", "CustomFieldDef", "CustomFields", "FieldKind", "Value"]

Scalar: TypeAlias = str | bool | int | float | Decimal | date | datetime | UUID | None
Value: TypeAlias = Union[Scalar, tuple["Value", ...], "CustomFields"]


_AS_IT_IS = frozenset({str, bool, int, UUID, type(None)})


def _frozen(name: str, value: object) -> Value:
    if type(value) is str and "\x00" not in value and value.isascii():
        return value
    if isinstance(value, str):
        if not is_storable(value):
            raise InvalidValueError(name, value, "take out NUL characters and lone surrogates")
        return str.__str__(value)
    if type(value) in _AS_IT_IS or isinstance(value, CustomFields):
        return cast("Value", value)
    if isinstance(value, float | Decimal):
        if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            raise InvalidValueError(name, value, "give a finite number")
        return float(value) if isinstance(value, float) else value
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidValueError(name, value, "give an aware time, such as datetime(..., tzinfo=UTC)")
        return in_utc(value)
    if isinstance(value, date):
        return value
    if isinstance(value, Mapping):
        return CustomFields(value)
    if isinstance(value, list | tuple):
        return tuple([_frozen(name, item) for item in value])
    if isinstance(value, int):
        return int(value)
    raise InvalidValueError(
        name, value, "give text, a number, a date, an aware time, a UUID, a tuple of these, or a mapping"
    )


class CustomFields(Mapping[str, Value]):
    """An immutable mapping of field name to value; equal, hashable and picklable like any value.

    Examples
    --------
    >>> fields = CustomFields({"tier": "gold", "visits": [1, 2]})
    >>> fields["visits"]
    (1, 2)
    >>> fields.with_(tier="silver")
    CustomFields({'tier': 'silver', 'visits': (1, 2)})
    """

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[str, object] | None = None) -> None:
        self._hash: int | None = None
        if isinstance(items, CustomFields):
            self._items: dict[str, Value] = items._items  # noqa: SLF001  # of the same class
            return
        held: dict[str, Value] = {}
        if items is not None and not isinstance(items, Mapping):
            raise InvalidValueError("custom", items, "give a mapping of field name to value")
        for name, value in (items or {}).items():
            if type(name) is not str or not name or not is_storable(name):
                raise InvalidValueError("custom", name, "name each field with text that is not empty")
            held[name] = _frozen(name, value)
        self._items = held

    def with_(self, **changes: object) -> CustomFields:
        """Return a copy with `changes`."""
        return CustomFields({**self._items, **changes})

    def without(self, *names: str) -> CustomFields:
        """Return a copy without `names`."""
        return CustomFields({name: value for name, value in self._items.items() if name not in names})

    def __getitem__(self, name: str) -> Value:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return self._items == (other._items if isinstance(other, CustomFields) else other)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"CustomFields({self._items!r})"

    def __reduce__(self) -> tuple[type[CustomFields], tuple[dict[str, Value]]]:
        return CustomFields, (self._items,)


NO_FIELDS = CustomFields()


class FieldKind(StrEnum):
    """What a custom field holds."""

    TEXT = "text"
    WHOLE = "whole"
    DECIMAL = "decimal"
    TRUTH = "truth"
    DATE = "date"
    TIME = "time"
    CHOICE = "choice"


_TYPES: dict[FieldKind, tuple[type, ...]] = {
    FieldKind.TEXT: (str,),
    FieldKind.WHOLE: (int,),
    FieldKind.DECIMAL: (Decimal, int),
    FieldKind.TRUTH: (bool,),
    FieldKind.DATE: (date,),
    FieldKind.TIME: (datetime,),
    FieldKind.CHOICE: (str,),
}


@frozen(kw_only=True)
class CustomFieldDef:
    """What a business declares of one custom field.

    Parameters
    ----------
    name : str
        A code; the key in `custom`.
    kind : FieldKind
        What it holds.
    label : str, optional
        What a person reads.
    required : bool
        Whether it must be there.
    choices : tuple of str
        The allowed values of a CHOICE.
    sensitive : bool
        Whether it says something of a person that needs care.

    Examples
    --------
    >>> tier = CustomFieldDef(name="tier", kind=FieldKind.CHOICE, choices=("gold", "silver"))
    >>> tier.check(CustomFields({"tier": "gold"}))
    """

    name: str = field(validator=is_code)
    kind: FieldKind = field(validator=is_a(FieldKind))
    label: str | None = field(default=None, validator=optional(is_line))
    required: bool = field(default=False, validator=is_a(bool))
    choices: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    sensitive: bool = field(default=False, validator=is_a(bool))

    def __attrs_post_init__(self) -> None:
        if (self.kind is FieldKind.CHOICE) != bool(self.choices):
            raise InvalidValueError(
                "choices", self.choices, "give the allowed values with kind CHOICE, and with no other kind"
            )

    def check(self, fields: CustomFields) -> None:
        """Refuse `fields` that break this declaration.

        Raises
        ------
        InvalidValueError
            Naming the field, its value and what it may be.
        """
        value = fields.get(self.name)
        if value is None:
            if self.required:
                raise InvalidValueError(self.name, value, "this field is required")
            return
        wrong_bool = isinstance(value, bool) and self.kind is not FieldKind.TRUTH
        wrong_time = isinstance(value, datetime) and self.kind is FieldKind.DATE
        if wrong_bool or wrong_time or not isinstance(value, _TYPES[self.kind]):
            raise InvalidValueError(self.name, value, f"this field holds {self.kind.value}")
        if self.kind is FieldKind.CHOICE and value not in self.choices:
            raise InvalidValueError(self.name, value, f"choose one of {', '.join(self.choices)}")
