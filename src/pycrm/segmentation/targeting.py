"""Segmentation, targeting and positioning as data: which segments to serve, why, with which promise and which mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = [
    "CRITERIA",
    "IdealProfile",
    "MarketingMix",
    "Positioning",
    "SegmentAppraisal",
    "TargetChoice",
    "Trait",
    "choose_targets",
]

CRITERIA = ("measurable", "accessible", "substantial", "differentiable", "actionable")
"""Kotler's five tests of a segment worth having."""


def _scores(_: object, attribute: Any, scores: Mapping[str, float]) -> None:
    for name, score in scores.items():
        if not 0.0 <= score <= 10.0:
            raise InvalidValueError(f"{attribute.name}[{name!r}]", score, "give a score from 0 to 10")


@frozen(kw_only=True)
class SegmentAppraisal:
    """What a segment promises, and how well it suits us.

    Parameters
    ----------
    segment : str
        Its name.
    attractiveness, fit : mapping of str to float
        Scores from 0 to 10 for what is looked at: size, growth, margin ...; capabilities, brand, channels ...
    criteria : mapping of str to bool
        The answers to `CRITERIA`; a segment that fails one cannot be a target.
    """

    segment: str
    attractiveness: Mapping[str, float] = field(validator=_scores)
    fit: Mapping[str, float] = field(validator=_scores)
    criteria: Mapping[str, bool] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for name in ("attractiveness", "fit"):
            if not getattr(self, name):
                raise InvalidValueError(name, {}, "give at least one score")
        for name in self.criteria:
            if name not in CRITERIA:
                raise InvalidValueError("criteria", name, f"give answers to {', '.join(CRITERIA)}")


@frozen(kw_only=True)
class TargetChoice:
    """Whether to serve a segment.

    Parameters
    ----------
    segment : str
        Its name.
    attractiveness, fit : float
        Weighted means of its scores.
    rank : int
        From 1, by the product of both.
    target : bool
        Whether it is chosen.
    reason : str
        Why, or why not.
    """

    segment: str
    attractiveness: float
    fit: float
    rank: int
    target: bool
    reason: str


def choose_targets(
    appraisals: Sequence[SegmentAppraisal],
    *,
    weights: Mapping[str, float] | None = None,
    least_attractiveness: float = 5.0,
    least_fit: float = 5.0,
    most: int | None = None,
) -> tuple[TargetChoice, ...]:
    """Rank segments by attractiveness times fit and choose those to serve.

    Parameters
    ----------
    appraisals : sequence of SegmentAppraisal
        One a segment.
    weights : mapping of str to float, optional
        Weight of each score by name; 1 where nothing is said.
    least_attractiveness, least_fit : float
        What a target must reach in each.
    most : int, optional
        How many can be served.

    Returns
    -------
    tuple of TargetChoice
        Best first; ties by name.

    Examples
    --------
    >>> schools = SegmentAppraisal(segment="schools", attractiveness={"size": 8}, fit={"brand": 7})
    >>> shops = SegmentAppraisal(segment="shops", attractiveness={"size": 9}, fit={"brand": 2})
    >>> [(choice.segment, choice.target, choice.reason) for choice in choose_targets([shops, schools])]
    [('schools', True, 'attractive (8) and fitting (7)'), ('shops', False, 'fit 2 is below 5')]
    """
    names = [appraisal.segment for appraisal in appraisals]
    if len(set(names)) < len(names):
        raise InvalidValueError("appraisals", names, "appraise each segment once")
    given = {} if weights is None else dict(weights)
    if any(not weight >= 0 for weight in given.values()):
        raise InvalidValueError("weights", given, "give weights of at least 0")
    rated = [
        (appraisal, _mean(appraisal.attractiveness, given, "attractiveness"), _mean(appraisal.fit, given, "fit"))
        for appraisal in appraisals
    ]
    rated.sort(key=lambda row: (-row[1] * row[2], row[0].segment))
    choices, taken = [], 0
    for rank, (appraisal, attractive, fitting) in enumerate(rated, start=1):
        failed = [name for name in CRITERIA if not appraisal.criteria.get(name, True)]
        reason = f"attractive ({attractive:g}) and fitting ({fitting:g})"
        target = False
        if failed:
            reason = f"it is not {' or '.join(failed)}"
        elif attractive < least_attractiveness:
            reason = f"attractiveness {attractive:g} is below {least_attractiveness:g}"
        elif fitting < least_fit:
            reason = f"fit {fitting:g} is below {least_fit:g}"
        elif most is not None and taken >= most:
            reason += f", but only {most} can be served"
        else:
            target = True
            taken += 1
        choices.append(
            TargetChoice(
                segment=appraisal.segment,
                attractiveness=attractive,
                fit=fitting,
                rank=rank,
                target=target,
                reason=reason,
            )
        )
    return tuple(choices)


def _mean(scores: Mapping[str, float], weights: Mapping[str, float], what: str) -> float:
    weight = [weights.get(name, 1.0) for name in scores]
    if sum(weight) <= 0:
        raise InvalidValueError("weights", dict(weights), f"give at least one score of {what} a weight above 0")
    return sum(w * score for w, score in zip(weight, scores.values(), strict=True)) / sum(weight)


