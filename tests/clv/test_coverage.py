"""The 95 % intervals hold the truth as often as they say: seeds fixed beforehand, bands of 99.9 %, Bonferroni over parameters."""

import numpy as np
import pytest
from scipy import stats

from pycrm.clv import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD

TRUTHS = [
    BetaGeoNBD(r=0.6, alpha=5.0, a=0.8, b=2.5),
    ModifiedBetaGeoNBD(r=0.7, alpha=6.0, a=0.8, b=2.5),
    ParetoNBD(r=0.8, alpha=8.0, s=0.7, beta=12.0),
]


def _held(truth, sets):
    """How often the interval of each parameter held the truth, over data sets of 5,000 customers and 52 weeks."""
    held = np.zeros(4, dtype=int)
    for seed in range(sets):
        sample = truth.simulate(np.full(5000, 52.0), random=np.random.default_rng([41, seed]))
        sample["recency"] = np.minimum(np.ceil(sample["recency"] * 7.0) / 7.0, 52.0)
        fit = type(truth).fit(sample)
        held += [low <= getattr(truth, name) <= high for name, (low, high) in fit.intervals(0.95).items()]
    return held


def _band(sets):
    tail = 0.001 / 4 / 2
    return stats.binom.ppf(tail, sets, 0.95), stats.binom.isf(tail, sets, 0.95)


def test_the_intervals_of_bg_nbd_hold_the_truth_as_often_as_they_say():
    low, high = _band(200)
    held = _held(TRUTHS[0], 200)
    assert (held >= low).all()
    assert (held <= high).all()


@pytest.mark.deep
@pytest.mark.parametrize("truth", TRUTHS[1:], ids=lambda truth: type(truth).__name__)
def test_the_intervals_hold_the_truth_over_200_sets(truth):
    low, high = _band(200)
    held = _held(truth, 200)
    assert (held >= low).all()
    assert (held <= high).all()


@pytest.mark.deep
@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: type(truth).__name__)
def test_the_intervals_hold_the_truth_in_a_long_run(truth):
    low, high = _band(2000)
    held = _held(truth, 2000)
    assert (held >= low).all()
    assert (held <= high).all()
