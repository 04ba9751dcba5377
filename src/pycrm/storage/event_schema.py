"""The form of events, published: a JSON Schema for any value of ours and for every announced change.

The schema says what `pycrm.serialize` writes: an empty field is left out, decimals are text, a name that another release added
is allowed.

References
----------
.. [1] JSON Schema, draft 2020-12, https://json-schema.org/draft/2020-12/schema.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from pycrm.errors import InvalidValueError
from pycrm.model.predicate import AllOf, AnyOf, Not, Where
from pycrm.storage.mapping import EntityMap

__all__ = ["change_schema", "value_schema"]

_PREDICATES = (Where, AllOf, AnyOf, Not)
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_LEAVES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]},
    Decimal: {"type": "string", "pattern": r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    timedelta: {"type": "string", "format": "duration"},
    NoneType: {"type": "null"},
}


def value_schema(kind: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of what `to_plain` writes for a frozen attrs class, such as an event that is emitted.

    Raises
    ------
    InvalidValueError
        If `kind` is no attrs class.

    Examples
    --------
    >>> from pycrm.model.money import Money
    >>> made = value_schema(Money)
    >>> sorted(made["$defs"]["Money"]["properties"])
    ['amount', 'currency']
    """
    if not attrs.has(kind):
        raise InvalidValueError("kind", kind, "give a frozen attrs class")
    defs: dict[str, Any] = {}
    return {"$schema": _DRAFT, "$id": f"urn:pycrm:value:{kind.__name__}", **_of(kind, defs), "$defs": defs}


def change_schema(model: type[Any], action: str) -> dict[str, Any]:
    """Return the JSON Schema of the payload of an announced change.

    Parameters
    ----------
    model : type
        The entity class.
    action : {"added", "saved", "removed", "restored", "erased"}
        What the event tells: its type is the name of the model, a point, and this.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> made = change_schema(Product, "saved")
    >>> made["title"], made["properties"]["fields"]["properties"]["sku"]["prefixItems"][0]
    ('Product.saved', {'type': 'string'})
    """
    if action not in {"added", "saved", "removed", "restored", "erased"}:
        raise InvalidValueError("action", action, "choose 'added', 'saved', 'removed', 'restored' or 'erased'")
    map, defs = EntityMap.of(model), dict[str, Any]()
    hints = get_type_hints(model)
    told: dict[str, Any] = {}
    if action == "saved":
        for name in map.compared:
            one = _of(hints[name], defs)
            told[name] = {"type": "array", "prefixItems": [one, one], "items": False, "minItems": 2}
    text = {"type": ["string", "null"]}
    return {
        "$schema": _DRAFT,
        "$id": f"urn:pycrm:event:{map.name}.{action}",
        "title": f"{map.name}.{action}",
        "type": "object",
        "properties": {
            "id": _LEAVES[UUID],
            "version": {"type": "integer", "minimum": 1},
            "actor": text,
            "cause": text,
            "fields": {"type": "object", "properties": told, "additionalProperties": action == "saved"},
        },
        "required": ["id", "version", "actor", "cause", "fields"],
        "$defs": defs,
    }


def _of(kind: Any, defs: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one type; classes go to `defs`, once each."""
    if kind in _LEAVES:
        return dict(_LEAVES[kind])
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return {"anyOf": [_of(each, defs) for each in inner]}
    if origin is tuple and inner[1:] != (Ellipsis,):
        return {"type": "array", "prefixItems": [_of(each, defs) for each in inner], "items": False}
    if origin in {tuple, frozenset}:
        return {"type": "array", "items": _of(inner[0], defs)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if kind in _PREDICATES:
        return {"type": "object"}
    if isinstance(kind, type) and attrs.has(kind):
        return _of_class(kind, defs)
    return {}  # custom fields and what is declared as anything: the tags of `pycrm.serialize` tell each value


def _of_class(kind: type[Any], defs: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in defs:
        defs[name] = {}  # a class may hold itself
        hints = get_type_hints(kind)
        fields = [each for each in attrs.fields(kind) if each.init and each.name != "unknown"]
        defs[name] = {
            "type": "object",
            "properties": {each.name: _of(hints[each.name], defs) for each in fields},
            "required": [each.name for each in fields if each.default is attrs.NOTHING],
        }
    return {"$ref": f"#/$defs/{name}"}
