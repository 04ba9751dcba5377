from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.model.interaction import Direction
from pycrm.model.rhythm import ContactRhythm, contact_rhythm
from pycrm.testing.made import an_interaction

START = datetime(2026, 1, 1, tzinfo=UTC)
contacts = st.lists(
    st.builds(
        lambda minutes, direction: an_interaction(
            None,
            occurred_at=START + timedelta(minutes=minutes),
            recorded_at=START + timedelta(days=99),
            direction=direction,
        ),
        st.integers(0, 90 * 1440),
        st.sampled_from(Direction),
    ),
    max_size=12,
)


@given(contacts, st.integers(-1440, 99 * 1440), st.randoms())
def test_the_rhythm_is_that_of_what_happened_by_then_in_any_order(made, minutes, random):
    at = START + timedelta(minutes=minutes)
    shuffled = list(made)
    random.shuffle(shuffled)
    rhythm = contact_rhythm(shuffled, at)
    assert rhythm == contact_rhythm([one for one in made if one.occurred_at <= at], at)
    times = [one.occurred_at for one in made if one.occurred_at <= at]
    assert rhythm.contacts == len(times)
    assert rhythm.last_at == max(times, default=None)
    if times:
        assert rhythm.silence == at - max(times)
        span = (max(times) - min(times)) / max(len(times) - 1, 1)
        assert (rhythm.cadence is None) is (len(times) < 2)
        assert len(times) != 2 or rhythm.cadence == span
    for direction, last in ((Direction.IN, rhythm.last_in_at), (Direction.OUT, rhythm.last_out_at)):
        assert last == max(
            (o.occurred_at for o in made if o.direction is direction and o.occurred_at <= at), default=None
        )


@pytest.mark.parametrize("days", [[], [1], [1, 1]])
def test_who_was_hardly_ever_in_touch_has_no_rhythm_to_fall_behind(days):
    made = [
        an_interaction(None, occurred_at=START + timedelta(days=d), recorded_at=START + timedelta(days=9)) for d in days
    ]
    rhythm = contact_rhythm(made, START + timedelta(days=9))
    assert rhythm.overdue is None
    assert days or rhythm == ContactRhythm()
