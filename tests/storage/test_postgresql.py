from contextlib import ExitStack

from storage.servers import database

from pycrm.storage.sql import SqlStore
from pycrm.testing import StoreContract


class TestPostgresqlStore(StoreContract):
    @classmethod
    def setup_class(cls):
        cls.held = ExitStack()
        cls.url = cls.held.enter_context(database("postgresql"))

    @classmethod
    def make_store(cls):
        store = SqlStore(cls.url)
        store.create_schema()
        return store

    @classmethod
    def teardown_class(cls):
        super().teardown_class()
        cls.held.close()
