"""What automation takes off people's hands: one entry per run, and the hours they sum to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_code, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.time import Period, in_utc, is_instant

__all__ = ["AutomationRun", "time_saved"]


def _is_span(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise InvalidValueError(attribute.name, value, "give a span of at least zero")


@frozen(kw_only=True)
class AutomationRun(Entity):
    """One run of something that people did by hand before.

    Parameters
    ----------
    process : str
        What runs, as a code: "personalise.decide".
    key : str
        The run's own id, so that it is counted once.
    at : datetime
        When.
    items : int
        How many were done: decisions, mails, matches.
    by_hand : timedelta
        What one of them took a person; measured or agreed, and written down with the run, so that a better guess later does not
        change what was said before.
    overseen : timedelta
        What people spent on the run all the same.
    basis : str, optional
        Where `by_hand` comes from.

    Examples
    --------
    >>> from datetime import UTC
    >>> run = AutomationRun(
    ...     process="decide",
    ...     key="may",
    ...     at=datetime(2026, 5, 1, tzinfo=UTC),
    ...     items=300,
    ...     by_hand=timedelta(minutes=2),
    ...     overseen=timedelta(hours=1),
    ... )
    >>> run.saved
    datetime.timedelta(seconds=32400)
    """

    process: str = field(validator=is_code)
    key: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)
    items: int = field(validator=at_least(0))
    by_hand: timedelta = field(validator=_is_span)
    overseen: timedelta = field(default=timedelta(0), validator=_is_span)
    basis: str | None = field(default=None, validator=optional(is_line))

    @property
    def saved(self) -> timedelta:
        """What it took off people's hands; below zero where it cost more than it spared."""
        return self.items * self.by_hand - self.overseen


def time_saved(runs: Iterable[AutomationRun], period: Period) -> Mapping[str, timedelta]:
    """Return what the runs of a period saved, by process, the most first; a run that comes twice counts once.

    Examples
    --------
    >>> time_saved([], Period())
    {}
    """
    seen: set[tuple[str, str]] = set()
    sums: defaultdict[str, timedelta] = defaultdict(timedelta)
    for run in runs:
        if run.at in period and (run.process, run.key) not in seen:
            seen.add((run.process, run.key))
            sums[run.process] += run.saved
    return dict(sorted(sums.items(), key=lambda one: (-one[1], one[0])))
