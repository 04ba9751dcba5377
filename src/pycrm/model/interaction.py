"""What passed between us and a customer: an append-only history; a correction is a new record."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from attrs import Factory, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of, within
from pycrm.model.contact import channel_code
from pycrm.model.custom import NO_FIELDS, CustomFields
from pycrm.model.entity import Entity
from pycrm.model.time import in_utc, is_instant

__all__ = ["Direction", "Interaction", "InteractionKind", "Mode", "Participant"]


class InteractionKind(StrEnum):
    """What it was."""

    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    CHAT = "chat"
    VISIT = "visit"
    WEB = "web"
    SOCIAL = "social"
    IVR = "ivr"
    ORDER = "order"
    SURVEY = "survey"
    NOTE = "note"
    TASK = "task"
    SYSTEM = "system"


class Direction(StrEnum):
    """Who began."""

    IN = "in"
    OUT = "out"
    NONE = "none"


class Mode(StrEnum):
    """Whether people met, spoke over a medium, or the customer helped himself."""

    IN_PERSON = "in_person"
    MEDIATED = "mediated"
    SELF_SERVICE = "self_service"


@frozen(kw_only=True)
class Participant:
    """Somebody who took part: staff, customer, partner, supplier."""

    party_id: UUID = field(validator=is_a(UUID))
    role: str = field(default="customer", validator=is_code)


def _own_key(interaction: Interaction) -> str:
    return str(interaction.id)


@frozen(kw_only=True)
class Interaction(Entity):
    """One contact, in either direction.

    Parameters
    ----------
    customer_id : UUID, optional
        The customer it is about; None while only `anonymous_id` is known.
    anonymous_id : str, optional
        What a visitor is called before we know who he is.
    participants : tuple of Participant
        Whoever else took part.
    kind : InteractionKind
        What it was.
    direction : Direction
        Who began.
    channel : str
        Over what.
    mode : Mode
        In person, over a medium, or self-service.
    assisted : bool
        Whether staff took part.
    occurred_at, recorded_at : datetime
        When it happened, and when we knew; never the other way round.
    subject, summary, outcome : str, optional
        In words.
    duration : timedelta, optional
        At least zero.
    sentiment : float, optional
        -1 to 1.
    conversation_id, case_id, opportunity_id, campaign_id, order_id : UUID, optional
        What it belongs to.
    idempotency_key : str
        The source's own id; the same key twice is the same interaction. Its id unless given.
    payload : CustomFields
        What else the source said.
    """

    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    anonymous_id: str | None = field(default=None, validator=optional(is_line))
    participants: tuple[Participant, ...] = field(default=(), validator=tuple_of(Participant))
    kind: InteractionKind = field(validator=is_a(InteractionKind))
    direction: Direction = field(default=Direction.NONE, validator=is_a(Direction))
    channel: str = field(converter=channel_code)
    mode: Mode = field(default=Mode.MEDIATED, validator=is_a(Mode))
    assisted: bool = field(default=True, validator=is_a(bool))
    occurred_at: datetime = field(converter=in_utc, validator=is_instant)
    recorded_at: datetime = field(converter=in_utc, validator=is_instant)
    subject: str | None = field(default=None, validator=optional(is_line))
    summary: str | None = field(default=None, validator=optional(is_line))
    outcome: str | None = field(default=None, validator=optional(is_line))
    duration: timedelta | None = field(default=None, validator=optional(is_a(timedelta)))
    sentiment: float | None = field(default=None, validator=optional(within(-1, 1)))
    conversation_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    case_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    opportunity_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    campaign_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    order_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    idempotency_key: str = field(default=Factory(_own_key, takes_self=True), validator=is_line)
    payload: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))

    def __attrs_post_init__(self) -> None:
        if self.occurred_at > self.recorded_at:
            raise InvalidValueError(
                "occurred_at", self.occurred_at, "nothing is recorded before it happens; check the two clocks"
            )
        if self.customer_id is None and self.anonymous_id is None and not self.participants:
            raise InvalidValueError("customer_id", None, "give customer_id, anonymous_id or participants")
        if self.duration is not None and self.duration < timedelta(0):
            raise InvalidValueError("duration", self.duration, "give a duration of at least zero")
