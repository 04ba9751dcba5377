"""When: aware instants in UTC, and periods between two of them. A calendar date is another type and never mixed in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError

__all__ = ["Period", "in_utc", "instant", "is_date", "is_instant", "is_zone", "local_date"]


def in_utc(value: datetime) -> datetime:
    """Return the same instant in UTC; what is not an aware time is left for `is_instant` to refuse by name."""
    zone = getattr(value, "tzinfo", None)
    if zone is None or zone is UTC or value.utcoffset() is None:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError("time", value, "give a time that lies in the years 1 to 9999 in UTC too") from None


def is_instant(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse anything but an aware time."""
    if not isinstance(value, datetime):
        raise InvalidValueError(
            attribute.name, value, "give an aware time, such as datetime(2026, 1, 31, 12, tzinfo=UTC)"
        )
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidValueError(
            attribute.name, value, "a time without zone is ambiguous: give tzinfo=UTC, or ZoneInfo('Europe/Madrid')"
        )


@frozen
class _Instant:
    at: datetime = field(converter=in_utc, validator=is_instant)


def instant(value: datetime) -> datetime:
    """Return an aware time in UTC, or refuse what is none: for arguments, as `is_instant` is for fields.

    Examples
    --------
    >>> instant(datetime(2026, 5, 1, 2, tzinfo=ZoneInfo("Europe/Madrid")))
    datetime.datetime(2026, 5, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    return _Instant(value).at


def is_date(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse anything but a calendar date; a time is not one."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValueError(attribute.name, value, "give a calendar date, such as date(2026, 1, 31)")


def is_zone(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse a time zone that the zone database does not know."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidValueError(attribute.name, value, "give an IANA zone, such as 'Europe/Madrid'") from None


def local_date(at: datetime, zone: str) -> date:
    """Return the calendar date of the instant `at` where the clocks show `zone`.

    Examples
    --------
    >>> local_date(datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "Europe/Madrid")
    datetime.date(2026, 2, 1)
    """
    return at.astimezone(ZoneInfo(zone)).date()


@frozen
class Period:
    """From `start`, included, to `end`, excluded; an open side is None.

    Examples
    --------
    >>> year = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    >>> datetime(2027, 1, 1, tzinfo=UTC) in year
    False
    >>> year.length
    datetime.timedelta(days=365)
    """

    start: datetime | None = field(
        default=None, converter=attrs.converters.optional(in_utc), validator=attrs.validators.optional(is_instant)
    )
    end: datetime | None = field(
        default=None, converter=attrs.converters.optional(in_utc), validator=attrs.validators.optional(is_instant)
    )

    def __attrs_post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InvalidValueError("end", self.end, f"a period ends after its start, {self.start.isoformat()}")

    def __contains__(self, at: datetime) -> bool:
        if at.tzinfo is not UTC:
            at = instant(at)
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)

    def overlaps(self, other: Period) -> bool:
        """Whether an instant lies in both."""
        before = self.end is not None and other.start is not None and self.end <= other.start
        after = self.start is not None and other.end is not None and other.end <= self.start
        return not (before or after)

    @property
    def length(self) -> timedelta | None:
        """How long it lasts; None where a side is open."""
        return None if self.start is None or self.end is None else self.end - self.start
