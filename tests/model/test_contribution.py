"""What is true of a contribution at a time follows from its entries, in whatever order and however often they arrive."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.contribution import Contribution, Moderation, ModerationEntry, moderation_at, reward_refusals
from pycrm.model.evidence import Reason
from pycrm.model.referral import identity_keys, shared_identity
from pycrm.model.vote import Vote, VoteKind, VoteReview, VoteState, reviewed_at, votes_at
from pycrm.testing import contributions, customers, moderation_entries, votes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MADE = UUID(int=99)
hours = st.integers(0, 4).map(lambda n: NOON + n * HOUR)
voters = st.integers(1, 3).map(lambda n: UUID(int=n))
cast = st.lists(st.builds(Vote.cast, st.just(MADE), voters, hours, st.sampled_from(VoteKind)), max_size=8)
looked = st.lists(
    st.builds(
        lambda state, voter, at, id: VoteReview(
            id=id,
            contribution_id=MADE,
            voter_id=voter,
            state=state,
            reasons=(Reason("ring", "two"),),
            at=at,
            actor=None if state is VoteState.HELD else "eva",
        ),
        st.sampled_from(VoteState),
        voters,
        hours,
        st.uuids(),
    ),
    max_size=6,
)


@given(cast, hours, st.randoms())
def test_votes_come_to_the_same_out_of_order_and_twice(said, at, random):
    again = [*said, *said]
    random.shuffle(again)
    assert votes_at(again, at) == votes_at(said, at)


@given(cast, hours)
def test_a_vote_stands_exactly_where_the_last_word_of_the_voter_is_helpful(said, at):
    standing = votes_at(said, at)
    for voter in (UUID(int=n) for n in (1, 2, 3)):
        his = [vote for vote in said if vote.voter_id == voter and vote.at <= at]
        last = [vote.kind for vote in his if vote.at == max(each.at for each in his)]
        assert (voter in standing) == (bool(last) and VoteKind.WITHDRAWN not in last)


@given(cast, hours)
def test_two_ids_of_one_person_are_one_vote_and_his_last_word_counts(said, at):
    def one(id):
        return UUID(int=1) if id == UUID(int=2) else id

    as_one = [Vote.cast(MADE, one(vote.voter_id), vote.at, vote.kind) for vote in said]
    assert votes_at(said, at, one) == votes_at(as_one, at)


@given(looked, hours, st.randoms())
def test_what_a_person_decided_is_undone_by_nothing_that_a_machine_sees(reviews, at, random):
    last = reviewed_at(reviews, at)
    shuffled = list(reviews)
    random.shuffle(shuffled)
    assert reviewed_at(shuffled, at) == last
    for voter, found in last.items():
        his = [one for one in reviews if one.voter_id == voter and one.at <= at]
        assert found in his
        if any(one.state is not VoteState.HELD for one in his):
            assert found.state is not VoteState.HELD
            assert found.at == max(one.at for one in his if one.state is not VoteState.HELD)
    assert set(last) == {one.voter_id for one in reviews if one.at <= at}


@given(st.data(), hours)
def test_the_last_word_of_the_moderators_counts_and_of_one_instant_the_stricter(data, at):
    made = Contribution(id=MADE, author_id=UUID(int=1), kind="review", key="1", made_at=NOON)
    entries = [
        attrs.evolve(entry, at=when)
        for entry, when in data.draw(st.lists(st.tuples(moderation_entries(made), hours), max_size=5))
    ]
    last = moderation_at(entries, at)
    known = [entry for entry in entries if entry.at <= at]
    assert (last is None) == (not known)
    if last is not None:
        rivals = [entry.verdict for entry in known if entry.at == max(each.at for each in known)]
        order = [Moderation.REFUSED, Moderation.WAITING, Moderation.APPROVED]
        assert last.verdict is next(verdict for verdict in order if verdict in rivals)


@settings(max_examples=40)
@given(customers(), customers())
def test_two_share_a_key_exactly_where_they_share_an_identity(one, other):
    assert bool(identity_keys(one) & identity_keys(other)) == bool(shared_identity(one, other))


@settings(max_examples=10)
@given(st.data())
def test_the_strategies_speak_of_what_they_are_given(data):
    ana, bea = data.draw(customers()), data.draw(customers())
    made = data.draw(contributions(ana))
    vote, entry = data.draw(votes(made, bea)), data.draw(moderation_entries(made))
    assert (made.author_id, vote.voter_id, vote.contribution_id, entry.contribution_id) == (
        ana.id, bea.id, made.id, made.id,
    )  # fmt: skip


def entry(verdict, **more):
    return ModerationEntry(contribution_id=MADE, verdict=verdict, moderator="eva", at=NOON, **more)


@pytest.mark.parametrize(
    ("last", "counts", "codes"),
    [
        (None, (1, 0), ["not_moderated"]),
        (entry(Moderation.WAITING), (1, 0), ["not_moderated"]),
        (entry(Moderation.REFUSED, reason="copied"), (1, 0), ["refused"]),
        (entry(Moderation.APPROVED), (1, 0), []),
        (entry(Moderation.APPROVED), (0, 0), ["not_valued"]),
        (entry(Moderation.APPROVED), (0, 1), ["under_review"]),
    ],
)
def test_every_reason_against_a_reward_is_told(last, counts, codes):
    made = Contribution(author_id=UUID(int=1), kind="review", key="1", made_at=NOON, disclosed=True)
    found = reward_refusals(made, last, valued_by=counts[0], held=counts[1])
    assert [reason.code for reason in found] == codes


def test_what_makes_no_sense_is_refused():
    made = Contribution(author_id=UUID(int=1), kind="review", key="1", made_at=NOON)
    for call, words in (
        (lambda: entry(Moderation.REFUSED), "say why it is refused"),
        (lambda: reward_refusals(made, None, valued_by=0, valued=-1), "at least 0"),
        (lambda: attrs.evolve(made, key=" "), "not blank"),
        (lambda: attrs.evolve(made, made_at=NOON.replace(tzinfo=None)), "made_at"),
    ):
        with pytest.raises(InvalidValueError, match=words):
            call()
    seen = {"contribution_id": MADE, "voter_id": UUID(int=1), "at": NOON}
    with pytest.raises(InvalidValueError, match="nothing is held without a reason"):
        VoteReview(state=VoteState.HELD, **seen)
    with pytest.raises(InvalidValueError, match="name the person who decided"):
        VoteReview(state=VoteState.CONFIRMED, **seen)
