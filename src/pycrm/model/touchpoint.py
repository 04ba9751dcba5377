"""Where a visit or a contact came from: the touch itself, not the person, carries channel, medium, source and campaign."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from attrs import Factory, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional
from pycrm.model.contact import channel_code
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.time import in_utc, is_instant

__all__ = ["Touchpoint", "first_touch"]


def _own_key(touch: Touchpoint) -> str:
    return str(touch.id)


@frozen(kw_only=True)
class Touchpoint(Entity):
    """One touch between a customer, or a visitor we do not know yet, and us; append-only, so the first one stays the first.

    Parameters
    ----------
    customer_id : UUID, optional
        Whose; None while only `anonymous_id` is known.
    anonymous_id : str, optional
        What a visitor is called before we know who he is.
    at : datetime
        When.
    channel : str
        Over what.
    source : str
        A code: where it came from, such as "newsletter" or "fair".
    medium, campaign, content, term, referrer : str, optional
        The rest of the trace a link leaves.
    cost : Money, optional
        What the touch cost us.
    key : str
        The source's own id; the same key twice is the same touch. Its id unless given.
    """

    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    anonymous_id: str | None = field(default=None, validator=optional(is_line))
    at: datetime = field(converter=in_utc, validator=is_instant)
    channel: str = field(converter=channel_code)
    source: str = field(validator=is_code)
    medium: str | None = field(default=None, validator=optional(is_line))
    campaign: str | None = field(default=None, validator=optional(is_code))
    content: str | None = field(default=None, validator=optional(is_line))
    term: str | None = field(default=None, validator=optional(is_line))
    referrer: str | None = field(default=None, validator=optional(is_line))
    cost: Money | None = field(default=None, validator=optional(is_a(Money)))
    key: str = field(default=Factory(_own_key, takes_self=True), validator=is_line)

    def __attrs_post_init__(self) -> None:
        if self.customer_id is None and self.anonymous_id is None:
            raise InvalidValueError("customer_id", None, "give customer_id or anonymous_id")


def first_touch(touches: Iterable[Touchpoint]) -> Touchpoint | None:
    """Return the earliest touch, ties by id; None where there is none.

    Examples
    --------
    >>> from datetime import UTC
    >>> made = [
    ...     Touchpoint(anonymous_id="v", at=datetime(2026, 5, day, tzinfo=UTC), channel="web", source=source)
    ...     for day, source in ((2, "search"), (1, "fair"))
    ... ]
    >>> first_touch(made).source
    'fair'
    """
    return min(touches, key=lambda touch: (touch.at, str(touch.id)), default=None)
