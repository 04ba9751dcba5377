"""One message to a niche, or to customers named one by one: whom it includes and leaves out, what it may cost, how it stands."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidTransitionError, InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.contact import Channel, channel_code
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.intent import IntentKind
from pycrm.model.money import Money
from pycrm.model.predicate import AllOf, AnyOf, Not, Predicate, Where
from pycrm.model.time import Period, in_utc, is_instant

__all__ = ["Campaign", "CampaignMember", "CampaignStatus"]


class CampaignStatus(StrEnum):
    """How a campaign stands."""

    PLANNING = "planning"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETE = "complete"


_NEXT = {
    CampaignStatus.PLANNING: frozenset({CampaignStatus.ACTIVE, CampaignStatus.COMPLETE}),
    CampaignStatus.ACTIVE: frozenset({CampaignStatus.PAUSED, CampaignStatus.COMPLETE}),
    CampaignStatus.PAUSED: frozenset({CampaignStatus.ACTIVE, CampaignStatus.COMPLETE}),
    CampaignStatus.COMPLETE: frozenset[CampaignStatus](),
}


def _is_predicate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Where | AllOf | AnyOf | Not):
        raise InvalidValueError(attribute.name, value, "give a predicate, such as where('tier') == 'most valuable'")


@frozen(kw_only=True)
class Campaign(Entity):
    """A campaign.

    Parameters
    ----------
    code : str
        Unique in a tenant.
    name, objective : str
        What it is called, and what it is for.
    kind : IntentKind
        What it brings the customer.
    text : str
        The message, or the code of its template.
    status : CampaignStatus
        How it stands.
    period : Period
        When messages may go out.
    segment : str, optional
        The segment it is for.
    audience : Predicate, optional
        A condition on the facts about a customer; with a segment, both must hold.
    includes, excludes : tuple of UUID
        Customers it is for in any case, and those it is never for; an exclusion wins.
    not_owning : tuple of str
        Articles: who owns one of them does not get it.
    open_list : bool
        Whether customers who come to fit later get it too; else the list is frozen when it is first sent.
    purpose : str
        What permission it needs.
    channel : str
        Over what.
    cost : Money, optional
        Of one message.
    budget : Money, optional
        What all messages together may cost; it needs `cost`.
    parent_id : UUID, optional
        The campaign it is a part of.

    Examples
    --------
    >>> spring = Campaign(code="spring", name="Spring", objective="second orders", kind=IntentKind.OFFER, text="Ten percent.", segment="new")
    >>> spring.moved(CampaignStatus.ACTIVE).status.value
    'active'
    """

    code: str = field(validator=is_code)
    name: str = field(validator=is_line)
    objective: str = field(validator=is_line)
    kind: IntentKind = field(validator=is_a(IntentKind))
    text: str = field(validator=is_line)
    status: CampaignStatus = field(default=CampaignStatus.PLANNING, validator=is_a(CampaignStatus))
    period: Period = field(default=Period(), validator=is_a(Period))
    segment: str | None = field(default=None, validator=optional(is_code))
    audience: Predicate | None = field(default=None, validator=optional(_is_predicate))
    includes: tuple[UUID, ...] = field(default=(), validator=tuple_of(UUID))
    excludes: tuple[UUID, ...] = field(default=(), validator=tuple_of(UUID))
    not_owning: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    open_list: bool = field(default=False, validator=is_a(bool))
    purpose: str = field(default="marketing", validator=is_code)
    channel: str = field(default=Channel.EMAIL, converter=channel_code)
    cost: Money | None = field(default=None, validator=optional(is_a(Money)))
    budget: Money | None = field(default=None, validator=optional(is_a(Money)))
    parent_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))

    def __attrs_post_init__(self) -> None:
        if self.segment is None and self.audience is None and not self.includes:
            raise InvalidValueError("segment", None, "say whom it is for: give segment, audience or includes")
        if self.budget is not None and (self.cost is None or self.cost.amount <= 0):
            raise InvalidValueError("cost", self.cost, "a budget needs the cost of one message, above 0")
        if self.budget is not None and self.budget.amount < 0:
            raise InvalidValueError("budget", self.budget, "give a budget of at least 0")
        if self.cost is not None and self.budget is not None and self.cost.currency != self.budget.currency:
            raise CurrencyMismatchError(self.budget.currency, self.cost.currency)
        if self.parent_id == self.id:
            raise InvalidValueError("parent_id", self.id, "a campaign is not its own part")

    def moved(self, status: CampaignStatus) -> Campaign:
        """Return the campaign in the next status.

        Raises
        ------
        InvalidTransitionError
            If the status may not follow.
        """
        if status not in _NEXT[self.status]:
            raise InvalidTransitionError(str(self.status), str(status), {str(each) for each in _NEXT[self.status]})
        return attrs.evolve(self, status=status)

    @property
    def affordable(self) -> int | None:
        """How many messages the budget pays for; None where there is no limit."""
        if self.budget is None or self.cost is None:
            return None
        return int(self.budget.amount // self.cost.amount)


@frozen(kw_only=True)
class CampaignMember(Entity):
    """That a customer is on the list of a campaign: frozen when it is first sent, and never rewritten.

    Parameters
    ----------
    campaign_id, customer_id : UUID
        Of which campaign, and who.
    listed_at : datetime
        When.
    reasons : tuple of Reason
        The facts that put him on it: code ``audience``, or ``included`` where the campaign names him.
    """

    campaign_id: UUID = field(validator=is_a(UUID))
    customer_id: UUID = field(validator=is_a(UUID))
    listed_at: datetime = field(converter=in_utc, validator=is_instant)
    reasons: tuple[Reason, ...] = field(validator=tuple_of(Reason))
