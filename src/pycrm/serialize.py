"""Values to plain dicts and JSON and back, exactly, with the version of the form.

A document is what `json` can write: dicts, lists, text, numbers, booleans, None. How a value is written:

- a value of ours is a dict of its fields; an empty field (None, nothing in it, an open period) is left out, and any other is
  written even where it equals its default, so that a later release with another default reads what was meant;
- `Decimal` is text, a date and a time (in UTC) are ISO 8601, a length of time is an ISO 8601 duration, a UUID is text, an enum
  is its value, a tuple is a list, a frozenset is a sorted list;
- a predicate is ``{"path", "op", "value"}``, ``{"all": [...]}``, ``{"any": [...]}`` or ``{"not": ...}``;
- where the type is not declared (custom fields, the value of a predicate) what JSON cannot tell apart carries a tag:
  ``{"$decimal": "1.50"}``, ``{"$date": ...}``, ``{"$time": ...}``, ``{"$uuid": ...}``, ``{"$int": ...}``, ``{"$float": ...}``,
  and ``{"$fields": {...}}`` around a mapping whose own names begin with ``$``.

A document as a whole (`to_dict`, `dumps`) also says what it is and in which form: ``{"$type": "Order", "$form": 1, ...}``; its
parts (`to_plain`, `from_plain`) do not.

What a newer release wrote and this one does not know is kept in `Entity.unknown`, by path from its entity
(``"lines[0].colour"``), and written back where it was; a place that is gone takes its unknown fields with it. Anywhere else an
unknown field is an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum, IntEnum, StrEnum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, overload
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from pycrm.errors import DocumentError, InvalidValueError
from pycrm.model.custom import CustomFields, Value
from pycrm.model.entity import Entity, unchecked_id
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Where

__all__ = ["FORM", "dumps", "from_dict", "from_plain", "loads", "to_dict", "to_plain"]

FORM: Final = 1
"""The version of the form this release writes; it reads this and every older one."""

T = TypeVar("T")

_PREDICATES: Final = (Where, AllOf, AnyOf, Not)
_EXACT_INT = 2**53  # beyond it a reader that keeps numbers as doubles loses digits
_EXPONENT = 1e16  # from here on a float is written with an exponent, and some databases give back a whole number


# -- leaves -------------------------------------------------------------------------------------------------------------------


def _wrong(found: object, wanted: str) -> DocumentError:
    shown = repr(found)
    return DocumentError("", "type", f"{shown if len(shown) <= 60 else shown[:57] + '...'} is not {wanted}")


def _time_out(value: datetime) -> str:
    if value.tzinfo is UTC:
        return f"{value.isoformat()[:-6]}Z"
    if value.utcoffset() is None:
        raise DocumentError("", "unsupported", f"{value!r} has no zone; only aware times are written")
    return f"{value.astimezone(UTC).isoformat()[:-6]}Z"


def _time_in(data: Any, _: Any = None) -> datetime:
    try:
        found = datetime.fromisoformat(data)
    except (TypeError, ValueError):
        raise _wrong(data, "a time such as '2026-01-31T12:00:00Z'") from None
    if found.tzinfo is UTC:
        return found
    if found.tzinfo is None:
        raise _wrong(data, "a time with its zone, such as '2026-01-31T12:00:00Z'")
    return found.astimezone(UTC)


def _date_in(data: Any, _: Any = None) -> date:
    try:
        if len(data) == 10:
            return date.fromisoformat(data)
    except (TypeError, ValueError):
        pass
    raise _wrong(data, "a date such as '2026-01-31'")


_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?", re.ASCII)


def _duration_out(value: timedelta) -> str:
    micros = value // timedelta(microseconds=1)
    seconds, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}PT{seconds}{f'.{rest:06d}'.rstrip('0') if rest else ''}S"


def _duration_in(data: Any, _: Any = None) -> timedelta:
    match = _DURATION.fullmatch(data) if isinstance(data, str) else None
    if match is None or data[-1] in "PT":
        raise _wrong(data, "a duration such as 'PT90S'")
    sign, days, hours, minutes, seconds, fraction = match.groups()
    whole = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    try:
        length = timedelta(seconds=whole, microseconds=int((fraction or "").ljust(6, "0")))
    except OverflowError:
        raise _wrong(data, "a duration of less than a thousand million days") from None
    return -length if sign else length


def _decimal_in(data: Any, _: Any = None) -> Decimal:
    try:
        if isinstance(data, str) or type(data) is int:
            return Decimal(data)
    except InvalidOperation:
        pass
    raise _wrong(data, "a decimal number as text, such as '19.90'")


def _uuid_in(data: Any, _: Any = None) -> UUID:
    try:
        plain = data.replace("-", "")
        if len(plain) == 32:
            return unchecked_id(int(plain, 16))
        return UUID(data)  # with braces, or as a URN
    except (TypeError, ValueError, AttributeError):
        raise _wrong(data, "a UUID") from None


def _text_in(data: Any, _: Any = None) -> str:
    if type(data) is not str:
        raise _wrong(data, "text")
    return data


def _int_in(data: Any, _: Any = None) -> int:
    if type(data) is not int:
        raise _wrong(data, "a whole number")
    return data


def _bool_in(data: Any, _: Any = None) -> bool:
    if type(data) is not bool:
        raise _wrong(data, "true or false")
    return data


_NOT_FINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _float_out(value: float) -> float | str:
    return float(value) if math.isfinite(value) else str(float(value))


def _float_in(data: Any, _: Any = None) -> float:
    if type(data) is float:
        return data
    if type(data) is int:
        try:
            return float(data)
        except OverflowError:
            pass
    elif type(data) is str and data in _NOT_FINITE:
        return _NOT_FINITE[data]
    raise _wrong(data, "a number")


@cache
def _members(kind: type[Enum]) -> dict[Any, Enum]:
    return {member.value: member for member in kind}


def _enum_in(data: Any, kind: type[Enum]) -> Enum:
    try:
        return _members(kind)[data]
    except (KeyError, TypeError):
        raise _wrong(data, f"one of {', '.join(map(repr, _members(kind)))}") from None


# -- where the type is not declared ----------------------------------------------------------------------------------------------


def _tagged(value: Value) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < _EXACT_INT else {"$int": str(value)}
    if isinstance(value, float):
        plain = not value.is_integer() or (abs(value) < _EXPONENT and math.copysign(1.0, value) > 0) or value < 0
        return value if plain and abs(value) < _EXPONENT else {"$float": repr(value)}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime):
        return {"$time": _time_out(value)}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, UUID):
        return {"$uuid": str(value)}
    if isinstance(value, tuple):
        return [_tagged(item) for item in value]
    return _fields_out(value)


def _fields_out(fields: CustomFields) -> dict[str, Any]:
    plain = {name: _tagged(fields[name]) for name in sorted(fields)}
    return {"$fields": plain} if any(name[0] == "$" for name in plain) else plain


def _exact_int(data: Any) -> int:
    if isinstance(data, str) and re.fullmatch(r"-?\d{1,4000}", data, re.ASCII):
        return int(data)
    raise _wrong(data, "a whole number as text")


def _exact_float(data: Any) -> float:
    try:
        found = float(data) if isinstance(data, str) else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise _wrong(data, "a finite number as text")
    return found


def _inner_fields(data: Any) -> CustomFields:
    if not isinstance(data, Mapping):
        raise _wrong(data, "a mapping")
    # A scalar needs neither reading nor a path, and most custom fields are scalars.
    return CustomFields(
        {name: item if type(item) in _SCALARS else _untag_at(_step(name), item) for name, item in data.items()}
    )


_SCALARS: Final = frozenset({str, int, float, bool, NoneType})
_TAGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "$int": _exact_int,
    "$float": _exact_float,
    "$decimal": _decimal_in,
    "$time": _time_in,
    "$date": _date_in,
    "$uuid": _uuid_in,
    "$fields": _inner_fields,
}


def _untag(data: Any) -> Any:
    if type(data) in _SCALARS:
        return data
    if isinstance(data, list | tuple):
        return tuple(_untag_at(f"[{at}]", item) for at, item in enumerate(data))
    if isinstance(data, Mapping):
        tag = next(iter(data)) if len(data) == 1 else ""
        if isinstance(tag, str) and tag in _TAGS:
            return _TAGS[tag](data[tag])
        for name in data:
            if str(name)[:1] == "$":
                raise DocumentError(_step(name), "unknown", f"there is no tag {name!r}; {', '.join(_TAGS)} are")
        return _inner_fields(data)
    raise _wrong(data, "plain data")


def _untag_at(step: str, data: Any) -> Any:
    try:
        return _untag(data)
    except DocumentError as error:
        raise DocumentError(_joined(step, error.path), error.code, error.message) from error


def _fields_in(data: Any, _: Any = None) -> CustomFields:
    found = _untag(data)
    if not isinstance(found, CustomFields):
        raise _wrong(data, "a mapping of field name to value")
    return found


def _kept(data: Any) -> Any:
    """Read what we do not know: typed where the tag is ours and written as we would, as it stands otherwise."""
    if isinstance(data, list | tuple):
        return tuple(_kept(item) for item in data)
    if isinstance(data, Mapping):
        try:
            found = _untag(data)
        except DocumentError:
            found = data
        if not isinstance(found, Mapping) and _tagged(found) == data:
            return found
        return CustomFields({name: _kept(item) for name, item in data.items()})
    return data


def _given_back(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_given_back(item) for item in value]
    if isinstance(value, CustomFields):
        return {name: _given_back(value[name]) for name in sorted(value)}
    return _tagged(value)


# -- predicates --------------------------------------------------------------------------------------------------------------------


def _predicate_out(value: Any) -> dict[str, Any]:
    match value:
        case Where(path=path, op=op, value=asked):
            plain = asked.value if isinstance(asked, Enum) else asked
            if isinstance(plain, tuple):
                plain = tuple(each.value if isinstance(each, Enum) else each for each in plain)
            return {"path": path, "op": op.value, "value": _tagged(plain)}
        case AllOf(parts=parts):
            return {"all": [_predicate_out(part) for part in parts]}
        case AnyOf(parts=parts):
            return {"any": [_predicate_out(part) for part in parts]}
    return {"not": _predicate_out(value.part)}


def _parts_in(data: Any, step: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise DocumentError(step, "type", "the parts of a predicate are a list")
    return tuple(_part_in(part, f"{step}[{at}]") for at, part in enumerate(data))


def _part_in(data: Any, step: str) -> Any:
    try:
        return _predicate_in(data)
    except DocumentError as error:
        raise DocumentError(_joined(step, error.path), error.code, error.message) from error


def _predicate_in(data: Any, _: Any = None) -> Any:
    match data:
        case {"path": _, "op": _, "value": _, **rest} if not rest:
            try:
                return Where(
                    _text_in(data["path"]), cast("Op", _enum_in(data["op"], Op)), _untag_at("value", data["value"])
                )
            except InvalidValueError as error:
                raise DocumentError("", "refused", str(error)) from error
        case {"all": parts, **rest} if not rest:
            return AllOf(_parts_in(parts, "all"))
        case {"any": parts, **rest} if not rest:
            return AnyOf(_parts_in(parts, "any"))
        case {"not": part, **rest} if not rest:
            return Not(_part_in(part, "not"))
    raise _wrong(data, "a predicate: path, op and value, or all, any or not")


def _is_predicate(kind: Any) -> bool:
    if kind in _PREDICATES:
        return True
    return _is_union(kind) and {*get_args(kind), NoneType} <= {*_PREDICATES, NoneType}


# -- the converter -------------------------------------------------------------------------------------------------------------------


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, UnionType}


def _is_empty(default: Any) -> bool:
    if attrs.has(type(default)):
        return all(value is None for value in attrs.asdict(default, recurse=False).values())
    return default is None or (isinstance(default, tuple | frozenset | Mapping) and not default)


def _is_tuple(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple


def _is_many(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is frozenset or (origin is tuple and get_args(kind)[1:] == (Ellipsis,))


def _is_optional(kind: Any) -> bool:
    return _is_union(kind) and len(get_args(kind)) == 2 and NoneType in get_args(kind)


def _some(kind: Any) -> Any:
    return next(each for each in get_args(kind) if each is not NoneType)


def _optional_in(kind: Any) -> Callable[[Any, Any], Any]:
    inner = _some(kind)
    hook = _CONVERTER.get_structure_hook(inner)
    return lambda data, _: None if data is None else hook(data, inner)


def _optional_out(kind: Any) -> Callable[[Any], Any]:
    hook = _CONVERTER.get_unstructure_hook(_some(kind))
    return lambda value: None if value is None else hook(value)


def _many_in(kind: Any) -> Callable[[Any, Any], Any]:
    container, item = get_origin(kind), get_args(kind)[0]
    hook = _CONVERTER.get_structure_hook(item)

    def structure(data: Any, _: Any) -> Any:
        if type(data) is not list and type(data) is not tuple:
            raise _wrong(data, "a list")
        return container([hook(each, item) for each in data])

    return structure


def _pair_in(kind: Any) -> Callable[[Any, Any], Any]:
    items = [(_CONVERTER.get_structure_hook(item), item) for item in get_args(kind)]

    def structure(data: Any, _: Any) -> Any:
        if not isinstance(data, list | tuple) or len(data) != len(items):
            raise _wrong(data, f"a list of {len(items)}")
        return tuple(hook(each, item) for (hook, item), each in zip(items, data, strict=True))

    return structure


def _many_out(kind: Any) -> Callable[[Any], Any]:
    hook = _CONVERTER.get_unstructure_hook(get_args(kind)[0])
    if _is_tuple(kind):
        return lambda value: [hook(each) for each in value]
    return lambda value: sorted(hook(each) for each in value)


def _pair_out(kind: Any) -> Callable[[Any], Any]:
    hooks = [_CONVERTER.get_unstructure_hook(item) for item in get_args(kind)]
    return lambda value: [hook(each) for hook, each in zip(hooks, value, strict=True)]


def _class_in(kind: Any) -> Callable[[Any, Any], Any]:
    overrides = {"unknown": override(omit=True)} if issubclass(kind, Entity) else {}
    generate: Any = make_dict_structure_fn  # its options and the overrides by field name share one dict
    build = generate(kind, _CONVERTER, _cattrs_detailed_validation=False, **overrides)
    known = frozenset(attribute.name for attribute in attrs.fields(kind) if attribute.init) - overrides.keys()

    def structure(data: Any, _: Any) -> Any:
        if (type(data) is not dict and not isinstance(data, Mapping)) or not data.keys() <= known:
            raise _wrong(data, f"a {kind.__name__} of known fields")
        return build(data, kind)

    return structure


def _class_out(kind: Any) -> Callable[[Any], dict[str, Any]]:
    overrides = {
        attribute.name: override(omit_if_default=True)
        for attribute in attrs.fields(kind)
        if attribute.init and _is_empty(attribute.default)
    }
    generate: Any = make_dict_unstructure_fn  # its options and the overrides by field name share one dict
    if not issubclass(kind, Entity):
        return cast("Callable[[Any], dict[str, Any]]", generate(kind, _CONVERTER, **overrides))
    overrides["unknown"] = override(omit=True)
    write = generate(kind, _CONVERTER, **overrides)

    def unstructure(value: Any) -> dict[str, Any]:
        plain: dict[str, Any] = write(value)
        if value.unknown:
            for path in sorted(value.unknown):
                _put_back(plain, path, _given_back(value.unknown[path]))
        return plain

    return unstructure


def _as_it_is(value: Any) -> Any:
    if value is None or isinstance(value, str | int | bool):
        return value
    raise DocumentError("", "unsupported", f"a {type(value).__name__} has no written form")


def _converter() -> Converter:
    made = Converter(detailed_validation=False, unstructure_fallback_factory=lambda _: _as_it_is)
    for kind, out, back in (
        (str, str, _text_in),
        (int, int, _int_in),
        (bool, bool, _bool_in),
        (float, _float_out, _float_in),
        (Decimal, str, _decimal_in),
        (UUID, str, _uuid_in),
        (datetime, _time_out, _time_in),
        (date, date.isoformat, _date_in),
        (timedelta, _duration_out, _duration_in),
        (CustomFields, _fields_out, _fields_in),
    ):
        made.register_unstructure_hook(kind, out)
        made.register_structure_hook(kind, back)
    for members in (StrEnum, IntEnum, Enum):  # by name, or a StrEnum would be read as a str
        made.register_structure_hook(members, _enum_in)
        made.register_unstructure_hook(members, attrgetter("_value_"))  # what .value returns, without its property
    made.register_structure_hook_factory(_is_optional, _optional_in)
    made.register_unstructure_hook_factory(_is_optional, _optional_out)
    made.register_structure_hook_factory(_is_tuple, _pair_in)
    made.register_unstructure_hook_factory(_is_tuple, _pair_out)
    made.register_structure_hook_factory(_is_many, _many_in)
    made.register_unstructure_hook_factory(_is_many, _many_out)
    made.register_structure_hook_factory(attrs.has, _class_in)
    made.register_unstructure_hook_factory(attrs.has, _class_out)
    made.register_structure_hook_func(
        _is_predicate, lambda data, kind: None if data is None and NoneType in get_args(kind) else _predicate_in(data)
    )
    made.register_unstructure_hook_func(_is_predicate, lambda value: None if value is None else _predicate_out(value))
    return made


_CONVERTER: Final = _converter()


# -- paths ---------------------------------------------------------------------------------------------------------------------------

_STEP = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')


def _step(name: str) -> str:
    plain = re.fullmatch(r'[^.\[\]"]+', str(name)) is not None
    return str(name) if plain else f"[{json.dumps(str(name), ensure_ascii=False)}]"


def _joined(path: str, step: str) -> str:
    return f"{path}.{step}" if path and step and not step.startswith("[") else f"{path}{step}"


def _put_back(plain: dict[str, Any], path: str, value: Any) -> None:
    steps: list[str | int] = []
    for name, index, quoted in _STEP.findall(path):
        steps.append(name or (json.loads(quoted) if quoted else int(index)))
    place: Any = plain
    for step in steps[:-1]:
        inside = range(len(place)) if isinstance(place, list) else place if isinstance(place, dict) else ()
        if step not in inside:
            return
        place = place[step]
    if isinstance(place, dict) and isinstance(steps[-1], str):
        place.setdefault(steps[-1], value)


# -- reading with care: what the generated hooks refused is read again, to say where, or to keep what is new ---------------------------


def _read(kind: Any, data: Any, path: str, unknown: dict[str, Any] | None, root: str) -> Any:
    """Return the `kind` that `data` describes; `unknown` collects, by path from `root`, what a newer release wrote."""
    if _is_optional(kind):
        return None if data is None else _read(_some(kind), data, path, unknown, root)
    if _is_many(kind) and isinstance(data, list | tuple):
        item = get_args(kind)[0]
        return get_origin(kind)(_read(item, each, f"{path}[{at}]", unknown, root) for at, each in enumerate(data))
    if attrs.has(kind) and not _is_predicate(kind):
        return _read_class(kind, data, path, unknown, root)
    try:
        return _CONVERTER.get_structure_hook(kind)(data, kind)
    except DocumentError as error:
        raise DocumentError(_joined(path, error.path), error.code, error.message) from error
    except InvalidValueError as error:
        raise DocumentError(path, "refused", str(error)) from error
    except Exception as error:
        raise DocumentError(path, "unsupported", f"{kind!r} cannot be read: {error}") from error


def _read_class(kind: Any, data: Any, path: str, unknown: dict[str, Any] | None, root: str) -> Any:
    if not isinstance(data, Mapping):
        raise DocumentError(path, "type", _wrong(data, f"a mapping with the fields of {kind.__name__}").message)
    is_entity = issubclass(kind, Entity)
    if is_entity:
        unknown, root = {}, path
    fields = {
        each.name: each
        for each in attrs.fields(attrs.resolve_types(kind))
        if each.init and not (is_entity and each.name == "unknown")
    }
    for name in data:
        if name not in fields:
            place = _joined(path, _step(name))
            if unknown is None:
                raise DocumentError(place, "unknown", f"{kind.__name__} has no field {name!r}")
            try:
                unknown[place[len(root) :].removeprefix(".")] = _kept(data[name])
            except InvalidValueError as error:
                raise DocumentError(place, "refused", str(error)) from error
    values = {}
    for name, attribute in fields.items():
        if name in data:
            values[attribute.alias] = _read(attribute.type, data[name], _joined(path, name), unknown, root)
        elif attribute.default is attrs.NOTHING:
            raise DocumentError(_joined(path, name), "missing", f"a {kind.__name__} needs {name}")
    try:
        made = kind(**values)
        return attrs.evolve(made, unknown=CustomFields(unknown)) if is_entity and unknown else made
    except InvalidValueError as error:
        place = _joined(path, error.field) if error.field in fields else path
        raise DocumentError(place, "refused", str(error)) from error
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DocumentError(path, "refused", str(error)) from error


# -- the front -------------------------------------------------------------------------------------------------------------------------


def to_plain(value: object) -> Any:
    """Return `value`, or a tuple or set of values, as plain data without the mark of a document.

    Raises
    ------
    DocumentError
        If something in it has no written form.

    Examples
    --------
    >>> from pycrm.model.money import Money
    >>> to_plain((Money("1.50", "EUR"),))
    [{'amount': '1.50', 'currency': 'EUR'}]
    """
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    if isinstance(value, frozenset | set):
        return sorted(to_plain(each) for each in value)
    kind: Any = type(value)
    return _writer(kind)(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    return _CONVERTER.get_unstructure_hook(kind)


@overload
def from_plain(kind: type[T], data: object) -> T: ...
@overload
def from_plain(kind: Any, data: object) -> Any: ...
def from_plain(kind: Any, data: object) -> Any:
    """Return the value of `kind` that plain `data` describes: a class of ours, ``tuple[ContactPoint, ...]``, `Predicate`.

    Raises
    ------
    DocumentError
        Naming the path of what is wrong.

    Examples
    --------
    >>> from pycrm.model.money import Money
    >>> from_plain(tuple[Money, ...], [{"amount": "1.50", "currency": "EUR"}])
    (Money('1.50', 'EUR'),)
    """
    try:
        return _CONVERTER.structure(data, kind)
    except Exception:  # noqa: BLE001  # whatever it was, reading with care names it
        return _read(kind, data, "", None, "")


def _type_of(kind: Any) -> str:
    return "Predicate" if _is_predicate(kind) else str(kind.__name__)


def to_dict(value: object) -> dict[str, Any]:
    """Return `value` as a document: plain data that says what it is and in which form.

    Parameters
    ----------
    value : object
        An entity or value of the model, or any frozen attrs value of numbers, text and tuples, such as a fitted model.

    Raises
    ------
    DocumentError
        If it, or something in it, has no written form.

    Examples
    --------
    >>> from pycrm.model.money import Money
    >>> to_dict(Money("19.90", "EUR"))
    {'$type': 'Money', '$form': 1, 'amount': '19.90', 'currency': 'EUR'}
    """
    if isinstance(value, type) or not attrs.has(type(value)):
        raise DocumentError(
            "", "unsupported", f"a {type(value).__name__} is no document; to_plain() writes parts of one"
        )
    return {"$type": _type_of(type(value)), "$form": FORM, **_CONVERTER.unstructure(value)}


@overload
def from_dict(cls: type[T], data: Mapping[str, Any]) -> T: ...
@overload
def from_dict(cls: Any, data: Mapping[str, Any]) -> Any: ...
def from_dict(cls: Any, data: Any) -> Any:
    """Return the value of `cls` that a document describes.

    Parameters
    ----------
    cls : type
        What to read; `Predicate` reads any predicate.
    data : mapping
        A document, as `to_dict` makes it.

    Raises
    ------
    DocumentError
        With the path of what is wrong and a code: ``type`` (of another type, or unreadable), ``missing``, ``unknown``,
        ``refused`` (it breaks a rule of the value), ``kind`` (a document of something else), ``form`` (of a newer form),
        ``json`` (no JSON at all), ``unsupported``.

    Examples
    --------
    >>> from pycrm.model.money import Money
    >>> from_dict(Money, {"$type": "Money", "$form": 1, "amount": "19.90", "currency": "EUR"})
    Money('19.90', 'EUR')
    """
    if not isinstance(data, Mapping):
        raise DocumentError("", "type", _wrong(data, "a document").message)
    form = data.get("$form")
    if type(form) is not int or form < 1:
        code = "missing" if form is None else "type"
        raise DocumentError("$form", code, f"a document says its form; this release writes {FORM}")
    if form > FORM:
        raise DocumentError(
            "$form", "form", f"the document is in form {form}, this release reads up to {FORM}; upgrade"
        )
    named = data.get("$type")
    if named != _type_of(cls) and named not in {each.__name__ for each in getattr(cls, "__mro__", ())[1:-1]}:
        raise DocumentError("$type", "kind", f"this is a document of {named!r}, not of {_type_of(cls)!r}")
    found = from_plain(cls, {name: item for name, item in data.items() if name not in {"$type", "$form"}})
    if isinstance(cls, type) and not isinstance(found, cls):
        raise DocumentError("", "kind", f"this predicate is a {type(found).__name__}, not a {cls.__name__}")
    return found


def dumps(value: object) -> str:
    """Return `value` as the JSON text of its document; equal values give equal text.

    Examples
    --------
    >>> from pycrm.model.money import Money
    >>> dumps(Money("19.90", "EUR"))
    '{"$type":"Money","$form":1,"amount":"19.90","currency":"EUR"}'
    """
    return json.dumps(to_dict(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@overload
def loads(cls: type[T], text: str | bytes) -> T: ...
@overload
def loads(cls: Any, text: str | bytes) -> Any: ...
def loads(cls: Any, text: str | bytes) -> Any:
    """Return the value of `cls` that a JSON text describes.

    Raises
    ------
    DocumentError
        As `from_dict`, and with the code ``json`` if the text is no JSON.

    Examples
    --------
    >>> from pycrm.model.money import Money
    >>> loads(Money, dumps(Money("19.90", "EUR")))
    Money('19.90', 'EUR')
    """
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, TypeError, RecursionError) as error:
        raise DocumentError("", "json", f"this is no JSON text: {error}") from error
    return from_dict(cls, data)
