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
from attrs import define, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.entity import new_id
from pycrm.serialize import to_plain
from pycrm.storage.calm import uncollected
from pycrm.storage.columns import Rows
from pycrm.storage.mapping import Column, search_key
from pycrm.storage.protocols import OnConflict

if TYPE_CHECKING:
    from pycrm.storage.sql.repository import SqlRepository

__all__ = ["put_columns"]

_BATCH = 5_000
_REMEMBERED = 50_000
_REPEATED = 2_000


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


@define
class _Batch:
    """Some rows on their way: what differs between them, what is the same in all, and how both are kept."""

    start: int
    size: int
    values: dict[str, list[Any]] = field(factory=dict)
    fixed: dict[str, Any] = field(factory=dict)
    bound: dict[str, list[Any]] = field(factory=dict)
    parts: dict[str, list[_Part]] = field(factory=dict)
    same: dict[str, _Part] = field(factory=dict)
    later: list[str] = field(factory=list)

    def texts(self) -> list[str | None]:
        """Return the document of each row."""
        always = [part.text for part in self.same.values() if part.text is not None]
        if not self.parts:
            return ["{" + ",".join(always) + "}" if always else None] * self.size
        made: list[str | None] = []
        for row in zip(*self.parts.values(), strict=True):
            inside = [*always, *[part.text for part in row if part.text is not None]]
            made.append("{" + ",".join(inside) + "}" if inside else None)
        return made


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
        self.scalars = (self.map.id_column, *self.map.columns)
        self.documents = [_Nested(rows, name, self._binder) for name in self.map.documents]
        self.place = {column.path: at for at, column in enumerate(self.map.searched)}

    def _binder(self, column: Column) -> Callable[[Any], Any]:
        bind = self.dialect.binder(column)
        return _same if bind is None else bind

    def run(self) -> int:
        """Write everything, in batches."""
        written = 0
        for at in range(0, self.rows.size, _BATCH):
            with uncollected():
                written += self._batch(at, min(at + _BATCH, self.rows.size))
        return written

    def _fixed_value(self, name: str) -> Any:
        """Return the default of a field that no column gives, converted and checked once."""
        attribute = self.rows.fields[name]
        default = attribute.default
        value = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]  # a class at run time
        if attribute.converter is not None:
            value = attribute.converter(value)
        if attribute.validator is not None:
            attribute.validator(None, attribute, value)
        return value

    def _batch(self, start: int, end: int) -> int:
        """Check and write the rows of one batch; the values of each field are checked together, then the rows."""
        batch = _Batch(start, end - start)
        documents = {nested.name: nested for nested in self.documents}
        for name, attribute in self.rows.fields.items():
            takes_self = getattr(attribute.default, "takes_self", False)
            given = self.given[name][start:end] if name in self.given else None
            if takes_self and (given is None or None in given):
                batch.later.append(name)
            if name in documents:
                self._parts(batch, documents[name], given)
            elif given is None and not takes_self:
                value = self._fixed_value(name)
                batch.fixed[name] = value
                batch.bound[name] = [self._bound(name, value)] * batch.size
            else:
                self._column(batch, name, given or [None] * batch.size, waits=takes_self)
        self._rules(batch)
        return self._write(batch)

    def _bound(self, name: str, value: Any) -> Any:
        column = self.map.by_path[name]
        checked = column.check(value)
        bind = self.dialect.binder(column)
        return checked if checked is None or bind is None else bind(checked)

    def _parts(self, batch: _Batch, nested: _Nested, given: list[Any] | None) -> None:
        optional = nested.attribute.default is not attrs.NOTHING
        empty = nested.part(self._fixed_value(nested.name)) if optional else None
        if given is None:
            assert empty is not None
            batch.fixed[nested.name] = empty.value
            batch.same[nested.name] = empty
            return
        made = []
        for at, value in enumerate(given, batch.start):
            try:
                made.append(empty if value is None and empty is not None else nested.part(value))
            except (ValueError, TypeError) as error:
                raise Rows.refusal(error, at, nested.name) from error
        batch.parts[nested.name] = made
        batch.values[nested.name] = [part.value for part in made]

    def _column(self, batch: _Batch, name: str, given: list[Any], *, waits: bool) -> None:
        attribute = self.rows.fields[name]
        convert, validate, value_of = attribute.converter, attribute.validator, self.rows.value
        column = self.map.by_path[name]
        check, bind = column.check, self.dialect.binder(column)
        optional = attribute.default is not attrs.NOTHING
        default = self._fixed_value(name) if optional and not waits and None in given else None
        values: list[Any] = []
        bound: list[Any] = []
        known: dict[str, tuple[Any, Any]] = {}
        for at, one in enumerate(given, batch.start):
            if type(one) is str and one in known:
                value, raw = known[one]
            elif one is None and (waits or optional):
                value = default
                raw = None if default is None else self._bound(name, default)
            else:
                try:
                    value = one if name == "id" else value_of(name, one)
                    if convert is not None:
                        value = convert(value)
                    if validate is not None:
                        validate(None, attribute, value)
                    raw = check(value)
                except (ValueError, TypeError) as error:
                    raise Rows.refusal(error, at, name) from error
                if raw is not None and bind is not None:
                    raw = bind(raw)
                if type(one) is str and len(known) < _REPEATED:
                    known[one] = value, raw
            values.append(value)
            bound.append(raw)
        batch.values[name] = values
        batch.bound[name] = bound

    def _rules(self, batch: _Batch) -> None:
        """Check what holds between the fields of one row, on one instance that is filled again for each."""
        check = getattr(self.map.model, "__attrs_post_init__", None)
        if check is None and not batch.later:
            return
        stand, put = self._stand(batch), object.__setattr__
        names = list(batch.values)
        for at, row in enumerate(zip(*batch.values.values(), strict=True)):
            for name, value in zip(names, row, strict=True):
                put(stand, name, value)
            try:
                for name in batch.later:
                    if batch.values[name][at] is None:
                        self._fill_later(batch, stand, name, at)
                if check is not None:
                    check(stand)
            except (ValueError, TypeError) as error:
                raise Rows.refusal(error, batch.start + at) from error

    def _fill_later(self, batch: _Batch, stand: Any, name: str, at: int) -> None:
        """Fill a default that is made of the other fields."""
        attribute = self.rows.fields[name]
        made = attribute.default.factory(stand)
        if attribute.converter is not None:
            made = attribute.converter(made)
        if attribute.validator is not None:
            attribute.validator(None, attribute, made)
        batch.values[name][at] = made
        batch.bound[name][at] = self._bound(name, made)
        object.__setattr__(stand, name, made)

    def _stand(self, batch: _Batch) -> Any:
        """Return an instance with the fields that are the same in every row."""
        stand = object.__new__(self.map.model)
        object.__setattr__(stand, "version", 0)
        for name, value in batch.fixed.items():
            object.__setattr__(stand, name, value)
        return stand

    def _write(self, batch: _Batch) -> int:
        unit, map, size = self.unit, self.map, batch.size
        singles: list[list[Any]] = [[None] * size for _ in map.searched]
        for nested in self.documents:
            for offset, column in enumerate(nested.columns):
                parts = batch.parts.get(nested.name)
                held = (
                    [batch.same[nested.name].single[offset]] * size
                    if parts is None
                    else [p.single[offset] for p in parts]
                )
                singles[self.place[column.path]] = held
        bound = [batch.bound[column.path] for column in self.scalars]
        head, middle = unit.tenant, (1, 1, unit._bind_at(unit._clock()), unit.actor, unit.cause)
        unique = self._unique(batch)
        kept: Sequence[int] = self._kept(batch) if self.skip else range(size)
        rows = [(head, row[0], *middle, *row[1:]) for row in zip(*bound, *singles, batch.texts(), strict=True)]
        chosen = rows if len(kept) == size else [rows[at] for at in kept]
        statements = self.repository._statements
        copied = unit.copies(self.rows.size)
        (unit.copy if copied else unit.execute_many)(
            statements.copy if copied else statements.insert,
            chosen,
            lambda failure: self._blame(batch, kept, failure),
        )
        unit.grew(statements.table, len(chosen))
        self._keys(batch, unique, kept)
        unit._note_added(map, (batch.values["id"][at] for at in kept))
        return len(chosen)

    def _filled(self, batch: _Batch, at: int) -> Any:
        stand = self._stand(batch)
        for name, held in batch.values.items():
            object.__setattr__(stand, name, held[at])
        return stand

    def _unique(self, batch: _Batch) -> list[list[tuple[str, str]]]:
        """Return the keys of the rules of many keys, by row."""
        if not self.map.each:
            return [[] for _ in range(batch.size)]
        stand, put = self._stand(batch), object.__setattr__
        made = []
        for at in range(batch.size):
            for name, column in batch.values.items():
                put(stand, name, column[at])
            made.append([(rule.name, search_key(key)) for rule in self.map.each for key in frozenset(rule.keys(stand))])
        return made

    def _kept(self, batch: _Batch) -> list[int]:
        """Return the places of rows whose id and unique values nobody holds, the first of equal ones."""
        repository = self.repository
        kept: list[int] = []
        taken: set[Any] = set()
        for first in range(0, batch.size, 500):
            block = range(first, min(first + 500, batch.size))
            stands = [self._filled(batch, at) for at in block]
            present = {
                self.unit._read_id(row[0]) for row in repository._rows_of([one.id for one in stands], live=False)
            }
            holders = repository._keys.holders(stands)
            for at, stand in zip(block, stands, strict=True):
                keys = [key for key, _ in repository._keys.of(stand)]
                if stand.id in present or stand.id in taken or any(k in holders or k in taken for k in keys):
                    continue
                taken.update(keys, (stand.id,))
                kept.append(at)
        return kept

    def _keys(self, batch: _Batch, unique: list[list[tuple[str, str]]], kept: Sequence[int]) -> None:
        unit, map, ids = self.unit, self.map, batch.bound["id"]
        search: list[Any] = []
        for nested in self.documents:
            if nested.name in batch.parts:
                parts = batch.parts[nested.name]
                search += [(unit.tenant, map.table, path, key, ids[at]) for at in kept for path, key in parts[at].many]
            else:
                many = batch.same[nested.name].many
                search += [(unit.tenant, map.table, path, key, ids[at]) for path, key in many for at in kept]
        self.repository._keys.put_search(search)
        self.repository._keys.put_unique(
            [(unit.tenant, map.table, rule, key, ids[at]) for at in kept for rule, key in unique[at]]
        )

    def _blame(self, batch: _Batch, kept: Sequence[int], failure: Any) -> Any:
        return self.repository._keys.blame([self._filled(batch, at) for at in kept], failure)


def _same(value: Any) -> Any:
    return value
