"""How an entity class is kept: which fields are columns, which paths are searched, what is unique, what refers to what.

An `EntityMap` is derived from the class: scalar fields become columns, everything else goes into one JSON document. Nested
paths that queries need fast are declared as `searched`. Maps belong to one store, never to a shared registry.

Examples
--------
>>> from attrs import frozen
>>> from pycrm.model.entity import Entity
>>> @frozen(kw_only=True)
... class Desk(Entity):
...     label: str
...     seats: int = 1
...     tags: frozenset[str] = frozenset()
>>> desks = EntityMap.of(Desk, unique=[("label",)], searched=["tags"])
>>> [(column.name, column.kind.value) for column in desks.columns]
[('label', 'text'), ('seats', 'int')]
>>> desks.table
'desk'
"""

from __future__ import annotations

import hashlib
import math
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidQuery, InvalidValueError
from pycrm.model.predicate import AllOf, AnyOf, Not, Predicate, Where, kind_of, reach
from pycrm.model.privacy import Handling

__all__ = ["Column", "EntityMap", "Kind", "MapSet", "Reference", "Unique", "UniqueEach", "search_key"]

INDEXED_TEXT = 255  # longer text fits no index of MariaDB together with the tenant
_DEEPEST = 30  # parts of a question within each other: SQLite's parser takes few more
_NAME_BYTES = 63  # PostgreSQL cuts what is longer, without a word
_NOTHING: frozenset[str] = frozenset()
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

Check: TypeAlias = Callable[[Any], Any]


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOL = "bool"
    TIME = "time"
    DATE = "date"
    UUID = "uuid"


_SCALARS: dict[type, Kind] = {
    str: Kind.TEXT,
    bool: Kind.BOOL,
    int: Kind.INT,
    float: Kind.FLOAT,
    Decimal: Kind.DECIMAL,
    datetime: Kind.TIME,
    date: Kind.DATE,
    UUID: Kind.UUID,
}
COMPARED_AS: dict[Kind, str] = {
    Kind.TEXT: "text",
    Kind.INT: "number",
    Kind.FLOAT: "number",
    Kind.DECIMAL: "number",
    Kind.BOOL: "bool",
    Kind.TIME: "time",
    Kind.DATE: "date",
    Kind.UUID: "uuid",
}


@frozen
class Column:
    """One scalar that a store keeps in a column of its own.

    Parameters
    ----------
    name : str
        Of the column.
    path : str
        Where the value is in the entity.
    kind : Kind
        What it holds.
    nullable : bool
        Whether it may be missing.
    enum : type, optional
        The enum whose values it holds.
    indexed : bool
        Whether an index covers it; such text has at most 255 characters.
    precision, scale : int
        Of a decimal: all digits, and those behind the point. More digits are refused, never rounded.
    """

    name: str
    path: str
    kind: Kind
    nullable: bool = True
    enum: type[Enum] | None = None
    indexed: bool = False
    precision: int = 18
    scale: int = 6

    def check(self, value: Any) -> Any:
        """Return `value` as it is kept, an enum as its value; raise InvalidValueError where no store could keep it."""
        if value is None:
            if self.nullable:
                return None
            raise InvalidValueError(self.path, value, "this field is required")
        if isinstance(value, Enum):
            value = value.value
        return _CHECKS[self.kind](self, value)


ID_COLUMN = Column("id", "id", Kind.UUID, nullable=False)


