"""What we ask a visitor to write down: as little as the purpose needs, each field with what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, set_of, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.custom import NO_FIELDS, CustomFields
from pycrm.model.entity import Entity
from pycrm.model.knowledge import Topic
from pycrm.model.time import in_utc, is_instant

__all__ = ["CaptureForm", "FormField", "FormFill", "Submission"]


class FormFill(StrEnum):
    """What of the customer a field fills."""

    EMAIL = "email"
    PHONE = "phone"
    GIVEN = "given"
    FAMILY = "family"
    ORGANISATION = "organisation"
    COUNTRY = "country"
    LANGUAGE = "language"


@frozen(kw_only=True)
class FormField:
    """One field of a form; it fills something of the customer, or answers a topic, and nothing else is asked.

    Parameters
    ----------
    name : str
        What the form calls it.
    used_for : str
        What we do with it, in words the visitor reads.
    fills : FormFill, optional
        What it fills; this or `topic` is given.
    topic : Topic, optional
        What it answers.
    required : bool
        Whether it may not be left empty.
    """

    name: str = field(validator=is_code)
    used_for: str = field(validator=is_line)
    fills: FormFill | None = field(default=None, validator=optional(is_a(FormFill)))
    topic: Topic | None = field(default=None, validator=optional(is_a(Topic)))
    required: bool = field(default=False, validator=is_a(bool))

    def __attrs_post_init__(self) -> None:
        if (self.fills is None) == (self.topic is None):
            raise InvalidValueError(
                "fills", self.fills, "say what the field fills or what topic it answers, and not both"
            )


@frozen(kw_only=True)
class CaptureForm(Entity):
    """A form by which somebody becomes known to us.

    Parameters
    ----------
    code : str
        Unique in a tenant; the source of the leads it brings.
    fields : tuple of FormField
        What is asked: an e-mail address or a phone number, and at most `most` fields in all.
    purposes : tuple of str
        What we ask permission for; the visitor ticks each himself, and what he does not tick is not permitted.
    channel : str
        Over which channel these permissions are meant.
    text_version : str
        The wording he saw.
    most : int
        The limit this form keeps to.

    Examples
    --------
    >>> form = CaptureForm(
    ...     code="guide",
    ...     fields=(FormField(name="mail", used_for="to send the guide", fills=FormFill.EMAIL, required=True),),
    ...     text_version="2026-05",
    ... )
    >>> form.checked({"mail": " ana@example.com "})
    {'mail': 'ana@example.com'}
    """

    code: str = field(validator=is_code)
    fields: tuple[FormField, ...] = field(validator=tuple_of(FormField))
    purposes: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    channel: str = field(default="email", converter=channel_code)
    text_version: str = field(validator=is_line)
    most: int = field(default=5, validator=at_least(1))

    def __attrs_post_init__(self) -> None:
        names = [each.name for each in self.fields]
        if len(set(names)) != len(names):
            raise InvalidValueError("fields", names, "name each field once")
        if len(names) > self.most:
            raise InvalidValueError("fields", names, f"ask at most {self.most}: what is not needed now is asked later")
        reached_by = {each.fills for each in self.fields if each.required}
        if not reached_by & {FormFill.EMAIL, FormFill.PHONE}:
            raise InvalidValueError(
                "fields", names, "require an e-mail address or a phone number, or nobody can be answered"
            )
        filled = [each.fills or each.topic for each in self.fields]
        if len(set(filled)) != len(filled):
            raise InvalidValueError("fields", names, "ask each thing once")
        if len(set(self.purposes)) != len(self.purposes):
            raise InvalidValueError("purposes", self.purposes, "ask for each purpose once")

    def checked(self, answers: Mapping[str, str]) -> dict[str, str]:
        """Return what was written, without what was left empty.

        Raises
        ------
        InvalidValueError
            If a field is not of the form, is no text, or is required and empty.
        """
        names = {each.name for each in self.fields}
        for name, value in answers.items():
            if name not in names:
                raise InvalidValueError(
                    name, value, f"the form {self.code} does not ask it; fields: {', '.join(sorted(names))}"
                )
            if not isinstance(value, str):
                raise InvalidValueError(name, value, "give text")
        written = {name: value.strip() for name, value in answers.items() if value.strip()}
        for each in self.fields:
            if each.required and each.name not in written:
                raise InvalidValueError(each.name, None, "this field is required")
        return written


@frozen(kw_only=True)
class Submission:
    """A form as somebody sent it.

    Parameters
    ----------
    key : str
        The form's own id of it; the same key twice is the same submission.
    at : datetime
        When.
    answers : mapping of str to str
        By the names of the fields.
    agreed : frozenset of str
        The purposes that were ticked.
    anonymous_id : str, optional
        What the visitor was called before.
    source, medium, campaign, referrer : str, optional
        Where he came from; the source is the form unless given.
    """

    key: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)
    answers: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))
    agreed: frozenset[str] = field(default=frozenset(), validator=set_of(str))
    anonymous_id: str | None = field(default=None, validator=optional(is_line))
    source: str | None = field(default=None, validator=optional(is_code))
    medium: str | None = field(default=None, validator=optional(is_line))
    campaign: str | None = field(default=None, validator=optional(is_code))
    referrer: str | None = field(default=None, validator=optional(is_line))
