"""What goes with what: published values, laws, and how often chance is called a finding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.insight import associations


def test_two_categories_give_pearsons_chi_square_and_cramers_v():
    """Fisher (1925), hair colour by sex as in Everitt (1992): the table's own arithmetic."""
    counts = {("m", "fair"): 592, ("m", "red"): 119, ("f", "fair"): 544, ("f", "red"): 97}
    rows = [pair for pair, n in counts.items() for _ in range(n)]
    [found] = associations({"sex": [sex for sex, _ in rows], "hair": [hair for _, hair in rows]})
    table = np.array([[592, 119], [544, 97]])
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    chi = ((table - expected) ** 2 / expected).sum()
    assert found.p_value == pytest.approx(stats.chi2.sf(chi, 1), rel=1e-12)
    assert found.strength == pytest.approx(np.sqrt(chi / table.sum()), rel=1e-12)


def test_chance_is_seldom_called_a_finding_and_a_true_pair_is_found():
    rng = np.random.default_rng(0)
    false = true = 0
    for _ in range(60):
        rows = {f"n{k}": rng.normal(size=80) for k in range(5)} | {"g": rng.choice(list("abc"), 80)}
        false += any(pair.found for pair in associations(rows))
        rows["twin"] = rows["n0"] + rng.normal(size=80) * 0.5
        best = associations(rows)[0]
        true += (best.first, best.second, best.found) == ("n0", "twin", True)
    assert true == 60
    assert false <= 9  # 5 % of 60 is 3; more than 9 has a chance below 0.002


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.sampled_from("ab")), min_size=20, max_size=40), st.randoms())
def test_the_order_of_rows_and_a_rising_transformation_change_nothing(rows, random):
    def found(pairs):
        return [
            (pair.strength, pair.p_value)
            for pair in associations({"n": [float(n) for n, _ in pairs], "g": [g for _, g in pairs]})
        ]

    shuffled = random.sample(rows, len(rows))
    for other in (shuffled, [(n**3, g) for n, g in rows]):
        np.testing.assert_allclose(found(other), found(rows), rtol=1e-9, equal_nan=True)


def test_what_cannot_be_tested_says_why():
    few = associations({"a": [1.0, 2.0, None], "b": [1.0, 2.0, 3.0]})
    assert few[0].reason == "2 rows know both; at least 20 are needed"
    still = associations({"a": [1.0] * 30, "b": list(range(30)), "id": [str(n) for n in range(30)]})
    assert {pair.reason for pair in still} >= {"one of the two is constant", "every row is a group of its own"}
    assert not any(pair.found for pair in still)
    only = associations({"a": list(range(30)), "b": list(range(30)), "c": list(range(30))}, target="b")
    assert [(pair.first, pair.second) for pair in only] == [("a", "b"), ("b", "c")]
    assert associations({"a": [1, 2]}) == ()


def test_wrong_questions_are_refused():
    with pytest.raises(InvalidValueError, match="false_discoveries"):
        associations({"a": [1], "b": [1]}, false_discoveries=1.0)
    with pytest.raises(InvalidValueError, match="give one of a, b"):
        associations({"a": [1], "b": [1]}, target="z")
    with pytest.raises(InvalidDataError, match="finite"):
        associations({"a": [1.0, np.inf], "b": [1.0, 2.0]})
