"""When a customer who may be contacted is better left alone: caps, quiet hours, pauses, preference, suppression.

Every policy that fits must agree: the stricter wins by construction. Days, weeks and quiet hours are those of the customer's
own clocks, daylight saving included; where his zone is not known, the zone of the policy counts, and the decision says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.time import Period, in_utc, is_instant, is_zone

__all__ = [
    "CapPeriod",
    "ContactMade",
    "ContactPolicy",
    "FrequencyCap",
    "QuietHours",
    "Suppression",
    "objections",
    "purposes_above",
]


def purposes_above(purpose: str) -> list[str]:
    """Return `purpose` and the purposes it is a child of, the widest first.

    Examples
    --------
    >>> purposes_above("marketing.newsletter")
    ['marketing', 'marketing.newsletter']
    """
    parts = purpose.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


class CapPeriod(StrEnum):
    """A calendar period of the customer's own clocks; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def _first_day(day: date, per: CapPeriod) -> date:
    if per is CapPeriod.DAY:
        return day
    return day - timedelta(days=day.weekday()) if per is CapPeriod.WEEK else day.replace(day=1)


@frozen
class FrequencyCap:
    """At most so many contacts in a calendar period, over one channel or over all together."""

    max_count: int = field(validator=at_least(0))
    per: CapPeriod = field(validator=is_a(CapPeriod))
    channel: str | None = field(default=None, converter=converters.optional(channel_code))


