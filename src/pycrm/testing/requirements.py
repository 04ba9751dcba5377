"""What a store under test cannot do, said once: nothing is skipped that is not declared here."""

from __future__ import annotations

import attrs
import pytest
from attrs import frozen

__all__ = ["Requirements"]


@frozen(kw_only=True)
class Requirements:
    """The powers of a store beyond the smallest; each that is False needs its reason in the docs of the store.

    Parameters
    ----------
    tenants : bool
        `Store.tenant` keeps tenants apart.
    references : bool
        A reference to what is not stored is refused.
    concurrent_writers : bool
        Two units of work of one thread may both have written, to different entities, before either commits.
    optimistic : bool
        They may even have written to the same entity: nobody waits, and the second to commit loses.
    threads : bool
        Units of work of several threads may run at once.
    serializable : bool
        ``isolation="serializable"`` refuses what no order of the units of work could have done.
    snapshots : bool
        A unit of work that only reads sees one state of the store throughout.
    columns : bool
        Units of work read and write columns.
    audit : bool
        Units of work know the history of an entity.
    erasing : bool
        Units of work can erase for good.
    redacting : bool
        Units of work can overwrite what was kept without a trace: the means of erasing a person.
    outbox : bool
        Emitted events can be claimed and settled.
    keys : bool
        `Store.run` with a key has its effect once.
    """

    tenants: bool = True
    references: bool = True
    concurrent_writers: bool = True
    optimistic: bool = True
    threads: bool = True
    serializable: bool = True
    snapshots: bool = True
    columns: bool = True
    audit: bool = True
    erasing: bool = True
    redacting: bool = True
    outbox: bool = True
    keys: bool = True

    def need(self, *names: str) -> None:
        """Skip the running test where the store was declared to lack one of these."""
        known = {attribute.name for attribute in attrs.fields(Requirements)}
        for name in names:
            assert name in known, f"{name} is no requirement"
            if not getattr(self, name):
                pytest.skip(f"declared: this store has no {name}")
