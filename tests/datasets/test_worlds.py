"""The worlds of the proof keep their own rules: what they draw has the expectations they state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.datasets import WORLDS, World, WorldState, populate
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.customer import Customer
from pycrm.model.order import Product


def test_a_world_is_the_same_for_the_same_seed_and_another_for_another():
    one, same, other = (populate(WORLDS["main"], 300, seed=seed) for seed in (1, 1, 2))
    assert one.ids == same.ids
    assert (one.base == same.base).all()
    assert one.ids != other.ids
    assert (one.base != other.base).all()


def test_what_is_drawn_has_the_expected_margin():
    people = populate(WORLDS["main"], 20_000, seed=5)
    state = WorldState(round=0, alive=np.ones(people.size, bool), tired=np.full(people.size, 1.5))
    expected = people.chances(state, people.need(0))
    _, bought, _ = people.step(state, people.need(0), None, np.random.default_rng(1))
    spread = np.sqrt((expected.buys * (1 - expected.buys)).sum())
    assert abs(bought.sum() - expected.buys.sum()) < 4 * spread


def test_without_contact_is_the_sum_of_rounds_in_which_nobody_hears_of_us():
    people = populate(WORLDS["main"], 4_000, seed=5)
    random, state, nothing = np.random.default_rng(3), people.start(), np.full(4_000, -1)
    earned = np.zeros(people.size)
    for _ in range(20):
        earned += people.chances(state, nothing).net
        state, _, _ = people.step(state, nothing, None, random)
    assert people.without_contact(20).mean() == pytest.approx(earned.mean(), rel=0.01)


def test_where_nothing_works_an_offer_changes_nothing():
    people = populate(WORLDS["no effect"], 200, seed=0)
    state = people.start()
    offered, left_alone = (people.chances(state, np.full(200, place)) for place in (2, -1))
    assert (offered.net == left_alone.net).all()
    assert (offered.leaves == left_alone.leaves).all()


def test_where_all_want_the_same_no_other_offer_is_better_for_anybody():
    people = populate(WORLDS["equal tastes"], 200, seed=0)
    nets = np.stack([people.chances(people.start(), np.full(200, place)).net for place in range(-1, 5)])
    assert (nets.argmax(axis=0) == 1 + people.world.best_seller).all()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(WORLDS)), st.integers(0, 50), st.floats(0, 20))
def test_more_contact_never_makes_an_offer_work_better_nor_keeps_anybody(name, seed, tired):
    people = populate(WORLDS[name], 30, seed=seed)
    fresh = people.start()
    weary = WorldState(round=0, alive=fresh.alive, tired=np.full(30, tired))
    best = people.need(0)
    assert (people.chances(weary, best).buys <= people.chances(fresh, best).buys).all()
    assert (people.chances(weary, best).leaves >= people.chances(fresh, best).leaves).all()
    assert (people.chances(fresh, best, np.ones(30, bool)).leaves >= people.chances(fresh, best).leaves).all()


def test_who_has_left_buys_and_answers_nothing_and_still_costs_a_message():
    people = populate(WORLDS["main"], 10, seed=0)
    gone = WorldState(round=3, alive=np.zeros(10, bool), tired=np.zeros(10))
    chances = people.chances(gone, np.zeros(10, int), np.ones(10, bool))
    assert not chances.buys.any()
    assert not chances.answers.any()
    assert (chances.net == -2 * people.world.contact_cost).all()


def test_its_entities_are_kept_as_the_truth_says():
    people = populate(WORLDS["main"], 40, seed=9)
    made = list(people.entities())
    assert [one.id for one in made if isinstance(one, Customer)] == list(people.ids)
    said = {one.customer_id: one.status is ConsentStatus.GRANTED for one in made if isinstance(one, ConsentEntry)}
    assert [said[id] for id in people.ids] == people.permitted.tolist()
    assert [one.sku for one in made if isinstance(one, Product)] == list(people.world.skus)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: populate(WORLDS["main"], 0, seed=1),
        lambda: populate(WORLDS["main"], 5, seed=-1),
        lambda: World(name="half", needs={"a": 0.5}),
    ],
)
def test_a_world_without_people_or_with_shares_that_do_not_sum_is_refused(wrong):
    with pytest.raises(InvalidValueError):
        wrong()


@pytest.mark.parametrize("offered", [[0], [7] * 10, [-2] * 10])
def test_an_offer_of_what_is_not_sold_is_refused(offered):
    people = populate(WORLDS["main"], 10, seed=0)
    with pytest.raises(InvalidDataError):
        people.chances(people.start(), offered)
