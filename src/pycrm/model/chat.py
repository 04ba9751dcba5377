"""A live chat: questions and answers, whether a person or a bot gave them, and how it ended."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.knowledge import Topic
from pycrm.model.time import in_utc, is_instant

__all__ = ["ChatOutcome", "ChatRole", "ChatSession", "ChatTurn"]


class ChatRole(StrEnum):
    """Who speaks."""

    VISITOR = "visitor"
    BOT = "bot"
    AGENT = "agent"


class ChatOutcome(StrEnum):
    """How it ended."""

    ANSWERED = "answered"
    HANDED_OFF = "handed_off"
    LEFT = "left"


@frozen(kw_only=True)
class ChatTurn:
    """One thing that was said."""

    at: datetime = field(converter=in_utc, validator=is_instant)
    role: ChatRole = field(validator=is_a(ChatRole))
    text: str = field(validator=is_line)


@frozen(kw_only=True)
class ChatSession(Entity):
    """One conversation on the page.

    Parameters
    ----------
    customer_id : UUID, optional
        Who; None while only `anonymous_id` is known.
    anonymous_id : str, optional
        What the visitor is called before we know who he is.
    opened_at : datetime
        When it began.
    turns : tuple of ChatTurn
        In the order of time.
    need : Topic, optional
        What it turned out to be about: `magnet_for` finds what serves it.
    closed_at : datetime, optional
        When it ended; given if and only if `outcome` is.
    outcome : ChatOutcome, optional
        How it ended.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    >>> chat = ChatSession(anonymous_id="v1", opened_at=noon).said(ChatRole.VISITOR, "When do you open?", noon)
    >>> chat.said(ChatRole.BOT, "At nine.", noon).closed(ChatOutcome.ANSWERED, noon).assisted
    False
    """

    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    anonymous_id: str | None = field(default=None, validator=optional(is_line))
    opened_at: datetime = field(converter=in_utc, validator=is_instant)
    turns: tuple[ChatTurn, ...] = field(default=(), validator=tuple_of(ChatTurn))
    need: Topic | None = field(default=None, validator=optional(is_a(Topic)))
    closed_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    outcome: ChatOutcome | None = field(default=None, validator=optional(is_a(ChatOutcome)))

    def __attrs_post_init__(self) -> None:
        if self.customer_id is None and self.anonymous_id is None:
            raise InvalidValueError("customer_id", None, "give customer_id or anonymous_id")
        if (self.closed_at is None) != (self.outcome is None):
            raise InvalidValueError("outcome", self.outcome, "give closed_at and outcome together")
        last = self.opened_at
        for turn in self.turns:
            if turn.at < last:
                raise InvalidValueError(
                    "turns", turn.at, "put the turns in the order of time, none before it was opened"
                )
            last = turn.at
        if self.closed_at is not None and self.closed_at < last:
            raise InvalidValueError("closed_at", self.closed_at, "it ends after what was said last")
        if self.outcome is ChatOutcome.ANSWERED and not any(turn.role is not ChatRole.VISITOR for turn in self.turns):
            raise InvalidValueError("outcome", str(self.outcome), "nobody answered")

    @property
    def assisted(self) -> bool:
        """Whether a person took part."""
        return any(turn.role is ChatRole.AGENT for turn in self.turns)

    def said(self, role: ChatRole, text: str, at: datetime) -> ChatSession:
        """Return the chat with one more turn; what is closed stays closed."""
        if self.outcome is not None:
            raise InvalidValueError("turns", text, f"the chat was closed: {self.outcome}")
        return attrs.evolve(self, turns=(*self.turns, ChatTurn(at=at, role=role, text=text)))

    def closed(self, outcome: ChatOutcome, at: datetime) -> ChatSession:
        """Return the chat, ended."""
        return attrs.evolve(self, outcome=outcome, closed_at=at)
