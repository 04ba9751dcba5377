"""Ids are made by the client, in the order of time; versions count from 0."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.entity import Entity, new_id


@given(st.integers(0, 2**48 - 2), st.binary(min_size=20, max_size=20))
def test_a_later_millisecond_makes_a_greater_id(milliseconds, noise):
    earlier = new_id(lambda: milliseconds * 1_000_000, lambda n: noise[:n])
    later = new_id(lambda: (milliseconds + 1) * 1_000_000, lambda n: noise[n : 2 * n])
    assert earlier < later
    assert str(earlier) < str(later)
    for each in (earlier, later):
        assert each.version == 7
        assert each.variant == "specified in RFC 4122"
    assert earlier.int >> 80 == milliseconds


def test_ids_differ():
    assert len({new_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "fields", [{"id": "x"}, {"id": None}, {"version": -1}, {"version": True}, {"version": 1.0}, {"unknown": {}}]
)
def test_a_wrong_identity_or_version_is_refused(fields):
    with pytest.raises(InvalidValueError, match=next(iter(fields))):
        Entity(**fields)


def test_an_entity_is_a_value():
    one = UUID(int=1)
    assert Entity(id=one) == Entity(id=one)
    assert hash(Entity(id=one)) == hash(Entity(id=one))
    assert Entity(id=one) != Entity(id=one, version=1)
