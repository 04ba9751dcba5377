"""Advice for staff, lists for direct marketing, and how personal what we say is."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import attrs
import pytest
from worlds import NOW, TODAY, customer, everything, order, permission, store_of

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentStatus, Permission
from pycrm.model.contact_policy import Suppression
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.evidence import Reason
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.knowledge import FactKind, Topic
from pycrm.model.money import Money
from pycrm.model.next_step import NextStep
from pycrm.model.offer import Offer, OfferKind
from pycrm.model.order import OrderStatus
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore
from pycrm.workflows import personalise

DAY = timedelta(days=1)
CALL = personalise.StepRule(code="call", text="Call", concerns=where("days_since_order") >= 5, worth=3)
WRITE = personalise.StepRule(code="write", text="Write", concerns=where("kind") == "person", worth=1)


def offer(code, **more):
    return Offer(
        **{
            "code": code,
            "name": code,
            "kind": OfferKind.SERVICE,
            "skus": (code,),
            "price": Money(Decimal(100), "EUR"),
            "margin": Money(Decimal(90), "EUR"),
            **more,
        }
    )


def test_staff_is_advised_what_is_worth_most_with_alternatives_and_an_end():
    ana, bob = attrs.evolve(customer("Ana"), owner_id=UUID(int=5)), customer("Bob")
    store = store_of(ana, bob, order(ana, 1, 9, 10))
    report = personalise.next_steps(store, [WRITE, CALL], as_of=TODAY, at=NOW)
    by = {one.customer_id: one for one in everything(store, NextStep)}
    assert (report.made, report.steps) == (2, {"call": 1, "write": 1})
    assert (by[ana.id].step.code, [one.code for one in by[ana.id].alternatives]) == ("call", ["write"])
    assert by[ana.id].owner == str(UUID(int=5))
    assert by[ana.id].expires_at == NOW + timedelta(days=14)
    assert {reason.code for reason in by[ana.id].reasons} == {"concerns", "worth"}


def test_advice_that_holds_is_not_given_again_and_comes_anew_when_it_is_over():
    store = store_of(customer("Ana"))
    counts = [
        (report.made, report.held, report.nothing)
        for days in (0, 13, 14)
        for report in [personalise.next_steps(store, [WRITE], as_of=TODAY, at=NOW + days * DAY)]
    ]
    assert counts == [(1, 0, 0), (0, 1, 0), (1, 0, 0)]
    assert personalise.next_steps(store, [], as_of=TODAY, at=NOW + 99 * DAY).nothing == 1


def test_rules_of_one_code_or_without_worth_are_refused():
    with pytest.raises(InvalidValueError):
        personalise.next_steps(MemoryStore(), [CALL, CALL], as_of=TODAY, at=NOW)
    for wrong in ({"worth": 0}, {"valid_for": timedelta(0)}, {"concerns": "all"}):
        with pytest.raises(InvalidValueError):
            attrs.evolve(CALL, **wrong)


def decided(*entities, run="may"):
    store = store_of(*entities)
    personalise.decide(store, as_of=TODAY, at=NOW, run=run, policy=DecisionPolicy(code="p", silence=0.0, explore=False))
    return store


def test_a_list_asks_permission_once_more_and_carries_our_seeds():
    people = [customer(name) for name in ("Ana", "Bob", "Eve")]
    store = decided(*people, *map(permission, people), offer("pot"))
    with store.begin() as unit:
        withdrawn = attrs.evolve(permission(people[1], status=ConsentStatus.WITHDRAWN), captured_at=NOW + DAY)
        unit.of(type(withdrawn)).add(withdrawn)
        unit.of(Suppression).add(Suppression(customer_id=people[2].id, reason="complaint", since=NOW + DAY))
        unit.commit()
    entries, left_out = personalise.pull_list(store, "may", channel="email", at=NOW + 2 * DAY, seeds=["us@example.com"])
    assert [(one.address, one.offer, one.seed) for one in entries] == [
        ("ana@example.com", "pot", False),
        ("us@example.com", None, True),
    ]
    assert left_out == {"withdrawn": 1, "suppressed": 1}
    assert personalise.pull_list(store, "june", channel="email", at=NOW) == ([], {})


def test_each_address_gets_one_letter():
    ana = customer("Ana")
    twin = attrs.evolve(customer("Eve"), contact_points=ana.contact_points)
    store = decided(ana, twin, permission(ana), permission(twin), offer("pot"))
    entries, left_out = personalise.pull_list(store, "may", channel="email", at=NOW)
    assert (len(entries), left_out) == (1, {"same_address": 1})


def test_coverage_counts_what_rests_on_the_one_customer_in_service_too():
    ana, bob = customer("Ana"), customer("Bob")
    allowed = [permission(ana), permission(bob, purpose="service"), permission(ana, purpose="service")]
    hello = Offer(code="hello", name="Hello", kind=OfferKind.SERVICE, purpose="service", fallback=True)
    sale = offer("strainer", requires=("tea",))
    store = decided(ana, bob, *allowed, order(ana, 1, 9, 10), sale, hello)
    intent = ContactIntent(
        customer_id=bob.id,
        run="r",
        as_of=TODAY,
        created_at=NOW,
        kind=IntentKind.QUESTION,
        topic="need",
        text="What do you need?",
        asks=(Topic(FactKind.NEED, "speed"),),
        channel="email",
        purpose="service",
        permission=Permission(allowed=True, reasons=(Reason("granted", "yes"),)),
        reasons=(),
    )
    with store.begin() as unit:
        unit.of(ContactIntent).add(intent)
        unit.commit()
    found = personalise.coverage(store, since=NOW, until=NOW + DAY)
    assert (found.offers, found.personal_offers, found.messages, found.personal_messages) == (2, 1, 1, 1)
    assert found.by_purpose == {"marketing": (1, 1), "service": (2, 1)}
    assert found.share == pytest.approx(2 / 3)
    assert personalise.coverage(store, since=NOW + DAY, until=NOW + 2 * DAY).share is None


def test_who_buys_again_is_counted_by_days():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve")
    orders = [order(ana, 1, 30, 9), order(ana, 2, 30, 9), order(ana, 3, 10, 9), order(bob, 4, 5, 9)]
    gone = order(eve, 5, 2, 9, status=OrderStatus.CANCELLED)
    found = personalise.repeat_sales(store_of(ana, bob, eve, *orders, gone), at=NOW)
    assert found == {"buyers": 2, "again": 1, "share": 0.5, "median_days": 20}


def test_contacts_are_counted_per_order_and_those_of_people_apart():
    ana = customer("Ana")
    store = decided(ana, permission(ana), offer("pot"))
    with store.begin() as unit:
        placed = order(ana, 1, 0, 9)
        unit.of(type(placed)).add(attrs.evolve(placed, placed_at=NOW + timedelta(hours=2)))
        unit.commit()
    found = personalise.touches_per_sale(store, since=NOW, until=NOW + DAY, human=["email"])
    assert (found["contacts_per_order"], found["by_people_per_order"]) == (1, 1)
    assert "contacts_per_order" not in personalise.touches_per_sale(store, since=NOW + DAY, until=NOW + 2 * DAY)
