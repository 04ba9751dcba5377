"""A server that is killed at each step of a unit of work, and comes back: what was acknowledged is there, and the pool heals."""

import random
import threading
import time
from contextlib import ExitStack

import pytest

from pycrm.errors import Transient, Unknown
from pycrm.model.order import Product
from pycrm.storage import Query, default_maps
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen, stored
from storage.opened import fresh, names
from storage.own_servers import Wire, own_server

PRODUCTS = [map for map in default_maps() if map.model is Product]


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def server(request):
    with own_server(request.param) as made:
        SqlStore(made.url(), PRODUCTS).create_schema()
        yield made


@pytest.fixture
def wire(server):
    made = Wire(server.port)
    yield made
    made.close()


@pytest.fixture
def store(server, wire):
    made = SqlStore(server.url(wire.own_port), PRODUCTS)
    yield fresh(made)
    made.close()


def test_a_server_killed_before_commit_is_transient_at_whatever_the_unit_does_next(server, store):
    one = stored(store, pen("A1"))
    steps = {
        "nothing": lambda unit: None,
        "a read": lambda unit: unit.of(Product).get(one.id),
        "a write": lambda unit: unit.of(Product).add(pen("lost")),
    }
    nexts = [
        lambda unit: unit.of(Product).get(one.id),
        lambda unit: unit.of(Product).add(pen("lost, too")),
    ]
    for step in steps.values():
        units = [store.begin() for _ in nexts]
        for unit in units:
            step(unit) if unit is units[0] else unit.of(Product).get(one.id)
        server.restart()
        for unit, follows in zip(units, nexts, strict=True):
            with pytest.raises(Transient):
                follows(unit)
            unit.rollback()
        assert store.run(lambda unit: unit.of(Product).get(one.id), attempts=2) == one
    assert list(names(store)) == ["A1"]


def test_a_whole_pool_of_lost_connections_heals_with_one_retry(server, store):
    stored(store, pen("A1"))
    with ExitStack() as held:  # as many connections as the pool keeps, given back alive
        for _ in range(5):
            held.enter_context(store.begin(read_only=True)).of(Product).count(Query(Product))
    server.restart()
    assert store.run(lambda unit: unit.of(Product).add(pen("B2")), attempts=2).sku == "B2"
    for _ in range(5):
        store.run(lambda unit: unit.of(Product).count(Query(Product)), attempts=1)
    assert list(names(store)) == ["A1", "B2"]


@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "before it is answered"])
def test_a_server_killed_in_commit_is_unknown_and_a_key_settles_whether_it_was_done(server, wire, store, done):
    stored(store, pen("A1"))
    kills = []

    def kill():
        wire.before = wire.after = None
        server.restart()
        kills.append(1)
        return True

    def arm():
        setattr(wire, "after" if done else "before", kill)

    with store.begin() as unit:
        unit.of(Product).add(pen("B2"))
        arm()
        with pytest.raises(Unknown):
            unit.commit()
    assert [kills, "B2" in retried(store)] == [[1], done]
    works = []

    def work(unit):
        works.append(unit.of(Product).add(pen("C3")))
        if len(works) == 1:
            arm()
        return len(works)

    settled = store.run(work, key="once", attempts=2)
    assert (settled, len(works), kills) == ((1, 1, [1, 1]) if done else (2, 2, [1, 1]))
    assert store.run(work, key="once", attempts=1) == settled
    assert list(names(store)) == (["A1", "B2", "C3"] if done else ["A1", "C3"])


def retried(store):
    return store.run(lambda unit: [one.sku for one in unit.of(Product).page(Query(Product)).items], attempts=2)


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.deep)])
def test_under_a_server_that_is_killed_again_and_again_every_key_has_its_effect_once(server, wire, store, kills):
    stop, done, errors = threading.Event(), [], []

    def write(number):
        turn = 0
        try:
            while not stop.is_set():
                key = f"{number}-{turn}"
                store.run(lambda unit, key=key: unit.of(Product).add(pen(key)).sku, key=key, attempts=1_000)
                done.append(key)
                turn += 1
        except BaseException as error:  # noqa: BLE001  # shown by the test
            errors.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    chance = random.Random(kills)
    for _ in range(kills):
        time.sleep(chance.random() * 0.4)
        server.restart()
    stop.set()
    for writer in writers:
        writer.join(120)
    assert errors == []
    with store.begin(read_only=True) as unit:
        kept = [one.sku for batch in unit.of(Product).stream(Query(Product)) for one in batch]
    assert len(done) > kills
    assert sorted(kept) == sorted(done)
