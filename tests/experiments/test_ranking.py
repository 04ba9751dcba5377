"""Qini and the uplift curve: the published toy, other libraries' scales, and laws of every ranking."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments import auuc, qini, uplift_curve

# The toy of github.com/uber/causalml issue 519.
OUTCOME = [0, 0, 0, 0, 1, 0, 0, 1, 1, 1]
TREATED = [0] * 5 + [1] * 5
SCORE = [0.0, 0.1, 0.2, 0.3, 0.4] * 2


def experiment(n, rng, *, ties=False):
    w = rng.integers(0, 2, n)
    score = rng.normal(size=n)
    if ties:
        score = score.round()
    y = (rng.random(n) < np.clip(0.3 + 0.1 * w * (1 + score), 0, 1)).astype(float)
    return y, w, score


def test_the_toy_has_area_twelve_against_ten_and_coefficient_a_fifth():
    curve = uplift_curve(OUTCOME, TREATED, SCORE)
    assert (curve.area, curve.random_area) == (12.0, 10.0)
    found = qini(OUTCOME, TREATED, SCORE)
    assert found.coefficient == pytest.approx(0.200, abs=1e-12)
    assert found.scikit_uplift == pytest.approx(0.1333, abs=5e-5)
    assert (found.n_control, found.n_treated) == (5, 5)


def test_the_order_of_the_rows_does_not_matter_even_with_ties():
    y, w, score = experiment(500, np.random.default_rng(0), ties=True)
    order = np.random.default_rng(1).permutation(500)
    for measure in (qini, auuc):
        here, there = measure(y, w, score, replicates=20), measure(y[order], w[order], score[order], replicates=20)
        assert here.coefficient == pytest.approx(there.coefficient, rel=1e-12)
        assert len(here.curve.gain) == len(np.unique(score)) + 1


@given(st.integers(0, 1000), st.booleans())
@example(0, True)
def test_only_the_order_of_the_scores_matters(seed, ties):
    y, w, score = experiment(60, np.random.default_rng(seed), ties=ties)
    for kind in ("qini", "uplift"):
        plain, bent = uplift_curve(y, w, score, kind=kind), uplift_curve(y, w, np.arctan(score) * 5, kind=kind)
        np.testing.assert_array_equal(plain.gain, bent.gain)
        assert plain.population[0] == plain.gain[0] == 0.0
        assert plain.population[-1] == 60
        ends = plain.gain[-1] / (w.sum() if kind == "qini" else 60)
        assert ends == pytest.approx(y[w == 1].mean() - y[w == 0].mean(), abs=1e-12)


def test_one_score_for_all_is_exactly_chance():
    y, w, _ = experiment(400, np.random.default_rng(0))
    for measure in (qini, auuc):
        found = measure(y, w, np.zeros(400))
        assert found.coefficient == 0.0
        assert found.interval == (0.0, 0.0)


def test_amounts_have_a_coefficient_but_no_perfect_curve():
    y, w, score = experiment(400, np.random.default_rng(0))
    found = qini(y * 12.5, w, score, replicates=50)
    assert found.coefficient == pytest.approx(qini(y, w, score, replicates=50).coefficient)
    assert found.scikit_uplift is None


def test_when_the_treatment_harms_better_than_chance_is_still_above_zero():
    rng = np.random.default_rng(0)
    w, score = rng.integers(0, 2, 20_000), rng.normal(size=20_000)
    y = (rng.random(20_000) < 0.5 + w * (-0.2 + 0.1 * np.tanh(score))).astype(float)
    assert uplift_curve(y, w, score).gain[-1] < 0
    assert qini(y, w, score, replicates=50).interval[0] > 0


def test_reading_the_replicates_at_some_thousand_places_moves_no_interval(monkeypatch):
    from pycrm.experiments import ranking

    y, w, score = experiment(12_000, np.random.default_rng(0))
    coarse = qini(y, w, score, replicates=50)
    monkeypatch.setattr(ranking, "_PLACES", 12_000)
    exact = qini(y, w, score, replicates=50)
    assert coarse.coefficient == exact.coefficient
    assert coarse.interval == pytest.approx(exact.interval, abs=exact.standard_error / 100)


@pytest.mark.parametrize("runs", [60, pytest.param(400, marks=pytest.mark.deep)])
def test_the_interval_covers_and_a_random_score_is_seldom_found_good(runs):
    covered = crossed = 0
    endless = uplift_curve(*experiment(2_000_000, np.random.default_rng(10**6)))
    truth = (endless.area - endless.random_area) / endless.random_area
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        y, w, score = experiment(2_000, rng)
        found = qini(y, w, score, replicates=200, rng=seed)
        covered += found.interval[0] <= truth <= found.interval[1]
        crossed += qini(y, w, rng.normal(size=2_000), replicates=200, rng=seed).interval[0] > 0
    # Within four standard errors of 95 %, and of half of the remaining 5 %.
    assert covered / runs >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / runs)
    assert crossed / runs <= 0.025 + 4 * np.sqrt(0.025 * 0.975 / runs)


def test_the_same_seed_gives_the_same_interval_and_progress_is_told():
    y, w, score = experiment(300, np.random.default_rng(0))
    told = []
    first = qini(y, w, score, replicates=30, rng=7, progress=lambda done, of: told.append((done, of)))
    assert first.interval == qini(y, w, score, replicates=30, rng=np.random.default_rng(7)).interval
    assert first.interval != qini(y, w, score, replicates=30, rng=8).interval
    assert told == [(k + 1, 30) for k in range(30)]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: qini(OUTCOME, ["control"] * 5 + ["email"] * 5, SCORE),
            InvalidDataError,
            r"'control'.*treatment == 'email'",
        ),
        (lambda: qini(OUTCOME, [2] * 10, SCORE), InvalidDataError, "give 0 or 1"),
        (lambda: qini(OUTCOME, [0] * 10, SCORE), NotEstimableError, "nobody is in arm 1"),
        (lambda: qini(OUTCOME, [1] * 10, SCORE), NotEstimableError, "nobody is in arm 0"),
        (lambda: qini([1] * 10, TREATED, SCORE), NotEstimableError, "every outcome is 1"),
        (lambda: qini(OUTCOME, TREATED, [np.nan, *SCORE[1:]]), InvalidDataError, r"'uplift', row 0: nan"),
        (lambda: qini(OUTCOME, TREATED, SCORE[:-1]), InvalidDataError, "one value per unit: 10"),
        (lambda: qini([0, 1, 0, 1], [0, 0, 1, 1], [1, 2, 3, 4]), NotEstimableError, "exactly 0"),
        (lambda: qini([], [], []), NotEstimableError, "no rows"),
        (lambda: qini(OUTCOME, TREATED, SCORE, replicates=3), InvalidValueError, "at least 20"),
        (lambda: qini(OUTCOME, TREATED, SCORE, confidence=95), InvalidValueError, "confidence"),
        (lambda: uplift_curve(OUTCOME, TREATED, SCORE, kind="gini"), InvalidValueError, "'qini' or 'uplift'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
