"""Rows of a file, met by what names them there: a number, a code, an address; and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from pycrm.errors import Duplicate, InvalidQuery, InvalidValueError, StoreError
from pycrm.model.predicate import all_of, where
from pycrm.storage.codec import column_value
from pycrm.storage.mapping import EntityMap
from pycrm.storage.protocols import BatchReader, Restoring, RowOutcome, UnitOfWork
from pycrm.storage.query import E, Query, desc

__all__ = ["OnMatch", "import_rows"]

OnMatch: TypeAlias = Literal["skip", "update", "replace"]


def import_rows(
    unit: UnitOfWork,
    model: type[E],
    rows: Iterable[E],
    *,
    key: Sequence[str],
    on_match: OnMatch = "skip",
    restore: bool = False,
    dry_run: bool = False,
) -> Sequence[RowOutcome]:
    """Add the rows that are new by a natural key, settle the others as asked, and say what became of each.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit; the caller commits it.
    model : type
        The entity class.
    rows : iterable
        Entities made of the rows; their ids count where they are new alone.
    key : sequence of str
        The fields or searched paths that name a row, such as ``["sku"]``.
    on_match : {"skip", "update", "replace"}
        What becomes of the one that is there: it stays; or takes the fields that the row says (those that differ from the default
        of the class) and keeps the others; or takes all of them.
    restore : bool
        Whether a row whose key nobody holds, but one that was removed held (of several, the youngest by its id), brings it back, with
        its history, and then settles it as `on_match` says; otherwise the row is added as a new one.
    dry_run : bool
        Say what would become of each row, and write nothing. Only what the key decides is foreseen.

    Returns
    -------
    sequence of RowOutcome
        In the order of the rows, with the id of the entity that is there. A row whose key stood in an earlier row, or is shared by
        several entities, is lost, with a Duplicate that names the key.

    Raises
    ------
    InvalidValueError
        If a row misses a part of its key, or is of another class; or if the store cannot restore.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> with MemoryStore().begin() as uow:
    ...     _ = uow.products.add(Product(sku="A1", name="Pen"))
    ...     rows = [Product(sku="A1", name="Blue pen"), Product(sku="B2", name="Ink")]
    ...     [row.outcome for row in import_rows(uow, Product, rows, key=["sku"], on_match="update")]
    ['updated', 'added']
    """
    if on_match not in {"skip", "update", "replace"}:
        raise InvalidValueError("on_match", on_match, "choose 'skip', 'update' or 'replace'")
    if isinstance(key, str) or not key:
        raise InvalidValueError("key", key, "name the fields of the key, such as ['sku']")
    map = unit.map_of(model) if isinstance(unit, BatchReader) else EntityMap.of(model)
    for path in key:
        map.knows(path)
        if path not in map.by_path:
            raise InvalidQuery(
                path, "a key is made of fields with one value; declare a nested one as searched in the map"
            )
    seen: dict[tuple[Any, ...], None] = {}
    outcomes = []
    for at, row in enumerate(rows):
        if type(row) is not model:
            raise InvalidValueError("rows", row, f"give only {map.name}")
        values = tuple(column_value(map, row, path) for path in key)
        if None in values:
            raise InvalidValueError(key[values.index(None)], None, f"row {at} misses this part of its key")
        if values in seen:
            outcomes.append(_lost(at, row, map, key))
            continue
        seen[values] = None
        asked = Query(model, all_of(*(where(path) == value for path, value in zip(key, values, strict=True))))
        held = unit.of(model).page(asked, size=2).items
        if len(held) > 1:
            outcomes.append(_lost(at, row, map, key))
        elif not held and restore and (gone := _removed(unit, asked)) is not None:
            outcomes.append(_restored(unit, at, row, gone, on_match, dry_run=dry_run))
        elif not held:
            outcomes.append(_added(unit, at, row, dry_run=dry_run))
        else:
            outcomes.append(_met(unit, at, row, held[0], on_match, dry_run=dry_run))
    return outcomes


def _removed(unit: UnitOfWork, asked: Query[E]) -> E | None:
    gone = attrs.evolve(asked, deleted=True, order=(desc("id"),))
    return next(iter(unit.of(asked.model).page(gone, size=1).items), None)


def _restored(unit: UnitOfWork, at: int, row: Any, gone: Any, on_match: OnMatch, *, dry_run: bool) -> RowOutcome:
    if not isinstance(unit, Restoring):
        raise InvalidValueError("restore", True, f"a {type(unit).__name__} cannot bring back what was removed")
    if not dry_run:
        _met(unit, at, row, unit.restore(type(row), gone.id), on_match, dry_run=False)
    return RowOutcome(at, gone.id, "restored")


def _lost(at: int, row: Any, map: EntityMap, key: Sequence[str]) -> RowOutcome:
    error: StoreError = Duplicate(map.name, "_".join(key), tuple(key))
    return RowOutcome(at, row.id, "lost", error)


def _added(unit: UnitOfWork, at: int, row: Any, *, dry_run: bool) -> RowOutcome:
    if not dry_run:
        unit.of(type(row)).add(attrs.evolve(row, version=0))
    return RowOutcome(at, row.id, "added")


def _met(unit: UnitOfWork, at: int, row: Any, held: Any, on_match: OnMatch, *, dry_run: bool) -> RowOutcome:
    if on_match == "skip":
        return RowOutcome(at, held.id, "skipped")
    made = attrs.evolve(row, id=held.id, version=held.version) if on_match == "replace" else _said(row, held)
    if made == held:
        return RowOutcome(at, held.id, "unchanged")
    if not dry_run:
        unit.of(type(row)).save(made)
    return RowOutcome(at, held.id, "updated")


def _said(row: Any, held: Any) -> Any:
    """Return `held` with what `row` says: its fields that differ from the default of the class."""
    said = {}
    for each in attrs.fields(type(row)):
        value = getattr(row, each.name)
        if each.init and each.name not in {"id", "version"} and value != _default(each):
            said[each.name] = value
    return attrs.evolve(held, **said)


def _default(attribute: Any) -> Any:
    default = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # Factory is a class at run time
        if default.takes_self:
            return attrs.NOTHING
        default = default.factory()
    if default is attrs.NOTHING or not callable(attribute.converter):
        return default
    return attribute.converter(default)
