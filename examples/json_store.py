# ruff: noqa: SLF001  # a store and its unit of work are one thing in two classes
"""A whole store of one's own: a folder with one JSON file per tenant, kept by `MemoryStore`'s rules.

A unit of work is one of memory; committing writes the tenant's file anew and puts it in place at once, so a killed process
leaves the old file or the new one. Good for settings and small teams; one process at a time.
"""

import json
import os
import threading
from pathlib import Path

from pycrm.serialize import from_dict, to_dict
from pycrm.storage import Kept, MemoryStore, MemoryUnit


class JsonUnit(MemoryUnit):
    """A unit of work that writes the file when it commits."""

    def commit(self):
        with self.turn:
            super().commit()
            if not self.read_only:
                self._keep(self.folder / f"{self.tenant}.json")

    def _keep(self, path):
        unit = MemoryStore.begin(self._store, read_only=True)
        with unit:
            rows = [
                [map.table, kept.live, to_dict(kept.entity)] for map in unit.maps() for kept in unit.dump(map.model)
            ]
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(rows, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


class JsonStore:
    """The store: `JsonStore("folder")`."""

    def __init__(self, folder, memory=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._memory = MemoryStore() if memory is None else memory
        self._loaded = set()
        self._turn = threading.RLock()

    def _load(self):
        name = self._memory.name
        if name in self._loaded:
            return
        self._loaded.add(name)
        path = self.folder / f"{name}.json"
        if path.exists():
            with self._memory.begin() as unit:
                models = {map.table: map.model for map in unit.maps()}
                for table, live, plain in json.loads(path.read_text(encoding="utf-8")):
                    unit.load(models[table], [Kept(from_dict(models[table], plain), live)])
                unit.commit()

    def begin(self, *, read_only=False, isolation="default", actor=None, cause=None):
        self._load()
        unit = JsonUnit(self._memory, read_only=read_only, isolation=isolation, actor=actor, cause=cause)
        unit.folder, unit.turn, unit._store = self.folder, self._turn, self._memory
        return unit

    def run(self, work, /, *, key=None, attempts=5):
        from pycrm.storage.unit import run

        return run(self.begin, work, key=key, attempts=attempts, retries=self._memory.retries)

    def tenant(self, tenant, /):
        made = JsonStore(self.folder, self._memory.tenant(tenant))
        made._loaded, made._turn = self._loaded, self._turn
        return made


if __name__ == "__main__":
    import tempfile

    from pycrm.model.order import Product

    with tempfile.TemporaryDirectory() as folder:
        with JsonStore(folder).begin() as uow:
            pen = uow.products.add(Product(sku="A1", name="Pen"))
            uow.commit()
        with JsonStore(folder).begin(read_only=True) as uow:
            print(uow.products.get(pen.id).name)
