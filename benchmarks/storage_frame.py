"""One case of benchmarks/storage.py: many rows of PostgreSQL to a pandas frame, ours or raw; prints seconds, peak and frame in bytes."""

import json
import random
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

import adbc_driver_postgresql.dbapi as adbc
import pandas as pd
import psycopg
import pyarrow as pa
import sqlalchemy as sa

from pycrm.frames import frame_of
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.interaction import Interaction
from pycrm.storage import Query, read_batches, write_columns
from pycrm.storage.sql import SqlStore

FIELDS = [
    "id",
    "customer_id",
    "kind",
    "direction",
    "channel",
    "mode",
    "assisted",
    "occurred_at",
    "recorded_at",
    "sentiment",
]
ASKED = f"SELECT {', '.join(FIELDS)} FROM interaction WHERE tenant = 'main' AND live = 1 ORDER BY id"  # names alone
TYPES = {"kind": "str", "direction": "str", "channel": "str", "mode": "str", "assisted": "bool", "sentiment": "float64"}


def seed(store, size):
    store.create_schema()
    chance, start = random.Random(1), datetime(2026, 1, 1, tzinfo=UTC)
    people = [new_id() for _ in range(10_000)]
    times = [start + timedelta(seconds=chance.randrange(30_000_000)) for _ in range(size)]
    columns = {
        "customer_id": [chance.choice(people) for _ in range(size)],
        "kind": [chance.choice(["email", "call", "visit"]) for _ in range(size)],
        "channel": ["email"] * size,
        "occurred_at": times,
        "recorded_at": times,
        "sentiment": [chance.choice([None, 0.5, -0.25]) for _ in range(size)],
    }
    with store.begin() as unit:
        write_columns(unit, Customer, {"id": people, "name.given": ["Ana"] * len(people)})
        unit.commit()
    started = time.perf_counter()
    with store.begin() as unit:
        write_columns(unit, Interaction, columns)
        unit.commit()
    seconds = time.perf_counter() - started
    with store.engine.connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE interaction")
    return seconds


def ours(store, *, arrow):
    with store.begin(read_only=True) as unit:
        return frame_of(read_batches(unit, Query(Interaction), FIELDS, arrow=arrow))


def raw_adbc(url):
    with adbc.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute(ASKED)
        frame = cursor.fetch_arrow_table().to_pandas()
    for name in ("id", "customer_id"):
        frame[name] = [UUID(bytes=bytes(value)) if not isinstance(value, UUID) else value for value in frame[name]]
    return frame


def raw_chunks(url):
    parts = []
    with psycopg.connect(url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        with connection.cursor(name="raw") as cursor:
            cursor.execute(ASKED)
            while rows := cursor.fetchmany(20_000):
                parts.append(pd.DataFrame(rows, columns=FIELDS).astype(TYPES))
    return pd.concat(parts, ignore_index=True)


def main():
    way, text, *size = sys.argv[1:]
    store = SqlStore(text)
    plain = sa.make_url(text).set(drivername="postgresql").render_as_string(hide_password=False)
    if way == "seed":
        print(json.dumps({"seconds": seed(store, int(size[0]))}))
        return
    with store.begin(read_only=True) as unit:
        unit.of(Interaction).page(Query(Interaction), size=1)
    work = {
        "arrow": lambda: ours(store, arrow=True),
        "chunks": lambda: ours(store, arrow=False),
        "adbc": lambda: raw_adbc(plain),
        "driver": lambda: raw_chunks(plain),
    }[way]
    pa.array([1]).to_pandas()  # what is loaded once is not timed, on any side
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    frame = work()
    seconds = time.perf_counter() - started
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "frame": int(frame.memory_usage(deep=True).sum())}))


if __name__ == "__main__":
    main()
