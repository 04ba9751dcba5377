# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""Columns of PostgreSQL as arrays of Arrow, by ADBC, in the snapshot of the unit of work that asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pycrm.errors import StoreError
from pycrm.storage.mapping import Column, Kind
from pycrm.storage.query import Query
from pycrm.storage.sql.dialects import uuid_of
from pycrm.storage.sql.scan import Scan

if TYPE_CHECKING:
    from pycrm.storage.sql.repository import SqlRepository

__all__ = ["arrow_batches"]


def arrow_batches(
    repository: SqlRepository[Any], query: Query[Any], fields: Sequence[str]
) -> Iterator[Mapping[str, Any]] | None:
    """Return the columns as arrays, None where ADBC is not there or could not see what the unit sees."""
    unit = repository._unit
    # A unit that writes sees its own changes, and a transaction of the host is his alone: no second connection can follow.
    core = unit._store._core
    if core.copied_from is None or not core.own or not unit.read_only:
        return None
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        return None
    scan = Scan(repository, query, fields)
    if scan.clause.rest is not None:
        return None
    exported = unit.fetch_one("SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_export_snapshot() END")[0]
    if exported is None:
        return None
    return _read(scan, unit.filled(scan.sql(_spelt) + scan.order, scan.parameters), dbapi, exported)


def _spelt(column: Column, name: str) -> str:
    return f"{name}::float8" if column.kind is Kind.DECIMAL else name


def _read(scan: Scan, sql: str, dbapi: Any, snapshot: str) -> Iterator[dict[str, Any]]:
    unit = scan._unit
    url = unit._store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with contextlib.closing(dbapi.connect(url)) as connection, contextlib.closing(connection.cursor()) as cursor:
            for setting in (
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
                f"SET TRANSACTION SNAPSHOT '{snapshot}'",
                "SET LOCAL TIME ZONE 'UTC'",
            ):
                cursor.execute(setting)
            cursor.execute(sql)
            for batch in cursor.fetch_record_batch():
                unit._check_open()
                if batch.num_rows:
                    yield _columns(scan, batch)
    except dbapi.Error as error:
        raise StoreError(
            f"reading by ADBC failed with code {error.sqlstate}; its error is the cause of this one"
        ) from error


def _columns(scan: Scan, batch: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for at, column in enumerate(scan.direct):
        array = batch.column(at)
        made[column.path] = _identities(array) if column.kind is Kind.UUID else array
    if scan.nested:
        made |= scan.documents(batch.column(len(scan.direct)).to_pylist())
    return {path: made[path] for path in scan._fields}


def _identities(array: Any) -> list[Any]:
    """Return an array of 16 bytes as UUIDs; one that stands in many rows is made once."""
    raw = array.storage if hasattr(array, "storage") else array
    known: dict[Any, Any] = {None: None}
    made = []
    for value in raw.to_pylist():
        found = known.get(value, known)
        if found is known:
            found = known[value] = uuid_of(value)
        made.append(found)
    return made
