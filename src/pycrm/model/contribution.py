"""What a customer made for others to read, see or use, and whether it may be rewarded: moderated, disclosed, and valued by others."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, set_of
from pycrm.model.evidence import Reason
from pycrm.model.time import in_utc, is_instant

__all__ = ["Contribution", "Moderation", "reward_refusals"]


class Moderation(StrEnum):
    """What a person who looked at it said."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


@frozen(kw_only=True)
class Contribution:
    """A review, an answer, a picture: as the place where it stands knows it; pycrm keeps only what it earned.

    Parameters
    ----------
    id : UUID
        Its id there; it earns once under it.
    author_id : UUID
        The customer who made it.
    kind : str
        A code: "review", "answer", "post".
    made_at : datetime
        When.
    moderation : Moderation
        What the moderator said.
    moderator : str, optional
        Who it was; never the author.
    disclosed : bool
        Whether readers are told that it is rewarded.
    valued_by : frozenset of UUID
        The customers who said that it helped.
    """

    id: UUID = field(validator=is_a(UUID))
    author_id: UUID = field(validator=is_a(UUID))
    kind: str = field(validator=is_code)
    made_at: datetime = field(converter=in_utc, validator=is_instant)
    moderation: Moderation = field(default=Moderation.WAITING, validator=is_a(Moderation))
    moderator: str | None = field(default=None, validator=optional(is_line))
    disclosed: bool = field(default=False, validator=is_a(bool))
    valued_by: frozenset[UUID] = field(default=frozenset(), validator=set_of(UUID))

    def __attrs_post_init__(self) -> None:
        if (self.moderation is Moderation.WAITING) != (self.moderator is None):
            raise InvalidValueError("moderator", self.moderator, "name who moderated it, and nobody while it waits")
        if self.moderator == str(self.author_id):
            raise InvalidValueError("moderator", self.moderator, "nobody moderates what he made himself")

    def valued_by_others(self) -> int:
        """Return how many customers other than the author said that it helped."""
        return len(self.valued_by - {self.author_id})


@frozen
class _AtLeast:
    valued: int = field(validator=at_least(0))


def reward_refusals(contribution: Contribution, *, valued: int = 1) -> tuple[Reason, ...]:
    """Return every reason why a contribution is not rewarded (yet); none means that it is.

    Parameters
    ----------
    contribution : Contribution
        What was made.
    valued : int
        How many others must have said that it helped.

    Examples
    --------
    >>> from datetime import UTC
    >>> review = Contribution(id=UUID(int=1), author_id=UUID(int=2), kind="review", made_at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> [reason.code for reason in reward_refusals(review)]
    ['not_moderated', 'not_disclosed', 'not_valued']
    """
    least = _AtLeast(valued).valued
    reasons = []
    if contribution.moderation is Moderation.WAITING:
        reasons.append(Reason("not_moderated", "nobody has looked at it yet"))
    if contribution.moderation is Moderation.REFUSED:
        reasons.append(Reason("refused", f"{contribution.moderator} refused it"))
    if not contribution.disclosed:
        reasons.append(Reason("not_disclosed", "readers are not told that it is rewarded"))
    if contribution.valued_by_others() < least:
        reasons.append(
            Reason("not_valued", f"{contribution.valued_by_others()} others said that it helped; {least} are needed")
        )
    return tuple(reasons)
