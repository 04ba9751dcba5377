# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""AsyncStore: the same store for asyncio, over aiosqlite, asyncpg or psycopg; one implementation underneath."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa

from pycrm.errors import MissingExtraError, Transient, UnitClosed
from pycrm.model.assessment import Assessment
from pycrm.model.consent import ConsentEntry
from pycrm.model.customer import Customer
from pycrm.model.import_run import ImportRun
from pycrm.model.interaction import Interaction
from pycrm.model.lifecycle import StageChange
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.order import Order, Product, UnallocatedRefund
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.storage.mapping import EntityMap
from pycrm.storage.protocols import Change, Claim, Isolation, OnConflict, RowOutcome, Told, Upserted
from pycrm.storage.query import E, Page, Query
from pycrm.storage.sql.repository import SqlRepository
from pycrm.storage.sql.store import SqlStore
from pycrm.storage.sql.unit import SqlUnit
from pycrm.storage.sql.writers import Writers
from pycrm.storage.unit import Retries

__all__ = ["AsyncRepository", "AsyncStore", "AsyncUnit"]

T = TypeVar("T")
P = ParamSpec("P")


async def _spawn(work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Run synchronous code so that what the driver awaits is awaited by the running loop."""
    from sqlalchemy.util.concurrency import greenlet_spawn

    return await greenlet_spawn(work, *arguments, **options)


def _wait_for(awaitable: Any) -> Any:
    from sqlalchemy.util.concurrency import await_only

    return await_only(awaitable)


async def _to_its_end(work: Callable[[], None]) -> None:
    """Run synchronous code in a task of its own, so that cancelling this one is heard behind it."""
    task = asyncio.ensure_future(_spawn(work))
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    failed = task.exception()
    if cancelled is not None:
        raise cancelled
    if failed is not None:
        raise failed


class _AsyncWriters(Writers):
    """The writer queue of an SQLite file for the tasks of one loop."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = asyncio.Lock()

    def acquire(self, timeout: float) -> None:
        """Wait for one's turn without keeping the loop from others."""
        try:
            _wait_for(asyncio.wait_for(self._turn.acquire(), timeout))
        except TimeoutError as error:
            raise Transient(f"other writers held the database for {timeout:g} s", "busy") from error

    def release(self) -> None:
        """Let the next one in."""
        self._turn.release()


class AsyncRepository(Generic[E]):
    """The entities of one model, within an `AsyncUnit`."""

    def __init__(self, repository: SqlRepository[E]) -> None:
        self._sync = repository

    async def get(self, id: UUID, /) -> E:
        """Return the live entity; raise NotFound where there is none."""
        return await _spawn(self._sync.get, id)

    async def find(self, id: UUID, /) -> E | None:
        """Return the live entity, or None."""
        return await _spawn(self._sync.find, id)

    async def get_many(self, ids: Sequence[UUID], /) -> Sequence[E]:
        """Return the live entities in the order of `ids`."""
        return await _spawn(self._sync.get_many, ids)

    async def add(self, entity: E, /) -> E:
        """Store a new entity and return it at version 1."""
        return await _spawn(self._sync.add, entity)

    async def save(self, entity: E, /) -> E:
        """Store a changed entity and return it with its version + 1."""
        return await _spawn(self._sync.save, entity)

    async def remove(self, id: UUID, /, *, version: int | None = None) -> None:
        """Remove softly."""
        await _spawn(self._sync.remove, id, version=version)

    async def put_many(self, entities: Iterable[E], /, *, on_conflict: OnConflict = "error") -> Sequence[RowOutcome]:
        """Store many at once and say what became of each."""
        return await _spawn(self._sync.put_many, entities, on_conflict=on_conflict)

    async def page(
        self, query: Query[E], /, *, size: int = 50, after: str | None = None, total: bool = False
    ) -> Page[E]:
        """Return the next `size` entities after the cursor `after`."""
        return await _spawn(self._sync.page, query, size=size, after=after, total=total)

    async def stream(self, query: Query[E], /, *, batch: int = 10_000) -> AsyncIterator[Sequence[E]]:
        """Yield all entities, in batches."""
        batches = self._sync.stream(query, batch=batch)
        while (found := await _spawn(next, batches, None)) is not None:
            yield found

    async def count(self, query: Query[E], /) -> int:
        """Return how many entities the query finds."""
        return await _spawn(self._sync.count, query)


class AsyncUnit:
    """A unit of work of an `AsyncStore`: ``async with store.begin() as uow``."""

    def __init__(self, open: Callable[[], SqlUnit]) -> None:
        self._open = open
        self._sync: SqlUnit | None = None

    async def __aenter__(self) -> Self:
        self._sync = await _spawn(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.rollback()

    @property
    def sync(self) -> SqlUnit:
        """The unit of work underneath, for what runs by `AsyncStore.call`."""
        if self._sync is None:
            raise UnitClosed("enter the unit of work first: async with store.begin() as uow")
        return self._sync

    def of(self, model: type[E], /) -> AsyncRepository[E]:
        """Return the repository of one entity class."""
        return AsyncRepository(self.sync.of(model))

    @property
    def customers(self) -> AsyncRepository[Customer]:
        """The customers."""
        return self.of(Customer)

    @property
    def interactions(self) -> AsyncRepository[Interaction]:
        """The interactions, which are only ever added."""
        return self.of(Interaction)

    @property
    def orders(self) -> AsyncRepository[Order]:
        """The orders."""
        return self.of(Order)

    @property
    def products(self) -> AsyncRepository[Product]:
        """The products."""
        return self.of(Product)

    @property
    def consents(self) -> AsyncRepository[ConsentEntry]:
        """The consent ledger, which is only ever added to."""
        return self.of(ConsentEntry)

    @property
    def stage_changes(self) -> AsyncRepository[StageChange]:
        """The lifecycle history, which is only ever added to."""
        return self.of(StageChange)

    @property
    def offers(self) -> AsyncRepository[Offer]:
        """The offers."""
        return self.of(Offer)

    @property
    def offer_decisions(self) -> AsyncRepository[OfferDecision]:
        """Who was given which offer."""
        return self.of(OfferDecision)

    @property
    def assessments(self) -> AsyncRepository[Assessment]:
        """What was computed of a customer, and when."""
        return self.of(Assessment)

    @property
    def source_records(self) -> AsyncRepository[SourceRecord]:
        """The records as the sources gave them."""
        return self.of(SourceRecord)

    @property
    def identity_links(self) -> AsyncRepository[IdentityLink]:
        """Which source record is which customer."""
        return self.of(IdentityLink)

    @property
    def refunds(self) -> AsyncRepository[UnallocatedRefund]:
        """Refunds that belong to no order."""
        return self.of(UnallocatedRefund)

    @property
    def import_runs(self) -> AsyncRepository[ImportRun]:
        """The imports that were run."""
        return self.of(ImportRun)

    async def columns(self, query: Query[Any], fields: Sequence[str], /) -> dict[str, list[Any]]:
        """Return one list per field or path, in the order of the query."""
        return await _spawn(self.sync.columns, query, fields)

    async def put_columns(
        self, model: type[Any], columns: Mapping[str, Sequence[Any]], /, *, on_conflict: OnConflict = "error"
    ) -> int:
        """Store one entity per row of the columns and return how many were written."""
        return await _spawn(self.sync.put_columns, model, columns, on_conflict=on_conflict)

    async def upsert(self, model: type[E], entities: Iterable[E], /) -> Upserted:
        """Add what is new and write over what is there under the same id."""
        return await _spawn(self.sync.upsert, model, entities)

    async def restore(self, model: type[E], id: UUID, /) -> E:
        """Make a removed entity live again as it was."""
        return await _spawn(self.sync.restore, model, id)

    async def erase(self, model: type[Any], id: UUID, /) -> None:
        """Delete the row and the values in its audit trail."""
        await _spawn(self.sync.erase, model, id)

    async def redact(self, entity: Any, /) -> None:
        """Put `entity` in place of what is stored under its id; see `Redacting`."""
        await _spawn(self.sync.redact, entity)

    async def retell(self, rewrite: Callable[[Told, Any], Any], /) -> int:
        """Pass all plain data beside the entities through `rewrite`; see `Redacting`."""
        return await _spawn(self.sync.retell, rewrite)

    async def history(self, model: type[Any], id: UUID, /) -> Sequence[Change]:
        """Return the audit trail of one entity, oldest first."""
        return await _spawn(self.sync.history, model, id)

    async def emit(self, event: object, /) -> None:
        """Put an event into the outbox, in the same transaction."""
        await _spawn(self.sync.emit, event)

    async def commit(self) -> None:
        """Make everything durable at once."""
        await _spawn(self.sync.commit)

    async def rollback(self) -> None:
        """Undo everything."""
        await _spawn(self.sync.rollback)


class AsyncStore:
    """A store for asyncio, scoped to one tenant.

    Parameters
    ----------
    url : str or URL
        ``"sqlite+aiosqlite:///crm.db"``, ``"postgresql+asyncpg://..."``, ``"postgresql+psycopg://..."``.
    maps, options
        As for `SqlStore`.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from pycrm.model.order import Product
    >>> async def main(folder):
    ...     store = AsyncStore(f"sqlite+aiosqlite:///{folder}/crm.db")
    ...     async with store.begin() as uow:
    ...         pen = await uow.of(Product).add(Product(sku="A1", name="Pen"))
    ...         await uow.commit()
    ...     found = await store.run(lambda uow: uow.products.get(pen.id).name)
    ...     await store.close()
    ...     return found
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(folder))
    'Pen'
    """

    def __init__(self, url: str | sa.URL, maps: Iterable[EntityMap] | None = None, **options: Any) -> None:
        try:
            import greenlet  # type: ignore[import-untyped]  # noqa: F401  # SQLAlchemy's bridge needs it, and says so less clearly
            from sqlalchemy.ext.asyncio import create_async_engine

            self._engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        except ImportError as error:
            raise MissingExtraError(error.name or "greenlet", "async") from error
        options.setdefault("retries", Retries(sleep=lambda seconds: _wait_for(asyncio.sleep(seconds))))
        self._sync = SqlStore(self._engine.sync_engine, maps, **options)
        core = self._sync._core
        core.embedded = core.dialect.name == "sqlite"
        core.lent = False
        core.steady = lambda work: _wait_for(_to_its_end(work))
        if core.writers is not None:
            core.writers = _AsyncWriters()

    @property
    def sync(self) -> SqlStore:
        """The store underneath, for what runs by `call`."""
        return self._sync

    async def create_schema(self) -> None:
        """Make the tables that are not there yet, and write down the revision."""
        await _spawn(self._sync.create_schema)

    def tenant(self, tenant: str, /) -> AsyncStore:
        """Return the same store for another tenant."""
        made = object.__new__(type(self))
        made._engine, made._sync = self._engine, self._sync.tenant(tenant)
        return made

    def begin(
        self,
        *,
        read_only: bool = False,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> AsyncUnit:
        """Return a unit of work to be entered with ``async with``."""
        return AsyncUnit(lambda: self._sync.begin(read_only=read_only, isolation=isolation, actor=actor, cause=cause))

    async def run(
        self,
        work: Callable[[SqlUnit], T],
        /,
        *,
        key: str | None = None,
        attempts: int = 5,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> T:
        """Run synchronous `work` in a unit of work and commit; retry Transient with the whole work."""
        told = {"isolation": isolation, "actor": actor, "cause": cause}
        return await _spawn(self._sync.run, work, key=key, attempts=attempts, **told)

    async def call(self, workflow: Callable[Concatenate[Any, P], T], /, *arguments: P.args, **options: P.kwargs) -> T:
        """Run any synchronous function that takes a store first: ``await store.call(identify.resolve, ...)``."""
        return await _spawn(workflow, self._sync, *arguments, **options)

    async def claim(self, holder: str, /, *, limit: int = 100, lease: float = 30.0) -> Sequence[Claim]:
        """Return the oldest events, in order, and keep other holders away for `lease` seconds."""
        return await _spawn(self._sync.claim, holder, limit=limit, lease=lease)

    async def settle(self, holder: str, ids: Sequence[UUID], /) -> int:
        """Forget delivered events; return how many there were."""
        return await _spawn(self._sync.settle, holder, ids)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
