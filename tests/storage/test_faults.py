"""What a store survives: killed processes, lost connections, errors of the driver at every call, full disks."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa

from pycrm.errors import Conflict, StoreError, Transient, Unknown
from pycrm.model.order import Product
from pycrm.storage import MemoryStore, Query, asc
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen, stored
from storage.servers import database


def names(store):
    with store.begin(read_only=True) as unit:
        return {
            p.sku: (p.name, p.version)
            for p in unit.of(Product).page(Query(Product, order=(asc("sku"),)), size=500).items
        }


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "sqlite":
        made = SqlStore(f"sqlite:///{tmp_path}/crm.db", durable=False)
        yield made
        made.close()
    else:
        with database(request.param) as url:
            made = SqlStore(url)
            made.create_schema()
            yield made
            made.close()


def in_threads(count, work):
    errors = []

    def quietly(number):
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  # shown by the test
            errors.append(error)

    threads = [threading.Thread(target=quietly, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []


def test_eight_threads_increment_one_number_and_none_is_lost(store, request):
    rounds = 250 if request.config.getoption("-m") == "deep" else 25
    one = stored(store, pen("A1", name="0"))

    def increment(unit):
        held = unit.of(Product).get(one.id)
        unit.of(Product).save(attrs.evolve(held, name=str(int(held.name) + 1)))

    in_threads(8, lambda _: [store.run(increment, attempts=1_000) for _ in range(rounds)])
    assert names(store)["A1"] == (str(8 * rounds), 8 * rounds + 1)


def test_of_two_units_that_read_the_same_exactly_one_has_a_conflict_in_every_schedule(store):
    one = stored(store, pen("A1"))
    for number in range(30):
        conflicts = 0
        with store.begin() as first, store.begin() as second:
            units = [first, second]
            random.Random(number).shuffle(units)
            held = [unit.of(Product).get(one.id) for unit in units]
            for unit, entity in zip(units, held, strict=True):
                try:
                    unit.of(Product).save(attrs.evolve(entity, name=str(number)))
                    unit.commit()
                except Conflict:
                    conflicts += 1
        assert conflicts == 1


def test_money_moves_between_accounts_and_the_total_never_changes(store):
    accounts = [stored(store, pen(f"{n}", name="100")) for n in range(4)]
    seen, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            seen.append(sum(int(name) for name, _ in names(store).values()))

    def move(number):
        chance = random.Random(number)
        for _ in range(10):
            giver, taker = chance.sample(accounts, 2)

            def work(unit, giver=giver, taker=taker):
                products = unit.of(Product)
                a, b = products.get(min(giver.id, taker.id)), products.get(max(giver.id, taker.id))
                a, b = (a, b) if a.id == giver.id else (b, a)
                products.save(attrs.evolve(a, name=str(int(a.name) - 1)))
                products.save(attrs.evolve(b, name=str(int(b.name) + 1)))

            store.run(work, attempts=1_000)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        in_threads(4, move)
    finally:
        stop.set()
        reader.join(60)
    assert set(seen) <= {400}
    assert sum(int(name) for name, _ in names(store).values()) == 400


def test_a_page_while_others_write_never_repeats_and_never_misses_what_stays(store):
    stay = {f"{n:03d}" for n in range(0, 60, 3)}
    with store.begin() as unit:
        unit.of(Product).put_many([pen(sku) for sku in stay])
        unit.commit()
    stop = threading.Event()

    def meddle(number):
        chance = random.Random(number)
        while not stop.is_set():
            sku = f"{chance.randrange(60):03d}x{number}"

            store.run(lambda unit, sku=sku: unit.of(Product).put_many([pen(sku)], on_conflict="skip"), attempts=100)
            time.sleep(0.002)

    threads = [threading.Thread(target=meddle, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            found, after = [], None
            while True:
                with store.begin() as unit:
                    page = unit.of(Product).page(Query(Product, order=(asc("sku"),)), size=7, after=after)
                found += [one.sku for one in page.items]
                after = page.next
                if after is None:
                    break
            assert len(found) == len(set(found))
            assert stay <= set(found)
            assert found == sorted(found)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


WRITER = """
import sys
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen
store = SqlStore(sys.argv[1])
number = 0
while True:
    with store.begin() as unit:
        unit.products.put_many([pen(f"{sys.argv[2]}-{number}-{half}") for half in "ab"])
        unit.commit()
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_in_the_middle_nothing_acknowledged_is_lost_and_nothing_is_torn(kind, tmp_path, request):
    rounds = 100 if request.config.getoption("-m") == "deep" else 3
    held = database("postgresql") if kind == "postgresql" else None
    url = held.__enter__() if held else f"sqlite:///{tmp_path}/crm.db"
    try:
        SqlStore(url).create_schema()
        text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
        for turn in range(rounds):
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
            with subprocess.Popen(
                [sys.executable, "-c", WRITER, text, str(turn)], stdout=subprocess.PIPE, env=environment, text=True
            ) as child:
                child.stdout.readline()
                time.sleep(random.Random(turn).random() * 0.2)
                child.send_signal(signal.SIGKILL)
                rest = child.stdout.read()
            acknowledged = [0, *(int(line) for line in rest.splitlines() if line.isdigit())]
            store = SqlStore(url)
            with store.begin(read_only=True) as unit:
                found = {p.sku for batch in unit.products.stream(Query(Product)) for p in batch}
            assert {f"{turn}-{n}-{half}" for n in acknowledged for half in "ab"} <= found
            assert all(sku[:-1] + ("b" if sku[-1] == "a" else "a") in found for sku in found)
            if kind == "sqlite":
                with store.engine.connect() as connection:
                    assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            store.close()
    finally:
        if held:
            held.__exit__(None, None, None)


