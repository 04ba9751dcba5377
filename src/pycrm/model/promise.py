"""What we promised a customer, by when, and whether it was kept; that a promise is broken follows from the clock alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor, EvidenceRef
from pycrm.model.time import in_utc, instant, is_instant

__all__ = ["Promise", "PromiseRecord", "PromiseStatus", "promise_record"]


class PromiseStatus(StrEnum):
    """How a promise stands at a time."""

    OPEN = "open"
    KEPT = "kept"
    LATE = "late"
    BROKEN = "broken"
    RELEASED = "released"


@frozen(kw_only=True)
class Promise(Entity):
    """Something a customer may expect of us by a time.

    Parameters
    ----------
    customer_id : UUID
        To whom.
    kind : str
        A code of what it is: "delivery", "call_back", "repair".
    what : str
        In the words it was given in.
    made_at, due : datetime
        When, and by when; it is kept in time up to `due` itself.
    made_by : Actor, optional
        Who gave it.
    about : tuple of EvidenceRef
        The order, case or conversation it belongs to.
    kept_at : datetime, optional
        When it was done.
    released_at : datetime, optional
        When the customer let us off; only while it was not done.
    note : str, optional
        Why it was late or let go.
    key : str
        The same key twice is the same promise. Its id unless given.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> call = Promise(customer_id=UUID(int=1), kind="call_back", what="We call you", made_at=day, due=day + timedelta(days=2))
    >>> [call.status(day + timedelta(days=days)).value for days in (1, 2, 3)]
    ['open', 'open', 'broken']
    >>> call.kept(day + timedelta(days=3)).status(day + timedelta(days=4)).value
    'late'
    """

    customer_id: UUID = field(validator=is_a(UUID))
    kind: str = field(validator=is_code)
    what: str = field(validator=is_line)
    made_at: datetime = field(converter=in_utc, validator=is_instant)
    due: datetime = field(converter=in_utc, validator=is_instant)
    made_by: Actor | None = field(default=None, validator=optional(is_a(Actor)))
    about: tuple[EvidenceRef, ...] = field(default=(), validator=tuple_of(EvidenceRef))
    kept_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    released_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    note: str | None = field(default=None, validator=optional(is_line))
    key: str = field(default=attrs.Factory(lambda promise: str(promise.id), takes_self=True), validator=is_line)

    def __attrs_post_init__(self) -> None:
        for name in ("due", "kept_at", "released_at"):
            at = getattr(self, name)
            if at is not None and at < self.made_at:
                raise InvalidValueError(
                    name, at, f"it was promised at {self.made_at.isoformat()}; give a time from then on"
                )
        if self.kept_at is not None and self.released_at is not None:
            raise InvalidValueError("released_at", self.released_at, "what was done is not let go; give one of the two")

    def kept(self, at: datetime, note: str | None = None) -> Promise:
        """Return it as done at a time.

        Raises
        ------
        InvalidValueError
            If it was done or let go before, or the time is before the promise.
        """
        self._check_standing("kept_at", at)
        return attrs.evolve(self, kept_at=at, note=note or self.note)

    def released(self, at: datetime, note: str) -> Promise:
        """Return it as let go by the customer, and why.

        Raises
        ------
        InvalidValueError
            If it was done or let go before, or the time is before the promise.
        """
        self._check_standing("released_at", at)
        return attrs.evolve(self, released_at=at, note=note)

    def _check_standing(self, name: str, at: datetime) -> None:
        if self.kept_at is not None or self.released_at is not None:
            raise InvalidValueError(name, at, "it was done or let go before; make a new promise")

    def status(self, at: datetime) -> PromiseStatus:
        """Return how it stood at a time, by what had happened until then.

        A promise let go after it was due was broken until then, and is released from then on.
        """
        now = instant(at)
        if self.kept_at is not None and self.kept_at <= now:
            return PromiseStatus.KEPT if self.kept_at <= self.due else PromiseStatus.LATE
        if self.released_at is not None and self.released_at <= now:
            return PromiseStatus.RELEASED
        return PromiseStatus.OPEN if now <= self.due else PromiseStatus.BROKEN


@frozen(kw_only=True)
class PromiseRecord:
    """How many promises were kept; those that stand open or were let go say nothing of it.

    Parameters
    ----------
    counts : Mapping of PromiseStatus to int
        How many stand how.
    delay : timedelta, optional
        By how much the late ones and those still broken were missed, as a median; None where none was.
    """

    counts: Counter[PromiseStatus]
    delay: timedelta | None = None

    @property
    def share(self) -> float | None:
        """The share kept in time, of those that were kept, late or broken; None where there is none."""
        kept = self.counts[PromiseStatus.KEPT]
        due = kept + self.counts[PromiseStatus.LATE] + self.counts[PromiseStatus.BROKEN]
        return kept / due if due else None


def promise_record(promises: Iterable[Promise], at: datetime) -> PromiseRecord:
    """Return how many of these promises were kept by a time; those made later are not known yet.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> given = [
    ...     Promise(customer_id=UUID(int=1), kind="delivery", what="Tea", made_at=day, due=day + timedelta(days=days))
    ...     for days in (1, 2, 9)
    ... ]
    >>> given[0] = given[0].kept(day)
    >>> promise_record(given, day + timedelta(days=5)).share
    0.5
    """
    now = instant(at)
    counts: Counter[PromiseStatus] = Counter()
    delays = []
    for promise in promises:
        if promise.made_at > now:
            continue
        status = promise.status(now)
        counts[status] += 1
        if status in {PromiseStatus.LATE, PromiseStatus.BROKEN}:
            end = now if status is PromiseStatus.BROKEN or promise.kept_at is None else promise.kept_at
            delays.append((end - promise.due) // timedelta(microseconds=1))
    return PromiseRecord(counts=counts, delay=timedelta(microseconds=median(delays)) if delays else None)
