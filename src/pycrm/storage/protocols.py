"""What we ask of any storage: small, closed protocols. A new power is a new protocol, never a new method.

`Store`, `UnitOfWork`, `Repository` and `Reader` are the whole of what a workflow may rely on. The other protocols are powers
that a store may have: ask with ``isinstance``, or use `read_columns`, `write_columns` and `upsert_many`,
which fall back on the first four.

Examples
--------
>>> from pycrm.storage import MemoryStore
>>> isinstance(MemoryStore(), Store)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias, TypeVar, runtime_checkable
from uuid import UUID

from attrs import frozen

from pycrm.errors import StoreError
from pycrm.storage.mapping import EntityMap
from pycrm.storage.query import E, Page, Query

__all__ = [
    "ArrowReader",
    "Audited",
    "BatchReader",
    "Change",
    "Claim",
    "ColumnReader",
    "ColumnWriter",
    "Erasing",
    "Isolation",
    "OnConflict",
    "Outbox",
    "Reader",
    "Redacting",
    "Repository",
    "Restoring",
    "RowOutcome",
    "Scrubbing",
    "Store",
    "Told",
    "UnitOfWork",
    "Upserted",
    "Upserting",
]

Id_contra = TypeVar("Id_contra", contravariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
OnConflict: TypeAlias = Literal["error", "skip", "update"]
Isolation: TypeAlias = Literal["default", "serializable"]
Told: TypeAlias = Literal["event", "result", "key", "fields", "note"]


@frozen
class RowOutcome:
    """What became of one row of a bulk write; `error` says why it lost."""

    index: int
    id: UUID
    outcome: Literal["added", "updated", "unchanged", "skipped", "lost", "restored"]
    error: StoreError | None = None


@frozen
class Upserted:
    """How many entities an upsert added, wrote over, found equal, and left because their id belongs to a removed one."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0

    def __add__(self, other: Upserted) -> Upserted:
        return Upserted(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.skipped + other.skipped,
        )


@frozen
class Change:
    """One entry of the audit trail: who did what to which entity, when and why, and each changed field's old and new value."""

    model: str
    id: UUID
    version: int
    action: Literal["add", "save", "remove", "restore", "erase"]
    at: datetime
    actor: str | None
    cause: str | None
    fields: Mapping[str, tuple[Any, Any]]


@frozen
class Claim:
    """One event waiting in the outbox; `id` is what a consumer remembers to handle it once."""

    id: UUID
    type: str
    payload: Any
    at: datetime


class Reader(Protocol[T_co, Id_contra]):
    """Finds entities by id."""

    def get(self, id: Id_contra, /) -> T_co:
        """Return the live entity; raise NotFound where there is none."""
        ...

    def find(self, id: Id_contra, /) -> T_co | None:
        """Return the live entity, or None."""
        ...

    def get_many(self, ids: Sequence[Id_contra], /) -> Sequence[T_co]:
        """Return the live entities in the order of `ids`; raise NotFound for the first that is missing."""
        ...


class Repository(Reader[E, Id_contra], Protocol[E, Id_contra]):
    """The entities of one model within a unit of work."""

    def add(self, entity: E, /) -> E:
        """Store a new entity and return it at version 1; raise Duplicate or Broken."""
        ...

    def save(self, entity: E, /) -> E:
        """Store a changed entity and return it with its version + 1; raise NotFound, Conflict, Duplicate or Broken."""
        ...

    def remove(self, id: Id_contra, /, *, version: int | None = None) -> None:
        """Remove softly, which frees its unique values; raise NotFound, or Conflict where `version` is given and old."""
        ...

    def put_many(self, entities: Iterable[E], /, *, on_conflict: OnConflict = "error") -> Sequence[RowOutcome]:
        """Store many at once and say what became of each.

        ``"error"`` raises Duplicate for the first that exists; ``"skip"`` leaves what exists; ``"update"`` overwrites what
        has the same id, where the version is 0 (unknown) or the stored one, and reports the others as lost.
        """
        ...

    def page(self, query: Query[E], /, *, size: int = 50, after: str | None = None, total: bool = False) -> Page[E]:
        """Return the next `size` entities after the cursor `after`; raise InvalidQuery or InvalidCursor."""
        ...

    def stream(self, query: Query[E], /, *, batch: int = 10_000) -> Iterator[Sequence[E]]:
        """Yield all entities, in batches, without holding them all."""
        ...

    def count(self, query: Query[E], /) -> int:
        """Return how many entities the query finds."""
        ...


