"""Only declared edges are legal, a forced one says who and why, and the stage is the fold of the history."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.entity import new_id
from pycrm.model.evidence import Actor, ActorKind
from pycrm.model.lifecycle import ALLOWED, Stage, StageChange, StageRetraction, in_turn, stage_of, standing_stages

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WHO = new_id()
ANA = Actor(ActorKind.HUMAN, "ana")


def step(before, after, day=0, **fields):
    at = NOON + day * DAY
    return StageChange(
        **{
            "customer_id": WHO,
            "from_stage": before,
            "to_stage": after,
            "occurred_at": at,
            "recorded_at": at,
            "reason": "because",
            **fields,
        }
    )


@given(st.sampled_from([None, *Stage]), st.sampled_from(Stage))
def test_only_declared_edges_are_legal_and_force_goes_everywhere_but_out_of_erased(before, after):
    if after in ALLOWED[before]:
        assert step(before, after).to_stage is after
    else:
        with pytest.raises(InvalidTransitionError) as caught:
            step(before, after)
        assert caught.value.allowed == ALLOWED[before]
    if before is Stage.ERASED:
        with pytest.raises(InvalidTransitionError):
            step(before, after, forced=True, actor=ANA, note="why")
    else:
        assert step(before, after, forced=True, actor=ANA, note="why").forced


@pytest.mark.parametrize("fields", [{"forced": True}, {"forced": True, "actor": ANA}, {"forced": True, "note": "why"}])
def test_a_forced_step_names_its_actor_and_reason(fields):
    with pytest.raises(InvalidValueError, match="forced"):
        step(Stage.AWARENESS, Stage.LOYALTY, **fields)


@pytest.mark.parametrize(
    "fields", [{"recorded_at": NOON - DAY}, {"to_stage": "loyalty"}, {"reason": ""}, {"evidence": ("x",)}]
)
def test_an_impossible_step_is_refused(fields):
    with pytest.raises(InvalidValueError):
        step(None, Stage.AWARENESS, **fields) if "to_stage" not in fields else step(None, after=fields["to_stage"])


@given(st.lists(st.sampled_from(Stage), max_size=8), st.randoms())
def test_the_stage_is_the_fold_of_the_history_whatever_its_order(stages, random):
    history, stage = [], None
    for day, following in enumerate(stages):
        if following in ALLOWED[stage]:
            history.append(step(stage, following, day))
            stage = following
    random.shuffle(history)
    assert stage_of(history, NOON + 99 * DAY) is stage
    assert stage_of(history, NOON - DAY) is None


def test_steps_of_one_instant_follow_one_another():
    steps = [
        step(None, Stage.AWARENESS),
        step(Stage.AWARENESS, Stage.ACQUISITION),
        step(Stage.ACQUISITION, Stage.FULFILMENT),
    ]
    for order in (steps, steps[::-1], [steps[1], steps[2], steps[0]]):
        renamed = [attrs.evolve(each, id=new_id()) for each in order]
        assert stage_of(renamed, NOON) is Stage.FULFILMENT


def test_a_history_with_a_gap_is_refused():
    with pytest.raises(InvalidTransitionError, match="cannot move from 'awareness' to 'loyalty'"):
        stage_of([step(None, Stage.AWARENESS), step(Stage.FULFILMENT, Stage.LOYALTY, 1)], NOON + DAY)
    with pytest.raises(InvalidTransitionError, match="from 'nothing'"):
        stage_of([step(Stage.FULFILMENT, Stage.LOYALTY)], NOON)


@given(strategies.stage_changes())
def test_a_step_is_recorded_no_earlier_than_it_happened(change):
    assert change.recorded_at >= change.occurred_at


def test_a_retracted_step_stands_as_it_was_known_then_and_not_now():
    first, second = step(None, Stage.AWARENESS), step(Stage.AWARENESS, Stage.ACQUISITION, 1)
    gone = StageRetraction(customer_id=WHO, change_id=second.id, recorded_at=NOON + 5 * DAY)
    assert standing_stages([second, first], [gone]) == (first,)
    assert standing_stages([second, first], [gone], known_at=NOON + 4 * DAY) == (first, second)
    assert standing_stages([second, first], known_at=NOON) == (first,)


@given(st.permutations(range(6)))
def test_steps_of_one_instant_stand_so_that_each_starts_where_the_last_ended(order):
    path = [
        Stage.AWARENESS,
        Stage.ACQUISITION,
        Stage.RETENTION,
        Stage.FULFILMENT,
        Stage.LOYALTY,
        Stage.FULFILMENT,
        Stage.CHURNED,
    ]
    steps = [step(before, after) for before, after in pairwise(path)]
    found = in_turn([step(None, path[0], -1), *(steps[at] for at in order)])
    assert [one.to_stage for one in found] == path


def test_steps_that_do_not_meet_keep_an_order_of_their_own():
    apart = [step(None, Stage.AWARENESS), step(Stage.RETENTION, Stage.FULFILMENT)]
    assert in_turn(apart) == in_turn(reversed(apart))
