"""The entries of an account as its member reads them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import frozen

from pycrm.model.points_entry import EntryKind, PointsEntry

__all__ = ["StatementLine", "statement"]


@frozen
class StatementLine:
    """One line of what a member reads: what happened, by how much, and what was available after it."""

    at: datetime
    kind: EntryKind
    key: str
    change: int
    available: int


def statement(entries: Iterable[PointsEntry]) -> tuple[StatementLine, ...]:
    """Return the entries of one account as a member reads them; the last line is what is available now.

    Examples
    --------
    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> from pycrm.model.points import post
    >>> from pycrm.model.points_account import PointsAccount
    >>> from pycrm.model.points_command import Earn
    >>> posted = post(PointsAccount.opened(UUID(int=1), "tea"), Earn(5), key="a", at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> [(str(line.kind), line.change, line.available) for line in statement(posted.entries)]
    [('earn', 5, 5)]
    """
    lines, available = [], 0
    for entry in entries:
        available += entry.change
        lines.append(StatementLine(entry.at, entry.kind, entry.key, entry.change, available))
    return tuple(lines)
