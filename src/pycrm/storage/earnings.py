"""What the rules of a programme gave a customer for one thing, whichever of his accounts it went into."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pycrm.model.earning import EarningRule
from pycrm.model.entity import named_id
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_entry import Bucket, PointsEntry
from pycrm.model.predicate import where
from pycrm.storage.ledger import accounts_of
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query, asc

__all__ = ["earned_under", "earning_rules", "moved_points"]


def earning_rules(unit: UnitOfWork, program: str, event: str) -> list[EarningRule]:
    """Return the rules of a programme for one event, by code."""
    asked = Query(EarningRule, (where("program") == program) & (where("event") == event), order=(asc("code"),))
    return [rule for batch in unit.of(EarningRule).stream(asked) for rule in batch]


def earned_under(
    unit: UnitOfWork, member_id: UUID, program: str, key: str
) -> tuple[PointsAccount, PointsEntry | None, Sequence[PointsAccount]]:
    """Return the account that has an entry under `key`, or his own, the entry or None, and the customer's other accounts."""
    held = accounts_of(unit, member_id, program)
    for account in held:
        entry = unit.of(PointsEntry).find(named_id(account.id, key))
        if entry is not None:
            return account, entry, [one for one in held if one is not account]
    return held[0], None, held[1:]


def moved_points(entry: PointsEntry, bucket: Bucket) -> int:
    """Return how many points an entry moved into or out of a bucket."""
    return sum(abs(leg.points) for leg in entry.legs if leg.bucket is bucket)
