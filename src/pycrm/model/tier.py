"""Tiers of a loyalty programme: what qualifies for one, and when it is lost.

A tier is gained the moment its threshold is reached in a window, and kept to the end of the next window and its grace; so it
is lost at the turn of a window only, never in the middle, unless somebody forces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, tuple_of
from pycrm.model.time import Period, in_utc, is_instant

__all__ = ["LoyaltyTier", "TierGap", "TierPeriod", "TierProgram"]


@frozen
class LoyaltyTier:
    """One tier: from `threshold` qualifying points within a window on.

    Parameters
    ----------
    code : str
        Stable.
    name : str
        What the member reads.
    threshold : int
        Qualifying points within one window; 0 is where everybody starts.
    benefits : tuple of str
        What it brings.
    """

    code: str = field(validator=is_code)
    name: str = field(validator=is_line)
    threshold: int = field(validator=at_least(0))
    benefits: tuple[str, ...] = field(default=(), validator=tuple_of(str))


@frozen
class TierGap:
    """The next tier, and how many points it is away."""

    tier: str
    points: int


@frozen
class TierPeriod:
    """A tier for a period (the last one is open), and why: joined, reached, not_reached or forced."""

    period: Period
    tier: str
    reason: str


def _is_length(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise InvalidValueError(attribute.name, value, "give a length of time of at least 0")


@frozen
class _Counted:
    at: datetime = field(converter=in_utc, validator=is_instant)
    points: int = field(default=0, validator=is_a(int))


@frozen(kw_only=True)
class TierProgram:
    """The tiers of a programme, lowest first, and its clock.

    Parameters
    ----------
    program : str
        The programme.
    tiers : tuple of LoyaltyTier
        By rising threshold; the lowest at 0.
    window : timedelta
        How long points count towards a tier: the windows of a member follow one another from the day he joined.
    grace : timedelta
        How long into the window after next a tier that was not reached again is kept.

    Examples
    --------
    >>> program = TierProgram(program="tea", tiers=(LoyaltyTier("leaf", "Leaf", 0), LoyaltyTier("gold", "Gold", 100)))
    >>> program.tier_at(99).code, program.gap(99)
    ('leaf', TierGap(tier='gold', points=1))
    """

    program: str = field(validator=is_code)
    tiers: tuple[LoyaltyTier, ...] = field(validator=tuple_of(LoyaltyTier))
    window: timedelta = field(default=timedelta(days=365), validator=_is_length)
    grace: timedelta = field(default=timedelta(0), validator=_is_length)

    def __attrs_post_init__(self) -> None:
        thresholds = [tier.threshold for tier in self.tiers]
        if not thresholds or thresholds[0] != 0 or thresholds != sorted(set(thresholds)):
            raise InvalidValueError("tiers", thresholds, "give tiers by rising threshold, the lowest at 0")
        if len({tier.code for tier in self.tiers}) != len(self.tiers):
            raise InvalidValueError("tiers", [tier.code for tier in self.tiers], "give each tier a code of its own")
        if self.grace >= self.window:
            raise InvalidValueError("grace", self.grace, f"a grace is shorter than the window, {self.window}")

    def _rank(self, points: int) -> int:
        return max(place for place, tier in enumerate(self.tiers) if tier.threshold <= max(points, 0))

    def tier_at(self, points: int) -> LoyaltyTier:
        """Return the highest tier that so many qualifying points reach."""
        return self.tiers[self._rank(points)]

    def gap(self, points: int) -> TierGap | None:
        """Return the next tier and what is missing to it; None at the top."""
        above = next((tier for tier in self.tiers if tier.threshold > max(points, 0)), None)
        return None if above is None else TierGap(above.code, above.threshold - points)

    def history(
        self,
        joined_at: datetime,
        qualified: Iterable[tuple[datetime, int]],
        as_of: datetime,
        *,
        forced: Mapping[datetime, str] = MappingProxyType({}),
    ) -> tuple[TierPeriod, ...]:
        """Return the tiers of a member up to `as_of`: a pure fold of what qualified.

        Parameters
        ----------
        joined_at : datetime
            When the first window began.
        qualified : iterable of (datetime, int)
            Qualifying points as they came, in any order; below 0 where they were taken back.
        as_of : datetime
            Up to when.
        forced : mapping of datetime to str
            Tiers given by hand: each counts as reached then, and what was before is forgotten.

        Examples
        --------
        >>> from datetime import UTC
        >>> program = TierProgram(program="tea", tiers=(LoyaltyTier("leaf", "Leaf", 0), LoyaltyTier("gold", "Gold", 100)))
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> history = program.history(start, [(start + timedelta(days=9), 120)], start + timedelta(days=800))
        >>> [(each.tier, each.reason) for each in history]
        [('leaf', 'joined'), ('gold', 'reached'), ('leaf', 'not_reached')]
        """
        start, end = _Counted(joined_at).at, _Counted(as_of).at
        places = {tier.code: place for place, tier in enumerate(self.tiers)}
        marks: list[tuple[datetime, int, int]] = []
        turn = start + self.window
        while turn <= end:
            marks.append((turn, 0, 0))
            if self.grace:
                marks.append((turn + self.grace, 1, 0))
            turn += self.window
        counted = (_Counted(*pair) for pair in qualified)
        marks.extend((each.at, 2, each.points) for each in counted if each.at >= start)
        for at, code in forced.items():
            if code not in places:
                raise InvalidValueError("forced", code, f"choose one of {', '.join(places)}")
            marks.append((_Counted(at).at, 3, places[code]))
        points = reached = last = older = held = 0
        steps = [(start, 0, "joined")]
        for at, what, number in sorted(mark for mark in marks if start <= mark[0] <= end):
            if what == 0:
                points, reached, last, older = 0, 0, reached, last if self.grace else 0
            elif what == 1:
                older = 0
            elif what == 2:
                points += number
                reached = max(reached, self._rank(points))
            else:
                points, reached, last, older = self.tiers[number].threshold, number, 0, 0
            now = max(reached, last, older)
            if now != held:
                steps.append((at, now, "forced" if what == 3 else "reached" if now > held else "not_reached"))
                held = now
        merged = [
            step
            for step, following in zip(steps, [*steps[1:], None], strict=True)
            if following is None or following[0] > step[0]
        ]
        # Lost and reached again at one instant is never lost.
        merged = [
            step
            for before, step in zip([None, *merged], merged, strict=False)
            if before is None or before[1] != step[1]
        ]
        ends = [*(step[0] for step in merged[1:]), None]
        return tuple(
            TierPeriod(Period(at, until), self.tiers[place].code, reason)
            for (at, place, reason), until in zip(merged, ends, strict=True)
        )
