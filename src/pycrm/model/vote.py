"""Who says that a contribution helped, and what became of votes that looked wrong.

Both are append-only, and what holds at a time is a fold by the time of each entry: it is the same in whatever order they arrive,
and however often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_line, optional, tuple_of
from pycrm.model.entity import Entity, named_id
from pycrm.model.evidence import Reason
from pycrm.model.time import in_utc, instant, is_instant

__all__ = ["Vote", "VoteKind", "VoteReview", "VoteState", "reviewed_at", "votes_at"]


class VoteKind(StrEnum):
    """What a vote says: that it helped, or that this is taken back."""

    HELPFUL = "helpful"
    WITHDRAWN = "withdrawn"


class VoteState(StrEnum):
    """What became of a vote that looked wrong: it waits for a person, was found right, or was found to be arranged."""

    HELD = "held"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"


# Of two words of one instant a person's outranks the machine's, and the stricter the other.
_STRICT = {VoteState.HELD: 0, VoteState.DISMISSED: 1, VoteState.CONFIRMED: 2}


def _itself(id: UUID) -> UUID:
    return id


@frozen(kw_only=True)
class Vote(Entity):
    """What one customer says of one contribution; of several the last counts, so nobody ever has two votes.

    Parameters
    ----------
    contribution_id, voter_id : UUID
        Of which, and who.
    kind : VoteKind
        What is said.
    at : datetime
        When he said it, whenever we heard of it.
    """

    contribution_id: UUID = field(validator=is_a(UUID))
    voter_id: UUID = field(validator=is_a(UUID))
    kind: VoteKind = field(default=VoteKind.HELPFUL, validator=is_a(VoteKind))
    at: datetime = field(converter=in_utc, validator=is_instant)

    @classmethod
    def cast(cls, contribution_id: UUID, voter_id: UUID, at: datetime, kind: VoteKind = VoteKind.HELPFUL) -> Vote:
        """Return the vote with the id that follows from what it says: heard twice, it is one.

        Examples
        --------
        >>> from datetime import UTC
        >>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
        >>> Vote.cast(UUID(int=1), UUID(int=2), noon) == Vote.cast(UUID(int=1), UUID(int=2), noon)
        True
        """
        said = cls(contribution_id=contribution_id, voter_id=voter_id, kind=kind, at=at)
        own = named_id(contribution_id, f"{voter_id}\x1f{kind}\x1f{said.at.isoformat()}")
        return cls(id=own, contribution_id=contribution_id, voter_id=voter_id, kind=kind, at=at)


def votes_at(votes: Iterable[Vote], at: datetime, who: Callable[[UUID], UUID] = _itself) -> frozenset[UUID]:
    """Return who says at a time that one contribution helped.

    Parameters
    ----------
    votes : iterable of Vote
        Of one contribution, in any order.
    at : datetime
        When; what was said later is not known yet.
    who : callable
        Whom an id means: after a merge the votes of two ids are those of one, and his last word counts.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon, ana, bea = datetime(2026, 5, 1, 12, tzinfo=UTC), UUID(int=2), UUID(int=3)
    >>> said = [
    ...     Vote.cast(UUID(int=1), ana, noon.replace(hour=13), VoteKind.WITHDRAWN),
    ...     *(Vote.cast(UUID(int=1), voter, noon) for voter in (ana, bea)),
    ... ]
    >>> votes_at(said, noon) == {ana, bea}, votes_at(said, noon.replace(hour=14)) == {bea}
    (True, True)
    """
    now = instant(at)
    last: dict[UUID, tuple[datetime, bool]] = {}
    for vote in votes:
        if vote.at <= now:
            said = (vote.at, vote.kind is VoteKind.WITHDRAWN)  # of one instant the withdrawal counts
            voter = who(vote.voter_id)
            last[voter] = max(last.get(voter, said), said)
    return frozenset(voter for voter, (_, withdrawn) in last.items() if not withdrawn)


@frozen(kw_only=True)
class VoteReview(Entity):
    """What is thought of one voter's vote for one contribution: a sign that holds it, or what a person decided.

    Parameters
    ----------
    contribution_id, voter_id : UUID
        Of which, and whose vote.
    state : VoteState
        Held by the machine; dismissed or confirmed by a person alone.
    reasons : tuple of Reason
        What was seen; or, of a decision, why.
    at : datetime
        When.
    actor : str, optional
        Who decided; None for what the machine holds.
    """

    contribution_id: UUID = field(validator=is_a(UUID))
    voter_id: UUID = field(validator=is_a(UUID))
    state: VoteState = field(validator=is_a(VoteState))
    reasons: tuple[Reason, ...] = field(default=(), validator=tuple_of(Reason))
    at: datetime = field(converter=in_utc, validator=is_instant)
    actor: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.state is VoteState.HELD and not self.reasons:
            raise InvalidValueError("reasons", self.reasons, "say what was seen: nothing is held without a reason")
        if (self.state is VoteState.HELD) != (self.actor is None):
            raise InvalidValueError(
                "actor", self.actor, "name the person who decided, and nobody for what is only held"
            )


def reviewed_at(
    reviews: Iterable[VoteReview], at: datetime, who: Callable[[UUID], UUID] = _itself
) -> Mapping[UUID, VoteReview]:
    """Return the last word on the vote of each voter for one contribution; who is not in it was never suspected.

    What the machine saw after a person had decided changes nothing: a decision is undone by a person.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon, ana = datetime(2026, 5, 1, 12, tzinfo=UTC), UUID(int=2)
    >>> seen = VoteReview(
    ...     contribution_id=UUID(int=1), voter_id=ana, state=VoteState.HELD, reasons=(Reason("ring", "two"),), at=noon
    ... )
    >>> str(reviewed_at([seen], noon)[ana].state)
    'held'
    """
    now = instant(at)
    last: dict[UUID, VoteReview] = {}

    def rank(review: VoteReview) -> tuple[bool, datetime, int, str]:
        return (review.state is not VoteState.HELD, review.at, _STRICT[review.state], str(review.id))

    for review in reviews:
        if review.at <= now:
            voter = who(review.voter_id)
            last[voter] = max(last.get(voter, review), review, key=rank)
    return last
