"""Names for the cells of the RFM cube, so that each cell has exactly one and each name at least one cell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["STANDARD_SEGMENTS", "RfmSegment", "rfm_segments"]


@frozen
class RfmSegment:
    """A name for a box of cells: every cell whose three scores lie in the three ranges, both ends included.

    A segment of several boxes is several of these with one name.

    Examples
    --------
    >>> RfmSegment("Champions", r=(4, 5), f=(4, 5), m=(4, 5)).covers(5, 4, 4)
    True
    """

    name: str
    r: tuple[int, int] = field(default=(1, 5), kw_only=True)
    f: tuple[int, int] = field(default=(1, 5), kw_only=True)
    m: tuple[int, int] = field(default=(1, 5), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not str(self.name).strip():
            raise InvalidValueError("name", self.name, "give the segment a name")
        for axis in ("r", "f", "m"):
            ends: Any = getattr(self, axis)
            whole = isinstance(ends, tuple) and len(ends) == 2 and all(isinstance(end, int) for end in ends)
            if not whole or not 1 <= ends[0] <= ends[1]:
                raise InvalidValueError(axis, ends, "give a tuple of two whole scores of at least 1, the lower first")

    def covers(self, r: int, f: int, m: int) -> bool:
        """Whether the cell belongs to this box."""
        return self.r[0] <= r <= self.r[1] and self.f[0] <= f <= self.f[1] and self.m[0] <= m <= self.m[1]


STANDARD_SEGMENTS: tuple[RfmSegment, ...] = (
    RfmSegment("Champions", r=(4, 5), f=(4, 5), m=(4, 5)),
    RfmSegment("Loyal Customers", r=(4, 5), f=(4, 5), m=(1, 3)),
    RfmSegment("Loyal Customers", r=(3, 3), f=(4, 5)),
    RfmSegment("Potential Loyalist", r=(4, 5), f=(2, 3)),
    RfmSegment("New Customers", r=(5, 5), f=(1, 1)),
    RfmSegment("Promising", r=(4, 4), f=(1, 1)),
    RfmSegment("Need Attention", r=(3, 3), f=(1, 3), m=(3, 5)),
    RfmSegment("About To Sleep", r=(3, 3), f=(1, 3), m=(1, 2)),
    RfmSegment("Can't Lose Them", r=(1, 1), f=(4, 5), m=(4, 5)),
    RfmSegment("At Risk", r=(1, 1), f=(4, 5), m=(1, 3)),
    RfmSegment("At Risk", r=(1, 1), f=(3, 3)),
    RfmSegment("At Risk", r=(2, 2), f=(3, 5)),
    RfmSegment("Hibernating", r=(2, 2), f=(1, 2)),
    RfmSegment("Lost", r=(1, 1), f=(1, 2)),
)
"""The eleven customary names over scores 1 to 5; together they cover each of the 125 cells once."""


def rfm_segments(scores: table.Frame, *, segments: Sequence[RfmSegment] = STANDARD_SEGMENTS, bins: int = 5) -> Any:
    """Return `scores` with a column `segment`, the name of each customer's cell.

    Parameters
    ----------
    scores : frame
        With columns r, f and m, as `rfm_scores` returns it.
    segments : sequence of RfmSegment
        The boxes. They must cover each cell exactly once: order does not matter, and nobody falls through.
    bins : int
        The highest score.

    Raises
    ------
    InvalidValueError
        If a cell has no name or two, or a box reaches no cell; the message names it.
    InvalidDataError
        Naming column and row of a score that is no whole number from 1 to `bins`.

    Examples
    --------
    >>> rfm_segments({"r": [5, 1], "f": [5, 1], "m": [4, 2]})["segment"].tolist()
    ['Champions', 'Lost']
    """
    cells, names = _cube(tuple(segments), bins)
    frame = table.eager(scores)
    axes = [table.numbers(frame, name, minimum=1, integer=True).astype(np.int64) for name in ("r", "f", "m")]
    for name, values in zip(("r", "f", "m"), axes, strict=True):
        if len(values) and values.max() > bins:
            row = int(np.argmax(values > bins))
            raise InvalidDataError(name, row, int(values[row]), f"give a score from 1 to {bins}, or say bins=")
    columns = {name: table.column(frame, name) for name in frame.columns}
    columns["segment"] = names[cells[axes[0] - 1, axes[1] - 1, axes[2] - 1]]
    return table.build(columns, like=scores, aligned=True)


def _cube(segments: tuple[RfmSegment, ...], bins: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the index of the box of each cell, and the names the indices stand for."""
    cells = np.full((bins, bins, bins), -1)
    for index, segment in enumerate(segments):
        given: Any = segment
        if not isinstance(given, RfmSegment):
            raise InvalidValueError("segments", segment, "give RfmSegment values")
        if max(segment.r[1], segment.f[1], segment.m[1]) > bins:
            raise InvalidValueError("segments", segment, f"scores end at {bins}; shrink the box, or say bins=")
        for r, f, m in itertools.product(*(range(low, high + 1) for low, high in (segment.r, segment.f, segment.m))):
            if cells[r - 1, f - 1, m - 1] >= 0:
                other = segments[cells[r - 1, f - 1, m - 1]]
                raise InvalidValueError(
                    "segments", segment.name, f"cell {r}-{f}-{m} already belongs to {other.name!r}; shrink one box"
                )
            cells[r - 1, f - 1, m - 1] = index
    if (cells < 0).any():
        r, f, m = (int(axis[0]) + 1 for axis in np.nonzero(cells < 0))
        raise InvalidValueError("segments", f"{len(segments)} boxes", f"cell {r}-{f}-{m} has no name; cover every cell")
    return cells, np.asarray([segment.name for segment in segments], dtype=object)
