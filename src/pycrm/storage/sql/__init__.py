"""A store in SQLite, PostgreSQL, MariaDB or MySQL; needs ``pip install 'pycrm-domain[sql]'``."""

from pycrm.storage.sql.repository import SqlRepository
from pycrm.storage.sql.store import SqlStore
from pycrm.storage.sql.unit import SqlUnit

__all__ = ["SqlRepository", "SqlStore", "SqlUnit"]


def __dir__() -> list[str]:
    return __all__