def _text(column: Column, value: Any) -> Any:
    if not isinstance(value, str):
        raise InvalidValueError(column.path, value, "give text")
    if "\0" in value or not (value.isascii() or _encodable(value)):
        raise InvalidValueError(column.path, value, "take out NUL characters and lone surrogates")
    if column.indexed and len(value) > INDEXED_TEXT:
        raise InvalidValueError(column.path, value, f"this field is indexed; give at most {INDEXED_TEXT} characters")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(column: Column, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or not _LOWEST <= value <= _HIGHEST:
        raise InvalidValueError(column.path, value, "give a whole number of at most 64 bits")
    return value


def _real(column: Column, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidValueError(column.path, value, "give a finite number")
    made = float(value)
    if made != value:
        raise InvalidValueError(column.path, value, "give a number that a float holds exactly")
    return made


def _decimal(column: Column, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidValueError(column.path, value, "give a Decimal")
    exact = Decimal(value)
    if not exact.is_finite():
        raise InvalidValueError(column.path, value, "give a finite number")
    _, digits, exponent = exact.as_tuple()
    assert isinstance(exponent, int)
    while exponent < 0 and digits and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    whole = max(len(digits) + exponent, 0) if any(digits) else 0
    if -exponent > column.scale or whole > column.precision - column.scale:
        fix = f"give at most {column.precision - column.scale} digits before the point and {column.scale} behind it"
        raise InvalidValueError(column.path, value, fix)
    return exact


def _truth(column: Column, value: Any) -> Any:
    if not isinstance(value, bool):
        raise InvalidValueError(column.path, value, "give True or False")
    return value


def _instant(column: Column, value: Any) -> Any:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidValueError(column.path, value, "give an aware time, such as datetime(..., tzinfo=UTC)")
    return value


def _day(column: Column, value: Any) -> Any:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InvalidValueError(column.path, value, "give a date")
    return value


def _identity(column: Column, value: Any) -> Any:
    if not isinstance(value, UUID):
        raise InvalidValueError(column.path, value, "give a UUID")
    return value


_CHECKS: dict[Kind, Callable[[Column, Any], Any]] = {
    Kind.TEXT: _text,
    Kind.INT: _whole,
    Kind.FLOAT: _real,
    Kind.DECIMAL: _decimal,
    Kind.BOOL: _truth,
    Kind.TIME: _instant,
    Kind.DATE: _day,
    Kind.UUID: _identity,
}


@frozen
class Unique:
    """No two live entities of a tenant hold the same values at these paths; a missing value collides with nothing."""

    name: str
    paths: tuple[str, ...]


@frozen
class UniqueEach:
    """No two live entities of a tenant share any of the keys that `keys` finds in them."""

    name: str
    keys: Callable[[Any], Iterable[str]]
    fields: tuple[str, ...] = ()


@frozen
class Reference:
    """The UUID at this field is the id of a stored `model`."""

    path: str
    model: type[Any]


def search_key(value: str) -> str:
    """Return the indexed form of a searched text: itself, or its digest where it is too long for an index."""
    return (
        value if len(value) <= 200 else "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    )


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the alternatives of a type, without None."""
    if isinstance(kind, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        kind = kind.__value__  # pragma: no cover  # Python 3.11 has no such types
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return tuple(inner for each in typing.get_args(kind) for inner in _members(each))
    return () if kind is type(None) else (kind,)


def _scalar(kind: Any) -> tuple[Kind, type[Enum] | None] | None:
    members = _members(kind)
    if len(members) != 1 or not isinstance(members[0], type):
        return None
    only = members[0]
    if issubclass(only, Enum):
        kinds = {_SCALARS.get(type(member.value)) for member in only}
        found = kinds.pop() if len(kinds) == 1 else None
        return None if found is None else (found, only)
    return None if only not in _SCALARS else (_SCALARS[only], None)


def _hints(model: type[Any]) -> dict[str, Any]:
    attrs.resolve_types(model)
    return {attribute.name: attribute.type for attribute in attrs.fields(model)}


def _at(kind: Any, parts: Sequence[str]) -> tuple[Kind | None, bool, type[Enum] | None]:
    """Return what lies at a path below a type, and whether collections lie on the way."""
    for member in _members(kind):
        if typing.get_origin(member) in {tuple, frozenset, list, set}:
            inner, _, enum = _at(typing.get_args(member)[0], parts)
            return inner, True, enum
        if not parts:
            found = _scalar(member)
            return (None, False, None) if found is None else (found[0], False, found[1])
        if isinstance(member, type) and attrs.has(member) and parts[0] in (hints := _hints(member)):
            return _at(hints[parts[0]], parts[1:])
    return None, False, None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _is_name(text: str) -> bool:
    """Whether every database keeps a table of this name, which is quoted wherever it is written."""
    if not text.isprintable() or text != text.strip() or set(text) & set("\"'`\\;"):
        return False
    return 0 < len(text.encode()) <= _NAME_BYTES


def _check_arguments(table: Any, columns: Any, references: Any, handling: Any) -> None:
    """Refuse what `EntityMap.of` cannot use, by the name of the argument."""
    if table is not None and not (isinstance(table, str) and _is_name(table)):
        raise InvalidValueError(
            "table",
            table,
            f"use 1 to {_NAME_BYTES} bytes of text without quotes, backslashes, semicolons or control characters",
        )
    if handling is not None and not isinstance(handling, Handling):
        raise InvalidValueError("handling", handling, "give a Handling")
    for name, given in (("columns", columns), ("references", references)):
        if given is not None and not isinstance(given, Mapping):
            raise InvalidValueError(name, given, "give a mapping by field")
    for path, target in (references or {}).items():
        if not isinstance(target, type) or not attrs.has(target):
            raise InvalidValueError("references", target, f"give the entity class whose id {path!r} holds")
    known = {each.name for each in attrs.fields(Column)} - {"name", "path"}
    for path, setting in (columns or {}).items():
        if not isinstance(setting, Mapping) or not set(setting) <= known:
            raise InvalidValueError(
                "columns", setting, f"give settings of {path!r} by name: {', '.join(sorted(known))}"
            )


def _named(unique: Unique | UniqueEach | Sequence[str]) -> Unique | UniqueEach:
    if isinstance(unique, Unique | UniqueEach):
        return unique
    return Unique("_".join(path.replace(".", "_") for path in unique), tuple(unique))


@frozen(eq=False)
class EntityMap:
    """How one entity class is kept; make it with `EntityMap.of`.

    Parameters
    ----------
    model : type
        The frozen attrs class.
    table : str
        Its table, and its name in audit trail and backups.
    columns : tuple of Column
        The scalar fields, in order, without id and version.
    documents : tuple of str
        The other fields, kept in one JSON document.
    searched : tuple of Column
        Single values inside documents with a column of their own beside it.
    many : tuple of str
        Paths through collections, whose text values are indexed.
    uniques, each : tuple
        The unique rules.
    references : tuple of Reference
        The reference rules.
    indexes : tuple of tuple of str
        Paths that are searched and ordered together.
    append_only : bool
        Whether entities are only ever added; erasing stays possible.
    handling : Handling, optional
        How it is handled where it speaks of a person; that of `pycrm.model.handlings` unless given.
    """

    model: type[Any]
    table: str
    columns: tuple[Column, ...]
    documents: tuple[str, ...]
    searched: tuple[Column, ...] = ()
    many: tuple[str, ...] = ()
    uniques: tuple[Unique, ...] = ()
    each: tuple[UniqueEach, ...] = ()
    references: tuple[Reference, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    append_only: bool = False
    handling: Handling | None = None
    by_path: Mapping[str, Column] = field(init=False, repr=False)
    compared: tuple[str, ...] = field(init=False, repr=False)
    _checks: tuple[tuple[Column, Callable[[Column, Any], Any]], ...] = field(init=False, repr=False)
    _fields: frozenset[str] = field(init=False, repr=False)
    id_column: Column = field(init=False, repr=False, default=ID_COLUMN)

    def __attrs_post_init__(self) -> None:
        version = Column("version", "version", Kind.INT, nullable=False)
        held = (self.id_column, version, *self.columns, *self.searched)
        object.__setattr__(self, "by_path", {column.path: column for column in held})
        names = tuple(each.name for each in attrs.fields(self.model) if each.init and each.name != "version")
        object.__setattr__(self, "compared", names)
        fields = frozenset([column.path for column in self.columns]).union(self.documents)
        object.__setattr__(self, "_fields", fields)
        object.__setattr__(self, "_checks", tuple((column, _CHECKS[column.kind]) for column in self.columns))

    @classmethod
    def of(
        cls,
        model: type[Any],
        *,
        table: str | None = None,
        columns: Mapping[str, Mapping[str, Any]] | None = None,
        searched: Iterable[str] | Mapping[str, Kind] = (),
        unique: Iterable[Unique | UniqueEach | Sequence[str]] = (),
        references: Mapping[str, type[Any]] | None = None,
        indexes: Iterable[str | Sequence[str]] = (),
        append_only: bool = False,
        handling: Handling | None = None,
    ) -> EntityMap:
        """Derive the map of a frozen attrs class.

        Parameters
        ----------
        model : type
            The entity class: frozen, with `id` and `version`.
        table : str, optional
            The class name in snake case unless given; of any script and case.
        columns : mapping, optional
            Settings of single columns, such as ``{"weight": {"precision": 38, "scale": 10}}``.
        searched : iterable of str, or mapping of str to Kind
            Nested paths to index; a custom field needs its kind: ``{"custom.tier": Kind.TEXT}``.
        unique : iterable
            Rules: sequences of paths, `Unique` or `UniqueEach`.
        references : mapping of str to type, optional
            Field to the entity class whose id it holds.
        indexes : iterable
            Paths, or sequences of paths, that queries filter and order by.
        append_only : bool
            Whether entities are only ever added.
        handling : Handling, optional
            How it is handled where it speaks of a person: your own nouns, and classes that add fields to ours, need one.

        Raises
        ------
        InvalidValueError
            If the class is no frozen entity, or a path leads nowhere.
        """
        given: object = model
        if (
            not isinstance(given, type)
            or not attrs.has(model)
            or {"id", "version"} - {each.name for each in attrs.fields(model)}
        ):
            raise InvalidValueError(
                "model", model, "give a frozen attrs class that derives from pycrm.model.entity.Entity"
            )
        try:
            attrs.resolve_types(model)
        except NameError:
            # A class of a notebook or a page: its names are those of whoever makes the map.
            caller = sys._getframe(1)  # noqa: SLF001  # the documented way to a caller's names
            attrs.resolve_types(model, localns={**caller.f_globals, **caller.f_locals})
        if getattr(model.__setattr__, "__name__", "") != "_frozen_setattrs":  # what attrs puts into every frozen class
            raise InvalidValueError(
                "model", model, "decorate the class with attrs.frozen: what is stored does not change in place"
            )
        _check_arguments(table, columns, references, handling)
        hints = _hints(model)
        rules = tuple(_named(rule) for rule in unique)
        plain = tuple((index,) if isinstance(index, str) else tuple(index) for index in indexes)
        uniques = tuple(rule for rule in rules if isinstance(rule, Unique))
        indexed = {path for index in plain for path in index} | {path for rule in uniques for path in rule.paths}
        refers = {} if references is None else dict(references)
        settings = {} if columns is None else columns
        scalars, documents = [], []
        for attribute in attrs.fields(model):
            name = attribute.name
            if name in {"id", "version"} or not attribute.init:
                continue
            found = _scalar(hints[name])
            if found is None:
                documents.append(name)
                continue
            nullable = type(None) in typing.get_args(hints[name])
            made = Column(name, name, found[0], nullable, found[1], indexed=name in indexed)
            scalars.append(attrs.evolve(made, **settings.get(name, {})))
        kinds: Mapping[str, Kind | None] = searched if isinstance(searched, Mapping) else dict.fromkeys(searched)
        single, many = [], []
        for path, given in kinds.items():
            first, *rest = path.split(".")
            kind, through, enum = _at(hints.get(first), rest)
            kind = given or kind
            if kind is None or first not in documents:
                raise InvalidValueError("searched", path, f"name a nested scalar of {model.__name__}, or give its Kind")
            if through:
                many.append(path)
            else:
                single.append(Column(path.replace(".", "_"), path, kind, True, enum, indexed=True))
        reachable = {"id", "version", *(column.path for column in (*scalars, *single))}
        for path in (*indexed, *refers, *settings):
            if path not in reachable:
                raise InvalidValueError("path", path, f"name a scalar field or searched path of {model.__name__}")
        return cls(
            model=model,
            table=table or _snake(model.__name__),
            columns=tuple(scalars),
            documents=tuple(documents),
            searched=tuple(single),
            many=tuple(many),
            uniques=uniques,
            each=tuple(rule for rule in rules if isinstance(rule, UniqueEach)),
            references=tuple(Reference(path, model) for path, model in refers.items()),
            indexes=plain,
            append_only=append_only,
            handling=handling,
        )

    @property
    def name(self) -> str:
        """What the entity is called in errors."""
        return self.model.__name__

    def orderable(self, path: str) -> Column:
        """Return the column to order by; raise InvalidQuery where there is none."""
        column = self.by_path.get(path)
        if column is None:
            known = ", ".join(sorted(self.by_path))
            raise InvalidQuery(path, f"{self.name} is ordered by one of {known}; declare others as searched in its map")
        return column

    def check_question(self, predicate: Predicate | None, depth: int = 0) -> None:
        """Raise InvalidQuery where a path is no field, a value could never be kept, or parts nest more than 30 deep."""
        if depth > _DEEPEST:
            raise InvalidQuery("where", f"its parts nest more than {_DEEPEST} deep; join them by all_of() or any_of()")
        match predicate:
            case Where(path=path, value=value):
                self.knows(path)
                for each in value if isinstance(value, tuple) else (value,):
                    if isinstance(each, str) and ("\0" in each or not _encodable(each)):
                        raise InvalidQuery(path, "no stored text has NUL characters or lone surrogates")
            case Not(part=part):
                self.check_question(part, depth + 1)
            case AllOf(parts=parts) | AnyOf(parts=parts):
                for part in parts:
                    self.check_question(part, depth + 1)

    def knows(self, path: str) -> None:
        """Raise InvalidQuery where the first name of `path` is no field."""
        first = path.partition(".")[0]
        if first not in {"id", "version"} and first not in self._fields:
            raise InvalidQuery(path, f"{self.name} has no field {first!r}; it has {', '.join(sorted(self._fields))}")

    def value(self, entity: Any, column: Column) -> Any:
        """Return what `entity` holds at a column, checked; enums as their values."""
        if "." not in column.path:
            return column.check(getattr(entity, column.path))
        for found, element in reach(entity, column.path):
            if element or kind_of(found) != COMPARED_AS[column.kind]:
                raise InvalidValueError(column.path, found, f"this path is searched; give one {column.kind.value}")
            return column.check(found)
        return None

    def check(self, entity: Any, known: Any = None) -> None:
        """Raise InvalidValueError where a column of `entity` holds what no store could keep; what `known` holds was checked."""
        for column, checked in self._checks:
            value = getattr(entity, column.path)
            if known is not None and value is getattr(known, column.path):
                continue
            if value is None:
                column.check(value)
            else:
                checked(column, value.value if isinstance(value, Enum) else value)
        for column in self.searched:
            self.value(entity, column)

    def search_values(self, entity: Any, path: str) -> frozenset[str]:
        """Return the text values at a path through collections, in their indexed form."""
        held = getattr(entity, path.partition(".")[0], None)
        if held is None or (not held and isinstance(held, tuple | frozenset)):
            return _NOTHING
        found = (value.value if isinstance(value, Enum) else value for value, _ in reach(entity, path))
        return frozenset(search_key(value) for value in found if isinstance(value, str))

    def unique_key(self, entity: Any, rule: Unique) -> tuple[Any, ...] | None:
        """Return the values that a rule compares, or None where one is missing."""
        key = []
        for path in rule.paths:
            value = self.held(entity, path)
            if value is None:
                return None
            key.append(value)
        return tuple(key)

    def held(self, entity: Any, path: str) -> Any:
        """Return what a checked `entity` holds at a column; enums as their values."""
        if "." in path:
            return self.value(entity, self.by_path[path])
        value = getattr(entity, path)
        return value.value if isinstance(value, Enum) else value

    def each_key(self, entity: Any) -> Iterator[tuple[UniqueEach, str]]:
        """Yield every key of the rules of many keys."""
        for rule in self.each:
            for key in frozenset(rule.keys(entity)):
                yield rule, search_key(key)


class MapSet:
    """The maps of one store, by model."""

    def __init__(self, maps: Iterable[EntityMap]) -> None:
        self.all: tuple[EntityMap, ...] = tuple(maps)
        for each in self.all:
            if not isinstance(each, EntityMap):
                raise InvalidValueError("maps", each, "give maps of entity classes: EntityMap.of(Visit)")
        self._by_model = {each.model: each for each in self.all}
        self.by_table: dict[str, EntityMap] = {each.table: each for each in self.all}
        if len(self.by_table) < len(self.all) or len(self._by_model) < len(self.all):
            tables = [each.table for each in self.all]
            twice = sorted({table for table in tables if tables.count(table) > 1})
            raise InvalidValueError("maps", twice, "give each model one map with a table of its own")
        for each in self.all:
            for reference in each.references:
                if reference.model not in self._by_model:
                    raise InvalidValueError("references", reference.model, "give the store a map of it too")
        self.in_order: tuple[EntityMap, ...] = self._sorted()

    def _sorted(self) -> tuple[EntityMap, ...]:
        """Every map behind those it refers to."""
        done: dict[EntityMap, None] = {}

        def visit(one: EntityMap, above: tuple[EntityMap, ...]) -> None:
            if one in above:
                return
            for reference in one.references:
                visit(self._by_model[reference.model], (*above, one))
            done.setdefault(one)

        for each in self.all:
            visit(each, ())
        return tuple(done)

    def of(self, model: type[Any]) -> EntityMap:
        """Return the map of `model`; raise InvalidQuery where the store has none."""
        try:
            return self._by_model[model]
        except KeyError:
            name = getattr(model, "__name__", repr(model))
            raise InvalidQuery(
                name, "this store has no map of it; give the store maps=[*default_maps(), ...]"
            ) from None

    def referring_to(self, model: type[Any]) -> Iterator[tuple[EntityMap, Reference]]:
        """Yield every reference rule that points at `model`."""
        for each in self.all:
            for reference in each.references:
                if reference.model is model:
                    yield each, reference
