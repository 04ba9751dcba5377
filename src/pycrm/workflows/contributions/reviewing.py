"""Votes that look wrong are held, with what was seen, and a person decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pandas as pd
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.insight.fraud import VoteSigns, vote_signs
from pycrm.model.checks import expect, listed
from pycrm.model.contribution import Contribution
from pycrm.model.evidence import Reason
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.model.vote import Vote, VoteKind, VoteReview, VoteState, reviewed_at
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases, aliases
from pycrm.storage.lookups import not_in_use
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.contributions.reading import customers_of, entries_of, identifiers_of, refuse_author

__all__ = ["VoteCheck", "check", "review"]


@frozen(kw_only=True)
class VoteCheck:
    """What looking at all votes found.

    Parameters
    ----------
    votes : int
        Votes that were looked at: those that stand at the time.
    left_out : Mapping of str to int
        Votes passed over because the data of voter or author may not be used, by why.
    held : tuple of VoteReview
        What is held from now on, with what was seen.
    """

    votes: int
    left_out: Mapping[str, int]
    held: tuple[VoteReview, ...] = field(repr=False)


def check(
    store: Store,
    at: datetime,
    *,
    window: timedelta = timedelta(days=1),
    burst: int = 10,
    star: int = 8,
    largest: int = 6,
    inward: float = 0.5,
    actor: str | None = None,
) -> VoteCheck:
    """Look at all votes that stand, and hold those that look wrong until a person decides; what he decided stays decided.

    Parameters
    ----------
    store : Store
        Where the votes are.
    at : datetime
        Now.
    window : timedelta
        How long a burst may last.
    burst, star, largest, inward : int, int, int, float
        As of `pycrm.insight.vote_signs`.
    actor : str, optional
        For the audit trail.

    Raises
    ------
    InvalidDataError
        If a setting is none that `pycrm.insight.vote_signs` takes.
    """
    expect("window", window, timedelta)
    with store.begin(actor=actor, cause="votes looked at") as unit:
        when, now = instant(at), aliases(unit)
        votes = _standing(unit, when, now)
        unused = not_in_use(unit)
        why = votes["voter"].map(unused).fillna(votes["author"].map(unused))
        left_out = {str(code): int(number) for code, number in why.value_counts().sort_index().items()}
        votes = votes[why.isna().to_numpy()].reset_index(drop=True)
        people = sorted({*votes["voter"], *votes["author"]}, key=str)
        signs = vote_signs(
            votes["voter"].astype(str),
            votes["author"].astype(str),
            voted_at=votes["at"].to_numpy(dtype="datetime64[us]"),
            identifiers=identifiers_of(customers_of(unit, people)),
            window=np.timedelta64(window),
            burst=burst,
            star=star,
            largest=largest,
            inward=inward,
        )
        decided: dict[UUID, list[VoteReview]] = {}
        for batch in unit.of(VoteReview).stream(Query(VoteReview)):
            for one in batch:
                decided.setdefault(one.contribution_id, []).append(one)
        known = {id: reviewed_at(reviews, when, now.of) for id, reviews in decided.items()}
        members = _ring_sizes(votes, signs)
        contributions: list[UUID] = votes["contribution"].tolist()
        voters: list[UUID] = votes["voter"].tolist()
        held = [
            VoteReview(
                contribution_id=contributions[row],
                voter_id=voters[row],
                state=VoteState.HELD,
                reasons=tuple(_reasons(signs, row, members, burst)),
                at=when,
            )
            for row in signs.to_review.tolist()
            if voters[row] not in known.get(contributions[row], {})
        ]
        unit.of(VoteReview).put_many(held)
        unit.commit()
    return VoteCheck(votes=len(votes), left_out=left_out, held=tuple(held))


def _standing(unit: UnitOfWork, at: datetime, now: Aliases) -> pd.DataFrame:
    """Return one row per vote that stands: contribution, voter and author as who they are now, and since when it stands."""
    made = read_columns(unit, Query(Contribution), ["id", "author_id"])
    authors = dict(zip(made["id"], map(now.of, made["author_id"]), strict=True))
    said = read_columns(unit, Query(Vote, where("at") <= at), ["contribution_id", "voter_id", "kind", "at"])
    votes = pd.DataFrame(
        {
            "contribution": pd.Series(said["contribution_id"], dtype=object),
            "voter": pd.Series([now.of(id) for id in said["voter_id"]], dtype=object),
            "withdrawn": [kind == VoteKind.WITHDRAWN for kind in said["kind"]],
            "at": pd.to_datetime(pd.Series(said["at"], dtype=object), utc=True).dt.tz_localize(None),
        }
    )
    votes["author"] = votes["contribution"].map(authors).astype(object)
    last = votes.sort_values(["at", "withdrawn"], kind="stable").drop_duplicates(["contribution", "voter"], keep="last")
    return last[~last["withdrawn"].astype(bool)].sort_index().reset_index(drop=True)


def _ring_sizes(votes: pd.DataFrame, signs: VoteSigns) -> Mapping[int, int]:
    both = pd.DataFrame({"ring": np.tile(signs.ring, 2), "who": [*votes["voter"], *votes["author"]]})
    known = both[both["ring"] >= 0].drop_duplicates()
    return dict(enumerate(np.bincount(known["ring"].to_numpy(dtype=np.int64)).tolist()))


def _reasons(signs: VoteSigns, row: int, members: Mapping[int, int], burst: int) -> Iterator[Reason]:
    if signs.own[row]:
        yield Reason("own", "the voter is the author, or shares an address, a telephone or an identifier with him")
    elif signs.ring[row] >= 0:
        size = members[int(signs.ring[row])]
        yield Reason("ring", f"voter and author are of a ring of {size} who vote mostly for one another")
    if signs.star[row]:
        yield Reason("star", "nearly all votes of the voter are for this author")
    if signs.burst[row] >= burst:
        yield Reason("burst", f"the voter cast {int(signs.burst[row])} votes within one window")


def review(
    store: Store,
    contribution_id: UUID,
    at: datetime,
    *,
    approved: bool,
    actor: str,
    voters: Iterable[UUID] | None = None,
    note: str | None = None,
) -> tuple[VoteReview, ...]:
    """Decide about votes that are held; `reward` then gives, or takes back.

    Parameters
    ----------
    store : Store
        Where the contribution is.
    contribution_id : UUID
        Which.
    at : datetime
        Now.
    approved : bool
        Whether the votes count.
    actor : str
        Who decides; never the author.
    voters : iterable of UUID, optional
        Whose votes, whatever was decided before; all that are held unless given.
    note : str, optional
        Why.

    Returns
    -------
    tuple of VoteReview
        The decisions; none where nothing was held.

    Raises
    ------
    NotFound
        If there is no such contribution.
    InvalidValueError
        If the author himself decides, or one of `voters` was never suspected.
    """
    expect("approved", approved, bool)
    expect("actor", actor, str)
    state = VoteState.DISMISSED if approved else VoteState.CONFIRMED
    reasons = () if note is None else (Reason("note", note),)
    with store.begin(actor=actor, cause="votes reviewed") as unit:
        refuse_author(unit, "actor", actor, unit.of(Contribution).get(contribution_id))
        now = aliases(unit)
        known = reviewed_at(entries_of(unit, VoteReview, contribution_id), at, now.of)
        if voters is None:
            chosen = [id for id, last in known.items() if last.state is VoteState.HELD]
        else:
            chosen = [now.of(id) for id in listed("voters", voters, UUID)]
            for id in chosen:
                if id not in known:
                    raise InvalidValueError(
                        "voters", id, "nothing was seen of this voter; name one whose vote was held"
                    )
        made = [
            VoteReview(contribution_id=contribution_id, voter_id=id, state=state, reasons=reasons, at=at, actor=actor)
            for id in dict.fromkeys(chosen)
            if known[id].state is not state
        ]
        unit.of(VoteReview).put_many(made)
        unit.commit()
    return tuple(made)
