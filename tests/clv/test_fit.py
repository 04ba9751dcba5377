"""What a fit says of its own certainty, and how it is written down."""

import json

import attrs
import numpy as np
import pytest

from pycrm.clv import BetaGeoNBD, ParetoNBD
from pycrm.clv._pareto import log_likelihood
from pycrm.clv._search import maximise
from pycrm.errors import (
    BoundaryWarning,
    ConvergenceWarning,
    DocumentError,
    InvalidDataError,
    InvalidValueError,
    NotEstimableError,
)
from pycrm.fit import Fit

TRUTH = BetaGeoNBD(r=0.6, alpha=6.0, a=0.9, b=2.5, unit="week")


@pytest.fixture(scope="module")
def sample():
    drawn = TRUTH.simulate(np.full(2000, 52.0), random=np.random.default_rng(5))
    drawn["recency"] = drawn["recency"].round()
    return drawn.assign(vip=np.arange(2000) % 2)


@pytest.fixture(scope="module")
def fit(sample):
    return BetaGeoNBD.fit(sample)


def test_the_interval_of_a_parameter_is_symmetric_in_logs(fit):
    low, high = fit.intervals()["alpha"]
    assert low * high == pytest.approx(fit.model.alpha**2, rel=1e-12)
    assert np.log(high / low) / 2 == pytest.approx(1.959964 * fit.standard_errors["alpha"] / fit.model.alpha, rel=1e-6)


def test_the_delta_method_on_a_parameter_gives_its_own_interval(fit):
    found = fit.predict(lambda model: model.r)
    assert (float(found.lower), float(found.upper)) == pytest.approx(fit.intervals()["r"], rel=1e-6)


def test_the_interval_of_a_probability_stays_inside_0_and_1(fit):
    found = fit.predict(lambda model: model.probability_alive([0, 1, 30], [0, 1, 52], 52), symmetry="logit")
    assert (found.lower >= 0).all()
    assert (found.upper <= 1).all()
    assert found.estimate[0] == found.lower[0] == found.upper[0] == 1.0


@pytest.mark.parametrize("method", ["customer", "parametric"])
def test_the_bootstrap_agrees_with_the_covariance(fit, sample, method):
    again = fit.bootstrap(sample, random=np.random.default_rng(6), draws=60, method=method)
    spread = np.std(np.log(again.estimates), axis=0)
    errors = np.array(list(fit.standard_errors.values())) / np.array(list(fit.parameters.values()))
    # The standard error of a standard deviation from 60 draws is 9 %; four of them.
    assert spread == pytest.approx(errors, rel=0.36)
    expected = again.predict(lambda model: model.expected_purchases(52, 2, 30, 52))
    assert expected.lower < expected.estimate < expected.upper


def test_weights_are_the_same_as_repeated_rows(sample):
    few = sample.head(300)
    doubled = BetaGeoNBD.fit(few.assign(weight=2.0))
    once = BetaGeoNBD.fit(few)
    assert doubled.log_likelihood == pytest.approx(2 * once.log_likelihood, rel=1e-12)
    assert doubled.standard_errors["r"] * np.sqrt(2) == pytest.approx(once.standard_errors["r"], rel=1e-5)


def test_a_saved_fit_comes_back_whole_and_without_data(fit, sample):
    covariates = BetaGeoNBD.fit(sample, purchase_covariates=["vip"], dropout_covariates=["vip"])
    for some in (fit, covariates):
        again = Fit.from_json(some.to_json(), BetaGeoNBD)
        assert again.model == some.model
        assert again.intervals() == some.intervals()
        assert len(some.to_json()) < 2000


def test_a_covariance_that_does_not_exist_is_null_in_the_saved_form(fit):
    lost = fit.evolve(covariance=np.full((4, 4), np.nan))
    assert "NaN" not in lost.to_json()
    assert np.isnan(Fit.from_json(lost.to_json(), BetaGeoNBD).covariance).all()
    with pytest.raises(NotEstimableError, match="no covariance"):
        lost.predict(lambda model: model.r)


def _without(name):
    return lambda document: json.dumps({key: value for key, value in document.items() if key != name})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda document: "{", "not JSON"),
        (lambda document: "[]", "pycrm.fit/1"),
        (lambda document: json.dumps(document | {"form": "pycrm.fit/9"}), "pycrm.fit/9"),
        (lambda document: json.dumps(document | {"class": "ParetoNBD"}), "asked for a BetaGeoNBD"),
        (_without("covariance"), "covariance: a field is missing"),
        (lambda document: json.dumps(document | {"model": {"r": -1, "alpha": 1, "a": 1, "b": 1}}), "BetaGeoNBD.r"),
        (lambda document: json.dumps(document | {"model": {"rr": 1}}), "rr"),
    ],
)
def test_a_damaged_document_is_refused_with_the_place(fit, damage, message):
    with pytest.raises(DocumentError, match=message.replace(".", r"\.")):
        Fit.from_json(damage(json.loads(fit.to_json())), BetaGeoNBD)


