"""How often we and a customer are in touch, when it was last, and how long it has been silent since."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from attrs import frozen

from pycrm.model.interaction import Direction, Interaction
from pycrm.model.time import instant

__all__ = ["ContactRhythm", "contact_rhythm"]


@frozen(kw_only=True)
class ContactRhythm:
    """The rhythm of one relationship at a time.

    Parameters
    ----------
    contacts : int
        How many there were.
    last_at : datetime, optional
        The last one, whoever began it; None where there was none.
    last_in_at, last_out_at : datetime, optional
        The last that the customer began, and that we did.
    cadence : timedelta, optional
        The median gap between contacts; None with fewer than two.
    silence : timedelta, optional
        Since the last one.
    """

    contacts: int = 0
    last_at: datetime | None = None
    last_in_at: datetime | None = None
    last_out_at: datetime | None = None
    cadence: timedelta | None = None
    silence: timedelta | None = None

    @property
    def overdue(self) -> float | None:
        """How many of his own gaps the silence lasts; above 1 it is longer than usual. None where he has no rhythm."""
        return self.silence / self.cadence if self.silence is not None and self.cadence else None


def contact_rhythm(interactions: Iterable[Interaction], at: datetime) -> ContactRhythm:
    """Return the rhythm of the contacts with one customer, in any order, up to a time; later ones are not known yet.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.entity import new_id
    >>> from pycrm.model.interaction import InteractionKind
    >>> ana = new_id()
    >>> def called(day):
    ...     when = datetime(2026, 5, day, tzinfo=UTC)
    ...     return Interaction(
    ...         customer_id=ana,
    ...         kind=InteractionKind.CALL,
    ...         direction=Direction.IN,
    ...         channel="phone",
    ...         occurred_at=when,
    ...         recorded_at=when,
    ...     )
    >>> rhythm = contact_rhythm([called(1), called(3), called(5)], datetime(2026, 5, 11, tzinfo=UTC))
    >>> rhythm.cadence.days, rhythm.silence.days, rhythm.overdue
    (2, 6, 3.0)
    """
    until = instant(at)
    known = sorted((one for one in interactions if one.occurred_at <= until), key=lambda one: one.occurred_at)
    if not known:
        return ContactRhythm()
    times = [one.occurred_at for one in known]
    gaps = [(after - before) // timedelta(microseconds=1) for before, after in pairwise(times)]

    def last(direction: Direction) -> datetime | None:
        return next((one.occurred_at for one in reversed(known) if one.direction is direction), None)

    return ContactRhythm(
        contacts=len(known),
        last_at=times[-1],
        last_in_at=last(Direction.IN),
        last_out_at=last(Direction.OUT),
        cadence=timedelta(microseconds=median(gaps)) if gaps else None,
        silence=until - times[-1],
    )
