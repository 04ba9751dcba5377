"""The statements of one map on one dialect: written once, then only filled."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from pycrm.storage.mapping import Column, EntityMap, Kind
from pycrm.storage.sql.dialects import Dialect
from pycrm.storage.sql.rowcodec import RowCodec, row_codec

__all__ = ["Statements", "statements_of"]


@frozen(eq=False)
class Statements:
    """Everything a repository says to the database about one table."""

    map: EntityMap
    dialect: Dialect
    codec: RowCodec
    quoted: dict[str, str]
    table: str
    selected: str
    get: str
    insert: str
    update: str
    remove: str
    found: str
    erase: str
    copy: str
    upsert: str
    staged: str
    redact: str


def statements_of(map: EntityMap, dialect: Dialect, quote: Callable[[str], str]) -> Statements:
    """Write the statements of a map."""
    p = dialect.parameter
    stored = [column.name for column in (*map.columns, *map.searched)]
    quoted = {name: quote(name) for name in ("tenant", "id", "version", "live", "document", *stored)}
    table = quote(map.table)
    document = dialect.document.format(quoted["document"])
    selected = ", ".join(["id", "version", *(quoted[column.name] for column in map.columns), document])
    names = ["tenant", "id", "version", "live", "added_at", "added_by", "added_because", *stored, "document"]
    marks = ", ".join([p] * len(names))
    changes = ", ".join([f"{quoted[name]} = {p}" for name in (*stored, "document")])
    listed = ", ".join(quoted.get(name, name) for name in names)
    insert = f"INSERT INTO {table} ({listed}) VALUES ({marks})"  # noqa: S608  # names, no values
    if dialect.name == "mariadb":
        given = ", ".join(f"{quoted[name]} = VALUES({quoted[name]})" for name in ("version", *stored, "document"))
        over = f"ON DUPLICATE KEY UPDATE {given}"
    else:
        given = ", ".join(f"{quoted[name]} = excluded.{quoted[name]}" for name in ("version", *stored, "document"))
        over = (
            f"ON CONFLICT (tenant, id) DO UPDATE SET {given}"
            f" WHERE {table}.version = excluded.version - 1 AND {table}.live = 1"
        )
    at = f"WHERE tenant = {p} AND id = {p}"
    held = f"{at} AND version = {p} AND live = 1"
    return Statements(
        map=map,
        dialect=dialect,
        codec=row_codec(map, dialect),
        quoted=quoted,
        table=table,
        selected=selected,
        get=f"SELECT {selected} FROM {table} {at} AND live = 1",  # noqa: S608  # names, no values
        insert=insert,
        update=f"UPDATE {table} SET version = version + 1, {changes} {held}",  # noqa: S608
        remove=f"UPDATE {table} SET version = version + 1, live = NULL {held}",  # noqa: S608
        found=f"SELECT version, live FROM {table} {at}",  # noqa: S608
        erase=f"DELETE FROM {table} {at}",  # noqa: S608
        copy=f"COPY {table} ({listed}) FROM STDIN",
        upsert=f"{insert} {over}",
        staged=f"INSERT INTO {table} ({listed}) SELECT {listed} FROM pycrm_staged {over}",  # noqa: S608
        redact=f"UPDATE {table} SET version = version + 1, added_by = NULL, added_because = NULL, {changes} {at}",  # noqa: S608
    )


ID = Column("id", "id", Kind.UUID, nullable=False)
AT = Column("at", "at", Kind.TIME, nullable=False)
