"""Targeting: choices with reasons, statements without holes, ideal customers by weighted traits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.segmentation import (
    IdealProfile,
    MarketingMix,
    Positioning,
    SegmentAppraisal,
    Trait,
    choose_targets,
)

PARTS = {
    "segment": "schools",
    "need": "calm",
    "offer": "Nota",
    "category": "grade book",
    "benefit": "saves time",
    "reason": "it reads",
}


def appraisal(name, attractive, fit, **criteria):
    return SegmentAppraisal(segment=name, attractiveness={"size": attractive}, fit={"brand": fit}, criteria=criteria)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), max_size=8))
def test_every_segment_is_ranked_once_and_targets_reach_both_bars(rows):
    choices = choose_targets([appraisal(str(place), *row) for place, row in enumerate(rows)], most=3)
    assert [choice.rank for choice in choices] == list(range(1, len(rows) + 1))
    assert {choice.segment for choice in choices} == set(map(str, range(len(rows))))
    assert sum(choice.target for choice in choices) <= 3
    assert all(choice.attractiveness >= 5 and choice.fit >= 5 for choice in choices if choice.target)
    products = [choice.attractiveness * choice.fit for choice in choices]
    assert products == sorted(products, reverse=True)


def test_a_segment_that_cannot_be_reached_is_no_target_and_says_why():
    choice = choose_targets([appraisal("hermits", 9, 9, accessible=False)])[0]
    assert (choice.target, choice.reason) == (False, "it is not accessible")


def test_weights_decide_between_scores():
    two = SegmentAppraisal(segment="x", attractiveness={"size": 10, "margin": 0}, fit={"brand": 6})
    assert choose_targets([two], weights={"margin": 3})[0].attractiveness == 2.5
    with pytest.raises(InvalidValueError, match="above 0"):
        choose_targets([two], weights={"size": 0, "margin": 0})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: appraisal("x", 11, 5),
        lambda: appraisal("x", 5, 5, shiny=True),
        lambda: SegmentAppraisal(segment="x", attractiveness={}, fit={"a": 1}),
        lambda: choose_targets([appraisal("x", 5, 5)] * 2),
        lambda: Positioning(**{**PARTS, "need": " "}),
        lambda: IdealProfile(traits=()),
        lambda: Trait(column="x", test="like", value=1),
        lambda: Trait(column="x", test="at_least", value="1"),
        lambda: Trait(column="x", test="one_of", value="abc"),
        lambda: Trait(column="x", test="at_least", value=1, weight=0),
    ],
)
def test_data_with_holes_is_refused(wrong):
    with pytest.raises(InvalidValueError):
        wrong()


def test_the_statement_says_all_of_its_parts_and_the_mix_says_what_is_missing():
    said = Positioning(**PARTS, alternative="paper").statement
    assert all(part in said for part in (*PARTS.values(), "paper"))
    assert MarketingMix(segment="schools").missing == ("product", "price", "place", "promotion")


def test_an_ideal_customer_has_every_trait_and_one_without_a_required_trait_has_no_fit():
    ideal = IdealProfile(
        traits=(
            Trait(column="sector", test="one_of", value=("school",), weight=3.0, required=True),
            Trait(column="pupils", test="at_least", value=200),
        )
    )
    found = ideal.score({"sector": ["school", "school", "shop", None], "pupils": [300, None, 300, 1]})
    assert found.fit.tolist() == [1.0, 0.75, 0.0, 0.0]
    assert found.fit_reason.tolist()[:2] == ["has every trait", "lacks: pupils is at least 200"]
    with pytest.raises(InvalidDataError, match="row 0"):
        ideal.score({"sector": ["school"], "pupils": ["many"]})
