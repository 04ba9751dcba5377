"""Knowledge of a customer: stated beats observed beats inferred, the future is not known, and gaps say who was asked."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.interest import interest_match
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic, knowledge_index, knowledge_state, need_gaps
from pycrm.model.knowledge_plan import Closeness, WantedTopic
from pycrm.model.time import Period

DAY = datetime(2026, 1, 1, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)
SPEED, PRICE = Topic(FactKind.NEED, "speed"), Topic(FactKind.NEED, "price")
facts = st.lists(
    st.builds(
        lambda who, topic, origin, confidence, days, number: CustomerFact(
            id=UUID(int=number),
            customer_id=who,
            topic=topic,
            origin=origin,
            confidence=confidence,
            recorded_at=DAY + timedelta(days=days),
        ),
        st.sampled_from([ANN, BOB]),
        st.sampled_from([SPEED, PRICE]),
        st.sampled_from(FactOrigin),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.integers(-2, 2),
        st.integers(1, 99),
    ),
    max_size=8,
    unique_by=lambda fact: fact.id,
)


def fact(topic=SPEED, origin=FactOrigin.STATED, **fields):
    return CustomerFact(**{"customer_id": ANN, "topic": topic, "origin": origin, "recorded_at": DAY, **fields})


@given(facts, st.randoms(use_true_random=False))
def test_the_best_fact_wins_whatever_the_order_and_nothing_later_is_known(found, random):
    state = knowledge_state(ANN, found, DAY, wanted=[SPEED, PRICE])
    assert state == knowledge_state(ANN, random.sample(found, len(found)), DAY, wanted=[PRICE, SPEED])
    known = [each for each in found if each.customer_id == ANN and each.recorded_at <= DAY]
    assert set(state.facts) == {each.topic for each in known}
    for topic, best in state.facts.items():
        assert best.origin == min((each.origin for each in known if each.topic == topic), key=list(FactOrigin).index)
    assert state.coverage == pytest.approx(len(state.facts) / 2)
    assert 0 <= state.certainty <= state.coverage


def test_a_fact_is_true_only_in_its_period():
    past = fact(period=Period(end=DAY - timedelta(days=1)))
    assert knowledge_state(ANN, [past], DAY).facts == {}
    assert knowledge_state(ANN, [past], DAY).coverage == 1.0
    assert knowledge_state(ANN, [past], DAY).certainty == 1.0


def test_gaps_weigh_need_by_what_is_missing_and_say_who_nobody_asked():
    states = [
        knowledge_state(ANN, [fact(strength=1.0), fact(PRICE, strength=0.5)], DAY),
        knowledge_state(
            BOB, [fact(customer_id=BOB, strength=0.5), fact(Topic(FactKind.WISH, "x"), customer_id=BOB)], DAY
        ),
    ]
    speed, price = need_gaps(states, {(ANN, "speed"): 0.25, (BOB, "speed"): 0.75})
    assert (speed.topic, speed.strength, speed.satisfaction) == (SPEED, 0.75, 0.5)
    assert speed.gap == pytest.approx((0.75 + 0.125) / 2)
    assert (price.topic, price.gap) == (PRICE, None)
    assert need_gaps([], {}) == ()


def test_shares_beyond_their_range_are_refused():
    with pytest.raises(InvalidValueError, match="strength"):
        fact(strength=1.5)
    with pytest.raises(InvalidValueError, match="speed"):
        need_gaps([], {(ANN, "speed"): 2.0})


def test_the_index_says_how_well_customers_are_known_and_what_is_least_known():
    held = [fact(confidence=0.5), fact(customer_id=BOB), fact(customer_id=BOB, topic=PRICE)]
    states = [knowledge_state(who, held, DAY, wanted=[SPEED, PRICE]) for who in (ANN, BOB)]
    found = knowledge_index(states)
    assert (found.customers, found.coverage, found.certainty) == (2, 0.75, 0.625)
    assert list(found.known_of.items()) == [(PRICE, 0.5), (SPEED, 1.0)]
    with pytest.raises(InvalidValueError, match="states"):
        knowledge_index([])


@pytest.mark.parametrize(
    ("named", "fields"),
    [
        ("worth", {"worth": 0.0}),
        ("valid_for", {"worth": 1.0, "valid_for": timedelta(0)}),
        ("purpose", {"worth": 1.0, "closeness": Closeness.INTIMATE}),
    ],
)
def test_a_wanted_topic_that_makes_no_sense_names_the_field(named: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError, match=named):
        WantedTopic(topic=Topic(FactKind.NEED, "speed"), **fields)


def test_content_cannot_weigh_less_than_nothing() -> None:
    tea = Topic(FactKind.INTEREST, "tea")
    with pytest.raises(InvalidValueError, match="at least 0"):
        interest_match({tea: -1.0}, knowledge_state(UUID(int=1), [], datetime(2026, 3, 1, tzinfo=UTC)))
