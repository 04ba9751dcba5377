"""The adapters pass scikit-learn's own checks of an estimator; how many ran is part of the claim."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from pycrm.scoring import Scorecard
from pycrm.segmentation import rfm_scores
from pycrm.sklearn import KMeansClusters, RfmTransformer, ScorecardClassifier

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")

STARTS = (
    "weighted and repeated rows draw other starts, so the local optimum may differ; scikit-learn excepts its own KMeans"
)
CASES = [
    (ScorecardClassifier(), 60, {}),
    (RfmTransformer(), 45, {}),
    (KMeansClusters(3), 55, {"check_sample_weight_equivalence_on_dense_data": STARTS}),
]


@pytest.mark.parametrize(("estimator", "least", "expected"), CASES, ids=lambda value: type(value).__name__)
def test_the_checks_of_scikit_learn_pass(estimator, least, expected):
    results = check_estimator(estimator, expected_failed_checks=expected, on_skip=None, on_fail=None)
    failed = {row["check_name"]: repr(row["exception"])[:300] for row in results if row["status"] == "failed"}
    assert failed == {}
    assert {row["check_name"] for row in results if row["status"] == "xfail"} == set(expected)
    assert sum(row["status"] == "passed" for row in results) >= least


def test_a_frame_with_text_and_holes_goes_through_a_cross_validation():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": np.where(rng.random(600) < 0.1, np.nan, rng.integers(18, 80, 600)),
            "city": rng.choice(list("abc"), 600),
        }
    )
    y = np.where(rng.random(600) < 0.2 + 0.5 * (X.city == "a"), "yes", "no")
    scores = cross_val_score(ScorecardClassifier(), X, y, scoring="roc_auc")
    assert scores.mean() > 0.65
    fitted = ScorecardClassifier().fit(X, y)
    direct = Scorecard.fit(X, y == "yes").model
    np.testing.assert_allclose(fitted.predict_proba(X), direct.predict_proba(X), rtol=1e-12)


def test_the_transformer_gives_the_scores_of_rfm_scores():
    rng = np.random.default_rng(1)
    orders = pd.DataFrame(
        {
            "customer": rng.integers(0, 60, 400),
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 400), unit="D"),
            "amount": rng.integers(1, 90, 400),
        }
    )
    scores = rfm_scores(orders, as_of=pd.Timestamp("2024-12-31").date())
    found = RfmTransformer().fit_transform(scores[["recency", "frequency", "monetary"]])
    assert found.tolist() == scores[["r", "f", "m"]].to_numpy().tolist()
    names = RfmTransformer().fit(scores[["recency", "frequency", "monetary"]]).get_feature_names_out()
    assert names.tolist() == ["recency_score", "frequency_score", "monetary_score"]


def test_scores_feed_clusters_in_a_pipeline():
    X = np.vstack([np.random.default_rng(0).normal(center, 1, (50, 3)) for center in (0, 8)])
    labels = make_pipeline(RfmTransformer(), KMeansClusters(2, random_state=0)).fit_predict(X)
    assert (labels[:50] == 0).mean() > 0.95
    assert (labels[50:] == 1).mean() > 0.95
