"""A sale we may make: for whom, over which pipeline, on which terms; and every step it took, only ever added to.

Where it stands is no field of it: `opportunity_state` folds it from the steps.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidTransitionError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_fraction, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor, EvidenceRef
from pycrm.model.money import Money, total
from pycrm.model.order import OrderLine
from pycrm.model.pipeline import PipelineStageKind
from pycrm.model.time import in_utc, is_date, is_instant

__all__ = [
    "BuyingRole",
    "Opportunity",
    "OpportunityChange",
    "OpportunityContact",
    "OpportunityTerms",
    "RecurringAmount",
]


class BuyingRole(StrEnum):
    """What somebody has to say in a purchase."""

    DECISION_MAKER = "decision_maker"
    EVALUATOR = "evaluator"
    INFLUENCER = "influencer"
    USER = "user"


@frozen
class OpportunityContact:
    """A person on the customer's side, and what he has to say."""

    customer_id: UUID = field(validator=is_a(UUID))
    role: BuyingRole = field(validator=is_a(BuyingRole))


@frozen
class RecurringAmount:
    """An amount that comes again every so many months.

    Examples
    --------
    >>> RecurringAmount(Money("90.00", "EUR"), 3).over(12)
    Money('360.00', 'EUR')
    """

    amount: Money = field(validator=is_a(Money))
    months: int = field(default=1, validator=at_least(1))

    def over(self, months: int) -> Money:
        """Return what whole payments come to within so many months."""
        if months < 0:
            raise InvalidValueError("months", months, "give a number of months of at least 0")
        return self.amount * (months // self.months)


@frozen(kw_only=True)
class OpportunityTerms:
    """What a deal would bring, and when.

    Parameters
    ----------
    amount : Money, optional
        What it comes to; the sum of the lines unless given. One of the two there must be.
    lines : tuple of OrderLine
        What would be bought.
    recurring : RecurringAmount, optional
        What comes again, beside the amount.
    expected_close : date, optional
        By when a decision is expected.
    probability : float, optional
        What a person believes; that of the stage unless given.

    Raises
    ------
    CurrencyMismatchError
        If there are two currencies in it.

    Examples
    --------
    >>> line = OrderLine(sku="tea", quantity=3, unit_price=Money("2.50", "EUR"))
    >>> OpportunityTerms(lines=(line,)).total, OpportunityTerms(lines=(line,), amount=Money("7.00", "EUR")).total
    (Money('7.50', 'EUR'), Money('7.00', 'EUR'))
    """

    amount: Money | None = field(default=None, validator=optional(is_a(Money)))
    lines: tuple[OrderLine, ...] = field(default=(), validator=tuple_of(OrderLine))
    recurring: RecurringAmount | None = field(default=None, validator=optional(is_a(RecurringAmount)))
    expected_close: date | None = field(default=None, validator=optional(is_date))
    probability: float | None = field(default=None, validator=optional(is_fraction))

    def __attrs_post_init__(self) -> None:
        found = [line.unit_price.currency for line in self.lines]
        found += [self.amount.currency] if self.amount is not None else []
        if not found:
            raise InvalidValueError("amount", None, "give an amount, or the lines it is the sum of")
        found += [self.recurring.amount.currency] if self.recurring is not None else []
        for currency in found:
            if currency != found[0]:
                raise CurrencyMismatchError(found[0], currency)
        if self.total.amount < 0:
            raise InvalidValueError("amount", self.amount, "give an amount of at least 0")

    @property
    def currency(self) -> str:
        """The one currency of all amounts."""
        return self.lines[0].unit_price.currency if self.amount is None else self.amount.currency

    @property
    def total(self) -> Money:
        """The amount given, or else the sum of the lines."""
        if self.amount is not None:
            return self.amount
        return total((line.total for line in self.lines), self.currency)


@frozen(kw_only=True)
class Opportunity(Entity):
    """A sale we may make: what does not change with its steps, and how many there were.

    Parameters
    ----------
    customer_id : UUID
        Who would buy.
    name : str
        What it is called.
    pipeline_id : UUID
        The edition of the pipeline it was opened under.
    opened_at : datetime
        When.
    contacts : tuple of OpportunityContact
        Who of the customer has a say.
    owner_id : UUID, optional
        Who works on it.
    source : str, optional
        A code: where this deal came from, whatever the customer came from.
    campaign_id, lead_id : UUID, optional
        What brought it.
    first_touch_id, last_touch_id : UUID, optional
        The first and last `Touchpoint` of the customer up to the opening, kept with the deal.
    key : str
        The same key twice is the same deal. Its id unless given.
    changes : int
        How many entries its history has: of two who write one at once, the store lets one win.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    name: str = field(validator=is_line)
    pipeline_id: UUID = field(validator=is_a(UUID))
    opened_at: datetime = field(converter=in_utc, validator=is_instant)
    contacts: tuple[OpportunityContact, ...] = field(default=(), validator=tuple_of(OpportunityContact))
    owner_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    source: str | None = field(default=None, validator=optional(is_code))
    campaign_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    lead_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    first_touch_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    last_touch_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    key: str = field(default=attrs.Factory(lambda deal: str(deal.id), takes_self=True), validator=is_line)
    changes: int = field(default=0, validator=at_least(0))

    def __attrs_post_init__(self) -> None:
        if len(set(self.contacts)) != len(self.contacts):
            raise InvalidValueError("contacts", self.contacts, "name each person once in each role")


@frozen(kw_only=True)
class OpportunityChange(Entity):
    """One entry in the history of an opportunity, append-only: opened, moved, or on other terms. Make it with `OpportunityState`.

    Parameters
    ----------
    opportunity_id : UUID
        Of which.
    number : int
        Its place in the order of recording, from 1.
    pipeline_id : UUID
        The edition whose rules it followed.
    former_pipeline_id : UUID, optional
        The edition before, where this entry brought the deal from one into another.
    from_stage : str, optional
        None at the opening.
    to_stage : str
        Where to; the same stage where only the terms changed.
    kind : PipelineStageKind
        Of `to_stage`.
    allowed : tuple of str
        What the edition let follow.
    terms : OpportunityTerms, optional
        From now on; as before unless given. The opening has them.
    occurred_at, recorded_at : datetime
        When it happened, and when we knew.
    reason : str
        A code, such as "quote_sent"; of a step into a lost stage, why it was lost.
    actor : Actor, optional
        Who did it.
    forced : bool
        Whether it goes beyond what the pipeline allows; then it needs an actor and a note.
    note : str, optional
        In words.
    evidence : tuple of EvidenceRef
        What it rests on: the quote, the order, the call.
    key : str
        The same key twice in one history is the same entry. Its id unless given.

    Raises
    ------
    InvalidTransitionError
        If the stage may not follow.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> OpportunityChange(
    ...     opportunity_id=UUID(int=1), pipeline_id=UUID(int=2), number=2, from_stage="won", to_stage="talking",
    ...     kind=PipelineStageKind.OPEN, occurred_at=day, recorded_at=day, reason="hope",
    ... )
    Traceback (most recent call last):
    pycrm.errors.InvalidTransitionError: cannot move from 'won' to 'talking'; allowed next: nothing
    """

    opportunity_id: UUID = field(validator=is_a(UUID))
    number: int = field(validator=at_least(1))
    pipeline_id: UUID = field(validator=is_a(UUID))
    former_pipeline_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    from_stage: str | None = field(default=None, validator=optional(is_code))
    to_stage: str = field(validator=is_code)
    kind: PipelineStageKind = field(validator=is_a(PipelineStageKind))
    allowed: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    terms: OpportunityTerms | None = field(default=None, validator=optional(is_a(OpportunityTerms)))
    occurred_at: datetime = field(converter=in_utc, validator=is_instant)
    recorded_at: datetime = field(converter=in_utc, validator=is_instant)
    reason: str = field(validator=is_code)
    actor: Actor | None = field(default=None, validator=optional(is_a(Actor)))
    forced: bool = field(default=False, validator=is_a(bool))
    note: str | None = field(default=None, validator=optional(is_line))
    evidence: tuple[EvidenceRef, ...] = field(default=(), validator=tuple_of(EvidenceRef))
    key: str = field(default=attrs.Factory(lambda change: str(change.id), takes_self=True), validator=is_line)

    def __attrs_post_init__(self) -> None:
        self.check()

    @property
    def is_move(self) -> bool:
        """Whether it led to another stage; the opening does."""
        return self.from_stage != self.to_stage

    def check(self) -> None:
        """Raise where an entry, by itself, could not have happened; the fold asks again of what came from a store.

        Raises
        ------
        InvalidTransitionError
            If the stage may not follow.
        InvalidValueError
            If it is opened or changed without terms, or forced without saying by whom and why.
        """
        if self.occurred_at > self.recorded_at:
            raise InvalidValueError(
                "occurred_at", self.occurred_at, "nothing is recorded before it happens; check the two clocks"
            )
        if self.forced and (self.actor is None or self.note is None):
            raise InvalidValueError("forced", self.forced, "a forced step names its actor and, as note, its reason")
        if (self.from_stage is None) != (self.number == 1):
            raise InvalidValueError(
                "number", self.number, "the first entry opens the deal, and only that has no from_stage"
            )
        if self.from_stage is None:
            if self.terms is None:
                raise InvalidValueError("terms", None, "say on which terms it is opened")
            if self.kind is not PipelineStageKind.OPEN or self.forced or self.former_pipeline_id is not None:
                raise InvalidTransitionError("nothing", self.to_stage, set(self.allowed) - {self.to_stage})
        if not self.is_move and self.former_pipeline_id is None:
            if self.terms is None:
                raise InvalidValueError("terms", None, "nothing changes: name another stage, or give other terms")
            if self.kind.is_closed and not self.forced:
                raise InvalidValueError(
                    "terms", self.terms, "the deal is closed; reopen it, or force it with actor and note"
                )
        elif self.to_stage not in self.allowed and not self.forced:
            raise InvalidTransitionError(self.from_stage or "nothing", self.to_stage, set(self.allowed))
