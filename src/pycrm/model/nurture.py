"""From lead to contact, step by step: each step brings the reader something of value, and says what."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, is_predicate, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.predicate import Predicate
from pycrm.model.time import instant

__all__ = ["NurtureSequence", "NurtureStep", "ValueKind"]


class ValueKind(StrEnum):
    """What a message gives the reader."""

    DISCOUNT_CODE = "discount_code"
    NEWSLETTER = "newsletter"
    RECOMMENDATION = "recommendation"
    GUIDE = "guide"
    SERVICE = "service"


@frozen(kw_only=True)
class NurtureStep:
    """One message of a sequence.

    Parameters
    ----------
    code : str
        What it is called.
    after : timedelta
        How long after the lead came; at least 0.
    value : ValueKind
        What it gives: a step without value is no step.
    promise : str
        The same in words.
    text : str
        The message, or the code of its template.
    """

    code: str = field(validator=is_code)
    after: timedelta = field(validator=is_a(timedelta))
    value: ValueKind = field(validator=is_a(ValueKind))
    promise: str = field(validator=is_line)
    text: str = field(validator=is_line)

    def __attrs_post_init__(self) -> None:
        if self.after < timedelta(0):
            raise InvalidValueError("after", self.after, "give a length of time of at least 0")


@frozen(kw_only=True)
class NurtureSequence(Entity):
    """The steps between a lead and a contact.

    Parameters
    ----------
    code : str
        Unique together with `revision`.
    revision : int
        From 1 on.
    source : str, optional
        For the leads of this source; None for all.
    purpose : str
        What permission it needs.
    channel : str
        Over what.
    steps : tuple of NurtureStep
        In the order of time.
    ends_when : Predicate, optional
        A condition on the facts of the customer; where it holds, the sequence is over. A conversion always ends it.
    patience : timedelta
        How late a step may come; one that is later is passed over.

    Examples
    --------
    >>> from datetime import UTC
    >>> sequence = NurtureSequence(
    ...     code="welcome",
    ...     steps=(
    ...         NurtureStep(code="guide", after=timedelta(0), value=ValueKind.GUIDE, promise="the guide", text="Here it is."),
    ...         NurtureStep(
    ...             code="gift", after=timedelta(days=3), value=ValueKind.DISCOUNT_CODE, promise="10 %", text="For you."
    ...         ),
    ...     ),
    ... )
    >>> monday = datetime(2026, 5, 4, tzinfo=UTC)
    >>> sequence.step(monday, {"guide"}, monday + timedelta(days=3)).code
    'gift'
    """

    code: str = field(validator=is_code)
    revision: int = field(default=1, validator=at_least(1))
    source: str | None = field(default=None, validator=optional(is_code))
    purpose: str = field(default="marketing", validator=is_code)
    channel: str = field(default="email", validator=is_code)
    steps: tuple[NurtureStep, ...] = field(validator=tuple_of(NurtureStep))
    ends_when: Predicate | None = field(default=None, validator=optional(is_predicate))
    patience: timedelta = field(default=timedelta(days=14), validator=is_a(timedelta))

    def __attrs_post_init__(self) -> None:
        codes = [step.code for step in self.steps]
        if not codes or len(set(codes)) != len(codes):
            raise InvalidValueError("steps", codes, "give at least one step, each with a code of its own")
        times = [step.after for step in self.steps]
        if times != sorted(times):
            raise InvalidValueError("steps", codes, "put the steps in the order of time")
        if self.patience < timedelta(0):
            raise InvalidValueError("patience", self.patience, "give a length of time of at least 0")

    @property
    def name(self) -> str:
        """Code and revision in one."""
        return f"{self.code}/{self.revision}"

    def step(self, began: datetime, done: Collection[str], at: datetime) -> NurtureStep | None:
        """Return the step that is due: the earliest that was not done and is not too late; None where none is."""
        since = instant(at) - instant(began)
        for step in self.steps:
            if step.code not in done and step.after <= since <= step.after + self.patience:
                return step
        return None
