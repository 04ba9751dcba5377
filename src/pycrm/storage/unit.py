"""What every unit of work of ours shares: its state, its typed conveniences, and how a store runs it again."""

from __future__ import annotations

import json
import random
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self, TypeVar
from uuid import UUID

import attrs

from pycrm.errors import Conflict, Duplicate, InvalidValueError, ReadOnly, StoreError, Transient, UnitClosed, Unknown
from pycrm.model.assessment import Assessment
from pycrm.model.checks import is_storable
from pycrm.model.consent import ConsentEntry
from pycrm.model.customer import Customer
from pycrm.model.feed import ChangeFeed, FeedEvent, FeedReader
from pycrm.model.import_run import ImportRun
from pycrm.model.interaction import Interaction
from pycrm.model.lifecycle import StageChange
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.order import Order, Product, UnallocatedRefund
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.serialize import to_plain
from pycrm.storage.mapping import EntityMap, MapSet
from pycrm.storage.protocols import Isolation, Repository
from pycrm.storage.query import E

__all__ = [
    "Retries",
    "Unit",
    "announced_models",
    "checked_tenant",
    "event_of",
    "named_tenant",
    "plain_result",
    "run",
    "utc_now",
]

T = TypeVar("T")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}\Z")


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def checked_tenant(tenant: Any) -> str:
    """Return `tenant` if it can name one; raise InvalidValueError otherwise."""
    if not isinstance(tenant, str) or not _TENANT.match(tenant):
        raise InvalidValueError(
            "tenant", tenant, "use 1 to 64 ASCII letters, digits and . _ : -, a letter or digit first"
        )
    return str(tenant)


def named_tenant(tenant: str | None) -> str:
    """Return the tenant of a store; raise InvalidValueError for a store of many tenants, of which none was named."""
    if tenant is None:
        raise InvalidValueError(
            "tenant", tenant, 'this store is of many tenants; name one first, as in store.tenant("acme").begin()'
        )
    return tenant


