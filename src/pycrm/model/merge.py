"""Which source records are one customer, in a person's words; the questions that wait for him; and whom a merged id means now.

What a machine finds is in the `IdentityLink`s and is found anew on every run. What a person decides is kept here, append-only,
and holds for every run to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_fraction, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.source import IdentityLink
from pycrm.model.time import in_utc, is_instant

__all__ = ["MatchDecision", "MatchQuestion", "decisions_in_force", "merged_customers"]


def _two_records(instance: MatchDecision | MatchQuestion) -> None:
    if instance.left_id == instance.right_id:
        raise InvalidValueError("right_id", instance.right_id, "name two different source records")


@frozen(kw_only=True)
class MatchDecision(Entity):
    """A person's word that two source records speak of one customer, or of two; append-only, the last word on a pair counts.

    Parameters
    ----------
    left_id, right_id : UUID
        The source records.
    same : bool
        Whether they speak of one customer.
    decided_at : datetime
        When.
    decided_by : str, optional
        Who.
    reason : str
        In words.
    revokes : UUID, optional
        The decision about these two that holds no longer; `same` then says nothing.
    winner_id, loser_id : UUID, optional
        Of a merge of two customers: who stayed, and who became an alias of him.
    own_first_touch_at : datetime, optional
        Of a merge: when the winner, by himself, was touched first.
    """

    left_id: UUID = field(validator=is_a(UUID))
    right_id: UUID = field(validator=is_a(UUID))
    same: bool = field(validator=is_a(bool))
    decided_at: datetime = field(converter=in_utc, validator=is_instant)
    decided_by: str | None = field(default=None, validator=optional(is_line))
    reason: str = field(validator=is_line)
    revokes: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    winner_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    loser_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    own_first_touch_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )

    def __attrs_post_init__(self) -> None:
        _two_records(self)

    @property
    def pair(self) -> frozenset[UUID]:
        """The two records, in no order."""
        return frozenset((self.left_id, self.right_id))


@frozen(kw_only=True)
class MatchQuestion(Entity):
    """Two source records of which nobody can tell without looking whether they speak of one customer.

    Parameters
    ----------
    left_id, right_id : UUID
        The source records.
    probability : float
        That they do, 0 to 1.
    weight : float
        The same as log2 of the odds.
    why : str
        What speaks for it and against it, in words.
    asked_at : datetime
        When the question came up.
    """

    left_id: UUID = field(validator=is_a(UUID))
    right_id: UUID = field(validator=is_a(UUID))
    probability: float = field(validator=is_fraction)
    weight: float = field(validator=is_a(float))
    why: str = field(validator=is_line)
    asked_at: datetime = field(converter=in_utc, validator=is_instant)

    def __attrs_post_init__(self) -> None:
        _two_records(self)

    @property
    def pair(self) -> frozenset[UUID]:
        """The two records, in no order."""
        return frozenset((self.left_id, self.right_id))


def decisions_in_force(decisions: Iterable[MatchDecision]) -> tuple[MatchDecision, ...]:
    """Return the decisions that count, oldest first: of each pair the last word that was not taken back.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.entity import new_id
    >>> a, b = new_id(), new_id()
    >>> def said(same, day):
    ...     when = datetime(2026, 5, day, tzinfo=UTC)
    ...     return MatchDecision(left_id=a, right_id=b, same=same, decided_at=when, reason="seen")
    >>> [one.same for one in decisions_in_force([said(True, 1), said(False, 2)])]
    [False]
    """
    ordered = sorted(decisions, key=lambda one: (one.decided_at, str(one.id)))
    revoked = {one.revokes for one in ordered}
    last = {one.pair: one for one in ordered if one.revokes is None and one.id not in revoked}
    return tuple(sorted(last.values(), key=lambda one: (one.decided_at, str(one.id))))


def merged_customers(links: Iterable[IdentityLink]) -> Mapping[UUID, tuple[UUID, datetime]]:
    """Return who is now each customer of whom no source record speaks any more, and since when.

    Who lost his records to another is that other; through as many steps as it takes. A customer whom no record ever spoke of
    is himself, and not in the answer.

    Parameters
    ----------
    links : iterable of IdentityLink
        Of every record that ever changed hands, and of every customer who ever gave one away, all links.
    """
    last: dict[UUID, IdentityLink] = {}
    departures: dict[UUID, list[IdentityLink]] = {}
    for link in sorted(links, key=lambda one: (one.decided_at, str(one.id))):
        held = last.get(link.record_id)
        if held is not None and held.customer_id != link.customer_id:
            departures.setdefault(held.customer_id, []).append(link)
        last[link.record_id] = link
    spoken_of = {link.customer_id for link in last.values()}
    into: dict[UUID, tuple[UUID, datetime]] = {}
    for gone, left in departures.items():
        if gone in spoken_of:
            continue
        # When the last of his records left, most of them went one way; the others are somebody else's.
        moved = [link.customer_id for link in left if link.decided_at == left[-1].decided_at]
        into[gone] = max(dict.fromkeys(moved), key=moved.count), left[-1].decided_at
    made: dict[UUID, tuple[UUID, datetime]] = {}
    for gone, target in into.items():
        (home, since), seen = target, {gone}
        while home in into and home not in seen:
            seen.add(home)
            home, later = into[home]
            since = max(since, later)
        made[gone] = home, since
    return made
