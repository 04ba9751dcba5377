"""Whether a model would have worked: trained on what was over, tested on what came next, again and again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.scoring.drift import Drift, population_stability
from pycrm.scoring.evaluate import Evaluation, evaluate
from pycrm.scoring.scorecard import Scorer

__all__ = ["Fold", "ModelRecord", "RefitDecision", "needs_refit", "rolling_origin", "time_split"]


@frozen(kw_only=True)
class Fold:
    """One origin of a backtest.

    Parameters
    ----------
    origin : date
        The day the model was trained on and asked.
    train, test : int
        Rows of each.
    evaluation : Evaluation, optional
        On the rows of the origin; None where `reason` says why.
    psi : float
        Stability of the scores from training to test; NaN without an evaluation.
    reason : str, optional
        Why there is no evaluation.
    """

    origin: dt.date
    train: int
    test: int
    evaluation: Evaluation | None
    psi: float
    reason: str | None = None


def time_split(
    rows: table.Frame, *, horizon: int, as_of: str = "as_of", test_share: float = 0.25
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows to train on and which to test on: the latest days, and those whose outcome was over before them.

    Parameters
    ----------
    rows : frame
        As `snapshot_labels` returns them.
    horizon : int
        Days until an outcome is known; rows in between belong to neither part.
    as_of : str
        Column of the day of a row; a day is never split.
    test_share : float
        Share of the rows to test on, at least.

    Raises
    ------
    NotEstimableError
        If the days are too close for both parts.

    Examples
    --------
    >>> import datetime as dt
    >>> rows = {"as_of": [dt.date(2024, month, 1) for month in (1, 2, 3, 4)]}
    >>> [part.tolist() for part in time_split(rows, horizon=30)]
    [[True, True, True, False], [False, False, False, True]]
    """
    if not 0.0 < test_share < 1.0:
        raise InvalidValueError("test_share", test_share, "give a share above 0 and below 1")
    if int(horizon) != horizon or horizon < 0:
        raise InvalidValueError("horizon", horizon, "give a whole number of days of at least 0")
    day = table.day_numbers(rows, as_of)
    if not len(day):
        raise NotEstimableError("the split", "there are no rows")
    start = np.sort(day)[::-1][max(int(np.ceil(test_share * len(day))) - 1, 0)]
    train, test = day + horizon <= start, day >= start
    if not train.any():
        raise NotEstimableError("the split", f"no row's outcome was over before {np.datetime64(int(start), 'D')}")
    return train, test


def rolling_origin(
    rows: table.Frame,
    *,
    fit: Callable[[Any, NDArray[np.int64]], Scorer],
    horizon: int,
    features: Sequence[str],
    label: str = "bought",
    as_of: str = "as_of",
    least_train: int = 50,
    rng: np.random.Generator | None = None,
) -> tuple[Fold, ...]:
    """Train and test at each day of the rows, in turn.

    Parameters
    ----------
    rows : frame
        As `snapshot_labels` returns them.
    fit : callable
        From a frame of features and labels to a scorer: ``lambda X, y: Scorecard.fit(X, y).model``.
    horizon : int
        Days until an outcome is known. A row teaches at an origin only if its outcome was over by then.
    features : sequence of str
        The columns to learn from; a label among them is refused.
    label, as_of : str
        Columns: what to predict, and the day of the row.
    least_train : int
        Rows below which an origin is not tried.
    rng : numpy.random.Generator, optional
        Gives the evaluations their intervals.

    Raises
    ------
    InvalidDataError
        If a feature is a label or the day: that leaks.

    Examples
    --------
    >>> import datetime as dt
    >>> from pycrm.scoring import Scorecard
    >>> days = [dt.date(2024, month, 1) for month in (1, 2, 3)]
    >>> rows = {"as_of": [day for day in days for _ in range(40)], "x": [0, 1] * 60, "bought": [0, 1, 0, 1, 1, 0] * 20}
    >>> folds = rolling_origin(rows, fit=lambda X, y: Scorecard.fit(X, y).model, horizon=28, features=["x"], least_train=40)
    >>> [(fold.origin.month, fold.train, fold.evaluation is None) for fold in folds]
    [(1, 0, True), (2, 40, False), (3, 80, False)]
    """
    for name in features:
        if name in {label, as_of, "bought", "churned", "next_days"}:
            raise InvalidDataError(name, None, name, "this says what happened next; learn from what was known before")
    frame = table.eager(rows)
    day = table.day_numbers(frame, as_of)
    y = table.numbers(frame, label).astype(np.int64)
    columns = {name: table.column(frame, name) for name in features}
    folds = []
    for origin in np.unique(day):
        train, test = day + horizon <= origin, day == origin
        shown: dt.date = np.datetime64(int(origin), "D").astype(object)
        reason = None
        if train.sum() < least_train:
            reason = f"{int(train.sum())} rows whose outcome was over; at least {least_train} are needed"
        elif len(np.unique(y[train])) < 2 or len(np.unique(y[test])) < 2:
            reason = "every label is the same"
        if reason is not None:
            folds.append(
                Fold(
                    origin=shown,
                    train=int(train.sum()),
                    test=int(test.sum()),
                    evaluation=None,
                    psi=np.nan,
                    reason=reason,
                )
            )
            continue
        before, after = (
            table.build({name: values[part] for name, values in columns.items()}, like=rows) for part in (train, test)
        )
        scorer = fit(before, y[train])
        old, new = (np.asarray(scorer.predict_proba(part), dtype=np.float64)[:, 1] for part in (before, after))
        edges = np.unique(np.quantile(old, np.arange(1, 10) / 10))
        counts = [np.bincount(np.searchsorted(edges, scores), minlength=len(edges) + 1) for scores in (old, new)]
        folds.append(
            Fold(
                origin=shown,
                train=int(train.sum()),
                test=int(test.sum()),
                evaluation=evaluate(y[test], new, rng=rng),
                psi=population_stability(*counts),
            )
        )
    return tuple(folds)


