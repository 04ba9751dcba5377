# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""Columns straight into rows: every rule of the model is checked, but no entity is built.

One instance of the class is filled again for each row, so that rules over several fields see what they would see; the value
of a nested field is read once however many rows hold it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.entity import new_id
from pycrm.serialize import to_plain
from pycrm.storage.columns import Rows
from pycrm.storage.mapping import Column, search_key
from pycrm.storage.protocols import OnConflict

if TYPE_CHECKING:
    from pycrm.storage.sql.repository import SqlRepository

__all__ = ["put_columns"]

_BATCH = 5_000
_REMEMBERED = 50_000


@frozen
class _Part:
    """A nested value as it is kept: its JSON, and what it puts into searched columns and the search table."""

    value: Any
    text: str | None
    single: tuple[Any, ...]
    many: tuple[tuple[str, str], ...]


class _Nested:
    """Turns the given values of one document field into parts; equal ones once."""

    def __init__(self, rows: Rows, name: str, bind: Callable[[Column], Callable[[Any], Any]]) -> None:
        self.rows = rows
        self.name = name
        map = rows.map
        self.columns = [column for column in map.searched if column.path.partition(".")[0] == name]
        self.binders = [bind(column) for column in self.columns]
        self.paths = [path for path in map.many if path.partition(".")[0] == name]
        attribute = rows.fields[name]
        self.convert = attribute.converter
        self.validate = attribute.validator
        self.attribute = attribute
        self.known: dict[Any, _Part] = {}
        self.holder = object.__new__(map.model)

    def part(self, given: Any) -> _Part:
        """Return the part of one given value."""
        key: Any = given
        if isinstance(given, dict | list):
            key = json.dumps(given, default=str)
        try:
            found = self.known.get(key)
        except TypeError:
            return self._made(given)
        if found is None:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            found = self.known[key] = self._made(given)
        return found

    def _made(self, given: Any) -> _Part:
        value = self.rows.value(self.name, given)
        if self.convert is not None:
            value = self.convert(value)
        if self.validate is not None:
            self.validate(None, self.attribute, value)
        map, codec = self.rows.map, self.rows.codec
        object.__setattr__(self.holder, self.name, value)
        single = []
        for column, write in zip(self.columns, self.binders, strict=True):
            found = map.value(self.holder, column)
            single.append(None if found is None else write(found))
        many = tuple((path, key) for path in self.paths for key in map.search_values(self.holder, path))
        if self.name in codec.defaults and value == codec.defaults[self.name]:
            return _Part(value, None, tuple(single), many)
        text = codec.text({self.name: to_plain(value)})
        assert text is not None
        return _Part(value, text[1:-1], tuple(single), many)


def put_columns(repository: SqlRepository[Any], columns: Mapping[str, Sequence[Any]], on_conflict: OnConflict) -> int:
    """Store one entity per row of the columns and return how many were added or changed."""
    map = repository._map
    if on_conflict not in {"error", "skip", "update"}:
        raise InvalidValueError("on_conflict", on_conflict, "choose 'error', 'skip' or 'update'")
    rows = Rows(map, columns)
    computed = any(not attribute.init for attribute in attrs.fields(map.model))
    if on_conflict == "update" or computed:
        # What is there must be compared with what comes, entity by entity.
        written = 0
        outcomes = repository.put_many(list(rows.entities()), on_conflict=on_conflict)
        for outcome in outcomes:
            written += outcome.outcome in {"added", "updated"}
        return written
    return _Writer(repository, rows, on_conflict).run()


