"""What we can offer, to whom, and what was decided for each one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_fraction, is_line, optional, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.money import Money
from pycrm.model.predicate import AllOf, AnyOf, Not, Predicate, Where
from pycrm.model.time import Period, in_utc, is_date, is_instant

__all__ = ["Offer", "OfferDecision", "OfferKind", "Sale"]


class OfferKind(StrEnum):
    """What the customer gets."""

    PERCENT = "percent"
    AMOUNT = "amount"
    FREE_ITEM = "free_item"
    CONTENT = "content"
    SERVICE = "service"


class Sale(StrEnum):
    """How an offer stands to what the customer owns."""

    NEW = "new"
    CROSS = "cross"
    UP = "up"


def _all_codes(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple):
        raise InvalidValueError(attribute.name, value, "give a tuple of codes")
    for one in value:
        is_code(_, attribute, one)


def _is_not_negative(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Money) or value.amount < 0:
        raise InvalidValueError(attribute.name, value, "give Money of at least 0")


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
    needs : tuple of str
        The needs, wishes or interests it speaks to, by the name of their topic; it is worth more to who has one of them.
    price, margin : Money, optional
        Of one sale without the offer: what the customer pays, and what it leaves us, which may be below zero. Without a margin
        an offer is ranked by priority, after those that pay.
    cost : Money, optional
        Of telling it once, at least 0.
    floor_price : Money, optional
        The least a customer may pay; an offer below it cannot be made.
    stock : int, optional
        How many may be given in all.
    max_per_customer : int, optional
        How many one customer may be given.
    again_after : timedelta, optional
        How long after it was given one customer may be given it again.
    never_bought : bool
        For those alone who never bought anything.
    requires : tuple of str
        Articles of which he must own one: what is offered goes with it (cross-sale).
    upgrades : tuple of str
        Articles of which he must own one that this is better than (up-sale).
    suppress_buyers : bool
        Whether who owns one of `skus` is left out.
    excludes : tuple of str
        Codes of offers that do not go with it: who holds one of them that is open is left out.
    stackable : bool
        Whether it may be given to somebody who holds another open offer.
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
    needs: tuple[str, ...] = field(default=(), validator=_all_codes)
    price: Money | None = field(default=None, validator=optional(_is_not_negative))
    margin: Money | None = field(default=None, validator=optional(is_a(Money)))
    cost: Money | None = field(default=None, validator=optional(_is_not_negative))
    floor_price: Money | None = field(default=None, validator=optional(_is_not_negative))
    stock: int | None = field(default=None, validator=optional(at_least(0)))
    max_per_customer: int | None = field(default=None, validator=optional(at_least(1)))
    again_after: timedelta | None = field(default=None, validator=optional(is_a(timedelta)))
    never_bought: bool = field(default=False, validator=is_a(bool))
    requires: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    upgrades: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    suppress_buyers: bool = field(default=True, validator=is_a(bool))
    excludes: tuple[str, ...] = field(default=(), validator=_all_codes)
    stackable: bool = field(default=True, validator=is_a(bool))

    def __attrs_post_init__(self) -> None:
        self._check_kind()
        self._check_rules()
        self._check_prices()

    def _check_kind(self) -> None:
        if (self.kind is OfferKind.PERCENT) != (self.percent is not None):
            raise InvalidValueError("percent", self.percent, "give percent with kind PERCENT, and with no other kind")
        if self.percent is not None and not 0 < self.percent <= 100:
            raise InvalidValueError("percent", self.percent, "give a share above 0 and at most 100")
        if (self.kind is OfferKind.AMOUNT) != (self.amount is not None):
            raise InvalidValueError("amount", self.amount, "give amount with kind AMOUNT, and with no other kind")
        if self.amount is not None and self.amount.amount <= 0:
            raise InvalidValueError("amount", self.amount, "give an amount above 0")

    def _check_rules(self) -> None:
        """Refuse rules that nobody can meet."""
        if self.fallback and self.eligible is not None:
            raise InvalidValueError("eligible", self.eligible, "a fallback is for everybody")
        limits = ("stock", "max_per_customer", "again_after", "requires", "upgrades", "excludes", "never_bought")
        for name in limits:
            given = getattr(self, name)
            if self.fallback and given is not None and given is not False and given != ():
                raise InvalidValueError(name, given, "a fallback is for everybody")
        for name in ("requires", "upgrades"):
            owned = getattr(self, name)
            if self.never_bought and owned:
                raise InvalidValueError(name, owned, "who never bought anything owns nothing: drop it, or never_bought")
            both = set(owned) & set(self.skus)
            if self.suppress_buyers and both:
                fix = "its buyers are left out, so nobody is left: name other articles, or suppress_buyers=False"
                raise InvalidValueError(name, min(both), fix)
        if self.code in self.excludes:
            raise InvalidValueError("excludes", self.code, "an offer does not exclude itself: use max_per_customer")
        if self.again_after is not None and self.again_after <= timedelta(0):
            raise InvalidValueError("again_after", self.again_after, "give a span above zero, or None")

    def _check_prices(self) -> None:
        amounts = [self.amount, self.price, self.margin, self.cost, self.floor_price]
        currencies = sorted({one.currency for one in amounts if one is not None})
        if len(currencies) > 1:
            raise CurrencyMismatchError(currencies[0], currencies[1], "price")
        if self.price is None:
            if self.floor_price is not None:
                raise InvalidValueError("price", None, "a floor price cannot be judged without the price")
            if self.percent is not None and self.margin is not None:
                raise InvalidValueError("price", None, "what the discount costs cannot be judged without the price")
            return
        paid = self.price if self.discount is None else self.price - self.discount
        if paid.amount < 0:
            raise InvalidValueError("amount", self.amount, f"a discount is at most the price, {self.price}")
        if self.floor_price is not None and paid.amount < self.floor_price.amount:
            raise InvalidValueError("floor_price", self.floor_price, f"with the offer he would pay {paid}")

    @property
    def discount(self) -> Money | None:
        """What one who takes it does not pay; None where that is nothing, or there is no price to take it off.

        Examples
        --------
        >>> Offer(code="set", name="Set", kind=OfferKind.PERCENT, percent=Decimal(10), price=Money("40.00", "EUR")).discount
        Money('4.00', 'EUR')
        """
        if self.percent is not None and self.price is not None:
            return (self.price * (self.percent / 100)).rounded()
        return self.amount

    @property
    def sale(self) -> Sale:
        """Whether it is a cross-sale, an up-sale or neither."""
        if self.upgrades:
            return Sale.UP
        return Sale.CROSS if self.requires else Sale.NEW


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
    policy : str, optional
        The code of the policy it was made under; it names the loop that is evaluated.
    arm : str, optional
        "loop", or "holdout" for who is left alone to learn what would have happened; None without a policy.
    context : str, optional
        What was known when it was made, as a code: answers are learned within it.
    probability : float, optional
        That he takes it, as it was believed.
    expected : Money, optional
        What it was expected to bring beyond what comes without it, its cost taken off.
    alternatives : tuple of str
        Codes of the offers that were next, the best first.
    since : date, optional
        The first day whose facts count.
    expires_at : datetime, optional
        Until when it is open; what he does afterwards is no answer to it.
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
    policy: str | None = field(default=None, validator=optional(is_code))
    arm: str | None = field(default=None, validator=optional(is_code))
    context: str | None = field(default=None, validator=optional(is_code))
    probability: float | None = field(default=None, validator=optional(is_fraction))
    expected: Money | None = field(default=None, validator=optional(is_a(Money)))
    alternatives: tuple[str, ...] = field(default=(), validator=_all_codes)
    since: date | None = field(default=None, validator=optional(is_date))
    expires_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )

    def __attrs_post_init__(self) -> None:
        if not self.reasons:
            raise InvalidValueError("reasons", self.reasons, "say why, in at least one reason")
        if self.since is not None and self.since > self.as_of:
            raise InvalidValueError("since", self.since, f"the window starts before it ends, {self.as_of}")
        if self.expires_at is not None and self.expires_at <= self.decided_at:
            raise InvalidValueError("expires_at", self.expires_at, f"it is open from {self.decided_at} on")
