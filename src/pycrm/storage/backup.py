"""A store into a file and back: checked, streaming, between any two stores; lossless between two of ours.

A store of others, that has only the protocols, gives no audit trail (unless its units are `Audited`) and takes none: what is put
into it begins at version 1, and what was removed and referred to its own kind stays without that reference.

The file is gzipped JSON lines: a header, one line per entity (removed ones too) with its audit trail, and a footer with the
number of lines and their SHA-256. Events waiting in the outbox, the feed of changes and remembered results of keys stay behind:
they belong to the running system, not to what is known. A cursor into the old feed is refused by the new one.

A backup remembers who was erased after it was made. Keep `export_erasures` apart from it, anew after each erasure: `restore`
repeats every erasure that the file, that log or the store itself knows of, before anything becomes visible.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs

from pycrm.errors import DocumentError
from pycrm.model.customer import Customer
from pycrm.model.feed import ChangeFeed, FeedEvent, FeedReader
from pycrm.model.predicate import where
from pycrm.model.privacy import RequestKind, SubjectRequest
from pycrm.serialize import dumps, from_dict, loads, to_dict
from pycrm.storage.by_protocol import ByProtocol
from pycrm.storage.erasure import erase_people, erased_ids
from pycrm.storage.mapping import EntityMap
from pycrm.storage.maps import default_maps
from pycrm.storage.portable import Kept, Portable, Relinking
from pycrm.storage.protocols import Change, Scrubbing, Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["export", "export_erasures", "restore"]

FORMAT = 1
_BATCH = 1_000
_RUNNING = {ChangeFeed, FeedEvent, FeedReader}


def _portable(unit: UnitOfWork, maps: Iterable[EntityMap] | None) -> Portable:
    return unit if isinstance(unit, Portable) else ByProtocol(unit, default_maps() if maps is None else maps)


def _change(change: Change) -> list[Any]:
    fields = {name: list(pair) for name, pair in change.fields.items()}
    return [change.version, change.action, change.at.isoformat(), change.actor, change.cause, fields]


def export(store: Store, path: str | Path, *, maps: Iterable[EntityMap] | None = None) -> int:
    """Write everything of one tenant to a file, as of one moment, and return the number of entities.

    Parameters
    ----------
    store : Store
        Any store; one that has only the protocols gives no audit trail.
    path : str or Path
        Where to.
    maps : iterable of EntityMap, optional
        What a store that has only the protocols keeps; `default_maps` unless given. Our own stores know.

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
            portable = _portable(unit, maps)
            file.write(json.dumps({"format": "pycrm-backup", "version": FORMAT}) + "\n")
            for map in portable.maps():
                if map.model in _RUNNING:
                    continue
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