class _Writer:
    """One bulk write."""

    def __init__(self, repository: SqlRepository[Any], rows: Rows, on_conflict: OnConflict) -> None:
        self.repository = repository
        self.unit = repository._unit
        self.map = rows.map
        self.rows = rows
        self.skip = on_conflict == "skip"
        self.dialect = self.unit.dialect
        given = rows.given()
        if "id" not in given:
            given["id"] = [new_id() for _ in range(rows.size)]
        self.given = given
        self.scalars = [column for column in (self.map.id_column, *self.map.columns)]
        self.documents = [_Nested(rows, name, self._binder) for name in self.map.documents]
        self.place = {column.path: at for at, column in enumerate(self.map.searched)}

    def _binder(self, column: Column) -> Callable[[Any], Any]:
        bind = self.dialect.binder(column)
        return _same if bind is None else bind

    def run(self) -> int:
        """Write everything, in batches."""
        return sum(self._batch(at, min(at + _BATCH, self.rows.size)) for at in range(0, self.rows.size, _BATCH))

    def _defaults(self, name: str) -> Callable[[Any], Any]:
        default = self.rows.fields[name].default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # Factory is a class at run time
            factory = default.factory
            return factory if default.takes_self else lambda _: factory()
        return lambda _: default

    def _batch(self, start: int, end: int) -> int:
        """Check and write the rows of one batch; the values of each field are checked together, then the rows."""
        names = [name for name in self.rows.fields if name in self.given]
        values: dict[str, list[Any]] = {}
        parts: dict[str, list[_Part]] = {}
        documents = {nested.name: nested for nested in self.documents}
        later = []
        for name in self.rows.fields:
            default = self.rows.fields[name].default
            optional = default is not attrs.NOTHING
            given = self.given[name][start:end] if name in names else [None] * (end - start)
            takes_self = optional and getattr(default, "takes_self", False)
            if takes_self and None in given:
                later.append(name)
            fill = self._defaults(name) if optional and not takes_self else None
            if name in documents:
                parts[name] = self._parts(documents[name], given, fill, start)
                values[name] = [part.value for part in parts[name]]
            else:
                values[name] = self._column(name, given, fill, start, waits=takes_self)
        self._rules(values, later, start)
        return self._write(values, parts, start)

    def _parts(self, nested: _Nested, given: list[Any], fill: Callable[[Any], Any] | None, start: int) -> list[_Part]:
        made = []
        empty = None if fill is None or getattr(fill, "__self__", None) is not None else nested.part(fill(None))
        for at, value in enumerate(given, start):
            try:
                made.append(empty if value is None and empty is not None else nested.part(value))
            except (ValueError, TypeError) as error:
                raise Rows.refusal(error, at, nested.name) from error
        return made

    def _column(
        self, name: str, given: list[Any], fill: Callable[[Any], Any] | None, start: int, *, waits: bool
    ) -> list[Any]:
        attribute = self.rows.fields[name]
        convert, validate, value_of = attribute.converter, attribute.validator, self.rows.value
        enum = name != "id" and self.map.by_path[name].enum is not None
        made = []
        known: dict[Any, Any] = {}
        for at, one in enumerate(given, start):
            try:
                if enum and one in known:
                    made.append(known[one])
                    continue
                value = one
                if one is None:
                    if waits:
                        made.append(None)
                        continue
                    if fill is not None:
                        value = fill(None)
                else:
                    value = value_of(name, one) if name != "id" else one
                if convert is not None:
                    value = convert(value)
                if validate is not None:
                    validate(None, attribute, value)
                if enum:
                    known[one] = value
            except (ValueError, TypeError) as error:
                raise Rows.refusal(error, at, name) from error
            made.append(value)
        return made

    def _rules(self, values: dict[str, list[Any]], later: list[str], start: int) -> None:
        """Check what holds between the fields of one row, on one instance that is filled again for each."""
        check = getattr(self.map.model, "__attrs_post_init__", None)
        if check is None and not later:
            return
        names = list(values)
        stand, put = object.__new__(self.map.model), object.__setattr__
        put(stand, "version", 0)
        defaults = {name: self.rows.fields[name].default.factory for name in later}
        for at, row in enumerate(zip(*values.values(), strict=True)):
            for name, value in zip(names, row, strict=True):
                put(stand, name, value)
            try:
                for name, factory in defaults.items():
                    if values[name][at] is None:
                        attribute = self.rows.fields[name]
                        made = factory(stand)
                        made = made if attribute.converter is None else attribute.converter(made)
                        if attribute.validator is not None:
                            attribute.validator(None, attribute, made)
                        values[name][at] = made
                        put(stand, name, made)
                if check is not None:
                    check(stand)
            except (ValueError, TypeError) as error:
                raise Rows.refusal(error, start + at) from error

    def _write(self, values: dict[str, list[Any]], parts: dict[str, list[_Part]], start: int) -> int:
        unit, map = self.unit, self.map
        ids = values["id"]
        size = len(ids)
        bound: list[list[Any]] = []
        for column in self.scalars:
            check, bind = column.check, self._binder(column)
            made = []
            for at, value in enumerate(values[column.path], start):
                try:
                    checked = check(value)
                except ValueError as error:
                    raise Rows.refusal(error, at) from error
                made.append(checked if checked is None or bind is _same else bind(checked))
            bound.append(made)
        singles: list[list[Any]] = [[None] * size for _ in map.searched]
        for nested in self.documents:
            for offset, column in enumerate(nested.columns):
                singles[self.place[column.path]] = [part.single[offset] for part in parts[nested.name]]
        texts = [
            "{" + ",".join(inside) + "}" if (inside := [part.text for part in row if part.text is not None]) else None
            for row in zip(*parts.values(), strict=True)
        ] if parts else [None] * size  # fmt: skip
        added = unit._bind_at(unit._clock())
        head = (unit.tenant,)
        mid = (1, 1, added, unit.actor, unit.cause)
        kept = range(size)
        unique = self._unique(values, size)
        if self.skip:
            kept = self._kept(values, bound, unique, size)  # type: ignore[assignment]  # any sequence of places
        rows = [
            (*head, row[0], *mid, *row[1:])
            for row in zip(*bound, *singles, texts, strict=True)
        ]  # fmt: skip
        chosen = rows if len(kept) == size else [rows[at] for at in kept]
        unit.execute_many(
            self.repository._statements.insert, chosen, lambda failure: self._blame(values, kept, failure)
        )
        self._keys(bound[0], parts, unique, kept)
        return len(chosen)

    def _filled(self, values: dict[str, list[Any]], at: int) -> Any:
        stand = object.__new__(self.map.model)
        object.__setattr__(stand, "version", 0)
        for name, held in values.items():
            object.__setattr__(stand, name, held[at])
        return stand

    def _unique(self, values: dict[str, list[Any]], size: int) -> list[list[tuple[str, str]]]:
        """The keys of the rules of many keys, by row; rules and keys of equal values once."""
        if not self.map.each:
            return [[] for _ in range(size)]
        stand, put = object.__new__(self.map.model), object.__setattr__
        held = [(name, column) for name, column in values.items()]
        made = []
        for at in range(size):
            for name, column in held:
                put(stand, name, column[at])
            made.append([(rule.name, search_key(key)) for rule in self.map.each for key in frozenset(rule.keys(stand))])
        return made

    def _kept(
        self, values: dict[str, list[Any]], bound: list[list[Any]], unique: list[list[tuple[str, str]]], size: int
    ) -> list[int]:
        """The places of rows whose id and unique values nobody holds, the first of equal ones."""
        repository = self.repository
        kept: list[int] = []
        taken: set[Any] = set()
        for first in range(0, size, 500):
            block = range(first, min(first + 500, size))
            stands = [self._filled(values, at) for at in block]
            present = {
                repository._read_id(row[0]) for row in repository._rows_of([one.id for one in stands], live=False)
            }
            holders = repository._holders(stands)
            for at, stand in zip(block, stands, strict=True):
                keys = [key for key, _ in repository._keys_of(stand)]
                if stand.id in present or stand.id in taken or any(k in holders or k in taken for k in keys):
                    continue
                taken.update(keys, (stand.id,))
                kept.append(at)
        return kept

    def _keys(
        self, ids: list[Any], parts: dict[str, list[_Part]], unique: list[list[tuple[str, str]]], kept: Sequence[int]
    ) -> None:
        unit, map = self.unit, self.map
        p = self.dialect.parameter
        search = [
            (unit.tenant, map.table, path, key, ids[at])
            for nested in self.documents
            if nested.paths
            for at in kept
            for path, key in parts[nested.name][at].many
        ]
        unit.execute_many(
            f"INSERT INTO pycrm_search (tenant, model, path, value, id) VALUES ({p}, {p}, {p}, {p}, {p})",  # noqa: S608
            search,
        )
        self.repository._insert_unique(
            [(unit.tenant, map.table, rule, key, ids[at]) for at in kept for rule, key in unique[at]]
        )

    def _blame(self, values: dict[str, list[Any]], kept: Sequence[int], failure: Any) -> Any:
        return self.repository._blame([self._filled(values, at) for at in kept], failure)


def _same(value: Any) -> Any:
    return value
