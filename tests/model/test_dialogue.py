"""The depth of a relationship and the fatigue of a customer: only what is answered makes it deeper."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.dialogue import ContactFatigue, contact_fatigue, relationship_depth
from pycrm.model.interaction import Direction, Interaction, InteractionKind

START = datetime(2026, 1, 1, tzinfo=UTC)
IN, OUT = Direction.IN, Direction.OUT


def on(day):
    return START + timedelta(days=day)


def contact(day, direction, kind=InteractionKind.EMAIL):
    return Interaction(
        id=UUID(int=int(day * 10) * 4 + list(Direction).index(direction) + 1),
        customer_id=UUID(int=1),
        kind=kind,
        direction=direction,
        channel="email",
        occurred_at=on(day),
        recorded_at=on(day),
    )


histories = st.lists(st.tuples(st.integers(0, 300), st.sampled_from([IN, OUT])), max_size=12, unique=True)


def made(history):
    return [contact(day, direction) for day, direction in history]


def test_what_only_one_side_says_is_no_relationship():
    for direction in (IN, OUT, Direction.NONE):
        assert relationship_depth([contact(day, direction) for day in range(90)], on(90)).score == 0


def test_a_dialogue_that_lasts_is_deeper_than_one_in_a_single_month():
    once = [contact(80 + day, OUT if day % 2 == 0 else IN) for day in range(6)]
    spread = [contact(15 * day, OUT if day % 2 == 0 else IN) for day in range(6)]
    first = [contact(0, OUT)]
    short, long = (relationship_depth(first + talk, on(89), answer_within=15) for talk in (once, spread[1:]))
    assert (short.exchanges, long.exchanges) == (3, 3)
    assert long.lasting > short.lasting


def test_an_answer_counts_up_to_its_last_day_and_not_after():
    assert relationship_depth([contact(0, OUT), contact(14, IN)], on(20)).exchanges == 1
    assert relationship_depth([contact(0, OUT), contact(14.1, IN)], on(20)).exchanges == 0


def test_one_answer_answers_the_last_of_several():
    depth = relationship_depth([contact(day, OUT) for day in (0, 1, 2)] + [contact(3, IN)], on(4))
    assert (depth.exchanges, depth.answered, depth.balance) == (1, 0.5, 0.0)


def test_what_is_older_than_a_year_or_not_known_yet_does_not_count():
    talk = [contact(0, OUT), contact(1, IN)]
    assert relationship_depth(talk, on(361)).score == 0
    assert relationship_depth(talk, on(0.5)).score == 0


def test_what_a_machine_wrote_down_is_no_contact():
    assert relationship_depth([contact(0, OUT), contact(1, IN, InteractionKind.SYSTEM)], on(2)).score == 0


@given(histories, st.integers(1, 20))
def test_more_mail_that_nobody_answers_never_makes_it_deeper(history, more):
    talk = made(history)
    unanswered = [contact(320 + number, OUT) for number in range(more)]
    before = relationship_depth(talk, on(345)).score
    assert relationship_depth(talk + unanswered, on(345)).score <= before


@given(histories)
def test_depth_is_of_the_contacts_in_any_order_and_within_its_range(history):
    talk = made(history)
    depth = relationship_depth(talk, on(310))
    assert depth == relationship_depth(talk[::-1], on(310))
    assert all(0 <= part <= 1 for part in (depth.volume, depth.answered, depth.balance, depth.lasting))
    assert 0 <= depth.score <= 100
    swapped = [contact(day, OUT if direction is IN else IN) for day, direction in history]
    if len({day for day, _ in history}) == len(history):
        assert relationship_depth(swapped, on(310)) == depth


def test_three_ignored_in_a_row_stop_and_a_word_of_his_begins_anew():
    mails = [contact(day, OUT) for day in (0, 20, 40)]
    tired = contact_fatigue(mails, on(60))
    assert (tired.sent, tired.answered_share, tired.ignored_in_a_row, tired.since) == (3, 0.0, 3, on(0))
    assert tired.stop(3)
    assert not tired.stop(4)
    spoken = contact_fatigue([*mails, contact(70, IN)], on(80))
    assert (spoken.sent, spoken.answered, spoken.ignored_in_a_row, spoken.since) == (3, 0, 0, None)


def test_what_was_sent_lately_is_still_waiting():
    assert contact_fatigue([contact(0, OUT)], on(13)) == ContactFatigue()
    assert contact_fatigue([contact(0, OUT)], on(14)).ignored_in_a_row == 1


def test_our_answer_to_him_asks_for_nothing():
    found = contact_fatigue([contact(0, IN), contact(1, OUT)], on(60))
    assert (found.sent, found.answered_share, found.ignored_in_a_row) == (0, None, 0)


@given(histories)
def test_nobody_answers_more_than_was_sent(history):
    found = contact_fatigue(made(history), on(400))
    assert 0 <= found.answered <= found.sent
    assert found.ignored_in_a_row <= found.sent - found.answered


@pytest.mark.parametrize("days", [-1, float("nan")])
def test_an_impossible_patience_is_refused(days):
    for measure in (relationship_depth, contact_fatigue):
        with pytest.raises(InvalidValueError):
            measure([], on(0), answer_within=days)


def test_a_stop_rule_needs_a_number():
    with pytest.raises(InvalidValueError):
        ContactFatigue().stop(0)
