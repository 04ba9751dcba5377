"""What we mean to ask or tell a customer next: an intent, with the permission it rests on. Sending is the host's."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.consent import Permission
from pycrm.model.contact import channel_code
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.time import in_utc, is_date, is_instant

__all__ = ["ContactIntent", "IntentKind"]


class IntentKind(StrEnum):
    """Whether we want to learn something, or to say something."""

    ASK = "ask"
    TELL = "tell"


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
        Ask or tell.
    topic : str
        A code: what is asked or told.
    text : str
        The question or message, in words.
    channel : str
        Over what.
    address : str, optional
        Where it goes.
    purpose : str
        The purpose under which it is permitted.
    permission : Permission
        The decision it rests on; there is no intent without one that allows it.
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
    channel: str = field(converter=channel_code)
    address: str | None = field(default=None, validator=optional(is_line))
    purpose: str = field(validator=is_code)
    permission: Permission = field(validator=is_a(Permission))
    reasons: tuple[Reason, ...] = field(validator=tuple_of(Reason))

    def __attrs_post_init__(self) -> None:
        if not self.permission.allowed:
            raise InvalidValueError("permission", self.permission, "an intent needs a permission that allows it")
