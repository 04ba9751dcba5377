"""Recommenders: never what is owned, users they never saw, ties by item, the same answer for any order of rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import DataWarning, InvalidDataError, InvalidValueError, MissingColumnError, NotEstimableError
from pycrm.recommendation import EASE, ItemNeighbours, Popularity, pair_lift, ranking_quality

RECOMMENDERS = {
    "ease": lambda bought: EASE.fit(bought, penalty=2.0).model,
    "cosine": lambda bought: ItemNeighbours.fit(bought).model,
    "bm25": lambda bought: ItemNeighbours.fit(bought, weighting="bm25").model,
    "popularity": lambda bought: Popularity.fit(bought).model,
}
every = pytest.mark.parametrize("make", RECOMMENDERS.values(), ids=list(RECOMMENDERS))


def market(users=60, items=14, seed=5):
    random = np.random.default_rng(seed)
    taste = random.integers(0, 2, users)
    rows = [
        (user, f"i{item:02d}")
        for user in range(users)
        for item in range(items)
        if random.random() < (0.55 if item % 2 == taste[user] else 0.08)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "sku"])


BOUGHT = market()


@every
def test_nobody_is_recommended_what_he_owns(make):
    got = make(BOUGHT).recommend(BOUGHT, k=5)
    owned = set(BOUGHT.itertuples(index=False, name=None))
    assert len(got)
    assert not owned & set(got[["customer_id", "sku"]].itertuples(index=False, name=None))


@every
def test_what_may_come_again_may_be_recommended_again(make):
    got = make(BOUGHT).recommend(BOUGHT, k=14, repurchase=True)
    assert got.groupby("customer_id").size().eq(14).all()


@every
def test_ranks_count_from_one_and_scores_fall(make):
    got = make(BOUGHT).recommend(BOUGHT, k=4)
    for _, of in got.groupby("customer_id"):
        assert of["rank"].tolist() == list(range(1, len(of) + 1))
        assert of["score"].is_monotonic_decreasing


@every
def test_a_user_the_model_never_saw_needs_no_new_fit(make):
    model = make(BOUGHT)
    known = BOUGHT[BOUGHT["customer_id"] == 7]
    stranger = known.assign(customer_id=999)
    assert model.recommend(stranger, k=3)["sku"].tolist() == model.recommend(known, k=3)["sku"].tolist()


@every
def test_a_user_with_nothing_the_model_knows_gets_what_most_people_bought(make):
    model = make(BOUGHT)
    got = model.recommend({"customer_id": [1], "sku": ["never sold"]}, k=3)
    assert got["sku"].tolist() == Popularity.fit(BOUGHT).model.top(3)


@every
def test_the_order_of_rows_and_buying_twice_change_nothing(make):
    shuffled = pd.concat([BOUGHT, BOUGHT.iloc[:20]]).sample(frac=1.0, random_state=3)
    first, second = make(BOUGHT).recommend(BOUGHT, k=3), make(shuffled).recommend(BOUGHT, k=3)
    assert first["sku"].tolist() == second["sku"].tolist()
    assert np.allclose(first["score"], second["score"])


@every
def test_an_empty_history_recommends_to_nobody(make):
    assert len(make(BOUGHT).recommend(BOUGHT.iloc[:0], k=3)) == 0


@every
def test_less_than_one_recommendation_is_refused(make):
    with pytest.raises(InvalidValueError, match="at least one"):
        make(BOUGHT).recommend(BOUGHT, k=0)


@every
def test_a_purchase_without_a_customer_is_refused_by_row(make):
    with pytest.raises(InvalidDataError, match=r"'customer_id', row 1"):
        make(pd.DataFrame({"customer_id": ["a", None, "b"], "sku": ["x", "y", "z"]}))


@every
def test_no_purchases_at_all_are_refused(make):
    with pytest.raises(InvalidDataError, match="at least one purchase"):
        make(BOUGHT.iloc[:0])


@every
def test_a_column_that_is_not_there_is_named(make):
    with pytest.raises(MissingColumnError, match="'sku'"):
        make({"customer_id": [1]})


def test_people_of_one_taste_are_recommended_things_of_that_taste():
    history = {"customer_id": [1, 1], "sku": ["i00", "i02"]}
    for name in ("ease", "cosine", "bm25"):
        got = RECOMMENDERS[name](BOUGHT).recommend(history, k=3)["sku"]
        assert all(int(sku[1:]) % 2 == 0 for sku in got), name


def test_ease_is_the_minimum_of_its_loss():
    model = EASE.fit(BOUGHT, penalty=3.0).model
    ones = pd.crosstab(BOUGHT["customer_id"], BOUGHT["sku"]).clip(upper=1).to_numpy(float)

    def loss(weights):
        return ((ones - ones @ weights) ** 2).sum() + 3.0 * (weights**2).sum()

    best = loss(model.weights)
    random = np.random.default_rng(0)
    assert np.diag(model.weights).tolist() == [0.0] * len(model.items)
    for _ in range(20):
        step = 1e-3 * random.normal(size=model.weights.shape)
        np.fill_diagonal(step, 0.0)
        assert loss(model.weights + step) > best


def test_a_catalogue_too_big_is_cut_to_the_most_bought_and_says_so():
    with pytest.warns(DataWarning, match="only the 5 most bought of 14"):
        learned = EASE.fit(BOUGHT, max_items=5)
    assert learned.model.items.tolist() == sorted(Popularity.fit(BOUGHT).model.top(5))
    assert learned.notes


def test_one_article_goes_with_nothing():
    with pytest.raises(NotEstimableError, match="only one article"):
        EASE.fit({"customer_id": [1, 2], "sku": ["a", "a"]})


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.nan, np.inf])
def test_a_penalty_that_is_none_is_refused(penalty):
    with pytest.raises(InvalidValueError, match="above 0"):
        EASE.fit(BOUGHT, penalty=penalty)


def test_neighbours_refuse_a_weighting_and_a_number_that_are_none():
    with pytest.raises(InvalidValueError, match="'cosine' or 'bm25'"):
        ItemNeighbours.fit(BOUGHT, weighting="jaccard")
    with pytest.raises(InvalidValueError, match="at least one"):
        ItemNeighbours.fit(BOUGHT, neighbours=0)


def test_an_article_keeps_its_nearest_neighbours_only():
    model = ItemNeighbours.fit(BOUGHT, neighbours=2).model
    assert np.diff(model.likeness.indptr).max() == 2
    assert model.likeness.diagonal().sum() == 0.0


def test_cosine_of_two_articles_is_shared_buyers_over_the_root_of_both():
    bought = {"customer_id": [1, 1, 2, 2, 3, 4], "sku": ["a", "b", "a", "b", "a", "b"]}
    model = ItemNeighbours.fit(bought).model
    assert model.likeness.toarray()[0, 1] == pytest.approx(2 / 3)


def test_the_most_bought_of_a_segment_or_of_all_where_it_is_unknown():
    bought = {"customer_id": [1, 2, 3, 3], "sku": ["a", "a", "b", "c"], "segment": ["old", "old", "new", "new"]}
    model = Popularity.fit(bought, segment="segment").model
    assert model.top(2, segment="new") == ["b", "c"]
    assert model.top(1, segment="unheard of") == ["a"]


def test_polars_in_polars_out():
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(BOUGHT)
    got = EASE.fit(frame).model.recommend(frame, k=2)
    assert isinstance(got, polars.DataFrame)
    assert got["sku"].to_list() == EASE.fit(BOUGHT).model.recommend(BOUGHT, k=2)["sku"].tolist()


def test_mixed_types_of_labels_are_refused():
    with pytest.raises(InvalidDataError, match="one type"):
        Popularity.fit({"customer_id": [1, 2], "sku": np.array(["a", 1], dtype=object)})


def test_pairs_are_counted_as_one_would_by_hand():
    rows = {"order": [1, 1, 2, 2, 2, 3, 4, 5], "sku": ["a", "b", "a", "b", "c", "a", "b", "c"]}
    got = pair_lift(rows, min_support=0.4)
    assert got.to_numpy().tolist() == [["a", "b", 2, 0.4, 2 / 3, 2 / 3, 2 * 5 / 9]]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from("abcd")), min_size=1, max_size=30),
    st.sampled_from([0.05, 0.2, 0.5, 1.0]),
)
def test_pairs_agree_with_counting_each_basket(rows, support):
    baskets = {}
    for order, sku in rows:
        baskets.setdefault(order, set()).add(sku)
    got = pair_lift({"order": [o for o, _ in rows], "sku": [s for _, s in rows]}, min_support=support)
    expected = {}
    for left in "abcd":
        for right in "abcd":
            both = sum({left, right} <= basket for basket in baskets.values())
            if left < right and both and both >= support * len(baskets) - 1e-9:
                expected[left, right] = both
    assert dict(zip(zip(got["left"], got["right"], strict=True), got["baskets"], strict=True)) == expected


@pytest.mark.parametrize("support", [0.0, -0.1, 1.5, np.nan])
def test_a_support_that_is_none_is_refused(support):
    with pytest.raises(InvalidValueError, match="above 0 and at most 1"):
        pair_lift({"order": [1], "sku": ["a"]}, min_support=support)


def test_the_quality_of_a_ranking_by_hand():
    said = pd.DataFrame({"customer_id": [1, 1, 1, 2], "sku": ["a", "b", "c", "a"], "rank": [1, 2, 3, 1]})
    bought = pd.DataFrame({"customer_id": [1, 1, 2, 3], "sku": ["b", "z", "y", "a"]})
    got = ranking_quality(said, bought, k=3)
    ideal = 1.0 + 1.0 / np.log2(3)
    assert got.recall == pytest.approx((0.5 + 0 + 0) / 3)
    assert got.ndcg == pytest.approx((1 / np.log2(3) / ideal) / 3)
    assert got.average_precision == pytest.approx((0.5 / 2) / 3)
    assert (got.users, got.items_shown) == (3, 3)


def test_a_ranking_of_other_people_cannot_be_judged():
    with pytest.raises(NotEstimableError, match="no user is in both"):
        ranking_quality({"customer_id": [9], "sku": ["a"], "rank": [1]}, {"customer_id": [1], "sku": ["a"]})


@pytest.mark.data
def test_online_retail_is_recommended_as_well_as_the_published_bound(data_dir):
    lines = pd.read_csv(data_dir / "online_retail.csv.gz", dtype={"InvoiceNo": str, "StockCode": str})
    used = lines["CustomerID"].notna() & (lines["Quantity"] > 0) & ~lines["InvoiceNo"].str.startswith("C")
    lines = lines[used & lines["StockCode"].str.match(r"^\d{5}")]
    rows = pd.DataFrame({"customer_id": lines["CustomerID"].astype(int), "sku": lines["StockCode"].str[:5]})
    early = pd.to_datetime(lines["InvoiceDate"]) < "2011-09-09"
    train, later = rows[early].drop_duplicates(), rows[~early].drop_duplicates()
    later = later[later["customer_id"].isin(train["customer_id"]) & later["sku"].isin(train["sku"])]
    later = later.merge(train, how="left", indicator=True).query("_merge == 'left_only'")[["customer_id", "sku"]]
    model = EASE.fit(train).model
    got = ranking_quality(model.recommend(train[train["customer_id"].isin(later["customer_id"])], k=10), later)
    assert got.users == 1852
    assert got.recall >= 0.053
    assert got.ndcg >= 0.117


@every
@pytest.mark.parametrize("k", [None, "ten", 2.5, float("nan"), float("inf"), True])
def test_a_number_of_recommendations_that_is_none_is_refused(make, k):
    with pytest.raises(InvalidValueError, match=r"k: .*whole number"):
        make(BOUGHT).recommend(BOUGHT, k=k)


@every
def test_a_whole_number_may_come_as_a_float(make):
    got = make(BOUGHT)
    pd.testing.assert_frame_equal(got.recommend(BOUGHT, k=2.0), got.recommend(BOUGHT, k=2))


@pytest.mark.parametrize(
    ("option", "value"), [("penalty", None), ("penalty", "much"), ("max_items", -1), ("max_items", 1.5)]
)
def test_an_option_of_ease_that_is_none_is_refused(option, value):
    with pytest.raises(InvalidValueError) as refused:
        EASE.fit(BOUGHT, **{option: value})
    assert refused.value.field == option


@every
def test_a_history_of_numbers_where_the_model_knows_text_is_refused(make):
    # Passed over as unknown, every item would silently give everybody the best-sellers.
    with pytest.raises(InvalidDataError, match="row 0: 7 is refused; the model knows items such as 'i00'"):
        make(BOUGHT).recommend({"customer_id": [1], "sku": [7]})


def test_a_column_the_answer_needs_for_itself_is_refused():
    for item in ("rank", "score"):
        with pytest.raises(InvalidValueError, match=r"item: .*rename"):
            EASE.fit(BOUGHT.rename(columns={"sku": item}), item=item)
    with pytest.raises(InvalidValueError, match="item: 'sku' is refused"):
        EASE.fit(BOUGHT, user="sku", item="sku")


def test_a_list_is_no_item():
    with pytest.raises(InvalidDataError, match=r"column 'sku', row 0: \['tea'\] is refused"):
        EASE.fit({"customer_id": [1, 2], "sku": [["tea"], ["pot"]]})
