"""MBG/NBD against the published fit to CDNOW."""

import numpy as np
import pytest

from pycrm.clv import ModifiedBetaGeoNBD


def test_the_fit_to_cdnow_is_that_of_the_literature(summary):
    fit = ModifiedBetaGeoNBD.fit(summary)
    assert list(fit.parameters.values()) == pytest.approx([0.525, 6.183, 0.891, 1.614], abs=5e-4)
    assert fit.log_likelihood == pytest.approx(-9582.1357, abs=5e-5)
    assert list(fit.standard_errors.values()) == pytest.approx([0.083264, 0.695598, 0.154785, 0.537472], rel=1e-3)
    assert fit.gradient_norm <= 1e-8


def test_with_weeks_of_two_decimals_the_maximum_is_that_of_the_reference(summary):
    rounded = summary.assign(recency=summary["recency"].round(2), age=summary["age"].round(2))
    fit = ModifiedBetaGeoNBD.fit(rounded, unit="week")
    assert fit.log_likelihood == pytest.approx(-9582.132684899905, abs=1e-8)


def test_a_customer_who_never_came_back_may_be_gone():
    model = ModifiedBetaGeoNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
    found = model.probability_alive(0, 0.0, [0.0, 39.0, 1e6])
    assert found[0] == pytest.approx(1.614 / (0.891 + 1.614), rel=1e-12)
    assert (np.diff(found) < 0).all()
