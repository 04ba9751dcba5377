"""A scorecard: how likely the event is, in points a person can add up, with the reasons of each score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.fit import Fit, Scale
from pycrm.scoring.binning import Bins, checked_labels, make_bins
from pycrm.scoring.logistic import logistic

__all__ = ["Scaling", "Scorecard", "Scorer"]

LINEAR: Scale = "identity"
SILENT = 1e-12  # the evidence of a column whose rows all lie in one bin is 0 but for rounding


@runtime_checkable
class Scorer(Protocol):
    """Anything with `predict_proba`: ours, or an estimator of another library."""

    def predict_proba(self, X: Any, /) -> Any:
        """Return the probability of no event and of the event, shape (n, 2)."""


@frozen(kw_only=True)
class Scaling:
    """How log odds become points: `score` at `odds` to 1, and `pdo` points more each time the odds double.

    Examples
    --------
    >>> round(Scaling(score=600, odds=50, pdo=20).factor, 4), round(Scaling(score=600, odds=50, pdo=20).offset, 4)
    (28.8539, 487.1229)

    References
    ----------
    .. [1] Siddiqi, Credit Risk Scorecards (2006), chapter 6: score = offset + factor ln(odds), factor = pdo / ln 2.
    """

    score: float = 600.0
    odds: float = 50.0
    pdo: float = 20.0

    def __attrs_post_init__(self) -> None:
        if not self.odds > 0:
            raise InvalidValueError("odds", self.odds, "give odds above 0")
        if not self.pdo > 0:
            raise InvalidValueError("pdo", self.pdo, "give a number of points above 0")

    @property
    def factor(self) -> float:
        """Points for each unit of log odds."""
        return float(self.pdo / np.log(2.0))

    @property
    def offset(self) -> float:
        """Points at even odds."""
        return float(self.score - self.factor * np.log(self.odds))


@frozen(kw_only=True)
class Scorecard:
    """Logistic regression on weights of evidence.

    Parameters
    ----------
    bins : tuple of Bins
        One for each column.
    coefficients : mapping of str to float
        One for each column, by its name.
    intercept : float
        Log odds of a row whose every bin says nothing.
    scaling : Scaling
        Points for log odds.

    References
    ----------
    .. [1] Siddiqi, Credit Risk Scorecards (2006).
    """

    bins: tuple[Bins, ...]
    coefficients: Mapping[str, float]
    intercept: float
    scaling: Scaling = Scaling()

    def __attrs_post_init__(self) -> None:
        if list(self.coefficients) != list(self.columns):
            raise InvalidValueError(
                "coefficients", self.coefficients, f"give one for each column: {', '.join(self.columns)}"
            )

    @classmethod
    def fit(
        cls,
        X: table.Frame,
        y: ArrayLike,
        *,
        columns: Sequence[str] | None = None,
        weights: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        bins: int = 20,
        smoothing: float = 20.0,
        min_share: float = 0.001,
        ridge: float = 1.0,
        scaling: Scaling | None = None,
    ) -> Fit[Scorecard]:
        """Learn a scorecard from rows whose outcome is known.

        Parameters
        ----------
        X : frame
            The rows, as they were known *before* the outcome; see `pycrm.scoring.snapshot_labels`.
        y : array_like of 0 and 1
            Whether the event happened.
        columns : sequence of str, optional
            Columns to use; all by default.
        weights : array_like, optional
            Of each row, at least 0: rows that stand for many, or classes sampled unequally.
        offset : array_like, optional
            Known log odds of each row, added to what is estimated.
        bins : int
            Most bins of a number.
        smoothing : float
            Rows of the average kind added to each bin.
        min_share : float
            Categories rarer than this are learnt together, as the unseen bin.
        ridge : float
            Penalty of the squared coefficients; above 0, separated rows still have an answer.
        scaling : Scaling, optional
            Points for log odds.

        Returns
        -------
        Fit of Scorecard
            Its notes name columns that say nothing.

        Raises
        ------
        InvalidDataError
            If a label is not 0 or 1, a number is infinite, or there are no rows.
        NotEstimableError
            If all labels are alike, or, without ridge, the rows are perfectly separated.

        Examples
        --------
        >>> fit = Scorecard.fit({"visits": [1, 2, 3, 4, 5, 6, 7, 8]}, [0, 0, 0, 1, 0, 1, 1, 1], smoothing=1.0)
        >>> fit.converged
        True
        >>> fit.model.predict_proba({"visits": [1, 8, None]})[:, 1].round(2).tolist()
        [0.17, 0.83, 0.5]
        """
        frame = table.eager(X)
        names = tuple(frame.columns) if columns is None else table.text_list("columns", columns)
        if not names:
            raise InvalidDataError("X", None, "no columns", "give at least one column")
        events, weight = checked_labels(y, len(frame), weights)
        _both_classes(events, weight)
        for name, number in (("smoothing", smoothing), ("ridge", ridge)):
            table.number_option(name, number, "give a finite number of at least 0", least=0.0)
        table.number_option("min_share", min_share, "give a share from 0 to 1", least=0.0, most=1.0)
        scale: object = Scaling() if scaling is None else scaling
        if not isinstance(scale, Scaling):
            raise InvalidValueError("scaling", scaling, "give Scaling(score=..., odds=..., pdo=...)")
        shift = 0.0 if offset is None else table.numbers({"offset": np.asarray(offset).reshape(-1)}, "offset")
        if offset is not None and len(np.atleast_1d(shift)) != len(frame):
            raise InvalidDataError("offset", None, len(np.atleast_1d(shift)), f"give one for each of {len(frame)} rows")
        cut = tuple(
            make_bins(frame, name, events, weight, bins=bins, min_share=min_share, smoothing=smoothing)
            for name in names
        )
        design = np.ones((len(frame), len(cut) + 1))
        for place, of_column in enumerate(cut, start=1):
            design[:, place] = of_column.woe[of_column.index(frame)]
        penalty = np.full(len(cut) + 1, float(ridge))
        penalty[0] = 0.0
        design[:, 1:][:, np.abs(design[:, 1:]).max(axis=0) < SILENT] = 0.0
        flat = [of_column.column for place, of_column in enumerate(cut, start=1) if not design[:, place].any()]
        # A column that says nothing has no coefficient to find; a unit penalty pins it to 0 where the ridge is off.
        penalty[1:] = np.where(design[:, 1:].any(axis=0), penalty[1:], 1.0)
        found = logistic(design, events, weights=weight, ridge=penalty, offset=shift)
        model = cls(
            bins=cut,
            coefficients=dict(zip(names, found.coefficients[1:].tolist(), strict=True)),
            intercept=float(found.coefficients[0]),
            scaling=scale,
        )
        return Fit(
            model=model,
            log_likelihood=found.log_likelihood,
            names=("intercept", *(f"coefficients[{name}]" for name in names)),
            scales=(LINEAR,) * (len(names) + 1),
            covariance=found.covariance,
            converged=found.converged,
            gradient_norm=found.gradient_norm,
            steps=found.steps,
            weight=float(weight.sum()),
            notes=tuple(f"column {name!r} says nothing: every row has the same evidence" for name in flat),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(of_column.column for of_column in self.bins)

    def log_odds(self, X: table.Frame) -> NDArray[np.float64]:
        """Return the log odds of the event for each row."""
        frame = table.eager(X)
        odds = np.full(len(frame), self.intercept)
        for of_column, coefficient in zip(self.bins, self.coefficients.values(), strict=True):
            odds += (coefficient * of_column.woe)[of_column.index(frame)]
        return odds

    def probability(self, X: table.Frame) -> NDArray[np.float64]:
        """Return the probability of the event for each row."""
        chance: NDArray[np.float64] = expit(self.log_odds(X))
        return chance

    def predict_proba(self, X: table.Frame) -> NDArray[np.float64]:
        """Return the probability of no event and of the event for each row, shape (n, 2)."""
        chance = self.probability(X)
        return np.stack([1.0 - chance, chance], axis=1)

    def card(self) -> list[dict[str, Any]]:
        """Return the card itself: one row a bin, with events, weight of evidence and whole points.

        The points of the intercept are spread evenly over the columns, so that a person adds one number a column.
        """
        return [
            {
                "column": of_column.column,
                "bin": label,
                "rows": trials,
                "events": events,
                "woe": float(woe),
                "points": int(points),
            }
            for of_column, all_points in zip(self.bins, self._points(), strict=True)
            for label, trials, events, woe, points in zip(
                of_column.labels, of_column.trials, of_column.events, of_column.woe, all_points, strict=True
            )
        ]

    def points(self, X: table.Frame) -> NDArray[np.int64]:
        """Return the score of each row: the sum of the whole points of its bins, as in `card`."""
        frame = table.eager(X)
        total = np.zeros(len(frame), dtype=np.int64)
        for of_column, all_points in zip(self.bins, self._points(), strict=True):
            total += all_points[of_column.index(frame)]
        return total

    def explain(self, X: table.Frame, *, top: int = 3) -> Any:
        """Return probability, points and the strongest reasons of each row, in a frame of the same kind and index.

        Parameters
        ----------
        X : frame
            The rows.
        top : int
            Number of reasons, in columns reason_1, reason_2 ...: the bins that moved the log odds most, in either direction,
            from what the average row has in that column.

        Examples
        --------
        >>> fit = Scorecard.fit({"asked": ["yes", "yes", "no", "no"] * 9}, [1, 1, 0, 1] * 9)
        >>> fit.model.explain({"asked": ["no"]}, top=1)["reason_1"].tolist()
        ['asked = no lowers the odds to 0.32 of the average']
        """
        count = min(table.whole_option("top", top, 1), len(self.bins))
        frame = table.eager(X)
        moved = np.empty((len(frame), len(self.bins)))
        index = np.empty((len(frame), len(self.bins)), dtype=np.int64)
        sentences: list[NDArray[Any]] = []
        for place, (of_column, coefficient) in enumerate(zip(self.bins, self.coefficients.values(), strict=True)):
            trials, pull = np.asarray(of_column.trials), coefficient * of_column.woe
            relative = pull - (pull * trials).sum() / trials.sum()
            index[:, place] = of_column.index(frame)
            moved[:, place] = relative[index[:, place]]
            sentences.append(
                np.asarray(
                    [_reason(of_column, label, float(r)) for label, r in zip(of_column.labels, relative, strict=True)],
                    dtype=object,
                )
            )
        order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :count]
        columns: dict[str, Any] = {"probability": self.probability(frame), "points": self.points(frame)}
        rows = np.arange(len(frame))
        width = max((len(texts) for texts in sentences), default=0)
        grid = np.full((len(sentences), width), "", dtype=object)
        for place, texts in enumerate(sentences):
            grid[place, : len(texts)] = texts
        for rank in range(count):
            chosen = order[:, rank]
            columns[f"reason_{rank + 1}"] = grid[chosen, index[rows, chosen]]
        return table.build(columns, like=X, aligned=True)

    def _points(self) -> list[NDArray[np.int64]]:
        base = (self.scaling.offset + self.scaling.factor * self.intercept) / max(len(self.bins), 1)
        return [
            np.rint(base + self.scaling.factor * coefficient * of_column.woe).astype(np.int64)
            for of_column, coefficient in zip(self.bins, self.coefficients.values(), strict=True)
        ]


def _reason(of_column: Bins, label: str, pull: float) -> str:
    value = f"{of_column.column} {label}" if label[:2] in {"<=", "> "} else f"{of_column.column} = {label}"
    if of_column.kind == "number" and label.startswith("("):
        value = f"{of_column.column} in {label}"
    direction = "raises" if pull > 0 else "lowers"
    return f"{value} {direction} the odds to {np.exp(pull):.2f} of the average"


def _both_classes(events: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
    if not len(events):
        raise InvalidDataError("X", None, "no rows", "give at least one row of each class")
    if (weight * events).sum() <= 0 or (weight * (1.0 - events)).sum() <= 0:
        raise NotEstimableError("the scorecard", "every label is the same; give rows with the event and rows without")
