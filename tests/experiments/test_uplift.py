"""Uplift learners find a planted effect over any scorer, and refuse what they cannot read."""

import numpy as np
import pandas as pd
import pytest

from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError, NotEstimableError
from pycrm.experiments import Features, LinearScorer, LogisticScorer, SLearner, TLearner, XLearner, qini

LEARNERS = [SLearner, TLearner, XLearner]


def campaign(n, seed):
    """A randomised mailing in which only urban customers answer, the more the more often they visited."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"visits": rng.poisson(3.0, n), "zone": rng.choice(["rural", "town", "urban"], n)})
    w = (rng.random(n) < 0.4).astype(int)
    truth = np.where(X["zone"] == "urban", 0.04 * X["visits"], 0.0)
    y = (rng.random(n) < 0.1 + 0.01 * X["visits"] + w * truth).astype(int)
    return X, w, y.to_numpy(), truth


X, W, Y, TRUTH = campaign(20_000, 0)


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_planted_effect_is_found_on_customers_not_seen_before(learner):
    fit = learner.fit(X, W, Y)
    new_X, new_w, new_y, truth = campaign(20_000, 1)
    uplift = fit.model.uplift(new_X)
    assert np.corrcoef(uplift, truth)[0, 1] > 0.75
    assert uplift.mean() == pytest.approx(truth.mean(), abs=0.015)
    assert qini(new_y, new_w, uplift, replicates=100).interval[0] > 0.3
    assert fit.converged
    assert fit.weight == 20_000
    assert fit.log_likelihood < 0


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_uplift_is_the_difference_of_the_two_outcomes(learner):
    model = learner.fit(X, W, Y).model
    control, treatment = model.outcomes(X[:50])
    assert treatment - control == pytest.approx(model.uplift(X[:50]), abs=1e-12)


@pytest.mark.parametrize("learner", LEARNERS)
def test_amounts_are_learned_too(learner):
    spend = 20.0 + 2.0 * X["visits"] + W * (X["zone"] == "urban") * 5.0
    uplift = learner.fit(X, W, spend.to_numpy()).model.uplift(X)
    assert uplift[X["zone"] == "urban"].mean() == pytest.approx(5.0, abs=0.1)
    assert abs(uplift[X["zone"] != "urban"].mean()) < 0.1


@pytest.mark.parametrize("learner", LEARNERS)
def test_any_scorer_of_scikit_learn_serves_and_is_left_unfitted(learner):
    tree = pytest.importorskip("sklearn.tree")
    scorer = tree.DecisionTreeClassifier(max_depth=4, random_state=0)
    uplift = learner.fit(X, W, Y, scorer=scorer).model.uplift(X)
    assert np.corrcoef(uplift, TRUTH)[0, 1] > 0.6
    assert not hasattr(scorer, "tree_")


def test_a_scorer_without_probabilities_serves_too():
    linear = pytest.importorskip("sklearn.linear_model")
    ours = TLearner.fit(X, W, Y, scorer=LinearScorer(penalty=0.0)).model.uplift(X[:20])
    theirs = TLearner.fit(X, W, Y, scorer=linear.LinearRegression()).model.uplift(X[:20])
    assert ours == pytest.approx(theirs, abs=1e-8)


def test_the_logistic_scorer_equals_scikit_learns():
    linear = pytest.importorskip("sklearn.linear_model")
    Z = np.random.default_rng(0).normal(size=(2_000, 3))
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    y = (np.random.default_rng(1).random(2_000) < 1 / (1 + np.exp(-Z @ [1.0, -2.0, 0.0]))).astype(float)
    peer = linear.LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(Z, y)
    ours = LogisticScorer(penalty=1.0).fit(Z, y)
    assert ours.coefficients == pytest.approx(peer.coef_[0], abs=1e-6)
    assert ours.intercept == pytest.approx(peer.intercept_[0], abs=1e-6)


def test_separated_data_still_have_an_answer():
    X = np.arange(20.0)[:, None]
    model = LogisticScorer().fit(X, (X[:, 0] > 9).astype(float))
    assert model.gradient_norm < 1e-8
    assert np.all(np.diff(model.predict(X)) > 0)


def test_the_x_learner_is_steadier_than_the_t_learner_when_few_are_treated():
    tree = pytest.importorskip("sklearn.tree")
    rng = np.random.default_rng(0)
    Z = rng.uniform(-3, 3, (20_000, 1))
    w = rng.random(20_000) < 0.02
    y = rng.normal(np.sin(3 * Z[:, 0]) + w * 1.0, 0.3)
    scorer = tree.DecisionTreeRegressor(min_samples_leaf=20)
    error = {
        learner: np.mean((learner.fit(Z, w, y, scorer=scorer).model.uplift(Z) - 1.0) ** 2)
        for learner in (TLearner, XLearner)
    }
    assert error[XLearner] < error[TLearner]


def test_frames_mappings_and_arrays_give_the_same_model():
    polars = pytest.importorskip("polars")
    a = TLearner.fit(X, W, Y).model
    b = TLearner.fit({name: X[name].to_numpy() for name in X}, W.astype(bool), Y.tolist()).model
    c = TLearner.fit(polars.DataFrame({name: X[name].to_list() for name in X}), W, Y).model
    assert a == b == c
    array = TLearner.fit(X[["visits"]].to_numpy(), W, Y).model
    assert array.uplift([[3.0]]) == pytest.approx(TLearner.fit(X[["visits"]], W, Y).model.uplift({"visits": [3]}))


def test_columns_may_come_in_another_order_and_with_others():
    model = TLearner.fit(X, W, Y).model
    other = X.assign(name="x")[["name", "zone", "visits"]]
    assert model.uplift(other).tolist() == model.uplift(X).tolist()


def test_no_units_have_no_uplift():
    assert TLearner.fit(X, W, Y).model.uplift(X[:0]).tolist() == []
    assert TLearner.fit(X[["visits"]].to_numpy(), W, Y).model.uplift(np.empty((0, 1))).tolist() == []


def test_a_text_not_seen_before_is_an_average_one():
    model = TLearner.fit(X, W, Y).model
    zones = [model.uplift({"visits": [3], "zone": [zone]})[0] for zone in ("rural", "moon", "urban")]
    assert zones[0] < zones[1] < zones[2]


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"treatment": np.where(W == 1, "email", "none")}, InvalidDataError, "say who was treated by 0 and 1"),
        ({"treatment": np.zeros(20_000)}, NotEstimableError, "nobody is in arm 1"),
        ({"treatment": W[:-1]}, InvalidDataError, "one value per unit: 20000"),
        ({"outcome": np.ones(20_000)}, NotEstimableError, "every outcome is 1"),
        ({"outcome": np.where(np.arange(20_000) == 5, np.nan, 1.0)}, InvalidDataError, "'outcome', row 5"),
        ({"X": X.assign(visits=np.nan)}, InvalidDataError, "'visits', row 0"),
        ({"X": X.assign(zone=[None, *X["zone"][1:]])}, InvalidDataError, "'zone', row 0.*'unknown'"),
        ({"X": X.assign(id=[f"c{k}" for k in range(20_000)])}, InvalidDataError, "20000 different texts"),
        ({"X": X[:-1]}, InvalidDataError, "one per outcome"),
        ({"X": pd.DataFrame(index=range(20_000))}, NotEstimableError, "no columns"),
        ({"scorer": "logistic"}, InvalidValueError, "scorer.*fit"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_its_reason(learner, change, error, message):
    with pytest.raises(error, match=message):
        learner.fit(**{"X": X, "treatment": W, "outcome": Y, **change})


@pytest.mark.parametrize("learner", [TLearner, XLearner])
def test_an_arm_in_which_all_did_the_same_teaches_no_probability(learner):
    with pytest.raises(NotEstimableError, match="every outcome of the"):
        learner.fit(X, W, W)


def test_predicting_asks_for_the_columns_of_the_training():
    model = TLearner.fit(X, W, Y).model
    with pytest.raises(MissingColumnError, match="visits"):
        model.uplift(X[["zone"]])
    with pytest.raises(InvalidDataError, match="'visits', row 0"):
        model.uplift({"visits": ["many"], "zone": ["urban"]})
    array = TLearner.fit(X[["visits"]].to_numpy(), W, Y).model
    with pytest.raises(InvalidDataError, match="fitted on 1"):
        array.uplift([[1.0, 2.0]])
    with pytest.raises(InvalidDataError, match="one row per unit"):
        Features.of(np.zeros((2, 2, 2)))


@pytest.mark.parametrize(
    "make",
    [lambda: LinearScorer(penalty=-1), lambda: LogisticScorer(penalty=0), lambda: LogisticScorer(penalty=np.nan)],
)
def test_a_penalty_that_makes_no_sense_is_refused(make):
    with pytest.raises(InvalidValueError, match="penalty"):
        make()
