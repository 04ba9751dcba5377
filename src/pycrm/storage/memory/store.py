"""MemoryStore: the tenants, and the way to open a unit of work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import attrs
from attrs import define, field

from pycrm.storage.mapping import EntityMap, MapSet
from pycrm.storage.maps import default_maps
from pycrm.storage.memory.tenant import Tenant
from pycrm.storage.memory.unit import MemoryUnit
from pycrm.storage.protocols import Claim, Isolation
from pycrm.storage.rows import checked_size
from pycrm.storage.unit import Retries, Stationary, announced_models, checked_tenant, named_tenant, run, utc_now

__all__ = ["MemoryStore"]

T = TypeVar("T")


@define(eq=False)
class MemoryStore(Stationary):
    """A store in memory, scoped to one tenant; safe to share between threads.

    Parameters
    ----------
    maps : iterable of EntityMap, optional
        How entities are kept; `default_maps` unless given.
    clock : callable
        The time written into the audit trail.
    retries : Retries
        How `run` waits.
    announce : iterable of type
        The models whose every change becomes an event: type ``"Customer.added"``, ``".saved"``, ``".removed"`` or ``".erased"``,
        with id, version, actor, cause and each changed field's old and new value; see `pycrm.storage.change_schema`.
    tenant : str or None
        Whose store this is, "main" unless given. None makes a store of many tenants, which refuses every unit of work until
        one is named: ``store.tenant("acme").begin()``.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> store = MemoryStore()
    >>> with store.begin(actor="ana") as uow:
    ...     pen = uow.products.add(Product(sku="A1", name="Pen"))
    ...     uow.commit()
    >>> with store.begin(read_only=True) as uow:
    ...     uow.products.get(pen.id).name
    'Pen'
    """

    maps: Iterable[EntityMap] | None = None
    clock: Callable[[], datetime] = field(default=utc_now, kw_only=True)
    retries: Retries = field(factory=Retries, kw_only=True)
    announce: Iterable[type[Any]] = field(default=(), kw_only=True)
    name: str | None = field(default="main", kw_only=True, alias="tenant")
    _maps: MapSet = field(init=False)
    _lock: threading.RLock = field(init=False, factory=threading.RLock)
    _tenants: dict[str, Tenant] = field(init=False, factory=dict)
    _clock: Callable[[], datetime] = field(init=False)
    _announced: frozenset[type[Any]] = field(init=False)
    _tenant: Tenant = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._maps = MapSet(default_maps() if self.maps is None else self.maps)
        self._clock = self.clock
        self._announced = announced_models(self._maps, self.announce)
        if self.name is not None:
            self._tenant = self._tenants.setdefault(checked_tenant(self.name), Tenant(self._maps))

    def tenant(self, tenant: str, /) -> MemoryStore:
        """Return the same store for another tenant; nothing of one is seen in another."""
        checked_tenant(tenant)
        made: MemoryStore = object.__new__(MemoryStore)
        for attribute in attrs.fields(MemoryStore):
            if attribute.name != "_tenant":
                setattr(made, attribute.name, getattr(self, attribute.name))
        made.name = tenant
        with self._lock:
            made._tenant = self._tenants.setdefault(tenant, Tenant(self._maps))
        return made

    def begin(
        self,
        *,
        read_only: bool = False,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> MemoryUnit:
        """Open a unit of work; `actor` and `cause` go into the audit trail."""
        return MemoryUnit(self, read_only=read_only, isolation=isolation, actor=actor, cause=cause)

    def run(
        self,
        work: Callable[[MemoryUnit], T],
        /,
        *,
        key: str | None = None,
        attempts: int = 5,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> T:
        """Run `work` in a unit of work and commit; retry Transient with the whole work. The rest is as in `begin`."""

        def begin() -> MemoryUnit:
            return self.begin(isolation=isolation, actor=actor, cause=cause)

        return run(begin, work, key=key, attempts=attempts, retries=self.retries)

    def claim(self, holder: str, /, *, limit: int = 100, lease: float = 30.0) -> Sequence[Claim]:
        """Return the oldest events, in order, and keep other holders away for `lease` seconds."""
        checked_size("limit", limit)
        named_tenant(self.name)
        with self._lock:
            now = self._clock()
            held = self._tenant.lease
            if held is not None and held[0] != holder and held[1] > now:
                return []
            self._tenant.lease = (holder, now + timedelta(seconds=lease))
            return list(self._tenant.outbox.values())[:limit]

    def scrub(self) -> tuple[str, ...]:
        """Forget past states; memory that was freed is the process's until it ends."""
        with self._lock:
            tenants = list(self._tenants.values())
            for tenant in tenants:
                tenant.prune()
        read = any(tenant.stale for tenant in tenants)
        return ("what an open unit of work still reads goes when it ends",) if read else ()

    def settle(self, holder: str, ids: Sequence[UUID], /) -> int:
        """Forget delivered events; return how many there were."""
        named_tenant(self.name)
        with self._lock:
            held = self._tenant.lease
            if held is None or held[0] != holder:
                return 0
            return sum(self._tenant.outbox.pop(id, None) is not None for id in ids)
