"""What points are spent on: rewards with a stock, and redemptions that can be undone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.time import Period, in_utc, is_instant

__all__ = ["Redemption", "RedemptionStatus", "Reward", "RewardKind"]


class RewardKind(StrEnum):
    """What the member gets."""

    FREE_ITEM = "free_item"
    PERCENT = "percent"
    AMOUNT = "amount"
    CONTENT = "content"
    SERVICE = "service"


@frozen(kw_only=True)
class Reward(Entity):
    """Something that costs points.

    Parameters
    ----------
    code : str
        Unique in a programme.
    program : str
        The programme.
    name : str
        What the member reads.
    kind : RewardKind
        What he gets.
    cost : int
        In points; at least 1.
    sku : str, optional
        Of a FREE_ITEM.
    percent : Decimal, optional
        Of a PERCENT discount, above 0 and at most 100.
    amount : Money, optional
        Of an AMOUNT discount.
    stock : int, optional
        How many are left; None where they never end.
    period : Period
        When it can be had.
    """

    code: str = field(validator=is_code)
    program: str = field(validator=is_code)
    name: str = field(validator=is_line)
    kind: RewardKind = field(validator=is_a(RewardKind))
    cost: int = field(validator=at_least(1))
    sku: str | None = field(default=None, validator=optional(is_line))
    percent: Decimal | None = field(default=None, validator=optional(is_a(Decimal)))
    amount: Money | None = field(default=None, validator=optional(is_a(Money)))
    stock: int | None = field(default=None, validator=optional(at_least(0)))
    period: Period = field(default=Period(), validator=is_a(Period))

    def __attrs_post_init__(self) -> None:
        for name, kind in (
            ("sku", RewardKind.FREE_ITEM),
            ("percent", RewardKind.PERCENT),
            ("amount", RewardKind.AMOUNT),
        ):
            if (self.kind is kind) != (getattr(self, name) is not None):
                raise InvalidValueError(
                    name, getattr(self, name), f"give {name} with kind {kind.name}, and with no other"
                )
        if self.percent is not None and not 0 < self.percent <= 100:
            raise InvalidValueError("percent", self.percent, "give a share above 0 and at most 100")
        if self.amount is not None and self.amount.amount <= 0:
            raise InvalidValueError("amount", self.amount, "give an amount above 0")

    def taken(self, at: datetime) -> Reward:
        """Return the reward with one less in stock.

        Raises
        ------
        InvalidValueError
            If there is none left, or it cannot be had at that time.

        Examples
        --------
        >>> from datetime import UTC
        >>> cup = Reward(code="cup", program="tea", name="A cup", kind=RewardKind.FREE_ITEM, sku="cup", cost=50, stock=1)
        >>> cup.taken(datetime(2026, 5, 1, tzinfo=UTC)).stock
        0
        """
        if at not in self.period:
            raise InvalidValueError("reward", self.code, "it cannot be had at that time")
        if self.stock is None:
            return self
        if self.stock == 0:
            raise InvalidValueError("reward", self.code, "there is none left")
        return attrs.evolve(self, stock=self.stock - 1)

    def returned(self) -> Reward:
        """Return the reward with one more in stock."""
        return self if self.stock is None else attrs.evolve(self, stock=self.stock + 1)


class RedemptionStatus(StrEnum):
    """Where a redemption stands."""

    REDEEMED = "redeemed"
    USED = "used"
    CANCELLED = "cancelled"


_NEXT = {
    RedemptionStatus.REDEEMED: frozenset({RedemptionStatus.USED, RedemptionStatus.CANCELLED}),
    RedemptionStatus.USED: frozenset[RedemptionStatus](),
    RedemptionStatus.CANCELLED: frozenset[RedemptionStatus](),
}


@frozen(kw_only=True)
class Redemption(Entity):
    """A reward that a member took.

    Parameters
    ----------
    member_id : UUID
        Who.
    reward_id : UUID
        What.
    points : int
        What it cost then.
    entry_key : str
        The key of the ledger entry that paid it.
    at : datetime
        When.
    status : RedemptionStatus
        Where it stands.
    """

    member_id: UUID = field(validator=is_a(UUID))
    reward_id: UUID = field(validator=is_a(UUID))
    points: int = field(validator=at_least(1))
    entry_key: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)
    status: RedemptionStatus = field(default=RedemptionStatus.REDEEMED, validator=is_a(RedemptionStatus))

    def moved(self, status: RedemptionStatus) -> Redemption:
        """Return the redemption in its next status.

        Raises
        ------
        InvalidValueError
            If it was used or cancelled before.
        """
        if status not in _NEXT[self.status]:
            raise InvalidValueError("status", str(status), f"it is {self.status} already")
        return attrs.evolve(self, status=status)
