"""Segments as data: by hand outlives by rule, membership is periods, circles are refused, and JSON brings them back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.money import Money
from pycrm.model.predicate import AllOf, all_of, where
from pycrm.model.segment import Segment, SegmentMembership, assign_segments, in_order, members_at, rebuild_segment
from pycrm.model.time import Period
from pycrm.serialize import dumps, loads

DAY = datetime(2026, 1, 1, tzinfo=UTC)
ANN, BOB, CIA = (UUID(int=number) for number in (1, 2, 3))
BIG = Segment(name="big", definition=where("spent") >= 100, included=frozenset({BOB}), excluded=frozenset({CIA}))
people = st.dictionaries(st.sampled_from([ANN, BOB, CIA]), st.integers(0, 200).map(lambda spent: {"spent": spent}))


def rebuilt(segment, people, held, at):
    changes = rebuild_segment(segment, people.items(), held, at)
    return [*[one for one in held if one.period.end is not None], *changes.entered, *changes.left, *changes.stayed]


@given(st.lists(people, min_size=1, max_size=5))
def test_after_each_rebuild_the_members_are_those_who_hold_and_the_past_stays(snapshots):
    held, expected = [], []
    for days, everybody in enumerate(snapshots):
        held = rebuilt(BIG, everybody, held, DAY + timedelta(days=days))
        expected.append({who for who, value in everybody.items() if BIG.holds(who, value)})
    for days, members in enumerate(expected):
        assert members_at(held, "big", DAY + timedelta(days=days, hours=1)) == members


@given(people)
def test_a_second_rebuild_changes_nothing(everybody):
    held = rebuilt(BIG, everybody, [], DAY)
    again = rebuild_segment(BIG, everybody.items(), held, DAY + timedelta(days=1))
    assert (again.entered, again.left, set(again.stayed)) == ((), (), set(held))


def test_by_hand_outlives_every_rebuild():
    held = rebuilt(BIG, {ANN: {"spent": 5}, BOB: {"spent": 5}, CIA: {"spent": 500}}, [], DAY)
    assert members_at(held, "big", DAY) == {BOB}
    assert BIG.explain(BOB, {})[0].text == "in: included by hand"
    assert BIG.explain(CIA, {"spent": 500})[0].text == "not in: excluded by hand"


def test_segments_built_on_segments_come_in_order():
    segments = [
        Segment(name="a", definition=where("segments").contains("b") & ~where("segments").contains("c")),
        Segment(name="b", definition=where("spent") > 1),
        Segment(name="c", definition=where("segments").contains("b") & (where("spent") > 10)),
    ]
    assert [segment.name for segment in in_order(segments)] == ["b", "c", "a"]
    assert assign_segments(segments, ANN, {"spent": 5}) == {"a", "b"}
    assert assign_segments(segments, ANN, {"spent": 50}) == {"b", "c"}


def test_a_circle_is_named():
    around = [Segment(name=name, definition=where("segments").contains(other)) for name, other in ("ab", "bc", "ca")]
    with pytest.raises(InvalidValueError, match="a -> b -> c -> a"):
        in_order([*around, Segment(name="z", definition=where("segments").contains("a"))])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Segment(name="nobody"),
        lambda: Segment(name="self", definition=where("segments").contains("self")),
        lambda: Segment(name="both", included=frozenset({ANN}), excluded=frozenset({ANN})),
        lambda: Segment(name="text", definition="spent > 1"),
        lambda: Segment(name="text-inside", definition=AllOf((where("spent") > 1, "spent < 9"))),
        lambda: SegmentMembership(segment="big", customer_id=ANN, period=Period(end=DAY)),
        lambda: in_order([BIG, BIG]),
        lambda: in_order([Segment(name="x", definition=where("segments").contains("gone"))]),
        lambda: rebuild_segment(BIG, [], rebuilt(BIG, {BOB: {}}, [], DAY), DAY),
    ],
)
def test_a_segment_that_cannot_work_is_refused(wrong):
    with pytest.raises(InvalidValueError):
        wrong()


def test_a_segment_comes_back_from_json():
    assert loads(Segment, dumps(BIG)) == BIG


def test_an_explanation_names_what_decided_first():
    segment = Segment(name="x", definition=(where("spent") >= 100) & ~where("tags").contains("staff"))
    assert (
        segment.explain(ANN, {"spent": 200, "tags": ("staff",)})[0].text
        == "not in: tags contains 'staff' holds for 'staff'"
    )
    assert segment.explain(ANN, {"tags": ()})[0].text == "not in: spent >= 100 does not hold for nothing"
    assert segment.explain(ANN, {"spent": 200, "tags": ()})[0].text.startswith("in: ")


def test_an_explanation_without_a_comparison_says_what_decides_instead():
    by_hand = Segment(name="friends", included=frozenset({ANN}))
    assert [reason.text for reason in by_hand.explain(BOB, {})] == ["not in: a list kept by hand"]
    everybody = Segment(name="everybody", definition=all_of())
    assert [reason.text for reason in everybody.explain(BOB, {})] == ["in: the condition asks nothing"]


def test_a_segment_may_ask_for_one_of_several_others_about_an_entity():
    segments = [
        Segment(name="either", definition=where("segments").is_in(["small", "tiny"])),
        Segment(name="none", definition=where("segments").is_null()),
        Segment(name="small", definition=where("amount") < 10),
        Segment(name="tiny", definition=(where("amount") < 1) & where("weight").is_null()),
    ]
    assert segments[0].depends_on == {"small", "tiny"}
    assert segments[1].depends_on == frozenset()
    assert assign_segments(segments, ANN, Money("0.50", "EUR")) == {"none", "small", "tiny", "either"}
    assert assign_segments(segments, ANN, Money("5", "EUR")) == {"none", "small", "either"}
