"""Strategies per segment, as versioned data: the tree of actions, and which one counts."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.strategy import Strategy, StrategyAction, choose_strategy
from pycrm.model.time import Period

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PART = StrategyAction(code="saved_card", text="Keep the card", steps_before=2, steps_after=0)
REORDER = StrategyAction(code="reorder", text="One click", steps_before=5, steps_after=1, parts=(PART,))
EVERY = Strategy(code="all", aim="serve", actions=(REORDER,))
LOYAL = Strategy(code="loyal", segment="loyal", aim="keep", actions=(REORDER,))


def test_an_action_spares_the_customer_steps():
    assert (REORDER.spared, LOYAL.spared) == (4, 4)
    assert [action.code for action in LOYAL.walk()] == ["reorder", "saved_card"]
    with pytest.raises(InvalidValueError, match="spares effort"):
        attrs.evolve(PART, steps_after=2)
    with pytest.raises(InvalidValueError, match="only StrategyAction"):
        attrs.evolve(PART, parts=("x",))


def test_each_action_of_a_strategy_has_a_code_of_its_own():
    for actions in ((), (REORDER, REORDER), (REORDER, PART)):
        with pytest.raises(InvalidValueError, match="code of its own"):
            attrs.evolve(EVERY, actions=actions)


@given(st.permutations([EVERY, LOYAL, attrs.evolve(LOYAL, revision=2), attrs.evolve(EVERY, code="other", priority=1)]))
def test_a_segment_comes_before_everybody_then_priority_then_revision_whatever_the_order(strategies):
    assert choose_strategy(strategies, {"loyal"}, NOON).revision == 2
    assert choose_strategy(strategies, set(), NOON).code == "other"


def test_what_does_not_hold_yet_or_any_more_is_not_chosen():
    later = attrs.evolve(LOYAL, revision=3, period=Period(NOON + timedelta(days=1)))
    assert choose_strategy([LOYAL, later], {"loyal"}, NOON) == LOYAL
    assert choose_strategy([later], {"loyal"}, NOON) is None