def export_erasures(store: Store, path: str | Path) -> int:
    """Write the log of erasures, one JSON line each and without a word of who it was; return how many there are.

    Examples
    --------
    >>> import tempfile
    >>> from pycrm.storage import MemoryStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_erasures(MemoryStore(), f"{folder}/erasures.jsonl")
    0
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    with store.begin(read_only=True) as unit:
        question = Query(SubjectRequest, where("kind") == str(RequestKind.ERASE))
        lines = [dumps(one) for batch in unit.of(SubjectRequest).stream(question) for one in batch]
    try:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return len(lines)


def restore(
    path: str | Path,
    store: Store,
    *,
    erasures: str | Path | None = None,
    maps: Iterable[EntityMap] | None = None,
) -> int:
    """Put everything of a file into a store, all or nothing, and return the number of entities.

    Who was erased after the backup was made is erased again: before anything of the file can be seen, and from the files of the
    store behind it.

    Parameters
    ----------
    path : str or Path
        What `export` wrote.
    store : Store
        Where to; it may hold the log of erasures already, but nothing else of the file.
    erasures : str or Path, optional
        What `export_erasures` wrote last, where the store itself does not know.
    maps : iterable of EntityMap, optional
        As for `export`.

    Raises
    ------
    DocumentError
        If the file is damaged, of another kind or of a newer form; nothing is written.
    Duplicate
        If the store holds one of the entities already; nothing is written.
    """
    source = Path(path)
    expected = _verified(source)
    log = [] if erasures is None else _read_erasures(Path(erasures))
    with store.begin(cause=f"restore {source.name}") as unit:
        portable = _portable(unit, maps)
        late = _late(portable.maps()) if isinstance(portable, Relinking) else {}
        for model, rows in _batches(source, expected, portable, unit):
            without = dict.fromkeys(late.get(model, ()))
            portable.load(model, [attrs.evolve(kept, entity=attrs.evolve(kept.entity, **without)) for kept in rows])
        for model, rows in _batches(source, expected, portable, unit) if late else ():
            if model in late and isinstance(portable, Relinking):
                ringed = [kept for kept in rows if any(getattr(kept.entity, path) is not None for path in late[model])]
                portable.relink(model, ringed)
        again = SubjectRequest in {map.model for map in portable.maps()} and _erase_again(unit, log)
        unit.commit()
    if again and isinstance(store, Scrubbing):
        store.scrub()
    return expected


def _late(maps: Sequence[EntityMap]) -> dict[type[Any], tuple[str, ...]]:
    """Return the references that lead to what is put in at the same time or later: to their own class, or in a ring."""
    found, before = {}, set[type[Any]]()
    for map in maps:
        late = [each.path for each in map.references if each.model not in before and map.by_path[each.path].nullable]
        if late:
            found[map.model] = tuple(late)
        before.add(map.model)
    return found


def _batches(
    source: Path, expected: int, portable: Portable, unit: UnitOfWork
) -> Iterator[tuple[type[Any], list[Kept]]]:
    """Yield the entities of a file in batches of one model."""
    by_table = {map.table: map.model for map in portable.maps()}
    waiting: list[Kept] = []
    model: type[Any] = object
    for at, line in enumerate(_lines(source)):
        if not 0 < at <= expected:
            continue
        table, live, plain, trail = json.loads(line)
        if table not in by_table:
            raise DocumentError(f"line {at + 1}", "unknown", f"this store has no map of {table!r}")
        if waiting and (by_table[table] is not model or len(waiting) >= _BATCH):
            yield model, waiting
            waiting = []
        model = by_table[table]
        entity = from_dict(model, plain)
        if model is SubjectRequest and unit.of(SubjectRequest).find(entity.id) is not None:
            continue
        waiting.append(Kept(entity, live, tuple(_restored(table, entity.id, change) for change in trail)))
    if waiting:
        yield model, waiting


def _read_erasures(path: Path) -> list[SubjectRequest]:
    try:
        found = [loads(SubjectRequest, line) for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise DocumentError(str(path), "damaged", f"the log of erasures cannot be read: {error}") from error
    for request in found:
        if request.kind is not RequestKind.ERASE:
            raise DocumentError(str(path), "kind", "this is no log of erasures; export_erasures() writes one")
    return found


def _erase_again(unit: UnitOfWork, log: list[SubjectRequest]) -> bool:
    """Repeat every erasure that is known of; return whether anything was left to erase."""
    requests = unit.of(SubjectRequest)
    requests.put_many([attrs.evolve(one, version=0) for one in log if requests.find(one.id) is None])
    customers = unit.of(Customer)
    again = [
        attrs.evolve(request, customer_id=customer_id)
        for customer_id, request in erased_ids(unit).items()
        if customers.find(customer_id) is not None
    ]
    return bool(again and erase_people(unit, again, log=False).counts)


def _restored(table: str, id: UUID, change: list[Any]) -> Change:
    version, action, at, actor, cause, fields = change
    pairs = {name: (pair[0], pair[1]) for name, pair in fields.items()}
    return Change(table, id, version, action, datetime.fromisoformat(at), actor, cause, pairs)
