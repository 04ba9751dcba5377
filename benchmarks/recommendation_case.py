"""One measured case of recommendation: `recommendation_case.py pycrm|implicit|mlxtend CASE DATA`; prints one JSON object."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")  # of the peers, in a process of its own whose last line is the answer
who, case = sys.argv[1:3]
CUT = "2011-09-09"
K = 10


def lines(path):
    frame = pd.read_csv(path, dtype={"InvoiceNo": str, "StockCode": str})
    frame["InvoiceDate"] = pd.to_datetime(frame["InvoiceDate"])
    return frame[
        frame["StockCode"].str.match(r"^\d{5}") & (frame["Quantity"] > 0) & ~frame["InvoiceNo"].str.startswith("C")
    ]


def split(path):
    """The split of the published table: learn before the cut, judge by what is new after it."""
    rows = lines(path).dropna(subset=["CustomerID"])
    rows = rows.assign(StockCode=rows["StockCode"].str[:5], CustomerID=rows["CustomerID"].astype(int))
    pairs = rows[["CustomerID", "StockCode", "InvoiceDate"]]
    before = pairs[pairs["InvoiceDate"] < CUT][["CustomerID", "StockCode"]].drop_duplicates()
    after = pairs[pairs["InvoiceDate"] >= CUT][["CustomerID", "StockCode"]].drop_duplicates()
    known = after["CustomerID"].isin(before["CustomerID"]) & after["StockCode"].isin(before["StockCode"])
    new = after[known].merge(before, how="left", indicator=True)
    return before, new[new["_merge"] == "left_only"][["CustomerID", "StockCode"]]


def baskets_of(path):
    """The baskets of the published table: orders of known customers."""
    return lines(path).dropna(subset=["CustomerID"])[["InvoiceNo", "StockCode"]].drop_duplicates()


def judged(ranked, truth):
    """Recall and NDCG at K, user by user, from two dicts of user -> items; written apart from the library's own."""
    recalls, gains = [], []
    discount = 1.0 / np.log2(np.arange(2, K + 2))
    for user, wanted in truth.items():
        hits = np.array([item in wanted for item in ranked.get(user, [])[:K]] + [False] * K)[:K]
        recalls.append(hits.sum() / len(wanted))
        gains.append((hits * discount).sum() / discount[: min(len(wanted), K)].sum())
    return float(np.mean(recalls)), float(np.mean(gains))


def wanted(new):
    return {user: set(items) for user, items in new.groupby("CustomerID")["StockCode"]}


def ours(case, path):
    from pycrm.recommendation import EASE, ItemNeighbours, Popularity, pair_lift

    if case == "pairs":
        rows = baskets_of(path)
        started = time.perf_counter()
        found = pair_lift(rows, basket="InvoiceNo", item="StockCode", min_support=0.01)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "pairs": supports(found["left"], found["right"], found["support"])}
    before, new = split(path)
    names = {"user": "CustomerID", "item": "StockCode"}
    makers = {
        "ease": lambda: EASE.fit(before, **names),
        "popularity": lambda: Popularity.fit(before, **names),
        "cosine": lambda: ItemNeighbours.fit(before, **names),
        "bm25": lambda: ItemNeighbours.fit(before, weighting="bm25", **names),
    }
    started = time.perf_counter()
    model = makers[case]().model
    fit = time.perf_counter() - started
    history = before[before["CustomerID"].isin(new["CustomerID"])]
    started = time.perf_counter()
    found = model.recommend(history, k=K)
    seconds = time.perf_counter() - started
    ranked = {user: items.tolist() for user, items in found.groupby("CustomerID", sort=False)["StockCode"]}
    recall, ndcg = judged(ranked, wanted(new))
    users = history["CustomerID"].nunique()
    return {"seconds": seconds, "fit": fit, "recall": recall, "ndcg": ndcg, "users_per_second": users / seconds}


def implicit(case, path):
    import scipy.sparse as sp
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    before, new = split(path)
    users, items = (before[name].astype("category") for name in ("CustomerID", "StockCode"))
    matrix = sp.csr_matrix((np.ones(len(before), np.float32), (users.cat.codes, items.cat.codes)))
    makers = {
        "cosine": lambda: CosineRecommender(K=100),
        "tfidf": lambda: TFIDFRecommender(K=100),
        "bm25": lambda: BM25Recommender(K=100),
        "als": lambda: AlternatingLeastSquares(factors=64, iterations=15, alpha=10, random_state=0),
    }
    model = makers[case]()
    started = time.perf_counter()
    model.fit(matrix, show_progress=False)
    fit = time.perf_counter() - started
    truth = wanted(new)
    place = {user: number for number, user in enumerate(users.cat.categories)}
    rows = np.array([place[user] for user in truth])
    started = time.perf_counter()
    found, _ = model.recommend(rows, matrix[rows], N=K, filter_already_liked_items=True)
    seconds = time.perf_counter() - started
    names = items.cat.categories
    ranked = {user: [names[one] for one in best] for user, best in zip(truth, found, strict=True)}
    recall, ndcg = judged(ranked, truth)
    return {"seconds": seconds, "fit": fit, "recall": recall, "ndcg": ndcg, "users_per_second": len(rows) / seconds}


def mlxtend(_, path):
    from mlxtend.frequent_patterns import fpgrowth

    rows = baskets_of(path)
    baskets = pd.crosstab(rows["InvoiceNo"], rows["StockCode"]).astype(bool)
    started = time.perf_counter()
    found = fpgrowth(baskets, min_support=0.01, use_colnames=True, max_len=2)
    seconds = time.perf_counter() - started
    two = found[found["itemsets"].map(len) == 2]
    ends = [sorted(pair) for pair in two["itemsets"]]
    return {"seconds": seconds, "pairs": supports([a for a, _ in ends], [b for _, b in ends], two["support"])}


def supports(left, right, support):
    """The pairs and their supports as one text, so that two libraries can be held against each other to the last pair."""
    return sorted(f"{a} {b} {s:.9f}" for a, b, s in zip(left, right, support, strict=True))


def versions():
    from importlib.metadata import version

    return {name: version(name) for name in ("implicit", "mlxtend")}


if case == "versions":
    print(json.dumps(versions()))
else:
    print(json.dumps({"pycrm": ours, "implicit": implicit, "mlxtend": mlxtend}[who](case, sys.argv[3])))
