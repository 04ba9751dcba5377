"""Tasks with the fact that justifies them, chats with their outcome, and what customers settle by themselves."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest

from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.chat import ChatOutcome, ChatRole, ChatSession, ChatTurn
from pycrm.model.evidence import Reason
from pycrm.model.interaction import Direction, Interaction, InteractionKind, Mode
from pycrm.model.self_service import IvrPath, containment
from pycrm.model.task import Task, TaskStatus

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALL = Task(title="Call Ana", because=(Reason("churned", "she left"),), created_at=NOON, due=NOON + HOUR)


def test_a_task_names_the_fact_that_justifies_it():
    with pytest.raises(InvalidValueError, match="name the fact"):
        attrs.evolve(CALL, because=())


def test_a_task_is_done_when_it_has_a_time_of_completion_and_only_then():
    done = CALL.moved(TaskStatus.DOING, NOON).moved(TaskStatus.DONE, NOON + HOUR)
    assert done.completed_at == NOON + HOUR
    assert done.moved(TaskStatus.TODO, NOON + HOUR).completed_at is None
    with pytest.raises(InvalidTransitionError, match="todo"):
        done.moved(TaskStatus.CANCELLED, NOON)
    for wrong in ({"status": TaskStatus.DONE}, {"completed_at": NOON}):
        with pytest.raises(InvalidValueError, match="completed_at"):
            attrs.evolve(CALL, **wrong)
    with pytest.raises(InvalidValueError, match="before it came up"):
        CALL.moved(TaskStatus.DONE, NOON - HOUR)


def test_a_task_is_overdue_while_it_is_open_past_its_time():
    assert not CALL.overdue(NOON + HOUR)
    assert CALL.overdue(NOON + 2 * HOUR)
    assert not CALL.moved(TaskStatus.DONE, NOON).overdue(NOON + 2 * HOUR)


def chat():
    return ChatSession(anonymous_id="v", opened_at=NOON).said(ChatRole.VISITOR, "Open?", NOON)


def test_a_chat_ends_with_an_outcome_and_says_whether_a_person_took_part():
    by_bot = chat().said(ChatRole.BOT, "At nine.", NOON)
    assert not by_bot.closed(ChatOutcome.ANSWERED, NOON).assisted
    assert by_bot.said(ChatRole.AGENT, "Or eight.", NOON + HOUR).assisted
    with pytest.raises(InvalidValueError, match="was closed"):
        by_bot.closed(ChatOutcome.LEFT, NOON).said(ChatRole.BOT, "Hello?", NOON)
    with pytest.raises(InvalidValueError, match="nobody answered"):
        chat().closed(ChatOutcome.ANSWERED, NOON)


@pytest.mark.parametrize(
    "wrong",
    [
        {"anonymous_id": None},
        {"outcome": ChatOutcome.LEFT},
        {"closed_at": NOON},
        {"turns": (ChatTurn(at=NOON - HOUR, role=ChatRole.BOT, text="x"),)},
        {"closed_at": NOON - HOUR, "outcome": ChatOutcome.LEFT},
    ],
)
def test_a_chat_that_cannot_have_been_is_refused(wrong):
    with pytest.raises(InvalidValueError):
        attrs.evolve(chat(), **wrong)


def contact(who, hours, *, assisted, direction=Direction.IN, channel="web", **more):
    at = NOON + hours * HOUR
    return Interaction(
        customer_id=None if who is None else UUID(int=who),
        anonymous_id="v",
        kind=InteractionKind.WEB,
        direction=direction,
        channel=channel,
        mode=Mode.MEDIATED if assisted else Mode.SELF_SERVICE,
        assisted=assisted,
        occurred_at=at,
        recorded_at=at,
        **more,
    )


def test_a_contact_is_contained_where_no_person_was_needed_within_the_window():
    made = [
        contact(1, 0, assisted=False),
        contact(2, 0, assisted=False),
        contact(2, 24, assisted=True, channel="phone"),
        contact(3, 0, assisted=False),
        contact(3, 25, assisted=True),
        contact(4, 0, assisted=False),
        contact(4, 1, assisted=True, direction=Direction.OUT),
        contact(None, 0, assisted=False),
    ]
    found = containment(made)
    assert (found.begun, found.contained, found.rate) == (4, 3, 0.75)
    assert containment(reversed(made)) == found
    assert containment(made, channel="ivr").rate is None
    assert containment(made, window=2 * HOUR).rate == 1.0


def test_the_way_through_a_menu_is_kept_with_the_call():
    path = IvrPath(nodes=("main", "delivery", "where"), handed_to_person=True)
    call = contact(1, 0, assisted=path.handed_to_person, channel="ivr", payload=path.payload)
    assert IvrPath.of(call.payload) == path
    assert path.exit_node == "where"
    for wrong in ({}, {"menu": "main"}, {"menu": ["a"], "person": "yes"}, None):
        with pytest.raises(InvalidValueError, match="payload"):
            IvrPath.of(wrong)
    with pytest.raises(InvalidValueError, match="at least one"):
        IvrPath(nodes=())