class Stationary:
    """What holds a connection, a lock or the data themselves, and so stays in its process."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise StoreError(
            f"a {type(self).__name__} is not copied, pickled or sent to another process; open one there, by the same URL"
        )


def event_of(event: object) -> tuple[str, Any]:
    """Return the type and plain payload of an event: a frozen attrs value, or a mapping with a `type`."""
    if attrs.has(type(event)):
        return type(event).__name__, to_plain(event)
    if isinstance(event, Mapping) and isinstance(event.get("type"), str):
        try:
            payload = json.loads(json.dumps({k: v for k, v in event.items() if k != "type"}, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InvalidValueError(
                "event", event, "give plain data: text, finite numbers, lists and mappings"
            ) from error
        return event["type"], payload
    raise InvalidValueError("event", event, "emit a frozen attrs value, or a mapping with a 'type'")


def announced_models(maps: MapSet, announce: Iterable[type[Any]]) -> frozenset[type[Any]]:
    """Return the models whose changes become events; raise where the store does not keep one."""
    if isinstance(announce, type | str) or not isinstance(announce, Iterable):
        raise InvalidValueError("announce", announce, "give several models, such as {Customer}")
    models = frozenset(maps.of(model).model for model in announce)
    for model in (ChangeFeed, FeedEvent, FeedReader):
        if model in models:
            raise InvalidValueError("announce", model.__name__, "announce what the feed tells of, not the feed")
    return models


_DONE = {"add": "added", "save": "saved", "remove": "removed", "restore": "restored", "erase": "erased"}


def plain_result(result: T) -> T:
    """Return `result` as it comes back from the store; raise InvalidValueError where it is no plain data."""
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        fix = "work that runs with a key returns plain data: None, text, finite numbers, lists, mappings of text"
        raise InvalidValueError("result", result, fix) from error
    made: T = json.loads(text)
    return made


class Unit(Stationary, ABC):
    """A unit of work of a store of ours: what does not depend on where things are kept."""

    def __init__(self, *, read_only: bool, isolation: Isolation, actor: str | None, cause: str | None) -> None:
        if isolation not in {"default", "serializable"}:
            raise InvalidValueError("isolation", isolation, "choose 'default' or 'serializable'")
        told: Mapping[str, object] = {"actor": actor, "cause": cause}
        for name, said in told.items():
            if said is not None and not (isinstance(said, str) and is_storable(said)):
                raise InvalidValueError(name, said, "give text without NUL characters and lone surrogates, or None")
        self.read_only = read_only
        self.isolation = isolation
        self.actor = actor
        self.cause = cause
        self._seen: set[tuple[type[Any], UUID, int]] = set()
        self._missed: set[str] = set()
        self._state = "open"
        self._announced: frozenset[type[Any]] = frozenset()
        self._events: list[tuple[str, Any]] = []

    def _announce(self, map: EntityMap, id: UUID, version: int, action: str, fields: Mapping[str, Any]) -> None:
        """Put a change into the outbox, in the same transaction, where the store announces the model."""
        if map.model in self._announced:
            told = {name: list(pair) for name, pair in fields.items()}
            payload = {"id": str(id), "version": version, "actor": self.actor, "cause": self.cause, "fields": told}
            self._events.append((f"{map.name}.{_DONE[action]}", payload))

    @abstractmethod
    def of(self, model: type[E], /) -> Repository[E, UUID]:
        """Return the repository of one entity class."""

    def _check_open(self) -> None:
        if self._state != "open":
            raise UnitClosed

    def _check_writable(self) -> None:
        if self._state != "open":
            raise UnitClosed
        if self.read_only:
            raise ReadOnly

    @abstractmethod
    def rollback(self) -> None:
        """Undo everything; the unit has ended."""

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.rollback()

    def read_before(self, conflict: Conflict | Duplicate) -> bool:
        """Tell whether the entity in conflict was read in this very unit, so that running it again reads the new state.

        Of an id that is there already: whether this unit looked for one of that model and found none.
        """
        if isinstance(conflict, Duplicate):
            return conflict.fields == ("id",) and conflict.model in self._missed
        return any(
            model.__name__ == conflict.model and (model, conflict.id, conflict.expected) in self._seen
            for model, _, _ in self._seen
        )

    @property
    def customers(self) -> Repository[Customer, UUID]:
        """The customers."""
        return self.of(Customer)

    @property
    def interactions(self) -> Repository[Interaction, UUID]:
        """The interactions, which are only ever added."""
        return self.of(Interaction)

    @property
    def orders(self) -> Repository[Order, UUID]:
        """The orders."""
        return self.of(Order)

    @property
    def products(self) -> Repository[Product, UUID]:
        """The products."""
        return self.of(Product)

    @property
    def consents(self) -> Repository[ConsentEntry, UUID]:
        """The consent ledger, which is only ever added to."""
        return self.of(ConsentEntry)

    @property
    def stage_changes(self) -> Repository[StageChange, UUID]:
        """The lifecycle history, which is only ever added to."""
        return self.of(StageChange)

    @property
    def offers(self) -> Repository[Offer, UUID]:
        """The offers."""
        return self.of(Offer)

    @property
    def offer_decisions(self) -> Repository[OfferDecision, UUID]:
        """Who was given which offer."""
        return self.of(OfferDecision)

    @property
    def assessments(self) -> Repository[Assessment, UUID]:
        """What was computed of a customer, and when."""
        return self.of(Assessment)

    @property
    def source_records(self) -> Repository[SourceRecord, UUID]:
        """The records as the sources gave them."""
        return self.of(SourceRecord)

    @property
    def identity_links(self) -> Repository[IdentityLink, UUID]:
        """Which source record is which customer."""
        return self.of(IdentityLink)

    @property
    def refunds(self) -> Repository[UnallocatedRefund, UUID]:
        """Refunds that belong to no order."""
        return self.of(UnallocatedRefund)

    @property
    def import_runs(self) -> Repository[ImportRun, UUID]:
        """The imports that were run."""
        return self.of(ImportRun)


class _Keyed(Protocol):
    """What `run` needs of a unit."""

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def result_of(self, key: str, /) -> tuple[Any] | None: ...
    def remember(self, key: str, result: Any, /) -> None: ...
    def read_before(self, conflict: Conflict | Duplicate, /) -> bool: ...


U = TypeVar("U", bound=_Keyed)


@attrs.frozen
class Retries:
    """How long to wait before trying again: full jitter, doubling from 10 ms to 1 s."""

    sleep: Callable[[float], object] = time.sleep
    random: Callable[[], float] = random.random

    def wait(self, attempt: int) -> None:
        """Wait before attempt number `attempt` + 1."""
        self.sleep(self.random() * min(1.0, 0.01 * 2**attempt))


def run(begin: Callable[[], U], work: Callable[[U], T], *, key: str | None, attempts: int, retries: Retries) -> T:
    """Run `work` in a unit of work and commit, again where nothing was written.

    A Conflict over an entity that the work itself has read is a race, and is retried like Transient; over one that came
    from outside it is the caller's to settle, and is raised. So is the id that the work looked for, did not find, and then
    could not add: another unit was quicker. With `key` an Unknown is settled by looking for the key.
    """
    if attempts < 1:
        raise InvalidValueError("attempts", attempts, "give at least 1")
    if key is not None and (not 0 < len(key) <= 200 or "\0" in key):
        raise InvalidValueError("key", key, "give 1 to 200 characters")
    for attempt in range(attempts):
        last = attempt + 1 == attempts
        try:
            unit = begin()
        except Transient:
            if last:
                raise
            retries.wait(attempt)
            continue
        try:
            if key is not None and (held := unit.result_of(key)) is not None:
                return held[0]  # type: ignore[no-any-return]  # the stored form of what work returned
            result = work(unit)
            if key is not None:
                result = plain_result(result)
                unit.remember(key, result)
            unit.commit()
        except StoreError as error:
            unit.rollback()
            again = (
                isinstance(error, Transient)
                or (isinstance(error, Unknown) and key is not None)
                or (isinstance(error, Conflict | Duplicate) and unit.read_before(error))
            )
            if last or not again:
                raise
            retries.wait(attempt)
        else:
            return result
        finally:
            unit.rollback()
    raise AssertionError("unreachable: the last attempt returns or raises")  # pragma: no cover
