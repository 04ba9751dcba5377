"""What each is recommended: never what he owns, by what people of one taste buy, by the segment where nothing is known."""

from datetime import timedelta

import pytest
from worlds import NOW, TODAY, customer, everything, order, permission, shop, store_of

from pycrm.errors import DataWarning, InvalidValueError
from pycrm.model.assessment import Assessment
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.order import Order
from pycrm.storage import MemoryStore
from pycrm.workflows import differentiate, personalise


def tastes():
    """Two tastes: who buys tea buys pots, who buys paper buys ink."""
    made, number = [], 0
    for index in range(24):
        who = customer(f"c{index}")
        made.append(who)
        pair = ("tea", "pot") if index % 2 else ("ink", "paper")
        for sku in pair if index > 3 else pair[:1]:
            number += 1
            made.append(order(who, number, 5, 10, sku=sku))
    return made


def test_people_of_one_taste_are_recommended_things_of_that_taste():
    people = tastes()
    store = store_of(*people)
    found = personalise.recommend(store, at=NOW, k=1, penalty=1.0)
    firsts = [found[one.id][0].sku for one in people if hasattr(one, "contact_points")][:4]
    assert firsts == ["paper", "pot", "paper", "pot"]
    owned = {}
    for one in everything(store, Order):
        owned.setdefault(one.customer_id, set()).update(line.sku for line in one.lines)
    assert not any({one.sku for one in found[id]} & his for id, his in owned.items())


def test_who_never_bought_is_recommended_what_his_segment_buys():
    stranger = customer("Stranger")
    found = personalise.recommend(store_of(*tastes(), stranger), at=NOW, k=2)
    assert [(one.sku, one.popular) for one in found[stranger.id]] == [("ink", True), ("tea", True)]
    assert found[stranger.id][0].score == pytest.approx(0.5)


def test_the_segment_of_the_last_assessment_counts():
    people = shop(60)
    store = store_of(*people)
    differentiate.assess(store, as_of=TODAY)
    assert everything(store, Assessment)
    assert len(personalise.recommend(store, at=NOW)) == sum(hasattr(one, "contact_points") for one in people)


def test_a_recommendation_says_how_likely_it_is_from_what_came_of_earlier_ones():
    # Two of three who had tea 200 days ago had the pot too, one of six with ink the paper; of the others one of two bought
    # the pot in the last 90 days, one of ten the paper. New customers keep the shares of owners, so scores mean what they meant.
    made, left = [], {}
    for first, then, owners, others, later, new in (("tea", "pot", 40, 20, 10, 15), ("ink", "paper", 10, 50, 5, 30)):
        fresh = [customer(f"new {first}{number}") for number in range(new)]
        made += [*fresh, *(order(who, f"new {first}{place}", 30, 10, sku=first) for place, who in enumerate(fresh))]
        left[then] = [who.id for who in fresh]
        for number in range(owners + others):
            who = customer(f"{first}{number}")
            made += [who, order(who, f"{first}{number}", 200, 10, sku=first)]
            if number < owners:
                made.append(order(who, f"{then}{number}", 200, 10, sku=then))
            elif number < owners + later:
                made.append(order(who, f"{then}{number}", 30, 10, sku=then))
            else:
                left[then].append(who.id)
    store = store_of(*made)
    span = timedelta(days=90)
    found = personalise.recommend(store, at=NOW, k=1, penalty=1.0, within=span)
    for then, chance in (("pot", 0.5), ("paper", 0.1)):
        for id in left[then]:
            [one] = found[id]
            assert (one.sku, one.probability) == (then, pytest.approx(chance, abs=0.02))
    plain = personalise.recommend(store, at=NOW, k=1, penalty=1.0)
    assert {one.probability for some in plain.values() for one in some} == {None}
    before_all = personalise.recommend(store, at=NOW, k=1, penalty=1.0, within=timedelta(days=900))
    assert {one.probability for some in before_all.values() for one in some} == {None}
    with pytest.raises(InvalidValueError):
        personalise.recommend(store, at=NOW, within=timedelta(0))


def test_nothing_sold_recommends_nothing_and_a_big_catalogue_is_cut_with_a_reason():
    ana = customer("Ana")
    assert personalise.recommend(store_of(ana), at=NOW) == {ana.id: ()}
    assert personalise.recommend(MemoryStore(), at=NOW) == {}
    with pytest.warns(DataWarning, match="only the 3 most bought of 4 items"):
        personalise.recommend(store_of(*tastes()), at=NOW, max_items=3)


def test_what_is_recommended_is_what_the_decision_names():
    people = tastes()
    reader = next(one for one in people if hasattr(one, "contact_points"))
    anything = Offer(code="any", name="Ten percent on anything", kind=OfferKind.SERVICE)
    store = store_of(*people, permission(reader), anything)
    articles = {id: [one.sku for one in some] for id, some in personalise.recommend(store, at=NOW, penalty=1.0).items()}
    personalise.decide(store, as_of=TODAY, at=NOW, articles=articles)
    made = {one.customer_id: one for one in everything(store, OfferDecision)}
    assert made[reader.id].sku == "paper"
    assert "recommended" in {reason.code for reason in made[reader.id].reasons}
