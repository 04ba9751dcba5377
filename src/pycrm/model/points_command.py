"""What is asked of a points account: earn, redeem, hold, undo and the rest, each checked when it is made."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, tuple_of
from pycrm.model.time import in_utc, is_instant

__all__ = [
    "Adjust",
    "CancelHold",
    "CapSpan",
    "Capture",
    "Command",
    "Earn",
    "EarnCap",
    "Expire",
    "HoldPoints",
    "Redeem",
    "Release",
    "Reverse",
]


class CapSpan(StrEnum):
    """What a cap counts over."""

    DAY = "day"
    EVER = "ever"


@frozen
class EarnCap:
    """At most so many points of a rule for one member, in a day of his zone or ever; what goes beyond is not given."""

    max_points: int = field(validator=at_least(0))
    per: CapSpan = field(default=CapSpan.DAY, validator=is_a(CapSpan))


@frozen
class Earn:
    """Points come in: at once, or `pending` until `opens_at` (or until a Release)."""

    points: int = field(validator=at_least(1))
    expires_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    pending: bool = field(default=False, validator=is_a(bool))
    opens_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    rule: str | None = field(default=None, validator=optional(is_code))
    caps: tuple[EarnCap, ...] = field(default=(), validator=tuple_of(EarnCap))
    reason: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.caps and self.rule is None:
            raise InvalidValueError("rule", None, "a cap counts what a rule gave; name the rule")
        if self.opens_at is not None and not self.pending:
            raise InvalidValueError("opens_at", self.opens_at, "only pending points open later; say pending=True")


@frozen
class Release:
    """The pending points of the earn posted under `of` may be spent now."""

    of: str = field(validator=is_line)


@frozen
class Redeem:
    """Points are spent."""

    points: int = field(validator=at_least(1))
    reason: str | None = field(default=None, validator=optional(is_line))


@frozen
class HoldPoints:
    """Points are set aside; the key of the entry is the key of the hold."""

    points: int = field(validator=at_least(1))


@frozen
class Capture:
    """A hold is spent, whole or in part; the rest goes back."""

    hold: str = field(validator=is_line)
    points: int | None = field(default=None, validator=optional(at_least(1)))


@frozen
class CancelHold:
    """A hold is given up; its points go back into their lots."""

    hold: str = field(validator=is_line)


@frozen
class Expire:
    """Whatever is due opens or expires; every other command does so first."""


@frozen
class Reverse:
    """The earn, redemption or capture posted under `of` is undone, whole (what is left of it) or in part."""

    of: str = field(validator=is_line)
    points: int | None = field(default=None, validator=optional(at_least(1)))
    reason: str | None = field(default=None, validator=optional(is_line))


def _not_zero(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value == 0:
        raise InvalidValueError(attribute.name, value, "give a whole number that is not 0")


@frozen
class Adjust:
    """Somebody corrects the balance, up or down, and says why."""

    points: int = field(validator=_not_zero)
    reason: str = field(validator=is_line)
    expires_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )


Command: TypeAlias = Earn | Release | Redeem | HoldPoints | Capture | CancelHold | Expire | Reverse | Adjust
