"""Processes that are killed in the middle: nothing acknowledged is lost, nothing is torn, no event goes astray."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from pycrm.model.order import Product
from pycrm.storage import Query
from pycrm.storage.sql import SqlStore
from storage.opened import fresh
from storage.servers import database

# One process that has imported everything forks a child for each line it reads: a child begins within milliseconds.
NURSERY = """
import os, sys
from pycrm.model.order import Product
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen

def write(store, turn):
    number = 0
    while True:
        with store.begin() as unit:
            unit.products.put_many([pen(f"{turn}-{number}-{half}") for half in "ab"])
            unit.commit()
        print(number, flush=True)
        number += 1

def relay(store, turn):
    while True:
        for claim in store.claim("relay", limit=5):
            print(claim.id, claim.payload["number"], flush=True)
            store.settle("relay", [claim.id])

print("ready", flush=True)
for line in sys.stdin:
    job, url, tenant, turn = line.split()
    child = os.fork()
    if not child:
        print("child", os.getpid(), flush=True)
        {"write": write, "relay": relay}[job](SqlStore(url).tenant(tenant), turn)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


@pytest.fixture(scope="module")
def nursery():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as parent:
        assert parent.stdout.readline() == "ready\n"
        yield parent
        parent.stdin.close()


@contextmanager
def lasting(kind, folder):
    """Yield the URL of a database that outlives a process, as text."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/crm.db"
    else:
        with database(kind) as url:
            yield url.render_as_string(hide_password=False)


def killed(nursery, job, url, tenant, turn):
    """Start a child, kill it after a while, and return the lines it had written."""
    nursery.stdin.write(f"{job} {url} {tenant} {turn}\n")
    nursery.stdin.flush()
    _, pid = nursery.stdout.readline().split()
    first = nursery.stdout.readline()
    time.sleep(random.Random(turn).random() * 0.08)
    os.kill(int(pid), signal.SIGKILL)
    lines = [first]
    while (line := nursery.stdout.readline()) != "gone\n":
        lines.append(line.removesuffix("gone\n"))
        if line.endswith("gone\n"):
            break
    return [line.rstrip("\n") for line in lines if line.endswith("\n")]


KINDS = ["sqlite", "postgresql", "mariadb"]


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_in_the_middle_nothing_acknowledged_is_lost_and_nothing_is_torn(kind, rounds, tmp_path, nursery):
    with lasting(kind, tmp_path) as url:
        whole = SqlStore(url)
        whole.create_schema()
        for turn in range(rounds):
            store = fresh(whole)
            acknowledged = [int(line) for line in killed(nursery, "write", url, store.name, turn)]
            with store.begin(read_only=True) as unit:
                found = {p.sku for batch in unit.products.stream(Query(Product)) for p in batch}
            assert {f"{turn}-{n}-{half}" for n in acknowledged for half in "ab"} <= found
            assert all(sku[:-1] + ("b" if sku[-1] == "a" else "a") in found for sku in found)
            assert len(found) <= 2 * (len(acknowledged) + 1)
        if kind == "sqlite":
            with whole.engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        whole.close()


@pytest.mark.parametrize("events", [50, pytest.param(10_000, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", KINDS)
def test_events_reach_a_relay_that_is_killed_again_and_again(kind, events, tmp_path, nursery):
    with lasting(kind, tmp_path) as url:
        store = SqlStore(url)
        store.create_schema()
        for first in range(0, events, 50):
            store.run(lambda unit, n=first: [unit.emit({"type": "n", "number": m}) for m in range(n, n + 50)])
        handled, order = set(), []
        for turn in range(events):
            if not store.claim("relay", limit=1):
                break
            for line in killed(nursery, "relay", url, store.name, turn):
                id, number = line.split()
                if id not in handled:
                    handled.add(id)
                    order.append(int(number))
        assert order == list(range(events))
        store.close()
