"""Where it is kept: what we ask of any storage, questions as data, and a real store in memory.

`pycrm.storage.sql` keeps the same things in SQLite, PostgreSQL, MariaDB and MySQL.
"""

from pycrm.storage import feed
from pycrm.storage.backup import export, export_erasures, restore
from pycrm.storage.batches import Batches, read_batches
from pycrm.storage.columns import read_columns, upsert_many, write_columns
from pycrm.storage.erasure import Erased, Mention
from pycrm.storage.event_schema import change_schema, value_schema
from pycrm.storage.facts import facts
from pycrm.storage.imports import import_rows
from pycrm.storage.integrity import Checked, Fault, check
from pycrm.storage.mapping import Column, EntityMap, Kind, Reference, Unique, UniqueEach
from pycrm.storage.maps import default_maps
from pycrm.storage.memory import MemoryRepository, MemoryStore, MemoryUnit
from pycrm.storage.outbox import Relayed, Subscription, cloud_event, once, relay
from pycrm.storage.portable import Kept, Portable
from pycrm.storage.protocols import (
    ArrowReader,
    Audited,
    BatchReader,
    Change,
    Claim,
    ColumnReader,
    ColumnWriter,
    Erasing,
    Outbox,
    Reader,
    Redacting,
    Repository,
    Restoring,
    RowOutcome,
    Scrubbing,
    Store,
    UnitOfWork,
    Upserted,
    Upserting,
)
from pycrm.storage.query import By, Page, Query, asc, desc
from pycrm.storage.standby import StandbyStore
from pycrm.storage.view import CustomerView, customer_view

__all__ = [
    "ArrowReader",
    "Audited",
    "BatchReader",
    "Batches",
    "By",
    "Change",
    "Checked",
    "Claim",
    "Column",
    "ColumnReader",
    "ColumnWriter",
    "CustomerView",
    "EntityMap",
    "Erased",
    "Erasing",
    "Fault",
    "Kept",
    "Kind",
    "MemoryRepository",
    "MemoryStore",
    "MemoryUnit",
    "Mention",
    "Outbox",
    "Page",
    "Portable",
    "Query",
    "Reader",
    "Redacting",
    "Reference",
    "Relayed",
    "Repository",
    "Restoring",
    "RowOutcome",
    "Scrubbing",
    "StandbyStore",
    "Store",
    "Subscription",
    "Unique",
    "UniqueEach",
    "UnitOfWork",
    "Upserted",
    "Upserting",
    "asc",
    "change_schema",
    "check",
    "cloud_event",
    "customer_view",
    "default_maps",
    "desc",
    "export",
    "export_erasures",
    "facts",
    "feed",
    "import_rows",
    "once",
    "read_batches",
    "read_columns",
    "relay",
    "restore",
    "upsert_many",
    "value_schema",
    "write_columns",
]


def __dir__() -> list[str]:
    return __all__