def test_a_covariate_that_does_nothing_is_not_significant_and_one_that_does_is(sample):
    plain, fuller = BetaGeoNBD.fit(sample), BetaGeoNBD.fit(sample, purchase_covariates=["vip"])
    assert fuller.likelihood_ratio(plain).p_value > 0.01
    drawn = (
        attrs.evolve(TRUTH, purchase_effects={"vip": 0.5})
        .given(sample)
        .simulate(np.full(2000, 52.0), random=np.random.default_rng(7))
    )
    found = BetaGeoNBD.fit(drawn.assign(vip=sample["vip"]), purchase_covariates=["vip"], dropout_covariates=["vip"])
    low, high = found.intervals()["purchase_effects[vip]"]
    assert low < 0.5 < high
    assert found.likelihood_ratio(BetaGeoNBD.fit(drawn)).p_value < 1e-6
    equal = BetaGeoNBD.fit(
        drawn.assign(vip=sample["vip"]), purchase_covariates=["vip"], dropout_covariates=["vip"], equal_effects=True
    )
    assert equal.model.purchase_effects == equal.model.dropout_effects
    assert found.likelihood_ratio(equal).degrees == 1


def test_fits_that_are_not_nested_are_refused_with_the_reason(fit, sample):
    with pytest.raises(NotEstimableError, match="as many parameters"):
        fit.likelihood_ratio(fit)
    with pytest.raises(NotEstimableError, match="300"):
        BetaGeoNBD.fit(sample, purchase_covariates=["vip"]).likelihood_ratio(BetaGeoNBD.fit(sample.head(300)))
    with pytest.raises(NotEstimableError, match="not in the fuller"):
        fit.likelihood_ratio(BetaGeoNBD.fit(sample, purchase_covariates=["vip"]))


def test_options_out_of_range_are_refused(fit, sample):
    with pytest.raises(InvalidValueError, match="confidence"):
        fit.intervals(95)
    with pytest.raises(InvalidValueError, match="symmetry"):
        fit.predict(lambda model: model.r, symmetry="square")
    with pytest.raises(InvalidValueError, match="draws"):
        fit.bootstrap(sample, random=np.random.default_rng(1), draws=0)
    with pytest.raises(InvalidDataError, match="summary"):
        fit.bootstrap(3, random=np.random.default_rng(1))


@pytest.mark.parametrize("seed", [0, 4, 11])
def test_a_maximum_at_a_boundary_has_converged_and_says_what_runs_where(seed):
    # Everyone leaves with the same chance: a and b run to infinity at a fixed ratio, and the rest is determined.
    truth = BetaGeoNBD(r=0.8, alpha=5.0, a=60.0, b=300.0)
    sample = truth.simulate(np.full(60, 30.0), random=np.random.default_rng(seed))
    with pytest.warns(BoundaryWarning, match="a runs to infinity and b runs to infinity"):
        fit = BetaGeoNBD.fit(sample)
    assert fit.converged
    assert fit.gradient_norm <= 1e-8
    assert len(fit.notes) == 1
    history = (sample["frequency"], sample["recency"], sample["age"])
    for name in ("r", "alpha"):
        for factor in (0.999, 1.001):
            near = attrs.evolve(fit.model, **{name: getattr(fit.model, name) * factor})
            assert near.log_likelihood(*history).sum() < fit.log_likelihood


def test_a_search_that_stops_early_has_not_converged_though_a_parameter_ran_far():
    def slanted(values):
        # Steep in one, running off in the other, and never at rest: |log u - 1| has a kink for a maximum.
        u, v = values
        return -abs(np.log(u) - 1.0) - 1.0 / v, np.array([-np.sign(np.log(u) - 1.0) / u, 1.0 / v**2])

    with (
        pytest.warns(BoundaryWarning, match="v runs to infinity"),
        pytest.warns(ConvergenceWarning, match="derivative in u"),
    ):
        found = maximise(slanted, {"u": 1.0, "v": 1.0}, weight=1.0)
    assert not found.converged


def test_a_likelihood_that_a_finer_rule_does_not_confirm_is_noted():
    def likelihood(values):
        return -1.0 - (np.log(values[0]) - 1.0) ** 2, -2.0 * (np.log(values) - 1.0) / values

    exact = maximise(likelihood, {"u": 1.0}, weight=1.0, check=lambda values: likelihood(values)[0] * (1 + 1e-9))
    assert not exact.notes
    with pytest.warns(ConvergenceWarning, match="finer rule"):
        coarse = maximise(likelihood, {"u": 1.0}, weight=1.0, check=lambda values: likelihood(values)[0] * (1 + 1e-7))
    assert len(coarse.notes) == 1


def test_the_fits_of_pareto_nbd_agree_with_a_finer_rule(summary):
    fit = ParetoNBD.fit(summary)
    assert not fit.notes
    history = (summary["frequency"].to_numpy(float), summary["recency"].to_numpy(), summary["age"].to_numpy())
    model = fit.model
    finer = log_likelihood((model.r, model.alpha, model.s, model.beta), history, 193, slopes=False)[0].sum()
    assert fit.log_likelihood == pytest.approx(finer, rel=1e-12)
