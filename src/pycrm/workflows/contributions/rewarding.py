"""Whose votes count, and the points that follow: given once, and taken back where a person found them undeserved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from attrs import frozen

from pycrm.insight.fraud import identity_groups
from pycrm.model.contribution import Contribution, Moderation, ModerationEntry, moderation_at, reward_refusals
from pycrm.model.customer import Customer, Processing
from pycrm.model.earning import RulePoints
from pycrm.model.evidence import Reason
from pycrm.model.points import points_allowed
from pycrm.model.points_command import Reverse
from pycrm.model.points_entry import Bucket
from pycrm.model.time import instant
from pycrm.model.vote import Vote, VoteReview, VoteState, reviewed_at, votes_at
from pycrm.storage.earnings import earned_under, earning_rules, moved_points
from pycrm.storage.identity import aliases
from pycrm.storage.ledger import post_points, take_from_budget
from pycrm.storage.lookups import why_not_used
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.workflows.contributions.reading import customers_of, entries_of, identifiers_of

__all__ = ["ContentPoints", "VoteCount", "count", "reward"]


@frozen(kw_only=True)
class VoteCount:
    """Whose votes for a contribution count at a time, each person and household once.

    Parameters
    ----------
    counted : frozenset of UUID
        One customer for each of the others who say that it helped.
    held : frozenset of UUID
        The same of those whose votes a person has yet to look at.
    confirmed : frozenset of UUID
        Voters whose votes a person found to be arranged.
    """

    counted: frozenset[UUID]
    held: frozenset[UUID]
    confirmed: frozenset[UUID]


@frozen(kw_only=True)
class ContentPoints:
    """What a contribution earned per rule, what of it was taken back, why there is nothing (more), and whose votes counted."""

    points: tuple[RulePoints, ...]
    refused: tuple[Reason, ...]
    votes: VoteCount


def count(store: Store, contribution_id: UUID, *, at: datetime) -> VoteCount:
    """Return whose votes count at a time.

    Raises
    ------
    NotFound
        If there is no such contribution.
    """
    with store.begin(read_only=True) as unit:
        return _count(unit, unit.of(Contribution).get(contribution_id), instant(at))


def _count(unit: UnitOfWork, made: Contribution, at: datetime) -> VoteCount:
    """Count live votes by person: who shares an identity with the author never, who shares one with another voter once."""
    now = aliases(unit)
    author = now.of(made.author_id)
    standing = votes_at(entries_of(unit, Vote, made.id), at, now.of) - {author}
    people = {one.id: one for one in customers_of(unit, [author, *sorted(standing, key=str)])}
    voters = [id for id in people if id != author and people[id].processing is Processing.ALLOWED]
    group_of = _groups(people[id] for id in (author, *voters) if id in people)
    states = reviewed_at(entries_of(unit, VoteReview, made.id), at, now.of)
    by_group: dict[int, list[UUID]] = {}
    for id in voters:
        if group_of[id] != group_of.get(author):
            by_group.setdefault(group_of[id], []).append(id)
    counted: set[UUID] = set()
    held: set[UUID] = set()
    for group in by_group.values():
        said = {states[id].state for id in group if id in states}
        if VoteState.CONFIRMED not in said:
            (held if VoteState.HELD in said else counted).add(min(group, key=str))
    arranged = {id for id in standing if id in states and states[id].state is VoteState.CONFIRMED}
    return VoteCount(counted=frozenset(counted), held=frozenset(held), confirmed=frozenset(arranged))


def _groups(people: Iterable[Customer]) -> Mapping[UUID, int]:
    members, group = identity_groups(*identifiers_of(people))
    return {UUID(who): int(number) for who, number in zip(members.tolist(), group.tolist(), strict=True)}


def reward(
    store: Store, contribution_id: UUID, program: str, at: datetime, *, valued: int = 1, actor: str | None = None
) -> ContentPoints:
    """Give what a contribution earns by the rules of the event ``content``, once, as things stand at a time.

    Votes that are held do not count until a person has looked at them. What was given is taken back if a moderator refuses the
    contribution later, or if so many votes were found to be arranged that too few are left; a vote that its voter withdraws, and
    one that is only held, take nothing back. What was taken back is not given again.

    Parameters
    ----------
    store : Store
        Where everything is.
    contribution_id : UUID
        Which.
    program : str
        Whose rules count.
    at : datetime
        Now.
    valued : int
        How many others must have said that it helped.
    actor : str, optional
        For the audit trail.

    Raises
    ------
    NotFound
        If there is no such contribution.
    InvalidValueError
        If the budget of the programme is used up.
    """
    found, balance = [], 0
    with store.begin(actor=actor, cause="points for content") as unit:
        made = unit.of(Contribution).get(contribution_id)
        author, now = made.author_id, instant(at)
        why = why_not_used(unit, author)
        votes = _count(unit, made, now)
        last = moderation_at(entries_of(unit, ModerationEntry, made.id), now)
        standing = reward_refusals(made, last, valued_by=len(votes.counted), held=len(votes.held), valued=valued)
        refused = (*standing, *(() if why is None else (why,)))
        undoing = _undoing(last, votes, valued)
        for rule in earning_rules(unit, program, "content"):
            key = f"content:{made.id}:{rule.code}"
            account, first, beside = earned_under(unit, author, program, key)
            if first is None:
                earn = rule.earn(rule.points, now, made.kind)
                if not refused and now in rule.period and points_allowed(account, earn, now, beside):
                    posted = post_points(unit, author, program, earn, key=key, at=now)
                    assert posted.result is not None
                    balance += posted.result.points
                    found.append(RulePoints(rule.code, posted.result.points, 0))
                continue
            earned, back = moved_points(first, Bucket.EARNED), dict(account.undone).get(first.id, 0)
            if undoing is not None and back < earned:
                post_points(unit, author, program, Reverse(key, reason=undoing), key=f"{key}:back", at=now)
                balance, back = balance - (earned - back), earned
            found.append(RulePoints(rule.code, earned, back))
        take_from_budget(unit, program, balance, now)
        unit.commit()
    return ContentPoints(points=tuple(found), refused=refused, votes=votes)


def _undoing(last: ModerationEntry | None, votes: VoteCount, valued: int) -> str | None:
    """Return why what was given is taken back; None if it is not."""
    if last is not None and last.verdict is Moderation.REFUSED:
        return "refused"
    few = len(votes.counted) + len(votes.held) < valued
    return "arranged votes" if votes.confirmed and few else None
