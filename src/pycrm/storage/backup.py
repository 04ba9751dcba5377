"""A store into a file and back: lossless, checked, streaming, between any two stores of ours.

The file is gzipped JSON lines: a header, one line per entity (removed ones too) with its audit trail, and a footer with the
number of lines and their SHA-256. Events waiting in the outbox and remembered results of keys stay behind: they belong to the
running system, not to what is known.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from attrs import frozen

from pycrm.errors import DocumentError
from pycrm.serialize import from_dict, to_dict
from pycrm.storage.mapping import EntityMap
from pycrm.storage.protocols import Change, Store

__all__ = ["Kept", "Portable", "export", "restore"]

FORMAT = 1
_BATCH = 1_000


@frozen
class Kept:
    """One entity as it is kept: whether it lives, and its audit trail."""

    entity: Any
    live: bool
    history: tuple[Change, ...] = ()


@runtime_checkable
class Portable(Protocol):
    """A unit of work whose store can be taken out whole and put in whole."""

    def maps(self) -> Sequence[EntityMap]:
        """Return the maps, each behind those it refers to."""
        ...

    def dump(self, model: type[Any], /) -> Iterator[Kept]:
        """Yield every entity of a model, removed ones too."""
        ...

    def load(self, model: type[Any], rows: Sequence[Kept], /) -> None:
        """Store entities with their versions and trails as they were."""
        ...


def _portable(unit: object) -> Portable:
    if not isinstance(unit, Portable):
        raise DocumentError(
            "", "unsupported", f"a {type(unit).__name__} cannot be taken out whole; it has no dump and load"
        )
    return unit


def _change(change: Change) -> list[Any]:
    fields = {name: list(pair) for name, pair in change.fields.items()}
    return [change.version, change.action, change.at.isoformat(), change.actor, change.cause, fields]


def export(store: Store, path: str | Path) -> int:
    """Write everything of one tenant to a file, as of one moment, and return the number of entities.

    Raises
    ------
    DocumentError
        If the store cannot be taken out whole.

    Examples
    --------
    >>> import tempfile
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> one, other = MemoryStore(), MemoryStore()
    >>> with one.begin() as uow:
    ...     _ = uow.products.add(Product(sku="A1", name="Pen"))
    ...     uow.commit()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(one, f"{folder}/all.jsonl.gz"), restore(f"{folder}/all.jsonl.gz", other)
    (1, 1)
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    digest, count = hashlib.sha256(), 0
    try:
        with store.begin(read_only=True) as unit, gzip.open(partial, "wt", encoding="utf-8", newline="\n") as file:
            portable = _portable(unit)
            file.write(json.dumps({"format": "pycrm-backup", "version": FORMAT}) + "\n")
            for map in portable.maps():
                for kept in portable.dump(map.model):
                    row = [map.table, kept.live, to_dict(kept.entity), [_change(change) for change in kept.history]]
                    line = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
                    digest.update(line.encode())
                    file.write(line)
                    count += 1
            file.write(json.dumps({"entities": count, "sha256": digest.hexdigest()}) + "\n")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            yield from file
    except (OSError, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DocumentError(str(path), "damaged", f"the backup cannot be read to its end: {error}") from error


def _verified(path: Path) -> int:
    """Read the whole file once, and return the number of entities if it is what it claims to be."""
    digest, count, footer = hashlib.sha256(), -1, ""
    for line in _lines(path):
        if count >= 0:
            if footer:
                digest.update(footer.encode())
            footer = line
        else:
            header = _parsed(line, path)
            if not isinstance(header, dict) or header.get("format") != "pycrm-backup":
                raise DocumentError(str(path), "kind", "this is no backup of pycrm")
            if header.get("version") != FORMAT:
                raise DocumentError(
                    str(path), "form", f"the backup is in form {header.get('version')}, this release reads {FORMAT}"
                )
        count += 1
    claimed = _parsed(footer, path) if footer else None
    if (
        not isinstance(claimed, dict)
        or claimed.get("entities") != count - 1
        or claimed.get("sha256") != digest.hexdigest()
    ):
        raise DocumentError(str(path), "damaged", "the backup was cut off or changed: its checksum does not fit")
    return count - 1


def _parsed(line: str, path: Path) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DocumentError(str(path), "damaged", f"a line is no JSON: {error}") from error


def restore(path: str | Path, store: Store) -> int:
    """Put everything of a file into a store, all or nothing, and return the number of entities.

    Raises
    ------
    DocumentError
        If the file is damaged, of another kind or of a newer form; nothing is written.
    Duplicate
        If the store holds one of the entities already; nothing is written.
    """
    source = Path(path)
    expected = _verified(source)
    with store.begin(cause=f"restore {source.name}") as unit:
        portable = _portable(unit)
        by_table = {map.table: map for map in portable.maps()}
        waiting: list[Kept] = []
        model: type[Any] | None = None
        for at, line in enumerate(_lines(source)):
            if not 0 < at <= expected:
                continue
            table, live, plain, trail = json.loads(line)
            if table not in by_table:
                raise DocumentError(f"line {at + 1}", "unknown", f"this store has no map of {table!r}")
            if waiting and (by_table[table].model is not model or len(waiting) >= _BATCH):
                portable.load(_some(model), waiting)
                waiting = []
            model = by_table[table].model
            entity = from_dict(model, plain)
            waiting.append(Kept(entity, live, tuple(_restored(table, entity.id, change) for change in trail)))
        if waiting:
            portable.load(_some(model), waiting)
        unit.commit()
    return expected


def _some(model: type[Any] | None) -> type[Any]:
    assert model is not None
    return model


def _restored(table: str, id: UUID, change: list[Any]) -> Change:
    version, action, at, actor, cause, fields = change
    pairs = {name: (pair[0], pair[1]) for name, pair in fields.items()}
    return Change(table, id, version, action, datetime.fromisoformat(at), actor, cause, pairs)
