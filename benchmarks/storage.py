# ruff: noqa: SLF001  # the statements of a store are what is measured
"""Measure SqlStore beside the raw driver that runs the same statements and builds the same entities; and MemoryStore alone.

The raw side holds one connection and cursor, runs the very statements of the store (the audit row, the look at what is there and
the transaction included) and makes the new entity with `attrs.evolve`, as a program without pycrm would. The ratio is ours /
driver, round by round in turn; it passes if the lower end of its 95 % interval is at or below the figure asked.

Run ``python benchmarks/storage.py``; ``--rounds``, ``--rows`` (of the frame), ``--held`` (by MemoryStore) and ``--only`` make it
smaller. Peers run in the environment of the group ``peers-storage``.
"""

import argparse
import gc
import itertools
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import attrs
import sqlalchemy as sa
from harness import interleave, record, table
from scipy.stats import t as student

from pycrm.model.customer import Customer, PersonName
from pycrm.model.entity import new_id
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore, Query, asc, desc, write_columns
from pycrm.storage.sql import SqlStore
from pycrm.storage.sql.repository import _update
from pycrm.testing.made import pen

SERVERS = {
    "postgresql": os.environ.get("PYCRM_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"),
    "mariadb": os.environ.get("PYCRM_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test"),
}
SQLITE = {"get": 1.5, "update": 1.3, "page of 50": 1.3, "single insert": 1.5, "bulk insert": 1.2}
POSTGRESQL = {
    "get": 1.3, "update": 1.3, "page of 50": 1.3, "bulk insert": 1.3, "bulk insert of 20,000": 1.2, "bulk upsert": 1.5,
}  # fmt: skip
EACH = {
    "get, a transaction each": "get",
    "update and its get, a transaction each": "update",
    "single insert, a transaction each": "single insert",
}
ASKED = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mariadb": {}}
FEW, MANY = 300, 20_000
NAME, VIP = PersonName(given="Ana"), frozenset({"vip"})