class UnitOfWork(Protocol):
    """All or nothing: leaving without `commit` rolls back. Used by one thread at a time.

    After a Duplicate, Broken or Transient the unit has failed: only `rollback` is left to do.
    """

    def of(self, model: type[E], /) -> Repository[E, Any]:
        """Return the repository of one entity class."""
        ...

    def emit(self, event: object, /) -> None:
        """Put an event into the outbox, in the same transaction."""
        ...

    def commit(self) -> None:
        """Make everything durable at once; raise Conflict, Duplicate, Broken, Transient or Unknown."""
        ...

    def rollback(self) -> None:
        """Undo everything."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


@runtime_checkable
class Store(Protocol):
    """The entry: scoped to one tenant, safe to share between threads."""

    def begin(
        self,
        *,
        read_only: bool = False,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> UnitOfWork:
        """Open a unit of work; `actor` and `cause` go into the audit trail."""
        ...

    def run(self, work: Callable[[UnitOfWork], T], /, *, key: str | None = None, attempts: int = 5) -> T:
        """Run `work` in a unit of work and commit; retry Transient with the whole work.

        With `key` the effect happens once however often it is asked for, and the first result (plain data) is returned.
        """
        ...

    def tenant(self, tenant: str, /) -> Store:
        """Return the same store for another tenant; nothing of one is seen in another."""
        ...


@runtime_checkable
class ColumnReader(Protocol):
    """A unit of work that answers with columns, without an object per row."""

    def columns(self, query: Query[Any], fields: Sequence[str], /) -> Mapping[str, list[Any]]:
        """Return one list per field or path, in the order of the query."""
        ...


@runtime_checkable
class BatchReader(Protocol):
    """A unit of work that answers with columns a stretch at a time, without an object per row."""

    def map_of(self, model: type[Any], /) -> EntityMap:
        """Return how the store keeps a model: which fields are columns, and of which kind."""
        ...

    def column_batches(
        self, query: Query[Any], fields: Sequence[str], /, *, batch: int = 20_000
    ) -> Iterator[Mapping[str, Sequence[Any]]]:
        """Yield one list per field or path for each stretch of at most `batch` rows, in the order of the query."""
        ...


@runtime_checkable
class ArrowReader(Protocol):
    """A unit of work whose columns may travel as arrays of Arrow."""

    def arrow_batches(
        self, query: Query[Any], fields: Sequence[str], /
    ) -> Iterator[Mapping[str, Sequence[Any]]] | None:
        """Return what `column_batches` gives, as arrays where Arrow has a type for the column; None where it cannot.

        A decimal is a float64 here, as in a data frame.
        """
        ...


@runtime_checkable
class ColumnWriter(Protocol):
    """A unit of work that stores columns, without an object per row, with the outcome of one by one."""

    def put_columns(
        self, model: type[Any], columns: Mapping[str, Sequence[Any]], /, *, on_conflict: OnConflict = "error"
    ) -> int:
        """Store one entity per row and return how many were written."""
        ...


@runtime_checkable
class Upserting(Protocol):
    """A unit of work that adds and overwrites in bulk: the last writer wins, whatever version he had read."""

    def upsert(self, model: type[E], entities: Iterable[E], /) -> Upserted:
        """Add what is new and write over what is there under the same id; raise AppendOnly, Duplicate or Broken.

        Every entity that was written over is in the audit trail, with what it was.
        """
        ...


@runtime_checkable
class Restoring(Protocol):
    """A unit of work that can bring back what was removed."""

    def restore(self, model: type[E], id: UUID, /) -> E:
        """Make a removed entity live again as it was, with its version + 1, and return it.

        Raise NotFound where none was removed under this id, and Duplicate where another holds its unique values by now.
        """
        ...


@runtime_checkable
class Erasing(Protocol):
    """A unit of work that can erase for good: the row, its history's values, nothing left."""

    def erase(self, model: type[Any], id: UUID, /) -> None:
        """Delete the row and the values in its audit trail; raise NotFound, or Broken while something refers to it."""
        ...


@runtime_checkable
class Redacting(Protocol):
    """A unit of work that can overwrite what was kept, without a trace of what stood there: the means of erasure."""

    def redact(self, entity: Any, /) -> None:
        """Put `entity` in place of what is stored under its id, removed and only-ever-added ones too.

        The values in its audit trail go, and who added it and why; that it was erased is noted. Raise NotFound, Duplicate or
        Broken.
        """
        ...

    def retell(self, rewrite: Callable[[Told, Any], Any], /) -> int:
        """Pass all plain data beside the entities through `rewrite`, keep what it returns, and return how many changed.

        It is called with what the data are and the data: an ``"event"``, a remembered ``"result"`` and its ``"key"``, the
        ``"fields"`` that an entry of the audit trail tells of, and the ``"note"`` of who changed them and why.
        """
        ...


@runtime_checkable
class Scrubbing(Protocol):
    """A store whose files can be cleaned of what was erased."""

    def scrub(self) -> tuple[str, ...]:
        """Clean what the store itself can clean, and return what is left to the host, in words."""
        ...


@runtime_checkable
class Audited(Protocol):
    """A unit of work that knows who changed what."""

    def history(self, model: type[Any], id: UUID, /) -> Sequence[Change]:
        """Return the audit trail of one entity, oldest first."""
        ...


@runtime_checkable
class Outbox(Protocol):
    """A store whose emitted events can be claimed and settled."""

    def claim(self, holder: str, /, *, limit: int = 100, lease: float = 30.0) -> Sequence[Claim]:
        """Return the oldest events, in order, and keep other holders away for `lease` seconds."""
        ...

    def settle(self, holder: str, ids: Sequence[UUID], /) -> int:
        """Forget delivered events; return how many there were."""
        ...
