"""What an import did, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_line, optional, tuple_of
from pycrm.model.custom import NO_FIELDS, CustomFields
from pycrm.model.entity import Entity
from pycrm.model.time import in_utc, is_instant

__all__ = ["ImportOutcome", "ImportRun", "RowStatus", "count_outcomes"]


class RowStatus(StrEnum):
    """What became of a row."""

    ADDED = "added"
    UPDATED = "updated"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    REFUSED = "refused"


@frozen
class ImportOutcome:
    """What became of one row of an import.

    Parameters
    ----------
    row : int
        Its place in the input, counted from 0.
    status : RowStatus
        What became of it.
    key : str, optional
        The key it was known by.
    reason : str, optional
        Why it was skipped or refused, or what it changed.
    """

    row: int = field(validator=at_least(0))
    status: RowStatus = field(validator=is_a(RowStatus))
    key: str | None = field(default=None, validator=optional(is_line))
    reason: str | None = field(default=None, validator=optional(is_line))


def count_outcomes(outcomes: Iterable[ImportOutcome]) -> Mapping[str, int]:
    """Return how many rows met each fate.

    Examples
    --------
    >>> count_outcomes([ImportOutcome(0, RowStatus.ADDED), ImportOutcome(1, RowStatus.ADDED)])
    {'added': 2, 'updated': 0, 'replaced': 0, 'skipped': 0, 'refused': 0}
    """
    counts = {str(status): 0 for status in RowStatus}
    for outcome in outcomes:
        counts[outcome.status] += 1
    return counts


@frozen(kw_only=True)
class ImportRun(Entity):
    """One run of an import; idempotent by `key`: the same input into the same store changes nothing.

    Parameters
    ----------
    source : str
        Where the rows came from.
    key : str
        What makes the input the same input: a checksum of its bytes.
    started_at, finished_at : datetime
        From when to when.
    dry_run : bool
        Whether nothing was written.
    counts : CustomFields
        How many rows met each fate, and how many were dropped for each reason.
    outcomes : tuple of ImportOutcome
        The rows that were not simply added.
    """

    source: str = field(validator=is_line)
    key: str = field(validator=is_line)
    started_at: datetime = field(converter=in_utc, validator=is_instant)
    finished_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    dry_run: bool = field(default=False, validator=is_a(bool))
    counts: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))
    outcomes: tuple[ImportOutcome, ...] = field(default=(), validator=tuple_of(ImportOutcome))

    def __attrs_post_init__(self) -> None:
        if self.finished_at is not None and self.finished_at < self.started_at:
            raise InvalidValueError("finished_at", self.finished_at, "a run ends after its start")
