"""Columns a stretch at a time: a million rows without a million objects, with the kind of each column said beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from pycrm.storage.codec import column_value
from pycrm.storage.mapping import EntityMap, Kind
from pycrm.storage.protocols import ArrowReader, BatchReader, UnitOfWork
from pycrm.storage.query import Query
from pycrm.storage.rows import checked_size

__all__ = ["Batches", "each_batch", "read_batches"]


@frozen
class Batches:
    """The answer to one question, read once, from first to last; `pycrm.frames.frame_of` makes a data frame of it.

    Parameters
    ----------
    kinds : mapping of str to Kind, or None
        What each column holds; None for nested values, which stand as plain data.
    stretches : iterator
        One sequence per column, in stretches: lists of Python values, or arrays of Arrow where the store gives them.
    """

    kinds: Mapping[str, Kind | None]
    _stretches: Iterator[Mapping[str, Sequence[Any]]] = field(repr=False, eq=False, alias="stretches")

    def __iter__(self) -> Iterator[Mapping[str, Sequence[Any]]]:
        return self._stretches


def each_batch(
    unit: UnitOfWork, map: EntityMap, query: Query[Any], fields: Sequence[str], size: int
) -> Iterator[dict[str, list[Any]]]:
    """Yield columns of entities, read in batches: what any store can do."""
    for batch in unit.of(query.model).stream(query, batch=size):
        yield {path: [column_value(map, entity, path) for entity in batch] for path in fields}


def read_batches(
    unit: UnitOfWork, query: Query[Any], fields: Sequence[str], *, batch: int = 20_000, arrow: bool = True
) -> Batches:
    """Ask for columns, to be read a stretch at a time, from any store.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit; it stays open until the last stretch is read. On PostgreSQL, one that only reads travels by Arrow where
        the extra ``arrow`` is installed, in the very snapshot of the unit.
    query : Query
        Which rows, in which order.
    fields : sequence of str
        Fields and paths.
    batch : int
        The most rows of a stretch, where the store does not cut them itself.
    arrow : bool
        Whether arrays of Arrow are welcome.

    Raises
    ------
    InvalidQuery
        If a path leads nowhere.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore, asc
    >>> with MemoryStore().begin() as uow:
    ...     _ = uow.products.put_many([Product(sku=f"A{n}", name="Pen") for n in range(3)])
    ...     asked = Query(Product, order=(asc("sku"),))
    ...     [stretch["sku"] for stretch in read_batches(uow, asked, ["sku"], batch=2)]
    [['A0', 'A1'], ['A2']]
    """
    checked_size("batch", batch)
    map = unit.map_of(query.model) if isinstance(unit, BatchReader) else EntityMap.of(query.model)
    for path in fields:
        map.knows(path)
    kinds = {path: map.by_path[path].kind if path in map.by_path else None for path in fields}
    arrays = unit.arrow_batches(query, fields) if arrow and isinstance(unit, ArrowReader) else None
    if arrays is not None:
        return Batches(kinds, arrays)
    if isinstance(unit, BatchReader):
        return Batches(kinds, unit.column_batches(query, fields, batch=batch))
    return Batches(kinds, each_batch(unit, map, query, fields, batch))
