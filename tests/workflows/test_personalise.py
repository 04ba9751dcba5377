"""Personalise: an eligible offer for each one, never for what he owns, with a fallback and reasons."""

from datetime import timedelta
from decimal import Decimal

from worlds import NOW, TODAY, customer, everything, order, permission, shop, store_of

from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import where
from pycrm.model.time import Period
from pycrm.workflows import differentiate, personalise

NEWS = Offer(code="news", name="Our news", kind=OfferKind.CONTENT, fallback=True)


def offer(code, *skus, **more):
    return Offer(code=code, name=code, kind=OfferKind.PERCENT, percent=Decimal(10), skus=skus, **more)


def decided(*entities, **options):
    store = store_of(*entities)
    return store, personalise.decide(store, as_of=TODAY, at=NOW, **options)


def test_nobody_gets_an_offer_for_what_he_owns():
    offers = [offer("tea", "tea", priority=2), offer("mug", "mug", priority=1), NEWS]
    store, _ = decided(*shop(100), *offers)
    owned = {}
    for one in everything(store, Order):
        owned.setdefault(one.customer_id, set()).update(line.sku for line in one.lines)
    by_id = {one.id: one for one in offers}
    for decision in everything(store, OfferDecision):
        assert not owned.get(decision.customer_id, set()) & set(by_id[decision.offer_id].skus)
        assert decision.sku not in owned.get(decision.customer_id, set())


def test_everybody_gets_the_fallback_when_nothing_else_fits():
    ana, bob = customer("Ana"), customer("Bob")
    store, report = decided(ana, bob, order(ana, 1, 5, 10), offer("tea", "tea", eligible=where("orders") >= 0), NEWS)
    decisions = {one.customer_id: one for one in everything(store, OfferDecision)}
    assert decisions[ana.id].fallback
    assert [reason.code for reason in decisions[ana.id].reasons] == ["fallback", "owned", "not_told"]
    assert not decisions[bob.id].fallback
    assert (report.fallback, report.nothing) == (1, 0)


def test_without_a_fallback_nothing_is_nothing_and_says_why():
    store, report = decided(customer("Ana"), offer("tea", "tea", eligible=where("country") == "ES"))
    [decision] = everything(store, OfferDecision)
    assert (report.nothing, decision.offer_id) == (1, None)
    assert decision.reasons[0].code == "no_offer"


def test_an_offer_outside_its_period_is_not_made():
    over = offer("old", priority=9, period=Period(end=NOW))
    _, report = decided(customer("Ana"), over, NEWS)
    assert report.offers == {"news": 1}


def test_of_two_offers_the_one_of_higher_priority_wins():
    _, report = decided(customer("Ana"), offer("a"), offer("b", priority=1), NEWS)
    assert report.offers == {"b": 1}


def test_a_condition_on_value_reads_the_last_assessment():
    entities = [*shop(120), offer("best", priority=1, eligible=where("tier") == "most valuable"), NEWS]
    store = store_of(*entities)
    differentiated = differentiate.assess(store, as_of=TODAY)
    report = personalise.decide(store, as_of=TODAY, at=NOW)
    assert report.offers["best"] == differentiated.tiers["most valuable"]


def test_the_article_bought_most_that_he_does_not_own_is_named():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve")
    bought = [order(bob, 1, 5, 1, sku="mug"), order(eve, 2, 5, 1, sku="mug"), order(eve, 3, 5, 1, sku="pot")]
    store, _ = decided(
        ana, bob, eve, *bought, offer("any"), offer("jar", "jar", eligible=where("owned").contains("pot"), priority=1)
    )
    named = {one.customer_id: one.sku for one in everything(store, OfferDecision)}
    assert named == {ana.id: "mug", bob.id: "pot", eve.id: "jar"}


def test_what_came_back_is_not_owned():
    ana = customer("Ana")
    returned = order(ana, 1, 5, 10, status=OrderStatus.RETURNED)
    _, report = decided(ana, returned, offer("tea", "tea"), NEWS)
    assert report.offers == {"tea": 1}


def test_an_offer_is_told_only_over_a_permitted_channel():
    ana, bob = customer("Ana"), customer("Bob")
    _, report = decided(ana, bob, permission(ana), NEWS)
    assert report.told == {"email": 1}


def test_deciding_the_same_run_again_keeps_the_decisions():
    store, first = decided(customer("Ana"), NEWS)
    again = personalise.decide(store, as_of=TODAY, at=NOW + timedelta(hours=1))
    assert (first.customers, again.customers) == (1, 0)
    assert len(everything(store, OfferDecision)) == 1