class Faulty:
    """A cursor that fails at its n-th call, before or after the database has done it."""

    def __init__(self, cursor, plan):
        self._cursor = cursor
        self._plan = plan

    def _call(self, method, *arguments):
        self._plan["calls"] += 1
        fails = self._plan["calls"] == self._plan["at"]
        if fails and not self._plan["after"]:
            raise self._plan["error"]
        found = method(*arguments)
        if fails:
            raise self._plan["error"]
        return found

    def execute(self, *arguments):
        return self._call(self._cursor.execute, *arguments)

    def executemany(self, *arguments):
        return self._call(self._cursor.executemany, *arguments)

    def __getattr__(self, name):
        return getattr(self._cursor, name)


@pytest.mark.parametrize("after", [False, True])
def test_an_error_of_the_driver_at_any_call_leaves_the_state_before_or_after(tmp_path, after, monkeypatch):
    from pycrm.storage.sql.store import _Link

    plan = {"at": -1, "calls": 0, "after": after, "error": None}
    plain = _Link.cursor
    store = SqlStore(f"sqlite:///{tmp_path}/crm.db", durable=False)
    one = stored(store, pen("A1", name="before"))
    monkeypatch.setattr(_Link, "cursor", lambda link: Faulty(plain(link), plan))
    failed = 0
    for at in range(1, 40):
        with store.begin() as unit:
            held = unit.products.get(one.id)
            for extra in unit.products.page(Query(Product)).items:
                if extra.id != one.id:
                    unit.products.remove(extra.id)
            unit.products.save(attrs.evolve(held, name="before"))
            unit.commit()
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode, error.sqlite_errorname = 10, "SQLITE_IOERR"
        plan.update(at=at, calls=0, error=error)
        try:
            with store.begin(actor="x") as unit:
                held = unit.products.get(one.id)
                unit.products.save(attrs.evolve(held, name="after"))
                unit.products.add(pen(f"B{at}"))
                unit.emit({"type": "x"})
                unit.commit()
        except StoreError:
            failed += 1
        calls, plan["at"] = plan["calls"], -1
        found = names(store)
        assert (found["A1"][0], len(found)) in {("before", 1), ("after", 2)}
        if calls < at:
            break
    assert failed >= 6


