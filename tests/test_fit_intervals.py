"""Intervals of shares: equal to a peer's, inside 0 and 1, and refusing impossible counts."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.fit import proportion_interval

METHODS = {
    "wilson": "wilson",
    "agresti_coull": "agresti_coull",
    "clopper_pearson": "beta",
    "jeffreys": "jeffreys",
    "wald": "normal",
}


@pytest.mark.parametrize("ours, theirs", METHODS.items())
def test_the_interval_of_a_share_equals_statsmodels_to_twelve_digits(ours, theirs):
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    successes, trials = np.array([0, 1, 8, 35, 200, 999, 1000]), np.array([7, 10, 10, 100, 64_000, 1000, 1000])
    for confidence in (0.8, 0.95, 0.999):
        found = np.array(proportion_interval(successes, trials, confidence=confidence, method=ours))
        peer = np.array(
            [
                proportion.proportion_confint(int(x), int(n), alpha=1 - confidence, method=theirs)
                for x, n in zip(successes, trials, strict=True)
            ]
        ).T
        np.testing.assert_allclose(found, np.clip(peer, 0, 1), rtol=0, atol=1e-12)


@given(st.integers(0, 50), st.integers(1, 50), st.floats(0.5, 0.999), st.sampled_from(sorted(METHODS)))
@example(0, 1, 0.95, "wilson")
@example(1, 1, 0.95, "clopper_pearson")
def test_an_interval_stays_between_nothing_and_everything(successes, failures, confidence, method):
    trials = successes + failures - 1 or 1
    successes = min(successes, trials)
    low, high = proportion_interval(successes, trials, confidence=confidence, method=method)
    assert 0.0 <= low <= high <= 1.0


@pytest.mark.parametrize(
    "successes, trials, column",
    [
        (1, 0, "trials"),
        (3, 2, "successes"),
        (-1, 2, "successes"),
        (float("nan"), 2, "successes"),
        (1, np.inf, "trials"),
    ],
)
def test_impossible_counts_are_named(successes, trials, column):
    with pytest.raises(InvalidDataError) as caught:
        proportion_interval([0, successes], [5, trials])
    assert (caught.value.column, caught.value.row) == (column, 1)


def test_a_coverage_or_method_that_does_not_exist_is_refused():
    with pytest.raises(InvalidValueError, match="confidence"):
        proportion_interval(1, 2, confidence=95)
    with pytest.raises(InvalidValueError, match="wilson"):
        proportion_interval(1, 2, method="exact")
