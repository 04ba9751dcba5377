"""What the ledgers cost: points, stages, permission, the referral graph, documents. CPU time of one process; no peer does these.

python benchmarks/loyalty.py
"""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from uuid import UUID

import numpy as np
from harness import record, table

from pycrm.bulk import consent_columns, derive_stages, permission_columns
from pycrm.insight import referral_signs
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contact_policy import CapPeriod, ContactPolicy, FrequencyCap, QuietHours
from pycrm.model.customer import Customer, Identifier, PersonName
from pycrm.model.points import post
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import Earn, Redeem
from pycrm.serialize import from_plain, to_plain
from pycrm.storage import MemoryStore
from pycrm.storage.ledger import PointsRequest, post_many_points, post_points
from pycrm.storage.sql import SqlStore

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def cpu(work, *, repeats=3):
    spent = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent)


def command(number):
    return Redeem(15) if number % 3 == 2 else Earn(10, START + timedelta(days=400))


def posts(n=10_000, members=100):
    def work():
        accounts = [PointsAccount.opened(UUID(int=member + 1), "tea") for member in range(members)]
        histories = [{} for _ in accounts]
        for number in range(n):
            member = number % members
            posted = post(
                accounts[member],
                command(number // members),
                key=f"k{number}",
                at=START + timedelta(seconds=number),
                history=histories[member],
            )
            accounts[member] = posted.account
            histories[member].update((entry.key, entry) for entry in posted.entries)

    return n / cpu(work)


def posts_through_a_store(n=2_000, members=100):
    def work():
        store, people = MemoryStore(), []
        with store.begin() as unit:
            for number in range(members):
                people.append(unit.of(Customer).add(Customer(name=PersonName(given=f"member {number}"))))
            unit.commit()
        begun = time.process_time()
        for number in range(n):
            who = people[number % members]
            with store.begin() as unit:
                post_points(
                    unit,
                    who.id,
                    "tea",
                    command(number // members),
                    key=f"k{number}",
                    at=START + timedelta(seconds=number),
                )
                unit.commit()
        spent.append(time.process_time() - begun)

    spent = []
    cpu(work, repeats=2)
    return n / min(spent)


def asked(people, n):
    return [
        PointsRequest(people[at % len(people)], command(at // len(people)), f"k{at}", START + timedelta(seconds=at))
        for at in range(n)
    ]


def members_of(store, members):
    with store.begin() as unit:
        made = [Customer(name=PersonName(given=f"member {number}")) for number in range(members)]
        unit.of(Customer).put_many(made)
        unit.commit()
    return [customer.id for customer in made]


def batch(store, n=100_000, members=1_000):
    requests = asked(members_of(store, members), n)

    def work():
        with store.begin() as unit:
            post_many_points(unit, "tea", requests)
            unit.commit()

    return cpu(work, repeats=1)


def posts_durable(store, n=2_000, members=100):
    requests = asked(members_of(store, members), n)
    begun = time.perf_counter()
    for one in requests:
        with store.begin() as unit:
            post_points(unit, one.member_id, "tea", one.command, key=one.key, at=one.at)
            unit.commit()
    return n / (time.perf_counter() - begun)


def posts_durable_by_ten(store, n=10_000, members=100):
    """Ten posts that waited for one another share a commit, and each is answered once it is durable."""
    requests = asked(members_of(store, members), n)
    begun = time.perf_counter()
    for at in range(0, n, 10):
        with store.begin() as unit:
            post_many_points(unit, "tea", requests[at : at + 10])
            unit.commit()
    return n / (time.perf_counter() - begun)


def bare_commits(n=2_000):
    """What the disk allows: one row a transaction into SQLite with the same settings, and nothing of pycrm."""
    with TemporaryDirectory() as folder, closing(sqlite3.connect(f"{folder}/bare.db", isolation_level=None)) as bare:
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE row (number INTEGER)",
        ):
            bare.execute(statement)
        begun = time.perf_counter()
        for number in range(n):
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO row VALUES (?)", (number,))
            bare.execute("COMMIT")
        return n / (time.perf_counter() - begun)


def on_sqlite(work):
    with TemporaryDirectory() as folder:
        store = SqlStore(f"sqlite:///{folder}/points.db")
        store.create_schema()
        done = work(store)
        store.close()
    return done


def columns(n=1_000_000, members=100_000):
    random = np.random.default_rng(1)
    kinds = np.array(["touch", "identified", "click", "engaged", "purchase", "csat", "unanswered", "purchase"])
    who, kind = random.integers(0, members, n), kinds[random.integers(0, 8, n)]
    at = np.datetime64("2024-01-01", "us") + random.integers(0, 800 * 86_400, n).astype("timedelta64[s]")
    value = random.integers(1, 6, n).astype(float)
    ledger = {
        "customer": random.integers(0, 10 * members, n),
        "purpose": np.array(["marketing", "marketing.news"])[random.integers(0, 2, n)],
        "status": np.array(["granted", "withdrawn", "granted"])[random.integers(0, 3, n)],
        "captured_at": at,
    }
    asked, friend = np.arange(10 * members), random.integers(0, members, n)
    return (
        cpu(lambda: derive_stages(who, kind, at, value=value, as_of="2026-05-01"), repeats=2),
        cpu(lambda: consent_columns(asked, "email", "marketing", "2026-05-01", ledger), repeats=2),
        cpu(lambda: referral_signs(who, friend), repeats=2),
    )


def permissions(n=1_000_000):
    """A million customers in seven zones, a ledger and contacts of a million each, six caps, quiet hours, 10,000 suppressions."""
    random = np.random.default_rng(2)
    zones = [
        "",
        "Europe/Madrid",
        "America/New_York",
        "Asia/Tokyo",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Bogota",
    ]
    noon = np.datetime64("2026-05-01T12:00", "us")
    people = {
        "customer": np.arange(n),
        "address": [f"{number}@example.com" for number in range(n)],
        "zone": [zones[number] for number in random.integers(0, len(zones), n)],
        "deceased": random.random(n) < 0.01,
        "processing": ["restricted" if one else "allowed" for one in random.random(n) < 0.01],
    }
    ledger = {
        "customer": random.integers(0, n, n),
        "purpose": np.array(["marketing", "marketing.news"])[random.integers(0, 2, n)],
        "status": np.array(["granted", "withdrawn", "granted"])[random.integers(0, 3, n)],
        "captured_at": noon - random.integers(0, 800 * 86_400, n).astype("timedelta64[s]"),
    }
    made = {
        "customer": random.integers(0, n, n),
        "channel": np.array(["email", "sms"])[random.integers(0, 2, n)],
        "at": noon - random.integers(0, 60 * 86_400, n).astype("timedelta64[s]"),
        "purpose": np.array(["marketing", "service"])[random.integers(0, 2, n)],
    }
    caps = [FrequencyCap(count, per) for count, per in zip((1, 2, 4), CapPeriod, strict=True)]
    policies = [
        ContactPolicy(quiet_hours=QuietHours.between("21:00", "08:00"), caps=tuple(caps), zone="Europe/Madrid"),
        ContactPolicy(purpose="marketing", caps=tuple(FrequencyCap(1, per, "email") for per in CapPeriod)),
    ]
    never = {
        "address": [f"{number}@example.com" for number in random.integers(0, n, 10_000)],
        "since": np.full(10_000, noon - np.timedelta64(9, "D")),
    }
    options = {"policies": policies, "made": made, "suppressions": never}
    return cpu(lambda: permission_columns(people, "email", "marketing", noon, ledger, **options), repeats=2)


def documents(n=5_000):
    customer = Customer(
        name=PersonName(given="Ana", family="García"),
        contact_points=(
            ContactPoint(kind=ContactKind.EMAIL, raw="Ana@example.com", primary=True),
            ContactPoint(kind=ContactKind.PHONE, raw="+34 600 111 222"),
        ),
        identifiers=(Identifier(namespace="tax", value="1"),),
        tags=frozenset({"a", "b"}),
        custom={"tier": "gold", "visits": [1, 2]},
    )
    plain = to_plain(customer)
    read = cpu(lambda: [from_plain(Customer, plain) for _ in range(n)])
    write = cpu(lambda: [to_plain(customer) for _ in range(n)])
    return n / read, n / write


def main():
    stages, permission, graph = columns()
    read, write = documents()
    rows = [
        {"what": "posts to the pure ledger, per second", "pycrm": posts(), "figure": "30,000"},
        {
            "what": "posts through MemoryStore, a unit each, per second",
            "pycrm": posts_through_a_store(),
            "figure": "5,000",
        },
        {"what": "100,000 posts in one unit of work, MemoryStore, s", "pycrm": batch(MemoryStore()), "figure": "5"},
        {"what": "100,000 posts in one unit of work, SQLite, s", "pycrm": on_sqlite(batch), "figure": "5"},
        {
            "what": "durable posts to SQLite, a unit each, per second of the clock",
            "pycrm": on_sqlite(posts_durable),
            "figure": "2,000",
        },
        {
            "what": "durable posts to SQLite, ten that wait share a commit, per second of the clock",
            "pycrm": on_sqlite(posts_durable_by_ten),
            "figure": "2,000",
        },
        {
            "what": "bare commits of one row to SQLite on this disk, without pycrm, per second of the clock",
            "pycrm": bare_commits(),
            "figure": "-",
        },
        {"what": "stages of 100,000 customers from 1M events, s", "pycrm": stages, "figure": "5"},
        {"what": "1M consent decisions over columns, ledger of 1M, s", "pycrm": permission, "figure": "5"},
        {
            "what": "1M decisions with consent, policies, 1M contacts made and 10,000 suppressions, s",
            "pycrm": permissions(),
            "figure": "5",
        },
        {"what": "referral graph of 1M edges, s", "pycrm": graph, "figure": "1"},
        {"what": "nested customers read from plain data, per second", "pycrm": read, "figure": "30,000"},
        {"what": "nested customers written as plain data, per second", "pycrm": write, "figure": "-"},
    ]
    note = (
        "CPU time of one process, but for the durable posts, which are timed by the clock with SQLite's own settings of the store "
        "(every commit reaches the disk). A unit each cannot be quicker than the disk's bare commits; posts that wait for one "
        "another may share one through `post_many_points`, which is as durable."
    )
    record("Loyalty", f"{table(rows)}\n\n{note}", versions={"numpy": np.__version__})


if __name__ == "__main__":
    main()
