from contextlib import ExitStack

from pycrm.storage.sql import SqlStore
from pycrm.testing import Requirements, StoreContract
from storage.servers import database


class TestMariadbStore(StoreContract):
    # The second to write a row waits for the first; in one thread it would wait for ever.
    requirements = Requirements(optimistic=False)

    @classmethod
    def setup_class(cls):
        cls.held = ExitStack()
        cls.url = cls.held.enter_context(database("mariadb"))

    @classmethod
    def make_store(cls):
        store = SqlStore(cls.url)
        store.create_schema()
        return store

    @classmethod
    def teardown_class(cls):
        super().teardown_class()
        cls.held.close()