def _is_minute(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 24 * 60:
        raise InvalidValueError(attribute.name, value, "give whole minutes after midnight, 0 to 1439")


@frozen
class QuietHours:
    """The hours of every day in which nobody is contacted, from `start`, included, to `end`, excluded; over midnight too.

    Parameters
    ----------
    start, end : int
        Minutes after midnight, as the customer's clock shows them; equal ones mean no quiet hours at all.

    Examples
    --------
    >>> night = QuietHours.between("21:00", "08:00")
    >>> night.cover(datetime(2026, 7, 1, 19, 30, tzinfo=UTC), "Europe/Madrid")
    True
    >>> night.end_after(datetime(2026, 7, 1, 19, 30, tzinfo=UTC), "Europe/Madrid")
    datetime.datetime(2026, 7, 2, 6, 0, tzinfo=datetime.timezone.utc)
    """

    start: int = field(validator=_is_minute)
    end: int = field(validator=_is_minute)

    @classmethod
    def between(cls, start: str, end: str) -> QuietHours:
        """Return the quiet hours between two times such as "21:00"."""
        minutes = []
        for text in (start, end):
            try:
                at = time.fromisoformat(text)
            except (TypeError, ValueError):
                raise InvalidValueError("quiet_hours", text, "give times such as '21:00'") from None
            minutes.append(at.hour * 60 + at.minute)
        return cls(*minutes)

    def cover(self, at: datetime, zone: str) -> bool:
        """Whether the clocks of `zone` show a quiet hour at that instant."""
        local = at.astimezone(ZoneInfo(zone))
        minute = local.hour * 60 + local.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def end_after(self, at: datetime, zone: str) -> datetime:
        """Return when they end, from `at` on; never an instant that is quiet.

        An end in an hour that daylight saving skips is read on the clock as it was before, so it may come up to that hour after the
        first instant that is not quiet: quiet until 02:30 in a night without a 02:30 ends at 03:30.
        """
        if not self.cover(at, zone):
            return at
        local = at.astimezone(ZoneInfo(zone))
        day = local.date() + timedelta(days=local.hour * 60 + local.minute >= self.end)
        clock = time(self.end // 60, self.end % 60)
        end = datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)
        if end <= at:  # the clocks went back over the end: it comes a second time
            end = datetime.combine(day, clock.replace(fold=1), ZoneInfo(zone)).astimezone(UTC)
        return end


@frozen(kw_only=True)
class ContactPolicy(Entity):
    """Rules of contact, of one customer or of everybody.

    Parameters
    ----------
    customer_id : UUID, optional
        Whose; None is for everybody.
    purpose : str, optional
        For this purpose and those below it; None is for all.
    caps : tuple of FrequencyCap
        How often at most.
    quiet_hours : QuietHours, optional
        When not.
    zone : str
        Whose clocks count where the customer's zone is not known.
    pauses : tuple of Period
        When not at all.
    preferred : str, optional
        The channel he likes best.
    only_preferred : bool
        Whether no other will do.
    """

    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    purpose: str | None = field(default=None, validator=optional(is_code))
    caps: tuple[FrequencyCap, ...] = field(default=(), validator=tuple_of(FrequencyCap))
    quiet_hours: QuietHours | None = field(default=None, validator=optional(is_a(QuietHours)))
    zone: str = field(default="UTC", validator=is_zone)
    pauses: tuple[Period, ...] = field(default=(), validator=tuple_of(Period))
    preferred: str | None = field(default=None, converter=converters.optional(channel_code))
    only_preferred: bool = field(default=False, validator=is_a(bool))

    def __attrs_post_init__(self) -> None:
        if self.only_preferred and self.preferred is None:
            raise InvalidValueError("preferred", None, "name the channel that alone will do")

    def concerns(self, customer_id: UUID, purpose: str) -> bool:
        """Whether the policy speaks of this customer and purpose."""
        whose = self.customer_id is None or self.customer_id == customer_id
        return whose and (self.purpose is None or self.purpose in purposes_above(purpose))


@frozen(kw_only=True)
class Suppression(Entity):
    """An address, or a customer, that is never to be contacted: a bounce list, a complaint, an official opt-out register.

    Parameters
    ----------
    address : str, optional
        The address in its one written form, as in `ContactPoint.normalised`; or its digest, see `digest_of`.
    customer_id : UUID, optional
        The customer; one of the two is given.
    channel : str, optional
        Over this channel; None means over any.
    reason : str
        A code, such as "complaint".
    since : datetime
        From when on.
    until : datetime, optional
        To when; None is for good.
    """

    address: str | None = field(default=None, validator=optional(is_line))
    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    channel: str | None = field(default=None, converter=converters.optional(channel_code))
    reason: str = field(validator=is_code)
    since: datetime = field(converter=in_utc, validator=is_instant)
    until: datetime | None = field(default=None, converter=converters.optional(in_utc), validator=optional(is_instant))

    def __attrs_post_init__(self) -> None:
        if (self.address is None) == (self.customer_id is None):
            raise InvalidValueError("address", self.address, "give the address or the customer, and not both")
        if self.until is not None and self.until <= self.since:
            raise InvalidValueError("until", self.until, f"it ends after it begins, {self.since.isoformat()}")

    @staticmethod
    def digest_of(address: str) -> str:
        """Return what stands for an address whose owner was erased: it is recognised again, and cannot be written to.

        Examples
        --------
        >>> Suppression.digest_of("ana@example.com")[:15]
        'sha256:8e43ca37'
        """
        return "sha256:" + hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()

    def holds(self, customer: Customer, channel: str, at: datetime, address: str | None) -> bool:
        """Whether it forbids this contact."""
        whose = self.customer_id == customer.id
        if self.address is not None and address is not None:
            whose = self.address == (self.digest_of(address) if self.address.startswith("sha256:") else address)
        when = self.since <= at and (self.until is None or at < self.until)
        return whose and when and self.channel in {None, channel}


@frozen
class ContactMade:
    """A contact that was made, for the caps: over which channel, when, and what for."""

    channel: str = field(converter=channel_code)
    at: datetime = field(converter=in_utc, validator=is_instant)
    purpose: str | None = field(default=None, validator=optional(is_code))


def _capped(
    policy: ContactPolicy, channel: str, at: datetime, zone: ZoneInfo, made: Sequence[ContactMade]
) -> list[Reason]:
    reasons = []
    today = at.astimezone(zone).date()
    for cap in policy.caps:
        if cap.channel not in {None, channel}:
            continue
        first = _first_day(today, cap.per)
        count = sum(
            1
            for each in made
            if each.at <= at
            and cap.channel in {None, each.channel}
            and (policy.purpose is None or each.purpose is None or policy.purpose in purposes_above(each.purpose))
            and _first_day(each.at.astimezone(zone).date(), cap.per) == first
        )
        if count >= cap.max_count:
            over = "all channels" if cap.channel is None else cap.channel
            reasons.append(
                Reason("frequency_cap", f"{count} contacts this {cap.per} over {over}; {cap.max_count} are allowed")
            )
    return reasons


def objections(
    customer: Customer,
    channel: str,
    purpose: str,
    at: datetime,
    *,
    policies: Iterable[ContactPolicy] = (),
    made: Iterable[ContactMade] = (),
    suppressions: Iterable[Suppression] = (),
) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Return why the contact is better not made, and what else should be known of it.

    Returns
    -------
    tuple of two tuples of Reason
        What forbids it (``suppressed``, ``paused``, ``quiet_hours``, ``frequency_cap``, ``not_preferred``), and what does not
        (``zone_assumed``, ``another_preferred``).

    Examples
    --------
    >>> from pycrm.model.customer import PersonName
    >>> ana = Customer(name=PersonName(given="Ana"), zone="Europe/Madrid")
    >>> night = ContactPolicy(quiet_hours=QuietHours.between("21:00", "08:00"))
    >>> against, _ = objections(ana, "phone", "service", datetime(2026, 7, 1, 20, tzinfo=UTC), policies=[night])
    >>> against[0].code
    'quiet_hours'
    """
    against: list[Reason] = []
    notes: list[Reason] = []
    point = customer.reachable_by(channel, at)
    address = None if point is None else point.normalised
    for suppression in suppressions:
        if suppression.holds(customer, channel, at, address):
            against.append(Reason("suppressed", f"on a suppression list: {suppression.reason}"))
            break
    made = tuple(made)
    for policy in policies:
        if not policy.concerns(customer.id, purpose):
            continue
        zone = customer.zone or policy.zone
        if customer.zone is None and (policy.quiet_hours is not None or policy.caps):
            notes.append(Reason("zone_assumed", f"the zone of the customer is not known; {policy.zone} was taken"))
        if any(at in pause for pause in policy.pauses):
            against.append(Reason("paused", "contact is paused"))
        if policy.quiet_hours is not None and policy.quiet_hours.cover(at, zone):
            until = policy.quiet_hours.end_after(at, zone)
            against.append(Reason("quiet_hours", f"quiet hours in {zone} until {until.isoformat()}"))
        against.extend(_capped(policy, channel, at, ZoneInfo(zone), made))
        if policy.preferred not in {None, channel}:
            wish = Reason(
                "not_preferred" if policy.only_preferred else "another_preferred", f"{policy.preferred} is preferred"
            )
            (against if policy.only_preferred else notes).append(wish)
    return tuple(against), tuple(dict.fromkeys(notes))
