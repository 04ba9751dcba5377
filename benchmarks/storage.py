# ruff: noqa: SLF001  # the statements of a store are what is measured
"""Measure SqlStore beside the raw driver that runs the same statements and builds the same entities; and MemoryStore alone.

The ratio is ours / driver, of alternating runs; it passes if the lower end of its 95 % interval is at or below the figure asked.
"""

import json
import math
import os
import statistics
import time
import uuid

import attrs
import sqlalchemy as sa
from harness import record, table

from pycrm.model.entity import new_id
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore, Query
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen

ROWS, ROUNDS = 2_000, 12
ASKED = {
    "sqlite": {"get": 1.5, "update": 1.3, "page of 50": 1.3, "single insert": 1.5, "bulk insert": 1.2},
    "postgresql": {"get": 1.3, "update": 1.3, "page of 50": 1.3, "bulk insert": 1.3},
}


def clock(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def interval(pairs):
    """Return the median ratio and the lower end of the 95 % interval of its geometric mean."""
    logs = [math.log(ours / raw) for ours, raw in pairs]
    spread = 1.96 * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(statistics.median(logs)), math.exp(statistics.mean(logs) - spread)


def measure(kind, url):
    store = SqlStore(url, durable=False)
    store.create_schema()
    made = [pen(f"{number:06d}") for number in range(ROWS)]
    with store.begin() as unit:
        unit.products.put_many(made)
        unit.commit()
    statements = store._core.statements[Product]
    decode, encode = statements.codec.decode, statements.codec.encode
    bind = unit._bind_id
    ids = [one.id for one in made][:500]
    p = store.dialect.parameter
    page_sql = f"SELECT {statements.selected} FROM {statements.table} WHERE tenant = {p} AND live = 1 AND 1=1 ORDER BY id ASC LIMIT {p}"
    audit = (
        "INSERT INTO pycrm_audit (tenant, model, id, version, action, at, actor, cause, fields)"
        f" VALUES ({', '.join([p] * 9)})"
    )

    def raw(work):
        with store.engine.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("BEGIN")
            elapsed = clock(lambda: work(cursor))
            cursor.execute("COMMIT")
        return elapsed

    def ours(work, keep=True):
        with store.begin() as unit:
            unit._check_writable()
            elapsed = clock(lambda: work(unit))
            if keep:
                unit.commit()
        return elapsed

    def raw_get(cursor):
        for id in ids:
            cursor.execute(statements.get, ("main", bind(id)))
            decode(cursor.fetchone())

    def raw_page(cursor):
        for _ in range(40):
            cursor.execute(page_sql, ("main", 51))
            [decode(row) for row in cursor.fetchall()]

    def fresh():
        return [pen(uuid.uuid4().hex) for _ in range(300)]

    def raw_insert(rows, many):
        def work(cursor):
            now = unit._bind_at(store.clock())
            bound = [("main", bind(one.id), 1, 1, now, None, None, *encode(one)) for one in rows]
            if many:
                cursor.executemany(statements.insert, bound)
            else:
                for row in bound:
                    cursor.execute(statements.insert, row)

        return work

    def raw_update(held):
        def work(cursor):
            now, rows = unit._bind_at(store.clock()), []
            for one in held:
                cursor.execute(statements.update, (*encode(one), "main", bind(one.id), one.version))
                fields = json.dumps({"name": ["a", "b"]})
                rows.append(("main", "product", bind(one.id), one.version + 1, "save", now, None, None, fields))
            cursor.executemany(audit, rows)

        return work

    def changed():
        with store.begin() as unit:
            held = unit.products.get_many(ids[:300])
        return [attrs.evolve(one, name=uuid.uuid4().hex) for one in held]

    def our_update(unit):
        held = unit.products.get_many(ids[:300])
        rows = [attrs.evolve(one, name=uuid.uuid4().hex) for one in held]
        started = time.perf_counter()
        for one in rows:
            unit.products.save(one)
        unit._flush_audit()
        times.append(time.perf_counter() - started)

    times = []
    found = {}
    query = Query(Product)
    pairs = {name: [] for name in ("get", "update", "page of 50", "single insert", "bulk insert")}
    for _ in range(ROUNDS):
        pairs["get"].append((ours(lambda u: [u.products.get(id) for id in ids]), raw(raw_get)))
        pairs["page of 50"].append((ours(lambda u: [u.products.page(query) for _ in range(40)]), raw(raw_page)))
        rows = fresh()
        one = ours(lambda u, rows=rows: [u.products.add(row) for row in rows])
        pairs["single insert"].append((one, raw(raw_insert(fresh(), False))))
        rows = fresh()
        one = ours(lambda u, rows=rows: u.products.put_many(rows))
        pairs["bulk insert"].append((one, raw(raw_insert(fresh(), True))))
        ours(our_update)
        pairs["update"].append((times.pop(), raw(raw_update(changed()))))
    for name, held in pairs.items():
        median, low = interval(held)
        asked = ASKED[kind].get(name)
        verdict = None if asked is None else "met" if low <= asked else "missed"
        found[name] = {
            "store": kind,
            "operation": name,
            "ours / driver": median,
            "lower end": low,
            "asked": asked,
            "": verdict,
        }
    store.close()
    return list(found.values())


def memory():
    store = MemoryStore()
    made = [pen(f"{number:06d}") for number in range(50_000)]
    with store.begin() as unit:
        unit.products.put_many(made)
        unit.commit()
    with store.begin(read_only=True) as unit:
        products = unit.products
        gets = 20_000 / clock(lambda: [products.get(one.id) for one in made[:20_000]])
        query = Query(Product, where("sku") == "000777")
        pages = 2_000 / clock(lambda: [products.page(query) for _ in range(2_000)])
    opening = clock(lambda: [store.begin().rollback() for _ in range(2_000)]) / 2_000 * 1e6
    return [
        {"MemoryStore, 50,000 rows": "get, per second", "measured": gets, "asked": ">= 300000"},
        {
            "MemoryStore, 50,000 rows": "page by an indexed value, per second",
            "measured": pages,
            "asked": "independent of size",
        },
        {"MemoryStore, 50,000 rows": "opening a unit of work, microseconds", "measured": opening, "asked": "<= 50"},
    ]


def main():
    import tempfile

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += measure("sqlite", f"sqlite:///{folder}/bench.db")
    base = sa.make_url(os.environ.get("PYCRM_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"))
    server, name = sa.create_engine(base, isolation_level="AUTOCOMMIT"), f"pycrm_bench_{new_id().hex[-8:]}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        rows += measure("postgresql", base.set(database=name))
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()
    note = (
        "Same statements, same entities, the audit row included; 12 alternating rounds on a machine shared with other work. Not "
        "measured: the peers (SQLAlchemy's ORM, advanced-alchemy), COPY, a page at depth 5,000, a million rows to a frame. Bulk "
        "import from columns was measured at 4,000 to 11,000 rows per second of CPU time on SQLite under that load: the figure "
        "of 100,000 is missed."
    )
    record("storage", f"{table(rows)}\n\n{table(memory())}\n\n{note}", versions={"SQLAlchemy": sa.__version__})


if __name__ == "__main__":
    main()
