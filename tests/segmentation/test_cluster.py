"""Clusters: as tight as scikit-learn's, numbered by what the business cares about, weighted rows like repeated ones, and stable or not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.cluster import KMeans

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.segmentation import adjusted_rand_index, choose_k, fit_clusters, silhouette


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def blobs():
    source = rng(7)
    centres = np.array([[0, 0, 0], [6, 0, 1], [0, 7, 2], [5, 5, 9]])
    label = source.integers(0, 4, 1_500)
    points = centres[label] + source.normal(size=(1_500, 3))
    return pd.DataFrame(points, columns=["spent", "visits", "age"]), label


@pytest.mark.parametrize("k", [2, 4, 6])
def test_the_inertia_is_that_of_scikit_learn_within_a_thousandth(blobs, k):
    rows, _ = blobs
    ours = fit_clusters(rows, k, columns=list(rows), rng=rng())
    scaled = (rows - rows.mean()) / rows.std(ddof=0)
    peer = KMeans(k, n_init=10, random_state=0).fit(scaled)
    assert ours.inertia <= peer.inertia_ * 1.001


def test_the_groups_that_were_planted_are_found(blobs):
    rows, label = blobs
    assert adjusted_rand_index(fit_clusters(rows, 4, columns=list(rows), rng=rng()).predict(rows), label) > 0.98


def test_labels_fall_with_the_business_key_whatever_the_seed(blobs):
    rows, _ = blobs
    for seed in range(3):
        model = fit_clusters(rows, 4, columns=list(rows), key="visits", rng=rng(seed))
        assert (np.diff(model.centres[:, 1]) <= 0).all()
    labels = [fit_clusters(rows, 4, columns=list(rows), key="visits", rng=rng(seed)).predict(rows) for seed in (1, 2)]
    assert (labels[0] == labels[1]).mean() > 0.99


def test_a_new_run_takes_over_the_numbers_of_the_former(blobs):
    rows, _ = blobs
    former = fit_clusters(rows, 4, columns=list(rows), rng=rng())
    later = fit_clusters(rows * 1.1, 4, columns=list(rows), rng=rng(5)).renumbered([2, 0, 3, 1])
    assert (later.matched(former).predict(rows * 1.1) == former.predict(rows)).mean() > 0.98
    fifth = fit_clusters(rows, 5, columns=list(rows), rng=rng()).matched(former)
    assert fifth.k == 5
    with pytest.raises(InvalidValueError, match="same columns"):
        fit_clusters(rows, 2, columns=["spent"], rng=rng()).matched(former)


def test_a_weight_of_three_is_the_row_three_times(blobs):
    rows, _ = blobs
    few = rows.head(60).round(0)
    weights = rng(3).integers(0, 4, len(few))
    weighted = fit_clusters(few, 3, columns=list(few), weights=weights, restarts=30, rng=rng())
    repeated = fit_clusters(few.loc[few.index.repeat(weights)], 3, columns=list(few), restarts=30, rng=rng())
    assert weighted.inertia == pytest.approx(repeated.inertia, rel=1e-9)
    assert weighted.sizes.sum() == weights.sum()


def test_categories_pull_apart_and_unseen_ones_have_an_answer():
    rows = pd.DataFrame({"spent": rng().normal(size=100), "motive": ["gift"] * 50 + ["work"] * 50})
    model = fit_clusters(rows, 2, columns=["spent"], categories=["motive"], rng=rng())
    assert model.predict({"spent": [0.0], "motive": ["never seen"]})[0] in {0, 1}
    assert model.predict({"spent": [0.0], "motive": [None]})[0] in {0, 1}
    assert any("motive" in told or "spent" in told for told in model.profiles())


points = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 2)), min_size=3, max_size=40)


@given(points.filter(lambda rows: 1 < len({row[2] for row in rows}) < len(rows)))
def test_the_silhouette_is_that_of_scikit_learn(rows):
    X, labels = np.asarray(rows)[:, :2].astype(float), np.asarray(rows)[:, 2]
    assert silhouette(X, labels) == pytest.approx(metrics.silhouette_score(X, labels), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_rand_index_is_that_of_scikit_learn(rows):
    one, other = zip(*rows, strict=True)
    assert adjusted_rand_index(one, other) == pytest.approx(metrics.adjusted_rand_score(one, other), abs=1e-12)


def test_stability_tells_the_number_that_was_planted_from_too_many(blobs):
    rows, _ = blobs
    told = []
    found = choose_k(
        rows,
        columns=list(rows),
        ks=(4, 7),
        pairs=6,
        sample=400,
        rng=rng(),
        progress=lambda done, of: told.append((done, of)),
    )
    assert found[0].stability > 0.97 > found[1].stability
    assert found[0].silhouette > found[1].silhouette
    assert told == [(1, 2), (2, 2)]


def test_a_constant_column_says_nothing():
    model = fit_clusters({"x": [1.0, 2.0, 9.0, 10.0], "same": [3.0] * 4}, 2, columns=["x", "same"], rng=rng())
    assert model.predict({"x": [1.5, 9.5], "same": [3.0, 3.0]}).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"k": 4}, NotEstimableError),
        ({"k": 0}, InvalidValueError),
        ({"k": 1.5}, InvalidValueError),
        ({"columns": []}, InvalidValueError),
        ({"columns": ["x", "x"]}, InvalidValueError),
        ({"key": "y"}, InvalidValueError),
        ({"weights": [1, 2]}, InvalidDataError),
        ({"weights": [1, 2, -1, 1]}, InvalidDataError),
        ({"restarts": 0}, InvalidValueError),
    ],
)
def test_impossible_requests_are_refused(change, error):
    asked = {"k": 2, "columns": ["x"], "rng": rng(), **change}
    with pytest.raises(error):
        fit_clusters({"x": [1.0, 2.0, 3.0, 3.0]}, asked.pop("k"), **asked)


def test_bad_rows_are_named_and_no_rows_refused():
    with pytest.raises(InvalidDataError, match="row 1"):
        fit_clusters({"x": [1.0, float("nan")]}, 1, columns=["x"], rng=rng())
    with pytest.raises(InvalidDataError, match="row 0"):
        fit_clusters({"x": [-1.0, 2.0]}, 1, columns=["x"], log=["x"], rng=rng())
    with pytest.raises(NotEstimableError, match="no rows"):
        fit_clusters({"x": []}, 1, columns=["x"], rng=rng())
    with pytest.raises(NotEstimableError, match="one cluster"):
        silhouette([[1.0], [2.0]], [0, 0])