@frozen(kw_only=True)
class ModelRecord:
    """What a registry keeps of a model: enough to know what it was and whether to trust it.

    Parameters
    ----------
    name, version : str
        Which model.
    fitted_on : date
        When.
    since, until : date
        The days its rows stand for.
    rows : int
        How many.
    parameters : mapping of str to float
        As the fit names them.
    measures : mapping of str to float
        On rows it had not seen.
    former : str, optional
        The version it follows.
    """

    name: str
    version: str
    fitted_on: dt.date
    since: dt.date
    until: dt.date
    rows: int
    parameters: Mapping[str, float] = field(factory=dict, repr=False)
    measures: Mapping[str, float] = field(factory=dict)
    former: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.until < self.since:
            raise InvalidValueError("until", self.until, f"the window ends after it begins, {self.since}")
        if self.fitted_on < self.until:
            raise InvalidValueError(
                "fitted_on", self.fitted_on, f"a model cannot learn from days to come, {self.until}"
            )


@frozen(kw_only=True)
class RefitDecision:
    """Whether to fit again, and why."""

    refit: bool
    reasons: tuple[str, ...]


def needs_refit(
    record: ModelRecord,
    *,
    today: dt.date,
    drifts: Sequence[Drift] = (),
    evaluation: Evaluation | None = None,
    most_age: int = 180,
    tolerance: float = 0.02,
) -> RefitDecision:
    """Decide whether a model should be fitted again: it is old, its world shifted, or it got worse.

    Parameters
    ----------
    record : ModelRecord
        The model in use.
    today : date
        When the question is asked.
    drifts : sequence of Drift
        As `scorecard_drift` finds them.
    evaluation : Evaluation, optional
        On new rows.
    most_age : int
        Days after which it is old.
    tolerance : float
        How far the AUC may fall below the record's.

    Examples
    --------
    >>> import datetime as dt
    >>> day = dt.date(2024, 1, 1)
    >>> record = ModelRecord(name="churn", version="1", fitted_on=day, since=day, until=day, rows=9)
    >>> needs_refit(record, today=dt.date(2024, 12, 1)).reasons
    ('it is 335 days old, more than 180',)
    """
    reasons = []
    age = (today - record.fitted_on).days
    if age > most_age:
        reasons.append(f"it is {age} days old, more than {most_age}")
    reasons.extend(
        f"{drift.name} has shifted (PSI {drift.psi:.2f}; {drift.largest})"
        for drift in drifts
        if drift.verdict == "shifted"
    )
    if evaluation is not None and "auc" in record.measures and evaluation.auc < record.measures["auc"] - tolerance:
        reasons.append(f"its AUC fell from {record.measures['auc']:.3f} to {evaluation.auc:.3f}")
    return RefitDecision(refit=bool(reasons), reasons=tuple(reasons))
