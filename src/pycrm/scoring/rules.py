"""Lead scores by rules: fit and engagement as two scores, every point explained, the same answer however often it is replayed.

For one lead at one moment, in this order:

1. events after the moment are not there, and an event id counts once;
2. each event earns its rule's points, until the rule's cap of that day (UTC) is reached, earliest first;
3. events older than the rule's window are gone;
4. what is left decays by half each half-life;
5. the sum of a rule is rounded to whole points (half up) and held inside the rule's limits;
6. the sum of a group is held inside its limits, then the sum of the score, each by an entry that names the limit.

So contributions are whole numbers that add up exactly, and without new events no rule of positive points ever rises.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError

__all__ = ["EventRule", "LeadScores", "ProfileRule", "Qualification", "ScoringRules", "score_leads"]

Limits: TypeAlias = tuple[float, float]
"""Lowest and highest whole points; either may be infinite."""

Test: TypeAlias = Literal["equals", "one_of", "at_least", "at_most", "known", "unknown"]
MICROSECONDS_A_DAY = 86_400_000_000


def _points(_: object, attribute: Any, value: int) -> None:
    given: Any = value
    if not isinstance(given, int) or isinstance(given, bool):
        raise InvalidValueError(attribute.name, value, "give whole points")


def _limits(_: object, attribute: Any, value: Limits) -> None:
    low, high = value
    if not low <= high or not low <= 0 <= high:
        raise InvalidValueError(attribute.name, value, "give lowest and highest points, with 0 between them")


NO_LIMITS: Limits = (-np.inf, np.inf)


@frozen(kw_only=True)
class ProfileRule:
    """Points for what a lead is: part of the fit score.

    Parameters
    ----------
    name : str
        What people read in the explanation.
    column : str
        Column of the profiles it reads.
    test : {"equals", "one_of", "at_least", "at_most", "known", "unknown"}
        How the column is compared with `value`; a missing value passes only "unknown".
    value : object
        What to compare with; a tuple for "one_of"; nothing for "known" and "unknown".
    points : int
        May be negative.
    group : str
        Rules of one group share its limits.
    disqualifies : bool
        Whether a lead that passes is out, whatever its points.
    """

    name: str
    column: str
    test: Test
    value: Any = None
    points: int = field(default=0, validator=_points)
    group: str = "profile"
    disqualifies: bool = False

    def __attrs_post_init__(self) -> None:
        if self.test not in {"equals", "one_of", "at_least", "at_most", "known", "unknown"}:
            raise InvalidValueError("test", self.test, "give equals, one_of, at_least, at_most, known or unknown")
        if self.test == "one_of" and not isinstance(self.value, tuple | list | set | frozenset):
            raise InvalidValueError("value", self.value, "give a tuple of values for one_of")
        if self.test in {"at_least", "at_most"} and not isinstance(self.value, int | float):
            raise InvalidValueError("value", self.value, "give a number")


@frozen(kw_only=True)
class EventRule:
    """Points for what a lead does: part of the engagement score.

    Parameters
    ----------
    name : str
        What people read in the explanation.
    event : str
        The kind of event it counts.
    points : int
        For each event; may be negative.
    half_life : float, optional
        Days after which an event is worth half.
    window : float, optional
        Days after which an event is worth nothing.
    day_cap : int, optional
        Most points of one day (least, where points are negative).
    limits : (low, high)
        Of the rule's sum.
    group : str
        Rules of one group share its limits.
    """

    name: str
    event: str
    points: int = field(validator=_points)
    half_life: float | None = None
    window: float | None = None
    day_cap: int | None = None
    limits: Limits = field(default=NO_LIMITS, validator=_limits)
    group: str = "activity"

    def __attrs_post_init__(self) -> None:
        for name in ("half_life", "window"):
            days = getattr(self, name)
            if days is not None and not days > 0:
                raise InvalidValueError(name, days, "give days above 0")
        if self.day_cap is not None and (self.day_cap < 0) != (self.points < 0) and self.day_cap != 0:
            raise InvalidValueError("day_cap", self.day_cap, "give points of the same sign as the rule's")


@frozen(kw_only=True)
class Qualification:
    """A state a lead reaches with at least this fit and this engagement."""

    state: str
    fit: float = -np.inf
    engagement: float = -np.inf


@frozen(kw_only=True)
class ScoringRules:
    """A whole set of rules, as one value with a version.

    Parameters
    ----------
    rules : tuple of ProfileRule and EventRule
        Names are unique.
    group_limits : mapping of str to (low, high)
        Limits of the sum of a group.
    fit_limits, engagement_limits : (low, high)
        Limits of the two scores.
    fit_grades, engagement_grades : (float, float)
        Least points for A and B, and for 1 and 2; below are C and 3.
    qualifications : tuple of Qualification
        In rising order; the last one reached is the lead's state, "new" if none is.
    version : str
        Written with each score, so that a later reader knows the rules.
    """

    rules: tuple[ProfileRule | EventRule, ...]
    group_limits: Mapping[str, Limits] = field(factory=dict)
    fit_limits: Limits = field(default=NO_LIMITS, validator=_limits)
    engagement_limits: Limits = field(default=NO_LIMITS, validator=_limits)
    fit_grades: tuple[float, float] = (50.0, 25.0)
    engagement_grades: tuple[float, float] = (50.0, 25.0)
    qualifications: tuple[Qualification, ...] = ()
    version: str = "1"

    def __attrs_post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise InvalidValueError("rules", name, "give each rule a name of its own")
        for group, limits in self.group_limits.items():
            if group not in {rule.group for rule in self.rules}:
                raise InvalidValueError("group_limits", group, "no rule is of this group")
            low, high = limits
            if not low <= 0 <= high:
                raise InvalidValueError("group_limits", limits, "give lowest and highest points, with 0 between them")
        for name in ("fit_grades", "engagement_grades"):
            upper, lower = getattr(self, name)
            if upper < lower:
                raise InvalidValueError(name, (upper, lower), "give the points of the better grade first")
        kinds = {
            group: {type(rule) for rule in self.rules if rule.group == group} for group in {r.group for r in self.rules}
        }
        for group, found in kinds.items():
            if len(found) > 1:
                raise InvalidValueError("rules", group, "a group holds rules on profiles or on events, not both")

    def dead_rules(self) -> dict[str, str]:
        """Return the rules that can never add a point or disqualify, and why.

        Examples
        --------
        >>> ScoringRules(rules=(EventRule(name="visit", event="visit", points=0),)).dead_rules()
        {'visit': 'it gives 0 points'}
        """
        found: dict[str, str] = {}
        for rule in self.rules:
            total = self.fit_limits if isinstance(rule, ProfileRule) else self.engagement_limits
            side = 0 if rule.points < 0 else 1
            if isinstance(rule, ProfileRule):
                if rule.test == "one_of" and not rule.value:
                    found[rule.name] = "it asks for one of no values"
                    continue
                if rule.test in {"equals", "at_least", "at_most"} and rule.value != rule.value:
                    found[rule.name] = "nothing compares with a missing value; ask for unknown"
                    continue
                if rule.disqualifies:
                    continue
            elif rule.limits[side] == 0 or rule.day_cap == 0:
                found[rule.name] = "its own limit or day cap is 0"
                continue
            if rule.points == 0:
                found[rule.name] = "it gives 0 points"
            elif self.group_limits.get(rule.group, NO_LIMITS)[side] == 0:
                found[rule.name] = f"the limit of group {rule.group!r} is 0"
            elif total[side] == 0:
                found[rule.name] = "the limit of the whole score is 0"
        return found


@frozen(kw_only=True, eq=False)
class LeadScores:
    """The scores of all leads at one moment.

    Parameters
    ----------
    leads : ndarray
        The ids.
    contributions : mapping of str to ndarray of int
        Whole points of each rule, then of each limit that bit; over all entries they sum to fit + engagement.
    fit, engagement : ndarray of int
        The two scores.
    disqualified : ndarray of bool
        Whether a disqualifying rule passed.
    rules : ScoringRules
        The rules that gave them.
    as_of : datetime
        The moment.
    """

    leads: NDArray[Any] = field(repr=False)
    contributions: Mapping[str, NDArray[np.int64]] = field(repr=False)
    fit: NDArray[np.int64] = field(repr=False)
    engagement: NDArray[np.int64] = field(repr=False)
    disqualified: NDArray[np.bool_] = field(repr=False)
    rules: ScoringRules = field(repr=False)
    as_of: dt.datetime

    @property
    def score(self) -> NDArray[np.int64]:
        """Fit and engagement together."""
        return self.fit + self.engagement

    @property
    def grade(self) -> NDArray[Any]:
        """The cell of the grid, A1 (best) to C3; a disqualified lead is C3."""
        letter = _graded(self.fit, self.rules.fit_grades, "ABC")
        digit = _graded(self.engagement, self.rules.engagement_grades, "123")
        grid = np.asarray([[a + b for b in "123"] for a in "ABC"], dtype=object)
        return np.where(self.disqualified, "C3", grid[letter, digit])

    @property
    def state(self) -> NDArray[Any]:
        """The qualification state: "new", the last one reached, or "disqualified"."""
        state = np.full(len(self.leads), "new", dtype=object)
        for step in self.rules.qualifications:
            state[(self.fit >= step.fit) & (self.engagement >= step.engagement)] = step.state
        state[self.disqualified] = "disqualified"
        return state

    @property
    def fired(self) -> dict[str, int]:
        """In how many leads each rule gave points; a rule that fired nowhere is there with 0."""
        return {rule.name: int((self.contributions[rule.name] != 0).sum()) for rule in self.rules.rules}

    def explain(self, lead: object) -> list[tuple[str, int]]:
        """Return what gave points to one lead, largest first; the points sum to its score.

        Raises
        ------
        InvalidValueError
            If there is no such lead.
        """
        places = np.flatnonzero(self.leads == lead)
        if not len(places):
            raise InvalidValueError("lead", lead, "there is no such lead in these scores")
        row = int(places[0])
        given = [(name, int(points[row])) for name, points in self.contributions.items() if points[row]]
        return sorted(given, key=lambda entry: (-abs(entry[1]), entry[0]))

    def frame(self, like: table.Frame) -> Any:
        """Return lead, fit, engagement, score, grade, state and version, in a frame of the kind of `like`."""
        return table.build(
            {
                "lead": self.leads,
                "fit": self.fit,
                "engagement": self.engagement,
                "score": self.score,
                "grade": self.grade,
                "state": self.state,
                "version": np.full(len(self.leads), self.rules.version, dtype=object),
            },
            like=like,
        )


def score_leads(
    profiles: table.Frame,
    events: table.Frame,
    rules: ScoringRules,
    *,
    as_of: dt.datetime,
    lead: str = "lead",
    event: str = "event",
    kind: str = "kind",
    time: str = "time",
) -> LeadScores:
    """Score every lead at the moment `as_of`.

    Parameters
    ----------
    profiles : frame
        One row a lead; what profile rules read.
    events : frame
        One row an event: lead, event (an id), kind, time (naive, all of one zone). An id may come twice if all of it is
        the same; events of leads without a profile are refused.
    rules : ScoringRules
        The rules.
    as_of : datetime
        Naive, of the zone of `time`; later events are not there. The score of any past moment is so computed again.

    Raises
    ------
    InvalidDataError
        If a lead has two profiles, an event no profile, or an event id comes twice with different content.
    MissingColumnError
        If a rule reads a column that is not there.

    Examples
    --------
    >>> import datetime as dt
    >>> rules = ScoringRules(
    ...     rules=(
    ...         ProfileRule(name="is a school", column="sector", test="equals", value="school", points=30),
    ...         EventRule(name="visit", event="visit", points=10, half_life=7.0, limits=(0, 25)),
    ...     )
    ... )
    >>> day = dt.datetime(2024, 5, 1)
    >>> scores = score_leads(
    ...     {"lead": ["ann", "bob"], "sector": ["school", None]},
    ...     {"lead": ["ann"] * 2, "event": [1, 2], "kind": ["visit"] * 2, "time": [day, day - dt.timedelta(days=7)]},
    ...     rules,
    ...     as_of=day,
    ... )
    >>> scores.explain("ann"), scores.grade.tolist()
    ([('is a school', 30), ('visit', 15)], ['B3', 'C3'])
    """
    given: Any = as_of
    if not isinstance(given, dt.datetime) or given.tzinfo is not None or given != given:  # noqa: PLR0124  # NaT
        raise InvalidValueError("as_of", as_of, "give a naive datetime, of the zone of the events")
    about = table.eager(profiles)
    codes, leads = table.factorise(table.column(about, lead), lead)
    if (codes < 0).any():
        raise InvalidDataError(lead, int(np.argmin(codes)), None, "give each profile the id of its lead")
    if len(leads) < len(codes):
        row = int(np.flatnonzero(np.bincount(codes)[codes] > 1)[1])
        raise InvalidDataError(lead, row, leads[codes[row]], "give each lead one profile")
    contributions: dict[str, NDArray[np.int64]] = {}
    disqualified = np.zeros(len(leads), dtype=bool)
    for rule in rules.rules:
        if isinstance(rule, ProfileRule):
            passed = _passes(about, rule)
            contributions[rule.name] = rule.points * passed.astype(np.int64)
            if rule.disqualifies:
                disqualified |= passed
    contributions |= _engagement(events, leads, rules, as_of, lead=lead, event=event, kind=kind, time=time)
    contributions = {rule.name: contributions[rule.name] for rule in rules.rules}
    for group, limits in rules.group_limits.items():
        members = [contributions[rule.name] for rule in rules.rules if rule.group == group]
        _held(contributions, f"limit of group {group!r}", members, limits)
    scores = {}
    for which, limits in ((ProfileRule, rules.fit_limits), (EventRule, rules.engagement_limits)):
        groups = {rule.group for rule in rules.rules if isinstance(rule, which)}
        names = [rule.name for rule in rules.rules if isinstance(rule, which)]
        names += [f"limit of group {group!r}" for group in groups if f"limit of group {group!r}" in contributions]
        members = [contributions[name] for name in names]
        title = "limit of the fit score" if which is ProfileRule else "limit of the engagement score"
        _held(contributions, title, members, limits)
        total = sum(members, np.zeros(len(leads), dtype=np.int64))
        scores[which] = total + contributions[title] if title in contributions else total
    return LeadScores(
        leads=leads,
        contributions=contributions,
        fit=scores[ProfileRule],
        engagement=scores[EventRule],
        disqualified=disqualified,
        rules=rules,
        as_of=as_of,
    )


def _passes(profiles: table.Frame, rule: ProfileRule) -> NDArray[np.bool_]:
    raw = table.column(profiles, rule.column)
    codes, uniques = table.factorise(raw)
    if rule.test in {"known", "unknown"}:
        known: NDArray[np.bool_] = codes >= 0
        return known if rule.test == "known" else ~known
    if rule.test == "equals":
        hits = [value == rule.value for value in uniques]
    elif rule.test == "one_of":
        hits = [value in rule.value for value in uniques]
    else:
        for value in uniques:
            if not isinstance(value, int | float | np.number):
                row = int(np.argmax(raw == value))
                raise InvalidDataError(rule.column, row, value, f"rule {rule.name!r} compares numbers; give one")
        above = rule.test == "at_least"
        hits = [bool(value >= rule.value if above else value <= rule.value) for value in uniques]
    return np.asarray([*hits, False], dtype=bool)[codes]


def _engagement(
    events: table.Frame,
    leads: NDArray[Any],
    rules: ScoringRules,
    as_of: dt.datetime,
    *,
    lead: str,
    event: str,
    kind: str,
    time: str,
) -> dict[str, NDArray[np.int64]]:
    found = table.eager(events)
    for name in (lead, event, kind, time):
        if name not in found.columns:
            raise MissingColumnError(name, tuple(found.columns), "events have a lead, an event id, a kind and a time")
    import pandas as pd

    who_raw = table.column(found, lead)
    who = pd.Index(leads).get_indexer(pd.Index(who_raw)) if len(leads) else np.full(len(who_raw), -1)
    if (who < 0).any():
        row = int(np.argmax(who < 0))
        raise InvalidDataError(lead, row, who_raw[row], "this lead has no profile; give one, or drop the event")
    ids, id_values = table.factorise(table.column(found, event), event)
    if (ids < 0).any():
        raise InvalidDataError(event, int(np.argmin(ids)), None, "give each event an id")
    kinds, kind_values = table.factorise(table.column(found, kind), kind)
    moments = table.microseconds(found, time) if len(who) else np.empty(0, dtype=np.int64)
    if len(id_values) < len(ids):
        order = np.argsort(ids, kind="stable")
        same = ids[order][1:] == ids[order][:-1]
        for values in (who, kinds, moments):
            differs = same & (values[order][1:] != values[order][:-1])
            if differs.any():
                row = int(order[1:][differs][0])
                raise InvalidDataError(event, row, id_values[ids[row]], "this id came before with other content")
        first = np.sort(order[np.r_[True, ~same]])
        who, ids, kinds, moments = who[first], ids[first], kinds[first], moments[first]
    now = int(np.datetime64(as_of.isoformat(), "us").astype(np.int64))
    past = moments <= now
    who, kinds, moments = who[past], kinds[past], moments[past]
    # Sorted once for all rules. Equal moments are interchangeable: they earn the same in whichever order they come.
    order = np.lexsort((moments, who))
    who, kinds, moments = who[order], kinds[order], moments[order]
    place = {str(value): index for index, value in enumerate(kind_values)}
    by_kind = {code: np.flatnonzero(kinds == code) for code in set(kinds.tolist())}
    scored: dict[str, NDArray[np.int64]] = {}
    for rule in rules.rules:
        if isinstance(rule, ProfileRule):
            continue
        rows = by_kind.get(place.get(rule.event, -1), np.empty(0, dtype=np.int64))
        sums = _rule_sums(rule, who[rows], moments[rows], now, len(leads))
        scored[rule.name] = np.clip(np.floor(sums + 0.5), *rule.limits).astype(np.int64)
    return scored


def _rule_sums(
    rule: EventRule, who: NDArray[np.int64], moments: NDArray[np.int64], now: int, size: int
) -> NDArray[np.float64]:
    """Return what a rule earned each lead; events come sorted by lead and moment, so a replay adds up in the same order."""
    earned = np.full(len(who), float(rule.points))
    if rule.day_cap is not None and len(who):
        day = moments // MICROSECONDS_A_DAY
        start = np.flatnonzero(np.r_[True, (who[1:] != who[:-1]) | (day[1:] != day[:-1])])
        turn = np.arange(len(who)) - np.repeat(start, np.diff(np.r_[start, len(who)]))
        left = abs(rule.day_cap) - turn * abs(rule.points)
        earned = np.sign(rule.points) * np.clip(left, 0.0, abs(rule.points))
    days = (now - moments) / MICROSECONDS_A_DAY
    if rule.window is not None:
        kept = days <= rule.window
        who, earned, days = who[kept], earned[kept], days[kept]
    if rule.half_life is not None:
        earned = earned * np.exp2(-days / rule.half_life)
    return np.bincount(who, weights=earned, minlength=size).astype(np.float64)


def _held(
    contributions: dict[str, NDArray[np.int64]], title: str, members: Sequence[NDArray[np.int64]], limits: Limits
) -> None:
    if not members or limits == NO_LIMITS:
        return
    total = np.sum(members, axis=0)
    cut = (np.clip(total, *limits) - total).astype(np.int64)
    if cut.any():
        contributions[title] = cut


def _graded(points: NDArray[np.int64], least: tuple[float, float], grades: str) -> NDArray[np.int64]:
    return np.where(points >= least[0], 0, np.where(points >= least[1], 1, len(grades) - 1))
