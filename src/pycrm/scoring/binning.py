"""Bins of one column and their weight of evidence; missing and unseen values have bins of their own, at fit and ever after."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, NotEstimableError

__all__ = ["Bins", "information_value", "make_bins"]

MISSING, UNSEEN = "missing", "unseen"
NUMBERS = (int, float, Decimal, np.number)  # a database gives its amounts as Decimal


@frozen(kw_only=True)
class Bins:
    """How one column is cut, and what each bin says about the event.

    Parameters
    ----------
    column : str
        Its name.
    kind : {"number", "category"}
        A number lies in the first bin whose edge it does not exceed; a category has a bin for each level.
    edges : tuple of float
        Upper edges, inclusive, ascending, of all number bins but the last.
    levels : tuple of str
        The categories seen at the fit, as text.
    events, trials : tuple of float
        Events and rows (by weight) in each bin; the last bin is of missing values, that before it of unseen categories.
    smoothing : float
        Rows of the average kind that are added to each bin, so that an empty one says nothing and a small one little.
    """

    column: str
    kind: Literal["number", "category"]
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    events: tuple[float, ...] = field(repr=False)
    trials: tuple[float, ...] = field(repr=False)
    smoothing: float = 0.0

    @property
    def labels(self) -> tuple[str, ...]:
        """What to call each bin."""
        if self.kind == "category":
            return (*self.levels, UNSEEN, MISSING)
        if not self.edges:
            return ("any number", MISSING)
        shown = [f"{edge:.6g}" for edge in self.edges]
        middle = [f"({low}, {high}]" for low, high in itertools.pairwise(shown)]
        return (f"<= {shown[0]}", *middle, f"> {shown[-1]}", MISSING)

    @property
    def woe(self) -> NDArray[np.float64]:
        """Weight of evidence of each bin: ln of its odds over the odds of all rows; 0 for a bin without rows.

        A bin where every row, or none, is an event is given half a row of the other kind, unless `smoothing` does it.
        """
        events, trials = np.asarray(self.events), np.asarray(self.trials)
        average = events.sum() / trials.sum()
        good = events + self.smoothing * average
        bad = trials - events + self.smoothing * (1.0 - average)
        if self.smoothing <= 0.0:
            good, bad = np.where(good <= 0, 0.5, good), np.where(bad <= 0, 0.5, bad)
        evidence = np.log(good) - np.log(bad) - np.log(average) + np.log1p(-average)
        return np.where(trials > 0, evidence, 0.0)

    @property
    def information_value(self) -> float:
        """Sum over the bins of (share of events - share of the others) times weight of evidence."""
        events, trials = np.asarray(self.events), np.asarray(self.trials)
        others = trials - events
        return float(((events / events.sum() - others / others.sum()) * self.woe).sum())

    def index(self, frame: table.Frame) -> NDArray[np.int64]:
        """Return the bin of each row of `frame`.

        Raises
        ------
        InvalidDataError
            If the column holds text where numbers were fitted, or an infinite number.
        """
        if self.kind == "number":
            values = _as_numbers(table.column(frame, self.column), self.column)
            bins = np.searchsorted(np.asarray(self.edges), values, side="left")
            bins[np.isnan(values)] = len(self.edges) + 1
            return bins.astype(np.int64)
        codes, uniques = table.factorise(table.column(frame, self.column), self.column)
        place = {level: index for index, level in enumerate(self.levels)}
        of_unique = np.asarray([place.get(str(value), len(self.levels)) for value in uniques] + [len(self.levels) + 1])
        return of_unique.astype(np.int64)[codes]


def make_bins(
    frame: table.Frame,
    column: str,
    events: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    bins: int = 10,
    min_share: float = 0.0,
    smoothing: float = 0.0,
) -> Bins:
    """Cut one column at quantiles (numbers) or by level (categories) and count events in each bin.

    Parameters
    ----------
    frame : frame
        The rows.
    column : str
        The column to cut.
    events, weights : ndarray, shape (n,)
        0 or 1, and the weight of each row.
    bins : int
        Most bins of a number; a number of no more distinct values has one bin for each.
    min_share : float
        A category of a smaller share of the weight is treated as unseen, so that the unseen bin has learnt something.
    smoothing : float
        See `Bins`.
    """
    bins = table.whole_option("bins", bins, 1)
    raw = table.column(frame, column)
    if raw.dtype.kind in "Mm":
        raise InvalidDataError(
            column, None, str(raw.dtype), "give a number, such as the days until the day of the snapshot"
        )
    numeric = _is_numeric(raw)
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    if numeric:
        values = _as_numbers(raw, column)
        edges = _edges(values[~np.isnan(values) & (weights > 0)], bins)
    else:
        codes, uniques = table.factorise(raw, column)
        totals = np.bincount(codes[codes >= 0], weights=weights[codes >= 0], minlength=len(uniques))
        kept = {str(value) for value, total in zip(uniques, totals, strict=True) if total > min_share * weights.sum()}
        levels = tuple(sorted(kept))
    cut = Bins(
        column=column,
        kind="number" if numeric else "category",
        edges=edges,
        levels=levels,
        events=(),
        trials=(),
        smoothing=smoothing,
    )
    index = cut.index(frame)
    size = len(edges) + 2 if numeric else len(levels) + 2
    return Bins(
        column=column,
        kind=cut.kind,
        edges=edges,
        levels=levels,
        events=tuple(np.bincount(index, weights=weights * events, minlength=size).tolist()),
        trials=tuple(np.bincount(index, weights=weights, minlength=size).tolist()),
        smoothing=smoothing,
    )


def information_value(
    X: table.Frame, y: ArrayLike, *, columns: Sequence[str] | None = None, bins: int = 10
) -> dict[str, float]:
    """Return how much each column tells about the event, largest first.

    Parameters
    ----------
    X : frame
        The rows; numbers are cut at `bins` quantiles, everything else by level.
    y : array_like of 0 and 1
        Whether the event happened.
    columns : sequence of str, optional
        Which columns; all by default.
    bins : int
        Most bins of a number.

    Notes
    -----
    Rule of thumb: below .02 nothing, .1 weak, .3 medium, .5 strong, above suspicious. Equal to the symmetrised
    Kullback-Leibler divergence between the columns' distributions among events and others.

    Examples
    --------
    >>> information_value({"asked": ["yes", "yes", "no", "no"], "day": [1, 2, 1, 2]}, [1, 0, 0, 0])["day"]
    0.924196...
    """
    frame = table.eager(X)
    events, weights = checked_labels(y, len(frame), None)
    if not 0 < events.sum() < len(events):
        raise NotEstimableError(
            "the information value", "every label is the same; give rows with the event and rows without"
        )
    names = frame.columns if columns is None else columns
    found = {name: make_bins(frame, name, events, weights, bins=bins).information_value for name in names}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def checked_labels(
    y: ArrayLike, rows: int, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return labels and weights as floats, or raise naming the first that is wrong; both classes must have weight."""
    raw = np.asarray(y).reshape(-1)
    try:
        labels = table.numbers({"y": raw}, "y")
    except InvalidDataError as error:
        of_text = "; of text, compare with the one that is the event, as in y == 'yes'"
        fix = "give 0 or 1" + (of_text if isinstance(error.value, str) else "")
        raise InvalidDataError("y", error.row, error.value, fix) from None
    if raw.dtype.kind in "Mm":
        raise InvalidDataError("y", 0, str(raw[0]), "give 0 or 1")
    if len(labels) != rows:
        raise InvalidDataError("y", None, len(labels), f"give one label for each of the {rows} rows")
    wrong = ~np.isin(labels, (0.0, 1.0))
    if wrong.any():
        raise InvalidDataError("y", int(np.argmax(wrong)), float(labels[wrong][0]), "give 0 or 1")
    if weights is None:
        return labels, np.ones(rows)
    given = table.numbers({"weights": np.asarray(weights).reshape(-1)}, "weights", minimum=0.0)
    if len(given) != rows:
        raise InvalidDataError("weights", None, len(given), f"give one weight for each of the {rows} rows")
    return labels, given


def _is_numeric(raw: NDArray[Any]) -> bool:
    if raw.dtype.kind in "iuf":
        return True
    if raw.dtype.kind != "O":
        return False
    known = [value for value in raw if value is not None]
    return bool(known) and all(isinstance(value, NUMBERS) and not isinstance(value, bool) for value in known)


def _as_numbers(raw: NDArray[Any], column: str) -> NDArray[np.float64]:
    try:
        values = raw.astype(np.float64)
    except (TypeError, ValueError):
        for row, value in enumerate(raw):
            if value is not None and not isinstance(value, NUMBERS):
                raise InvalidDataError(column, row, value, "give a number, or nothing where it is missing") from None
        raise InvalidDataError(column, None, raw.dtype, "give numbers") from None
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise InvalidDataError(column, row, float(values[row]), "give a finite number, or nothing where it is missing")
    return values


def _edges(values: NDArray[np.float64], bins: int) -> tuple[float, ...]:
    distinct = np.unique(values)
    if len(distinct) <= bins:
        return tuple(distinct[:-1].tolist())
    cuts = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    return tuple(cuts[cuts < distinct[-1]].tolist())
