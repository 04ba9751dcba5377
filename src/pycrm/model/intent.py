"""What we mean to ask or tell a customer next: an intent, with the permission it rests on. Sending is the host's."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from attrs import Factory, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.consent import Permission
from pycrm.model.contact import channel_code
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.knowledge import Topic
from pycrm.model.time import in_utc, is_date, is_instant

__all__ = ["ContactIntent", "IntentKind"]


class IntentKind(StrEnum):
    """What we go to the customer with: to learn something, or to give him something that also teaches us."""

    QUESTION = "question"
    SURVEY = "survey"
    OFFER = "offer"
    CONTENT = "content"

    @property
    def asks(self) -> bool:
        """Whether it waits for an answer in words."""
        return self in {IntentKind.QUESTION, IntentKind.SURVEY}


def _created(intent: ContactIntent) -> datetime:
    return intent.created_at


@frozen(kw_only=True)
class ContactIntent(Entity):
    """The next thing worth asking or telling one customer.

    Parameters
    ----------
    customer_id : UUID
        Who; one intent of a customer per run.
    run : str
        The run that made it.
    as_of : date
        The last day whose facts count.
    created_at : datetime
        When.
    kind : IntentKind
        Question, survey, offer or content.
    topic : str
        A code: what is asked or told; of a plan, the approach.
    text : str
        The question or message, in words.
    asks : tuple of Topic
        What we want to learn by it; what is known already is not among them.
    carries : tuple of str
        The codes of the contents and articles in it.
    channel : str
        Over what.
    address : str, optional
        Where it goes.
    purpose : str
        The purpose under which it is permitted.
    permission : Permission
        The decision it rests on; there is no intent without one that allows it.
    send_at : datetime
        The first moment at which it may go out; `created_at` unless given, and never before it.
    plan : str, optional
        The plan and revision, or the sequence and step, it comes from.
    campaign_id : UUID, optional
        The campaign it is a part of.
    cancelled : Reason, optional
        Why it will not go out after all; None while it may.
    reasons : tuple of Reason
        Why this, and why now.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    run: str = field(validator=is_line)
    as_of: date = field(validator=is_date)
    created_at: datetime = field(converter=in_utc, validator=is_instant)
    kind: IntentKind = field(validator=is_a(IntentKind))
    topic: str = field(validator=is_code)
    text: str = field(validator=is_line)
    asks: tuple[Topic, ...] = field(default=(), validator=tuple_of(Topic))
    carries: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    channel: str = field(converter=channel_code)
    address: str | None = field(default=None, validator=optional(is_line))
    purpose: str = field(validator=is_code)
    permission: Permission = field(validator=is_a(Permission))
    send_at: datetime = field(default=Factory(_created, takes_self=True), converter=in_utc, validator=is_instant)
    plan: str | None = field(default=None, validator=optional(is_line))
    campaign_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    cancelled: Reason | None = field(default=None, validator=optional(is_a(Reason)))
    reasons: tuple[Reason, ...] = field(validator=tuple_of(Reason))

    def __attrs_post_init__(self) -> None:
        if not self.permission.allowed:
            raise InvalidValueError("permission", self.permission, "an intent needs a permission that allows it")
        if self.send_at < self.created_at:
            raise InvalidValueError(
                "send_at", self.send_at, "nothing goes out before it was planned; check the two clocks"
            )
