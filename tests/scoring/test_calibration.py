"""Calibration and evaluation against scikit-learn, and the laws that hold without it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.scoring import (
    Isotonic,
    Platt,
    best_threshold,
    evaluate,
    population_stability,
    prior_correction,
    shrunken_rates,
)

labelled = st.lists(st.tuples(st.integers(0, 20).map(lambda k: k / 20), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({row[1] for row in rows}) == 2
)


def split(rows):
    return np.asarray([row[0] for row in rows]), np.asarray([row[1] for row in rows], dtype=int)


@given(labelled)
def test_the_measures_are_those_of_scikit_learn(rows):
    scores, y = split(rows)
    found = evaluate(y, scores)
    false, true, _ = metrics.roc_curve(y, scores, drop_intermediate=False)
    assert found.auc == pytest.approx(metrics.roc_auc_score(y, scores), abs=1e-12)
    assert found.average_precision == pytest.approx(metrics.average_precision_score(y, scores), abs=1e-12)
    assert found.brier == pytest.approx(metrics.brier_score_loss(y, scores), abs=1e-12)
    assert found.ks == pytest.approx(np.abs(true - false).max(), abs=1e-12)
    clipped = np.clip(scores, 1e-15, 1 - 1e-15)
    assert found.log_loss == pytest.approx(metrics.log_loss(y, clipped), rel=1e-9, abs=1e-9)


@given(labelled)
def test_the_gains_end_with_everybody_and_the_first_tenth_is_the_lift(rows):
    scores, y = split(rows)
    found = evaluate(y, scores)
    assert found.gains[-1]["captured"] == pytest.approx(1.0)
    assert found.gains[0]["lift"] == pytest.approx(found.lift)
    assert sum(row["events"] for row in found.gains) == pytest.approx(y.sum())
    assert sum(row["rows"] for row in found.reliability) == pytest.approx(len(y))


def test_the_interval_of_the_auc_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(100):
        y = rng.random(300) < 0.3
        found = evaluate(y, 1 / (1 + np.exp(-(rng.normal(size=300) + y))), rng=rng, replicates=100)
        low, high = found.intervals["auc"]
        covered += low <= 0.7602499 <= high  # Phi(1 / sqrt 2)
    assert 86 <= covered <= 100


def test_a_calibrated_score_has_no_calibration_error_to_speak_of():
    rng = np.random.default_rng(1)
    chance = rng.beta(1, 5, 50_000)
    assert evaluate(rng.random(50_000) < chance, chance).ece < 0.01


@given(labelled)
def test_the_steps_are_those_of_scikit_learn(rows):
    scores, y = split(rows)
    peer = IsotonicRegression(out_of_bounds="clip").fit(scores, y)
    at = np.linspace(0, 1, 41)
    assert Isotonic.fit(scores, y).model(at) == pytest.approx(peer.predict(at), abs=1e-9)


@given(labelled)
def test_isotonic_probabilities_never_fall_and_keep_the_mean(rows):
    scores, y = split(rows)
    model = Isotonic.fit(scores, y).model
    assert (np.diff(model(np.linspace(0, 1, 101))) >= -1e-12).all()
    assert model(scores).mean() == pytest.approx(y.mean(), abs=1e-9)


def test_platt_finds_the_line_that_spoilt_the_scores():
    rng = np.random.default_rng(2)
    truth = rng.normal(-1, 1.5, 200_000)
    y = rng.random(200_000) < 1 / (1 + np.exp(-truth))
    fit = Platt.fit(1 / (1 + np.exp(-(truth * 2 + 1))), y)
    assert fit.converged
    assert fit.model.slope == pytest.approx(0.5, abs=4 * fit.standard_errors["slope"])
    assert fit.model.intercept == pytest.approx(-0.5, abs=4 * fit.standard_errors["intercept"])


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_prior_correction_moves_the_base_rate_and_goes_back(sampled, true):
    assert prior_correction([sampled], sampled=sampled, true=true)[0] == pytest.approx(true, rel=1e-9)
    there = prior_correction([0.0, 0.3, 1.0], sampled=sampled, true=true)
    assert prior_correction(there, sampled=true, true=sampled) == pytest.approx([0.0, 0.3, 1.0], rel=1e-9, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12))
def test_a_shrunken_rate_lies_between_its_own_and_the_parents(rows):
    events, trials = np.asarray([min(row) for row in rows]), np.asarray([max(row) for row in rows])
    rates = shrunken_rates(events, trials, parent=0.3)
    own = np.where(trials > 0, events / np.maximum(trials, 1), 0.3)
    assert (rates >= np.minimum(own, 0.3) - 1e-12).all()
    assert (rates <= np.maximum(own, 0.3) + 1e-12).all()
    assert (rates[trials == 0] == 0.3).all()


def test_the_threshold_that_pays_most_is_found_by_trying_all():
    rng = np.random.default_rng(3)
    scores, y = rng.random(500).round(2), rng.random(500) < 0.2
    choice = best_threshold(y, scores, gain=9.0, cost=2.0)
    profits = [9.0 * y[scores >= t].sum() - 2.0 * (scores >= t).sum() for t in np.unique(scores)]
    assert choice.profit == max(0.0, *profits)
    assert best_threshold([0, 0], [0.5, 0.6], gain=1, cost=1).threshold == np.inf


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=9))
def test_stability_is_never_negative_and_the_same_both_ways(rows):
    then, now = zip(*rows, strict=True)
    if not sum(then) or not sum(now):
        with pytest.raises(NotEstimableError):
            population_stability(then, now)
    else:
        assert population_stability(then, now) >= -1e-12
        assert population_stability(then, now) == pytest.approx(population_stability(now, then))


def test_impossible_inputs_are_named():
    with pytest.raises(InvalidDataError, match="from 0 to 1"):
        evaluate([0, 1], [0.5, 1.5])
    with pytest.raises(NotEstimableError, match="every label"):
        evaluate([1, 1], [0.5, 0.5])
    with pytest.raises(NotEstimableError, match="every label"):
        Isotonic.fit([0.5], [1])
    with pytest.raises(NotEstimableError, match="separated"):
        Platt.fit([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    with pytest.raises(InvalidValueError, match="sampled"):
        prior_correction([0.5], sampled=0.0, true=0.5)
    with pytest.raises(InvalidDataError, match="trials"):
        shrunken_rates([2], [1])
    with pytest.raises(NotEstimableError, match="parent"):
        shrunken_rates([0], [0])
