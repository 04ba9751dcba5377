"""The right moment of each customer and segment, by his own clock."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest
from worlds import NOW, TODAY, customer, order, shop, store_of

from pycrm.errors import InvalidDataError
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.storage import MemoryStore
from pycrm.workflows import differentiate, personalise


def visit(who, days, hour):
    # 07 UTC in May is 09 in Madrid.
    when = (NOW - timedelta(days=days)).replace(hour=hour)
    return Interaction(
        customer_id=who.id,
        kind=InteractionKind.WEB,
        channel="web",
        direction=Direction.IN,
        occurred_at=when,
        recorded_at=when,
    )


def test_he_hears_of_us_before_he_buys_at_the_hour_of_his_own_clock():
    ana = attrs.evolve(customer("Ana"), zone="Europe/Madrid")
    bob = customer("Bob")
    orders = [order(ana, n, 14 * n, 10) for n in range(1, 6)] + [order(bob, 9, 3, 10)]
    store = store_of(ana, bob, *orders, *(visit(ana, day, 7) for day in range(1, 40)))
    found = {one.customer_id: one for one in personalise.moments(store, at=NOW)}
    hers = found[ana.id]
    assert (hers.hour, hers.zone) == (9, "Europe/Madrid")
    local = hers.send_at.astimezone(ZoneInfo("Europe/Madrid"))
    assert (local.hour, local.minute) == (9, 0)
    assert hers.send_at >= NOW
    assert hers.low <= hers.expected <= hers.high
    assert (found[bob.id].zone, 0 < found[bob.id].chance <= 1) == ("UTC", True)


def test_a_customer_without_orders_has_no_moment_and_an_empty_store_says_why():
    ana, bob = customer("Ana"), customer("Bob")
    store = store_of(ana, bob, order(ana, 1, 30, 10), order(ana, 2, 3, 10))
    assert [one.customer_id for one in personalise.moments(store, at=NOW)] == [ana.id]
    with pytest.raises(InvalidDataError):
        personalise.moments(MemoryStore(), at=NOW)


def test_segments_are_ranked_by_how_many_are_due():
    store = store_of(*shop(120))
    differentiate.assess(store, as_of=TODAY)
    found = personalise.segment_moments(store, at=NOW)
    assert sum(one.customers for one in found) == len(personalise.moments(store, at=NOW))
    assert [one.due for one in found] == sorted((one.due for one in found), reverse=True)
    assert all(one.hour in range(24) for one in found)
