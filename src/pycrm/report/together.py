"""Several workflows in one unit of work: all of them happened, or none."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from pycrm.storage.protocols import Isolation, Repository, Store, UnitOfWork
from pycrm.storage.query import E

__all__ = ["Together"]

T = TypeVar("T")


class _Inner:
    """A unit of work within another: it ends without an effect of its own."""

    def __init__(self, outer: UnitOfWork) -> None:
        self._outer = outer

    def of(self, model: type[E], /) -> Repository[E, Any]:
        return self._outer.of(model)

    def emit(self, event: object, /) -> None:
        self._outer.emit(event)

    def commit(self) -> None:
        """Leave the commit to the outer unit."""

    def rollback(self) -> None:
        """Undo everything: there is nothing between all and none."""
        self._outer.rollback()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Let the error reach the outer unit, which undoes everything."""


class Together:
    """A store whose every unit of work is part of one that is open already; a workflow cannot tell.

    Parameters
    ----------
    store : Store
        Where.
    unit : UnitOfWork
        The open unit; who opened it commits it.
    """

    def __init__(self, store: Store, unit: UnitOfWork) -> None:
        self._store = store
        self._unit = unit

    def begin(
        self,
        *,
        read_only: bool = False,
        isolation: Isolation = "default",
        actor: str | None = None,
        cause: str | None = None,
    ) -> UnitOfWork:
        """Join the open unit; what it was opened with holds."""
        _ = (read_only, isolation, actor, cause)
        return _Inner(self._unit)

    def run(self, work: Callable[[UnitOfWork], T], /, *, key: str | None = None, attempts: int = 5) -> T:
        """Run `work` once, in the open unit."""
        _ = (key, attempts)
        return work(_Inner(self._unit))

    def tenant(self, tenant: str, /) -> Store:
        """Return the store of another tenant, which is not part of this."""
        return self._store.tenant(tenant)
