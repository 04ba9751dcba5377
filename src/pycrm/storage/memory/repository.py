# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""The entities of one model in memory: point reads and writes, pages, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic
from uuid import UUID

import attrs

from pycrm.errors import AppendOnly, Conflict, Duplicate, InvalidValueError, NotFound, StoreError
from pycrm.storage.codec import DocumentCodec, both_changed, changed_fields
from pycrm.storage.memory import rules
from pycrm.storage.memory.questions import Questions
from pycrm.storage.memory.tables import Staged
from pycrm.storage.ordering import Ordering
from pycrm.storage.protocols import OnConflict, RowOutcome
from pycrm.storage.query import E, Page, Query
from pycrm.storage.rows import checked_id, checked_size, entities_of
from pycrm.storage.versions import at_version

if TYPE_CHECKING:
    from pycrm.storage.memory.unit import MemoryUnit

__all__ = ["MemoryRepository"]


class MemoryRepository(Generic[E]):
    """The entities of one model, within a unit of work of a `MemoryStore`. Subclass it to add questions.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> class Products(MemoryRepository[Product]):
    ...     def cheap(self) -> list[str]:
    ...         return [product.sku for product in self.page(Query(Product)).items]
    >>> with MemoryStore().begin() as uow:
    ...     _ = uow.products.add(Product(sku="A1", name="Pen"))
    ...     Products(uow, Product).cheap()
    ['A1']
    """

    def __init__(self, unit: MemoryUnit, model: type[E]) -> None:
        self._unit = unit
        self._model = model
        self._table = unit._tenant.tables[unit._maps.of(model).model]
        self._map = self._table.map
        self._staged = unit._staged.setdefault(model, {})
        self._codec = DocumentCodec.of(self._map)
        self._questions = Questions(self)

    def _visible(self, id: UUID, *, deleted: bool = False) -> Any:
        staged = self._staged.get(id)
        if staged is not None:
            return staged.entity if staged.live or (deleted and not staged.erased) else None
        versions = self._table.rows.get(id)
        if versions is None:
            return None
        snapshot = self._unit.snapshot
        for version in reversed(tuple(versions)):  # a copy: a commit may prune them meanwhile
            if version.commit <= snapshot:
                return version.entity if version.live or deleted else None
        return None

    def get(self, id: UUID, /) -> E:
        """Return the live entity; raise NotFound where there is none."""
        found = self.find(id)
        if found is None:
            raise NotFound(self._map.name, id)
        return found

    def find(self, id: UUID, /) -> E | None:
        """Return the live entity, or None."""
        unit = self._unit
        unit._check_open()
        found: E | None = self._visible(checked_id(id))
        unit._saw(self._model, id, found)
        return found

    def get_many(self, ids: Sequence[UUID], /) -> Sequence[E]:
        """Return the live entities in the order of `ids`; raise NotFound for the first that is missing."""
        return [self.get(id) for id in ids]

    def _check(self, entity: Any) -> dict[str, Any]:
        """Refuse what a store in a database could not keep; return what is new of the document it would keep."""
        if type(entity) is not self._model:
            raise InvalidValueError("entity", entity, f"give a {self._map.name}")
        known = self._present(entity.id)  # what it holds as well was checked before
        self._map.check(entity, known)
        plain = self._codec.plain(entity, known)
        self._codec.text(plain)
        return plain

    def _stage(self, staged: Staged, before: Any) -> None:
        id = staged.entity.id
        claims = self._unit._claims.setdefault(self._model, {})
        if before is not None and claims:
            for key, _ in self._table.keys_of(before):
                if claims.get(key) == id:
                    del claims[key]
        if staged.live:
            for key, _ in staged.keys:
                claims[key] = id
        self._staged[id] = staged

    def add(self, entity: E, /) -> E:
        """Store a new entity and return it at version 1; raise Duplicate or Broken."""
        self._unit._check_writable()
        self._check(entity)
        if entity.version != 0:
            raise InvalidValueError(
                "version", entity.version, "add() takes what was never stored; save() what was loaded"
            )
        if rules.exists(self._unit, self._model, entity.id):
            raise self._unit._failed(Duplicate(self._map.name, "id", ("id",)))
        keys = rules.checked(self._unit, self._table, entity)
        made = at_version(entity, 1)
        self._stage(Staged(made, live=True, base=None, keys=keys), None)
        self._unit._note(self._map, made, "add", {})
        return made

    def _both(self, ours: Any, theirs: Any, expected: int) -> dict[str, dict[str, Any]] | None:
        """Return what both sides changed; None where there is nothing of ours to compare."""
        return ours and both_changed(ours, theirs, self._unit.history(self._model, theirs.id), expected)

    def _writable(self, id: UUID, expected: int | None, ours: Any = None) -> tuple[Any, int | None]:
        """Return the present state of a row and the version it was committed at; raise NotFound or Conflict."""
        if self._map.append_only:
            raise AppendOnly(self._map.name)
        staged = self._staged.get(id)
        if staged is not None:
            if not staged.live:
                raise NotFound(self._map.name, id)
            present, base = staged.entity, staged.base
        else:
            versions = self._table.rows.get(id)
            if versions is None or not versions[-1].live:
                raise NotFound(self._map.name, id)
            present = versions[-1].entity
            base = present.version
        if expected is not None and present.version != expected:
            raise Conflict(self._map.name, id, expected, present.version, self._both(ours, present, expected))
        return present, base

    def save(self, entity: E, /) -> E:
        """Store a changed entity and return it with its version + 1; raise NotFound, Conflict, Duplicate or Broken."""
        self._unit._check_writable()
        plain = self._check(entity)
        before, base = self._writable(entity.id, entity.version, entity)
        keys = rules.checked(self._unit, self._table, entity)
        made = at_version(entity, entity.version + 1)
        self._stage(Staged(made, live=True, base=base, keys=keys), before)
        self._unit._note(self._map, made, "save", changed_fields(self._map, before, made, plain))
        return made

    def remove(self, id: UUID, /, *, version: int | None = None) -> None:
        """Remove softly, which frees its unique values; raise NotFound, or Conflict where `version` is given and old."""
        self._unit._check_writable()
        before, base = self._writable(checked_id(id), version)
        gone = attrs.evolve(before, version=before.version + 1)
        self._stage(Staged(gone, live=False, base=base), before)
        self._unit._note(self._map, gone, "remove", {})

    def put_many(self, entities: Iterable[E], /, *, on_conflict: OnConflict = "error") -> Sequence[RowOutcome]:
        """Store many at once and say what became of each; see `Repository.put_many`."""
        self._unit._check_writable()
        rows = entities_of(self._map, entities, on_conflict)
        outcomes = []
        for at, entity in enumerate(rows):
            outcome, error = self._put(entity, on_conflict)
            outcomes.append(RowOutcome(at, entity.id, outcome, error))
        return outcomes

    def _put(self, entity: Any, on_conflict: OnConflict) -> tuple[Any, StoreError | None]:
        if on_conflict == "error":
            self.add(entity)
            return "added", None
        self._check(entity)
        exists = rules.exists(self._unit, self._model, entity.id)
        present = self._present(entity.id)
        if exists and (on_conflict == "skip" or present is None or self._map.append_only):
            same = present is not None and on_conflict == "update" and self._same(entity, present)
            return ("unchanged" if same else "skipped"), None
        lost = rules.taken(self._unit, self._table, entity.id, self._table.keys_of(entity))
        if lost is not None:
            return ("skipped", None) if on_conflict == "skip" else ("lost", lost)
        if not exists:
            self.add(attrs.evolve(entity, version=0))
            return "added", None
        if entity.version not in {0, present.version}:
            return "lost", Conflict(
                self._map.name,
                entity.id,
                entity.version,
                present.version,
                self._both(entity, present, entity.version),
            )
        if self._same(entity, present):
            return "unchanged", None
        self.save(attrs.evolve(entity, version=present.version))
        return "updated", None

    def _present(self, id: UUID) -> Any:
        staged = self._staged.get(id)
        if staged is not None:
            return staged.entity if staged.live else None
        versions = self._table.rows.get(id)
        return versions[-1].entity if versions is not None and versions[-1].live else None

    @staticmethod
    def _same(entity: Any, present: Any) -> bool:
        return bool(attrs.evolve(entity, version=present.version) == present)

    def page(self, query: Query[E], /, *, size: int = 50, after: str | None = None, total: bool = False) -> Page[E]:
        """Return the next `size` entities after the cursor `after`; raise InvalidQuery or InvalidCursor."""
        checked_size("size", size)
        order = self._begin_query(query)
        start = None if after is None else order.open(after)
        with self._unit._lock:
            found = self._questions.found(query, order, start, size + 1)
        following = order.seal(order.values(found[size - 1])) if len(found) > size else None
        for entity in found[:size]:
            self._unit._seen.add((self._model, entity.id, entity.version))
        return Page(found[:size], following, self.count(query) if total else None)

    def stream(self, query: Query[E], /, *, batch: int = 10_000) -> Iterator[Sequence[E]]:
        """Yield all entities, in batches."""
        checked_size("batch", batch)
        order = self._begin_query(query)
        with self._unit._lock:
            found = self._questions.found(query, order, None, None)
        for at in range(0, len(found), batch):
            yield found[at : at + batch]

    def count(self, query: Query[E], /) -> int:
        """Return how many entities the query finds."""
        self._begin_query(query)
        with self._unit._lock:
            return sum(1 for _ in self._questions.matching(query))

    def _begin_query(self, query: Query[E]) -> Ordering:
        self._unit._check_open()
        given: object = query
        if not isinstance(given, Query) or query.model is not self._model:
            raise InvalidValueError("query", query, f"ask this repository for {self._map.name}")
        self._map.check_question(query.where)
        self._unit._scanned.add(self._model)
        return Ordering(self._map, query, self._unit.tenant)
