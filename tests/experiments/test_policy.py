"""What a policy is worth, who is worth treating, and whether predicted uplift comes true."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.experiments import difference_in_means, policy_value, profit_curve, quadrants, uplift_calibration

RNG = np.random.default_rng(3)
TRUTH = RNG.uniform(-0.1, 0.3, 8_000)
W = RNG.integers(0, 2, 8_000)
Y = (RNG.random(8_000) < 0.3 + W * TRUTH).astype(float)


def test_treating_everybody_is_worth_the_effect_less_its_cost():
    found = policy_value(Y, W, np.ones(8_000), value=20.0, cost=1.5)
    effect = difference_in_means(Y, W)
    assert found.per_unit == pytest.approx(20.0 * effect.estimate - 1.5)
    assert found.profit == pytest.approx(8_000 * found.per_unit)
    assert (found.n, found.n_control + found.n_treated) == (8_000, 8_000)


def test_treating_those_who_gain_beats_treating_all_and_the_interval_holds_the_truth():
    good = TRUTH > 0.075
    chosen, all_ = (policy_value(Y, W, target, value=20.0, cost=1.5) for target in (good, np.ones(8_000)))
    assert chosen.profit > all_.profit
    truth = float((20.0 * TRUTH[good] - 1.5).sum())
    assert chosen.interval[0] <= truth <= chosen.interval[1]


def test_the_profit_of_the_whole_list_is_the_policy_of_treating_all():
    curve = profit_curve(Y, W, TRUTH, value=20.0, cost=1.5)
    assert curve.profit[-1] == pytest.approx(policy_value(Y, W, np.ones(8_000), value=20.0, cost=1.5).profit)
    assert curve.profit[0] == 0.0
    assert curve.share[curve.best] < 1.0
    assert len(curve.threshold) == len(curve.share)
    assert (curve.threshold[curve.best] <= TRUTH).mean() == pytest.approx(curve.share[curve.best])


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 0.5))
@example(0.0, 0.5, 0.0)
@example(0.05, 0.0, 0.05)
def test_every_unit_is_in_exactly_one_quadrant(uplift, baseline, margin):
    (kind,) = quadrants([uplift], [baseline], margin=margin)
    if abs(uplift) <= margin:
        assert kind == ("sure thing" if baseline >= 0.5 else "lost cause")
    else:
        assert kind == ("persuadable" if uplift > 0 else "sleeping dog")


def test_true_predictions_are_calibrated_and_doubled_ones_are_not():
    right, doubled = uplift_calibration(Y, W, TRUTH), uplift_calibration(Y, W, 2.0 * TRUTH)
    inside = (right.lower <= right.predicted) & (right.predicted <= right.upper)
    assert inside.sum() >= 8
    assert right.n.sum() == 8_000
    assert doubled.error > 2.0 * right.error
    assert np.all(np.diff(right.predicted) > 0)


def test_equal_predictions_stay_in_one_group():
    found = uplift_calibration(Y, W, np.where(np.arange(8_000) < 6_000, 0.1, 0.2))
    assert found.n.tolist() == [6_000, 2_000]
    assert len(uplift_calibration(Y, W, np.zeros(8_000), groups=1).n) == 1


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: policy_value(Y, W, np.zeros(8_000)), NotEstimableError, "treats nobody"),
        (lambda: policy_value(Y, W, W), NotEstimableError, "left alone only 0"),
        (lambda: policy_value(Y, W, TRUTH), InvalidDataError, "'target', row 0.*0 or 1"),
        (lambda: policy_value(Y, W, np.ones(8_000), cost=-1), InvalidValueError, "cost"),
        (lambda: policy_value(Y, W, np.ones(8_000), value=np.nan), InvalidDataError, "value"),
        (lambda: policy_value(np.ones(8_000), W, np.ones(8_000)), NotEstimableError, "does not vary"),
        (lambda: profit_curve(Y, W, TRUTH, cost=np.inf), InvalidValueError, "cost"),
        (lambda: quadrants([0.1], [0.1, 0.2]), InvalidDataError, "one value per unit: 1"),
        (lambda: quadrants([0.1], [0.1], margin=-1), InvalidValueError, "margin"),
        (lambda: uplift_calibration(Y[:5], W[:5], TRUTH[:5]), InvalidDataError, "fewer groups than 10"),
        (lambda: uplift_calibration(Y[:12], W[:12], TRUTH[:12]), NotEstimableError, "fewer groups"),
        (lambda: uplift_calibration(Y, W, TRUTH, groups=0), InvalidDataError, "groups"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
