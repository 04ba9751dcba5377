"""Content is rewarded once it is moderated, disclosed and valued by others; what looks arranged waits for a person: on every store."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from pycrm.errors import Duplicate, InvalidValueError, NotFound
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contribution import Contribution, Moderation, ModerationEntry
from pycrm.model.customer import Customer, PersonName
from pycrm.model.earning import EarningRule, ProgramBudget
from pycrm.model.entity import new_id
from pycrm.model.points_command import EarnCap
from pycrm.model.privacy import BLANK
from pycrm.model.source import SourceRecord
from pycrm.model.vote import Vote, VoteKind, VoteReview, VoteState
from pycrm.storage import Query
from pycrm.workflows import contributions, identify, loyalty, privacy
from storage.servers import kept

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = EarningRule(code="review", program="tea", event="content", points=20, caps=(EarnCap(30),))


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql", "mariadb"])
def stores(request, tmp_path_factory):
    with kept(request.param, tmp_path_factory.mktemp("contributions")) as made:
        yield made


@pytest.fixture
def store(stores):
    return stores.tenant(f"t{new_id().hex}")


def person(name, *phones, email=None):
    points = [ContactPoint(kind=ContactKind.EMAIL, raw=email or f"{name}@example.com")]
    points += [ContactPoint(kind=ContactKind.PHONE, raw=phone) for phone in phones]
    return Customer(name=PersonName(given=name), contact_points=tuple(points))


def keep(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [one for batch in unit.of(model).stream(Query(model)) for one in batch]


def balance(store, who):
    with store.begin(read_only=True) as unit:
        return loyalty.account_of(unit, who.id, "tea").available


@pytest.fixture
def people(store):
    found = [person(name) for name in ("ana", "bea", "cid", "dan")]
    keep(store, *found, RULE)
    return found


def submitted(store, who, key="shop:7", *, approved=True, **more):
    made = contributions.submit(
        store, Contribution(author_id=who.id, kind="review", key=key, made_at=START, **{"disclosed": True, **more})
    )
    if approved:
        contributions.moderate(store, made.id, Moderation.APPROVED, moderator="eva", at=START)
    return made


def codes(found):
    return [reason.code for reason in found.refused]


def test_content_is_rewarded_once_it_is_moderated_disclosed_and_valued_by_others(store, people):
    ana, bea, *_ = people
    keep(store, ProgramBudget(program="tea", max_points=100))
    made = submitted(store, ana, approved=False, disclosed=False)
    assert contributions.submit(store, attrs.evolve(made, id=new_id(), version=0)) == made
    contributions.vote(store, made.id, ana.id, START + DAY)
    waiting = contributions.reward(store, made.id, "tea", START + DAY)
    assert (codes(waiting), waiting.points) == (["not_moderated", "not_disclosed", "not_valued"], ())
    for _ in range(2):
        contributions.moderate(store, made.id, Moderation.APPROVED, moderator="eva", at=START + DAY)
        contributions.disclose(store, made.id)
        contributions.vote(store, made.id, bea.id, START + DAY)
        found = contributions.reward(store, made.id, "tea", START + 2 * DAY)
        assert [(one.rule, one.earned, one.taken_back) for one in found.points] == [("review", 20, 0)]
        assert (found.refused, found.votes.counted, balance(store, ana)) == ((), {bea.id}, 20)
    assert [len(everything(store, model)) for model in (Contribution, ModerationEntry, Vote)] == [1, 1, 2]
    other = submitted(store, ana, "shop:8")
    contributions.vote(store, other.id, bea.id, START + DAY)
    assert contributions.reward(store, other.id, "tea", START + 2 * DAY).points[0].earned == 10  # what the cap leaves
    contributions.moderate(
        store, made.id, Moderation.REFUSED, moderator="eva", at=START + 3 * DAY, reason="copied from a book"
    )
    for _ in range(2):
        back = contributions.reward(store, made.id, "tea", START + 3 * DAY)
        assert (back.points[0].taken_back, codes(back)) == (20, ["refused"])
    assert balance(store, ana) == 10
    assert everything(store, ProgramBudget)[0].given == 10


def test_what_was_true_at_a_time_is_told_whenever_it_arrived(store, people):
    ana, bea, cid, _ = people
    made = submitted(store, ana)
    contributions.vote(store, made.id, bea.id, START + 3 * DAY, kind=VoteKind.WITHDRAWN)
    contributions.vote(store, made.id, cid.id, START + 2 * DAY)
    for _ in range(2):
        contributions.vote(store, made.id, bea.id, START + DAY)  # heard after it was withdrawn

    def counted(days):
        return contributions.count(store, made.id, at=START + days * DAY).counted

    assert [counted(days) for days in range(4)] == [set(), {bea.id}, {bea.id, cid.id}, {cid.id}]


def test_a_vote_that_is_withdrawn_later_takes_nothing_back(store, people):
    ana, bea, *_ = people
    made = submitted(store, ana)
    contributions.vote(store, made.id, bea.id, START + DAY)
    contributions.reward(store, made.id, "tea", START + DAY)
    contributions.vote(store, made.id, bea.id, START + 2 * DAY, kind=VoteKind.WITHDRAWN)
    after = contributions.reward(store, made.id, "tea", START + 2 * DAY)
    assert (codes(after), after.points[0].taken_back, balance(store, ana)) == (["not_valued"], 0, 20)


def test_who_is_the_author_or_one_person_twice_by_anything_shared_does_not_value_his_content(store, people):
    ana, bea, *_ = people
    puppets = [person("s1", email="sock@puppet.example"), person("s2", email="sock+2@puppet.example")]
    hers = person("x", email="ANA@example.com")
    flat = [person("k", "+34600111222"), person("l", "+34600111222", "+34600333444"), person("m", "+34600333444")]
    keep(store, *puppets, hers, *flat)

    def valued(*voters):
        made = submitted(store, ana, f"shop:{new_id()}")
        for voter in voters:
            contributions.vote(store, made.id, voter.id, START)
        return len(contributions.count(store, made.id, at=START).counted)

    assert [valued(hers, ana), valued(*puppets), valued(*flat), valued(*puppets, bea)] == [0, 1, 1, 2]


def test_two_customers_who_turn_out_to_be_one_have_one_vote_and_none_for_themselves(store):
    said = [
        SourceRecord(source="shop", key=name, received_at=START, fields={"given_name": name, "email": f"{name}@x.example"})
        for name in ("ana", "anita", "bea", "beate")
    ]  # fmt: skip
    identify.register(store, said)
    identify.resolve(store, at=START)
    ids = {one.name.given: one for one in everything(store, Customer)}
    keep(store, RULE)
    made = submitted(store, ids["ana"])
    for name in ("anita", "bea", "beate"):
        contributions.vote(store, made.id, ids[name].id, START + DAY)
    assert len(contributions.count(store, made.id, at=START + DAY).counted) == 3
    contributions.vote(store, made.id, ids["beate"].id, START + 2 * DAY, kind=VoteKind.WITHDRAWN)
    identify.merge(store, ids["bea"].id, ids["beate"].id, at=START + 3 * DAY, reason="one person")
    identify.merge(store, ids["ana"].id, ids["anita"].id, at=START + 3 * DAY, reason="one person")
    assert contributions.count(store, made.id, at=START + DAY).counted == {ids["bea"].id}
    assert contributions.count(store, made.id, at=START + 2 * DAY).counted == set()  # his last word, under either id
    with pytest.raises(InvalidValueError, match="nobody judges what he made himself"):
        contributions.moderate(store, made.id, Moderation.APPROVED, moderator=str(ids["anita"].id), at=START + 4 * DAY)
    seen = contributions.check(store, START + DAY)
    assert [(one.voter_id, [sign.code for sign in one.reasons]) for one in seen.held] == [(ids["ana"].id, ["own"])]


def ring_of(store, people, *, at=START):
    """Let the first two of `people` vote for each other, and return what the first made."""
    ana, bea, *_ = people
    made = [submitted(store, who, f"shop:{who.name.given}") for who in (ana, bea)]
    contributions.vote(store, made[0].id, bea.id, at)
    contributions.vote(store, made[1].id, ana.id, at)
    return made[0]


def test_a_ring_is_held_nobody_is_punished_and_a_person_decides(store, people):
    ana, bea, cid, _ = people
    made = ring_of(store, people)
    seen = contributions.check(store, START + DAY)
    assert (seen.votes, seen.left_out, {one.voter_id for one in seen.held}) == (2, {}, {ana.id, bea.id})
    assert all("ring of 2" in one.reasons[0].text for one in seen.held)
    assert contributions.check(store, START + 2 * DAY).held == ()
    waiting = contributions.reward(store, made.id, "tea", START + 2 * DAY)
    assert (codes(waiting), waiting.votes.held) == (["under_review"], {bea.id})
    contributions.vote(store, made.id, cid.id, START + 2 * DAY)
    assert contributions.reward(store, made.id, "tea", START + 2 * DAY).points[0].earned == 20  # others value it too
    with pytest.raises(InvalidValueError, match="nobody judges what he made himself"):
        contributions.review(store, made.id, START + 3 * DAY, approved=True, actor=str(ana.id))
    (decided,) = contributions.review(store, made.id, START + 3 * DAY, approved=True, actor="eva", note="a couple")
    assert (decided.state, decided.reasons[0].text) == (VoteState.DISMISSED, "a couple")
    assert contributions.review(store, made.id, START + 3 * DAY, approved=True, actor="eva") == ()
    assert contributions.count(store, made.id, at=START + 3 * DAY).counted == {bea.id, cid.id}
    assert contributions.check(store, START + 4 * DAY).held == ()


def test_points_for_votes_that_were_arranged_are_taken_back_after_a_person_said_so(store, people):
    ana, bea, cid, _ = people
    made = ring_of(store, people)
    contributions.reward(store, made.id, "tea", START)
    contributions.check(store, START + DAY)
    assert contributions.reward(store, made.id, "tea", START + DAY).points[0].taken_back == 0  # a sign is no penalty
    assert balance(store, ana) == 20
    contributions.review(store, made.id, START + 2 * DAY, approved=False, actor="eva")
    for _ in range(2):
        back = contributions.reward(store, made.id, "tea", START + 2 * DAY)
        assert (back.points[0].taken_back, codes(back), back.votes.confirmed) == (20, ["not_valued"], {bea.id})
    assert balance(store, ana) == 0
    contributions.vote(store, made.id, cid.id, START + 3 * DAY)
    assert contributions.reward(store, made.id, "tea", START + 3 * DAY).points[0].taken_back == 20
    assert balance(store, ana) == 0  # what was taken back is not given again
    (again,) = contributions.review(store, made.id, START + 4 * DAY, approved=True, actor="eva", voters=[bea.id])
    assert again.state is VoteState.DISMISSED
    with pytest.raises(InvalidValueError, match="nothing was seen of this voter"):
        contributions.review(store, made.id, START + 4 * DAY, approved=True, actor="eva", voters=[cid.id])


def test_enough_honest_votes_outweigh_arranged_ones(store, people):
    ana, _, cid, _ = people
    made = ring_of(store, people)
    contributions.vote(store, made.id, cid.id, START)
    contributions.reward(store, made.id, "tea", START)
    contributions.check(store, START + DAY)
    contributions.review(store, made.id, START + DAY, approved=False, actor="eva")
    after = contributions.reward(store, made.id, "tea", START + DAY)
    assert (after.points[0].taken_back, after.refused, balance(store, ana)) == (0, (), 20)


def test_zeal_for_one_author_is_held_and_told(store, people):
    ana, bea, *_ = people
    for number in range(8):
        made = submitted(store, ana, f"shop:{number}")
        contributions.vote(store, made.id, bea.id, START + timedelta(minutes=number))
    assert contributions.check(store, START + DAY).held == ()  # a devoted reader who takes his time is none
    seen = contributions.check(store, START + DAY, burst=8)
    assert len(seen.held) == 8
    assert [sign.code for sign in seen.held[0].reasons] == ["star", "burst"]


def test_whose_data_is_not_used_is_not_looked_at_and_does_not_count(store, people):
    _, bea, cid, dan = people
    made = ring_of(store, people)
    for voter in (cid, dan):
        contributions.vote(store, made.id, voter.id, START)
    privacy.restrict(store, bea.id, at=START)
    privacy.erase(store, cid.id, at=START)
    seen = contributions.check(store, START + DAY)
    assert (seen.votes, seen.left_out, seen.held) == (1, {"erased": 1, "restricted": 2}, ())
    assert contributions.count(store, made.id, at=START + DAY).counted == {dan.id}
    assert contributions.check(store, START - DAY).votes == 0


def test_author_and_voter_are_told_and_forgotten(store, people):
    ana, bea, *_ = people
    made = ring_of(store, people)
    contributions.check(store, START + DAY)
    contributions.review(store, made.id, START + DAY, approved=False, actor="eva", note="bea@example.com wrote so")
    for who in (ana, bea):
        text = privacy.access(store, who.id, at=START + DAY).as_text()
        assert "shop:" in text
        assert "eva" not in text
        assert "to reward no votes that were arranged" in text
    privacy.erase(store, ana.id, at=START + 2 * DAY)
    found = {one.author_id: one for one in everything(store, Contribution)}
    assert (found[ana.id].key, found[bea.id].key) == (str(made.id), "shop:bea")
    assert {one.moderator for one in everything(store, ModerationEntry) if one.contribution_id == made.id} == {BLANK}
    privacy.erase(store, bea.id, at=START + 2 * DAY)
    assert len(everything(store, Vote)) == 2
    told = {reason.text for one in everything(store, VoteReview) for reason in one.reasons}
    assert told == {BLANK}
    assert {one.actor for one in everything(store, VoteReview)} == {None, BLANK}


def test_what_cannot_be_is_refused_with_the_fix(store, people):
    ana, bea, *_ = people
    made = submitted(store, ana)
    with pytest.raises(InvalidValueError, match="another author has it"):
        submitted(store, bea)
    with pytest.raises(InvalidValueError, match="compare the clocks"):
        contributions.vote(store, made.id, bea.id, START - DAY)
    with pytest.raises(InvalidValueError, match="say why it is refused"):
        contributions.moderate(store, made.id, Moderation.REFUSED, moderator="eva", at=START)
    with pytest.raises(InvalidValueError, match="nobody judges what he made himself"):
        contributions.moderate(store, made.id, Moderation.APPROVED, moderator=str(ana.id), at=START)
    for call in (
        lambda: submitted(store, person("nobody")),
        lambda: contributions.vote(store, made.id, new_id(), START),
        lambda: contributions.vote(store, new_id(), bea.id, START),
        lambda: contributions.reward(store, new_id(), "tea", START),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(Duplicate):
        keep(store, attrs.evolve(made, id=new_id(), version=0))


def test_an_author_whose_record_was_removed_is_still_judged_by_his_id(store, people):
    ana, bea, *_ = people
    made = submitted(store, ana)
    contributions.vote(store, made.id, bea.id, START)
    with store.begin() as unit:
        unit.of(Customer).remove(ana.id)
        unit.commit()
    assert contributions.count(store, made.id, at=START).counted == {bea.id}


def test_only_a_yes_or_a_no_of_somebody_decides_about_votes_and_the_author_by_no_spelling_of_his_id(store, people):
    made = submitted(store, people[0])
    at = START + DAY
    for approved, actor, named in (("no", "eva", "approved"), (None, "eva", "approved"), (True, None, "actor")):
        with pytest.raises(InvalidValueError, match=named):
            contributions.review(store, made.id, at, approved=approved, actor=actor)
    for himself in (str(made.author_id).upper(), f"human:{made.author_id}"):
        with pytest.raises(InvalidValueError, match="nobody judges what he made himself"):
            contributions.moderate(store, made.id, Moderation.APPROVED, moderator=himself, at=at)
        with pytest.raises(InvalidValueError, match="nobody judges what he made himself"):
            contributions.review(store, made.id, at, approved=True, actor=himself)
    with pytest.raises(InvalidValueError, match="window: 'day' is refused"):
        contributions.check(store, at, window="day")
