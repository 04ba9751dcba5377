"""Every fit ends where its likelihood is flat, by derivatives taken from the outside; the Hessian is that of the likelihood."""

import math

import numpy as np
import pytest

from pycrm.clv import (
    NBD,
    BetaDiscreteWeibull,
    BetaGeoBetaBinomial,
    BetaGeoCNBDk,
    BetaGeoNBD,
    GammaGamma,
    ModifiedBetaGeoCNBDk,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    ShiftedBetaGeo,
)
from pycrm.errors import BoundaryWarning

HISTORY = ["frequency", "recency", "age"]
TRUTHS = [
    NBD(r=0.7, alpha=9.0),
    BetaGeoNBD(r=0.6, alpha=5.0, a=0.8, b=2.5),
    ModifiedBetaGeoNBD(r=0.7, alpha=6.0, a=0.8, b=2.5),
    ParetoNBD(r=0.8, alpha=8.0, s=0.7, beta=12.0),
    ParetoNBD(r=0.9, alpha=6.0, s=0.8, beta=9.0, correlation=0.15),
    BetaGeoCNBDk(r=0.8, alpha=2.0, a=0.8, b=2.5, k=3),
    ModifiedBetaGeoCNBDk(r=0.8, alpha=2.0, a=0.8, b=2.5, k=2),
    BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8),
    ShiftedBetaGeo(alpha=0.67, beta=3.8),
    BetaDiscreteWeibull(alpha=0.6, beta=2.0, c=1.4),
]


def _made(truth):
    """Fit to drawn customers, and how its mean log-likelihood is had from the outside."""
    random = np.random.default_rng(77)
    if isinstance(truth, ShiftedBetaGeo | BetaDiscreteWeibull):
        sample = truth.simulate(3000, periods=8, random=random)
        fit = type(truth).fit(sample)
        return fit, lambda model: model.log_likelihood(sample) / len(sample)
    sample = truth.simulate(np.full(3000, 12.0 if isinstance(truth, BetaGeoBetaBinomial) else 52.0), random=random)
    columns = [sample[name] for name in HISTORY]
    options = {}
    if isinstance(truth, BetaGeoCNBDk | ModifiedBetaGeoCNBDk):
        options, columns = {"k": truth.k}, [*columns, sample["log_gaps"]]
    if isinstance(truth, ParetoNBD):
        options = {"correlated": truth.correlation != 0.0}
    fit = type(truth).fit(sample, **options)
    return fit, lambda model: model.log_likelihood(*columns).mean()


@pytest.fixture(scope="module", params=TRUTHS, ids=lambda truth: type(truth).__name__)
def made(request):
    return _made(request.param)


def test_no_derivative_of_the_mean_log_likelihood_in_a_log_parameter_is_left(made):
    fit, mean = made
    assert fit.converged
    assert fit.gradient_norm <= 1e-8
    centre = np.array(list(fit.parameters.values()))
    step = 2e-3
    for i, name in enumerate(fit.names):
        if name == "correlation":
            continue  # its bounds move with r and s, so a step of it alone may leave them
        found = []
        for many in (-2, -1, 1, 2):
            moved = centre.copy()
            moved[i] *= np.exp(many * step)
            found.append(mean(fit.at(moved)))
        # The five points of the fourth order: what they leave out is about step^4 / 30 of the fifth derivative.
        slope = (found[0] - 8 * found[1] + 8 * found[2] - found[3]) / (12 * step)
        assert abs(slope) < 1e-8


def test_the_covariance_is_the_inverse_of_the_hessian(made):
    fit, mean = made
    centre = np.array(list(fit.parameters.values()))
    if "correlation" in fit.names:
        return
    step, size = 3e-3, centre.size
    hessian = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            for one in (1, -1):
                for other in (1, -1):
                    moved = centre.copy()
                    moved[i] *= 1 + one * step
                    moved[j] *= 1 + other * step
                    hessian[i, j] += one * other * mean(fit.at(moved))
    hessian /= -4 * step**2 * np.outer(centre, centre) / fit.weight
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    assert errors == pytest.approx(np.sqrt(np.diag(fit.covariance)), rel=5e-3)


