# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""The search and unique tables of one entity table, kept in step; who holds a key; and which rule was broken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pycrm.errors import Broken, Duplicate, StoreError
from pycrm.storage.mapping import Unique, UniqueEach

if TYPE_CHECKING:
    from pycrm.storage.sql.statements import Statements
    from pycrm.storage.sql.unit import SqlUnit

__all__ = ["Keys"]

_CHUNK = 500  # values in one IN list: below the least limit of parameters of the databases


class Keys:
    """What the rules of one map keep beside its table, within one unit of work."""

    def __init__(self, unit: SqlUnit, statements: Statements) -> None:
        self._unit = unit
        self._statements = statements
        self._map = statements.map
        self.none: bool = not statements.map.many and not statements.map.each

    def of(self, entity: Any) -> Iterator[tuple[tuple[str, Any], tuple[str, ...]]]:
        """Yield each unique key of an entity, and the fields it is made of."""
        for rule in self._map.uniques:
            key = self._map.unique_key(entity, rule)
            if key is not None:
                yield (rule.name, key), rule.paths
        for each, text in self._map.each_key(entity):
            yield (each.name, text), each.fields

    def put(self, pairs: Iterable[tuple[Any, Any]], changed: Collection[str] | None = None) -> None:
        """Keep up with entities and what they were before (None: new); `changed` names the fields that may differ."""
        if self.none:
            return
        map, tenant, table = self._map, self._unit.tenant, self._map.table
        bind = self._unit._bind_id
        heads = [(path, path.partition(".")[0]) for path in map.many]
        paths = [(path, head) for path, head in heads if changed is None or head in changed]
        search_out: list[Any] = []
        search_in: list[Any] = []
        unique_out: list[Any] = []
        unique_in: list[Any] = []
        for entity, before in pairs:
            for path, head in paths:
                if before is None and not getattr(entity, head, None):
                    continue
                new = map.search_values(entity, path)
                old = frozenset[str]() if before is None else map.search_values(before, path)
                if new != old:
                    id = bind(entity.id)
                    search_out += [(tenant, table, path, value, id) for value in old - new]
                    search_in += [(tenant, table, path, value, id) for value in new - old]
            if map.each:
                id = bind(entity.id)
                keys = {(rule.name, key) for rule, key in map.each_key(entity)}
                held = set() if before is None else {(rule.name, key) for rule, key in map.each_key(before)}
                unique_out += [(tenant, table, name, key) for name, key in held - keys]
                unique_in += [(tenant, table, name, key, id) for name, key in keys - held]
        self.drop_search(search_out)
        self.put_search(search_in)
        self._drop(unique_out)
        self.put_unique(unique_in)

    def put_unique(self, rows: list[Any]) -> None:
        """Take the keys of the rules of many keys."""
        map, p = self._map, self._unit.dialect.parameter
        self._unit.execute_many(
            f"INSERT INTO pycrm_unique (tenant, model, rule, value, id) VALUES ({p}, {p}, {p}, {p}, {p})",  # noqa: S608
            rows,
            lambda _: Duplicate(map.name, map.each[0].name, map.each[0].fields),
        )

    def put_search(self, rows: list[Any]) -> None:
        """Fill the search table."""
        self._unit.grew("pycrm_search", len(rows))
        p = self._unit.dialect.parameter
        self._unit.execute_many(
            f"INSERT INTO pycrm_search (tenant, model, path, value, id) VALUES ({p}, {p}, {p}, {p}, {p})",  # noqa: S608
            rows,
        )

    def drop_search(self, rows: list[Any]) -> None:
        """Empty the search table of these rows."""
        p = self._unit.dialect.parameter
        self._unit.execute_many(
            f"DELETE FROM pycrm_search WHERE tenant = {p} AND model = {p} AND path = {p} AND value = {p} AND id = {p}",  # noqa: S608
            rows,
        )

    def searched(self, entities: Iterable[Any]) -> list[Any]:
        """Return the rows of the search table of these entities."""
        map, tenant = self._map, self._unit.tenant
        return [
            (tenant, map.table, path, value, self._unit._bind_id(entity.id))
            for entity in entities
            for path in map.many
            for value in map.search_values(entity, path)
        ]

    def release(self, before: Any) -> None:
        """Free the unique keys of an entity that goes."""
        map, tenant = self._map, self._unit.tenant
        self._drop([(tenant, map.table, rule.name, key) for rule, key in map.each_key(before)])

    def _drop(self, keys: list[Any]) -> None:
        p = self._unit.dialect.parameter
        self._unit.execute_many(
            f"DELETE FROM pycrm_unique WHERE tenant = {p} AND model = {p} AND rule = {p} AND value = {p}",  # noqa: S608
            keys,
        )

    def holders(self, entities: Sequence[Any]) -> dict[tuple[str, Any], UUID]:
        """Return who holds the unique keys of these entities now."""
        found: dict[tuple[str, Any], UUID] = {}
        dialect, p, unit = self._unit.dialect, self._unit.dialect.parameter, self._unit
        for rule in self._map.uniques:
            keys = {key for entity in entities if (key := self._map.unique_key(entity, rule)) is not None}
            if not keys:
                continue
            columns = [self._map.by_path[path] for path in rule.paths]
            binders = [dialect.binder(column) or _same for column in columns]
            names = ", ".join(self._statements.quoted[column.name] for column in columns)
            one = f"({', '.join([p] * len(columns))})"
            values = ", ".join([one] * len(keys))
            listed = f"(VALUES {values})" if dialect.name == "sqlite" else f"({values})"
            by_bound = {tuple(bind(v) for bind, v in zip(binders, key, strict=True)): key for key in keys}
            rows = unit.fetch(
                f"SELECT id, {names} FROM {self._statements.table}"  # noqa: S608  # names alone
                f" WHERE tenant = {p} AND live = 1 AND ({names}) IN {listed}",
                (unit.tenant, *(value for bound in by_bound for value in bound)),
            )
            readers = [dialect.reader(column) or _same for column in columns]
            for id, *raw in rows:
                key = tuple(read(value) for read, value in zip(readers, raw, strict=True))
                found[(rule.name, key)] = unit._read_id(id)
        for each in self._map.each:
            keys_ = sorted({key for entity in entities for rule, key in self._map.each_key(entity) if rule is each})
            found |= self._each_holders(each, keys_)
        return found

    def _each_holders(self, each: UniqueEach, keys: list[str]) -> dict[tuple[str, Any], UUID]:
        p = self._unit.dialect.parameter
        found: dict[tuple[str, Any], UUID] = {}
        for at in range(0, len(keys), _CHUNK):
            some = keys[at : at + _CHUNK]
            rows = self._unit.fetch(
                f"SELECT value, id FROM pycrm_unique WHERE tenant = {p} AND model = {p} AND rule = {p}"  # noqa: S608
                f" AND value IN ({', '.join([p] * len(some))})",
                (self._unit.tenant, self._map.table, each.name, *some),
            )
            found |= {(each.name, value): self._unit._read_id(id) for value, id in rows}
        return found

    def blame(self, entities: Sequence[Any], failure: Any) -> StoreError | None:
        """Find out which rule of which entity was broken: by its name where the database says it, else by looking."""
        map, unit = self._map, self._unit
        if unit.dialect.name == "postgresql":
            return self._named(failure)
        if failure.kind == "duplicate":
            for entity in entities:
                for rule in map.uniques:
                    held = self._holder_of(rule, entity)
                    if held is not None and held != entity.id:
                        return Duplicate(map.name, rule.name, rule.paths)
            return Duplicate(map.name, "id", ("id",))
        for entity in entities:
            for reference in map.references:
                target = getattr(entity, reference.path)
                other = unit._statements(reference.model)
                if target is not None and unit.fetch_one(other.found, (unit.tenant, unit._bind_id(target))) is None:
                    return Broken(map.name, f"reference {reference.path}", (reference.path,))
        return None

    def _named(self, failure: Any) -> StoreError | None:
        map = self._map
        if failure.kind == "duplicate":
            for rule in map.uniques:
                if failure.constraint == f"uq_{map.table}_{rule.name}"[:60]:
                    return Duplicate(map.name, rule.name, rule.paths)
            return Duplicate(map.name, "id", ("id",))
        for reference in map.references:
            if failure.constraint == f"fk_{map.table}_{map.by_path[reference.path].name}"[:60]:
                return Broken(map.name, f"reference {reference.path}", (reference.path,))
        return None

    def _holder_of(self, rule: Unique, entity: Any) -> UUID | None:
        key = self._map.unique_key(entity, rule)
        if key is None:
            return None
        columns = [self._map.by_path[path] for path in rule.paths]
        bound = [(self._unit.dialect.binder(c) or _same)(value) for c, value in zip(columns, key, strict=True)]
        p = self._unit.dialect.parameter
        wanted = " AND ".join(f"{self._statements.quoted[column.name]} = {p}" for column in columns)
        row = self._unit.fetch_one(
            f"SELECT id FROM {self._statements.table} WHERE tenant = {p} AND {wanted} AND live = 1",  # noqa: S608
            (self._unit.tenant, *bound),
        )
        return None if row is None else self._unit._read_id(row[0])


def _same(value: Any) -> Any:
    return value
