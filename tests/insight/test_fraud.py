"""Planted rings, stars, bursts and shared identities are found, and honest members are left in peace."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError
from pycrm.insight.fraud import identity_groups, referral_signs, unusual_amounts, vote_signs


def honest(n, seed=1):
    """Members who each bring somebody later than themselves: no circle is possible."""
    friend = np.arange(1, n)
    return np.random.default_rng(seed).integers(0, friend), friend


def test_every_planted_ring_of_up_to_six_is_found_and_nobody_else():
    advocate, friend = honest(5_000)
    rings, edges = [], ([], [])
    for number in range(50):
        ring = 5_000 + 10 * number + np.arange(2 + number % 5)
        rings.append(set(ring.tolist()))
        edges[0].extend(ring)
        edges[1].extend(np.roll(ring, -1))
    signs = referral_signs(np.concatenate([advocate, edges[0]]), np.concatenate([friend, edges[1]]), star=10**9)
    found = {}
    for member, ring in zip(signs.member.tolist(), signs.ring.tolist(), strict=True):
        if ring >= 0:
            found.setdefault(ring, set()).add(member)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, rings))
    assert set(signs.to_review.tolist()) == set().union(*rings)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20))
def test_a_ring_is_where_one_comes_back_to_where_one_was(edges):
    signs = referral_signs([a for a, _ in edges], [b for _, b in edges])
    reach = {a: {b for c, b in edges if c == a} for a in range(9)}
    for _ in range(9):
        reach = {a: seen.union(*(reach[b] for b in seen)) if seen else seen for a, seen in reach.items()}
    for member, ring in zip(signs.member.tolist(), signs.ring.tolist(), strict=True):
        assert (ring >= 0) == any(member in reach[other] for other in reach[member] if other != member)


def test_a_star_brings_many_who_buy_once_and_bring_nobody():
    advocate = [1] * 9 + [2] * 9 + [3] * 9
    friend = [*range(10, 19), *range(20, 29), *range(30, 39)]
    purchases = [1] * 9 + [5] * 9 + [0, 1] + [3] * 7
    signs = referral_signs(advocate, friend, purchases=purchases)
    assert signs.member[signs.star].tolist() == [1]
    assert referral_signs(advocate, friend).star.sum() == 3


def test_a_shared_identifier_makes_a_self_referral():
    identifiers = (["ana", "ana2", "bea", "cleo"], ["device 7", "device 7", "x", "y"])
    signs = referral_signs(["ana", "bea", "dan"], ["ana2", "cleo", "dan"], identifiers=identifiers)
    assert signs.member[signs.self_referral].tolist() == ["ana", "dan"]
    assert signs.member[signs.shared].tolist() == ["ana", "ana2"]
    assert set(signs.to_review.tolist()) == {"ana", "ana2", "dan"}


def test_a_burst_is_counted_within_one_window():
    day = np.array(["2026-05-01", "2026-05-01", "2026-05-01", "2026-05-03", "2026-05-09"], dtype="datetime64[h]")
    signs = referral_signs([1, 1, 1, 1, 2], [3, 4, 5, 6, 7], joined_at=day, burst=3)
    assert dict(zip(signs.member.tolist(), signs.burst.tolist(), strict=True)) == {
        1: 3,
        2: 1,
        3: 0,
        4: 0,
        5: 0,
        6: 0,
        7: 0,
    }


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=30), st.integers(1, 20))
def test_the_most_within_a_window_is_that_of_counting(rows, window):
    advocate = [who for who, _ in rows]
    signs = referral_signs(advocate, range(100, 100 + len(rows)), joined_at=[at for _, at in rows], window=window)
    for member, most in zip(signs.member.tolist(), signs.burst.tolist(), strict=True):
        times = [at for who, at in rows if who == member]
        assert most == max((sum(at - window < other <= at for other in times) for at in times), default=0)


def test_those_who_share_with_the_same_third_are_one_group():
    members, group = identity_groups(["a", "b", "b", "c", "d"], [1, 1, 2, 2, 3])
    assert (members.tolist(), group.tolist()) == (["a", "b", "c", "d"], [0, 0, 0, 1])
    assert [len(each) for each in identity_groups([], [])] == [0, 0]


def test_nobody_is_nothing_to_look_at():
    signs = referral_signs([], [], identifiers=(["a"], ["x"]), joined_at=[], purchases=np.array([], int))
    assert len(signs.member) == len(signs.to_review) == len(signs.ring) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: referral_signs([1], [1, 2]),
        lambda: referral_signs([None], ["a"]),
        lambda: referral_signs([np.nan], [1.0]),
        lambda: referral_signs([[1]], [[2]]),
        lambda: referral_signs([1], [2], purchases=[-1]),
        lambda: referral_signs([1], [2], purchases=["x"]),
        lambda: referral_signs([1], [2], joined_at=[1, 2]),
        lambda: unusual_amounts([1, 0]),
        lambda: unusual_amounts([1, np.nan]),
        lambda: unusual_amounts([1], group=[1, 2]),
    ],
)
def test_columns_that_do_not_fit_are_refused(call):
    with pytest.raises(InvalidDataError):
        call()


def test_an_amount_is_unusual_among_its_own():
    amounts = [10, 11, 9, 10, 1000, 1100, 900, 1000, 1000, 10]
    who = ["a"] * 4 + ["b"] * 5 + ["b"]
    assert unusual_amounts(amounts, group=who).tolist() == [False] * 9 + [True]
    assert not unusual_amounts([5.0]).any()
    assert len(unusual_amounts([])) == 0


def planted(n, votes, seed, *, outward, kinds=("circle", "clique")):
    """Votes of `n` honest members, few of whom cast and get most, with rings of two to six of one in a hundred among them."""
    rng = np.random.default_rng(seed)
    zeal = rng.pareto(1.5, n) + 0.2
    fame = np.sqrt(zeal) * (rng.pareto(1.5, n) + 0.1)  # who reads much writes much
    zeal, fame = zeal / zeal.sum(), fame / fame.sum()
    voter, author = rng.choice(n, votes, p=zeal), rng.choice(n, votes, p=fame)
    edges = [(voter[voter != author], author[voter != author])]
    rings, first = [], n
    while first < n * 1.01:
        size = int(rng.integers(2, 7))
        ring = first + np.arange(size)
        first += size
        if rng.choice(kinds) == "circle":
            inside = [(ring, np.roll(ring, -1))]
        else:
            inside = [(ring, np.roll(ring, -step)) for step in range(1, size)]
        inside *= int(rng.integers(1, 4))
        each = sum(len(who) for who, _ in inside) // size
        out = int(each * outward / (1 - outward))  # of each member, so that his share within is at least 1 - outward
        edges += [*inside, (np.repeat(ring, out), rng.choice(n, out * size, p=fame))]
        edges.append((rng.choice(n, 3, p=zeal), rng.choice(ring, 3)))  # what honest members think of it
        rings.append(set(ring.tolist()))
    return np.concatenate([v for v, _ in edges]), np.concatenate([a for _, a in edges]), rings


@pytest.mark.parametrize(("n", "votes"), [(2_000, 8_000), (20_000, 40_000), (20_000, 200_000)])
@pytest.mark.parametrize("outward", [0.0, 0.3, 0.5])
def test_every_planted_ring_of_voters_is_found_among_the_honest_and_hardly_anybody_else(n, votes, outward):
    voter, author, rings = planted(n, votes, seed=n + votes, outward=outward)
    signs = vote_signs(voter, author)
    inside = signs.ring >= 0
    found = set(voter[inside].tolist()) | set(author[inside].tolist())
    guilty = set().union(*rings)
    assert guilty <= found  # recall 1
    assert len(guilty) / len(found) >= 0.95  # precision
    assert set(signs.to_review.tolist()) == set(np.flatnonzero(inside).tolist())


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=16), st.randoms(use_true_random=False))
def test_rings_are_small_mostly_inward_and_the_same_in_any_order(votes, random):
    signs = vote_signs([a for a, _ in votes], [b for _, b in votes], largest=3)
    rings = {}
    for (voter, author), ring in zip(votes, signs.ring.tolist(), strict=True):
        if ring >= 0 and voter != author:
            rings.setdefault(ring, set()).update((voter, author))
    for ring in rings.values():
        given_by = [b for a, b in votes if a in ring and a != b]
        assert len(ring) <= 3
        assert sum(b in ring for b in given_by) >= 0.5 * len(given_by)
        assert ring <= set(given_by)  # everybody in it is voted for within it
    order = list(range(len(votes)))
    random.shuffle(order)
    again = vote_signs([votes[i][0] for i in order], [votes[i][1] for i in order], largest=3)
    assert (again.ring >= 0).tolist() == [signs.ring[i] >= 0 for i in order]
    assert again.score.tolist() == [signs.score[i] for i in order]


def test_a_vote_for_oneself_or_ones_own_household_is_a_reason_by_itself():
    identifiers = (["ana", "ana2", "bea"], ["phone 7", "phone 7", "x"])
    signs = vote_signs(["ana", "ana2", "bea", "ana"], ["ana", "ana", "ana", "cleo"], identifiers=identifiers)
    assert signs.own.tolist() == [True, True, False, False]
    assert signs.to_review.tolist() == [0, 1]


def test_devotion_or_zeal_alone_is_no_reason_and_both_are():
    minutes = np.arange(12).astype("datetime64[m]")
    slow = np.arange(12).astype("datetime64[D]")
    voters, authors = ["fan"] * 12, ["ana"] * 11 + ["bea"]
    assert vote_signs(voters, authors, voted_at=slow).to_review.tolist() == []
    signs = vote_signs(voters, authors, voted_at=minutes)
    assert signs.star.tolist() == [True] * 11 + [False]
    assert (signs.burst.tolist(), signs.to_review.tolist()) == ([12] * 12, list(range(11)))
    assert vote_signs(voters, [f"a{n}" for n in range(12)], voted_at=minutes).to_review.tolist() == []


def test_no_votes_are_nothing_to_look_at_and_settings_are_checked():
    signs = vote_signs([], [], voted_at=[], identifiers=(["a"], ["x"]))
    assert [len(part) for part in (signs.own, signs.ring, signs.star, signs.burst, signs.to_review)] == [0] * 5
    assert vote_signs(["a"], ["a"]).ring.tolist() == [-1]
    for settings in ({"largest": 1}, {"inward": 0.0}, {"inward": 1.5}, {"inward": np.nan}):
        with pytest.raises(InvalidDataError, match="at least 2 members"):
            vote_signs(["a"], ["b"], **settings)
    with pytest.raises(InvalidDataError):
        vote_signs(["a"], [None])


@pytest.mark.parametrize("look", [vote_signs, referral_signs])
def test_a_missing_time_or_a_window_of_no_length_is_refused_not_counted_as_no_burst(look):
    name = "voted_at" if look is vote_signs else "joined_at"
    day = np.datetime64("2026-05-01")
    for times, window, words in (
        ([day, np.datetime64("NaT")], None, f"'{name}', row 1"),
        (["today", "now"], None, "give datetime64, or numbers"),
        ([day, day], np.timedelta64(0, "D"), "window"),
        ([day, day], 1, "window"),
        ([1, 2], 0, "window"),
        ([1, 2], -1.0, "window"),
        ([1, 2], "day", "window"),
    ):
        with pytest.raises(InvalidDataError, match=words):
            look(["ana", "ana"], ["bea", "cid"], window=window, **{name: np.asarray(times)})
    whole = look(["ana"] * 2, ["bea", "cid"], window=timedelta(hours=1), **{name: [day, day]})
    assert whole.burst.max() == 2
