"""What earns points, as data: per order, per amount, per unit, for content or a referral; and the budget of a programme."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import attrs
from attrs import converters, field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderStatus
from pycrm.model.points_command import Earn, EarnCap
from pycrm.model.time import Period, in_utc, instant, is_instant

__all__ = ["EarningMode", "EarningRule", "ProgramBudget", "RulePoints"]


class EarningMode(StrEnum):
    """What the points of a rule are for."""

    PER_EVENT = "per_event"
    PER_AMOUNT = "per_amount"
    PER_UNIT = "per_unit"


@frozen
class RulePoints:
    """What one rule gave for something, such as an order or a contribution, and what of it was taken back."""

    rule: str
    earned: int
    taken_back: int


@frozen(kw_only=True)
class EarningRule(Entity):
    """So many points for something.

    Parameters
    ----------
    code : str
        Unique in a programme; caps count by it.
    program : str
        The programme.
    event : str
        What earns: ``order`` (`loyalty.earn_for_order`), ``content`` (`loyalty.reward_content`), ``referral`` (the advocate, by
        `refer.qualify`), or the business's own code, such as ``visit``: no verb reads those, post `earn(...)` when it happens.
    mode : EarningMode
        Per event (each order, each referral), per full amount of `per` spent, or per unit bought.
    points : int
        How many, each time; at least 1.
    per : Money, optional
        The amount of PER_AMOUNT.
    min_amount : Money, optional
        Orders below it earn nothing.
    skus : tuple of str
        Only these articles count; empty for all.
    period : Period
        When it holds.
    valid_for : timedelta, optional
        How long the points last; None for ever.
    pending_for : timedelta, optional
        How long they wait, for instance the time in which goods may be returned.
    caps : tuple of EarnCap
        How many one member may earn by it.
    """

    code: str = field(validator=is_code)
    program: str = field(validator=is_code)
    event: str = field(default="order", validator=is_code)
    mode: EarningMode = field(default=EarningMode.PER_EVENT, validator=is_a(EarningMode))
    points: int = field(validator=at_least(1))
    per: Money | None = field(default=None, validator=optional(is_a(Money)))
    min_amount: Money | None = field(default=None, validator=optional(is_a(Money)))
    skus: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    period: Period = field(default=Period(), validator=is_a(Period))
    valid_for: timedelta | None = field(default=None, validator=optional(is_a(timedelta)))
    pending_for: timedelta | None = field(default=None, validator=optional(is_a(timedelta)))
    caps: tuple[EarnCap, ...] = field(default=(), validator=tuple_of(EarnCap))

    def __attrs_post_init__(self) -> None:
        if (self.mode is EarningMode.PER_AMOUNT) != (self.per is not None):
            raise InvalidValueError("per", self.per, "give per with mode PER_AMOUNT, and with no other mode")
        if self.per is not None and self.per.amount <= 0:
            raise InvalidValueError("per", self.per, "give an amount above 0")
        for name in ("valid_for", "pending_for"):
            length = getattr(self, name)
            if length is not None and length <= timedelta(0):
                raise InvalidValueError(name, length, "give a length of time above 0, or None")

    def points_for(self, order: Order) -> int:
        """Return what an order earns, for what was kept of it; nothing if it was cancelled.

        Raises
        ------
        CurrencyMismatchError
            If the rule counts another currency.

        Examples
        --------
        >>> from datetime import UTC
        >>> from pycrm.model.entity import new_id
        >>> from pycrm.model.order import OrderLine
        >>> rule = EarningRule(
        ...     code="spend", program="tea", mode=EarningMode.PER_AMOUNT, points=1, per=Money(10, "EUR")
        ... )
        >>> line = OrderLine(sku="tea", quantity=3, unit_price=Money("9.90", "EUR"))
        >>> when = datetime(2026, 5, 1, tzinfo=UTC)
        >>> rule.points_for(Order(customer_id=new_id(), number="1", placed_at=when, currency="EUR", lines=(line,)))
        2
        """
        if order.status is OrderStatus.CANCELLED or order.placed_at not in self.period:
            return 0
        for amount in (self.per, self.min_amount):
            if amount is not None and amount.currency != order.currency:
                raise CurrencyMismatchError(order.currency, amount.currency)
        kept = order.net
        lines = [line for line in order.lines if not self.skus or line.sku in self.skus]
        if not lines or not kept or (self.min_amount is not None and kept < self.min_amount):
            return 0
        paid = sum((line.total.amount for line in lines), Decimal(0))
        given_back = sum(
            (each.amount.amount for each in order.refunds if each.line is not None and order.lines[each.line] in lines),
            Decimal(0),
        )
        if given_back and given_back >= paid:
            return 0
        if self.mode is EarningMode.PER_EVENT:
            return self.points
        if self.mode is EarningMode.PER_UNIT:
            bought = sum((line.quantity for line in lines), Decimal(0))
            back = sum(
                (
                    refund.quantity
                    for refund in order.refunds
                    if refund.quantity is not None and refund.line is not None and order.lines[refund.line] in lines
                ),
                Decimal(0),
            )
            return self.points * int(max(bought - back, Decimal(0)))
        assert self.per is not None
        counted = min(kept.amount, paid - given_back)
        return self.points * int(counted // self.per.amount)

    def earn(self, points: int, at: datetime, reason: str | None = None) -> Earn:
        """Return the command that gives `points` by this rule at that time."""
        return Earn(
            points,
            expires_at=None if self.valid_for is None else at + self.valid_for,
            pending=self.pending_for is not None,
            opens_at=None if self.pending_for is None else at + self.pending_for,
            rule=self.code,
            caps=self.caps,
            reason=reason,
        )


@frozen(kw_only=True)
class ProgramBudget(Entity):
    """How many points a whole programme may give out; kept with a version, so two who give at once cannot both pass the cap.

    Parameters
    ----------
    program : str
        The programme; unique in a tenant.
    max_points : int
        In all.
    given : int
        So far.
    closed_at : datetime, optional
        From when on nothing is given.
    """

    program: str = field(validator=is_code)
    max_points: int = field(validator=at_least(0))
    given: int = field(default=0, validator=at_least(0))
    closed_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )

    def __attrs_post_init__(self) -> None:
        if self.given > self.max_points:
            raise InvalidValueError("given", self.given, f"the programme gives at most {self.max_points} points")

    def give(self, points: int, at: datetime) -> ProgramBudget:
        """Return the budget after giving `points`.

        Raises
        ------
        InvalidValueError
            If they are more than is left, or the programme is closed.
        """
        if self.closed_at is not None and instant(at) >= self.closed_at:
            raise InvalidValueError("points", points, f"the programme {self.program} is closed")
        if points > self.max_points - self.given:
            raise InvalidValueError("points", points, f"the programme has {self.max_points - self.given} points left")
        return attrs.evolve(self, given=self.given + points)

    def take_back(self, points: int) -> ProgramBudget:
        """Return the budget after `points` were undone."""
        return attrs.evolve(self, given=max(self.given - points, 0))
