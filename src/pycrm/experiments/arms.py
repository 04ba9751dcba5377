"""Who was in which arm: labels, numbers and the plan they are held against, read and checked once for every estimator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import DataWarning, InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.table import factorise

__all__ = ["Design", "SampleRatio", "check_exposures", "check_units", "sample_ratio"]

Label = Any
"""What names an arm: text, a whole number or a truth value."""


def vector(values: ArrayLike, name: str, size: int | None = None) -> NDArray[np.float64]:
    """Return `values` as finite floats in one dimension; text is refused, even where it looks like numbers."""
    raw = np.asarray(values)
    if raw.ndim != 1:
        raise InvalidDataError(name, None, f"{raw.ndim} dimensions", "give one value per unit, in one dimension")
    if size is not None and len(raw) != size:
        raise InvalidDataError(name, None, f"{len(raw)} values", f"give one value per unit: {size}")
    if not len(raw):
        raise NotEstimableError(f"anything from {name!r}", "there are no rows")
    if raw.dtype.kind in "biuf":
        numbers = raw.astype(np.float64)
    else:
        numbers = np.empty(len(raw))
        for row, value in enumerate(raw):
            try:
                numbers[row] = np.nan if isinstance(value, str | bytes | np.datetime64) else float(value)
            except (TypeError, ValueError):
                numbers[row] = np.nan
    refused = ~np.isfinite(numbers)
    if refused.any():
        row = int(np.argmax(refused))
        raise InvalidDataError(
            name, row, _plain(raw[row]), "give a finite number, or leave the unit out of all columns"
        )
    huge = np.abs(numbers) > 1e150
    if huge.any():
        row = int(np.argmax(huge))
        raise InvalidDataError(name, row, _plain(raw[row]), "give it in a larger unit: its square is no number")
    return numbers


def _plain(value: Any) -> Any:
    """Return `value` without the wrapping of numpy, as it may stand in a sentence."""
    return value.item() if isinstance(value, np.generic) else value


def matrix(values: ArrayLike, name: str, size: int) -> NDArray[np.float64]:
    """Return one or more columns of finite floats, shape (size, k)."""
    raw = np.asarray(values)
    if raw.ndim == 1:
        return vector(raw, name, size)[:, None]
    if raw.ndim != 2 or not raw.shape[1]:
        raise InvalidDataError(
            name, None, f"shape {raw.shape}", "give one column, or a table of columns, one row per unit"
        )
    return np.column_stack([vector(raw[:, k], f"{name}[{k}]", size) for k in range(raw.shape[1])])


def binary(values: ArrayLike, name: str, size: int | None = None) -> NDArray[np.bool_]:
    """Return `values` of 0 and 1 (or false and true) as truth values."""
    numbers = vector(values, name, size)
    refused = (numbers != 0.0) & (numbers != 1.0)
    if refused.any():
        row = int(np.argmax(refused))
        raise InvalidDataError(name, row, float(numbers[row]), "give 0 or 1")
    return np.asarray(numbers == 1.0)


def treated(values: ArrayLike, size: int | None = None) -> NDArray[np.bool_]:
    """Return who was treated, from 0 and 1; both arms must be there, and a label is refused with its remedy."""
    raw = np.asarray(values)
    if raw.ndim == 1 and raw.dtype.kind in "OUST" and any(isinstance(value, str) for value in raw[:1]):
        raise InvalidDataError(
            "treatment",
            0,
            raw[0],
            "say who was treated by 0 and 1, for example treatment == 'email'; labels are not guessed",
        )
    mask = binary(raw, "treatment", size)
    for label, there in ((0, not mask.all()), (1, mask.any())):
        if not there:
            raise NotEstimableError("an effect", f"nobody is in arm {label}; both arms are needed")
    return mask


def is_binary(numbers: NDArray[np.float64]) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.all((numbers == 0.0) | (numbers == 1.0)))


def coded(treatment: ArrayLike, control: Label | None = None) -> tuple[NDArray[np.int64], list[Label]]:
    """Return the arm of each unit as a number and the labels, control first and the rest sorted.

    The control is `control`, else 0 or false, else the label "control"; nothing else is guessed.
    """
    raw = np.asarray(treatment)
    if raw.ndim != 1:
        raise InvalidDataError("treatment", None, f"{raw.ndim} dimensions", "give one arm per unit, in one dimension")
    codes, found = factorise(raw)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        raise InvalidDataError(
            "treatment", row, None, "name the arm of every unit, or leave the unit out of all columns"
        )
    labels = [_plain(label) for label in found]
    if control is None:
        named = [label for label in labels if label in (0, "control")]
        if len(named) != 1:
            raise InvalidDataError(
                "treatment", None, sorted(labels, key=str), "say which arm is the control, by control=..."
            )
        control = named[0]
    if control not in labels:
        raise NotEstimableError("an effect", f"nobody is in arm {control!r}; the arms are {sorted(labels, key=str)}")
    others = sorted((label for label in labels if label != control), key=lambda label: (str(type(label)), label))
    if not others:
        raise NotEstimableError("an effect", f"everybody is in arm {control!r}; both arms are needed")
    ordered = [control, *others]
    place = np.array([ordered.index(label) for label in labels], dtype=np.int64)
    return place[codes], ordered


def two_arms(
    treatment: ArrayLike, size: int, control: Label | None, design: Design | None
) -> tuple[NDArray[np.bool_], list[Label]]:
    """Return who is in the treated one of exactly two arms, held against the design."""
    codes, labels = coded(treatment, control)
    if len(codes) != size:
        raise InvalidDataError("treatment", None, f"{len(codes)} values", f"give one arm per unit: {size}")
    if len(labels) != 2:
        raise InvalidDataError(
            "treatment", None, labels, "there are more than two arms: keep two of them, or use compare_arms"
        )
    if design is not None:
        design.check(dict(zip(labels, np.bincount(codes, minlength=len(labels)).tolist(), strict=True)))
    return codes == 1, labels


def check_confidence(confidence: float) -> float:
    """Return `confidence` if it is one."""
    if not _between(confidence):
        raise InvalidValueError("confidence", confidence, "give a number between 0 and 1, such as 0.95")
    return confidence


def _between(value: object) -> bool:
    """Whether `value` is a number between 0 and 1."""
    return isinstance(value, int | float) and 0.0 < value < 1.0


def shares(weights: Mapping[Label, float], name: str) -> dict[Label, float]:
    """Return `weights` of at least two arms if they are above 0 and sum to one."""
    found: object = weights
    if not isinstance(found, Mapping):
        raise InvalidValueError(name, found, "give a share for each arm, such as {'control': 0.5, 'email': 0.5}")
    if len(weights) < 2:
        raise InvalidValueError(name, dict(weights), "give at least two arms")
    for arm, weight in weights.items():
        if not _between(weight):
            raise InvalidValueError(f"{name}[{arm!r}]", weight, "give a share between 0 and 1")
    total = sum(weights.values())
    if abs(total - 1.0) > 1e-9:
        raise InvalidValueError(name, dict(weights), f"the shares sum to {total:g}; make them sum to one")
    return dict(weights)


def _read_shares(weights: Mapping[Label, float]) -> dict[Label, float]:
    return shares(weights, "shares")


@frozen(kw_only=True)
class SampleRatio:
    """Whether the arms came out in the shares that were planned.

    Parameters
    ----------
    observed, expected : mapping of arm to number
        Units in each arm, and what the shares promise of the same total.
    statistic, p_value : float
        Pearson's chi-squared and the probability of at least it if the assignment works.
    threshold : float
        Below this p-value the assignment is broken.
    """

    observed: Mapping[Label, int]
    expected: Mapping[Label, float]
    statistic: float
    p_value: float
    threshold: float

    @property
    def mismatch(self) -> bool:
        """Whether to distrust every number of this experiment."""
        return self.p_value < self.threshold


def sample_ratio(
    counts: Mapping[Label, int], planned: Mapping[Label, float], *, threshold: float = 0.001
) -> SampleRatio:
    """Return the test of the sample ratio: run it before any result is read.

    Parameters
    ----------
    counts : mapping of arm to int
        Units seen in each arm; an arm that is not there counts as none.
    planned : mapping of arm to float
        Shares that sum to one.
    threshold : float
        p-value below which there is a mismatch.

    Raises
    ------
    InvalidDataError
        If an arm was not planned, or nobody was seen.

    Examples
    --------
    >>> sample_ratio({"control": 5_000, "email": 5_300}, {"control": 0.5, "email": 0.5}).mismatch
    False
    >>> sample_ratio({"control": 50_000, "email": 51_500}, {"control": 0.5, "email": 0.5}).mismatch
    True
    """
    from scipy import stats

    planned = shares(planned, "planned")
    for arm, count in counts.items():
        if arm not in planned:
            raise InvalidDataError("treatment", None, arm, f"the plan knows only {', '.join(map(repr, planned))}")
        given: object = count
        if not isinstance(given, int | float | np.number) or not (
            np.isfinite(count) and count >= 0 and count == int(count)
        ):
            raise InvalidDataError("treatment", None, count, f"give a whole number of units in arm {arm!r}")
    observed = {arm: int(counts.get(arm, 0)) for arm in planned}
    total = sum(observed.values())
    if not total:
        raise NotEstimableError("the sample ratio", "nobody is in any arm")
    expected = {arm: share * total for arm, share in planned.items()}
    statistic = sum((observed[arm] - expected[arm]) ** 2 / expected[arm] for arm in planned)
    p_value = float(stats.chi2.sf(statistic, len(planned) - 1))
    return SampleRatio(observed=observed, expected=expected, statistic=statistic, p_value=p_value, threshold=threshold)


@frozen(kw_only=True)
class Design:
    """What was decided before the first unit came: pass it to an estimator and the data are held against it.

    Parameters
    ----------
    shares : mapping of arm to float
        Planned shares, which sum to one.
    sample_size : int, optional
        Units, over all arms, at which a fixed-horizon test is read; an earlier reading is warned of.
    threshold : float
        p-value of the sample ratio below which results are refused.
    on_mismatch : str
        "raise", or "warn" for somebody who knows why the shares are off.

    Examples
    --------
    >>> design = Design(shares={"control": 0.5, "email": 0.5}, sample_size=200)
    >>> design.check({"control": 101, "email": 99}).mismatch
    False
    """

    shares: Mapping[Label, float] = field(converter=_read_shares)
    sample_size: int | None = None
    threshold: float = 0.001
    on_mismatch: Literal["raise", "warn"] = "raise"

    def __attrs_post_init__(self) -> None:
        if self.sample_size is not None and self.sample_size < 2:
            raise InvalidValueError("sample_size", self.sample_size, "give the units of all arms together, at least 2")
        if not 0.0 < self.threshold < 1.0:
            raise InvalidValueError("threshold", self.threshold, "give a p-value between 0 and 1, such as 0.001")
        if self.on_mismatch not in {"raise", "warn"}:
            raise InvalidValueError("on_mismatch", self.on_mismatch, "give 'raise' or 'warn'")

    def check(self, counts: Mapping[Label, int]) -> SampleRatio:
        """Return the sample ratio of `counts`; refuse a mismatch, and warn of a reading before the planned end."""
        ratio = sample_ratio(counts, self.shares, threshold=self.threshold)
        if ratio.mismatch:
            fix = (
                f"the plan promises {dict(self.shares)}; the chance of this is {ratio.p_value:.2g}, so units were lost or "
                "moved: find out where before reading results, or say on_mismatch='warn'"
            )
            if self.on_mismatch == "raise":
                raise InvalidDataError("treatment", None, dict(ratio.observed), fix)
            warnings.warn(f"sample-ratio mismatch, {dict(ratio.observed)}: {fix}", DataWarning, stacklevel=4)
        seen = sum(ratio.observed.values())
        if self.sample_size is not None and seen < self.sample_size:
            warnings.warn(
                f"a fixed-horizon test is read at {seen} of {self.sample_size} planned units; looking early and again makes "
                "false alarms (25 % at 20 looks): use pycrm.experiments.monitor or GroupSequential",
                DataWarning,
                stacklevel=4,
            )
        return ratio


def check_units(unit: ArrayLike, treatment: ArrayLike) -> None:
    """Refuse rows in which the same unit is in two arms.

    Parameters
    ----------
    unit, treatment : array_like
        One row per unit or per exposure; a unit may have many rows, of one arm.

    Raises
    ------
    InvalidDataError
        Naming the first row in which a unit has another arm than before.

    Examples
    --------
    >>> check_units(["ann", "bob", "ann"], ["email", "control", "email"])
    """
    for name, values in (("unit", unit), ("treatment", treatment)):
        if np.ndim(values) != 1:
            raise InvalidDataError(
                name, None, f"{np.ndim(values)} dimensions", "give one value per row, in one dimension"
            )
    units, _ = factorise(np.asarray(unit))
    arms, labels = factorise(np.asarray(treatment))
    if len(units) != len(arms):
        raise InvalidDataError("treatment", None, f"{len(arms)} values", f"give one arm per row: {len(units)}")
    for name, codes in (("unit", units), ("treatment", arms)):
        if (codes < 0).any():
            raise InvalidDataError(name, int(np.argmax(codes < 0)), None, "give a value in every row")
    if not len(units):
        return
    first = np.full(int(units.max()) + 1, -1, dtype=np.int64)
    first[units[::-1]] = arms[::-1]  # the last write wins, so reversed rows leave the first arm of each unit
    moved = arms != first[units]
    if moved.any():
        row = int(np.argmax(moved))
        now, before = _plain(labels[arms[row]]), _plain(labels[first[units[row]]])
        raise InvalidDataError(
            "unit",
            row,
            _plain(np.asarray(unit)[row]),
            f"it is in arm {now!r} and was in {before!r}; a unit keeps its first arm",
        )


def check_exposures(exposed: ArrayLike, outcome: ArrayLike) -> None:
    """Refuse an outcome that came before its exposure.

    Parameters
    ----------
    exposed, outcome : array_like of datetime64
        When each unit met its arm, and when its outcome came; NaT where it did not.

    Raises
    ------
    InvalidDataError
        Naming the first row whose outcome is earlier than its exposure, or has no exposure.

    Examples
    --------
    >>> check_exposures(["2026-03-01", "2026-03-01"], ["2026-03-04", "NaT"])
    """
    times = []
    for name, values in (("exposed", exposed), ("outcome", outcome)):
        raw = np.asarray(values)
        if raw.ndim != 1:
            raise InvalidDataError(name, None, f"{raw.ndim} dimensions", "give one time per row, in one dimension")
        if any(getattr(value, "tzinfo", None) is not None for value in (raw if raw.dtype.kind == "O" else ())):
            raise InvalidDataError(name, None, "aware times", "convert them to naive UTC times first")
        try:
            times.append(raw.astype("datetime64[us]"))
        except (TypeError, ValueError) as error:
            raise InvalidDataError(name, None, type(values).__name__, "give dates or naive UTC times") from error
    if times[0].shape != times[1].shape:
        raise InvalidDataError(
            "outcome", None, f"{times[1].size} values", f"give one time per exposure: {times[0].size}"
        )
    met, came = times
    early = ~np.isnat(came) & (np.isnat(met) | (came < met))
    if early.any():
        row = int(np.argmax(early))
        fix = (
            "there is an outcome but no exposure; leave it out"
            if np.isnat(met[row])
            else f"it came before the exposure at {met[row]}; count only what comes after"
        )
        raise InvalidDataError("outcome", row, str(came[row]), fix)
