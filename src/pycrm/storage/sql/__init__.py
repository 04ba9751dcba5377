"""A store in SQLite, PostgreSQL, MariaDB or MySQL; needs ``pip install 'pycrm-domain[sql]'``."""

from pycrm.storage.sql.aio import AsyncRepository, AsyncStore, AsyncUnit
from pycrm.storage.sql.migrate import migrations_folder, upgrade
from pycrm.storage.sql.repository import SqlRepository
from pycrm.storage.sql.store import SqlStore
from pycrm.storage.sql.unit import SqlUnit

__all__ = [
    "AsyncRepository",
    "AsyncStore",
    "AsyncUnit",
    "SqlRepository",
    "SqlStore",
    "SqlUnit",
    "migrations_folder",
    "upgrade",
]


def __dir__() -> list[str]:
    return __all__
