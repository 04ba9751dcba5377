"""Whether we and a customer speak with each other: how deep that is, and how tired he is of what we send.

A contact counts with the answer it got. What nobody answered, however much of it there is, makes no relationship deeper.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.model.time import instant

__all__ = ["ContactFatigue", "RelationshipDepth", "contact_fatigue", "relationship_depth"]

_MONTH = timedelta(days=30)
_MONTHS = 12
# So many exchanges in the year are half of what more of them can add.
_HALF = 6


@frozen(kw_only=True)
class RelationshipDepth:
    """How deep the dialogue with one customer was in the last 360 days; every part is from 0 to 1.

    Parameters
    ----------
    exchanges : int
        Contacts of one side that the other answered.
    volume : float
        How many they are: n / (n + 6).
    answered : float
        The share of all contacts that are part of an exchange.
    balance : float
        1 where both sides began equally many, 0 where one began them all.
    lasting : float
        In how many of the months since the first contact, at most twelve, there was one.
    """

    exchanges: int = 0
    volume: float = 0.0
    answered: float = 0.0
    balance: float = 0.0
    lasting: float = 0.0

    @property
    def score(self) -> float:
        """The volume times the mean of the other three, from 0 to 100; 0 where nobody ever answered."""
        return 100 * self.volume * (self.answered + self.balance + self.lasting) / 3


@frozen(kw_only=True)
class ContactFatigue:
    """What became of what we sent to one customer.

    Parameters
    ----------
    sent : int
        Contacts we began and that had their time to be answered, or were.
    answered : int
        Those of them he answered.
    ignored_in_a_row : int
        How many he has not answered since he last spoke to us.
    since : datetime, optional
        The first of these; None where there is none.
    """

    sent: int = 0
    answered: int = 0
    ignored_in_a_row: int = 0
    since: datetime | None = None

    @property
    def answered_share(self) -> float | None:
        """The share he answered; None where nothing was sent."""
        return self.answered / self.sent if self.sent else None

    def stop(self, after: int) -> bool:
        """Tell whether he has ignored so many in a row that we are to stop.

        Examples
        --------
        >>> ContactFatigue(sent=3, ignored_in_a_row=3).stop(3)
        True
        """
        if after < 1:
            raise InvalidValueError("after", after, "give at least 1")
        return self.ignored_in_a_row >= after


@frozen
class _Days:
    answer_within: int = field(validator=at_least(0))


def _known(interactions: Iterable[Interaction], until: datetime) -> list[Interaction]:
    spoken = [
        one
        for one in interactions
        if one.occurred_at <= until and one.direction is not Direction.NONE and one.kind is not InteractionKind.SYSTEM
    ]
    return sorted(spoken, key=lambda one: (one.occurred_at, str(one.id)))


def _pairs(known: Iterable[Interaction], patience: timedelta) -> list[tuple[Interaction, Interaction]]:
    """Return each answer with what it answers: the last unanswered contact of the other side, no longer ago than `patience`."""
    pairs = []
    waiting: list[Interaction] = []
    for one in known:
        if waiting and waiting[-1].direction is not one.direction:
            asked = waiting.pop()
            # One answer is to all that waited: the earlier ones stay without one of their own.
            waiting.clear()
            if one.occurred_at - asked.occurred_at <= patience:
                pairs.append((asked, one))
                continue
        waiting.append(one)
    return pairs


def relationship_depth(
    interactions: Iterable[Interaction], at: datetime, *, answer_within: int = 14
) -> RelationshipDepth:
    """Return how deep the dialogue with one customer is, from his contacts in any order; later ones are not known yet.

    Parameters
    ----------
    interactions : iterable of Interaction
        Of one customer.
    at : datetime
        Now; what is more than 360 days older does not count.
    answer_within : int
        How many days an answer may take.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.entity import new_id
    >>> ana, start = new_id(), datetime(2026, 5, 1, tzinfo=UTC)
    >>> def contact(day, direction):
    ...     when = start + timedelta(days=day)
    ...     return Interaction(
    ...         customer_id=ana,
    ...         kind=InteractionKind.EMAIL,
    ...         direction=Direction(direction),
    ...         channel="email",
    ...         occurred_at=when,
    ...         recorded_at=when,
    ...     )
    >>> relationship_depth([contact(day, "out") for day in range(50)], start + timedelta(days=60)).score
    0.0
    >>> talk = [contact(0, "out"), contact(1, "in"), contact(8, "in"), contact(9, "out")]
    >>> depth = relationship_depth(talk, start + timedelta(days=10))
    >>> depth.exchanges, depth.volume, depth.answered, depth.balance, depth.lasting, depth.score
    (2, 0.25, 1.0, 1.0, 1.0, 25.0)
    """
    patience = timedelta(days=_Days(answer_within).answer_within)
    until = instant(at)
    known = [one for one in _known(interactions, until) if until - one.occurred_at < _MONTHS * _MONTH]
    pairs = _pairs(known, patience)
    if not pairs:
        return RelationshipDepth()
    count = len(pairs)
    ours = sum(asked.direction is Direction.OUT for asked, _ in pairs)
    months = (until - known[0].occurred_at) // _MONTH + 1
    spoken = {(until - answer.occurred_at) // _MONTH for _, answer in pairs}
    return RelationshipDepth(
        exchanges=count,
        volume=count / (count + _HALF),
        answered=2 * count / len(known),
        balance=2 * min(ours, count - ours) / count,
        lasting=len(spoken) / months,
    )


def contact_fatigue(interactions: Iterable[Interaction], at: datetime, *, answer_within: int = 14) -> ContactFatigue:
    """Return how much of what we sent a customer answered, and how much he has ignored in a row.

    Whatever he says counts as his answer to the last we sent; what was sent less than `answer_within` days ago is still waiting.

    Parameters
    ----------
    interactions : iterable of Interaction
        Of one customer, in any order.
    at : datetime
        Now.
    answer_within : int
        How many days an answer may take.

    Examples
    --------
    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> start = datetime(2026, 5, 1, tzinfo=UTC)
    >>> def mailed(day):
    ...     when = start + timedelta(days=day)
    ...     return Interaction(
    ...         customer_id=UUID(int=1),
    ...         kind=InteractionKind.EMAIL,
    ...         direction=Direction.OUT,
    ...         channel="email",
    ...         occurred_at=when,
    ...         recorded_at=when,
    ...     )
    >>> found = contact_fatigue([mailed(day) for day in (0, 10, 20)], start + timedelta(days=30))
    >>> found.ignored_in_a_row, found.answered_share, found.stop(2)
    (2, 0.0, True)
    """
    patience = timedelta(days=_Days(answer_within).answer_within)
    until = instant(at)
    known = _known(interactions, until)
    replied = {asked.id for asked, _ in _pairs(known, patience)}
    # What we said in answer to him asks for nothing.
    answers = {answer.id for _, answer in _pairs(known, patience)}
    sent = [
        one
        for one in known
        if one.direction is Direction.OUT
        and one.id not in answers
        and (one.id in replied or until - one.occurred_at >= patience)
    ]
    last_in = max((one.occurred_at for one in known if one.direction is Direction.IN), default=None)
    ignored = [one for one in sent if one.id not in replied and (last_in is None or one.occurred_at > last_in)]
    return ContactFatigue(
        sent=len(sent),
        answered=sum(one.id in replied for one in sent),
        ignored_in_a_row=len(ignored),
        since=ignored[0].occurred_at if ignored else None,
    )
