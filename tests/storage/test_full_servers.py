"""A server whose disk is full: an error of ours, nothing half-written, and work goes on when there is room again.

A limit on the size of a file needs no rights and is tried everywhere; a small file system, full to its last byte, where one may be mounted.
"""

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from pycrm.errors import StoreError, Transient, Unknown
from pycrm.model.order import Product
from pycrm.storage import Query, default_maps
from pycrm.storage.integrity import check
from pycrm.storage.sql import SqlStore
from pycrm.testing.made import pen, stored
from storage.own_servers import own_server

PRODUCTS = [map for map in default_maps() if map.model is Product]
ROWS = 200  # of a commit, 1 kB each


def fill(store):
    """Write until the store refuses; return the skus that were acknowledged, those that were not, and the error."""
    done = []
    for turn in range(1_000):
        skus = [f"{turn}-{number}" for number in range(ROWS)]
        try:
            with store.begin() as unit:
                unit.of(Product).put_many([pen(sku, name="x" * 1_000) for sku in skus])
                unit.commit()
        except StoreError as error:
            return done, skus, error
        done += skus
    raise AssertionError("the disk was never full")


def kept(store):
    """Return the skus that are stored."""
    with store.begin(read_only=True) as unit:
        return [one.sku for batch in unit.of(Product).stream(Query(Product)) for one in batch]


def retried(store, *more):
    """Add what is given and return the skus that are stored, over a connection that may be lost."""

    def work(unit):
        for one in more:
            unit.of(Product).add(one)
        return [one.sku for batch in unit.of(Product).stream(Query(Product)) for one in batch]

    return store.run(work, attempts=2)


def sound(server, store):
    """Ask the database itself, and pycrm, whether anything is broken."""
    assert check(store).faults == ()
    with store.engine.connect() as connection:
        if server.kind == "mariadb":
            found = connection.exec_driver_sql("CHECK TABLE product EXTENDED").all()
            assert [row[-1] for row in found] == ["OK"]
        else:
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS amcheck")
            connection.exec_driver_sql(
                "SELECT bt_index_check(indexrelid, true) FROM pg_index WHERE indrelid = 'product'::regclass"
            )
            assert connection.exec_driver_sql("SELECT count(*) FROM verify_heapam('product')").scalar() == 0


NARROW, WIDE = (
    ("--innodb-file-per-table=0", f"--innodb-data-file-path=ibdata1:12M:autoextend:max:{most}M", "--innodb-autoextend-increment=1")
    for most in (18, 512)
)  # fmt: skip


def pens(letter):
    return [pen(f"{letter}{number}", name="x" * 1_000) for number in range(ROWS)]


def goes_on(server, store, done, maybe=()):
    """Tell that the store holds what was acknowledged, nothing by half, and takes more, also after a restart."""
    found = set(retried(store))
    assert found in ({"A1", *done}, {"A1", *done, *maybe})
    store.run(lambda unit: unit.of(Product).put_many(pens("C")))
    server.restart()
    store.run(lambda unit: unit.of(Product).put_many(pens("D")))
    assert len(kept(store)) == len(found) + 2 * ROWS
    sound(server, store)


@pytest.mark.parametrize(("kind", "code"), [("postgresql", "53100"), ("mariadb", "1114")])
def test_a_file_that_may_not_grow_is_an_error_of_ours_and_the_store_works_when_it_may(kind, code):
    with own_server(kind, *(NARROW if kind == "mariadb" else ())) as server:
        store = SqlStore(server.url(), PRODUCTS)
        store.create_schema()
        stored(store, pen("A1"))
        if kind == "postgresql":
            # Half a page beyond whole ones: the page at the limit is written in part, which the server calls a full disk.
            server.starve(2 * 2**20 + 4_096)
        done, _, error = fill(store)
        assert (type(error), code in str(error)) == (StoreError, True), repr(error)
        assert done
        assert set(kept(store)) == {"A1", *done}
        with pytest.raises(StoreError, match=code):
            store.run(lambda unit: unit.of(Product).put_many(pens("B")))
        if kind == "postgresql":
            server.starve(None)
            stored(store, pen("B2"))
        else:
            server.kill()
            server.start(*WIDE)
            retried(store, pen("B2"))
        goes_on(server, store, [*done, "B2"])
        store.close()


@contextmanager
def small_file_system():
    """Yield a folder that is a file system of 128 MiB."""
    with tempfile.TemporaryDirectory(prefix="pycrm-") as folder:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=128m,mode=755", "pycrm-test", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            pytest.skip(f"nobody may mount a file system here, so none is full: {made.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_file_system_that_is_full_is_an_error_of_ours_and_the_store_works_when_there_is_room(kind):
    with small_file_system() as folder, own_server(kind, folder=folder) as server:
        store = SqlStore(server.url(), PRODUCTS)
        store.create_schema()
        stored(store, pen("A1"))
        ballast = folder / "ballast"
        with ballast.open("wb") as file:
            file.truncate(0)
            size = shutil.disk_usage(folder).free - 6 * 2**20
            file.write(bytes(size))
        done, maybe, error = fill(store)
        # The server may refuse, or fall over its own log; in COMMIT nobody knows, before it nothing was written.
        assert type(error) in {StoreError, Transient, Unknown}, repr(error)
        assert done
        ballast.unlink()
        server.restart()
        goes_on(server, store, done, maybe if isinstance(error, Unknown) else ())
        store.close()
