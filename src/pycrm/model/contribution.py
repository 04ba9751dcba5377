"""What a customer made for others to read, see or use, and whether it may be rewarded: moderated, disclosed, and valued by others.

The place where it stands keeps the thing itself; here is who made it, what moderators said of it (`ModerationEntry`, append-only)
and what that comes to at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.time import in_utc, instant, is_instant

__all__ = ["Contribution", "Moderation", "ModerationEntry", "moderation_at", "reward_refusals"]


class Moderation(StrEnum):
    """What a person who looked at it said; the first is also what holds before anybody did."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


# Of two who say different things at one instant the stricter counts.
_STRICT = {Moderation.APPROVED: 0, Moderation.WAITING: 1, Moderation.REFUSED: 2}


@frozen(kw_only=True)
class Contribution(Entity):
    """A review, an answer, a picture: who made it, when, and where it stands.

    Parameters
    ----------
    author_id : UUID
        The customer who made it.
    kind : str
        A code: "review", "answer", "post".
    key : str
        What the place where it stands calls it; unique, so that what is submitted twice is kept once.
    made_at : datetime
        When.
    link, text_ref : str, optional
        Where it is to be seen, and where its text is kept: the text itself is the host's.
    disclosed : bool
        Whether readers are told that it is rewarded.

    Examples
    --------
    >>> from datetime import UTC
    >>> Contribution(
    ...     author_id=UUID(int=1), kind="review", key="shop:7", made_at=datetime(2026, 5, 1, tzinfo=UTC)
    ... ).disclosed
    False
    """

    author_id: UUID = field(validator=is_a(UUID))
    kind: str = field(validator=is_code)
    key: str = field(validator=is_line)
    made_at: datetime = field(converter=in_utc, validator=is_instant)
    link: str | None = field(default=None, validator=optional(is_line))
    text_ref: str | None = field(default=None, validator=optional(is_line))
    disclosed: bool = field(default=False, validator=is_a(bool))


@frozen(kw_only=True)
class ModerationEntry(Entity):
    """What a moderator said of a contribution; a later word replaces an earlier one and erases none.

    Parameters
    ----------
    contribution_id : UUID
        Of which.
    verdict : Moderation
        What was said; ``WAITING`` takes it up again.
    moderator : str
        Who it was; never the author.
    at : datetime
        When.
    reason : str, optional
        Why; a refusal needs one.
    """

    contribution_id: UUID = field(validator=is_a(UUID))
    verdict: Moderation = field(validator=is_a(Moderation))
    moderator: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)
    reason: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.verdict is Moderation.REFUSED and self.reason is None:
            raise InvalidValueError("reason", None, "say why it is refused: its author may ask")


def moderation_at(entries: Iterable[ModerationEntry], at: datetime) -> ModerationEntry | None:
    """Return the last word that moderators had said of one contribution by `at`, in whatever order it arrived; None before any.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    >>> said = ModerationEntry(
    ...     contribution_id=UUID(int=1), verdict=Moderation.APPROVED, moderator="eva", at=noon
    ... )
    >>> str(moderation_at([said], noon).verdict), moderation_at([said], noon.replace(hour=11))
    ('approved', None)
    """
    now = instant(at)
    known = (entry for entry in entries if entry.at <= now)
    return max(known, key=lambda entry: (entry.at, _STRICT[entry.verdict], str(entry.id)), default=None)


@frozen
class _Counts:
    valued: int = field(validator=at_least(0))
    valued_by: int = field(validator=at_least(0))
    held: int = field(validator=at_least(0))


def reward_refusals(
    contribution: Contribution, last: ModerationEntry | None, *, valued_by: int, held: int = 0, valued: int = 1
) -> tuple[Reason, ...]:
    """Return every reason why a contribution is not rewarded (yet); none means that it is.

    Parameters
    ----------
    contribution : Contribution
        What was made.
    last : ModerationEntry, optional
        What moderators say of it: see `moderation_at`.
    valued_by : int
        How many others say that it helped, without those under review.
    held : int
        How many more say so whose votes a person has yet to look at.
    valued : int
        How many others must say that it helped.

    Examples
    --------
    >>> from datetime import UTC
    >>> review = Contribution(
    ...     author_id=UUID(int=2), kind="review", key="7", made_at=datetime(2026, 5, 1, tzinfo=UTC)
    ... )
    >>> [reason.code for reason in reward_refusals(review, None, valued_by=0)]
    ['not_moderated', 'not_disclosed', 'not_valued']
    >>> [reason.code for reason in reward_refusals(review, None, valued_by=1, held=2, valued=3)][-1]
    'under_review'
    """
    counts = _Counts(valued, valued_by, held)
    reasons = []
    if last is None or last.verdict is Moderation.WAITING:
        reasons.append(Reason("not_moderated", "nobody has looked at it yet"))
    elif last.verdict is Moderation.REFUSED:
        reasons.append(Reason("refused", f"{last.moderator} refused it: {last.reason}"))
    if not contribution.disclosed:
        reasons.append(Reason("not_disclosed", "readers are not told that it is rewarded"))
    if counts.valued_by < counts.valued:
        asked = f"{counts.valued_by} others said that it helped; {counts.valued} are needed"
        if counts.valued_by + counts.held >= counts.valued:
            reasons.append(Reason("under_review", f"{asked}, and a person has yet to look at {counts.held} more"))
        else:
            reasons.append(Reason("not_valued", asked))
    return tuple(reasons)