def clock(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best(work):
    return min(clock(work) for _ in range(5))


def interval(pairs):
    """Return the median ratio, and the ends of the 95 % interval of its geometric mean."""
    logs = [math.log(ours / raw) for ours, raw in pairs]
    spread = student.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.mean(logs)
    return math.exp(statistics.median(logs)), math.exp(mean - spread), math.exp(mean + spread)


@contextmanager
def a_database(kind):
    """Yield the URL of an empty database."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/bench.db"
        return
    base = sa.make_url(SERVERS[kind])
    server, name = sa.create_engine(base, isolation_level="AUTOCOMMIT"), f"pycrm_bench_{new_id().hex[-8:]}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield base.set(database=name)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")
        server.dispose()


class Raw:
    """The driver alone, with the statements of a store."""

    def __init__(self, store, kind, model=Product):
        self.kind = kind
        self.store = store
        self.statements = store._core.statements[model]
        self.encode, self.decode = self.statements.codec.encode, self.statements.codec.decode
        with store.begin() as unit:
            self.bind, self.bind_at = unit._bind_id, unit._bind_at
        self.p = store.dialect.parameter
        self.audit = (
            "INSERT INTO pycrm_audit (tenant, model, id, version, action, at, actor, cause, fields)"
            f" VALUES ({', '.join([self.p] * 9)})"
        )
        self.renames = (
            _update(self.statements.table, (self.statements.quoted["name"],), self.p) if model is Product else ""
        )
        self.connection = store.engine.raw_connection()
        self.cursor = self.connection.cursor()
        for setting in store._core.settings:
            self.cursor.execute(setting)

    def now(self):
        return self.bind_at(self.store.clock())

    @contextmanager
    def transaction(self, *, keep=True, read_only=False):
        for statement in self.store.dialect.begin_read if read_only else self.store.dialect.begin_write:
            self.cursor.execute(statement)
        yield
        self.cursor.execute("COMMIT" if keep else "ROLLBACK")

    def inserted(self, one, now):
        return ("main", self.bind(one.id), 1, 1, now, None, None, *self.encode(one))

    def noted(self, before, after, now):
        fields = {name: [getattr(before, name), getattr(after, name)] for name in ("name",)}
        return ("main", "product", self.bind(after.id), after.version, "save", now, None, None, json.dumps(fields))

    def get(self, id):
        self.cursor.execute(self.statements.get, ("main", self.bind(id)))
        return self.decode(self.cursor.fetchone())

    def page(self):
        sql = f"SELECT {self.statements.selected} FROM {self.statements.table} WHERE tenant = {self.p} AND live = 1 AND 1=1 ORDER BY id ASC LIMIT {self.p}"
        self.cursor.execute(sql, ("main", 51))
        return [self.decode(row) for row in self.cursor.fetchall()]

    def add(self, one):
        self.cursor.execute(self.statements.insert, self.inserted(one, self.now()))
        return attrs.evolve(one, version=1)

    def add_many(self, rows):
        now = self.now()
        self.cursor.executemany(self.statements.insert, [self.inserted(one, now) for one in rows])

    def copy(self, rows):
        now = self.now()
        self.copy_rows(self.inserted(one, now) for one in rows)

    def copy_rows(self, rows):
        with self.cursor.copy(self.statements.copy) as copy:
            for row in rows:
                copy.write_row(row)

    def save(self, before, one, noted):
        self.cursor.execute(self.renames, (one.name, "main", self.bind(one.id), one.version))
        assert self.cursor.rowcount == 1
        made = attrs.evolve(one, version=one.version + 1)
        noted.append(self.noted(before, made, self.now()))
        return made

    def save_each(self, pairs):
        noted = []
        for before, one in pairs:
            self.save(before, one, noted)
        self.cursor.executemany(self.audit, noted)

    def upsert(self, rows):
        held = {}
        locking = self.store.dialect.locking
        for at in range(0, len(rows), 500):
            some = rows[at : at + 500]
            marks = ", ".join([self.p] * len(some))
            sql = f"SELECT {self.statements.selected} FROM {self.statements.table} WHERE tenant = {self.p} AND id IN ({marks}){locking}"
            self.cursor.execute(sql, ("main", *(self.bind(one.id) for one in some)))
            held |= {one.id: one for one in map(self.decode, self.cursor.fetchall())}
        now = self.now()
        over = [(held[one.id], attrs.evolve(one, version=held[one.id].version + 1)) for one in rows if one.id in held]
        written = [("main", self.bind(one.id), one.version, 1, now, None, None, *self.encode(one)) for _, one in over]
        self.cursor.executemany(self.statements.upsert, written)
        self.cursor.executemany(self.audit, [self.noted(before, one, self.now()) for before, one in over])
        self.add_many([one for one in rows if one.id not in held])


def measure(kind, rounds):
    with a_database(kind) as url:
        store = SqlStore(url, durable=False)
        store.create_schema()
        with store.begin() as unit:
            unit.products.put_many([pen(f"{number:06d}") for number in range(8_000)])
            unit.commit()
        pairs, pages = ratios(store, Raw(store, kind), kind, rounds)
        store.close()
    rows = []
    for name, held in pairs.items():
        rows.append(verdict(kind, name, held, ASKED[kind].get(EACH.get(name, name))))
    return [*rows, verdict(kind, "page at depth 5,000 / page one", pages, 1.2)]


def verdict(kind, name, held, asked):
    median, low, high = interval(held)
    said = None if asked is None else "met" if low <= asked else "missed"
    print(f"{kind}: {name}: {low:.3f} {median:.3f} {high:.3f} {said or ''}", file=sys.stderr, flush=True)
    return line(kind, name, median, low, high, asked, said)


def line(kind, name, median, low, high, asked, said):
    return {
        "store": kind, "operation": name, "lower end": low, "median": median, "upper end": high, "asked": asked, "": said,
    }  # fmt: skip


def ratios(store, raw, kind, rounds):
    """Return pairs of seconds, ours and the driver's, by operation; and of a deep page and the first."""
    with store.begin(read_only=True) as unit:
        first = unit.products.page(Query(Product), size=500)
        deep = unit.products.page(Query(Product), size=5_000).next
    ids = [one.id for one in first.items]
    pairs, pages = {}, []

    def fresh(count):
        return [pen(uuid.uuid4().hex) for _ in range(count)]

    def renamed(held):
        return [(one, attrs.evolve(one, name=uuid.uuid4().hex)) for one in held]

    def within(work, prepare=lambda _: None, *, keep=True):
        """Seconds of work within one unit of work of ours, its beginning and end left out."""
        with store.begin() as unit:
            given = prepare(unit)
            unit._check_writable()
            seconds = clock(lambda: work(unit, given))
            if keep:
                unit.commit()
        return seconds

    def driven(work, prepare=lambda: None, *, keep=True):
        with raw.transaction(keep=keep):
            given = prepare()
            return clock(lambda: work(given))

    def took(name, ours, theirs):
        pairs.setdefault(name, []).append((ours, theirs))

    def save_ours(unit, given):
        for _, one in given:
            unit.products.save(one)
        unit._flush_audit()

    def one_each(rows):
        for one in rows:
            with store.begin() as unit:
                unit.products.add(one)
                unit.commit()

    def raw_one_each(rows):
        for one in rows:
            with raw.transaction():
                raw.add(one)

    def get_each(chosen):
        for id in chosen:
            with store.begin(read_only=True) as unit:
                unit.products.get(id)
                unit.commit()

    def raw_get_each(chosen):
        for id in chosen:
            with raw.transaction(read_only=True):
                raw.get(id)

    def change_each(chosen):
        for id in chosen:
            with store.begin() as unit:
                held = unit.products.get(id)
                unit.products.save(attrs.evolve(held, name=uuid.uuid4().hex))
                unit.commit()

    def raw_change_each(chosen):
        for id in chosen:
            with raw.transaction():
                held = raw.get(id)
                raw.save_each([(held, attrs.evolve(held, name=uuid.uuid4().hex))])

    def half_known(held):
        return [*(one for _, one in renamed(held)), *fresh(len(held))]

    query = Query(Product)
    for _ in range(rounds + 1):
        took(
            "get",
            within(lambda u, _: [u.products.get(id) for id in ids]),
            driven(lambda _: [raw.get(id) for id in ids]),
        )
        took(
            "page of 50",
            within(lambda u, _: [u.products.page(query) for _ in range(40)]),
            driven(lambda _: [raw.page() for _ in range(40)]),
        )
        took(
            "update",
            within(save_ours, lambda u: renamed(u.products.get_many(ids[:FEW]))),
            driven(raw.save_each, lambda: renamed([raw.get(id) for id in ids[:FEW]])),
        )
        chosen = ids[:FEW] if kind == "sqlite" else ids[:100]
        took(
            "get, a transaction each",
            clock(lambda c=chosen: get_each(c)),
            clock(lambda c=chosen: raw_get_each(c)),
        )
        took(
            "update and its get, a transaction each",
            clock(lambda c=chosen: change_each(c)),
            clock(lambda c=chosen: raw_change_each(c)),
        )
        took(
            "single insert",
            within(lambda u, rows: [u.products.add(one) for one in rows], lambda _: fresh(FEW)),
            driven(lambda rows: [raw.add(one) for one in rows], lambda: fresh(FEW)),
        )
        some, others = fresh(len(chosen)), fresh(len(chosen))
        took(
            "single insert, a transaction each",
            clock(lambda s=some: one_each(s)),
            clock(lambda s=others: raw_one_each(s)),
        )
        took(
            "bulk insert",
            within(lambda u, rows: u.products.put_many(rows), lambda _: fresh(2_000)),
            driven(raw.add_many, lambda: fresh(2_000)),
        )
        took(
            "bulk upsert",
            within(
                lambda u, rows: (u.upsert(Product, rows), u._flush_audit()),
                lambda u: half_known(u.products.get_many(ids)),
            ),
            driven(raw.upsert, lambda: half_known([raw.get(id) for id in ids])),
        )
        many = raw.copy if kind == "postgresql" else raw.add_many
        took(
            "bulk insert of 20,000",
            within(lambda u, rows: u.products.put_many(rows), lambda _: fresh(MANY), keep=False),
            driven(many, lambda: fresh(MANY), keep=False),
        )
        with store.begin(read_only=True) as unit:
            products = unit.products
            pages.append(
                (
                    clock(lambda p=products: [p.page(query, after=deep) for _ in range(40)]),
                    clock(lambda p=products: [p.page(query) for _ in range(40)]),
                )
            )
    return {name: held[1:] for name, held in pairs.items()}, pages[1:]  # the first round warms both


PAGES = {
    "page of a value": Query(Customer, where("source") == "fair"),
    "page of a value, downwards": Query(Customer, where("source") == "fair", order=(desc("id"),)),
    "page of a tag": Query(Customer, where("tags") == "vip"),
    "page by an indexed order": Query(Customer, order=(asc("source"),)),
}


def memory(held):
    """Measure one store of each size; every page is full: a tenth of the customers has the value, and the tag."""
    rows = []
    for size in (held // 1_000, held // 100, held // 10, held):
        store = MemoryStore()
        made = [
            Customer(
                name=NAME, source="fair" if at % 10 == 0 else f"shop {at}", tags=VIP if at % 10 == 5 else frozenset()
            )
            for at in range(size)
        ]
        with store.begin() as unit:
            unit.customers.put_many(made)
            unit.commit()
        gc.collect()  # the search for cycles that the filling put off is no part of a read
        row = {"MemoryStore, entities": size}
        with store.begin(read_only=True) as unit:
            customers, some = unit.customers, list(itertools.islice(itertools.cycle(made), 20_000))
            gets = 20_000 / best(lambda c=customers, s=some: [c.get(one.id) for one in s])
            for name, query in PAGES.items():
                places = [None]
                for _ in range(min(20, size // 500)):
                    page = customers.page(query, after=places[-1])
                    assert len(page.items) == 50
                    places.append(page.next)
                turns = list(itertools.islice(itertools.cycle(places[:-1]), 200))
                took = best(lambda c=customers, q=query, t=turns: [c.page(q, after=a) for a in t])
                row[f"{name}, us"] = took / len(turns) * 1e6
        opening = best(lambda s=store: [s.begin().rollback() for _ in range(2_000)]) / 2_000 * 1e6
        rows.append({**row, "get, per second": gets, "opening a unit, us": opening})
    return rows


def frames(size, rounds):
    """Compare a frame of `size` rows with what ADBC and the driver's chunks give, each in a process of its own."""
    with a_database("postgresql") as url:
        text = url.render_as_string(hide_password=False)
        ways = {way: (None, "storage_frame.py", [way, text]) for way in ("arrow", "adbc", "chunks", "driver")}
        seeded = interleave({"seed": (None, "storage_frame.py", ["seed", text, str(size)])}, rounds=1)
        found = interleave(ways, rounds=rounds)
    rows = []
    for ours, raw, asked in (("arrow", "adbc", 1.2), ("chunks", "driver", 1.3)):
        held = [(a["seconds"], b["seconds"]) for a, b in zip(found[ours], found[raw], strict=True)]
        rows.append(verdict("postgresql", f"{size:,} rows to a frame: {ours} / {raw}", held, asked))
        peak = statistics.median(one["peak"] / one["frame"] for one in found[ours])
        said = "met" if peak <= 2 else "missed"
        rows.append(line("postgresql", f"{ours}: peak / frame", peak, None, None, 2, said))
    speed = {f"{way}, rows per second": size / min(one["seconds"] for one in held) for way, held in found.items()}
    return rows, [{f"import of {size:,}, rows per second": size / seeded["seed"][0]["seconds"], **speed}]


IMPORTED = 100_000


def imports(rounds):
    """Compare an import of columns with the driver's COPY of the very rows that it sends, built and checked before."""
    with a_database("postgresql") as url:
        store = SqlStore(url, durable=False)
        store.create_schema()
        chance, start = random.Random(1), datetime(2026, 1, 1, tzinfo=UTC)
        people = [new_id() for _ in range(1_000)]
        times = [start + timedelta(seconds=chance.randrange(30_000_000)) for _ in range(IMPORTED)]
        columns = {
            "id": [new_id() for _ in range(IMPORTED)],
            "customer_id": [chance.choice(people) for _ in range(IMPORTED)],
            "kind": [chance.choice(["email", "call", "visit"]) for _ in range(IMPORTED)],
            "channel": ["email"] * IMPORTED,
            "occurred_at": times,
            "recorded_at": times,
            "sentiment": [chance.choice([None, 0.5, -0.25]) for _ in range(IMPORTED)],
        }
        with store.begin() as unit:
            write_columns(unit, Customer, {"id": people, "name.given": ["Ana"] * len(people)})
            unit.commit()
        with store.begin() as unit:
            write_columns(unit, Interaction, columns)
            given = {name: values for name, values in columns.items() if name != "id"}
            rest = [name for name in given if name != "kind"]
            made = [
                Interaction(id=id, kind=InteractionKind(row[1]), **dict(zip(rest, row[:1] + row[2:], strict=True)))
                for id, *row in zip(columns["id"], *given.values(), strict=True)
            ]
        raw = Raw(store, "postgresql", Interaction)
        now = raw.now()
        rows = [raw.inserted(one, now) for one in made]
        del made
        held = []
        for _ in range(rounds + 1):
            with store.begin() as unit:
                unit._check_writable()
                ours = clock(lambda u=unit: write_columns(u, Interaction, columns))
            with raw.transaction(keep=False):
                held.append((ours, clock(lambda: raw.copy_rows(rows))))
        store.close()
    held = held[1:]
    speeds = {
        "import of columns, rows per second": IMPORTED / statistics.median(ours for ours, _ in held),
        "COPY of the made rows, rows per second": IMPORTED / statistics.median(raw for _, raw in held),
    }
    return verdict("postgresql", "import of columns / COPY of the made rows", held, None), [speeds]


def peers(rounds):
    cases = {
        kind: ("peers-storage", "storage_peers.py", [SERVERS.get(kind, kind)]) for kind in ("sqlite", "postgresql")
    }
    found = interleave(cases, rounds=rounds)
    rows = []
    for kind, held in found.items():
        if "error" in held[0]:
            rows.append(
                {"store": kind, "operation": held[0]["error"], "ORM / driver": None, "advanced-alchemy / driver": None}
            )
            continue
        for name in held[0]["orm"]:
            row = {"store": kind, "operation": name}
            for peer, title in (("orm", "ORM / driver"), ("advanced_alchemy", "advanced-alchemy / driver")):
                row[title] = statistics.median(one[peer][name] / one["driver"][name] for one in held)
            rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--held", type=int, default=1_000_000)
    parser.add_argument(
        "--only", nargs="*", default=["sqlite", "postgresql", "mariadb", "memory", "imports", "frames", "peers"]
    )
    parser.add_argument("--print", action="store_true", help="print the tables instead of recording them")
    given = parser.parse_args()
    parts, rows = [], []
    for kind in ("sqlite", "postgresql", "mariadb"):
        if kind in given.only:
            rows += measure(kind, given.rounds)
    if "imports" in given.only:
        row, speeds = imports(given.rounds)
        rows.append(row)
        parts.append(table(speeds))
    if "frames" in given.only:
        made, speeds = frames(given.rows, given.rounds)
        rows += made
        parts.append(table(speeds))
    if "memory" in given.only:
        parts.append(table(memory(given.held)))
        parts.append(
            "Asked of MemoryStore: 300,000 gets per second, a page independent of the size, 50 us to open a unit."
        )
    if "peers" in given.only:
        parts.append(table(peers(3)))
    note = (
        f"{given.rounds} alternating rounds (and one before, which warms both). Both sides run the same statements in the same "
        "transactions, audit row and clock included, and build the new entity, ours by generated code and the driver's by "
        "attrs.evolve; what says a transaction each has its beginning and its commit in the time, all else is timed within one. PostgreSQL has looked "
        "at its tables once, after the first bulk load, as the store makes it do. The import is of rows of 24 columns; the COPY beside "
        "it sends rows that are made and checked before the clock runs. Of a store in memory the best of five turns counts."
    )
    text = "\n\n".join([*([table(rows)] if rows else []), *parts, note])
    if given.print:
        print(text)
    else:
        record("storage", text, versions={"SQLAlchemy": sa.__version__})


if __name__ == "__main__":
    main()
