"""Who gets what, by group: rates, gaps and ratios with their intervals, and a reason wherever a number would be a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.fit import proportion_interval

__all__ = ["FairnessAudit", "GroupMean", "GroupRates", "audit_means", "audit_selection"]

Interval = tuple[float, float]
NOWHERE: Interval = (np.nan, np.nan)


@frozen(kw_only=True)
class GroupRates:
    """What one group gets.

    Parameters
    ----------
    group : tuple of str
        Its value in each grouping column.
    rows, selected : int
        How many, and how many of them got it.
    selection_rate, true_positive_rate, false_positive_rate, precision : float
        Shares; NaN where `reasons` says why. The last three need the actual outcome.
    interval : (low, high)
        Wilson interval of the selection rate.
    difference, ratio : float
        Selection rate less, and over, that of the reference group.
    difference_interval : (low, high)
        Newcombe's interval of the difference.
    mean_score, observed_rate : float
        Calibration: what the score promised the group, and what happened.
    reasons : tuple of str
        What could not be estimated, and why.
    """

    group: tuple[str, ...]
    rows: int
    selected: int
    selection_rate: float
    interval: Interval
    difference: float
    ratio: float
    difference_interval: Interval
    true_positive_rate: float = np.nan
    false_positive_rate: float = np.nan
    precision: float = np.nan
    mean_score: float = np.nan
    observed_rate: float = np.nan
    reasons: tuple[str, ...] = ()


@frozen(kw_only=True)
class FairnessAudit:
    """Who was selected, by group. Gaps are largest less smallest rate over the groups that can be estimated; ratios smallest over largest.

    Parameters
    ----------
    groups : tuple of GroupRates
        In order of their names.
    reference : tuple of str
        The group the others are compared with.
    demographic_parity_difference, demographic_parity_ratio : float
        Of the selection rates.
    equal_opportunity_difference : float
        Of the true positive rates.
    equalised_odds_difference : float
        The larger of the gaps of true and of false positive rates.
    predictive_parity_difference : float
        Of the precisions.
    intervals : mapping of str to (low, high)
        Percentile bootstrap intervals of those measures; empty without a random generator.
    four_fifths : bool or None
        Whether every estimable group is selected at least four fifths as often as the most selected; None if not estimable.
    strata : mapping of str to FairnessAudit
        The same inside each stratum, if the audit was conditional.
    standardised : mapping of group to float
        Selection rate of each group, had it the strata of everybody; NaN where a stratum of it is empty.
    reasons : tuple of str
        What could not be estimated, and why.
    """

    groups: tuple[GroupRates, ...]
    reference: tuple[str, ...]
    demographic_parity_difference: float
    demographic_parity_ratio: float
    equal_opportunity_difference: float
    equalised_odds_difference: float
    predictive_parity_difference: float
    intervals: Mapping[str, Interval] = field(factory=dict)
    four_fifths: bool | None
    strata: Mapping[str, FairnessAudit] = field(factory=dict, repr=False)
    standardised: Mapping[tuple[str, ...], float] = field(factory=dict, repr=False)
    reasons: tuple[str, ...] = ()

    def reputation_risk(self, *, gap: float = 0.2, reach: int = 100) -> bool:
        """Whether a gap that people would see also reaches many: both at least as large as stated.

        Parameters
        ----------
        gap : float
            Difference from the reference group, toward less, whose whole interval lies beyond 0.
        reach : int
            Rows of the groups that are so much worse off.

        Examples
        --------
        >>> rows = {"group": ["a"] * 200 + ["b"] * 200, "offered": [1] * 150 + [0] * 50 + [1] * 50 + [0] * 150}
        >>> audit_selection(rows, group="group", selected="offered").reputation_risk()
        True
        """
        hit = [row for row in self.groups if row.difference <= -gap and row.difference_interval[1] < 0.0]
        return sum(row.rows for row in hit) >= reach if hit else False


MEASURES = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalised_odds_difference",
    "predictive_parity_difference",
)


def audit_selection(
    rows: table.Frame,
    *,
    group: str | Sequence[str],
    selected: str,
    actual: str | None = None,
    score: str | None = None,
    given: str | None = None,
    reference: str | tuple[str, ...] | None = None,
    min_rows: int = 20,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    replicates: int = 1_000,
) -> FairnessAudit:
    """Audit a yes or no that people got: an offer, a tier, a call, a prediction.

    Parameters
    ----------
    rows : frame
        One row a person.
    group : str or sequence of str
        Column of the group; several give intersectional groups. A missing value is a group called "missing".
    selected : str
        Column of 0 and 1: who got it.
    actual : str, optional
        Column of 0 and 1: who should have, in hindsight; gives equal opportunity, equalised odds and precision.
    score : str, optional
        Column of probabilities; with `actual`, gives calibration by group.
    given : str, optional
        Column of strata, such as the value tier: the audit is repeated inside each, and rates are standardised to it.
    reference : str or tuple of str, optional
        The group to compare with; the largest by default, whether anybody in it was selected or not.
    min_rows : int
        A rate over fewer rows is not estimated: a reason stands in its place.
    confidence : float
        Of the intervals.
    rng : numpy.random.Generator, optional
        Gives bootstrap intervals of the gaps: the counts are drawn again, from a multinomial.
    replicates : int
        How often.

    Raises
    ------
    InvalidDataError
        Naming column and row of a value that is not 0 or 1.
    InvalidValueError
        If there is no such reference group.

    References
    ----------
    .. [1] Newcombe (1998), Statistics in Medicine 17, 873-890, method 10: the interval of a difference.
    .. [2] Hardt, Price & Srebro (2016): equal opportunity and equalised odds.
    .. [3] US Uniform Guidelines on Employee Selection Procedures (1978), section 4D: the four-fifths rule.

    Examples
    --------
    >>> rows = {"group": ["a"] * 50 + ["b"] * 50, "offered": [1] * 30 + [0] * 20 + [1] * 15 + [0] * 35}
    >>> audit = audit_selection(rows, group="group", selected="offered")
    >>> round(audit.demographic_parity_difference, 3), audit.demographic_parity_ratio, audit.four_fifths
    (0.3, 0.5, False)
    """
    if int(min_rows) != min_rows or min_rows < 1:
        raise InvalidValueError("min_rows", min_rows, "give a whole number of at least 1")
    frame = table.eager(rows)
    codes, names = _groups(frame, (group,) if isinstance(group, str) else tuple(group))
    got = _binary(frame, selected)
    truth = None if actual is None else _binary(frame, actual)
    promised = None if score is None else table.numbers(frame, score, minimum=0.0)
    if promised is not None and (promised > 1).any():
        row = int(np.argmax(promised > 1))
        raise InvalidDataError(str(score), row, float(promised[row]), "give a number from 0 to 1")
    base = _reference(codes, names, reference)
    settings = _Settings(min_rows=int(min_rows), confidence=confidence, rng=rng, replicates=replicates)
    everybody = _audit(codes, got, truth, promised, names=names, base=base, settings=settings)
    if given is None:
        return everybody
    strata, levels = _groups(frame, (given,))
    inside = {
        level[0]: _audit(
            codes[strata == place],
            got[strata == place],
            None if truth is None else truth[strata == place],
            None if promised is None else promised[strata == place],
            names=names,
            base=base,
            settings=settings,
        )
        for place, level in enumerate(levels)
    }
    cells = np.bincount(strata * len(names) + codes, minlength=len(levels) * len(names)).reshape(len(levels), -1)
    hits = np.bincount((strata * len(names) + codes)[got > 0], minlength=cells.size).reshape(cells.shape)
    with np.errstate(invalid="ignore"):
        rates = hits / np.where(cells > 0, cells, np.nan)
    share = np.bincount(strata, minlength=len(levels)) / max(len(strata), 1)
    standardised = dict(zip(names, (share @ rates).tolist(), strict=True)) if len(levels) else {}
    return FairnessAudit(
        groups=everybody.groups,
        reference=everybody.reference,
        **{name: getattr(everybody, name) for name in MEASURES},
        intervals=everybody.intervals,
        four_fifths=everybody.four_fifths,
        strata=inside,
        standardised=standardised,
        reasons=everybody.reasons,
    )


@frozen(kw_only=True)
class GroupMean:
    """What one group gets on average: days of waiting, discount, points.

    Parameters
    ----------
    group : tuple of str
        Its value in each grouping column.
    rows : int
        How many.
    mean : float
        NaN where `reason` says why.
    interval : (low, high)
        Student's interval of the mean.
    difference : float
        From the reference group.
    difference_interval : (low, high)
        Welch's interval of the difference.
    reason : str, optional
        Why it is not estimated.
    """

    group: tuple[str, ...]
    rows: int
    mean: float
    interval: Interval
    difference: float
    difference_interval: Interval
    reason: str | None = None


def audit_means(
    rows: table.Frame,
    *,
    group: str | Sequence[str],
    amount: str,
    reference: str | tuple[str, ...] | None = None,
    min_rows: int = 20,
    confidence: float = 0.95,
) -> tuple[GroupMean, ...]:
    """Audit an amount that people got: waiting time, discount, points, service level.

    Parameters
    ----------
    rows, group, reference, min_rows, confidence
        As in `audit_selection`.
    amount : str
        Column of the amount.

    Examples
    --------
    >>> rows = {"group": ["a"] * 30 + ["b"] * 30, "wait": [1.0, 2.0, 3.0] * 10 + [5.0, 6.0, 7.0] * 10}
    >>> [(row.group, row.mean, row.difference) for row in audit_means(rows, group="group", amount="wait")]
    [(('a',), 2.0, 0.0), (('b',), 6.0, 4.0)]
    """
    from scipy import stats

    frame = table.eager(rows)
    codes, names = _groups(frame, (group,) if isinstance(group, str) else tuple(group))
    values = table.numbers(frame, amount)
    base = _reference(codes, names, reference)
    size = len(names)
    count = np.bincount(codes, minlength=size).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(codes, weights=values, minlength=size) / count
        spread = np.bincount(codes, weights=(values - mean[codes]) ** 2, minlength=size) / (count - 1.0)
        error = spread / count
        mean[count < max(min_rows, 2)] = np.nan
        half = stats.t.isf((1.0 - confidence) / 2.0, count - 1.0) * np.sqrt(error)
        joint = error + error[base] if size else error
        freedom = joint**2 / (error**2 / (count - 1.0) + error[base] ** 2 / (count[base] - 1.0)) if size else joint
        wide = stats.t.isf((1.0 - confidence) / 2.0, freedom) * np.sqrt(joint)
        wide = np.where(joint == 0.0, 0.0, wide)
    found = []
    for place, name in enumerate(names):
        known = not np.isnan(mean[place])
        gap = float(mean[place] - mean[base])
        found.append(
            GroupMean(
                group=name,
                rows=int(count[place]),
                mean=float(mean[place]),
                interval=(float(mean[place] - half[place]), float(mean[place] + half[place])) if known else NOWHERE,
                difference=gap,
                difference_interval=NOWHERE
                if place == base or np.isnan(gap)
                else (gap - wide[place].item(), gap + wide[place].item()),
                reason=None if known else f"{int(count[place])} rows; at least {max(min_rows, 2)} are needed",
            )
        )
    return tuple(found)


@frozen(kw_only=True)
class _Settings:
    min_rows: int
    confidence: float
    rng: np.random.Generator | None
    replicates: int


def _groups(frame: table.Frame, columns: tuple[str, ...]) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    """Return the group of each row, and the groups in sorted order."""
    if not columns:
        raise InvalidValueError("group", columns, "name at least one column")
    joint: NDArray[np.int64] = np.zeros(len(table.column(frame, columns[0])), dtype=np.int64)
    labels: list[list[str]] = []
    for column in columns:
        codes, values = table.factorise(table.column(frame, column), column)
        labels.append([*(str(value) for value in values), "missing"])
        joint = joint * len(labels[-1]) + np.where(codes < 0, len(values), codes)
    cells, codes = np.unique(joint, return_inverse=True)
    names = []
    for cell in cells.tolist():
        parts = []
        for of_column in reversed(labels):
            cell, place = divmod(cell, len(of_column))  # noqa: PLW2901  # a number in mixed bases is read from its end
            parts.append(of_column[place])
        names.append(tuple(reversed(parts)))
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[codes], [names[place] for place in order]


def _binary(frame: table.Frame, name: str) -> NDArray[np.int64]:
    values = table.numbers(frame, name)
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        raise InvalidDataError(name, int(np.argmax(wrong)), float(values[wrong][0]), "give 0 or 1")
    return values.astype(np.int64)


def _reference(codes: NDArray[np.int64], names: list[tuple[str, ...]], reference: str | tuple[str, ...] | None) -> int:
    if reference is None:
        return int(np.argmax(np.bincount(codes, minlength=1)))
    wanted = (reference,) if isinstance(reference, str) else tuple(reference)
    if wanted not in names:
        there = "; ".join(", ".join(name) for name in names)
        raise InvalidValueError("reference", reference, f"there is no such group; there are: {there}")
    return names.index(wanted)


def _audit(
    codes: NDArray[np.int64],
    got: NDArray[np.int64],
    truth: NDArray[np.int64] | None,
    promised: NDArray[np.float64] | None,
    *,
    names: list[tuple[str, ...]],
    base: int,
    settings: _Settings,
) -> FairnessAudit:
    size = len(names)
    # One count for each (group, actual, selected): every rate is a ratio of sums of these.
    counts = np.bincount(codes * 4 + (0 if truth is None else truth) * 2 + got, minlength=size * 4).reshape(size, 2, 2)
    rates = _rates(counts, settings.min_rows)
    if truth is None:
        rates[1:] = np.nan
    found = _gaps(rates)
    intervals: dict[str, Interval] = {}
    total = int(counts.sum())
    if settings.rng is not None and total:
        drawn = settings.rng.multinomial(total, counts.reshape(-1) / total, size=settings.replicates)
        again = _rates(drawn.reshape(-1, size, 2, 2), 1)
        # A group left out of the answer stays out of its interval.
        again[np.broadcast_to(np.isnan(rates)[:, None, :], again.shape)] = np.nan
        spread = _gaps(again)
        tail = (1.0 - settings.confidence) / 2.0
        for name, values in zip(MEASURES, spread, strict=True):
            known = np.asarray(values)[~np.isnan(values)]
            if len(known) and not np.isnan(found[MEASURES.index(name)]):
                low, high = np.quantile(known, [tail, 1.0 - tail])
                intervals[name] = (float(low), float(high))
    groups = tuple(
        _group(place, name, counts, rates, codes=codes, truth=truth, promised=promised, base=base, settings=settings)
        for place, name in enumerate(names)
    )
    values = {name: float(value) for name, value in zip(MEASURES, found, strict=True)}
    ratio = values["demographic_parity_ratio"]
    reasons = []
    estimable = int((~np.isnan(rates[0])).sum())
    if estimable < 2:
        reasons.append(f"{estimable} groups have {settings.min_rows} rows or more; a comparison needs two")
    elif np.isnan(ratio):
        reasons.append("nobody was selected, so the ratio of selection rates has no value")
    return FairnessAudit(
        groups=groups,
        reference=names[base] if names else (),
        **values,
        intervals=intervals,
        four_fifths=None if np.isnan(ratio) else bool(ratio >= 0.8),
        reasons=tuple(reasons),
    )


def _rates(counts: NDArray[Any], min_rows: int) -> NDArray[np.float64]:
    """Return selection, true positive, false positive rate and precision: 4 arrays of the leading shape of `counts`."""
    selected, rows = counts[..., 1].sum(-1), counts.sum((-1, -2))
    positives, negatives = counts[..., 1, :].sum(-1), counts[..., 0, :].sum(-1)
    tops = [selected, counts[..., 1, 1], counts[..., 0, 1], counts[..., 1, 1]]
    bottoms = [rows, positives, negatives, selected]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(
            [np.where(below >= min_rows, above / below, np.nan) for above, below in zip(tops, bottoms, strict=True)]
        )


def _gaps(rates: NDArray[np.float64]) -> list[Any]:
    """Return the five measures; the last axis of `rates` is the group, groups not estimated are NaN."""
    few = (~np.isnan(rates)).sum(-1) < 2
    highest = np.where(np.isnan(rates), -np.inf, rates).max(-1, initial=-np.inf)
    lowest = np.where(np.isnan(rates), np.inf, rates).min(-1, initial=np.inf)
    gap = np.where(few, np.nan, highest - np.where(few, 0.0, lowest))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(few[0] | (highest[0] <= 0), np.nan, lowest[0] / highest[0])
    return [gap[0], ratio, gap[1], np.fmax(gap[1], gap[2]), gap[3]]


def _group(
    place: int,
    name: tuple[str, ...],
    counts: NDArray[np.int64],
    rates: NDArray[np.float64],
    *,
    codes: NDArray[np.int64],
    truth: NDArray[np.int64] | None,
    promised: NDArray[np.float64] | None,
    base: int,
    settings: _Settings,
) -> GroupRates:
    rows, chosen = int(counts[place].sum()), int(counts[place, :, 1].sum())
    needed = f"at least {settings.min_rows} are needed"
    reasons = [f"selection rate: {rows} rows; {needed}"] if np.isnan(rates[0, place]) else []
    interval = difference_interval = NOWHERE
    difference = ratio = np.nan
    if not reasons:
        low, high = proportion_interval(chosen, rows, confidence=settings.confidence)
        interval = (float(low), float(high))
        if not np.isnan(rates[0, base]):
            p, q = rates[0, place], rates[0, base]
            difference = float(p - q)
            ratio = float(p / q) if q > 0 else np.nan
            if q <= 0:
                reasons.append("ratio: nobody of the reference group was selected")
            if place != base:
                others = int(counts[base].sum())
                from_, to = proportion_interval(counts[base, :, 1].sum(), others, confidence=settings.confidence)
                difference_interval = (
                    float(difference - np.hypot(p - low, to - q)),
                    float(difference + np.hypot(high - p, q - from_)),
                )
    mean_score = observed = np.nan
    if truth is not None:
        for index, (what, of) in enumerate(
            (("true positive rate", "actual ones"), ("false positive rate", "actual zeros"), ("precision", "selected")),
            1,
        ):
            if np.isnan(rates[index, place]):
                below = (counts[place, 1].sum(), counts[place, 0].sum(), counts[place, :, 1].sum())[index - 1]
                reasons.append(f"{what}: {int(below)} {of}; {needed}")
        if rows >= settings.min_rows:
            observed = float(counts[place, 1].sum() / rows)
            if promised is not None:
                mean_score = float(promised[codes == place].mean())
    return GroupRates(
        group=name,
        rows=rows,
        selected=chosen,
        selection_rate=float(rates[0, place]),
        interval=interval,
        difference=difference,
        ratio=ratio,
        difference_interval=difference_interval,
        true_positive_rate=float(rates[1, place]),
        false_positive_rate=float(rates[2, place]),
        precision=float(rates[3, place]),
        mean_score=mean_score,
        observed_rate=observed,
        reasons=tuple(reasons),
    )