def test_a_covariate_bends_the_likelihood_as_its_coefficient_says():
    random = np.random.default_rng(5)
    sample = BetaGeoNBD(r=0.6, alpha=5.0, a=0.8, b=2.5).simulate(np.full(4000, 52.0), random=random)
    sample = sample.assign(z=random.normal(size=4000), w=random.integers(0, 2, 4000))
    for kind in (BetaGeoNBD, ModifiedBetaGeoNBD):
        for options in ({}, {"equal_effects": True}):
            fit = kind.fit(sample, purchase_covariates=["z", "w"], dropout_covariates=["w", "z"], **options)
            assert fit.gradient_norm <= 1e-8
            centre = np.array(list(fit.parameters.values()))

            def total(values, fit=fit):
                model = fit.at(values).given(sample)
                return model.log_likelihood(*(sample[name] for name in HISTORY)).sum()

            step = 1e-3
            for i in range(centre.size):
                moved = np.zeros(centre.size)
                moved[i] = step
                bend = (total(centre + moved) - 2 * total(centre) + total(centre - moved)) / step**2
                assert -bend == pytest.approx(np.linalg.inv(fit.covariance)[i, i], rel=1e-3)


def test_what_the_data_do_not_determine_is_said_and_has_no_standard_error():
    sample = BetaGeoNBD(r=0.6, alpha=5.0, a=0.8, b=2.5).simulate(np.full(500, 52.0), random=np.random.default_rng(5))
    with pytest.warns(BoundaryWarning, match=r"do not determine alpha, purchase_effects\[always\]"):
        fit = BetaGeoNBD.fit(sample.assign(always=1.0), purchase_covariates=["always"])
    assert np.isnan(fit.standard_errors["alpha"])
    with pytest.warns(BoundaryWarning, match="do not determine r, alpha"):
        BetaGeoNBD.fit({"frequency": [0, 0], "recency": [0, 0], "age": [0, 0]})


def test_a_likelihood_is_the_exact_sum_of_its_rows_to_thirteen_digits():
    truth = BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    random = np.random.default_rng(6)
    sample = truth.simulate(random.integers(27 * 7, 39 * 7 + 1, 200_000) / 7, random=random)
    sample["recency"] = np.minimum(np.ceil(sample["recency"] * 7) / 7, sample["age"])
    fit = BetaGeoNBD.fit(sample)
    rows = fit.model.log_likelihood(sample["frequency"], sample["recency"], sample["age"])
    assert fit.log_likelihood == pytest.approx(math.fsum(rows), rel=1e-13)


@pytest.mark.filterwarnings("ignore::pycrm.errors.BoundaryWarning")
def test_a_smaller_maximum_on_the_way_is_not_taken_for_the_largest():
    # The 28th of drawn populations: Newton's method alone ends inside, a whole unit below what the edge has.
    random = np.random.default_rng(3)
    for at in range(28):
        kind = (BetaGeoNBD, ModifiedBetaGeoNBD)[at % 2]
        r, alpha, a, b = np.exp(random.normal(0, 1.2, 4))
        n = int(np.exp(random.uniform(np.log(20), np.log(3000))))
        truth = kind(r=r, alpha=10 * alpha, a=a, b=3 * b)
        sample = truth.simulate(random.uniform(5, 100, n), random=random)
    sample["recency"] = np.minimum(np.ceil(sample["recency"]), sample["age"])
    fit = ModifiedBetaGeoNBD.fit(sample)
    edge = ModifiedBetaGeoNBD(r=0.0956100822612406, alpha=31.9695403642493, a=123765.41649798377, b=643765.9820664285)
    assert fit.log_likelihood >= edge.log_likelihood(*(sample[name] for name in HISTORY)).sum() - 1e-5


@pytest.mark.parametrize("rows", [60, 20_000])
def test_a_fit_does_not_hang_on_the_order_of_the_customers(rows):
    random = np.random.default_rng(5)
    people = BetaGeoNBD(r=0.6, alpha=5.0, a=0.8, b=2.5).simulate(np.full(rows, 52.0), random=random)
    people["mean_value"] = np.where(people["frequency"] > 0, random.gamma(4.0, 9.0, len(people)), 0.0)
    for model in (BetaGeoNBD, GammaGamma):
        first = model.fit(people)
        assert model.fit(people.sample(frac=1.0, random_state=1)).model == first.model
