"""The schema's revision: making it, checking it, moving it, and refusing what this release does not know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pycrm.errors import MissingExtraError, SchemaMismatch, Transient
from pycrm.storage.sql.promote import add_columns, check_columns

if TYPE_CHECKING:
    from pycrm.storage.sql.store import _Core

__all__ = ["HEAD", "REVISIONS", "check_revision", "create_schema", "migrations_folder", "note_revision", "upgrade"]

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
    """Raise SchemaMismatch unless the database has this release's revision and every column; fill an empty embedded one."""
    try:
        if core.host is not None:
            found = _looked(core, core.host)
        else:
            with core.engine.connect() as connection:
                found = _looked(core, connection)
    except sa.exc.DBAPIError as error:
        raise Transient("the database is busy or out of reach", type(error.orig).__name__) from error
    if found == HEAD:
        return
    if found is None:
        if core.embedded:
            create_schema(core)
            return
        raise SchemaMismatch("none", HEAD, "call create_schema() once, or pycrm.storage.sql.upgrade(url)")
    newer = "it was written by a newer pycrm; install that release or a later one"
    raise SchemaMismatch(found, HEAD, "migrate it with pycrm.storage.sql.upgrade(url)" if found in REVISIONS else newer)


def _looked(core: _Core, connection: sa.Connection) -> str | None:
    found = _found(connection)
    if found == HEAD:
        check_columns(core, connection, HEAD)
    return found


def create_schema(core: _Core) -> None:
    """Make the missing tables and columns and write down the revision."""
    if core.host is not None:
        if core.dialect.name == "sqlite":
            # Heard outside a transaction alone, and the first table begins one.
            core.host.exec_driver_sql("PRAGMA foreign_keys = ON")
        _make(core, core.host)
        return
    with core.engine.connect() as connection:
        if core.dialect.name == "sqlite":
            # Two processes may open the same empty file at once.
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA busy_timeout = 5000")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")
        try:
            _make(core, connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _make(core: _Core, connection: sa.Connection) -> None:
    metadata = core.metadata
    table = _version_table(metadata)
    metadata.create_all(connection)
    add_columns(core, connection)
    if _found(connection) is None:
        connection.execute(table.insert().values(version_num=HEAD))


def note_revision(context: Any, revision: str) -> None:
    """Write down where the schema is, for a host that runs our revisions among its own: Alembic notes them in the host's table.

    Parameters
    ----------
    context : alembic.runtime.migration.MigrationContext
        Of the migration that is running.
    revision : str
        The one whose steps were done just now.
    """
    if context.version_table == VERSION_TABLE:
        return  # Alembic itself writes it down
    table = _version_table(sa.MetaData())
    table.create(context.connection, checkfirst=True)
    context.connection.execute(table.delete())
    context.connection.execute(table.insert().values(version_num=revision))


def migrations_folder() -> Path:
    """Return the folder of the Alembic revisions in this package: a host names it in its own `version_locations`.

    Examples
    --------
    >>> sorted(path.name for path in migrations_folder().glob("pycrm_*.py"))
    ['pycrm_0001.py']
    """
    return Path(__file__).parent.parent / "migrations"


def upgrade(target: str | sa.URL | sa.Engine, revision: str = "head") -> None:
    """Bring the schema of a database to this release, keeping its data; an empty database gets all of it.

    Parameters
    ----------
    target : str, URL or Engine
        The database.
    revision : str
        Where to; this release unless given.

    Raises
    ------
    MissingExtraError
        If Alembic is not installed.
    """
    try:
        from alembic.config import Config
        from alembic.runtime.environment import EnvironmentContext
        from alembic.script import ScriptDirectory
    except ImportError as error:
        raise MissingExtraError("alembic", "sql") from error
    engine = target if isinstance(target, sa.Engine) else sa.create_engine(target)
    folder = str(migrations_folder())
    config = Config()
    config.set_main_option("script_location", folder)
    script = ScriptDirectory(folder, version_locations=[folder])

    def steps(current: Any, _: Any) -> Any:
        return script._upgrade_revs(revision, current)  # noqa: SLF001  # what alembic's own upgrade command calls

    try:
        with engine.connect() as connection, EnvironmentContext(config, script, fn=steps) as environment:
            environment.configure(connection=connection, version_table=VERSION_TABLE, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()
            connection.commit()
    finally:
        if engine is not target:
            engine.dispose()
