"""The schema's revision: making it, checking it, and refusing what this release does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from pycrm.errors import SchemaMismatch, Transient

if TYPE_CHECKING:
    from pycrm.storage.sql.store import _Core

__all__ = ["HEAD", "REVISIONS", "check_revision", "create_schema"]

REVISIONS = ("pycrm_0001",)  # oldest first; the last is what this release writes
HEAD = REVISIONS[-1]
VERSION_TABLE = "pycrm_version"


def _version_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        VERSION_TABLE, metadata, sa.Column("version_num", sa.String(32), primary_key=True), extend_existing=True
    )


def _found(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    row = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).first()  # noqa: S608  # a constant
    return None if row is None else str(row[0])


def check_revision(core: _Core) -> None:
    """Raise SchemaMismatch unless the database is at this release's revision; fill an empty embedded one."""
    try:
        if core.host is not None:
            found = _found(core.host)
        else:
            with core.engine.connect() as connection:
                found = _found(connection)
    except sa.exc.DBAPIError as error:
        raise Transient("the database is busy or out of reach", type(error.orig).__name__) from error
    if found == HEAD:
        return
    if found is None:
        if core.embedded:
            create_schema(core)
            return
        raise SchemaMismatch("none", HEAD, "call create_schema() once, or pycrm.storage.sql.upgrade(url)")
    if found in REVISIONS:
        raise SchemaMismatch(found, HEAD, "migrate it with pycrm.storage.sql.upgrade(url)")
    raise SchemaMismatch(found, HEAD, "it was written by a newer pycrm; install that release or a later one")


def create_schema(core: _Core) -> None:
    """Make the missing tables and write down the revision."""
    metadata = core.metadata
    table = _version_table(metadata)
    connection = core.engine.connect() if core.host is None else core.host
    try:
        if core.dialect.name == "sqlite" and core.host is None:
            # Two processes may open the same empty file at once.
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA busy_timeout = 5000")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        metadata.create_all(connection)
        if _found(connection) is None:
            connection.execute(table.insert().values(version_num=HEAD))
        if core.dialect.name == "sqlite" and core.host is None:
            connection.exec_driver_sql("COMMIT")
    finally:
        if core.host is None:
            connection.close()
