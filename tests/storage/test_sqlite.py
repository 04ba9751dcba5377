from pycrm.storage.sql import SqlStore
from pycrm.testing import Requirements, store_contract

# One writer at a time is SQLite's own rule: the second waits, and in one thread it would wait for ever.
TestSqliteStore = store_contract(
    lambda: SqlStore("sqlite://", durable=False), requirements=Requirements(concurrent_writers=False, optimistic=False)
)
