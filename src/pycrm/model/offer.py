"""What we can offer, to whom, and what was decided for each one."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.money import Money
from pycrm.model.predicate import AllOf, AnyOf, Not, Predicate, Where
from pycrm.model.time import Period, in_utc, is_date, is_instant

__all__ = ["Offer", "OfferDecision", "OfferKind"]


class OfferKind(StrEnum):
    """What the customer gets."""

    PERCENT = "percent"
    AMOUNT = "amount"
    FREE_ITEM = "free_item"
    CONTENT = "content"
    SERVICE = "service"


def _is_predicate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Where | AllOf | AnyOf | Not):
        raise InvalidValueError(attribute.name, value, "give a predicate, such as where('tier') == 'most_valuable'")


@frozen(kw_only=True)
class Offer(Entity):
    """Something we may offer.

    Parameters
    ----------
    code : str
        Unique in a tenant.
    name : str
        What the customer reads.
    kind : OfferKind
        What he gets.
    percent : Decimal, optional
        Of a PERCENT offer, above 0 and at most 100.
    amount : Money, optional
        Of an AMOUNT offer.
    skus : tuple of str
        The products it is for; a customer who owns one of them does not get it. Empty: for anything.
    eligible : Predicate, optional
        Who may have it: a condition on the row of facts about a customer (tier, segment, orders, tags, ...).
    purpose : str
        The purpose under which it may be told.
    period : Period
        When it holds.
    priority : int
        The higher of two equal offers wins.
    fallback : bool
        Whether it is what one gets when nothing else fits.
    """

    code: str = field(validator=is_code)
    name: str = field(validator=is_line)
    kind: OfferKind = field(validator=is_a(OfferKind))
    percent: Decimal | None = field(default=None, validator=optional(is_a(Decimal)))
    amount: Money | None = field(default=None, validator=optional(is_a(Money)))
    skus: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    eligible: Predicate | None = field(default=None, validator=optional(_is_predicate))
    purpose: str = field(default="marketing", validator=is_code)
    period: Period = field(default=Period(), validator=is_a(Period))
    priority: int = field(default=0, validator=at_least(0))
    fallback: bool = field(default=False, validator=is_a(bool))

    def __attrs_post_init__(self) -> None:
        if (self.kind is OfferKind.PERCENT) != (self.percent is not None):
            raise InvalidValueError("percent", self.percent, "give percent with kind PERCENT, and with no other kind")
        if self.percent is not None and not 0 < self.percent <= 100:
            raise InvalidValueError("percent", self.percent, "give a share above 0 and at most 100")
        if (self.kind is OfferKind.AMOUNT) != (self.amount is not None):
            raise InvalidValueError("amount", self.amount, "give amount with kind AMOUNT, and with no other kind")
        if self.amount is not None and self.amount.amount <= 0:
            raise InvalidValueError("amount", self.amount, "give an amount above 0")
        if self.fallback and self.eligible is not None:
            raise InvalidValueError("eligible", self.eligible, "a fallback is for everybody")


@frozen(kw_only=True)
class OfferDecision(Entity):
    """What one customer is offered in one run, and why; a decision is never changed, the next run makes another.

    Parameters
    ----------
    customer_id : UUID
        Who; one decision of a customer per run.
    run : str
        The run that made it.
    as_of : date
        The last day whose facts count.
    decided_at : datetime
        When.
    offer_id : UUID, optional
        What; None where there is nothing, not even a fallback.
    sku : str, optional
        The product recommended with it.
    channel : str, optional
        Over what it may be told; None where no channel is permitted, so that it waits for the customer's own visit.
    fallback : bool
        Whether it is what everybody gets.
    reasons : tuple of Reason
        Why; at least one.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    run: str = field(validator=is_line)
    as_of: date = field(validator=is_date)
    decided_at: datetime = field(converter=in_utc, validator=is_instant)
    offer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    sku: str | None = field(default=None, validator=optional(is_line))
    channel: str | None = field(default=None, converter=converters.optional(channel_code))
    fallback: bool = field(default=False, validator=is_a(bool))
    reasons: tuple[Reason, ...] = field(validator=tuple_of(Reason))

    def __attrs_post_init__(self) -> None:
        if not self.reasons:
            raise InvalidValueError("reasons", self.reasons, "say why, in at least one reason")
