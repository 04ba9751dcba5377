"""`store_contract`: every promise of a store, as tests that run on yours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from pycrm.errors import InvalidValueError
from pycrm.model.entity import new_id
from pycrm.storage.protocols import Store
from pycrm.testing.points import Points
from pycrm.testing.questions import Questions
from pycrm.testing.requirements import Requirements
from pycrm.testing.transactions import Transactions

__all__ = ["StoreContract", "store_contract"]


class StoreContract(Points, Questions, Transactions):
    """The contract; subclass it, or let `store_contract` do so."""

    requirements: ClassVar[Requirements] = Requirements()
    make_store: ClassVar[Callable[[], Store]]
    _made: ClassVar[Store]

    @classmethod
    def whole_store(cls) -> Store:
        """Return the store of this class of tests, made on first use."""
        if "_made" not in cls.__dict__:
            cls._made = cls.make_store()
        return cls._made

    @classmethod
    def teardown_class(cls) -> None:
        """Close the store where it can be closed."""
        close = getattr(cls.__dict__.get("_made"), "close", None)
        if close is not None:
            close()

    @pytest.fixture
    def store(self) -> Store:
        """Return a store with nothing in it: a new tenant, or a new store where there are no tenants."""
        if self.requirements.tenants:
            return self.whole_store().tenant(f"t{new_id().hex}")
        return type(self).make_store()


def store_contract(make_store: Callable[[], Store], *, requirements: Requirements | None = None) -> type[StoreContract]:
    """Return a class of tests for the stores that `make_store` makes; bind it to a name that begins with Test.

    Parameters
    ----------
    make_store : callable
        Returns an empty store with the default maps.
    requirements : Requirements, optional
        What the store cannot do; everything is expected unless declared.

    Examples
    --------
    >>> from pycrm.storage import MemoryStore
    >>> TestMemoryStore = store_contract(MemoryStore)
    >>> issubclass(TestMemoryStore, StoreContract)
    True
    """
    given: object = make_store
    if not callable(given):
        raise InvalidValueError(
            "make_store", make_store, "give a callable that returns an empty store, such as MemoryStore"
        )
    body: dict[str, Any] = {"make_store": staticmethod(make_store), "requirements": requirements or Requirements()}
    return type("StoreContract", (StoreContract,), body)
