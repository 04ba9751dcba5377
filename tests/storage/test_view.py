"""The one 360-degree read: everything known of one customer, nothing later than asked for, nothing of others."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.customer import Customer, PersonName
from pycrm.model.entity import new_id
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine
from pycrm.storage import MemoryStore, customer_view
from pycrm.storage.sql import SqlStore
from pycrm.workflows import identify

NOW = datetime(2026, 5, 1, tzinfo=UTC)
THEN = NOW - timedelta(days=10)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
    else:
        made = SqlStore(f"sqlite:///{tmp_path}/crm.db")
        yield made
        made.close()


def order(who, number, at):
    lines = (OrderLine(sku="tea", unit_price=Money(5, "EUR")),)
    return Order(customer_id=who.id, number=number, placed_at=at, currency="EUR", lines=lines)


def told(who, at):
    return Interaction(customer_id=who.id, kind=InteractionKind.CALL, channel="phone", occurred_at=at, recorded_at=at)


def assessed(who, day, tier):
    return Assessment(
        customer_id=who.id, run="r", as_of=day, since=day, orders=1, historic_value=Money(5, "EUR"), tier=tier
    )


def keep(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def test_the_view_holds_what_was_known_then_of_this_customer_oldest_first(store):
    ana, bob = Customer(name=PersonName(given="Ana")), Customer(name=PersonName(given="Bob"))
    yes = ConsentEntry(customer_id=ana.id, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=THEN)
    keep(store, ana, bob, yes, order(ana, "2", THEN), order(ana, "1", THEN - timedelta(days=5)), order(ana, "3", NOW))
    keep(store, order(bob, "4", THEN), told(ana, THEN), told(ana, NOW), told(bob, THEN))
    keep(store, assessed(ana, date(2026, 4, 1), Tier.MIGRATOR), assessed(ana, date(2026, 4, 20), Tier.MOST_VALUABLE))
    keep(store, assessed(ana, date(2026, 4, 30), Tier.BELOW_ZERO))
    view = customer_view(store, ana.id, THEN)
    assert view.customer.display_name == "Ana"
    assert [one.number for one in view.orders] == ["1", "2"]
    assert [one.occurred_at for one in view.interactions] == [THEN]
    assert [one.id for one in view.consents] == [yes.id]
    assert view.assessment.tier is Tier.MOST_VALUABLE


def test_the_view_names_the_source_records_that_speak_of_the_customer(store):
    from pycrm.model.source import SourceRecord

    said = [
        SourceRecord(source=source, key="1", received_at=THEN, fields={"full_name": "Ana", "email": "ana@b.example"})
        for source in ("shop", "web")
    ]
    identify.register(store, said)
    identify.resolve(store, at=THEN)
    with store.begin(read_only=True) as unit:
        from pycrm.storage import Query

        [ana] = unit.of(Customer).page(Query(Customer)).items
    assert {record.source for record in customer_view(store, ana.id, NOW).sources} == {"shop", "web"}
    assert customer_view(store, ana.id, THEN - timedelta(days=1)).sources == ()


def test_a_customer_who_is_not_there_and_a_time_that_is_none_are_refused(store):
    with pytest.raises(NotFound):
        customer_view(store, new_id(), NOW)
    with pytest.raises(InvalidValueError, match="time without zone"):
        customer_view(store, new_id(), NOW.replace(tzinfo=None))
