"""Columns that an existing table lacks: they are named when a store opens, and added and filled by `create_schema`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from pycrm.errors import InvalidDataError, InvalidValueError, SchemaMismatch
from pycrm.storage.mapping import Column, EntityMap

if TYPE_CHECKING:
    from pycrm.storage.sql.store import _Core

__all__ = ["add_columns", "check_columns"]

_BATCH = 1_000
_HALF = "pycrm_new_"  # a column that is being filled: it gets its name once every row has its value

_LISTED = {
    "sqlite": "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'",
    "postgresql": (
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace"
        " AND a.attnum > 0 AND NOT a.attisdropped AND pg_table_is_visible(c.oid)"
    ),
    "mariadb": "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()",
}


def _tables(core: _Core, connection: sa.Connection) -> dict[str, set[str]]:
    """Return the columns of every table, by table."""
    found: dict[str, set[str]] = {}
    for table, column in connection.exec_driver_sql(_LISTED[core.dialect.name]):
        found.setdefault(table, set()).add(column)
    return found


def _lacking(core: _Core, connection: sa.Connection) -> dict[EntityMap, list[Column]]:
    """Return the columns that each table lacks; a table that is not there at all is passed over."""
    tables = _tables(core, connection)
    lacking = {}
    for map in core.maps.in_order:
        held = tables.get(map.table)
        missing = [column for column in (*map.columns, *map.searched) if held and column.name not in held]
        if missing:
            lacking[map] = missing
    return lacking


def check_columns(core: _Core, connection: sa.Connection, revision: str) -> None:
    """Raise SchemaMismatch where a table lacks a column that its map names."""
    lacking = _lacking(core, connection)
    if lacking:
        named = ", ".join(f"{map.table}.{column.name}" for map, columns in lacking.items() for column in columns)
        fix = "store.create_schema() adds it, and fills what was promoted out of the documents"
        raise SchemaMismatch(f"{revision} without the column {named}", "it by the maps given to the store", fix)


def add_columns(core: _Core, connection: sa.Connection) -> None:
    """Add the columns that tables lack, filled with what the documents hold, and the indexes over them."""
    for map, columns in _lacking(core, connection).items():
        for column in columns:
            _check_addable(map, column)
        _check_values(core, connection, map, [column for column in columns if column in map.searched])
        for column in columns:
            _add(core, connection, map, column)
        for index in core.metadata.tables[map.table].indexes:
            index.create(connection, checkfirst=True)


def _check_addable(map: EntityMap, column: Column) -> None:
    """Raise SchemaMismatch where rows that are there could not have a value, or a rule would have to be added."""
    default = None
    if column in map.columns:
        default = attrs.fields_dict(map.model)[column.path].default
    ruled = {path for rule in map.uniques for path in rule.paths} | {each.path for each in map.references}
    if column.path in ruled or not column.nullable or default not in {None, attrs.NOTHING}:
        fix = (
            "a column with a rule, or that no row may lack, is not added to rows that are there;"
            " add it in a revision of your own, from store.metadata"
        )
        raise SchemaMismatch(f"without the column {map.table}.{column.name}", "it by the maps given to the store", fix)


def _rows(core: _Core, connection: sa.Connection, map: EntityMap) -> Iterator[list[tuple[Any, Any, Any]]]:
    """Yield tenant, id and entity of every row, removed ones too, in batches along the key."""
    statements, p = core.statements[map.model], core.dialect.parameter
    place: tuple[Any, ...] = ()
    while True:
        behind = f" WHERE tenant > {p} OR (tenant = {p} AND id > {p})" if place else ""
        sql = f"SELECT tenant, {statements.selected} FROM {statements.table}{behind} ORDER BY tenant, id LIMIT {_BATCH}"  # noqa: S608
        rows = _told(core, connection, sql, (place[0], *place) if place else ()).fetchall()
        yield [(row[0], row[1], statements.codec.decode(row[1:])) for row in rows]
        if len(rows) < _BATCH:
            return
        place = (rows[-1][0], rows[-1][1])


def _told(core: _Core, connection: sa.Connection, sql: str, parameters: Any) -> Any:
    if core.numbered:
        numbers = count(1)
        sql = re.sub("%s", lambda _: f"${next(numbers)}", sql)
    return connection.exec_driver_sql(sql, parameters)


def _check_values(core: _Core, connection: sa.Connection, map: EntityMap, columns: list[Column]) -> None:
    """Raise InvalidDataError for the first stored value that a column could not hold, before anything is changed."""
    for rows in _rows(core, connection, map) if columns else ():
        for tenant, _, entity in rows:
            for column in columns:
                try:
                    map.value(entity, column)
                except InvalidValueError as error:
                    fix = f"{error.fix}; save {map.name} {entity.id} of tenant {tenant} anew by a store without this promotion"
                    raise InvalidDataError(column.path, None, error.value, fix) from error


def _add(core: _Core, connection: sa.Connection, map: EntityMap, column: Column) -> None:
    """Add one column; what stopped half way begins again at its next call, for the column has its name at the end alone."""
    made = core.metadata.tables[map.table].columns[column.name]
    table, quote, half = core.statements[map.model].table, core.quote, f"{_HALF}{column.name}"[:60]
    if half not in _tables(core, connection)[map.table]:
        spelt = sa.schema.CreateColumn(sa.Column(half, made.type)).compile(dialect=core.engine.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {spelt}")
    if column in map.searched:
        p, bind = core.dialect.parameter, core.dialect.binder(column)
        sql = f"UPDATE {table} SET {quote(half)} = {p} WHERE tenant = {p} AND id = {p}"  # noqa: S608  # names alone
        for rows in _rows(core, connection, map):
            for tenant, id, entity in rows:
                value = map.value(entity, column)
                if value is not None:
                    _told(core, connection, sql, (value if bind is None else bind(value), tenant, id))
    connection.exec_driver_sql(f"ALTER TABLE {table} RENAME COLUMN {quote(half)} TO {quote(column.name)}")
