"""Backups of entities that refer to their own class or in a ring, and of stores that have only the protocols."""

from contextlib import closing
from uuid import UUID

import attrs
import pytest
from attrs import frozen

from pycrm.model.entity import Entity
from pycrm.model.order import Product
from pycrm.storage import EntityMap, MemoryStore, Query, export, restore
from pycrm.storage.maps import default_maps
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen
from storage.opened import KINDS
from storage.servers import database
from storage.test_backup import everything, filled


@frozen(kw_only=True)
class Branch(Entity):
    code: str
    above: UUID | None = None
    keeper: UUID | None = None


@frozen(kw_only=True)
class Keeper(Entity):
    branch: UUID | None = None


def maps():
    return [
        EntityMap.of(Branch, references={"above": Branch, "keeper": Keeper}, unique=[("above", "code")]),
        EntityMap.of(Keeper, references={"branch": Branch}),
        EntityMap.of(Product),
    ]


@pytest.fixture(params=KINDS)
def target(request):
    if request.param == "memory":
        yield MemoryStore(maps())
    elif request.param == "sqlite":
        yield SqlStore("sqlite://", maps(), durable=False)
    else:
        with database(request.param) as url, closing(SqlStore(url, maps())) as made:
            made.create_schema()
            yield made


def ringed(store):
    """Fill a store with a child before its parent, two in a ring, one that is its own, and one that was removed."""
    with store.begin(actor="eva") as unit:
        branches = [unit.of(Branch).add(Branch(id=UUID(int=n), code=f"{n}")) for n in range(1, 6)]
        keeper = unit.of(Keeper).add(Keeper(branch=branches[0].id))
        above = [4, 2, 1, 0, 4]
        for at, branch in enumerate(branches):
            unit.of(Branch).save(attrs.evolve(branch, above=branches[above[at]].id, keeper=keeper.id))
        unit.of(Branch).remove(branches[3].id)
        unit.commit()


def test_what_refers_to_its_own_class_or_in_a_ring_is_put_back_as_it_was(target, tmp_path):
    source = MemoryStore(maps())
    ringed(source)
    assert export(source, tmp_path / "all.gz") == restore(tmp_path / "all.gz", target) == 6
    assert everything(target) == everything(source)
    export(target, tmp_path / "again.gz")
    other = MemoryStore(maps())
    restore(tmp_path / "again.gz", other)
    assert everything(other) == everything(source)


class Units:
    """A unit of work behind the protocol alone."""

    def __init__(self, unit):
        self.of, self.emit, self.commit, self.rollback = unit.of, unit.emit, unit.commit, unit.rollback

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.rollback()


class Theirs:
    """A store behind the protocol alone."""

    def __init__(self, store):
        self.store = store

    def begin(self, **options):
        return Units(self.store.begin(**options))


def test_a_store_that_has_only_the_protocols_is_taken_out_and_put_in_without_its_trail(tmp_path):
    theirs = Theirs(MemoryStore())
    whole = filled(MemoryStore())
    export(whole, tmp_path / "all.gz")
    assert restore(tmp_path / "all.gz", theirs) == 11
    assert export(theirs, tmp_path / "theirs.gz") == 11
    back = MemoryStore()
    assert restore(tmp_path / "theirs.gz", back) == 11

    def plain(store):
        return [
            {(kept.entity.id, kept.live, attrs.evolve(kept.entity, version=1)) for kept in kind}
            for kind in everything(store)
        ]

    assert plain(back) == plain(whole)


def test_a_store_that_has_only_the_protocols_takes_rings(tmp_path):
    source, kept = MemoryStore(maps()), MemoryStore(maps())
    ringed(source)
    with source.begin() as unit:
        unit.of(Product).add(pen("A1"))
        unit.commit()
    export(source, tmp_path / "all.gz")
    assert restore(tmp_path / "all.gz", Theirs(kept), maps=[*maps(), *default_maps()][:3]) == 7
    assert export(Theirs(kept), tmp_path / "theirs.gz", maps=[*maps(), EntityMap.of(Entity)]) == 7
    for store in (source, kept):
        with store.begin(read_only=True) as unit:
            found = unit.of(Branch).page(Query(Branch)).items
            assert [one.above and one.above.int for one in found] == [5, 3, 2, 5]
