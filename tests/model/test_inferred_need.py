"""Needs concluded from tickets and complaints."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.inferred_need import NeedSign, inferred_needs
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic, knowledge_state

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ANN = UUID(int=1)
SLOW = NeedSign(need="speed", outcome="complaint", topic="delivery")
SPEED = Topic(FactKind.NEED, "speed")


def said(outcome="complaint", topic="delivery", at=NOW, who=ANN):
    return Interaction(
        customer_id=who, anonymous_id=None if who else "visitor", kind=InteractionKind.CALL, channel="phone",
        occurred_at=at, recorded_at=at, outcome=outcome, payload={} if topic is None else {"topic": topic},
    )  # fmt: skip


def test_a_complaint_is_a_sign_of_a_need_and_is_its_evidence():
    first, second = said(at=NOW - timedelta(days=2)), said(at=NOW - timedelta(days=1))
    [fact] = inferred_needs([second, first], [SLOW], NOW)
    assert (fact.customer_id, fact.topic, fact.origin) == (ANN, SPEED, FactOrigin.INFERRED)
    assert fact.confidence == pytest.approx(1 - 0.7**2)
    assert fact.evidence.id == second.id


@pytest.mark.parametrize("other", [said(outcome="praise"), said(topic="price"), said(topic=None), said(who=None)])
def test_what_is_no_sign_says_nothing(other):
    assert inferred_needs([other], [SLOW], NOW) == ()


def test_what_was_recorded_later_is_not_known_yet():
    later = said(at=NOW + timedelta(microseconds=1))
    assert inferred_needs([later], [SLOW], NOW) == ()
    assert len(inferred_needs([later], [SLOW], later.recorded_at)) == 1


def test_two_signs_of_one_interaction_count_as_the_surer_one():
    any_complaint = NeedSign(need="speed", outcome="complaint", weight=0.1)
    assert inferred_needs([said()], [any_complaint, SLOW], NOW)[0].confidence == pytest.approx(0.3)


@given(st.floats(0, 1), st.integers(1, 30))
def test_stated_beats_inferred_however_often_somebody_complained(confidence, times):
    stated = CustomerFact(
        customer_id=ANN, topic=SPEED, strength=0.2, origin=FactOrigin.STATED, confidence=confidence,
        recorded_at=NOW - timedelta(days=900),
    )  # fmt: skip
    concluded = inferred_needs([said() for _ in range(times)], [SLOW], NOW)
    assert all(0.3 <= fact.strength + 1e-12 <= 1.0 + 1e-12 for fact in concluded)
    assert knowledge_state(ANN, [*concluded, stated], NOW).facts[SPEED] == stated
    assert knowledge_state(ANN, concluded, NOW).facts[SPEED].origin is FactOrigin.INFERRED


def test_a_weight_is_a_share():
    with pytest.raises(InvalidValueError, match="weight"):
        NeedSign(need="speed", outcome="complaint", weight=1.5)
