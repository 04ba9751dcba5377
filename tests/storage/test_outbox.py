"""Events reach those who asked for them: in order, at least once, and each effect once."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from pycrm.errors import InvalidValueError
from pycrm.model.order import Product
from pycrm.storage import Claim, MemoryStore, Query, Relayed, Subscription, cloud_event, once, relay
from pycrm.testing.made import pen
from storage.opened import KINDS, fresh, names, opened


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def emit(store, *numbers, kind="Counted"):
    store.run(lambda unit: [unit.emit({"type": kind, "number": n, "secret": "s"}) for n in numbers])


def test_each_department_is_told_of_what_it_asked_for_and_sees_no_more(store):
    emit(store, 1, 2)
    emit(store, 3, kind="Other")
    sales, service = [], []
    found = relay(
        store,
        "relay",
        [
            Subscription("sales", sales.append),
            Subscription("service", service.append, types={"Counted"}, fields=["number"]),
        ],
        limit=2,
    )
    assert found.delivered == 3
    assert [one.payload["number"] for one in sales] == [1, 2, 3]
    assert [one.payload for one in service] == [{"number": 1}, {"number": 2}]
    assert relay(store, "relay", []) == Relayed(0)


def test_an_event_that_could_not_be_handled_is_handed_out_again_with_all_behind_it(store):
    emit(store, 1, 2, 3)
    got, broken = [], [True]

    def handle(claim):
        if claim.payload["number"] == 2 and broken:
            broken.clear()
            raise OSError("the other system is down")
        got.append(claim.payload["number"])

    with pytest.raises(OSError, match="down"):
        relay(store, "relay", [Subscription("sales", handle)])
    assert relay(store, "relay", [Subscription("sales", handle)]).delivered == 2
    assert got == [1, 2, 3]


def test_an_effect_happens_once_for_each_event_and_consumer_however_often_it_is_delivered(store):
    emit(store, 1, 2)
    claims = store.claim("relay")
    for consumer in ("a", "b"):
        handle = once(
            store, consumer, lambda unit, claim, c=consumer: unit.of(Product).add(pen(f"{c}{claim.payload['number']}"))
        )
        for claim in [*claims, *claims, claims[0]]:
            handle(claim)
    assert sorted(names(store)) == ["a1", "a2", "b1", "b2"]


def test_an_effect_that_failed_is_done_when_the_event_comes_again(store):
    emit(store, 1)
    (claim,) = store.claim("relay")
    broken = [True]

    def work(unit, claim):
        unit.of(Product).add(pen("A1"))
        if broken:
            broken.clear()
            raise OSError("down")

    handle = once(store, "a", work)
    with pytest.raises(OSError, match="down"):
        handle(claim)
    assert names(store) == {}
    handle(claim)
    assert list(names(store)) == ["A1"]


def test_a_relay_whose_lease_went_to_another_stops_and_the_other_delivers(store):
    emit(store, 1, 2)
    got, name = [], "_clock" if isinstance(store, MemoryStore) else "clock"

    def lose(claim):
        got.append(claim.payload["number"])
        plain = getattr(store, name)
        # Another relay, whose clock says that the lease has ended.
        setattr(store, name, lambda: datetime(2099, 1, 1, tzinfo=UTC))
        store.claim("other", lease=10)
        setattr(store, name, plain)

    assert relay(store, "relay", [Subscription("sales", lose)]).delivered == 0
    assert got == [1]
    assert relay(store, "other", [Subscription("sales", lambda c: got.append(c.payload["number"]))]).delivered == 2
    assert got == [1, 1, 2]


def test_how_old_what_the_subscribers_know_was_is_told(store):
    emit(store, 1)
    late = datetime.now(UTC) + timedelta(hours=2)
    found = relay(store, "relay", [], clock=lambda: late)
    assert timedelta(hours=1, minutes=59) < found.longest < timedelta(hours=2, minutes=1)
    assert relay(store, "relay", []).longest is None


def test_an_event_in_the_form_other_systems_read_has_its_id_and_their_name():
    claim = Claim(UUID(int=7), "Moved", {"city": "Lugo"}, datetime(2026, 5, 1, 12, tzinfo=UTC))
    made = json.loads(json.dumps(cloud_event(claim, source="//crm.example", types={"Moved": "example.moved.v1"})))
    assert made == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000007",
        "source": "//crm.example",
        "type": "example.moved.v1",
        "time": "2026-05-01T12:00:00+00:00",
        "datacontenttype": "application/json",
        "data": {"city": "Lugo"},
    }


def test_a_field_goes_under_the_name_of_the_other_system_and_none_is_lost():
    claim = Claim(UUID(int=7), "Moved", {"city": "Lugo", "id": "1"}, datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert cloud_event(claim, source="x", fields={"city": "town"})["data"] == {"town": "Lugo", "id": "1"}
    with pytest.raises(InvalidValueError, match="own"):
        cloud_event(claim, source="x", fields={"city": "id"})


def test_one_name_is_no_set_of_names():
    with pytest.raises(InvalidValueError):
        Subscription("sales", print, types="Moved")


def test_what_was_never_emitted_reaches_nobody(store):
    with store.begin() as unit:
        unit.emit({"type": "Counted"})
    got = []
    relay(store, "relay", [Subscription("sales", got.append)])
    assert got == []
    with store.begin() as unit:
        assert unit.of(Product).count(Query(Product)) == 0
