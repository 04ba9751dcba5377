"""Reading goes on while the store that takes the writes is out of reach.

The standby is any store that holds the same: a replica of the server, or a copy that was restored from a backup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from pycrm.errors import ReadOnly, Transient
from pycrm.storage.protocols import Isolation, Store, UnitOfWork

__all__ = ["StandbyStore"]

T = TypeVar("T")
_REASON = "the store that takes the writes is out of reach, and its standby only reads"
_FIX = "go on reading with begin(read_only=True), and write again when it is back: every call looks for it"


@frozen
class StandbyStore:
    """A store with another behind it: reads are answered by whichever is in reach, writes by the first or refused.

    Parameters
    ----------
    primary : Store
        Takes the writes, and answers while it can be reached.
    standby : Store
        Answers reads while the other cannot; what it has not heard of yet it does not tell. Both are of one tenant.

    Notes
    -----
    Only what `begin` raises counts as out of reach: a `Transient` within a unit is retried as ever. `run` therefore opens a unit
    that only reads before each work, one more round trip.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> store = StandbyStore(MemoryStore(), MemoryStore())
    >>> store.run(lambda uow: uow.of(Product).add(Product(sku="A1", name="Pen"))).version
    1
    """

    primary: Store
    standby: Store

    def begin(
        self,
        *,
        read_only: bool = False,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> UnitOfWork:
        """Open a unit of work.

        Raises
        ------
        ReadOnly
            If it is to write and the primary is out of reach.
        """
        try:
            return self.primary.begin(read_only=read_only, isolation=isolation, actor=actor, cause=cause)
        except Transient as error:
            if not read_only:
                raise ReadOnly(_REASON, _FIX) from error
            return self.standby.begin(read_only=True, isolation=isolation, actor=actor, cause=cause)

    def run(self, work: Callable[[UnitOfWork], T], /, *, key: str | None = None, attempts: int = 5) -> T:
        """Run `work` in a unit of work and commit; on the standby it may only read.

        Raises
        ------
        ReadOnly
            If the primary is out of reach and the work writes, or has a key, which would have to be remembered.
        """
        try:
            with self.primary.begin(read_only=True):
                pass
        except Transient as error:
            if key is not None:
                raise ReadOnly(_REASON, _FIX) from error
            try:
                with self.standby.begin(read_only=True) as unit:
                    return work(unit)
            except ReadOnly as refused:
                raise ReadOnly(_REASON, _FIX) from refused
        return self.primary.run(work, key=key, attempts=attempts)

    def tenant(self, tenant: str, /) -> StandbyStore:
        """Return the same two stores for another tenant."""
        return StandbyStore(self.primary.tenant(tenant), self.standby.tenant(tenant))
