"""Segments over a store: rebuilt, kept as periods, explained."""

from datetime import timedelta

import pytest
from attrs import evolve
from worlds import NOW, TODAY, customer, everything, order, store_of

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.predicate import where
from pycrm.model.segment import Segment, SegmentMembership
from pycrm.workflows import differentiate, segments


@pytest.fixture
def world():
    people = [customer(f"c{n}", country="ES" if n % 2 else "DE") for n in range(6)]
    spanish = Segment(name="spanish", definition=where("country") == "ES", included=frozenset({people[0].id}))
    best = Segment(name="best", definition=where("segments").contains("spanish") & (where("value") >= 30))
    bought = [order(who, n, 20, 10 * (n + 1)) for n, who in enumerate(people)]
    store = store_of(*people, *bought, spanish, best)
    differentiate.assess(store, as_of=TODAY)
    return store, people


def test_a_rebuild_keeps_who_came_and_who_went_and_again_changes_nothing(world):
    store, people = world
    first = segments.rebuild(store, at=NOW)
    assert first.members == {"spanish": 4, "best": 2}
    assert first.entered == first.members
    again = segments.rebuild(store, at=NOW + timedelta(days=1))
    assert (sum(again.entered.values()), sum(again.left.values())) == (0, 0)
    moved = evolve(store_one(store, people[3].id), country="FR")
    with store.begin() as unit:
        unit.customers.save(moved)
        unit.commit()
    later = segments.rebuild(store, at=NOW + timedelta(days=2))
    assert (later.left, later.entered) == ({"spanish": 1, "best": 1}, {"spanish": 0, "best": 0})
    assert people[3].id in segments.members(store, "spanish", at=NOW + timedelta(days=1))
    assert people[3].id not in segments.members(store, "spanish", at=NOW + timedelta(days=2))
    assert segments.members(store, "spanish", at=NOW - timedelta(days=1)) == frozenset()


def store_one(store, id):
    with store.begin(read_only=True) as unit:
        return unit.customers.get(id)


def test_who_is_in_or_out_by_hand_stays_so_through_every_rebuild(world):
    store, people = world
    segments.rebuild(store, at=NOW)
    [held] = [one for one in everything(store, Segment) if one.name == "spanish"]
    with store.begin() as unit:
        unit.of(Segment).save(evolve(held, excluded=frozenset({people[1].id})))
        unit.commit()
    for days in (1, 2):
        segments.rebuild(store, at=NOW + timedelta(days=days))
        inside = segments.members(store, "spanish", at=NOW + timedelta(days=days))
        assert people[0].id in inside
        assert people[1].id not in inside
    reasons = [one.reasons[0].code for one in everything(store, SegmentMembership) if one.customer_id == people[0].id]
    assert reasons == ["segment.included"]


def test_history_is_rebuilt_forward(world):
    store, people = world
    segments.rebuild(store, at=NOW)
    with store.begin() as unit:
        unit.customers.save(evolve(unit.customers.get(people[3].id), country="FR"))
        unit.commit()
    with pytest.raises(InvalidValueError, match="rebuild after it"):
        segments.rebuild(store, at=NOW)


def test_a_customer_is_told_why(world):
    store, people = world
    told = [reason.text for reason in segments.explain(store, "best", people[3].id)]
    assert told[0].startswith("in: ")
    assert any("value >= 30" in text for text in told)
    assert segments.explain(store, "best", people[1].id, as_of=TODAY)[0].text.startswith("not in: ")
    assert segments.explain(store, "spanish", people[0].id)[0].text == "in: included by hand"
    with pytest.raises(NotFound):
        segments.explain(store, "nobody", people[0].id)


def test_an_empty_segment_is_empty_and_no_error(world):
    store, _ = world
    with store.begin() as unit:
        unit.of(Segment).add(Segment(name="nobody", definition=where("country") == "XX"))
        unit.commit()
    assert segments.rebuild(store, at=NOW).members["nobody"] == 0
    assert segments.members(store, "nobody", at=NOW) == frozenset()
