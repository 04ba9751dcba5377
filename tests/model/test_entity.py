"""Ids are made by the client, in the order of time; versions count from 0."""

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.entity import Entity, named_id, new_id, unchecked_id


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


@given(st.uuids(), st.text())
def test_an_id_that_follows_from_a_name_is_that_of_version_5(namespace, name):
    try:
        expected = uuid5(namespace, name)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            named_id(namespace, name)
    else:
        assert named_id(namespace, name) == expected


@given(st.integers(0, 2**128 - 1))
def test_the_id_of_a_number_is_the_one_its_constructor_makes(number):
    made, known = unchecked_id(number), UUID(int=number)
    assert (made, hash(made), str(made), repr(made), made.is_safe) == (
        known,
        hash(known),
        str(known),
        repr(known),
        known.is_safe,
    )


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
