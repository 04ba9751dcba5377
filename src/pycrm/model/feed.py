"""What a feed of changes is made of: the events by their position, how far it goes, and how far each reader has read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line
from pycrm.model.entity import Entity, new_id
from pycrm.model.time import in_utc, is_instant

__all__ = ["FEED_ID", "ChangeFeed", "FeedEvent", "FeedReader"]

FEED_ID = UUID("8f7a9f0e-54f5-5d0b-9a6b-6c6f8e0c5f01")
"""The id of the one feed of a tenant."""


def _is_json(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    try:
        json.loads(value)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(attribute.name, value, "give JSON text") from error


@frozen(kw_only=True)
class FeedEvent(Entity):
    """One event, at its place in the feed; its id is the event's.

    Parameters
    ----------
    position : int
        Counted from 1, without gaps.
    type : str
        Such as ``"Customer.saved"``.
    body : str
        What it says, as JSON text, for no form of storage changes a letter of it.
    at : datetime
        When it was emitted.

    Examples
    --------
    >>> from datetime import UTC
    >>> moved = FeedEvent(position=1, type="Moved", body='{"city": "Lugo"}', at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> moved.payload
    {'city': 'Lugo'}
    """

    position: int = field(validator=at_least(1))
    type: str = field(validator=is_line)
    body: str = field(validator=_is_json)
    at: datetime = field(converter=in_utc, validator=is_instant)

    @property
    def payload(self) -> Any:
        """What it says, as plain data."""
        return json.loads(self.body)


@frozen(kw_only=True)
class ChangeFeed(Entity):
    """How far the feed of a tenant goes.

    Parameters
    ----------
    epoch : UUID
        Which numbering this is; a cursor of another one is refused.
    first, last : int
        The positions of the oldest event that is kept, and of the newest; `first` is `last` + 1 where none is kept.
    retold : int
        How often waiting events were told anew because somebody was erased: what was read before that is read again.

    Examples
    --------
    >>> ChangeFeed(first=3, last=2).kept
    0
    """

    id: UUID = field(default=FEED_ID, validator=is_a(UUID))
    epoch: UUID = field(factory=new_id, validator=is_a(UUID))
    first: int = field(default=1, validator=at_least(1))
    last: int = field(default=0, validator=at_least(0))
    retold: int = field(default=0, validator=at_least(0))

    def __attrs_post_init__(self) -> None:
        if self.first > self.last + 1:
            raise InvalidValueError(
                "first", self.first, f"give a position of at most {self.last + 1}, one behind the last"
            )

    @property
    def kept(self) -> int:
        """How many events it holds."""
        return self.last - self.first + 1


@frozen(kw_only=True)
class FeedReader(Entity):
    """How far a department has read.

    Parameters
    ----------
    name : str
        Of the department or program, as a code.
    position : int
        Of the last event it has handled; 0 before the first.

    Examples
    --------
    >>> FeedReader.of("shipping").id == FeedReader.of("shipping").id
    True
    """

    name: str = field(validator=is_code)
    position: int = field(default=0, validator=at_least(0))

    @staticmethod
    def of(name: str) -> FeedReader:
        """Return the reader of a name before it has read: its id follows from the name, so two that begin at once are one."""
        made = FeedReader(name=name)
        return attrs.evolve(made, id=uuid5(FEED_ID, name))
