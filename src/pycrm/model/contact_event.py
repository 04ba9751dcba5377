"""What became of a contact, as the host's channels report it: an answer, a click, a bounce, a goodbye."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_fraction, is_line, optional, tuple_of, within
from pycrm.model.contact import channel_code
from pycrm.model.knowledge import Topic
from pycrm.model.time import in_utc, is_instant

__all__ = ["Answer", "ContactEvent", "ContactEventKind"]


class ContactEventKind(StrEnum):
    """What happened. An opening proves little: mail programs open by themselves, so it is kept and counts as no answer."""

    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    ANSWERED = "answered"
    POSTED = "posted"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    FAILED = "failed"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"

    @property
    def is_sign(self) -> bool:
        """Whether the customer did something himself."""
        return self in {
            ContactEventKind.CLICKED,
            ContactEventKind.REPLIED,
            ContactEventKind.ANSWERED,
            ContactEventKind.POSTED,
            ContactEventKind.COMPLAINED,
            ContactEventKind.UNSUBSCRIBED,
        }


@frozen
class Answer:
    """What the customer said on a topic.

    Parameters
    ----------
    topic : Topic
        On what.
    value : str, optional
        What it is, where strength alone does not say it.
    strength : float
        How much it matters to him, 0 to 1.
    """

    topic: Topic = field(validator=is_a(Topic))
    value: str | None = field(default=None, validator=optional(is_line))
    strength: float = field(default=1.0, validator=is_fraction)


@frozen(kw_only=True)
class ContactEvent:
    """One report of a channel.

    Parameters
    ----------
    key : str
        The channel's own id of the report; the same key twice is the same event.
    kind : ContactEventKind
        What happened.
    at : datetime
        When.
    intent_id : UUID, optional
        The intent it is the outcome of.
    customer_id : UUID, optional
        Whose; needed where there is no intent, as of a post or a call.
    channel : str, optional
        Over what; needed where there is no intent.
    text : str, optional
        What he wrote.
    sentiment : float, optional
        -1 to 1.
    answers : tuple of Answer
        What he said; these become facts that are stated.
    about : tuple of Topic
        What a click or a post is about; these become facts that are inferred. Of a click, what its intent asks unless given.
    purpose : str, optional
        What a goodbye is said to; the purpose of the intent unless given.
    source, campaign : str, optional
        Codes of the trace the link left; with a source it becomes a touchpoint.

    Examples
    --------
    >>> from datetime import UTC
    >>> ContactEvent(key="m-1", kind=ContactEventKind.CLICKED, at=datetime(2026, 5, 1, tzinfo=UTC), intent_id=UUID(int=1)).kind.is_sign
    True
    """

    key: str = field(validator=is_line)
    kind: ContactEventKind = field(validator=is_a(ContactEventKind))
    at: datetime = field(converter=in_utc, validator=is_instant)
    intent_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    channel: str | None = field(default=None, converter=converters.optional(channel_code))
    text: str | None = field(default=None, validator=optional(is_line))
    sentiment: float | None = field(default=None, validator=optional(within(-1, 1)))
    answers: tuple[Answer, ...] = field(default=(), validator=tuple_of(Answer))
    about: tuple[Topic, ...] = field(default=(), validator=tuple_of(Topic))
    purpose: str | None = field(default=None, validator=optional(is_code))
    source: str | None = field(default=None, validator=optional(is_code))
    campaign: str | None = field(default=None, validator=optional(is_code))

    def __attrs_post_init__(self) -> None:
        if self.intent_id is None:
            for name in ("customer_id", "channel"):
                if getattr(self, name) is None:
                    raise InvalidValueError(name, None, f"give intent_id, or {name} where no intent is behind it")
            if self.kind in {ContactEventKind.UNSUBSCRIBED, ContactEventKind.COMPLAINED} and self.purpose is None:
                raise InvalidValueError("purpose", None, "say what the customer says goodbye to")
            if self.kind in {ContactEventKind.BOUNCED, ContactEventKind.FAILED}:
                raise InvalidValueError("intent_id", None, f"name the intent that {self.kind}")
        if self.kind is ContactEventKind.ANSWERED and not self.answers:
            raise InvalidValueError("answers", self.answers, "an answer says something: give answers, or say REPLIED")
        if self.answers and self.kind not in {ContactEventKind.ANSWERED, ContactEventKind.REPLIED}:
            raise InvalidValueError("answers", self.answers, "only who answers or replies says something")
