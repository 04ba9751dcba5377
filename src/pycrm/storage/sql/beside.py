# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""What a database holds beside the rows of entities, rewritten when somebody is erased; and its files, cleaned after it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pycrm.errors import Transient

if TYPE_CHECKING:
    from pycrm.storage.protocols import Told
    from pycrm.storage.sql.store import _Core
    from pycrm.storage.sql.unit import SqlUnit

__all__ = ["retell", "scrub"]

_BATCH = 5_000


def retell(unit: SqlUnit, rewrite: Callable[[Told, Any], Any]) -> int:
    """Pass events, remembered results and the audit trail through `rewrite`, and return how many changed."""
    name = unit._store._quote("key")
    outbox, trail = ("at", "position", "id"), ("model", "id", "version")
    changed = _table(unit, rewrite, "pycrm_outbox", outbox, documents={"payload": "event"}, texts={})
    changed += _table(unit, rewrite, "pycrm_result", (name,), documents={"result": "result"}, texts={name: "key"})
    notes: dict[str, Told] = {"actor": "note", "cause": "note"}
    changed += _table(unit, rewrite, "pycrm_audit", trail, documents={"fields": "fields"}, texts=notes)
    added: dict[str, Told] = {"added_by": "note", "added_because": "note"}
    for map in unit.maps():
        changed += _table(unit, rewrite, unit._statements(map.model).table, ("id",), documents={}, texts=added)
    return changed


def _table(
    unit: SqlUnit,
    rewrite: Callable[[Told, Any], Any],
    table: str,
    key: tuple[str, ...],
    *,
    documents: Mapping[str, Told],
    texts: Mapping[str, Told],
) -> int:
    """Rewrite the documents and texts of one table, in batches along its key."""
    p, document = unit.dialect.parameter, unit.dialect.document
    held = [*key, *texts, *(document.format(name) for name in documents)]
    changed, start = 0, tuple[Any, ...]()
    columns, split = (*texts, *documents), len(key) + len(texts)
    while True:
        behind, values = "", list[Any]()
        if start:
            ways = [
                " AND ".join([*(f"{name} = {p}" for name in key[:at]), f"{key[at]} > {p}"]) for at in range(len(key))
            ]
            behind = f" AND ({' OR '.join(f'({way})' for way in ways)})"
            values = [value for at in range(len(key)) for value in start[: at + 1]]
        rows = unit.fetch(
            f"SELECT {', '.join(held)} FROM {table} WHERE tenant = {p}{behind}"  # noqa: S608  # names alone
            f" ORDER BY {', '.join(key)} LIMIT {p}",
            (unit.tenant, *values, _BATCH),
        )
        for row in rows:
            place, plain, told = row[: len(key)], row[len(key) : split], row[split:]
            written = [rewrite(kind, text) for kind, text in zip(texts.values(), plain, strict=True)]
            written += [_retold(rewrite, kind, text) for kind, text in zip(documents.values(), told, strict=True)]
            if written != [*plain, *told]:
                changed += 1
                sets = ", ".join(f"{name} = {p}" for name in columns)
                unit.execute(
                    f"UPDATE {table} SET {sets} WHERE tenant = {p} AND {' AND '.join(f'{name} = {p}' for name in key)}",  # noqa: S608
                    (*written, unit.tenant, *place),
                )
        if len(rows) < _BATCH:
            return changed
        start = tuple(rows[-1][: len(key)])


def _retold(rewrite: Callable[[Told, Any], Any], kind: Told, text: str | None) -> str | None:
    if text is None:
        return None
    before = json.loads(text)
    after = rewrite(kind, before)
    return text if after == before else json.dumps(after, ensure_ascii=False)


def scrub(core: _Core) -> tuple[str, ...]:
    """Clean the files of an SQLite database; say what the operator of a server has to."""
    name = core.dialect.name
    if name != "sqlite":
        return _OPERATOR[name]
    if core.host is not None:
        return ("the connection is yours: PRAGMA secure_delete = ON, and wal_checkpoint(TRUNCATE) after its commit",)
    with core.engine.connect() as connection:
        try:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(core.wait * 1000)}")
            # What was deleted is zeros already (secure_delete); the log still holds pages from before.
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        except sa.exc.OperationalError as error:
            raise Transient("the database is in use; scrub() again when nobody reads or writes it", "busy") from error
        finally:
            connection.exec_driver_sql("PRAGMA busy_timeout = 5000")
    if busy:
        raise Transient("a reader keeps the log of the database; scrub() again when it has ended", "busy")
    return _FILES


_FILES = (
    "VACUUM once, if the file was ever written without secure_delete",
    "copies and backups of the file made before",
    "blocks the file system or the disk still holds",
)
_OPERATOR = {
    "postgresql": (
        "VACUUM (FULL) the tables: old rows stay in their pages until then",
        "the write-ahead log, its archive and replicas, until they are recycled",
        "server logs, where statements or their values are logged",
        "dumps and base backups made before",
    ),
    "mariadb": (
        "OPTIMIZE TABLE: old rows stay in their pages until purge and reuse",
        "the redo and undo logs and the binary log, until they are recycled",
        "the general and slow query logs, where they are on",
        "dumps and backups made before",
    ),
}
