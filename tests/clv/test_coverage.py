"""Do 95 % intervals hold the truth in 95 % of data sets: simulated customers, refitted, counted.

Customers: 5,000 over 52 weeks a set, the seeds fixed here. A count is right if each parameter's share lies within the 99.9 % band of a binomial,
split by Bonferroni over the parameters: for 200 sets 90 to 99.5 %, for 2,000 sets 93.4 to 96.6 %.
"""

import numpy as np
import pytest

from pycrm import clv

TRUTHS = {
    "BG/NBD": clv.BetaGeoNBD(r=0.6, alpha=6.0, a=0.9, b=2.5),
    "MBG/NBD": clv.ModifiedBetaGeoNBD(r=0.6, alpha=6.0, a=0.9, b=2.5),
    "Pareto/NBD": clv.ParetoNBD(r=0.6, alpha=6.0, s=0.6, beta=11.0),
    "BG/CNBD-3": clv.BetaGeoCNBDk(r=0.85, alpha=1.45, a=0.79, b=2.42, k=3),
    "NBD": clv.NBD(r=0.6, alpha=6.0),
    "BG/BB": clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8),
    "Gamma-Gamma": clv.GammaGamma(p=6.25, q=3.74, v=15.44),
    "sBG": clv.ShiftedBetaGeo(alpha=0.8, beta=2.0),
    "BdW": clv.BetaDiscreteWeibull(alpha=0.8, beta=2.0, c=1.4),
}


def _fit(truth, random):
    if isinstance(truth, clv.GammaGamma):
        drawn = truth.simulate(random.integers(1, 8, 5000), random=random)
    elif isinstance(truth, clv.ShiftedBetaGeo | clv.BetaDiscreteWeibull):
        drawn = truth.simulate(5000, 12, random=random)
    else:
        drawn = truth.simulate(np.full(5000, 52.0), random=random)
    options = {"k": truth.k} if isinstance(truth, clv.BetaGeoCNBDk) else {}
    return type(truth).fit(drawn, **options)


def _shares(name, sets):
    truth = TRUTHS[name]
    held = {}
    for seed in range(sets):
        fit = _fit(truth, np.random.default_rng([seed, 52]))
        for parameter, (low, high) in fit.intervals(0.95).items():
            held.setdefault(parameter, []).append(low <= getattr(truth, parameter) <= high)
    return {parameter: np.mean(inside) for parameter, inside in held.items()}


@pytest.mark.parametrize("name", ["BG/NBD", "Gamma-Gamma", "NBD", "sBG"])
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    for parameter, share in _shares(name, 200).items():
        assert 0.90 <= share <= 0.995, parameter


@pytest.mark.deep
@pytest.mark.parametrize("name", TRUTHS)
def test_intervals_of_every_model_hold_the_truth_in_2000_sets(name):
    for parameter, share in _shares(name, 2000).items():
        assert 0.934 <= share <= 0.966, parameter
