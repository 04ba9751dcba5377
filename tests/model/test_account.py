"""Accounts: who belongs to whom, who looks after it, and what the whole is worth."""

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.account import accounts
from pycrm.model.customer import Customer, CustomerKind, Organisation, PersonName

ANA, BOB = UUID(int=901), UUID(int=902)


def firm(number, parent=None, owner=None):
    above = None if parent is None else UUID(int=parent)
    return Customer(
        id=UUID(int=number),
        kind=CustomerKind.ORGANISATION,
        organisation=Organisation(name=f"F{number}", parent_id=above),
        owner_id=owner,
    )


def test_an_account_has_a_top_an_owner_a_team_and_a_sum():
    person = Customer(name=PersonName(given="Eve"))
    found = accounts([firm(3, 2, BOB), firm(1, None, ANA), firm(2, 1), person, firm(9, 77)])
    assert found.top(UUID(int=3)) == UUID(int=1)
    assert found.below(UUID(int=1)) == (UUID(int=1), UUID(int=2), UUID(int=3))
    assert [found.owner(UUID(int=n)) for n in (1, 2, 3, 9)] == [ANA, ANA, BOB, None]
    assert found.team(UUID(int=1)) == {ANA, BOB}
    assert found.team(UUID(int=9)) == frozenset()
    assert found.roll_up({UUID(int=3): Decimal("0.1"), UUID(int=1): Decimal("0.2"), person.id: Decimal(5)}) == {
        UUID(int=1): Decimal("0.3"),
        UUID(int=2): Decimal("0.1"),
        UUID(int=3): Decimal("0.1"),
        UUID(int=9): Decimal(0),
    }


def test_a_circle_is_refused():
    with pytest.raises(InvalidValueError, match="circle"):
        accounts([firm(1, 2), firm(2, 1)])
    with pytest.raises(InvalidValueError, match="circle"):
        accounts([firm(1, 2), firm(2, 3), firm(3, 2)])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.data())
def test_the_tops_carry_everything_and_everybody_is_below_one_top(choices, data):
    firms = [firm(n + 1, (choice % n) + 1 if n and choice < 25 else None) for n, choice in enumerate(choices)]
    found = accounts(data.draw(st.permutations(firms)))
    amounts = {one.id: Decimal(n + 1) for n, one in enumerate(firms)}
    tops = {found.top(one.id) for one in firms}
    summed = found.roll_up(amounts)
    assert sum(summed[top] for top in tops) == sum(amounts.values())
    assert sorted(id for top in tops for id in found.below(top)) == sorted(amounts)
