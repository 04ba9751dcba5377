"""Where a customer can be reached: each address as it was given, and in its one written form."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import Factory, converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_line, optional
from pycrm.model.time import Period, in_utc, is_instant
from pycrm.normalise import phone_key

__all__ = ["Channel", "ContactKind", "ContactPoint", "Validity", "channel_code"]


class Channel(StrEnum):
    """How we and a customer speak. A channel of the host's own is written `other:<name>`."""

    EMAIL = "email"
    PHONE = "phone"
    SMS = "sms"
    POST = "post"
    CHAT = "chat"
    MESSAGING = "messaging"
    PUSH = "push"
    SOCIAL = "social"
    WEB = "web"
    IVR = "ivr"
    IN_PERSON = "in_person"


def channel_code(value: str) -> str:
    """Return `value` if it is a channel: one of `Channel`, or the host's own, `other:<name>`.

    Raises
    ------
    InvalidValueError
        If it is neither.

    Examples
    --------
    >>> channel_code(Channel.EMAIL), channel_code("other:fax")
    ('email', 'other:fax')
    """
    if isinstance(value, str):
        code = str(value)
        own = code.removeprefix("other:")
        if code in _CHANNELS or (own != code and own.strip() == own and own):
            return code
    raise InvalidValueError("channel", value, f"use one of {', '.join(sorted(_CHANNELS))}, or 'other:<name>'")


_CHANNELS = frozenset(str(channel) for channel in Channel)


class ContactKind(StrEnum):
    """What kind of address it is."""

    EMAIL = "email"
    PHONE = "phone"
    POSTAL = "postal"
    SOCIAL = "social"
    MESSAGING = "messaging"
    PUSH = "push"
    WEB = "web"


class Validity(StrEnum):
    """What is known of whether it works."""

    UNKNOWN = "unknown"
    VALID = "valid"
    INVALID = "invalid"
    BOUNCED = "bounced"


_REACHED_BY: dict[ContactKind, frozenset[str]] = {
    ContactKind.EMAIL: frozenset({Channel.EMAIL}),
    ContactKind.PHONE: frozenset({Channel.PHONE, Channel.SMS, Channel.IVR}),
    ContactKind.POSTAL: frozenset({Channel.POST}),
    ContactKind.SOCIAL: frozenset({Channel.SOCIAL}),
    ContactKind.MESSAGING: frozenset({Channel.MESSAGING, Channel.CHAT}),
    ContactKind.PUSH: frozenset({Channel.PUSH}),
    ContactKind.WEB: frozenset({Channel.WEB, Channel.CHAT}),
}


def _written(point: ContactPoint) -> str:
    given: object = point.raw
    raw = given if isinstance(given, str) else ""  # anything else the validator of `raw` refuses by name
    if point.kind is ContactKind.EMAIL:
        return raw.strip().lower()
    if point.kind is ContactKind.PHONE:
        return phone_key(raw) or raw.strip()
    return " ".join(raw.split())


@frozen(kw_only=True)
class ContactPoint:
    """One address of a customer.

    Parameters
    ----------
    kind : ContactKind
        What it is.
    raw : str
        As it was given, never changed.
    normalised : str
        Its one written form: lower-cased e-mail, phone in E.164 where the country is known. Derived unless given.
    label : str, optional
        "work", "home".
    primary : bool
        At most one of a kind is.
    verified_at : datetime, optional
        When the customer proved that it is his.
    validity : Validity
        Whether it works.
    period : Period
        When it is his.

    Examples
    --------
    >>> ContactPoint(kind=ContactKind.EMAIL, raw=" Ana@Example.COM ").normalised
    'ana@example.com'
    """

    kind: ContactKind = field(validator=is_a(ContactKind))
    raw: str = field(validator=is_line)
    normalised: str = field(default=Factory(_written, takes_self=True), validator=is_line)
    label: str | None = field(default=None, validator=optional(is_line))
    primary: bool = field(default=False, validator=is_a(bool))
    verified_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    validity: Validity = field(default=Validity.UNKNOWN, validator=is_a(Validity))
    period: Period = field(default=Period(), validator=is_a(Period))

    def reaches(self, channel: str, at: datetime) -> bool:
        """Whether a message over `channel` can arrive here at that time."""
        works = self.validity not in {Validity.INVALID, Validity.BOUNCED}
        return works and channel in _REACHED_BY[self.kind] and at in self.period
