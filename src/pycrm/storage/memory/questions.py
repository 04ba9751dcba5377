# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""A question answered from versioned rows: by an index where one helps, in the snapshot of a unit and with its own changes."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pycrm.model.predicate import AllOf, Op, Predicate, Where, evaluate, kind_of
from pycrm.storage.mapping import COMPARED_AS, search_key
from pycrm.storage.memory.tables import BEYOND
from pycrm.storage.ordering import Ordering, Term
from pycrm.storage.query import Query

if TYPE_CHECKING:
    from pycrm.storage.memory.repository import MemoryRepository

__all__ = ["Questions"]


class Questions:
    """What one repository can be asked."""

    def __init__(self, repository: MemoryRepository[Any]) -> None:
        self._table = repository._table
        self._staged = repository._staged
        self._visible = repository._visible

    def matching(self, query: Query[Any]) -> Iterator[Any]:
        """Yield the entities a query finds, in no order."""
        ids = self._narrowed(query.where)
        staged = self._staged
        where = query.where
        if ids is None:
            ids = [*self._table.rows, *(id for id in staged if id not in self._table.rows)]
        else:
            ids = [*dict.fromkeys(id for id in ids if id not in staged), *staged]
        for id in ids:
            entity = self._visible(id, deleted=query.deleted)
            if entity is not None and (where is None or evaluate(where, entity)):
                yield entity

    def _narrowed(self, where: Predicate | None) -> Iterable[UUID] | None:
        """Return ids among which all committed matches are, or None where no index helps."""
        for part in _parts(where):
            if not isinstance(part, Where) or part.op not in {Op.EQ, Op.IN}:
                continue
            asked = [_bare(each) for each in (part.value if part.op is Op.IN else (part.value,))]
            if part.path == "id":
                return [value for value in asked if isinstance(value, UUID)]
            if self._table.indexed_by(part.path):
                return [id for value in asked for id in self._equal(part.path, value)]
        return None

    def _equal(self, path: str, value: Any, after: UUID | None = None, *, descending: bool = False) -> Iterator[UUID]:
        """Yield the ids with this value at an indexed path, in order."""
        if path in self._table.many:
            ids = self._table.many[path].get(search_key(value)) if isinstance(value, str) else None
            return iter(()) if ids is None else ids.walk(None, None, after, descending=descending)
        if kind_of(value) != COMPARED_AS[self._table.map.by_path[path].kind]:
            return iter(())
        place = None if after is None else (value, after.int, after)
        found = self._table.indexes[path].walk((value,), (value, BEYOND), place, descending=descending)
        return (entry[2] for entry in found)

    def _walk(self, query: Query[Any], order: Ordering, start: list[Any] | None) -> Iterator[UUID] | None:
        """Yield committed ids in the order of the query from an index, or return None where none gives this order."""
        *before, last = order.terms
        after = None if start is None else start[-1]
        if not before:
            for part in _parts(query.where):
                if isinstance(part, Where) and part.op is Op.EQ and self._table.indexed_by(part.path):
                    return self._equal(part.path, _bare(part.value), after, descending=last.descending)
        if self._narrowed(query.where) is not None:
            return None
        if not before:
            place = None if after is None else (after.int, after)
            ids = self._table.ids.walk(None, None, place, descending=last.descending)
            return (entry[1] for entry in ids)
        term = before[0]
        if len(before) > 1 or term.descending != last.descending or term.column.path not in self._table.indexes:
            return None
        return self._along(term, query, start)

    def _along(self, term: Term, query: Query[Any], start: list[Any] | None) -> Iterator[UUID]:
        """Yield the ids in the order of an indexed path; a value that an entity held once is passed over."""
        path, held = term.column.path, self._table.map.held
        low, high, missing = None, None, term.column.nullable
        kind = COMPARED_AS[term.column.kind]
        for part in _parts(query.where):
            if isinstance(part, Where) and part.path == path and kind_of(part.value) == kind:
                missing = False
                if part.op in {Op.GE, Op.GT}:
                    low = (_bare(part.value),)
                elif part.op in {Op.LE, Op.LT}:
                    high = (_bare(part.value), BEYOND)

        among_missing = start is not None and start[0] is None
        last = None if start is None else (start[-1].int, start[-1])
        place = None if start is None or last is None or among_missing else (start[0], *last)
        there = self._table.indexes[path].walk(low, high, place, descending=term.descending)
        rest = self._table.ids.walk(None, None, last if among_missing else None, descending=term.descending)
        present = ((value, id) for value, _, id in there)
        absent = ((None, id) for _, id in rest) if missing else iter(())
        sides: list[Iterator[tuple[Any, Any]]] = [present, absent] if term.nulls_last else [absent, present]
        if start is not None and among_missing == term.nulls_last:
            sides = sides[1:]
        for value, id in itertools.chain(*sides):
            entity = self._visible(id, deleted=query.deleted)
            if entity is not None and held(entity, path) == value:
                yield id

    def found(self, query: Query[Any], order: Ordering, start: list[Any] | None, limit: int | None) -> list[Any]:
        """Return the first `limit` entities behind the values `start`, in the order of the query; None stands for all."""
        walk = self._walk(query, order, start)
        if walk is None:
            return self._sorted(self.matching(query), order, start, limit)
        where, staged = query.where, self._staged

        def committed() -> Iterator[Any]:
            for id in walk:
                if id not in staged:
                    entity = self._visible(id, deleted=query.deleted)
                    if entity is not None and (where is None or evaluate(where, entity)):
                        yield entity

        own = [self._visible(id, deleted=query.deleted) for id in staged]
        known = (e for e in own if e is not None and (where is None or evaluate(where, e)))
        mine = self._sorted(known, order, start, limit) if own else []
        if not mine:
            return list(itertools.islice(committed(), limit))
        merged = heapq.merge(committed(), mine, key=lambda entity: order.position(order.values(entity)))
        return list(itertools.islice(merged, limit))

    @staticmethod
    def _sorted(found: Iterable[Any], order: Ordering, start: list[Any] | None, limit: int | None) -> list[Any]:
        placed = ((order.position(order.values(entity)), entity) for entity in found)
        if start is not None:
            first = order.position(start)
            placed = (pair for pair in placed if pair[0] > first)
        key: Callable[[Any], Any] = lambda pair: pair[0]  # noqa: E731
        chosen = sorted(placed, key=key) if limit is None else heapq.nsmallest(limit, placed, key=key)
        return [entity for _, entity in chosen]


def _parts(where: Predicate | None) -> Sequence[Predicate | None]:
    return where.parts if isinstance(where, AllOf) else (where,)


def _bare(value: Any) -> Any:
    return value.value if hasattr(value, "value") else value
