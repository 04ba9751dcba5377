"""Messages with gaps: text that is filled from an allow-list of fields, one rendition a channel, with a rule for what is missing.

Nothing is executed. A gap names a slot, a slot names a field, and a value goes in as it is: what looks like a gap inside a value
stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from html import escape
from typing import Any

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, is_storable, optional, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity
from pycrm.model.money import Money

__all__ = ["Markup", "Missing", "Rendered", "Rendition", "Slot", "Template", "message_fields", "render"]

_GAP = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BLOCK = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class Missing(StrEnum):
    """What is done where a field is not known."""

    REFUSE = "refuse"
    """Nothing is rendered: better no message than one with a hole."""
    DEFAULT = "default"
    """The text of the slot stands in."""
    DROP = "drop"
    """The part in double square brackets around the gap is left out."""


class Markup(StrEnum):
    """What a rendition is written in; values are escaped for it."""

    PLAIN = "plain"
    HTML = "html"


@frozen(kw_only=True)
class Slot:
    """A field that a template may use.

    Parameters
    ----------
    name : str
        What the gap calls it, and where the value is found: names joined by dots.
    missing : Missing
        What is done where it is not known.
    default : str, optional
        With DEFAULT: what stands in.

    Examples
    --------
    >>> Slot(name="given", missing=Missing.DEFAULT, default="there").default
    'there'
    """

    name: str = field(validator=is_line)
    missing: Missing = field(default=Missing.REFUSE, validator=is_a(Missing))
    default: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if _PATH.fullmatch(self.name) is None:
            raise InvalidValueError("name", self.name, "name a field in lower case, such as 'given' or 'offer.name'")
        if (self.missing is Missing.DEFAULT) != (self.default is not None):
            raise InvalidValueError(
                "default", self.default, "give default with missing=Missing.DEFAULT, and only with it"
            )


def _is_body(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or not value.strip() or not is_storable(value):
        raise InvalidValueError(attribute.name, value, "give text that is not blank, without NUL and lone surrogates")


@frozen(kw_only=True)
class Rendition:
    """The words for one channel.

    Parameters
    ----------
    channel : str
        For which.
    subject : str, optional
        One line above the body.
    body : str
        The text, with gaps such as ``{{given}}`` and parts such as ``[[, {{given}}]]`` that may be left out.
    markup : Markup
        What it is written in.
    limit : int, optional
        The longest text the channel takes, in characters.
    """

    channel: str = field(converter=channel_code)
    subject: str | None = field(default=None, validator=optional(is_line))
    body: str = field(validator=_is_body)
    markup: Markup = field(default=Markup.PLAIN, validator=is_a(Markup))
    limit: int | None = field(default=None, validator=optional(at_least(1)))


@frozen(kw_only=True)
class Template(Entity):
    """One content in the words of each channel.

    Parameters
    ----------
    code : str
        What it is called; unique together with revision and language.
    revision : int
        From 1 on.
    language : str, optional
        Of the words.
    slots : tuple of Slot
        The fields it may use, and no others.
    renditions : tuple of Rendition
        One a channel.

    Raises
    ------
    InvalidValueError
        If a gap names no slot, brackets are left open, or a slot that may be dropped stands outside them.

    Examples
    --------
    >>> hello = Template(
    ...     code="hello",
    ...     slots=(Slot(name="given", missing=Missing.DROP),),
    ...     renditions=(Rendition(channel="sms", body="Hello[[ {{given}}]]!"),),
    ... )
    >>> render(hello, "sms", {"given": "Ana"}).body, render(hello, "sms", {}).body
    ('Hello Ana!', 'Hello!')
    """

    code: str = field(validator=is_code)
    revision: int = field(default=1, validator=at_least(1))
    language: str | None = field(default=None, validator=optional(is_line))
    slots: tuple[Slot, ...] = field(default=(), validator=tuple_of(Slot))
    renditions: tuple[Rendition, ...] = field(validator=tuple_of(Rendition))

    def __attrs_post_init__(self) -> None:
        slots = {slot.name: slot for slot in self.slots}
        if len(slots) != len(self.slots):
            raise InvalidValueError("slots", [slot.name for slot in self.slots], "name each slot once")
        channels = [rendition.channel for rendition in self.renditions]
        if not channels or len(set(channels)) != len(channels):
            raise InvalidValueError("renditions", channels, "give one rendition a channel, and at least one")
        for rendition in self.renditions:
            for name, text in (("subject", rendition.subject), ("body", rendition.body)):
                if text is not None:
                    _check(name, text, slots)


def _check(name: str, text: str, slots: Mapping[str, Slot]) -> None:
    """Refuse text whose gaps are not slots, or that is not well formed."""
    outside = _BLOCK.sub("", text)
    for gap in _GAP.findall(text):
        slot = slots.get(gap.strip())
        if slot is None:
            allowed = ", ".join(sorted(slots)) or "none"
            raise InvalidValueError(name, gap, f"a gap names a slot of the template; slots: {allowed}")
        if slot.missing is Missing.DROP and gap in _GAP.findall(outside):
            raise InvalidValueError(
                name, gap, "it may be missing: put [[double square brackets]] around the part to drop"
            )
    left = _GAP.sub("", _BLOCK.sub(lambda found: found[1], text))
    for mark in ("{{", "}}", "[[", "]]"):
        if mark in left:
            raise InvalidValueError(
                name, text, f"{mark} is left open; gaps are {{{{name}}}}, parts to drop [[ ... ]], not nested"
            )


@frozen(kw_only=True)
class Rendered:
    """A message, ready to be sent.

    Parameters
    ----------
    template : str
        Code and revision.
    channel, subject, body
        What the host sends.
    used : tuple of str
        The fields of this customer that are in it, sorted.
    missing : tuple of str
        The fields that were not known, sorted.
    """

    template: str
    channel: str
    subject: str | None
    body: str
    used: tuple[str, ...]
    missing: tuple[str, ...]


def message_fields(customer: Customer, facts: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Return what a message may say of a customer: how he is called, where he lives, his language, and `facts` as they are.

    Examples
    --------
    >>> from pycrm.model.customer import PersonName
    >>> message_fields(Customer(name=PersonName(given="Ana", family="García")))["given"]
    'Ana'
    """
    name, firm = customer.name, customer.organisation
    return {
        **(facts or {}),
        "name": customer.display_name if name is not None or firm is not None else None,
        "given": None if name is None else name.given or name.nickname,
        "family": None if name is None else name.family,
        "organisation": None if firm is None else firm.name,
        "country": customer.country,
        "language": customer.language,
    }


