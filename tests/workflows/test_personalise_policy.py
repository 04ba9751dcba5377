"""Deciding under a policy: what it brings beyond what comes anyway, within what may be spent, and nobody left out or bothered."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from worlds import NOW, TODAY, customer, everything, order, permission, store_of

from pycrm.errors import CurrencyMismatchError, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.consent import ConsentStatus, Permission
from pycrm.model.contact_policy import CapPeriod, ContactPolicy, FrequencyCap, Suppression
from pycrm.model.customer import Customer
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.evidence import Actor, ActorKind, Reason
from pycrm.model.experiment import Finding
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.offer_log import OfferAnswer, OfferOutcome, OfferOverride
from pycrm.model.order import Order
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore
from pycrm.workflows import personalise

NEWS = Offer(code="news", name="Our news", kind=OfferKind.CONTENT, fallback=True)
WEEK = timedelta(days=7)
ANA_SELLS = Actor(ActorKind.HUMAN, "sales")


def euros(amount):
    return Money(Decimal(str(amount)), "EUR")


def offer(code, margin=20, cost="0.10", **more):
    return Offer(
        **{
            "code": code,
            "name": code,
            "kind": OfferKind.SERVICE,
            "skus": (code,),
            "price": euros(100),
            "margin": None if margin is None else euros(margin),
            "cost": euros(cost),
            **more,
        }
    )


def policy(**more):
    return DecisionPolicy(**{"code": "weekly", "silence": 0.0, "explore": False, **more})


def people(count, *, allowed=True):
    made = []
    for number in range(count):
        who = customer(f"c{number}")
        made += [who, permission(who)] if allowed else [who]
    return made


def decided(*entities, under=None, **options):
    store = store_of(*entities)
    report = personalise.decide(store, as_of=TODAY, at=NOW, policy=under or policy(), **options)
    return store, report


def test_what_brings_most_is_given_and_says_what_it_expects():
    store, report = decided(*people(3), offer("pot", 30), offer("mug", 10), NEWS)
    assert report.offers == {"pot": 3}
    [decision, *_] = everything(store, OfferDecision)
    assert decision.channel == "email"
    assert decision.expected == euros("0.65")  # .05 x 30 taken, .025 x 30 bought anyway, .10 to tell it
    assert (decision.probability, decision.context, decision.alternatives) == (0.05, "m0s0p0", ("mug",))
    assert decision.expires_at == NOW + WEEK
    assert decision.since < decision.as_of
    assert [reason.code for reason in decision.reasons][:2] == ["eligible", "value"]
    assert (report.expected, report.spent) == (pytest.approx(1.95), pytest.approx(0.3))


def valued(who, amount, currency="EUR"):
    money = None if amount is None else Money(Decimal(str(amount)), currency)
    return Assessment(
        customer_id=who.id,
        run="r",
        as_of=TODAY,
        since=TODAY,
        orders=0,
        historic_value=Money("0", currency),
        expected_value=money,
        tier=Tier.MOST_VALUABLE,
        reasons=(Reason("orders", "counted"),),
    )


def test_with_lasting_offers_what_changes_lifetime_value_most_is_given_and_the_next_is_named():
    rich, poor, _ = people = [customer(name) for name in ("Rich", "Poor", "New")]
    card, sale = offer("card", 10), offer("sale", 30)
    values = [valued(rich, 1000), valued(poor, 10)]
    world = [*people, *(permission(one) for one in people), *values, card, sale, NEWS]
    store, report = decided(*world, under=policy(lasting={"card": 0.1}))
    given = {one.customer_id: one for one in everything(store, OfferDecision)}
    code = {card.id: "card", sale.id: "sale"}
    assert [code[given[one.id].offer_id] for one in people] == ["card", "sale", "sale"]
    # (.05 - .025) x (10 + .1 x 1000) - .10 for who is worth 1000; (.05 - .025) x 30 - .10 for the sale.
    assert given[rich.id].expected == euros("2.65")
    assert given[rich.id].alternatives == ("sale",)
    assert "lifetime" in {reason.code for reason in given[rich.id].reasons}
    assert report.expected == pytest.approx(2.65 + 2 * 0.65)
    _, sales_only = decided(*world)
    assert sales_only.offers == {"sale": 3}


def test_lifetime_value_is_made_large_within_contacts_and_above_the_floor():
    who = [customer(f"c{number}", country="ES" if number < 4 else "FR") for number in range(8)]
    worths = [valued(one, 1000 - 100 * number) for number, one in enumerate(who)]
    world = [*who, *(permission(one) for one in who), *worths, offer("card", 1, cost=1), NEWS]
    told = {}
    for name, rules in (("free", {}), ("cut", {"contacts": 2}), ("floor", {"floor": 0.5, "floor_by": "country"})):
        store, report = decided(*world, under=policy(lasting={"card": 0.05}, **rules))
        out = {one.customer_id for one in everything(store, OfferDecision) if one.channel}
        told[name] = [number for number, one in enumerate(who) if one.id in out]
        assert report.floor_missed == 0
    # (.05 - .025) x (1 + .05 x value) covers a cost of 1 from a value of 780 on.
    assert told == {"free": [0, 1, 2], "cut": [0, 1], "floor": [0, 1, 2, 4, 5]}


def test_a_value_in_another_currency_is_refused():
    ana = customer("Ana")
    with pytest.raises(CurrencyMismatchError):
        decided(ana, permission(ana), valued(ana, 9, "USD"), offer("card"), under=policy(lasting={"card": 0.1}))


@pytest.mark.parametrize("lasting", [0.1, {"card": -1.5}, {"card": "much"}, {"card": float("nan")}, {"card": True}])
def test_what_lasts_is_a_share(lasting):
    with pytest.raises(InvalidValueError):
        policy(lasting=lasting)


def test_an_offer_whose_margin_is_below_zero_is_never_given():
    store, report = decided(*people(2), offer("loss", -5), NEWS)
    assert report.offers == {"news": 2}
    assert report.told == {}
    assert {one.channel for one in everything(store, OfferDecision)} == {None}


def test_an_offer_that_costs_more_than_it_brings_waits_for_the_visit():
    _, report = decided(*people(2), offer("pot", 1, cost=3), NEWS)
    assert (report.told, report.fallback) == ({}, 2)


def test_an_offer_without_margin_comes_after_those_that_pay():
    _, report = decided(*people(2), offer("plain", None, priority=9), offer("pot"), NEWS)
    assert report.offers == {"pot": 2}
    _, alone = decided(*people(2), offer("plain", None), NEWS)
    assert alone.offers == {"plain": 2}


def test_stock_and_budget_are_kept():
    _, report = decided(
        *people(10), offer("pot", 30, stock=3), offer("mug", 20, cost=0.5), NEWS, under=policy(budget=euros("1.5"))
    )
    assert report.offers["pot"] + report.offers["mug"] <= 10
    assert report.offers["pot"] <= 3
    assert report.spent <= 1.5
    assert 0 <= report.gap <= 1


def test_a_budget_of_zero_tells_nobody_anything_that_costs():
    _, report = decided(*people(4), offer("pot"), NEWS, under=policy(budget=euros(0)))
    assert report.told == {}
    assert report.spent == 0


def test_contacts_are_kept_to_their_number():
    _, report = decided(*people(9), offer("pot"), NEWS, under=policy(contacts=4))
    assert report.told == {"email": 4}


def test_no_offers_and_no_customers_decide_nothing():
    store, report = decided(*people(2))
    assert (report.nothing, report.offers) == (2, {})
    assert {one.reasons[0].code for one in everything(store, OfferDecision)} == {"no_offer"}
    _, empty = decided(offer("pot"))
    assert (empty.customers, empty.told) == (0, {})


def test_nobody_eligible_leaves_the_fallback_and_counts_why():
    _, report = decided(*people(3), offer("pot", eligible=where("country") == "ES"), NEWS)
    assert (report.fallback, report.refused["not_concerned"]) == (3, 3)


def test_a_first_order_offer_is_for_those_who_never_bought():
    ana, bob = customer("Ana"), customer("Bob")
    _, report = decided(
        ana, bob, permission(ana), permission(bob), order(ana, 1, 9, 10), offer("first", never_bought=True), NEWS
    )
    assert (report.offers, report.refused["bought_before"]) == ({"first": 1, "news": 1}, 1)


def test_cross_and_up_sales_go_to_those_who_own_what_they_go_with():
    ana, bob = customer("Ana"), customer("Bob")
    asks = [permission(ana), permission(bob), order(ana, 1, 9, 10, sku="tea")]
    _, report = decided(ana, bob, *asks, offer("strainer", requires=("tea",)), offer("pot", 5, upgrades=("tea",)), NEWS)
    assert report.offers == {"strainer": 1, "news": 1}
    assert report.refused["goes_with_nothing"] == report.refused["improves_nothing"] == 1


def test_nobody_is_told_anything_without_permission():
    ana, bob = customer("Ana"), customer("Bob")
    store, report = decided(ana, bob, permission(ana), permission(bob, status=ConsentStatus.DENIED), offer("pot"), NEWS)
    told = {one.customer_id: one.channel for one in everything(store, OfferDecision)}
    assert told == {ana.id: "email", bob.id: None}
    assert report.told == {"email": 1}
    assert report.offers == {"pot": 2}


def test_a_customer_on_a_list_or_past_a_cap_is_not_told():
    ana, bob = customer("Ana"), customer("Bob")
    listed = Suppression(customer_id=ana.id, reason="complaint", since=NOW - WEEK)
    cap = ContactPolicy(customer_id=bob.id, caps=(FrequencyCap(0, CapPeriod.WEEK),))
    _, report = decided(ana, bob, permission(ana), permission(bob), listed, cap, offer("pot"), NEWS)
    assert report.told == {}
    assert (report.refused["suppressed"], report.refused["frequency_cap"]) == (1, 1)


def test_a_cap_counts_what_was_planned_and_not_what_was_cancelled():
    ana, bob = customer("Ana"), customer("Bob")
    cap = ContactPolicy(caps=(FrequencyCap(1, CapPeriod.WEEK),))
    asked = [
        ContactIntent(
            customer_id=who.id,
            run="r",
            as_of=TODAY,
            created_at=NOW - timedelta(hours=1),
            send_at=NOW - timedelta(hours=1),
            kind=IntentKind.QUESTION,
            topic="interests",
            text="What do you like?",
            channel="email",
            purpose="marketing",
            permission=Permission(True, (Reason("granted", "he said so"),)),
            plan="p/1",
            reasons=(Reason("gain", "it teaches"),),
            cancelled=cancelled,
        )
        for who, cancelled in ((ana, None), (bob, Reason("withdrawn", "no longer permitted")))
    ]
    store, report = decided(ana, bob, permission(ana), permission(bob), cap, *asked, offer("pot"), NEWS)
    assert (report.told, report.refused["frequency_cap"]) == ({"email": 1}, 1)
    assert [one.customer_id for one in everything(store, OfferDecision) if one.channel] == [bob.id]


def test_who_was_told_lately_is_left_in_peace():
    store, _ = decided(*people(3), offer("pot"), NEWS, under=policy(min_gap=timedelta(days=10)))
    again = personalise.decide(
        store, as_of=TODAY + WEEK, at=NOW + WEEK, run="next", policy=policy(min_gap=timedelta(days=10))
    )
    assert (again.told, again.refused["told_lately"]) == ({}, 3)
    later = personalise.decide(
        store, as_of=TODAY + 2 * WEEK, at=NOW + 2 * WEEK, run="later", policy=policy(min_gap=timedelta(days=10))
    )
    assert later.told == {"email": 3}


def test_an_offer_is_given_as_often_as_may_be_and_not_again_too_soon():
    rules = {"max_per_customer": 2, "again_after": timedelta(days=10)}
    store, first = decided(*people(2), offer("pot", **rules), NEWS)
    runs = [
        personalise.decide(store, as_of=TODAY + days * WEEK, at=NOW + days * WEEK, run=f"r{days}", policy=policy())
        for days in (1, 2, 4)
    ]
    assert [one.offers.get("pot", 0) for one in (first, *runs)] == [2, 0, 2, 0]
    assert runs[0].refused["given_lately"] == 2
    assert runs[2].refused["given_often"] == 2


def test_an_offer_that_stands_alone_or_is_excluded_waits_until_the_other_is_over():
    def two(**rules):
        store, _ = decided(*people(1), offer("mug"), offer("pot", 10, **rules), NEWS)
        day = timedelta(days=1)
        return personalise.decide(store, as_of=TODAY + day, at=NOW + day, run="b", policy=policy())

    assert two(stackable=False).refused["not_alone"] == 1
    assert two(excludes=("mug",)).refused["excluded"] == 1


def test_the_holdout_hears_nothing_and_is_the_same_every_time():
    under = policy(holdout=0.3)
    store, report = decided(*people(200), offer("pot"), NEWS, under=under)
    held = {one.customer_id for one in everything(store, OfferDecision) if one.arm == "holdout"}
    assert 35 < len(held) < 85
    assert report.holdout == len(held)
    assert all(
        one.channel is None and one.offer_id is None for one in everything(store, OfferDecision) if one.arm == "holdout"
    )
    again = personalise.decide(store, as_of=TODAY + WEEK, at=NOW + WEEK, run="next", policy=under)
    assert again.holdout == len(held)
    ids = sorted({one.customer_id for one in everything(store, OfferDecision)})
    assert {id for id, out in zip(ids, personalise.held_out(under, ids), strict=True) if out} == held


def test_budget_and_stock_are_shared_per_arm():
    under = policy(holdout=0.5, budget=euros(10))
    _, report = decided(*people(400), offer("pot", cost="0.10"), NEWS, under=under)
    inside = 400 - report.holdout
    assert report.told["email"] == int(10 * inside / 400 / 0.10 + 1e-6)


def test_some_are_left_alone_this_once_to_learn_from():
    store, report = decided(*people(300), offer("pot"), NEWS, under=policy(silence=0.2))
    silent = [one for one in everything(store, OfferDecision) if one.context == "silent"]
    assert 30 < len(silent) == report.silent < 90
    assert all(one.channel is None and one.arm == "loop" for one in silent)


def test_the_floor_gives_every_group_its_share():
    rich = [customer(f"r{number}", tags=frozenset({"rich"})) for number in range(10)]
    poor = [customer(f"p{number}", tags=frozenset({"poor"})) for number in range(10)]
    asks = [permission(who) for who in (*rich, *poor)]
    good = offer("gold", 90, eligible=where("tags").contains("rich"))
    poorer = offer("tin", 4, eligible=where("tags").contains("poor"))
    entities = [*rich, *poor, *asks, good, poorer, NEWS]
    _, without = decided(*entities, under=policy(budget=euros("1.0")))
    _, floored = decided(*entities, under=policy(budget=euros("1.0"), floor=0.5, floor_by="tags"))
    assert (without.offers.get("tin", 0), without.offers["gold"]) == (0, 10)
    assert (floored.offers["tin"], floored.offers["gold"]) == (5, 5)
    assert floored.floor_missed == 0


def fact(who, value, *, days=1, kind=FactKind.NEED):
    return CustomerFact(
        customer_id=who.id,
        topic=Topic(kind, "main"),
        value=value,
        origin=FactOrigin.STATED,
        recorded_at=NOW - timedelta(days=days),
    )


def test_the_newest_word_on_a_need_counts():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve")
    facts = [fact(ana, "tea", days=9), fact(ana, "rest", days=2), fact(bob, "tea")]
    asks = [permission(who) for who in (ana, bob, eve)]
    store, _ = decided(ana, bob, eve, *facts, *asks, offer("pot", needs=("tea",)), NEWS)
    contexts = {one.customer_id: one.context for one in everything(store, OfferDecision)}
    assert contexts == {ana.id: "m0s0p0", bob.id: "m1s0p0", eve.id: "m0s0p0"}


def test_what_is_answered_more_is_believed_more_and_given_more():
    crowd = people(300)
    store, _ = decided(*crowd, offer("pot", 20), offer("mug", 19), NEWS)
    sent = {one.customer_id: one for one in everything(store, OfferDecision)}
    ids = sorted(sent)
    personalise.record(
        store,
        [OfferOutcome(decision_id=sent[id].id, answer=OfferAnswer.IGNORED, at=NOW + timedelta(days=1)) for id in ids],
    )
    # Nobody wanted the pot: what was never tried is believed more now.
    again = personalise.decide(store, as_of=TODAY + 8 * WEEK, at=NOW + 8 * WEEK, run="next", policy=policy())
    assert again.answers == 300
    assert again.offers.get("pot", 0) < 300


def test_the_same_run_decides_the_same_and_keeps_what_it_decided():
    entities = [*people(50), offer("pot"), offer("mug"), NEWS]
    exploring = policy(explore=True, silence=0.1)
    one, _ = decided(*entities, under=exploring)
    other, _ = decided(*entities, under=exploring)
    first, second = (
        {each.customer_id: each.offer_id for each in everything(store, OfferDecision)} for store in (one, other)
    )
    assert first == second
    assert personalise.decide(one, as_of=TODAY, at=NOW, policy=exploring).customers == 0


def test_a_clock_before_the_last_decision_is_refused():
    store, _ = decided(*people(1), offer("pot"), NEWS)
    with pytest.raises(InvalidValueError, match="the newest decision was made at"):
        personalise.decide(store, as_of=TODAY, at=NOW - timedelta(seconds=1), run="late", policy=policy())


def test_offers_and_budget_are_of_one_currency():
    with pytest.raises(CurrencyMismatchError):
        decided(*people(1), offer("pot"), under=policy(budget=Money("5", "USD")))


def outcome_of(store, answer=OfferAnswer.DECLINED, **more):
    decision = everything(store, OfferDecision)[0]
    return OfferOutcome(**{"decision_id": decision.id, "answer": answer, "at": NOW + timedelta(hours=1), **more})


def test_the_same_outcome_twice_changes_nothing_and_another_is_refused():
    store, _ = decided(*people(1), offer("pot"), NEWS)
    outcome = outcome_of(store)
    first = personalise.record(store, [outcome])
    again = personalise.record(store, [outcome, outcome])
    assert (first.kept, again.kept, again.repeated) == ({"declined": 1}, {}, 2)
    with pytest.raises(InvalidDataError, match="declined is kept of this decision"):
        personalise.record(store, [outcome_of(store, OfferAnswer.IGNORED)])
    assert len(everything(store, OfferOutcome)) == 1


def test_an_outcome_of_an_unknown_decision_or_before_it_is_refused_and_nothing_is_kept():
    store, _ = decided(*people(1), offer("pot"), NEWS)
    good = outcome_of(store)
    stray = OfferOutcome(decision_id=UUID(int=7), answer=OfferAnswer.IGNORED, at=NOW)
    for wrong, message in (
        (stray, "there is no such decision"),
        (outcome_of(store, at=NOW - WEEK), "after its decision"),
    ):
        with pytest.raises(InvalidDataError, match=message) as refused:
            personalise.record(store, [good, wrong])
        assert refused.value.row == 1
    assert not everything(store, OfferOutcome)


def test_orders_settle_what_was_told():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve")
    store, _ = decided(ana, bob, eve, permission(ana), permission(bob), offer("pot"), NEWS)
    with store.begin() as unit:
        taken = unit.of(Order).add(order(ana, 1, -2, 95, sku="pot"))
        unit.of(Order).add(order(bob, 2, -8, 95, sku="pot"))
        unit.of(Order).add(order(eve, 3, -2, 95, sku="pot"))
        unit.commit()
    early = personalise.settle(store, at=NOW + timedelta(days=3))
    assert (early.kept, early.open) == ({"accepted": 1}, 1)
    late = personalise.settle(store, at=NOW + timedelta(days=9))
    assert (late.kept, late.open) == ({"ignored": 1}, 0)
    by = {one.customer_id: one.id for one in everything(store, OfferDecision)}
    outcomes = {one.decision_id: one for one in everything(store, OfferOutcome)}
    assert outcomes[by[ana.id]].order_id == taken.id
    assert outcomes[by[ana.id]].value == euros(95)
    assert outcomes[by[bob.id]].at == NOW + WEEK
    assert by[eve.id] not in outcomes  # never told


def test_recommendation_decision_and_outcome_join():
    store, _ = decided(*people(3), offer("pot"), NEWS)
    personalise.record(store, [outcome_of(store)])
    decisions = {one.id: one for one in everything(store, OfferDecision)}
    offers = {one.id: one for one in everything(store, Offer)}
    [outcome] = everything(store, OfferOutcome)
    assert offers[decisions[outcome.decision_id].offer_id].code == "pot"


def test_a_person_overrules_and_the_log_counts_what_he_said():
    store, _ = decided(*people(1), offer("pot", max_per_customer=1), offer("mug", 5, max_per_customer=1), NEWS)
    [decision] = everything(store, OfferDecision)
    word = personalise.override(
        store, decision.id, offer="mug", by=ANA_SELLS, note="he asked for a mug", at=NOW + timedelta(hours=1)
    )
    assert everything(store, OfferOverride) == [word]
    again = personalise.decide(store, as_of=TODAY + WEEK, at=NOW + 2 * WEEK, run="next", policy=policy())
    assert (again.offers, again.refused["given_often"]) == ({"pot": 1}, 1)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"decision": UUID(int=5)}, "there is no such decision"),
        ({"offer": "jar"}, "there is no offer of that code"),
        ({"at": NOW - WEEK}, "the decision was made at"),
    ],
)
def test_an_override_of_nothing_is_refused(wrong, message):
    store, _ = decided(*people(1), offer("pot"), NEWS)
    [decision] = everything(store, OfferDecision)
    asked = {"decision": decision.id, "offer": "pot", "at": NOW + WEEK, **wrong}
    with pytest.raises(InvalidDataError, match=message):
        personalise.override(store, asked.pop("decision"), by=ANA_SELLS, note="why", **asked)


def test_what_was_answered_is_not_overruled():
    store, _ = decided(*people(1), offer("pot"), NEWS)
    personalise.record(store, [outcome_of(store)])
    with pytest.raises(InvalidDataError, match="there is an outcome already"):
        personalise.override(
            store, everything(store, OfferDecision)[0].id, offer=None, by=ANA_SELLS, note="x", at=NOW + WEEK
        )


def test_the_effect_of_the_loop_is_that_of_the_means_less_what_it_cost():
    store, _ = decided(*people(40), offer("pot", 200, cost=2), NEWS, under=policy(holdout=0.5))
    arms = {one.customer_id: one.arm for one in everything(store, OfferDecision)}
    paid = {id: 20 + number % 7 + 10 * (arm == "loop") for number, (id, arm) in enumerate(sorted(arms.items()))}
    who = {one.id: one for one in everything(store, Customer)}
    with store.begin() as unit:
        for number, (id, amount) in enumerate(paid.items()):
            unit.of(Order).add(order(who[id], number, -1, amount))
        unit.commit()
    found = personalise.evaluate(store, "weekly", as_of=TODAY + WEEK, at=NOW + WEEK)
    means = {arm: np.mean([paid[id] for id, his in arms.items() if his == arm]) for arm in ("loop", "holdout")}
    assert found.estimate == pytest.approx(means["loop"] - 2 - means["holdout"])
    told = Counter(arms.values())["loop"]
    assert (found.cost, found.treated, found.contacts) == (euros(2 * told), told, told)
    assert found.value.amount == pytest.approx(Decimal(str(found.estimate * told)) + 2 * told, abs=Decimal("0.01"))
    assert [one.id for one in everything(store, Finding)] == [found.id]


def test_without_decisions_or_without_a_holdout_nothing_is_claimed():
    store, _ = decided(*people(4), offer("pot"), NEWS)
    for code, message in (("weekly", "nobody was held out"), ("other", "nobody was decided on")):
        with pytest.raises(NotEstimableError, match=message):
            personalise.evaluate(store, code, as_of=TODAY + WEEK, at=NOW + WEEK)
    with pytest.raises(NotEstimableError):
        personalise.evaluate(MemoryStore(), "weekly", as_of=TODAY, at=NOW)
    with pytest.raises(InvalidValueError):
        personalise.evaluate(store, "weekly", as_of=TODAY + 9 * WEEK, at=NOW)


def test_an_offer_of_an_article_never_sold_is_given_and_settles_as_ignored():
    store, report = decided(*people(2), offer("never-sold"))
    assert report.offers == {"never-sold": 2}
    assert personalise.settle(store, at=NOW + WEEK).kept == {"ignored": 2}


def test_a_customer_without_history_is_decided_for_as_any_other():
    store, _ = decided(*people(1), offer("pot"), NEWS)
    [decision] = everything(store, OfferDecision)
    assert decision.sku == "pot"
    assert decision.since is not None


def test_a_split_that_cannot_be_chance_is_refused_and_a_planned_one_is_not():
    store, _ = decided(*people(300), offer("pot", 200, cost=2), NEWS, under=policy(holdout=0.5))
    who = everything(store, Customer)
    with store.begin() as unit:
        for number, one in enumerate(who):
            unit.of(Order).add(order(one, number, -1, 20 + number % 5))
        unit.commit()
    planned = personalise.evaluate(store, "weekly", as_of=TODAY + WEEK, at=NOW + WEEK, holdout=0.5)
    assert planned.treated + planned.controls == 300
    with pytest.raises(InvalidDataError):
        personalise.evaluate(store, "weekly", as_of=TODAY + WEEK, at=NOW + WEEK, holdout=0.1)


def test_what_a_person_gave_instead_teaches_nothing_of_the_context():
    store, _ = decided(*people(1), offer("pot"), offer("mug", 5), NEWS)
    [decision] = everything(store, OfferDecision)
    personalise.override(store, decision.id, offer="mug", by=ANA_SELLS, note="asked", at=NOW + timedelta(hours=1))
    later = personalise.decide(store, as_of=TODAY + 2 * WEEK, at=NOW + 2 * WEEK, run="next", policy=policy())
    assert later.answers == 0


def test_of_offers_believed_alike_the_one_that_meets_his_need_is_given():
    ana = customer("Ana")
    store, report = decided(
        ana, permission(ana), fact(ana, "tea"), offer("mug", needs=("rest",)), offer("pot", needs=("tea",))
    )
    assert report.offers == {"pot": 1}
    assert everything(store, OfferDecision)[0].context == "m1s0p0"
