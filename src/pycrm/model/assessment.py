"""What a customer is worth to us, and which group he is in, as of a date: a snapshot, never overwritten."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_fraction, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.money import Money
from pycrm.model.time import is_date

__all__ = ["Assessment", "Tier"]


class Tier(StrEnum):
    """The value tiers of Peppers & Rogers."""

    MOST_VALUABLE = "most valuable"
    MOST_GROWABLE = "most growable"
    MIGRATOR = "migrator"
    LOW_MAINTENANCE = "low maintenance"
    BELOW_ZERO = "below zero"


@frozen(kw_only=True)
class Assessment(Entity):
    """One customer, differentiated as of a date.

    Parameters
    ----------
    customer_id : UUID
        Who; one assessment of a customer per run.
    run : str
        The run that made it; the snapshot is all assessments of one run.
    as_of : date
        The last day whose orders count.
    since : date
        The first day whose orders count.
    orders : int
        How many it rests on.
    historic_value : Money
        Orders less refunds, so far; may be negative.
    expected_value, expected_low, expected_high : Money, optional
        The discounted value of the coming `horizon`, and its 95 % interval; None where it cannot be estimated.
    probability_alive : float, optional
        That the customer will ever buy again.
    recency_score, frequency_score, monetary_score : int, optional
        1 (worst) to 5.
    segment : str, optional
        The RFM segment.
    tier : Tier
        The value tier.
    profit : Money, optional
        Historic value less what goods, service and acquisition cost; None where no cost is known.
    potential_value : Money, optional
        What he would bring with all his spending here; None where his spending is not known.
    needs : str, optional
        The group of needs.
    fit_score, engagement_score : int, optional
        Of the scoring rules; `grade` is their cell, A1 to C3.
    policy : str, optional
        The version of the treatment policy that says what his tier gets.
    refunds, expenses, facts, interactions : int
        How many of each it rests on, beside the orders.
    reasons : tuple of Reason
        Why, and from which rows.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    run: str = field(validator=is_line)
    as_of: date = field(validator=is_date)
    since: date = field(validator=is_date)
    orders: int = field(validator=at_least(0))
    historic_value: Money = field(validator=is_a(Money))
    expected_value: Money | None = field(default=None, validator=optional(is_a(Money)))
    expected_low: Money | None = field(default=None, validator=optional(is_a(Money)))
    expected_high: Money | None = field(default=None, validator=optional(is_a(Money)))
    probability_alive: float | None = field(default=None, validator=optional(is_fraction))
    recency_score: int | None = field(default=None, validator=optional(is_a(int)))
    frequency_score: int | None = field(default=None, validator=optional(is_a(int)))
    monetary_score: int | None = field(default=None, validator=optional(is_a(int)))
    segment: str | None = field(default=None, validator=optional(is_line))
    tier: Tier = field(validator=is_a(Tier))
    profit: Money | None = field(default=None, validator=optional(is_a(Money)))
    potential_value: Money | None = field(default=None, validator=optional(is_a(Money)))
    needs: str | None = field(default=None, validator=optional(is_line))
    fit_score: int | None = field(default=None, validator=optional(is_a(int)))
    engagement_score: int | None = field(default=None, validator=optional(is_a(int)))
    grade: str | None = field(default=None, validator=optional(is_line))
    policy: str | None = field(default=None, validator=optional(is_line))
    refunds: int = field(default=0, validator=at_least(0))
    expenses: int = field(default=0, validator=at_least(0))
    facts: int = field(default=0, validator=at_least(0))
    interactions: int = field(default=0, validator=at_least(0))
    reasons: tuple[Reason, ...] = field(default=(), validator=tuple_of(Reason))

    def __attrs_post_init__(self) -> None:
        if self.since > self.as_of:
            raise InvalidValueError("since", self.since, f"the window starts before it ends, {self.as_of}")
        amounts = (self.expected_value, self.expected_low, self.expected_high, self.profit, self.potential_value)
        for amount in amounts:
            if amount is not None and amount.currency != self.historic_value.currency:
                raise CurrencyMismatchError(self.historic_value.currency, amount.currency)
        for name in ("recency_score", "frequency_score", "monetary_score"):
            score = getattr(self, name)
            if score is not None and not 1 <= score <= 5:
                raise InvalidValueError(name, score, "give a score from 1 to 5")
