"""What a member of staff is advised to do next for a customer: with the reasons, what else could be done, and until when it holds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.time import in_utc, is_instant

__all__ = ["NextStep", "StepOption"]


@frozen
class StepOption:
    """Something that could be done: a code, the words for it, and what it is believed to be worth."""

    code: str = field(validator=is_code)
    text: str = field(validator=is_line)
    worth: float = field(converter=float)


@frozen(kw_only=True)
class NextStep(Entity):
    """One piece of advice; a later one takes its place.

    Parameters
    ----------
    customer_id : UUID
        For whom.
    step : StepOption
        What to do.
    alternatives : tuple of StepOption
        What else, the best first.
    reasons : tuple of Reason
        Why; at least one.
    owner : str, optional
        Who looks after the customer.
    made_at, expires_at : datetime
        From when, and until when it holds.

    Examples
    --------
    >>> from datetime import UTC
    >>> call = StepOption("call", "Call and ask how the order was", 3)
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> why = (Reason("first_order", "the first order came last week"),)
    >>> step = NextStep(customer_id=UUID(int=1), step=call, reasons=why, made_at=day, expires_at=datetime(2026, 5, 8, tzinfo=UTC))
    >>> step.holds_at(day), step.holds_at(step.expires_at)
    (True, False)
    """

    customer_id: UUID = field(validator=is_a(UUID))
    step: StepOption = field(validator=is_a(StepOption))
    alternatives: tuple[StepOption, ...] = field(default=(), validator=tuple_of(StepOption))
    reasons: tuple[Reason, ...] = field(validator=tuple_of(Reason))
    owner: str | None = field(default=None, validator=optional(is_line))
    made_at: datetime = field(converter=in_utc, validator=is_instant)
    expires_at: datetime = field(converter=in_utc, validator=is_instant)

    def __attrs_post_init__(self) -> None:
        if not self.reasons:
            raise InvalidValueError("reasons", self.reasons, "say why, in at least one reason")
        if self.expires_at <= self.made_at:
            raise InvalidValueError("expires_at", self.expires_at, f"it holds from {self.made_at} on")

    def holds_at(self, at: datetime) -> bool:
        """Whether the advice still holds."""
        return self.made_at <= at < self.expires_at
