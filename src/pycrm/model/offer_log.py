"""What came of a decision: the answer it got, and the word of a person who decided otherwise. Decisions themselves never change."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor
from pycrm.model.money import Money
from pycrm.model.time import in_utc, is_instant

__all__ = ["OfferAnswer", "OfferOutcome", "OfferOverride"]


class OfferAnswer(StrEnum):
    """What the customer did with an offer."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    IGNORED = "ignored"


@frozen(kw_only=True)
class OfferOutcome(Entity):
    """What came of one decision; there is one, and it is never changed.

    Parameters
    ----------
    decision_id : UUID
        Of what.
    answer : OfferAnswer
        What the customer did.
    at : datetime
        When.
    value : Money, optional
        What he paid, if he took it.
    order_id : UUID, optional
        The order with which he took it.
    """

    decision_id: UUID = field(validator=is_a(UUID))
    answer: OfferAnswer = field(validator=is_a(OfferAnswer))
    at: datetime = field(converter=in_utc, validator=is_instant)
    value: Money | None = field(default=None, validator=optional(is_a(Money)))
    order_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))

    def __attrs_post_init__(self) -> None:
        if self.answer is not OfferAnswer.ACCEPTED and (self.value is not None or self.order_id is not None):
            raise InvalidValueError("answer", self.answer, "value and order belong to an offer that was accepted")


@frozen(kw_only=True)
class OfferOverride(Entity):
    """A person decides otherwise; the last word counts.

    Parameters
    ----------
    decision_id : UUID
        Than what.
    offer_id : UUID, optional
        What he is given instead; None is nothing.
    actor : Actor
        Who says so.
    at : datetime
        When.
    note : str
        Why.
    """

    decision_id: UUID = field(validator=is_a(UUID))
    offer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    actor: Actor = field(validator=is_a(Actor))
    at: datetime = field(converter=in_utc, validator=is_instant)
    note: str = field(validator=is_line)
