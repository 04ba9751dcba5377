"""The 95 % intervals hold the truth as often as they say: seeds fixed beforehand, bands of 99.9 %, Bonferroni over parameters.

``pytest -m deep tests/clv/test_coverage.py -o log_cli=true --log-cli-level=INFO`` makes the long run and prints its shares.
"""

import logging

import numpy as np
import pytest
from scipy import stats

from pycrm.clv import (
    NBD,
    BetaGeoBetaBinomial,
    BetaGeoCNBDk,
    BetaGeoNBD,
    GammaGamma,
    ModifiedBetaGeoCNBDk,
    ModifiedBetaGeoNBD,
    ParetoNBD,
)

_LOG = logging.getLogger(__name__)

TRUTHS = [
    BetaGeoNBD(r=0.6, alpha=5.0, a=0.8, b=2.5),
    NBD(r=0.7, alpha=9.0),
    BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8),
    ModifiedBetaGeoNBD(r=0.7, alpha=6.0, a=0.8, b=2.5),
    ParetoNBD(r=0.8, alpha=8.0, s=0.7, beta=12.0),
    BetaGeoCNBDk(r=0.8, alpha=2.0, a=0.8, b=2.5, k=3),
    ModifiedBetaGeoCNBDk(r=0.8, alpha=2.0, a=0.8, b=2.5, k=2),
    GammaGamma(p=6.25, q=3.74, v=15.44),
]
REGULAR = BetaGeoCNBDk | ModifiedBetaGeoCNBDk


def _name(truth):
    return type(truth).__name__


def _fit(truth, random):
    """Fit to 5,000 customers of the truth, seen for 52 weeks (12 opportunities, 1 to 8 repeat purchases)."""
    if isinstance(truth, GammaGamma):
        return GammaGamma.fit(truth.simulate(random.integers(1, 9, 5000), random=random))
    sample = truth.simulate(np.full(5000, 12.0 if isinstance(truth, BetaGeoBetaBinomial) else 52.0), random=random)
    if isinstance(truth, REGULAR):
        return type(truth).fit(sample, k=truth.k)
    return type(truth).fit(sample)


def _check(truth, sets):
    held = None
    for seed in range(sets):
        intervals = _fit(truth, np.random.default_rng([41, seed])).intervals(0.95)
        inside = np.array([low <= getattr(truth, name) <= high for name, (low, high) in intervals.items()], dtype=int)
        held = inside if held is None else held + inside
    tail = 0.001 / held.size / 2
    _LOG.info("%s, %d sets: %s", _name(truth), sets, dict(zip(intervals, (held / sets).round(4).tolist(), strict=True)))
    assert (held >= stats.binom.ppf(tail, sets, 0.95)).all()
    assert (held <= stats.binom.isf(tail, sets, 0.95)).all()


@pytest.mark.parametrize("truth", TRUTHS, ids=_name)
def test_the_intervals_hold_the_truth_as_often_as_they_say(truth):
    _check(truth, 200)


@pytest.mark.deep
@pytest.mark.parametrize("truth", TRUTHS, ids=_name)
def test_the_intervals_hold_the_truth_in_a_long_run(truth):
    _check(truth, 2000)
