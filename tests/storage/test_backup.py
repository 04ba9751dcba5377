import gzip

import attrs
import pytest

from pycrm.errors import DocumentError, Duplicate, StoreError
from pycrm.model.customer import Customer
from pycrm.model.order import Order, Product
from pycrm.storage import MemoryStore, Query, export, restore
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import an_interaction, an_order, pen
from pycrm.testing.questions import crowd

KINDS = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}


def filled(store):
    with store.begin(actor="eva", cause="test") as unit:
        for one in crowd():
            unit.of(Customer).add(one)
        unit.of(Order).add(an_order(crowd()[0].id))
        unit.of(type(an_interaction(None))).add(an_interaction(None))
        gone = unit.of(Product).add(pen("gone"))
        unit.of(Product).remove(gone.id)
        unit.commit()
    with store.begin(actor="leo") as unit:
        one = unit.of(Customer).get(crowd()[0].id)
        unit.of(Customer).save(attrs.evolve(one, job_title="x"))
        unit.commit()
    return store


def everything(store):
    with store.begin(read_only=True) as unit:
        return [list(unit.dump(map.model)) for map in unit.maps()]


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_a_backup_put_into_another_store_is_the_same_store(source, target, tmp_path):
    one, other = filled(KINDS[source]()), KINDS[target]()
    assert export(one, tmp_path / "all.gz") == restore(tmp_path / "all.gz", other) == 11
    assert everything(other) == everything(one)
    with other.begin() as unit:
        unit.of(Product).add(pen("gone"))
        assert unit.of(Customer).count(Query(Customer)) == 8
    with pytest.raises(Duplicate):
        restore(tmp_path / "all.gz", other)
    assert everything(other) == everything(one)


def test_a_damaged_backup_is_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "all.gz"
    export(filled(MemoryStore()), path)
    whole = gzip.decompress(path.read_bytes())
    lines = whole.splitlines(keepends=True)
    damaged = {
        "cut": b"".join(lines[:-1]),
        "a line less": b"".join([*lines[:2], *lines[3:]]),
        "changed": whole.replace(b"Acme", b"Bcme", 1),
        "empty": b"",
        "no backup": b'{"format": "x"}\n',
        "no json": b"x\n",
        "newer": whole.replace(b'"version": 1', b'"version": 9', 1),
    }
    for text in damaged.values():
        path.write_bytes(gzip.compress(text))
        store = MemoryStore()
        with pytest.raises(DocumentError):
            restore(path, store)
        assert not any(everything(store))
    path.write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(DocumentError):
        restore(path, MemoryStore())
    path.write_bytes(b"no gzip")
    with pytest.raises(DocumentError):
        restore(path, MemoryStore())
    with pytest.raises(FileNotFoundError):
        restore(tmp_path / "missing.gz", MemoryStore())


def test_a_backup_that_fails_leaves_no_file(tmp_path):
    class Other:
        def begin(self, **_):
            return MemoryStore().begin()

    class Unit:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def of(self, model):
            raise StoreError(f"no {model.__name__} today")

    with pytest.raises(StoreError, match="today"):
        export(type("Poor", (), {"begin": lambda self, **_: Unit()})(), tmp_path / "all.gz")
    assert list(tmp_path.iterdir()) == []
    assert export(Other(), tmp_path / "all.gz") == 0
