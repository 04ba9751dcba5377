"""Many rows at once: columns in, columns out, for any store.

A column is named by a field (``"placed_at"``) or by a nested path (``"name.family"``). Scalars stand as the entity holds them,
enums also as their values, times also as NumPy ``datetime64`` (read as UTC); a nested field stands as the model's value or as
the plain data that `pycrm.serialize` makes of it. What is missing is None, or NaN and NaT in an array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import attrs

from pycrm.errors import AppendOnly, InvalidDataError, InvalidValueError, MissingColumnError
from pycrm.model.checks import expect, listed
from pycrm.model.predicate import where
from pycrm.storage.codec import DocumentCodec, column_value
from pycrm.storage.mapping import EntityMap, Kind
from pycrm.storage.protocols import ColumnReader, ColumnWriter, OnConflict, Repository, UnitOfWork, Upserted, Upserting
from pycrm.storage.query import E, Query
from pycrm.storage.rows import entities_of

__all__ = ["Rows", "read_columns", "upsert_each", "upsert_many", "write_columns"]


def _listed(values: Any) -> list[Any]:
    """Return a column as a list of Python values, missing ones as None."""
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if kind == "M" and getattr(values.dtype, "tz", None) is None:
        plain = getattr(values, "to_numpy", lambda: values)().astype("datetime64[us]").tolist()
        return [None if value is None else value.replace(tzinfo=UTC) for value in plain]
    listed = (
        values.tolist()
        if hasattr(values, "tolist")
        else values.to_list()
        if hasattr(values, "to_list")
        else list(values)
    )
    if kind in {"i", "u", "b", "U", "S"}:
        return listed
    return [None if _is_missing(value) else value for value in listed]


def _is_missing(value: Any) -> bool:
    if isinstance(value, float | datetime):
        return bool(value != value)  # noqa: PLR0124  # the test for NaN and NaT
    return type(value).__name__ in {"NAType", "NaTType"}


class Rows:
    """Columns, checked as a whole: known names, one length, what is required is there.

    Parameters
    ----------
    map : EntityMap
        Of the entity that a row becomes.
    columns : mapping of str to sequence
        By field or nested path.
    """

    def __init__(self, map: EntityMap, columns: Mapping[str, Sequence[Any]]) -> None:
        self.map = map
        self.codec: DocumentCodec = DocumentCodec.of(map)
        fields = {a.name: a for a in attrs.fields(map.model) if a.init and a.name != "version"}
        self.held: dict[str, list[Any]] = {}
        self.nested: dict[str, dict[str, list[Any]]] = {}
        self.size: int = 0
        for at, (path, values) in enumerate(columns.items()):
            first, _, rest = path.partition(".")
            if first not in fields or (rest and first not in map.documents) or (rest and first in columns):
                fix = "name a field, or a path in a nested field that is not given as a whole; a version is never given"
                raise InvalidDataError(path, None, sorted(fields), fix)
            listed = _listed(values)
            if at and len(listed) != self.size:
                raise InvalidDataError(path, None, len(listed), f"the columns before have {self.size} rows")
            self.size = len(listed)
            if rest:
                self.nested.setdefault(first, {})[rest] = listed
            else:
                self.held[path] = listed
        for name, attribute in fields.items():
            if attribute.default is attrs.NOTHING and name not in self.held and name not in self.nested:
                raise MissingColumnError(name, list(columns), f"a {map.name} needs it")
        self.fields = fields

    def plain(self, name: str) -> list[Any]:
        """Return the plain values of a field that is given by its paths; None where all of them are missing."""
        paths = self.nested[name]
        made: list[Any] = []
        for at in range(self.size):
            one: dict[str, Any] = {}
            for path, values in paths.items():
                value = values[at]
                if value is None:
                    continue
                *above, last = path.split(".")
                place = one
                for part in above:
                    place = place.setdefault(part, {})
                place[last] = _as_plain(value)
            made.append(one or None)
        return made

    def value(self, name: str, given: Any) -> Any:
        """Return what the constructor takes for one given value of a field."""
        if given is None:
            return None
        if name in self.map.documents:
            plain = isinstance(given, dict | list | str)
            return self.codec.value(name, given) if plain else given
        column = self.map.by_path[name]
        if column.enum is not None and not isinstance(given, Enum):
            try:
                return column.enum(given)
            except ValueError:
                fix = f"use one of {', '.join(str(member.value) for member in column.enum)}"
                raise InvalidValueError(name, given, fix) from None
        if column.kind is Kind.DATE and isinstance(given, datetime):
            return given.date() if given.time() == datetime.min.time() else given
        return given

    def given(self) -> dict[str, list[Any]]:
        """Return every given field as a list."""
        return {**self.held, **{name: self.plain(name) for name in self.nested}}

    def entities(self) -> Iterator[Any]:
        """Yield one entity per row, one by one: the reference for every faster way."""
        given = self.given()
        for at in range(self.size):
            arguments: dict[str, Any] = {}
            for name, values in given.items():
                value = values[at]
                if value is None and self.fields[name].default is not attrs.NOTHING:
                    continue
                arguments[name] = self._at_row(name, value, at)
            try:
                yield self.map.model(**arguments)
            except (InvalidValueError, TypeError) as error:
                raise self.refusal(error, at) from error

    def _at_row(self, name: str, value: Any, row: int) -> Any:
        try:
            return self.value(name, value)
        except (ValueError, TypeError) as error:
            raise self.refusal(error, row, name) from error

    @staticmethod
    def refusal(error: Exception, row: int, name: str = "row") -> InvalidDataError:
        """Return `error` with the row it happened in."""
        if isinstance(error, InvalidDataError):
            return error
        if isinstance(error, InvalidValueError):
            return InvalidDataError(error.field, row, error.value, error.fix)
        return InvalidDataError(name, row, None, str(error))


def _as_plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | dict | list) else str(value)


def read_columns(unit: UnitOfWork, query: Query[Any], fields: Sequence[str]) -> Mapping[str, list[Any]]:
    """Return one list per field or path, from any store: in bulk where its unit of work can, else entity by entity.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> with MemoryStore().begin() as uow:
    ...     _ = uow.products.add(Product(sku="A1", name="Pen"))
    ...     read_columns(uow, Query(Product), ["sku", "name"])
    {'sku': ['A1'], 'name': ['Pen']}
    """
    expect("query", query, Query, "Query(Customer)")
    fields = listed("fields", fields, str)
    if isinstance(unit, ColumnReader):
        return unit.columns(query, fields)
    map = EntityMap.of(query.model)
    rows = [entity for batch in unit.of(query.model).stream(query) for entity in batch]
    return {path: [column_value(map, entity, path) for entity in rows] for path in fields}


def write_columns(
    unit: UnitOfWork, model: type[Any], columns: Mapping[str, Sequence[Any]], *, on_conflict: OnConflict = "error"
) -> int:
    """Store one entity per row of the columns, in any store: in bulk where its unit of work can, else one by one.

    Returns
    -------
    int
        How many were added or changed.

    Raises
    ------
    InvalidDataError
        If a row breaks a rule of the model; it names column, row and value, and nothing of the unit is committed.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> with MemoryStore().begin() as uow:
    ...     write_columns(uow, Product, {"sku": ["A1", "B2"], "name": ["Pen", "Ink"]})
    2
    """
    if isinstance(unit, ColumnWriter):
        return unit.put_columns(model, columns, on_conflict=on_conflict)
    entities = list(Rows(EntityMap.of(model), columns).entities())
    outcomes = unit.of(model).put_many(entities, on_conflict=on_conflict)
    return sum(outcome.outcome in {"added", "updated"} for outcome in outcomes)


def upsert_many(unit: UnitOfWork, model: type[E], entities: Iterable[E]) -> Upserted:
    """Add what is new and write over what is there, in any store: in bulk where its unit of work can, else one by one.

    The last writer wins, whatever version he had read; where that must not be, use ``put_many(on_conflict="update")``.

    Raises
    ------
    AppendOnly
        If such entities are only ever added.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> pens = [Product(sku="A1", name="Pen")]
    >>> with MemoryStore().begin() as uow:
    ...     upsert_many(uow, Product, pens), upsert_many(uow, Product, pens)
    (Upserted(added=1, updated=0, unchanged=0, skipped=0), Upserted(added=0, updated=0, unchanged=1, skipped=0))
    """
    if isinstance(unit, Upserting):
        return unit.upsert(model, entities)
    return upsert_each(unit.of(model), EntityMap.of(model), entities)


def upsert_each(repository: Repository[E, Any], map: EntityMap, entities: Iterable[E]) -> Upserted:
    """Upsert one by one: what is there first, so that a value it gives up is free for what is new."""
    if map.append_only:
        raise AppendOnly(map.name)
    total, new = Upserted(), list[E]()
    for entity in entities_of(map, entities, "update"):
        held = repository.find(entity.id)
        if held is None:
            new.append(entity)
            continue
        made = attrs.evolve(entity, version=held.version)
        same = made == held
        if not same:
            repository.save(made)
        total += Upserted(unchanged=1) if same else Upserted(updated=1)
    for entity in new:
        if repository.count(Query(map.model, where("id") == entity.id, deleted=True)):
            total += Upserted(skipped=1)
        else:
            repository.add(attrs.evolve(entity, version=0))  # type: ignore[misc]  # every entity is an attrs value
            total += Upserted(added=1)
    return total
