"""The tables: one per map, and those that all share (audit trail, outbox, search, unique keys, results)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from attrs import define
from sqlalchemy.dialects import mysql, postgresql

from pycrm.storage.mapping import INDEXED_TEXT, Column, EntityMap, Kind, MapSet

__all__ = ["COMMON", "metadata_of"]

COMMON = ("pycrm_audit", "pycrm_outbox", "pycrm_lease", "pycrm_search", "pycrm_unique", "pycrm_result")


class _Types:
    """The column types of one database."""

    def __init__(self, flavour: str) -> None:
        self.sqlite = flavour == "sqlite"
        self.postgresql = flavour == "postgresql"

    def text(self, length: int | None = None) -> sa.types.TypeEngine[Any]:
        if self.sqlite:
            return sa.Text()
        if self.postgresql:
            return sa.Text(collation="C")
        return mysql.LONGTEXT() if length is None else sa.String(length)

    def uuid(self) -> sa.types.TypeEngine[Any]:
        if self.sqlite:
            return sa.LargeBinary()
        return postgresql.UUID() if self.postgresql else mysql.BINARY(16)

    def time(self) -> sa.types.TypeEngine[Any]:
        if self.sqlite:
            return sa.Text()
        return sa.DateTime(timezone=True) if self.postgresql else mysql.DATETIME(fsp=6)

    def whole(self) -> sa.types.TypeEngine[Any]:
        return sa.Integer() if self.sqlite else sa.BigInteger()

    def document(self) -> sa.types.TypeEngine[Any]:
        if self.sqlite:
            return sa.Text()
        return postgresql.JSONB() if self.postgresql else mysql.LONGTEXT()

    def of(self, column: Column) -> sa.types.TypeEngine[Any]:
        match column.kind:
            case Kind.TEXT:
                return self.text(INDEXED_TEXT if column.indexed else None)
            case Kind.INT:
                return self.whole()
            case Kind.FLOAT:
                return sa.REAL() if self.sqlite else sa.Double()
            case Kind.DECIMAL:
                if self.sqlite:
                    return sa.Integer() if column.precision <= 18 else sa.Text()
                return sa.Numeric(column.precision, column.scale)
            case Kind.BOOL:
                return sa.Integer() if self.sqlite else sa.Boolean() if self.postgresql else mysql.TINYINT(1)
            case Kind.TIME:
                return self.time()
            case Kind.DATE:
                return sa.Text() if self.sqlite else sa.Date()
        return self.uuid()


@define
class _Builder:
    """Puts tables into one metadata."""

    metadata: sa.MetaData
    types: _Types
    options: dict[str, Any]

    def table(self, named: str, *parts: Any, compact: bool) -> None:
        # Small rows live in the index of their key; large ones would make it deep.
        sa.Table(named, self.metadata, *parts, **self.options, sqlite_with_rowid=not compact)

    def key(self, named: str, kind: sa.types.TypeEngine[Any] | None = None) -> sa.Column[Any]:
        made = self.types.text(64) if kind is None else kind
        return sa.Column(named, made, primary_key=True, nullable=False, autoincrement=False)


def _short(name: str) -> str:
    """Return a name within 63 bytes, the least of the databases; one that is cut ends in its digest, so that no two are one."""
    if len(name.encode()) <= 60:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name.encode()[:49].decode(errors='ignore')}_{digest}"


def metadata_of(maps: MapSet, flavour: str) -> sa.MetaData:
    """Return the tables of `maps` for "sqlite", "postgresql", "mariadb" or "mysql"."""
    types = _Types(flavour)
    collation = "utf8mb4_0900_bin" if flavour == "mysql" else "utf8mb4_nopad_bin"
    server = {"charset": "utf8mb4", "collate": collation, "engine": "InnoDB"}
    options: dict[str, Any] = {"sqlite_strict": True}
    options |= {f"{name}_{key}": value for name in ("mysql", "mariadb") for key, value in server.items()}
    builder = _Builder(sa.MetaData(), types, options)
    _common_tables(builder)
    for each in maps.in_order:
        _entity_table(each, maps, builder)
    return builder.metadata


def _common_tables(builder: _Builder) -> None:
    types, key = builder.types, builder.key
    builder.table(
        "pycrm_audit",
        key("tenant"),
        key("model"),
        key("id", types.uuid()),
        key("version", types.whole()),
        sa.Column("action", types.text(64), nullable=False),
        sa.Column("at", types.time(), nullable=False),
        sa.Column("actor", types.text()),
        sa.Column("cause", types.text()),
        sa.Column("fields", types.document()),
        compact=True,
    )
    builder.table(
        "pycrm_outbox",
        # An event is settled by its id: MariaDB, looking for it in any other order, would wait for those not committed yet.
        key("tenant"),
        key("id", types.uuid()),
        sa.Column("at", types.time(), nullable=False),
        sa.Column("position", types.whole(), nullable=False),
        sa.Column("type", types.text(), nullable=False),
        sa.Column("payload", types.document(), nullable=False),
        sa.Index("ix_pycrm_outbox_order", "tenant", "at", "position", "id"),
        compact=True,
    )
    builder.table(
        "pycrm_lease",
        key("tenant"),
        key("name"),
        sa.Column("holder", types.text(), nullable=False),
        sa.Column("until", types.time(), nullable=False),
        compact=True,
    )
    holder = key("id", types.uuid())
    builder.table(
        "pycrm_search",
        key("tenant"), key("model"), key("path"), key("value", types.text(INDEXED_TEXT)), holder, compact=True,
    )  # fmt: skip
    held = sa.Column("id", types.uuid(), nullable=False)
    builder.table(
        "pycrm_unique",
        key("tenant"), key("model"), key("rule"), key("value", types.text(INDEXED_TEXT)), held, compact=True,
    )  # fmt: skip
    builder.table(
        "pycrm_result",
        key("tenant"),
        key("key", types.text(INDEXED_TEXT)),
        sa.Column("at", types.time(), nullable=False),
        sa.Column("result", types.document(), nullable=False),
        compact=True,
    )


def _entity_table(map: EntityMap, maps: MapSet, builder: _Builder) -> None:
    types = builder.types
    columns = [
        builder.key("tenant"),
        builder.key("id", types.uuid()),
        sa.Column("version", types.whole(), nullable=False),
        # 1 while it lives, NULL once removed: a unique index never compares NULL, so removing frees the values.
        sa.Column("live", sa.Integer() if types.sqlite else sa.SmallInteger()),
        sa.Column("added_at", types.time(), nullable=False),
        sa.Column("added_by", types.text()),
        sa.Column("added_because", types.text()),
        *(sa.Column(c.name, types.of(c), nullable=c.nullable) for c in (*map.columns, *map.searched)),
        sa.Column("document", types.document()),
    ]
    rules: list[Any] = []
    for unique in map.uniques:
        names = [map.by_path[path].name for path in unique.paths]
        rules.append(sa.UniqueConstraint("tenant", *names, "live", name=_short(f"uq_{map.table}_{unique.name}")))
    for reference in map.references:
        target = maps.of(reference.model).table
        name = map.by_path[reference.path].name
        rules.append(
            sa.ForeignKeyConstraint(
                ["tenant", name], [f"{target}.tenant", f"{target}.id"], name=_short(f"fk_{map.table}_{name}")
            )
        )
    by_name = {column.name: column for column in columns}
    rules += [_index(map, paths, by_name) for paths in _indexed(map)]
    builder.table(map.table, *columns, *rules, compact=False)


def _indexed(map: EntityMap) -> list[tuple[str, ...]]:
    """Return the paths of each index, without those that another one begins with."""
    wanted = {*map.indexes, *((c.path,) for c in map.searched), *((r.path,) for r in map.references)}
    return sorted(one for one in wanted if not any(other != one and other[: len(one)] == one for other in wanted))


def _index(map: EntityMap, paths: tuple[str, ...], by_name: dict[str, sa.Column[Any]]) -> sa.Index:
    held = [map.by_path[path] for path in paths]
    first: Callable[..., Any] = by_name[held[0].name].is_not
    present = first(None) if held[0].nullable else None
    name = _short(f"ix_{map.table}_{'_'.join(column.name for column in held)}")
    parts = [by_name["tenant"], *(by_name[column.name] for column in held), by_name["id"]]
    return sa.Index(name, *parts, sqlite_where=present, postgresql_where=present)