def test_a_full_disk_is_an_error_of_ours_and_the_store_works_again_afterwards(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/crm.db", durable=False)
    stored(store, pen("A1"))
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    core = store._core
    settings, core.settings = core.settings, (*core.settings, f"PRAGMA max_page_count = {pages + 5}")
    store.engine.dispose()
    with store.begin() as unit, pytest.raises(StoreError):
        unit.products.put_many([pen(f"B{n}", name="x" * 1000) for n in range(500)])
        unit.commit()
    core.settings = settings
    store.engine.dispose()
    assert list(names(store)) == ["A1"]
    stored(store, pen("B2"))
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def killed(store, unit):
    """End the server's side of the connection of a unit of work."""
    mine = unit.fetch_one(
        "SELECT pg_backend_pid()" if store.dialect.name == "postgresql" else "SELECT CONNECTION_ID()"
    )[0]
    with store.engine.connect() as connection:
        if store.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({mine})")
        else:
            connection.exec_driver_sql(f"KILL {mine}")
    time.sleep(0.05)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_connection_lost_before_commit_is_transient_and_in_commit_unknown_and_the_pool_heals(kind):
    with database(kind) as url:
        store = SqlStore(url)
        store.create_schema()
        one = stored(store, pen("A1"))
        steps = [
            lambda unit: unit.products.get(one.id),
            lambda unit: unit.products.add(pen("B2")),
            lambda unit: unit.products.save(attrs.evolve(one, name="x")),
            lambda unit: unit.products.page(Query(Product)),
            lambda unit: unit.products.put_many([pen("C3")], on_conflict="skip"),
        ]
        for step in steps:
            with store.begin() as unit:
                killed(store, unit)
                with pytest.raises(Transient):
                    step(unit)
        with store.begin() as unit:
            unit.products.add(pen("D4"))
            killed(store, unit)
            with pytest.raises(Unknown):
                unit.commit()
        assert list(names(store)) == ["A1"]
        killings = []

        def work(unit):
            unit.products.add(pen("E5"))
            if not killings:
                killings.append(1)
                killed(store, unit)
            return 1

        assert store.run(work, key="once") == 1
        assert store.run(work, key="once") == 1
        assert list(names(store)) == ["A1", "E5"]
        store.close()


def test_unknown_is_settled_by_a_key_whether_the_commit_was_done_or_not(tmp_path, monkeypatch):
    from pycrm.storage.sql import unit as module

    store = SqlStore(f"sqlite:///{tmp_path}/crm.db", durable=False)
    chance = random.Random(5)
    plain = module.SqlUnit.commit

    def shaky(unit):
        fate = chance.random()
        if fate < 0.3:
            unit.rollback()
            raise Unknown("lost")
        plain(unit)
        if fate < 0.6:
            raise Unknown("lost")

    monkeypatch.setattr(module.SqlUnit, "commit", shaky)
    for number in range(60):
        store.run(lambda unit, n=number: unit.products.add(pen(f"{n:03d}")).sku, key=f"k{number}", attempts=50)
    monkeypatch.setattr(module.SqlUnit, "commit", plain)
    assert len(names(store)) == 60


def test_events_reach_a_forgetful_relay_at_least_once_and_in_order(store):
    for number in range(40):
        store.run(lambda unit, n=number: unit.emit({"type": "counted", "number": n}))
    chance, got, order = random.Random(3), {}, []
    while True:
        claims = store.claim("relay", limit=7)
        if not claims:
            break
        for claim in claims:
            if chance.random() < 0.2:
                break  # killed before it could settle
            if claim.id not in got:
                got[claim.id] = claim.payload["number"]
                order.append(claim.payload["number"])
            if chance.random() < 0.8:
                store.settle("relay", [claim.id])
    assert order == list(range(40))


def test_eight_slow_writers_of_one_sqlite_file_all_get_their_turn(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/crm.db", durable=False)
    store.create_schema()

    def write(number):
        for turn in range(6):

            def work(unit, turn=turn):
                unit.products.add(pen(f"{number}-{turn}"))
                time.sleep(0.01)

            store.run(work, attempts=1)

    in_threads(8, write)
    assert len(names(store)) == 48


def test_a_unit_of_work_joins_the_transaction_of_its_host(store, request):
    if isinstance(store, MemoryStore):
        pytest.skip("declared: a store in memory has no host transaction")
    store.create_schema()
    engine = sa.create_engine(store.engine.url)
    try:
        with engine.connect() as connection:
            joined = SqlStore(connection)
            with joined.begin() as unit:
                unit.products.add(pen("A1"))
                unit.commit()
            with joined.begin() as unit:
                unit.products.add(pen("B2"))
            with joined.begin(read_only=True) as unit:
                assert [p.sku for p in unit.products.page(Query(Product)).items] == ["A1"]
            connection.rollback()
        assert names(store) == {}
        with engine.connect() as connection:
            with SqlStore(connection).begin() as unit:
                unit.products.add(pen("A1"))
                unit.commit()
            connection.commit()
        assert list(names(store)) == ["A1"]
        hosted = SqlStore(engine)
        assert list(names(hosted)) == ["A1"]
    finally:
        engine.dispose()