def render(template: Template, channel: str, fields: Mapping[str, Any]) -> Rendered:
    """Return the message of `template` for `channel`, filled from `fields`.

    Parameters
    ----------
    template : Template
        What to say.
    channel : str
        Over what; it must have a rendition.
    fields : mapping of str to value
        What is known: text, numbers, dates, money, and mappings of these; only the slots are read.

    Raises
    ------
    InvalidValueError
        If the channel has no rendition, a needed field is missing or is none of these types, a subject would break its line,
        or the text is longer than the channel takes.

    Examples
    --------
    >>> note = Template(
    ...     code="note",
    ...     slots=(Slot(name="given"),),
    ...     renditions=(Rendition(channel="email", body="<p>{{given}}</p>", markup=Markup.HTML),),
    ... )
    >>> render(note, "email", {"given": "<script>"}).body
    '<p>&lt;script&gt;</p>'
    """
    found = {rendition.channel: rendition for rendition in template.renditions}
    channel = channel_code(channel)
    if channel not in found:
        raise InvalidValueError("channel", channel, f"{template.code} has words for: {', '.join(sorted(found))}")
    rendition = found[channel]
    slots = {slot.name: slot for slot in template.slots}
    used: set[str] = set()
    missing: set[str] = set()

    def filled(text: str, markup: Markup, line: bool) -> str:
        def gap(match: re.Match[str]) -> str:
            slot = slots[match[1].strip()]
            value = _value(slot.name, fields)
            if value is None:
                missing.add(slot.name)
                if slot.missing is Missing.REFUSE:
                    raise InvalidValueError(
                        slot.name, None, f"{template.code} needs it; give it, or a rule for what is missing"
                    )
                value = slot.default or ""
            else:
                used.add(slot.name)
            if line and len(value.splitlines()) > 1:
                raise InvalidValueError(slot.name, value, "a subject is one line; take out the line breaks")
            return escape(value) if markup is Markup.HTML else value

        def part(match: re.Match[str]) -> str:
            droppable = {name for name in _names(match[1]) if slots[name].missing is Missing.DROP}
            gone = {name for name in droppable if _value(name, fields) is None}
            missing.update(gone)
            return "" if gone else match[1]

        return _GAP.sub(gap, _BLOCK.sub(part, text))

    subject = None if rendition.subject is None else filled(rendition.subject, Markup.PLAIN, line=True)
    body = filled(rendition.body, rendition.markup, line=False)
    if rendition.limit is not None and len(body) > rendition.limit:
        raise InvalidValueError(
            "body", len(body), f"{channel} takes {rendition.limit} characters; shorten {template.code}"
        )
    return Rendered(
        template=f"{template.code}/{template.revision}",
        channel=channel,
        subject=subject,
        body=body,
        used=tuple(sorted(used)),
        missing=tuple(sorted(missing)),
    )


def _names(text: str) -> Iterator[str]:
    return (gap.strip() for gap in _GAP.findall(text))


def _value(name: str, fields: Mapping[str, Any]) -> str | None:
    """Return the text of a field, None where it is not known. Only mappings are looked into, never attributes."""
    value: Any = fields
    for part in name.split("."):
        if not isinstance(value, Mapping):
            raise InvalidValueError(name, value, f"give a mapping above {part!r}")
        value = value.get(part)
        if value is None:
            return None
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, str | int | float | Decimal | date | Money) and not isinstance(value, bool):
        return str(value).strip() or None
    raise InvalidValueError(name, type(value).__name__, "give text, a number, a date or money")
