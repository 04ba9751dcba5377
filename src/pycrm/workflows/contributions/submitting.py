"""A contribution is submitted, disclosed, moderated and voted on: what is said is kept, and kept once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs

from pycrm.errors import InvalidValueError
from pycrm.model.contribution import Contribution, Moderation, ModerationEntry
from pycrm.model.customer import Customer
from pycrm.model.entity import named_id
from pycrm.model.predicate import where
from pycrm.model.vote import Vote, VoteKind
from pycrm.storage.identity import aliases_of
from pycrm.storage.protocols import Store
from pycrm.storage.query import Query
from pycrm.workflows.contributions.reading import refuse_author, refuse_unused

__all__ = ["disclose", "moderate", "submit", "vote"]


def submit(store: Store, contribution: Contribution, *, actor: str | None = None) -> Contribution:
    """Keep what somebody made; under a key that is kept already, return what is.

    Raises
    ------
    NotFound
        If there is no such author.
    InvalidValueError
        If the key is another author's, or the author's data may not be used.
    Duplicate
        If another process submitted the same at the same time; call it again.
    """
    with store.begin(actor=actor, cause="contribution submitted") as unit:
        author = contribution.author_id
        unit.of(Customer).get(author)
        before = unit.of(Contribution).page(Query(Contribution, where("key") == contribution.key), size=1).items
        if before:
            if before[0].author_id not in aliases_of(unit, author).ids_of(author):
                raise InvalidValueError("key", contribution.key, "another author has it; say where it stands too")
            return before[0]
        refuse_unused(unit, "author_id", author)
        kept = unit.of(Contribution).add(contribution)
        unit.commit()
    return kept


def disclose(store: Store, contribution_id: UUID, *, disclosed: bool = True, actor: str | None = None) -> Contribution:
    """Note that readers are told that a contribution is rewarded (or no longer are).

    Raises
    ------
    NotFound
        If there is no such contribution.
    """
    with store.begin(actor=actor, cause="contribution disclosed") as unit:
        found = unit.of(Contribution).get(contribution_id)
        if found.disclosed is disclosed:
            return found
        kept = unit.of(Contribution).save(attrs.evolve(found, disclosed=disclosed))
        unit.commit()
    return kept


def moderate(
    store: Store, contribution_id: UUID, verdict: Moderation, *, moderator: str, at: datetime, reason: str | None = None
) -> ModerationEntry:
    """Keep what a moderator said; the same said twice is kept once. `reward` then gives, or takes back what a refusal undoes.

    Parameters
    ----------
    store : Store
        Where the contribution is.
    contribution_id : UUID
        Which.
    verdict : Moderation
        What is said.
    moderator : str
        Who says it; never the author, under any id of his.
    at : datetime
        When.
    reason : str, optional
        Why; a refusal needs one.

    Raises
    ------
    NotFound
        If there is no such contribution.
    InvalidValueError
        If the moderator is the author, or a refusal has no reason.
    """
    said = ModerationEntry(contribution_id=contribution_id, verdict=verdict, moderator=moderator, at=at, reason=reason)
    own = named_id(contribution_id, f"{verdict}\x1f{moderator}\x1f{said.at.isoformat()}")
    with store.begin(actor=moderator, cause="contribution moderated") as unit:
        refuse_author(unit, "moderator", moderator, unit.of(Contribution).get(contribution_id))
        before = unit.of(ModerationEntry).find(own)
        if before is not None:
            return before
        kept = unit.of(ModerationEntry).add(attrs.evolve(said, id=own))
        unit.commit()
    return kept


def vote(
    store: Store,
    contribution_id: UUID,
    voter_id: UUID,
    at: datetime,
    *,
    kind: VoteKind = VoteKind.HELPFUL,
    actor: str | None = None,
) -> Vote:
    """Keep what a customer says of a contribution; heard late, out of order or twice it comes to the same.

    The author's own vote is kept too and never counts: who is one person with him may only turn out later.

    Raises
    ------
    NotFound
        If there is no such contribution or voter.
    InvalidValueError
        If it was said before the contribution was made, or the voter's data may not be used.
    """
    said = Vote.cast(contribution_id, voter_id, at, kind)
    with store.begin(actor=actor, cause="vote") as unit:
        made = unit.of(Contribution).get(contribution_id)
        unit.of(Customer).get(voter_id)
        before = unit.of(Vote).find(said.id)
        if before is not None:
            return before
        if said.at < made.made_at:
            raise InvalidValueError("at", at, f"it was made on {made.made_at.isoformat()}; compare the clocks")
        refuse_unused(unit, "voter_id", voter_id)
        kept = unit.of(Vote).add(said)
        unit.commit()
    return kept
