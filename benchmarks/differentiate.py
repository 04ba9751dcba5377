"""Differentiate 100,000 customers by 1,000,000 orders in SQLite: `python benchmarks/differentiate.py [customers] [orders]`.

The store is made once, beside this program, and copied for each run: the verb writes a snapshot.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
AS_OF = date(2025, 12, 31)


def made(customers: int, orders: int) -> Path:
    """Return the SQLite file, made where it is not there yet."""
    import uuid

    from pycrm.model.customer import Customer
    from pycrm.model.order import Order
    from pycrm.storage import migrations, write_columns
    from pycrm.storage.sql import SqlStore

    folder = HERE / ".data"
    folder.mkdir(exist_ok=True)
    # A file of another schema is no use.
    schema = hashlib.sha256((Path(migrations.__file__).parent / "pycrm_0001.sqlite.sql").read_bytes()).hexdigest()[:8]
    path = folder / f"differentiate-{customers}-{orders}-{schema}.db"
    if path.exists():
        return path
    waiting = path.with_suffix(".making")
    waiting.unlink(missing_ok=True)
    rng = np.random.default_rng(11)
    people = [uuid.UUID(bytes=rng.bytes(16), version=4) for _ in range(customers)]
    rates = rng.gamma(0.9, 1.0, customers)
    who = np.sort(rng.choice(customers, orders, p=rates / rates.sum()))
    # Each customer joins on a day and leaves on another; purchases fall in between.
    joined = rng.integers(0, 600, customers)
    left = np.minimum(joined + rng.exponential(500, customers), 730)
    days = joined[who] + rng.random(orders) * (left - joined)[who]
    prices = np.round(rng.gamma(2.0, 15.0, 2_000) + 1, 2)
    size = np.clip(np.rint(rng.normal(500, 250, orders) * np.exp(0.5 * rng.normal(size=customers))[who]), 0, 1_999)
    lines = [
        [{"sku": f"sku-{n}", "unit_price": {"amount": str(price), "currency": "EUR"}}]
        for n, price in enumerate(np.sort(prices))
    ]
    start = np.datetime64("2024-01-01", "us")
    store = SqlStore(f"sqlite:///{waiting}", durable=False)
    store.create_schema()
    started = time.perf_counter()
    with store.begin() as unit:
        countries = [("DE", "ES", "FR")[n % 3] for n in range(customers)]
        names = [f"Customer {n}" for n in range(customers)]
        write_columns(unit, Customer, {"id": people, "name.given": names, "country": countries})
        unit.commit()
    for low in range(0, orders, 100_000):
        part = slice(low, low + 100_000)
        with store.begin() as unit:
            write_columns(
                unit,
                Order,
                {
                    "customer_id": [people[n] for n in who[part].tolist()],
                    "number": [str(n) for n in range(low, low + len(who[part]))],
                    "placed_at": start + (days[part] * 86_400e6).astype("timedelta64[us]"),
                    "currency": ["EUR"] * len(who[part]),
                    "lines": [lines[n] for n in size[part].astype(int).tolist()],
                },
            )
            unit.commit()
        print(f"\r{low + 100_000:,} orders, {time.perf_counter() - started:.0f} s", end="", file=sys.stderr, flush=True)
    store.close()
    waiting.rename(path)
    return path


def assess(path: str) -> dict:
    from pycrm.storage.sql import SqlStore
    from pycrm.workflows import differentiate

    store = SqlStore(f"sqlite:///{path}")
    started, cpu = time.perf_counter(), time.process_time()
    report = differentiate.assess(store, as_of=AS_OF, audit=("country",))
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "customers": report.customers,
        "orders": report.orders,
    }


def main(customers: int, orders: int) -> None:
    import harness
    import sqlalchemy

    original = made(customers, orders)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "store.db"
        shutil.copy(original, copy)
        found = harness.run(sys.executable, str(HERE / "differentiate.py"), "--case", str(copy))
    if "error" in found:
        raise SystemExit(found["error"])
    row = {
        "what": f"differentiate.assess, {found['customers']:,} customers, {found['orders']:,} orders, SQLite",
        "asked": "<= 30 s, <= 1,536 MiB",
        "s": found["seconds"],
        "CPU s": found["cpu_seconds"],
        "peak MiB": found["peak_mib"],
    }
    text = (
        harness.table([row])
        + f"\n\nLoad of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."
    )
    harness.record("Differentiate", text, versions={"numpy": np.__version__, "SQLAlchemy": sqlalchemy.__version__})
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(assess(sys.argv[2])))
    else:
        main(*(int(number.replace("_", "")) for number in (sys.argv[1:3] or ("100000", "1000000"))))
