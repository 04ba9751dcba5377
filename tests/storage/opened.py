"""The four stores of the tests, each made once for a file of tests and shared by tenants."""

from contextlib import contextmanager

from pycrm.model.entity import new_id
from pycrm.model.order import Product
from pycrm.storage import MemoryStore, Query, asc
from pycrm.storage.sql import SqlStore
from storage.servers import furnished

KINDS = ["memory", "sqlite", "postgresql", "mariadb"]


@contextmanager
def opened(kind, **options):
    """Yield a store of a kind, with nothing in it."""
    if kind == "memory":
        yield MemoryStore(**options)
    elif kind == "sqlite":
        store = SqlStore("sqlite://", durable=False, **options)
        store.create_schema()
        yield store
        store.close()
    else:
        with furnished(kind, **options) as store:
            yield store


def fresh(store):
    """Return the store of a tenant nobody has used."""
    return store.tenant(f"t{new_id().hex}")


def names(store):
    """Return name and version by sku."""
    with store.begin(read_only=True) as unit:
        found = unit.of(Product).page(Query(Product, order=(asc("sku"),)), size=500).items
        return {one.sku: (one.name, one.version) for one in found}
