"""Named segments: every cell in exactly one, every name reachable; a table that is neither is refused."""

import itertools

import pytest

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.segmentation import STANDARD_SEGMENTS, RfmSegment, rfm_segments

CELLS = list(itertools.product(range(1, 6), repeat=3))


def named(cells):
    return rfm_segments(dict(zip("rfm", zip(*cells, strict=True), strict=True)))["segment"].tolist()


def test_each_of_the_125_cells_is_covered_by_exactly_one_box():
    assert len(CELLS) == 125
    for cell in CELLS:
        assert sum(box.covers(*cell) for box in STANDARD_SEGMENTS) == 1


def test_each_named_segment_is_reached_by_some_cell():
    reached = set(named(CELLS))
    assert reached == {box.name for box in STANDARD_SEGMENTS}
    assert len(reached) == 11


def test_the_bulk_answer_is_the_answer_of_the_boxes():
    assert named(CELLS) == [next(box.name for box in STANDARD_SEGMENTS if box.covers(*cell)) for cell in CELLS]


def test_the_champions_are_high_on_all_three_and_the_lost_low_on_recency_and_frequency():
    assert {cell for cell, name in zip(CELLS, named(CELLS), strict=True) if name == "Champions"} == {
        cell for cell in CELLS if min(cell) >= 4
    }
    assert all(cell[0] == 1 and cell[1] <= 2 for cell, name in zip(CELLS, named(CELLS), strict=True) if name == "Lost")


def test_a_hole_an_overlap_and_a_box_beyond_the_scores_are_named():
    with pytest.raises(InvalidValueError, match="1-1-1 has no name"):
        rfm_segments({"r": [1], "f": [1], "m": [1]}, segments=[RfmSegment("Top", r=(2, 5))])
    with pytest.raises(InvalidValueError, match="2-1-1 already belongs to 'Low'"):
        rfm_segments(
            {"r": [1], "f": [1], "m": [1]}, segments=[RfmSegment("Low", r=(1, 2)), RfmSegment("Top", r=(2, 5))]
        )
    with pytest.raises(InvalidValueError, match="end at 3"):
        rfm_segments({"r": [1], "f": [1], "m": [1]}, bins=3)


def test_a_box_that_can_never_hold_anybody_is_refused():
    with pytest.raises(InvalidValueError, match="lower first"):
        RfmSegment("Nobody", r=(3, 2))
    with pytest.raises(InvalidValueError, match="name"):
        RfmSegment(" ")


@pytest.mark.parametrize("score", [0, 6, 2.5, None])
def test_a_score_outside_the_cube_is_named(score):
    with pytest.raises(InvalidDataError) as caught:
        rfm_segments({"r": [1, score], "f": [1, 1], "m": [1, 1]})
    assert (caught.value.column, caught.value.row) == ("r", 1)


def test_nobody_gives_an_empty_answer():
    assert len(rfm_segments({"r": [], "f": [], "m": []})) == 0
