"""Who may be given which offer: columns answer as one by one does."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.bulk import Holdings, objection_columns
from pycrm.model.eligibility import Given, Holding, objection
from pycrm.model.offer import Offer, OfferKind
from pycrm.model.predicate import where
from pycrm.model.time import Period

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SKUS = ("cup", "mug", "pot", "tea")
CODES = ("a", "b", "c")
subsets = st.frozensets(st.sampled_from(SKUS), max_size=2)


@st.composite
def offers(draw, code):
    never = draw(st.booleans())
    skus = draw(subsets)
    buyers = draw(st.booleans())
    others = st.just(frozenset()) if never else subsets.map(lambda some: some - skus if buyers else some)
    return Offer(
        code=code,
        name=code,
        kind=OfferKind.SERVICE,
        skus=tuple(sorted(skus)),
        eligible=draw(st.none() | st.just(where("age") >= 30)),
        period=draw(st.sampled_from([Period(), Period(end=NOW), Period(start=NOW)])),
        max_per_customer=draw(st.none() | st.integers(1, 3)),
        again_after=draw(st.none() | st.sampled_from([DAY, 2 * DAY])),
        never_bought=never,
        requires=tuple(sorted(draw(others))),
        upgrades=tuple(sorted(draw(others))),
        suppress_buyers=buyers,
        excludes=tuple(other for other in CODES if other != code and draw(st.booleans())),
        stackable=draw(st.booleans()),
    )


givens = st.builds(Given, st.integers(1, 3), st.integers(0, 3).map(lambda days: NOW - days * DAY), st.booleans())
holdings = st.builds(
    Holding,
    owned=subsets,
    bought=st.booleans(),
    given=st.dictionaries(st.sampled_from(CODES), givens, max_size=2),
)


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(*(offers(code) for code in CODES)),
    st.lists(st.tuples(holdings, st.none() | st.integers(20, 40)), min_size=1, max_size=4),
)
def test_columns_object_as_one_by_one_does(some, customers):
    n, m = len(customers), len(some)
    times = np.zeros((n, m), int)
    last = np.full((n, m), np.datetime64("NaT", "us"))
    is_open = np.zeros((n, m), bool)
    for row, (holding, _) in enumerate(customers):
        for code, his in holding.given.items():
            column = CODES.index(code)
            times[row, column], is_open[row, column] = his.times, his.open
            last[row, column] = np.datetime64(his.last.replace(tzinfo=None), "us")
    columns = Holdings(
        skus=SKUS,
        owned=np.array([[sku in holding.owned for sku in SKUS] for holding, _ in customers]),
        bought=np.array([holding.bought for holding, _ in customers]),
        given=times,
        last_given=last,
        open=is_open,
    )
    answer, codes = objection_columns(some, {"age": [age for _, age in customers]}, columns, NOW)
    for row, (holding, age) in enumerate(customers):
        for column, offer in enumerate(some):
            one = objection(offer, {"age": age}, holding, NOW)
            assert codes[answer[row, column]] == ("" if one is None else one.code)