@frozen(kw_only=True)
class Positioning:
    """What we want to be for a segment.

    Examples
    --------
    >>> Positioning(segment="schools", need="calm teachers", offer="Nota", category="grade book",
    ...             benefit="marks a class in a minute", reason="it reads paper tests", alternative="spreadsheets").statement
    'For schools who need calm teachers, Nota is the grade book that marks a class in a minute, because it reads paper tests. Unlike spreadsheets.'
    """

    segment: str
    need: str
    offer: str
    category: str
    benefit: str
    reason: str
    alternative: str | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("segment", "need", "offer", "category", "benefit", "reason"):
            if not str(getattr(self, name)).strip():
                raise InvalidValueError(name, getattr(self, name), "a positioning says all of its parts")

    @property
    def statement(self) -> str:
        """The positioning statement, in one form for all segments."""
        said = f"For {self.segment} who need {self.need}, {self.offer} is the {self.category} that {self.benefit}, because {self.reason}."
        return said if self.alternative is None else f"{said} Unlike {self.alternative}."


@frozen(kw_only=True)
class MarketingMix:
    """The four P of one segment; each a list of decisions in words.

    Examples
    --------
    >>> MarketingMix(segment="schools", product=("site licence",), price=("per pupil",)).missing
    ('place', 'promotion')
    """

    segment: str
    product: tuple[str, ...] = ()
    price: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    promotion: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The P nobody has decided on."""
        return tuple(name for name in ("product", "price", "place", "promotion") if not getattr(self, name))


@frozen(kw_only=True)
class Trait:
    """One thing an ideal customer has.

    Parameters
    ----------
    column : str
        Where it is read.
    test : {"one_of", "at_least", "at_most"}
        How.
    value : object
        A tuple for "one_of", a number otherwise.
    weight : float
        How much it counts.
    required : bool
        Whether a customer without it does not fit at all.
    """

    column: str
    test: Literal["one_of", "at_least", "at_most"]
    value: Any
    weight: float = 1.0
    required: bool = False

    def __attrs_post_init__(self) -> None:
        if self.test not in {"one_of", "at_least", "at_most"}:
            raise InvalidValueError("test", self.test, "give one_of, at_least or at_most")
        if self.test == "one_of" and not isinstance(self.value, tuple | list | set | frozenset):
            raise InvalidValueError("value", self.value, "give a tuple of values")
        if self.test != "one_of" and not isinstance(self.value, int | float):
            raise InvalidValueError("value", self.value, "give a number")
        if not self.weight > 0:
            raise InvalidValueError("weight", self.weight, "give a weight above 0")

    @property
    def label(self) -> str:
        """The trait in words."""
        if self.test == "one_of":
            return f"{self.column} is {' or '.join(map(str, self.value))}"
        return f"{self.column} is {'at least' if self.test == 'at_least' else 'at most'} {self.value:g}"

    def holds(self, frame: table.Frame) -> NDArray[np.bool_]:
        """Return which rows have it; a missing value has not."""
        raw = table.column(frame, self.column)
        codes, values = table.factorise(raw)
        if self.test == "one_of":
            hits = [value in self.value for value in values]
        else:
            for value in values:
                if not isinstance(value, int | float | np.number):
                    raise InvalidDataError(self.column, int(np.argmax(raw == value)), value, "give a number")
            hits = [bool(value >= self.value if self.test == "at_least" else value <= self.value) for value in values]
        return np.asarray([*hits, False], dtype=bool)[codes]


@frozen(kw_only=True)
class IdealProfile:
    """The customer we look for, and how near somebody comes.

    Examples
    --------
    >>> ideal = IdealProfile(traits=(
    ...     Trait(column="sector", test="one_of", value=("school",), weight=2.0),
    ...     Trait(column="pupils", test="at_least", value=200),
    ... ))
    >>> ideal.score({"sector": ["school", "shop"], "pupils": [100, 300]})["fit"].round(2).tolist()
    [0.67, 0.33]
    """

    traits: tuple[Trait, ...]

    def __attrs_post_init__(self) -> None:
        if not self.traits:
            raise InvalidValueError("traits", self.traits, "give at least one trait")

    def score(self, customers: table.Frame) -> Any:
        """Return `customers` with `fit` (0 to 1: weighted share of the traits; 0 without a required one) and `fit_reason`."""
        frame = table.eager(customers)
        has = np.stack([trait.holds(frame) for trait in self.traits], axis=1)
        weight = np.asarray([trait.weight for trait in self.traits])
        required = np.asarray([trait.required for trait in self.traits])
        fit = np.where((~has & required).any(axis=1), 0.0, has @ weight / weight.sum())
        patterns, place = np.unique(has, axis=0, return_inverse=True)
        said = np.empty(len(patterns), dtype=object)
        for row, pattern in enumerate(patterns):
            lacks = [trait.label for trait, yes in zip(self.traits, pattern, strict=True) if not yes]
            said[row] = "has every trait" if not lacks else f"lacks: {'; '.join(lacks)}"
        columns = {name: table.column(frame, name) for name in frame.columns}
        columns |= {"fit": fit, "fit_reason": said[place.reshape(-1)]}
        return table.build(columns, like=customers, aligned=True)
